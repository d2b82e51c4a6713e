/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the crash tests of the embedded journal share: a child that appends and acknowledges over a
 * pipe until it dies, and a reader that proves that every acknowledged record is there.
 *
 * Each record says by itself which it must be: its value is {writer, append, index, count} and a
 * filler that follows from them. An append must land whole: its records stand side by side.
 *
 * Threading: one thread per process. Limits: CRASH_WRITER_COUNT writers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/journal_engine.h"

enum { CRASH_PARTITION_COUNT = 2, CRASH_WRITER_COUNT = 3, CRASH_APPEND_RECORDS_MAX = 200 };

/* What a child writes to its pipe after an append was acknowledged; under PIPE_BUF, so whole. */
struct crash_ack {
    uint32_t partition;
    uint32_t count;
    uint64_t writer; /* unique per child process */
    uint64_t append; /* its running number */
    uint64_t offset; /* of its first record */
};

/* A child's whole life: appends `append_count` times (0: until killed) and acknowledges to
 * descriptor `out`. Returns the first error; FL_OK at the end. */
enum fl_error crash_append(struct fl_journal *journal, uint64_t writer, uint64_t append_count,
                           int out);

struct crash_log {
    struct crash_ack *acks;
    size_t ack_count;
    size_t ack_capacity;
    uint64_t record_count; /* found by the last check */
};

/* Reads what has come on the pipe, waiting up to timeout_ms for something; false at its end. */
bool crash_take_acks(struct crash_log *log, int in, int timeout_ms);

/* Opens the journal and checks everything that was ever acknowledged, from offset 0 on. */
void crash_check(struct crash_log *log, const char *directory);
void crash_log_fini(struct crash_log *log);

/* Makes the topics. */
void crash_prepare(const char *directory);

enum fl_error crash_open(const char *directory, struct fl_journal **journal);
