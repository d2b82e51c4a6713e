/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Changes a node's files behind fleetlog's back: the log as somebody would who knows its format
 * (checksums, sizes and indexes fit afterwards), and rows of views.
 *
 * Threading: one thread. Allocation: an arena per opened topic.
 */
#include "schemas/topics.h"
#include "tests/torture/verify/node.h"
#include "tests/torture/verify/tamper_block.h"

enum { TAMPER_RECORD_COUNT_MAX = 256 };

/* A topic's records, to be edited at will. */
struct tampered {
    enum fl_topic topic;
    struct fl_arena arena;
    struct fl_record records[NODE_PARTITIONS][TAMPER_RECORD_COUNT_MAX];
    size_t counts[NODE_PARTITIONS];
};

/* Reads the topic of the copy. */
void tamper_open(struct node *node, enum fl_topic topic, struct tampered *tampered);

/* Puts a whole new topic with these records in its place. */
void tamper_close(struct node *node, struct tampered *tampered);

/* Index is within the partition; the rest moves. */
void tamper_delete(struct tampered *tampered, uint32_t partition, size_t index);
void tamper_insert(struct tampered *tampered, uint32_t partition, size_t index,
                   const struct fl_record *record);
void tamper_swap(struct tampered *tampered, uint32_t partition, size_t index);

/* Changes one byte of key, header or value, or the timestamp; says which. */
void tamper_flip(struct tampered *tampered, uint32_t partition, size_t index, uint64_t *random,
                 char *what, size_t what_size);

/* Which records of `events` are valid and stand there once: their indexes, in order; returns how
 * many. */
size_t tamper_valid_events(const struct tampered *events, size_t indexes[TAMPER_RECORD_COUNT_MAX]);

enum tamper_row { TAMPER_ROW_CHANGE, TAMPER_ROW_DELETE, TAMPER_ROW_ADD, TAMPER_ROW_COUNT };

/* Changes a random row of a table of a view; false if it has none. */
bool tamper_row(struct node *node, const struct fl_view *view, unsigned table, enum tamper_row how,
                uint64_t *random);

/* Changes what a view keeps about itself: 0 its head, 1 its position in the events (without them:
 * in history), 2 the hash kept of the last record. */
void tamper_meta(struct node *node, const struct fl_view *view, int what);

/* FLEETLOG_SEED or the clock; printed. */
uint64_t tamper_seed(void);
