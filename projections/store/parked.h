/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Records that could not be folded, the later ones of the same key that wait for them, and what
 * people decided about them.
 *
 * A record that fails parks its key (a device): from then on all records of that key are stored
 * here instead of being folded, in the transaction that advances past them. The bytes are kept, not
 * only the offset, because retention may remove the record before somebody decides. Only telemetry
 * and subjects are parked; at an event that cannot be folded a projection stops.
 *
 * The parked table is part of a view's digest: two folds of the same log with the same decisions
 * park the same records. Reasons and decisions stand among the meta rows, as their wording may
 * change.
 *
 * Invariants: 1. the first record of a parked key is marked failed, the later ones wait. 2. each
 * record row has its index row by offset and the other way round. 3. counts.parked is the number of
 * record rows. Threading, errors: those of the kv. Allocation: none. Limits: FL_PARKED_COUNT_MAX
 * records; past that the projection stops with FL_FULL instead of growing for ever.
 */
#include "projections/store/meta.h"

enum { FL_PARKED_COUNT_MAX = 1000000, FL_PARKED_REASON_SIZE_MAX = 320 };

/* What is parked together. */
struct fl_parked_key {
    enum fl_topic topic;
    uint32_t partition;
    struct fl_slice key; /* the record's key; NULL and empty are the same */
};

/* A stored record; it has no headers. */
struct fl_parked_record {
    uint64_t offset;
    bool failed; /* it could not be folded; false: it waits for one before it */
    struct fl_record record;
};

/* True if any record of that key is parked. */
bool fl_parked_has(struct fl_kv *kv, const struct fl_parked_key *key);

/* Stores (or replaces) one. */
void fl_parked_add(struct fl_kv *kv, const struct fl_parked_key *key, uint64_t offset,
                   const struct fl_record *record, bool failed);

/* The oldest of that key; false if there is none. The bytes live until the next put or del. */
bool fl_parked_first(struct fl_kv *kv, const struct fl_parked_key *key,
                     struct fl_parked_record *parked);

void fl_parked_remove(struct fl_kv *kv, const struct fl_parked_key *key, uint64_t offset);

/* Finds a record by its offset and copies its key into `bytes`; false if it is not parked. */
bool fl_parked_find(struct fl_kv *kv, enum fl_topic topic, uint32_t partition, uint64_t offset,
                    uint8_t bytes[FL_KEY_SIZE_MAX], struct fl_parked_key *key);

enum fl_parked_decision { FL_PARKED_UNDECIDED, FL_PARKED_RETRY, FL_PARKED_SKIP };

/* The last decision about a record, parked or not (a rebuild reads decisions before records). */
enum fl_parked_decision fl_parked_decision(struct fl_kv *kv, enum fl_topic topic,
                                           uint32_t partition, uint64_t offset);
void fl_parked_decide(struct fl_kv *kv, enum fl_topic topic, uint32_t partition, uint64_t offset,
                      enum fl_parked_decision decision);

/* Why a record failed, for people, and how often it was tried. */
void fl_parked_set_reason(struct fl_kv *kv, enum fl_topic topic, uint32_t partition,
                          uint64_t offset, enum fl_error error, const char *detail);
void fl_parked_clear_reason(struct fl_kv *kv, enum fl_topic topic, uint32_t partition,
                            uint64_t offset);

struct fl_parked_entry {
    struct fl_parked_key key;
    struct fl_parked_record parked;
    uint32_t attempts; /* 0 for one that waits */
    char reason[FL_PARKED_REASON_SIZE_MAX];
};

/* Calls `each` for every parked record, by topic, partition, key, offset; false from it ends the
 * walk. It must not write. */
void fl_parked_each(struct fl_kv *kv,
                    bool (*each)(void *context, const struct fl_parked_entry *entry),
                    void *context);

/* Checks the invariants above; false with the broken one in `detail`. */
bool fl_parked_check(struct fl_kv *kv, char *detail, size_t detail_size);
