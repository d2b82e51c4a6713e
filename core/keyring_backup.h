/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A keyring on its way: a copy for the safe, or for a node that is admitted.
 *
 * File: "fleetlog-keys-1\n", kind u8, then for PASSPHRASE salt 16, nonce 24, ciphertext
 * (XChaCha20-Poly1305 under Argon2id of the passphrase, moderate limits; AAD: all before the
 * nonce), for RECIPIENT a sealed box (X25519, libsodium's crypto_box_seal) for the recipient's key.
 * Whoever sends to a recipient compares the fingerprint of his key by another way first: the file
 * is safe on any way then.
 *
 * A copy holds the epochs of its day. After an erasure it has to be made anew and the old one
 * destroyed: it would open what was sealed then, and the keys that followed.
 *
 * Threading: pure. Allocation: the keyring. Limits: passphrases of 15 to 1024 bytes.
 */
#include "core/keyring.h"

enum { FL_PASSPHRASE_SIZE_MIN = 15, FL_PASSPHRASE_SIZE_MAX = 1024, FL_RECIPIENT_TEXT_SIZE = 60 };

/* FL_INVALID: a passphrase that is too short or long. FL_EXISTS: the file is there. */
enum fl_error fl_keyring_backup(const struct fl_keyring *keyring, const struct fl_port *port,
                                const char *path, struct fl_slice passphrase) FL_MUST_USE;
enum fl_error fl_keyring_restore(const char *path, struct fl_slice passphrase,
                                 struct fl_keyring **keyring) FL_MUST_USE;

/* A node that wants to be admitted makes a key pair: its secret half into a file (0600), its public
 * half as a text "fleetlog-node-1:…". FL_EXISTS. */
enum fl_error fl_recipient_create(const char *path, char text[FL_RECIPIENT_TEXT_SIZE]) FL_MUST_USE;

/* The public half of a key pair made before. */
enum fl_error fl_recipient_load(const char *path, char text[FL_RECIPIENT_TEXT_SIZE]) FL_MUST_USE;

/* Eight groups of four hex digits, for people to compare. FL_INVALID: it is none. */
enum { FL_RECIPIENT_FINGERPRINT_SIZE = 40 };
enum fl_error fl_recipient_fingerprint(const char *text,
                                       char out[FL_RECIPIENT_FINGERPRINT_SIZE]) FL_MUST_USE;

/* FL_INVALID: no recipient. */
enum fl_error fl_keyring_send(const struct fl_keyring *keyring, const char *path,
                              const char *recipient) FL_MUST_USE;
/* FL_UNAUTHENTIC: it was not for this node, or was changed. */
enum fl_error fl_keyring_receive(const char *path, const char *secret_path,
                                 struct fl_keyring **keyring) FL_MUST_USE;
