/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/later.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/assert.h"

struct entry {
    struct fl_later_key key;
    enum fl_later_state ended;
    uint64_t offset; /* of the first that is on the log */
    unsigned on_its_way_count;
    uint64_t changed; /* the count of changes at its last one; 0: a free entry */
};

struct fl_later {
    pthread_mutex_t lock;
    uint64_t change_count;
    struct entry entries[FL_LATER_COUNT_MAX];
};

struct fl_later *fl_later_open(void)
{
    struct fl_later *later = calloc(1, sizeof(*later));
    if (later != NULL)
        pthread_mutex_init(&later->lock, NULL);
    return later;
}

void fl_later_close(struct fl_later **later)
{
    if (*later == NULL)
        return;
    pthread_mutex_destroy(&(*later)->lock);
    free(*later);
    *later = NULL;
}

static bool is_key(const struct fl_later_key *a, const struct fl_later_key *b)
{
    return fl_slice_equal(fl_slice_text(a->id), fl_slice_text(b->id)) &&
           fl_slice_equal(fl_slice_text(a->account_id), fl_slice_text(b->account_id));
}

static struct entry *find(struct fl_later *later, const struct fl_later_key *key)
{
    for (size_t i = 0; i < FL_LATER_COUNT_MAX; i++)
        if (later->entries[i].changed > 0 && is_key(&later->entries[i].key, key))
            return &later->entries[i];
    return NULL;
}

/* A free entry, or that of what ended longest ago; NULL if everything is on its way. */
static struct entry *make_room(struct fl_later *later)
{
    struct entry *oldest = NULL;
    for (size_t i = 0; i < FL_LATER_COUNT_MAX; i++) {
        struct entry *entry = &later->entries[i];
        if (entry->on_its_way_count == 0 && (oldest == NULL || entry->changed < oldest->changed))
            oldest = entry;
    }
    if (oldest != NULL)
        *oldest = (struct entry){.ended = FL_LATER_NONE};
    return oldest;
}

bool fl_later_begin(struct fl_later *later, const struct fl_later_key *key)
{
    pthread_mutex_lock(&later->lock);
    struct entry *entry = find(later, key);
    if (entry == NULL)
        entry = make_room(later);
    if (entry != NULL) {
        entry->key = *key;
        entry->on_its_way_count++;
        entry->changed = ++later->change_count;
    }
    pthread_mutex_unlock(&later->lock);
    return entry != NULL;
}

static enum fl_later_state state_of_error(enum fl_error error)
{
    if (error == FL_OK)
        return FL_LATER_ON_THE_LOG;
    return error == FL_UNKNOWN_OUTCOME ? FL_LATER_IN_DOUBT : FL_LATER_NOT_TAKEN;
}

void fl_later_end(struct fl_later *later, const struct fl_later_key *key, enum fl_error error,
                  uint64_t offset)
{
    enum fl_later_state state = state_of_error(error);
    pthread_mutex_lock(&later->lock);
    struct entry *entry = find(later, key);
    fl_assert(entry != NULL && entry->on_its_way_count > 0);
    entry->on_its_way_count--;
    if (state > entry->ended) {
        entry->ended = state;
        entry->offset = offset;
    }
    entry->changed = ++later->change_count;
    pthread_mutex_unlock(&later->lock);
}

enum fl_later_state fl_later_find(struct fl_later *later, struct fl_slice id,
                                  struct fl_slice account_id, uint64_t *offset)
{
    enum fl_later_state state = FL_LATER_NONE;
    pthread_mutex_lock(&later->lock);
    for (size_t i = 0; i < FL_LATER_COUNT_MAX && state == FL_LATER_NONE; i++) {
        const struct entry *entry = &later->entries[i];
        if (entry->changed == 0 || !fl_slice_is(id, entry->key.id) ||
            (account_id.data != NULL && !fl_slice_is(account_id, entry->key.account_id)))
            continue;
        bool is_open = entry->on_its_way_count > 0 && entry->ended != FL_LATER_ON_THE_LOG;
        state = is_open ? FL_LATER_ON_ITS_WAY : entry->ended;
        if (state == FL_LATER_ON_THE_LOG)
            *offset = entry->offset;
    }
    pthread_mutex_unlock(&later->lock);
    return state;
}
