/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Where a node's keyring and its wrapping key lie, and how both are loaded.
 *
 * The wrapping key comes from [keys] wrap_key_file, else $CREDENTIALS_DIRECTORY/wrap-key (systemd's
 * LoadCredential), else DATA/wrap.key. The keyring is DATA/keyring.
 *
 * Threading: pure. Allocation: the keyring, which the caller closes.
 */
#include "core/config.h"
#include "core/datadir.h"
#include "core/keyring.h"

enum { FL_KEYRING_DETAIL_SIZE = 512 };

/* FL_NOT_FOUND: there is no keyring (or no wrapping key) yet; FL_KEYRING, FL_DENIED, FL_INVALID,
 * FL_IO with a sentence. */
enum fl_error fl_node_keyring_load(const struct fl_config *config, const struct fl_datadir *datadir,
                                   struct fl_keyring **keyring,
                                   char detail[FL_KEYRING_DETAIL_SIZE]) FL_MUST_USE;

/* Takes the node's keyring over again if its file was replaced since; one stat otherwise. What
 * cannot be read leaves the keyring as it is and is returned. */
enum fl_error fl_node_keyring_refresh(const struct fl_config *config,
                                      const struct fl_datadir *datadir,
                                      struct fl_keyring *keyring) FL_MUST_USE;

/* Loads the wrapping key, or makes DATA/wrap.key when none is configured and none is there (`made`
 * says so). */
enum fl_error fl_node_wrap_key(const struct fl_config *config, const struct fl_datadir *datadir,
                               const struct fl_port *port, bool create, uint8_t out[FL_KEY_BYTES],
                               bool *made, char detail[FL_KEYRING_DETAIL_SIZE]) FL_MUST_USE;
