/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/cast.h"
#include "fleetlog/v1/devices.pb-c.h"
#include "fleetlog/v1/firmware.pb-c.h"
#include "fleetlog/v1/transfers.pb-c.h"

#include <stdio.h>
#include <string.h>

#define INIT(type, name, descriptor)                                                               \
    Fleetlog__V1__##type name;                                                                     \
    protobuf_c_message_init(&fleetlog__v1__##descriptor##__descriptor, &name)

static const char *const kinds[] = {"subject",  "company",  "agent",   "device",   "share",
                                    "command",  "claim",    "log",     "address",  "invitation",
                                    "transfer", "firmware", "sign-up", "session",  "reset",
                                    "change",   "token",    "license", "purchase", "link"};
enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };

const char *cast_id(const char *kind, unsigned number)
{
    static char ids[KIND_COUNT][CAST_ID_COUNT_MAX][FL_ID_TEXT_SIZE];
    char name[16];
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strcmp(kinds[i], kind) != 0)
            continue;
        if (number >= CAST_ID_COUNT_MAX)
            break;
        snprintf(name, sizeof(name), "%u", number);
        world_id(kind, name, ids[i][number]);
        return ids[i][number];
    }
    world_fail("no id for %s %u", kind, number);
}

static enum fl_message_type send(struct world *world, const struct world_actor *actor,
                                 const char *id, const ProtobufCMessage *message)
{
    struct fl_record record = world_action(world, actor, id, message);
    if (!world_step(world, &record))
        world_fail("decide gave %s", fl_error_name(world->last_error));
    return world_answer(world);
}

enum fl_message_type cast_account(struct world *world, unsigned account, const char *id,
                                  const ProtobufCMessage *message)
{
    char actor[64];
    snprintf(actor, sizeof(actor), "account:%s", cast_id("subject", account));
    const struct world_actor who = {.actor = actor};
    return send(world, &who, id, message);
}

enum fl_message_type cast_operator(struct world *world, const char *id,
                                   const ProtobufCMessage *message)
{
    const struct world_actor who = {.actor = "operator:root"};
    return send(world, &who, id, message);
}

enum fl_message_type cast_agent(struct world *world, unsigned agent, const char *id,
                                const ProtobufCMessage *message)
{
    char actor[64];
    snprintf(actor, sizeof(actor), "agent:%s", cast_id("agent", agent));
    const struct world_actor who = {.actor = actor};
    return send(world, &who, id, message);
}

enum fl_message_type cast_detector(struct world *world, const ProtobufCMessage *message)
{
    const struct world_actor who = {.actor = "detector"};
    return send(world, &who, NULL, message);
}

Fleetlog__V1__PersonRef *cast_person(struct world *world, struct cast_person *person,
                                     unsigned number, unsigned epochs)
{
    fleetlog__v1__person_ref__init(&person->ref);
    person->ref.subject_id = cast_id("subject", number);
    person->ref.revision = 1;
    person->ref.profile_time_ms = world->now_ms;
    person->ref.indexes = person->indexes;
    for (unsigned epoch = 1; epoch <= 2; epoch++) {
        char name[32];
        char id[FL_ID_TEXT_SIZE];
        if ((epochs & epoch) == 0)
            continue;
        size_t at = person->ref.n_indexes++;
        snprintf(name, sizeof(name), "%u under %u", number, epoch);
        world_id("address", name, id);
        if (!fl_id_to_bytes(fl_slice_text(id), person->bytes[at]))
            world_fail("no index");
        fleetlog__v1__address_index__init(&person->index[at]);
        person->index[at].epoch = epoch;
        person->index[at].index = (ProtobufCBinaryData){FL_ID_SIZE, person->bytes[at]};
        person->indexes[at] = &person->index[at];
    }
    return &person->ref;
}

enum fl_message_type cast_create_log(struct world *world)
{
    uint8_t key[32] = {1};
    INIT(CreateLog, action, create_log);
    action.log_id = cast_id("log", 1);
    action.format_version = 1;
    action.telemetry_partition_count = 12;
    action.keyring_fingerprint = (ProtobufCBinaryData){sizeof(key), key};
    action.checkpoint_key = (ProtobufCBinaryData){sizeof(key), key};
    action.rules_version = 1;
    return cast_operator(world, NULL, &action.base);
}

enum fl_message_type cast_create_company(struct world *world, unsigned company)
{
    INIT(CreateCompany, action, create_company);
    action.company_id = cast_id("company", company);
    action.name = "Company";
    return cast_operator(world, NULL, &action.base);
}

enum fl_message_type cast_create_account(struct world *world, unsigned account, unsigned company,
                                         Fleetlog__V1__Role role)
{
    struct cast_person person;
    INIT(CreateAccount, action, create_account);
    action.company_id = cast_id("company", company);
    action.role = role;
    action.person = cast_person(world, &person, account, CAST_EPOCH_1);
    return cast_operator(world, NULL, &action.base);
}

enum fl_message_type cast_invite(struct world *world, unsigned account, unsigned person,
                                 unsigned invitation)
{
    struct cast_person who;
    INIT(InviteCoworker, action, invite_coworker);
    action.invitation_id = cast_id("invitation", invitation);
    action.person = cast_person(world, &who, person, CAST_EPOCH_1);
    action.link_key_generation = 1;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_cancel_invitation(struct world *world, unsigned account,
                                            unsigned invitation)
{
    INIT(CancelInvitation, action, cancel_invitation);
    action.invitation_id = cast_id("invitation", invitation);
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_resend_invitation(struct world *world, unsigned account,
                                            unsigned invitation)
{
    INIT(ResendInvitation, action, resend_invitation);
    action.invitation_id = cast_id("invitation", invitation);
    action.link_key_generation = 2;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_accept_invitation(struct world *world, unsigned account,
                                            unsigned invitation, bool move)
{
    INIT(AcceptInvitation, action, accept_invitation);
    action.invitation_id = cast_id("invitation", invitation);
    action.move = move;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_change_role(struct world *world, unsigned account, unsigned coworker,
                                      Fleetlog__V1__Role role)
{
    INIT(ChangeRole, action, change_role);
    action.account_id = cast_id("subject", coworker);
    action.role = role;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_remove_coworker(struct world *world, unsigned account, unsigned coworker)
{
    INIT(RemoveCoworker, action, remove_coworker);
    action.account_id = cast_id("subject", coworker);
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_close_account(struct world *world, unsigned account)
{
    INIT(CloseAccount, action, close_account);
    action.account_id = cast_id("subject", account);
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_remove_shared(struct world *world, unsigned account, unsigned company)
{
    INIT(RemoveSharedDevices, action, remove_shared_devices);
    action.company_id = cast_id("company", company);
    return cast_account(world, account, NULL, &action.base);
}

static ProtobufCBinaryData code_hash(unsigned claim, uint8_t hash[FL_HASH_SIZE])
{
    fl_sha256(fl_slice_text(cast_id("claim", claim)), hash);
    return (ProtobufCBinaryData){FL_HASH_SIZE, hash};
}

enum fl_message_type cast_issue_claim(struct world *world, unsigned account, unsigned claim)
{
    uint8_t hash[FL_HASH_SIZE];
    INIT(IssueClaim, action, issue_claim);
    action.claim_id = cast_id("claim", claim);
    action.code_hash = code_hash(claim, hash);
    action.expires_at_ms = world->now_ms + 900000;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_enrol(struct world *world, unsigned agent, unsigned claim)
{
    uint8_t hash[FL_HASH_SIZE];
    uint8_t key[32] = {9};
    INIT(EnrolAgent, action, enrol_agent);
    action.agent_id = cast_id("agent", agent);
    action.code_hash = code_hash(claim, hash);
    action.public_key = (ProtobufCBinaryData){sizeof(key), key};
    return cast_agent(world, agent, NULL, &action.base);
}

enum fl_message_type cast_register(struct world *world, unsigned agent, unsigned device,
                                   unsigned ups)
{
    static const char *commands[] = {"test.battery.start.quick", "beeper.mute"};
    static const char *variables[] = {"input.sensitivity"};
    Fleetlog__V1__DeviceIdentity identity = FLEETLOG__V1__DEVICE_IDENTITY__INIT;
    char name[32];
    INIT(RegisterDevice, action, register_device);
    snprintf(name, sizeof(name), "ups%u", ups);
    action.device_id = cast_id("device", device);
    action.upsd_address = "localhost:3493";
    action.ups_name = name;
    action.name = name;
    action.identity = &identity;
    action.commands = commands;
    action.n_commands = 2;
    action.variables = variables;
    action.n_variables = 1;
    return cast_agent(world, agent, NULL, &action.base);
}

enum fl_message_type cast_rename(struct world *world, unsigned account, unsigned device,
                                 const char *name)
{
    INIT(RenameDevice, action, rename_device);
    action.device_id = cast_id("device", device);
    action.name = name;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_remove(struct world *world, unsigned account, unsigned device)
{
    INIT(RemoveDevice, action, remove_device);
    action.device_id = cast_id("device", device);
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_share(struct world *world, unsigned account, const unsigned *devices,
                                size_t device_count, unsigned person, unsigned share)
{
    enum { DEVICE_COUNT_MAX = 16 };
    const char *ids[DEVICE_COUNT_MAX];
    struct cast_person who;
    INIT(ShareDevices, action, share_devices);
    for (size_t i = 0; i < device_count && i < DEVICE_COUNT_MAX; i++)
        ids[i] = cast_id("device", devices[i]);
    action.share_id = cast_id("share", share);
    action.device_ids = ids;
    action.n_device_ids = device_count;
    action.person = cast_person(world, &who, person, CAST_EPOCH_1);
    action.link_key_generation = 1;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_accept(struct world *world, unsigned account, unsigned share)
{
    INIT(AcceptShare, action, accept_share);
    action.share_id = cast_id("share", share);
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_revoke(struct world *world, unsigned account, unsigned share)
{
    INIT(RevokeShare, action, revoke_share);
    action.share_id = cast_id("share", share);
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_move(struct world *world, unsigned account, unsigned device,
                               unsigned agent, unsigned ups)
{
    char name[32];
    INIT(MoveDevice, action, move_device);
    snprintf(name, sizeof(name), "ups%u", ups);
    action.device_id = cast_id("device", device);
    action.agent_id = cast_id("agent", agent);
    action.upsd_address = "localhost:3493";
    action.ups_name = name;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_describe(struct world *world, unsigned agent, unsigned device,
                                   const char *serial)
{
    Fleetlog__V1__DeviceIdentity identity = FLEETLOG__V1__DEVICE_IDENTITY__INIT;
    INIT(ReportCapabilities, action, report_capabilities);
    identity.serial = serial;
    action.device_id = cast_id("device", device);
    action.identity = &identity;
    return cast_agent(world, agent, NULL, &action.base);
}

enum fl_message_type cast_publish(struct world *world, unsigned firmware, const char *version)
{
    uint8_t bytes[64] = {7};
    const char *stones[] = {"1.0"};
    INIT(PublishFirmware, action, publish_firmware);
    action.firmware_id = cast_id("firmware", firmware);
    action.model = "Smart-UPS 1500";
    action.version = version;
    action.from_versions = stones;
    action.n_from_versions = 1;
    action.size = 4096;
    action.sha256 = (ProtobufCBinaryData){32, bytes};
    action.signature = (ProtobufCBinaryData){sizeof(bytes), bytes};
    return cast_operator(world, NULL, &action.base);
}

enum fl_message_type cast_withdraw(struct world *world, unsigned firmware)
{
    INIT(WithdrawFirmware, action, withdraw_firmware);
    action.firmware_id = cast_id("firmware", firmware);
    return cast_operator(world, NULL, &action.base);
}

enum fl_message_type cast_offer(struct world *world, unsigned account, unsigned device,
                                unsigned person, unsigned transfer)
{
    struct cast_person who;
    const char *ids[1] = {cast_id("device", device)};
    INIT(OfferTransfer, action, offer_transfer);
    action.transfer_id = cast_id("transfer", transfer);
    action.device_ids = ids;
    action.n_device_ids = 1;
    action.person = cast_person(world, &who, person, CAST_EPOCH_1);
    action.link_key_generation = 1;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_take_over(struct world *world, unsigned account, unsigned transfer)
{
    INIT(AcceptTransfer, action, accept_transfer);
    action.transfer_id = cast_id("transfer", transfer);
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_decline_offer(struct world *world, unsigned account, unsigned transfer)
{
    INIT(DeclineTransfer, action, decline_transfer);
    action.transfer_id = cast_id("transfer", transfer);
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_cancel_offer(struct world *world, unsigned account, unsigned transfer)
{
    INIT(CancelTransfer, action, cancel_transfer);
    action.transfer_id = cast_id("transfer", transfer);
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_request(struct world *world, unsigned account, unsigned device,
                                  unsigned command, int64_t ttl_ms)
{
    INIT(RequestCommand, action, request_command);
    action.command_id = cast_id("command", command);
    action.device_id = cast_id("device", device);
    action.kind = FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_SELF_TEST;
    action.ttl_ms = ttl_ms;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_cancel(struct world *world, unsigned account, unsigned command)
{
    INIT(CancelCommand, action, cancel_command);
    action.command_id = cast_id("command", command);
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_deliver(struct world *world, unsigned agent, unsigned command)
{
    INIT(ReportCommandDelivery, action, report_command_delivery);
    action.command_id = cast_id("command", command);
    return cast_agent(world, agent, NULL, &action.base);
}

enum fl_message_type cast_acknowledge(struct world *world, unsigned agent, unsigned command)
{
    INIT(ReportCommandAcknowledgement, action, report_command_acknowledgement);
    action.command_id = cast_id("command", command);
    return cast_agent(world, agent, NULL, &action.base);
}

enum fl_message_type cast_outcome(struct world *world, unsigned agent, unsigned command,
                                  Fleetlog__V1__CommandOutcome outcome)
{
    INIT(ReportCommandOutcome, action, report_command_outcome);
    action.command_id = cast_id("command", command);
    action.outcome = outcome;
    action.variable = "ups.test.result";
    action.value = "Done and passed";
    action.report_counter = 7;
    action.reason = "TEST_FAILED";
    return cast_agent(world, agent, NULL, &action.base);
}

enum fl_message_type cast_condition(struct world *world, unsigned device,
                                    Fleetlog__V1__ConditionKind kind, bool raised, uint64_t counter)
{
    INIT(ReportCondition, action, report_condition);
    action.device_id = cast_id("device", device);
    action.generation = 1;
    action.kind = kind;
    action.raised = raised;
    action.report_counter = counter;
    action.sampled_at_ms = world->now_ms;
    return cast_detector(world, &action.base);
}

enum fl_message_type cast_fire(struct world *world, const struct fl_due *due)
{
    const struct world_actor actor = {.actor = "timekeeper"};
    Fleetlog__V1__FireDue action = FLEETLOG__V1__FIRE_DUE__INIT;
    action.kind = due->kind;
    action.id = due->id;
    action.due_at_ms = due->at_ms;
    action.step = due->step;
    struct fl_record record = world_action(world, &actor, NULL, &action.base);
    if (!world_step(world, &record))
        world_fail("decide gave %s", fl_error_name(world->last_error));
    return world_answer(world);
}

void cast_fire_all(struct world *world)
{
    struct fl_due due;
    struct fl_due last;
    bool has_last = false;
    while (fl_due_next(world->views[0].kv, has_last ? &last : NULL, &due) &&
           due.at_ms <= world->now_ms) {
        last = due;
        has_last = true;
        cast_fire(world, &due);
    }
}

static void expect(enum fl_message_type answer, enum fl_message_type expected)
{
    if (answer != expected)
        world_fail("%s instead of %s", fl_catalogue_row(answer)->name,
                   fl_catalogue_row(expected)->name);
}

void cast_begin(struct world *world)
{
    const Fleetlog__V1__Role administrator = FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR;
    expect(cast_create_log(world), FL_MESSAGE_LogCreated);
    for (unsigned i = 1; i <= 2; i++) {
        expect(cast_create_company(world, i), FL_MESSAGE_CompanyCreated);
        expect(cast_create_account(world, i, i, administrator), FL_MESSAGE_AccountCreated);
    }
    expect(cast_issue_claim(world, 1, 1), FL_MESSAGE_ClaimIssued);
    expect(cast_enrol(world, 1, 1), FL_MESSAGE_AgentEnrolled);
    for (unsigned i = 1; i <= 2; i++)
        expect(cast_register(world, 1, i, i), FL_MESSAGE_DeviceRegistered);
}

int cast_code(const struct world *world)
{
    const Fleetlog__V1__ActionRejected *rejection = world_rejection(world);
    return rejection == NULL ? 0 : (int)rejection->code;
}

enum fl_message_type cast_mint(struct world *world, unsigned company, unsigned license,
                               uint32_t node_count, Fleetlog__V1__Plan plan)
{
    struct cast_person person;
    uint8_t hash[FL_HASH_SIZE];
    INIT(MintLicense, action, mint_license);
    fl_sha256(fl_slice_text(cast_id("license", license)), hash);
    action.license_id = cast_id("license", license);
    action.company_id = cast_id("company", company);
    action.plan = plan;
    action.node_count = node_count;
    action.term_days = 100;
    action.person = cast_person(world, &person, company, CAST_EPOCH_1);
    action.code_hash = (ProtobufCBinaryData){sizeof(hash), hash};
    action.link_key_generation = 1;
    action.net_minor = 4900 * (int64_t)node_count;
    action.currency = "EUR";
    action.purchase_order = "PO-1";
    return cast_operator(world, NULL, &action.base);
}

enum fl_message_type cast_apply(struct world *world, unsigned account, unsigned license,
                                const unsigned *devices, size_t device_count)
{
    const char *ids[8];
    uint8_t hash[FL_HASH_SIZE];
    INIT(ApplyLicense, action, apply_license);
    fl_sha256(fl_slice_text(cast_id("license", license)), hash);
    action.code_hash = (ProtobufCBinaryData){sizeof(hash), hash};
    for (size_t i = 0; i < device_count; i++)
        ids[i] = cast_id("device", devices[i]);
    action.device_ids = ids;
    action.n_device_ids = device_count;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_release(struct world *world, unsigned account, unsigned license,
                                  unsigned device)
{
    const char *id = cast_id("device", device);
    INIT(ReleaseLicense, action, release_license);
    action.license_id = cast_id("license", license);
    action.device_ids = &id;
    action.n_device_ids = 1;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_withdraw_license(struct world *world, unsigned license)
{
    INIT(WithdrawLicense, action, withdraw_license);
    action.license_id = cast_id("license", license);
    action.reason = "Never paid";
    return cast_operator(world, NULL, &action.base);
}

enum fl_message_type cast_set_prices(struct world *world)
{
    Fleetlog__V1__Price price = FLEETLOG__V1__PRICE__INIT;
    Fleetlog__V1__Price *prices[] = {&price};
    INIT(SetPriceList, action, set_price_list);
    price.region = "DE";
    price.currency = "EUR";
    price.plan = FLEETLOG__V1__PLAN__PLAN_STANDARD;
    price.term_days = 100;
    price.net_minor = CAST_PRICE_MINOR;
    action.prices = prices;
    action.n_prices = 1;
    return cast_operator(world, NULL, &action.base);
}

enum fl_message_type cast_buy(struct world *world, unsigned account, unsigned purchase)
{
    struct cast_person person;
    uint8_t hash[FL_HASH_SIZE];
    INIT(StartPurchase, action, start_purchase);
    fl_sha256(fl_slice_text(cast_id("license", CAST_BOUGHT + purchase)), hash);
    action.purchase_id = cast_id("purchase", purchase);
    action.license_id = cast_id("license", CAST_BOUGHT + purchase);
    action.code_hash = (ProtobufCBinaryData){sizeof(hash), hash};
    action.link_key_generation = 1;
    action.region = "DE";
    action.plan = FLEETLOG__V1__PLAN__PLAN_STANDARD;
    action.term_days = 100;
    action.node_count = 1;
    action.price_list_version = 1;
    action.person = cast_person(world, &person, account, CAST_EPOCH_1);
    action.provider = "stand-in";
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_payment(struct world *world, unsigned purchase,
                                  Fleetlog__V1__PaymentState state)
{
    const struct world_actor who = {.actor = "checkout:stand-in"};
    INIT(ReportPayment, action, report_payment);
    action.purchase_id = cast_id("purchase", purchase);
    action.provider_event_id = "evt_1";
    action.state = state;
    action.amount_minor = CAST_PRICE_MINOR;
    action.currency = "EUR";
    return send(world, &who, NULL, &action.base);
}
