/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/mailer/mailer.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/mailer/mailer_internal.h"
#include "core/address.h"
#include "core/diag.h"
#include "core/fault_point.h"
#include "core/node_keyring.h"
#include "projections/people/people.h"
#include "projections/registry/registry.h"

enum { RETRY_MS = 1000 };

static const char *kind_name(Fleetlog__V1__MailKind kind)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&fleetlog__v1__mail_kind__descriptor, (int)kind);
    return value == NULL ? "?" : value->name + strlen("MAIL_KIND_");
}

static enum fl_error fail(struct mailer *mailer, const struct fl_mail *mail,
                          Fleetlog__V1__MailFailure failure, const char *reply)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&fleetlog__v1__mail_failure__descriptor, (int)failure);
    enum fl_error error = fl_mailer_report_failed(mailer, mail, failure, reply);
    if (error == FL_OK) {
        fl_backoff_forget(&mailer->backoff, mail->id);
        fl_diag(MAIL_FAILED, FL_TEXT("kind", kind_name(mail->cause.kind)),
                FL_TEXT("mail", mail->id),
                FL_TEXT("failure", value->name + strlen("MAIL_FAILURE_")), FL_TEXT("reply", reply));
    }
    return error;
}

/* "Alive", and whether to stop. */
static bool is_stopping(void *context)
{
    struct mailer *mailer = context;
    fl_duty_beat(mailer->duty);
    return fl_duty_stopping(mailer->duty);
}

/* Nothing goes out for a while. */
static void be_unreachable(struct mailer *mailer, const struct fl_smtp_result *result)
{
    const struct fl_port *port = mailer->duty->port;
    int64_t wait_ms = fl_backoff_wait_ms(port, ++mailer->unreachable_count,
                                         MAILER_UNREACHABLE_MS_MIN, MAILER_UNREACHABLE_MS_MAX);
    mailer->unreachable_until_ms = fl_port_monotonic_ms(port) + wait_ms;
    fl_diag(MAIL_UNREACHABLE, FL_TEXT("detail", result->detail), FL_TEXT("reply", result->reply),
            FL_UINT("wait_ms", (uint64_t)wait_ms));
}

static enum fl_error defer(struct mailer *mailer, const struct owed *owed,
                           const struct fl_smtp_result *result)
{
    const struct fl_port *port = mailer->duty->port;
    if (fl_port_wall_ms(port) - owed->since_ms > owed->try_ms)
        return fail(mailer, &owed->mail, FLEETLOG__V1__MAIL_FAILURE__MAIL_FAILURE_GAVE_UP,
                    result->reply);
    unsigned attempts =
        fl_backoff_add(&mailer->backoff, port, owed->mail.id, fl_port_monotonic_ms(port));
    fl_diag(MAIL_DEFERRED, FL_TEXT("kind", kind_name(owed->mail.cause.kind)),
            FL_TEXT("mail", owed->mail.id), FL_TEXT("reply", result->reply),
            FL_UINT("attempts", attempts));
    return FL_OK;
}

/* Hands one mail over and says what became of it. `*goes_on` is false when no other mail should
 * follow for now. */
static enum fl_error send_one(struct mailer *mailer, const struct owed *owed, bool *goes_on)
{
    struct fl_smtp_result result;
    const struct fl_mail *mail = &owed->mail;
    enum fl_error error = FL_OK;
    fl_smtp_send(mailer->smtp, mail->to, mail->bytes, is_stopping, mailer, &result);
    fl_fault_point("mailer.sent");
    switch (result.outcome) {
    case FL_SMTP_SENT:
        mailer->unreachable_count = 0;
        error = fl_mailer_report_sent(mailer, mail);
        if (error == FL_OK) {
            fl_backoff_forget(&mailer->backoff, mail->id);
            fl_diag(MAIL_SENT, FL_TEXT("kind", kind_name(mail->cause.kind)),
                    FL_TEXT("mail", mail->id));
        }
        return error;
    case FL_SMTP_LATER:
        return defer(mailer, owed, &result);
    case FL_SMTP_REFUSED:
        return fail(mailer, mail, FLEETLOG__V1__MAIL_FAILURE__MAIL_FAILURE_REFUSED, result.reply);
    case FL_SMTP_UNREACHABLE:
        *goes_on = false;
        if (fl_port_wall_ms(mailer->duty->port) - owed->since_ms > owed->try_ms)
            error = fail(mailer, mail, FLEETLOG__V1__MAIL_FAILURE__MAIL_FAILURE_GAVE_UP, "");
        be_unreachable(mailer, &result);
        return error;
    case FL_SMTP_STOPPED:
        *goes_on = false;
        return FL_INTERRUPTED;
    }
    return error;
}

static enum fl_error serve_lease(struct mailer *mailer)
{
    bool held = false;
    enum fl_error error = fl_group_poll(mailer->lease, 0, &held);
    enum fl_error_class class = fl_error_class(error);
    if (class != FL_CLASS_NONE && class != FL_CLASS_RETRY)
        return error;
    held = held && error == FL_OK;
    if (held && !mailer->held)
        mailer->settled = false;
    mailer->held = held;
    return FL_OK;
}

static enum fl_error deal_with(struct mailer *mailer, const struct owed *owed, bool *goes_on)
{
    switch (owed->composed) {
    case FL_COMPOSED:
        return send_one(mailer, owed, goes_on);
    case FL_COMPOSED_WITHDRAWN:
        return fail(mailer, &owed->mail, FLEETLOG__V1__MAIL_FAILURE__MAIL_FAILURE_WITHDRAWN, "");
    case FL_COMPOSED_NO_ADDRESS:
    case FL_COMPOSED_LATER: /* for so long that it will not come */
        return fail(mailer, &owed->mail, FLEETLOG__V1__MAIL_FAILURE__MAIL_FAILURE_NO_ADDRESS, "");
    case FL_COMPOSED_FAILED:
        break;
    }
    return FL_OK;
}

/* One round: what is owed now, mail by mail, as long as the lease is held. */
static enum fl_error work(struct mailer *mailer)
{
    bool goes_on = true;
    enum fl_error error = fl_mailer_collect(mailer);
    for (size_t i = 0; error == FL_OK && goes_on && i < mailer->owed_count; i++) {
        fl_duty_beat(mailer->duty);
        error = serve_lease(mailer);
        if (error == FL_OK && fl_duty_stopping(mailer->duty))
            error = FL_INTERRUPTED;
        if (error != FL_OK || !mailer->held)
            return error;
        error = deal_with(mailer, &mailer->owed[i], &goes_on);
    }
    if (error == FL_OK && goes_on)
        error = fl_mailer_report_closed(mailer);
    /* The next round must see what this one has said. */
    if (error == FL_OK && (mailer->owed_count != 0 || mailer->closed_count != 0))
        error = fl_mailer_await_registry(mailer);
    return error;
}

/* Until the registry moves on, or time may have. */
static enum fl_error wait_for_more(struct mailer *mailer)
{
    struct fl_chain_head head;
    int64_t now_ms = fl_port_monotonic_ms(mailer->duty->port);
    enum fl_error error = fl_store_reader_head(mailer->registry, &head);
    bool moved = error == FL_OK && head.sequence != mailer->next_sequence;
    if (error == FL_OK)
        mailer->next_sequence = head.sequence;
    if (moved)
        return FL_OK;
    if (error == FL_OK)
        error = fl_store_wait(mailer->registry, head.sequence, now_ms + MAILER_LOOK_MS);
    if (error == FL_TIMEOUT || error == FL_OK)
        return FL_OK;
    return fl_duty_wait(mailer->duty, RETRY_MS) ? FL_INTERRUPTED : error;
}

static bool may_work(const struct mailer *mailer)
{
    return mailer->held && fl_port_monotonic_ms(mailer->duty->port) >= mailer->unreachable_until_ms;
}

static enum fl_error step(struct mailer *mailer)
{
    enum fl_error error = serve_lease(mailer);
    if (error == FL_OK && mailer->held && !mailer->settled) {
        error = fl_mailer_await_registry(mailer);
        mailer->settled = error == FL_OK;
    }
    if (error == FL_OK && may_work(mailer) && mailer->settled)
        error = work(mailer);
    if (error == FL_OK)
        error = wait_for_more(mailer);
    return error;
}

static enum fl_error run(struct mailer *mailer)
{
    fl_duty_ready(mailer->duty);
    while (!fl_duty_stopping(mailer->duty)) {
        fl_duty_beat(mailer->duty);
        /* Keys come and go with epochs. */
        enum fl_error error =
            fl_node_keyring_refresh(mailer->duty->config, mailer->duty->datadir, mailer->keyring);
        if (error == FL_OK)
            error = step(mailer);
        if (error == FL_INTERRUPTED && fl_duty_stopping(mailer->duty))
            return FL_OK;
        if (error != FL_OK && fl_error_class(error) != FL_CLASS_RETRY)
            return error;
        if (error != FL_OK && error != FL_TIMEOUT) {
            fl_diag(RETRY, FL_TEXT("error", fl_error_name(error)));
            if (fl_duty_wait(mailer->duty, RETRY_MS))
                return FL_OK;
        }
    }
    return FL_OK;
}

static void wake(void *context)
{
    struct mailer *mailer = context;
    fl_store_reader_wake(mailer->registry);
}

static enum fl_error join(struct mailer *mailer)
{
    struct fl_duty *duty = mailer->duty;
    enum fl_error error = fl_group_join(duty->journal, "mailer", "events", &mailer->lease);
    while (fl_error_class(error) == FL_CLASS_RETRY && !fl_duty_wait(duty, RETRY_MS)) {
        fl_diag(RETRY, FL_TEXT("group", "mailer"), FL_TEXT("error", fl_error_name(error)));
        error = fl_group_join(duty->journal, "mailer", "events", &mailer->lease);
    }
    return error;
}

static enum fl_error open_all(struct mailer *mailer, char detail[FL_KEYRING_DETAIL_SIZE])
{
    struct fl_duty *duty = mailer->duty;
    char views[PATH_MAX];
    char from[FL_ADDRESS_TEXT_SIZE];
    fl_datadir_path(duty->datadir, "views", views);
    enum fl_error error = fl_smtp_open(duty->config, detail, &mailer->smtp);
    if (error != FL_OK)
        return error == FL_NOT_FOUND ? FL_USAGE : error;
    error = fl_address_normalise(fl_slice_text(fl_config_text(duty->config, FL_SETTING_MAIL_FROM)),
                                 from);
    if (error == FL_OK)
        snprintf(mailer->from, sizeof(mailer->from), "%s", from);
    if (error == FL_OK)
        error = fl_node_keyring_load(duty->config, duty->datadir, &mailer->keyring, detail);
    if (error == FL_OK)
        error = fl_store_open_reader(views, fl_registry_view(), duty->port, &mailer->registry);
    if (error == FL_OK)
        error = fl_store_open_reader(views, fl_people_view(), duty->port, &mailer->people);
    if (error == FL_OK)
        error = join(mailer);
    if (error == FL_OK)
        error = fl_duty_watch(duty, wake, mailer);
    return error;
}

static void close_all(struct mailer *mailer)
{
    fl_duty_unwatch(mailer->duty);
    fl_group_leave(&mailer->lease);
    fl_store_reader_close(&mailer->people);
    fl_store_reader_close(&mailer->registry);
    fl_keyring_close(&mailer->keyring);
    fl_smtp_close(&mailer->smtp);
    fl_arena_fini(&mailer->scratch);
    fl_arena_fini(&mailer->arena);
    free(mailer);
}

enum fl_error fl_mailer_run(struct fl_duty *duty)
{
    char detail[FL_KEYRING_DETAIL_SIZE] = "";
    struct mailer *mailer = calloc(1, sizeof(*mailer));
    if (mailer == NULL)
        return FL_NO_MEMORY;
    mailer->duty = duty;
    mailer->next_sequence = UINT64_MAX;
    fl_arena_init(&mailer->arena, MAILER_ARENA_SIZE);
    fl_arena_init(&mailer->scratch, MAILER_ARENA_SIZE);
    enum fl_error error = open_all(mailer, detail);
    if (error == FL_OK)
        error = run(mailer);
    if (error == FL_INTERRUPTED && fl_duty_stopping(duty))
        error = FL_OK;
    if (error != FL_OK)
        fl_diag(FAILED, FL_TEXT("error", fl_error_name(error)), FL_TEXT("detail", detail));
    close_all(mailer);
    return error;
}
