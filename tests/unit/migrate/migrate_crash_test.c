/* SPDX-License-Identifier: Apache-2.0 */
/* Migrate is killed at every marked point, each passing of it, and run again until it is done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/fault_point.h"
#include "core/journal_engine.h"
#include "core/port.h"
#include "replay/migrate/migrate.h"
#include "tests/unit/migrate/log_fixture.h"
#include "tests/unit/scratch.h"

enum { COUNT = 40, APPEND_COUNT = 15, PASSING_COUNT_MAX = 200, MAP_SIZE = 64 << 20 };

struct fixture {
    struct fl_scratch scratch;
    char source[300];
    char target[300];
};

static struct fl_journal *open_journal(const char *directory)
{
    struct fl_journal *journal = NULL;
    struct fl_embedded_options options = {
        .directory = directory, .topic_prefix = "", .map_size = MAP_SIZE};
    return fl_journal_open_embedded(&options, &journal) == FL_OK ? journal : NULL;
}

/* Appends the end of the source once. */
static enum fl_error seal(void *context, char detail[FL_MIGRATE_DETAIL_SIZE])
{
    struct fl_journal *source = context;
    uint64_t begin;
    uint64_t end;
    enum fl_error error = fl_journal_offsets(source, "events", 0, &begin, &end);
    snprintf(detail, FL_MIGRATE_DETAIL_SIZE, "seal");
    if (error == FL_OK && end == COUNT)
        log_fixture_append(source, "events", "LogMoved", fl_port_wall_ms(fl_port_system()));
    return error;
}

static int run_child(const char *source_path, const char *target_path)
{
    struct fl_migrate_result result;
    char detail[FL_MIGRATE_DETAIL_SIZE];
    struct fl_journal *source = open_journal(source_path);
    struct fl_journal *target = open_journal(target_path);
    if (source == NULL || target == NULL)
        return 1;
    struct fl_migrate_options options = {
        .source = source,
        .target = target,
        .topics = log_fixture_topics,
        .append_count_max = APPEND_COUNT,
        .context = source,
        .seal = seal,
    };
    enum fl_error error = fl_migrate_run(&options, &result, detail);
    if (error != FL_OK)
        fprintf(stderr, "%s: %s\n", fl_error_name(error), detail);
    fl_journal_close(&source);
    fl_journal_close(&target);
    return error == FL_OK ? 0 : 1;
}

/* Exit code of a child that migrates, -SIGKILL if the point struck. */
static int migrate(const struct fixture *fixture, const char *point)
{
    int status = -1;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (point != NULL)
            setenv("FLEETLOG_FAULT_POINT", point, 1);
        else
            unsetenv("FLEETLOG_FAULT_POINT");
        execl("/proc/self/exe", "migrate-child", fixture->source, fixture->target, (char *)NULL);
        _exit(126);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fl_scratch_make(&fixture->scratch);
    snprintf(fixture->source, sizeof(fixture->source), "%s/source", fixture->scratch.path);
    snprintf(fixture->target, sizeof(fixture->target), "%s/target", fixture->scratch.path);
    struct fl_journal *source = open_journal(fixture->source);
    assert_non_null(source);
    log_fixture_topics_make(source);
    log_fixture_fill(source, 11, COUNT, fl_port_wall_ms(fl_port_system()));
    fl_journal_close(&source);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fl_scratch_remove(&fixture->scratch);
    free(fixture);
    return 0;
}

static void is_moved(const struct fixture *fixture)
{
    struct fl_journal *source = open_journal(fixture->source);
    struct fl_journal *target = open_journal(fixture->target);
    assert_true(source != NULL && target != NULL);
    log_fixture_is_moved(source, target);
    assert_int_equal(log_fixture_count(target, "events", 0), COUNT + 1);
    fl_journal_close(&source);
    fl_journal_close(&target);
}

/* The target is kept from kill to kill, so each run finds what the last one left. */
static void killed_at_every_point_it_ends_in_an_exact_copy(void **state)
{
    static const char *const points[] = {"migrate.append", "migrate.appended", "migrate.seal",
                                         "migrate.sealed"};
    struct fixture *fixture = *state;
    unsigned killed = 0;
    for (size_t p = 0; p < sizeof(points) / sizeof(points[0]); p++) {
        for (int n = 1; n <= PASSING_COUNT_MAX; n++) {
            char point[64];
            snprintf(point, sizeof(point), "%s:%d", points[p], n);
            int code = migrate(fixture, point);
            if (code == 0)
                break; /* it was not passed that often any more */
            assert_int_equal(code, -SIGKILL);
            killed++;
        }
        assert_int_equal(migrate(fixture, NULL), 0);
        is_moved(fixture);
        if (p + 1 < sizeof(points) / sizeof(points[0])) {
            struct fl_journal *target = open_journal(fixture->target);
            for (const char *const *topic = log_fixture_topics; *topic != NULL; topic++) {
                enum fl_error error = fl_journal_delete_topic(target, *topic);
                assert_true(error == FL_OK || error == FL_NOT_FOUND);
            }
            fl_journal_close(&target);
        }
    }
    print_message("killed %u times\n", killed);
    assert_true(killed > 10);
}

/* A kill between removing a topic and filling it again leaves something that the next run takes. */
static void killed_while_a_topic_is_made_anew(void **state)
{
    struct fixture *fixture = *state;
    int64_t now_ms = fl_port_wall_ms(fl_port_system());
    struct fl_journal *source = open_journal(fixture->source);
    struct fl_journal *target = open_journal(fixture->target);
    log_fixture_append(source, "telemetry", "twice", now_ms);
    log_fixture_topics_make(target);
    log_fixture_append(target, "telemetry", "twice", now_ms);
    fl_journal_close(&source);
    fl_journal_close(&target);
    assert_int_equal(migrate(fixture, "migrate.remade"), -SIGKILL);
    assert_int_equal(migrate(fixture, NULL), 0);
    is_moved(fixture);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_at_every_point_it_ends_in_an_exact_copy, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(killed_while_a_topic_is_made_anew, set_up, tear_down),
    };
    if (count == 3 && strcmp(arguments[0], "migrate-child") == 0)
        return run_child(arguments[1], arguments[2]);
#ifndef FL_TEST_BUILD
    puts("skipped: this build has no fault points (preset dev has)");
    return 77;
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
