/* SPDX-License-Identifier: Apache-2.0 */
/* Erasures, epochs, link keys. */
#include <stdio.h>
#include <string.h>

#include "fleetlog/v1/privacy.pb-c.h"
#include "projections/registry/fold.h"
#include "projections/registry/privacy.h"

static void put_epoch(struct fl_folding *f, const fl_epoch_row *row)
{
    struct fl_key key;
    fl_key_number(&key, row->epoch);
    fl_row_put(f->kv, f->arena, FL_TABLE_EPOCHS, &key, &row->base);
}

static void put_link_key(struct fl_folding *f, const fl_link_key_row *row)
{
    struct fl_key key;
    fl_key_number(&key, row->generation);
    fl_row_put(f->kv, f->arena, FL_TABLE_LINK_KEYS, &key, &row->base);
}

void fl_fold_first_keys(struct fl_folding *f)
{
    fl_epoch_row epoch = FLEETLOG__ROWS__V1__EPOCH_ROW__INIT;
    fl_link_key_row link = FLEETLOG__ROWS__V1__LINK_KEY_ROW__INIT;
    epoch.epoch = 1;
    epoch.state = FL_EPOCH_OPEN;
    epoch.opened_at_ms = f->now_ms;
    epoch.opened_sequence = f->sequence;
    put_epoch(f, &epoch);
    link.generation = 1;
    link.rotated_at_ms = f->now_ms;
    put_link_key(f, &link);
}

/* Moves the person from one epoch's list to another's; 0: no list. */
static void list_person(struct fl_folding *f, fl_subject_row *row, uint32_t epoch)
{
    struct fl_key key;
    if (row->epoch != 0) {
        fl_key_epoch_person(&key, row->epoch, row->subject_id);
        fl_index_del(f->kv, &key);
    }
    row->epoch = epoch;
    if (epoch != 0) {
        fl_key_epoch_person(&key, epoch, row->subject_id);
        fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
    }
}

void fl_fold_epoch(struct fl_folding *f, fl_subject_row *row, Fleetlog__V1__AddressIndex **indexes,
                   size_t index_count)
{
    uint32_t newest = 0;
    for (size_t i = 0; i < index_count; i++)
        if (indexes[i]->epoch > newest)
            newest = indexes[i]->epoch;
    list_person(f, row, newest);
}

/* The person is known by no address any more, of epochs below `below`. */
static void drop_addresses(struct fl_folding *f, fl_subject_row *row, uint32_t below)
{
    size_t count = 0;
    for (size_t i = 0; i < row->n_indexes; i++) {
        struct fl_key key;
        if (row->indexes[i]->epoch >= below) {
            row->indexes[count++] = row->indexes[i];
            continue;
        }
        fl_key_address(&key, row->indexes[i]);
        if (!key.bad)
            fl_kv_del(f->kv, FL_TABLE_ADDRESSES, fl_key_slice(&key));
    }
    row->n_indexes = count;
}

static void put_subject(struct fl_folding *f, const fl_subject_row *row)
{
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_SUBJECTS, row->subject_id, &row->base);
}

bool fl_fold_erasure_requested(struct fl_folding *f)
{
    const Fleetlog__V1__ErasureRequested *event =
        (const Fleetlog__V1__ErasureRequested *)f->input->message;
    fl_erasure_row row = FLEETLOG__ROWS__V1__ERASURE_ROW__INIT;
    struct fl_epochs epochs;
    struct fl_key key;
    fl_subject_row *subject = fl_fold_row(f, FL_TABLE_SUBJECTS, event->subject_id);
    if (subject == NULL)
        return false;
    if (subject->erased)
        return fl_fold_refuse(f, "subject %s is erased already", event->subject_id);
    if (!fl_fold_cancel(f, event->cancelled_command_ids, event->n_cancelled_command_ids) ||
        !fl_fold_end_shares(f, event->subject_id, NULL) ||
        !fl_fold_end_offers(f, event->subject_id) ||
        !fl_fold_end_invitations(f, event->subject_id) ||
        !fl_fold_end_transfers(f, event->subject_id) ||
        !fl_fold_end_reseller_links(f, event->subject_id) ||
        (event->company_id[0] != '\0' &&
         !fl_fold_drop_account(f, event->subject_id, event->company_id)))
        return false;
    fl_registry_epochs(f->kv, f->arena, &epochs);
    drop_addresses(f, subject, UINT32_MAX);
    list_person(f, subject, 0);
    subject->erased = true;
    put_subject(f, subject);
    row.subject_id = event->subject_id;
    row.sequence = f->sequence;
    row.requested_at_ms = f->now_ms;
    row.epoch = epochs.newest;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_ERASURES, event->subject_id, &row.base);
    fl_key_erasure_open(&key, f->sequence, event->subject_id);
    fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
    return true;
}

bool fl_fold_epoch_opened(struct fl_folding *f)
{
    const Fleetlog__V1__EpochOpened *event = (const Fleetlog__V1__EpochOpened *)f->input->message;
    fl_epoch_row row = FLEETLOG__ROWS__V1__EPOCH_ROW__INIT;
    struct fl_epochs epochs;
    fl_registry_epochs(f->kv, f->arena, &epochs);
    if (event->epoch != epochs.newest + 1)
        return fl_fold_refuse(f, "epoch %u follows %u", event->epoch, epochs.newest);
    row.epoch = event->epoch;
    row.state = FL_EPOCH_OPEN;
    row.sealed_keys = event->sealed_keys;
    row.opened_at_ms = f->now_ms;
    row.opened_sequence = f->sequence;
    put_epoch(f, &row);
    return true;
}

static bool reindex(struct fl_folding *f, const Fleetlog__V1__ReindexedPerson *entry,
                    uint32_t epoch)
{
    Fleetlog__V1__AddressIndex index = FLEETLOG__V1__ADDRESS_INDEX__INIT;
    Fleetlog__V1__AddressIndex *indexes[] = {&index};
    fl_subject_row *row = fl_fold_row(f, FL_TABLE_SUBJECTS, entry->subject_id);
    if (row == NULL)
        return false;
    if (row->erased || row->revision != entry->revision_before)
        return fl_fold_refuse(f, "subject %s is not at revision %llu", entry->subject_id,
                              (unsigned long long)entry->revision_before);
    if (entry->revision == 0) {
        drop_addresses(f, row, UINT32_MAX);
        list_person(f, row, 0);
        put_subject(f, row);
        return true;
    }
    /* Indexes of destroyed epochs are of no use to anybody. */
    drop_addresses(f, row, epoch - 1);
    put_subject(f, row);
    index.epoch = epoch;
    index.index = entry->index;
    fl_fold_person(f, entry->subject_id, entry->revision, indexes, 1);
    return true;
}

bool fl_fold_people_reindexed(struct fl_folding *f)
{
    const Fleetlog__V1__PeopleReindexed *event =
        (const Fleetlog__V1__PeopleReindexed *)f->input->message;
    for (size_t i = 0; i < event->n_people; i++)
        if (!reindex(f, event->people[i], event->epoch))
            return false;
    return f->kv->error == FL_OK;
}

static bool put_if_destroyed(struct fl_folding *f, fl_epoch_row *row)
{
    char number[16];
    if (fl_registry_node_missing(f->kv, f->arena, row->destroyed_node_ids,
                                 row->n_destroyed_node_ids) == NULL) {
        snprintf(number, sizeof(number), "%u", row->epoch);
        if (!fl_fold_move(f, &fl_epoch_machine, &row->state, FL_EPOCH_DESTROYED, number))
            return false;
    }
    put_epoch(f, row);
    return true;
}

bool fl_fold_destroyed_everywhere(struct fl_folding *f)
{
    struct fl_epochs epochs;
    fl_registry_epochs(f->kv, f->arena, &epochs);
    fl_epoch_row *row =
        epochs.closed == 0 ? NULL : (void *)fl_registry_epoch(f->kv, f->arena, epochs.closed);
    return row == NULL || put_if_destroyed(f, row);
}

bool fl_fold_epoch_confirmed(struct fl_folding *f)
{
    const Fleetlog__V1__EpochConfirmed *event =
        (const Fleetlog__V1__EpochConfirmed *)f->input->message;
    bool is_stored = event->what == FLEETLOG__V1__EPOCH_CONFIRMATION__EPOCH_CONFIRMATION_STORED;
    fl_epoch_row *row = (void *)fl_registry_epoch(f->kv, f->arena, event->epoch);
    if (row == NULL)
        return fl_fold_refuse(f, "no epoch %u", event->epoch);
    const char ***ids = is_stored ? &row->stored_node_ids : &row->destroyed_node_ids;
    size_t *count = is_stored ? &row->n_stored_node_ids : &row->n_destroyed_node_ids;
    const char **all = fl_arena_calloc(f->arena, *count + 1, sizeof(*all));
    char *node_id = fl_arena_text(f->arena, fl_slice_text(event->node_id));
    if (all == NULL || node_id == NULL) {
        fl_kv_fail(f->kv, FL_NO_MEMORY);
        return false;
    }
    if (*count != 0)
        memcpy(all, *ids, *count * sizeof(*all));
    all[(*count)++] = node_id;
    *ids = all;
    if (!is_stored)
        return put_if_destroyed(f, row);
    put_epoch(f, row);
    return true;
}

bool fl_fold_epoch_closed(struct fl_folding *f)
{
    const Fleetlog__V1__EpochClosed *event = (const Fleetlog__V1__EpochClosed *)f->input->message;
    char number[16];
    fl_epoch_row *row = (void *)fl_registry_epoch(f->kv, f->arena, event->epoch);
    snprintf(number, sizeof(number), "%u", event->epoch);
    if (row == NULL)
        return fl_fold_refuse(f, "no epoch %u", event->epoch);
    if (!fl_fold_move(f, &fl_epoch_machine, &row->state, FL_EPOCH_CLOSED, number))
        return false;
    put_epoch(f, row);
    return true;
}

bool fl_fold_person_erased(struct fl_folding *f)
{
    const Fleetlog__V1__PersonErased *event = (const Fleetlog__V1__PersonErased *)f->input->message;
    struct fl_key key;
    fl_erasure_row *row = fl_fold_row(f, FL_TABLE_ERASURES, event->subject_id);
    if (row == NULL)
        return false;
    if (row->done)
        return fl_fold_refuse(f, "subject %s is erased already", event->subject_id);
    fl_key_erasure_open(&key, row->sequence, row->subject_id);
    fl_index_del(f->kv, &key);
    row->done = true;
    row->done_at_ms = f->now_ms;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_ERASURES, row->subject_id, &row->base);
    return true;
}

bool fl_fold_link_key_rotated(struct fl_folding *f)
{
    const Fleetlog__V1__LinkKeyRotated *event =
        (const Fleetlog__V1__LinkKeyRotated *)f->input->message;
    fl_link_key_row row = FLEETLOG__ROWS__V1__LINK_KEY_ROW__INIT;
    uint32_t newest = fl_registry_link_generation(f->kv);
    if (event->generation != newest + 1)
        return fl_fold_refuse(f, "link key %u follows %u", event->generation, newest);
    row.generation = event->generation;
    row.epoch = event->epoch;
    row.sealed_key = event->sealed_key;
    row.rotated_at_ms = f->now_ms;
    put_link_key(f, &row);
    return true;
}
