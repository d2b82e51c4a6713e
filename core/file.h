/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Small files, safely: read with a bound, create, replace so that a crash leaves the old or the new
 * one.
 *
 * Threading: pure. Allocation: none. Errors: FL_NOT_FOUND, FL_EXISTS, FL_DENIED, FL_FULL, FL_IO.
 */
#include <sys/types.h>

#include "core/error.h"
#include "core/slice.h"

/* Reads at most `size_max` bytes; FL_TOO_LARGE if the file is longer. */
enum fl_error fl_file_read(const char *path, void *out, size_t size_max, size_t *size) FL_MUST_USE;

/* Creates a file that must not exist, fsyncs it and its directory. */
enum fl_error fl_file_create(const char *path, struct fl_slice content, mode_t mode) FL_MUST_USE;

/* Writes beside, fsyncs, renames over `path`, fsyncs the directory. */
enum fl_error fl_file_replace(const char *path, struct fl_slice content, mode_t mode) FL_MUST_USE;

/* FL_DENIED if group or others may read or write it. */
enum fl_error fl_file_check_private(const char *path) FL_MUST_USE;

/* mkdir -p with `mode` for what it makes. */
enum fl_error fl_directory_ensure(const char *path, mode_t mode) FL_MUST_USE;

/* fsync of the directory that holds `path`. */
enum fl_error fl_directory_sync_of(const char *path) FL_MUST_USE;

/* Free bytes on the file system of `path` for this user. */
enum fl_error fl_file_system_free(const char *path, uint64_t *bytes) FL_MUST_USE;
