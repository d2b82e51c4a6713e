/* SPDX-License-Identifier: Apache-2.0 */
/* The people view: what events name and what fleetlog.subjects brings, in any order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/limits.h"
#include "core/port.h"
#include "fleetlog/v1/privacy.pb-c.h"
#include "projections/people/people.h"
#include "schemas/codec.h"
#include "tests/scenario/cast.h"

enum { ARENA_SIZE = 1024 * 1024, INPUT_COUNT_MAX = 16 };

/* A profile that says which one it is. */
static struct fl_record profile(struct fl_arena *arena, unsigned subject, unsigned revision,
                                bool tombstone)
{
    uint8_t nonce[24] = {(uint8_t)subject, (uint8_t)revision};
    uint8_t ciphertext[32] = {1};
    Fleetlog__V1__SealedProfile sealed = FLEETLOG__V1__SEALED_PROFILE__INIT;
    struct fl_record record = {.key = fl_slice_text(fl_arena_printf(
                                   arena, "%s/%u", cast_id("subject", subject), revision))};
    sealed.version = 1;
    sealed.epoch = 1;
    sealed.nonce = (ProtobufCBinaryData){sizeof(nonce), nonce};
    sealed.ciphertext = (ProtobufCBinaryData){sizeof(ciphertext), ciphertext};
    if (!tombstone)
        assert_int_equal(fl_message_encode(arena, &sealed.base, &record.value), FL_OK);
    return record;
}

static enum fl_error bring(void *state, struct fl_kv *kv, const struct fl_record *record)
{
    char detail[FL_DETAIL_SIZE];
    struct fl_view_input input = {.kind = FL_READS_SUBJECTS, .record = record};
    return fl_people_view()->apply(state, kv, &input, detail);
}

static enum fl_error name_at(void *state, struct fl_kv *kv, unsigned subject, uint64_t revision,
                             uint64_t sequence, int64_t time_ms)
{
    char detail[FL_DETAIL_SIZE];
    Fleetlog__V1__CoworkerInvited event = FLEETLOG__V1__COWORKER_INVITED__INIT;
    struct fl_envelope envelope = {.row = fl_catalogue_row(FL_MESSAGE_CoworkerInvited),
                                   .sequence = sequence,
                                   .time_ms = time_ms};
    struct fl_view_input input = {
        .kind = FL_READS_EVENTS, .envelope = &envelope, .message = &event.base};
    event.subject_id = cast_id("subject", subject);
    event.revision = revision;
    return fl_people_view()->apply(state, kv, &input, detail);
}

static enum fl_error name(void *state, struct fl_kv *kv, unsigned subject, uint64_t revision,
                          uint64_t sequence)
{
    return name_at(state, kv, subject, revision, sequence, 0);
}

static enum fl_error ask_for_erasure(void *state, struct fl_kv *kv, unsigned subject)
{
    char detail[FL_DETAIL_SIZE];
    Fleetlog__V1__ErasureRequested event = FLEETLOG__V1__ERASURE_REQUESTED__INIT;
    struct fl_envelope envelope = {.row = fl_catalogue_row(FL_MESSAGE_ErasureRequested),
                                   .sequence = 9};
    struct fl_view_input input = {
        .kind = FL_READS_EVENTS, .envelope = &envelope, .message = &event.base};
    event.subject_id = cast_id("subject", subject);
    return fl_people_view()->apply(state, kv, &input, detail);
}

struct fixture {
    struct fl_arena arena;
    struct fl_kv *kv;
    void *state;
};

static int begin(void **state)
{
    static struct fixture fixture;
    fl_arena_init(&fixture.arena, ARENA_SIZE);
    fixture.kv = fl_kv_memory_open();
    assert_int_equal(fl_people_view()->open(0, &fixture.state), FL_OK);
    *state = &fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    char detail[FL_DETAIL_SIZE];
    assert_true(fl_people_check(f->kv, detail));
    fl_people_view()->close(f->state);
    fl_kv_memory_close(&f->kv);
    fl_arena_fini(&f->arena);
    return 0;
}

static void the_profile_that_an_event_names_is_in_force(void **state)
{
    struct fixture *f = *state;
    struct fl_slice id = fl_slice_text(cast_id("subject", 1));
    struct fl_slice sealed;
    uint64_t revision;
    struct fl_record first = profile(&f->arena, 1, 1, false);
    struct fl_record second = profile(&f->arena, 1, 2, false);
    assert_int_equal(bring(f->state, f->kv, &first), FL_OK);
    assert_false(fl_people_sealed(f->kv, id, &revision, &sealed));
    assert_int_equal(name(f->state, f->kv, 1, 1, 5), FL_OK);
    assert_int_equal(bring(f->state, f->kv, &second), FL_OK);
    assert_true(fl_people_sealed(f->kv, id, &revision, &sealed));
    assert_int_equal(revision, 1);
    assert_true(fl_slice_equal(sealed, first.value));
    assert_int_equal(name(f->state, f->kv, 1, 2, 6), FL_OK);
    assert_true(fl_people_sealed(f->kv, id, &revision, &sealed));
    assert_int_equal(revision, 2);
    assert_true(fl_slice_equal(sealed, second.value));
    assert_true(fl_people_sealed_revision(f->kv, id, 1, &sealed));
}

static void an_erased_profile_is_gone(void **state)
{
    struct fixture *f = *state;
    struct fl_slice id = fl_slice_text(cast_id("subject", 1));
    struct fl_slice sealed;
    uint64_t revision;
    struct fl_record record = profile(&f->arena, 1, 1, false);
    struct fl_record gone = profile(&f->arena, 1, 1, true);
    assert_int_equal(bring(f->state, f->kv, &record), FL_OK);
    assert_int_equal(name(f->state, f->kv, 1, 1, 5), FL_OK);
    assert_int_equal(bring(f->state, f->kv, &gone), FL_OK);
    assert_false(fl_people_sealed(f->kv, id, &revision, &sealed));
    assert_int_equal(fl_people_revision(f->kv, id), 1);
    assert_int_equal(bring(f->state, f->kv, &gone), FL_OK);
}

static void who_asked_for_erasure_is_shown_as_erased(void **state)
{
    struct fixture *f = *state;
    struct fl_slice id = fl_slice_text(cast_id("subject", 1));
    struct fl_slice sealed;
    uint64_t revision;
    struct fl_record record = profile(&f->arena, 1, 1, false);
    assert_int_equal(bring(f->state, f->kv, &record), FL_OK);
    assert_int_equal(name(f->state, f->kv, 1, 1, 5), FL_OK);
    assert_false(fl_people_is_erased(f->kv, id));
    assert_int_equal(ask_for_erasure(f->state, f->kv, 1), FL_OK);
    assert_true(fl_people_is_erased(f->kv, id));
    assert_false(fl_people_sealed(f->kv, id, &revision, &sealed));
    assert_false(fl_people_is_erased(f->kv, fl_slice_text(cast_id("subject", 2))));
}

/* How many profiles may go at a time, however few rows are looked at per step. */
static unsigned due_count(struct fixture *f, int64_t head_ms)
{
    struct fl_people_walk walk = {.done = false};
    char subject_id[FL_ID_TEXT_SIZE];
    uint64_t revision;
    unsigned count = 0;
    while (!walk.done) {
        walk.look_count = 1;
        count += fl_people_next_due(f->kv, &walk, head_ms, subject_id, &revision);
    }
    return count;
}

static void profiles_go_a_day_after_they_are_of_no_use(void **state)
{
    struct fixture *f = *state;
    const int64_t day = FL_PROFILE_UNNAMED_MS;
    struct fl_record record = profile(&f->arena, 1, 1, false);
    record.timestamp_ms = 1000;
    assert_int_equal(bring(f->state, f->kv, &record), FL_OK);
    assert_int_equal(due_count(f, day + 999), 0);
    assert_int_equal(due_count(f, day + 1000), 1);
    /* Named: it stays for ever, until another is named. */
    assert_int_equal(name_at(f->state, f->kv, 1, 1, 5, 2000), FL_OK);
    assert_int_equal(due_count(f, 100 * day), 0);
    record = profile(&f->arena, 1, 2, false);
    record.timestamp_ms = 10 * day;
    assert_int_equal(bring(f->state, f->kv, &record), FL_OK);
    assert_int_equal(name_at(f->state, f->kv, 1, 2, 6, 10 * day + 500), FL_OK);
    assert_int_equal(due_count(f, 11 * day + 499), 0);
    assert_int_equal(due_count(f, 11 * day + 500), 1);
    /* The row forgets what was superseded long ago; the profile may go all the same. */
    assert_int_equal(name_at(f->state, f->kv, 1, 3, 7, 20 * day), FL_OK);
    assert_int_equal(name_at(f->state, f->kv, 1, 4, 8, 20 * day + 1), FL_OK);
    assert_int_equal(due_count(f, 20 * day + 1), 1);
    assert_int_equal(due_count(f, 21 * day), 2);
    assert_int_equal(ask_for_erasure(f->state, f->kv, 1), FL_OK);
    assert_int_equal(due_count(f, 0), 2);
}

static void junk_is_refused_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct fl_record good = profile(&f->arena, 1, 1, false);
    const char *keys[] = {"", "x", cast_id("subject", 1),
                          "not-a-subject-id-at-all-but-as-long-as/1"};
    struct fl_record junk = good;
    struct fl_kv_walk walk;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        junk.key = fl_slice_text(keys[i]);
        assert_int_equal(bring(f->state, f->kv, &junk), FL_INVALID);
    }
    junk.key = FL_SLICE_NULL;
    assert_int_equal(bring(f->state, f->kv, &junk), FL_INVALID);
    junk = good;
    junk.key = fl_slice_text(fl_arena_printf(&f->arena, "%s/0", cast_id("subject", 1)));
    assert_int_equal(bring(f->state, f->kv, &junk), FL_INVALID);
    junk = good;
    junk.value = FL_SLICE_LITERAL("\xff\xff");
    assert_int_equal(bring(f->state, f->kv, &junk), FL_INVALID);
    junk.value = FL_SLICE_LITERAL("");
    assert_int_equal(bring(f->state, f->kv, &junk), FL_INVALID);
    for (unsigned table = 0; table < fl_people_view()->table_count; table++) {
        fl_kv_walk_begin(&walk, f->kv, table, FL_SLICE_NULL);
        assert_false(fl_kv_walk_next(&walk));
    }
}

/* Each input keeps its own order; how the two interleave is drawn. */
static void fold_mixed(struct fixture *f, uint64_t seed, struct fl_kv *kv)
{
    struct fl_port_virtual port;
    struct fl_record records[INPUT_COUNT_MAX];
    size_t record_count = 0;
    size_t records_done = 0;
    uint64_t events_done = 0;
    fl_port_virtual_init(&port, seed, 0);
    for (unsigned i = 0; i < 12; i++)
        records[record_count++] = profile(&f->arena, 1 + i % 3, 1 + i / 6, i == 9);
    while (records_done < record_count || events_done < 6) {
        uint8_t coin;
        fl_port_random(&port.port, &coin, 1);
        bool record = events_done == 6 || (records_done < record_count && coin % 2 == 0);
        if (record)
            assert_int_equal(bring(f->state, kv, &records[records_done++]), FL_OK);
        else
            assert_int_equal(name(f->state, kv, 1 + (unsigned)(events_done % 3),
                                  1 + events_done / 3, events_done),
                             FL_OK);
        events_done += !record;
    }
}

static void the_order_of_the_two_inputs_does_not_matter(void **state)
{
    struct fixture *f = *state;
    fold_mixed(f, 0, f->kv);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct fl_kv *other = fl_kv_memory_open();
        fold_mixed(f, seed, other);
        for (unsigned table = 0; table < fl_people_view()->table_count; table++) {
            struct fl_kv_walk walk[2];
            fl_kv_walk_begin(&walk[0], f->kv, table, FL_SLICE_NULL);
            fl_kv_walk_begin(&walk[1], other, table, FL_SLICE_NULL);
            bool more = true;
            while (more) {
                more = fl_kv_walk_next(&walk[0]);
                assert_int_equal(fl_kv_walk_next(&walk[1]), more);
                assert_true(!more || (fl_slice_equal(walk[0].key, walk[1].key) &&
                                      fl_slice_equal(walk[0].value, walk[1].value)));
            }
        }
        fl_kv_memory_close(&other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_profile_that_an_event_names_is_in_force, begin, end),
        cmocka_unit_test_setup_teardown(an_erased_profile_is_gone, begin, end),
        cmocka_unit_test_setup_teardown(who_asked_for_erasure_is_shown_as_erased, begin, end),
        cmocka_unit_test_setup_teardown(profiles_go_a_day_after_they_are_of_no_use, begin, end),
        cmocka_unit_test_setup_teardown(junk_is_refused_and_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(the_order_of_the_two_inputs_does_not_matter, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
