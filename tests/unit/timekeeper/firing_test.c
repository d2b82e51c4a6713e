/* SPDX-License-Identifier: Apache-2.0 */
/* What the timekeeper fires, when, in which order and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/timekeeper/firing.h"
#include "core/port.h"
#include "schemas/envelope.h"
#include "tests/scenario/cast.h"

#define NODE_ID "0193f7a2-0000-7000-8000-0000000000aa"

enum { WEEK_MS = 7 * 24 * 3600 * 1000, CLAIM_MS = 900000 };

struct fixture {
    struct world world;
    struct fl_firing firing;
    struct fl_arena arena;
    int64_t monotonic_ms;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    world_init(&f->world);
    cast_begin(&f->world);
    fl_firing_init(&f->firing);
    fl_arena_init(&f->arena, 1 << 20);
    f->monotonic_ms = 1000;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fl_arena_fini(&f->arena);
    world_fini(&f->world);
    free(f);
    return 0;
}

static struct fl_kv *registry(struct fixture *f)
{
    return f->world.views[0].kv;
}

static size_t gather(struct fixture *f)
{
    fl_firing_gather(&f->firing, registry(f), f->world.now_ms, f->monotonic_ms);
    return f->firing.count;
}

/* The very record of the duty, decided. */
static enum fl_message_type fire(struct fixture *f, const struct fl_due *due)
{
    struct fl_record record;
    fl_arena_reset(&f->arena);
    assert_int_equal(
        fl_firing_encode(&f->arena, due, cast_id("log", 1), NODE_ID, f->world.now_ms, &record),
        FL_OK);
    struct fl_record kept;
    assert_true(fl_record_copy(&f->world.log_arena, &record, &kept));
    assert_true(world_step(&f->world, &kept));
    return world_answer(&f->world);
}

static void nothing_fires_before_its_time(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(cast_invite(&f->world, 1, 3, 1), FL_MESSAGE_CoworkerInvited);
    int64_t begin_ms = f->world.now_ms;
    const int64_t at_ms[] = {0, WEEK_MS - 1, WEEK_MS, WEEK_MS + 1};
    const size_t expected[] = {0, 0, 1, 1};
    for (size_t i = 0; i < 4; i++) {
        f->world.now_ms = begin_ms + at_ms[i];
        assert_int_equal(gather(f), expected[i]);
        assert_int_equal(f->firing.next_ms, expected[i] == 0 ? begin_ms + WEEK_MS : 0);
    }
    assert_int_equal(fire(f, &f->firing.batch[0]), FL_MESSAGE_InvitationExpired);
    assert_int_equal(fl_firing_settle(&f->firing, registry(f), f->monotonic_ms), 0);
    assert_int_equal(gather(f), 0);
    assert_int_equal(f->firing.next_ms, 0);
}

static void an_outage_is_made_up_for_in_order_and_in_batches(void **state)
{
    enum { CLAIM_COUNT = FL_FIRING_COUNT_MAX + 7 };
    struct fixture *f = *state;
    size_t fired = 0;
    int64_t last_ms = 0;
    f->world.skip_check = true;
    for (unsigned i = 0; i < CLAIM_COUNT; i++) {
        f->world.now_ms += 1 + i % 3;
        assert_int_equal(cast_issue_claim(&f->world, 1, 100 + i), FL_MESSAGE_ClaimIssued);
    }
    f->world.now_ms += WEEK_MS;
    for (size_t round = 0; gather(f) != 0; round++) {
        assert_int_equal(f->firing.count, round == 0 ? FL_FIRING_COUNT_MAX : 7);
        for (size_t i = 0; i < f->firing.count; i++, fired++) {
            assert_true(f->firing.batch[i].at_ms >= last_ms);
            last_ms = f->firing.batch[i].at_ms;
            assert_int_equal(fire(f, &f->firing.batch[i]), FL_MESSAGE_ClaimExpired);
        }
        assert_int_equal(fl_firing_settle(&f->firing, registry(f), f->monotonic_ms), 0);
    }
    assert_int_equal(fired, CLAIM_COUNT);
    world_refold(&f->world);
}

static void what_still_stands_is_set_aside_and_keeps_nobody_waiting(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(cast_issue_claim(&f->world, 1, 100), FL_MESSAGE_ClaimIssued);
    f->world.now_ms += 1;
    assert_int_equal(cast_issue_claim(&f->world, 1, 101), FL_MESSAGE_ClaimIssued);
    f->world.now_ms += CLAIM_MS - 1;
    assert_int_equal(gather(f), 1);
    /* It was answered, and stands all the same. */
    assert_int_equal(fl_firing_settle(&f->firing, registry(f), f->monotonic_ms), 1);
    assert_int_equal(gather(f), 0);
    f->world.now_ms += 1;
    assert_int_equal(gather(f), 1);
    assert_string_equal(f->firing.batch[0].id, cast_id("claim", 101));
    f->monotonic_ms += FL_FIRING_ASIDE_MS - 1;
    assert_int_equal(gather(f), 1);
    f->monotonic_ms += 1;
    assert_int_equal(gather(f), 2);
    assert_string_equal(f->firing.batch[0].id, cast_id("claim", 100));
}

static void the_id_is_that_of_the_entry(void **state)
{
    struct fixture *f = *state;
    struct fl_due base;
    struct fl_due other[4];
    struct fl_record records[6];
    fl_due_init(&base, 5000, FL_DUE(CLAIM), cast_id("claim", 1), 2);
    for (size_t i = 0; i < 4; i++)
        other[i] = base;
    other[0].at_ms++;
    other[1].kind = FL_DUE(INVITATION);
    other[2].step++;
    fl_due_init(&other[3], 5000, FL_DUE(CLAIM), cast_id("claim", 2), 2);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(fl_firing_encode(&f->arena, i < 2 ? &base : &other[i - 2],
                                          cast_id("log", 1), NODE_ID, 6000 + (int64_t)i,
                                          &records[i]),
                         FL_OK);
    const struct fl_header *first = fl_record_header(&records[0], "ce_id");
    for (size_t i = 1; i < 6; i++) {
        const struct fl_header *id = fl_record_header(&records[i], "ce_id");
        assert_int_equal(fl_slice_equal(first->value, id->value), i == 1);
    }
}

/* Two timekeepers and their lives: each fires what it has seen at some time, is stopped in the
 * middle, sees old rows. Whatever they do, everything ends exactly once, in order where one works
 * alone, and nothing they say twice stands in anybody's Event Log. */
static void whoever_fires_how_often_everything_ends_once(void **state)
{
    enum { ROUNDS = 400, SEEN = 64 };
    struct fixture *f = *state;
    struct fl_port_virtual port;
    struct fl_due seen[SEEN];
    size_t seen_count = 0;
    unsigned made = 0;
    unsigned ended = 0;
    uint32_t draw;
    const char *seed = getenv("FLEETLOG_SEED");
    fl_port_virtual_init(&port, seed == NULL ? 20260103 : strtoull(seed, NULL, 10), 0);
    printf("FLEETLOG_SEED=%s\n", seed == NULL ? "20260103" : seed);
    for (int round = 0; round < ROUNDS; round++) {
        fl_port_random(&port.port, &draw, sizeof(draw));
        f->world.now_ms += draw % 120000;
        if (draw % 3 == 0)
            made += cast_issue_claim(&f->world, 1, 100 + made) == FL_MESSAGE_ClaimIssued;
        gather(f);
        for (size_t i = 0; i < f->firing.count && seen_count < SEEN; i++)
            seen[seen_count++] = f->firing.batch[i];
        for (size_t i = draw % 5; i < seen_count; i += 1 + draw / 7 % 3) {
            bool stood = fl_due_is_set(registry(f), &seen[i]);
            bool fired = fire(f, &seen[i]) == FL_MESSAGE_ClaimExpired;
            assert_int_equal(fired, stood);
            ended += fired;
            if (!fired)
                assert_null(f->world.last.envelope.company_id.data);
        }
        if (draw % 11 == 0 || seen_count == SEEN)
            seen_count = 0; /* killed: it keeps nothing */
    }
    f->world.now_ms += WEEK_MS;
    while (gather(f) != 0) {
        for (size_t i = 0; i < f->firing.count; i++)
            ended += fire(f, &f->firing.batch[i]) == FL_MESSAGE_ClaimExpired;
        assert_int_equal(fl_firing_settle(&f->firing, registry(f), f->monotonic_ms), 0);
    }
    assert_true(made > 20);
    assert_int_equal(ended, made);
    world_refold(&f->world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_fires_before_its_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_outage_is_made_up_for_in_order_and_in_batches, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_still_stands_is_set_aside_and_keeps_nobody_waiting,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_id_is_that_of_the_entry, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whoever_fires_how_often_everything_ends_once, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
