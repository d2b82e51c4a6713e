/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A log (on the embedded journal, or on Kafka), a projector of the sample view in a process of its
 * own that may be killed anywhere, and a reader beside it: what the tests of this folder share.
 *
 * The program runs itself again as the child (`child <duty> <directory>`), because an LMDB
 * environment must not cross a fork.
 */
#include <sys/types.h>

#include "projections/store/store_reader.h"
#include "tests/unit/scratch.h"
#include "tests/unit/store/sample_log.h"
#include "tests/unit/store/sample_view.h"

enum { WORLD_PARTITIONS = 3, WORLD_DEADLINE_MS = 60000 };

struct world {
    struct fl_scratch scratch;
    struct fl_journal *journal;
    struct sample_log log;
    struct fl_view view; /* of this process's reader and checks */
    struct fl_store_reader *reader;
    pid_t child;
    int ready; /* the child says here that it works */
    uint64_t seed;
    char views[FL_SCRATCH_PATH_SIZE + 8];
    char detail[FL_DETAIL_SIZE];
};

int world_set_up(void **state);
int world_tear_down(void **state);

/* Another variant of the sample view, here and in children started from now on. */
void world_use_view(struct world *world, const char *variant);

/* The embedded journal below the directory; with FLEETLOG_WORLD_PREFIX, topics of that prefix on
 * the broker that FLEETLOG_TEST_KAFKA names. */
enum fl_error world_open_journal(const char *directory, struct fl_journal **journal);

/* Starts a child of the given duty. fault: FLEETLOG_FAULT_POINT or NULL. */
void world_start(struct world *world, const char *duty, const char *fault);

/* Asks the child to stop once it is ready, or kills it; returns its wait status. */
int world_stop(struct world *world);
int world_kill(struct world *world);
int world_join(struct world *world);

/* Waits until the event has been applied; false if it was not in time or the child has died. */
bool world_wait(struct world *world, uint64_t sequence);

/* Waits until every record that is on the log now has been applied and committed. */
bool world_wait_all(struct world *world);

/* Closes the reader, opens the rows and compares them with a fresh fold of the log to the rows'
 * position; checks every invariant. The child must have ended. */
void world_assert_rows(struct world *world);

/* The same, and the rows stand at the end of the log. */
void world_assert_complete(struct world *world);

/* A number below `bound` from the world's seed. */
unsigned world_draw(struct world *world, unsigned bound);

/* Appends `count` records of all kinds, by chance. */
void world_write(struct world *world, unsigned count);

/* main() of a test program: runs as the child if asked to. */
int world_main(int argument_count, char **arguments, int (*tests)(void));

/* The child's duties: "project" and those of the program. Returns the exit code. */
int world_project(const char *directory);
int world_child(const char *duty, const char *directory);
