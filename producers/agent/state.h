/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The agent's own directory: who it is, and all that must outlive a crash.
 *
 *     DIR/lock       one agent at a time
 *     DIR/key        32 bytes: seed of the Ed25519 key; 0600
 *     DIR/agent.id   UUID
 *     DIR/queue/     LMDB: devices with their counters, queued reports, commands
 *
 * Changes gather in one write transaction that stays open for a moment, so that the reports of many
 * UPSes cost one fsync. A counter becomes durable together with its report and nothing is sent
 * before, hence a counter is never used twice, whenever the process dies.
 *
 * Threading: one thread. Allocation: open allocates.
 * Errors: fl_agent_state_commit as core/lmdb/txn.h: FL_IO ends the process; FL_FULL: what was
 * gathered is lost, the caller loads its rows anew.
 */
#include "core/ids.h"
#include "core/lmdb/txn.h"
#include "producers/agent/queue.h"

enum {
    FL_AGENT_TABLE_META,
    FL_AGENT_TABLE_DEVICES,
    FL_AGENT_TABLE_QUEUE,
    FL_AGENT_TABLE_COMMANDS,
    FL_AGENT_TABLE_TABLE_COUNT
};

struct fl_agent_state {
    const struct fl_port *port;
    char agent_id[FL_ID_TEXT_SIZE];
    char company_id[FL_ID_TEXT_SIZE]; /* empty: not enrolled */
    uint8_t public_key[32];
    uint8_t secret_key[64]; /* libsodium's form */
    uint64_t boot;          /* number of this start, from 1 on */
    struct fl_env *env;
    struct fl_txn txn;
    bool writing;
    int64_t began_at_ms; /* monotonic; when the open transaction began */
    struct fl_queue queue;
    int lock_fd;
    char detail[160];
};

/* Opens, and makes what is missing. FL_LOCKED: another agent works on it; FL_DENIED: others may
 * read the key; `state->detail` says more. */
enum fl_error fl_agent_state_open(struct fl_agent_state *state, const char *directory,
                                  uint64_t queue_size_max, const struct fl_port *port) FL_MUST_USE;
void fl_agent_state_close(struct fl_agent_state *state);

/* The write transaction; begun if none is open. Its error is sticky: look at fl_agent_state_commit.
 */
struct fl_kv *fl_agent_state_write(struct fl_agent_state *state);

/* Makes everything gathered durable; nothing to do is FL_OK. */
enum fl_error fl_agent_state_commit(struct fl_agent_state *state) FL_MUST_USE;

/* A snapshot of what is durable. */
enum fl_error fl_agent_state_read(struct fl_agent_state *state, struct fl_txn *txn) FL_MUST_USE;

/* Remembers, in the write transaction, that the agent belongs to a company. */
void fl_agent_state_enrolled(struct fl_agent_state *state, const char *company_id);
