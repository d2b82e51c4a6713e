/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences about devices, shares, commands and conditions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

static void rename_device(struct scenario *s, const struct arguments *a)
{
    INIT(RenameDevice, action, rename_device);
    action.device_id = id_of("device", a->texts[0]);
    action.name = a->texts[1];
    request(s, &action.base);
}

static void locate_device(struct scenario *s, const struct arguments *a)
{
    INIT(LocateDevice, action, locate_device);
    action.device_id = id_of("device", a->texts[0]);
    action.location = a->texts[1];
    request(s, &action.base);
}

static void remove_device(struct scenario *s, const struct arguments *a)
{
    INIT(RemoveDevice, action, remove_device);
    action.device_id = id_of("device", a->texts[0]);
    request(s, &action.base);
}

size_t device_ids(struct scenario *s, const char *list, const char **ids)
{
    static char names[LIST_COUNT_MAX][32];
    static char texts[LIST_COUNT_MAX][FL_ID_TEXT_SIZE];
    size_t count = split_list(s, list, names);
    for (size_t i = 0; i < count; i++) {
        world_id("device", names[i], texts[i]);
        ids[i] = texts[i];
    }
    return count;
}

static void share_until(struct scenario *s, const struct arguments *a, int64_t ends_at_ms)
{
    static const char *ids[LIST_COUNT_MAX];
    struct person who;
    INIT(ShareDevices, action, share_devices);
    action.share_id = id_of("share", a->texts[2]);
    action.n_device_ids = device_ids(s, a->texts[0], ids);
    action.device_ids = ids;
    action.person = person_ref(s, a->texts[1], &who);
    action.link_key_generation = 1;
    action.grant_expires_at_ms = ends_at_ms;
    request(s, &action.base);
}

static void share(struct scenario *s, const struct arguments *a)
{
    share_until(s, a, 0);
}

static void share_for(struct scenario *s, const struct arguments *a)
{
    share_until(s, a, s->world.now_ms + a->duration_ms);
}

static void remove_shared(struct scenario *s, const struct arguments *a)
{
    INIT(RemoveSharedDevices, action, remove_shared_devices);
    action.company_id = id_of("company", a->texts[0]);
    request(s, &action.base);
}

static void accept_share(struct scenario *s, const struct arguments *a)
{
    INIT(AcceptShare, action, accept_share);
    action.share_id = id_of("share", a->texts[0]);
    request(s, &action.base);
}

static void revoke_share(struct scenario *s, const struct arguments *a)
{
    INIT(RevokeShare, action, revoke_share);
    action.share_id = id_of("share", a->texts[0]);
    request(s, &action.base);
}

static void revoke_devices(struct scenario *s, const struct arguments *a)
{
    static const char *ids[LIST_COUNT_MAX];
    INIT(RevokeShare, action, revoke_share);
    action.share_id = id_of("share", a->texts[1]);
    action.n_device_ids = device_ids(s, a->texts[0], ids);
    action.device_ids = ids;
    request(s, &action.base);
}

static int enum_value(struct scenario *s, const ProtobufCEnumDescriptor *descriptor,
                      const char *prefix, const char *name)
{
    char full[WORD_SIZE_MAX + 32];
    snprintf(full, sizeof(full), "%s%s", prefix, name);
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value_by_name(descriptor, full);
    if (value == NULL)
        fail(s, "%s is none of %s", full, descriptor->name);
    return value->value;
}

static void request_command(struct scenario *s, const struct arguments *a, const char *parameter,
                            const char *device, const char *command)
{
    INIT(RequestCommand, action, request_command);
    action.command_id = id_of("command", command);
    action.device_id = id_of("device", device);
    action.kind = (Fleetlog__V1__CommandKind)enum_value(s, &fleetlog__v1__command_kind__descriptor,
                                                        "COMMAND_KIND_", a->texts[0]);
    action.parameter = parameter;
    action.ttl_ms = a->duration_ms;
    request(s, &action.base);
}

static void request_plain(struct scenario *s, const struct arguments *a)
{
    request_command(s, a, "", a->texts[1], a->texts[2]);
}

static void request_with(struct scenario *s, const struct arguments *a)
{
    request_command(s, a, a->texts[1], a->texts[2], a->texts[3]);
}

static void cancel_command(struct scenario *s, const struct arguments *a)
{
    INIT(CancelCommand, action, cancel_command);
    action.command_id = id_of("command", a->texts[0]);
    request(s, &action.base);
}

static void delivered(struct scenario *s, const struct arguments *a)
{
    INIT(ReportCommandDelivery, action, report_command_delivery);
    action.command_id = id_of("command", a->texts[0]);
    request(s, &action.base);
}

static void acknowledged(struct scenario *s, const struct arguments *a)
{
    INIT(ReportCommandAcknowledgement, action, report_command_acknowledgement);
    action.command_id = id_of("command", a->texts[0]);
    request(s, &action.base);
}

static void outcome(struct scenario *s, const char *command, Fleetlog__V1__CommandOutcome what,
                    const char *variable, const char *value, uint64_t counter, const char *reason)
{
    INIT(ReportCommandOutcome, action, report_command_outcome);
    action.command_id = id_of("command", command);
    action.outcome = what;
    action.variable = variable;
    action.value = value;
    action.report_counter = counter;
    action.reason = reason;
    request(s, &action.base);
}

static void succeeded(struct scenario *s, const struct arguments *a)
{
    outcome(s, a->texts[0], FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_SUCCEEDED, a->texts[1],
            a->texts[2], strtoul(a->texts[3], NULL, 10), "");
}

static void succeeded_unseen(struct scenario *s, const struct arguments *a)
{
    outcome(s, a->texts[0], FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_SUCCEEDED, "", "", 0,
            "");
}

static void failed(struct scenario *s, const struct arguments *a)
{
    outcome(s, a->texts[0], FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_FAILED, "", "", 0,
            a->texts[1]);
}

static void failed_silently(struct scenario *s, const struct arguments *a)
{
    outcome(s, a->texts[0], FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_FAILED, "", "", 0, "");
}

static void expired(struct scenario *s, const struct arguments *a)
{
    outcome(s, a->texts[0], FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_EXPIRED, "", "", 0, "");
}

static void condition(struct scenario *s, const struct arguments *a, bool raised,
                      uint32_t generation)
{
    INIT(ReportCondition, action, report_condition);
    action.device_id = id_of("device", a->texts[0]);
    action.generation = generation;
    action.kind = (Fleetlog__V1__ConditionKind)enum_value(
        s, &fleetlog__v1__condition_kind__descriptor, "CONDITION_KIND_", a->texts[1]);
    action.raised = raised;
    action.report_counter = strtoul(a->texts[2], NULL, 10);
    action.sampled_at_ms = s->world.now_ms;
    action.evidence = "ups.status: OB";
    request(s, &action.base);
}

static void raise_condition(struct scenario *s, const struct arguments *a)
{
    condition(s, a, true, 1);
}

static void clear_condition(struct scenario *s, const struct arguments *a)
{
    condition(s, a, false, 1);
}

static void raise_generation(struct scenario *s, const struct arguments *a)
{
    condition(s, a, true, (uint32_t)strtoul(a->texts[3], NULL, 10));
}

const struct pattern device_patterns[] = {
    {"renames $w to $q", rename_device},
    {"locates $w at $q", locate_device},
    {"deletes $w", remove_device},
    {"shares $l with $w as $w", share},
    {"shares $l with $w as $w for $t", share_for},
    {"removes every device of $w from the view", remove_shared},
    {"accepts $w", accept_share},
    {"revokes $w", revoke_share},
    {"revokes $l from $w", revoke_devices},
    {"drops $w", revoke_share},
    {"requests $w of $w as $w within $t", request_plain},
    {"requests $w $q of $w as $w within $t", request_with},
    {"cancels $w", cancel_command},
    {"reports $w delivered", delivered},
    {"reports $w acknowledged", acknowledged},
    {"reports $w succeeded with $w $q in report $w", succeeded},
    {"reports $w succeeded", succeeded_unseen},
    {"reports $w failed because $w", failed},
    {"reports $w failed", failed_silently},
    {"reports $w expired", expired},
    {"reports $w $w raised in report $w", raise_condition},
    {"reports $w $w cleared in report $w", clear_condition},
    {"reports $w $w raised in report $w of generation $w", raise_generation},
    {NULL, NULL},
};
