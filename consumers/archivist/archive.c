/* SPDX-License-Identifier: Apache-2.0 */
/* From the view's rows to records. Pure. */
#include "consumers/archivist/archivist.h"
#include "core/bytes.h"
#include "projections/store/meta.h"
#include "schemas/envelope.h"

enum fl_error fl_archive_encode(struct fl_arena *arena, const Fleetlog__V1__HistoryDay *day,
                                const char *log_id, const char *node_id, int64_t now_ms,
                                struct fl_record *record)
{
    uint8_t numbers[4 + 4 + 8];
    char *id = fl_arena_alloc(arena, FL_ID_TEXT_SIZE);
    uint8_t *key = fl_arena_alloc(arena, 4);
    const char *source = fl_arena_printf(arena, "/fleetlog/%s/archivist/%s", log_id, node_id);
    if (id == NULL || key == NULL || source == NULL)
        return FL_NO_MEMORY;
    fl_put_u64(fl_put_u32(fl_put_u32(numbers, day->device_number), day->day), day->revision);
    const struct fl_slice parts[] = {fl_slice_text(log_id), fl_slice_of(numbers, sizeof(numbers))};
    fl_id_derive("history", parts, 2, id);
    return fl_plain_encode(arena, fl_slice_text(id), "fleetlog.v1.HistoryDay",
                           fl_slice_text(source), now_ms, fl_u32_key(day->device_number, key),
                           &day->base, record);
}

enum fl_error fl_archive_gather(struct fl_kv *kv, struct fl_arena *arena, const char *node_id,
                                int64_t now_ms, struct fl_record records[FL_ARCHIVE_COUNT_MAX],
                                uint32_t *count)
{
    struct fl_history_open_day day;
    char log_id[FL_ID_TEXT_SIZE];
    enum fl_error error = FL_OK;
    fl_meta_log_id(kv, log_id);
    *count = 0;
    bool more = fl_history_next_closed(kv, NULL, &day);
    while (more && error == FL_OK && *count < FL_ARCHIVE_COUNT_MAX) {
        const Fleetlog__V1__HistoryDay *message = fl_history_day(kv, arena, &day);
        if (message == NULL)
            return kv->error != FL_OK ? kv->error : arena->exhausted ? FL_NO_MEMORY : FL_CORRUPT;
        error = fl_archive_encode(arena, message, log_id, node_id, now_ms, &records[(*count)++]);
        more = fl_history_next_closed(kv, &day, &day);
    }
    return error != FL_OK ? error : kv->error;
}
