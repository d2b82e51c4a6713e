/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/simulator/load/enrol.h"

#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/address.h"
#include "fleetlog/v1/actions.pb-c.h"
#include "fleetlog/v1/events.pb-c.h"
#include "fleetlog/v1/subjects.pb-c.h"
#include "schemas/codec.h"

enum {
    REGISTER_BATCH = 200,
    CLAIM_MS = 5 * 60 * 1000,
    NAME_SIZE = 64,
    ARENA_BOUND = 1024 * 1024,
    TRY_COUNT_MAX = 20,
    RETRY_MS = 200,
};

/* What the log has of ours, gathered from its events. */
struct found {
    struct fl_enrol *enrol;
    bool company;
    bool account;
    bool agent;
    bool claim;
    const char *actor;
    const char *agent_actor;
    char rejection[256]; /* the sentence of the last refusal of an action of ours */
};

struct run {
    struct fl_enrol *enrol;
    struct fl_follow *follow;
    struct found found;
    char actor[NAME_SIZE + FL_ID_TEXT_SIZE];
    char agent_actor[NAME_SIZE + FL_ID_TEXT_SIZE];
};

static void derived(const char *purpose, uint64_t seed, uint64_t index, char out[FL_ID_TEXT_SIZE])
{
    char seed_text[24];
    char index_text[24];
    snprintf(seed_text, sizeof(seed_text), "%llu", (unsigned long long)seed);
    snprintf(index_text, sizeof(index_text), "%llu", (unsigned long long)index);
    struct fl_slice parts[] = {fl_slice_text(seed_text), fl_slice_text(index_text)};
    fl_id_derive(purpose, parts, 2, out);
}

static void device_id(uint64_t seed, uint32_t index, char out[FL_ID_TEXT_SIZE])
{
    derived("simulated device", seed, index, out);
}

void fl_enrol_device_id(uint64_t seed, uint32_t index, uint8_t out[FL_ID_SIZE])
{
    char text[FL_ID_TEXT_SIZE];
    device_id(seed, index, text);
    (void)fl_id_to_bytes(fl_slice_text(text), out);
}

/* The key pair of the fleet's agent; anyone who knows the seed knows it, as befits a simulation. */
static void agent_key(uint64_t seed, uint8_t public_key[crypto_sign_PUBLICKEYBYTES],
                      uint8_t secret[crypto_sign_SECRETKEYBYTES])
{
    char text[64];
    uint8_t key_seed[FL_HASH_SIZE];
    int size = snprintf(text, sizeof(text), "simulated agent %llu", (unsigned long long)seed);
    fl_sha256(fl_slice_of(text, (size_t)size), key_seed);
    (void)crypto_sign_seed_keypair(public_key, secret, key_seed);
}

/* ups_name "sim-0000123" → 123; false for anything else or beyond the fleet. */
static bool index_of(const struct fl_enrol *enrol, const char *ups_name, uint32_t *index)
{
    uint64_t number = 0;
    char name[24];
    if (strlen(ups_name) < 5)
        return false;
    const char *digits = ups_name + 4;
    while (*digits == '0' && digits[1])
        digits++;
    if (!fl_slice_to_u64(fl_slice_text(digits), &number) || number >= enrol->device_count)
        return false;
    fl_load_name((uint32_t)number, name);
    *index = (uint32_t)number;
    return !strcmp(name, ups_name);
}

static void device_registered(struct fl_enrol *enrol, const Fleetlog__V1__DeviceRegistered *event)
{
    uint32_t index = 0;
    if (strcmp(event->agent_id, enrol->agent_id) != 0 ||
        !index_of(enrol, event->ups_name, &index) || event->device_number == 0)
        return;
    enrol->registered_count += enrol->devices[index].number == 0;
    enrol->devices[index].number = event->device_number;
    enrol->devices[index].generation = event->generation;
}

static void on_event(void *context, const struct fl_envelope *envelope,
                     const ProtobufCMessage *message)
{
    struct found *found = context;
    struct fl_enrol *enrol = found->enrol;
    if (message == NULL)
        return;
    if (envelope->row->type == FL_MESSAGE_CompanyCreated) {
        const Fleetlog__V1__CompanyCreated *event = (const Fleetlog__V1__CompanyCreated *)message;
        found->company = found->company || !strcmp(event->company_id, enrol->company_id);
    } else if (envelope->row->type == FL_MESSAGE_AccountCreated) {
        const Fleetlog__V1__AccountCreated *event = (const Fleetlog__V1__AccountCreated *)message;
        if (!strcmp(event->company_id, enrol->company_id)) {
            snprintf(enrol->account_id, sizeof(enrol->account_id), "%s", event->account_id);
            found->account = true;
        }
    } else if (envelope->row->type == FL_MESSAGE_AgentEnrolled) {
        const Fleetlog__V1__AgentEnrolled *event = (const Fleetlog__V1__AgentEnrolled *)message;
        found->agent = found->agent || !strcmp(event->agent_id, enrol->agent_id);
    } else if (envelope->row->type == FL_MESSAGE_DeviceRegistered) {
        device_registered(enrol, (const Fleetlog__V1__DeviceRegistered *)message);
    } else if (envelope->row->type == FL_MESSAGE_ClaimIssued) {
        const Fleetlog__V1__ClaimIssued *event = (const Fleetlog__V1__ClaimIssued *)message;
        found->claim = found->claim || !strcmp(event->company_id, enrol->company_id);
    } else if (envelope->row->type == FL_MESSAGE_ActionRejected &&
               (fl_slice_is(envelope->actor, found->actor) ||
                fl_slice_is(envelope->actor, found->agent_actor))) {
        const Fleetlog__V1__ActionRejected *event = (const Fleetlog__V1__ActionRejected *)message;
        snprintf(found->rejection, sizeof(found->rejection), "%s", event->sentence);
    }
}

static enum fl_error fail(struct run *run, enum fl_error error, const char *what)
{
    struct fl_enrol *enrol = run->enrol;
    const char *why = run->follow != NULL ? fl_follow_detail(run->follow) : "";
    snprintf(enrol->detail, sizeof(enrol->detail), "%s%s%s", what, *why ? ": " : "",
             *why ? why : fl_error_text(error));
    return error;
}

/* True if it is worth trying again: the journal was away, or swallowed something. Waits a little.
 */
static bool try_again(const struct run *run, enum fl_error error, unsigned *tries)
{
    struct pollfd stop = {.fd = run->enrol->stop_fd, .events = POLLIN};
    if (fl_error_class(error) != FL_CLASS_RETRY || error == FL_TIMEOUT || error == FL_INTERRUPTED)
        return false;
    return ++*tries < TRY_COUNT_MAX && poll(&stop, 1, RETRY_MS) == 0;
}

/* One action on behalf of `account` ("": nobody); `done` says whether its event came. */
static enum fl_error act(struct run *run, const char *actor, const char *account,
                         const char *company, const ProtobufCMessage *message, const bool *done,
                         const char *what)
{
    struct fl_enrol *enrol = run->enrol;
    struct fl_follow_action action = {
        .actor = actor, .on_behalf_of = account, .company_id = company, .message = message};
    enum fl_error error = FL_OK;
    unsigned tries = 0;
    run->found.rejection[0] = '\0';
    do
        error = fl_follow_act(run->follow, &action, 1, enrol->patience_ms, enrol->stop_fd);
    while (!*done && try_again(run, error, &tries));
    if (*done)
        return FL_OK;
    if (error)
        return fail(run, error, what);
    snprintf(enrol->detail, sizeof(enrol->detail), "%s: %s", what, run->found.rejection);
    return FL_DENIED;
}

static enum fl_error make_company(struct run *run)
{
    Fleetlog__V1__CreateCompany action = FLEETLOG__V1__CREATE_COMPANY__INIT;
    char name[NAME_SIZE];
    if (run->found.company)
        return FL_OK;
    snprintf(name, sizeof(name), "Simulated fleet %llu", (unsigned long long)run->enrol->seed);
    action.company_id = run->enrol->company_id;
    action.name = name;
    return act(run, run->actor, "", "", &action.base, &run->found.company, "creating the company");
}

/* The sealed profile goes onto `subjects` before the action that names it. */
static enum fl_error write_profile(struct run *run, struct fl_arena *arena, const char *subject,
                                   const char *address, int64_t now_ms)
{
    struct fl_enrol *enrol = run->enrol;
    Fleetlog__V1__Profile profile = FLEETLOG__V1__PROFILE__INIT;
    Fleetlog__V1__SealedProfile sealed = FLEETLOG__V1__SEALED_PROFILE__INIT;
    uint8_t nonce[FL_SEAL_NONCE_SIZE];
    char id[FL_ID_TEXT_SIZE];
    struct fl_id_source ids;
    struct fl_slice plain;
    char *key = fl_arena_printf(arena, "%s/1", subject);
    profile.address = address;
    profile.name = "Simulated administrator";
    profile.written_at_ms = now_ms;
    enum fl_error error = fl_message_encode(arena, &profile.base, &plain);
    uint8_t *out = error ? NULL : fl_arena_alloc(arena, plain.size + FL_SEAL_TAG_SIZE);
    if (error || out == NULL || key == NULL)
        return FL_NO_MEMORY;
    sealed.version = 1;
    sealed.epoch = fl_keyring_epoch(enrol->keyring);
    error = fl_keyring_seal(enrol->keyring, enrol->port, sealed.epoch, fl_slice_text(key), plain,
                            nonce, out);
    sealed.nonce.data = nonce;
    sealed.nonce.len = sizeof(nonce);
    sealed.ciphertext.data = out;
    sealed.ciphertext.len = plain.size + FL_SEAL_TAG_SIZE;
    fl_id_source_init(&ids, enrol->port);
    fl_id_mint(&ids, id);
    struct fl_record record;
    if (!error)
        error = fl_plain_encode(arena, fl_slice_text(id), "fleetlog.v1.SealedProfile",
                                fl_slice_text(fl_follow_source(run->follow)), now_ms,
                                fl_slice_text(key), &sealed.base, &record);
    uint64_t offset = 0;
    struct fl_append append = {.topic = "subjects",
                               .count = 1,
                               .records = &record,
                               .expected_offset = FL_OFFSET_NONE,
                               .offsets = &offset};
    if (error)
        return error;
    unsigned tries = 0;
    do /* twice is as good as once: the topic keeps the newest of a key */
        error = fl_journal_append(enrol->journal, &append, 1);
    while (try_again(run, error, &tries));
    return error;
}

static enum fl_error make_account(struct run *run)
{
    struct fl_enrol *enrol = run->enrol;
    Fleetlog__V1__CreateAccount action = FLEETLOG__V1__CREATE_ACCOUNT__INIT;
    Fleetlog__V1__PersonRef person = FLEETLOG__V1__PERSON_REF__INIT;
    Fleetlog__V1__AddressIndex index = FLEETLOG__V1__ADDRESS_INDEX__INIT;
    Fleetlog__V1__AddressIndex *indexes[] = {&index};
    uint8_t index_bytes[FL_ADDRESS_INDEX_SIZE];
    char subject[FL_ID_TEXT_SIZE];
    char address[NAME_SIZE];
    char normalised[FL_ADDRESS_TEXT_SIZE];
    struct fl_arena arena;
    int64_t now_ms = fl_port_wall_ms(enrol->port);
    if (run->found.account)
        return FL_OK;
    derived("simulated subject", enrol->seed, 0, subject);
    snprintf(address, sizeof(address), "simulated-%llu@fleet.example",
             (unsigned long long)enrol->seed);
    index.epoch = fl_keyring_epoch(enrol->keyring);
    enum fl_error error = fl_address_normalise(fl_slice_text(address), normalised);
    if (!error)
        error = fl_keyring_address_index(enrol->keyring, index.epoch, fl_slice_text(normalised),
                                         index_bytes);
    fl_arena_init(&arena, ARENA_BOUND);
    if (!error)
        error = write_profile(run, &arena, subject, normalised, now_ms);
    fl_arena_fini(&arena);
    if (error)
        return fail(run, error, "writing the administrator's profile");
    index.index.data = index_bytes;
    index.index.len = sizeof(index_bytes);
    person.subject_id = subject;
    person.revision = 1;
    person.n_indexes = 1;
    person.indexes = indexes;
    person.profile_time_ms = now_ms;
    action.company_id = enrol->company_id;
    action.role = FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR;
    action.person = &person;
    return act(run, run->actor, "", enrol->company_id, &action.base, &run->found.account,
               "creating the account");
}

static enum fl_error enrol_agent(struct run *run)
{
    struct fl_enrol *enrol = run->enrol;
    Fleetlog__V1__IssueClaim claim = FLEETLOG__V1__ISSUE_CLAIM__INIT;
    Fleetlog__V1__EnrolAgent action = FLEETLOG__V1__ENROL_AGENT__INIT;
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    uint8_t code[16];
    uint8_t code_hash[FL_HASH_SIZE];
    char claim_id[FL_ID_TEXT_SIZE];
    struct fl_id_source ids;
    agent_key(enrol->seed, public_key, enrol->agent_secret);
    if (run->found.agent)
        return FL_OK;
    run->found.claim = false; /* an older one may have expired */
    fl_id_source_init(&ids, enrol->port);
    fl_id_mint(&ids, claim_id);
    fl_port_random(enrol->port, code, sizeof(code));
    fl_sha256(fl_slice_of(code, sizeof(code)), code_hash);
    claim.claim_id = claim_id;
    claim.code_hash.data = code_hash;
    claim.code_hash.len = sizeof(code_hash);
    claim.expires_at_ms = fl_port_wall_ms(enrol->port) + CLAIM_MS;
    enum fl_error error = act(run, run->actor, enrol->account_id, enrol->company_id, &claim.base,
                              &run->found.claim, "issuing a claim code");
    if (error)
        return error;
    action.agent_id = enrol->agent_id;
    action.code_hash = claim.code_hash;
    action.public_key.data = public_key;
    action.public_key.len = sizeof(public_key);
    return act(run, run->agent_actor, "", enrol->company_id, &action.base, &run->found.agent,
               "enrolling the agent");
}

/* Storage of one RegisterDevice. */
struct registration {
    Fleetlog__V1__RegisterDevice action;
    Fleetlog__V1__DeviceIdentity identity;
    char id[FL_ID_TEXT_SIZE];
    char name[24];
    char title[32];
    char serial[16];
    char address[40];
    const char *commands[1];
    const char *variables[2];
};

static void fill(struct registration *r, const struct fl_enrol *enrol, uint32_t index)
{
    fleetlog__v1__register_device__init(&r->action);
    fleetlog__v1__device_identity__init(&r->identity);
    device_id(enrol->seed, index, r->id);
    fl_load_name(index, r->name);
    fl_load_serial(index, r->serial);
    snprintf(r->title, sizeof(r->title), "Simulated %u", index);
    snprintf(r->address, sizeof(r->address), "simulated-%llu:3493",
             (unsigned long long)enrol->seed);
    r->identity.manufacturer = "American Power Conversion";
    r->identity.model = "Smart-UPS 1500";
    r->identity.serial = r->serial;
    r->identity.firmware = "UPS 09.3 / ID=18";
    r->action.device_id = r->id;
    r->action.upsd_address = r->address;
    r->action.ups_name = r->name;
    r->action.name = r->title;
    r->action.identity = &r->identity;
    r->commands[0] = "test.battery.start.quick";
    r->variables[0] = "battery.date";
    r->variables[1] = "input.sensitivity";
    r->action.n_commands = 1;
    r->action.commands = r->commands;
    r->action.n_variables = 2;
    r->action.variables = r->variables;
}

static enum fl_error register_batch(struct run *run, struct registration *registrations,
                                    struct fl_follow_action *actions, uint32_t *next)
{
    struct fl_enrol *enrol = run->enrol;
    size_t count = 0;
    for (; *next < enrol->device_count && count < REGISTER_BATCH; (*next)++) {
        if (enrol->devices[*next].number != 0)
            continue;
        fill(&registrations[count], enrol, *next);
        actions[count] = (struct fl_follow_action){.actor = run->agent_actor,
                                                   .on_behalf_of = "",
                                                   .company_id = enrol->company_id,
                                                   .message = &registrations[count].action.base};
        count++;
    }
    if (count == 0)
        return FL_OK;
    enum fl_error error =
        fl_follow_act(run->follow, actions, count, enrol->patience_ms, enrol->stop_fd);
    if (error)
        return error == FL_UNKNOWN_OUTCOME ? error : fail(run, error, "registering devices");
    if (!enrol->quiet)
        fprintf(stderr, "registered %u of %u devices\n", enrol->registered_count,
                enrol->device_count);
    return FL_OK;
}

static enum fl_error register_devices(struct run *run)
{
    struct fl_enrol *enrol = run->enrol;
    struct registration *registrations = calloc(REGISTER_BATCH, sizeof(*registrations));
    struct fl_follow_action *actions = calloc(REGISTER_BATCH, sizeof(*actions));
    enum fl_error error = registrations != NULL && actions != NULL ? FL_OK : FL_NO_MEMORY;
    unsigned tries = 0;
    for (uint32_t next = 0; !error && next < enrol->device_count;) {
        error = register_batch(run, registrations, actions, &next);
        if (try_again(run, error, &tries)) {
            error = FL_OK;
            next = 0; /* those that are registered by now are passed over */
        }
    }
    free(registrations);
    free(actions);
    if (!error && enrol->registered_count < enrol->device_count) {
        snprintf(enrol->detail, sizeof(enrol->detail), "%u of %u devices were refused: %s",
                 enrol->device_count - enrol->registered_count, enrol->device_count,
                 run->found.rejection);
        return FL_DENIED;
    }
    return error;
}

enum fl_error fl_enrol_run(struct fl_enrol *enrol, struct fl_follow **follow)
{
    struct run run = {.enrol = enrol, .found = {.enrol = enrol}};
    if (sodium_init() < 0)
        return FL_INTERNAL;
    derived("simulated company", enrol->seed, 0, enrol->company_id);
    derived("simulated agent", enrol->seed, 0, enrol->agent_id);
    snprintf(run.actor, sizeof(run.actor), "operator:%s", enrol->operator_name);
    snprintf(run.agent_actor, sizeof(run.agent_actor), "agent:%s", enrol->agent_id);
    run.found.actor = run.actor;
    run.found.agent_actor = run.agent_actor;
    *follow = NULL;
    enum fl_error error = fl_follow_open(enrol->journal, enrol->port, "simulator", enrol->node_id,
                                         on_event, &run.found, &run.follow);
    if (error)
        return fail(&run, error, "reading the log");
    error = fl_follow_catch_up(run.follow);
    if (error)
        error = fail(&run, error, "reading the log");
    if (!error)
        error = make_company(&run);
    if (!error)
        error = make_account(&run);
    if (!error)
        error = enrol_agent(&run);
    if (!error)
        error = register_devices(&run);
    if (error)
        fl_follow_close(&run.follow);
    *follow = run.follow;
    return error;
}
