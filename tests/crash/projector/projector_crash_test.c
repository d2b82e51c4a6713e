/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/crash/projector/world.h"

int world_child(const char *duty, const char *directory)
{
    return strcmp(duty, "project") == 0 ? world_project(directory) : 2;
}

static void dies_at_every_marked_point_and_loses_nothing(void **state)
{
    struct world *world = *state;
    static const char *const points[] = {
        "store.before_first_link",  "store.before_commit",   "store.before_commit:2",
        "store.after_commit",       "store.after_commit:3",  "projector.before_flush",
        "projector.before_flush:3", "projector.after_flush", "projector.after_flush:2",
        "projector.taken",          "projector.taken:100",
    };
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        world_write(world, 200);
        sample_log_event(&world->log, "after it");
        world_start(world, "project", points[i]);
        int status = world_join(world);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            fail_msg("%s was not passed", points[i]);
        world_assert_rows(world);
    }
    world_start(world, "project", NULL);
    assert_true(world_wait_all(world));
    assert_int_equal(world_stop(world), 0);
    world_assert_complete(world);
}

static void dies_at_random_under_writes_and_loses_nothing(void **state)
{
    struct world *world = *state;
    for (int round = 0; round < 12; round++) {
        world_start(world, "project", NULL);
        uint64_t sequence = world->log.head.sequence - 1;
        for (unsigned writes = world_draw(world, 6); writes > 0; writes--)
            world_write(world, 60);
        /* Some event between the last one of the round before and the newest. */
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

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

static int tests(void)
{
    const struct CMUnitTest list[] = {
        TEST(dies_at_every_marked_point_and_loses_nothing),
        TEST(dies_at_random_under_writes_and_loses_nothing),
    };
    return cmocka_run_group_tests(list, NULL, NULL);
}

int main(int argument_count, char **arguments)
{
    return world_main(argument_count, arguments, tests);
}
