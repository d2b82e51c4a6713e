/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of verify share; nobody else includes it. */
#include <limits.h>

#include "core/chain.h"
#include "projections/registry/decide.h"
#include "projections/store/store.h"
#include "replay/verify/verify.h"

enum {
    FL_VERIFY_POLL_MS = 1000,
    FL_VERIFY_SILENCE_MS_MAX = 30000, /* without a record that must be there */
    FL_VERIFY_READ_SIZE = 4 * 1024 * 1024,
    FL_VERIFY_ARENA_SIZE = 16 * 1024 * 1024,
    FL_VERIFY_MEMORY = 256 * 1024 * 1024,
};

/* Work by rule of thumb, for the time that is left: microseconds per record. */
enum {
    FL_VERIFY_WORK_DECIDE = 40,
    FL_VERIFY_WORK_SIGNATURE = 25,
    FL_VERIFY_WORK_RECORD = 1,
    FL_VERIFY_WORK_FOLD_EVENT = 8,
    FL_VERIFY_WORK_FOLD_REPORT = 2,
};

struct fl_verify_range {
    uint64_t begin;
    uint64_t end;
};

struct fl_verify_run {
    const struct fl_verify_options *options;
    struct fl_verify_result *result;
    char *detail;
    char scratch[PATH_MAX];
    int lock_fd;
    struct fl_verify_range ranges[FL_TOPIC_COUNT]; /* partition 0 */
    struct fl_verify_range *telemetry;
    uint32_t partition_count;
    uint64_t topic_findings[FL_TOPIC_COUNT];
    struct fl_store *registry; /* the fold of all events that were verified */
    bool registry_is_partial;  /* the chain could not be followed to its end */
    struct fl_sha256 *sha;
    struct fl_verify_progress progress;
    double work_done;
    double work_total;
    int64_t started_ms;
    int64_t reported_ms;
    uint32_t steps; /* since the clock was looked at */
};

enum fl_error fl_verify_fail(struct fl_verify_run *run, enum fl_error error, const char *format,
                             ...) __attribute__((format(printf, 3, 4)));

/* Keeps the journal's sentence about a topic. */
enum fl_error fl_verify_fail_topic(struct fl_verify_run *run, enum fl_error error,
                                   const char *topic);

/* Begins a finding about the records first … last of a partition, texts empty. */
void fl_verify_find(struct fl_verify_finding *finding, enum fl_verify_check check,
                    enum fl_topic topic, uint32_t partition, uint64_t first, uint64_t last);

/* Counts and hands it to the caller. FL_TOPIC_COUNT: not about a topic. */
void fl_verify_report(struct fl_verify_run *run, enum fl_topic topic,
                      const struct fl_verify_finding *finding);

/* The same in one call, for fixed texts. */
void fl_verify_report_at(struct fl_verify_run *run, enum fl_verify_check check, enum fl_topic topic,
                         uint32_t partition, uint64_t offset, const char *expected,
                         const char *found);

/* One more record of so much work; FL_INTERRUPTED when the caller wants to end. */
enum fl_error fl_verify_step(struct fl_verify_run *run, double work) FL_MUST_USE;

/* A record's ce_time is its timestamp. A record without a time is left to others. */
void fl_verify_time(struct fl_verify_run *run, enum fl_topic topic, uint32_t partition,
                    const struct fl_entry *entry);

/* A plain record (telemetry, subjects): headers of its topic's type. */
void fl_verify_plain(struct fl_verify_run *run, enum fl_topic topic, uint32_t partition,
                     const struct fl_entry *entry);

/* Says where two records differ first: part by part, then in the payload. */
void fl_verify_describe(const struct fl_record *expected, const struct fl_record *found,
                        struct fl_arena *arena, struct fl_verify_finding *finding);

/* The parts, in their order. */
enum fl_error fl_verify_decided(struct fl_verify_run *run) FL_MUST_USE;
enum fl_error fl_verify_telemetry(struct fl_verify_run *run) FL_MUST_USE;
enum fl_error fl_verify_subjects(struct fl_verify_run *run) FL_MUST_USE;
enum fl_error fl_verify_parked(struct fl_verify_run *run) FL_MUST_USE;
enum fl_error fl_verify_history(struct fl_verify_run *run) FL_MUST_USE;
enum fl_error fl_verify_views(struct fl_verify_run *run) FL_MUST_USE;
