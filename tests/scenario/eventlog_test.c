/* SPDX-License-Identifier: Apache-2.0 */
/* The Event Log: pages, pruning, texts without names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "projections/eventlog/eventlog.h"
#include "tests/scenario/cast.h"

#define DAY_MS INT64_C(86400000)

static int begin(void **state)
{
    static struct world world;
    world_init(&world);
    world_add_view(&world, fl_eventlog_view());
    cast_begin(&world);
    *state = &world;
    return 0;
}

static int end(void **state)
{
    world_refold(*state);
    world_fini(*state);
    return 0;
}

static struct fl_kv *eventlog(struct world *world)
{
    return world->views[1].kv;
}

static struct fl_eventlog_query company_1(struct world *world)
{
    return (struct fl_eventlog_query){.scope = FL_EVENTLOG_COMPANY,
                                      .company_id = fl_slice_text(cast_id("company", 1)),
                                      .with_owner_only = true,
                                      .now_ms = world->now_ms,
                                      .limit = 100};
}

static size_t count_rows(struct world *world, unsigned table)
{
    struct fl_kv_walk walk;
    size_t count = 0;
    fl_kv_walk_begin(&walk, eventlog(world), table, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk))
        count++;
    return count;
}

static void pages_of_any_size_give_the_same_lines(void **state)
{
    struct world *world = *state;
    struct fl_eventlog_page all;
    const Fleetlog__V1__ConditionKind overload =
        FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_OVERLOAD;
    for (int i = 0; i < 12; i++) {
        world->now_ms += DAY_MS / 10;
        cast_rename(world, 1, 1, "Rack");
        cast_condition(world, 1, overload, i % 2 == 0, (uint64_t)i + 1);
    }
    struct fl_eventlog_query query = company_1(world);
    assert_int_equal(fl_eventlog_list(eventlog(world), &world->other_arena, &query, &all), FL_OK);
    assert_int_equal(all.count, 6 + 24);
    assert_string_equal(all.next, "");
    for (size_t i = 1; i < all.count; i++) {
        assert_true(all.rows[i]->severity <= all.rows[i - 1]->severity);
        if (all.rows[i]->severity == all.rows[i - 1]->severity)
            assert_true(all.rows[i]->sequence < all.rows[i - 1]->sequence);
    }
    for (size_t limit = 1; limit <= 31; limit += 3) {
        struct fl_eventlog_page page;
        size_t count = 0;
        query = company_1(world);
        query.limit = limit;
        do {
            assert_int_equal(fl_eventlog_list(eventlog(world), &world->other_arena, &query, &page),
                             FL_OK);
            for (size_t i = 0; i < page.count; i++)
                assert_int_equal(page.rows[i]->sequence, all.rows[count++]->sequence);
            query.after = fl_arena_copy(&world->other_arena, fl_slice_text(page.next));
        } while (page.next[0] != '\0');
        assert_int_equal(count, all.count);
    }
}

static void a_cursor_that_is_none_is_refused(void **state)
{
    struct world *world = *state;
    struct fl_eventlog_page page;
    struct fl_eventlog_query query = company_1(world);
    query.after = FL_SLICE_LITERAL("0123");
    assert_int_equal(fl_eventlog_list(eventlog(world), &world->other_arena, &query, &page),
                     FL_INVALID);
    query.after = FL_SLICE_NULL;
    query.company_id = FL_SLICE_LITERAL("no id");
    assert_int_equal(fl_eventlog_list(eventlog(world), &world->other_arena, &query, &page), FL_OK);
    assert_int_equal(page.count, 0);
}

/* What is old is gone from the rows too, a little with each event, whatever there was of it. */
static void old_lines_are_pruned_in_steps(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 300; i++)
        cast_rename(world, 1, 1, "Rack");
    size_t before = count_rows(world, 0);
    assert_true(before > 300);
    world->now_ms += 31 * DAY_MS;
    cast_rename(world, 1, 1, "Rack");
    assert_true(count_rows(world, 0) > 200);
    for (int i = 0; i < 12; i++)
        cast_rename(world, 1, 1, "Rack");
    assert_int_equal(count_rows(world, 0), 13);
    assert_int_equal(count_rows(world, 1), 26);
    assert_int_equal(count_rows(world, 2), 26);
}

static void texts_do_without_names(void **state)
{
    struct world *world = *state;
    struct fl_eventlog_page page;
    struct fl_eventlog_query query = company_1(world);
    const struct fl_eventlog_names nobody = {0};
    unsigned devices[] = {1, 2};
    cast_share(world, 1, devices, 2, 2, 1);
    query.limit = 1;
    assert_int_equal(fl_eventlog_list(eventlog(world), &world->other_arena, &query, &page), FL_OK);
    assert_string_equal(fl_eventlog_text(&world->other_arena, page.rows[0], &nobody),
                        "Somebody who is not known any more shared a device and a device with "
                        "somebody who is not known any more");
    assert_string_equal(fl_eventlog_actor(&world->other_arena, page.rows[0], &nobody),
                        "somebody who is not known any more");
}

static void a_kind_of_event_that_is_not_known_is_shown_by_its_name(void **state)
{
    struct world *world = *state;
    char detail[FL_DETAIL_SIZE];
    struct fl_eventlog_page page;
    struct fl_view_input input;
    const struct fl_eventlog_names nobody = {0};
    struct fl_envelope envelope;
    struct fl_eventlog_query query = company_1(world);
    cast_rename(world, 1, 1, "Rack");
    fl_decision_view_input(&world->last, world->entry_count, &input);
    envelope = world->last.envelope;
    envelope.row = NULL;
    envelope.type = FL_SLICE_LITERAL("fleetlog.v1.DeviceSold");
    envelope.sequence++;
    envelope.actor = FL_SLICE_LITERAL("detector");
    input.envelope = &envelope;
    input.message = NULL;
    struct fl_kv *kv = fl_kv_memory_open();
    assert_int_equal(fl_eventlog_view()->apply(world->views[1].state, kv, &input, detail), FL_OK);
    query.limit = 1;
    assert_int_equal(fl_eventlog_list(kv, &world->other_arena, &query, &page), FL_OK);
    assert_int_equal(page.count, 1);
    assert_string_equal(fl_eventlog_text(&world->other_arena, page.rows[0], &nobody),
                        "The detector: fleetlog.v1.DeviceSold");
    assert_true(fl_eventlog_check(kv, detail));
    fl_kv_memory_close(&kv);
}

static void the_check_finds_a_stray_place(void **state)
{
    struct world *world = *state;
    char detail[FL_DETAIL_SIZE];
    uint8_t key[1 + FL_ID_SIZE + 17] = {FL_EVENTLOG_COMPANY, 7};
    struct fl_slice stray = fl_slice_of(key, sizeof(key));
    assert_true(fl_eventlog_check(eventlog(world), detail));
    fl_kv_put(eventlog(world), 1, stray, FL_SLICE_LITERAL(""));
    assert_false(fl_eventlog_check(eventlog(world), detail));
    assert_non_null(strstr(detail, "invariant 3"));
    fl_kv_del(eventlog(world), 1, stray);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pages_of_any_size_give_the_same_lines, begin, end),
        cmocka_unit_test_setup_teardown(a_cursor_that_is_none_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(old_lines_are_pruned_in_steps, begin, end),
        cmocka_unit_test_setup_teardown(texts_do_without_names, begin, end),
        cmocka_unit_test_setup_teardown(a_kind_of_event_that_is_not_known_is_shown_by_its_name,
                                        begin, end),
        cmocka_unit_test_setup_teardown(the_check_finds_a_stray_place, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
