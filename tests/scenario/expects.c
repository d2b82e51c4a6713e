/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences that expect something. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"

static struct fl_kv *registry(struct scenario *s)
{
    return s->world.views[0].kv;
}

static struct fl_arena *arena(struct scenario *s)
{
    return &s->world.other_arena;
}

static const Fleetlog__V1__ActionRejected *rejection(struct scenario *s)
{
    const Fleetlog__V1__ActionRejected *rejected = world_rejection(&s->world);
    if (rejected == NULL)
        fail(s, "not refused, but %s", s->world.last.envelope.row->name);
    return rejected;
}

static const char *code_name(Fleetlog__V1__RejectionCode code)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&fleetlog__v1__rejection_code__descriptor, (int)code);
    return value == NULL ? "?" : value->name + strlen("REJECTION_CODE_");
}

static void expect_event(struct scenario *s, const struct arguments *a)
{
    const Fleetlog__V1__ActionRejected *rejected = world_rejection(&s->world);
    const char *name = s->world.last.envelope.row->name;
    if (strcmp(name, a->texts[0]) == 0)
        return;
    if (rejected != NULL)
        fail(s, "refused: %s \"%s\"", code_name(rejected->code), rejected->sentence);
    fail(s, "%s", name);
}

static void expect_refused(struct scenario *s, const struct arguments *a)
{
    const Fleetlog__V1__ActionRejected *rejected = rejection(s);
    if (strcmp(code_name(rejected->code), a->texts[0]) != 0)
        fail(s, "refused: %s \"%s\"", code_name(rejected->code), rejected->sentence);
}

static void expect_refused_saying(struct scenario *s, const struct arguments *a)
{
    const Fleetlog__V1__ActionRejected *rejected = rejection(s);
    expect_refused(s, a);
    if (strcmp(rejected->sentence, a->texts[1]) != 0)
        fail(s, "refused: \"%s\"", rejected->sentence);
}

static void expect_item(struct scenario *s, const struct arguments *a)
{
    const Fleetlog__V1__ActionRejected *rejected = rejection(s);
    for (size_t i = 0; i < rejected->n_items; i++) {
        const Fleetlog__V1__RejectedItem *item = rejected->items[i];
        if (strcmp(item->id, id_of("device", a->texts[0])) != 0)
            continue;
        if (strcmp(code_name(item->code), a->texts[1]) != 0 ||
            strcmp(item->sentence, a->texts[2]) != 0)
            fail(s, "%s: %s \"%s\"", a->texts[0], code_name(item->code), item->sentence);
        return;
    }
    fail(s, "%s is not among the %zu that are refused", a->texts[0], rejected->n_items);
}

static void expect_item_count(struct scenario *s, const struct arguments *a)
{
    if (rejection(s)->n_items != strtoul(a->texts[0], NULL, 10))
        fail(s, "%zu are refused", rejection(s)->n_items);
}

static void expect_original(struct scenario *s, const struct arguments *a)
{
    if (strcmp(rejection(s)->original_id, id_of(a->texts[0], a->texts[1])) != 0)
        fail(s, "it names %s", rejection(s)->original_id);
}

/* The first answer is that of the action `n` back. */
static void expect_original_sequence(struct scenario *s, const struct arguments *a)
{
    uint64_t back = strtoul(a->texts[0], NULL, 10);
    if (rejection(s)->original_sequence != s->world.entry_count - 1 - back)
        fail(s, "it names %llu of %zu", (unsigned long long)rejection(s)->original_sequence,
             s->world.entry_count);
}

static void expect_company(struct scenario *s, const struct arguments *a)
{
    struct fl_slice company = s->world.last.envelope.company_id;
    if (!fl_slice_is(company, id_of("company", a->texts[0])))
        fail(s, "it stands in the Event Log of %.*s", (int)company.size,
             company.data == NULL ? "" : (const char *)company.data);
}

static void expect_no_company(struct scenario *s, const struct arguments *a)
{
    (void)a;
    if (s->world.last.envelope.company_id.data != NULL)
        fail(s, "it stands in somebody's Event Log");
}

static void expect_error(struct scenario *s, const struct arguments *a)
{
    if (strcmp(fl_error_name(s->world.last_error), a->texts[0]) != 0)
        fail(s, "decide gave %s", fl_error_name(s->world.last_error));
}

static void expect_rules(struct scenario *s, const struct arguments *a)
{
    const fl_log_row *row = fl_registry_log(registry(s), arena(s));
    if (row == NULL || row->rules_version != strtoul(a->texts[0], NULL, 10))
        fail(s, "rules %u are in force", row == NULL ? 0 : row->rules_version);
}

static void expect_answered_by(struct scenario *s, const struct arguments *a)
{
    if (s->world.last.envelope.rules_version != strtoul(a->texts[0], NULL, 10))
        fail(s, "answered by rules %u", s->world.last.envelope.rules_version);
}

static const char *share_state(struct scenario *s, const char *name)
{
    const fl_share_row *row =
        fl_registry_share(registry(s), arena(s), fl_slice_text(id_of("share", name)));
    return row == NULL ? "missing" : fl_sm_name(&fl_share_machine, row->state);
}

static const char *command_state(struct scenario *s, const char *name)
{
    const fl_command_row *row =
        fl_registry_command(registry(s), arena(s), fl_slice_text(id_of("command", name)));
    return row == NULL ? "missing" : fl_sm_name(&fl_command_machine, row->state);
}

static const fl_device_row *device(struct scenario *s, const char *name)
{
    const fl_device_row *row =
        fl_registry_device(registry(s), arena(s), fl_slice_text(id_of("device", name)));
    if (row == NULL)
        fail(s, "%s is missing", name);
    return row;
}

static const char *invitation_state(struct scenario *s, const char *name)
{
    const fl_invitation_row *row =
        fl_registry_invitation(registry(s), arena(s), fl_slice_text(id_of("invitation", name)));
    return row == NULL ? "missing" : fl_sm_name(&fl_invitation_machine, row->state);
}

static const char *transfer_state(struct scenario *s, const char *name)
{
    const fl_transfer_row *row =
        fl_registry_transfer(registry(s), arena(s), fl_slice_text(id_of("transfer", name)));
    return row == NULL ? "missing" : fl_sm_name(&fl_transfer_machine, row->state);
}

static void expect_state(struct scenario *s, const struct arguments *a)
{
    const char *kind = a->texts[0];
    const char *state = NULL;
    if (strcmp(kind, "share") == 0)
        state = share_state(s, a->texts[1]);
    else if (strcmp(kind, "command") == 0)
        state = command_state(s, a->texts[1]);
    else if (strcmp(kind, "device") == 0)
        state = fl_sm_name(&fl_device_machine, device(s, a->texts[1])->state);
    else if (strcmp(kind, "invitation") == 0)
        state = invitation_state(s, a->texts[1]);
    else if (strcmp(kind, "transfer") == 0)
        state = transfer_state(s, a->texts[1]);
    else
        fail(s, "%s is no kind of thing", kind);
    if (strcmp(state, a->texts[2]) != 0)
        fail(s, "%s %s is %s", kind, a->texts[1], state);
}

static void expect_condition(struct scenario *s, const struct arguments *a)
{
    char name[WORD_SIZE_MAX + 32];
    snprintf(name, sizeof(name), "CONDITION_KIND_%s", a->texts[0]);
    const ProtobufCEnumValue *kind = protobuf_c_enum_descriptor_get_value_by_name(
        &fleetlog__v1__condition_kind__descriptor, name);
    if (kind == NULL)
        fail(s, "%s is no condition", name);
    const fl_condition_row *row = fl_registry_condition(
        registry(s), arena(s), fl_slice_text(id_of("device", a->texts[1])), (uint32_t)kind->value);
    const char *state = fl_sm_name(&fl_condition_machine, row == NULL ? 0 : row->state);
    if (strcmp(state, a->texts[2]) != 0)
        fail(s, "it is %s", state);
}

static void expect_number(struct scenario *s, const struct arguments *a)
{
    if (device(s, a->texts[0])->device_number != strtoul(a->texts[1], NULL, 10))
        fail(s, "it has number %u", device(s, a->texts[0])->device_number);
}

static void expect_generation(struct scenario *s, const struct arguments *a)
{
    if (device(s, a->texts[0])->generation != strtoul(a->texts[1], NULL, 10))
        fail(s, "it has generation %u", device(s, a->texts[0])->generation);
}

static void expect_name(struct scenario *s, const struct arguments *a)
{
    if (strcmp(device(s, a->texts[0])->name, a->texts[1]) != 0)
        fail(s, "it is called %s", device(s, a->texts[0])->name);
}

static void expect_location(struct scenario *s, const struct arguments *a)
{
    if (strcmp(device(s, a->texts[0])->location, a->texts[1]) != 0)
        fail(s, "it stands at %s", device(s, a->texts[0])->location);
}

static bool may(struct scenario *s, const char *who, const char *what, enum fl_right right)
{
    struct fl_slice account = fl_slice_text(id_of("subject", who));
    return fl_registry_may(registry(s), arena(s), account, fl_slice_text(id_of("device", what)),
                           right, s->world.now_ms);
}

static void expect_sees(struct scenario *s, const struct arguments *a)
{
    if (!may(s, a->texts[0], a->texts[1], FL_RIGHT_VIEW))
        fail(s, "%s does not see %s", a->texts[0], a->texts[1]);
}

static void expect_not_sees(struct scenario *s, const struct arguments *a)
{
    if (may(s, a->texts[0], a->texts[1], FL_RIGHT_VIEW))
        fail(s, "%s sees %s", a->texts[0], a->texts[1]);
}

static size_t list_size(struct scenario *s, enum fl_registry_list list, const char *owner)
{
    struct fl_page page = {.limit = 3};
    struct fl_rows rows;
    char cursor[FL_CURSOR_SIZE];
    size_t count = 0;
    do {
        if (fl_registry_list(registry(s), arena(s), list, fl_slice_text(owner), &page, &rows) !=
            FL_OK)
            fail(s, "the list fails");
        count += rows.count;
        snprintf(cursor, sizeof(cursor), "%s", rows.next);
        page.after = fl_slice_text(cursor);
    } while (cursor[0] != '\0');
    return count;
}

static void expect_list(struct scenario *s, const struct arguments *a, enum fl_registry_list list,
                        const char *owner)
{
    size_t count = list_size(s, list, owner);
    if (count != strtoul(a->texts[1], NULL, 10))
        fail(s, "%zu", count);
}

static void expect_devices(struct scenario *s, const struct arguments *a)
{
    expect_list(s, a, FL_LIST_DEVICES, id_of("company", a->texts[0]));
}

static void expect_shared(struct scenario *s, const struct arguments *a)
{
    expect_list(s, a, FL_LIST_SHARED_DEVICES, id_of("subject", a->texts[0]));
}

static void expect_accounts(struct scenario *s, const struct arguments *a)
{
    expect_list(s, a, FL_LIST_ACCOUNTS, id_of("company", a->texts[0]));
}

static void expect_invitations(struct scenario *s, const struct arguments *a)
{
    expect_list(s, a, FL_LIST_INVITATIONS, id_of("company", a->texts[0]));
}

static void expect_aliases(struct scenario *s, const struct arguments *a)
{
    expect_list(s, a, FL_LIST_DEVICE_ALIASES, id_of("device", a->texts[0]));
}

static void expect_pending(struct scenario *s, const struct arguments *a)
{
    expect_list(s, a, FL_LIST_AGENT_PENDING, id_of("agent", a->texts[0]));
}

/* The event names the command among those that it ends. */
static void expect_cancels(struct scenario *s, const struct arguments *a)
{
    static char names[LIST_COUNT_MAX][32];
    size_t count = split_list(s, a->texts[0], names);
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(
        s->world.last.message->descriptor, "cancelled_command_ids");
    if (field == NULL)
        fail(s, "%s cancels nothing", s->world.last.envelope.row->name);
    const char *message = (const char *)s->world.last.message;
    size_t id_count = *(const size_t *)(message + field->quantifier_offset);
    const char *const *ids = *(const char *const *const *)(message + field->offset);
    if (count == 1 && strcmp(names[0], "nothing") == 0)
        count = 0;
    if (id_count != count)
        fail(s, "it cancels %zu commands", id_count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(ids[i], id_of("command", names[i])) != 0)
            fail(s, "command %zu is not %s", i, names[i]);
}

static void expect_time(struct scenario *s, const struct arguments *a)
{
    int64_t ahead_ms = s->world.last.envelope.time_ms - s->world.now_ms;
    if (ahead_ms != a->duration_ms)
        fail(s, "it is %lld ms ahead of the clock", (long long)ahead_ms);
}

const struct pattern expect_patterns[] = {
    {"refused $w", expect_refused},
    {"refused $w $q", expect_refused_saying},
    {"$w is refused $w $q", expect_item},
    {"$w devices are refused", expect_item_count},
    {"it names the $w $w", expect_original},
    {"it names the answer to the request $w before", expect_original_sequence},
    {"it stands in the Event Log of $w", expect_company},
    {"it stands in no Event Log", expect_no_company},
    {"the decider stands by with $w", expect_error},
    {"rules $w are in force", expect_rules},
    {"it was answered by rules $w", expect_answered_by},
    {"its time is $t ahead of the clock", expect_time},
    {"it cancels $l", expect_cancels},
    {"$w $w is $w", expect_state},
    {"condition $w of $w is $w", expect_condition},
    {"$w has number $w", expect_number},
    {"$w has generation $w", expect_generation},
    {"$w is called $q", expect_name},
    {"$w stands at $q", expect_location},
    {"$w sees $w", expect_sees},
    {"$w does not see $w", expect_not_sees},
    {"$w owns $w devices", expect_devices},
    {"$w holds $w shared devices", expect_shared},
    {"$w has $w accounts", expect_accounts},
    {"$w has invited $w people", expect_invitations},
    {"$w has $w aliases", expect_aliases},
    {"agent $w has $w commands to fetch", expect_pending},
    {"$w", expect_event},
    {NULL, NULL},
};
