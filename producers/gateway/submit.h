/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Appends for many callers at once: a thread collects what waits and sends it as one call to the
 * journal.
 *
 * Each caller blocks until its own records are durable and learns their offsets. A full queue
 * blocks: nothing is dropped.
 *
 * Threading: fl_submit from any thread. Allocation: open. Limits: FL_SUBMIT_COUNT_MAX records wait
 * at once.
 */
#include "core/journal.h"

enum { FL_SUBMIT_COUNT_MAX = 4096 };

struct fl_submitter;

enum fl_error fl_submitter_open(struct fl_journal *journal,
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

/* Records of a topic ("actions", "subjects", "telemetry") acknowledged so far. */
uint64_t fl_submitter_appended(const struct fl_submitter *submitter, const char *topic);
