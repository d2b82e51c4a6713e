/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Proves a log against itself and the views against the log, and names every difference.
 *
 * It reads every raw record once, applies the chain rule, decides every action again with the rules
 * that were in force and compares the event byte for byte, verifies each report's signature by the
 * agent's key in the registry, and folds every view afresh to the position at which a copy of it
 * stands. It changes nothing but its scratch directory, and may run while everything else does: it
 * looks at what stands in the log when it starts. Whoever can rewrite the log, all views and all
 * copies consistently is caught by signed checkpoints, not by this.
 *
 * What is no finding: void records (counted), actions that are not answered yet (counted), repeated
 * reports (counted), rows that rest on telemetry which retention has removed (counted as carried).
 * What is behind a break that cannot be followed is counted as not verified.
 *
 * Threading: called from one thread; a second one helps with signatures. The process must not have
 * the views open itself. Allocation: bounded by the fleet's size over the partitions of telemetry,
 * and by memory_max. Disk: scratch holds a copy and a fold of one view at a time, and the registry.
 */
#include "core/journal.h"
#include "core/port.h"
#include "projections/registry/rules.h"
#include "projections/store/versions.h"
#include "projections/view.h"

enum fl_verify_check {
#define FL_VERIFY_CHECK(name, word, explanation) FL_VERIFY_##name,
#include "replay/verify/checks.def"
#undef FL_VERIFY_CHECK
    FL_VERIFY_CHECK_COUNT
};

/* Stable lower-case word; one sentence without a full stop. Static storage. */
const char *fl_verify_check_word(enum fl_verify_check check);
const char *fl_verify_check_explanation(enum fl_verify_check check);

enum { FL_VERIFY_WHERE_SIZE = 2 * FL_KV_KEY_SIZE_MAX + 128, FL_VERIFY_TEXT_SIZE = 384 };

struct fl_verify_finding {
    enum fl_verify_check check;
    char where[FL_VERIFY_WHERE_SIZE]; /* "events-0@17", "view devices, table rows, key 00000001" */
    char expected[FL_VERIFY_TEXT_SIZE];
    char found[FL_VERIFY_TEXT_SIZE];
};

enum fl_verify_view_state {
    FL_VERIFY_VIEW_COMPARED,
    FL_VERIFY_VIEW_NO_ROWS,       /* no such view here */
    FL_VERIFY_VIEW_OTHER_VERSION, /* made by another fold version: rebuild it first */
    FL_VERIFY_VIEW_NOT_COMPARED,  /* the log has findings and cannot be folded to its position */
};

struct fl_verify_view_result {
    const struct fl_view *view;
    enum fl_verify_view_state state;
    uint64_t sequence; /* events in the copy */
    uint64_t row_count;
    uint64_t carried_count;      /* rows that rest on removed telemetry */
    char reason[FL_DETAIL_SIZE]; /* why it was not compared */
};

enum { FL_VERIFY_VIEW_COUNT_MAX = 16 };

struct fl_verify_result {
    uint64_t finding_count;
    uint64_t event_count;      /* valid ones, decided again */
    uint64_t unanswered_count; /* actions behind the head */
    uint64_t unverified_count; /* records of events behind a break */
    uint64_t void_count;
    uint64_t internal_count; /* INTERNAL answers */
    uint64_t report_count;
    uint64_t signature_count; /* verified */
    uint64_t repeated_count;  /* reports that were there already */
    uint64_t late_count;      /* reports too old to tell */
    uint64_t tick_count;
    uint64_t profile_count; /* records of subjects */
    uint64_t erased_count;  /* people erased, and profiles in force that were removed */
    uint64_t day_count;     /* records of history */
    uint64_t decision_count;
    uint64_t malformed_count; /* records of parked that are no decision */
    struct fl_verify_view_result views[FL_VERIFY_VIEW_COUNT_MAX];
    size_t view_count;
};

struct fl_verify_progress {
    const char *what; /* "events", "telemetry", "view devices" … */
    double part;      /* 0 … 1 of everything */
    uint64_t record_count;
    int64_t eta_ms; /* -1: unknown */
};

struct fl_verify_options {
    struct fl_journal *journal;
    const char *views_directory; /* DATA/views; NULL: no views */
    const struct fl_view *const *views;
    size_t view_count;
    const char *scratch;              /* made, emptied and removed; one verify at a time */
    const struct fl_rules_set *rules; /* NULL: production */
    const struct fl_port *port;
    uint64_t map_size; /* 0: the default */
    size_t memory_max; /* for a fold; 0: 256 MiB */
    bool without_signatures;
    /* Optional: the engine's own check of a topic; FL_CORRUPT with the journal's detail. */
    enum fl_error (*check_topic)(struct fl_journal *journal, const char *topic);
    /* Each difference as it is met. The finding lives until it returns. */
    void (*finding)(void *context, const struct fl_verify_finding *finding);
    /* A few times a second; false ends the work with FL_INTERRUPTED. May be NULL. */
    bool (*progress)(void *context, const struct fl_verify_progress *progress);
    void *context;
};

/* FL_OK: everything was looked at; see result->finding_count. FL_NOT_FOUND: there is no log.
 * FL_LOCKED: another verify works in scratch. FL_VERSION: rules that this build does not know.
 * FL_INTERRUPTED; the journal's errors. `detail`: FL_DETAIL_SIZE. */
enum fl_error fl_verify(const struct fl_verify_options *options, struct fl_verify_result *result,
                        char *detail) FL_MUST_USE;
