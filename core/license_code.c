/* SPDX-License-Identifier: Apache-2.0 */
#include "core/license_code.h"

#include <string.h>

#include "core/assert.h"

enum {
    SECRET_SIZE = 16,
    DIGIT_BITS = 5,
    GROUP_SIZE = 4,
    CRC_BITS = 12,
    CODE_BITS = 8 * SECRET_SIZE + CRC_BITS
};

_Static_assert(CODE_BITS == DIGIT_BITS * FL_LICENSE_CODE_SIZE, "no bit is left over");

static const char alphabet[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/* CRC-12 (x^12 + x^11 + x^3 + x^2 + x + 1), bit by bit: any burst of up to 12 bits is found. */
static unsigned crc_of(const uint8_t secret[SECRET_SIZE])
{
    unsigned crc = 0;
    for (size_t bit = 0; bit < 8 * SECRET_SIZE; bit++) {
        unsigned in = secret[bit / 8] >> (7 - bit % 8) & 1;
        unsigned out = crc >> (CRC_BITS - 1) & 1;
        crc = (crc << 1 & 0xfff) ^ (in != out ? 0x80fu : 0);
    }
    return crc;
}

/* Bit `at` of secret and CRC in a row. */
static unsigned bit_of(const uint8_t secret[SECRET_SIZE], unsigned crc, size_t at)
{
    if (at < 8 * SECRET_SIZE)
        return secret[at / 8] >> (7 - at % 8) & 1;
    return crc >> (CODE_BITS - 1 - at) & 1;
}

enum fl_error fl_license_code(const struct fl_keyring *keyring, uint32_t generation,
                              struct fl_slice license_id, char out[FL_LICENSE_CODE_TEXT_SIZE])
{
    char token[FL_LINK_TOKEN_TEXT_SIZE];
    uint8_t secret[FL_HASH_SIZE];
    size_t used = 0;
    enum fl_error error = fl_keyring_link_token(keyring, generation, "license", license_id, token);
    if (error != FL_OK)
        return error;
    fl_sha256(fl_slice_text(token), secret);
    unsigned crc = crc_of(secret);
    for (size_t i = 0; i < FL_LICENSE_CODE_SIZE; i++) {
        unsigned digit = 0;
        for (size_t bit = 0; bit < DIGIT_BITS; bit++)
            digit = digit << 1 | bit_of(secret, crc, i * DIGIT_BITS + bit);
        if (i > 0 && i % GROUP_SIZE == 0)
            out[used++] = '-';
        out[used++] = alphabet[digit];
    }
    out[used] = '\0';
    fl_assert(used == FL_LICENSE_CODE_TEXT_SIZE - 1);
    return FL_OK;
}

/* The digit that a character stands for; -1: none. */
static int digit_of(uint8_t character)
{
    if (character >= 'a' && character <= 'z')
        character = (uint8_t)(character - 'a' + 'A');
    const char *found = character == '\0' ? NULL : strchr(alphabet, character);
    return found == NULL ? -1 : (int)(found - alphabet);
}

bool fl_license_code_hash(struct fl_slice typed, uint8_t hash[FL_HASH_SIZE])
{
    uint8_t secret[SECRET_SIZE] = {0};
    char code[FL_LICENSE_CODE_SIZE];
    unsigned crc = 0;
    size_t count = 0;
    for (size_t i = 0; i < typed.size; i++) {
        if (typed.data[i] == '-' || typed.data[i] == ' ')
            continue;
        int digit = digit_of(typed.data[i]);
        if (digit < 0 || count == FL_LICENSE_CODE_SIZE)
            return false;
        code[count] = alphabet[digit];
        for (size_t bit = 0; bit < DIGIT_BITS; bit++) {
            size_t at = count * DIGIT_BITS + bit;
            unsigned value = (unsigned)digit >> (DIGIT_BITS - 1 - bit) & 1;
            if (at < 8 * SECRET_SIZE)
                secret[at / 8] = (uint8_t)(secret[at / 8] | value << (7 - at % 8));
            else
                crc = crc << 1 | value;
        }
        count++;
    }
    if (count != FL_LICENSE_CODE_SIZE || crc != crc_of(secret))
        return false;
    fl_sha256(fl_slice_of(code, sizeof(code)), hash);
    return true;
}
