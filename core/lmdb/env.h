/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One LMDB environment: a directory with data.mdb, lock.mdb and a `bell` file.
 *
 * The journal, the agent's queue and the views stand on it. It is opened with LMDB's default
 * durability (a commit that returned is on the disk), thread-free read slots (MDB_NOTLS) and a map
 * that is large and sparse from the start. It deliberately has no cache of environments: LMDB
 * forbids to open one twice in a process, so whoever opens one keeps it and hands it on; a second
 * open finds the first one's descriptor in /proc/self/fd and is refused with FL_INTERNAL. A child
 * made by fork must exec before it opens one.
 *
 * Invariants: 1. tables keep the numbers they have in the list. 2. files are 0600, directories
 * 0700. 3. no transaction of this process is live while the map is re-mapped.
 * Threading: any thread; transactions: see txn.h. Allocation: open allocates.
 * Limits: FL_ENV_READER_COUNT_MAX read transactions at once over all processes; tables up to
 * FL_KV_TABLE_COUNT_MAX.
 */
#include "core/kv.h"

enum { FL_ENV_READER_COUNT_MAX = 1024 };
#define FL_ENV_MAP_SIZE_DEFAULT (UINT64_C(64) << 30)

struct fl_env;

struct fl_env_options {
    const char *directory;     /* created with its parents unless read_only */
    const char *const *tables; /* names, created where missing unless read_only; NULL: unused */
    unsigned table_count;
    uint64_t map_size; /* bytes of address space; 0: 64 GiB; never below what the data needs */
    bool read_only;
};

/* Opens (and creates) an environment and sweeps dead readers. FL_NOT_FOUND: read-only and nothing
 * there. FL_VERSION, FL_CORRUPT: not an environment that this LMDB reads. FL_INTERNAL: open in this
 * process already. */
enum fl_error fl_env_open(const struct fl_env_options *options, struct fl_env **env) FL_MUST_USE;

/* Tolerates NULL, clears the pointer. Every transaction must have ended. */
void fl_env_close(struct fl_env **env);

/* Frees the slots of readers whose process is gone: they would keep old pages from being used
 * again. `cleared` may be NULL. */
enum fl_error fl_env_sweep(struct fl_env *env, unsigned *cleared) FL_MUST_USE;

/* A consistent compacted copy into the existing empty directory `target`; the environment stays in
 * use meanwhile. */
enum fl_error fl_env_copy(struct fl_env *env, const char *target) FL_MUST_USE;

/* Writes every table anew and overwrites every page that is free then, so that nothing deleted can
 * be read in the file any more. It takes as long as a copy, with other writers waiting, and up to
 * three times the room. FL_BUSY: a reader holds old pages; try again. Any process that may
 * write: it changes no row. */
enum fl_error fl_env_scrub(struct fl_env *env) FL_MUST_USE;

struct fl_env_usage {
    uint64_t map_size;  /* bytes of address space */
    uint64_t used_size; /* bytes of the data file in use or free for reuse */
    uint64_t free_size; /* bytes of pages inside used_size that no row needs */
    unsigned reader_slots /* read transactions open now, all processes */;
};

/* Walks LMDB's free list: cheap, but not for every append. */
enum fl_error fl_env_usage(struct fl_env *env, struct fl_env_usage *usage) FL_MUST_USE;

/* True if a write of `size` bytes certainly fits into the map and leaves room for the deletions
 * that make room later (`reserve` bytes). Walks the free list only when the map is nearly full. */
enum fl_error fl_env_has_room(struct fl_env *env, uint64_t size, uint64_t reserve,
                              bool *has_room) FL_MUST_USE;

const char *fl_env_directory(const struct fl_env *env);

/* LMDB's own words about the last failure on this environment; the next failure overwrites them. */
const char *fl_env_detail(const struct fl_env *env);

/* LMDB's code or an errno value as one of ours. */
enum fl_error fl_env_translate(int code);
