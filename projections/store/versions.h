/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The directory of one view: which versions of its rows there are, which one counts, who writes.
 *
 *   views/<name>/<fold version>-<build>/   an environment each
 *   views/<name>/CURRENT                   the version that readers follow
 *   views/<name>/PREVIOUS                  the one before it, kept for a way back
 *   views/<name>/BUILDING                  the one that a rebuild is filling
 *   views/<name>/WANTED                    a rebuild asks the view's writer to go on with this one
 *   views/<name>/lock                      held by the writer of CURRENT, with its process id
 *   views/<name>/rebuild.lock              held by a rebuild
 *   views/<name>/<version>/owner           held by whoever writes that environment
 *
 * A link is a small file that holds a version's name and is replaced by rename, so that a crash
 * leaves the old or the new one. Locks are flock(2): they end with their process.
 *
 * Threading: none of its own. Allocation: none. Limits: paths under PATH_MAX (FL_INVALID).
 */
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

enum { FL_VERSION_NAME_SIZE = 32 };

struct fl_versions {
    char path[PATH_MAX]; /* DATA/views/<name> */
};

/* Names the directory and makes it where `create`. FL_NOT_FOUND if it is not there. */
enum fl_error fl_versions_open(struct fl_versions *versions, const char *views_directory,
                               const char *view_name, bool create) FL_MUST_USE;

enum fl_version_link {
    FL_LINK_CURRENT,
    FL_LINK_PREVIOUS,
    FL_LINK_BUILDING,
    FL_LINK_WANTED,
};

/* FL_NOT_FOUND: there is no such link. FL_CORRUPT: it holds no version's name. */
enum fl_error fl_versions_read(const struct fl_versions *versions, enum fl_version_link link,
                               char out[FL_VERSION_NAME_SIZE]) FL_MUST_USE;

/* Replaces the link and syncs it and its directory. */
enum fl_error fl_versions_write(const struct fl_versions *versions, enum fl_version_link link,
                                const char *version) FL_MUST_USE;

/* Removes the link; FL_OK if there is none. */
enum fl_error fl_versions_clear(const struct fl_versions *versions,
                                enum fl_version_link link) FL_MUST_USE;

/* The fold version in a version's name; false if it is none. */
bool fl_version_parse(const char *version, uint32_t *fold_version, uint32_t *build);

/* A name that is not taken: the build is one above all builds there. */
enum fl_error fl_versions_next(const struct fl_versions *versions, uint32_t fold_version,
                               char out[FL_VERSION_NAME_SIZE]) FL_MUST_USE;

/* DATA/views/<name>/<version>. */
enum fl_error fl_versions_path(const struct fl_versions *versions, const char *version,
                               char out[PATH_MAX]) FL_MUST_USE;

/* Removes a version with its files; FL_OK if it is not there. */
enum fl_error fl_versions_remove(const struct fl_versions *versions,
                                 const char *version) FL_MUST_USE;

/* Removes every version that no link names. */
enum fl_error fl_versions_prune(const struct fl_versions *versions) FL_MUST_USE;

/* Takes an exclusive lock on `file` (created, 0600) below the view's directory and writes this
 * process's id into it; waits at most wait_ms for the one who has it. FL_LOCKED: another has it;
 * `holder` (may be NULL) receives its id, 0 if unknown. The lock is given back by closing the
 * descriptor. */
enum fl_error fl_versions_lock(const struct fl_versions *versions, const char *file, int wait_ms,
                               int *descriptor, int *holder) FL_MUST_USE;

/* Changes whenever a link was replaced; 0: there is none. One stat(2). */
uint64_t fl_versions_stamp(const struct fl_versions *versions, enum fl_version_link link);
