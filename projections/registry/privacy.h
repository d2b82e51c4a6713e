/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What readers and rules ask the registry about personal data: epochs, link keys, erasures.
 *
 * It holds no key that works: what a row has is wrapped by the epoch before.
 *
 * Threading: one thread per kv. Allocation: the caller's arena. Errors: sticky in the kv.
 */
#include "projections/registry/registry.h"

struct fl_epochs {
    uint32_t newest;      /* 0: there is no log yet */
    uint32_t oldest_open; /* below newest: people are being moved to the newest */
    uint32_t closed;      /* being destroyed; 0: none */
};

void fl_registry_epochs(struct fl_kv *kv, struct fl_arena *arena, struct fl_epochs *epochs);
const fl_epoch_row *fl_registry_epoch(struct fl_kv *kv, struct fl_arena *arena, uint32_t epoch);

/* The newest generation's row is the last. */
const fl_link_key_row *fl_registry_link_key(struct fl_kv *kv, struct fl_arena *arena,
                                            uint32_t generation);
uint32_t fl_registry_link_generation(struct fl_kv *kv);

/* NULL: nobody asked for it. */
const fl_erasure_row *fl_registry_erasure(struct fl_kv *kv, struct fl_arena *arena,
                                          struct fl_slice subject_id);

/* The first living person whose profile is of that epoch and whose id is above `after` (NULL: any);
 * false: there is none. */
bool fl_registry_person_of_epoch(struct fl_kv *kv, uint32_t epoch, const char *after,
                                 char subject_id[FL_ID_TEXT_SIZE]);

/* The first erasure that is not done, behind `after` (0: any); false: none. */
bool fl_registry_open_erasure(struct fl_kv *kv, uint64_t after, uint64_t *sequence,
                              char subject_id[FL_ID_TEXT_SIZE]);

/* The first node on record that is not among `node_ids`; NULL: all are. */
const fl_node_row *fl_registry_node_missing(struct fl_kv *kv, struct fl_arena *arena,
                                            const char *const *node_ids, size_t count);
