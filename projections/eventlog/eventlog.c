/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/eventlog/eventlog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "fleetlog/v1/events.pb-c.h"
#include "fleetlog/v1/privacy.pb-c.h"
#include "fleetlog/v1/transfers.pb-c.h"
#include "projections/eventlog/tables.h"

enum { ARENA_SIZE_MIN = 16 * 1024 * 1024, PRUNE_COUNT_MAX = 64 };

static const char *const table_names[FL_EVENTLOG_TABLE_COUNT] = {
    [FL_EVENTLOG_ENTRIES] = "entries", [FL_EVENTLOG_ORDER] = "order",
    [FL_EVENTLOG_LISTED] = "listed",   [FL_EVENTLOG_PLACES] = "places",
    [FL_EVENTLOG_FORMER] = "former",
};

struct state {
    struct fl_arena arena;
};

struct folding {
    struct fl_kv *kv;
    struct fl_arena *arena;
    const struct fl_view_input *input;
};

static enum fl_error eventlog_open(size_t memory_max, void **out)
{
    struct state *state = malloc(sizeof(*state));
    if (state == NULL)
        return FL_NO_MEMORY;
    fl_arena_init(&state->arena, memory_max < ARENA_SIZE_MIN ? ARENA_SIZE_MIN : memory_max);
    *out = state;
    return FL_OK;
}

static void eventlog_close(void *opaque)
{
    struct state *state = opaque;
    fl_arena_fini(&state->arena);
    free(state);
}

static void put_row(struct folding *f, enum fl_eventlog_table table, struct fl_slice key,
                    const ProtobufCMessage *row)
{
    struct fl_slice value;
    enum fl_error error = fl_message_encode(f->arena, row, &value);
    if (error == FL_OK)
        fl_kv_put(f->kv, table, key, value);
    else
        fl_kv_fail(f->kv, error);
}

static Fleetlog__Rows__V1__PlaceRow *place_of(struct folding *f, const char *device_id)
{
    uint8_t key[FL_ID_SIZE];
    struct fl_slice value;
    ProtobufCMessage *row;
    if (!fl_id_to_bytes(fl_slice_text(device_id), key) ||
        !fl_kv_get(f->kv, FL_EVENTLOG_PLACES, fl_slice_of(key, sizeof(key)), &value))
        return NULL;
    if (fl_message_decode(f->arena, &fleetlog__rows__v1__place_row__descriptor, value, &row) ==
        FL_OK)
        return (Fleetlog__Rows__V1__PlaceRow *)row;
    fl_kv_fail(f->kv, FL_CORRUPT);
    return NULL;
}

static void put_place(struct folding *f, const char *device_id,
                      const Fleetlog__Rows__V1__PlaceRow *row)
{
    uint8_t key[FL_ID_SIZE];
    if (fl_id_to_bytes(fl_slice_text(device_id), key))
        put_row(f, FL_EVENTLOG_PLACES, fl_slice_of(key, sizeof(key)), &row->base);
}

/* The lines of who owned it before go on calling the device what it was called then. */
static void hand_over(struct folding *f, const char *device_id, const char *company_id)
{
    uint8_t key[2 * FL_ID_SIZE];
    Fleetlog__Rows__V1__PlaceRow *place = place_of(f, device_id);
    if (place == NULL || !fl_id_to_bytes(fl_slice_text(place->company_id), key) ||
        !fl_id_to_bytes(fl_slice_text(device_id), key + FL_ID_SIZE))
        return;
    put_row(f, FL_EVENTLOG_FORMER, fl_slice_of(key, sizeof(key)), &place->base);
    place->company_id = company_id;
    put_place(f, device_id, place);
}

static void learn_device(struct folding *f, const Fleetlog__V1__DeviceRegistered *event)
{
    Fleetlog__Rows__V1__PlaceRow row = FLEETLOG__ROWS__V1__PLACE_ROW__INIT;
    row.company_id = event->company_id;
    row.name = event->name;
    put_place(f, event->device_id, &row);
}

/* What lines need to know of devices: whose they are, where, and their names. */
static void learn_place(struct folding *f)
{
    const ProtobufCMessage *message = f->input->message;
    Fleetlog__Rows__V1__PlaceRow *place;
    if (message == NULL)
        return;
    switch ((int)f->input->envelope->row->type) {
    case FL_MESSAGE_DeviceRegistered:
        learn_device(f, (const Fleetlog__V1__DeviceRegistered *)message);
        return;
    case FL_MESSAGE_DeviceRenamed: {
        const Fleetlog__V1__DeviceRenamed *event = (const Fleetlog__V1__DeviceRenamed *)message;
        if ((place = place_of(f, event->device_id)) != NULL) {
            place->name = event->name;
            put_place(f, event->device_id, place);
        }
        return;
    }
    case FL_MESSAGE_DeviceLocated: {
        const Fleetlog__V1__DeviceLocated *event = (const Fleetlog__V1__DeviceLocated *)message;
        if ((place = place_of(f, event->device_id)) != NULL) {
            place->location = event->location;
            put_place(f, event->device_id, place);
        }
        return;
    }
    case FL_MESSAGE_TransferAccepted: {
        const Fleetlog__V1__TransferAccepted *event =
            (const Fleetlog__V1__TransferAccepted *)message;
        for (size_t i = 0; i < event->n_device_ids; i++)
            hand_over(f, event->device_ids[i], event->company_id);
        return;
    }
    default:
        return;
    }
}

/* The event with its lists cut: a row stays small. */
static struct fl_slice cut_payload(struct folding *f)
{
    const ProtobufCMessage *message = f->input->message;
    struct fl_slice payload = FL_SLICE_LITERAL("");
    if (message == NULL)
        return payload;
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    char *copy = fl_arena_alloc(f->arena, descriptor->sizeof_message);
    if (copy == NULL) {
        fl_kv_fail(f->kv, FL_NO_MEMORY);
        return payload;
    }
    memcpy(copy, message, descriptor->sizeof_message);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        size_t *count = (size_t *)(copy + field->quantifier_offset);
        if (field->label == PROTOBUF_C_LABEL_REPEATED && *count > FL_EVENTLOG_LIST_MAX)
            *count = FL_EVENTLOG_LIST_MAX;
    }
    enum fl_error error = fl_message_encode(f->arena, (const ProtobufCMessage *)copy, &payload);
    if (error != FL_OK)
        fl_kv_fail(f->kv, error);
    return payload;
}

/* Devices that the event is about. */
struct devices {
    const char **ids;
    size_t count;
};

static void add_device(struct devices *devices, const char *id)
{
    if (id[0] != '\0')
        devices->ids[devices->count++] = id;
}

static void add_field(struct devices *devices, const ProtobufCMessage *message, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    if (field == NULL || field->type != PROTOBUF_C_TYPE_STRING)
        return;
    const char *at = (const char *)message + field->offset;
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        add_device(devices, *(const char *const *)at);
        return;
    }
    size_t count = *(const size_t *)((const char *)message + field->quantifier_offset);
    for (size_t i = 0; i < count; i++)
        add_device(devices, (*(const char *const *const *)at)[i]);
}

/* A refusal names its device as its subject, or the devices that failed. */
static void add_refused(struct folding *f, struct devices *devices)
{
    const Fleetlog__V1__ActionRejected *event =
        (const Fleetlog__V1__ActionRejected *)f->input->message;
    for (size_t i = 0; i < event->n_items; i++)
        add_device(devices, event->items[i]->id);
    if (event->n_items == 0 && f->input->envelope->subject.data != NULL)
        add_device(devices, fl_arena_text(f->arena, f->input->envelope->subject));
}

static struct devices devices_of(struct folding *f)
{
    struct devices devices = {
        .ids = fl_arena_calloc(f->arena, FL_DEVICE_COUNT_PER_ACTION_MAX + 1, sizeof(char *))};
    if (devices.ids == NULL || f->input->message == NULL)
        return devices;
    if (f->input->envelope->row->type == FL_MESSAGE_ActionRejected) {
        add_refused(f, &devices);
    } else {
        add_field(&devices, f->input->message, "device_id");
        add_field(&devices, f->input->message, "device_ids");
    }
    return devices;
}

/* Sharing and handing over is the owner's business: not for those that see the device. */
static bool is_owner_only(const struct fl_view_input *input)
{
    if (input->message == NULL)
        return true;
    switch ((int)input->envelope->row->type) {
    case FL_MESSAGE_DevicesShared:
    case FL_MESSAGE_ShareAccepted:
    case FL_MESSAGE_ShareRevoked:
    case FL_MESSAGE_ShareExpired:
    case FL_MESSAGE_ResellerReminded:
    case FL_MESSAGE_SharedDevicesRemoved:
    case FL_MESSAGE_TransferOffered:
    case FL_MESSAGE_TransferAccepted:
    case FL_MESSAGE_TransferDeclined:
    case FL_MESSAGE_TransferCancelled:
    case FL_MESSAGE_TransferExpired:
        return true;
    case FL_MESSAGE_ActionRejected: {
        const char *type = ((const Fleetlog__V1__ActionRejected *)input->message)->action_type;
        return strstr(type, "Share") != NULL || strstr(type, "Transfer") != NULL;
    }
    default:
        return false;
    }
}

/* A refusal that people read: of a person, and not of a request that was only repeated. */
static bool is_shown_refusal(const struct fl_view_input *input)
{
    struct fl_slice id;
    unsigned actor =
        input->envelope->actor.data == NULL ? 0 : fl_actor_parse(input->envelope->actor, &id);
    const Fleetlog__V1__ActionRejected *event =
        (const Fleetlog__V1__ActionRejected *)input->message;
    return (actor == FL_ACTOR_ACCOUNT || actor == FL_ACTOR_OPERATOR) &&
           event->code != FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_DUPLICATE;
}

/* Somebody without a company was erased; those whom he was in with read of it. */
static bool is_others_business(const struct fl_view_input *input)
{
    return input->message != NULL && input->envelope->row->type == FL_MESSAGE_ErasureRequested &&
           ((const Fleetlog__V1__ErasureRequested *)input->message)->n_owner_company_ids != 0;
}

/* Severity of the entry; NONE: it is not shown. */
static enum fl_severity severity_of(const struct fl_view_input *input)
{
    if (input->envelope->company_id.data == NULL && !is_others_business(input))
        return FL_SEVERITY_NONE;
    if (input->message == NULL)
        return FL_SEVERITY_INFORMATIONAL;
    if (input->envelope->row->type == FL_MESSAGE_ActionRejected && !is_shown_refusal(input))
        return FL_SEVERITY_NONE;
    return fl_event_severity(input->message);
}

static void list_under(struct folding *f, const fl_entry_row *row, struct fl_scope_key key)
{
    uint8_t listed[8 + FL_SCOPE_SIZE_MAX];
    fl_put_u64(listed, row->sequence);
    memcpy(listed + 8, key.bytes, key.size);
    fl_kv_append(f->kv, FL_EVENTLOG_LISTED, fl_slice_of(listed, 8 + key.size),
                 FL_SLICE_LITERAL(""));
    fl_scope_key_place(&key, row->severity, row->time_ms, row->sequence);
    fl_kv_put(f->kv, FL_EVENTLOG_ORDER, fl_slice_of(key.bytes, key.size), FL_SLICE_LITERAL(""));
}

static void list_device(struct folding *f, const fl_entry_row *row, const char *device_id)
{
    struct fl_scope_key key;
    const Fleetlog__Rows__V1__PlaceRow *place = place_of(f, device_id);
    if (place == NULL || strcmp(place->company_id, row->company_id) != 0)
        return;
    if (fl_scope_key(&key, FL_EVENTLOG_DEVICE, fl_slice_text(row->company_id),
                     fl_slice_text(device_id)))
        list_under(f, row, key);
    if (place->location[0] != '\0' &&
        fl_scope_key(&key, FL_EVENTLOG_LOCATION, fl_slice_text(row->company_id),
                     fl_slice_text(place->location)))
        list_under(f, row, key);
}

/* Who else reads of it: owners whose share ended with an account, the company that somebody left or
 * that owned a device before, who declined an offer. */
static void list_elsewhere(struct folding *f, const fl_entry_row *row)
{
    static const char *const fields[] = {"owner_company_ids", "company_id_before",
                                         "recipient_company_id"};
    struct fl_scope_key key;
    struct devices companies = {
        .ids = fl_arena_calloc(f->arena, FL_DEVICE_COUNT_PER_ACTION_MAX + 1, sizeof(char *))};
    if (companies.ids == NULL) {
        fl_kv_fail(f->kv, FL_NO_MEMORY);
        return;
    }
    for (size_t i = 0; f->input->message != NULL && i < sizeof(fields) / sizeof(fields[0]); i++)
        add_field(&companies, f->input->message, fields[i]);
    for (size_t i = 0; i < companies.count; i++)
        if (strcmp(companies.ids[i], row->company_id) != 0 &&
            fl_scope_key(&key, FL_EVENTLOG_COMPANY, fl_slice_text(companies.ids[i]), FL_SLICE_NULL))
            list_under(f, row, key);
}

static const char *text_of(struct folding *f, struct fl_slice slice)
{
    const char *text = slice.data == NULL ? "" : fl_arena_text(f->arena, slice);
    if (text == NULL)
        fl_kv_fail(f->kv, FL_NO_MEMORY);
    return text == NULL ? "" : text;
}

static void add_entry(struct folding *f, enum fl_severity severity)
{
    const struct fl_envelope *envelope = f->input->envelope;
    fl_entry_row row = FLEETLOG__ROWS__V1__ENTRY_ROW__INIT;
    struct fl_scope_key company;
    uint8_t key[8];
    struct devices devices = devices_of(f);
    struct fl_slice payload = cut_payload(f);
    bool is_own = envelope->company_id.data != NULL;
    if (devices.ids == NULL || (is_own && !fl_scope_key(&company, FL_EVENTLOG_COMPANY,
                                                        envelope->company_id, FL_SLICE_NULL))) {
        fl_kv_fail(f->kv, devices.ids == NULL ? FL_NO_MEMORY : FL_CORRUPT);
        return;
    }
    row.sequence = envelope->sequence;
    row.time_ms = envelope->time_ms;
    row.severity = severity;
    row.type = text_of(f, envelope->type);
    row.actor = text_of(f, envelope->actor);
    row.on_behalf_of = text_of(f, envelope->on_behalf_of);
    row.company_id = text_of(f, envelope->company_id);
    row.payload = (ProtobufCBinaryData){payload.size, (uint8_t *)payload.data};
    row.device_count = (uint32_t)devices.count;
    row.device_ids = devices.ids;
    row.n_device_ids = devices.count < FL_EVENTLOG_LIST_MAX ? devices.count : FL_EVENTLOG_LIST_MAX;
    row.owner_only = is_owner_only(f->input);
    fl_put_u64(key, row.sequence);
    put_row(f, FL_EVENTLOG_ENTRIES, fl_slice_of(key, sizeof(key)), &row.base);
    if (is_own)
        list_under(f, &row, company);
    list_elsewhere(f, &row);
    for (size_t i = 0; i < devices.count; i++)
        list_device(f, &row, devices.ids[i]);
}

/* Takes an entry's places out of the order, as far as the budget goes; true when none is left. */
static bool unlist(struct fl_kv *kv, const fl_entry_row *row, int *budget)
{
    uint8_t prefix[8];
    struct fl_kv_walk walk;
    fl_put_u64(prefix, row->sequence);
    fl_kv_walk_begin(&walk, kv, FL_EVENTLOG_LISTED, fl_slice_of(prefix, sizeof(prefix)));
    while (fl_kv_walk_next(&walk)) {
        struct fl_scope_key key = {.size = walk.key.size - sizeof(prefix)};
        if (*budget == 0)
            return false;
        --*budget;
        fl_assert(key.size <= FL_SCOPE_SIZE_MAX);
        memcpy(key.bytes, walk.key.data + sizeof(prefix), key.size);
        fl_scope_key_place(&key, row->severity, row->time_ms, row->sequence);
        fl_kv_del(kv, FL_EVENTLOG_ORDER, fl_slice_of(key.bytes, key.size));
        fl_kv_del(kv, FL_EVENTLOG_LISTED, walk.key);
    }
    return true;
}

/* Forgets what is over thirty days old: bounded work per event, the same for every reader. */
static void prune(struct folding *f)
{
    struct fl_kv_walk walk;
    ProtobufCMessage *decoded;
    int budget = PRUNE_COUNT_MAX;
    fl_kv_walk_begin(&walk, f->kv, FL_EVENTLOG_ENTRIES, FL_SLICE_NULL);
    while (budget > 0 && fl_kv_walk_next(&walk)) {
        if (fl_message_decode(f->arena, &fleetlog__rows__v1__entry_row__descriptor, walk.value,
                              &decoded) != FL_OK) {
            fl_kv_fail(f->kv, FL_CORRUPT);
            return;
        }
        const fl_entry_row *row = (const fl_entry_row *)decoded;
        if (f->input->envelope->time_ms - row->time_ms < FL_EVENTLOG_KEEP_MS ||
            !unlist(f->kv, row, &budget))
            return;
        fl_kv_del(f->kv, FL_EVENTLOG_ENTRIES, walk.key);
    }
}

static enum fl_error eventlog_apply(void *opaque, struct fl_kv *kv,
                                    const struct fl_view_input *input, char detail[FL_DETAIL_SIZE])
{
    struct state *state = opaque;
    struct folding f = {kv, &state->arena, input};
    fl_assert(input->kind == FL_READS_EVENTS && input->envelope != NULL);
    fl_arena_reset(&state->arena);
    detail[0] = '\0';
    /* A company that is no id: the event would stand in nobody's log. */
    if (input->envelope->company_id.data != NULL && !fl_id_is_valid(input->envelope->company_id)) {
        snprintf(detail, FL_DETAIL_SIZE, "ce_company is no id");
        return FL_INVALID;
    }
    enum fl_severity severity = severity_of(input);
    learn_place(&f);
    if (severity != FL_SEVERITY_NONE)
        add_entry(&f, severity);
    prune(&f);
    return kv->error;
}

static void eventlog_flush(void *state, struct fl_kv *kv)
{
    (void)state;
    (void)kv;
}

static void eventlog_discard(void *state)
{
    (void)state;
}

static bool eventlog_is_full(const void *state)
{
    (void)state;
    return false;
}

static const struct fl_view view = {
    .name = "eventlog",
    .fold_version = 1,
    .inputs = FL_READS_EVENTS,
    .tables = table_names,
    .table_count = FL_EVENTLOG_TABLE_COUNT,
    .open = eventlog_open,
    .close = eventlog_close,
    .apply = eventlog_apply,
    .flush = eventlog_flush,
    .discard = eventlog_discard,
    .is_full = eventlog_is_full,
    .check = fl_eventlog_check,
};

const struct fl_view *fl_eventlog_view(void)
{
    return &view;
}
