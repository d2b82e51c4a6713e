/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of UPSes: each command at most once, whatever dies in between. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/cursor.h"
#include "core/diag.h"
#include "core/fault_point.h"
#include "core/sm.h"
#include "producers/agent/agent_internal.h"
#include "producers/agent/firmware.h"

enum { ROW_SIZE_MAX = 2048, FORMAT = 1, TRACKING_MS = 200 };
#define REMEMBER_MS (INT64_C(48) * 3600 * 1000) /* after its end of life a command is forgotten */

#define TO(state) FL_SM_BIT(state)

/*
 * machine agent-command
 *     stored -> ready -> intended -> watched -> ended -> told
 *               ready -> ended
 *                        intended -> ended
 *     stored -> told
 */
static const struct fl_sm_state states[FL_AGENT_COMMAND_STATE_COUNT] = {
    [FL_COMMAND_STORED] = {"stored", TO(FL_COMMAND_READY) | TO(FL_COMMAND_TOLD), 0},
    [FL_COMMAND_READY] = {"ready", TO(FL_COMMAND_INTENDED) | TO(FL_COMMAND_ENDED), 0},
    [FL_COMMAND_INTENDED] = {"intended", TO(FL_COMMAND_WATCHED) | TO(FL_COMMAND_ENDED), 0},
    [FL_COMMAND_WATCHED] = {"watched", TO(FL_COMMAND_ENDED), 0},
    [FL_COMMAND_ENDED] = {"ended", TO(FL_COMMAND_TOLD), 0},
    [FL_COMMAND_TOLD] = {"told", 0, FL_SM_FINAL},
};
const struct fl_sm fl_agent_command_machine = {"agent-command", states,
                                               FL_AGENT_COMMAND_STATE_COUNT, NULL};

static struct fl_slice id_key(const char *id, uint8_t key[FL_ID_SIZE])
{
    bool good = fl_id_to_bytes(fl_slice_text(id), key);
    fl_assert(good);
    return fl_slice_of(key, FL_ID_SIZE);
}

void fl_command_save(struct fl_agent *agent, const struct fl_agent_command *command)
{
    uint8_t key[FL_ID_SIZE];
    uint8_t row[ROW_SIZE_MAX];
    struct fl_write_cursor cursor;
    fl_write_init(&cursor, row, sizeof(row));
    fl_write_u8(&cursor, FORMAT);
    fl_write_u8(&cursor, (uint8_t)command->state);
    fl_write_u8(&cursor, (uint8_t)command->kind);
    fl_write_u8(&cursor, command->owes_acknowledgement);
    fl_write_u64(&cursor, (uint64_t)command->expires_at_ms);
    fl_write_u64(&cursor, command->report_counter);
    fl_write_u64(&cursor, command->queue_number);
    fl_write_string(&cursor, fl_slice_text(command->device_id));
    fl_write_string(&cursor, fl_slice_text(command->parameter));
    fl_write_string(&cursor, fl_slice_text(command->notes.result));
    fl_write_string(&cursor, fl_slice_text(command->notes.date));
    fl_write_string(&cursor, fl_slice_text(command->outcome));
    fl_write_string(&cursor, fl_slice_text(command->reason));
    fl_write_string(&cursor, fl_slice_text(command->value));
    fl_assert(cursor.error == FL_OK); /* every part has its bound */
    fl_kv_put(fl_agent_state_write(&agent->state), FL_AGENT_TABLE_COMMANDS,
              id_key(command->id, key), fl_written(&cursor));
}

struct text_place {
    char *text;
    size_t size;
};

static bool read_row(struct fl_slice key, struct fl_slice row, struct fl_agent_command *command)
{
    struct fl_read_cursor cursor;
    fl_read_init(&cursor, row);
    if (key.size != FL_ID_SIZE || fl_read_u8(&cursor) != FORMAT)
        return false;
    fl_id_from_bytes(key.data, command->id);
    command->state = fl_read_u8(&cursor);
    command->kind = (enum fl_agent_command_kind)fl_read_u8(&cursor);
    command->owes_acknowledgement = fl_read_u8(&cursor) != 0;
    command->expires_at_ms = (int64_t)fl_read_u64(&cursor);
    command->report_counter = fl_read_u64(&cursor);
    command->queue_number = fl_read_u64(&cursor);
    const struct text_place texts[] = {{command->device_id, sizeof(command->device_id)},
                                       {command->parameter, sizeof(command->parameter)},
                                       {command->notes.result, sizeof(command->notes.result)},
                                       {command->notes.date, sizeof(command->notes.date)},
                                       {command->outcome, sizeof(command->outcome)},
                                       {command->reason, sizeof(command->reason)},
                                       {command->value, sizeof(command->value)}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!fl_slice_to_text(fl_read_string(&cursor), texts[i].text, texts[i].size))
            return false;
    return cursor.error == FL_OK && command->state < FL_AGENT_COMMAND_STATE_COUNT &&
           command->kind < FL_AGENT_COMMAND_KIND_COUNT;
}

static struct fl_agent_command *add_command(struct fl_agent *agent)
{
    struct fl_agent_command *command = calloc(1, sizeof(*command));
    if (command == NULL) {
        fl_agent_fail(agent, FL_NO_MEMORY, "commands");
        return NULL;
    }
    struct fl_agent_command **end = &agent->commands;
    while (*end != NULL)
        end = &(*end)->next;
    *end = command;
    agent->command_count++;
    return command;
}

static void remove_command(struct fl_agent *agent, struct fl_agent_command *command)
{
    struct fl_agent_command **at = &agent->commands;
    while (*at != command)
        at = &(*at)->next;
    *at = command->next;
    agent->command_count--;
    free(command);
}

static int64_t watch_until(const struct fl_agent *agent, enum fl_agent_command_kind kind)
{
    int64_t watch_ms =
        agent->options->watch_ms > 0 ? agent->options->watch_ms : fl_agent_command_watch_ms(kind);
    return fl_port_monotonic_ms(agent->port) + watch_ms;
}

void fl_command_watch(struct fl_agent *agent, struct fl_agent_command *command)
{
    command->watch_until_ms = watch_until(agent, command->kind);
    fl_command_move(agent, command, FL_COMMAND_WATCHED);
}

/* One that was intended when the agent died may or may not have reached the UPS. An installer may
 * even go on; what the UPS reports will tell. */
static void settle(struct fl_agent *agent, struct fl_agent_command *command)
{
    bool is_open = command->state == FL_COMMAND_INTENDED;
    if (is_open && command->kind != FL_AGENT_COMMAND_FIRMWARE_UPGRADE)
        fl_command_end(agent, command, "FAILED", "OUTCOME_UNKNOWN");
    else if (is_open && !fl_firmware_was_started(agent, command->id))
        fl_command_end(agent, command, "FAILED", "INSTALLER_NOT_STARTED");
    else if (is_open)
        fl_command_watch(agent, command);
    if (command->state == FL_COMMAND_TOLD)
        remove_command(agent, command);
}

void fl_commands_load(struct fl_agent *agent)
{
    struct fl_kv_walk walk;
    struct fl_kv *kv = fl_agent_state_write(&agent->state);
    fl_kv_walk_begin(&walk, kv, FL_AGENT_TABLE_COMMANDS, FL_SLICE_LITERAL(""));
    while (fl_kv_walk_next(&walk)) {
        struct fl_agent_command *command = add_command(agent);
        if (command == NULL)
            return;
        if (!read_row(walk.key, walk.value, command)) {
            fl_kv_fail(kv, FL_CORRUPT);
            return;
        }
        command->watch_until_ms = watch_until(agent, command->kind);
    }
    fl_firmware_sweep(agent);
    for (struct fl_agent_command *at = agent->commands, *next; at != NULL; at = next) {
        next = at->next;
        settle(agent, at);
    }
}

void fl_commands_free(struct fl_agent *agent)
{
    while (agent->commands != NULL)
        remove_command(agent, agent->commands);
}

static void look_closer(struct fl_agent *agent, const char *device_id)
{
    const struct fl_agent_device *device = fl_devices_by_id(agent, device_id);
    if (device == NULL || device->ups == NULL)
        return;
    bool urgent = false;
    for (const struct fl_agent_command *at = agent->commands; at != NULL; at = at->next)
        urgent |= at->state == FL_COMMAND_WATCHED && strcmp(at->device_id, device_id) == 0;
    device->ups->urgent = urgent;
    if (urgent)
        device->ups->poll_at_ms = 0;
}

void fl_command_move(struct fl_agent *agent, struct fl_agent_command *command,
                     enum fl_agent_command_state state)
{
    bool moved = fl_sm_move(&fl_agent_command_machine, &command->state, state, command);
    fl_assert(moved);
    fl_command_save(agent, command);
    look_closer(agent, command->device_id);
    if (state == FL_COMMAND_TOLD)
        remove_command(agent, command);
}

void fl_command_end(struct fl_agent *agent, struct fl_agent_command *command, const char *outcome,
                    const char *reason)
{
    snprintf(command->outcome, sizeof(command->outcome), "%s", outcome);
    snprintf(command->reason, sizeof(command->reason), "%s", reason);
    command->tracking[0] = '\0';
    fl_diag(AGENT_COMMAND, FL_TEXT("command", command->id),
            FL_TEXT("kind", fl_agent_command_name(command->kind)), FL_TEXT("outcome", outcome),
            FL_TEXT("reason", reason));
    fl_command_move(agent, command, FL_COMMAND_ENDED);
}

bool fl_commands_take(struct fl_agent *agent, const struct fl_agent_command *given)
{
    uint8_t key[FL_ID_SIZE];
    struct fl_slice row;
    struct fl_kv *kv = fl_agent_state_write(&agent->state);
    if (fl_kv_get(kv, FL_AGENT_TABLE_COMMANDS, id_key(given->id, key), &row) ||
        agent->command_count == FL_AGENT_COMMAND_COUNT_MAX)
        return false;
    struct fl_agent_command *command = add_command(agent);
    if (command == NULL)
        return false;
    *command = *given;
    command->next = NULL;
    fl_command_save(agent, command);
    return true;
}

static bool device_is_busy(const struct fl_agent *agent, const char *device_id)
{
    for (const struct fl_agent_command *at = agent->commands; at != NULL; at = at->next)
        if ((at->state == FL_COMMAND_INTENDED || at->state == FL_COMMAND_WATCHED) &&
            strcmp(at->device_id, device_id) == 0)
            return true;
    return false;
}

/* Writes down what is about to be done, then lets it be sent. */
static bool begin(struct fl_agent *agent, struct fl_agent_command *command,
                  const struct fl_agent_device *device, struct fl_upsd_command *out)
{
    if (!fl_agent_command_build(command->kind, command->parameter, device->ups_name,
                                &device->ups->commands, &device->values, &out->request)) {
        fl_command_end(agent, command, "FAILED", "NOT_CAPABLE");
        return false;
    }
    const char *obstacle = fl_agent_command_obstacle(command->kind, &device->values);
    if (obstacle != NULL) {
        fl_command_end(agent, command, "FAILED", obstacle);
        return false;
    }
    fl_agent_command_note(&device->values, &command->notes);
    fl_command_move(agent, command, FL_COMMAND_INTENDED);
    if (!fl_agent_commit(agent))
        return false;
    fl_fault_point("agent_intended");
    out->is_tracking = false;
    command->asked = device->upsd;
    return true;
}

static bool ask_tracking(struct fl_agent *agent, struct fl_agent_command *command,
                         struct fl_upsd *upsd, struct fl_upsd_command *out)
{
    if (command->tracking[0] == '\0' || fl_port_monotonic_ms(agent->port) < command->ask_at_ms)
        return false;
    out->is_tracking = true;
    memcpy(out->tracking, command->tracking, sizeof(out->tracking));
    command->asked = upsd;
    return true;
}

bool fl_commands_next(struct fl_agent *agent, struct fl_upsd *upsd, struct fl_upsd_command *out)
{
    int64_t gateway_ms = fl_agent_http_gateway_ms(agent->http);
    for (struct fl_agent_command *command = agent->commands; command != NULL;
         command = command->next) {
        const struct fl_agent_device *device = fl_devices_by_id(agent, command->device_id);
        if (device == NULL || device->upsd != upsd || device->ups == NULL ||
            command->kind == FL_AGENT_COMMAND_FIRMWARE_UPGRADE)
            continue;
        if (command->state == FL_COMMAND_WATCHED && ask_tracking(agent, command, upsd, out))
            return true;
        if (command->state == FL_COMMAND_READY && gateway_ms < command->expires_at_ms &&
            device->has_values && !device->stale && device->has_offered &&
            !device_is_busy(agent, command->device_id))
            return begin(agent, command, device, out);
    }
    return false;
}

static void refuse(struct fl_agent *agent, struct fl_agent_command *command, const char *word)
{
    char reason[FL_COMMAND_WORD_SIZE];
    snprintf(reason, sizeof(reason), "REFUSED_%.40s", word[0] != '\0' ? word : "UNKNOWN");
    for (char *at = reason; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at))
            *at = '_';
    fl_command_end(agent, command, "FAILED", reason);
}

static void take_first_answer(struct fl_agent *agent, struct fl_agent_command *command,
                              const struct fl_nut_answer *answer)
{
    fl_fault_point("agent_answered");
    if (answer == NULL) {
        fl_command_end(agent, command, "FAILED", "OUTCOME_UNKNOWN");
    } else if (answer->result == FL_NUT_REFUSED) {
        refuse(agent, command, answer->text);
    } else {
        memcpy(command->tracking, answer->tracking, sizeof(command->tracking));
        command->owes_acknowledgement = command->tracking[0] == '\0';
        fl_command_watch(agent, command);
    }
    if (fl_agent_commit(agent))
        fl_fault_point("agent_watched");
}

static void take_tracking(struct fl_agent *agent, struct fl_agent_command *command,
                          const struct fl_nut_answer *answer)
{
    bool is_pending = answer != NULL && answer->result == FL_NUT_PENDING;
    bool is_refused = answer != NULL && answer->result == FL_NUT_REFUSED;
    if (is_pending) {
        command->ask_at_ms = fl_port_monotonic_ms(agent->port) + TRACKING_MS;
        return;
    }
    command->tracking[0] = '\0';
    if (is_refused && strcmp(answer->text, "FEATURE-NOT-CONFIGURED") != 0) {
        refuse(agent, command, answer->text);
        return;
    }
    command->owes_acknowledgement = answer != NULL;
    fl_command_save(agent, command);
    look_closer(agent, command->device_id);
}

void fl_commands_answered(struct fl_agent *agent, struct fl_upsd *upsd,
                          const struct fl_nut_answer *answer)
{
    struct fl_agent_command *command = agent->commands;
    while (command != NULL && command->asked != upsd)
        command = command->next;
    if (command == NULL)
        return;
    command->asked = NULL;
    if (command->state == FL_COMMAND_INTENDED)
        take_first_answer(agent, command, answer);
    else if (command->state == FL_COMMAND_WATCHED)
        take_tracking(agent, command, answer);
}

struct fl_agent_command *fl_commands_look(struct fl_agent *agent, struct fl_agent_device *device,
                                          const struct fl_nut_list *values)
{
    for (struct fl_agent_command *command = agent->commands; command != NULL;
         command = command->next) {
        char reason[FL_COMMAND_WORD_SIZE] = "";
        char variable[FL_COMMAND_WORD_SIZE];
        if (command->state != FL_COMMAND_WATCHED ||
            strcmp(command->device_id, device->id_text) != 0)
            continue;
        enum fl_agent_verdict verdict = fl_agent_command_judge(command->kind, command->parameter,
                                                               &command->notes, values, reason);
        /* While the driver has not answered, the readings may still be the old ones. */
        if (verdict == FL_VERDICT_WAIT || command->tracking[0] != '\0')
            continue;
        fl_agent_text(fl_nut_list_find(values, fl_slice_text(fl_agent_command_variable(
                                                   command->kind, command->parameter, variable))),
                      command->value, sizeof(command->value));
        snprintf(command->outcome, sizeof(command->outcome), "%s",
                 verdict == FL_VERDICT_SUCCEEDED ? "SUCCEEDED" : "FAILED");
        memcpy(command->reason, reason, sizeof(reason));
        return command;
    }
    return NULL;
}

void fl_commands_seen(struct fl_agent *agent, struct fl_agent_command *command, uint64_t counter,
                      uint64_t queue_number)
{
    char outcome[sizeof(command->outcome)];
    char reason[sizeof(command->reason)];
    memcpy(outcome, command->outcome, sizeof(outcome));
    memcpy(reason, command->reason, sizeof(reason));
    command->report_counter = counter;
    command->queue_number = queue_number;
    fl_command_end(agent, command, outcome, reason);
    if (fl_agent_commit(agent))
        fl_fault_point("agent_ended");
}

/* Rows of commands that nobody can hand out again. */
static void forget(struct fl_agent *agent, int64_t gateway_ms)
{
    struct fl_kv_walk walk;
    struct fl_kv *kv = fl_agent_state_write(&agent->state);
    fl_kv_walk_begin(&walk, kv, FL_AGENT_TABLE_COMMANDS, FL_SLICE_LITERAL(""));
    while (fl_kv_walk_next(&walk)) {
        struct fl_agent_command command = {0};
        if (read_row(walk.key, walk.value, &command) && command.state == FL_COMMAND_TOLD &&
            gateway_ms > command.expires_at_ms + REMEMBER_MS)
            fl_kv_del(kv, FL_AGENT_TABLE_COMMANDS, walk.key);
    }
}

void fl_commands_expire(struct fl_agent *agent, int64_t now_ms)
{
    int64_t gateway_ms = fl_agent_http_gateway_ms(agent->http);
    struct fl_agent_command *next;
    for (struct fl_agent_command *command = agent->commands; command != NULL; command = next) {
        char variable[FL_COMMAND_WORD_SIZE];
        next = command->next;
        const struct fl_agent_device *device = fl_devices_by_id(agent, command->device_id);
        if (command->state == FL_COMMAND_READY && gateway_ms >= command->expires_at_ms) {
            fl_command_end(agent, command, "EXPIRED", "");
        } else if (command->state == FL_COMMAND_READY && (device == NULL || device->removed)) {
            fl_command_end(agent, command, "FAILED", FL_AGENT_REASON_UNKNOWN_DEVICE);
        } else if (command->state == FL_COMMAND_WATCHED && now_ms >= command->watch_until_ms &&
                   command->asked == NULL) {
            if (device != NULL)
                fl_agent_text(fl_nut_list_find(&device->values,
                                               fl_slice_text(fl_agent_command_variable(
                                                   command->kind, command->parameter, variable))),
                              command->value, sizeof(command->value));
            fl_command_end(agent, command, "FAILED", "NOT_OBSERVED");
        }
    }
    if (now_ms >= agent->forget_at_ms) {
        agent->forget_at_ms = now_ms + 3600 * 1000;
        forget(agent, gateway_ms);
    }
}
