/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "replay/verify/verify_internal.h"
#include "schemas/codec.h"

enum { SHOWN_BEFORE = 40 }; /* of a payload, before the first difference */

/* Bytes as text without anything that could move a terminal's cursor. */
static void show(struct fl_slice bytes, const char *part, char out[FL_VERIFY_TEXT_SIZE])
{
    int used = snprintf(out, FL_VERIFY_TEXT_SIZE, "%s ", part);
    size_t at = used < 0 ? 0 : (size_t)used;
    if (bytes.data == NULL) {
        snprintf(out + at, FL_VERIFY_TEXT_SIZE - at, "is not there");
        return;
    }
    for (size_t i = 0; i < bytes.size && at + 5 < FL_VERIFY_TEXT_SIZE; i++) {
        if (bytes.data[i] >= ' ' && bytes.data[i] <= '~' && bytes.data[i] != '\\')
            out[at++] = (char)bytes.data[i];
        else
            at += (size_t)snprintf(out + at, FL_VERIFY_TEXT_SIZE - at, "\\x%02x", bytes.data[i]);
    }
    out[at] = '\0';
}

static struct fl_slice json_of(const struct fl_record *record, struct fl_arena *arena)
{
    const struct fl_header *type = fl_record_header(record, "ce_type");
    const ProtobufCMessageDescriptor *descriptor =
        type == NULL || type->value.size < sizeof("fleetlog.v1.")
            ? NULL
            : fl_message_descriptor(type->value);
    ProtobufCMessage *message = NULL;
    char *json = NULL;
    if (descriptor == NULL ||
        fl_message_decode(arena, descriptor, record->value, &message) != FL_OK ||
        fl_message_to_json(arena, message, &json) != FL_OK)
        return FL_SLICE_NULL;
    return fl_slice_text(json);
}

/* The payloads from a little before their first difference on. */
static void show_values(struct fl_slice expected, struct fl_slice found,
                        struct fl_verify_finding *finding)
{
    size_t at = 0;
    while (at < expected.size && at < found.size && expected.data[at] == found.data[at])
        at++;
    at = at < SHOWN_BEFORE ? 0 : at - SHOWN_BEFORE;
    const char *part = at == 0 ? "value" : "value …";
    show(fl_slice_of(expected.data + at, expected.size - at), part, finding->expected);
    show(fl_slice_of(found.data + at, found.size - at), part, finding->found);
}

void fl_verify_describe(const struct fl_record *expected, const struct fl_record *found,
                        struct fl_arena *arena, struct fl_verify_finding *finding)
{
    if (!fl_slice_equal(expected->key, found->key)) {
        show(expected->key, "key", finding->expected);
        show(found->key, "key", finding->found);
        return;
    }
    for (uint32_t i = 0; i < expected->header_count || i < found->header_count; i++) {
        const struct fl_header none = {FL_SLICE_LITERAL("(no header)"), FL_SLICE_NULL};
        const struct fl_header *a = i < expected->header_count ? &expected->headers[i] : &none;
        const struct fl_header *b = i < found->header_count ? &found->headers[i] : &none;
        char names[2][FL_HEADER_NAME_SIZE_MAX + 1];
        if (fl_slice_equal(a->name, b->name) && fl_slice_equal(a->value, b->value))
            continue;
        if (!fl_slice_to_text(a->name, names[0], sizeof(names[0])) ||
            !fl_slice_to_text(b->name, names[1], sizeof(names[1])) ||
            strcmp(names[0], names[1]) != 0) {
            show(a->name, "header", finding->expected);
            show(b->name, "header", finding->found);
        } else {
            show(a->value, names[0], finding->expected);
            show(b->value, names[1], finding->found);
        }
        return;
    }
    struct fl_slice json[2] = {json_of(expected, arena), json_of(found, arena)};
    if (json[0].data != NULL && json[1].data != NULL && !fl_slice_equal(json[0], json[1])) {
        show_values(json[0], json[1], finding);
        return;
    }
    if (found->value.data == NULL || expected->value.data == NULL) {
        show(expected->value, "value", finding->expected);
        show(found->value, "value", finding->found);
        return;
    }
    show_values(expected->value, found->value, finding);
}
