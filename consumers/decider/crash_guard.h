/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One bug must not stop the world: remembers, over crashes, which action decide() was working on
 * (DETAILS.md section 5).
 *
 * A mapped file holds {action offset, hash, build, count} around each decide. Only a crash signal
 * (SEGV, BUS, ILL, FPE, ABRT) inside decide() counts; KILL, TERM and lack of memory do not. After
 * one such crash the next batch is that one action, after three it is answered INTERNAL with the
 * build named.
 *
 * Threading: open, enter and leave belong to the thread that decides. Allocation: the mapping.
 */
#include "core/build.h"
#include "core/error.h"
#include "core/hash.h"

enum { FL_CRASH_COUNT_MAX = 3 };

struct fl_crash_guard;

/* Maps (and makes) the file and installs the handlers. A file that does not decode is begun anew.
 */
enum fl_error fl_crash_guard_open(const char *path, const char *build,
                                  struct fl_crash_guard **guard) FL_MUST_USE;
void fl_crash_guard_close(struct fl_crash_guard **guard);

/* How often decide() has crashed on this very action; 0 for any other. */
unsigned fl_crash_guard_count(const struct fl_crash_guard *guard, uint64_t offset,
                              const uint8_t hash[FL_HASH_SIZE]);

/* True while the action that crashed last has not been answered: the next action to answer is at or
 * below it. Until then batches are of one action. */
bool fl_crash_guard_pending(const struct fl_crash_guard *guard, uint64_t next_action);

/* The build that crashed last. */
const char *fl_crash_guard_build(const struct fl_crash_guard *guard);

/* Around each decide. */
void fl_crash_guard_enter(struct fl_crash_guard *guard, uint64_t offset,
                          const uint8_t hash[FL_HASH_SIZE]);
void fl_crash_guard_leave(struct fl_crash_guard *guard);
