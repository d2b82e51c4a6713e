/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The one error type of fleetlog: every fallible function returns it.
 *
 * Callers decide by class, not by code; the codes of `error.def` are for logs and people.
 *   RETRY    keep the position, back off, try again
 *   REJECT   the input's fault: answer or park it, then advance
 *   LIMIT    full: stop intake, keep serving reads, alarm
 *   CORRUPT  our store or log fails its check: stop, rebuild
 *   USAGE    refuse to start
 *   FATAL    end this process now; its supervisor starts it again (a failed commit or fsync is
 * never retried)
 *
 * Threading: pure. Allocation: none.
 */
enum fl_error {
#define FL_ERROR(name, class, text) FL_##name,
#include "core/error.def"
#undef FL_ERROR
    FL_ERROR_COUNT
};

enum fl_error_class {
    FL_CLASS_NONE,
    FL_CLASS_RETRY,
    FL_CLASS_REJECT,
    FL_CLASS_LIMIT,
    FL_CLASS_CORRUPT,
    FL_CLASS_USAGE,
    FL_CLASS_FATAL,
};

#define FL_MUST_USE __attribute__((warn_unused_result))

/* Class of `error`; FL_CLASS_NONE for FL_OK. */
enum fl_error_class fl_error_class(enum fl_error error);

/* Stable upper-case name ("LOG_CHANGED"); static storage. */
const char *fl_error_name(enum fl_error error);

/* One sentence for people, without a full stop; static storage. */
const char *fl_error_text(enum fl_error error);

/* Exit code of the command line for `error` (0, 1, 2, 3, 4, 75, 130: see docs of the commands). */
int fl_error_exit_code(enum fl_error error);

/* Translates an errno value (ENOSPC becomes FL_FULL, ENOENT FL_NOT_FOUND, ENOMEM FL_NO_MEMORY, the
 * rest FL_IO). */
enum fl_error fl_error_from_errno(int errno_value);
