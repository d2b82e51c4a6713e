/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/journal_memory.h"

struct fixture {
    struct fl_memory_log *log;
    struct fl_journal *plain;
    struct fl_journal *faulty;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct fl_topic_spec spec = {"t", 1, -1, -1, false};
    fixture->log = fl_memory_log_open(NULL);
    *state = fixture;
    return fl_memory_log_attach(fixture->log, &fixture->plain) == FL_OK &&
                   fl_memory_log_attach_faulty(fixture->log, 1, &fixture->faulty) == FL_OK &&
                   fl_journal_ensure_topic(fixture->plain, &spec) == FL_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fl_journal_close(&fixture->plain);
    fl_journal_close(&fixture->faulty);
    fl_memory_log_close(&fixture->log);
    free(fixture);
    return 0;
}

static enum fl_error append(struct fl_journal *journal, const char *value, uint64_t *offset)
{
    struct fl_record record = {.value = fl_slice_text(value), .timestamp_ms = 1};
    struct fl_append batch = {"t", 0, 1, &record, FL_OFFSET_NONE, offset};
    return fl_journal_append(journal, &batch, 1);
}

static uint64_t end_of(struct fixture *fixture)
{
    uint64_t begin = 0;
    uint64_t end = 0;
    assert_int_equal(fl_journal_offsets(fixture->plain, "t", 0, &begin, &end), FL_OK);
    return end;
}

/* All values on the log, one letter each. */
static void log_is(struct fixture *fixture, const char *expected)
{
    struct fl_source source = {"t", 0, 0};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    char seen[64] = "";
    size_t size = 0;
    assert_int_equal(fl_reader_open(fixture->plain, &source, 1, &reader), FL_OK);
    assert_int_equal(fl_reader_poll(reader, 0, 1 << 20, &batch), FL_OK);
    for (size_t i = 0; i < batch.count; i++)
        seen[size++] = (char)batch.entries[i].record.value.data[0];
    assert_string_equal(seen, expected);
    fl_reader_close(&reader);
}

static void set(struct fixture *fixture, enum fl_fault_kind kind, int countdown, int repeat)
{
    *fl_fault_of(fixture->faulty, kind) = (struct fl_fault){countdown, repeat, false, 0};
}

static void a_fault_counts_down_strikes_and_is_over(void **state)
{
    struct fixture *fixture = *state;
    uint64_t offset = 0;
    set(fixture, FL_FAULT_UNAVAILABLE, 2, 2);
    static const enum fl_error expected[] = {FL_OK, FL_OK, FL_UNAVAILABLE, FL_UNAVAILABLE, FL_OK};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(append(fixture->faulty, "a", &offset), expected[i]);
    assert_int_equal(fl_fault_count(fixture->faulty, FL_FAULT_UNAVAILABLE), 2);
    log_is(fixture, "aaa");
    set(fixture, FL_FAULT_FULL, 0, -1);
    fl_fault_of(fixture->faulty, FL_FAULT_FULL)->paused = true;
    assert_int_equal(append(fixture->faulty, "b", &offset), FL_OK);
    fl_fault_of(fixture->faulty, FL_FAULT_FULL)->paused = false;
    for (int i = 0; i < 5; i++)
        assert_int_equal(append(fixture->faulty, "c", &offset), FL_FULL);
    fl_faults_pause(fixture->faulty, true);
    assert_int_equal(append(fixture->faulty, "d", &offset), FL_OK);
    assert_int_equal(append(fixture->plain, "e", &offset), FL_OK);
    log_is(fixture, "aaabde");
}

static void acknowledgements_get_lost_and_the_record_is_there_or_not(void **state)
{
    struct fixture *fixture = *state;
    uint64_t offset = 0;
    set(fixture, FL_FAULT_ACK_LOST, 0, 1);
    assert_int_equal(append(fixture->faulty, "a", &offset), FL_UNKNOWN_OUTCOME);
    assert_true(offset == FL_OFFSET_NONE);
    assert_int_equal(end_of(fixture), 1);
    set(fixture, FL_FAULT_APPEND_LOST, 0, 1);
    assert_int_equal(append(fixture->faulty, "b", &offset), FL_UNKNOWN_OUTCOME);
    assert_true(offset == FL_OFFSET_NONE);
    assert_int_equal(end_of(fixture), 1);
    set(fixture, FL_FAULT_OFFSET_UNKNOWN, 0, 1);
    assert_int_equal(append(fixture->faulty, "c", &offset), FL_OK);
    assert_true(offset == FL_OFFSET_NONE);
    set(fixture, FL_FAULT_CONFLICT, 0, 1);
    assert_int_equal(append(fixture->faulty, "d", &offset), FL_CONFLICT);
    log_is(fixture, "ac");
}

/* A record that is under way lands behind what others have appended meanwhile, once. */
static void a_late_record_lands_later_even_without_its_author(void **state)
{
    struct fixture *fixture = *state;
    uint64_t offset = 0;
    set(fixture, FL_FAULT_ACK_LATE, 0, 1);
    assert_int_equal(append(fixture->faulty, "l", &offset), FL_UNKNOWN_OUTCOME);
    fl_journal_close(&fixture->faulty);
    assert_int_equal(append(fixture->plain, "a", &offset), FL_OK);
    bool landed = end_of(fixture) == 2;
    for (int i = 0; i < 20 && !landed; i++)
        landed = end_of(fixture) == 2;
    assert_true(landed);
    fl_memory_log_settle(fixture->log);
    assert_int_equal(end_of(fixture), 2);
    assert_int_equal(fl_memory_log_attach_faulty(fixture->log, 7, &fixture->faulty), FL_OK);
    set(fixture, FL_FAULT_ACK_LATE, 0, 1);
    assert_int_equal(append(fixture->faulty, "z", &offset), FL_UNKNOWN_OUTCOME);
    fl_memory_log_settle(fixture->log);
    assert_int_equal(end_of(fixture), 3);
}

static void records_land_twice_and_a_log_loses_its_tail(void **state)
{
    struct fixture *fixture = *state;
    uint64_t offset = 0;
    set(fixture, FL_FAULT_DUPLICATE, 0, 1);
    assert_int_equal(append(fixture->faulty, "a", &offset), FL_OK);
    assert_int_equal(offset, 0);
    log_is(fixture, "aa");
    for (int i = 0; i < 5; i++)
        assert_int_equal(append(fixture->plain, "b", &offset), FL_OK);
    set(fixture, FL_FAULT_TRUNCATE, 0, 1);
    assert_int_equal(append(fixture->faulty, "c", &offset), FL_OK);
    assert_int_equal(offset, 7);
    assert_true(end_of(fixture) < 8);
    fl_memory_log_truncate(fixture->log, "t", 0, 1);
    log_is(fixture, "a");
}

static void a_reader_of_a_cut_log_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct fl_source source = {"t", 0, 0};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    uint64_t offset = 0;
    for (int i = 0; i < 5; i++)
        assert_int_equal(append(fixture->plain, "a", &offset), FL_OK);
    assert_int_equal(fl_reader_open(fixture->plain, &source, 1, &reader), FL_OK);
    assert_int_equal(fl_reader_poll(reader, 0, 1 << 20, &batch), FL_OK);
    assert_int_equal(batch.count, 5);
    fl_memory_log_truncate(fixture->log, "t", 0, 3);
    assert_int_equal(fl_reader_poll(reader, 0, 1 << 20, &batch), FL_LOG_CHANGED);
    fl_reader_close(&reader);
}

static void reads_fail_and_are_late(void **state)
{
    struct fixture *fixture = *state;
    struct fl_source source = {"t", 0, 0};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    uint64_t offset = 0;
    assert_int_equal(append(fixture->plain, "a", &offset), FL_OK);
    assert_int_equal(fl_reader_open(fixture->faulty, &source, 1, &reader), FL_OK);
    set(fixture, FL_FAULT_READ_FAILED, 0, 1);
    set(fixture, FL_FAULT_READ_DELAYED, 0, 1);
    assert_int_equal(fl_reader_poll(reader, 0, 1 << 20, &batch), FL_UNAVAILABLE);
    assert_int_equal(fl_reader_poll(reader, 0, 1 << 20, &batch), FL_OK);
    assert_int_equal(batch.count, 0);
    assert_false(batch.at_end);
    assert_int_equal(fl_reader_poll(reader, 0, 1 << 20, &batch), FL_OK);
    assert_int_equal(batch.count, 1);
    fl_reader_close(&reader);
}

/* After a crash nothing works on that client any more, and its lease is free. */
static void a_crash_is_final_and_frees_the_lease(void **state)
{
    struct fixture *fixture = *state;
    struct fl_group *dead = NULL;
    struct fl_group *alive = NULL;
    struct fl_source source = {"t", 0, 0};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    uint64_t offset = 0;
    uint64_t begin = 0;
    uint64_t end = 0;
    bool held = false;
    assert_int_equal(fl_reader_open(fixture->faulty, &source, 1, &reader), FL_OK);
    assert_int_equal(fl_group_join(fixture->faulty, "g", "t", &dead), FL_OK);
    assert_int_equal(fl_group_join(fixture->plain, "g", "t", &alive), FL_OK);
    assert_int_equal(fl_group_poll(dead, 0, &held), FL_OK);
    assert_true(held);
    assert_int_equal(fl_group_poll(alive, 0, &held), FL_OK);
    assert_false(held);
    set(fixture, FL_FAULT_CRASH_AFTER, 1, 1);
    assert_int_equal(append(fixture->faulty, "a", &offset), FL_OK);
    assert_false(fl_fault_crashed(fixture->faulty));
    assert_int_equal(append(fixture->faulty, "b", &offset), FL_INTERRUPTED);
    assert_true(fl_fault_crashed(fixture->faulty));
    assert_true(offset == FL_OFFSET_NONE);
    assert_int_equal(append(fixture->faulty, "c", &offset), FL_INTERRUPTED);
    assert_int_equal(fl_reader_poll(reader, 0, 100, &batch), FL_INTERRUPTED);
    assert_int_equal(fl_journal_offsets(fixture->faulty, "t", 0, &begin, &end), FL_INTERRUPTED);
    assert_int_equal(fl_group_commit(dead, 0, 1), FL_INTERRUPTED);
    assert_int_equal(fl_group_poll(alive, 0, &held), FL_OK);
    assert_true(held);
    log_is(fixture, "ab");
    fl_reader_close(&reader);
    fl_group_leave(&dead);
    fl_group_leave(&alive);
}

static void a_crash_before_the_nth_call_leaves_nothing_of_it(void **state)
{
    struct fixture *fixture = *state;
    uint64_t offset = 0;
    set(fixture, FL_FAULT_CRASH, 2, 1);
    assert_int_equal(append(fixture->faulty, "a", &offset), FL_OK);
    assert_int_equal(append(fixture->faulty, "b", &offset), FL_OK);
    assert_int_equal(append(fixture->faulty, "c", &offset), FL_INTERRUPTED);
    log_is(fixture, "ab");
}

/* What happens at 200 appends of a client with many faults, as text. */
static void story(uint64_t seed, char out[201])
{
    struct fl_memory_log *log = fl_memory_log_open(NULL);
    struct fl_journal *journal = NULL;
    struct fl_topic_spec spec = {"t", 1, -1, -1, false};
    assert_int_equal(fl_memory_log_attach_faulty(log, seed, &journal), FL_OK);
    assert_int_equal(fl_journal_ensure_topic(journal, &spec), FL_OK);
    for (int kind = 0; kind < FL_FAULT_CRASH; kind++)
        fl_fault_of(journal, (enum fl_fault_kind)kind)->per_mille = 100;
    for (int i = 0; i < 200; i++) {
        uint64_t offset = 0;
        uint64_t begin = 0;
        uint64_t end = 0;
        enum fl_error error = append(journal, "x", &offset);
        assert_int_equal(fl_journal_offsets(journal, "t", 0, &begin, &end), FL_OK);
        out[i] = (char)('a' + (int)error % 26 + (int)(end % 5));
    }
    out[200] = '\0';
    fl_journal_close(&journal);
    fl_memory_log_close(&log);
}

static void a_seed_tells_the_same_story_again(void **state)
{
    (void)state;
    char first[201];
    char again[201];
    char other[201];
    story(42, first);
    story(42, again);
    story(43, other);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
}

static void an_expected_offset_can_be_ignored_as_on_kafka(void **state)
{
    struct fixture *fixture = *state;
    uint64_t offset = 0;
    struct fl_record record = {.value = FL_SLICE_LITERAL("a"), .timestamp_ms = 1};
    struct fl_append batch = {"t", 0, 1, &record, 5, &offset};
    assert_int_equal(fl_journal_append(fixture->faulty, &batch, 1), FL_CONFLICT);
    fl_memory_log_ignore_expected(fixture->log, true);
    assert_int_equal(fl_journal_append(fixture->faulty, &batch, 1), FL_OK);
    assert_int_equal(offset, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fault_counts_down_strikes_and_is_over),
        TEST(acknowledgements_get_lost_and_the_record_is_there_or_not),
        TEST(a_late_record_lands_later_even_without_its_author),
        TEST(records_land_twice_and_a_log_loses_its_tail),
        TEST(a_reader_of_a_cut_log_is_told),
        TEST(reads_fail_and_are_late),
        TEST(a_crash_is_final_and_frees_the_lease),
        TEST(a_crash_before_the_nth_call_leaves_nothing_of_it),
        TEST(a_seed_tells_the_same_story_again),
        TEST(an_expected_offset_can_be_ignored_as_on_kafka),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
