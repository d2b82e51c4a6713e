/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a projection knows about itself, as rows beside its own: whose log it read, how far, and
 * what it met.
 *
 * The rows stand in the same transaction as the view's rows, which is what makes every record count
 * exactly once. They work on any kv, so that tests and scratch folds keep the same rows in memory.
 * They are no part of a digest: positions and counts differ between two ways to the same view.
 *
 * Invariants: 1. `next` is the offset of the first record not applied. 2. `last_hash` is that of
 * record `last`, and last < next. 3. positions, head and counts are written by whoever commits the
 * rows, never alone.
 * Threading: that of the kv. Allocation: none. Errors: sticky in the kv; a row that does not decode
 * is FL_CORRUPT.
 */
#include "core/chain.h"
#include "core/ids.h"
#include "core/kv.h"
#include "schemas/topics.h"

enum {
    FL_STORE_TABLE_PARKED = FL_KV_TABLE_COUNT_MAX - 2,
    FL_STORE_TABLE_META = FL_KV_TABLE_COUNT_MAX - 1,
    FL_STORE_VIEW_TABLE_COUNT_MAX = FL_STORE_TABLE_PARKED,
    FL_STORE_FORMAT = 1, /* of the rows below */
    FL_VIEW_NAME_SIZE_MAX = 32,
};

/* Their names in an environment. */
#define FL_STORE_TABLE_PARKED_NAME "_parked"
#define FL_STORE_TABLE_META_NAME "_meta"

/* How far one partition has been read. */
struct fl_position {
    uint64_t next;                   /* offset of the first record not applied */
    uint64_t last;                   /* offset of the last one applied; FL_OFFSET_NONE: none */
    int64_t last_time_ms;            /* its timestamp */
    uint8_t last_hash[FL_HASH_SIZE]; /* see fl_position_hash */
};

/* The hash kept of the last record of a topic. Telemetry is read without its headers, so its hash
 * is that of the record without them. */
void fl_position_hash(enum fl_topic topic, struct fl_sha256 *state, const struct fl_record *record,
                      uint8_t out[FL_HASH_SIZE]);

/* A topic's letter in keys: what stands on the disk must not move when the table of topics does. */
uint8_t fl_meta_topic_code(enum fl_topic topic);
bool fl_meta_code_topic(uint8_t code, enum fl_topic *topic);

/* {0, none} when there is no row. */
struct fl_position fl_meta_position(struct fl_kv *kv, enum fl_topic topic, uint32_t partition);
void fl_meta_set_position(struct fl_kv *kv, enum fl_topic topic, uint32_t partition,
                          const struct fl_position *position);

/* Calls `each` for every position row, by topic and partition; it must not write. */
void fl_meta_each_position(struct fl_kv *kv,
                           void (*each)(void *context, enum fl_topic topic, uint32_t partition,
                                        const struct fl_position *position),
                           void *context);

/* The head before the first event when there is no row. */
void fl_meta_head(struct fl_kv *kv, struct fl_chain_head *head);
void fl_meta_set_head(struct fl_kv *kv, const struct fl_chain_head *head);

/* False (and an empty text) while no event has been seen. */
bool fl_meta_log_id(struct fl_kv *kv, char out[FL_ID_TEXT_SIZE]);
void fl_meta_set_log_id(struct fl_kv *kv, const char *log_id);

/* The journal (fl_journal_identity) that the positions were moved to by a migration; false and an
 * empty text if they never were. */
bool fl_meta_moved_to(struct fl_kv *kv, char out[FL_JOURNAL_IDENTITY_SIZE]);
void fl_meta_set_moved_to(struct fl_kv *kv, const char *identity);

/* What was met on the way. */
struct fl_meta_counts {
    uint64_t applied;    /* records given to the view */
    uint64_t voids;      /* records of events that the chain rule refuses, alarms included */
    uint64_t alarms;     /* of these: written by a faulty decider */
    uint64_t duplicates; /* of the voids: the head's own bytes once more */
    uint64_t unknown;    /* events of a type that this version does not know */
    uint64_t skipped;    /* parked records that somebody decided to skip */
    uint64_t malformed;  /* records of `parked` that are no decision */
    uint64_t parked;     /* records that wait now: rows of the parked table */
};
struct fl_meta_counts fl_meta_counts(struct fl_kv *kv);
void fl_meta_set_counts(struct fl_kv *kv, const struct fl_meta_counts *counts);

/* Counts one more event of an unknown type under its name. */
void fl_meta_count_unknown(struct fl_kv *kv, struct fl_slice type_name);

/* Which view, which fold, which form of these rows. */
struct fl_meta_identity {
    uint32_t format;
    uint32_t fold_version;
    char view[FL_VIEW_NAME_SIZE_MAX];
};
/* False when there is none: a new environment. */
bool fl_meta_identity(struct fl_kv *kv, struct fl_meta_identity *identity);
void fl_meta_set_identity(struct fl_kv *kv, const struct fl_meta_identity *identity);

/* Wall clock of the last commit, Unix ms; 0: none. */
int64_t fl_meta_commit_time(struct fl_kv *kv);
void fl_meta_set_commit_time(struct fl_kv *kv, int64_t time_ms);

/* A hole: records that retention had removed before they were read. */
struct fl_meta_gap {
    enum fl_topic topic;
    uint32_t partition;
    uint64_t from; /* first offset missed */
    uint64_t to;   /* first offset read after it */
};
void fl_meta_add_gap(struct fl_kv *kv, const struct fl_meta_gap *gap);

/* Calls `each` for every gap, in order. */
void fl_meta_each_gap(struct fl_kv *kv, void (*each)(void *context, const struct fl_meta_gap *gap),
                      void *context);

/* Checks every row's form and the invariants above; false with the broken one in `detail`. */
bool fl_meta_check(struct fl_kv *kv, char *detail, size_t detail_size);
