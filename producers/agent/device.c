/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent tells about a UPS: full reports, changes, and that there is no data. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/cursor.h"
#include "core/diag.h"
#include "producers/agent/agent_internal.h"
#include "projections/telemetry/report.h"

enum { ROW_SIZE_MAX = 1024, FORMAT = 1 };

void fl_device_save(struct fl_agent *agent, const struct fl_agent_device *device)
{
    uint8_t key[4];
    uint8_t row[ROW_SIZE_MAX];
    struct fl_write_cursor cursor;
    fl_write_init(&cursor, row, sizeof(row));
    fl_write_u8(&cursor, FORMAT);
    fl_write_string(&cursor, fl_slice_text(device->upsd_address));
    fl_write_string(&cursor, fl_slice_text(device->ups_name));
    fl_write_u8(&cursor, device->id_text[0] != '\0');
    fl_write_bytes(&cursor, fl_slice_of(device->id, sizeof(device->id)));
    fl_write_u32(&cursor, device->number);
    fl_write_u32(&cursor, device->generation);
    fl_write_u64(&cursor, device->counter);
    fl_write_u64(&cursor, device->thinned_count);
    fl_write_u8(&cursor, device->removed);
    fl_write_bytes(&cursor, fl_slice_of(device->described, sizeof(device->described)));
    if (cursor.error != FL_OK)
        fl_kv_fail(fl_agent_state_write(&agent->state), FL_INTERNAL);
    else
        fl_kv_put(fl_agent_state_write(&agent->state), FL_AGENT_TABLE_DEVICES,
                  fl_u32_key(device->index, key), fl_written(&cursor));
}

static bool read_row(struct fl_slice row, struct fl_agent_device *device)
{
    struct fl_read_cursor cursor;
    fl_read_init(&cursor, row);
    uint8_t format = fl_read_u8(&cursor);
    struct fl_slice address = fl_read_string(&cursor);
    struct fl_slice name = fl_read_string(&cursor);
    bool registered = fl_read_u8(&cursor) != 0;
    struct fl_slice id = fl_read_bytes(&cursor, sizeof(device->id));
    device->number = fl_read_u32(&cursor);
    device->generation = fl_read_u32(&cursor);
    device->counter = fl_read_u64(&cursor);
    device->thinned_count = fl_read_u64(&cursor);
    device->removed = fl_read_u8(&cursor) != 0;
    struct fl_slice described = fl_read_bytes(&cursor, sizeof(device->described));
    if (format != FORMAT || cursor.error != FL_OK ||
        !fl_slice_to_text(address, device->upsd_address, sizeof(device->upsd_address)) ||
        !fl_slice_to_text(name, device->ups_name, sizeof(device->ups_name)))
        return false;
    memcpy(device->id, id.data, sizeof(device->id));
    memcpy(device->described, described.data, sizeof(device->described));
    device->id_text[0] = '\0';
    if (registered)
        fl_id_from_bytes(device->id, device->id_text);
    return true;
}

static struct fl_agent_device *add_device(struct fl_agent *agent)
{
    struct fl_agent_device **devices =
        realloc(agent->devices, (agent->device_count + 1) * sizeof(*devices));
    struct fl_agent_device *device = calloc(1, sizeof(*device));
    if (devices != NULL)
        agent->devices = devices;
    if (devices == NULL || device == NULL) {
        free(device);
        fl_agent_fail(agent, FL_NO_MEMORY, "devices");
        return NULL;
    }
    fl_nut_list_init(&device->values);
    device->index = (uint32_t)agent->device_count;
    device->full_due = true;
    devices[agent->device_count++] = device;
    return device;
}

/* Also after a commit that failed: then the rows are what still counts. */
void fl_devices_load(struct fl_agent *agent)
{
    struct fl_kv_walk walk;
    struct fl_kv *kv = fl_agent_state_write(&agent->state);
    fl_kv_walk_begin(&walk, kv, FL_AGENT_TABLE_DEVICES, FL_SLICE_LITERAL(""));
    while (fl_kv_walk_next(&walk)) {
        struct fl_read_cursor cursor;
        fl_read_init(&cursor, walk.key);
        uint32_t index = fl_read_u32(&cursor);
        struct fl_agent_device *device =
            index < agent->device_count ? agent->devices[index] : add_device(agent);
        if (device == NULL)
            return;
        device->full_due = true;
        if (device->index != index || !read_row(walk.value, device))
            fl_kv_fail(kv, FL_CORRUPT);
        if (device->removed && agent->options->readmit) {
            device->removed = false;
            device->id_text[0] = '\0';
            fl_device_save(agent, device);
        }
        for (size_t i = 0; i < agent->options->upsd_count; i++)
            if (strcmp(agent->upsds[i].options.address, device->upsd_address) == 0)
                device->upsd = &agent->upsds[i];
    }
}

void fl_devices_free(struct fl_agent *agent)
{
    for (size_t i = 0; i < agent->device_count; i++) {
        fl_nut_list_fini(&agent->devices[i]->values);
        free(agent->devices[i]);
    }
    free(agent->devices);
    agent->devices = NULL;
    agent->device_count = 0;
}

struct fl_agent_device *fl_devices_by_id(const struct fl_agent *agent, const char *id)
{
    for (size_t i = 0; i < agent->device_count; i++)
        if (strcmp(agent->devices[i]->id_text, id) == 0)
            return agent->devices[i];
    return NULL;
}

struct fl_agent_device *fl_devices_of(struct fl_agent *agent, struct fl_ups *ups)
{
    struct fl_upsd *upsd = ups->upsd;
    struct fl_agent_device *device = ups->owner;
    for (size_t i = 0; device == NULL && i < agent->device_count; i++)
        if (strcmp(agent->devices[i]->upsd_address, upsd->options.address) == 0 &&
            strcmp(agent->devices[i]->ups_name, ups->name) == 0)
            device = agent->devices[i];
    if (device == NULL) {
        device = add_device(agent);
        if (device == NULL)
            return NULL;
        snprintf(device->upsd_address, sizeof(device->upsd_address), "%s", upsd->options.address);
        snprintf(device->ups_name, sizeof(device->ups_name), "%s", ups->name);
        fl_device_save(agent, device);
    }
    device->upsd = upsd;
    device->ups = ups;
    ups->owner = device;
    return device;
}

/* What the gap held is stale for the platform until a full report comes. */
static void on_left(void *context, uint32_t device_index, uint64_t dropped_count)
{
    struct fl_agent *agent = context;
    if (device_index >= agent->device_count)
        return;
    agent->devices[device_index]->thinned_count += dropped_count;
    agent->devices[device_index]->full_due = true;
    fl_device_save(agent, agent->devices[device_index]);
}

static void thin(struct fl_agent *agent)
{
    struct fl_queue *queue = &agent->state.queue;
    uint64_t dropped = fl_queue_thin(queue, fl_agent_state_write(&agent->state), on_left, agent);
    if (dropped == 0)
        return;
    fl_diag(AGENT_THINNED, FL_UINT("dropped", dropped), FL_UINT("left", queue->count),
            FL_UINT("bytes", queue->size));
}

/* Queues one report under the next counter. */
static void queue_report(struct fl_agent *agent, struct fl_agent_device *device,
                         enum fl_report_kind kind, struct fl_slice readings)
{
    struct fl_queue_entry entry = {.device_index = device->index,
                                   .generation = device->generation,
                                   .counter = ++device->counter,
                                   .sampled_at_ms = fl_port_wall_ms(agent->port),
                                   .thinned_count = device->thinned_count,
                                   .kind = (uint8_t)kind,
                                   .readings = readings};
    device->thinned_count = 0;
    device->report_at_ms = fl_port_monotonic_ms(agent->port);
    fl_queue_put(&agent->state.queue, fl_agent_state_write(&agent->state), &entry);
    fl_device_save(agent, device);
}

static bool differs(const struct fl_nut_list *before, struct fl_slice name, struct fl_slice value)
{
    return !fl_slice_equal(fl_nut_list_find(before, name), value);
}

/* Queues the readings, in several reports if they do not fit into one: FULL first, the rest as
 * CHANGES. Returns the counter of the report that holds `shown` (NULL: none). */
static uint64_t report_values(struct fl_agent *agent, struct fl_agent_device *device,
                              const struct fl_nut_list *values, bool full, const char *shown)
{
    enum fl_report_kind kind = full ? FL_REPORT_FULL : FL_REPORT_CHANGES;
    uint64_t shown_counter = 0;
    struct fl_write_cursor cursor;
    fl_write_init(&cursor, agent->scratch, FL_AGENT_READINGS_SIZE_MAX);
    for (size_t i = 0; i < values->count; i++) {
        struct fl_slice name = fl_nut_list_name(values, i);
        struct fl_slice value = fl_nut_list_value(values, i);
        bool is_shown = shown != NULL && fl_slice_is(name, shown);
        if (!full && !is_shown && !differs(&device->values, name, value))
            continue;
        size_t size = fl_agent_report_reading_size(name, value);
        if (fl_written(&cursor).size + size > FL_AGENT_READINGS_SIZE_MAX) {
            queue_report(agent, device, kind, fl_written(&cursor));
            kind = FL_REPORT_CHANGES;
            fl_write_init(&cursor, agent->scratch, FL_AGENT_READINGS_SIZE_MAX);
        }
        fl_agent_report_reading(&cursor, name, value);
        if (is_shown)
            shown_counter = device->counter + 1;
    }
    queue_report(agent, device, kind, fl_written(&cursor));
    return shown_counter;
}

void fl_device_take_values(struct fl_agent *agent, struct fl_agent_device *device,
                           struct fl_nut_list *values)
{
    int64_t now_ms = fl_port_monotonic_ms(agent->port);
    device->has_values = true;
    if (device->id_text[0] == '\0' || device->removed) {
        fl_nut_list_swap(&device->values, values);
        return;
    }
    struct fl_agent_command *command = fl_commands_look(agent, device, values);
    bool has_new_firmware = command != NULL && command->kind == FL_AGENT_COMMAND_FIRMWARE_UPGRADE;
    bool full = device->full_due || !device->has_told || now_ms >= device->full_at_ms ||
                fl_nut_list_lost(&device->values, values);
    if (full || command != NULL || !fl_nut_list_equal(&device->values, values) ||
        now_ms - device->report_at_ms >= FL_AGENT_HEARTBEAT_MS) {
        char variable[FL_COMMAND_WORD_SIZE];
        const char *shown =
            command == NULL
                ? NULL
                : fl_agent_command_variable(command->kind, command->parameter, variable);
        uint64_t counter = report_values(agent, device, values, full, shown);
        if (full)
            device->full_at_ms = now_ms + agent->options->full_interval_ms;
        device->full_due = device->stale = false;
        device->has_told = true;
        if (command != NULL)
            fl_commands_seen(agent, command, counter, agent->state.queue.next - 1);
        thin(agent);
    }
    fl_nut_list_swap(&device->values, values);
    if (has_new_firmware)
        fl_device_take_description(agent, device);
}

void fl_device_take_stale(struct fl_agent *agent, struct fl_agent_device *device, const char *word)
{
    int64_t now_ms = fl_port_monotonic_ms(agent->port);
    if (device->id_text[0] == '\0' || device->removed ||
        (device->stale && now_ms - device->report_at_ms < FL_AGENT_HEARTBEAT_MS))
        return;
    if (!device->stale)
        fl_diag(AGENT_UPSD, FL_TEXT("upsd", device->upsd_address), FL_TEXT("ups", device->ups_name),
                FL_TEXT("why", word));
    device->stale = device->full_due = true;
    queue_report(agent, device, FL_REPORT_STALE, FL_SLICE_NULL);
    thin(agent);
}

static bool is_listed(const struct fl_upsd *upsd, const char *ups_name)
{
    for (size_t i = 0; i < upsd->ups_count; i++)
        if (upsd->ups[i]->listed && strcmp(upsd->ups[i]->name, ups_name) == 0)
            return true;
    return false;
}

void fl_devices_look_after(struct fl_agent *agent, int64_t now_ms)
{
    if (now_ms < agent->look_at_ms)
        return;
    agent->look_at_ms = now_ms + FL_AGENT_LOOK_MS;
    for (size_t i = 0; i < agent->device_count; i++) {
        struct fl_agent_device *device = agent->devices[i];
        const struct fl_upsd *upsd = device->upsd;
        if (upsd == NULL) /* its upsd is no longer asked for */
            continue;
        bool lost = upsd->lost_at_ms != 0 && now_ms - upsd->lost_at_ms >= FL_AGENT_LOST_MS;
        bool gone = device->ups != NULL ? !device->ups->listed
                                        : upsd->has_list && !is_listed(upsd, device->ups_name);
        if (lost || gone)
            fl_device_take_stale(agent, device, lost ? "UPSD-AWAY" : "GONE");
    }
}
