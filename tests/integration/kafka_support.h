/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the tests on a real broker share: a journal with a prefix of its own, numbered records, and
 * the broker's controls. FLEETLOG_TEST_KAFKA names the broker; FLEETLOG_TEST_KAFKA_DIR, in tests
 * that have a cluster of their own, holds `ctl` (tests/tools/kafka.sh).
 */
#include "core/journal_engine.h"

/* False, and a sentence, if there is no broker to test on: main then returns KAFKA_SKIPPED. */
enum { KAFKA_SKIPPED = 77 };
bool kafka_is_there(void);

/* Opens a journal on the broker; properties as in fl_kafka_options. */
struct fl_journal *kafka_open(const char *prefix, const char *const *properties);

/* A prefix that no other test and no other run uses; the caller's buffer. */
void kafka_prefix(char *out, size_t out_size);

/* Makes `topic` with so many partitions, kept for ever. */
void kafka_topic(struct fl_journal *journal, const char *topic, uint32_t partition_count);

/* Brokers of the test's cluster. */
int kafka_broker_count(void);

/* Runs `ctl VERB` of the test's own cluster and waits for it; broker 0: all of them. */
void kafka_ctl(const char *verb, int broker);

/* A record whose value is {writer, number}; `value` is the caller's and outlives it. */
struct kafka_number {
    uint32_t writer;
    uint32_t number;
};
struct fl_record kafka_numbered(struct kafka_number *value);

/* Appends numbers first .. first + count of a writer to partition 0; offsets: count of them. */
enum fl_error kafka_append(struct fl_journal *journal, const char *topic, uint32_t writer,
                           uint32_t first, uint32_t count, uint64_t *offsets);

/* Reads partition 0 from its begin to the end that it has now; returns how many records, at most
 * `limit`, fails the test if it takes longer than a minute. */
size_t kafka_read(struct fl_journal *journal, const char *topic, struct kafka_number *out,
                  size_t limit);
