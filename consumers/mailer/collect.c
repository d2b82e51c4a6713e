/* SPDX-License-Identifier: Apache-2.0 */
/* What is owed now, out of one read of the registry. */
#include <string.h>

#include "consumers/mailer/mailer_internal.h"
#include "core/bytes.h"
#include "projections/people/people.h"
#include "projections/registry/recipients.h"
#include "projections/registry/registry.h"

struct collecting {
    struct mailer *mailer;
    struct fl_composer composer;
    struct fl_renewals_source renewals;
    int64_t now_ms;       /* wall */
    int64_t monotonic_ms; /* for back-offs */
    size_t looked;
    bool failed;
    /* The alert under way. */
    const fl_alert_row *alert;
    size_t waiting_count; /* people who still have to be told */
};

static bool is_full(const struct collecting *c)
{
    return c->failed || c->mailer->owed_count == MAILER_MAIL_COUNT_MAX ||
           c->mailer->arena.used > MAILER_ARENA_SIZE / 2 || c->looked >= MAILER_LOOK_COUNT_MAX;
}

/* Puts a mail into the round; one that is to be tried later counts as looked at. */
static void take(struct collecting *c, const struct fl_mail *mail, enum fl_composed composed,
                 int64_t since_ms, int64_t try_ms)
{
    struct mailer *mailer = c->mailer;
    bool is_young = c->now_ms - since_ms < MAILER_PROFILE_MS;
    c->looked++;
    if (composed == FL_COMPOSED_FAILED)
        c->failed = true;
    if (composed == FL_COMPOSED_FAILED || (composed == FL_COMPOSED_LATER && is_young))
        return;
    mailer->owed[mailer->owed_count++] = (struct owed){*mail, composed, since_ms, try_ms};
}

/* The Message-ID's id, without composing. */
static bool waits(const struct collecting *c, const char *event_id, const char *subject_id,
                  Fleetlog__V1__MailKind kind)
{
    char id[FL_ID_TEXT_SIZE];
    fl_mail_id(event_id, subject_id, kind, id);
    return fl_backoff_waits(&c->mailer->backoff, id, c->monotonic_ms);
}

static void collect_outbox(struct collecting *c)
{
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, c->composer.registry, FL_TABLE_OUTBOX, FL_SLICE_NULL);
    while (!is_full(c) && fl_kv_walk_next(&walk)) {
        struct fl_mail mail;
        const fl_outbox_row *row =
            fl_row_decode(c->composer.registry, c->composer.arena, FL_TABLE_OUTBOX, walk.value);
        if (row == NULL)
            return;
        if (waits(c, row->event_id, row->subject_id, row->kind)) {
            c->looked++;
            continue;
        }
        enum fl_composed composed = fl_compose_outbox(&c->composer, row, &mail);
        take(c, &mail, composed, row->at_ms, MAILER_TRY_MS);
    }
}

/* One person who is to be told of the alert. */
static bool tell(void *context, const char *account_id)
{
    struct collecting *c = context;
    struct fl_mail mail;
    bool raised = c->alert->state == FL_ALERT_WAITING;
    Fleetlog__V1__MailKind kind = raised ? FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_RAISED
                                         : FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_CLEARED;
    c->waiting_count++;
    if (is_full(c))
        return false;
    if (waits(c, c->alert->cause_event_id, account_id, kind)) {
        c->looked++;
        return true;
    }
    const char *copy = fl_arena_text(c->composer.arena, fl_slice_text(account_id));
    if (copy == NULL) {
        c->failed = true;
        return false;
    }
    enum fl_composed composed = fl_compose_alert(&c->composer, c->alert, copy, &mail);
    take(c, &mail, composed, c->alert->due_at_ms, MAILER_TRY_ALERT_MS);
    return true;
}

static void close_alert(struct collecting *c)
{
    struct mailer *mailer = c->mailer;
    Fleetlog__V1__MailCause *cause = fl_arena_alloc(c->composer.arena, sizeof(*cause));
    if (cause == NULL) {
        c->failed = true;
        return;
    }
    fleetlog__v1__mail_cause__init(cause);
    cause->event_id = c->alert->cause_event_id;
    cause->sequence = c->alert->cause_sequence;
    cause->kind = c->alert->state == FL_ALERT_WAITING
                      ? FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_RAISED
                      : FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_CLEARED;
    cause->device_id = c->alert->device_id;
    cause->condition = (uint32_t)c->alert->condition;
    mailer->closed[mailer->closed_count++] = cause;
}

static void collect_alert(struct collecting *c, const fl_alert_row *alert)
{
    const struct fl_recipients recipients = {c, tell, c->now_ms};
    bool old_news = alert->state == FL_ALERT_WAITING && !alert->raised &&
                    c->now_ms - alert->due_at_ms > MAILER_OLD_NEWS_MS;
    c->alert = alert;
    c->waiting_count = 0;
    c->looked++;
    bool all = old_news ||
               fl_alert_recipients(c->composer.registry, c->composer.arena, alert, &recipients);
    if (all && c->waiting_count == 0 && !c->failed)
        close_alert(c);
}

static void collect_alerts(struct collecting *c)
{
    struct fl_key list;
    struct fl_kv_walk walk;
    char device_id[FL_ID_TEXT_SIZE];
    fl_key_begin(&list);
    fl_key_u8(&list, FL_INDEX_ALERT_DUE);
    fl_kv_walk_begin(&walk, c->composer.registry, FL_TABLE_INDEX, fl_key_slice(&list));
    while (!is_full(c) && c->mailer->closed_count < MAILER_CLOSED_COUNT_MAX &&
           fl_kv_walk_next(&walk)) {
        if (c->now_ms < (int64_t)fl_get_u64(walk.key.data + 1))
            return;
        fl_key_tail_id(walk.key, device_id);
        const fl_alert_row *alert = fl_alert_get(c->composer.registry, c->composer.arena, device_id,
                                                 fl_get_u32(walk.key.data + 9));
        if (alert != NULL)
            collect_alert(c, alert);
    }
}

static void learn_log_id(struct mailer *mailer, struct fl_kv *kv)
{
    const fl_log_row *log = fl_registry_log(kv, &mailer->arena);
    if (log != NULL)
        (void)fl_slice_to_text(fl_slice_text(log->log_id), mailer->log_id, sizeof(mailer->log_id));
}

enum fl_error fl_mailer_collect(struct mailer *mailer)
{
    struct fl_store_read registry;
    struct fl_store_read people;
    char spool[PATH_MAX];
    fl_datadir_path(mailer->duty->datadir, "run", spool);
    mailer->owed_count = mailer->closed_count = 0;
    fl_arena_reset(&mailer->arena);
    enum fl_error error = fl_store_read_begin(mailer->registry, &registry);
    if (error != FL_OK)
        return error;
    error = fl_store_read_begin(mailer->people, &people);
    if (error == FL_OK) {
        const struct fl_port *port = mailer->duty->port;
        struct collecting c = {
            .mailer = mailer,
            .now_ms = fl_port_wall_ms(port),
            .monotonic_ms = fl_port_monotonic_ms(port),
            .renewals = fl_renewals_of_registry(registry.kv),
        };
        c.composer = (struct fl_composer){
            .registry = registry.kv,
            .people = people.kv,
            .keyring = mailer->keyring,
            .renewals = &c.renewals,
            .arena = &mailer->arena,
            .public_url = fl_config_text(mailer->duty->config, FL_SETTING_PUBLIC_URL),
            .from = mailer->from,
            .spool_directory = spool,
            .now_ms = c.now_ms,
        };
        learn_log_id(mailer, registry.kv);
        collect_outbox(&c);
        collect_alerts(&c);
        error = fl_store_read_end(&people);
        if (error == FL_OK && mailer->arena.exhausted && mailer->owed_count == 0)
            error = FL_NO_MEMORY;
    }
    enum fl_error ended = fl_store_read_end(&registry);
    return error != FL_OK ? error : ended;
}
