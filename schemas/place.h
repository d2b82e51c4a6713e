/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Where a walk over a message stands, so that a refusal can name it: "person.indexes[1].index: must
 * have 16 bytes". Frames live on the stack of the walk, each with a pointer to the one above.
 *
 * Threading: pure. Allocation: none.
 */
#include <stddef.h>

#include "core/error.h"
#include "schemas/codec.h"

struct fl_place {
    const struct fl_place *parent; /* NULL for the message given */
    const char *field;             /* "" for the message given */
    size_t index;
    bool repeated; /* index counts */
};

/* Writes "path: sentence" (cut to fit) and returns `error`. */
enum fl_error fl_place_refuse(char detail[FL_DETAIL_SIZE], const struct fl_place *place,
                              enum fl_error error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
