/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a publisher signs about a firmware image, and how.
 *
 * The signature is Ed25519 over the text
 *     "fleetlog-firmware-v1\n" model "\n" version "\n" internal id "\n" size "\n" lower-case hex of
 * the image's SHA-256 "\n", then each version that it may follow and "\n" so that an image cannot
 * be passed off as another, nor offered over a version that its publisher did not name. The gateway
 * checks it when an image is published, every agent before it does anything with one; both hold the
 * publisher's public key by configuration. No gateway holds the secret one.
 *
 * Threading: pure. Allocation: none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FL_FIRMWARE_STONE_COUNT_MAX = 64,
    FL_FIRMWARE_SIZE_MAX = 64 * 1024 * 1024, /* of an image */
    FL_FIRMWARE_CHUNK_SIZE = 256 * 1024,     /* of one answer to an agent, one upload */
    FL_FIRMWARE_KEY_SIZE = 32,
    FL_FIRMWARE_SIGNATURE_SIZE = 64,
};

struct fl_firmware_manifest {
    const char *model;
    const char *version;
    const char *internal_id;
    const char *const *stones;
    size_t stone_count;
    uint64_t size;
    uint8_t sha256[32];
};

/* False: the signature is not the key's, or the parts are too long. */
bool fl_firmware_signature_fits(const struct fl_firmware_manifest *manifest,
                                const uint8_t signature[FL_FIRMWARE_SIGNATURE_SIZE],
                                const uint8_t public_key[FL_FIRMWARE_KEY_SIZE]);

/* Signs with the key that the seed makes; false: the parts are too long. */
bool fl_firmware_sign(const struct fl_firmware_manifest *manifest,
                      const uint8_t seed[FL_FIRMWARE_KEY_SIZE],
                      uint8_t signature[FL_FIRMWARE_SIGNATURE_SIZE]);

/* The public key of a seed. */
void fl_firmware_public_key(const uint8_t seed[FL_FIRMWARE_KEY_SIZE],
                            uint8_t public_key[FL_FIRMWARE_KEY_SIZE]);

/* A public key from its base64 (RFC 4648 section 4, padded); false: it is none. */
bool fl_firmware_read_key(const char *text, uint8_t public_key[FL_FIRMWARE_KEY_SIZE]);
