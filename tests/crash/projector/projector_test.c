/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "consumers/runner/lag.h"
#include "projections/store/store.h"
#include "tests/crash/projector/world.h"

int world_child(const char *duty, const char *directory)
{
    return strcmp(duty, "project") == 0 ? world_project(directory) : 2;
}

static void an_own_write_can_be_read_at_once(void **state)
{
    struct world *world = *state;
    world_start(world, "project", NULL);
    for (int i = 0; i < 5; i++)
        assert_true(world_wait(world, sample_log_event(&world->log, "renamed")));
    sample_log_report(&world->log, 5, "230 V");
    assert_true(world_wait_all(world));
    assert_int_equal(world_stop(world), 0);
    world_assert_complete(world);
}

static void a_stop_commits_what_was_taken(void **state)
{
    struct world *world = *state;
    world_write(world, 300);
    world_start(world, "project", NULL);
    assert_true(world_wait(world, 0));
    world_write(world, 100);
    assert_int_equal(world_stop(world), 0);
    world_assert_rows(world);
    world_start(world, "project", NULL);
    assert_true(world_wait_all(world));
    assert_int_equal(world_stop(world), 0);
    world_assert_complete(world);
}

static void a_second_projector_is_refused(void **state)
{
    struct world *world = *state;
    world_start(world, "project", NULL);
    assert_true(world_wait(world, 0));
    pid_t first = world->child;
    int first_ready = world->ready;
    world->child = 0;
    world_start(world, "project", NULL);
    assert_int_equal(WEXITSTATUS(world_join(world)), FL_LOCKED);
    world->child = first;
    world->ready = first_ready;
    assert_int_equal(world_stop(world), 0);
}

static void a_bad_event_stops_it_behind_the_one_before(void **state)
{
    struct world *world = *state;
    uint64_t last = sample_log_event(&world->log, "good");
    uint64_t bad = sample_log_event(&world->log, "bad");
    world_start(world, "project", NULL);
    assert_int_equal(WEXITSTATUS(world_join(world)), FL_INVALID);
    struct fl_chain_head head;
    assert_int_equal(fl_store_reader_head(world->reader, &head), FL_OK);
    assert_int_equal(head.sequence, last + 1);
    assert_int_equal(head.sequence, bad);
}

static void a_full_map_stops_it_and_a_larger_one_lets_it_go_on(void **state)
{
    struct world *world = *state;
    char value[3000];
    char key[16];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    setenv("FLEETLOG_SAMPLE_MAP_SIZE", "204800", 1);
    for (int i = 0; i < 60; i++) {
        snprintf(key, sizeof(key), "s/%d", i);
        sample_log_subject(&world->log, key, value);
    }
    world_start(world, "project", NULL);
    assert_int_equal(WEXITSTATUS(world_join(world)), FL_FULL);
    unsetenv("FLEETLOG_SAMPLE_MAP_SIZE");
    world_assert_rows(world);
    world_start(world, "project", NULL);
    assert_true(world_wait_all(world));
    assert_int_equal(world_stop(world), 0);
    world_assert_complete(world);
}

struct seen_lag {
    unsigned count;
    struct fl_lag lag;
    enum fl_error error;
};

static bool see_lag(void *context, const struct fl_lag *lag, enum fl_error error)
{
    struct seen_lag *seen = context;
    seen->count++;
    seen->lag = *lag;
    seen->lag.sources = NULL;
    seen->error = error;
    return true;
}

static void lag_counts_from_the_rows_position(void **state)
{
    struct world *world = *state;
    struct seen_lag seen = {0};
    sample_log_events(&world->log, 4);
    world_start(world, "project", NULL);
    assert_true(world_wait_all(world));
    assert_int_equal(world_stop(world), 0);
    fl_store_reader_close(&world->reader);
    assert_int_equal(fl_lag_each(world->views, world->journal, fl_port_system(), see_lag, &seen),
                     FL_OK);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.error, FL_OK);
    assert_string_equal(seen.lag.view, "sample");
    assert_string_equal(seen.lag.version, "1-1");
    assert_int_equal(seen.lag.sequence, 5);
    assert_int_equal(seen.lag.behind_count, 0);
    assert_int_equal(seen.lag.behind_ms, 0);
    assert_true(seen.lag.heartbeat_age_ms >= 0 && seen.lag.heartbeat_age_ms < WORLD_DEADLINE_MS);
    assert_int_not_equal(seen.lag.process, 0);
    sample_log_events(&world->log, 3);
    sample_log_report(&world->log, 1, "late");
    assert_int_equal(fl_lag_each(world->views, world->journal, fl_port_system(), see_lag, &seen),
                     FL_OK);
    assert_int_equal(seen.lag.behind_count, 4);
    assert_true(seen.lag.behind_ms > 0); /* the sample's records are an hour old */
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

static int tests(void)
{
    const struct CMUnitTest list[] = {
        TEST(an_own_write_can_be_read_at_once),
        TEST(a_stop_commits_what_was_taken),
        TEST(a_second_projector_is_refused),
        TEST(a_bad_event_stops_it_behind_the_one_before),
        TEST(a_full_map_stops_it_and_a_larger_one_lets_it_go_on),
        TEST(lag_counts_from_the_rows_position),
    };
    return cmocka_run_group_tests(list, NULL, NULL);
}

int main(int argument_count, char **arguments)
{
    return world_main(argument_count, arguments, tests);
}
