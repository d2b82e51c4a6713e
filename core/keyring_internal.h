/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the files of the keyring share; nobody else includes it.
 *
 * Threading: whoever uses keys holds the lock; the functions here expect it to be held.
 */
#include <pthread.h>

#include "core/keyring.h"

enum {
    FL_KEYRING_CONTENT_SIZE_MAX = 2 * FL_KEY_BYTES + 4 +
                                  FL_KEYRING_EPOCH_COUNT_MAX * (4 + 2 * FL_KEY_BYTES) + 4 +
                                  FL_KEYRING_LINK_COUNT_MAX * (4 + FL_KEY_BYTES),
};

struct fl_epoch_keys {
    uint32_t number;
    uint8_t key[FL_KEY_BYTES];
    uint8_t pepper[FL_KEY_BYTES];
};

struct fl_link_key {
    uint32_t generation;
    uint8_t key[FL_KEY_BYTES];
};

struct fl_keyring {
    pthread_rwlock_t lock; /* of all below; first */
    uint64_t stamp;        /* of the file that it was taken from; 0: unknown */
    uint8_t id[FL_KEY_BYTES];
    uint8_t checkpoint_seed[FL_KEY_BYTES];
    uint32_t epoch_count;
    struct fl_epoch_keys epochs[FL_KEYRING_EPOCH_COUNT_MAX];
    uint32_t link_count;
    struct fl_link_key links[FL_KEYRING_LINK_COUNT_MAX];
};

struct fl_keyring *fl_keyring_allocate(void);

/* The content that files hold sealed. */
enum fl_error fl_keyring_parse(struct fl_slice content, struct fl_keyring *keyring);
struct fl_slice fl_keyring_format(const struct fl_keyring *keyring,
                                  uint8_t out[FL_KEYRING_CONTENT_SIZE_MAX]);

const struct fl_epoch_keys *fl_keyring_find_epoch(const struct fl_keyring *keyring,
                                                  uint32_t number);
const struct fl_link_key *fl_keyring_find_link(const struct fl_keyring *keyring,
                                               uint32_t generation);

static inline void fl_keyring_lock(const struct fl_keyring *keyring)
{
    pthread_rwlock_rdlock((pthread_rwlock_t *)&keyring->lock);
}

static inline void fl_keyring_unlock(const struct fl_keyring *keyring)
{
    pthread_rwlock_unlock((pthread_rwlock_t *)&keyring->lock);
}
