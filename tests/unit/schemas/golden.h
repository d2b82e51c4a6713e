/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The golden corpus of a release: records as they were stored, in a text form, read back.
 *
 * A record is a block of lines closed by an empty one: `record TOPIC OFFSET`, `timestamp MS`, `key
 * text TEXT` or `key hex DIGITS`, `header NAME VALUE` in stored order, `value DIGITS`, `hash
 * DIGITS`.
 *
 * Lifetime: what is read lives in the arena. Threading: one thread. Errors: a corpus that cannot be
 * read is a programmer's error (asserted).
 */
#include <stdio.h>

#include "core/arena.h"
#include "core/record.h"

struct golden {
    const char *topic;
    uint64_t offset;
    struct fl_record record;
    uint8_t hash[FL_HASH_SIZE];
};

enum { GOLDEN_COUNT_MAX = 512 };

/* Reads every record of a file; returns how many. */
size_t golden_read(struct fl_arena *arena, const char *path, struct golden out[GOLDEN_COUNT_MAX]);

/* Writes one in that form. */
void golden_write(FILE *file, const struct golden *golden);
