/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/firmware_manifest.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "core/hash.h"

enum { SIGNED_SIZE_MAX = 8 * 1024 };

/* Bytes written; 0: it does not fit. */
static size_t write_signed(const struct fl_firmware_manifest *manifest, char out[SIGNED_SIZE_MAX])
{
    char hex[FL_HASH_TEXT_SIZE];
    fl_hex_encode(manifest->sha256, sizeof(manifest->sha256), hex);
    int used =
        snprintf(out, SIGNED_SIZE_MAX, "fleetlog-firmware-v1\n%s\n%s\n%s\n%" PRIu64 "\n%s\n",
                 manifest->model, manifest->version, manifest->internal_id, manifest->size, hex);
    for (size_t i = 0; used > 0 && used < SIGNED_SIZE_MAX && i < manifest->stone_count; i++)
        used += snprintf(out + used, (size_t)(SIGNED_SIZE_MAX - used), "%s\n", manifest->stones[i]);
    return used > 0 && used < SIGNED_SIZE_MAX ? (size_t)used : 0;
}

bool fl_firmware_signature_fits(const struct fl_firmware_manifest *manifest,
                                const uint8_t signature[FL_FIRMWARE_SIGNATURE_SIZE],
                                const uint8_t public_key[FL_FIRMWARE_KEY_SIZE])
{
    char text[SIGNED_SIZE_MAX];
    size_t size = write_signed(manifest, text);
    return size != 0 &&
           crypto_sign_verify_detached(signature, (const uint8_t *)text, size, public_key) == 0;
}

bool fl_firmware_sign(const struct fl_firmware_manifest *manifest,
                      const uint8_t seed[FL_FIRMWARE_KEY_SIZE],
                      uint8_t signature[FL_FIRMWARE_SIGNATURE_SIZE])
{
    char text[SIGNED_SIZE_MAX];
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    uint8_t secret_key[crypto_sign_SECRETKEYBYTES];
    size_t size = write_signed(manifest, text);
    crypto_sign_seed_keypair(public_key, secret_key, seed);
    bool good = size != 0 &&
                crypto_sign_detached(signature, NULL, (const uint8_t *)text, size, secret_key) == 0;
    sodium_memzero(secret_key, sizeof(secret_key));
    return good;
}

void fl_firmware_public_key(const uint8_t seed[FL_FIRMWARE_KEY_SIZE],
                            uint8_t public_key[FL_FIRMWARE_KEY_SIZE])
{
    uint8_t secret_key[crypto_sign_SECRETKEYBYTES];
    crypto_sign_seed_keypair(public_key, secret_key, seed);
    sodium_memzero(secret_key, sizeof(secret_key));
}

bool fl_firmware_read_key(const char *text, uint8_t public_key[FL_FIRMWARE_KEY_SIZE])
{
    size_t size = 0;
    return sodium_base642bin(public_key, FL_FIRMWARE_KEY_SIZE, text, strlen(text), NULL, &size,
                             NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
           size == FL_FIRMWARE_KEY_SIZE;
}
