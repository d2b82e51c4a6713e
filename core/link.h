/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Links that go out by mail: "<base>/<purpose>#<id>.<token>".
 *
 * The token is an HMAC over (purpose, id) under a generation of the link key, so that nobody stores
 * it: whoever has the keyring computes it again (DESIGN.md section 6). It stands behind the '#',
 * which browsers send to nobody. Whether the thing still waits for its link is the log's to say.
 *
 * Threading: pure. Allocation: none.
 */
#include "core/ids.h"
#include "core/keyring.h"

enum fl_link {
#define FL_LINK(name, purpose) FL_LINK_##name,
#include "core/links.def"
#undef FL_LINK
    FL_LINK_COUNT
};

enum { FL_LINK_SECRET_SIZE = FL_ID_TEXT_SIZE + FL_LINK_TOKEN_TEXT_SIZE, FL_LINK_SIZE_MAX = 1024 };

const char *fl_link_purpose(enum fl_link link);

/* "<id>.<token>". FL_KEYRING: the keyring does not have this generation; FL_INVALID: no id. */
enum fl_error fl_link_secret(const struct fl_keyring *keyring, enum fl_link link,
                             struct fl_slice id, uint32_t generation,
                             char out[FL_LINK_SECRET_SIZE]) FL_MUST_USE;

/* The whole link; `base` is the configured one, never a request's. FL_TOO_LARGE: does not fit. */
enum fl_error fl_link_url(const struct fl_keyring *keyring, enum fl_link link, struct fl_slice id,
                          uint32_t generation, const char *base,
                          char out[FL_LINK_SIZE_MAX]) FL_MUST_USE;

/* The id of "<id>.<token>" as it stands there; NULL slice: has not this form. */
struct fl_slice fl_link_id(struct fl_slice secret);

/* True if `secret` is what this thing's link carries; constant time in the token. */
bool fl_link_fits(const struct fl_keyring *keyring, enum fl_link link, uint32_t generation,
                  struct fl_slice secret);
