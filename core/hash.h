/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * SHA-256 (OpenSSL, which uses the CPU's SHA instructions where present).
 *
 * Threading: one state per thread. Allocation: fl_sha256_open allocates once; hashing does not.
 * Errors: the library cannot fail on valid state; a failure is a programmer error (asserted).
 */
#include <stdint.h>

#include "core/slice.h"

enum { FL_HASH_SIZE = 32, FL_HASH_TEXT_SIZE = 2 * FL_HASH_SIZE + 1 };

struct fl_sha256;

/* A reusable hashing state; never NULL (out of memory here is fatal). */
struct fl_sha256 *fl_sha256_open(void);
void fl_sha256_close(struct fl_sha256 **state);

void fl_sha256_begin(struct fl_sha256 *state);
void fl_sha256_update(struct fl_sha256 *state, const void *data, size_t size);
void fl_sha256_end(struct fl_sha256 *state, uint8_t out[FL_HASH_SIZE]);

/* One-shot. */
void fl_sha256(struct fl_slice data, uint8_t out[FL_HASH_SIZE]);
