/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Composite keys of rows: fixed-width parts, one behind the other, in the order of memcmp.
 *
 * Ids are their 16 bytes, numbers big-endian, so that a prefix is a list and its order is the order
 * of the ids (UUIDv7: of time). A text that is no id makes the key `bad`: such a thing cannot be in
 * the store, and look-ups answer "not there". It writes no rows and knows no tables.
 *
 * Threading: pure. Allocation: none. Limits: FL_KEY_BYTES_MAX bytes, asserted: every part has a
 * fixed width.
 */
#include "core/ids.h"

enum { FL_KEY_BYTES_MAX = 96 };

struct fl_key {
    uint8_t bytes[FL_KEY_BYTES_MAX];
    size_t size;
    bool bad; /* some id was none */
};

void fl_key_begin(struct fl_key *key);
void fl_key_u8(struct fl_key *key, uint8_t value);
void fl_key_u32(struct fl_key *key, uint32_t value);
void fl_key_u64(struct fl_key *key, uint64_t value);
void fl_key_bytes(struct fl_key *key, const uint8_t *bytes, size_t size);
void fl_key_id(struct fl_key *key, struct fl_slice id);

/* The same for an id in a row or message; NULL is no id. */
void fl_key_id_text(struct fl_key *key, const char *id);

/* The whole key, borrowed. */
struct fl_slice fl_key_slice(const struct fl_key *key);

/* The last 16 bytes of a stored key as an id; asserts that there are as many. */
void fl_key_tail_id(struct fl_slice stored, char out[FL_ID_TEXT_SIZE]);
