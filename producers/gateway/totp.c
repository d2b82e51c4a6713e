/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/totp.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"

enum { CODE_DIGITS = 6, SHA1_SIZE = 20, RECOVERY_CHARACTERS = 24, RECOVERY_GROUP = 6 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

uint32_t fl_totp_code(const uint8_t secret[FL_TOTP_SECRET_SIZE], uint64_t step)
{
    uint8_t counter[8];
    uint8_t mac[SHA1_SIZE];
    unsigned size = sizeof(mac);
    fl_put_u64(counter, step);
    fl_assert(HMAC(EVP_sha1(), secret, FL_TOTP_SECRET_SIZE, counter, sizeof(counter), mac, &size) !=
                  NULL &&
              size == sizeof(mac));
    /* RFC 4226 section 5.3: four bytes from where the last half byte says, without the sign. */
    uint32_t number = fl_get_u32(mac + (mac[SHA1_SIZE - 1] & 0x0f)) & 0x7fffffff;
    return number % (FL_TOTP_CODE_MAX + 1);
}

static bool read_code(struct fl_slice text, uint32_t *code)
{
    uint32_t number = 0;
    if (text.size != CODE_DIGITS)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (!isdigit(text.data[i]))
            return false;
        number = number * 10 + (uint32_t)(text.data[i] - '0');
    }
    *code = number;
    return true;
}

uint64_t fl_totp_find(const uint8_t secret[FL_TOTP_SECRET_SIZE], struct fl_slice text,
                      int64_t now_ms)
{
    uint32_t code;
    uint64_t found = 0;
    uint64_t now = (uint64_t)now_ms / (FL_TOTP_STEP_S * 1000);
    if (!read_code(text, &code))
        return 0;
    for (uint64_t step = now - FL_TOTP_WINDOW; step <= now + FL_TOTP_WINDOW; step++) {
        uint32_t expected = fl_totp_code(secret, step);
        if (sodium_memcmp(&expected, &code, sizeof(code)) == 0)
            found = step;
    }
    return found;
}

void fl_totp_secret_text(const uint8_t secret[FL_TOTP_SECRET_SIZE],
                         char out[FL_TOTP_SECRET_TEXT_SIZE])
{
    for (size_t i = 0; i < FL_TOTP_SECRET_TEXT_SIZE - 1; i++) {
        size_t bit = i * 5;
        unsigned pair = (unsigned)secret[bit / 8] << 8;
        if (bit / 8 + 1 < FL_TOTP_SECRET_SIZE)
            pair |= secret[bit / 8 + 1];
        out[i] = alphabet[pair >> (11 - bit % 8) & 31];
    }
    out[FL_TOTP_SECRET_TEXT_SIZE - 1] = '\0';
}

static void hash_code(const char *characters, uint8_t hash[FL_HASH_SIZE])
{
    fl_sha256(fl_slice_of((const uint8_t *)characters, RECOVERY_CHARACTERS), hash);
}

void fl_recovery_code_make(const struct fl_port *port, char out[FL_RECOVERY_CODE_SIZE],
                           uint8_t hash[FL_HASH_SIZE])
{
    uint8_t random[RECOVERY_CHARACTERS];
    char characters[RECOVERY_CHARACTERS];
    size_t at = 0;
    fl_port_random(port, random, sizeof(random));
    for (size_t i = 0; i < RECOVERY_CHARACTERS; i++) {
        characters[i] = alphabet[random[i] & 31];
        if (i > 0 && i % RECOVERY_GROUP == 0)
            out[at++] = '-';
        out[at++] = characters[i];
    }
    out[at] = '\0';
    hash_code(characters, hash);
    sodium_memzero(random, sizeof(random));
}

int fl_recovery_code_find(struct fl_slice hashes, struct fl_slice text)
{
    char characters[RECOVERY_CHARACTERS];
    uint8_t hash[FL_HASH_SIZE];
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '-' || text.data[i] == ' ')
            continue;
        if (count == sizeof(characters))
            return -1;
        characters[count++] = (char)toupper(text.data[i]);
    }
    if (count != sizeof(characters))
        return -1;
    hash_code(characters, hash);
    for (size_t i = 0; i + FL_HASH_SIZE <= hashes.size; i += FL_HASH_SIZE)
        if (sodium_memcmp(hashes.data + i, hash, sizeof(hash)) == 0)
            return (int)(i / FL_HASH_SIZE);
    return -1;
}
