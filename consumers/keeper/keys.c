/* SPDX-License-Identifier: Apache-2.0 */
/* What every node does for itself: keys in, keys out, old pages overwritten, and says so. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "consumers/keeper/keeper_internal.h"
#include "core/fault_point.h"
#include "fleetlog/v1/privacy.pb-c.h"
#include "projections/store/scrub.h"

static bool lists(const char *const *ids, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(ids[i], id) == 0)
            return true;
    return false;
}

/* What this node and the others have confirmed. */
static void look_at_nodes(struct fl_privacy *keeper, struct fl_kv *kv, struct epochs_now *now)
{
    const char *node_id = keeper->duty->datadir->node_id;
    const fl_epoch_row *newest = fl_registry_epoch(kv, &keeper->arena, now->epochs.newest);
    const fl_epoch_row *closed = fl_registry_epoch(kv, &keeper->arena, now->epochs.closed);
    now->is_on_record =
        fl_row_by_id(kv, &keeper->arena, FL_TABLE_NODES, fl_slice_text(node_id)) != NULL;
    if (newest != NULL) {
        now->opened_at_ms = newest->opened_at_ms;
        now->is_stored = lists(newest->stored_node_ids, newest->n_stored_node_ids, node_id);
        now->all_stored = fl_registry_node_missing(kv, &keeper->arena, newest->stored_node_ids,
                                                   newest->n_stored_node_ids) == NULL;
    }
    now->is_destroyed =
        closed != NULL && lists(closed->destroyed_node_ids, closed->n_destroyed_node_ids, node_id);
}

enum fl_error fl_privacy_look(struct fl_privacy *keeper, struct epochs_now *now)
{
    struct fl_store_read read = {.kv = NULL};
    char subject_id[FL_ID_TEXT_SIZE];
    *now = (struct epochs_now){.is_on_record = false};
    enum fl_error error = fl_store_read_begin(keeper->registry, &read);
    if (error != FL_OK)
        return error;
    fl_registry_epochs(read.kv, &keeper->arena, &now->epochs);
    look_at_nodes(keeper, read.kv, now);
    now->all_moved =
        !fl_registry_person_of_epoch(read.kv, now->epochs.oldest_open, NULL, subject_id);
    const fl_log_row *log = fl_registry_log(read.kv, &keeper->arena);
    if (log != NULL)
        snprintf(keeper->log_id, sizeof(keeper->log_id), "%s", log->log_id);
    return fl_store_read_end(&read);
}

/* Takes over one sealed key; what is here already is no failure. */
static enum fl_error settle(enum fl_error error, bool *changed)
{
    if (error == FL_OK)
        *changed = true;
    return error == FL_EXISTS ? FL_OK : error;
}

static enum fl_error adopt_links(struct fl_privacy *keeper, struct fl_kv *kv, bool *changed)
{
    enum fl_error error = FL_OK;
    uint32_t newest = fl_registry_link_generation(kv);
    for (uint32_t i = 2; error == FL_OK && i <= newest; i++) {
        if (fl_keyring_has_link(keeper->keyring, i))
            continue;
        const fl_link_key_row *row = fl_registry_link_key(kv, &keeper->arena, i);
        if (row == NULL)
            return FL_CORRUPT;
        error =
            settle(fl_keyring_adopt_link(keeper->keyring, i, row->epoch,
                                         fl_slice_of(row->sealed_key.data, row->sealed_key.len)),
                   changed);
    }
    return error;
}

/* One after the other: each is sealed by the one before. */
static enum fl_error adopt_epochs(struct fl_privacy *keeper, struct fl_kv *kv, uint32_t newest,
                                  bool *changed)
{
    enum fl_error error = FL_OK;
    for (uint32_t i = fl_keyring_epoch(keeper->keyring) + 1; error == FL_OK && i <= newest; i++) {
        const fl_epoch_row *row = fl_registry_epoch(kv, &keeper->arena, i);
        if (row == NULL)
            return FL_CORRUPT;
        error =
            settle(fl_keyring_adopt_epoch(keeper->keyring, i,
                                          fl_slice_of(row->sealed_keys.data, row->sealed_keys.len)),
                   changed);
        /* A link key may be sealed by an epoch that is only now here. */
        if (error == FL_OK)
            error = adopt_links(keeper, kv, changed);
        error = error == FL_KEYRING ? FL_OK : error;
    }
    return error;
}

static void drop_closed(struct fl_privacy *keeper, const struct fl_epochs *epochs, bool *changed)
{
    uint32_t numbers[FL_KEYRING_EPOCH_COUNT_MAX];
    uint32_t count = fl_keyring_list_epochs(keeper->keyring, numbers);
    for (uint32_t i = 0; i < count; i++)
        if (numbers[i] < epochs->oldest_open && numbers[i] != fl_keyring_epoch(keeper->keyring))
            *changed = fl_keyring_drop_epoch(keeper->keyring, numbers[i]) || *changed;
}

static enum fl_error save(struct fl_privacy *keeper)
{
    char path[PATH_MAX];
    uint8_t wrap_key[FL_KEY_BYTES];
    bool made = false;
    fl_datadir_path(keeper->duty->datadir, "keyring", path);
    enum fl_error error =
        fl_node_wrap_key(keeper->duty->config, keeper->duty->datadir, keeper->duty->port, false,
                         wrap_key, &made, keeper->waits_for);
    if (error == FL_OK)
        error = fl_keyring_replace(keeper->keyring, path, wrap_key);
    sodium_memzero(wrap_key, sizeof(wrap_key));
    return error;
}

enum fl_error fl_privacy_keys(struct fl_privacy *keeper)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_epochs epochs;
    bool changed = false;
    enum fl_error error =
        fl_node_keyring_refresh(keeper->duty->config, keeper->duty->datadir, keeper->keyring);
    if (error == FL_OK)
        error = fl_store_read_begin(keeper->registry, &read);
    if (error != FL_OK)
        return error;
    fl_registry_epochs(read.kv, &keeper->arena, &epochs);
    error = adopt_links(keeper, read.kv, &changed);
    if (error == FL_KEYRING)
        error = FL_OK; /* its epoch may come next */
    if (error == FL_OK)
        error = adopt_epochs(keeper, read.kv, epochs.newest, &changed);
    if (error == FL_KEYRING)
        snprintf(keeper->waits_for, sizeof(keeper->waits_for),
                 "this node's keyring lacks the epoch before %u; bring it with `fleetlog keys "
                 "admit-node`",
                 epochs.newest);
    if (error == FL_OK)
        drop_closed(keeper, &epochs, &changed);
    enum fl_error ended = fl_store_read_end(&read);
    if (error == FL_OK)
        error = ended;
    if (error != FL_OK || !changed)
        return error;
    fl_fault_point("keeper.keys");
    error = save(keeper);
    fl_fault_point("keeper.saved");
    return error;
}

/* A profile of somebody erased that the topic still gives to whoever reads it from the start. */
static enum fl_error find_remains(struct fl_privacy *keeper, bool *found, char *subject_id,
                                  uint64_t *revision)
{
    struct fl_reader *reader = NULL;
    struct fl_store_read read = {.kv = NULL};
    struct fl_batch batch = {.at_end = false};
    struct fl_source source = {.topic = "subjects"};
    uint64_t end = 0;
    *found = false;
    enum fl_error error =
        fl_journal_offsets(keeper->duty->journal, source.topic, 0, &source.offset, &end);
    if (error == FL_OK && source.offset < end)
        error = fl_reader_open(keeper->duty->journal, &source, 1, &reader);
    if (error != FL_OK || reader == NULL)
        return error;
    while (error == FL_OK && !*found && !batch.at_end) {
        fl_duty_beat(keeper->duty);
        error = fl_reader_poll(reader, KEEPER_WAIT_MS, 1024 * 1024, &batch);
        if (error == FL_OK)
            error = fl_store_read_begin(keeper->people, &read);
        for (size_t i = 0; error == FL_OK && !*found && i < batch.count; i++) {
            struct fl_slice id;
            const struct fl_record *record = &batch.entries[i].record;
            if (record->value.data == NULL || !fl_people_key_parse(record->key, &id, revision) ||
                !fl_people_is_erased(read.kv, id))
                continue;
            *found = true;
            (void)fl_slice_to_text(id, subject_id, FL_ID_TEXT_SIZE);
        }
        if (read.kv != NULL) {
            enum fl_error ended = fl_store_read_end(&read);
            error = error != FL_OK ? error : ended;
            read.kv = NULL;
        }
    }
    fl_reader_close(&reader);
    return error;
}

/* Removes it once more: on Kafka that fills the segment that has to be closed before the cleaner
 * takes it. */
static enum fl_error remove_again(struct fl_privacy *keeper, const char *subject_id,
                                  uint64_t revision)
{
    struct fl_record record;
    int64_t now_ms = fl_port_monotonic_ms(keeper->duty->port);
    if (!keeper->held || now_ms < keeper->removed_again_ms + KEEPER_WAIT_MS)
        return FL_OK;
    keeper->removed_again_ms = now_ms;
    if (!fl_privacy_removal(keeper, subject_id, revision, &record))
        return FL_NO_MEMORY;
    return fl_privacy_append_subjects(keeper, &record, 1);
}

/* Nothing of anybody erased is left in a file of this node. FL_BUSY: not yet. */
static enum fl_error clean(struct fl_privacy *keeper)
{
    bool found = false;
    char subject_id[FL_ID_TEXT_SIZE] = "";
    uint64_t revision = 0;
    struct fl_duty *duty = keeper->duty;
    enum fl_error error = find_remains(keeper, &found, subject_id, &revision);
    if (error == FL_OK && found) {
        snprintf(keeper->waits_for, sizeof(keeper->waits_for),
                 "compaction of fleetlog.subjects, which still gives what was removed");
        error = remove_again(keeper, subject_id, revision);
        return error == FL_OK ? FL_BUSY : error;
    }
    if (error != FL_OK)
        return error;
    struct fl_store_read read = {.kv = NULL};
    uint64_t begin = 0;
    uint64_t end = 0;
    error = fl_journal_offsets(duty->journal, "subjects", 0, &begin, &end);
    if (error == FL_OK)
        error = fl_store_read_begin(keeper->people, &read);
    if (error != FL_OK)
        return error;
    bool is_behind = fl_meta_position(read.kv, FL_TOPIC_SUBJECTS, 0).next < end;
    error = fl_store_read_end(&read);
    if (error != FL_OK || is_behind)
        return error != FL_OK ? error : FL_BUSY;
    /* LMDB does not let a process open an environment twice. */
    fl_store_reader_close(&keeper->people);
    error = fl_store_scrub(keeper->views, fl_people_view()->name,
                           fl_config_number(duty->config, FL_SETTING_VIEW_MAP));
    enum fl_error opened =
        fl_store_open_reader(keeper->views, fl_people_view(), duty->port, &keeper->people);
    if (error == FL_OK)
        error = opened;
    if (error == FL_OK)
        error = fl_journal_scrub(duty->journal, "subjects");
    if (error == FL_BUSY)
        snprintf(keeper->waits_for, sizeof(keeper->waits_for),
                 "readers that hold old pages of this node's files");
    return error;
}

static enum fl_error confirm(struct fl_privacy *keeper, uint32_t epoch, bool is_stored)
{
    Fleetlog__V1__ConfirmEpoch action = FLEETLOG__V1__CONFIRM_EPOCH__INIT;
    char actor[FL_ID_TEXT_SIZE + 8];
    action.epoch = epoch;
    action.what = is_stored ? FLEETLOG__V1__EPOCH_CONFIRMATION__EPOCH_CONFIRMATION_STORED
                            : FLEETLOG__V1__EPOCH_CONFIRMATION__EPOCH_CONFIRMATION_DESTROYED;
    snprintf(actor, sizeof(actor), "node:%s", keeper->duty->datadir->node_id);
    return fl_privacy_act(keeper, actor, &action.base);
}

enum fl_error fl_privacy_confirm(struct fl_privacy *keeper, const struct epochs_now *now)
{
    enum fl_error error = FL_OK;
    if (now->epochs.newest > 1 && !now->is_stored &&
        fl_keyring_has_epoch(keeper->keyring, now->epochs.newest))
        error = confirm(keeper, now->epochs.newest, true);
    if (error != FL_OK || now->epochs.closed == 0 || now->is_destroyed)
        return error;
    error = clean(keeper);
    fl_fault_point("keeper.cleaned");
    if (error == FL_OK)
        error = confirm(keeper, now->epochs.closed, false);
    fl_fault_point("keeper.destroyed");
    return error == FL_BUSY ? FL_OK : error;
}
