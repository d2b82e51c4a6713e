/* SPDX-License-Identifier: Apache-2.0 */
/* What a device is and offers: its identity, its commands, what of it can be written. */
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/json.h"
#include "core/limits.h"
#include "producers/agent/agent_internal.h"
#include "schemas/text.h"

enum { OFFER_COUNT_MAX = 511, /* and one of the agent's own */ TEXT_SIZE = FL_TEXT_SIZE_MAX + 1 };

/* Ends a text at a whole character. */
static size_t cut(struct fl_slice value, size_t size_max)
{
    size_t size = value.size;
    if (size <= size_max)
        return size;
    size = size_max;
    while (size > 0 && (value.data[size] & 0xc0) == 0x80)
        size--;
    return size;
}

void fl_agent_text(struct fl_slice value, char *out, size_t out_size)
{
    size_t size = cut(value, out_size - 1);
    bool good = fl_text_check(fl_slice_of(value.data, size)) == FL_TEXT_GOOD;
    for (size_t i = 0; i < size; i++) {
        bool plain = value.data[i] >= ' ' && value.data[i] < 0x7f;
        out[i] = good || plain ? (char)value.data[i] : '?';
    }
    out[size] = '\0';
}

static void write_text(struct fl_json *json, const char *name, struct fl_slice value)
{
    char text[TEXT_SIZE];
    fl_agent_text(value, text, sizeof(text));
    fl_json_name(json, name);
    fl_json_text(json, text);
}

/* The first of two variables that is there and says something. */
static struct fl_slice either(const struct fl_nut_list *values, const char *first,
                              const char *second)
{
    struct fl_slice value = fl_nut_list_find(values, fl_slice_text(first));
    if (value.size == 0)
        value = fl_nut_list_find(values, fl_slice_text(second));
    return value;
}

static void write_names(struct fl_json *json, const char *name, const struct fl_nut_list *names,
                        const char *own)
{
    fl_json_name(json, name);
    fl_json_array_begin(json);
    if (own != NULL)
        fl_json_text(json, own);
    for (size_t i = 0; i < names->count && i < OFFER_COUNT_MAX; i++)
        if (own == NULL || !fl_slice_is(fl_nut_list_name(names, i), own))
            fl_json_string(json, fl_nut_list_name(names, i));
    fl_json_array_end(json);
}

static void write_offer(struct fl_json *json, const struct fl_agent_device *device)
{
    const struct fl_nut_list *values = &device->values;
    fl_json_name(json, "identity");
    fl_json_object_begin(json);
    write_text(json, "manufacturer", either(values, "device.mfr", "ups.mfr"));
    write_text(json, "model", either(values, "device.model", "ups.model"));
    write_text(json, "serial", either(values, "device.serial", "ups.serial"));
    write_text(json, "firmware", either(values, "ups.firmware", "ups.firmware.aux"));
    write_text(json, "sku", either(values, "device.part", "experimental.device.sku"));
    fl_json_object_end(json);
    write_names(json, "commands", &device->ups->commands,
                device->installs ? FL_AGENT_OFFER_INSTALL : NULL);
    write_names(json, "variables", &device->ups->variables, NULL);
}

/* What upsd calls the UPS, unless that is NUT's word for "nothing was configured". */
static void write_name(struct fl_json *json, const struct fl_agent_device *device)
{
    struct fl_slice name = fl_slice_text(device->ups_name);
    struct fl_slice description = fl_nut_list_find(&device->ups->description, name);
    if (description.size > 0 && !fl_slice_is(description, "Unavailable") &&
        !fl_slice_is(description, "Description unavailable"))
        name = description;
    write_text(json, "name", name);
}

static void write_body(struct fl_json *json, const struct fl_agent_device *device)
{
    fl_json_object_begin(json);
    if (device->id_text[0] == '\0') {
        write_text(json, "upsdAddress", fl_slice_text(device->upsd_address));
        write_text(json, "upsName", fl_slice_text(device->ups_name));
        write_name(json, device);
    }
    write_offer(json, device);
    fl_json_object_end(json);
}

static char *write_twice(const struct fl_agent_device *device,
                         void (*write)(struct fl_json *, const struct fl_agent_device *))
{
    struct fl_json json;
    fl_json_init(&json, NULL, 0);
    write(&json, device);
    size_t room = json.used + 1;
    char *text = malloc(room);
    if (text == NULL)
        return NULL;
    fl_json_init(&json, text, room);
    write(&json, device);
    if (!fl_json_finish(&json)) {
        free(text);
        return NULL;
    }
    return text;
}

char *fl_device_describe(const struct fl_agent_device *device)
{
    return write_twice(device, write_body);
}

void fl_device_take_description(struct fl_agent *agent, struct fl_agent_device *device)
{
    if (!device->has_values)
        return;
    device->installs = agent->options->installer != NULL;
    char *offer = write_twice(device, write_offer);
    if (offer == NULL) {
        fl_agent_fail(agent, FL_NO_MEMORY, "description");
        return;
    }
    fl_sha256(fl_slice_text(offer), device->offered);
    device->has_offered = true;
    free(offer);
}
