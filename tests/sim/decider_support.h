/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The real decider in a thread or a process, on any journal, for simulations.
 *
 * Threading: sim_start/sim_stop from one thread. Allocation: the caller's struct.
 */
#include <pthread.h>

#include "consumers/decider/decider.h"
#include "core/arena.h"

struct sim_decider {
    struct fl_duty duty;
    struct fl_datadir datadir;
    struct fl_config *config;
    struct fl_decider_options options;
    pthread_t thread;
    enum fl_error error;
    _Atomic bool done;
    _Atomic uint64_t sequence; /* events applied, as of its last commit */
};

/* Prepares a decider with its own data directory below `directory`. */
void sim_prepare(struct sim_decider *sim, const char *directory, struct fl_journal *journal,
                 const struct fl_decider_options *options);
void sim_start(struct sim_decider *sim);

/* Asks it to stop and waits; what fl_decider_run returned. */
enum fl_error sim_stop(struct sim_decider *sim);
void sim_dispose(struct sim_decider *sim);

/* Creates the topics. */
void sim_topics(struct fl_journal *journal);

/* Appends genesis (first call) or CreateCompany named `name` as an operator's action. */
void sim_append_genesis(struct fl_journal *journal);
void sim_append_company(struct fl_journal *journal, const char *name, unsigned number);

/* Walks all events by the chain rule; returns how many are valid. `voids` counts the others. */
uint64_t sim_count_valid(struct fl_journal *journal, uint64_t *voids);

/* Runs the decider until its registry has applied `wanted` events, then stops it. */
void sim_run_until(struct sim_decider *sim, struct fl_journal *journal, uint64_t wanted);

/* Runs a stopped decider again on `journal` until its registry has applied every event, stops it,
 * takes the digest of its registry. */
void sim_catch_up(struct sim_decider *sim, struct fl_journal *journal, uint8_t out[FL_HASH_SIZE]);
