/* SPDX-License-Identifier: Apache-2.0 */
/* Which dates follow a forecast: none of the owner's, and none that is near enough. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumers/archivist/forecaster.h"
#include "core/timestamp.h"
#include "projections/registry/lifecycle.h"
#include "schemas/envelope.h"
#include "tests/scenario/cast.h"

enum { ARENA = 1 << 22, DUE = 18785 + FL_FORECAST_LIFE_DAYS /* 2021-06-07, and four years */ };

static struct world world;
static struct fl_arena arena;

static int set_up(void **state)
{
    (void)state;
    fl_capabilities_row row = FLEETLOG__ROWS__V1__CAPABILITIES_ROW__INIT;
    Fleetlog__V1__DeviceIdentity identity = FLEETLOG__V1__DEVICE_IDENTITY__INIT;
    fl_arena_init(&arena, ARENA);
    world_init(&world);
    cast_begin(&world);
    identity.manufacturer = "APC";
    identity.serial = "AS2123456789";
    row.device_id = cast_id("device", 1);
    row.identity = &identity;
    fl_row_put_by_id(world.views[0].kv, &arena, FL_TABLE_CAPABILITIES, row.device_id, &row.base);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_fini(&world);
    fl_arena_fini(&arena);
    return 0;
}

/* The date that stands, by whom. */
static void stand(int32_t day, Fleetlog__V1__LifecycleBasis basis)
{
    fl_lifecycle_row row = FLEETLOG__ROWS__V1__LIFECYCLE_ROW__INIT;
    struct fl_key key;
    char date[FL_DAY_TEXT_SIZE];
    fl_day_text(day, date);
    row.device_id = cast_id("device", 1);
    row.fact = FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_BATTERY_REPLACEMENT;
    row.due_date = date;
    row.date_ms = day * FL_DAY_MS;
    row.basis = basis;
    fl_key_lifecycle(&key, row.device_id, row.fact);
    fl_row_put(world.views[0].kv, &arena, FL_TABLE_LIFECYCLE, &key, &row.base);
}

/* A whole walk; the actions it makes. */
static uint32_t walk_with(struct fl_kv *devices,
                          struct fl_record records[FL_FORECASTER_ACTION_COUNT])
{
    const struct fl_forecast_sources sources = {.registry = world.views[0].kv, .devices = devices};
    struct fl_forecaster forecaster = {.next = 0};
    uint32_t count = 0;
    uint32_t all = 0;
    int64_t now_ms = fl_days_from_civil(2026, 1, 1) * FL_DAY_MS;
    assert_true(fl_forecaster_is_due(&forecaster, 5));
    while (fl_forecaster_is_due(&forecaster, 5)) {
        assert_int_equal(fl_forecaster_step(&forecaster, &sources, &arena, cast_id("company", 1),
                                            cast_id("agent", 1), now_ms, records, &count),
                         FL_OK);
        all += count;
    }
    assert_false(fl_forecaster_is_due(&forecaster, 5 + FL_FORECASTER_PAUSE_MS - 1));
    assert_true(fl_forecaster_is_due(&forecaster, 5 + FL_FORECASTER_PAUSE_MS));
    return all;
}

static uint32_t walk(struct fl_record records[FL_FORECASTER_ACTION_COUNT])
{
    return walk_with(NULL, records);
}

static void a_date_is_set_where_there_is_none(void **state)
{
    (void)state;
    struct fl_record records[FL_FORECASTER_ACTION_COUNT];
    struct fl_record again[FL_FORECASTER_ACTION_COUNT];
    struct fl_envelope envelope;
    const char *what = NULL;
    char date[FL_DAY_TEXT_SIZE];
    ProtobufCMessage *message = NULL;
    assert_int_equal(walk(records), 1);
    assert_int_equal(fl_envelope_read(&records[0], &envelope, &what), FL_OK);
    assert_true(fl_slice_is(envelope.actor, "detector"));
    assert_int_equal(
        fl_message_decode(&arena, envelope.row->descriptor, records[0].value, &message), FL_OK);
    fl_day_text(DUE, date);
    assert_string_equal(((Fleetlog__V1__SetLifecycleFact *)message)->due_date, date);
    /* Said twice, it is the same action. */
    assert_int_equal(walk(again), 1);
    struct fl_envelope second;
    assert_int_equal(fl_envelope_read(&again[0], &second, &what), FL_OK);
    assert_true(fl_slice_equal(envelope.id, second.id));
}

static void a_near_date_and_the_owners_stand(void **state)
{
    (void)state;
    struct fl_record records[FL_FORECASTER_ACTION_COUNT];
    static const struct {
        int32_t day;
        Fleetlog__V1__LifecycleBasis basis;
        uint32_t count;
    } cases[] = {
        {DUE, FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_FORECAST, 0},
        {DUE - 30, FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_FORECAST, 0},
        {DUE + 30, FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_FORECAST, 0},
        {DUE - 31, FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_FORECAST, 1},
        {DUE + 31, FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_FORECAST, 1},
        {DUE + 300, FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_OWNER, 0},
        {FL_DAY_NONE, FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_OWNER, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        stand(cases[i].day, cases[i].basis);
        assert_int_equal(walk(records), cases[i].count);
    }
}

static void what_cannot_be_forecast_any_more_is_taken_back(void **state)
{
    (void)state;
    struct fl_record records[FL_FORECASTER_ACTION_COUNT];
    struct fl_envelope envelope;
    const char *what = NULL;
    ProtobufCMessage *message = NULL;
    fl_capabilities_row row = FLEETLOG__ROWS__V1__CAPABILITIES_ROW__INIT;
    row.device_id = cast_id("device", 1);
    fl_row_put_by_id(world.views[0].kv, &arena, FL_TABLE_CAPABILITIES, row.device_id, &row.base);
    assert_int_equal(walk(records), 0);
    stand(DUE, FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_FORECAST);
    assert_int_equal(walk(records), 1);
    assert_int_equal(fl_envelope_read(&records[0], &envelope, &what), FL_OK);
    assert_int_equal(
        fl_message_decode(&arena, envelope.row->descriptor, records[0].value, &message), FL_OK);
    assert_string_equal(((Fleetlog__V1__SetLifecycleFact *)message)->due_date, "");
}

/* A node whose view is still folding knows no string of the device. */
static void a_device_that_the_view_does_not_have_keeps_its_dates(void **state)
{
    (void)state;
    struct fl_record records[FL_FORECASTER_ACTION_COUNT];
    struct fl_kv *devices = fl_kv_memory_open();
    stand(DUE + 1000, FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_FORECAST);
    assert_int_equal(walk_with(devices, records), 0);
    assert_int_equal(walk(records), 1);
    fl_kv_memory_close(&devices);
}

/* Of many commands the latest are looked at. */
static void the_latest_install_date_counts(void **state)
{
    enum { COMMANDS = 101, INSTALLED = 19723 /* 2024-01-01 */ };
    (void)state;
    struct fl_record records[FL_FORECASTER_ACTION_COUNT];
    struct fl_envelope envelope;
    const char *what = NULL;
    char date[FL_DAY_TEXT_SIZE];
    ProtobufCMessage *message = NULL;
    for (unsigned i = 1; i <= COMMANDS; i++) {
        fl_command_row row = FLEETLOG__ROWS__V1__COMMAND_ROW__INIT;
        struct fl_key key;
        row.command_id = cast_id("command", i);
        row.device_id = cast_id("device", 1);
        row.sequence = 1000 + i;
        row.kind = i < COMMANDS ? FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_SELF_TEST
                                : FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_BATTERY_INSTALL_DATE;
        row.state = FL_COMMAND_SUCCEEDED;
        row.parameter = i < COMMANDS ? "" : "2024-01-01";
        row.changed_at_ms = i;
        fl_row_put_by_id(world.views[0].kv, &arena, FL_TABLE_COMMANDS, row.command_id, &row.base);
        fl_key_nth(&key, FL_INDEX_DEVICE_COMMANDS, row.device_id, row.sequence, row.command_id);
        fl_index_put(world.views[0].kv, &key, FL_SLICE_LITERAL(""));
    }
    assert_int_equal(walk(records), 1);
    assert_int_equal(fl_envelope_read(&records[0], &envelope, &what), FL_OK);
    assert_int_equal(
        fl_message_decode(&arena, envelope.row->descriptor, records[0].value, &message), FL_OK);
    fl_day_text(INSTALLED + FL_FORECAST_LIFE_DAYS, date);
    assert_string_equal(((Fleetlog__V1__SetLifecycleFact *)message)->due_date, date);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_date_is_set_where_there_is_none),
        TEST(a_near_date_and_the_owners_stand),
        TEST(what_cannot_be_forecast_any_more_is_taken_back),
        TEST(a_device_that_the_view_does_not_have_keeps_its_dates),
        TEST(the_latest_install_date_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
