/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "projections/store/digest.h"
#include "projections/store/parked.h"
#include "tests/unit/store/sample_view.h"

static int set_up(void **state)
{
    struct fl_kv *kv = fl_kv_memory_open();
    struct fl_meta_identity identity = {FL_STORE_FORMAT, 1, "sample"};
    fl_meta_set_identity(kv, &identity);
    *state = kv;
    return 0;
}

static int tear_down(void **state)
{
    struct fl_kv *kv = *state;
    fl_kv_memory_close(&kv);
    return 0;
}

static void positions_are_kept_apart(void **state)
{
    struct fl_kv *kv = *state;
    char detail[FL_DETAIL_SIZE];
    struct fl_position position = {.next = 8, .last = 7, .last_time_ms = -5};
    memset(position.last_hash, 0xab, sizeof(position.last_hash));
    assert_int_equal(fl_meta_position(kv, FL_TOPIC_TELEMETRY, 3).next, 0);
    assert_true(fl_meta_position(kv, FL_TOPIC_TELEMETRY, 3).last == FL_OFFSET_NONE);
    fl_meta_set_position(kv, FL_TOPIC_TELEMETRY, 3, &position);
    struct fl_position read = fl_meta_position(kv, FL_TOPIC_TELEMETRY, 3);
    assert_int_equal(read.next, 8);
    assert_int_equal(read.last, 7);
    assert_int_equal(read.last_time_ms, -5);
    assert_memory_equal(read.last_hash, position.last_hash, sizeof(read.last_hash));
    assert_int_equal(fl_meta_position(kv, FL_TOPIC_TELEMETRY, 4).next, 0);
    assert_int_equal(fl_meta_position(kv, FL_TOPIC_EVENTS, 3).next, 0);
    assert_true(fl_meta_check(kv, detail, sizeof(detail)));
    position.last = 8;
    fl_meta_set_position(kv, FL_TOPIC_TELEMETRY, 3, &position);
    assert_false(fl_meta_check(kv, detail, sizeof(detail)));
    assert_non_null(strstr(detail, "telemetry-3"));
}

static void a_head_must_fit_the_positions(void **state)
{
    struct fl_kv *kv = *state;
    char detail[FL_DETAIL_SIZE];
    struct fl_chain_head head;
    struct fl_chain_head read;
    fl_meta_head(kv, &read);
    assert_int_equal(read.sequence, 0);
    assert_true(read.offset == FL_OFFSET_NONE);
    fl_chain_init(&head);
    head.sequence = head.action = 4;
    head.offset = 9;
    fl_meta_set_head(kv, &head);
    fl_meta_head(kv, &read);
    assert_int_equal(read.offset, 9);
    assert_false(fl_meta_check(kv, detail, sizeof(detail)));
    struct fl_position events = {.next = 10, .last = 9};
    fl_meta_set_position(kv, FL_TOPIC_EVENTS, 0, &events);
    assert_true(fl_meta_check(kv, detail, sizeof(detail)));
}

static void a_row_of_another_form_is_corrupt(void **state)
{
    struct fl_kv *kv = *state;
    fl_kv_put(kv, FL_STORE_TABLE_META, FL_SLICE_LITERAL("h"), FL_SLICE_LITERAL("short"));
    struct fl_chain_head head;
    fl_meta_head(kv, &head);
    assert_int_equal(kv->error, FL_CORRUPT);
}

static void unknown_types_are_counted_by_name(void **state)
{
    struct fl_kv *kv = *state;
    struct fl_slice value;
    for (int i = 0; i < 3; i++)
        fl_meta_count_unknown(kv, FL_SLICE_LITERAL("fleetlog.v1.Later"));
    assert_true(fl_kv_get(kv, FL_STORE_TABLE_META, FL_SLICE_LITERAL("ufleetlog.v1.Later"), &value));
    assert_int_equal(value.data[7], 3);
}

static void note_gap(void *context, const struct fl_meta_gap *gap)
{
    *(struct fl_meta_gap *)context = *gap;
}

static void gaps_are_remembered(void **state)
{
    struct fl_kv *kv = *state;
    struct fl_meta_gap gap = {FL_TOPIC_TELEMETRY, 5, 100, 250};
    struct fl_meta_gap read = {0};
    fl_meta_add_gap(kv, &gap);
    fl_meta_each_gap(kv, note_gap, &read);
    assert_int_equal(read.partition, 5);
    assert_int_equal(read.from, 100);
    assert_int_equal(read.to, 250);
}

static struct fl_parked_key key_of(const char *text)
{
    return (struct fl_parked_key){FL_TOPIC_TELEMETRY, 1, fl_slice_text(text)};
}

static bool count_entry(void *context, const struct fl_parked_entry *entry)
{
    (void)entry;
    ++*(unsigned *)context;
    return true;
}

static void parked_records_wait_in_order(void **state)
{
    struct fl_kv *kv = *state;
    char detail[FL_DETAIL_SIZE];
    struct fl_parked_record parked;
    struct fl_parked_key a = key_of("a");
    struct fl_parked_key ab = key_of("ab");
    struct fl_record record = {.key = a.key, .value = FL_SLICE_LITERAL("v7"), .timestamp_ms = 70};
    struct fl_record later = {.key = a.key, .value = FL_SLICE_NULL, .timestamp_ms = 90};
    fl_parked_add(kv, &a, 9, &later, false);
    assert_false(fl_parked_check(kv, detail, sizeof(detail)));
    fl_parked_add(kv, &a, 7, &record, true);
    fl_parked_set_reason(kv, FL_TOPIC_TELEMETRY, 1, 7, FL_INVALID, "no number");
    assert_false(fl_parked_has(kv, &ab));
    assert_true(fl_parked_check(kv, detail, sizeof(detail)));
    assert_true(fl_parked_first(kv, &a, &parked));
    assert_int_equal(parked.offset, 7);
    assert_true(parked.failed);
    assert_true(fl_slice_is(parked.record.value, "v7"));
    assert_int_equal(parked.record.timestamp_ms, 70);
    uint8_t bytes[FL_KEY_SIZE_MAX];
    struct fl_parked_key found;
    assert_true(fl_parked_find(kv, FL_TOPIC_TELEMETRY, 1, 9, bytes, &found));
    assert_true(fl_slice_is(found.key, "a"));
    unsigned count = 0;
    fl_parked_each(kv, count_entry, &count);
    assert_int_equal(count, 2);
    fl_parked_remove(kv, &a, 7);
    assert_true(fl_parked_first(kv, &a, &parked));
    assert_int_equal(parked.offset, 9);
    assert_null(parked.record.value.data);
    fl_parked_remove(kv, &a, 9);
    assert_false(fl_parked_has(kv, &a));
    assert_int_equal(fl_meta_counts(kv).parked, 0);
    assert_true(fl_parked_check(kv, detail, sizeof(detail)));
    assert_int_equal(kv->error, FL_OK);
}

static void decisions_are_kept_by_offset(void **state)
{
    struct fl_kv *kv = *state;
    assert_int_equal(fl_parked_decision(kv, FL_TOPIC_TELEMETRY, 0, 4), FL_PARKED_UNDECIDED);
    fl_parked_decide(kv, FL_TOPIC_TELEMETRY, 0, 4, FL_PARKED_RETRY);
    fl_parked_decide(kv, FL_TOPIC_TELEMETRY, 0, 4, FL_PARKED_SKIP);
    assert_int_equal(fl_parked_decision(kv, FL_TOPIC_TELEMETRY, 0, 4), FL_PARKED_SKIP);
    assert_int_equal(fl_parked_decision(kv, FL_TOPIC_SUBJECTS, 0, 4), FL_PARKED_UNDECIDED);
}

static void a_full_parked_table_is_refused(void **state)
{
    struct fl_kv *kv = *state;
    struct fl_parked_key a = key_of("a");
    struct fl_record record = {.key = a.key, .value = FL_SLICE_LITERAL("v")};
    struct fl_meta_counts counts = {.parked = FL_PARKED_COUNT_MAX - 1};
    fl_meta_set_counts(kv, &counts);
    fl_parked_add(kv, &a, 1, &record, true);
    assert_int_equal(kv->error, FL_OK);
    fl_parked_add(kv, &a, 2, &record, false);
    assert_int_equal(kv->error, FL_FULL);
}

static void put(struct fl_kv *kv, unsigned table, const char *key, const char *value)
{
    fl_kv_put(kv, table, fl_slice_text(key), fl_slice_text(value));
}

static void digests_cover_rows_and_not_counts(void **state)
{
    struct fl_kv *kv = *state;
    struct fl_kv *other = fl_kv_memory_open();
    struct fl_digest a;
    struct fl_digest b;
    struct fl_difference first;
    struct fl_difference_counts counts[SAMPLE_TABLE_COUNT + 1];
    put(kv, SAMPLE_LATEST, "k", "v");
    put(other, SAMPLE_LATEST, "k", "v");
    put(kv, SAMPLE_MET, "met", "1");
    put(other, SAMPLE_MET, "met", "2");
    fl_meta_set_log_id(kv, "11111111-2222-7333-8444-555555555555");
    fl_store_digest(kv, &sample_view, &a);
    fl_store_digest(other, &sample_view, &b);
    assert_true(fl_digest_equal(&a, &b));
    assert_int_equal(a.table_count, SAMPLE_TABLE_COUNT);
    fl_store_compare(kv, other, &sample_view, &first, counts);
    assert_int_equal(first.kind, FL_DIFFERENCE_NONE);
    put(other, SAMPLE_LATEST, "k", "w");
    put(other, SAMPLE_LATEST, "l", "w");
    put(kv, SAMPLE_EVENTS, "gone", "w");
    fl_store_digest(other, &sample_view, &b);
    assert_false(fl_digest_equal(&a, &b));
    fl_store_compare(kv, other, &sample_view, &first, counts);
    assert_int_equal(first.kind, FL_DIFFERENCE_MISSING);
    assert_string_equal(first.table, "events");
    assert_memory_equal(first.key, "gone", 4);
    assert_int_equal(counts[SAMPLE_LATEST].changed, 1);
    assert_int_equal(counts[SAMPLE_LATEST].added, 1);
    assert_int_equal(counts[SAMPLE_EVENTS].missing, 1);
    fl_kv_memory_close(&other);
}

static void a_parked_record_is_part_of_the_digest(void **state)
{
    struct fl_kv *kv = *state;
    struct fl_digest a;
    struct fl_digest b;
    struct fl_parked_key key = key_of("a");
    struct fl_record record = {.key = key.key, .value = FL_SLICE_LITERAL("v")};
    fl_store_digest(kv, &sample_view, &a);
    fl_parked_add(kv, &key, 1, &record, true);
    fl_store_digest(kv, &sample_view, &b);
    assert_false(fl_digest_equal(&a, &b));
    fl_parked_set_reason(kv, FL_TOPIC_TELEMETRY, 1, 1, FL_INVALID, "other words");
    fl_store_digest(kv, &sample_view, &a);
    assert_true(fl_digest_equal(&a, &b));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(positions_are_kept_apart),
        TEST(a_head_must_fit_the_positions),
        TEST(a_row_of_another_form_is_corrupt),
        TEST(unknown_types_are_counted_by_name),
        TEST(gaps_are_remembered),
        TEST(parked_records_wait_in_order),
        TEST(decisions_are_kept_by_offset),
        TEST(a_full_parked_table_is_refused),
        TEST(digests_cover_rows_and_not_counts),
        TEST(a_parked_record_is_part_of_the_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
