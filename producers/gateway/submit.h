/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Appends for many callers at once: a thread collects what waits and sends it as one call to the
 * journal.
 *
 * Each caller blocks until its own records are durable and learns their offsets. A full queue
 * blocks: nothing is dropped. A caller with a deadline may leave; what he left goes on.
 *
 * Threading: fl_submit and fl_submit_until from any thread. Allocation: open; fl_submit_until
 * copies. Limits: FL_SUBMIT_COUNT_MAX records wait at once, FL_SUBMIT_LEFT_COUNT_MAX submissions go
 * on without a caller.
 */
#include "core/journal.h"
#include "producers/gateway/later.h"

enum { FL_SUBMIT_COUNT_MAX = 4096, FL_SUBMIT_LEFT_COUNT_MAX = 1024 };

struct fl_submitter;

/* `later` learns what becomes of what was left, and outlives the submitter. */
enum fl_error fl_submitter_open(struct fl_journal *journal, struct fl_later *later,
                                struct fl_submitter **submitter) FL_MUST_USE;

/* Sends what waits, then ends. */
void fl_submitter_close(struct fl_submitter **submitter);

/* Records for one partition, appended in order. offsets: `count` of them, or NULL. error:
 * FL_UNKNOWN_OUTCOME if some may have landed. */
struct fl_submission {
    const char *topic;
    uint32_t partition;
    uint32_t count;
    const struct fl_record *records;
    uint64_t *offsets;
    enum fl_error error; /* out */
    /* Private. */
    struct fl_submission *next;
    bool done;
};

/* Appends all of them and waits; the first error, or FL_OK. At most FL_SUBMIT_COUNT_MAX records in
 * all. */
enum fl_error fl_submit(struct fl_submitter *submitter, struct fl_submission *submissions,
                        size_t count) FL_MUST_USE;

/* The same until deadline_ms (monotonic). FL_TIMEOUT: the append goes on, and `key` (NULL: nobody
 * will ask) is where its end is remembered. FL_UNAVAILABLE: nothing was or will be appended,
 * because too much is on its way already. offsets are filled only if it ended in time. */
enum fl_error fl_submit_until(struct fl_submitter *submitter, struct fl_submission *submissions,
                              size_t count, const struct fl_later_key *key,
                              int64_t deadline_ms) FL_MUST_USE;

/* Records of a topic ("actions", "subjects", "telemetry") acknowledged so far. */
uint64_t fl_submitter_appended(const struct fl_submitter *submitter, const char *topic);
