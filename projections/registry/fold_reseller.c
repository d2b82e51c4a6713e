/* SPDX-License-Identifier: Apache-2.0 */
/* Links with resellers. */
#include <stdio.h>
#include <stdlib.h>

#include "core/timestamp.h"
#include "projections/registry/due.h"
#include "projections/registry/fold.h"
#include "projections/registry/reseller.h"

const fl_reseller_link_row *fl_registry_reseller_link(struct fl_kv *kv, struct fl_arena *arena,
                                                      struct fl_slice link_id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_RESELLER_LINKS, link_id);
}

fl_reseller_link_row *fl_registry_reseller_of(struct fl_kv *kv, struct fl_arena *arena,
                                              const char *company_id)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    fl_key_list(&key, FL_INDEX_COMPANY_RESELLERS, fl_slice_text(company_id));
    fl_kv_walk_begin(&walk, kv, FL_TABLE_INDEX, fl_key_slice(&key));
    if (key.bad || !fl_kv_walk_next(&walk))
        return NULL;
    fl_key_tail_id(walk.key, id);
    return fl_row_by_id(kv, arena, FL_TABLE_RESELLER_LINKS, fl_slice_text(id));
}

int64_t fl_report_next_ms(Fleetlog__V1__ReportPeriod period, int64_t now_ms)
{
    char text[FL_TIMESTAMP_TEXT_SIZE];
    char next[64];
    int64_t next_ms = now_ms;
    fl_timestamp_format(now_ms, text);
    /* "YYYY-MM-…" */
    long year = strtol(text, NULL, 10);
    long month = strtol(text + 5, NULL, 10);
    long months =
        period == FLEETLOG__V1__REPORT_PERIOD__REPORT_PERIOD_QUARTERLY ? 3 - (month - 1) % 3 : 1;
    year += (month - 1 + months) / 12;
    month = (month - 1 + months) % 12 + 1;
    snprintf(next, sizeof(next), "%04ld-%02ld-01T00:00:00.000Z", year, month);
    (void)fl_timestamp_parse(fl_slice_text(next), &next_ms);
    return next_ms;
}

enum fl_reseller_link_state fl_reseller_link_state_at(unsigned state, int64_t expires_at_ms,
                                                      int64_t now_ms)
{
    if (state == FL_RESELLER_LINK_OFFERED && now_ms >= expires_at_ms)
        return FL_RESELLER_LINK_EXPIRED;
    return (enum fl_reseller_link_state)state;
}

/* The entry that the link has as it stands; a time of 0: none. */
void fl_due_of_reseller_link(const fl_reseller_link_row *row, struct fl_due *due)
{
    bool is_offer = row->state == FL_RESELLER_LINK_OFFERED;
    bool is_linked = row->state == FL_RESELLER_LINK_LINKED;
    fl_due_init(due,
                is_offer    ? row->expires_at_ms
                : is_linked ? row->next_report_at_ms
                            : 0,
                is_offer ? FL_DUE(RESELLER_OFFER) : FL_DUE(RENEWALS_REPORT), row->link_id, 0);
}

static void list_link(struct fl_folding *f, const fl_reseller_link_row *row)
{
    struct fl_key keys[2];
    bool lives = row->state == FL_RESELLER_LINK_OFFERED || row->state == FL_RESELLER_LINK_LINKED;
    fl_key_pair(&keys[0], FL_INDEX_COMPANY_RESELLERS, row->company_id, row->link_id);
    fl_key_pair(&keys[1], FL_INDEX_PERSON_RESELLER_LINKS, row->subject_id, row->link_id);
    for (size_t i = 0; i < 2; i++) {
        if (lives)
            fl_index_put(f->kv, &keys[i], FL_SLICE_LITERAL(""));
        else
            fl_index_del(f->kv, &keys[i]);
    }
}

/* Moves the link; lists and what falls due follow. */
static bool move(struct fl_folding *f, fl_reseller_link_row *row, enum fl_reseller_link_state to)
{
    struct fl_due due;
    fl_due_of_reseller_link(row, &due);
    fl_due_clear(f->kv, &due);
    if (!fl_fold_move(f, &fl_reseller_link_machine, &row->state, to, row->link_id))
        return false;
    row->changed_at_ms = f->now_ms;
    fl_due_of_reseller_link(row, &due);
    fl_due_set(f->kv, &due);
    list_link(f, row);
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_RESELLER_LINKS, row->link_id, &row->base);
    return true;
}

static bool move_by_id(struct fl_folding *f, const char *link_id, enum fl_reseller_link_state to)
{
    fl_reseller_link_row *row = fl_fold_row(f, FL_TABLE_RESELLER_LINKS, link_id);
    return row != NULL && move(f, row, to);
}

bool fl_fold_reseller_link_offered(struct fl_folding *f)
{
    const Fleetlog__V1__ResellerLinkOffered *event =
        (const Fleetlog__V1__ResellerLinkOffered *)f->input->message;
    fl_reseller_link_row row = FLEETLOG__ROWS__V1__RESELLER_LINK_ROW__INIT;
    /* An offer whose time is over makes room before the timekeeper has come by. */
    fl_reseller_link_row *before = fl_registry_reseller_of(f->kv, f->arena, event->company_id);
    if (before != NULL && !move(f, before, FL_RESELLER_LINK_EXPIRED))
        return false;
    row.link_id = event->link_id;
    row.company_id = event->company_id;
    row.subject_id = event->subject_id;
    row.offered_at_ms = f->now_ms;
    row.expires_at_ms = event->expires_at_ms;
    row.link_key_generation = event->link_key_generation;
    row.report_period = event->report_period;
    row.linked_by = f->account_id;
    fl_fold_person(f, event->subject_id, event->revision, event->indexes, event->n_indexes);
    return move(f, &row, FL_RESELLER_LINK_OFFERED);
}

bool fl_fold_reseller_link_accepted(struct fl_folding *f)
{
    const Fleetlog__V1__ResellerLinkAccepted *event =
        (const Fleetlog__V1__ResellerLinkAccepted *)f->input->message;
    fl_reseller_link_row *row = fl_fold_row(f, FL_TABLE_RESELLER_LINKS, event->link_id);
    if (row == NULL)
        return false;
    row->next_report_at_ms = event->next_report_at_ms;
    return move(f, row, FL_RESELLER_LINK_LINKED);
}

bool fl_fold_reseller_link_declined(struct fl_folding *f)
{
    return move_by_id(f, ((const Fleetlog__V1__ResellerLinkDeclined *)f->input->message)->link_id,
                      FL_RESELLER_LINK_DECLINED);
}

bool fl_fold_reseller_link_expired(struct fl_folding *f)
{
    return move_by_id(f, ((const Fleetlog__V1__ResellerLinkExpired *)f->input->message)->link_id,
                      FL_RESELLER_LINK_EXPIRED);
}

bool fl_fold_reseller_disconnected(struct fl_folding *f)
{
    return move_by_id(f, ((const Fleetlog__V1__ResellerDisconnected *)f->input->message)->link_id,
                      FL_RESELLER_LINK_DISCONNECTED);
}

bool fl_fold_reseller_unlinked(struct fl_folding *f)
{
    return move_by_id(f, ((const Fleetlog__V1__ResellerUnlinked *)f->input->message)->link_id,
                      FL_RESELLER_LINK_UNLINKED);
}

bool fl_fold_end_reseller_links(struct fl_folding *f, const char *subject_id)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    fl_key_list(&key, FL_INDEX_PERSON_RESELLER_LINKS, fl_slice_text(subject_id));
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        if (!move_by_id(f, id, FL_RESELLER_LINK_UNLINKED))
            return false;
    }
    return f->kv->error == FL_OK;
}

bool fl_fold_reseller_offer_resent(struct fl_folding *f)
{
    const Fleetlog__V1__ResellerOfferResent *event =
        (const Fleetlog__V1__ResellerOfferResent *)f->input->message;
    struct fl_due due;
    fl_reseller_link_row *row = fl_fold_row(f, FL_TABLE_RESELLER_LINKS, event->link_id);
    if (row == NULL)
        return false;
    if (row->state != FL_RESELLER_LINK_OFFERED)
        return fl_fold_refuse(f, "link %s is not offered", event->link_id);
    fl_due_of_reseller_link(row, &due);
    fl_due_clear(f->kv, &due);
    row->expires_at_ms = event->expires_at_ms;
    row->link_key_generation = event->link_key_generation;
    fl_due_of_reseller_link(row, &due);
    fl_due_set(f->kv, &due);
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_RESELLER_LINKS, row->link_id, &row->base);
    return true;
}

bool fl_fold_reseller_reminded(struct fl_folding *f)
{
    const Fleetlog__V1__ResellerReminded *event =
        (const Fleetlog__V1__ResellerReminded *)f->input->message;
    fl_reseller_link_row *row = fl_fold_row(f, FL_TABLE_RESELLER_LINKS, event->link_id);
    if (row == NULL)
        return false;
    row->reminded_at_ms = f->now_ms;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_RESELLER_LINKS, row->link_id, &row->base);
    return true;
}

bool fl_fold_renewals_report_due(struct fl_folding *f)
{
    const Fleetlog__V1__RenewalsReportDue *event =
        (const Fleetlog__V1__RenewalsReportDue *)f->input->message;
    struct fl_due due;
    fl_reseller_link_row *row = fl_fold_row(f, FL_TABLE_RESELLER_LINKS, event->link_id);
    if (row == NULL || row->state != FL_RESELLER_LINK_LINKED)
        return fl_fold_refuse(f, "link %s is not linked", event->link_id);
    fl_due_of_reseller_link(row, &due);
    fl_due_clear(f->kv, &due);
    row->next_report_at_ms = event->next_at_ms;
    fl_due_of_reseller_link(row, &due);
    fl_due_set(f->kv, &due);
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_RESELLER_LINKS, row->link_id, &row->base);
    return true;
}
