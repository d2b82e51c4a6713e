/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/catalogue.h"

#include <string.h>

#include "core/assert.h"
#include "fleetlog/v1/accounts.pb-c.h"
#include "fleetlog/v1/actions.pb-c.h"
#include "fleetlog/v1/devices.pb-c.h"
#include "fleetlog/v1/events.pb-c.h"
#include "fleetlog/v1/firmware.pb-c.h"
#include "fleetlog/v1/licenses.pb-c.h"
#include "fleetlog/v1/notifications.pb-c.h"
#include "fleetlog/v1/parts.pb-c.h"
#include "fleetlog/v1/privacy.pb-c.h"
#include "fleetlog/v1/purchases.pb-c.h"
#include "fleetlog/v1/resellers.pb-c.h"
#include "fleetlog/v1/timekeeper.pb-c.h"
#include "fleetlog/v1/transfers.pb-c.h"
#include "schemas/fields.h"

static const struct fl_catalogue_row rows[FL_MESSAGE_COUNT] = {
#define FL_MESSAGE(message, snake, message_kind, key, subject, who, level, first, reader,          \
                   sentence)                                                                       \
    {.type = FL_MESSAGE_##message,                                                                 \
     .kind = FL_KIND_##message_kind,                                                               \
     .name = #message,                                                                             \
     .full_name = "fleetlog.v1." #message,                                                         \
     .descriptor = &fleetlog__v1__##snake##__descriptor,                                           \
     .key_field = key,                                                                             \
     .subject_field = subject,                                                                     \
     .actors = who,                                                                                \
     .severity = FL_SEVERITY_##level,                                                              \
     .since = first,                                                                               \
     .min_reader = reader,                                                                         \
     .text = sentence},
#include "schemas/catalogue.def"
#undef FL_MESSAGE
};

/* Each record is looked up by its name: most rows differ in the size already. */
static const uint8_t full_name_sizes[FL_MESSAGE_COUNT] = {
#define FL_MESSAGE(message, ...) sizeof("fleetlog.v1." #message) - 1,
#include "schemas/catalogue.def"
#undef FL_MESSAGE
};

const struct fl_catalogue_row *fl_catalogue_row(enum fl_message_type type)
{
    fl_assert((unsigned)type < FL_MESSAGE_COUNT);
    return &rows[type];
}

const struct fl_catalogue_row *fl_catalogue_find(struct fl_slice full_name)
{
    for (size_t i = 0; i < FL_MESSAGE_COUNT; i++)
        if (full_name.size == full_name_sizes[i] &&
            memcmp(full_name.data, rows[i].full_name, full_name.size) == 0)
            return &rows[i];
    return NULL;
}

const struct fl_catalogue_row *fl_catalogue_of(const ProtobufCMessage *message)
{
    for (size_t i = 0; i < FL_MESSAGE_COUNT; i++)
        if (rows[i].descriptor == message->descriptor)
            return &rows[i];
    return NULL;
}

static const struct {
    const char *prefix;
    unsigned kind;
    bool has_id;
} actors[] = {
    {"account:", FL_ACTOR_ACCOUNT, true},   {"operator:", FL_ACTOR_OPERATOR, true},
    {"agent:", FL_ACTOR_AGENT, true},       {"detector", FL_ACTOR_DETECTOR, false},
    {"node:", FL_ACTOR_NODE, true},         {"timekeeper", FL_ACTOR_TIMEKEEPER, false},
    {"mailer", FL_ACTOR_MAILER, false},     {"keeper", FL_ACTOR_KEEPER, false},
    {"checkout:", FL_ACTOR_CHECKOUT, true}, {"visitor", FL_ACTOR_VISITOR, false},
    {"link:", FL_ACTOR_LINK, true},
};

unsigned fl_actor_parse(struct fl_slice actor, struct fl_slice *id)
{
    for (size_t i = 0; i < sizeof(actors) / sizeof(actors[0]); i++) {
        struct fl_slice prefix = fl_slice_text(actors[i].prefix);
        if (!fl_slice_starts_with(actor, prefix))
            continue;
        struct fl_slice rest = fl_slice_of(actor.data + prefix.size, actor.size - prefix.size);
        if (actors[i].has_id != (rest.size != 0))
            return 0;
        *id = rest;
        return actors[i].kind;
    }
    return 0;
}

static const enum fl_severity condition_severity[] = {
#define FL_CONDITION(name, level, ended)                                                           \
    [FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_##name] = FL_SEVERITY_##level,
#include "schemas/conditions.def"
#undef FL_CONDITION
};

enum fl_severity fl_event_severity(const ProtobufCMessage *message)
{
    const struct fl_catalogue_row *row = fl_catalogue_of(message);
    fl_assert(row != NULL);
    if (row->type != FL_MESSAGE_ConditionRaised)
        return row->severity;
    unsigned kind = ((const Fleetlog__V1__ConditionRaised *)message)->kind;
    if (kind >= sizeof(condition_severity) / sizeof(condition_severity[0]) ||
        condition_severity[kind] == FL_SEVERITY_NONE)
        return row->severity;
    return condition_severity[kind];
}

const char *fl_condition_end(int kind)
{
    static const char *const ends[] = {
#define FL_CONDITION(name, level, ended)                                                           \
    [FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_##name] = (ended),
#include "schemas/conditions.def"
#undef FL_CONDITION
    };
    bool has_words = kind >= 0 && (size_t)kind < sizeof(ends) / sizeof(ends[0]) && ends[kind];
    return has_words ? ends[kind] : "a condition ended";
}

const char *fl_enum_label(const ProtobufCEnumDescriptor *descriptor, int value)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(descriptor, value);
    if (found == NULL)
        return "unknown";
    const struct fl_enum_row *row = fl_enum_row_find(found->name);
    return row == NULL ? found->name : row->label;
}
