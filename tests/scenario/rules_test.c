/* SPDX-License-Identifier: Apache-2.0 */
/* What no scenario can say: forged events, two epochs, crashes, versions, pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "projections/registry/deciding.h"
#include "tests/scenario/cast_privacy.h"

static int begin(void **state)
{
    static struct world world;
    world_init(&world);
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

static enum fl_message_type invite(struct world *world, const char *id, unsigned person,
                                   unsigned epochs, unsigned subject)
{
    struct cast_person who;
    Fleetlog__V1__InviteCoworker action = FLEETLOG__V1__INVITE_COWORKER__INIT;
    char invitation[FL_ID_TEXT_SIZE];
    char name[16];
    (void)snprintf(name, sizeof(name), "%zu", world->entry_count);
    world_id("invitation", name, invitation);
    action.invitation_id = invitation;
    action.person = cast_person(world, &who, person, epochs);
    action.person->subject_id = cast_id("subject", subject);
    action.link_key_generation = 1;
    return cast_account(world, 1, id, &action.base);
}

/* While an erasure is under way a retry may carry the index of either epoch, or both. */
static void a_retry_under_another_epoch_is_the_same_request(void **state)
{
    struct world *world = *state;
    char id[FL_ID_TEXT_SIZE];
    world_id("action", "retry", id);
    cast_open_epoch(world, 2);
    assert_int_equal(invite(world, id, 50, CAST_EPOCH_1 | CAST_EPOCH_2, 50),
                     FL_MESSAGE_CoworkerInvited);
    invite(world, id, 50, CAST_EPOCH_1, 51);
    assert_int_equal(cast_code(world), FL_REJECT(DUPLICATE));
    invite(world, id, 50, CAST_EPOCH_2, 52);
    assert_int_equal(cast_code(world), FL_REJECT(DUPLICATE));
    invite(world, id, 53, CAST_EPOCH_2, 53);
    assert_int_equal(cast_code(world), FL_REJECT(ID_REUSED));
}

static void a_person_is_known_by_either_index(void **state)
{
    struct world *world = *state;
    const Fleetlog__V1__CoworkerInvited *event;
    assert_int_equal(invite(world, NULL, 50, CAST_EPOCH_1, 50), FL_MESSAGE_CoworkerInvited);
    world->now_ms += INT64_C(8) * 86400000;
    cast_open_epoch(world, 2);
    /* Another subject was minted, the index tells who it is; the new index is learnt. */
    assert_int_equal(invite(world, NULL, 50, CAST_EPOCH_1 | CAST_EPOCH_2, 51),
                     FL_MESSAGE_CoworkerInvited);
    event = (const Fleetlog__V1__CoworkerInvited *)world->last.message;
    assert_string_equal(event->subject_id, cast_id("subject", 50));
    world->now_ms += INT64_C(8) * 86400000;
    cast_announce(world, 1);
    cast_confirm(world, 1, 2, true);
    for (unsigned person = 1; person <= 2; person++)
        assert_int_equal(cast_reindex(world, 2, person, 1, false), FL_MESSAGE_PeopleReindexed);
    assert_int_equal(cast_reindex(world, 2, 50, 1, false), FL_MESSAGE_PeopleReindexed);
    assert_int_equal(cast_close_epoch(world, 1), FL_MESSAGE_EpochClosed);
    assert_int_equal(invite(world, NULL, 50, CAST_EPOCH_2, 52), FL_MESSAGE_CoworkerInvited);
    event = (const Fleetlog__V1__CoworkerInvited *)world->last.message;
    assert_string_equal(event->subject_id, cast_id("subject", 50));
}

static void indexes_of_two_people_are_refused(void **state)
{
    struct world *world = *state;
    struct cast_person a;
    struct cast_person b;
    Fleetlog__V1__InviteCoworker action = FLEETLOG__V1__INVITE_COWORKER__INIT;
    cast_open_epoch(world, 2);
    invite(world, NULL, 50, CAST_EPOCH_1, 50);
    invite(world, NULL, 51, CAST_EPOCH_1 | CAST_EPOCH_2, 51);
    action.invitation_id = cast_id("share", 900);
    action.link_key_generation = 1;
    action.person = cast_person(world, &a, 50, CAST_EPOCH_1 | CAST_EPOCH_2);
    cast_person(world, &b, 51, CAST_EPOCH_1 | CAST_EPOCH_2);
    memcpy(a.bytes[1], b.bytes[1], FL_ID_SIZE);
    cast_account(world, 1, NULL, &action.base);
    assert_int_equal(cast_code(world), FL_REJECT(INVALID));
}

/* A newer profile counts only when it is sealed for the subject that the registry knows. */
static void the_newest_revision_of_a_known_subject_is_named(void **state)
{
    struct world *world = *state;
    struct cast_person who;
    Fleetlog__V1__ShareDevices action = FLEETLOG__V1__SHARE_DEVICES__INIT;
    const char *devices[] = {cast_id("device", 1)};
    action.share_id = cast_id("share", 900);
    action.device_ids = devices;
    action.n_device_ids = 1;
    action.link_key_generation = 1;
    action.person = cast_person(world, &who, 2, CAST_EPOCH_1);
    action.person->revision = 4;
    assert_int_equal(cast_account(world, 1, NULL, &action.base), FL_MESSAGE_DevicesShared);
    assert_int_equal(((const Fleetlog__V1__DevicesShared *)world->last.message)->revision, 4);
    devices[0] = cast_id("device", 2);
    action.share_id = cast_id("share", 901);
    action.person->revision = 3;
    assert_int_equal(cast_account(world, 1, NULL, &action.base), FL_MESSAGE_DevicesShared);
    assert_int_equal(((const Fleetlog__V1__DevicesShared *)world->last.message)->revision, 4);
}

static enum fl_error apply(struct world *world, const ProtobufCMessage *message,
                           uint32_t min_reader, char detail[FL_DETAIL_SIZE])
{
    struct fl_envelope envelope = world->last.envelope;
    struct fl_view_input input;
    fl_decision_view_input(&world->last, world->entry_count, &input);
    if (message != NULL)
        envelope.row = fl_catalogue_of(message);
    envelope.min_reader = min_reader;
    input.envelope = &envelope;
    input.message = message;
    return world->views[0].view->apply(world->views[0].state, world->views[0].kv, &input, detail);
}

/* Only a faulty decider writes such events; the fold stops instead of bending the rows. */
static void events_that_do_not_fit_the_rows_are_refused(void **state)
{
    struct world *world = *state;
    char detail[FL_DETAIL_SIZE];
    Fleetlog__V1__ShareAccepted accepted = FLEETLOG__V1__SHARE_ACCEPTED__INIT;
    Fleetlog__V1__CommandDelivered delivered = FLEETLOG__V1__COMMAND_DELIVERED__INIT;
    Fleetlog__V1__ConditionCleared cleared = FLEETLOG__V1__CONDITION_CLEARED__INIT;
    Fleetlog__V1__DeviceRegistered registered = FLEETLOG__V1__DEVICE_REGISTERED__INIT;
    Fleetlog__V1__RulesActivated rules = FLEETLOG__V1__RULES_ACTIVATED__INIT;
    accepted.share_id = cast_id("share", 1);
    assert_int_equal(apply(world, &accepted.base, 1, detail), FL_INVALID);
    assert_non_null(strstr(detail, "shares"));
    delivered.command_id = cast_id("command", 1);
    assert_int_equal(apply(world, &delivered.base, 1, detail), FL_INVALID);
    cleared.device_id = cast_id("device", 1);
    cleared.kind = FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_ON_BATTERY;
    assert_int_equal(apply(world, &cleared.base, 1, detail), FL_INVALID);
    assert_non_null(strstr(detail, "from clear to clear"));
    registered.device_id = cast_id("device", 3);
    registered.agent_id = cast_id("agent", 1);
    registered.device_number = 4;
    assert_int_equal(apply(world, &registered.base, 1, detail), FL_INVALID);
    rules.rules_version = 1;
    assert_int_equal(apply(world, &rules.base, 1, detail), FL_INVALID);
}

/* One that must be understood is stopped before the fold, by the view's reader version. */
static void an_unknown_event_is_passed_over(void **state)
{
    struct world *world = *state;
    char detail[FL_DETAIL_SIZE];
    assert_int_equal(apply(world, NULL, 1, detail), FL_OK);
    assert_int_equal(world->views[0].view->reader_version, 1);
}

static void an_action_that_crashes_decide_is_answered_internal(void **state)
{
    struct world *world = *state;
    uint8_t hash[FL_HASH_SIZE];
    uint8_t event_hash[FL_HASH_SIZE];
    struct fl_record record = world->entries[3].action;
    fl_record_hash(world->sha, &record, hash);
    struct fl_decide_input input = {world->entry_count, &record, hash, NULL};
    assert_int_equal(fl_decide_internal(world->views[0].kv, &world->head, &input, "abc123",
                                        &world->arena, &world->last),
                     FL_OK);
    assert_int_equal(cast_code(world), FL_REJECT(INTERNAL));
    assert_non_null(strstr(world_rejection(world)->sentence, "abc123"));
    assert_true(fl_slice_is(world->last.event.key, "log"));
    assert_int_equal(fl_chain_judge(&world->head, world->sha, &world->last.event, event_hash),
                     FL_CHAIN_VALID);
}

static const ProtobufCMessage *answer_too_much(struct fl_deciding *d)
{
    Fleetlog__V1__DeviceRenamed *event = fl_answer(d, FL_MESSAGE_DeviceRenamed);
    char *name = fl_arena_calloc(d->arena, 1, FL_EVENT_SIZE_MAX + 1);
    memset(name, 'x', FL_EVENT_SIZE_MAX);
    event->device_id = cast_id("device", 1);
    event->name = name;
    return &event->base;
}

static void an_event_over_the_limit_becomes_a_refusal(void **state)
{
    struct world *world = *state;
    fl_decide_fn *actions[FL_MESSAGE_COUNT];
    struct fl_rules rules = *fl_rules_find(fl_rules_production(), 1);
    memcpy(actions, rules.actions, sizeof(actions));
    actions[FL_MESSAGE_RenameDevice] = answer_too_much;
    rules.actions = actions;
    const struct fl_rules_set set = {&rules, 1};
    world->rules = &set;
    assert_int_equal(cast_rename(world, 1, 1, "Rack"), FL_MESSAGE_ActionRejected);
    assert_int_equal(cast_code(world), FL_REJECT(TOO_LARGE));
    world->rules = NULL;
    assert_int_equal(cast_rename(world, 1, 1, "Rack"), FL_MESSAGE_DeviceRenamed);
}

static void an_action_that_the_version_does_not_have_is_unsupported(void **state)
{
    struct world *world = *state;
    fl_decide_fn *actions[FL_MESSAGE_COUNT] = {NULL};
    struct fl_rules rules = *fl_rules_find(fl_rules_production(), 1);
    rules.actions = actions;
    const struct fl_rules_set set = {&rules, 1};
    world->rules = &set;
    cast_rename(world, 1, 1, "Rack");
    assert_int_equal(cast_code(world), FL_REJECT(UNSUPPORTED));
    world->rules = NULL;
}

static void an_unknown_field_is_unsupported(void **state)
{
    struct world *world = *state;
    Fleetlog__V1__RenameDevice action = FLEETLOG__V1__RENAME_DEVICE__INIT;
    uint8_t byte = 1;
    ProtobufCMessageUnknownField unknown = {.tag = 99, .wire_type = 0, .len = 1, .data = &byte};
    action.device_id = cast_id("device", 1);
    action.name = "Rack";
    action.base.n_unknown_fields = 1;
    action.base.unknown_fields = &unknown;
    cast_account(world, 1, NULL, &action.base);
    assert_int_equal(cast_code(world), FL_REJECT(UNSUPPORTED));
}

static void outcomes_are_found_by_the_actions_offset(void **state)
{
    struct world *world = *state;
    uint64_t offset;
    char id[FL_ID_TEXT_SIZE];
    Fleetlog__V1__RenameDevice action = FLEETLOG__V1__RENAME_DEVICE__INIT;
    world_id("action", "mine", id);
    action.device_id = cast_id("device", 1);
    action.name = "Rack";
    cast_account(world, 1, id, &action.base);
    const fl_outcome_row *row =
        fl_registry_outcome(world->views[0].kv, &world->other_arena, world->entry_count - 1);
    assert_non_null(row);
    assert_int_equal(row->event_offset, world->entry_count - 1);
    assert_int_equal(row->rejection_code, 0);
    assert_true(fl_registry_action_offset(world->views[0].kv, fl_slice_text(id), &offset));
    assert_int_equal(offset, world->entry_count - 1);
    cast_condition(world, 1, FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_ON_BATTERY, true, 5);
    assert_null(
        fl_registry_outcome(world->views[0].kv, &world->other_arena, world->entry_count - 1));
    /* Forgotten some time after nobody may ask for it any more. */
    world->now_ms += INT64_C(9) * 86400000;
    for (int i = 0; i < 20; i++)
        cast_rename(world, 1, 1, "Rack");
    assert_null(fl_registry_outcome(world->views[0].kv, &world->other_arena, offset));
    assert_false(fl_registry_action_offset(world->views[0].kv, fl_slice_text(id), &offset));
}

static void lists_come_in_pages_both_ways(void **state)
{
    struct world *world = *state;
    struct fl_kv *kv = world->views[0].kv;
    struct fl_slice company = fl_slice_text(cast_id("company", 1));
    struct fl_page page = {.limit = 2};
    struct fl_rows rows;
    char seen[9][FL_ID_TEXT_SIZE];
    size_t count = 0;
    for (unsigned i = 3; i <= 7; i++)
        cast_register(world, 1, i, i);
    do {
        assert_int_equal(
            fl_registry_list(kv, &world->other_arena, FL_LIST_DEVICES, company, &page, &rows),
            FL_OK);
        for (size_t i = 0; i < rows.count; i++)
            (void)snprintf(seen[count++], FL_ID_TEXT_SIZE, "%s",
                           ((fl_device_row *)rows.rows[i])->device_id);
        page.after = fl_arena_copy(&world->other_arena, fl_slice_text(rows.next));
    } while (page.after.size != 0);
    assert_int_equal(count, 7);
    for (size_t i = 1; i < count; i++)
        assert_true(strcmp(seen[i - 1], seen[i]) < 0);
    page = (struct fl_page){.limit = 3, .descending = true};
    do {
        assert_int_equal(
            fl_registry_list(kv, &world->other_arena, FL_LIST_DEVICES, company, &page, &rows),
            FL_OK);
        for (size_t i = 0; i < rows.count; i++)
            assert_string_equal(((fl_device_row *)rows.rows[i])->device_id, seen[--count]);
        page.after = fl_arena_copy(&world->other_arena, fl_slice_text(rows.next));
    } while (page.after.size != 0);
    assert_int_equal(count, 0);
    page.after = FL_SLICE_LITERAL("zz");
    assert_int_equal(
        fl_registry_list(kv, &world->other_arena, FL_LIST_DEVICES, company, &page, &rows),
        FL_INVALID);
    page = (struct fl_page){.limit = 1};
    assert_int_equal(fl_registry_list(kv, &world->other_arena, FL_LIST_DEVICES,
                                      FL_SLICE_LITERAL("no id"), &page, &rows),
                     FL_OK);
    assert_int_equal(rows.count, 0);
}

static void a_row_that_does_not_decode_is_corrupt_and_not_a_refusal(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    cast_begin(&world);
    struct fl_key key;
    fl_key_begin(&key);
    fl_key_id_text(&key, cast_id("device", 1));
    fl_kv_put(world.views[0].kv, FL_TABLE_DEVICES, fl_key_slice(&key), FL_SLICE_LITERAL("\xff"));
    Fleetlog__V1__RemoveDevice action = FLEETLOG__V1__REMOVE_DEVICE__INIT;
    action.device_id = cast_id("device", 1);
    char actor[64];
    (void)snprintf(actor, sizeof(actor), "account:%s", cast_id("subject", 1));
    const struct world_actor who = {.actor = actor};
    struct fl_record record = world_action(&world, &who, NULL, &action.base);
    assert_false(world_step(&world, &record));
    assert_int_equal(world.last_error, FL_CORRUPT);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_retry_under_another_epoch_is_the_same_request, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_person_is_known_by_either_index, begin, end),
        cmocka_unit_test_setup_teardown(indexes_of_two_people_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(the_newest_revision_of_a_known_subject_is_named, begin,
                                        end),
        cmocka_unit_test_setup_teardown(events_that_do_not_fit_the_rows_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(an_unknown_event_is_passed_over, begin, end),
        cmocka_unit_test_setup_teardown(an_action_that_crashes_decide_is_answered_internal, begin,
                                        end),
        cmocka_unit_test_setup_teardown(an_event_over_the_limit_becomes_a_refusal, begin, end),
        cmocka_unit_test_setup_teardown(an_action_that_the_version_does_not_have_is_unsupported,
                                        begin, end),
        cmocka_unit_test_setup_teardown(an_unknown_field_is_unsupported, begin, end),
        cmocka_unit_test_setup_teardown(outcomes_are_found_by_the_actions_offset, begin, end),
        cmocka_unit_test_setup_teardown(lists_come_in_pages_both_ways, begin, end),
        cmocka_unit_test(a_row_that_does_not_decode_is_corrupt_and_not_a_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
