/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A record of the journal: key + headers + value (CloudEvents 1.0, Kafka binary mode), and its
 * hash.
 *
 * A record borrows all of its bytes; whoever hands one out says how long they live. It says nothing
 * about what the bytes mean: that is schemas/.
 *
 * The hash (DESIGN.md section 2, DETAILS.md section 1) is SHA-256 over, in this order: format
 * version u8 = 1, key, number of headers u32, each header's name and value in stored order, value.
 * Every byte string is a u32 big-endian length and the bytes; NULL is the length 0xffffffff. The
 * timestamp and the topic are not part of it.
 *
 * Threading: pure. Allocation: none but what fl_record_copy takes from its arena.
 */
#include "core/arena.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/limits.h"
#include "core/slice.h"

struct fl_header {
    struct fl_slice name;
    struct fl_slice value; /* data == NULL: a header without a value */
};

struct fl_record {
    struct fl_slice key;   /* data == NULL: no key */
    struct fl_slice value; /* data == NULL: a tombstone */
    const struct fl_header *headers;
    uint32_t header_count;
    int64_t timestamp_ms; /* CreateTime, Unix */
};

enum { FL_RECORD_HASH_VERSION = 1 };

/* Hash by the rule above. */
void fl_record_hash(struct fl_sha256 *state, const struct fl_record *record,
                    uint8_t out[FL_HASH_SIZE]);

/* The first header of that name, or NULL. */
const struct fl_header *fl_record_header(const struct fl_record *record, const char *name);

/* True if two headers have the same name: such a record is void wherever the chain rule applies. */
bool fl_record_has_duplicate_header(const struct fl_record *record);

/* Sum of all byte strings: what limits are measured against. */
size_t fl_record_size(const struct fl_record *record);

/* Copies all of it into the arena; false when that has no room. */
bool fl_record_copy(struct fl_arena *arena, const struct fl_record *from,
                    struct fl_record *to) FL_MUST_USE;

/* FL_TOO_LARGE if key, headers or the whole pass their limits; `what` names the part. */
enum fl_error fl_record_check_limits(const struct fl_record *record, const char **what) FL_MUST_USE;
