/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/port.h"
#include "tests/conformance/conformance.h"

static const int64_t hour_ms = 60 * 60 * 1000;

static int64_t wall_ms(void)
{
    return fl_port_wall_ms(fl_port_system());
}

static void ensure(struct fl_conformance *suite, const struct fl_topic_spec *spec)
{
    enum fl_error error = fl_journal_ensure_topic(suite->journal, spec);
    if (error != FL_OK)
        fail_msg("ensure_topic: %s: %s", fl_error_name(error), fl_journal_detail(suite->journal));
}

static void a_topic_is_made_once_and_described(void **state)
{
    struct fl_conformance *suite = *state;
    struct fl_topic_info info;
    const char *warning = NULL;
    struct fl_topic_spec spec = {suite->topic, 3, 7 * 24 * hour_ms, 123456789, false};
    assert_int_equal(fl_journal_describe_topic(suite->journal, suite->topic, &info), FL_NOT_FOUND);
    ensure(suite, &spec);
    ensure(suite, &spec);
    assert_int_equal(fl_journal_describe_topic(suite->journal, suite->topic, &info), FL_OK);
    assert_int_equal(info.partition_count, 3);
    assert_int_equal(info.retention_ms, spec.retention_ms);
    assert_int_equal(info.retention_bytes, spec.retention_bytes);
    assert_false(info.compacted);
    assert_true(info.replication_factor >= 1);
    assert_int_equal(fl_journal_check_topic(suite->journal, &spec, &warning), FL_OK);
    spec.partition_count = 4;
    assert_int_equal(fl_journal_ensure_topic(suite->journal, &spec), FL_EXISTS);
    assert_int_equal(fl_journal_check_topic(suite->journal, &spec, &warning), FL_USAGE);
    spec.partition_count = 3;
    spec.compacted = true;
    assert_int_equal(fl_journal_ensure_topic(suite->journal, &spec), FL_EXISTS);
    assert_true(fl_journal_detail(suite->journal)[0] != '\0');
    assert_int_equal(fl_journal_check_topic(suite->journal, &spec, &warning), FL_USAGE);
}

static void a_topic_has_1_to_1024_partitions_and_a_plain_name(void **state)
{
    struct fl_conformance *suite = *state;
    static const char *const names[] = {"a/b", "..", "a b", "\xc3\xa9"};
    struct fl_topic_spec spec = {suite->topic, 0, -1, -1, false};
    assert_int_equal(fl_journal_ensure_topic(suite->journal, &spec), FL_INVALID);
    spec.partition_count = FL_PARTITION_COUNT_MAX + 1;
    assert_int_equal(fl_journal_ensure_topic(suite->journal, &spec), FL_INVALID);
    spec.partition_count = 1;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        spec.name = names[i];
        assert_int_equal(fl_journal_ensure_topic(suite->journal, &spec), FL_INVALID);
    }
    if (suite->engine->maintains) { /* a broker would need minutes for as many files */
        spec.name = suite->topic;
        spec.partition_count = FL_PARTITION_COUNT_MAX;
        ensure(suite, &spec);
        fl_conformance_append(suite->journal, suite->topic, FL_PARTITION_COUNT_MAX - 1, 0, 10);
        assert_int_equal(fl_conformance_end(suite->journal, suite->topic, 1023), 10);
        assert_int_equal(fl_conformance_end(suite->journal, suite->topic, 1022), 0);
    }
}

static void a_deleted_topic_is_gone_and_begins_anew(void **state)
{
    struct fl_conformance *suite = *state;
    struct fl_topic_info info;
    uint64_t begin = 0;
    uint64_t end = 0;
    fl_conformance_topic(suite, suite->topic, 1);
    fl_conformance_append(suite->journal, suite->topic, 0, 0, 100);
    assert_int_equal(fl_journal_delete_topic(suite->journal, suite->topic), FL_OK);
    assert_int_equal(fl_journal_describe_topic(suite->journal, suite->topic, &info), FL_NOT_FOUND);
    assert_int_equal(fl_journal_offsets(suite->journal, suite->topic, 0, &begin, &end),
                     FL_NOT_FOUND);
    assert_int_equal(fl_journal_delete_topic(suite->journal, suite->topic), FL_NOT_FOUND);
    struct fl_topic_spec spec = {suite->topic, 2, -1, -1, false};
    ensure(suite, &spec);
    assert_int_equal(fl_conformance_append(suite->journal, suite->topic, 0, 0, 1), 0);
    assert_int_equal(fl_conformance_end(suite->journal, suite->topic, 0), 1);
    assert_int_equal(fl_conformance_end(suite->journal, suite->topic, 1), 0);
}

static uint64_t at_time(struct fl_conformance *suite, int64_t time_ms)
{
    uint64_t offset = FL_OFFSET_NONE;
    enum fl_error error = fl_journal_offset_at(suite->journal, suite->topic, 0, time_ms, &offset);
    if (error != FL_OK)
        fail_msg("offset_at: %s: %s", fl_error_name(error), fl_journal_detail(suite->journal));
    return offset;
}

enum { TIMED_COUNT = 120, STEP_MS = 2000 };

/* Times rise by two seconds per record; two of three lie up to a minute and a half behind. */
static int64_t time_of(int64_t start_ms, int i)
{
    return start_ms + (int64_t)(i - (i % 3 == 0 ? 0 : i * 7 % 45)) * STEP_MS;
}

static void a_time_finds_its_first_record(void **state)
{
    struct fl_conformance *suite = *state;
    int64_t start_ms = wall_ms() - hour_ms;
    fl_conformance_topic(suite, suite->topic, 1);
    assert_int_equal(at_time(suite, 0), 0);
    for (int i = 0; i < TIMED_COUNT; i++) {
        uint64_t offset = 0;
        struct fl_record record = fl_conformance_record("k", "v");
        record.timestamp_ms = time_of(start_ms, i);
        assert_int_equal(fl_conformance_append_one(suite->journal, suite->topic, &record, &offset),
                         FL_OK);
    }
    assert_int_equal(at_time(suite, 0), 0);
    for (int step = -2; step <= TIMED_COUNT; step++)
        for (int ms = 0; ms < 2; ms++) {
            int64_t asked_ms = start_ms + (int64_t)step * STEP_MS + ms;
            uint64_t expected = 0;
            while (expected < TIMED_COUNT && time_of(start_ms, (int)expected) < asked_ms)
                expected++;
            assert_int_equal(at_time(suite, asked_ms), expected);
        }
}

/* Appends `count` appends of 10 records of `size` bytes each, with the given time. */
static void append_old(struct fl_conformance *suite, unsigned count, size_t size, int64_t time_ms)
{
    char *bytes = calloc(1, size);
    struct fl_record records[10];
    uint64_t offsets[10];
    for (int i = 0; i < 10; i++)
        records[i] = (struct fl_record){.key = FL_SLICE_LITERAL("k"),
                                        .value = fl_slice_of(bytes, size),
                                        .timestamp_ms = time_ms};
    struct fl_append batch = {suite->topic, 0, 10, records, FL_OFFSET_NONE, offsets};
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(fl_journal_append(suite->journal, &batch, 1), FL_OK);
    free(bytes);
}

static void maintain_fully(struct fl_conformance *suite, int64_t now_ms)
{
    /* Bounded work per call: more calls than any topic of this suite needs. */
    for (int i = 0; i < 20; i++)
        assert_int_equal(fl_journal_maintain(suite->journal, now_ms), FL_OK);
}

static void begins_at(struct fl_conformance *suite, uint64_t expected)
{
    uint64_t begin = 0;
    uint64_t end = 0;
    assert_int_equal(fl_journal_offsets(suite->journal, suite->topic, 0, &begin, &end), FL_OK);
    assert_int_equal(begin, expected);
}

static void old_records_go_and_a_reader_behind_is_told(void **state)
{
    struct fl_conformance *suite = *state;
    struct fl_reader *behind = NULL;
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    int64_t now_ms = wall_ms();
    if (!suite->engine->maintains)
        skip(); /* the broker applies retention when it rolls a segment */
    struct fl_topic_spec spec = {suite->topic, 1, hour_ms, -1, false};
    ensure(suite, &spec);
    append_old(suite, 30, 100, now_ms - 2 * hour_ms);
    append_old(suite, 5, 100, now_ms - 2 * hour_ms); /* together 350 records out of time */
    append_old(suite, 3, 100, now_ms);
    struct fl_source source = {suite->topic, 0, 0};
    assert_int_equal(fl_reader_open(suite->journal, &source, 1, &behind), FL_OK);
    assert_int_equal(fl_reader_poll(behind, 1000, 1, &batch), FL_OK);
    maintain_fully(suite, now_ms - hour_ms / 2);
    begins_at(suite, 350);
    assert_int_equal(fl_conformance_end(suite->journal, suite->topic, 0), 380);
    assert_int_equal(fl_reader_open(suite->journal, &source, 1, &reader), FL_LOG_BEHIND);
    assert_true(fl_journal_detail(suite->journal)[0] != '\0');
    assert_int_equal(fl_reader_seek(behind, 0, 0), FL_LOG_BEHIND);
    assert_int_equal(fl_reader_seek(behind, 0, 350), FL_OK);
    fl_conformance_next(behind, &batch);
    assert_int_equal(batch.entries[0].offset, 350);
    fl_reader_close(&behind);
    source.offset = 350;
    assert_int_equal(fl_reader_open(suite->journal, &source, 1, &reader), FL_OK);
    maintain_fully(suite, now_ms + 2 * hour_ms);
    begins_at(suite, 380);
    assert_int_equal(fl_reader_poll(reader, 1000, 1000, &batch), FL_LOG_BEHIND);
    fl_reader_close(&reader);
    assert_int_equal(at_time(suite, 0), 380);
    assert_int_equal(fl_conformance_append(suite->journal, suite->topic, 0, 0, 1), 380);
    fl_conformance_read(suite->journal, suite->topic, 0, 380, 1, NULL, NULL);
}

static void a_topic_over_its_size_loses_its_oldest(void **state)
{
    struct fl_conformance *suite = *state;
    uint64_t begin = 0;
    uint64_t end = 0;
    enum { KEPT_SIZE = 200 * 1000, APPEND_SIZE = 10 * 1000, APPENDS = 60 };
    if (!suite->engine->maintains)
        skip(); /* the broker applies retention when it rolls a segment */
    struct fl_topic_spec spec = {suite->topic, 1, -1, KEPT_SIZE, false};
    ensure(suite, &spec);
    append_old(suite, APPENDS, APPEND_SIZE / 10, wall_ms());
    maintain_fully(suite, wall_ms());
    assert_int_equal(fl_journal_offsets(suite->journal, suite->topic, 0, &begin, &end), FL_OK);
    assert_int_equal(end, APPENDS * 10);
    /* At least what is to be kept stays, and at most one block and the records' overhead more. */
    uint64_t kept = (end - begin) * (APPEND_SIZE / 10);
    assert_true(kept >= KEPT_SIZE - KEPT_SIZE / 20);
    assert_true(kept <= KEPT_SIZE + 2 * APPEND_SIZE);
}

struct compacted {
    unsigned count;
    uint64_t last;
    bool deleted_seen;
    char values[8][16]; /* newest value by key "k0" … "k7" */
};

static void note(void *context, const struct fl_entry *entry)
{
    struct compacted *compacted = context;
    compacted->count++;
    compacted->last = entry->offset;
    if (fl_slice_is(entry->record.key, "deleted"))
        compacted->deleted_seen = true;
    else
        assert_true(fl_slice_to_text(entry->record.value,
                                     compacted->values[entry->record.key.data[1] - '0'], 16));
}

static void append_key(struct fl_conformance *suite, const char *key, const char *value,
                       int64_t time_ms)
{
    uint64_t offset = 0;
    struct fl_record record = fl_conformance_record(key, value);
    record.timestamp_ms = time_ms;
    assert_int_equal(fl_conformance_append_one(suite->journal, suite->topic, &record, &offset),
                     FL_OK);
}

/* The newest record of each key stays at its offset; a tombstone goes a day later. */
static void a_compacted_topic_keeps_the_newest_of_each_key(void **state)
{
    struct fl_conformance *suite = *state;
    enum { KEYS = 8, ROUNDS = 40, NEWEST = KEYS * ROUNDS };
    int64_t now_ms = wall_ms();
    struct fl_topic_spec spec = {suite->topic, 1, -1, -1, true};
    ensure(suite, &spec);
    uint64_t offset = 0;
    struct fl_record no_key = fl_conformance_record(NULL, "v");
    assert_int_equal(fl_conformance_append_one(suite->journal, suite->topic, &no_key, &offset),
                     FL_INVALID);
    for (int i = 0; i < NEWEST; i++) {
        char key[4] = {'k', (char)('0' + i % KEYS)};
        char value[16];
        snprintf(value, sizeof(value), "%d", i);
        append_key(suite, key, value, now_ms);
    }
    append_key(suite, "deleted", "x", now_ms);
    append_key(suite, "deleted", NULL, now_ms);
    append_key(suite, "k0", "last", now_ms);
    assert_int_equal(fl_conformance_end(suite->journal, suite->topic, 0), NEWEST + 3);
    if (!suite->engine->maintains)
        skip(); /* the broker compacts when it rolls a segment */
    maintain_fully(suite, now_ms);
    struct compacted compacted = {.count = 0};
    fl_conformance_read(suite->journal, suite->topic, 0, 0, KEYS + 1, note, &compacted);
    assert_true(compacted.deleted_seen);
    assert_int_equal(compacted.last, NEWEST + 2);
    for (int k = 0; k < KEYS; k++) {
        char value[16];
        snprintf(value, sizeof(value), "%d", NEWEST - KEYS + k);
        assert_string_equal(compacted.values[k], k == 0 ? "last" : value);
    }
    maintain_fully(suite, now_ms + 25 * hour_ms);
    compacted = (struct compacted){.count = 0};
    fl_conformance_read(suite->journal, suite->topic, 0, 0, KEYS, note, &compacted);
    assert_false(compacted.deleted_seen);
    begins_at(suite, 0);
    assert_int_equal(fl_conformance_end(suite->journal, suite->topic, 0), NEWEST + 3);
    assert_int_equal(fl_conformance_append(suite->journal, suite->topic, 0, 0, 1), NEWEST + 3);
    fl_conformance_read(suite->journal, suite->topic, 0, NEWEST + 3, 1, NULL, NULL);
}

const struct CMUnitTest fl_conformance_topic_tests[] = {
    cmocka_unit_test(a_topic_is_made_once_and_described),
    cmocka_unit_test(a_topic_has_1_to_1024_partitions_and_a_plain_name),
    cmocka_unit_test(a_deleted_topic_is_gone_and_begins_anew),
    cmocka_unit_test(a_time_finds_its_first_record),
    cmocka_unit_test(old_records_go_and_a_reader_behind_is_told),
    cmocka_unit_test(a_topic_over_its_size_loses_its_oldest),
    cmocka_unit_test(a_compacted_topic_keeps_the_newest_of_each_key),
};
const size_t fl_conformance_topic_test_count =
    sizeof(fl_conformance_topic_tests) / sizeof(fl_conformance_topic_tests[0]);
