/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Codes of an authenticator as a second factor: RFC 6238 over HMAC-SHA-1, six digits, steps of 30
 * seconds, which is what every authenticator knows.
 *
 * A code of the step before or behind is taken too (clocks). That a code counts once is the log's
 * to say: it remembers the step. Recovery codes, for who lost the authenticator, are 120 bits each;
 * their hashes stand in the sealed profile.
 *
 * Threading: pure. Allocation: none.
 */
#include <stdint.h>

#include "core/hash.h"
#include "core/port.h"
#include "core/slice.h"

enum {
    FL_TOTP_SECRET_SIZE = 20,
    FL_TOTP_SECRET_TEXT_SIZE = 33, /* base32 and a NUL */
    FL_TOTP_STEP_S = 30,
    FL_TOTP_WINDOW = 1,
    FL_TOTP_CODE_MAX = 999999,
    FL_RECOVERY_CODE_COUNT = 10,
    FL_RECOVERY_CODE_SIZE = 28, /* four groups of six of base32, and a NUL */
};

/* The code of a step. */
uint32_t fl_totp_code(const uint8_t secret[FL_TOTP_SECRET_SIZE], uint64_t step);

/* The step whose code `text` is, near this time; 0: none, or no six digits. Constant time in the
 * code. */
uint64_t fl_totp_find(const uint8_t secret[FL_TOTP_SECRET_SIZE], struct fl_slice text,
                      int64_t now_ms);

/* RFC 4648 base32, without padding. */
void fl_totp_secret_text(const uint8_t secret[FL_TOTP_SECRET_SIZE],
                         char out[FL_TOTP_SECRET_TEXT_SIZE]);

/* A new recovery code and what the profile keeps of it. */
void fl_recovery_code_make(const struct fl_port *port, char out[FL_RECOVERY_CODE_SIZE],
                           uint8_t hash[FL_HASH_SIZE]);

/* Where among `hashes` (one behind the other) the code as typed is; -1: nowhere. */
int fl_recovery_code_find(struct fl_slice hashes, struct fl_slice text);
