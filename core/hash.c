/* SPDX-License-Identifier: Apache-2.0 */
#include "core/hash.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "core/assert.h"

struct fl_sha256 {
    EVP_MD_CTX *context;
    EVP_MD *algorithm;
};

struct fl_sha256 *fl_sha256_open(void)
{
    struct fl_sha256 *state = malloc(sizeof(*state));
    fl_assert(state != NULL);
    state->context = EVP_MD_CTX_new();
    state->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    fl_assert(state->context != NULL && state->algorithm != NULL);
    return state;
}

void fl_sha256_close(struct fl_sha256 **state)
{
    if (*state == NULL)
        return;
    EVP_MD_CTX_free((*state)->context);
    EVP_MD_free((*state)->algorithm);
    free(*state);
    *state = NULL;
}

void fl_sha256_begin(struct fl_sha256 *state)
{
    int done = EVP_DigestInit_ex2(state->context, state->algorithm, NULL);
    fl_assert(done == 1);
}

void fl_sha256_update(struct fl_sha256 *state, const void *data, size_t size)
{
    int done = size == 0 ? 1 : EVP_DigestUpdate(state->context, data, size);
    fl_assert(done == 1);
}

void fl_sha256_end(struct fl_sha256 *state, uint8_t out[FL_HASH_SIZE])
{
    int done = EVP_DigestFinal_ex(state->context, out, NULL);
    fl_assert(done == 1);
}

void fl_sha256(struct fl_slice data, uint8_t out[FL_HASH_SIZE])
{
    int done = EVP_Digest(data.size == 0 ? "" : (const void *)data.data, data.size, out, NULL,
                          EVP_sha256(), NULL);
    fl_assert(done == 1);
}
