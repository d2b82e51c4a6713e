/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The suite that every journal engine passes: each sentence of core/journal.h as a test.
 *
 * A program per engine fills in struct fl_conformance_engine and calls fl_conformance_run. Where
 * engines differ by contract, a flag says so and the test states both behaviours.
 *
 * Threading: one test at a time; tests start threads and processes of their own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/journal.h"

struct fl_conformance_engine {
    const char *name;
    /* An expected offset is checked (embedded, memory) or ignored (kafka). */
    bool checks_expected_offset;
    /* The records of one append stand side by side (embedded, memory), or those of others may come
     * between (kafka). */
    bool batches_are_contiguous;
    /* fl_journal_maintain applies retention and compaction (embedded, memory), or the broker does
     * when it likes (kafka). */
    bool maintains;
    /* Longest that a member may wait for a lease whose holder died (kafka: the session's end). */
    int lease_takeover_ms;
    /* What a child process needs to open the same log; NULL: the log lives in this process alone.
     */
    const char *child_argument;
    void *context;
    /* Opens a client of the log. */
    enum fl_error (*open)(void *context, const char *child_argument, struct fl_journal **journal);
};

/* Runs the suite; returns main's exit code. A child process that the suite started comes in here
 * too: pass main's arguments on. */
int fl_conformance_run(const struct fl_conformance_engine *engine, int argument_count,
                       char **arguments);

/* ---- What follows is for the suite's own files. ---- */

enum { FL_CONFORMANCE_DEADLINE_MS = 30000, FL_CONFORMANCE_SIZE_MAX = 1 << 20 };

struct fl_conformance {
    const struct fl_conformance_engine *engine;
    struct fl_journal *journal;
    char topic[64]; /* a name of its own for each test */
    unsigned topic_count;
};

/* The suite's parts. */
extern const struct CMUnitTest fl_conformance_append_tests[];
extern const struct CMUnitTest fl_conformance_read_tests[];
extern const struct CMUnitTest fl_conformance_topic_tests[];
extern const struct CMUnitTest fl_conformance_group_tests[];
extern const size_t fl_conformance_append_test_count;
extern const size_t fl_conformance_read_test_count;
extern const size_t fl_conformance_topic_test_count;
extern const size_t fl_conformance_group_test_count;

/* Gives the test a topic name of its own (cmocka set-up). */
int fl_conformance_set_up(void **state);

/* Ensures a topic that keeps everything. */
void fl_conformance_topic(struct fl_conformance *suite, const char *name, uint32_t partitions);

/* A record of texts with the present time and no headers; NULL stays NULL. */
struct fl_record fl_conformance_record(const char *key, const char *value);

/* Appends `count` records "first", "first + 1" … as values, keys likewise; returns the first
 * offset. */
uint64_t fl_conformance_append(struct fl_journal *journal, const char *topic, uint32_t partition,
                               unsigned first, unsigned count);

/* Appends one record and returns the call's result. */
enum fl_error fl_conformance_append_one(struct fl_journal *journal, const char *topic,
                                        const struct fl_record *record, uint64_t *offset);

/* Polls until a batch with records comes or the deadline passes (then fails the test). */
void fl_conformance_next(struct fl_reader *reader, struct fl_batch *batch);

/* Reads `count` records of one partition from `from` and hands each to `look`. */
void fl_conformance_read(struct fl_journal *journal, const char *topic, uint32_t partition,
                         uint64_t from, size_t count,
                         void (*look)(void *context, const struct fl_entry *entry), void *context);

uint64_t fl_conformance_end(struct fl_journal *journal, const char *topic, uint32_t partition);

/* Starts this program again as a child: `mode`, then up to three arguments. Returns its pid. */
int fl_conformance_spawn(const struct fl_conformance *suite, const char *mode, const char *first,
                         const char *second, const char *third);

/* Waits for a child: its exit code, or -signal. */
int fl_conformance_wait(int child);
