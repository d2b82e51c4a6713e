/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How a keyring changes: new epochs and link keys come from the log, closed epochs are destroyed.
 *
 * A new key is made by one node, travels in the log wrapped by an epoch's key, and is taken over by
 * every node from there, the one that made it too, so that there is nothing to lose between making
 * and appending. What wraps it is destroyed with its epoch: who holds neither the keyring nor a
 * copy of that time can open nothing that the log holds. It cannot make a key come back.
 *
 * Sealed keys: nonce 24, XChaCha20-Poly1305 of {key 32, pepper 32} or {key 32}; AAD: a label, then
 * the number. Threading: any thread. Allocation: none.
 */
#include "core/keyring.h"

enum {
    FL_SEALED_EPOCH_SIZE = FL_SEAL_NONCE_SIZE + 2 * FL_KEY_BYTES + FL_SEAL_TAG_SIZE,
    FL_SEALED_LINK_SIZE = FL_SEAL_NONCE_SIZE + FL_KEY_BYTES + FL_SEAL_TAG_SIZE,
};

/* Makes keys for `epoch`, sealed under the one before. FL_KEYRING: that one is not here. */
enum fl_error fl_keyring_mint_epoch(const struct fl_keyring *keyring, const struct fl_port *port,
                                    uint32_t epoch, uint8_t out[FL_SEALED_EPOCH_SIZE]) FL_MUST_USE;

/* Makes a link key, sealed under `epoch`. */
enum fl_error fl_keyring_mint_link(const struct fl_keyring *keyring, const struct fl_port *port,
                                   uint32_t generation, uint32_t epoch,
                                   uint8_t out[FL_SEALED_LINK_SIZE]) FL_MUST_USE;

/* Takes sealed keys over, in memory. FL_EXISTS: they are here. FL_KEYRING: what seals them is not.
 * FL_UNAUTHENTIC; FL_FULL: no room. */
enum fl_error fl_keyring_adopt_epoch(struct fl_keyring *keyring, uint32_t epoch,
                                     struct fl_slice sealed) FL_MUST_USE;
enum fl_error fl_keyring_adopt_link(struct fl_keyring *keyring, uint32_t generation, uint32_t epoch,
                                    struct fl_slice sealed) FL_MUST_USE;

/* Wipes an epoch's keys in memory; false: they are not here. The last one stays (asserted). */
bool fl_keyring_drop_epoch(struct fl_keyring *keyring, uint32_t epoch);

bool fl_keyring_has_epoch(const struct fl_keyring *keyring, uint32_t epoch);
bool fl_keyring_has_link(const struct fl_keyring *keyring, uint32_t generation);

/* Numbers in ascending order; returns how many. */
uint32_t fl_keyring_list_epochs(const struct fl_keyring *keyring,
                                uint32_t out[FL_KEYRING_EPOCH_COUNT_MAX]);
uint32_t fl_keyring_list_links(const struct fl_keyring *keyring,
                               uint32_t out[FL_KEYRING_LINK_COUNT_MAX]);

/* fl_keyring_save, and afterwards the old file's content is overwritten where it lay. A file system
 * that writes elsewhere (copy on write, a flash drive's own mapping) may keep the old blocks: they
 * are wrapped still, by the wrapping key. */
enum fl_error fl_keyring_replace(const struct fl_keyring *keyring, const char *path,
                                 const uint8_t wrap_key[FL_KEY_BYTES]) FL_MUST_USE;

/* Takes the content of `take_newer` over, which is closed; calls under way end on the old keys. */
void fl_keyring_become(struct fl_keyring *keyring, struct fl_keyring **take_newer);
