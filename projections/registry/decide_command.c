/* SPDX-License-Identifier: Apache-2.0 */
/* Commands: requested by people, carried out once by the device's agent. */
#include <stdio.h>
#include <string.h>

#include "core/timestamp.h"
#include "projections/registry/decide_due.h"
#include "projections/registry/decide_firmware.h"
#include "projections/registry/deciding.h"
#include "projections/registry/plan.h"

static bool add_cancelled(struct fl_deciding *d, struct fl_cancelled *cancelled, const char *id)
{
    if (cancelled->count == cancelled->capacity) {
        size_t capacity = cancelled->capacity == 0 ? 16 : 2 * cancelled->capacity;
        const char **ids = fl_arena_calloc(d->arena, capacity, sizeof(*ids));
        if (ids == NULL)
            return false;
        if (cancelled->count != 0)
            memcpy(ids, cancelled->ids, cancelled->count * sizeof(*ids));
        cancelled->ids = ids;
        cancelled->capacity = capacity;
    }
    cancelled->ids[cancelled->count++] = id;
    return true;
}

/* The next open command of a walk over a device's; NULL: no more. */
static const fl_command_row *next_open(struct fl_deciding *d, struct fl_kv_walk *walk)
{
    char id[FL_ID_TEXT_SIZE];
    if (!fl_kv_walk_next(walk))
        return NULL;
    fl_key_tail_id(walk->key, id);
    return fl_row_by_id(d->kv, d->arena, FL_TABLE_COMMANDS, fl_slice_text(id));
}

bool fl_commands_not_begun(struct fl_deciding *d, const char *device_id,
                           struct fl_cancelled *cancelled)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    const fl_command_row *row;
    fl_key_list(&key, FL_INDEX_DEVICE_PENDING, fl_slice_text(device_id));
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while ((row = next_open(d, &walk)) != NULL)
        if (row->state != FL_COMMAND_ACKNOWLEDGED && !add_cancelled(d, cancelled, row->command_id))
            return false;
    return d->kv->error == FL_OK;
}

bool fl_commands_to_cancel(struct fl_deciding *d, const char *device_id, const char *account_id,
                           struct fl_cancelled *cancelled)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    const fl_command_row *row;
    fl_key_list(&key, FL_INDEX_DEVICE_PENDING, fl_slice_text(device_id));
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while ((row = next_open(d, &walk)) != NULL) {
        /* What upsd has accepted goes on: its outcome is still to be observed. What is overdue will
         * not be carried out by anybody. */
        if (account_id != NULL &&
            (strcmp(row->account_id, account_id) != 0 || row->state == FL_COMMAND_ACKNOWLEDGED ||
             fl_command_is_overdue(row->state, row->expires_at_ms, d->now_ms)))
            continue;
        if (!add_cancelled(d, cancelled, row->command_id))
            return false;
    }
    return d->kv->error == FL_OK;
}

static bool has_word(const char *const *words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

static bool is_date(const char *text)
{
    char time[FL_TIMESTAMP_TEXT_SIZE];
    int64_t time_ms;
    int size = snprintf(time, sizeof(time), "%sT00:00:00.000Z", text);
    return size == FL_TIMESTAMP_SIZE && fl_timestamp_parse(fl_slice_text(time), &time_ms);
}

/* What an agent that can install firmware offers besides the commands of the UPS. */
#define FL_AGENT_INSTALLS "fleetlog.firmware.install"

enum parameter_form {
    PARAMETER_NONE,
    PARAMETER_BEEPER,
    PARAMETER_WORD,
    PARAMETER_DATE,
    PARAMETER_FIRMWARE,
    PARAMETER_OUTLET
};

/* What a command needs of the device: one of the instant commands or a writable variable. */
static const struct command_rule {
    enum parameter_form parameter;
    const char *commands[2];
    const char *variable;
    enum fl_feature feature; /* that the device's plan must include */
} command_rules[] = {
    [FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_SELF_TEST] =
        {PARAMETER_NONE, {"test.battery.start.quick", "test.battery.start"}, NULL},
    [FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_BEEPER] = {PARAMETER_BEEPER, {NULL}, NULL},
    [FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_CALIBRATION] = {PARAMETER_NONE,
                                                              {"calibrate.start", NULL},
                                                              NULL},
    [FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_SENSITIVITY] = {PARAMETER_WORD,
                                                              {NULL},
                                                              "input.sensitivity"},
    [FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_BATTERY_INSTALL_DATE] = {PARAMETER_DATE,
                                                                       {NULL},
                                                                       "battery.date"},
    [FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_FIRMWARE_UPGRADE] = {PARAMETER_FIRMWARE,
                                                                   {FL_AGENT_INSTALLS, NULL},
                                                                   NULL,
                                                                   FL_FEATURE_FIRMWARE},
    [FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_OUTLET_REBOOT] = {PARAMETER_OUTLET,
                                                                {NULL},
                                                                NULL,
                                                                FL_FEATURE_OUTLETS},
};
enum { COMMAND_RULE_COUNT = sizeof(command_rules) / sizeof(command_rules[0]) };

/* "1" or "group.1": what stands between "outlet." and ".load.cycle". */
static bool is_outlet(const char *text)
{
    static const char group[] = "group.";
    if (strncmp(text, group, sizeof(group) - 1) == 0)
        text += sizeof(group) - 1;
    size_t size = strspn(text, "0123456789");
    return size > 0 && size <= 3 && text[size] == '\0';
}

/* The sentence that refuses a command by the device's plan; NULL: it includes it. The plan counts
 * when the command is requested: one that lapses meanwhile stops nothing. */
static const char *plan_refusal(struct fl_deciding *d, const char *device_id,
                                enum fl_feature feature)
{
    enum fl_plan plan = fl_plan_of(d->kv, d->arena, fl_slice_text(device_id), d->now_ms);
    if (fl_plan_allows(plan, feature))
        return NULL;
    return fl_arena_printf(d->arena, "The plan of this device (%s) does not include %s.",
                           fl_plan_name(plan), fl_feature_text(feature));
}

/* The sentence that refuses a parameter; NULL: good. */
static const char *parameter_refusal(enum parameter_form form, const char *parameter)
{
    switch (form) {
    case PARAMETER_NONE:
        return parameter[0] == '\0' ? NULL : "This command takes no parameter.";
    case PARAMETER_BEEPER:
        return strcmp(parameter, "enable") == 0 || strcmp(parameter, "disable") == 0 ||
                       strcmp(parameter, "mute") == 0
                   ? NULL
                   : "The beeper can be set to enable, disable or mute.";
    case PARAMETER_WORD:
        return parameter[0] != '\0' ? NULL : "This command needs a value to set.";
    case PARAMETER_DATE:
        return is_date(parameter) ? NULL : "This command needs a date, as YYYY-MM-DD.";
    case PARAMETER_FIRMWARE:
        return fl_id_is_valid(fl_slice_text(parameter)) ? NULL
                                                        : "This command needs the id of an image.";
    case PARAMETER_OUTLET:
        return is_outlet(parameter) ? NULL : "This command needs an outlet, as 1 or group.1.";
    }
    return NULL;
}

static bool is_capable(struct fl_deciding *d, const struct command_rule *rule,
                       const char *device_id, const char *parameter)
{
    const fl_capabilities_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_CAPABILITIES, fl_slice_text(device_id));
    if (row == NULL)
        return false;
    if (rule->variable != NULL)
        return has_word(row->variables, row->n_variables, rule->variable);
    if (rule->parameter == PARAMETER_BEEPER) {
        const char *name = fl_arena_printf(d->arena, "beeper.%s", parameter);
        return name != NULL && has_word(row->commands, row->n_commands, name);
    }
    if (rule->parameter == PARAMETER_OUTLET) {
        const char *name = fl_arena_printf(d->arena, "outlet.%s.load.cycle", parameter);
        return name != NULL && has_word(row->commands, row->n_commands, name);
    }
    for (size_t i = 0; i < 2 && rule->commands[i] != NULL; i++)
        if (has_word(row->commands, row->n_commands, rule->commands[i]))
            return true;
    return false;
}

/* Open commands of a device, and those of them that may still be carried out. */
static void count_open(struct fl_deciding *d, const char *device_id, uint32_t *open, uint32_t *live)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    *open = *live = 0;
    fl_key_list(&key, FL_INDEX_DEVICE_PENDING, fl_slice_text(device_id));
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    for (; fl_kv_walk_next(&walk); ++*open) {
        fl_key_tail_id(walk.key, id);
        const fl_command_row *row =
            fl_row_by_id(d->kv, d->arena, FL_TABLE_COMMANDS, fl_slice_text(id));
        if (row != NULL && !fl_command_is_overdue(row->state, row->expires_at_ms, d->now_ms))
            ++*live;
    }
}

/* The sentence that refuses one more command; NULL: there is room. */
static const char *count_refusal(struct fl_deciding *d, const char *device_id)
{
    const struct fl_rules_limits *limits = &d->rules->limits;
    uint32_t open;
    uint32_t live;
    count_open(d, device_id, &open, &live);
    if (live >= limits->commands_per_device_max)
        return fl_arena_printf(d->arena, "This device has %u commands to carry out already.", live);
    if (open >= limits->open_commands_per_device_max)
        return fl_arena_printf(d->arena,
                               "%u commands wait for this device, most of them expired; its agent "
                               "has not fetched them.",
                               open);
    return NULL;
}

const ProtobufCMessage *fl_decide_request_command(struct fl_deciding *d)
{
    const Fleetlog__V1__RequestCommand *action = (const Fleetlog__V1__RequestCommand *)d->message;
    const struct fl_rules_limits *limits = &d->rules->limits;
    fl_device_row *device;
    if (!fl_device_resolve(d, action->device_id, FL_RIGHT_COMMAND, &device))
        return d->answer;
    if ((unsigned)action->kind >= COMMAND_RULE_COUNT)
        return fl_reject(d, FL_REJECT(UNSUPPORTED), "The rules in force do not know this command.");
    const struct command_rule *rule = &command_rules[action->kind];
    const char *refusal = parameter_refusal(rule->parameter, action->parameter);
    if (refusal != NULL)
        return fl_reject(d, FL_REJECT(INVALID), refusal);
    if (action->ttl_ms < limits->command_ttl_ms_min || action->ttl_ms > limits->command_ttl_ms_max)
        return fl_rejectf(d, FL_REJECT(INVALID),
                          "A command waits for its device between %lld seconds and %lld hours.",
                          (long long)(limits->command_ttl_ms_min / 1000),
                          (long long)(limits->command_ttl_ms_max / 3600000));
    if (!is_capable(d, rule, action->device_id, action->parameter))
        return fl_reject(d, FL_REJECT(NOT_CAPABLE), "This device does not offer this command.");
    refusal = plan_refusal(d, action->device_id, rule->feature);
    if (refusal != NULL)
        return fl_reject(d, FL_REJECT(PLAN), refusal);
    if (rule->parameter == PARAMETER_FIRMWARE) {
        refusal = fl_firmware_refusal(
            d, action->parameter,
            fl_row_by_id(d->kv, d->arena, FL_TABLE_CAPABILITIES, fl_slice_text(action->device_id)));
        if (refusal != NULL)
            return fl_reject(d, FL_REJECT(WRONG_STATE), refusal);
    }
    refusal = count_refusal(d, action->device_id);
    if (refusal != NULL)
        return fl_reject(d, FL_REJECT(LIMIT), refusal);
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_COMMANDS, fl_slice_text(action->command_id)) != NULL)
        return fl_reject(d, FL_REJECT(EXISTS), "There is a command with this id.");
    Fleetlog__V1__CommandRequested *event = fl_answer(d, FL_MESSAGE_CommandRequested);
    event->command_id = action->command_id;
    event->device_id = action->device_id;
    event->agent_id = device->agent_id;
    event->kind = action->kind;
    event->parameter = action->parameter;
    event->expires_at_ms = d->now_ms + action->ttl_ms;
    return &event->base;
}

/* Cancels: who asked for it, and the owner company. */
const ProtobufCMessage *fl_decide_cancel_command(struct fl_deciding *d)
{
    const Fleetlog__V1__CancelCommand *action = (const Fleetlog__V1__CancelCommand *)d->message;
    const fl_command_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_COMMANDS, fl_slice_text(action->command_id));
    fl_device_row *device;
    if (row == NULL)
        return fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such command.");
    if (!fl_device_resolve(d, row->device_id, FL_RIGHT_COMMAND, &device))
        return d->answer;
    if (strcmp(row->account_id, d->account->account_id) != 0 &&
        fl_relation_to_company(d->account, device->company_id) == FL_RELATION_STRANGER)
        return fl_reject(d, FL_REJECT(DENIED),
                         "Only who requested a command or the owner company may cancel it.");
    if (row->state != FL_COMMAND_REQUESTED)
        return fl_rejectf(d, FL_REJECT(WRONG_STATE),
                          "This command is %s; only one that no agent has fetched can be "
                          "cancelled.",
                          fl_sm_name(&fl_command_machine, row->state));
    Fleetlog__V1__CommandCancelled *event = fl_answer(d, FL_MESSAGE_CommandCancelled);
    event->command_id = row->command_id;
    event->device_id = row->device_id;
    return &event->base;
}

/* The command that an agent speaks about and that may move to `next`; false: rejected. */
static bool agent_command(struct fl_deciding *d, const char *command_id, enum fl_command_state next,
                          const fl_command_row **command)
{
    const fl_command_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_COMMANDS, fl_slice_text(command_id));
    if (row == NULL) {
        fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such command.");
        return false;
    }
    if (strcmp(row->agent_id, d->agent->agent_id) != 0) {
        fl_reject(d, FL_REJECT(DENIED), "An agent answers for its own devices only.");
        return false;
    }
    const fl_device_row *device =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_DEVICES, fl_slice_text(row->device_id));
    if (device != NULL)
        d->company_id = fl_slice_text(device->company_id);
    if (!fl_sm_may(&fl_command_machine, row->state, next)) {
        fl_rejectf(d, FL_REJECT(WRONG_STATE), "This command is %s; it cannot become %s.",
                   fl_sm_name(&fl_command_machine, row->state),
                   fl_sm_name(&fl_command_machine, next));
        return false;
    }
    *command = row;
    return true;
}

static const ProtobufCMessage *expired(struct fl_deciding *d, const fl_command_row *row)
{
    Fleetlog__V1__CommandExpired *event = fl_answer(d, FL_MESSAGE_CommandExpired);
    event->command_id = row->command_id;
    event->device_id = row->device_id;
    return &event->base;
}

const ProtobufCMessage *fl_decide_due_command(struct fl_deciding *d,
                                              const Fleetlog__V1__FireDue *action)
{
    const fl_command_row *row = fl_due_row(d, FL_TABLE_COMMANDS, action->id);
    const fl_device_row *device =
        row == NULL ? NULL : fl_due_row(d, FL_TABLE_DEVICES, row->device_id);
    if (device == NULL)
        return NULL;
    d->company_id = fl_slice_text(device->company_id);
    return expired(d, row);
}

/* Whether it may still be done: who requested it may have left, his share may have ended, the image
 * may have been withdrawn. */
static bool is_still_allowed(struct fl_deciding *d, const fl_command_row *row)
{
    const fl_account_row *account =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_ACCOUNTS, fl_slice_text(row->account_id));
    const fl_device_row *device =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_DEVICES, fl_slice_text(row->device_id));
    if (row->kind == FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_FIRMWARE_UPGRADE &&
        !fl_firmware_is_offered(d, row->parameter))
        return false;
    return fl_relation_may(fl_relation_to_device(d->kv, d->arena, account, device, d->now_ms),
                           FL_RIGHT_COMMAND);
}

static const ProtobufCMessage *cancelled(struct fl_deciding *d, const fl_command_row *row)
{
    Fleetlog__V1__CommandCancelled *event = fl_answer(d, FL_MESSAGE_CommandCancelled);
    event->command_id = row->command_id;
    event->device_id = row->device_id;
    return &event->base;
}

const ProtobufCMessage *fl_decide_command_delivery(struct fl_deciding *d)
{
    const Fleetlog__V1__ReportCommandDelivery *action =
        (const Fleetlog__V1__ReportCommandDelivery *)d->message;
    const fl_command_row *row;
    if (!agent_command(d, action->command_id, FL_COMMAND_DELIVERED, &row))
        return d->answer;
    if (d->now_ms >= row->expires_at_ms)
        return expired(d, row);
    if (!is_still_allowed(d, row))
        return cancelled(d, row);
    Fleetlog__V1__CommandDelivered *event = fl_answer(d, FL_MESSAGE_CommandDelivered);
    event->command_id = row->command_id;
    event->device_id = row->device_id;
    return &event->base;
}

const ProtobufCMessage *fl_decide_command_acknowledgement(struct fl_deciding *d)
{
    const Fleetlog__V1__ReportCommandAcknowledgement *action =
        (const Fleetlog__V1__ReportCommandAcknowledgement *)d->message;
    const fl_command_row *row;
    if (!agent_command(d, action->command_id, FL_COMMAND_ACKNOWLEDGED, &row))
        return d->answer;
    Fleetlog__V1__CommandAcknowledged *event = fl_answer(d, FL_MESSAGE_CommandAcknowledged);
    event->command_id = row->command_id;
    event->device_id = row->device_id;
    return &event->base;
}

static const ProtobufCMessage *succeeded(struct fl_deciding *d,
                                         const Fleetlog__V1__ReportCommandOutcome *action)
{
    const fl_command_row *row;
    if (!agent_command(d, action->command_id, FL_COMMAND_SUCCEEDED, &row))
        return d->answer;
    if (action->variable[0] == '\0' || action->report_counter == 0)
        return fl_reject(d, FL_REJECT(INVALID),
                         "Success must name the variable and the report that show it.");
    Fleetlog__V1__CommandSucceeded *event = fl_answer(d, FL_MESSAGE_CommandSucceeded);
    event->command_id = row->command_id;
    event->device_id = row->device_id;
    event->variable = action->variable;
    event->value = action->value;
    event->report_counter = action->report_counter;
    return &event->base;
}

static const ProtobufCMessage *failed(struct fl_deciding *d,
                                      const Fleetlog__V1__ReportCommandOutcome *action)
{
    const fl_command_row *row;
    if (!agent_command(d, action->command_id, FL_COMMAND_FAILED, &row))
        return d->answer;
    if (action->reason[0] == '\0')
        return fl_reject(d, FL_REJECT(INVALID), "A failure must name its reason.");
    Fleetlog__V1__CommandFailed *event = fl_answer(d, FL_MESSAGE_CommandFailed);
    event->command_id = row->command_id;
    event->device_id = row->device_id;
    event->reason = action->reason;
    event->variable = action->variable;
    event->value = action->value;
    return &event->base;
}

const ProtobufCMessage *fl_decide_command_outcome(struct fl_deciding *d)
{
    const Fleetlog__V1__ReportCommandOutcome *action =
        (const Fleetlog__V1__ReportCommandOutcome *)d->message;
    const fl_command_row *row;
    switch (action->outcome) {
    case FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_SUCCEEDED:
        return succeeded(d, action);
    case FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_FAILED:
        return failed(d, action);
    case FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_EXPIRED:
        if (!agent_command(d, action->command_id, FL_COMMAND_EXPIRED, &row))
            return d->answer;
        return expired(d, row);
    case FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_UNSPECIFIED:
    case _FLEETLOG__V1__COMMAND_OUTCOME_IS_INT_SIZE:
        break;
    }
    return fl_reject(d, FL_REJECT(INVALID), "The outcome is none that a command can have.");
}
