/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Writes a log for tests of whatever reads one: a genesis, renamings as actions with valid events,
 * void events, reports, profiles, decisions. Asserts that every append works.
 */
#include "core/chain.h"
#include "core/journal.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"
#include "schemas/topics.h"

struct sample_log {
    struct fl_journal *journal;
    struct fl_chain_head head;
    struct fl_arena arena;
    struct fl_sha256 *sha;
    struct fl_id_source ids;
    uint32_t partition_count;
    int64_t time_ms;
    char log_id[FL_ID_TEXT_SIZE];
};

/* Makes the topics and, in an empty log, the genesis; goes on behind the head of one that has one.
 */
void sample_log_open(struct sample_log *log, struct fl_journal *journal, uint32_t partition_count);
void sample_log_close(struct sample_log *log);

/* An action and the event that answers it; returns the event's sequence. The sample view cannot
 * fold the name "bad". */
uint64_t sample_log_event(struct sample_log *log, const char *name);

/* The same with a type that nobody knows. */
uint64_t sample_log_unknown_event(struct sample_log *log);

/* The same, with ce_minreader 2. */
uint64_t sample_log_newer_event(struct sample_log *log);

/* A batch of many, for load. */
void sample_log_events(struct sample_log *log, unsigned count);

/* An event that does not extend the head. */
void sample_log_void(struct sample_log *log);

/* An event that extends the head with a wrong sequence: a faulty decider's. */
void sample_log_alarm(struct sample_log *log);

/* A valid event that answers another action than it names by hash. */
void sample_log_forged(struct sample_log *log);

/* Returns the offset in its partition: device modulo partitions. */
uint64_t sample_log_report(struct sample_log *log, uint32_t device, const char *value);

/* A profile; value NULL removes it. */
void sample_log_subject(struct sample_log *log, const char *key, const char *value);

/* A decision of the projection "sample" on a record of telemetry. */
void sample_log_decide(struct sample_log *log, uint32_t partition, uint64_t offset, bool skip);

/* A record that is no decision. */
void sample_log_junk_decision(struct sample_log *log);
