/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/journal_memory.h"
#include "replay/migrate/migrate.h"
#include "tests/unit/migrate/log_fixture.h"

enum { COUNT = 300, HOUR_MS = 3600 * 1000, RUN_COUNT_MAX = 2000 };

struct fixture {
    struct fl_port_virtual port;
    struct fl_memory_log *source_log;
    struct fl_memory_log *target_log;
    struct fl_journal *source;
    struct fl_journal *target;
    unsigned seal_count;
    unsigned stop_after;
    uint32_t append_count_max;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fl_port_virtual_init(&fixture->port, 1, 1700000000000);
    fixture->source_log = fl_memory_log_open(&fixture->port.port);
    fixture->target_log = fl_memory_log_open(&fixture->port.port);
    assert_int_equal(fl_memory_log_attach(fixture->source_log, &fixture->source), FL_OK);
    assert_int_equal(fl_memory_log_attach(fixture->target_log, &fixture->target), FL_OK);
    log_fixture_topics_make(fixture->source);
    log_fixture_fill(fixture->source, 7, COUNT, fixture->port.wall_ms);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fl_journal_close(&fixture->source);
    fl_journal_close(&fixture->target);
    fl_memory_log_close(&fixture->source_log);
    fl_memory_log_close(&fixture->target_log);
    free(fixture);
    return 0;
}

static enum fl_error migrate(struct fixture *fixture, struct fl_migrate_result *result,
                             char detail[FL_MIGRATE_DETAIL_SIZE])
{
    struct fl_migrate_options options = {
        .source = fixture->source,
        .target = fixture->target,
        .topics = log_fixture_topics,
        .append_count_max = fixture->append_count_max,
        .context = fixture,
    };
    return fl_migrate_run(&options, result, detail);
}

static void must_migrate(struct fixture *fixture, struct fl_migrate_result *result)
{
    char detail[FL_MIGRATE_DETAIL_SIZE];
    enum fl_error error = migrate(fixture, result, detail);
    if (error != FL_OK)
        fail_msg("%s: %s", fl_error_name(error), detail);
}

static void the_nth_record_gets_offset_n(void **state)
{
    struct fixture *fixture = *state;
    struct fl_migrate_result result;
    must_migrate(fixture, &result);
    assert_int_equal(result.copied, 5 * COUNT);
    assert_int_equal(result.compared, 5 * COUNT);
    assert_int_equal(result.present, 0);
    log_fixture_is_moved(fixture->source, fixture->target);
    must_migrate(fixture, &result);
    assert_int_equal(result.copied, 0);
    assert_int_equal(result.present, 5 * COUNT);
    assert_int_equal(result.remade, 0);
}

/* What retention and compaction took from the source leaves no hole on the target. */
static void telemetry_and_subjects_are_renumbered(void **state)
{
    struct fixture *fixture = *state;
    struct fl_migrate_result result;
    uint64_t begin;
    uint64_t end;
    uint64_t rank = 0;
    bool there = false;
    fl_port_virtual_step(&fixture->port, 2 * HOUR_MS);
    log_fixture_append(fixture->source, "telemetry", "young", fixture->port.wall_ms);
    log_fixture_append(fixture->source, "telemetry", "younger", fixture->port.wall_ms);
    for (int i = 0; i < 50; i++)
        assert_int_equal(fl_journal_maintain(fixture->source, fixture->port.wall_ms), FL_OK);
    assert_int_equal(fl_journal_offsets(fixture->source, "telemetry", 0, &begin, &end), FL_OK);
    assert_int_equal(begin, COUNT);
    uint64_t subjects = log_fixture_count(fixture->source, "subjects", 0);
    assert_true(subjects <= 20);
    must_migrate(fixture, &result);
    log_fixture_is_moved(fixture->source, fixture->target);
    assert_int_equal(log_fixture_count(fixture->target, "telemetry", 0), 2);

    assert_int_equal(fl_migrate_rank(fixture->source, "telemetry", 0, COUNT + 1, &rank, &there),
                     FL_OK);
    assert_int_equal(rank, 1);
    assert_true(there);
    assert_int_equal(fl_migrate_rank(fixture->source, "telemetry", 0, COUNT + 2, &rank, &there),
                     FL_OK);
    assert_int_equal(rank, 2);
    assert_false(there);
    assert_int_equal(fl_migrate_rank(fixture->source, "telemetry", 0, 5, &rank, &there), FL_OK);
    assert_int_equal(rank, 0);
    assert_false(there);
    assert_int_equal(fl_migrate_rank(fixture->source, "events", 0, 17, &rank, &there), FL_OK);
    assert_int_equal(rank, 17);
    assert_true(there);
    assert_int_equal(fl_migrate_rank(fixture->source, "subjects", 0, COUNT, &rank, &there), FL_OK);
    assert_int_equal(rank, subjects);
    assert_false(there);
    assert_int_equal(fl_migrate_rank(fixture->source, "subjects", 0, 0, &rank, &there), FL_OK);
    assert_int_equal(rank, 0);
}

static void somebody_elses_log_is_refused_and_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct fl_migrate_result result;
    char detail[FL_MIGRATE_DETAIL_SIZE];
    log_fixture_topics_make(fixture->target);
    log_fixture_append(fixture->target, "events", "not ours", fixture->port.wall_ms);
    assert_int_equal(migrate(fixture, &result, detail), FL_EXISTS);
    assert_non_null(strstr(detail, "topic events, partition 0: the record at offset 0"));
    assert_int_equal(result.remade, 0);
    assert_int_equal(log_fixture_count(fixture->target, "events", 0), 1);
}

static void a_target_that_has_gone_on_is_refused_and_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct fl_migrate_result result;
    char detail[FL_MIGRATE_DETAIL_SIZE];
    must_migrate(fixture, &result);
    log_fixture_append(fixture->target, "events", "after the move", fixture->port.wall_ms);
    assert_int_equal(migrate(fixture, &result, detail), FL_EXISTS);
    assert_int_equal(log_fixture_count(fixture->target, "events", 0), COUNT + 1);
}

static void other_partitions_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct fl_migrate_result result;
    char detail[FL_MIGRATE_DETAIL_SIZE];
    struct fl_topic_spec spec = {"telemetry", 3, -1, -1, false};
    assert_int_equal(fl_journal_ensure_topic(fixture->target, &spec), FL_OK);
    assert_int_equal(migrate(fixture, &result, detail), FL_EXISTS);
    assert_non_null(strstr(detail, "target"));
}

/* A record of this log that stands twice: an append with an unknown outcome that landed later. */
static void a_topic_with_our_record_twice_is_made_anew(void **state)
{
    struct fixture *fixture = *state;
    struct fl_migrate_result result;
    log_fixture_topics_make(fixture->target);
    log_fixture_append(fixture->source, "events", "twice", fixture->port.wall_ms);
    log_fixture_append(fixture->target, "events", "twice", fixture->port.wall_ms);
    must_migrate(fixture, &result);
    assert_int_equal(result.remade, 1);
    log_fixture_is_moved(fixture->source, fixture->target);
}

static enum fl_error seal(void *context, char detail[FL_MIGRATE_DETAIL_SIZE])
{
    struct fixture *fixture = context;
    (void)detail;
    if (fixture->seal_count++ == 0) {
        log_fixture_append(fixture->source, "actions", "MoveLog", fixture->port.wall_ms);
        log_fixture_append(fixture->source, "events", "LogMoved", fixture->port.wall_ms);
    }
    return FL_OK;
}

static bool stopped(void *context)
{
    struct fixture *fixture = context;
    return fixture->stop_after > 0 && --fixture->stop_after == 0;
}

static void progress(void *context, const struct fl_migrate_progress *progress)
{
    struct fixture *fixture = context;
    assert_true(progress->done <= progress->total);
    assert_non_null(fixture);
}

static void what_the_seal_appends_is_brought_too(void **state)
{
    struct fixture *fixture = *state;
    struct fl_migrate_result result;
    char detail[FL_MIGRATE_DETAIL_SIZE];
    struct fl_migrate_options options = {
        .source = fixture->source,
        .target = fixture->target,
        .topics = log_fixture_topics,
        .context = fixture,
        .seal = seal,
        .progress = progress,
        .stopped = stopped,
    };
    fixture->stop_after = 4;
    assert_int_equal(fl_migrate_run(&options, &result, detail), FL_INTERRUPTED);
    assert_int_equal(fixture->seal_count, 0);
    fixture->stop_after = 0;
    assert_int_equal(fl_migrate_run(&options, &result, detail), FL_OK);
    assert_int_equal(fixture->seal_count, 1);
    assert_int_equal(log_fixture_count(fixture->target, "actions", 0), COUNT + 1);
    assert_int_equal(result.present + result.copied, 5 * COUNT + 2);
    log_fixture_is_moved(fixture->source, fixture->target);
}

/* A difference that came about after the copying is found by the comparison. */
static enum fl_error spoil(void *context, char detail[FL_MIGRATE_DETAIL_SIZE])
{
    struct fixture *fixture = context;
    (void)detail;
    fl_memory_log_truncate(fixture->source_log, "events", 0, COUNT - 1);
    log_fixture_append(fixture->source, "events", "another one", fixture->port.wall_ms);
    return FL_OK;
}

static void a_source_that_changes_is_not_called_moved(void **state)
{
    struct fixture *fixture = *state;
    struct fl_migrate_result result;
    char detail[FL_MIGRATE_DETAIL_SIZE];
    struct fl_migrate_options options = {
        .source = fixture->source,
        .target = fixture->target,
        .topics = log_fixture_topics,
        .context = fixture,
        .seal = spoil,
    };
    assert_int_equal(fl_migrate_run(&options, &result, detail), FL_EXISTS);
    assert_non_null(strstr(detail, "topic events"));
}

static uint64_t seed_of_run(void)
{
    const char *text = getenv("FLEETLOG_SEED");
    uint64_t seed;
    if (text != NULL)
        return strtoull(text, NULL, 10);
    fl_port_random(fl_port_system(), &seed, sizeof(seed));
    return seed;
}

/* A target that loses acknowledgements, lands late, twice or not at all, and processes that die:
 * run again until it is done. */
static void faults_of_the_target_end_in_an_exact_copy(void **state)
{
    static const enum fl_fault_kind kinds[] = {
        FL_FAULT_ACK_LOST,    FL_FAULT_ACK_LATE, FL_FAULT_APPEND_LOST, FL_FAULT_OFFSET_UNKNOWN,
        FL_FAULT_DUPLICATE,   FL_FAULT_CONFLICT, FL_FAULT_UNAVAILABLE, FL_FAULT_CRASH_AFTER,
        FL_FAULT_READ_FAILED, FL_FAULT_CRASH};
    struct fixture *fixture = *state;
    struct fl_migrate_result result;
    char detail[FL_MIGRATE_DETAIL_SIZE];
    uint64_t seed = seed_of_run();
    unsigned struck = 0;
    int runs = 0;
    enum fl_error error;
    print_message("FLEETLOG_SEED=%llu\n", (unsigned long long)seed);
    fl_memory_log_ignore_expected(fixture->target_log, true);
    fixture->append_count_max = 20;
    do {
        assert_true(runs++ < RUN_COUNT_MAX);
        fl_journal_close(&fixture->target);
        assert_int_equal(fl_memory_log_attach_faulty(fixture->target_log, seed + (uint64_t)runs,
                                                     &fixture->target),
                         FL_OK);
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
            *fl_fault_of(fixture->target, kinds[i]) =
                (struct fl_fault){.countdown = -1, .per_mille = 12};
        error = migrate(fixture, &result, detail);
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
            struck += fl_fault_count(fixture->target, kinds[i]);
        if (error != FL_OK && fl_error_class(error) != FL_CLASS_RETRY && error != FL_CORRUPT)
            fail_msg("run %d: %s: %s", runs, fl_error_name(error), detail);
    } while (error != FL_OK);
    print_message("%d runs, %u faults\n", runs, struck);
    assert_true(struck > 0);
    /* What was under way lands after all; one more run makes that good. */
    fl_faults_pause(fixture->target, true);
    fl_memory_log_settle(fixture->target_log);
    must_migrate(fixture, &result);
    log_fixture_is_moved(fixture->source, fixture->target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_nth_record_gets_offset_n, set_up, tear_down),
        cmocka_unit_test_setup_teardown(telemetry_and_subjects_are_renumbered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(somebody_elses_log_is_refused_and_left_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_target_that_has_gone_on_is_refused_and_left_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(other_partitions_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_topic_with_our_record_twice_is_made_anew, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_the_seal_appends_is_brought_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_source_that_changes_is_not_called_moved, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(faults_of_the_target_end_in_an_exact_copy, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
