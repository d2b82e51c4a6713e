/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reading a view: queries on a snapshot, read-your-writes, and following the switch to a rebuilt
 * version without a restart.
 *
 * A reader looks at the CURRENT link before each read (one stat) and opens the new version when it
 * was replaced; reads that are under way end on the old one. It opens lazily: before the view's
 * writer has made the first version, reads answer FL_UNAVAILABLE.
 *
 * Invariants: 1. one environment per version and process. 2. an old version is closed when its last
 * read ends. 3. one thread at a time listens to the bell, the others wait for it.
 * Threading: any number of threads; one fl_store_read belongs to one thread at a time.
 * Allocation: open, and once per switch. Limits: hold a read for less than a second.
 */
#include "core/lmdb/txn.h"
#include "core/port.h"
#include "projections/store/meta.h"
#include "projections/view.h"

struct fl_store_reader;
struct fl_store_generation;

/* One open read; the caller's memory. */
struct fl_store_read {
    struct fl_kv *kv; /* for queries, fl_meta_* and fl_parked_* */
    struct fl_txn txn;
    struct fl_store_reader *reader;
    struct fl_store_generation *generation;
};

/* Keeps `view`; copies the path. Opens no environment yet. */
enum fl_error fl_store_open_reader(const char *views_directory, const struct fl_view *view,
                                   const struct fl_port *port,
                                   struct fl_store_reader **reader) FL_MUST_USE;

/* Every read must have ended. Tolerates NULL, clears the pointer. */
void fl_store_reader_close(struct fl_store_reader **reader);

/* Takes the newest commit. FL_UNAVAILABLE: there are no rows yet. FL_VERSION: they are of another
 * fold version. FL_FULL: too many readers. On failure there is nothing to end. */
enum fl_error fl_store_read_begin(struct fl_store_reader *reader,
                                  struct fl_store_read *read) FL_MUST_USE;

/* Ends it and says whether all of it was readable: the sticky error. Tolerates a zeroed one. */
enum fl_error fl_store_read_end(struct fl_store_read *read);

/* Waits until the event with this sequence has been applied (the head's count is above it), at most
 * until deadline_ms (monotonic). FL_TIMEOUT, FL_INTERRUPTED after fl_store_reader_wake, FL_VERSION,
 * FL_CORRUPT. */
enum fl_error fl_store_wait(struct fl_store_reader *reader, uint64_t sequence,
                            int64_t deadline_ms) FL_MUST_USE;

/* Waits until another commit can be read than `*commit` (0: any), telemetry's too, and sets it.
 * FL_TIMEOUT and the others as above. */
enum fl_error fl_store_wait_commit(struct fl_store_reader *reader, uint64_t *commit,
                                   int64_t deadline_ms) FL_MUST_USE;

/* Ends every wait of this reader, now and later, with FL_INTERRUPTED: before a stop. */
void fl_store_reader_wake(struct fl_store_reader *reader);

/* Events applied so far, and the head's time (0 before the first). */
enum fl_error fl_store_reader_head(struct fl_store_reader *reader,
                                   struct fl_chain_head *head) FL_MUST_USE;

/* Frees the slots of readers whose process died; call it every few seconds from a timer. */
enum fl_error fl_store_reader_sweep(struct fl_store_reader *reader) FL_MUST_USE;
