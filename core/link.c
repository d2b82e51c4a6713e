/* SPDX-License-Identifier: Apache-2.0 */
#include "core/link.h"

#include <stdio.h>
#include <string.h>

#include "core/assert.h"

static const char *const purposes[FL_LINK_COUNT] = {
#define FL_LINK(name, purpose) purpose,
#include "core/links.def"
#undef FL_LINK
};

const char *fl_link_purpose(enum fl_link link)
{
    fl_assert(link < FL_LINK_COUNT);
    return purposes[link];
}

enum fl_error fl_link_secret(const struct fl_keyring *keyring, enum fl_link link,
                             struct fl_slice id, uint32_t generation, char out[FL_LINK_SECRET_SIZE])
{
    char token[FL_LINK_TOKEN_TEXT_SIZE];
    if (id.size != FL_ID_TEXT_SIZE - 1)
        return FL_INVALID;
    enum fl_error error = fl_keyring_link_token(keyring, generation, purposes[link], id, token);
    if (error == FL_OK)
        snprintf(out, FL_LINK_SECRET_SIZE, "%.*s.%s", (int)id.size, (const char *)id.data, token);
    return error;
}

enum fl_error fl_link_url(const struct fl_keyring *keyring, enum fl_link link, struct fl_slice id,
                          uint32_t generation, const char *base, char out[FL_LINK_SIZE_MAX])
{
    char secret[FL_LINK_SECRET_SIZE];
    enum fl_error error = fl_link_secret(keyring, link, id, generation, secret);
    if (error != FL_OK)
        return error;
    int size = snprintf(out, FL_LINK_SIZE_MAX, "%s/%s#%s", base, purposes[link], secret);
    return size < FL_LINK_SIZE_MAX ? FL_OK : FL_TOO_LARGE;
}

struct fl_slice fl_link_id(struct fl_slice secret)
{
    enum { ID_SIZE = FL_ID_TEXT_SIZE - 1 };
    if (secret.size <= ID_SIZE || secret.data[ID_SIZE] != '.')
        return FL_SLICE_NULL;
    return fl_slice_of(secret.data, ID_SIZE);
}

bool fl_link_fits(const struct fl_keyring *keyring, enum fl_link link, uint32_t generation,
                  struct fl_slice secret)
{
    struct fl_slice id = fl_link_id(secret);
    return id.data != NULL && fl_keyring_link_token_fits(keyring, generation, purposes[link], id,
                                                         fl_slice_of(secret.data + id.size + 1,
                                                                     secret.size - id.size - 1));
}
