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

#include "core/journal_engine.h"
#include "core/port.h"
#include "core/wait.h"
#include "producers/gateway/submit.h"

enum { DEADLINE_MS = 30000, RECORD_COUNT_MAX = FL_SUBMIT_COUNT_MAX };

/* A journal that appends nothing until its gate is opened, and then ends every append with
 * `error`. */
struct gated {
    struct fl_journal base;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_open;
    enum fl_error error;
    uint64_t appended;
};

struct fixture {
    struct gated journal;
    struct fl_later *later;
    struct fl_submitter *submitter;
};

static enum fl_error append(struct fl_journal *base, const struct fl_append *batches,
                            size_t batch_count)
{
    struct gated *journal = (struct gated *)base;
    pthread_mutex_lock(&journal->lock);
    while (!journal->is_open)
        fl_condition_wait(&journal->changed, &journal->lock);
    enum fl_error error = journal->error;
    for (size_t b = 0; error == FL_OK && b < batch_count; b++)
        for (uint32_t i = 0; i < batches[b].count; i++)
            batches[b].offsets[i] = journal->appended++;
    pthread_mutex_unlock(&journal->lock);
    return error;
}

static const struct fl_journal_ops gated_ops = {.name = "gated", .append = append};

static void set_gate(struct fixture *fixture, bool is_open, enum fl_error error)
{
    pthread_mutex_lock(&fixture->journal.lock);
    fixture->journal.is_open = is_open;
    fixture->journal.error = error;
    pthread_cond_broadcast(&fixture->journal.changed);
    pthread_mutex_unlock(&fixture->journal.lock);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    fixture->journal.base.ops = &gated_ops;
    pthread_mutex_init(&fixture->journal.lock, NULL);
    fl_condition_init(&fixture->journal.changed);
    fixture->later = fl_later_open();
    return fl_submitter_open(&fixture->journal.base, fixture->later, &fixture->submitter);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    set_gate(fixture, true, FL_OK);
    fl_submitter_close(&fixture->submitter);
    fl_later_close(&fixture->later);
    pthread_mutex_destroy(&fixture->journal.lock);
    pthread_cond_destroy(&fixture->journal.changed);
    free(fixture);
    return 0;
}

static int64_t in_ms(int64_t ms)
{
    return fl_port_monotonic_ms(fl_port_system()) + ms;
}

static struct fl_later_key key_of(unsigned number, const char *account_id)
{
    struct fl_later_key key;
    snprintf(key.id, sizeof(key.id), "0198c0de-0000-7000-8000-%012u", number);
    snprintf(key.account_id, sizeof(key.account_id), "%s", account_id);
    return key;
}

static enum fl_error submit(struct fixture *fixture, const struct fl_later_key *key,
                            int64_t wait_ms, uint64_t *offset)
{
    struct fl_record record = {
        .key = FL_SLICE_LITERAL("k"), .value = FL_SLICE_LITERAL("v"), .timestamp_ms = 1};
    struct fl_submission submission = {
        .topic = "actions", .count = 1, .records = &record, .offsets = offset};
    return fl_submit_until(fixture->submitter, &submission, 1, key, in_ms(wait_ms));
}

static enum fl_later_state find(struct fixture *fixture, const struct fl_later_key *key)
{
    uint64_t offset = 0;
    return fl_later_find(fixture->later, fl_slice_text(key->id), FL_SLICE_NULL, &offset);
}

/* Ends with whatever the append ended with; the caller of a submission left behind learns it so. */
static enum fl_later_state await_end(struct fixture *fixture, const struct fl_later_key *key)
{
    int64_t deadline_ms = in_ms(DEADLINE_MS);
    enum fl_later_state state;
    do
        state = find(fixture, key);
    while (state == FL_LATER_ON_ITS_WAY && in_ms(0) < deadline_ms);
    return state;
}

static void in_time_the_offset_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct fl_later_key key = key_of(1, "");
    uint64_t offset = FL_OFFSET_NONE;
    set_gate(fixture, true, FL_OK);
    assert_int_equal(submit(fixture, &key, DEADLINE_MS, &offset), FL_OK);
    assert_int_equal(offset, 0);
    assert_int_equal(find(fixture, &key), FL_LATER_NONE);
    set_gate(fixture, true, FL_FULL);
    assert_int_equal(submit(fixture, &key, DEADLINE_MS, &offset), FL_FULL);
    assert_int_equal(find(fixture, &key), FL_LATER_NONE);
}

static void what_is_left_goes_on_and_its_end_is_remembered(void **state)
{
    static const struct {
        enum fl_error error;
        enum fl_later_state end;
    } cases[] = {{FL_OK, FL_LATER_ON_THE_LOG},
                 {FL_UNAVAILABLE, FL_LATER_NOT_TAKEN},
                 {FL_FULL, FL_LATER_NOT_TAKEN},
                 {FL_UNKNOWN_OUTCOME, FL_LATER_IN_DOUBT}};
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fl_later_key key = key_of(i, "");
        uint64_t offset = 77;
        set_gate(fixture, false, FL_OK);
        assert_int_equal(submit(fixture, &key, 1, &offset), FL_TIMEOUT);
        assert_int_equal(offset, 77);
        assert_int_equal(find(fixture, &key), FL_LATER_ON_ITS_WAY);
        set_gate(fixture, true, cases[i].error);
        assert_int_equal(await_end(fixture, &key), cases[i].end);
    }
}

/* The same id asked for again: as long as one try is open nobody is told that it was not taken. */
static void of_several_tries_the_best_counts(void **state)
{
    struct fixture *fixture = *state;
    struct fl_later_key key = key_of(1, "");
    uint64_t offset = 0;
    assert_true(fl_later_begin(fixture->later, &key));
    assert_true(fl_later_begin(fixture->later, &key));
    fl_later_end(fixture->later, &key, FL_UNAVAILABLE, FL_OFFSET_NONE);
    assert_int_equal(find(fixture, &key), FL_LATER_ON_ITS_WAY);
    fl_later_end(fixture->later, &key, FL_OK, 5);
    assert_int_equal(find(fixture, &key), FL_LATER_ON_THE_LOG);
    assert_int_equal(fl_later_find(fixture->later, fl_slice_text(key.id), FL_SLICE_NULL, &offset),
                     FL_LATER_ON_THE_LOG);
    assert_int_equal(offset, 5);
    assert_true(fl_later_begin(fixture->later, &key));
    assert_int_equal(find(fixture, &key), FL_LATER_ON_THE_LOG);
    fl_later_end(fixture->later, &key, FL_UNAVAILABLE, FL_OFFSET_NONE);
    assert_int_equal(find(fixture, &key), FL_LATER_ON_THE_LOG);
}

static void an_account_sees_its_own(void **state)
{
    static const char mine[] = "0198c0de-0000-7000-8000-0000000000aa";
    struct fixture *fixture = *state;
    struct fl_later_key key = key_of(1, mine);
    struct fl_slice id = fl_slice_text(key.id);
    assert_true(fl_later_begin(fixture->later, &key));
    uint64_t offset = 0;
    assert_int_equal(fl_later_find(fixture->later, id, fl_slice_text(mine), &offset),
                     FL_LATER_ON_ITS_WAY);
    assert_int_equal(fl_later_find(fixture->later, id, fl_slice_text(""), &offset), FL_LATER_NONE);
    assert_int_equal(fl_later_find(fixture->later, id, fl_slice_text(key.id), &offset),
                     FL_LATER_NONE);
    assert_int_equal(find(fixture, &key), FL_LATER_ON_ITS_WAY);
    fl_later_end(fixture->later, &key, FL_OK, 0);
}

static void what_ended_longest_ago_is_forgotten_first(void **state)
{
    struct fixture *fixture = *state;
    struct fl_later_key open = key_of(0, "");
    assert_true(fl_later_begin(fixture->later, &open));
    for (unsigned i = 1; i <= FL_LATER_COUNT_MAX; i++) {
        struct fl_later_key key = key_of(i, "");
        assert_true(fl_later_begin(fixture->later, &key));
        fl_later_end(fixture->later, &key, FL_UNAVAILABLE, FL_OFFSET_NONE);
    }
    struct fl_later_key first = key_of(1, "");
    struct fl_later_key second = key_of(2, "");
    assert_int_equal(find(fixture, &open), FL_LATER_ON_ITS_WAY);
    assert_int_equal(find(fixture, &first), FL_LATER_NONE);
    assert_int_equal(find(fixture, &second), FL_LATER_NOT_TAKEN);
    fl_later_end(fixture->later, &open, FL_OK, 0);
}

/* Below the limit and at it a caller may leave; above it nothing more is taken in. */
static void only_so_many_go_on_without_a_caller(void **state)
{
    struct fixture *fixture = *state;
    struct fl_later_key last = key_of(FL_SUBMIT_LEFT_COUNT_MAX, "");
    for (unsigned i = 0; i < FL_SUBMIT_LEFT_COUNT_MAX; i++) {
        struct fl_later_key key = key_of(i, "");
        assert_int_equal(submit(fixture, &key, 0, NULL), FL_TIMEOUT);
    }
    assert_int_equal(submit(fixture, &last, DEADLINE_MS, NULL), FL_UNAVAILABLE);
    assert_int_equal(find(fixture, &last), FL_LATER_NONE);
    set_gate(fixture, true, FL_OK);
    struct fl_later_key before = key_of(FL_SUBMIT_LEFT_COUNT_MAX - 1, "");
    assert_int_equal(await_end(fixture, &before), FL_LATER_ON_THE_LOG);
    assert_int_equal(submit(fixture, &last, DEADLINE_MS, NULL), FL_OK);
    assert_int_equal(fl_submitter_appended(fixture->submitter, "actions"),
                     FL_SUBMIT_LEFT_COUNT_MAX + 1);
}

/* The queue is full of what others wait for: by the deadline it is certain that nothing was sent.
 */
static void a_full_queue_refuses_by_the_deadline(void **state)
{
    struct fixture *fixture = *state;
    static struct fl_record records[RECORD_COUNT_MAX];
    struct fl_later_key key = key_of(1, "");
    for (unsigned i = 0; i < RECORD_COUNT_MAX; i++)
        records[i] = (struct fl_record){.value = FL_SLICE_LITERAL("v"), .timestamp_ms = 1};
    struct fl_submission one = {.topic = "telemetry", .count = 1, .records = records};
    struct fl_submission all = {
        .topic = "telemetry", .count = RECORD_COUNT_MAX, .records = records};
    /* The first is being sent, the second fills the queue. */
    assert_int_equal(fl_submit_until(fixture->submitter, &one, 1, NULL, in_ms(1)), FL_TIMEOUT);
    assert_int_equal(fl_submit_until(fixture->submitter, &all, 1, NULL, in_ms(DEADLINE_MS / 30)),
                     FL_TIMEOUT);
    assert_int_equal(submit(fixture, &key, 1, NULL), FL_UNAVAILABLE);
    assert_int_equal(find(fixture, &key), FL_LATER_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_time_the_offset_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_left_goes_on_and_its_end_is_remembered, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(of_several_tries_the_best_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_account_sees_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_ended_longest_ago_is_forgotten_first, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(only_so_many_go_on_without_a_caller, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_queue_refuses_by_the_deadline, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
