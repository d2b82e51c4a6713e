/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/journal_engine.h"
#include "core/port.h"
#include "tests/unit/scratch.h"

/* Writers, readers and retention at once on a map so small that pages are used again all the time:
 * readers see every record that is still there, in order and unharmed. FLEETLOG_TORTURE_APPENDS
 * raises the appends per writer. */

enum {
    WRITERS = 2, /* processes, with two threads each */
    READERS = 2,
    PARTITIONS = 2,
    KEPT_SIZE = 1 << 20,
    MAP_SIZE = 12 << 20,
    RECORDS_MAX = 40,
    FILLER_MAX = 900,
    LAG_RECORDS = 6000, /* the second reader lets so many come first: more than retention keeps */
};

struct stamp {
    uint32_t writer;
    uint32_t number; /* rises per writer and partition */
    uint64_t seed;
};

static struct fl_journal *open_journal(const char *directory)
{
    struct fl_embedded_options options = {.directory = directory, .map_size = MAP_SIZE};
    struct fl_journal *journal = NULL;
    return fl_journal_open_embedded(&options, &journal) == FL_OK ? journal : NULL;
}

static size_t fill(const struct stamp *stamp, uint8_t out[sizeof(struct stamp) + FILLER_MAX])
{
    size_t size = stamp->seed % FILLER_MAX;
    memcpy(out, stamp, sizeof(*stamp));
    for (size_t i = 0; i < size; i++)
        out[sizeof(*stamp) + i] = (uint8_t)((stamp->seed >> i % 7) + i);
    return sizeof(*stamp) + size;
}

struct writer {
    struct fl_journal *journal;
    uint32_t number;
    uint64_t append_count;
    pthread_t thread;
    enum fl_error error;
};

/* A full map is made room in and tried again, as a duty would after its supervisor's maintenance.
 */
static enum fl_error append_until_taken(struct fl_journal *journal, struct fl_append *batch)
{
    for (int attempt = 0; attempt < 1000; attempt++) {
        enum fl_error error = fl_journal_append(journal, batch, 1);
        if (error != FL_FULL)
            return error;
        error = fl_journal_maintain(journal, fl_port_wall_ms(fl_port_system()));
        if (error != FL_OK && error != FL_FULL)
            return error;
    }
    return FL_FULL;
}

static void *write_all(void *argument)
{
    struct writer *writer = argument;
    struct fl_port_virtual chance;
    uint32_t next[PARTITIONS] = {0};
    uint8_t(*values)[sizeof(struct stamp) + FILLER_MAX] = calloc(RECORDS_MAX, sizeof(*values));
    struct fl_record records[RECORDS_MAX];
    uint64_t offsets[RECORDS_MAX];
    fl_port_virtual_init(&chance, writer->number + 1, 0);
    for (uint64_t i = 0; writer->error == FL_OK && i < writer->append_count; i++) {
        uint64_t random[2];
        fl_port_random(&chance.port, random, sizeof(random));
        uint32_t partition = (uint32_t)(random[0] % PARTITIONS);
        uint32_t count = 1 + (uint32_t)(random[0] >> 8) % RECORDS_MAX;
        for (uint32_t k = 0; k < count; k++) {
            struct stamp stamp = {writer->number, next[partition]++, random[1] * (k + 1)};
            records[k] =
                (struct fl_record){.key = FL_SLICE_LITERAL("record"),
                                   .value = fl_slice_of(values[k], fill(&stamp, values[k])),
                                   .timestamp_ms = fl_port_wall_ms(fl_port_system())};
        }
        struct fl_append batch = {"t", partition, count, records, FL_OFFSET_NONE, offsets};
        writer->error = append_until_taken(writer->journal, &batch);
    }
    free(values);
    return NULL;
}

static int be_writer(const char *directory, uint32_t number, uint64_t append_count)
{
    struct fl_journal *journal = open_journal(directory);
    struct writer writers[2];
    if (journal == NULL)
        return 1;
    for (uint32_t w = 0; w < 2; w++) {
        writers[w] = (struct writer){journal, 2 * number + w, append_count, 0, FL_OK};
        if (pthread_create(&writers[w].thread, NULL, write_all, &writers[w]) != 0)
            return 1;
    }
    for (uint32_t w = 0; w < 2; w++)
        pthread_join(writers[w].thread, NULL);
    fl_journal_close(&journal);
    return writers[0].error == FL_OK && writers[1].error == FL_OK ? 0 : 1;
}

struct follower {
    uint64_t next[PARTITIONS];                /* expected offset */
    uint32_t number[PARTITIONS][2 * WRITERS]; /* a writer's numbers rise */
    uint64_t seen;
    uint64_t behind;
};

static bool is_good(struct follower *follower, const struct fl_entry *entry)
{
    uint8_t expected[sizeof(struct stamp) + FILLER_MAX];
    struct stamp stamp;
    uint32_t p = entry->source;
    if (entry->offset != follower->next[p]++ || entry->record.value.size < sizeof(stamp))
        return false;
    memcpy(&stamp, entry->record.value.data, sizeof(stamp));
    if (stamp.writer >= 2 * WRITERS || fill(&stamp, expected) != entry->record.value.size ||
        memcmp(expected, entry->record.value.data, entry->record.value.size) != 0 ||
        stamp.number < follower->number[p][stamp.writer])
        return false;
    follower->number[p][stamp.writer] = stamp.number + 1;
    follower->seen++;
    return true;
}

/* Retention went past a source: go on at the log's start. */
static enum fl_error catch_up(struct fl_journal *journal, struct fl_reader *reader,
                              struct follower *follower)
{
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        uint64_t begin = 0;
        uint64_t end = 0;
        enum fl_error error = fl_journal_offsets(journal, "t", p, &begin, &end);
        if (error != FL_OK)
            return error;
        if (follower->next[p] >= begin)
            continue;
        error = fl_reader_seek(reader, p, begin);
        if (error != FL_OK)
            return error;
        follower->next[p] = begin;
        follower->behind++;
    }
    return FL_OK;
}

/* The parent closes its end of our standard input when the last writer has ended. */
static bool writers_have_ended(void)
{
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    return poll(&input, 1, 0) == 1;
}

/* Waits until the first partition has grown that far past the position, or nothing more comes. */
static enum fl_error lag(struct fl_journal *journal, const struct follower *follower)
{
    struct fl_reader *watch = NULL;
    struct fl_batch batch;
    uint64_t begin = 0;
    uint64_t end = 0;
    enum fl_error error = FL_OK;
    while (error == FL_OK && !writers_have_ended()) {
        error = fl_journal_offsets(journal, "t", 0, &begin, &end);
        if (error != FL_OK || end >= follower->next[0] + LAG_RECORDS)
            break;
        struct fl_source source = {"t", 0, end};
        error = fl_reader_open(journal, &source, 1, &watch);
        if (error == FL_OK)
            error = fl_reader_poll(watch, 100, 1, &batch);
        fl_reader_close(&watch);
        if (error == FL_LOG_BEHIND)
            error = FL_OK; /* retention was faster still */
    }
    return error;
}

static int be_reader(const char *directory, bool slow)
{
    struct fl_journal *journal = open_journal(directory);
    const struct fl_source sources[PARTITIONS] = {{"t", 0, 0}, {"t", 1, 0}};
    struct fl_reader *reader = NULL;
    struct follower follower = {.seen = 0};
    struct fl_batch batch;
    if (journal == NULL || fl_reader_open(journal, sources, PARTITIONS, &reader) != FL_OK)
        return 1;
    bool over = false;
    while (!over) {
        bool ended = writers_have_ended(); /* looked at before the log is */
        enum fl_error error = slow && !ended ? lag(journal, &follower) : FL_OK;
        if (error == FL_OK)
            error = fl_reader_poll(reader, 100, 100000, &batch);
        if (error == FL_LOG_BEHIND)
            error = catch_up(journal, reader, &follower);
        for (size_t i = 0; error == FL_OK && i < batch.count; i++)
            if (!is_good(&follower, &batch.entries[i]))
                error = FL_CORRUPT;
        over = error == FL_OK && ended && batch.at_end && batch.count == 0;
        if (error != FL_OK && error != FL_LOG_BEHIND) {
            fprintf(stderr, "reader: %s: %s\n", fl_error_name(error), fl_journal_detail(journal));
            return 1;
        }
    }
    printf("reader saw %llu records, %llu times behind\n", (unsigned long long)follower.seen,
           (unsigned long long)follower.behind);
    fl_reader_close(&reader);
    fl_journal_close(&journal);
    return follower.seen > 0 && (!slow || follower.behind > 0) ? 0 : 1;
}

static int be_maintainer(const char *directory)
{
    struct fl_journal *journal = open_journal(directory);
    enum fl_error error = journal == NULL ? FL_IO : FL_OK;
    while (error == FL_OK || error == FL_FULL) /* until it is killed */
        error = fl_journal_maintain(journal, fl_port_wall_ms(fl_port_system()));
    fprintf(stderr, "maintenance: %s\n", fl_error_name(error));
    return 1;
}

static pid_t start(const char *mode, const char *directory, unsigned number, const char *appends,
                   int input)
{
    char text[16];
    snprintf(text, sizeof(text), "%u", number);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
        dup2(input, STDIN_FILENO);
        execl("/proc/self/exe", "journal-torture", mode, directory, text, appends, (char *)NULL);
        _exit(126);
    }
    assert_true(child > 0);
    return child;
}

static int result_of(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void readers_see_what_is_there_while_all_else_goes_on(void **state)
{
    (void)state;
    struct fl_scratch scratch;
    pid_t readers[READERS];
    pid_t writers[WRITERS];
    int ends[2];
    const char *given = getenv("FLEETLOG_TORTURE_APPENDS");
    fl_scratch_make(&scratch);
    struct fl_journal *journal = open_journal(scratch.path);
    struct fl_topic_spec spec = {"t", PARTITIONS, -1, KEPT_SIZE, false};
    assert_int_equal(fl_journal_ensure_topic(journal, &spec), FL_OK);
    fl_journal_close(&journal);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    for (unsigned i = 0; i < READERS; i++)
        readers[i] = start("read", scratch.path, i, "0", ends[0]);
    pid_t maintainer = start("maintain", scratch.path, 0, "0", ends[0]);
    for (unsigned i = 0; i < WRITERS; i++)
        writers[i] = start("write", scratch.path, i, given == NULL ? "700" : given, ends[0]);
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(result_of(writers[i]), 0);
    close(ends[1]);
    for (unsigned i = 0; i < READERS; i++)
        assert_int_equal(result_of(readers[i]), 0);
    close(ends[0]);
    kill(maintainer, SIGKILL);
    assert_int_equal(result_of(maintainer), -SIGKILL);
    journal = open_journal(scratch.path);
    if (fl_journal_check_embedded(journal, "t") != FL_OK)
        fail_msg("check: %s", fl_journal_detail(journal));
    fl_journal_close(&journal);
    fl_scratch_remove(&scratch);
}

int main(int count, char **arguments)
{
    if (count == 5 && strcmp(arguments[1], "write") == 0)
        return be_writer(arguments[2], (uint32_t)strtoul(arguments[3], NULL, 10),
                         strtoull(arguments[4], NULL, 10));
    if (count == 5 && strcmp(arguments[1], "read") == 0)
        return be_reader(arguments[2], arguments[3][0] != '0');
    if (count == 5)
        return be_maintainer(arguments[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_see_what_is_there_while_all_else_goes_on)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
