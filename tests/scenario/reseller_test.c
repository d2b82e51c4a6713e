/* SPDX-License-Identifier: Apache-2.0 */
/* Links with resellers in every state; when reports and notices are due; what a date remembers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/timestamp.h"
#include "fleetlog/v1/privacy.pb-c.h"
#include "projections/registry/lifecycle.h"
#include "projections/registry/outbox.h"
#include "projections/registry/reseller.h"
#include "schemas/fields.h"
#include "tests/scenario/cast_privacy.h"
#include "tests/scenario/cast_reseller.h"
#include "tests/scenario/cells.h"

#define WEEK_MS (7 * FL_DAY_MS)

static void bring_link(struct world *world, unsigned state)
{
    if (state == FL_RESELLER_LINK_NONE)
        return;
    cast_link_reseller(world, 1, 3, 1);
    if (state == FL_RESELLER_LINK_LINKED || state == FL_RESELLER_LINK_DISCONNECTED)
        cast_accept_link(world, 1);
    if (state == FL_RESELLER_LINK_DECLINED)
        cast_decline_link(world, 1);
    if (state == FL_RESELLER_LINK_DISCONNECTED)
        cast_disconnect(world, 1);
    if (state == FL_RESELLER_LINK_UNLINKED)
        cast_unlink(world, 1, 1);
    if (state == FL_RESELLER_LINK_EXPIRED)
        world->now_ms += WEEK_MS;
}

static void link_again(struct world *world)
{
    cast_link_reseller(world, 1, 3, 2);
}

static void accept_link(struct world *world)
{
    cast_accept_link(world, 1);
}

static void decline_link(struct world *world)
{
    cast_decline_link(world, 1);
}

static void disconnect_link(struct world *world)
{
    cast_disconnect(world, 1);
}

static void resend_offer(struct world *world)
{
    cast_resend_offer(world, 1, 1);
}

static void unlink_it(struct world *world)
{
    cast_unlink(world, 1, 1);
}

/* none, offered, linked, declined, expired, disconnected, unlinked */
static void links_answer_everything(void **state)
{
    (void)state;
    static const struct cell again[] = {EVENT(ResellerLinkOffered),
                                        REFUSED(EXISTS),
                                        REFUSED(EXISTS),
                                        EVENT(ResellerLinkOffered),
                                        EVENT(ResellerLinkOffered),
                                        EVENT(ResellerLinkOffered),
                                        EVENT(ResellerLinkOffered)};
    static const struct cell accepted[] = {
        GONE, EVENT(ResellerLinkAccepted), NO, NO, REFUSED(EXPIRED), NO, NO};
    static const struct cell declined[] = {
        GONE, EVENT(ResellerLinkDeclined), NO, NO, REFUSED(EXPIRED), NO, NO};
    static const struct cell disconnected[] = {GONE, NO, EVENT(ResellerDisconnected), NO, NO,
                                               NO,   NO};
    static const struct cell unlinked[] = {
        GONE, EVENT(ResellerUnlinked), EVENT(ResellerUnlinked), NO, NO, NO, NO};
    static const struct cell resent[] = {
        GONE, EVENT(ResellerOfferResent), NO, NO, REFUSED(EXPIRED), NO, NO};
    const struct cell_row inputs[] = {
        {"link again", link_again, again},   {"accept", accept_link, accepted},
        {"decline", decline_link, declined}, {"disconnect", disconnect_link, disconnected},
        {"unlink", unlink_it, unlinked},     {"send again", resend_offer, resent},
    };
    cells_try(&fl_reseller_link_machine, bring_link, inputs, sizeof(inputs) / sizeof(inputs[0]));
}

static int64_t at(const char *text)
{
    int64_t ms;
    assert_true(fl_timestamp_parse(fl_slice_text(text), &ms));
    return ms;
}

static void reports_come_on_the_first(void **state)
{
    (void)state;
    static const struct {
        const char *now;
        const char *month;
        const char *quarter;
    } rows[] = {
        {"2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z", "2026-04-01T00:00:00.000Z"},
        {"2026-01-31T23:59:59.999Z", "2026-02-01T00:00:00.000Z", "2026-04-01T00:00:00.000Z"},
        {"2028-02-29T12:00:00.000Z", "2028-03-01T00:00:00.000Z", "2028-04-01T00:00:00.000Z"},
        {"2026-09-30T00:00:00.000Z", "2026-10-01T00:00:00.000Z", "2026-10-01T00:00:00.000Z"},
        {"2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t now_ms = at(rows[i].now);
        assert_int_equal(
            fl_report_next_ms(FLEETLOG__V1__REPORT_PERIOD__REPORT_PERIOD_MONTHLY, now_ms),
            at(rows[i].month));
        assert_int_equal(
            fl_report_next_ms(FLEETLOG__V1__REPORT_PERIOD__REPORT_PERIOD_QUARTERLY, now_ms),
            at(rows[i].quarter));
    }
}

static void steps_begin_to_the_millisecond(void **state)
{
    (void)state;
    const int64_t date_ms = at("2026-12-31T00:00:00.000Z");
    for (unsigned i = 0; i < FL_LIFECYCLE_STEP_COUNT; i++) {
        unsigned step = 99;
        int64_t begin_ms = date_ms - (int64_t)fl_lifecycle_steps[i] * FL_DAY_MS;
        assert_int_equal(fl_lifecycle_step_at(date_ms, begin_ms - 1, &step), i != 0);
        if (i != 0)
            assert_int_equal(step, i - 1);
        assert_true(fl_lifecycle_step_at(date_ms, begin_ms, &step));
        assert_int_equal(step, i);
    }
    unsigned step = 99;
    assert_true(fl_lifecycle_step_at(date_ms, date_ms + 90 * FL_DAY_MS - 1, &step));
    assert_int_equal(step, FL_LIFECYCLE_STEP_COUNT - 1);
    assert_false(fl_lifecycle_step_at(date_ms, date_ms + 90 * FL_DAY_MS, &step));
}

static void only_days_are_dates(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           "2026-1-01",   "2026-02-29", "2026-13-01",
                                      "2026-00-10", "2026-01-32",  "26-01-01",   "2026/01/01",
                                      "2026-01-0x", "2026-01-010", "not a date"};
    int64_t ms;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (fl_date_parse(bad[i], &ms))
            fail_msg("\"%s\" is taken for a date", bad[i]);
    assert_true(fl_date_parse("2028-02-29", &ms));
    assert_int_equal(ms, at("2028-02-29T00:00:00.000Z"));
}

/* A date that goes to and fro between more days than are remembered stays bounded. */
static void what_is_remembered_of_dates_is_bounded(void **state)
{
    (void)state;
    static struct world world;
    char date[64];
    world_init(&world);
    cast_begin(&world);
    for (int i = 0; i < FL_LIFECYCLE_DATE_COUNT_MAX + 8; i++) {
        snprintf(date, sizeof(date), "2026-01-%02d", 2 + i % 25);
        if (i >= 25)
            snprintf(date, sizeof(date), "2026-02-%02d", 1 + i - 25);
        assert_int_equal(cast_date(&world, 1, 1, date), FL_MESSAGE_LifecycleFactSet);
        cast_fire_all(&world);
        assert_int_equal(world_answer(&world), FL_MESSAGE_RenewalNoticeDue);
    }
    const fl_lifecycle_row *row =
        fl_registry_lifecycle(world.views[0].kv, &world.other_arena, cast_id("device", 1),
                              FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_BATTERY_REPLACEMENT);
    assert_non_null(row);
    assert_int_equal(row->n_told, FL_LIFECYCLE_DATE_COUNT_MAX);
    world_refold(&world);
    world_fini(&world);
}

/* What people and devices say of a device's running stands in no event that a reseller is told of.
 */
static void no_event_for_resellers_tells_how_devices_run(void **state)
{
    (void)state;
    static struct world world;
    size_t seen = 0;
    world_init(&world);
    cast_begin(&world);
    assert_int_equal(cast_rename(&world, 1, 1, "MARKER"), FL_MESSAGE_DeviceRenamed);
    cast_condition(&world, 1, FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_ON_BATTERY, true, 5);
    cast_reseller_story(&world, 1, 3, 1);
    for (size_t i = 0; i < world.entry_count; i++) {
        const struct fl_record *event = &world.entries[i].event;
        const char *type = fl_arena_text(&world.arena, fl_record_header(event, "ce_type")->value);
        assert_non_null(type);
        if (strstr(type, "Reseller") == NULL && strstr(type, "Renewal") == NULL)
            continue;
        seen++;
        assert_null(memmem(event->value.data, event->value.size, "MARKER", 6));
        assert_null(memmem(event->value.data, event->value.size, "127.0.0.1", 9));
    }
    assert_true(seen >= 8);
    world_fini(&world);
}

/* One below the limit, at it and above: the event names no more, and nothing is left behind. */
static void an_erasure_names_two_hundred_and_ends_all(void **state)
{
    (void)state;
    enum { PERSON = 900, FIRST = 300 };
    static struct world world;
    char detail[FL_DETAIL_SIZE];
    const unsigned limit = FL_RELATION_COUNT_PER_EVENT_MAX;
    for (unsigned count = limit - 1; count <= limit + 1; count++) {
        world_init(&world);
        cast_begin(&world);
        for (unsigned i = FIRST; i < FIRST + count; i++) {
            cast_create_company(&world, i);
            cast_create_account(&world, i, i, FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR);
            assert_int_equal(cast_link_reseller(&world, i, PERSON, i),
                             FL_MESSAGE_ResellerLinkOffered);
        }
        assert_int_equal(cast_erase(&world, PERSON, false), FL_MESSAGE_ErasureRequested);
        const Fleetlog__V1__ErasureRequested *event = (const void *)world.last.message;
        assert_int_equal(event->n_ended_link_ids, count < limit ? count : limit);
        assert_int_equal(event->n_owner_company_ids, count);
        for (unsigned i = FIRST; i < FIRST + count; i++) {
            const fl_reseller_link_row *row = fl_registry_reseller_link(
                world.views[0].kv, &world.other_arena, fl_slice_text(cast_id("link", i)));
            assert_int_equal(row->state, FL_RESELLER_LINK_UNLINKED);
        }
        assert_true(fl_registry_check(world.views[0].kv, detail));
        world_fini(&world);
    }
}

/* Below the limit, at it and above: no event is told to more administrators than that. */
static void a_notice_goes_to_fifty_administrators(void **state)
{
    (void)state;
    enum { FIRST = 300 };
    static struct world world;
    for (unsigned count = FL_NOTICE_PEOPLE_MAX - 1; count <= FL_NOTICE_PEOPLE_MAX + 1; count++) {
        unsigned owed = 0;
        struct fl_kv_walk walk;
        world_init(&world);
        cast_begin(&world); /* company 1 has one administrator */
        for (unsigned i = 1; i < count; i++)
            cast_create_account(&world, FIRST + i, 1, FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR);
        assert_int_equal(cast_date(&world, 1, 1, "2026-01-20"), FL_MESSAGE_LifecycleFactSet);
        cast_fire_all(&world);
        fl_kv_walk_begin(&walk, world.views[0].kv, FL_TABLE_OUTBOX, FL_SLICE_NULL);
        while (fl_kv_walk_next(&walk)) {
            const fl_outbox_row *row =
                fl_row_decode(world.views[0].kv, &world.other_arena, FL_TABLE_OUTBOX, walk.value);
            owed += row->kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_OWNER_NOTICE;
        }
        assert_int_equal(owed, count < FL_NOTICE_PEOPLE_MAX ? count : FL_NOTICE_PEOPLE_MAX);
        world_fini(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_answer_everything),
        cmocka_unit_test(reports_come_on_the_first),
        cmocka_unit_test(steps_begin_to_the_millisecond),
        cmocka_unit_test(only_days_are_dates),
        cmocka_unit_test(what_is_remembered_of_dates_is_bounded),
        cmocka_unit_test(no_event_for_resellers_tells_how_devices_run),
        cmocka_unit_test(an_erasure_names_two_hundred_and_ends_all),
        cmocka_unit_test(a_notice_goes_to_fifty_administrators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
