/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The journal in memory, and faults: for tests and simulations.
 *
 * Several clients share one log, so that a test can run two deciders and two readers. A faulty
 * client is one to which things happen that a broker and a network do: acknowledgements get lost or
 * come late, records land twice, never, or after the client is long dead, a log loses what it had
 * acknowledged, a process dies at its Nth call. A fault is {countdown, repeat, paused}, as a test
 * sets it, or strikes by chance; all chance comes from the client's seed.
 *
 * Threading: as core/journal.h; each log has one lock. Waiting for what does not come blocks, so a
 * simulation polls with a timeout of 0. Allocation: every record is copied; compaction is quadratic
 * in the number of records.
 */
#include "core/journal.h"
#include "core/port.h"

struct fl_memory_log;

/* An empty log. `port` tells the time for "too far in the future"; NULL: the system's. */
struct fl_memory_log *fl_memory_log_open(const struct fl_port *port);

/* Every client must be closed before. */
void fl_memory_log_close(struct fl_memory_log **log);

/* A client without faults. */
enum fl_error fl_memory_log_attach(struct fl_memory_log *log,
                                   struct fl_journal **journal) FL_MUST_USE;

/* true: behaves as Kafka, where an expected offset is ignored. */
void fl_memory_log_ignore_expected(struct fl_memory_log *log, bool ignore);

/* The log loses its records at and above `end`, acknowledged or not. */
void fl_memory_log_truncate(struct fl_memory_log *log, const char *topic, uint32_t partition,
                            uint64_t end);

/* Lands everything that is still under way (FL_FAULT_ACK_LATE). */
void fl_memory_log_settle(struct fl_memory_log *log);

enum fl_fault_kind {
    FL_FAULT_ACK_LOST,       /* an append lands; the caller gets FL_UNKNOWN_OUTCOME */
    FL_FAULT_ACK_LATE,       /* the same, but it lands some calls (of anybody) later */
    FL_FAULT_APPEND_LOST,    /* the same, but it never lands */
    FL_FAULT_OFFSET_UNKNOWN, /* lands, FL_OK, no offsets: librdkafka may report none after a retry
                              */
    FL_FAULT_DUPLICATE,      /* lands twice; the caller sees the first */
    FL_FAULT_CONFLICT,       /* nothing lands, FL_CONFLICT */
    FL_FAULT_UNAVAILABLE,    /* nothing lands, FL_UNAVAILABLE */
    FL_FAULT_FULL,           /* nothing lands, FL_FULL */
    FL_FAULT_TRUNCATE,       /* lands, FL_OK, and then the partition loses its last records again */
    FL_FAULT_READ_FAILED,    /* a poll returns FL_UNAVAILABLE */
    FL_FAULT_READ_DELAYED,   /* a poll returns nothing although there is something */
    FL_FAULT_CRASH,          /* before the call: it and every later one return FL_INTERRUPTED */
    FL_FAULT_CRASH_AFTER,    /* the same, but an append has landed */
    FL_FAULT_KIND_COUNT
};

struct fl_fault {
    int countdown; /* calls that it lets pass first; -1: never strikes */
    int repeat;    /* calls that it then strikes; -1: all */
    bool paused;
    unsigned per_mille; /* chance to strike at any call, besides the countdown */
};

/* A client with faults, none of them set. Closing it and leaving its groups work after a crash. */
enum fl_error fl_memory_log_attach_faulty(struct fl_memory_log *log, uint64_t seed,
                                          struct fl_journal **journal) FL_MUST_USE;

/* The settings of one kind, to be changed in place before other threads use the client; `journal`
 * must be a faulty one. */
struct fl_fault *fl_fault_of(struct fl_journal *journal, enum fl_fault_kind kind);

/* No fault strikes while paused. From any thread. */
void fl_faults_pause(struct fl_journal *journal, bool paused);

/* How often a kind has struck: a test asserts that what it set up did happen. */
unsigned fl_fault_count(const struct fl_journal *journal, enum fl_fault_kind kind);

/* True after FL_FAULT_CRASH or FL_FAULT_CRASH_AFTER. */
bool fl_fault_crashed(const struct fl_journal *journal);
