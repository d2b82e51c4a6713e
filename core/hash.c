/* SPDX-License-Identifier: Apache-2.0 */
/* The low-level calls: a state is a plain struct, so that a hash costs neither an allocation nor a
 * look-up of the algorithm. On short inputs (ids, records) the EVP calls take longer than the
 * hashing itself. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "core/hash.h"

#include <openssl/sha.h>
#include <stdlib.h>

#include "core/assert.h"

struct fl_sha256 {
    SHA256_CTX context;
};

struct fl_sha256 *fl_sha256_open(void)
{
    struct fl_sha256 *state = malloc(sizeof(*state));
    fl_assert(state != NULL);
    fl_sha256_begin(state);
    return state;
}

void fl_sha256_close(struct fl_sha256 **state)
{
    free(*state);
    *state = NULL;
}

void fl_sha256_begin(struct fl_sha256 *state)
{
    int done = SHA256_Init(&state->context);
    fl_assert(done == 1);
}

void fl_sha256_update(struct fl_sha256 *state, const void *data, size_t size)
{
    int done = size == 0 ? 1 : SHA256_Update(&state->context, data, size);
    fl_assert(done == 1);
}

void fl_sha256_end(struct fl_sha256 *state, uint8_t out[FL_HASH_SIZE])
{
    int done = SHA256_Final(out, &state->context);
    fl_assert(done == 1);
}

void fl_sha256(struct fl_slice data, uint8_t out[FL_HASH_SIZE])
{
    struct fl_sha256 state;
    fl_sha256_begin(&state);
    fl_sha256_update(&state, data.data, data.size);
    fl_sha256_end(&state, out);
}
