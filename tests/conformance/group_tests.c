/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/port.h"
#include "tests/conformance/conformance.h"

static int64_t now_ms(void)
{
    return fl_port_monotonic_ms(fl_port_system());
}

static struct fl_group *join(struct fl_conformance *suite)
{
    struct fl_group *member = NULL;
    enum fl_error error = fl_group_join(suite->journal, suite->topic, suite->topic, &member);
    if (error != FL_OK)
        fail_msg("join: %s: %s", fl_error_name(error), fl_journal_detail(suite->journal));
    return member;
}

/* Polls until the member holds the lease, serving `other` meanwhile (it may be NULL). */
static void wait_held(struct fl_conformance *suite, struct fl_group *member, struct fl_group *other)
{
    int64_t deadline_ms = now_ms() + suite->engine->lease_takeover_ms + FL_CONFORMANCE_DEADLINE_MS;
    bool held = false;
    bool other_held = false;
    while (!held) {
        assert_true(now_ms() < deadline_ms);
        assert_int_equal(fl_group_poll(member, 100, &held), FL_OK);
        if (other != NULL)
            assert_int_equal(fl_group_poll(other, 0, &other_held), FL_OK);
        assert_false(held && other_held);
    }
}

static void one_member_holds_the_lease_and_its_cursor_is_kept(void **state)
{
    struct fl_conformance *suite = *state;
    uint64_t offset = 0;
    fl_conformance_topic(suite, suite->topic, 1);
    fl_conformance_append(suite->journal, suite->topic, 0, 0, 100);
    struct fl_group *member = join(suite);
    wait_held(suite, member, NULL);
    bool held = false;
    int64_t start_ms = now_ms();
    assert_int_equal(fl_group_poll(member, 150, &held), FL_OK); /* no change comes */
    assert_true(held);
    assert_true(now_ms() - start_ms >= 150);
    assert_int_equal(fl_group_cursor(member, 0, &offset), FL_NOT_FOUND);
    assert_int_equal(fl_group_commit(member, 0, 42), FL_OK);
    assert_int_equal(fl_group_cursor(member, 0, &offset), FL_OK);
    assert_int_equal(offset, 42);
    assert_int_equal(fl_group_commit(member, 0, 41), FL_OK); /* a cursor may go back */
    fl_group_leave(&member);
    assert_null(member);
    fl_group_leave(&member);
    member = join(suite);
    wait_held(suite, member, NULL);
    assert_int_equal(fl_group_cursor(member, 0, &offset), FL_OK);
    assert_int_equal(offset, 41);
    fl_group_leave(&member);
}

static void a_second_member_waits_and_follows(void **state)
{
    struct fl_conformance *suite = *state;
    bool held = true;
    fl_conformance_topic(suite, suite->topic, 1);
    struct fl_group *first = join(suite);
    wait_held(suite, first, NULL);
    struct fl_group *second = join(suite);
    assert_int_equal(fl_group_poll(second, 50, &held), FL_OK);
    assert_false(held);
    assert_int_equal(fl_group_commit(second, 0, 1), FL_DENIED);
    assert_int_equal(fl_group_commit(first, 0, 2), FL_OK);
    fl_group_leave(&first);
    wait_held(suite, second, NULL);
    assert_int_equal(fl_group_commit(second, 0, 3), FL_OK);
    fl_group_leave(&second);
}

struct holder {
    struct fl_conformance *suite;
    struct fl_group *member;
};

static void *leave(void *argument)
{
    struct holder *holder = argument;
    fl_group_leave(&holder->member);
    return NULL;
}

/* The waiter blocks in one poll and must be woken by the release, not by looking again. */
static void a_release_wakes_the_waiter(void **state)
{
    struct fl_conformance *suite = *state;
    enum { ROUNDS = 20, LONG_MS = 60000 };
    pthread_t thread;
    if (suite->engine->child_argument != NULL && suite->engine->lease_takeover_ms > 0)
        skip(); /* a broker's group changes hands with its heartbeats: the test above covers it */
    fl_conformance_topic(suite, suite->topic, 1);
    int64_t start_ms = now_ms();
    for (int i = 0; i < ROUNDS; i++) {
        bool held = false;
        struct holder holder = {suite, join(suite)};
        wait_held(suite, holder.member, NULL);
        struct fl_group *waiter = join(suite);
        assert_int_equal(fl_group_poll(waiter, 0, &held), FL_OK);
        assert_false(held);
        assert_int_equal(pthread_create(&thread, NULL, leave, &holder), 0);
        assert_int_equal(fl_group_poll(waiter, LONG_MS, &held), FL_OK);
        pthread_join(thread, NULL);
        assert_true(held);
        fl_group_leave(&waiter);
    }
    assert_true(now_ms() - start_ms < ROUNDS * 500);
}

static void groups_of_other_names_do_not_meet(void **state)
{
    struct fl_conformance *suite = *state;
    struct fl_group *other = NULL;
    uint64_t offset = 0;
    char name[80];
    snprintf(name, sizeof(name), "%s-other", suite->topic);
    fl_conformance_topic(suite, suite->topic, 1);
    struct fl_group *member = join(suite);
    assert_int_equal(fl_group_join(suite->journal, name, suite->topic, &other), FL_OK);
    wait_held(suite, member, NULL);
    wait_held(suite, other, NULL);
    assert_int_equal(fl_group_commit(member, 0, 5), FL_OK);
    assert_int_equal(fl_group_cursor(other, 0, &offset), FL_NOT_FOUND);
    fl_group_leave(&other);
    fl_group_leave(&member);
}

/* Another process holds the lease and is killed: the waiter gets it, with the cursor. */
static void a_killed_holder_is_followed(void **state)
{
    struct fl_conformance *suite = *state;
    uint64_t offset = 0;
    bool held = true;
    char told = 0;
    int ends[2];
    char argument[16];
    if (suite->engine->child_argument == NULL)
        skip(); /* this log lives in one process by contract */
    fl_conformance_topic(suite, suite->topic, 1);
    assert_int_equal(pipe(ends), 0);
    snprintf(argument, sizeof(argument), "%d", ends[1]);
    int child = fl_conformance_spawn(suite, "hold", suite->topic, suite->topic, argument);
    close(ends[1]);
    assert_int_equal(read(ends[0], &told, 1), 1);
    struct fl_group *member = join(suite);
    assert_int_equal(fl_group_poll(member, 50, &held), FL_OK);
    assert_false(held);
    assert_int_equal(kill(child, SIGKILL), 0);
    int64_t start_ms = now_ms();
    wait_held(suite, member, NULL);
    assert_true(now_ms() - start_ms < suite->engine->lease_takeover_ms + 10000);
    assert_int_equal(fl_conformance_wait(child), -SIGKILL);
    assert_int_equal(fl_group_cursor(member, 0, &offset), FL_OK);
    assert_int_equal(offset, 17);
    fl_group_leave(&member);
    close(ends[0]);
}

const struct CMUnitTest fl_conformance_group_tests[] = {
    cmocka_unit_test(one_member_holds_the_lease_and_its_cursor_is_kept),
    cmocka_unit_test(a_second_member_waits_and_follows),
    cmocka_unit_test(a_release_wakes_the_waiter),
    cmocka_unit_test(groups_of_other_names_do_not_meet),
    cmocka_unit_test(a_killed_holder_is_followed),
};
const size_t fl_conformance_group_test_count =
    sizeof(fl_conformance_group_tests) / sizeof(fl_conformance_group_tests[0]);
