/* SPDX-License-Identifier: Apache-2.0 */
#include "core/error.h"

#include <errno.h>

#include "core/assert.h"

static const struct {
    const char *name;
    const char *text;
    enum fl_error_class class;
} table[] = {
#define FL_ERROR(name, class, text) {#name, text, FL_CLASS_##class},
#include "core/error.def"
#undef FL_ERROR
};

enum fl_error_class fl_error_class(enum fl_error error)
{
    fl_assert(error < FL_ERROR_COUNT);
    return table[error].class;
}

const char *fl_error_name(enum fl_error error)
{
    fl_assert(error < FL_ERROR_COUNT);
    return table[error].name;
}

const char *fl_error_text(enum fl_error error)
{
    fl_assert(error < FL_ERROR_COUNT);
    return table[error].text;
}

int fl_error_exit_code(enum fl_error error)
{
    if (error == FL_NOT_FOUND)
        return 3;
    if (error == FL_INTERRUPTED)
        return 130;
    switch (fl_error_class(error)) {
    case FL_CLASS_NONE:
        return 0;
    case FL_CLASS_RETRY:
    case FL_CLASS_LIMIT:
        return 75;
    case FL_CLASS_CORRUPT:
        return 4;
    case FL_CLASS_USAGE:
        return 2;
    case FL_CLASS_REJECT:
    case FL_CLASS_FATAL:
        return 1;
    }
    return 1;
}

enum fl_error fl_error_from_errno(int errno_value)
{
    switch (errno_value) {
    case 0:
        return FL_OK;
    case ENOSPC:
    case EDQUOT:
        return FL_FULL;
    case ENOMEM:
        return FL_NO_MEMORY;
    case ENOENT:
        return FL_NOT_FOUND;
    case EEXIST:
        return FL_EXISTS;
    case EACCES:
    case EPERM:
        return FL_DENIED;
    case EINTR:
        return FL_INTERRUPTED;
    case ETIMEDOUT:
        return FL_TIMEOUT;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
        return FL_UNAVAILABLE;
    default:
        return FL_IO;
    }
}
