/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/telemetry/quantity.h"
#include "projections/telemetry/report.h"

#include <string.h>

#include "tests/unit/devices/build_report.h"
#include "tests/unit/node/test.h"

static void test_decodes_what_the_generated_code_packs(void **state)
{
    static const struct test_reading readings[] = {
        {"ups.status", "OL CHRG"}, {"x.odd", ""}, {"battery.charge", "099.5"}, {NULL, NULL}};
    struct test_report sent = {.number = 4000000000u,
                               .generation = 7,
                               .counter = UINT64_MAX,
                               .kind = FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL,
                               .sampled_at_ms = 1764000000000,
                               .readings = readings};
    struct fl_arena arena;
    struct fl_report report;
    struct fl_tick tick;
    enum fl_telemetry_kind kind;
    const char *what = NULL;
    (void)state;
    fl_arena_init(&arena, 1 << 20);
    struct fl_slice value = test_report_value(&arena, &sent);
    assert_int_equal(fl_telemetry_decode(value, &kind, &report, &tick, &what), FL_OK);
    assert_int_equal(kind, FL_TELEMETRY_REPORT);
    assert_true(report.device_number == 4000000000u && report.generation == 7 &&
                report.counter == UINT64_MAX && report.kind == FL_REPORT_FULL);
    assert_true(report.received_at_ms == 1764000000005 && report.clock_offset_ms == -7);
    assert_int_equal(report.signature.size, 64);
    assert_int_equal(report.reading_count, 3);
    struct fl_reading_walk walk = fl_readings(&report);
    for (size_t i = 0; i < 3; i++) {
        assert_true(fl_reading_next(&walk));
        assert_true(fl_slice_is(walk.name, readings[i].name));
        assert_int_equal(walk.value.size, strlen(readings[i].value));
        assert_non_null(walk.value.data);
    }
    assert_false(fl_reading_next(&walk));
    /* Every prefix is refused or, where a whole field was cut off, breaks a rule. */
    for (size_t size = 0; size < value.size; size++)
        assert_int_not_equal(fl_telemetry_decode(fl_slice_of(value.data, size), &kind, &report,
                                                 &tick, &what) == FL_OK &&
                                 kind == FL_TELEMETRY_REPORT,
                             1);
    value = test_tick_value(&arena, 5, 77);
    assert_int_equal(fl_telemetry_decode(value, &kind, &report, &tick, &what), FL_OK);
    assert_true(kind == FL_TELEMETRY_TICK && tick.gateway_number == 5 && tick.time_ms == 77 &&
                tick.boot == 3 && tick.sequence == 9);
    assert_int_equal(fl_telemetry_decode(FL_SLICE_NULL, &kind, &report, &tick, &what), FL_INVALID);
    fl_arena_fini(&arena);
}

static void expect_refused(const struct test_report *sent, const char *rule)
{
    struct fl_arena arena;
    struct fl_report report;
    struct fl_tick tick;
    enum fl_telemetry_kind kind;
    const char *what = NULL;
    fl_arena_init(&arena, 1 << 20);
    struct fl_slice value = test_report_value(&arena, sent);
    assert_int_equal(fl_telemetry_decode(value, &kind, &report, &tick, &what), FL_INVALID);
    assert_non_null(what);
    if (strstr(what, rule) == NULL)
        fail_msg("expected \"%s\", got \"%s\"", rule, what);
    fl_arena_fini(&arena);
}

static void test_rules_are_named(void **state)
{
    char name[140];
    char value[1040];
    struct test_reading readings[] = {{name, value}, {NULL, NULL}};
    struct test_report good = {.number = 1,
                               .generation = 1,
                               .counter = 1,
                               .kind = FLEETLOG__V1__REPORT_KIND__REPORT_KIND_CHANGES};
    struct test_report bad = good;
    (void)state;
    bad.number = 0;
    expect_refused(&bad, "device_number");
    bad = good;
    bad.generation = 0;
    expect_refused(&bad, "generation");
    bad = good;
    bad.counter = 0;
    expect_refused(&bad, "counter");
    bad = good;
    bad.kind = (Fleetlog__V1__ReportKind)4;
    expect_refused(&bad, "kind");
    bad = good;
    bad.readings = readings;
    name[0] = '\0';
    snprintf(value, sizeof(value), "1");
    expect_refused(&bad, "readings.name");
    snprintf(name, sizeof(name), "a b");
    expect_refused(&bad, "readings.name");
    memset(name, 'n', 129);
    name[129] = '\0';
    expect_refused(&bad, "readings.name");
    snprintf(name, sizeof(name), "n");
    memset(value, 'v', 1025);
    value[1025] = '\0';
    expect_refused(&bad, "readings.value");
    bad.kind = FLEETLOG__V1__REPORT_KIND__REPORT_KIND_STALE;
    snprintf(value, sizeof(value), "1");
    expect_refused(&bad, "a stale report has none");
}

static void expect_number(const char *text, bool good, int64_t thousandths)
{
    int64_t value = -1;
    if (fl_decimal_parse(fl_slice_text(text), &value) != good)
        fail_msg("\"%s\"", text);
    if (good)
        assert_int_equal(value, thousandths);
}

static void test_numbers(void **state)
{
    (void)state;
    expect_number("100", true, 100000);
    expect_number("089.0", true, 89000);
    expect_number(" 1.5 ", true, 1500);
    expect_number("-60.0", true, -60000);
    expect_number("0.0004", true, 0);
    expect_number("5.", true, 5000);
    expect_number(".5", true, 500);
    expect_number("999999999999999", true, INT64_C(999999999999999000));
    expect_number("9999999999999999", false, 0);
    expect_number("", false, 0);
    expect_number(".", false, 0);
    expect_number("-", false, 0);
    expect_number("1e3", false, 0);
    expect_number("36:00", false, 0);
    expect_number("1.2.3", false, 0);
    expect_number("1,5", false, 0);
}

static void test_qualities(void **state)
{
    int64_t value = 0;
    (void)state;
    assert_int_equal(fl_quantity_parse(FL_QUANTITY_BATTERY_CHARGE, FL_SLICE_LITERAL("100"), &value),
                     FL_QUALITY_OK);
    assert_int_equal(
        fl_quantity_parse(FL_QUANTITY_BATTERY_CHARGE, FL_SLICE_LITERAL("100.001"), &value),
        FL_QUALITY_OUT_OF_RANGE);
    assert_int_equal(fl_quantity_parse(FL_QUANTITY_BATTERY_CHARGE, FL_SLICE_LITERAL("255"), &value),
                     FL_QUALITY_SENTINEL);
    assert_int_equal(
        fl_quantity_parse(FL_QUANTITY_BATTERY_CHARGE, FL_SLICE_LITERAL("full"), &value),
        FL_QUALITY_UNPARSED);
    assert_int_equal(
        fl_quantity_parse(FL_QUANTITY_BATTERY_RUNTIME, FL_SLICE_LITERAL("65535"), &value),
        FL_QUALITY_SENTINEL);
    assert_int_equal(
        fl_quantity_parse(FL_QUANTITY_BATTERY_RUNTIME, FL_SLICE_LITERAL("65534"), &value),
        FL_QUALITY_OK);
}

/* Field cases 7, 9 and 12: a set, unknown tokens kept as such, whole words only. */
static void test_status_is_a_set_of_words(void **state)
{
    (void)state;
    assert_int_equal(fl_status_parse(FL_SLICE_LITERAL("OB DISCHRG")) & ~(uint32_t)FL_STATUS_KNOWN,
                     FL_STATUS_OB | FL_STATUS_DISCHRG);
    assert_int_equal(fl_status_parse(FL_SLICE_LITERAL("FSD OB OFF OB")),
                     fl_status_parse(FL_SLICE_LITERAL("OFF OB FSD")));
    uint32_t set = fl_status_parse(FL_SLICE_LITERAL("  ALARM  OL XYZ RB "));
    assert_int_equal(set & ~(uint32_t)FL_STATUS_KNOWN,
                     FL_STATUS_ALARM | FL_STATUS_OL | FL_STATUS_RB | FL_STATUS_UNKNOWN);
    assert_int_equal(fl_status_parse(FL_SLICE_LITERAL("")), (uint32_t)FL_STATUS_KNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decodes_what_the_generated_code_packs),
        cmocka_unit_test(test_rules_are_named),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_qualities),
        cmocka_unit_test(test_status_is_a_set_of_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
