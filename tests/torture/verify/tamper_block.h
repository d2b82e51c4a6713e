/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Changes blocks of an embedded journal that nobody has open, as a bad disk would; and a row of
 * random numbers.
 *
 * Threading: one thread. Allocation: none to speak of.
 */
#include "core/kv.h"

enum { TAMPER_VALUE_SIZE_MAX = 128 * 1024 };

/* The next of a row of random numbers. */
uint64_t tamper_random(uint64_t *random);

/* Copies the n-th row of a table, modulo their number; false if there is none. */
bool tamper_nth_row(struct fl_kv *kv, unsigned table, uint64_t n, uint8_t *key, size_t *key_size,
                    uint8_t *value, size_t *value_size);

/* Changes one bit of a random block of the journal below `directory` and leaves its checksum;
 * `where` receives the place of the block's first record. */
void tamper_bit(const char *directory, const char *topic, uint64_t *random, char *where,
                size_t where_size);

/* Takes one record out of its block and leaves the others' offsets. */
void tamper_gap(const char *directory, const char *topic, uint32_t partition, uint64_t offset);
