/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/journal/embedded.h"
#include "core/port.h"
#include "tests/unit/scratch.h"

/* What only the embedded engine promises; the rest stands in tests/conformance. */

struct fixture {
    struct fl_scratch scratch;
    struct fl_embedded_options options;
    struct fl_journal *journal;
};

static const int64_t hour_ms = 60 * 60 * 1000;

static int64_t wall_ms(void)
{
    return fl_port_wall_ms(fl_port_system());
}

static void open_again(struct fixture *fixture)
{
    fl_journal_close(&fixture->journal);
    assert_int_equal(fl_journal_open_embedded(&fixture->options, &fixture->journal), FL_OK);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fl_scratch_make(&fixture->scratch);
    fixture->options.directory = fixture->scratch.path;
    *state = fixture;
    return fl_journal_open_embedded(&fixture->options, &fixture->journal) == FL_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fl_journal_close(&fixture->journal);
    fl_scratch_remove(&fixture->scratch);
    free(fixture);
    return 0;
}

static void ensure(struct fl_journal *journal, const char *name, int64_t retention_ms,
                   bool compacted)
{
    struct fl_topic_spec spec = {name, 1, retention_ms, -1, compacted};
    assert_int_equal(fl_journal_ensure_topic(journal, &spec), FL_OK);
}

/* `count` records of `size` bytes each in one append. */
static enum fl_error append_sized(struct fl_journal *journal, const char *topic, unsigned count,
                                  size_t size, int64_t time_ms, uint64_t *offset)
{
    uint8_t *bytes = calloc(1, size);
    struct fl_record *records = calloc(count, sizeof(*records));
    uint64_t *offsets = calloc(count, sizeof(*offsets));
    for (unsigned i = 0; i < count; i++)
        records[i] = (struct fl_record){.key = FL_SLICE_LITERAL("k"),
                                        .value = fl_slice_of(bytes, size),
                                        .timestamp_ms = time_ms};
    struct fl_append batch = {topic, 0, count, records, FL_OFFSET_NONE, offsets};
    enum fl_error error = fl_journal_append(journal, &batch, 1);
    *offset = offsets[0];
    free(bytes);
    free(records);
    free(offsets);
    return error;
}

static void append_ok(struct fl_journal *journal, const char *topic, unsigned count, size_t size)
{
    uint64_t offset = 0;
    enum fl_error error = append_sized(journal, topic, count, size, wall_ms(), &offset);
    if (error != FL_OK)
        fail_msg("append: %s", fl_journal_detail(journal));
}

/* Flips one byte in the row of a block, as a disk might. */
static void spoil(struct fixture *fixture, const char *topic, uint64_t base)
{
    static const char *const tables[] = {"meta", "partitions", "blocks", "keys"};
    char path[FL_SCRATCH_PATH_SIZE + 32];
    uint8_t key[FL_BLOCK_KEY_SIZE];
    struct fl_env *env = NULL;
    struct fl_txn txn;
    struct fl_slice value;
    fl_journal_close(&fixture->journal);
    snprintf(path, sizeof(path), "%s/%s", fixture->scratch.path, topic);
    struct fl_env_options options = {.directory = path, .tables = tables, .table_count = 4};
    assert_int_equal(fl_env_open(&options, &env), FL_OK);
    assert_int_equal(fl_txn_begin_write(&txn, env), FL_OK);
    fl_block_key(0, base, key);
    struct fl_slice key_slice = fl_slice_of(key, sizeof(key));
    assert_true(fl_kv_get(&txn.kv, FL_EMBEDDED_BLOCKS, key_slice, &value));
    uint8_t *copy = malloc(value.size);
    memcpy(copy, value.data, value.size);
    copy[value.size - 1] ^= 1;
    fl_kv_put(&txn.kv, FL_EMBEDDED_BLOCKS, key_slice, fl_slice_of(copy, value.size));
    free(copy);
    assert_int_equal(fl_txn_commit(&txn), FL_OK);
    fl_env_close(&env);
    open_again(fixture);
}

static void a_spoilt_block_is_named_after_the_good_ones_were_read(void **state)
{
    struct fixture *fixture = *state;
    struct fl_source source = {"events", 0, 0};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    uint64_t offset = 0;
    ensure(fixture->journal, "events", -1, false);
    for (int i = 0; i < 3; i++)
        append_ok(fixture->journal, "events", 10, 100);
    spoil(fixture, "events", 10);
    assert_int_equal(fl_reader_open(fixture->journal, &source, 1, &reader), FL_OK);
    assert_int_equal(fl_reader_poll(reader, 0, 1 << 20, &batch), FL_OK);
    assert_int_equal(batch.count, 10);
    assert_false(batch.at_end);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fl_reader_poll(reader, 0, 1 << 20, &batch), FL_CORRUPT);
        assert_int_equal(batch.count, 0);
        assert_non_null(
            strstr(fl_journal_detail(fixture->journal), "topic events partition 0 offset 10"));
    }
    assert_int_equal(fl_reader_seek(reader, 0, 20), FL_OK);
    assert_int_equal(fl_reader_poll(reader, 0, 1 << 20, &batch), FL_OK);
    assert_int_equal(batch.entries[0].offset, 20);
    fl_reader_close(&reader);
    assert_int_equal(
        fl_journal_offset_at(fixture->journal, "events", 0, wall_ms() + hour_ms, &offset), FL_OK);
    assert_int_equal(offset, 30);
}

static void a_spoilt_block_stops_compaction_and_stays_for_inspection(void **state)
{
    struct fixture *fixture = *state;
    ensure(fixture->journal, "subjects", -1, true);
    for (int i = 0; i < 3; i++)
        append_ok(fixture->journal, "subjects", 10, 100);
    spoil(fixture, "subjects", 10);
    assert_int_equal(fl_journal_check_embedded(fixture->journal, "subjects"), FL_CORRUPT);
    assert_int_equal(fl_journal_maintain(fixture->journal, wall_ms()), FL_CORRUPT);
    assert_non_null(
        strstr(fl_journal_detail(fixture->journal), "topic subjects partition 0 offset 10"));
}

/* Each invariant broken once, each noticed. */
static void the_check_notices_rows_that_do_not_fit(void **state)
{
    struct fixture *fixture = *state;
    static const char *const expected[] = {
        "the sum of the blocks' sizes", "lies before its place", "the greatest time",
        "ends above the log's end",     "lies before its place", "the last block is missing"};
    for (int damage = 0; damage < 6; damage++) {
        struct fl_embedded_topic *topic = NULL;
        struct fl_partition_row row;
        struct fl_txn txn;
        const char name[] = {'t', (char)('0' + damage), '\0'};
        ensure(fixture->journal, name, -1, false);
        for (int i = 0; i < 3; i++)
            append_ok(fixture->journal, name, 10, 100);
        assert_int_equal(fl_journal_check_embedded(fixture->journal, name), FL_OK);
        struct fl_embedded *journal = (struct fl_embedded *)fixture->journal;
        assert_int_equal(fl_embedded_get(journal, name, &topic), FL_OK);
        assert_int_equal(fl_embedded_begin(journal, topic, true, &txn), FL_OK);
        assert_true(fl_partition_row_get(&txn.kv, 0, &row));
        uint8_t key[FL_BLOCK_KEY_SIZE];
        fl_block_key(0, 20, key);
        row.size += damage == 0;
        row.running_ms -= damage == 2 ? hour_ms : 0;
        row.next -= damage == 3 ? 1 : 0;
        row.begin += damage == 4 ? 5 : 0;
        if (damage == 1)
            row.begin = row.next = 40;
        if (damage == 5)
            fl_kv_del(&txn.kv, FL_EMBEDDED_BLOCKS, fl_slice_of(key, sizeof(key)));
        fl_partition_row_put(&txn.kv, 0, &row);
        assert_int_equal(fl_txn_commit(&txn), FL_OK);
        fl_embedded_put(journal, topic);
        assert_int_equal(fl_journal_check_embedded(fixture->journal, name), FL_CORRUPT);
        assert_non_null(strstr(fl_journal_detail(fixture->journal), expected[damage]));
    }
}

static void a_journal_for_reading_reads_and_refuses_the_rest(void **state)
{
    struct fixture *fixture = *state;
    struct fl_group *member = NULL;
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    struct fl_topic_info info;
    uint64_t offset = 0;
    ensure(fixture->journal, "events", -1, false);
    append_ok(fixture->journal, "events", 10, 100);
    fixture->options.read_only = true;
    open_again(fixture);
    struct fl_source source = {"events", 0, 5};
    assert_int_equal(fl_reader_open(fixture->journal, &source, 1, &reader), FL_OK);
    assert_int_equal(fl_reader_poll(reader, 10, 1 << 20, &batch), FL_OK);
    assert_int_equal(batch.count, 5);
    fl_reader_close(&reader);
    assert_int_equal(append_sized(fixture->journal, "events", 1, 1, 1, &offset), FL_DENIED);
    assert_int_equal(fl_journal_maintain(fixture->journal, 0), FL_DENIED);
    assert_int_equal(fl_journal_delete_topic(fixture->journal, "events"), FL_DENIED);
    assert_int_equal(fl_group_join(fixture->journal, "g", "events", &member), FL_DENIED);
    struct fl_topic_spec spec = {"events", 1, -1, -1, false};
    assert_int_equal(fl_journal_ensure_topic(fixture->journal, &spec), FL_OK);
    spec.name = "other";
    assert_int_equal(fl_journal_ensure_topic(fixture->journal, &spec), FL_DENIED);
    assert_int_equal(fl_journal_describe_topic(fixture->journal, "other", &info), FL_NOT_FOUND);
    fl_journal_close(&fixture->journal);
    char path[FL_SCRATCH_PATH_SIZE + 16];
    snprintf(path, sizeof(path), "%s/missing", fixture->scratch.path);
    fixture->options.directory = path;
    assert_int_equal(fl_journal_open_embedded(&fixture->options, &fixture->journal), FL_NOT_FOUND);
    assert_null(fixture->journal);
}

static void prefixes_keep_realms_apart(void **state)
{
    struct fixture *fixture = *state;
    struct fl_topic_info info;
    ensure(fixture->journal, "plain", -1, false);
    fixture->options.topic_prefix = "realm.";
    open_again(fixture);
    assert_int_equal(fl_journal_describe_topic(fixture->journal, "plain", &info), FL_NOT_FOUND);
    ensure(fixture->journal, "plain", -1, false);
    append_ok(fixture->journal, "plain", 7, 10);
    fixture->options.topic_prefix = "";
    open_again(fixture);
    uint64_t begin = 0;
    uint64_t end = 0;
    assert_int_equal(fl_journal_offsets(fixture->journal, "plain", 0, &begin, &end), FL_OK);
    assert_int_equal(end, 0);
    assert_int_equal(fl_journal_offsets(fixture->journal, "realm.plain", 0, &begin, &end), FL_OK);
    assert_int_equal(end, 7);
}

/* Full: nothing of the batch lands, reads and retention go on, and then appends do. */
static void a_full_map_refuses_until_retention_makes_room(void **state)
{
    struct fixture *fixture = *state;
    uint64_t offset = 0;
    uint64_t begin = 0;
    uint64_t end = 0;
    unsigned appended = 0;
    enum fl_error error = FL_OK;
    fixture->options.map_size = 8 << 20;
    open_again(fixture);
    ensure(fixture->journal, "t", hour_ms, false);
    while (error == FL_OK && appended < 1000) {
        error = append_sized(fixture->journal, "t", 10, 5000, wall_ms() - 2 * hour_ms, &offset);
        appended += error == FL_OK;
    }
    assert_int_equal(error, FL_FULL);
    assert_true(appended > 50);
    assert_true(offset == FL_OFFSET_NONE);
    assert_non_null(strstr(fl_journal_detail(fixture->journal), "map is full"));
    assert_int_equal(fl_journal_offsets(fixture->journal, "t", 0, &begin, &end), FL_OK);
    assert_int_equal(end, appended * 10);
    struct fl_source source = {"t", 0, end - 1};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    assert_int_equal(fl_reader_open(fixture->journal, &source, 1, &reader), FL_OK);
    assert_int_equal(fl_reader_poll(reader, 0, 100, &batch), FL_OK);
    assert_int_equal(batch.count, 1);
    fl_reader_close(&reader);
    assert_int_equal(fl_journal_maintain(fixture->journal, wall_ms()), FL_OK);
    for (unsigned i = 0; i < 50; i++)
        append_ok(fixture->journal, "t", 10, 5000);
    assert_int_equal(fl_journal_check_embedded(fixture->journal, "t"), FL_OK);
    assert_int_equal(fl_journal_offsets(fixture->journal, "t", 0, &begin, &end), FL_OK);
    assert_int_equal(end, appended * 10 + 500);
    assert_int_equal(begin, appended * 10);
}

static void below_the_reserve_appends_are_refused_and_reads_go_on(void **state)
{
    struct fixture *fixture = *state;
    uint64_t offset = 0;
    uint64_t begin = 0;
    uint64_t end = 0;
    ensure(fixture->journal, "t", -1, false);
    append_ok(fixture->journal, "t", 10, 100);
    fixture->options.reserve_size = UINT64_C(1) << 60;
    open_again(fixture);
    assert_int_equal(append_sized(fixture->journal, "t", 1, 1, 1, &offset), FL_FULL);
    assert_non_null(strstr(fl_journal_detail(fixture->journal), "reserve"));
    assert_int_equal(fl_journal_offsets(fixture->journal, "t", 0, &begin, &end), FL_OK);
    assert_int_equal(end, 10);
    assert_int_equal(fl_journal_maintain(fixture->journal, wall_ms()), FL_OK);
}

static void another_retention_is_adopted(void **state)
{
    struct fixture *fixture = *state;
    struct fl_topic_info info;
    uint64_t begin = 0;
    uint64_t end = 0;
    uint64_t offset = 0;
    ensure(fixture->journal, "t", -1, false);
    assert_int_equal(append_sized(fixture->journal, "t", 5, 10, wall_ms() - 2 * hour_ms, &offset),
                     FL_OK);
    assert_int_equal(fl_journal_maintain(fixture->journal, wall_ms()), FL_OK);
    assert_int_equal(fl_journal_offsets(fixture->journal, "t", 0, &begin, &end), FL_OK);
    assert_int_equal(begin, 0);
    ensure(fixture->journal, "t", hour_ms, false);
    assert_int_equal(fl_journal_describe_topic(fixture->journal, "t", &info), FL_OK);
    assert_int_equal(info.retention_ms, hour_ms);
    assert_int_equal(fl_journal_maintain(fixture->journal, wall_ms()), FL_OK);
    assert_int_equal(fl_journal_offsets(fixture->journal, "t", 0, &begin, &end), FL_OK);
    assert_int_equal(begin, 5);
}

/* ---- Children ---- */

static int run(const char *mode, const char *directory, pid_t *child)
{
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "journal_embedded_test", mode, directory, (char *)NULL);
        _exit(126);
    }
    if (child != NULL) {
        *child = pid;
        return 0;
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

/* Appends 20 single records, or deletes the topic and makes it anew with 2 partitions. */
static int be_child(const char *mode, const char *directory)
{
    struct fl_embedded_options options = {.directory = directory};
    struct fl_journal *journal = NULL;
    struct fl_topic_spec spec = {"t", 2, -1, -1, false};
    uint64_t offset = 0;
    enum fl_error error = fl_journal_open_embedded(&options, &journal);
    if (strcmp(mode, "recreate") == 0) {
        if (error == FL_OK)
            error = fl_journal_delete_topic(journal, "t");
        if (error == FL_OK)
            error = fl_journal_ensure_topic(journal, &spec);
    }
    for (int i = 0; error == FL_OK && i < 20 && strcmp(mode, "append") == 0; i++)
        error = append_sized(journal, "t", 1, 10, wall_ms(), &offset);
    fl_journal_close(&journal);
    return error == FL_OK ? 0 : 1;
}

static void a_reader_is_woken_by_another_process(void **state)
{
    struct fixture *fixture = *state;
    struct fl_source source = {"t", 0, 0};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    pid_t child = 0;
    int status = 0;
    uint64_t seen = 0;
    ensure(fixture->journal, "t", -1, false);
    assert_int_equal(fl_reader_open(fixture->journal, &source, 1, &reader), FL_OK);
    assert_int_equal(run("append", fixture->scratch.path, &child), 0);
    while (seen < 20) {
        int64_t start_ms = fl_port_monotonic_ms(fl_port_system());
        assert_int_equal(fl_reader_poll(reader, 10000, 1 << 20, &batch), FL_OK);
        assert_true(batch.count > 0);
        if (seen > 0) /* the child has started: from here on each wait is short */
            assert_true(fl_port_monotonic_ms(fl_port_system()) - start_ms < 900);
        seen += batch.count;
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    fl_reader_close(&reader);
}

#ifdef FL_TEST_BUILD /* other builds contain no fault points */
/* The writer dies between its commit and the bell: the reader looks again within its second. */
static void a_commit_whose_bell_never_rang_is_seen(void **state)
{
    struct fixture *fixture = *state;
    struct fl_source source = {"t", 0, 0};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    ensure(fixture->journal, "t", -1, false);
    assert_int_equal(fl_reader_open(fixture->journal, &source, 1, &reader), FL_OK);
    setenv("FLEETLOG_FAULT_POINT", "lmdb.committed", 1);
    assert_int_equal(run("append", fixture->scratch.path, NULL), 127); /* killed */
    unsetenv("FLEETLOG_FAULT_POINT");
    int64_t start_ms = fl_port_monotonic_ms(fl_port_system());
    assert_int_equal(fl_reader_poll(reader, 10000, 1 << 20, &batch), FL_OK);
    assert_int_equal(batch.count, 1);
    assert_true(fl_port_monotonic_ms(fl_port_system()) - start_ms < 3000);
    setenv("FLEETLOG_FAULT_POINT", "lmdb.commit", 1);
    assert_int_equal(run("append", fixture->scratch.path, NULL), 127);
    unsetenv("FLEETLOG_FAULT_POINT");
    uint64_t begin = 0;
    uint64_t end = 0;
    assert_int_equal(fl_journal_offsets(fixture->journal, "t", 0, &begin, &end), FL_OK);
    assert_int_equal(end, 1);
    fl_reader_close(&reader);
}
#endif

static void a_topic_that_another_process_made_anew_is_another_log(void **state)
{
    struct fixture *fixture = *state;
    struct fl_source source = {"t", 0, 0};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    struct fl_topic_info info;
    uint64_t offset = 0;
    ensure(fixture->journal, "t", -1, false);
    append_ok(fixture->journal, "t", 10, 10);
    assert_int_equal(fl_reader_open(fixture->journal, &source, 1, &reader), FL_OK);
    assert_int_equal(fl_reader_poll(reader, 0, 10, &batch), FL_OK);
    assert_int_equal(run("recreate", fixture->scratch.path, NULL), 0);
    while (fl_reader_poll(reader, 0, 10, &batch) == FL_OK)
        assert_true(batch.count > 0); /* what was buffered before */
    assert_int_equal(fl_reader_poll(reader, 0, 10, &batch), FL_LOG_CHANGED);
    assert_int_equal(append_sized(fixture->journal, "t", 1, 1, 1, &offset), FL_NOT_FOUND);
    fl_reader_close(&reader);
    append_ok(fixture->journal, "t", 1, 1);
    assert_int_equal(fl_journal_describe_topic(fixture->journal, "t", &info), FL_OK);
    assert_int_equal(info.partition_count, 2);
}

/* ---- Compaction against a model ---- */

enum { KEY_COUNT = 40, ROUND_COUNT = 60 };

struct model {
    uint64_t newest[KEY_COUNT]; /* offset; FL_OFFSET_NONE: never written */
    uint64_t end;
};

static void append_random(struct fixture *fixture, struct fl_port_virtual *chance,
                          struct model *model)
{
    enum { COUNT = 200 };
    struct fl_record records[COUNT];
    uint64_t offsets[COUNT];
    char keys[COUNT][8];
    static const uint8_t bytes[2000];
    for (unsigned i = 0; i < COUNT; i++) {
        uint8_t random[4];
        fl_port_random(&chance->port, random, sizeof(random));
        unsigned key = random[0] % KEY_COUNT;
        int size = snprintf(keys[i], sizeof(keys[i]), "k%u", key);
        records[i] = (struct fl_record){
            .key = fl_slice_of(keys[i], (size_t)size),
            .value = random[1] % 8 == 0 ? FL_SLICE_NULL
                                        : fl_slice_of(bytes, random[2] * (random[3] % 8)),
            .timestamp_ms = wall_ms()};
        model->newest[key] = model->end + i;
    }
    struct fl_append batch = {"t", 0, COUNT, records, model->end, offsets};
    assert_int_equal(fl_journal_append(fixture->journal, &batch, 1), FL_OK);
    model->end += COUNT;
}

/* Every newest record is there, in order; returns how many others still are. */
static size_t check_model(struct fixture *fixture, const struct model *model)
{
    struct fl_source source = {"t", 0, 0};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    size_t total = 0;
    size_t newest = 0;
    uint64_t above = 0;
    assert_int_equal(fl_reader_open(fixture->journal, &source, 1, &reader), FL_OK);
    do {
        assert_int_equal(fl_reader_poll(reader, 0, 50000, &batch), FL_OK);
        for (size_t i = 0; i < batch.count; i++, total++) {
            uint64_t key = 0;
            struct fl_slice digits = batch.entries[i].record.key;
            assert_true(batch.entries[i].offset >= above);
            above = batch.entries[i].offset + 1;
            assert_true(fl_slice_to_u64(fl_slice_of(digits.data + 1, digits.size - 1), &key));
            newest += model->newest[key] == batch.entries[i].offset;
        }
    } while (batch.count != 0);
    assert_true(batch.at_end);
    fl_reader_close(&reader);
    size_t expected = 0;
    assert_int_equal(fl_journal_check_embedded(fixture->journal, "t"), FL_OK);
    for (unsigned k = 0; k < KEY_COUNT; k++)
        expected += model->newest[k] != FL_OFFSET_NONE;
    assert_int_equal(newest, expected);
    return total - newest;
}

static void compaction_between_appends_never_loses_a_newest_record(void **state)
{
    struct fixture *fixture = *state;
    const char *given = getenv("FLEETLOG_SEED");
    uint64_t seed = given == NULL ? 1 : strtoull(given, NULL, 10);
    struct fl_port_virtual chance;
    struct model model = {.end = 0};
    memset(model.newest, 0xff, sizeof(model.newest));
    print_message("FLEETLOG_SEED=%llu\n", (unsigned long long)seed);
    fl_port_virtual_init(&chance, seed, 0);
    ensure(fixture->journal, "t", -1, true);
    for (int round = 0; round < ROUND_COUNT; round++) {
        uint8_t dice = 0;
        append_random(fixture, &chance, &model);
        fl_port_random(&chance.port, &dice, 1);
        if (dice % 4 == 0)
            assert_int_equal(fl_journal_maintain(fixture->journal, wall_ms()), FL_OK);
        if (dice % 16 == 1)
            open_again(fixture);
        check_model(fixture, &model);
    }
    for (int i = 0; i < 10; i++)
        assert_int_equal(fl_journal_maintain(fixture->journal, wall_ms()), FL_OK);
    assert_int_equal(check_model(fixture, &model), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int count, char **arguments)
{
    if (count == 3)
        return be_child(arguments[1], arguments[2]);
    const struct CMUnitTest tests[] = {
        TEST(a_spoilt_block_is_named_after_the_good_ones_were_read),
        TEST(a_spoilt_block_stops_compaction_and_stays_for_inspection),
        TEST(the_check_notices_rows_that_do_not_fit),
        TEST(a_journal_for_reading_reads_and_refuses_the_rest),
        TEST(prefixes_keep_realms_apart),
        TEST(a_full_map_refuses_until_retention_makes_room),
        TEST(below_the_reserve_appends_are_refused_and_reads_go_on),
        TEST(another_retention_is_adopted),
        TEST(a_reader_is_woken_by_another_process),
#ifdef FL_TEST_BUILD
        TEST(a_commit_whose_bell_never_rang_is_seen),
#endif
        TEST(a_topic_that_another_process_made_anew_is_another_log),
        TEST(compaction_between_appends_never_loses_a_newest_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
