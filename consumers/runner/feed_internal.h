/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What feed.c, feed_parked.c and feed_log.c share; nobody else includes this.
 */
#include <stdarg.h>

#include "consumers/runner/feed.h"
#include "projections/store/parked.h"

enum { FL_FEED_ARENA_SIZE_MAX = 4 * 1024 * 1024 };

/* The last record taken of a source, not hashed yet. */
struct fl_feed_untaken {
    bool moved; /* since the last flush */
    bool has_record;
    struct fl_record record;
};

struct fl_feed {
    const struct fl_view *view;
    void *state;
    struct fl_journal *journal;
    struct fl_chain_check *chain; /* opened at the first event */
    struct fl_chain_head head;
    struct fl_feed_source *sources;
    struct fl_feed_untaken *untaken; /* one per source */
    size_t source_count;
    struct fl_meta_counts counts; /* since the last flush */
    struct fl_feed_pending pending;
    bool any_parked; /* false: no look-up per record */
    bool after_void; /* a row of void records is one line in the log */
    bool log_id_is_new;
    char log_id[FL_ID_TEXT_SIZE];
    struct fl_sha256 *sha;
    struct fl_arena arena;
    char detail[FL_DETAIL_SIZE];
};

/* Keeps the sentence and returns the error. */
/* A view without events that began before the log's first event learns which log it reads later. */
void fl_feed_learn_log_id(struct fl_feed *feed);

enum fl_error fl_feed_fail(struct fl_feed *feed, enum fl_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A record of telemetry, subjects or history: folded, parked, or stored behind a parked one. */
enum fl_error fl_feed_take_keyed(struct fl_feed *feed, struct fl_kv *kv,
                                 const struct fl_feed_source *source, uint64_t offset,
                                 const struct fl_record *record) FL_MUST_USE;

/* A record of `parked`. */
enum fl_error fl_feed_take_decision(struct fl_feed *feed, struct fl_kv *kv, uint64_t offset,
                                    const struct fl_record *record) FL_MUST_USE;
