/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences that do something. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

void address_index(const char *name, uint32_t epoch, uint8_t out[FL_ID_SIZE])
{
    char kind[32];
    snprintf(kind, sizeof(kind), epoch == 1 ? "address" : "address %u", epoch);
    fl_id_to_bytes(fl_slice_text(id_of(kind, name)), out);
}

Fleetlog__V1__PersonRef *person_ref(struct scenario *s, const char *name, struct person *person)
{
    fleetlog__v1__person_ref__init(&person->ref);
    const char *subject = s->modifiers.other_subject != NULL ? s->modifiers.other_subject : name;
    memcpy(person->subject, id_of("subject", subject), FL_ID_TEXT_SIZE);
    uint32_t first = s->epochs[0] == 0 ? 1 : s->epochs[0];
    for (uint32_t i = 0; i < 2 && (i == 0 || first + i <= s->epochs[1]); i++) {
        fleetlog__v1__address_index__init(&person->index[i]);
        person->index[i].epoch = first + i;
        address_index(name, first + i, person->bytes[i]);
        person->index[i].index = (ProtobufCBinaryData){FL_ID_SIZE, person->bytes[i]};
        person->indexes[i] = &person->index[i];
        person->ref.n_indexes++;
    }
    person->ref.subject_id = person->subject;
    person->ref.revision = 1;
    person->ref.indexes = person->indexes;
    person->ref.profile_time_ms = s->world.now_ms - s->modifiers.profile_age_ms;
    return &person->ref;
}

static ProtobufCBinaryData code_hash(const char *name, uint8_t bytes[FL_HASH_SIZE])
{
    fl_sha256(fl_slice_text(name), bytes);
    return (ProtobufCBinaryData){FL_HASH_SIZE, bytes};
}

static void create_log_with(struct scenario *s, uint32_t rules)
{
    uint8_t key[32] = {1};
    INIT(CreateLog, action, create_log);
    s->actor = (struct world_actor){.actor = "operator:root"};
    action.log_id = id_of("log", "the log");
    action.format_version = 1;
    action.telemetry_partition_count = 12;
    action.keyring_fingerprint = (ProtobufCBinaryData){sizeof(key), key};
    action.checkpoint_key = (ProtobufCBinaryData){sizeof(key), key};
    action.rules_version = rules;
    request(s, &action.base);
}

static void create_log(struct scenario *s, const struct arguments *a)
{
    (void)a;
    create_log_with(s, 1);
}

static void create_log_rules(struct scenario *s, const struct arguments *a)
{
    create_log_with(s, (uint32_t)strtoul(a->texts[0], NULL, 10));
}

static void pass_time(struct scenario *s, const struct arguments *a)
{
    s->world.now_ms += a->duration_ms;
}

static void back_in_time(struct scenario *s, const struct arguments *a)
{
    s->world.now_ms -= a->duration_ms;
}

static void same_id(struct scenario *s, const struct arguments *a)
{
    (void)a;
    s->modifiers.same_id = true;
}

static void old_profile(struct scenario *s, const struct arguments *a)
{
    s->modifiers.profile_age_ms = a->duration_ms;
}

static void late_profile(struct scenario *s, const struct arguments *a)
{
    (void)a;
    s->modifiers.late_profile = true;
}

static void ahead_profile(struct scenario *s, const struct arguments *a)
{
    s->modifiers.profile_age_ms = -a->duration_ms;
}

static void other_subject(struct scenario *s, const struct arguments *a)
{
    static char name[WORD_SIZE_MAX];
    snprintf(name, sizeof(name), "%s", a->texts[0]);
    s->modifiers.other_subject = name;
}

static void repeat(struct scenario *s, const struct arguments *a)
{
    (void)a;
    struct fl_record record = s->last_action;
    send_record(s, &record);
}

static void junk(struct scenario *s, const struct arguments *a)
{
    struct fl_record record = {.key = FL_SLICE_LITERAL("x"), .value = fl_slice_text(a->texts[0])};
    send_record(s, &record);
}

/* A record whose headers are good and whose type nobody knows. */
static void unknown_type(struct scenario *s, const struct arguments *a)
{
    INIT(RemoveNode, action, remove_node);
    action.node_id = id_of("node", "n");
    s->actor = (struct world_actor){.actor = "operator:root"};
    struct fl_record record = world_action(&s->world, &s->actor, NULL, &action.base);
    struct fl_header *headers = (struct fl_header *)record.headers;
    for (uint32_t i = 0; i < record.header_count; i++)
        if (fl_slice_is(headers[i].name, "ce_type"))
            headers[i].value = fl_arena_copy(&s->world.log_arena, fl_slice_text(a->texts[0]));
    send_record(s, &record);
}

static void announce_node(struct scenario *s, const struct arguments *a)
{
    char id[FL_ID_TEXT_SIZE];
    INIT(AnnounceNode, action, announce_node);
    const char *own = strchr(s->actor.actor, ':');
    snprintf(id, sizeof(id), "%s", own == NULL ? "" : own + 1);
    action.node_id = id;
    action.rules_version_newest = (uint32_t)strtoul(a->texts[0], NULL, 10);
    action.software_version = "0.1.0";
    request(s, &action.base);
}

static void announce_other(struct scenario *s, const struct arguments *a)
{
    INIT(AnnounceNode, action, announce_node);
    action.node_id = id_of("node", a->texts[0]);
    action.rules_version_newest = 1;
    action.software_version = "0.1.0";
    request(s, &action.base);
}

static void remove_node(struct scenario *s, const struct arguments *a)
{
    INIT(RemoveNode, action, remove_node);
    action.node_id = id_of("node", a->texts[0]);
    request(s, &action.base);
}

static void activate_rules(struct scenario *s, const struct arguments *a)
{
    INIT(ActivateRules, action, activate_rules);
    action.rules_version = (uint32_t)strtoul(a->texts[0], NULL, 10);
    request(s, &action.base);
}

static void move_log(struct scenario *s, const struct arguments *a)
{
    INIT(MoveLog, action, move_log);
    action.cluster_id = a->texts[0];
    request(s, &action.base);
}

static void create_company(struct scenario *s, const struct arguments *a)
{
    INIT(CreateCompany, action, create_company);
    action.company_id = id_of("company", a->texts[0]);
    action.name = a->texts[0];
    request(s, &action.base);
}

static void create_account(struct scenario *s, const char *name, const char *company,
                           Fleetlog__V1__Role role)
{
    struct person who;
    INIT(CreateAccount, action, create_account);
    action.company_id = id_of("company", company);
    action.role = role;
    action.person = person_ref(s, name, &who);
    request(s, &action.base);
}

static void create_administrator(struct scenario *s, const struct arguments *a)
{
    create_account(s, a->texts[0], a->texts[1], FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR);
}

static void create_member(struct scenario *s, const struct arguments *a)
{
    create_account(s, a->texts[0], a->texts[1], FLEETLOG__V1__ROLE__ROLE_MEMBER);
}

/* "company Acme with administrator anna": what most scenarios begin with. */
static void company_with(struct scenario *s, const struct arguments *a)
{
    s->actor = (struct world_actor){.actor = "operator:root"};
    create_company(s, a);
    create_account(s, a->texts[1], a->texts[0], FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR);
}

static void invite_as(struct scenario *s, const char *name, const char *invitation)
{
    struct person who;
    INIT(InviteCoworker, action, invite_coworker);
    action.invitation_id = invitation;
    action.person = person_ref(s, name, &who);
    action.link_key_generation = 1;
    request(s, &action.base);
}

static void invite(struct scenario *s, const struct arguments *a)
{
    char name[32];
    snprintf(name, sizeof(name), "%zu", s->world.entry_count);
    invite_as(s, a->texts[0], id_of("invitation", name));
}

static void invite_named(struct scenario *s, const struct arguments *a)
{
    invite_as(s, a->texts[0], id_of("invitation", a->texts[1]));
}

static void cancel_invitation(struct scenario *s, const struct arguments *a)
{
    INIT(CancelInvitation, action, cancel_invitation);
    action.invitation_id = id_of("invitation", a->texts[0]);
    request(s, &action.base);
}

static void resend_invitation(struct scenario *s, const struct arguments *a)
{
    INIT(ResendInvitation, action, resend_invitation);
    action.invitation_id = id_of("invitation", a->texts[0]);
    action.link_key_generation = 2;
    request(s, &action.base);
}

static void accept_invitation(struct scenario *s, const struct arguments *a)
{
    INIT(AcceptInvitation, action, accept_invitation);
    action.invitation_id = id_of("invitation", a->texts[0]);
    request(s, &action.base);
}

static void accept_and_move(struct scenario *s, const struct arguments *a)
{
    INIT(AcceptInvitation, action, accept_invitation);
    action.invitation_id = id_of("invitation", a->texts[0]);
    action.move = true;
    request(s, &action.base);
}

static void accept_as(struct scenario *s, const struct arguments *a)
{
    struct person who;
    INIT(AcceptInvitation, action, accept_invitation);
    action.invitation_id = id_of("invitation", a->texts[0]);
    action.person = person_ref(s, a->texts[1], &who);
    request(s, &action.base);
}

static void change_role(struct scenario *s, const char *who, Fleetlog__V1__Role role)
{
    INIT(ChangeRole, action, change_role);
    action.account_id = id_of("subject", who);
    action.role = role;
    request(s, &action.base);
}

static void make_administrator(struct scenario *s, const struct arguments *a)
{
    change_role(s, a->texts[0], FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR);
}

static void make_member(struct scenario *s, const struct arguments *a)
{
    change_role(s, a->texts[0], FLEETLOG__V1__ROLE__ROLE_MEMBER);
}

static void remove_coworker(struct scenario *s, const struct arguments *a)
{
    INIT(RemoveCoworker, action, remove_coworker);
    action.account_id = id_of("subject", a->texts[0]);
    request(s, &action.base);
}

static void close_account(struct scenario *s, const struct arguments *a)
{
    INIT(CloseAccount, action, close_account);
    action.account_id = id_of("subject", a->texts[0]);
    request(s, &action.base);
}

static void issue_claim(struct scenario *s, const struct arguments *a)
{
    uint8_t hash[FL_HASH_SIZE];
    INIT(IssueClaim, action, issue_claim);
    action.claim_id = id_of("claim", a->texts[0]);
    action.code_hash = code_hash(a->texts[0], hash);
    action.expires_at_ms = s->world.now_ms + a->duration_ms;
    request(s, &action.base);
}

static void issue_claim_past(struct scenario *s, const struct arguments *a)
{
    struct arguments past = *a;
    past.duration_ms = -a->duration_ms;
    issue_claim(s, &past);
}

static void enrol(struct scenario *s, const char *agent, const char *claim)
{
    uint8_t hash[FL_HASH_SIZE];
    uint8_t key[32] = {7};
    INIT(EnrolAgent, action, enrol_agent);
    action.agent_id = agent;
    action.code_hash = code_hash(claim, hash);
    action.public_key = (ProtobufCBinaryData){sizeof(key), key};
    request(s, &action.base);
}

static void enrol_self(struct scenario *s, const struct arguments *a)
{
    char own[FL_ID_TEXT_SIZE];
    snprintf(own, sizeof(own), "%s", strchr(s->actor.actor, ':') + 1);
    enrol(s, own, a->texts[0]);
}

static void enrol_other(struct scenario *s, const struct arguments *a)
{
    enrol(s, id_of("agent", a->texts[0]), a->texts[1]);
}

static Fleetlog__V1__DeviceIdentity identity(void)
{
    Fleetlog__V1__DeviceIdentity device = FLEETLOG__V1__DEVICE_IDENTITY__INIT;
    device.manufacturer = "American Power Conversion";
    device.model = "Smart-UPS 1500";
    device.serial = "AS0000000000";
    return device;
}

static const char *all_commands[] = {"test.battery.start.quick", "beeper.enable", "beeper.mute",
                                     "calibrate.start", "outlet.1.load.cycle"};
static const char *all_variables[] = {"input.sensitivity", "battery.date"};

static void register_one(struct scenario *s, const char *device, const char *ups,
                         const char *address)
{
    Fleetlog__V1__DeviceIdentity own = identity();
    INIT(RegisterDevice, action, register_device);
    action.device_id = id_of("device", device);
    action.upsd_address = address;
    action.ups_name = ups;
    action.name = device;
    action.identity = &own;
    action.commands = all_commands;
    action.n_commands = sizeof(all_commands) / sizeof(all_commands[0]);
    action.variables = all_variables;
    action.n_variables = sizeof(all_variables) / sizeof(all_variables[0]);
    request(s, &action.base);
}

static void register_devices(struct scenario *s, const struct arguments *a)
{
    static char names[LIST_COUNT_MAX][32];
    enum { CHECKED_COUNT_MAX = 20 };
    size_t count = split_list(s, a->texts[0], names);
    s->world.skip_check = count > CHECKED_COUNT_MAX;
    for (size_t i = 0; i < count; i++)
        register_one(s, names[i], names[i], "localhost:3493");
    s->world.skip_check = false;
}

static void register_as(struct scenario *s, const struct arguments *a)
{
    register_one(s, a->texts[0], a->texts[1], a->texts[2]);
}

/* "company Acme with administrator anna and devices UPS-1": an agent of the company's name has
 * registered them. */
static void company_with_devices(struct scenario *s, const struct arguments *a)
{
    struct arguments inner = *a;
    char text[128];
    company_with(s, a);
    inner.duration_ms = 600000;
    snprintf(s->actor_texts[2], sizeof(s->actor_texts[2]), "%s", id_of("company", a->texts[0]));
    snprintf(s->actor_texts[0], sizeof(s->actor_texts[0]), "account:%s",
             id_of("subject", a->texts[1]));
    s->actor = (struct world_actor){.actor = s->actor_texts[0], .company_id = s->actor_texts[2]};
    issue_claim(s, &inner);
    snprintf(text, sizeof(text), "agent:%s", id_of("agent", a->texts[0]));
    s->actor = (struct world_actor){.actor = text};
    enrol(s, id_of("agent", a->texts[0]), a->texts[0]);
    snprintf(inner.texts[0], sizeof(inner.texts[0]), "%s", a->texts[2]);
    register_devices(s, &inner);
}

static void capabilities(struct scenario *s, const struct arguments *a)
{
    static char names[2][LIST_COUNT_MAX][32];
    const char *commands[16];
    const char *variables[16];
    Fleetlog__V1__DeviceIdentity own = identity();
    INIT(ReportCapabilities, action, report_capabilities);
    action.device_id = id_of("device", a->texts[0]);
    action.identity = &own;
    action.n_commands = split_list(s, a->texts[1], names[0]);
    action.n_variables = split_list(s, a->texts[2], names[1]);
    for (size_t i = 0; i < action.n_commands; i++)
        commands[i] = names[0][i];
    for (size_t i = 0; i < action.n_variables; i++)
        variables[i] = names[1][i];
    action.commands = commands;
    action.variables = variables;
    request(s, &action.base);
}

const struct pattern plain_patterns[] = {
    {"the log is created", create_log},
    {"the log is created with rules $w", create_log_rules},
    {"company $w with administrator $w", company_with},
    {"company $w with administrator $w and devices $l", company_with_devices},
    {"$t pass", pass_time},
    {"the clock goes back $t", back_in_time},
    {"the next request has the same id", same_id},
    {"the next profile is $t old", old_profile},
    {"the next profile is $t ahead", ahead_profile},
    {"the next profile comes too late", late_profile},
    {"the next profile has the subject of $w", other_subject},
    {"the same record is appended again", repeat},
    {"a record with the value $q is appended", junk},
    {"an action of the type $q is appended", unknown_type},
    {NULL, NULL},
};

const struct pattern request_patterns[] = {
    {"announces rules $w", announce_node},
    {"announces node $w", announce_other},
    {"removes node $w", remove_node},
    {"activates rules $w", activate_rules},
    {"moves the log to cluster $q", move_log},
    {"creates company $w", create_company},
    {"creates administrator $w in $w", create_administrator},
    {"creates member $w in $w", create_member},
    {"invites $w", invite},
    {"invites $w as invitation $w", invite_named},
    {"cancels invitation $w", cancel_invitation},
    {"sends invitation $w again", resend_invitation},
    {"accepts invitation $w", accept_invitation},
    {"accepts invitation $w and moves", accept_and_move},
    {"accepts invitation $w as $w", accept_as},
    {"makes $w administrator", make_administrator},
    {"makes $w member", make_member},
    {"removes co-worker $w", remove_coworker},
    {"closes the account of $w", close_account},
    {"issues claim $w for $t", issue_claim},
    {"issues claim $w that ended $t ago", issue_claim_past},
    {"enrols with claim $w", enrol_self},
    {"enrols agent $w with claim $w", enrol_other},
    {"registers $w as ups $w at $w", register_as},
    {"registers $l", register_devices},
    {"reports that $w offers $l and sets $l", capabilities},
    {NULL, NULL},
};
