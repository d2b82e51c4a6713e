/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Activation codes: 128 bits that people read out, type and paste.
 *
 * A code comes from (purpose "license", id of the license) under a generation of the link key, as
 * the tokens of links do, so that nobody stores it: who sends the mail computes it again, and the
 * log holds the SHA-256 of its 28 characters. Seven groups of four, without 0, 1, I and O; the last
 * twelve bits are a CRC of the others, which finds every wrong character and every two neighbours
 * that were swapped, so that a slip of the hand is told from a code that does not exist.
 *
 * Threading: pure. Allocation: none.
 */
#include "core/keyring.h"

enum {
    FL_LICENSE_CODE_SIZE = 28,
    FL_LICENSE_CODE_TEXT_SIZE = FL_LICENSE_CODE_SIZE + 6 + 1 /* dashes and NUL */
};

/* FL_KEYRING: the keyring does not have this generation. */
enum fl_error fl_license_code(const struct fl_keyring *keyring, uint32_t generation,
                              struct fl_slice license_id,
                              char out[FL_LICENSE_CODE_TEXT_SIZE]) FL_MUST_USE;

/* The hash of a code as somebody typed it: small letters, blanks and dashes do not matter. False:
 * it is no code. */
bool fl_license_code_hash(struct fl_slice typed, uint8_t hash[FL_HASH_SIZE]);
