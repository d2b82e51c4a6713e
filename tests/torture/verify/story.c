/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/torture/verify/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "fleetlog/v1/history.pb-c.h"
#include "fleetlog/v1/subjects.pb-c.h"
#include "fleetlog/v1/telemetry.pb-c.h"
#include "producers/agent_protocol.h"
#include "schemas/topics.h"
#include "tests/scenario/cast_login.h"
#include "tests/scenario/cast_mail.h"
#include "tests/scenario/cast_privacy.h"
#include "tests/scenario/cast_reseller.h"

#define INIT(type, name, descriptor)                                                               \
    Fleetlog__V1__##type name;                                                                     \
    protobuf_c_message_init(&fleetlog__v1__##descriptor##__descriptor, &name)

#define NODE_ID "01890a5d-ac96-774b-bcce-b302099a8057"

enum { STEP_MS = 1000, PEOPLE = 4, NEW_PERSON = 60, APPEND_COUNT_MAX = 4 };

static void pass_time(struct node *node)
{
    node->world.now_ms += STEP_MS;
}

static void as_node(struct node *node, const ProtobufCMessage *message)
{
    const struct world_actor who = {.actor = "node:" NODE_ID};
    struct fl_record record = world_action(&node->world, &who, NULL, message);
    assert_true(world_step(&node->world, &record));
}

static void nodes_and_rules(struct node *node)
{
    INIT(AnnounceNode, announce, announce_node);
    INIT(ActivateRules, activate, activate_rules);
    INIT(RemoveNode, leave, remove_node);
    announce.node_id = NODE_ID;
    announce.rules_version_newest = 1;
    announce.software_version = "0.1.0";
    as_node(node, &announce.base);
    activate.rules_version = 1;
    cast_operator(&node->world, NULL, &activate.base);
    leave.node_id = NODE_ID;
    cast_operator(&node->world, NULL, &leave.base);
}

/* With a key that can sign. */
static void enrol(struct node *node)
{
    uint8_t seed[crypto_sign_SEEDBYTES] = {7};
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    uint8_t hash[FL_HASH_SIZE];
    INIT(EnrolAgent, action, enrol_agent);
    assert_int_equal(crypto_sign_seed_keypair(public_key, node->agent_secret, seed), 0);
    fl_sha256(fl_slice_text(cast_id("claim", 1)), hash);
    action.agent_id = cast_id("agent", 1);
    action.code_hash = (ProtobufCBinaryData){sizeof(hash), hash};
    action.public_key = (ProtobufCBinaryData){sizeof(public_key), public_key};
    assert_int_equal(cast_agent(&node->world, 1, NULL, &action.base), FL_MESSAGE_AgentEnrolled);
}

static void company_and_devices(struct node *node)
{
    struct world *world = &node->world;
    for (unsigned i = 1; i <= 2; i++) {
        assert_int_equal(cast_create_company(world, i), FL_MESSAGE_CompanyCreated);
        assert_int_equal(cast_create_account(world, i, i, FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR),
                         FL_MESSAGE_AccountCreated);
    }
    assert_int_equal(cast_issue_claim(world, 1, 1), FL_MESSAGE_ClaimIssued);
    enrol(node);
    for (unsigned i = 1; i <= NODE_DEVICES; i++) {
        pass_time(node);
        assert_int_equal(cast_register(world, 1, i, i), FL_MESSAGE_DeviceRegistered);
    }
}

static void devices(struct node *node)
{
    struct world *world = &node->world;
    Fleetlog__V1__DeviceIdentity identity = FLEETLOG__V1__DEVICE_IDENTITY__INIT;
    INIT(ReportCapabilities, capabilities, report_capabilities);
    INIT(LocateDevice, locate, locate_device);
    capabilities.device_id = cast_id("device", 1);
    identity.model = "Smart-UPS 1500";
    capabilities.identity = &identity;
    cast_agent(world, 1, NULL, &capabilities.base);
    locate.device_id = cast_id("device", 1);
    locate.location = "Basement";
    cast_account(world, 1, NULL, &locate.base);
    cast_rename(world, 1, 1, "Rack 1");
    cast_rename(world, 1, 1, "Rack 2");
    cast_rename(world, 2, 1, "Not yours"); /* refused */
    cast_condition(world, 1, FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_ON_BATTERY, true, 3);
    pass_time(node);
    cast_condition(world, 1, FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_ON_BATTERY, false, 5);
}

static void people(struct node *node)
{
    struct world *world = &node->world;
    const unsigned both[] = {1, 2};
    assert_int_equal(cast_invite(world, 1, 3, 1), FL_MESSAGE_CoworkerInvited);
    assert_int_equal(cast_share(world, 1, both, 2, 2, 1), FL_MESSAGE_DevicesShared);
    pass_time(node);
    assert_int_equal(cast_accept(world, 2, 1), FL_MESSAGE_ShareAccepted);
    cast_share(world, 1, both, 1, 4, 2);
    cast_revoke(world, 1, 2);
}

static void commands(struct node *node)
{
    struct world *world = &node->world;
    cast_request(world, 2, 1, 1, 600000);
    cast_deliver(world, 1, 1);
    cast_acknowledge(world, 1, 1);
    pass_time(node);
    cast_outcome(world, 1, 1, FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_SUCCEEDED);
    cast_request(world, 1, 1, 2, 600000);
    cast_cancel(world, 1, 2);
    cast_request(world, 1, 2, 3, 600000);
    cast_deliver(world, 1, 3);
    cast_outcome(world, 1, 3, FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_FAILED);
    cast_remove(world, 1, 3);
}

/* People who come, change and leave, and a holder who wants to see an owner's devices no more. */
static void staff(struct node *node)
{
    struct world *world = &node->world;
    const Fleetlog__V1__Role administrator = FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR;
    assert_int_equal(cast_resend_invitation(world, 1, 1), FL_MESSAGE_InvitationResent);
    pass_time(node);
    assert_int_equal(cast_accept_invitation(world, 3, 1, false), FL_MESSAGE_InvitationAccepted);
    assert_int_equal(cast_change_role(world, 1, 3, administrator), FL_MESSAGE_RoleChanged);
    assert_int_equal(cast_invite(world, 3, 4, 2), FL_MESSAGE_CoworkerInvited);
    assert_int_equal(cast_cancel_invitation(world, 3, 2), FL_MESSAGE_InvitationCancelled);
    assert_int_equal(cast_invite(world, 3, 4, 3), FL_MESSAGE_CoworkerInvited);
    pass_time(node);
    assert_int_equal(cast_accept_invitation(world, 4, 3, false), FL_MESSAGE_InvitationAccepted);
    assert_int_equal(cast_remove_coworker(world, 3, 4), FL_MESSAGE_CoworkerRemoved);
    assert_int_equal(cast_close_account(world, 3), FL_MESSAGE_AccountClosed);
    assert_int_equal(cast_remove_shared(world, 2, 1), FL_MESSAGE_SharedDevicesRemoved);
}

/* A device that is reached another way and back, gets another board, goes to another company and
 * comes back. */
static void owners(struct node *node)
{
    struct world *world = &node->world;
    assert_int_equal(cast_publish(world, 1, "2.0"), FL_MESSAGE_FirmwarePublished);
    assert_int_equal(cast_withdraw(world, 1), FL_MESSAGE_FirmwareWithdrawn);
    cast_describe(world, 1, 2, "AS1");
    assert_int_equal(cast_describe(world, 1, 2, "AS2"), FL_MESSAGE_DeviceAliasRecorded);
    assert_int_equal(cast_register(world, 1, 9, 9), FL_MESSAGE_DeviceRegistered);
    assert_int_equal(cast_move(world, 1, 9, 1, 10), FL_MESSAGE_DeviceMoved);
    assert_int_equal(cast_offer(world, 1, 2, 2, 1), FL_MESSAGE_TransferOffered);
    assert_int_equal(cast_decline_offer(world, 2, 1), FL_MESSAGE_TransferDeclined);
    assert_int_equal(cast_offer(world, 1, 2, 2, 2), FL_MESSAGE_TransferOffered);
    assert_int_equal(cast_cancel_offer(world, 1, 2), FL_MESSAGE_TransferCancelled);
    for (unsigned i = 1; i <= 2; i++) {
        assert_int_equal(cast_offer(world, i, 2, 3 - i, 2 + i), FL_MESSAGE_TransferOffered);
        pass_time(node);
        assert_int_equal(cast_take_over(world, 3 - i, 2 + i), FL_MESSAGE_TransferAccepted);
    }
}

/* What the mailer says of it all, and what people want to be told. */
static void mail(struct node *node)
{
    struct world *world = &node->world;
    const Fleetlog__V1__ConditionKind on_battery =
        FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_ON_BATTERY;
    assert_int_equal(cast_policy(world, 1), FL_MESSAGE_NotificationPolicySet);
    assert_int_equal(cast_mail_sent(world, 2), FL_MESSAGE_NotificationSent);
    assert_int_equal(cast_mail_failed(world, 3), FL_MESSAGE_NotificationFailed);
    assert_int_equal(cast_alert_sent(world, 1, 1, on_battery), FL_MESSAGE_NotificationSent);
    assert_int_equal(cast_alert_close(world, 1, on_battery), FL_MESSAGE_AlertsClosed);
    pass_time(node);
    assert_int_equal(cast_unsubscribe(world, 1, FLEETLOG__V1__MAIL_KIND__MAIL_KIND_RENEWAL_NOTICE),
                     FL_MESSAGE_Unsubscribed);
}

/* Licenses: on a device, off it, gone. */
static void licenses(struct node *node)
{
    struct world *world = &node->world;
    const unsigned devices[] = {1, 2};
    assert_int_equal(cast_mint(world, 1, 1, 2, FLEETLOG__V1__PLAN__PLAN_STANDARD),
                     FL_MESSAGE_LicenseMinted);
    assert_int_equal(cast_apply(world, 1, 1, devices, 2), FL_MESSAGE_LicenseApplied);
    pass_time(node);
    assert_int_equal(cast_release(world, 1, 1, 2), FL_MESSAGE_LicenseReleased);
    assert_int_equal(cast_apply(world, 1, 1, devices, 1), FL_MESSAGE_LicenseApplied);
    assert_int_equal(cast_mint(world, 1, 2, 1, FLEETLOG__V1__PLAN__PLAN_ADVANCED),
                     FL_MESSAGE_LicenseMinted);
    assert_int_equal(cast_apply(world, 1, 2, devices, 1), FL_MESSAGE_LicenseApplied);
    assert_int_equal(cast_withdraw_license(world, 2), FL_MESSAGE_LicenseWithdrawn);
    assert_int_equal(cast_set_prices(world), FL_MESSAGE_PriceListSet);
    assert_int_equal(cast_buy(world, 1, 1), FL_MESSAGE_PurchaseStarted);
    assert_int_equal(cast_payment(world, 1, FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_FAILED),
                     FL_MESSAGE_PurchaseFailed);
    assert_int_equal(cast_payment(world, 1, FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_PAID),
                     FL_MESSAGE_PurchasePaid);
    assert_int_equal(cast_apply(world, 1, CAST_BOUGHT + 1, devices, 1), FL_MESSAGE_LicenseApplied);
    assert_int_equal(cast_payment(world, 1, FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_REFUNDED),
                     FL_MESSAGE_PurchaseRefunded);
    assert_int_equal(cast_buy(world, 1, 2), FL_MESSAGE_PurchaseStarted);
    world->now_ms += INT64_C(24) * 3600 * 1000;
    cast_fire_all(world); /* nobody paid */
    assert_null(world_rejection(world));
}

/* What nobody answers, until its time is over. */
static void time_ends(struct node *node)
{
    struct world *world = &node->world;
    const unsigned device = 1;
    assert_int_equal(cast_invite(world, 1, 4, 4), FL_MESSAGE_CoworkerInvited);
    assert_int_equal(cast_issue_claim(world, 1, 9), FL_MESSAGE_ClaimIssued);
    assert_int_equal(cast_share(world, 1, &device, 1, 2, 9), FL_MESSAGE_DevicesShared);
    assert_int_equal(cast_offer(world, 1, 2, 2, 9), FL_MESSAGE_TransferOffered);
    assert_int_equal(cast_request(world, 1, 2, 9, 600000), FL_MESSAGE_CommandRequested);
    world->now_ms += INT64_C(7) * 24 * 3600 * 1000;
    cast_fire_all(world);
    assert_null(world_rejection(world));
}

/* Somebody is erased: a new epoch, the living under it, the old one destroyed. */
static void erasure(struct node *node)
{
    struct world *world = &node->world;
    assert_int_equal(cast_announce(world, 1), FL_MESSAGE_NodeAnnounced);
    assert_int_equal(cast_erase(world, 4, false), FL_MESSAGE_ErasureRequested);
    assert_int_equal(cast_open_epoch(world, 2), FL_MESSAGE_EpochOpened);
    assert_int_equal(cast_confirm(world, 1, 2, true), FL_MESSAGE_EpochConfirmed);
    pass_time(node);
    for (unsigned person = 1; person <= 3; person++)
        assert_int_equal(cast_reindex(world, 2, person, 1, person == 3),
                         FL_MESSAGE_PeopleReindexed);
    assert_int_equal(cast_close_epoch(world, 1), FL_MESSAGE_EpochClosed);
    assert_int_equal(cast_confirm(world, 1, 1, false), FL_MESSAGE_EpochConfirmed);
    assert_int_equal(cast_finish_erasure(world, 4), FL_MESSAGE_PersonErased);
    assert_int_equal(cast_rotate_link(world, 2, 2), FL_MESSAGE_LinkKeyRotated);
}

/* Junk that was let in, an action sent twice, and the log's end. */
static void last_things(struct node *node)
{
    struct world *world = &node->world;
    const struct fl_header header = {FL_SLICE_LITERAL("ce_type"), FL_SLICE_LITERAL("nonsense")};
    struct fl_record junk = {.key = FL_SLICE_LITERAL("log"),
                             .value = FL_SLICE_LITERAL("\x01\x02"),
                             .headers = &header,
                             .header_count = 1,
                             .timestamp_ms = world->now_ms};
    INIT(RenameDevice, rename, rename_device);
    INIT(MoveLog, move, move_log);
    assert_true(world_step(world, &junk));
    rename.device_id = cast_id("device", 2);
    rename.name = "Twice";
    cast_account(world, 1, NODE_ID, &rename.base);
    cast_account(world, 1, NODE_ID, &rename.base);
    assert_int_equal(cast_code(world), FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_DUPLICATE);
    pass_time(node);
    move.cluster_id = "elsewhere";
    if (!node->goes_on)
        cast_operator(world, NULL, &move.base);
}

/* Every action's type must be there: a test that leaves one out proves less than it says. */
static void check_types(struct node *node)
{
    bool seen[FL_MESSAGE_COUNT] = {false};
    for (size_t i = 0; i < node->world.entry_count; i++) {
        const struct fl_header *type = fl_record_header(&node->world.entries[i].action, "ce_type");
        const struct fl_catalogue_row *row = type == NULL ? NULL : fl_catalogue_find(type->value);
        if (row != NULL)
            seen[row->type] = true;
    }
    for (int i = 0; i < FL_MESSAGE_COUNT; i++)
        if (fl_catalogue_row((enum fl_message_type)i)->kind == FL_KIND_ACTION && !seen[i] &&
            !(node->goes_on && i == FL_MESSAGE_MoveLog))
            fail_msg("the story has no %s", fl_catalogue_row((enum fl_message_type)i)->name);
}

static void append(struct fl_journal *journal, const char *topic, uint32_t partition,
                   const struct fl_record *records, uint32_t count)
{
    uint64_t offsets[APPEND_COUNT_MAX];
    struct fl_append batch = {topic, partition, count, records, FL_OFFSET_NONE, offsets};
    assert_true(count <= APPEND_COUNT_MAX);
    assert_int_equal(fl_journal_append(journal, &batch, 1), FL_OK);
}

/* Actions and events in blocks of one to four; some events once more, as a second decider leaves
 * them behind. */
static void write_decided(struct node *node, struct fl_journal *journal)
{
    const struct world *world = &node->world;
    for (size_t i = 0, size = 1; i < world->entry_count; i += size, size = size % 4 + 1) {
        struct fl_record records[APPEND_COUNT_MAX];
        uint32_t count = 0;
        for (; count < size && i + count < world->entry_count; count++)
            records[count] = world->entries[i + count].action;
        append(journal, "actions", 0, records, count);
        for (uint32_t k = 0; k < count; k++)
            records[k] = world->entries[i + k].event;
        append(journal, "events", 0, records, count);
        if (i % 5 == 3)
            append(journal, "events", 0, records, count);
    }
}

static struct fl_record keep_plain(struct node *node, struct fl_slice id, const char *type,
                                   int64_t time_ms, struct fl_slice key,
                                   const ProtobufCMessage *message)
{
    struct fl_record record;
    struct fl_arena *arena = &node->world.log_arena;
    assert_int_equal(fl_plain_encode(arena, id, type, FL_SLICE_LITERAL("/fleetlog/test"), time_ms,
                                     fl_arena_copy(arena, key), message, &record),
                     FL_OK);
    return record;
}

static void write_profile(struct node *node, struct fl_journal *journal, unsigned person,
                          unsigned revision, uint32_t epoch)
{
    uint8_t nonce[24] = {(uint8_t)person, (uint8_t)revision};
    uint8_t sealed[40] = {(uint8_t)person, 2, 3};
    char key[64];
    INIT(SealedProfile, profile, sealed_profile);
    snprintf(key, sizeof(key), "%s/%u", cast_id("subject", person), revision);
    profile.version = 1;
    profile.epoch = epoch;
    profile.nonce = (ProtobufCBinaryData){sizeof(nonce), nonce};
    profile.ciphertext = (ProtobufCBinaryData){sizeof(sealed), sealed};
    struct fl_record record = keep_plain(
        node, fl_slice_text(cast_id("command", 100 + person + 100 * revision)),
        "fleetlog.v1.SealedProfile", node->world.now_ms, fl_slice_text(key), &profile.base);
    append(journal, "subjects", 0, &record, 1);
}

static void write_profiles(struct node *node, struct fl_journal *journal)
{
    for (unsigned i = 1; i <= PEOPLE; i++)
        write_profile(node, journal, i, 1, 1);
    /* Two are sealed again for the second epoch. */
    for (unsigned i = 1; i <= 2; i++)
        write_profile(node, journal, i, 2, 2);
    for (unsigned i = 0; i < CAST_LOGIN_PEOPLE; i++)
        write_profile(node, journal, NEW_PERSON + i, 1, 2);
    for (unsigned revision = 2; revision <= CAST_LOGIN_REVISIONS; revision++)
        write_profile(node, journal, NEW_PERSON, revision, 2);
}

static struct fl_record telemetry(struct node *node, uint32_t number,
                                  const Fleetlog__V1__Telemetry *message)
{
    const uint8_t key[4] = {0, 0, (uint8_t)(number >> 8), (uint8_t)number};
    return keep_plain(node, FL_SLICE_LITERAL(NODE_ID), "fleetlog.v1.Telemetry", node->world.now_ms,
                      number == 0 ? FL_SLICE_LITERAL("") : fl_slice_of(key, sizeof(key)),
                      &message->base);
}

struct fl_record node_report(struct node *node, uint32_t number, unsigned device, uint64_t counter,
                             const char *charge)
{
    const size_t label_size = sizeof(FL_AGENT_REPORT_LABEL) - 1;
    Fleetlog__V1__Report report = FLEETLOG__V1__REPORT__INIT;
    Fleetlog__V1__DeviceReport sent = FLEETLOG__V1__DEVICE_REPORT__INIT;
    Fleetlog__V1__Telemetry message = FLEETLOG__V1__TELEMETRY__INIT;
    Fleetlog__V1__Reading reading = FLEETLOG__V1__READING__INIT;
    Fleetlog__V1__Reading *readings[] = {&reading};
    uint8_t id[FL_ID_SIZE];
    uint8_t bytes[512];
    uint8_t signature[crypto_sign_BYTES];
    assert_true(fl_id_to_bytes(fl_slice_text(cast_id("device", device)), id));
    reading.name = "battery.charge";
    reading.value = (ProtobufCBinaryData){strlen(charge), (uint8_t *)(uintptr_t)charge};
    report.device_id = (ProtobufCBinaryData){sizeof(id), id};
    report.generation = 1;
    report.counter = counter;
    report.kind = FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL;
    report.sampled_at_ms = report.clock_ms = node->world.now_ms;
    report.n_readings = 1;
    report.readings = readings;
    memcpy(bytes, FL_AGENT_REPORT_LABEL, label_size);
    size_t size = fleetlog__v1__report__pack(&report, bytes + label_size);
    assert_int_equal(
        crypto_sign_detached(signature, NULL, bytes, label_size + size, node->agent_secret), 0);
    sent.device_number = number;
    sent.report = (ProtobufCBinaryData){size, bytes + label_size};
    sent.signature = (ProtobufCBinaryData){sizeof(signature), signature};
    sent.received_at_ms = node->world.now_ms;
    sent.gateway_number = 1;
    message.body_case = FLEETLOG__V1__TELEMETRY__BODY_REPORT;
    message.report = &sent;
    return telemetry(node, number, &message);
}

static void write_telemetry(struct node *node, struct fl_journal *journal)
{
    Fleetlog__V1__Tick tick = FLEETLOG__V1__TICK__INIT;
    Fleetlog__V1__Telemetry message = FLEETLOG__V1__TELEMETRY__INIT;
    message.body_case = FLEETLOG__V1__TELEMETRY__BODY_TICK;
    message.tick = &tick;
    tick.gateway_number = 1;
    tick.boot = 1;
    for (unsigned counter = 1; counter <= NODE_REPORTS; counter++) {
        for (uint32_t device = 1; device <= NODE_DEVICES; device++) {
            char charge[8];
            snprintf(charge, sizeof(charge), "%u", 100 - counter);
            struct fl_record record = node_report(node, device, device, counter, charge);
            append(journal, "telemetry", device % NODE_PARTITIONS, &record, 1);
            if (counter == 4) /* an append of unknown outcome, tried again */
                append(journal, "telemetry", device % NODE_PARTITIONS, &record, 1);
        }
        pass_time(node);
    }
    tick.sequence = 1;
    tick.time_ms = node->world.now_ms;
    struct fl_record record = telemetry(node, 0, &message);
    append(journal, "telemetry", 1, &record, 1);
}

/* A closed day of a device. */
static void write_history(struct node *node, struct fl_journal *journal)
{
    uint8_t key[4];
    INIT(HistoryQuantity, quantity, history_quantity);
    INIT(HistoryDay, day, history_day);
    Fleetlog__V1__HistoryQuantity *quantities[] = {&quantity};
    quantity.name = "battery.charge";
    quantity.count = NODE_REPORTS;
    day.device_number = 1;
    day.day = (uint32_t)(node->world.now_ms / (24 * 60 * 60 * 1000)) - 1;
    quantity.last_at_ms = (int64_t)day.day * 24 * 60 * 60 * 1000;
    day.revision = NODE_REPORTS;
    day.generation = day.counter = 1;
    day.quantities = quantities;
    day.n_quantities = 1;
    struct fl_record record =
        keep_plain(node, fl_slice_text(cast_id("command", 1)), "fleetlog.v1.HistoryDay",
                   node->world.now_ms, fl_u32_key(day.device_number, key), &day.base);
    append(journal, "history", 0, &record, 1);
}

void story_write(struct node *node, struct fl_journal *journal)
{
    size_t count = 0;
    const struct fl_topic_row *rows = fl_topic_table(&count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fl_journal_ensure_topic(journal, &rows[i].spec), FL_OK);
    world_init(&node->world);
    write_profiles(node, journal);
    assert_int_equal(cast_create_log(&node->world), FL_MESSAGE_LogCreated);
    nodes_and_rules(node);
    company_and_devices(node);
    devices(node);
    people(node);
    commands(node);
    staff(node);
    mail(node);
    time_ends(node);
    cast_reseller_story(&node->world, 1, 4, 1);
    owners(node);
    licenses(node);
    erasure(node);
    cast_login_story(&node->world, NEW_PERSON, CAST_EPOCH_2);
    last_things(node);
    check_types(node);
    write_decided(node, journal);
    write_telemetry(node, journal);
    write_history(node, journal);
}
