/* SPDX-License-Identifier: Apache-2.0 */
/* What the mailer concludes goes back into the log as actions. */
#include <string.h>

#include "consumers/mailer/mailer_internal.h"
#include "core/diag.h"
#include "core/fault_point.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"

enum { RETRY_MS = 1000, REGISTRY_WAIT_MS = 30000 };

/* Appends one action and waits for the acknowledgement. A repeated one is answered STALE. */
static enum fl_error append(struct mailer *mailer, const ProtobufCMessage *message,
                            const char *about, const char *cause_event_id)
{
    struct fl_record record;
    uint64_t offset = 0;
    char id[FL_ID_TEXT_SIZE];
    struct fl_slice parts[] = {fl_slice_text(message->descriptor->name), fl_slice_text(about)};
    fl_arena_reset(&mailer->scratch);
    fl_id_derive("notification", parts, 2, id);
    char *source = fl_arena_printf(&mailer->scratch, "/fleetlog/%s/mailer/%s", mailer->log_id,
                                   mailer->duty->datadir->node_id);
    if (source == NULL)
        return FL_NO_MEMORY;
    struct fl_envelope envelope = {
        .id = fl_slice_text(id),
        .source = fl_slice_text(source),
        .actor = FL_SLICE_LITERAL("mailer"),
        .causation_id = fl_slice_text(cause_event_id),
        .correlation_id = fl_slice_text(cause_event_id),
        .time_ms = fl_port_wall_ms(mailer->duty->port),
    };
    enum fl_error error = fl_action_encode(&mailer->scratch, &envelope, message, &record);
    struct fl_append batch = {
        .topic = "actions",
        .count = 1,
        .records = &record,
        .expected_offset = FL_OFFSET_NONE,
        .offsets = &offset,
    };
    while (error == FL_OK) {
        fl_duty_beat(mailer->duty);
        error = fl_journal_append(mailer->duty->journal, &batch, 1);
        enum fl_error_class class = fl_error_class(error);
        if (error == FL_OK || (class != FL_CLASS_RETRY && class != FL_CLASS_LIMIT))
            return error;
        fl_diag(RETRY, FL_TEXT("topic", "actions"), FL_TEXT("error", fl_error_name(error)),
                FL_TEXT("detail", fl_journal_detail(mailer->duty->journal)));
        error = fl_duty_wait(mailer->duty, RETRY_MS) ? FL_INTERRUPTED : FL_OK;
    }
    return error;
}

enum fl_error fl_mailer_report_sent(struct mailer *mailer, const struct fl_mail *mail)
{
    Fleetlog__V1__RecordNotificationSent action = FLEETLOG__V1__RECORD_NOTIFICATION_SENT__INIT;
    Fleetlog__V1__MailCause cause = mail->cause;
    action.cause = &cause;
    action.subject_id = mail->subject_id;
    fl_fault_point("mailer.before_append");
    enum fl_error error = append(mailer, &action.base, mail->id, cause.event_id);
    fl_fault_point("mailer.appended");
    return error;
}

enum fl_error fl_mailer_report_failed(struct mailer *mailer, const struct fl_mail *mail,
                                      Fleetlog__V1__MailFailure failure, const char *reply)
{
    Fleetlog__V1__RecordNotificationFailed action = FLEETLOG__V1__RECORD_NOTIFICATION_FAILED__INIT;
    Fleetlog__V1__MailCause cause = mail->cause;
    action.cause = &cause;
    action.subject_id = mail->subject_id;
    action.failure = failure;
    action.reply = reply;
    return append(mailer, &action.base, mail->id, cause.event_id);
}

enum fl_error fl_mailer_report_closed(struct mailer *mailer)
{
    Fleetlog__V1__CloseAlerts action = FLEETLOG__V1__CLOSE_ALERTS__INIT;
    if (mailer->closed_count == 0)
        return FL_OK;
    action.causes = mailer->closed;
    action.n_causes = mailer->closed_count;
    return append(mailer, &action.base, mailer->closed[0]->event_id, mailer->closed[0]->event_id);
}

enum fl_error fl_mailer_await_registry(struct mailer *mailer)
{
    uint64_t begin = 0;
    uint64_t end = 0;
    const struct fl_port *port = mailer->duty->port;
    int64_t deadline_ms = fl_port_monotonic_ms(port) + REGISTRY_WAIT_MS;
    enum fl_error error = fl_journal_offsets(mailer->duty->journal, "actions", 0, &begin, &end);
    if (error != FL_OK || end == 0)
        return error;
    for (;;) {
        int64_t now_ms = fl_port_monotonic_ms(port);
        fl_duty_beat(mailer->duty);
        /* Each action has one event, so that its offset is that event's sequence. */
        error = fl_store_wait(mailer->registry, end - 1, now_ms + RETRY_MS);
        if (error == FL_OK || error == FL_INTERRUPTED)
            return error;
        if (fl_error_class(error) != FL_CLASS_RETRY || now_ms >= deadline_ms)
            return error;
        if (error != FL_TIMEOUT && fl_duty_wait(mailer->duty, RETRY_MS))
            return FL_INTERRUPTED;
    }
}
