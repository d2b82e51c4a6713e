/* SPDX-License-Identifier: Apache-2.0 */
/* The projector on a real broker, which is killed and started again under it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/crash/projector/world.h"
#include "tests/integration/kafka_support.h"

int world_child(const char *duty, const char *directory)
{
    return strcmp(duty, "project") == 0 ? world_project(directory) : 2;
}

static int set_up(void **state)
{
    char prefix[64];
    kafka_prefix(prefix, sizeof(prefix));
    setenv("FLEETLOG_WORLD_PREFIX", prefix, 1);
    return world_set_up(state);
}

static int tear_down(void **state)
{
    int result = world_tear_down(state);
    unsetenv("FLEETLOG_WORLD_PREFIX");
    return result;
}

static void an_own_write_can_be_read_soon(void **state)
{
    struct world *world = *state;
    world_start(world, "project", NULL);
    for (int i = 0; i < 3; i++)
        assert_true(world_wait(world, sample_log_event(&world->log, "renamed")));
    world_write(world, 100);
    assert_true(world_wait_all(world));
    assert_int_equal(world_stop(world), 0);
    world_assert_complete(world);
}

static void killed_at_random_it_loses_nothing(void **state)
{
    struct world *world = *state;
    for (int round = 0; round < 3; round++) {
        uint64_t sequence = world->log.head.sequence - 1;
        world_start(world, "project", NULL);
        world_write(world, 60);
        sequence += world_draw(world, (unsigned)(world->log.head.sequence - sequence));
        assert_true(world_wait(world, sequence));
        assert_true(WIFSIGNALED(world_kill(world)));
        world_assert_rows(world);
    }
    world_start(world, "project", NULL);
    assert_true(world_wait_all(world));
    assert_int_equal(world_stop(world), 0);
    world_assert_complete(world);
}

static void a_broker_that_dies_and_comes_back_costs_nothing(void **state)
{
    struct world *world = *state;
    world_start(world, "project", NULL);
    world_write(world, 60);
    assert_true(world_wait_all(world));
    kafka_ctl("kill", 0);
    kafka_ctl("restart", 0);
    world_write(world, 60);
    assert_true(world_wait(world, sample_log_event(&world->log, "after the restart")));
    assert_true(world_wait_all(world));
    assert_int_equal(world_stop(world), 0);
    world_assert_complete(world);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static int tests(void)
{
    const struct CMUnitTest list[] = {
        TEST(an_own_write_can_be_read_soon),
        TEST(killed_at_random_it_loses_nothing),
        TEST(a_broker_that_dies_and_comes_back_costs_nothing),
    };
    return kafka_is_there() ? cmocka_run_group_tests(list, NULL, NULL) : KAFKA_SKIPPED;
}

int main(int argument_count, char **arguments)
{
    return world_main(argument_count, arguments, tests);
}
