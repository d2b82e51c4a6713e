/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/conformance.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/port.h"

enum { TEST_COUNT_MAX = 64 };

int fl_conformance_set_up(void **state)
{
    struct fl_conformance *suite = *state;
    snprintf(suite->topic, sizeof(suite->topic), "topic%u", suite->topic_count++);
    return 0;
}

void fl_conformance_topic(struct fl_conformance *suite, const char *name, uint32_t partitions)
{
    struct fl_topic_spec spec = {
        .name = name, .partition_count = partitions, .retention_ms = -1, .retention_bytes = -1};
    enum fl_error error = fl_journal_ensure_topic(suite->journal, &spec);
    if (error != FL_OK)
        fail_msg("ensure_topic: %s", fl_journal_detail(suite->journal));
}

struct fl_record fl_conformance_record(const char *key, const char *value)
{
    return (struct fl_record){.key = fl_slice_text(key),
                              .value = fl_slice_text(value),
                              .timestamp_ms = fl_port_wall_ms(fl_port_system())};
}

uint64_t fl_conformance_append(struct fl_journal *journal, const char *topic, uint32_t partition,
                               unsigned first, unsigned count)
{
    struct fl_record *records = calloc(count, sizeof(*records));
    uint64_t *offsets = calloc(count, sizeof(*offsets));
    char(*texts)[16] = calloc(count, sizeof(*texts));
    for (unsigned i = 0; i < count; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%u", first + i);
        records[i] = fl_conformance_record(texts[i], texts[i]);
    }
    struct fl_append batch = {.topic = topic,
                              .partition = partition,
                              .count = count,
                              .records = records,
                              .expected_offset = FL_OFFSET_NONE,
                              .offsets = offsets};
    enum fl_error error = fl_journal_append(journal, &batch, 1);
    uint64_t offset = offsets[0];
    free(records);
    free(offsets);
    free(texts);
    if (error != FL_OK)
        fail_msg("append: %s: %s", fl_error_name(error), fl_journal_detail(journal));
    return offset;
}

enum fl_error fl_conformance_append_one(struct fl_journal *journal, const char *topic,
                                        const struct fl_record *record, uint64_t *offset)
{
    struct fl_append batch = {.topic = topic,
                              .partition = 0,
                              .count = 1,
                              .records = record,
                              .expected_offset = FL_OFFSET_NONE,
                              .offsets = offset};
    return fl_journal_append(journal, &batch, 1);
}

void fl_conformance_next(struct fl_reader *reader, struct fl_batch *batch)
{
    int64_t deadline_ms = fl_port_monotonic_ms(fl_port_system()) + FL_CONFORMANCE_DEADLINE_MS;
    do {
        enum fl_error error = fl_reader_poll(reader, 1000, FL_CONFORMANCE_SIZE_MAX, batch);
        if (error != FL_OK)
            fail_msg("poll: %s", fl_error_name(error));
        if (fl_port_monotonic_ms(fl_port_system()) > deadline_ms)
            fail_msg("no record came before the deadline");
    } while (batch->count == 0);
}

void fl_conformance_read(struct fl_journal *journal, const char *topic, uint32_t partition,
                         uint64_t from, size_t count,
                         void (*look)(void *context, const struct fl_entry *entry), void *context)
{
    struct fl_source source = {topic, partition, from};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    size_t seen = 0;
    uint64_t above = from;
    enum fl_error error = fl_reader_open(journal, &source, 1, &reader);
    if (error != FL_OK)
        fail_msg("reader_open: %s: %s", fl_error_name(error), fl_journal_detail(journal));
    while (seen < count) {
        fl_conformance_next(reader, &batch);
        for (size_t i = 0; i < batch.count && seen < count; i++, seen++) {
            assert_int_equal(batch.entries[i].source, 0);
            assert_true(batch.entries[i].offset >= above);
            above = batch.entries[i].offset + 1;
            if (look != NULL)
                look(context, &batch.entries[i]);
        }
    }
    fl_reader_close(&reader);
}

uint64_t fl_conformance_end(struct fl_journal *journal, const char *topic, uint32_t partition)
{
    uint64_t begin = 0;
    uint64_t end = 0;
    enum fl_error error = fl_journal_offsets(journal, topic, partition, &begin, &end);
    if (error != FL_OK)
        fail_msg("offsets: %s: %s", fl_error_name(error), fl_journal_detail(journal));
    return end;
}

int fl_conformance_spawn(const struct fl_conformance *suite, const char *mode, const char *first,
                         const char *second, const char *third)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
        execl("/proc/self/exe", "conformance-child", suite->engine->child_argument, mode, first,
              second, third, (char *)NULL);
        _exit(126);
    }
    assert_true(child > 0);
    return child;
}

int fl_conformance_wait(int child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* Children: "append TOPIC FIRST COUNT" appends one record at a time; "hold GROUP TOPIC PIPE" takes
 * a lease, says so on the pipe and waits to be killed. */
static int child_append(struct fl_journal *journal, char **arguments)
{
    unsigned first = (unsigned)strtoul(arguments[1], NULL, 10);
    unsigned count = (unsigned)strtoul(arguments[2], NULL, 10);
    for (unsigned i = 0; i < count; i++) {
        char text[16];
        uint64_t offset = 0;
        snprintf(text, sizeof(text), "%u", first + i);
        struct fl_record record = fl_conformance_record(text, text);
        if (fl_conformance_append_one(journal, arguments[0], &record, &offset) != FL_OK)
            return 1;
    }
    return 0;
}

static int child_hold(struct fl_journal *journal, char **arguments)
{
    struct fl_group *member = NULL;
    bool held = false;
    int pipe_out = (int)strtol(arguments[2], NULL, 10);
    if (fl_group_join(journal, arguments[0], arguments[1], &member) != FL_OK)
        return 1;
    while (!held)
        if (fl_group_poll(member, 1000, &held) != FL_OK)
            return 1;
    if (fl_group_commit(member, 0, 17) != FL_OK || write(pipe_out, "h", 1) != 1)
        return 1;
    for (;;) /* serves its membership until it is killed */
        if (fl_group_poll(member, 1000, &held) != FL_OK || pause() == 0)
            return 1;
}

static int run_child(const struct fl_conformance_engine *engine, char **arguments)
{
    struct fl_journal *journal = NULL;
    int code = 1;
    if (engine->open(engine->context, arguments[1], &journal) != FL_OK)
        return 1;
    if (strcmp(arguments[2], "append") == 0)
        code = child_append(journal, arguments + 3);
    else if (strcmp(arguments[2], "hold") == 0)
        code = child_hold(journal, arguments + 3);
    fl_journal_close(&journal);
    return code;
}

static size_t add_tests(struct CMUnitTest *all, size_t count, const struct CMUnitTest *tests,
                        size_t test_count, struct fl_conformance *suite)
{
    for (size_t i = 0; i < test_count; i++) {
        all[count] = tests[i];
        all[count].setup_func = fl_conformance_set_up;
        all[count++].initial_state = suite;
    }
    return count;
}

int fl_conformance_run(const struct fl_conformance_engine *engine, int argument_count,
                       char **arguments)
{
    struct fl_conformance suite = {.engine = engine};
    struct CMUnitTest tests[TEST_COUNT_MAX];
    if (argument_count == 6 && strcmp(arguments[0], "conformance-child") == 0)
        return run_child(engine, arguments);
    if (engine->open(engine->context, engine->child_argument, &suite.journal) != FL_OK) {
        fprintf(stderr, "cannot open the %s journal\n", engine->name);
        return 1;
    }
    size_t count =
        add_tests(tests, 0, fl_conformance_append_tests, fl_conformance_append_test_count, &suite);
    count =
        add_tests(tests, count, fl_conformance_read_tests, fl_conformance_read_test_count, &suite);
    count = add_tests(tests, count, fl_conformance_topic_tests, fl_conformance_topic_test_count,
                      &suite);
    count = add_tests(tests, count, fl_conformance_group_tests, fl_conformance_group_test_count,
                      &suite);
    int failed = _cmocka_run_group_tests(engine->name, tests, count, NULL, NULL);
    fl_journal_close(&suite.journal);
    return failed == 0 ? 0 : 1;
}
