/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One topic of a migration: what stands on the target is compared with the source, and the rest is
 * appended, each report's offset checked.
 *
 * Threading: one thread. Allocation: one batch.
 */
#include "replay/migrate/migrate.h"

/* What both steps work on. */
struct fl_migrate_job {
    const struct fl_migrate_options *options;
    struct fl_migrate_result *result;
    char *detail; /* FL_MIGRATE_DETAIL_SIZE */
    bool tail;    /* the second pass: what stands on the target is this run's own */
};

/* Brings a topic's partitions to the same records; makes the topic where it is missing. */
enum fl_error fl_migrate_topic(const struct fl_migrate_job *job,
                               const struct fl_topic_spec *spec) FL_MUST_USE;

/* Reads both in full. FL_CORRUPT with a sentence at the first difference. */
enum fl_error fl_migrate_compare(const struct fl_migrate_job *job,
                                 const struct fl_topic_spec *spec) FL_MUST_USE;

/* Sets the sentence; returns `error`. */
enum fl_error fl_migrate_fail(const struct fl_migrate_job *job, enum fl_error error,
                              const char *format, ...) __attribute__((format(printf, 3, 4)));
