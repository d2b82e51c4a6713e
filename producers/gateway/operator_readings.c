/* SPDX-License-Identifier: Apache-2.0 */
/* Every variable of a device as it was received, and what the table of meanings finds of it. That
 * is asked when somebody reads: another version of the table shows old reports anew. */
#include <stdlib.h>
#include <string.h>

#include "producers/gateway/operator_readings.h"
#include "projections/devices/devices.h"
#include "projections/telemetry/meaning.h"

enum { MS_PER_DAY = 24 * 60 * 60 * 1000 };

struct readings {
    struct fl_judged *values;
    size_t count;
    json_t *raw;
};

static json_t *value_json(struct fl_slice value, bool is_stale)
{
    json_t *text = json_stringn((const char *)value.data, value.size);
    char *hex = NULL;
    if (text != NULL)
        return json_pack("{s:o, s:b}", "text", text, "stale", is_stale);
    /* Bytes that are no UTF-8 are shown as what they are. */
    hex = malloc(2 * value.size + 1);
    if (hex == NULL)
        return NULL;
    fl_hex_encode(value.data, value.size, hex);
    json_t *json = json_pack("{s:s, s:b}", "hex", hex, "stale", is_stale);
    free(hex);
    return json;
}

static void take(void *context, struct fl_slice name, struct fl_slice value, bool is_stale)
{
    struct readings *readings = context;
    char key[FL_READING_NAME_SIZE_MAX + 1];
    if (!fl_slice_to_text(name, key, sizeof(key)))
        return;
    json_t *json = value_json(value, is_stale);
    if (is_stale)
        json_object_set_new(json, "quality", json_string(fl_quality_name(FL_QUALITY_STALE)));
    else if (readings->count < FL_READING_COUNT_MAX)
        readings->values[readings->count++] = (struct fl_judged){.name = name, .text = value};
    json_object_set_new(readings->raw, key, json);
}

static void add_judgements(const struct readings *readings)
{
    char key[FL_READING_NAME_SIZE_MAX + 1];
    for (size_t i = 0; i < readings->count; i++) {
        const struct fl_judged *v = &readings->values[i];
        if (!fl_slice_to_text(v->name, key, sizeof(key)))
            continue;
        json_t *json = json_object_get(readings->raw, key);
        json_object_set_new(json, "quality", json_string(fl_quality_name(v->quality)));
        if (v->rule != NULL)
            json_object_set_new(json, "rule", json_string(v->rule));
    }
}

json_t *fl_call_raw_json(struct call *call, struct fl_kv *devices, uint32_t number)
{
    struct fl_latest latest;
    struct readings readings = {.raw = json_object()};
    if (devices == NULL || !fl_devices_row(devices, number, &latest))
        return readings.raw;
    readings.values = fl_arena_alloc(&call->arena, FL_READING_COUNT_MAX * sizeof(*readings.values));
    if (readings.values == NULL)
        return readings.raw;
    fl_devices_each_raw(devices, number, take, &readings);
    fl_meaning_judge(readings.values, readings.count, (int32_t)(latest.sampled_at_ms / MS_PER_DAY));
    add_judgements(&readings);
    return readings.raw;
}
