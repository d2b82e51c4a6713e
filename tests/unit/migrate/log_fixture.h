/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A log as the tests of migrate want it: actions, events, two partitions of telemetry and a
 * compacted topic, filled from a seed with records of every shape (no key, no value, empty ones,
 * headers repeated and without a value).
 */
#include "core/journal.h"

extern const char *const log_fixture_topics[]; /* NULL-terminated */

/* Makes the topics. */
void log_fixture_topics_make(struct fl_journal *journal);

/* Appends `count` records to every partition; the same seed gives the same bytes, times included
 * (before `now_ms`). */
void log_fixture_fill(struct fl_journal *journal, uint64_t seed, uint32_t count, int64_t now_ms);

/* Appends one record, key and value the text. */
void log_fixture_append(struct fl_journal *journal, const char *topic, const char *text,
                        int64_t time_ms);

/* Fails the test unless partition by partition the n-th record of `source` has offset n on
 * `target`, byte for byte, and the target ends there. Own code, so that it can doubt migrate's. */
void log_fixture_is_moved(struct fl_journal *source, struct fl_journal *target);

/* Number of records that a partition holds. */
uint64_t log_fixture_count(struct fl_journal *journal, const char *topic, uint32_t partition);
