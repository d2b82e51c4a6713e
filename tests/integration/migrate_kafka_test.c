/* SPDX-License-Identifier: Apache-2.0 */
/* Migrate onto a real broker: what it keeps, what it renumbers, and that it can be run again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/journal_engine.h"
#include "core/port.h"
#include "replay/migrate/migrate.h"
#include "tests/integration/kafka_support.h"
#include "tests/unit/migrate/log_fixture.h"
#include "tests/unit/scratch.h"

enum { COUNT = 2000, MINUTE_MS = 60 * 1000 };

struct fixture {
    struct fl_scratch scratch;
    struct fl_journal *source;
    struct fl_journal *target;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    char prefix[64];
    fl_scratch_make(&fixture->scratch);
    struct fl_embedded_options options = {
        .directory = fixture->scratch.path, .topic_prefix = "fleetlog.", .map_size = 256 << 20};
    assert_int_equal(fl_journal_open_embedded(&options, &fixture->source), FL_OK);
    kafka_prefix(prefix, sizeof(prefix));
    fixture->target = kafka_open(prefix, NULL);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (const char *const *topic = log_fixture_topics; *topic != NULL; topic++) {
        enum fl_error error = fl_journal_delete_topic(fixture->target, *topic);
        assert_true(error == FL_OK || error == FL_NOT_FOUND);
    }
    fl_journal_close(&fixture->source);
    fl_journal_close(&fixture->target);
    fl_scratch_remove(&fixture->scratch);
    free(fixture);
    return 0;
}

static void migrate(struct fixture *fixture, struct fl_migrate_result *result)
{
    char detail[FL_MIGRATE_DETAIL_SIZE];
    struct fl_migrate_options options = {
        .source = fixture->source, .target = fixture->target, .topics = log_fixture_topics};
    enum fl_error error = fl_migrate_run(&options, result, detail);
    if (error != FL_OK)
        fail_msg("%s: %s", fl_error_name(error), detail);
}

static void an_embedded_log_goes_to_kafka_and_on_from_where_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct fl_migrate_result result;
    int64_t now_ms = fl_port_wall_ms(fl_port_system());
    uint64_t begin;
    uint64_t end;
    log_fixture_topics_make(fixture->source);
    log_fixture_fill(fixture->source, 3, COUNT, now_ms - 50 * MINUTE_MS);
    for (int i = 0; i < 50; i++) /* telemetry of 65 minutes' age goes; it may stay for an hour */
        assert_int_equal(fl_journal_maintain(fixture->source, now_ms + 15 * MINUTE_MS), FL_OK);
    assert_int_equal(fl_journal_offsets(fixture->source, "telemetry", 1, &begin, &end), FL_OK);
    assert_int_equal(begin, COUNT);
    log_fixture_append(fixture->source, "telemetry", "young", now_ms);
    migrate(fixture, &result);
    assert_true(result.copied >= 2 * COUNT + 2);
    assert_int_equal(result.present, 0);
    log_fixture_is_moved(fixture->source, fixture->target);
    /* Again after more has come, as after a kill between copying and the rest. */
    log_fixture_fill(fixture->source, 4, 10, now_ms);
    uint64_t before = result.copied;
    migrate(fixture, &result);
    assert_int_equal(result.present, before);
    assert_int_equal(result.copied, 50);
    assert_int_equal(result.remade, 0);
    log_fixture_is_moved(fixture->source, fixture->target);
}

static void a_topic_with_our_record_twice_is_made_anew(void **state)
{
    struct fixture *fixture = *state;
    struct fl_migrate_result result;
    int64_t now_ms = fl_port_wall_ms(fl_port_system());
    log_fixture_topics_make(fixture->source);
    log_fixture_topics_make(fixture->target);
    log_fixture_append(fixture->source, "events", "first", now_ms);
    log_fixture_append(fixture->source, "events", "second", now_ms);
    log_fixture_append(fixture->target, "events", "first", now_ms);
    log_fixture_append(fixture->target, "events", "first", now_ms);
    migrate(fixture, &result);
    assert_int_equal(result.remade, 1);
    log_fixture_is_moved(fixture->source, fixture->target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_embedded_log_goes_to_kafka_and_on_from_where_it_was,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_topic_with_our_record_twice_is_made_anew, set_up,
                                        tear_down),
    };
    if (!kafka_is_there())
        return KAFKA_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
