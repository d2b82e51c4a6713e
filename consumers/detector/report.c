/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "consumers/detector/detector_internal.h"
#include "core/bytes.h"
#include "core/diag.h"
#include "core/fault_point.h"
#include "fleetlog/v1/actions.pb-c.h"
#include "projections/registry/machines.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"

enum {
    PAUSE_MS = 1000,
    REGISTRY_WAIT_MS = 5000,
    COMPARE_COUNT = 5000, /* devices per read transaction of the registry */
};

enum fl_error fl_detector_pause(struct detector *detector)
{
    fl_projector_beat(detector->projector);
    return fl_duty_wait(detector->duty, PAUSE_MS) ? FL_INTERRUPTED : FL_OK;
}

bool fl_detector_is_known(struct detector *detector, struct fl_kv *kv,
                          const struct fl_change *change)
{
    char text[FL_ID_TEXT_SIZE];
    fl_id_from_bytes(change->device_id, text);
    struct fl_slice id = fl_slice_text(text);
    const fl_device_row *device = fl_registry_device(kv, &detector->arena, id);
    if (device == NULL)
        return false;
    if (device->generation > change->generation || device->state != FL_DEVICE_ACTIVE)
        return true;
    const fl_condition_row *row =
        fl_registry_condition(kv, &detector->arena, id, (uint32_t)change->condition);
    if (row == NULL || row->report_counter < change->counter)
        return false;
    /* A silence begins at the last report, which may be the one that ended the silence before. */
    bool is_silence = change->condition == FL_CONDITION_COMMUNICATION_LOST && change->raised &&
                      row->report_counter == change->counter && row->state == FL_CONDITION_CLEAR;
    return !is_silence;
}

/* Derived from its cause, so that doing it twice changes nothing. */
static void change_id(const struct fl_change *change, char out[FL_ID_TEXT_SIZE])
{
    uint8_t numbers[4 + 1 + 1 + 8];
    fl_put_u32(numbers, change->generation);
    numbers[4] = (uint8_t)change->condition;
    numbers[5] = change->raised;
    fl_put_u64(numbers + 6, change->counter);
    struct fl_slice parts[] = {fl_slice_of(change->device_id, FL_ID_SIZE),
                               fl_slice_of(numbers, sizeof(numbers))};
    fl_id_derive("condition", parts, 2, out);
}

static enum fl_error encode(struct detector *detector, const struct fl_change *change,
                            struct fl_slice company_id, struct fl_record *record)
{
    struct fl_arena *arena = &detector->arena;
    Fleetlog__V1__ReportCondition action = FLEETLOG__V1__REPORT_CONDITION__INIT;
    char *id = fl_arena_alloc(arena, FL_ID_TEXT_SIZE);
    char *device_id = fl_arena_alloc(arena, FL_ID_TEXT_SIZE);
    char *source = fl_arena_printf(arena, "/fleetlog/%s/detector/%s", detector->log_id,
                                   detector->duty->datadir->node_id);
    if (id == NULL || device_id == NULL || source == NULL)
        return FL_NO_MEMORY;
    change_id(change, id);
    fl_id_from_bytes(change->device_id, device_id);
    action.device_id = device_id;
    action.generation = change->generation;
    action.kind = (Fleetlog__V1__ConditionKind)change->condition;
    action.raised = change->raised;
    action.report_counter = change->counter;
    action.sampled_at_ms = change->sampled_at_ms;
    action.evidence = change->evidence;
    struct fl_envelope envelope = {
        .id = fl_slice_text(id),
        .source = fl_slice_text(source),
        .actor = FL_SLICE_LITERAL("detector"),
        .correlation_id = fl_slice_text(id),
        .company_id = company_id,
        .time_ms = fl_port_wall_ms(detector->duty->port),
    };
    return fl_action_encode(arena, &envelope, &action.base, record);
}

/* What the registry says of a change: known already, or whose device it is. */
static bool ask_registry(struct detector *detector, const struct fl_change *change,
                         struct fl_slice *company_id)
{
    struct fl_store_read read;
    char text[FL_ID_TEXT_SIZE];
    *company_id = FL_SLICE_NULL;
    if (fl_store_read_begin(detector->registry, &read) != FL_OK)
        return false; /* the decider will answer a repeated one */
    bool known = fl_detector_is_known(detector, read.kv, change);
    fl_id_from_bytes(change->device_id, text);
    const fl_device_row *device =
        fl_registry_device(read.kv, &detector->arena, fl_slice_text(text));
    if (device != NULL)
        *company_id = fl_slice_text(device->company_id);
    const fl_log_row *log = fl_registry_log(read.kv, &detector->arena);
    if (log != NULL && detector->log_id[0] == '\0')
        (void)fl_slice_to_text(fl_slice_text(log->log_id), detector->log_id,
                               sizeof(detector->log_id));
    return fl_store_read_end(&read) == FL_OK && known;
}

enum fl_error fl_detector_report(struct detector *detector, const struct fl_change *change)
{
    struct fl_slice company_id;
    if (detector->arena.used > DETECTOR_ARENA_SIZE / 2) {
        enum fl_error error = fl_detector_send(detector);
        if (error != FL_OK)
            return error;
    }
    if (ask_registry(detector, change, &company_id))
        return FL_OK;
    enum fl_error error =
        encode(detector, change, company_id, &detector->records[detector->record_count]);
    if (error != FL_OK)
        return error;
    if (++detector->record_count == DETECTOR_APPEND_COUNT_MAX)
        return fl_detector_send(detector);
    return FL_OK;
}

enum fl_error fl_detector_send(struct detector *detector)
{
    struct fl_journal *journal = detector->duty->journal;
    struct fl_append batch = {
        .topic = "actions",
        .count = detector->record_count,
        .records = detector->records,
        .expected_offset = FL_OFFSET_NONE,
        .offsets = detector->offsets,
    };
    enum fl_error error = FL_OK;
    if (batch.count != 0)
        fl_fault_point("detector.before_append");
    while (batch.count != 0) {
        fl_projector_beat(detector->projector);
        error = fl_journal_append(journal, &batch, 1);
        if (error == FL_OK)
            break;
        enum fl_error_class class = fl_error_class(error);
        /* Nothing was committed: what landed and what did not is appended again. */
        fl_diag(RETRY, FL_TEXT("topic", "actions"), FL_TEXT("error", fl_error_name(error)),
                FL_TEXT("detail", fl_journal_detail(journal)));
        if (class == FL_CLASS_RETRY || class == FL_CLASS_LIMIT)
            error = fl_detector_pause(detector);
        if (error != FL_OK)
            return error;
    }
    if (batch.count != 0)
        fl_fault_point("detector.appended");
    detector->appended_count += batch.count;
    detector->record_count = 0;
    fl_arena_reset(&detector->arena);
    return FL_OK;
}

enum fl_error fl_detector_await_registry(struct detector *detector)
{
    uint64_t begin = 0;
    uint64_t end = 0;
    const struct fl_port *port = detector->duty->port;
    int64_t deadline_ms = fl_port_monotonic_ms(port) + REGISTRY_WAIT_MS;
    enum fl_error error = fl_journal_offsets(detector->duty->journal, "actions", 0, &begin, &end);
    if (error != FL_OK || end == 0)
        return error;
    for (;;) {
        int64_t now_ms = fl_port_monotonic_ms(port);
        fl_projector_beat(detector->projector);
        if (fl_projector_stopping(detector->projector))
            return FL_INTERRUPTED;
        /* Each action has one event, so that its offset is that event's sequence. */
        error = fl_store_wait(detector->registry, end - 1, now_ms + PAUSE_MS);
        if (error == FL_OK || now_ms >= deadline_ms)
            return error;
        if (error != FL_TIMEOUT && fl_detector_pause(detector) != FL_OK)
            return FL_INTERRUPTED;
    }
}

/* One device against the registry's rows in `registry`. */
static enum fl_error compare_device(struct detector *detector, struct fl_kv *registry,
                                    const struct fl_watch *watch)
{
    char text[FL_ID_TEXT_SIZE];
    struct fl_change change;
    fl_id_from_bytes(watch->device_id, text);
    struct fl_slice id = fl_slice_text(text);
    const fl_device_row *device = fl_registry_device(registry, &detector->arena, id);
    if (device == NULL || device->state != FL_DEVICE_ACTIVE ||
        device->generation != watch->generation)
        return FL_OK;
    for (int c = FL_CONDITION_ON_BATTERY; c < FL_CONDITION_END; c++) {
        struct fl_changes one = {&change, 0, 1};
        const fl_condition_row *row =
            fl_registry_condition(registry, &detector->arena, id, (uint32_t)c);
        bool stands = row != NULL && row->state == FL_CONDITION_RAISED;
        if (stands == fl_watch_stands(watch, (enum fl_condition)c))
            continue;
        fl_watch_tell(watch, (enum fl_condition)c, &one);
        enum fl_error error = fl_detector_report(detector, &change);
        if (error != FL_OK)
            return error;
    }
    return FL_OK;
}

static bool next_key(struct fl_slice key, uint8_t from[4], size_t *from_size)
{
    uint32_t number = fl_first_u32(key) + 1;
    fl_put_u32(from, number);
    *from_size = 4;
    return number != 0;
}

/* Up to COMPARE_COUNT devices from `from` on within one read of the registry; moves `from`. */
static enum fl_error compare_some(struct detector *detector, struct fl_kv *kv, uint8_t from[4],
                                  size_t *from_size, bool *more)
{
    struct fl_store_read read;
    struct fl_slice key;
    struct fl_slice value;
    struct fl_watch watch;
    fl_projector_beat(detector->projector);
    enum fl_error error = fl_store_read_begin(detector->registry, &read);
    if (error != FL_OK)
        return error;
    *more = true;
    for (unsigned i = 0; error == FL_OK && *more && i < COMPARE_COUNT; i++) {
        *more = fl_kv_seek(kv, FL_DETECTOR_DEVICES, fl_slice_of(from, *from_size), &key, &value);
        if (!*more)
            break;
        if (fl_watch_decode(value, &watch))
            error = compare_device(detector, read.kv, &watch);
        *more = next_key(key, from, from_size);
        if (detector->record_count == 0)
            fl_arena_reset(&detector->arena);
    }
    enum fl_error ended = fl_store_read_end(&read);
    return error != FL_OK ? error : ended;
}

enum fl_error fl_detector_compare(struct detector *detector, struct fl_kv *kv)
{
    uint8_t from[4];
    size_t from_size = 0;
    bool more = true;
    enum fl_error error = FL_OK;
    while (error == FL_OK && more)
        error = compare_some(detector, kv, from, &from_size, &more);
    return error;
}
