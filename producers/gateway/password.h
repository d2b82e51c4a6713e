/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Passwords: which ones are taken, and their Argon2id hashes.
 *
 * Fifteen characters at least, because a password may be the only factor (NIST 800-63B-4), no rules
 * of composition, exactly as typed; refused are common ones, those of one or two characters
 * repeated, and those that are the address or the company's name. A hash takes 64 MiB and two
 * passes (libsodium's INTERACTIVE), so few are made at once; who asks waits for a turn, and too
 * many waiting are refused. Checking against no hash takes the same time, so that nobody learns who
 * has an account.
 *
 * Threading: any. Allocation: open; 64 MiB while a hash is made. Limits: FL_PASSWORD_*.
 */
#include "core/error.h"
#include "core/port.h"
#include "core/slice.h"

enum {
    FL_PASSWORD_CHARACTERS_MIN = 15,
    FL_PASSWORD_SIZE_MAX = 1024, /* bytes */
    FL_PASSWORD_HASH_SIZE = 128, /* with its NUL: crypto_pwhash_STRBYTES */
    FL_PASSWORD_AT_ONCE_MAX = 2,
    FL_PASSWORD_WAITING_MAX = 16,
};

struct fl_passwords;

/* FL_NO_MEMORY. Makes one hash: the one that nobody's password fits. */
enum fl_error fl_passwords_open(const struct fl_port *port,
                                struct fl_passwords **passwords) FL_MUST_USE;
void fl_passwords_close(struct fl_passwords **passwords);

/* Why this password will not do; NULL: it will. `address` and `company` may be "". Static text. */
const char *fl_password_refusal(const char *password, const char *address, const char *company);

/* What the two below take while they work: waits for one of FL_PASSWORD_AT_ONCE_MAX turns. False:
 * FL_PASSWORD_WAITING_MAX wait for one already. */
bool fl_passwords_take_turn(struct fl_passwords *passwords);
void fl_passwords_end_turn(struct fl_passwords *passwords);
unsigned fl_passwords_waiting(struct fl_passwords *passwords);

/* FL_FULL: too many are being made; FL_NO_MEMORY. */
enum fl_error fl_password_hash(struct fl_passwords *passwords, const char *password,
                               char hash[FL_PASSWORD_HASH_SIZE]) FL_MUST_USE;

/* Whether the password has this hash; "" (there is none) takes as long and is never right. FL_FULL
 * as above. */
enum fl_error fl_password_check(struct fl_passwords *passwords, const char *password,
                                const char *hash, bool *is_right) FL_MUST_USE;
