/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consumers/runner/chain_reader.h"
#include "consumers/runner/fold.h"
#include "core/bytes.h"
#include "core/journal_memory.h"
#include "projections/store/digest.h"
#include "projections/store/parked.h"
#include "tests/unit/scratch.h"
#include "tests/unit/store/sample_log.h"
#include "tests/unit/store/sample_view.h"

enum { PARTITIONS = 3 };

struct fixture {
    struct fl_memory_log *memory;
    struct fl_journal *journal;
    struct sample_log log;
    struct fl_kv *kv;
    char detail[FL_DETAIL_SIZE];
    struct fl_scratch scratch;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->memory = fl_memory_log_open(NULL);
    if (fl_memory_log_attach(fixture->memory, &fixture->journal) != FL_OK)
        return -1;
    sample_log_open(&fixture->log, fixture->journal, PARTITIONS);
    fixture->kv = fl_kv_memory_open();
    fl_scratch_make(&fixture->scratch);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    unsetenv("FLEETLOG_SAMPLE_MENDED");
    fl_scratch_remove(&fixture->scratch);
    fl_kv_memory_close(&fixture->kv);
    sample_log_close(&fixture->log);
    fl_journal_close(&fixture->journal);
    fl_memory_log_close(&fixture->memory);
    free(fixture);
    return 0;
}

static enum fl_error fold_view(struct fixture *fixture, const struct fl_view *view,
                               struct fl_kv *kv)
{
    struct fl_fold_target *targets = NULL;
    size_t count = 0;
    assert_int_equal(fl_fold_target_end(view, fixture->journal, &targets, &count), FL_OK);
    struct fl_fold_options options = {
        .view = view,
        .journal = fixture->journal,
        .sink = fl_fold_sink_kv(kv),
        .targets = targets,
        .target_count = count,
        .detail = fixture->detail,
    };
    enum fl_error error = fl_fold_run(&options);
    free(targets);
    return error;
}

static enum fl_error fold_into(struct fixture *fixture, struct fl_kv *kv)
{
    return fold_view(fixture, &sample_view, kv);
}

static void assert_folds_equal(struct fixture *fixture, struct fl_kv *kv)
{
    struct fl_kv *fresh = fl_kv_memory_open();
    struct fl_difference first;
    assert_int_equal(fold_into(fixture, fresh), FL_OK);
    fl_store_compare(fresh, kv, &sample_view, &first, NULL);
    assert_int_equal(first.kind, FL_DIFFERENCE_NONE);
    fl_kv_memory_close(&fresh);
}

static uint64_t row_count(struct fl_kv *kv, unsigned table)
{
    struct fl_kv_walk walk;
    uint64_t count = 0;
    fl_kv_walk_begin(&walk, kv, table, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk))
        count++;
    return count;
}

static bool latest_is(struct fl_kv *kv, uint32_t device, const char *value)
{
    uint8_t key[4];
    struct fl_slice row;
    fl_put_u32(key, device);
    if (!fl_kv_get(kv, SAMPLE_LATEST, fl_slice_of(key, 4), &row))
        return value == NULL;
    return value != NULL && fl_slice_is(fl_slice_of(row.data + 8, row.size - 8), value);
}

static void a_log_is_folded_to_its_end(void **state)
{
    struct fixture *fixture = *state;
    char id[FL_ID_TEXT_SIZE];
    struct fl_chain_head head;
    sample_log_events(&fixture->log, 5);
    sample_log_report(&fixture->log, 7, "12 V");
    sample_log_report(&fixture->log, 7, "13 V");
    sample_log_report(&fixture->log, 9, "14 V");
    sample_log_subject(&fixture->log, "s/1", "sealed");
    sample_log_subject(&fixture->log, "s/2", "sealed");
    sample_log_subject(&fixture->log, "s/1", NULL);
    assert_int_equal(fold_into(fixture, fixture->kv), FL_OK);
    assert_int_equal(row_count(fixture->kv, SAMPLE_EVENTS), 6);
    assert_int_equal(row_count(fixture->kv, SAMPLE_PEOPLE), 1);
    assert_true(latest_is(fixture->kv, 7, "13 V"));
    assert_true(latest_is(fixture->kv, 9, "14 V"));
    fl_meta_head(fixture->kv, &head);
    assert_int_equal(head.sequence, 6);
    assert_memory_equal(head.hash, fixture->log.head.hash, FL_HASH_SIZE);
    assert_true(fl_meta_log_id(fixture->kv, id));
    assert_string_equal(id, fixture->log.log_id);
    assert_int_equal(fl_meta_position(fixture->kv, FL_TOPIC_TELEMETRY, 1).next, 2);
}

static void a_fold_goes_on_where_it_stood(void **state)
{
    struct fixture *fixture = *state;
    for (int round = 0; round < 4; round++) {
        sample_log_events(&fixture->log, 2);
        sample_log_report(&fixture->log, (uint32_t)round, "10 V");
        assert_int_equal(fold_into(fixture, fixture->kv), FL_OK);
    }
    assert_int_equal(fl_meta_counts(fixture->kv).applied, 9 + 4);
    assert_folds_equal(fixture, fixture->kv);
}

static void void_records_only_count(void **state)
{
    struct fixture *fixture = *state;
    sample_log_event(&fixture->log, "a");
    sample_log_void(&fixture->log);
    sample_log_alarm(&fixture->log);
    sample_log_event(&fixture->log, "b");
    sample_log_void(&fixture->log);
    assert_int_equal(fold_into(fixture, fixture->kv), FL_OK);
    struct fl_meta_counts counts = fl_meta_counts(fixture->kv);
    assert_int_equal(counts.voids, 3);
    assert_int_equal(counts.alarms, 1);
    assert_int_equal(row_count(fixture->kv, SAMPLE_EVENTS), 3);
    assert_int_equal(fl_meta_position(fixture->kv, FL_TOPIC_EVENTS, 0).next, 6);
    sample_log_event(&fixture->log, "c");
    assert_int_equal(fold_into(fixture, fixture->kv), FL_OK);
    assert_int_equal(row_count(fixture->kv, SAMPLE_EVENTS), 4);
}

static void an_unknown_type_is_carried(void **state)
{
    struct fixture *fixture = *state;
    uint64_t sequence = sample_log_unknown_event(&fixture->log);
    struct fl_slice value;
    uint8_t key[8];
    assert_int_equal(fold_into(fixture, fixture->kv), FL_OK);
    fl_put_u64(key, sequence);
    assert_true(fl_kv_get(fixture->kv, SAMPLE_EVENTS, fl_slice_of(key, 8), &value));
    assert_true(fl_slice_is(value, "fleetlog.v1.InventedLater"));
    assert_int_equal(fl_meta_counts(fixture->kv).unknown, 1);
}

static void an_event_that_cannot_be_folded_stops(void **state)
{
    struct fixture *fixture = *state;
    sample_log_event(&fixture->log, "good");
    sample_log_event(&fixture->log, "bad");
    sample_log_event(&fixture->log, "good");
    assert_int_equal(fold_into(fixture, fixture->kv), FL_INVALID);
    assert_non_null(strstr(fixture->detail, "events-0@2"));
    assert_non_null(strstr(fixture->detail, "this event is bad"));
}

static void an_action_that_is_not_the_one_stops(void **state)
{
    struct fixture *fixture = *state;
    sample_log_forged(&fixture->log);
    assert_int_equal(fold_into(fixture, fixture->kv), FL_LOG_CHANGED);
    assert_non_null(strstr(fixture->detail, "actions-0@1"));
}

static void a_reader_version_that_is_too_old_stops(void **state)
{
    struct fixture *fixture = *state;
    struct fl_view view = sample_view;
    sample_log_event(&fixture->log, "old");
    sample_log_newer_event(&fixture->log);
    const uint32_t versions[] = {2, 0}; /* 0: it carries what it does not know */
    for (size_t i = 0; i < 2; i++) {
        struct fl_kv *kv = fl_kv_memory_open();
        view.reader_version = versions[i];
        assert_int_equal(fold_view(fixture, &view, kv), FL_OK);
        fl_kv_memory_close(&kv);
    }
    view.reader_version = 1;
    assert_int_equal(fold_view(fixture, &view, fixture->kv), FL_VERSION);
    assert_non_null(strstr(fixture->detail, "asks for reader version 2"));
}

static void a_log_that_was_cut_is_noticed_at_start(void **state)
{
    struct fixture *fixture = *state;
    sample_log_events(&fixture->log, 5);
    assert_int_equal(fold_into(fixture, fixture->kv), FL_OK);
    fl_memory_log_truncate(fixture->memory, "events", 0, 3);
    assert_int_equal(fold_into(fixture, fixture->kv), FL_LOG_CHANGED);
    assert_non_null(strstr(fixture->detail, "ends at 3"));
}

static void a_log_that_was_cut_and_grew_is_noticed_at_start(void **state)
{
    struct fixture *fixture = *state;
    sample_log_events(&fixture->log, 5);
    assert_int_equal(fold_into(fixture, fixture->kv), FL_OK);
    fl_memory_log_truncate(fixture->memory, "events", 0, 5);
    fl_memory_log_truncate(fixture->memory, "actions", 0, 5);
    sample_log_close(&fixture->log);
    sample_log_open(&fixture->log, fixture->journal, PARTITIONS);
    sample_log_event(&fixture->log, "another");
    assert_int_equal(fold_into(fixture, fixture->kv), FL_LOG_CHANGED);
    assert_non_null(strstr(fixture->detail, "another record"));
}

static void telemetry_that_was_replaced_is_noticed_at_start(void **state)
{
    struct fixture *fixture = *state;
    sample_log_report(&fixture->log, 1, "10 V");
    assert_int_equal(fold_into(fixture, fixture->kv), FL_OK);
    fl_memory_log_truncate(fixture->memory, "telemetry", 1, 0);
    sample_log_report(&fixture->log, 1, "11 V");
    assert_int_equal(fold_into(fixture, fixture->kv), FL_LOG_CHANGED);
    assert_non_null(strstr(fixture->detail, "telemetry-1@0"));
}

static void another_log_is_noticed_by_its_id(void **state)
{
    struct fixture *fixture = *state;
    fl_meta_set_log_id(fixture->kv, "11111111-2222-7333-8444-555555555555");
    assert_int_equal(fold_into(fixture, fixture->kv), FL_LOG_CHANGED);
    assert_non_null(strstr(fixture->detail, "11111111-2222"));
}

/* As a view of telemetry alone does that began before the log's first event was decided. */
static void a_view_without_events_learns_its_log_late(void **state)
{
    struct fixture *fixture = *state;
    struct fl_view view = sample_view;
    struct fl_feed *feed = NULL;
    struct fl_reader *reader = NULL;
    struct fl_batch batch = {0};
    size_t index_of[PARTITIONS + FL_TOPIC_COUNT];
    char log_id[FL_ID_TEXT_SIZE];
    view.inputs = FL_READS_TELEMETRY;
    struct fl_feed_options options = {&view, fixture->journal, 0};
    assert_int_equal(fl_feed_open(&options, fixture->detail, &feed), FL_OK);
    assert_int_equal(fl_feed_load(feed, fixture->kv), FL_OK);
    assert_int_equal(fl_feed_flush(feed, fixture->kv), FL_OK);
    fl_meta_log_id(fixture->kv, log_id);
    assert_string_equal(log_id, ""); /* nothing was read: nothing was asked */
    sample_log_report(&fixture->log, 1, "11 V");
    assert_int_equal(fl_feed_open_reader(feed, NULL, index_of, &reader), FL_OK);
    while (batch.count == 0)
        assert_int_equal(fl_reader_poll(reader, 1000, 1 << 20, &batch), FL_OK);
    assert_int_equal(fl_feed_take(feed, fixture->kv, index_of[batch.entries[0].source],
                                  batch.entries[0].offset, &batch.entries[0].record),
                     FL_OK);
    assert_int_equal(fl_feed_flush(feed, fixture->kv), FL_OK);
    fl_meta_log_id(fixture->kv, log_id);
    assert_true(fl_id_is_valid(fl_slice_text(log_id)));
    fl_reader_close(&reader);
    fl_feed_close(&feed);
}

static void first_void_record_asks_whether_the_head_is_there(void **state)
{
    struct fixture *fixture = *state;
    struct fl_chain_reader *reader = NULL;
    struct fl_chain_item item;
    bool got = false;
    sample_log_events(&fixture->log, 3);
    struct fl_chain_options options = {.journal = fixture->journal, .with_actions = true};
    fl_chain_init(&options.head);
    assert_int_equal(fl_chain_reader_open(&options, 0, fixture->detail, &reader), FL_OK);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(fl_chain_reader_next(reader, 0, &item, &got), FL_OK);
        assert_true(got);
        assert_int_equal(item.verdict, FL_CHAIN_VALID);
        assert_non_null(item.action_message);
        assert_int_equal(item.envelope.sequence, i);
    }
    assert_int_equal(fl_chain_reader_next(reader, 0, &item, &got), FL_OK);
    assert_false(got);
    /* The log loses its last event and grows again in another way. */
    fl_memory_log_truncate(fixture->memory, "events", 0, 3);
    fl_memory_log_truncate(fixture->memory, "actions", 0, 3);
    sample_log_close(&fixture->log);
    sample_log_open(&fixture->log, fixture->journal, PARTITIONS);
    sample_log_event(&fixture->log, "another");
    sample_log_event(&fixture->log, "and one more");
    assert_int_equal(fl_chain_reader_next(reader, 0, &item, &got), FL_LOG_CHANGED);
    assert_non_null(strstr(fl_chain_reader_detail(reader), "events-0@3"));
    fl_chain_reader_close(&reader);
}

static void a_sequence_far_above_the_head_means_lost_events(void **state)
{
    struct fixture *fixture = *state;
    fixture->log.head.sequence = fixture->log.head.action = 1 + FL_BATCH_RECORD_COUNT_MAX;
    sample_log_void(&fixture->log);
    assert_int_equal(fold_into(fixture, fixture->kv), FL_OK);
    fixture->log.head.sequence = fixture->log.head.action = 2 + FL_BATCH_RECORD_COUNT_MAX;
    sample_log_void(&fixture->log);
    assert_int_equal(fold_into(fixture, fixture->kv), FL_LOG_CHANGED);
}

static void mend(struct fixture *fixture)
{
    char path[sizeof(fixture->scratch.path) + 16];
    snprintf(path, sizeof(path), "%s/mended", fixture->scratch.path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    setenv("FLEETLOG_SAMPLE_MENDED", path, 1);
}

static void a_bad_report_parks_its_device_alone(void **state)
{
    struct fixture *fixture = *state;
    char detail[FL_DETAIL_SIZE];
    sample_log_report(&fixture->log, 1, "10 V");
    sample_log_report(&fixture->log, 1, "bad");
    sample_log_report(&fixture->log, 1, "11 V");
    sample_log_report(&fixture->log, 4, "20 V");
    assert_int_equal(fold_into(fixture, fixture->kv), FL_OK);
    assert_true(latest_is(fixture->kv, 1, "10 V"));
    assert_true(latest_is(fixture->kv, 4, "20 V"));
    assert_int_equal(fl_meta_counts(fixture->kv).parked, 2);
    assert_int_equal(fl_meta_position(fixture->kv, FL_TOPIC_TELEMETRY, 1).next, 4);
    assert_true(fl_parked_check(fixture->kv, detail, sizeof(detail)));
    assert_folds_equal(fixture, fixture->kv);
}

static void a_skipped_report_lets_the_others_go_on(void **state)
{
    struct fixture *fixture = *state;
    uint64_t offset = sample_log_report(&fixture->log, 1, "bad");
    sample_log_report(&fixture->log, 1, "11 V");
    sample_log_report(&fixture->log, 1, "bad again");
    sample_log_report(&fixture->log, 1, "12 V");
    assert_int_equal(fold_into(fixture, fixture->kv), FL_OK);
    assert_true(latest_is(fixture->kv, 1, NULL));
    sample_log_decide(&fixture->log, 1, offset, true);
    sample_log_junk_decision(&fixture->log);
    assert_int_equal(fold_into(fixture, fixture->kv), FL_OK);
    assert_true(latest_is(fixture->kv, 1, "11 V"));
    struct fl_meta_counts counts = fl_meta_counts(fixture->kv);
    assert_int_equal(counts.skipped, 1);
    assert_int_equal(counts.malformed, 1);
    assert_int_equal(counts.parked, 2);
    assert_folds_equal(fixture, fixture->kv);
}

static void a_retried_report_needs_a_mended_fold(void **state)
{
    struct fixture *fixture = *state;
    char detail[FL_DETAIL_SIZE];
    uint64_t offset = sample_log_report(&fixture->log, 1, "bad");
    sample_log_report(&fixture->log, 1, "11 V");
    assert_int_equal(fold_into(fixture, fixture->kv), FL_OK);
    sample_log_decide(&fixture->log, 1, offset, false);
    assert_int_equal(fold_into(fixture, fixture->kv), FL_OK);
    assert_int_equal(fl_meta_counts(fixture->kv).parked, 2);
    mend(fixture);
    sample_log_decide(&fixture->log, 1, offset, false);
    assert_int_equal(fold_into(fixture, fixture->kv), FL_OK);
    assert_int_equal(fl_meta_counts(fixture->kv).parked, 0);
    assert_true(latest_is(fixture->kv, 1, "11 V"));
    assert_true(fl_parked_check(fixture->kv, detail, sizeof(detail)));
    assert_folds_equal(fixture, fixture->kv);
}

static void a_fold_stops_at_its_target(void **state)
{
    struct fixture *fixture = *state;
    sample_log_events(&fixture->log, 9);
    for (int i = 0; i < 9; i++)
        sample_log_report(&fixture->log, 1, i < 4 ? "early" : "late");
    struct fl_fold_target targets[] = {{FL_TOPIC_EVENTS, 0, 4}, {FL_TOPIC_TELEMETRY, 1, 3}};
    struct fl_fold_options options = {
        .view = &sample_view,
        .journal = fixture->journal,
        .sink = fl_fold_sink_kv(fixture->kv),
        .targets = targets,
        .target_count = 2,
        .detail = fixture->detail,
    };
    assert_int_equal(fl_fold_run(&options), FL_OK);
    assert_int_equal(row_count(fixture->kv, SAMPLE_EVENTS), 4);
    assert_true(latest_is(fixture->kv, 1, "early"));
    assert_int_equal(fl_meta_position(fixture->kv, FL_TOPIC_EVENTS, 0).next, 4);
    assert_int_equal(fl_meta_position(fixture->kv, FL_TOPIC_TELEMETRY, 1).next, 3);
    targets[0].next = 2;
    assert_int_equal(fl_fold_run(&options), FL_CONFLICT);
}

static void retention_leaves_a_gap_in_telemetry_only(void **state)
{
    struct fixture *fixture = *state;
    struct fl_topic_spec spec = fl_topic_row(FL_TOPIC_TELEMETRY)->spec;
    uint64_t begin = 0;
    uint64_t end = 0;
    sample_log_report(&fixture->log, 1, "10 V");
    assert_int_equal(fold_into(fixture, fixture->kv), FL_OK);
    for (int i = 0; i < 3; i++)
        sample_log_report(&fixture->log, 1, "never read");
    assert_int_equal(
        fl_journal_maintain(fixture->journal, fixture->log.time_ms + spec.retention_ms + 1000),
        FL_OK);
    assert_int_equal(fl_journal_offsets(fixture->journal, "telemetry", 1, &begin, &end), FL_OK);
    assert_int_equal(begin, end);
    sample_log_report(&fixture->log, 1, "12 V");
    assert_int_equal(fold_into(fixture, fixture->kv), FL_OK);
    assert_true(latest_is(fixture->kv, 1, "12 V"));
    struct fl_slice value;
    uint8_t key[14] = {'g', 'T', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1};
    assert_true(fl_kv_get(fixture->kv, FL_STORE_TABLE_META, fl_slice_of(key, 14), &value));
    assert_int_equal(fl_get_u64(value.data), 4);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_log_is_folded_to_its_end),
        TEST(a_fold_goes_on_where_it_stood),
        TEST(void_records_only_count),
        TEST(an_unknown_type_is_carried),
        TEST(an_event_that_cannot_be_folded_stops),
        TEST(an_action_that_is_not_the_one_stops),
        TEST(a_reader_version_that_is_too_old_stops),
        TEST(a_log_that_was_cut_is_noticed_at_start),
        TEST(a_log_that_was_cut_and_grew_is_noticed_at_start),
        TEST(telemetry_that_was_replaced_is_noticed_at_start),
        TEST(another_log_is_noticed_by_its_id),
        TEST(a_view_without_events_learns_its_log_late),
        TEST(first_void_record_asks_whether_the_head_is_there),
        TEST(a_sequence_far_above_the_head_means_lost_events),
        TEST(a_bad_report_parks_its_device_alone),
        TEST(a_skipped_report_lets_the_others_go_on),
        TEST(a_retried_report_needs_a_mended_fold),
        TEST(a_fold_stops_at_its_target),
        TEST(retention_leaves_a_gap_in_telemetry_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
