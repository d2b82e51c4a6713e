/* SPDX-License-Identifier: Apache-2.0 */
/* Field cases: public reports of UPSes in the wild whose inputs must not mislead us. Each test's
 * name says what the right answer is. */
#include "tests/unit/detector/watched.h"

static struct watched w;

static int set_up(void **state)
{
    (void)state;
    watched_open(&w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    watched_close(&w);
    return 0;
}

/* networkupstools/nut #1970, #2212: OL DISCHRG on a healthy unit, every 2 s for days. */
static void a_hovering_battery_is_no_power_failure(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=OL DISCHRG;battery.charge=100;battery.runtime=3618;"
                     "input.voltage=232.0;input.transfer.low=160");
    for (int i = 0; i < 500; i++) {
        w.now_ms += 2000;
        watched_changes(&w, i % 2 == 0 ? "ups.status=OL DISCHRG" : "battery.charge=99");
    }
    watched_expect(&w, "");
}

/* networkupstools/nut PR #811: the mains is lost and the unit never says OB. */
static void no_input_voltage_is_a_power_failure_without_ob(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=OL;battery.charge=100;input.voltage=121.0");
    watched_changes(&w, "ups.status=OL DISCHRG;input.voltage=0");
    watched_expect_evidence(&w,
                            "ups.status OL DISCHRG; input.voltage 0.0 V; battery.charge 100.0 %");
    watched_changes(&w, "battery.charge=97");
    watched_changes(&w, "ups.status=OL CHRG;input.voltage=120.5");
    watched_expect(&w, "-on battery@4");
    /* Below the transfer voltage, where that is known. */
    watched_changes(&w, "input.transfer.low=100;input.voltage=92.0;ups.status=OL DISCHRG");
    watched_expect(&w, "+on battery@5");
}

static void falling_charge_decides_where_no_voltage_is_known(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=OL DISCHRG;battery.charge=100");
    watched_changes(&w, "battery.charge=99");
    watched_expect(&w, "");
    watched_changes(&w, "battery.charge=98");
    watched_expect(&w, "+on battery@3");
    watched_changes(&w, "ups.status=OL CHRG");
    watched_expect(&w, "-on battery@4");
}

/* networkupstools/nut #3623: an alarm for a minute, false; its text is two messages. */
static void an_alarm_text_counts_when_it_is_sustained(void **state)
{
    (void)state;
    const char *alarm = "ups.status=ALARM OL;ups.alarm=Replace battery! No battery installed!";
    watched_full(&w, "ups.status=OL;battery.charge=100");
    watched_changes(&w, alarm);
    w.now_ms += MINUTE;
    watched_changes(&w, "ups.status=OL");
    w.now_ms += 20 * MINUTE;
    watched_changes(&w, alarm);
    w.now_ms += 9 * MINUTE;
    watched_full(&w, alarm);
    /* The alarm itself comes and goes, a raise and an end each; nothing follows from it yet. */
    watched_expect(&w, "+alarm@2 -alarm@3 +alarm@4");
    w.now_ms += MINUTE;
    watched_changes(&w, "battery.charge=99");
    watched_expect_evidence(&w, "ups.status OL ALARM; ups.alarm asks for a battery");
    watched_full(&w, "ups.status=OL");
    watched_expect(&w, "-replace battery@7 -alarm@7");
}

static void another_alarm_asks_for_no_battery(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=ALARM OL;ups.alarm=Fan failure!");
    watched_expect_evidence(&w, "ups.status OL ALARM; ups.alarm Fan failure!");
    w.now_ms += 60 * MINUTE;
    watched_full(&w, "ups.status=ALARM OL;ups.alarm=Fan failure!");
    watched_expect(&w, "");
}

/* networkupstools/nut #2292: a token twice. */
static void status_is_a_set(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=FSD OB OFF OB");
    watched_changes(&w, "ups.status=OB OFF OB");
    watched_changes(&w, "ups.status=OFF OB");
    watched_expect(&w, "+on battery@1");
}

/* ebaauw/homebridge-ups #3: "DISCHRG" contains "CHRG". */
static void discharging_is_not_charging(void **state)
{
    struct fl_watch watch;
    (void)state;
    watched_full(&w, "ups.status=OB DISCHRG");
    watched_expect(&w, "+on battery@1");
    assert_true(fl_detector_watch(w.kv, DEVICE, &watch));
    assert_true((watch.status & FL_STATUS_CHRG) == 0);
}

/* networkupstools/nut #1068: on battery and low, poll after poll. */
static void critical_is_said_once(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        watched_full(&w, "ups.status=ALARM OB DISCHRG LB;battery.charge=0;battery.runtime=0;"
                         "ups.alarm=Shutdown imminent!;battery.voltage=12.3");
    watched_expect(&w, "+on battery@1 +low battery@1 +alarm@1");
}

/* netdata #3927: the cable is pulled and every value becomes 0. */
static void a_pulled_cable_is_lost_communication_and_nothing_else(void **state)
{
    struct fl_watch watch;
    (void)state;
    watched_full(&w, "ups.status=OL;battery.charge=100;input.voltage=230");
    watched_stale(&w);
    watched_stale(&w);
    watched_expect(&w, "+communication lost@2");
    assert_true(fl_detector_watch(w.kv, DEVICE, &watch));
    assert_int_equal(watch.charge, 100000);
}

/* DartSteven/Nutify #158, #159: a recovery must not bring conditions along. */
static void a_recovery_clears_lost_communication_and_nothing_else(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=OL;battery.charge=100");
    watched_stale(&w);
    watched_changes(&w, "battery.charge=100");
    watched_expect(&w, "+communication lost@2 -communication lost@3");
    watched_stale(&w);
    watched_full(&w, "ups.status=OL;battery.charge=100");
    watched_expect(&w, "+communication lost@4 -communication lost@5");
}

/* nutdotnet/WinNUT-Client #55: FSD stays latched long after power has returned. */
static void a_latched_fsd_repeats_nothing(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=FSD OB LB");
    watched_changes(&w, "ups.status=FSD OL CHRG");
    for (int i = 0; i < 50; i++)
        watched_full(&w, "ups.status=FSD OL");
    watched_expect(&w, "+on battery@1 +low battery@1 -on battery@2 -low battery@2");
}

/* networkupstools/nut #1740: OL, and an input voltage that says nothing. */
static void a_voltage_of_nothing_is_no_evidence_against_plain_ol(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=OL;battery.runtime=65535;input.voltage=0.0;ups.load=5.2");
    watched_expect(&w, "");
}

/* home-assistant/core #28580: one unknown token must not hide the others. */
static void unknown_tokens_hide_nothing(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=ALARM OB LB RB VENDOR-7");
    watched_expect_evidence(&w, "ups.status OB LB RB ALARM and others");
    watched_expect(&w, "+low battery@1 +replace battery@1");
}

static void contradictions_are_settled_by_the_voltage(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=OL OB");
    watched_expect(&w, "");
    watched_full(&w, "ups.status=OL OB;input.voltage=231;input.transfer.low=180");
    watched_expect(&w, "");
    watched_full(&w, "ups.status=OL OB;input.voltage=12;input.transfer.low=180");
    watched_expect(&w, "+on battery@3");
    /* No evidence: it stays as it is. */
    watched_full(&w, "ups.status=OL OB");
    watched_full(&w, "ups.status=");
    watched_full(&w, "ups.status=WAIT");
    watched_full(&w, "battery.charge=12");
    watched_expect(&w, "");
    watched_full(&w, "ups.status=TRIM");
    watched_expect(&w, "-on battery@8");
}

static void a_calibration_is_no_power_failure(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=OB CAL DISCHRG;input.voltage=230;input.transfer.low=180");
    watched_full(&w, "ups.status=OL CAL DISCHRG");
    watched_expect(&w, "+calibration@1");
    watched_full(&w, "ups.status=OB CAL DISCHRG;input.voltage=0;input.transfer.low=180");
    watched_expect(&w, "+on battery@3");
    watched_full(&w, "ups.status=OL CHRG;input.voltage=230;input.transfer.low=180");
    watched_expect(&w, "-on battery@4 -calibration@4");
}

static void bypass_comes_and_goes(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=OL BYPASS");
    watched_changes(&w, "ups.status=OL");
    watched_expect(&w, "+bypass@1 -bypass@2");
}

/* upsmon waits as long; OFF beside OB contradicts itself. */
static void off_counts_when_it_is_sustained(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=OL OFF");
    w.now_ms += 29999;
    watched_changes(&w, "battery.charge=100");
    watched_expect(&w, "");
    w.now_ms += 1;
    watched_changes(&w, "battery.charge=100");
    watched_expect(&w, "+output off@3");
    watched_changes(&w, "ups.status=OL");
    watched_expect(&w, "-output off@4");
    watched_changes(&w, "ups.status=OB OFF");
    w.now_ms += 60 * MINUTE;
    watched_changes(&w, "ups.status=OB OFF OB");
    watched_expect(&w, "+on battery@5");
}

static void a_voltage_is_adjusted_after_a_minute(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=OL TRIM");
    w.now_ms += MINUTE - 1;
    watched_changes(&w, "ups.status=OL BOOST");
    watched_changes(&w, "ups.status=OL");
    watched_changes(&w, "ups.status=OL TRIM");
    watched_expect(&w, "");
    w.now_ms += MINUTE;
    watched_changes(&w, "input.voltage=251");
    watched_expect_evidence(&w, "ups.status OL TRIM; input.voltage 251.0 V");
    watched_changes(&w, "ups.status=OL");
    watched_expect(&w, "-voltage adjusted@6");
}

static void heat_has_a_band_in_which_nothing_changes(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=OL;ups.temperature=59.9");
    watched_expect(&w, "");
    watched_changes(&w, "ups.temperature=60");
    watched_expect_evidence(&w, "ups.status OL; ups.temperature 60.0 degrees Celsius");
    watched_changes(&w, "ups.temperature=55");
    watched_changes(&w, "ups.temperature=61");
    watched_changes(&w, "ups.temperature=255"); /* a placeholder */
    watched_changes(&w, "ups.temperature=54.9");
    watched_expect(&w, "-over-temperature@5");
    watched_full(&w, "ups.status=ALARM OL;ups.alarm=Temperature too high!");
    watched_expect(&w, "+over-temperature@7 +alarm@7");
    watched_full(&w, "ups.status=OL");
    watched_expect(&w, "-over-temperature@8 -alarm@8");
}

/* Only another valid test ends it: not one that runs, nor a result that says nothing. */
static void a_failed_test_stands_until_one_has_passed(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=OL;ups.test.result=Done and error");
    watched_expect(&w, "+self-test failed@1");
    watched_changes(&w, "ups.test.result=In progress");
    watched_full(&w, "ups.status=OL;ups.test.result=No test initiated");
    watched_full(&w, "ups.status=OL");
    watched_expect(&w, "");
    watched_changes(&w, "ups.test.result=Passed, Source: Internal");
    watched_expect(&w, "-self-test failed@5");
    watched_changes(&w, "ups.test.result=NG");
    watched_changes(&w, "ups.test.result=OK");
    watched_expect(&w, "+self-test failed@6 -self-test failed@7");
}

static void overload_comes_and_goes(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=OL OVER;ups.load=112");
    watched_changes(&w, "ups.status=OL;ups.load=88");
    watched_expect(&w, "+overload@1 -overload@2");
}

static void late_and_repeated_reports_change_nothing(void **state)
{
    (void)state;
    watched_report(&w, DEVICE, 1, 10, FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL, "ups.status=OL");
    watched_report(&w, DEVICE, 1, 9, FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL, "ups.status=OB");
    watched_report(&w, DEVICE, 1, 10, FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL, "ups.status=OB");
    watched_expect(&w, "");
}

/* What the lost reports may have changed is not known until it is said again. */
static void after_a_gap_old_readings_decide_nothing(void **state)
{
    (void)state;
    watched_full(&w, "ups.status=OL DISCHRG;input.voltage=0;input.transfer.low=160");
    watched_expect(&w, "+on battery@1");
    w.counter += 5;
    watched_changes(&w, "battery.charge=90");
    watched_changes(&w, "ups.status=OL DISCHRG");
    watched_expect(&w, "");
    watched_full(&w, "ups.status=OL DISCHRG;input.voltage=230;input.transfer.low=160");
    watched_expect(&w, "-on battery@9");
}

static void a_new_enrolment_begins_anew(void **state)
{
    (void)state;
    watched_report(&w, DEVICE, 1, 100, FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL,
                   "ups.status=OB LB");
    watched_expect(&w, "+on battery@100 +low battery@100");
    watched_report(&w, DEVICE, 2, 1, FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL, "ups.status=OB");
    watched_expect(&w, "+on battery@1");
    watched_report(&w, DEVICE, 1, 101, FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL,
                   "ups.status=OL");
    watched_expect(&w, "");
}

static void a_change_reads_back_as_it_was_written(void **state)
{
    struct fl_change back;
    uint8_t bytes[FL_CHANGE_SIZE_MAX];
    (void)state;
    watched_full(&w, "ups.status=OL OVER");
    w.view->flush(w.fold, w.kv);
    struct fl_change *change = &fl_detector_changes(w.fold)->items[0];
    struct fl_slice row = fl_change_encode(change, bytes);
    assert_true(fl_change_decode(row, &back));
    assert_true(back.condition == FL_CONDITION_OVERLOAD && back.raised && back.counter == 1);
    assert_string_equal(back.evidence, change->evidence);
    for (size_t size = 0; size < row.size; size++)
        assert_false(fl_change_decode(fl_slice_of(bytes, size), &back));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_hovering_battery_is_no_power_failure),
        TEST(no_input_voltage_is_a_power_failure_without_ob),
        TEST(falling_charge_decides_where_no_voltage_is_known),
        TEST(an_alarm_text_counts_when_it_is_sustained),
        TEST(another_alarm_asks_for_no_battery),
        TEST(status_is_a_set),
        TEST(discharging_is_not_charging),
        TEST(critical_is_said_once),
        TEST(a_pulled_cable_is_lost_communication_and_nothing_else),
        TEST(a_recovery_clears_lost_communication_and_nothing_else),
        TEST(a_latched_fsd_repeats_nothing),
        TEST(a_voltage_of_nothing_is_no_evidence_against_plain_ol),
        TEST(unknown_tokens_hide_nothing),
        TEST(contradictions_are_settled_by_the_voltage),
        TEST(a_calibration_is_no_power_failure),
        TEST(bypass_comes_and_goes),
        TEST(off_counts_when_it_is_sustained),
        TEST(a_voltage_is_adjusted_after_a_minute),
        TEST(heat_has_a_band_in_which_nothing_changes),
        TEST(a_failed_test_stands_until_one_has_passed),
        TEST(overload_comes_and_goes),
        TEST(late_and_repeated_reports_change_nothing),
        TEST(after_a_gap_old_readings_decide_nothing),
        TEST(a_new_enrolment_begins_anew),
        TEST(a_change_reads_back_as_it_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
