/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/port.h"
#include "tests/conformance/conformance.h"

static const uint8_t binary[] = {0, 1, 0xff, 0, 0x80, '\n'};

static void check_copy(void *context, const struct fl_entry *entry)
{
    const struct fl_record **next = context;
    const struct fl_record *sent = (*next)++;
    const struct fl_record *got = &entry->record;
    assert_true(fl_slice_equal(sent->key, got->key));
    assert_true(fl_slice_equal(sent->value, got->value));
    assert_int_equal(sent->timestamp_ms, got->timestamp_ms);
    assert_int_equal(sent->header_count, got->header_count);
    for (uint32_t i = 0; i < sent->header_count; i++) {
        assert_true(fl_slice_equal(sent->headers[i].name, got->headers[i].name));
        assert_true(fl_slice_equal(sent->headers[i].value, got->headers[i].value));
    }
}

/* NULL and empty differ, header order and repeated names stay, bytes are bytes. */
static void every_byte_comes_back(void **state)
{
    struct fl_conformance *suite = *state;
    const struct fl_header headers[] = {
        {FL_SLICE_LITERAL("z"), FL_SLICE_LITERAL("first")},
        {FL_SLICE_LITERAL("a"), FL_SLICE_NULL},
        {FL_SLICE_LITERAL("z"), FL_SLICE_LITERAL("again")},
        {FL_SLICE_LITERAL("empty"), FL_SLICE_LITERAL("")},
        {FL_SLICE_LITERAL("bytes"), {binary, sizeof(binary)}},
    };
    int64_t now_ms = fl_port_wall_ms(fl_port_system());
    const struct fl_record records[] = {
        {FL_SLICE_LITERAL("key"), FL_SLICE_LITERAL("value"), headers, 5, now_ms},
        {FL_SLICE_NULL, FL_SLICE_LITERAL("no key"), NULL, 0, now_ms - 1000},
        {FL_SLICE_LITERAL(""), FL_SLICE_LITERAL("empty key"), headers, 1, now_ms + 1000},
        {FL_SLICE_LITERAL("no value"), FL_SLICE_NULL, headers + 3, 2, now_ms},
        {FL_SLICE_LITERAL("empty value"), FL_SLICE_LITERAL(""), NULL, 0, 1},
        {FL_SLICE_NULL, FL_SLICE_NULL, NULL, 0, now_ms},
        {{binary, sizeof(binary)}, {binary, sizeof(binary)}, headers + 1, 1, now_ms},
    };
    enum { COUNT = sizeof(records) / sizeof(records[0]) };
    uint64_t offsets[COUNT];
    const struct fl_record *next = records;
    fl_conformance_topic(suite, suite->topic, 1);
    struct fl_append batch = {.topic = suite->topic,
                              .count = COUNT,
                              .records = records,
                              .expected_offset = FL_OFFSET_NONE,
                              .offsets = offsets};
    assert_int_equal(fl_journal_append(suite->journal, &batch, 1), FL_OK);
    for (uint64_t i = 0; i < COUNT; i++)
        assert_int_equal(offsets[i], i);
    fl_conformance_read(suite->journal, suite->topic, 0, 0, COUNT, check_copy, &next);
    assert_ptr_equal(next, records + COUNT);
}

/* `record` is refused with FL_TOO_LARGE, a sentence, and nothing appended. */
static void is_too_large(struct fl_conformance *suite, const struct fl_record *record)
{
    uint64_t offset = 0;
    uint64_t end = fl_conformance_end(suite->journal, suite->topic, 0);
    assert_int_equal(fl_conformance_append_one(suite->journal, suite->topic, record, &offset),
                     FL_TOO_LARGE);
    assert_int_equal(offset, FL_OFFSET_NONE);
    assert_true(fl_journal_detail(suite->journal)[0] != '\0');
    assert_int_equal(fl_conformance_end(suite->journal, suite->topic, 0), end);
}

static void is_taken(struct fl_conformance *suite, const struct fl_record *record)
{
    uint64_t offset = FL_OFFSET_NONE;
    const struct fl_record *next = record;
    assert_int_equal(fl_conformance_append_one(suite->journal, suite->topic, record, &offset),
                     FL_OK);
    assert_true(offset != FL_OFFSET_NONE);
    fl_conformance_read(suite->journal, suite->topic, 0, offset, 1, check_copy, &next);
}

static void limits_of_a_record_hold_at_and_above(void **state)
{
    struct fl_conformance *suite = *state;
    uint8_t *bytes = malloc(FL_RECORD_SIZE_MAX + 1);
    struct fl_header headers[FL_HEADER_COUNT_MAX + 1];
    memset(bytes, 'x', FL_RECORD_SIZE_MAX + 1);
    for (int i = 0; i <= FL_HEADER_COUNT_MAX; i++)
        headers[i] = (struct fl_header){FL_SLICE_LITERAL("h"), FL_SLICE_LITERAL("v")};
    fl_conformance_topic(suite, suite->topic, 1);
    struct fl_record plain = fl_conformance_record("k", "v");

    struct fl_record record = plain;
    record.key = fl_slice_of(bytes, FL_KEY_SIZE_MAX);
    is_taken(suite, &record);
    record.key.size++;
    is_too_large(suite, &record);

    record = plain;
    record.headers = headers;
    record.header_count = FL_HEADER_COUNT_MAX;
    is_taken(suite, &record);
    record.header_count++;
    is_too_large(suite, &record);

    record.header_count = 1;
    headers[0].name = fl_slice_of(bytes, FL_HEADER_NAME_SIZE_MAX);
    is_taken(suite, &record);
    headers[0].name.size++;
    is_too_large(suite, &record);

    headers[0] = (struct fl_header){FL_SLICE_LITERAL("h"), {bytes, FL_HEADER_VALUE_SIZE_MAX}};
    is_taken(suite, &record);
    headers[0].value.size++;
    is_too_large(suite, &record);

    record = plain;
    record.value = fl_slice_of(bytes, FL_RECORD_SIZE_MAX - record.key.size);
    is_taken(suite, &record);
    record.value.size++;
    is_too_large(suite, &record);
    free(bytes);
}

static void limits_of_a_batch_hold_at_and_above(void **state)
{
    struct fl_conformance *suite = *state;
    enum { COUNT = FL_BATCH_RECORD_COUNT_MAX };
    enum { BIG_COUNT = FL_BATCH_SIZE_MAX / FL_RECORD_SIZE_MAX };
    struct fl_record *records = calloc(COUNT + 1, sizeof(*records));
    uint64_t *offsets = calloc(COUNT + 1, sizeof(*offsets));
    uint8_t *bytes = calloc(1, FL_RECORD_SIZE_MAX);
    fl_conformance_topic(suite, suite->topic, 1);
    for (int i = 0; i <= COUNT; i++)
        records[i] = fl_conformance_record(NULL, "v");
    struct fl_append batch = {.topic = suite->topic,
                              .count = COUNT,
                              .records = records,
                              .expected_offset = FL_OFFSET_NONE,
                              .offsets = offsets};
    assert_int_equal(fl_journal_append(suite->journal, &batch, 1), FL_OK);
    assert_int_equal(offsets[COUNT - 1], COUNT - 1);
    batch.count++;
    assert_int_equal(fl_journal_append(suite->journal, &batch, 1), FL_TOO_LARGE);
    assert_int_equal(offsets[0], FL_OFFSET_NONE);
    for (int i = 0; i < BIG_COUNT + 1; i++)
        records[i].value = fl_slice_of(bytes, FL_RECORD_SIZE_MAX);
    batch.count = BIG_COUNT;
    assert_int_equal(fl_journal_append(suite->journal, &batch, 1), FL_OK);
    records[BIG_COUNT].value.size = 1;
    batch.count = BIG_COUNT + 1;
    assert_int_equal(fl_journal_append(suite->journal, &batch, 1), FL_TOO_LARGE);
    assert_int_equal(fl_conformance_end(suite->journal, suite->topic, 0), COUNT + BIG_COUNT);
    free(bytes);
    free(offsets);
    free(records);
}

static void check_number(void *context, const struct fl_entry *entry)
{
    unsigned *next = context;
    char text[16];
    snprintf(text, sizeof(text), "%u", (*next)++);
    assert_true(fl_slice_is(entry->record.value, text));
    assert_true(fl_slice_is(entry->record.key, text));
}

/* One call: two partitions of one topic and another topic; each keeps its order, each gets dense
 * offsets. */
static void one_call_appends_to_several_partitions_and_topics(void **state)
{
    struct fl_conformance *suite = *state;
    enum { COUNT = 300, BATCHES = 4 };
    char other[80];
    char texts[COUNT][16];
    struct fl_record records[COUNT];
    uint64_t offsets[BATCHES][COUNT];
    snprintf(other, sizeof(other), "%s-other", suite->topic);
    fl_conformance_topic(suite, suite->topic, 3);
    fl_conformance_topic(suite, other, 1);
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%u", i);
        records[i] = fl_conformance_record(texts[i], texts[i]);
    }
    struct fl_append batches[BATCHES] = {
        {suite->topic, 2, COUNT, records, FL_OFFSET_NONE, offsets[0]},
        {other, 0, COUNT, records, FL_OFFSET_NONE, offsets[1]},
        {suite->topic, 0, COUNT / 2, records, FL_OFFSET_NONE, offsets[2]},
        {suite->topic, 0, COUNT / 2, records + COUNT / 2, FL_OFFSET_NONE, offsets[3]},
    };
    assert_int_equal(fl_journal_append(suite->journal, batches, BATCHES), FL_OK);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(offsets[0][i], i);
        assert_int_equal(offsets[1][i], i);
        assert_int_equal(offsets[2 + i / (COUNT / 2)][i % (COUNT / 2)], i);
    }
    for (unsigned b = 0; b < 3; b++) {
        unsigned next = 0;
        fl_conformance_read(suite->journal, batches[b].topic, batches[b].partition, 0, COUNT,
                            check_number, &next);
    }
    assert_int_equal(fl_conformance_end(suite->journal, suite->topic, 1), 0);
    assert_int_equal(fl_journal_append(suite->journal, NULL, 0), FL_OK);
}

/* Several appends under way at once, ended in any order: they stand in the order of their begin. */
static void appends_begun_one_after_the_other_land_in_that_order(void **state)
{
    struct fl_conformance *suite = *state;
    enum { COUNT = 200, BATCHES = 5, ALL = COUNT * BATCHES };
    static char texts[ALL][16];
    static struct fl_record records[ALL];
    static uint64_t offsets[ALL];
    struct fl_append batches[BATCHES];
    struct fl_pending_append *pending[BATCHES];
    unsigned next = 0;
    fl_conformance_topic(suite, suite->topic, 1);
    for (unsigned i = 0; i < ALL; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%u", i);
        records[i] = fl_conformance_record(texts[i], texts[i]);
    }
    for (unsigned b = 0; b < BATCHES; b++) {
        batches[b] = (struct fl_append){
            suite->topic, 0, COUNT, records + b * COUNT, (uint64_t)b * COUNT, offsets + b * COUNT};
        assert_int_equal(fl_journal_append_begin(suite->journal, &batches[b], 1, &pending[b]),
                         FL_OK);
    }
    for (unsigned b = BATCHES; b-- > 0;) {
        assert_int_equal(fl_journal_append_end(&pending[b]), FL_OK);
        assert_null(pending[b]);
    }
    for (unsigned i = 0; i < ALL; i++)
        assert_int_equal(offsets[i], i);
    fl_conformance_read(suite->journal, suite->topic, 0, 0, ALL, check_number, &next);
    assert_int_equal(next, ALL);
}

/* What cannot be appended is refused at the begin, and nothing is under way. */
static void a_bad_record_is_refused_before_its_append_begins(void **state)
{
    struct fl_conformance *suite = *state;
    struct fl_pending_append *pending = NULL;
    uint64_t offset = 0;
    struct fl_record record = fl_conformance_record("k", "v");
    fl_conformance_topic(suite, suite->topic, 1);
    record.timestamp_ms = -1;
    struct fl_append batch = {suite->topic, 0, 1, &record, FL_OFFSET_NONE, &offset};
    assert_int_equal(fl_journal_append_begin(suite->journal, &batch, 1, &pending), FL_INVALID);
    assert_null(pending);
    assert_int_equal(offset, FL_OFFSET_NONE);
    assert_int_equal(fl_conformance_end(suite->journal, suite->topic, 0), 0);
}

/* embedded and memory: FL_CONFLICT, nothing of that batch, the other one lands. kafka: ignored. */
static void an_expected_offset_is_checked_where_the_engine_can(void **state)
{
    struct fl_conformance *suite = *state;
    uint64_t offsets[2] = {7, 7};
    fl_conformance_topic(suite, suite->topic, 2);
    struct fl_record record = fl_conformance_record("k", "v");
    struct fl_append batches[2] = {
        {suite->topic, 0, 1, &record, 0, &offsets[0]},
        {suite->topic, 1, 1, &record, 5, &offsets[1]},
    };
    bool checks = suite->engine->checks_expected_offset;
    assert_int_equal(fl_journal_append(suite->journal, batches, 2), checks ? FL_CONFLICT : FL_OK);
    assert_int_equal(offsets[0], 0);
    assert_int_equal(offsets[1], checks ? FL_OFFSET_NONE : 0);
    assert_int_equal(fl_conformance_end(suite->journal, suite->topic, 1), checks ? 0 : 1);
    assert_int_equal(fl_journal_append(suite->journal, batches, 1), checks ? FL_CONFLICT : FL_OK);
    batches[0].expected_offset = checks ? 1 : 2;
    assert_int_equal(fl_journal_append(suite->journal, batches, 1), FL_OK);
    assert_int_equal(offsets[0], checks ? 1 : 2);
}

static void times_far_in_the_future_are_refused(void **state)
{
    struct fl_conformance *suite = *state;
    uint64_t offset = 0;
    fl_conformance_topic(suite, suite->topic, 1);
    struct fl_record record = fl_conformance_record("k", "v");
    record.timestamp_ms += FL_ACTION_AHEAD_MS_MAX - 10000;
    assert_int_equal(fl_conformance_append_one(suite->journal, suite->topic, &record, &offset),
                     FL_OK);
    record.timestamp_ms += 20000;
    assert_int_equal(fl_conformance_append_one(suite->journal, suite->topic, &record, &offset),
                     FL_INVALID);
    assert_int_equal(offset, FL_OFFSET_NONE);
    record.timestamp_ms = -1;
    assert_int_equal(fl_conformance_append_one(suite->journal, suite->topic, &record, &offset),
                     FL_INVALID);
    assert_int_equal(fl_conformance_end(suite->journal, suite->topic, 0), 1);
}

static void what_is_not_there_is_not_found(void **state)
{
    struct fl_conformance *suite = *state;
    uint64_t offset = 0;
    struct fl_record record = fl_conformance_record("k", "v");
    assert_int_equal(fl_conformance_append_one(suite->journal, "missing", &record, &offset),
                     FL_NOT_FOUND);
    assert_int_equal(offset, FL_OFFSET_NONE);
    fl_conformance_topic(suite, suite->topic, 2);
    struct fl_append batch = {suite->topic, 2, 1, &record, FL_OFFSET_NONE, &offset};
    assert_int_equal(fl_journal_append(suite->journal, &batch, 1), FL_NOT_FOUND);
    assert_int_equal(offset, FL_OFFSET_NONE);
}

enum { WRITER_COUNT = 4, APPEND_COUNT = 40, RECORD_COUNT = 25 };

struct writer {
    struct fl_conformance *suite;
    unsigned number;
    pthread_t thread;
};

/* Record values: writer * 1 000 000 + running number. */
static void *append_in_thread(void *argument)
{
    const struct writer *writer = argument;
    for (unsigned i = 0; i < APPEND_COUNT; i++)
        fl_conformance_append(writer->suite->journal, writer->suite->topic, 0,
                              writer->number * 1000000 + i * RECORD_COUNT, RECORD_COUNT);
    return NULL;
}

struct seen {
    unsigned next[WRITER_COUNT + 1]; /* expected number by writer */
    uint64_t offset;
    unsigned last_writer;
    bool contiguous;
};

static void check_writer_order(void *context, const struct fl_entry *entry)
{
    struct seen *seen = context;
    uint64_t value = 0;
    assert_true(fl_slice_to_u64(entry->record.value, &value));
    unsigned writer = (unsigned)(value / 1000000);
    unsigned number = (unsigned)(value % 1000000);
    assert_true(writer <= WRITER_COUNT);
    assert_int_equal(entry->offset, seen->offset++);
    assert_int_equal(number, seen->next[writer]++);
    if (seen->contiguous && number % RECORD_COUNT != 0)
        assert_int_equal(writer, seen->last_writer);
    seen->last_writer = writer;
}

static void threads_append_at_once_and_nothing_is_lost_or_mixed(void **state)
{
    struct fl_conformance *suite = *state;
    struct writer writers[WRITER_COUNT];
    struct seen seen = {.contiguous = suite->engine->batches_are_contiguous};
    fl_conformance_topic(suite, suite->topic, 1);
    for (unsigned w = 0; w < WRITER_COUNT; w++) {
        writers[w] = (struct writer){.suite = suite, .number = w};
        assert_int_equal(pthread_create(&writers[w].thread, NULL, append_in_thread, &writers[w]),
                         0);
    }
    for (unsigned w = 0; w < WRITER_COUNT; w++)
        pthread_join(writers[w].thread, NULL);
    fl_conformance_read(suite->journal, suite->topic, 0, 0,
                        (size_t)WRITER_COUNT * APPEND_COUNT * RECORD_COUNT, check_writer_order,
                        &seen);
}

static void processes_append_at_once_and_nothing_is_lost(void **state)
{
    struct fl_conformance *suite = *state;
    int children[WRITER_COUNT];
    struct seen seen = {.contiguous = false};
    if (suite->engine->child_argument == NULL)
        skip(); /* this log lives in one process by contract */
    fl_conformance_topic(suite, suite->topic, 1);
    for (unsigned w = 0; w < WRITER_COUNT; w++) {
        char first[16];
        snprintf(first, sizeof(first), "%u", w * 1000000);
        children[w] = fl_conformance_spawn(suite, "append", suite->topic, first, "50");
    }
    fl_conformance_append(suite->journal, suite->topic, 0, WRITER_COUNT * 1000000, 50);
    for (unsigned w = 0; w < WRITER_COUNT; w++)
        assert_int_equal(fl_conformance_wait(children[w]), 0);
    fl_conformance_read(suite->journal, suite->topic, 0, 0, (WRITER_COUNT + 1) * 50,
                        check_writer_order, &seen);
    assert_int_equal(fl_conformance_end(suite->journal, suite->topic, 0), (WRITER_COUNT + 1) * 50);
}

const struct CMUnitTest fl_conformance_append_tests[] = {
    cmocka_unit_test(every_byte_comes_back),
    cmocka_unit_test(limits_of_a_record_hold_at_and_above),
    cmocka_unit_test(limits_of_a_batch_hold_at_and_above),
    cmocka_unit_test(one_call_appends_to_several_partitions_and_topics),
    cmocka_unit_test(appends_begun_one_after_the_other_land_in_that_order),
    cmocka_unit_test(a_bad_record_is_refused_before_its_append_begins),
    cmocka_unit_test(an_expected_offset_is_checked_where_the_engine_can),
    cmocka_unit_test(times_far_in_the_future_are_refused),
    cmocka_unit_test(what_is_not_there_is_not_found),
    cmocka_unit_test(threads_append_at_once_and_nothing_is_lost_or_mixed),
    cmocka_unit_test(processes_append_at_once_and_nothing_is_lost),
};
const size_t fl_conformance_append_test_count =
    sizeof(fl_conformance_append_tests) / sizeof(fl_conformance_append_tests[0]);
