/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The keyring of an installation: the keys that keep people's profiles, links and checkpoints.
 *
 * One file per node, 0600, its content wrapped (XChaCha20-Poly1305) by a key that the operator
 * owns. It is made only while the log is empty; its fingerprint and the checkpoint key stand in the
 * genesis record, so that a node with another keyring refuses to start. What each lost key costs:
 * the wrapping key or the file: profiles become unreadable and no checkpoint can be signed any
 * more; views, events and proofs made so far stay as they are.
 *
 * File: "fleetlog-keyring-1\n", nonce 24, ciphertext of {id 32, checkpoint seed 32, u32 count of
 * epochs {u32 number, key 32, pepper 32}, u32 count of link keys {u32 generation, key 32}};
 * integers big-endian; AAD: the first line. Threading: any thread. Allocation: one
 * block in locked memory (sodium_malloc). Limits: FL_KEYRING_EPOCH_COUNT_MAX epochs,
 * FL_KEYRING_LINK_COUNT_MAX link keys.
 */
#include "core/error.h"
#include "core/hash.h"
#include "core/port.h"
#include "core/slice.h"

enum {
    FL_KEY_BYTES = 32,
    FL_KEYRING_EPOCH_COUNT_MAX = 16,
    FL_KEYRING_LINK_COUNT_MAX = 64,
    FL_ADDRESS_INDEX_SIZE = 16,
    FL_SIGNATURE_SIZE = 64,
    FL_SEAL_NONCE_SIZE = 24,
    FL_SEAL_TAG_SIZE = 16,
    FL_LINK_TOKEN_TEXT_SIZE = 44, /* 43 characters of base64url and a NUL */
};

struct fl_keyring;

/* New random keys: epoch 1, link key generation 1. Never NULL. */
struct fl_keyring *fl_keyring_create(const struct fl_port *port);

/* Reads and unwraps `path`. FL_NOT_FOUND: no file; FL_KEYRING: wrong wrapping key or damaged;
 * FL_IO. */
enum fl_error fl_keyring_load(const char *path, const uint8_t wrap_key[FL_KEY_BYTES],
                              struct fl_keyring **keyring) FL_MUST_USE;

/* Writes a temporary file, fsyncs, renames, fsyncs the directory. FL_IO, FL_FULL, FL_DENIED. */
enum fl_error fl_keyring_save(const struct fl_keyring *keyring, const char *path,
                              const uint8_t wrap_key[FL_KEY_BYTES]) FL_MUST_USE;

void fl_keyring_close(struct fl_keyring **keyring);

/* What genesis names: SHA-256 over a label, the keyring's id and the checkpoint key. */
void fl_keyring_fingerprint(const struct fl_keyring *keyring, uint8_t out[FL_HASH_SIZE]);
void fl_keyring_checkpoint_key(const struct fl_keyring *keyring, uint8_t out[FL_KEY_BYTES]);

/* The newest epoch and link key generation. */
uint32_t fl_keyring_epoch(const struct fl_keyring *keyring);
uint32_t fl_keyring_link_generation(const struct fl_keyring *keyring);

/* Keyed BLAKE2b-128 of a normalised address under the epoch's pepper; FL_KEYRING if the epoch is
 * gone. */
enum fl_error fl_keyring_address_index(const struct fl_keyring *keyring, uint32_t epoch,
                                       struct fl_slice normalised,
                                       uint8_t out[FL_ADDRESS_INDEX_SIZE]) FL_MUST_USE;

/* XChaCha20-Poly1305 under the epoch's key; aad binds the record's key and the epoch. `out` holds
 * plain.size + FL_SEAL_TAG_SIZE bytes. */
enum fl_error fl_keyring_seal(const struct fl_keyring *keyring, const struct fl_port *port,
                              uint32_t epoch, struct fl_slice record_key, struct fl_slice plain,
                              uint8_t nonce[FL_SEAL_NONCE_SIZE], uint8_t *out) FL_MUST_USE;

/* The reverse; `out` holds sealed.size - FL_SEAL_TAG_SIZE. FL_UNAUTHENTIC: altered or moved;
 * FL_KEYRING: epoch gone. */
enum fl_error fl_keyring_open_sealed(const struct fl_keyring *keyring, uint32_t epoch,
                                     struct fl_slice record_key,
                                     const uint8_t nonce[FL_SEAL_NONCE_SIZE],
                                     struct fl_slice sealed, uint8_t *out) FL_MUST_USE;

/* Token of a link: base64url of HMAC-SHA-256 over (purpose, id). FL_KEYRING if the generation is
 * gone. */
enum fl_error fl_keyring_link_token(const struct fl_keyring *keyring, uint32_t generation,
                                    const char *purpose, struct fl_slice id,
                                    char out[FL_LINK_TOKEN_TEXT_SIZE]) FL_MUST_USE;

/* Constant-time comparison of a token with what it should be. */
bool fl_keyring_link_token_fits(const struct fl_keyring *keyring, uint32_t generation,
                                const char *purpose, struct fl_slice id, struct fl_slice token);

/* Reads a wrapping key: a file of exactly 32 bytes or 64 hex digits (a closing line feed is
 * allowed), not readable by others. FL_NOT_FOUND, FL_DENIED (mode), FL_INVALID (form). */
enum fl_error fl_wrap_key_load(const char *path, uint8_t out[FL_KEY_BYTES]) FL_MUST_USE;

/* Makes one (0600) with new random bytes as hex; FL_EXISTS if it is there. */
enum fl_error fl_wrap_key_create(const char *path, const struct fl_port *port,
                                 uint8_t out[FL_KEY_BYTES]) FL_MUST_USE;
