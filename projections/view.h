/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a projection is: a pure fold of records into tables, as one table of functions.
 *
 * `projections/store` gives it a transaction and keeps cursor, head and log id beside its rows;
 * `consumers/runner` feeds it live; rebuild, verify and tests feed it the same way. A fold sees
 * valid events only: the chain rule has been applied by whoever feeds it. It reads no clock, no
 * random, no file.
 *
 * Errors: apply returns FL_OK, or a REJECT class error with `detail` for a record that cannot be
 * folded (telemetry parks its device; an event stops the projection) and then has changed neither
 * state nor rows, or CORRUPT for a row that does not decode. Store errors are sticky in the kv.
 * Threading: one thread per open state.
 * Allocation: state may cache; it must be able to forget (discard).
 */
#include "core/kv.h"
#include "core/record.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"

enum fl_view_inputs {
    FL_READS_EVENTS = 1,    /* valid events, each with its action */
    FL_READS_TELEMETRY = 2, /* all partitions */
    FL_READS_SUBJECTS = 4,
    FL_READS_PARKED = 8,   /* decisions on parked records */
    FL_READS_HISTORY = 16, /* closed days of devices */
};

enum { FL_PREFETCH_STEPS = 3 };

struct fl_view_input {
    enum fl_view_inputs kind; /* exactly one bit */
    uint32_t partition;
    uint64_t offset;
    const struct fl_record *record;
    /* Events only; NULL message: a type that this version does not know (carried, counted, shown by
     * name). */
    const struct fl_envelope *envelope;
    const ProtobufCMessage *message;
    /* Events only and only if the view asks (needs_actions): the answered action, its envelope and
     * message; envelope and message are NULL when the action cannot be decoded. */
    const struct fl_record *action;
    const struct fl_envelope *action_envelope;
    const ProtobufCMessage *action_message;
};

struct fl_view {
    const char *name;          /* "devices": directory below DATA/views */
    uint32_t fold_version;     /* goes up with every change of the rows */
    unsigned inputs;           /* set of fl_view_inputs */
    bool needs_actions;        /* reads fleetlog.actions too, and gets each event with its action */
    const char *const *tables; /* names; the index is the table number of the kv */
    unsigned table_count;
    /* Creates and frees the in-memory state (dirty rows, caches). memory_max: bytes it may hold. */
    enum fl_error (*open)(size_t memory_max, void **state);
    void (*close)(void *state);
    enum fl_error (*apply)(void *state, struct fl_kv *kv, const struct fl_view_input *input,
                           char detail[FL_DETAIL_SIZE]);
    /* Optional: a record of telemetry will be applied soon; brings memory near, changes nothing.
     * Called in FL_PREFETCH_STEPS steps, some records apart. */
    void (*prefetch)(void *state, const struct fl_record *record, unsigned step);
    /* Writes what the state holds back (dirty rows, in key order); called before every commit. */
    void (*flush)(void *state, struct fl_kv *kv);
    /* Forgets everything since the last commit; called after an abort. */
    void (*discard)(void *state);
    /* True when memory or rows are such that the runner should commit now. */
    bool (*is_full)(const void *state);
    /* Checks every invariant of the rows; false with the broken one in `detail`. */
    bool (*check)(struct fl_kv *kv, char detail[FL_DETAIL_SIZE]);
    /* Events whose ce_minreader is above this stop the view (FL_VERSION). 0: the view carries what
     * it does not know. */
    uint32_t reader_version;
    /* Set of table numbers that are left out of digests and comparisons: counters of what was met
     * (duplicates, late reports), which differ between two ways to the same rows. */
    uint64_t tables_not_compared;
    /* Optional: a migration moved a telemetry partition; its record of offset o now has
     * o - subtract, and those below `subtract` are gone (FL_OFFSET_NONE). Rows that name offsets
     * follow. */
    void (*renumber)(struct fl_kv *kv, uint32_t partition, uint64_t subtract);
    /* Optional: retention removed the records [from, to) of a telemetry partition before they were
     * read; what rests on them is stale. */
    void (*gap)(void *state, struct fl_kv *kv, uint32_t partition, uint64_t from, uint64_t to);
    /* Optional: rows of `before` that rest on telemetry below `begins` (first offset there, by
     * partition) and that a fold of what is left cannot make: taken over into `after`, marked as
     * carried. Rebuild and verify call it once, behind the fold. */
    void (*carry)(struct fl_kv *before, struct fl_kv *after, const uint64_t *begins,
                  uint32_t partition_count);
};
