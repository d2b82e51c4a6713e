/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A node at rest, small and with everything in it: a log with an action of every type, refused ones
 * and void records too, decided by the real rules; signed reports and ticks; sealed profiles; every
 * view folded. Tests take copies of it, change one thing, and let verify look.
 *
 * Threading: one thread. Allocation: the records stay in the world's arena.
 */
#include "replay/verify/verify.h"
#include "tests/scenario/cast.h"
#include "tests/unit/scratch.h"

enum {
    NODE_PARTITIONS = 12,
    NODE_DEVICES = 3,
    NODE_PROFILES = 14,        /* all that story_write has sealed, superseded ones too */
    NODE_PROFILE_IN_FORCE = 4, /* offset of one that no later one supersedes */
    NODE_REPORTS = 8,          /* of each device */
    NODE_FINDING_COUNT_MAX = 512,
    NODE_PATH_SIZE = 400,
};

struct node {
    struct fl_scratch scratch;
    char base[NODE_PATH_SIZE]; /* the node as it was made */
    char copy[NODE_PATH_SIZE]; /* the one that is changed */
    struct world world;
    uint8_t agent_secret[64];
    bool goes_on;   /* set before node_make: the log does not move away at the end */
    bool interrupt; /* end verify as soon as it asks */
};

/* Makes the base. */
void node_make(struct node *node);
void node_remove(struct node *node);

/* A fresh copy to change. */
void node_copy(struct node *node);

/* The journal of the copy; the caller closes it. */
struct fl_journal *node_journal(const struct node *node);

/* A report of a device as a telemetry record in the world's arena, signed by the agent. */
struct fl_record node_report(struct node *node, uint32_t number, unsigned device, uint64_t counter,
                             const char *charge);

/* What verify says about the copy. */
struct node_findings {
    enum fl_error error;
    char detail[FL_DETAIL_SIZE];
    struct fl_verify_result result;
    size_t count;
    struct fl_verify_finding all[NODE_FINDING_COUNT_MAX];
};

struct node_findings *node_verify(struct node *node, bool with_views,
                                  const struct fl_rules_set *rules);

/* True if a finding's place begins with `where` (and it is of that check, by its word; "": any). */
bool node_names(const struct node_findings *findings, const char *where, const char *check);

/* Prints them and fails. */
_Noreturn void node_fail(const struct node_findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Fails unless there is none. */
void node_is_clean(struct node *node, const char *what);
