/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/fields.h"

#include <string.h>

#include "core/timestamp.h"
#include "fleetlog/v1/accounts.pb-c.h"
#include "fleetlog/v1/actions.pb-c.h"
#include "fleetlog/v1/common.pb-c.h"
#include "fleetlog/v1/devices.pb-c.h"
#include "fleetlog/v1/events.pb-c.h"
#include "fleetlog/v1/firmware.pb-c.h"
#include "fleetlog/v1/history.pb-c.h"
#include "fleetlog/v1/licenses.pb-c.h"
#include "fleetlog/v1/notifications.pb-c.h"
#include "fleetlog/v1/parts.pb-c.h"
#include "fleetlog/v1/privacy.pb-c.h"
#include "fleetlog/v1/purchases.pb-c.h"
#include "fleetlog/v1/resellers.pb-c.h"
#include "fleetlog/v1/subjects.pb-c.h"
#include "fleetlog/v1/telemetry.pb-c.h"
#include "fleetlog/v1/timekeeper.pb-c.h"
#include "fleetlog/v1/transfers.pb-c.h"
#include "schemas/codec.h"

#define FL_BEGIN(message) static const struct fl_field_rule rules_of_##message[] = {
#define FL_FIELD(field, kind, min, max, flag, since)                                               \
    {#field, FL_RULE_##kind, min, max, 0, 0, FL_RULE_##flag, since},
#define FL_REPEATED(field, kind, min, max, fewest, most, flag, since)                              \
    {#field, FL_RULE_##kind, min, max, fewest, most, FL_RULE_##flag, since},
#define FL_END(message)                                                                            \
    }                                                                                              \
    ;
/* clang-format off */
#include "schemas/fields.def"
/* clang-format on */
#undef FL_BEGIN
#undef FL_FIELD
#undef FL_REPEATED
#undef FL_END

static const struct {
    const ProtobufCMessageDescriptor *descriptor;
    const struct fl_field_rule *rules;
    size_t count;
} messages[] = {
#define FL_BEGIN(message)
#define FL_FIELD(...)
#define FL_REPEATED(...)
#define FL_END(message)                                                                            \
    {&fleetlog__v1__##message##__descriptor, rules_of_##message,                                   \
     sizeof(rules_of_##message) / sizeof(rules_of_##message[0])},
#include "schemas/fields.def"
#undef FL_BEGIN
#undef FL_FIELD
#undef FL_REPEATED
#undef FL_END
};
enum { MESSAGE_COUNT = sizeof(messages) / sizeof(messages[0]) };

const struct fl_field_rule *fl_field_rules(const ProtobufCMessageDescriptor *descriptor)
{
    for (size_t i = 0; i < MESSAGE_COUNT; i++)
        if (messages[i].descriptor == descriptor)
            return messages[i].rules;
    return NULL;
}

size_t fl_field_rule_count(const ProtobufCMessageDescriptor *descriptor)
{
    for (size_t i = 0; i < MESSAGE_COUNT; i++)
        if (messages[i].descriptor == descriptor)
            return messages[i].count;
    return 0;
}

const ProtobufCMessageDescriptor *fl_field_message(size_t n)
{
    return n < MESSAGE_COUNT ? messages[n].descriptor : NULL;
}

const ProtobufCMessageDescriptor *fl_message_descriptor(struct fl_slice full_name)
{
    for (size_t i = 0; i < MESSAGE_COUNT; i++)
        if (fl_slice_is(full_name, messages[i].descriptor->name))
            return messages[i].descriptor;
    return NULL;
}

static const struct fl_enum_row enum_rows[] = {
#define FL_ENUM_VALUE(value, label, since) {#value, label, since},
#include "schemas/enums.def"
#undef FL_ENUM_VALUE
};

const struct fl_enum_row *fl_enum_row_find(const char *value)
{
    for (size_t i = 0; i < sizeof(enum_rows) / sizeof(enum_rows[0]); i++)
        if (strcmp(enum_rows[i].value, value) == 0)
            return &enum_rows[i];
    return NULL;
}
