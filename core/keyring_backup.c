/* SPDX-License-Identifier: Apache-2.0 */
#include "core/keyring_backup.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "core/keyring_internal.h"

static const char label[] = "fleetlog-keys-1\n";
static const char recipient_label[] = "fleetlog-node-1:";

enum {
    LABEL_SIZE = sizeof(label) - 1,
    KIND_PASSPHRASE = 1,
    KIND_RECIPIENT = 2,
    HEAD_SIZE = LABEL_SIZE + 1,
    SALT_SIZE = crypto_pwhash_SALTBYTES,
    FILE_SIZE_MAX = HEAD_SIZE + SALT_SIZE + FL_SEAL_NONCE_SIZE + FL_KEYRING_CONTENT_SIZE_MAX +
                    crypto_box_SEALBYTES,
    SECRET_TEXT_SIZE = 2 * FL_KEY_BYTES + 1,
};

static void begin_file(uint8_t *file, uint8_t kind)
{
    memcpy(file, label, LABEL_SIZE);
    file[LABEL_SIZE] = kind;
}

static enum fl_error stretch(struct fl_slice passphrase, const uint8_t salt[SALT_SIZE],
                             uint8_t key[FL_KEY_BYTES])
{
    if (passphrase.size < FL_PASSPHRASE_SIZE_MIN || passphrase.size > FL_PASSPHRASE_SIZE_MAX)
        return FL_INVALID;
    int failed = crypto_pwhash(key, FL_KEY_BYTES, (const char *)passphrase.data, passphrase.size,
                               salt, crypto_pwhash_OPSLIMIT_MODERATE,
                               crypto_pwhash_MEMLIMIT_MODERATE, crypto_pwhash_ALG_ARGON2ID13);
    return failed == 0 ? FL_OK : FL_NO_MEMORY;
}

enum fl_error fl_keyring_backup(const struct fl_keyring *keyring, const struct fl_port *port,
                                const char *path, struct fl_slice passphrase)
{
    uint8_t file[FILE_SIZE_MAX];
    uint8_t content[FL_KEYRING_CONTENT_SIZE_MAX];
    uint8_t key[FL_KEY_BYTES];
    uint8_t *salt = file + HEAD_SIZE;
    uint8_t *nonce = salt + SALT_SIZE;
    unsigned long long size = 0;
    begin_file(file, KIND_PASSPHRASE);
    fl_port_random(port, salt, SALT_SIZE + FL_SEAL_NONCE_SIZE);
    enum fl_error error = stretch(passphrase, salt, key);
    if (error != FL_OK)
        return error;
    fl_keyring_lock(keyring);
    struct fl_slice plain = fl_keyring_format(keyring, content);
    fl_keyring_unlock(keyring);
    crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + FL_SEAL_NONCE_SIZE, &size, plain.data,
                                               plain.size, file, HEAD_SIZE + SALT_SIZE, NULL, nonce,
                                               key);
    sodium_memzero(content, sizeof(content));
    sodium_memzero(key, sizeof(key));
    return fl_file_create(
        path, fl_slice_of(file, HEAD_SIZE + SALT_SIZE + FL_SEAL_NONCE_SIZE + (size_t)size), 0600);
}

/* Reads a file of the kind; the bytes behind its head. */
static enum fl_error read_file(const char *path, uint8_t kind, size_t size_min,
                               uint8_t file[FILE_SIZE_MAX], size_t *size)
{
    enum fl_error error = fl_file_read(path, file, FILE_SIZE_MAX, size);
    if (error != FL_OK)
        return error == FL_TOO_LARGE ? FL_KEYRING : error;
    if (*size < HEAD_SIZE + size_min || memcmp(file, label, LABEL_SIZE) != 0 ||
        file[LABEL_SIZE] != kind)
        return FL_KEYRING;
    return FL_OK;
}

static enum fl_error parse(uint8_t content[FL_KEYRING_CONTENT_SIZE_MAX], size_t size,
                           struct fl_keyring **keyring)
{
    struct fl_keyring *read = fl_keyring_allocate();
    enum fl_error error = fl_keyring_parse(fl_slice_of(content, size), read);
    sodium_memzero(content, FL_KEYRING_CONTENT_SIZE_MAX);
    if (error != FL_OK)
        fl_keyring_close(&read);
    else
        *keyring = read;
    return error;
}

enum fl_error fl_keyring_restore(const char *path, struct fl_slice passphrase,
                                 struct fl_keyring **keyring)
{
    uint8_t file[FILE_SIZE_MAX];
    uint8_t content[FL_KEYRING_CONTENT_SIZE_MAX];
    uint8_t key[FL_KEY_BYTES];
    size_t size = 0;
    unsigned long long plain_size = 0;
    const size_t before = HEAD_SIZE + SALT_SIZE + FL_SEAL_NONCE_SIZE;
    enum fl_error error = read_file(path, KIND_PASSPHRASE,
                                    SALT_SIZE + FL_SEAL_NONCE_SIZE + FL_SEAL_TAG_SIZE, file, &size);
    if (error == FL_OK && size > before + FL_KEYRING_CONTENT_SIZE_MAX + FL_SEAL_TAG_SIZE)
        error = FL_KEYRING;
    if (error == FL_OK)
        error = stretch(passphrase, file + HEAD_SIZE, key);
    if (error != FL_OK)
        return error;
    int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(
        content, &plain_size, NULL, file + before, size - before, file, HEAD_SIZE + SALT_SIZE,
        file + HEAD_SIZE + SALT_SIZE, key);
    sodium_memzero(key, sizeof(key));
    return failed == 0 ? parse(content, (size_t)plain_size, keyring) : FL_UNAUTHENTIC;
}

static void recipient_text(const uint8_t public_key[FL_KEY_BYTES],
                           char text[FL_RECIPIENT_TEXT_SIZE])
{
    char encoded[FL_LINK_TOKEN_TEXT_SIZE];
    sodium_bin2base64(encoded, sizeof(encoded), public_key, FL_KEY_BYTES,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    snprintf(text, FL_RECIPIENT_TEXT_SIZE, "%s%s", recipient_label, encoded);
}

enum fl_error fl_recipient_create(const char *path, char text[FL_RECIPIENT_TEXT_SIZE])
{
    uint8_t public_key[FL_KEY_BYTES];
    uint8_t secret[FL_KEY_BYTES];
    char hex[SECRET_TEXT_SIZE];
    if (sodium_init() < 0)
        return FL_INTERNAL;
    crypto_box_keypair(public_key, secret);
    fl_hex_encode(secret, sizeof(secret), hex);
    enum fl_error error = fl_file_create(path, fl_slice_text(hex), 0600);
    sodium_memzero(secret, sizeof(secret));
    sodium_memzero(hex, sizeof(hex));
    recipient_text(public_key, text);
    return error;
}

static enum fl_error load_secret(const char *path, uint8_t secret[FL_KEY_BYTES],
                                 uint8_t public_key[FL_KEY_BYTES])
{
    enum fl_error error = fl_wrap_key_load(path, secret);
    if (error == FL_OK)
        crypto_scalarmult_base(public_key, secret);
    return error;
}

enum fl_error fl_recipient_load(const char *path, char text[FL_RECIPIENT_TEXT_SIZE])
{
    uint8_t public_key[FL_KEY_BYTES];
    uint8_t secret[FL_KEY_BYTES];
    enum fl_error error = load_secret(path, secret, public_key);
    sodium_memzero(secret, sizeof(secret));
    if (error == FL_OK)
        recipient_text(public_key, text);
    return error;
}

static bool parse_recipient(const char *text, uint8_t public_key[FL_KEY_BYTES])
{
    size_t size = 0;
    const char *encoded = text + sizeof(recipient_label) - 1;
    return strncmp(text, recipient_label, sizeof(recipient_label) - 1) == 0 &&
           sodium_base642bin(public_key, FL_KEY_BYTES, encoded, strlen(encoded), NULL, &size, NULL,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           size == FL_KEY_BYTES;
}

enum fl_error fl_recipient_fingerprint(const char *text, char out[FL_RECIPIENT_FINGERPRINT_SIZE])
{
    uint8_t public_key[FL_KEY_BYTES];
    uint8_t hash[FL_HASH_SIZE];
    if (!parse_recipient(text, public_key))
        return FL_INVALID;
    fl_sha256(fl_slice_of(public_key, sizeof(public_key)), hash);
    for (size_t i = 0; i < 8; i++)
        snprintf(out + 5 * i, 6, "%02x%02x%s", hash[2 * i], hash[2 * i + 1], i == 7 ? "" : "-");
    return FL_OK;
}

enum fl_error fl_keyring_send(const struct fl_keyring *keyring, const char *path,
                              const char *recipient)
{
    uint8_t file[FILE_SIZE_MAX];
    uint8_t content[FL_KEYRING_CONTENT_SIZE_MAX];
    uint8_t public_key[FL_KEY_BYTES];
    if (!parse_recipient(recipient, public_key))
        return FL_INVALID;
    begin_file(file, KIND_RECIPIENT);
    fl_keyring_lock(keyring);
    struct fl_slice plain = fl_keyring_format(keyring, content);
    fl_keyring_unlock(keyring);
    int failed = crypto_box_seal(file + HEAD_SIZE, plain.data, plain.size, public_key);
    size_t size = plain.size;
    sodium_memzero(content, sizeof(content));
    if (failed != 0)
        return FL_INVALID;
    return fl_file_create(path, fl_slice_of(file, HEAD_SIZE + size + crypto_box_SEALBYTES), 0600);
}

enum fl_error fl_keyring_receive(const char *path, const char *secret_path,
                                 struct fl_keyring **keyring)
{
    uint8_t file[FILE_SIZE_MAX];
    uint8_t content[FL_KEYRING_CONTENT_SIZE_MAX];
    uint8_t public_key[FL_KEY_BYTES];
    uint8_t secret[FL_KEY_BYTES];
    size_t size = 0;
    enum fl_error error = read_file(path, KIND_RECIPIENT, crypto_box_SEALBYTES, file, &size);
    if (error == FL_OK &&
        size > HEAD_SIZE + FL_KEYRING_CONTENT_SIZE_MAX + (size_t)crypto_box_SEALBYTES)
        error = FL_KEYRING;
    if (error == FL_OK)
        error = load_secret(secret_path, secret, public_key);
    if (error != FL_OK)
        return error;
    int failed =
        crypto_box_seal_open(content, file + HEAD_SIZE, size - HEAD_SIZE, public_key, secret);
    sodium_memzero(secret, sizeof(secret));
    return failed == 0 ? parse(content, size - HEAD_SIZE - crypto_box_SEALBYTES, keyring)
                       : FL_UNAUTHENTIC;
}
