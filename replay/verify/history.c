/* SPDX-License-Identifier: Apache-2.0 */
/* Closed days of devices: what nothing but their form and their time proves. */
#include "core/bytes.h"
#include "fleetlog/v1/history.pb-c.h"
#include "replay/verify/stream.h"
#include "replay/verify/verify_internal.h"

static void check(struct fl_verify_run *run, struct fl_arena *arena, const struct fl_entry *entry)
{
    ProtobufCMessage *message = NULL;
    char detail[FL_DETAIL_SIZE] = "no such message";
    fl_arena_reset(arena);
    run->result->day_count++;
    fl_verify_plain(run, FL_TOPIC_HISTORY, 0, entry);
    if (fl_message_decode(arena, &fleetlog__v1__history_day__descriptor, entry->record.value,
                          &message) != FL_OK ||
        fl_message_validate(message, detail) != FL_OK) {
        fl_verify_report_at(run, FL_VERIFY_FORM, FL_TOPIC_HISTORY, 0, entry->offset,
                            "a closed day of a device", detail);
        return;
    }
    if (entry->record.key.size != 4 ||
        fl_first_u32(entry->record.key) !=
            ((const Fleetlog__V1__HistoryDay *)message)->device_number)
        fl_verify_report_at(run, FL_VERIFY_FORM, FL_TOPIC_HISTORY, 0, entry->offset,
                            "the device's number as key", "another key");
}

enum fl_error fl_verify_history(struct fl_verify_run *run)
{
    struct fl_verify_stream stream;
    struct fl_arena arena;
    const struct fl_entry *entry = NULL;
    run->progress.what = "history";
    run->progress.record_count = 0;
    fl_arena_init(&arena, FL_VERIFY_ARENA_SIZE);
    enum fl_error error =
        fl_verify_stream_open(&stream, run, FL_TOPIC_HISTORY, 0, run->ranges[FL_TOPIC_HISTORY]);
    do {
        if (error == FL_OK)
            error = fl_verify_stream_next(&stream, &entry);
        if (error == FL_OK && entry != NULL)
            check(run, &arena, entry);
        if (error == FL_OK)
            error = fl_verify_step(run, FL_VERIFY_WORK_RECORD);
    } while (error == FL_OK && entry != NULL);
    fl_verify_stream_close(&stream);
    fl_arena_fini(&arena);
    return error;
}
