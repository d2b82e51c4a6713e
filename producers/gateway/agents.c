/* SPDX-License-Identifier: Apache-2.0 */
/* Agents at the door: who signs a request, and whether it was seen before. */
#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "producers/agent_protocol.h"
#include "producers/gateway/gateway_internal.h"

enum { SLOT_COUNT_MIN = 1024 };

/* Replay filters, in memory: a request's time window covers restarts, the fold's counter rule
 * decides about reports. */
struct nonce_slot {
    uint8_t agent[FL_ID_SIZE];
    uint64_t nonce;
    bool used;
    bool is_reporting; /* a request with its reports is under way */
};

struct counter_slot {
    uint32_t device_number; /* 0: free */
    struct fl_counter counter;
};

struct fl_agents {
    pthread_mutex_t lock;
    struct nonce_slot *nonces;
    size_t nonce_count;
    size_t nonce_size;
    struct counter_slot *counters;
    size_t counter_count;
    size_t counter_size;
};

struct fl_agents *fl_agents_open(void)
{
    struct fl_agents *agents = calloc(1, sizeof(*agents));
    fl_assert(agents != NULL);
    agents->nonce_size = agents->counter_size = SLOT_COUNT_MIN;
    agents->nonces = calloc(agents->nonce_size, sizeof(*agents->nonces));
    agents->counters = calloc(agents->counter_size, sizeof(*agents->counters));
    fl_assert(agents->nonces != NULL && agents->counters != NULL);
    pthread_mutex_init(&agents->lock, NULL);
    return agents;
}

void fl_agents_close(struct fl_agents **agents)
{
    if (*agents == NULL)
        return;
    pthread_mutex_destroy(&(*agents)->lock);
    free((*agents)->nonces);
    free((*agents)->counters);
    free(*agents);
    *agents = NULL;
}

static uint64_t hash_bytes(const uint8_t *bytes, size_t size)
{
    uint64_t sum = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(1099511628211);
    return sum;
}

static struct nonce_slot *find_nonce(struct nonce_slot *slots, size_t size,
                                     const uint8_t agent[FL_ID_SIZE])
{
    size_t at = hash_bytes(agent, FL_ID_SIZE) % size;
    while (slots[at].used && memcmp(slots[at].agent, agent, FL_ID_SIZE) != 0)
        at = (at + 1) % size;
    return &slots[at];
}

static void grow_nonces(struct fl_agents *agents)
{
    size_t size = 2 * agents->nonce_size;
    struct nonce_slot *slots = calloc(size, sizeof(*slots));
    fl_assert(slots != NULL);
    for (size_t i = 0; i < agents->nonce_size; i++)
        if (agents->nonces[i].used)
            *find_nonce(slots, size, agents->nonces[i].agent) = agents->nonces[i];
    free(agents->nonces);
    agents->nonces = slots;
    agents->nonce_size = size;
}

/* The agent's slot, made if it has none; under the lock. */
static struct nonce_slot *slot_of(struct fl_agents *agents, const uint8_t agent[FL_ID_SIZE])
{
    if (2 * agents->nonce_count >= agents->nonce_size)
        grow_nonces(agents);
    struct nonce_slot *slot = find_nonce(agents->nonces, agents->nonce_size, agent);
    if (!slot->used) {
        agents->nonce_count++;
        slot->used = true;
        memcpy(slot->agent, agent, FL_ID_SIZE);
    }
    return slot;
}

bool fl_agents_take_nonce(struct fl_agents *agents, struct fl_slice agent_id, uint64_t nonce,
                          int64_t time_ms, int64_t since_ms)
{
    uint8_t agent[FL_ID_SIZE];
    if (!fl_id_to_bytes(agent_id, agent))
        return false;
    pthread_mutex_lock(&agents->lock);
    struct nonce_slot *slot = slot_of(agents, agent);
    bool good = slot->nonce == 0 ? time_ms >= since_ms && nonce > 0 : nonce > slot->nonce;
    if (good)
        slot->nonce = nonce;
    pthread_mutex_unlock(&agents->lock);
    return good;
}

bool fl_agents_begin_reports(struct fl_agents *agents, struct fl_slice agent_id)
{
    uint8_t agent[FL_ID_SIZE];
    if (!fl_id_to_bytes(agent_id, agent))
        return false;
    pthread_mutex_lock(&agents->lock);
    struct nonce_slot *slot = slot_of(agents, agent);
    bool begun = !slot->is_reporting;
    slot->is_reporting = true;
    pthread_mutex_unlock(&agents->lock);
    return begun;
}

void fl_agents_end_reports(struct fl_agents *agents, struct fl_slice agent_id)
{
    uint8_t agent[FL_ID_SIZE];
    if (!fl_id_to_bytes(agent_id, agent))
        return;
    pthread_mutex_lock(&agents->lock);
    slot_of(agents, agent)->is_reporting = false;
    pthread_mutex_unlock(&agents->lock);
}

static struct counter_slot *find_counter(struct counter_slot *slots, size_t size, uint32_t number)
{
    size_t at = number * UINT64_C(11400714819323198485) % size;
    while (slots[at].device_number != 0 && slots[at].device_number != number)
        at = (at + 1) % size;
    return &slots[at];
}

static void grow_counters(struct fl_agents *agents)
{
    size_t size = 2 * agents->counter_size;
    struct counter_slot *slots = calloc(size, sizeof(*slots));
    fl_assert(slots != NULL);
    for (size_t i = 0; i < agents->counter_size; i++)
        if (agents->counters[i].device_number != 0)
            *find_counter(slots, size, agents->counters[i].device_number) = agents->counters[i];
    free(agents->counters);
    agents->counters = slots;
    agents->counter_size = size;
}

bool fl_agents_counter(struct fl_agents *agents, uint32_t device_number, struct fl_counter *counter)
{
    pthread_mutex_lock(&agents->lock);
    const struct counter_slot *slot =
        find_counter(agents->counters, agents->counter_size, device_number);
    bool known = slot->device_number != 0;
    if (known)
        *counter = slot->counter;
    pthread_mutex_unlock(&agents->lock);
    return known;
}

void fl_agents_set_counter(struct fl_agents *agents, uint32_t device_number,
                           struct fl_counter counter)
{
    pthread_mutex_lock(&agents->lock);
    if (2 * agents->counter_count >= agents->counter_size)
        grow_counters(agents);
    struct counter_slot *slot = find_counter(agents->counters, agents->counter_size, device_number);
    agents->counter_count += slot->device_number == 0;
    *slot = (struct counter_slot){device_number, counter};
    pthread_mutex_unlock(&agents->lock);
}

/* "fleetlog-request-v1\n" METHOD "\n" TARGET "\n" time "\n" nonce "\n" hex sha256(body) */
static char *signed_text(struct call *call, const char *time, const char *nonce)
{
    uint8_t hash[FL_HASH_SIZE];
    char hex[FL_HASH_TEXT_SIZE];
    fl_sha256(fl_http_body(call->request), hash);
    fl_hex_encode(hash, sizeof(hash), hex);
    return fl_arena_printf(&call->arena, FL_AGENT_REQUEST_LABEL "%s\n%s\n%s\n%s\n%s",
                           fl_http_method(call->request), fl_http_target(call->request), time,
                           nonce, hex);
}

static bool refuse(struct call *call, const char *title, const char *field)
{
    fl_call_problem(call, 401, title, NULL, field);
    return false;
}

static bool is_timely(struct call *call, const char *time, int64_t *time_ms)
{
    uint64_t ms = 0;
    int64_t now_ms = fl_port_wall_ms(call->gateway->duty->port);
    if (!fl_slice_to_u64(fl_slice_text(time), &ms) || ms > (uint64_t)INT64_MAX)
        return false;
    int64_t off_ms = now_ms - (int64_t)ms;
    *time_ms = (int64_t)ms;
    return off_ms <= FL_AGENT_CLOCK_MS_MAX && off_ms >= -FL_AGENT_CLOCK_MS_MAX;
}

static const fl_agent_row *find_agent(struct call *call, const char *agent_id)
{
    struct fl_store_read read = {.kv = NULL};
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return NULL;
    const fl_agent_row *agent = fl_registry_agent(read.kv, &call->arena, fl_slice_text(agent_id));
    if (!fl_call_read_end(call, &read))
        return NULL;
    if (agent == NULL)
        refuse(call, "This agent is not enrolled", FL_AGENT_HEADER_AGENT);
    return agent;
}

/* When this process started, by the wall clock as it is now: that may have been set since. */
static int64_t start_ms(const struct gateway *gateway)
{
    const struct fl_port *port = gateway->duty->port;
    return fl_port_wall_ms(port) - (fl_port_monotonic_ms(port) - gateway->started_monotonic_ms);
}

bool fl_call_authenticate_agent(struct call *call)
{
    uint8_t signature[crypto_sign_BYTES];
    size_t size = 0;
    uint64_t nonce = 0;
    int64_t time_ms = 0;
    struct gateway *gateway = call->gateway;
    const char *id = fl_http_header(call->request, FL_AGENT_HEADER_AGENT);
    const char *time = fl_http_header(call->request, FL_AGENT_HEADER_TIME);
    const char *nonce_text = fl_http_header(call->request, FL_AGENT_HEADER_NONCE);
    const char *signature_text = fl_http_header(call->request, FL_AGENT_HEADER_SIGNATURE);
    if (id == NULL || time == NULL || nonce_text == NULL || signature_text == NULL)
        return refuse(call, "The request is not signed", FL_AGENT_HEADER_SIGNATURE);
    if (!fl_id_is_valid(fl_slice_text(id)))
        return refuse(call, "This agent is not enrolled", FL_AGENT_HEADER_AGENT);
    if (sodium_base642bin(signature, sizeof(signature), signature_text, strlen(signature_text),
                          NULL, &size, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        size != sizeof(signature))
        return refuse(call, "The signature is not base64 of 64 bytes", FL_AGENT_HEADER_SIGNATURE);
    if (!fl_slice_to_u64(fl_slice_text(nonce_text), &nonce))
        return refuse(call, "The nonce is not a number", FL_AGENT_HEADER_NONCE);
    const fl_agent_row *agent = find_agent(call, id);
    if (agent == NULL)
        return false;
    char *text = signed_text(call, time, nonce_text);
    if (text == NULL || agent->public_key.len != crypto_sign_PUBLICKEYBYTES ||
        crypto_sign_verify_detached(signature, (const uint8_t *)text, strlen(text),
                                    agent->public_key.data) != 0)
        return refuse(call, "The signature does not fit", FL_AGENT_HEADER_SIGNATURE);
    if (!is_timely(call, time, &time_ms))
        return refuse(call, "The request's time is more than five minutes off; check the clock",
                      FL_AGENT_HEADER_TIME);
    if (!fl_agents_take_nonce(gateway->agents, fl_slice_text(id), nonce, time_ms,
                              start_ms(gateway)))
        return refuse(call, "This request was seen before", FL_AGENT_HEADER_NONCE);
    call->identity.actor =
        fl_slice_text(fl_arena_printf(&call->arena, "agent:%s", agent->agent_id));
    call->identity.company_id = fl_slice_text(agent->company_id);
    return true;
}
