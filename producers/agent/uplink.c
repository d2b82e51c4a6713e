/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to the gateway when: lanes and their back-off, reports in order, the long poll. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/cursor.h"
#include "core/diag.h"
#include "core/fault_point.h"
#include "producers/agent/agent_internal.h"

enum {
    RETRY_MS_MIN = 500,
    RETRY_MS_MAX = 60000,
    NONCE_COUNT_MAX = 3, /* 401 that are taken for requests that overtook each other */
    ANSWER_MS = 30000,
    WAIT_S = 25,
    IDLE_MS = 1000,
};

static int64_t now_ms_of(const struct fl_agent *agent)
{
    return fl_port_monotonic_ms(agent->port);
}

static void back_off(struct fl_agent *agent, struct fl_agent_lane_state *state)
{
    uint16_t random;
    int64_t wait_ms = RETRY_MS_MAX;
    if (state->failure_count < 7)
        wait_ms = (int64_t)RETRY_MS_MIN << state->failure_count;
    if (wait_ms > RETRY_MS_MAX)
        wait_ms = RETRY_MS_MAX;
    state->failure_count++;
    fl_port_random(agent->port, &random, sizeof(random));
    state->at_ms = now_ms_of(agent) + wait_ms / 2 + wait_ms / 2 * random / UINT16_MAX;
}

bool fl_lane_settled(struct fl_agent *agent, enum fl_agent_lane lane, long status, const char *why)
{
    static const char *const names[FL_AGENT_LANE_COUNT] = {"control", "reports", "commands"};
    struct fl_agent_lane_state *state = &agent->lanes[lane];
    bool again = status == 0 || status == 202 || status == 401 || status == 408 || status == 429 ||
                 status >= 500;
    if (!again) {
        if (state->warned)
            fl_diag(RETRY, FL_TEXT("lane", names[lane]), FL_TEXT("why", "the gateway is back"));
        *state = (struct fl_agent_lane_state){0};
        return true;
    }
    if (status == 401 && state->nonce_count++ < NONCE_COUNT_MAX)
        return false;
    if (!state->warned)
        fl_diag(RETRY, FL_TEXT("lane", names[lane]), FL_INT("status", status),
                FL_TEXT("why", status == 0 ? why : "the gateway cannot take it now"));
    state->warned = true;
    back_off(agent, state);
    return false;
}

void fl_uplink_init(struct fl_agent *agent)
{
    struct fl_txn txn = {0};
    struct fl_queue_entry entry;
    uint64_t number = agent->state.queue.next;
    agent->batch_count_max = FL_AGENT_REPORT_COUNT_MAX;
    if (fl_agent_state_read(&agent->state, &txn) == FL_OK)
        (void)fl_queue_read(&agent->state.queue, &txn.kv, 0, &number, &entry);
    if (txn.kv.error != FL_OK)
        fl_agent_fail(agent, txn.kv.error, "the queue cannot be read");
    fl_txn_abort(&txn);
    agent->settled_until = number;
}

/* Appends one report to a request's body; false: it does not fit any more. */
static bool append_report(struct fl_agent *agent, struct fl_write_cursor *body,
                          const struct fl_queue_entry *entry)
{
    uint8_t bytes[FL_AGENT_REPORT_SIZE_MAX];
    uint8_t signature[FL_AGENT_SIGNATURE_SIZE];
    struct fl_write_cursor writer;
    const struct fl_agent_device *device = agent->devices[entry->device_index];
    struct fl_agent_report report = {.generation = entry->generation,
                                     .counter = entry->counter,
                                     .sampled_at_ms = entry->sampled_at_ms,
                                     .clock_ms = fl_port_wall_ms(agent->port),
                                     .kind = entry->kind,
                                     .thinned_count = entry->thinned_count,
                                     .readings = entry->readings};
    memcpy(report.device_id, device->id, sizeof(report.device_id));
    fl_write_init(&writer, bytes, sizeof(bytes));
    fl_agent_report_write(&writer, &report);
    struct fl_slice written = fl_written(&writer);
    if (writer.error != FL_OK)
        fl_agent_fail(agent, FL_INTERNAL, "a queued report is over the limit");
    if (writer.error != FL_OK ||
        FL_AGENT_BODY_SIZE_MAX - fl_written(body).size < 8 + written.size + sizeof(signature))
        return false;
    fl_agent_report_sign(written, agent->state.secret_key, signature);
    fl_write_u32(body, device->number);
    fl_write_u32(body, (uint32_t)written.size);
    fl_write_bytes(body, written);
    fl_write_bytes(body, fl_slice_of(signature, sizeof(signature)));
    return true;
}

/* Fills a request with durable reports from settled_until on; returns how many. */
static uint32_t build_batch(struct fl_agent *agent, struct fl_slice *out)
{
    struct fl_txn txn = {0};
    struct fl_queue_entry entry;
    struct fl_write_cursor body;
    struct fl_write_cursor head;
    uint32_t count = 0;
    uint64_t number;
    fl_write_init(&body, agent->scratch, FL_AGENT_BODY_SIZE_MAX);
    fl_write_u32(&body, 0);
    agent->sent_from = agent->sent_until = agent->settled_until;
    if (fl_agent_state_read(&agent->state, &txn) == FL_OK)
        while (count < agent->batch_count_max &&
               fl_queue_read(&agent->state.queue, &txn.kv, agent->sent_until, &number, &entry) &&
               entry.device_index < agent->device_count && append_report(agent, &body, &entry)) {
            agent->sent_until = number + 1;
            count++;
        }
    if (txn.kv.error != FL_OK)
        fl_agent_fail(agent, txn.kv.error, "the queue cannot be read");
    fl_txn_abort(&txn);
    fl_write_init(&head, agent->scratch, 4);
    fl_write_u32(&head, count);
    *out = fl_written(&body);
    return count;
}

/* A report for a device that the gateway does not know as ours: a description of it, which the log
 * itself decides, tells whether it was removed. */
static void ask_whether_removed(struct fl_agent *agent, uint64_t position)
{
    struct fl_txn txn = {0};
    struct fl_queue_entry entry;
    uint64_t number = agent->sent_from;
    if (fl_agent_state_read(&agent->state, &txn) != FL_OK)
        return;
    bool found = fl_queue_read(&agent->state.queue, &txn.kv, number, &number, &entry);
    for (uint64_t i = 0; found && i < position; i++)
        found = fl_queue_read(&agent->state.queue, &txn.kv, number + 1, &number, &entry);
    if (found && entry.device_index < agent->device_count) {
        struct fl_agent_device *device = agent->devices[entry.device_index];
        memset(device->described, 0, sizeof(device->described));
        device->describe_at_ms = 0;
    }
    fl_txn_abort(&txn);
}

static void note_refusals(struct fl_agent *agent, struct fl_slice body)
{
    json_t *answer = json_loadb((const char *)body.data, body.size, 0, NULL);
    const json_t *refused = json_object_get(answer, "refused");
    size_t i;
    const json_t *one;
    json_array_foreach(refused, i, one)
    {
        const char *reason = json_string_value(json_object_get(one, "reason"));
        json_int_t index = json_integer_value(json_object_get(one, "index"));
        if (reason == NULL || index < 0)
            continue;
        fl_diag(RETRY, FL_TEXT("lane", "reports"), FL_TEXT("refused", reason));
        if (strcmp(reason, FL_AGENT_REASON_UNKNOWN_DEVICE) == 0)
            ask_whether_removed(agent, (uint64_t)index);
    }
    json_decref(answer);
}

static void settle(struct fl_agent *agent)
{
    struct fl_kv *kv = fl_agent_state_write(&agent->state);
    for (uint64_t number = agent->sent_from; number < agent->sent_until; number++)
        fl_queue_remove(&agent->state.queue, kv, number);
    agent->settled_until = agent->sent_until;
}

static void on_reports(void *context, long status, struct fl_slice body, const char *why)
{
    struct fl_agent *agent = context;
    bool one = agent->batch_count_max == 1 || agent->sent_until - agent->sent_from == 1;
    fl_fault_point("agent_reported");
    status = fl_control_status(status, body);
    if (!fl_lane_settled(agent, FL_AGENT_LANE_REPORTS, status, why))
        return;
    if (status == 200) {
        note_refusals(agent, body);
        settle(agent);
        agent->batch_count_max = 2 * agent->batch_count_max < FL_AGENT_REPORT_COUNT_MAX
                                     ? 2 * agent->batch_count_max
                                     : FL_AGENT_REPORT_COUNT_MAX;
    } else if (one) {
        fl_diag(RETRY, FL_TEXT("lane", "reports"), FL_INT("status", status),
                FL_TEXT("why", "the gateway refuses a report for good; it is dropped"));
        settle(agent);
    } else {
        agent->batch_count_max = status == 413 ? (agent->batch_count_max + 1) / 2 : 1;
    }
}

static void start(struct fl_agent *agent, enum fl_agent_lane lane,
                  const struct fl_agent_request *request)
{
    if (fl_agent_http_start(agent->http, lane, request) != FL_OK)
        fl_agent_fail(agent, FL_NO_MEMORY, "a request cannot be made");
}

static void send_reports(struct fl_agent *agent)
{
    struct fl_slice body;
    if (agent->settled_until >= agent->state.queue.next)
        return;
    if (build_batch(agent, &body) == 0)
        return;
    agent->state.queue.busy_until = agent->sent_until;
    start(agent, FL_AGENT_LANE_REPORTS,
          &(struct fl_agent_request){.method = "POST",
                                     .path = FL_AGENT_PATH_REPORTS,
                                     .content_type = "application/octet-stream",
                                     .body = body,
                                     .is_signed = true,
                                     .timeout_ms = ANSWER_MS,
                                     .on_answer = on_reports,
                                     .context = agent});
}

static bool read_text(const json_t *object, const char *name, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL && fl_slice_to_text(fl_slice_text(text), out, size);
}

static bool read_command(const json_t *object, struct fl_agent_command *command)
{
    char kind[64];
    const json_t *expires = json_object_get(object, "expiresAtMs");
    uint64_t expires_ms = (uint64_t)json_integer_value(expires);
    *command = (struct fl_agent_command){0};
    if (!read_text(object, "parameter", command->parameter, sizeof(command->parameter)))
        command->parameter[0] = '\0';
    if (json_is_string(expires) &&
        !fl_slice_to_u64(fl_slice_text(json_string_value(expires)), &expires_ms))
        return false;
    if (!read_text(object, "commandId", command->id, sizeof(command->id)) ||
        !read_text(object, "deviceId", command->device_id, sizeof(command->device_id)) ||
        !read_text(object, "kind", kind, sizeof(kind)) || expires_ms > INT64_MAX)
        return false;
    command->kind = fl_agent_command_kind_of(kind);
    command->expires_at_ms = (int64_t)expires_ms;
    return fl_id_is_valid(fl_slice_text(command->id)) &&
           fl_id_is_valid(fl_slice_text(command->device_id));
}

static void on_commands(void *context, long status, struct fl_slice body, const char *why)
{
    struct fl_agent *agent = context;
    struct fl_agent_command command;
    bool any_new = false;
    size_t i;
    const json_t *one;
    /* There is no refusal of a question that would be final. */
    if (status >= 400 && status != 401)
        status = 503;
    if (!fl_lane_settled(agent, FL_AGENT_LANE_COMMANDS, status, why))
        return;
    json_t *answer = status == 200 ? json_loadb((const char *)body.data, body.size, 0, NULL) : NULL;
    json_array_foreach(json_object_get(answer, "commands"), i, one)
    {
        if (read_command(one, &command))
            any_new |= fl_commands_take(agent, &command);
    }
    if (any_new && fl_agent_commit(agent))
        fl_fault_point("agent_stored");
    /* An answer at once that held nothing new is no reason to ask at once again. */
    if (!any_new)
        agent->lanes[FL_AGENT_LANE_COMMANDS].at_ms = now_ms_of(agent) + IDLE_MS;
    json_decref(answer);
}

static bool has_undelivered(const struct fl_agent *agent)
{
    for (const struct fl_agent_command *at = agent->commands; at != NULL; at = at->next)
        if (at->state == FL_COMMAND_STORED)
            return true;
    return false;
}

static bool has_device(const struct fl_agent *agent)
{
    for (size_t i = 0; i < agent->device_count; i++)
        if (agent->devices[i]->id_text[0] != '\0' && !agent->devices[i]->removed)
            return true;
    return false;
}

static void ask_for_commands(struct fl_agent *agent)
{
    char path[FL_AGENT_PATH_SIZE];
    if (!has_device(agent) || has_undelivered(agent))
        return;
    snprintf(path, sizeof(path), FL_AGENT_PATH_COMMANDS "?wait=%d", WAIT_S);
    start(agent, FL_AGENT_LANE_COMMANDS,
          &(struct fl_agent_request){.method = "GET",
                                     .path = path,
                                     .is_signed = true,
                                     .timeout_ms = WAIT_S * 1000L + ANSWER_MS,
                                     .on_answer = on_commands,
                                     .context = agent});
}

static bool is_due(const struct fl_agent *agent, enum fl_agent_lane lane)
{
    return !fl_agent_http_busy(agent->http, lane) && now_ms_of(agent) >= agent->lanes[lane].at_ms;
}

void fl_uplink_step(struct fl_agent *agent)
{
    if (is_due(agent, FL_AGENT_LANE_CONTROL))
        fl_control_step(agent);
    if (agent->state.company_id[0] == '\0')
        return;
    if (is_due(agent, FL_AGENT_LANE_REPORTS))
        send_reports(agent);
    if (is_due(agent, FL_AGENT_LANE_COMMANDS))
        ask_for_commands(agent);
}

int64_t fl_uplink_next_ms(const struct fl_agent *agent)
{
    int64_t next_ms = INT64_MAX;
    int64_t now_ms = now_ms_of(agent);
    for (unsigned lane = 0; lane < FL_AGENT_LANE_COUNT; lane++) {
        int64_t at_ms = agent->lanes[lane].at_ms;
        if (!fl_agent_http_busy(agent->http, (enum fl_agent_lane)lane) && at_ms > now_ms &&
            at_ms < next_ms)
            next_ms = at_ms;
    }
    return next_ms;
}
