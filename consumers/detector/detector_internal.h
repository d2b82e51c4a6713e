/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the detector's process share; nobody else includes it. */
#include "consumers/runner/projector.h"
#include "core/arena.h"
#include "core/limits.h"
#include "projections/detector/detector.h"
#include "projections/registry/registry.h"
#include "projections/store/store_reader.h"

enum {
    DETECTOR_ARENA_SIZE = 32 * 1024 * 1024,
    DETECTOR_APPEND_COUNT_MAX = 1000, /* actions of one append */
    DETECTOR_WAITING_COUNT_MAX = 1000000,
};

struct detector {
    struct fl_duty *duty;
    struct fl_projector *projector;
    struct fl_store_reader *registry;
    struct fl_group *lease;
    struct fl_detector_settings settings;
    struct fl_arena arena;
    bool held;
    bool live;     /* the rows have caught up once */
    bool compares; /* what stands is to be compared with the registry */
    bool settled;  /* the registry has been waited for since the lease was taken */
    uint64_t appended_count;
    uint64_t *targets; /* by partition: silent until the rows are here */
    uint32_t partition_count;
    /* The actions of one append. */
    struct fl_record *records;
    uint64_t *offsets;
    uint32_t record_count;
    char log_id[FL_ID_TEXT_SIZE];
};

/* Waits a little, beating; FL_INTERRUPTED when a stop was asked for. */
enum fl_error fl_detector_pause(struct detector *detector) FL_MUST_USE;

/* Reports a change unless the registry has it; it is appended by fl_detector_send at the latest. */
enum fl_error fl_detector_report(struct detector *detector,
                                 const struct fl_change *change) FL_MUST_USE;

/* Appends what was gathered and waits for the acknowledgement, for as long as it takes. */
enum fl_error fl_detector_send(struct detector *detector) FL_MUST_USE;

/* Waits until the registry has answered every action that is on the log now; FL_TIMEOUT if it does
 * not in good time, FL_INTERRUPTED. */
enum fl_error fl_detector_await_registry(struct detector *detector) FL_MUST_USE;

/* Reports where what stands differs from the registry, with the current counters. */
enum fl_error fl_detector_compare(struct detector *detector, struct fl_kv *kv) FL_MUST_USE;

/* Keeps the changes beside the rows; lets go of those that the registry has. */
enum fl_error fl_detector_keep(struct detector *detector, struct fl_kv *kv,
                               const struct fl_changes *changes) FL_MUST_USE;

/* Reports those kept before, and removes them. */
enum fl_error fl_detector_report_kept(struct detector *detector, struct fl_kv *kv) FL_MUST_USE;

/* True if the registry (in `kv`) has decided this at that counter or above. */
bool fl_detector_is_known(struct detector *detector, struct fl_kv *kv,
                          const struct fl_change *change);
