/* SPDX-License-Identifier: Apache-2.0 */
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
#include <unistd.h>

#include "core/bytes.h"
#include "projections/store/store.h"
#include "replay/rebuild/check.h"
#include "replay/rebuild/rebuild.h"
#include "tests/crash/projector/world.h"

/* What a rebuild's process answers with: an error, or this plus the outcome. */
enum { OUTCOME = 100 };

struct cancel {
    int left; /* reports until it breaks off; -1: never */
};

static bool on_progress(void *context, const struct fl_rebuild_progress *progress)
{
    struct cancel *cancel = context;
    (void)progress;
    return cancel->left < 0 || cancel->left-- > 0;
}

static int run_rebuild(const char *duty, const char *directory)
{
    char views[FL_SCRATCH_PATH_SIZE + 8];
    char detail[FL_DETAIL_SIZE];
    struct fl_journal *journal = NULL;
    struct fl_view view = sample_view_of_environment();
    struct cancel cancel = {strstr(duty, "cancel") != NULL ? 2 : -1};
    static struct fl_rebuild_result result;
    snprintf(views, sizeof(views), "%s/views", directory);
    struct fl_rebuild_options options = {
        .view = &view,
        .views_directory = views,
        .port = fl_port_system(),
        .map_size = UINT64_C(1) << 30,
        .accept = strstr(duty, "accept") != NULL,
        .afresh = strstr(duty, "afresh") != NULL,
        .rollback = strstr(duty, "rollback") != NULL,
        .progress = on_progress,
        .context = &cancel,
    };
    enum fl_error error = world_open_journal(directory, &journal);
    options.journal = journal;
    if (error == FL_OK)
        error = fl_rebuild(&options, &result, detail);
    if (error != FL_OK && error != FL_INTERRUPTED)
        printf("rebuild: %s: %s\n", fl_error_name(error), detail);
    if (error == FL_OK && result.outcome == FL_REBUILD_DIFFERS)
        printf("differs: %s\n", result.first.table);
    fl_journal_close(&journal);
    return error == FL_OK ? OUTCOME + (int)result.outcome : (int)error;
}

int world_child(const char *duty, const char *directory)
{
    if (strncmp(duty, "rebuild", 7) == 0)
        return run_rebuild(duty, directory);
    return strcmp(duty, "project") == 0 ? world_project(directory) : 2;
}

/* Runs a rebuild in a process of its own, beside a projector or not; its exit code. */
static int rebuild(struct world *world, const char *duty, const char *fault, bool writing)
{
    struct world beside = *world;
    beside.child = 0;
    world_start(&beside, duty, fault);
    siginfo_t info = {0};
    while (writing && waitid(P_PID, (id_t)beside.child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0)
        world_write(world, 5);
    int status = world_join(&beside);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void assert_current(struct world *world, const char *expected)
{
    struct fl_versions versions;
    char current[FL_VERSION_NAME_SIZE];
    assert_int_equal(fl_versions_open(&versions, world->views, "sample", false), FL_OK);
    assert_int_equal(fl_versions_read(&versions, FL_LINK_CURRENT, current), FL_OK);
    assert_string_equal(current, expected);
}

static void assert_no_request(struct world *world)
{
    struct fl_versions versions;
    assert_int_equal(fl_versions_open(&versions, world->views, "sample", false), FL_OK);
    assert_int_equal(fl_versions_stamp(&versions, FL_LINK_WANTED), 0);
    assert_int_equal(fl_versions_stamp(&versions, FL_LINK_BUILDING), 0);
}

static void fill(struct world *world, unsigned count)
{
    world_write(world, count);
    world_start(world, "project", NULL);
    assert_true(world_wait_all(world));
}

static void switches_under_live_writes_and_readers_follow(void **state)
{
    struct world *world = *state;
    fill(world, 400);
    assert_int_equal(rebuild(world, "rebuild", NULL, true), OUTCOME + FL_REBUILD_SWITCHED);
    assert_current(world, "1-2");
    assert_no_request(world);
    assert_true(world_wait(world, sample_log_event(&world->log, "after the switch")));
    assert_true(world_wait_all(world));
    assert_int_equal(world_stop(world), 0);
    world_assert_complete(world);

    world_start(world, "project", NULL);
    assert_int_equal(rebuild(world, "rebuild rollback", NULL, true), OUTCOME + FL_REBUILD_SWITCHED);
    assert_current(world, "1-1");
    assert_true(world_wait_all(world));
    assert_int_equal(world_stop(world), 0);
    world_assert_complete(world);
}

static void switches_alone_where_no_writer_runs(void **state)
{
    struct world *world = *state;
    assert_int_equal(rebuild(world, "rebuild", NULL, false), FL_NOT_FOUND);
    fill(world, 100);
    assert_int_equal(world_stop(world), 0);
    assert_int_equal(rebuild(world, "rebuild rollback", NULL, false), FL_NOT_FOUND);
    assert_int_equal(rebuild(world, "rebuild", NULL, false), OUTCOME + FL_REBUILD_SWITCHED);
    assert_int_equal(rebuild(world, "rebuild", NULL, false), OUTCOME + FL_REBUILD_SWITCHED);
    assert_current(world, "1-3");
    world_assert_complete(world);
    char path[sizeof(world->views) + 16];
    snprintf(path, sizeof(path), "%s/sample/1-1", world->views);
    assert_int_equal(access(path, F_OK), -1);
}

static void rows_that_differ_are_no_switch(void **state)
{
    struct world *world = *state;
    sample_log_events(&world->log, 5);
    fill(world, 50);
    setenv("FLEETLOG_SAMPLE", "wrong", 1);
    assert_int_equal(rebuild(world, "rebuild", NULL, false), OUTCOME + FL_REBUILD_DIFFERS);
    assert_int_equal(rebuild(world, "rebuild accept", NULL, false), OUTCOME + FL_REBUILD_DIFFERS);
    assert_current(world, "1-1");
    unsetenv("FLEETLOG_SAMPLE");
    assert_int_equal(rebuild(world, "rebuild afresh", NULL, false), OUTCOME + FL_REBUILD_SWITCHED);
    assert_int_equal(world_stop(world), 0);
    world_assert_complete(world);
}

static void a_newer_fold_has_to_be_accepted(void **state)
{
    struct world *world = *state;
    fill(world, 60);
    assert_int_equal(world_stop(world), 0);
    setenv("FLEETLOG_SAMPLE", "2", 1);
    assert_int_equal(rebuild(world, "rebuild", NULL, false), OUTCOME + FL_REBUILD_NOT_ACCEPTED);
    assert_current(world, "1-1");
    world_start(world, "project", NULL);
    assert_int_equal(WEXITSTATUS(world_join(world)), FL_VERSION);
    assert_int_equal(rebuild(world, "rebuild accept", NULL, false), OUTCOME + FL_REBUILD_SWITCHED);
    assert_current(world, "2-2");
    world_use_view(world, "2");
    fill(world, 20);
    assert_int_equal(world_stop(world), 0);
    world_assert_complete(world);
}

static void the_next_program_takes_a_newer_fold_over(void **state)
{
    struct world *world = *state;
    fill(world, 60);
    setenv("FLEETLOG_SAMPLE", "2", 1);
    assert_int_equal(rebuild(world, "rebuild accept", NULL, true), OUTCOME + FL_REBUILD_WAITS);
    assert_current(world, "1-1");
    assert_true(world_wait(world, sample_log_event(&world->log, "the old one goes on")));
    assert_int_equal(world_stop(world), 0);
    world_use_view(world, "2");
    fill(world, 20);
    assert_current(world, "2-2");
    assert_no_request(world);
    assert_int_equal(world_stop(world), 0);
    world_assert_complete(world);
}

static void a_rebuild_broken_off_leaves_the_view_and_goes_on(void **state)
{
    struct world *world = *state;
    fill(world, 100);
    assert_int_equal(rebuild(world, "rebuild cancel", NULL, true), FL_INTERRUPTED);
    assert_current(world, "1-1");
    assert_int_equal(rebuild(world, "rebuild", NULL, true), OUTCOME + FL_REBUILD_SWITCHED);
    assert_current(world, "1-2");
    assert_true(world_wait_all(world));
    assert_int_equal(world_stop(world), 0);
    world_assert_complete(world);
}

static void killed_anywhere_it_is_run_again(void **state)
{
    struct world *world = *state;
    static const char *const points[] = {"fold.before_commit", "fold.after_commit:2",
                                         "rebuild.folded", "rebuild.compared", "rebuild.asked"};
    fill(world, 100);
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        assert_int_equal(rebuild(world, "rebuild", points[i], true), -SIGKILL);
        assert_true(world_wait(world, sample_log_event(&world->log, "the view goes on")));
        assert_int_equal(rebuild(world, "rebuild", NULL, true), OUTCOME + FL_REBUILD_SWITCHED);
    }
    assert_true(world_wait_all(world));
    assert_int_equal(world_stop(world), 0);
    world_assert_complete(world);
}

static void a_writer_killed_at_the_switch_leaves_one_version_in_force(void **state)
{
    struct world *world = *state;
    static const char *const points[] = {"store.before_switch", "store.after_switch"};
    fill(world, 100);
    assert_int_equal(world_stop(world), 0);
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        world_start(world, "project", points[i]);
        /* The writer dies in the switch; the rebuild then finds none and switches by itself. */
        assert_int_equal(rebuild(world, "rebuild", NULL, true), OUTCOME + FL_REBUILD_SWITCHED);
        assert_true(WIFSIGNALED(world_join(world)));
        world_assert_rows(world);
    }
    fill(world, 10);
    assert_int_equal(world_stop(world), 0);
    world_assert_complete(world);
}

static void check_names_what_is_broken(void **state)
{
    struct world *world = *state;
    struct fl_check_result result;
    struct fl_store *store = NULL;
    uint8_t key[8];
    sample_log_events(&world->log, 3);
    fill(world, 30);
    assert_int_equal(world_stop(world), 0);
    fl_store_reader_close(&world->reader);
    assert_int_equal(fl_check_view(world->views, &sample_view, world->scratch.path, &result),
                     FL_OK);
    assert_true(result.good);
    assert_string_equal(result.version, "1-1");
    struct fl_store_options options = {
        .views_directory = world->views, .view = &sample_view, .port = fl_port_system()};
    assert_int_equal(fl_store_open_writer(&options, &store), FL_OK);
    assert_int_equal(fl_store_begin(store), FL_OK);
    fl_put_u64(key, 2);
    assert_true(fl_kv_del(fl_store_kv(store), SAMPLE_EVENTS, fl_slice_of(key, 8)));
    assert_int_equal(fl_store_commit(store), FL_OK);
    fl_store_close(&store);
    assert_int_equal(fl_check_view(world->views, &sample_view, world->scratch.path, &result),
                     FL_OK);
    assert_false(result.good);
    assert_string_equal(result.broken, "event 2 is missing");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

static int tests(void)
{
    const struct CMUnitTest list[] = {
        TEST(switches_under_live_writes_and_readers_follow),
        TEST(switches_alone_where_no_writer_runs),
        TEST(rows_that_differ_are_no_switch),
        TEST(a_newer_fold_has_to_be_accepted),
        TEST(the_next_program_takes_a_newer_fold_over),
        TEST(a_rebuild_broken_off_leaves_the_view_and_goes_on),
        TEST(killed_anywhere_it_is_run_again),
        TEST(a_writer_killed_at_the_switch_leaves_one_version_in_force),
        TEST(check_names_what_is_broken),
    };
    return cmocka_run_group_tests(list, NULL, NULL);
}

int main(int argument_count, char **arguments)
{
    return world_main(argument_count, arguments, tests);
}
