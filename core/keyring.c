/* SPDX-License-Identifier: Apache-2.0 */
#include "core/keyring.h"

#include <sodium.h>
#include <string.h>

#include "core/assert.h"
#include "core/cursor.h"
#include "core/file.h"
#include "core/keyring_internal.h"

static const char file_label[] = "fleetlog-keyring-1\n";
static const char fingerprint_label[] = "fleetlog-keyring-fingerprint-1\n";

enum {
    LABEL_SIZE = sizeof(file_label) - 1,
    FILE_SIZE_MAX =
        LABEL_SIZE + FL_SEAL_NONCE_SIZE + FL_KEYRING_CONTENT_SIZE_MAX + FL_SEAL_TAG_SIZE,
};

struct fl_keyring *fl_keyring_allocate(void)
{
    int ready = sodium_init();
    fl_assert(ready >= 0);
    struct fl_keyring *keyring = sodium_malloc(sizeof(*keyring));
    fl_assert(keyring != NULL);
    memset(keyring, 0, sizeof(*keyring));
    pthread_rwlock_init(&keyring->lock, NULL);
    return keyring;
}

struct fl_keyring *fl_keyring_create(const struct fl_port *port)
{
    struct fl_keyring *keyring = fl_keyring_allocate();
    fl_port_random(port, keyring->id, sizeof(keyring->id));
    fl_port_random(port, keyring->checkpoint_seed, sizeof(keyring->checkpoint_seed));
    keyring->epoch_count = 1;
    keyring->epochs[0].number = 1;
    fl_port_random(port, keyring->epochs[0].key, FL_KEY_BYTES);
    fl_port_random(port, keyring->epochs[0].pepper, FL_KEY_BYTES);
    keyring->link_count = 1;
    keyring->links[0].generation = 1;
    fl_port_random(port, keyring->links[0].key, FL_KEY_BYTES);
    return keyring;
}

void fl_keyring_close(struct fl_keyring **keyring)
{
    if (*keyring != NULL)
        pthread_rwlock_destroy(&(*keyring)->lock);
    sodium_free(*keyring); /* wipes; tolerates NULL */
    *keyring = NULL;
}

static void read_key(struct fl_read_cursor *in, uint8_t out[FL_KEY_BYTES])
{
    struct fl_slice bytes = fl_read_bytes(in, FL_KEY_BYTES);
    if (bytes.size == FL_KEY_BYTES)
        memcpy(out, bytes.data, FL_KEY_BYTES);
}

enum fl_error fl_keyring_parse(struct fl_slice content, struct fl_keyring *keyring)
{
    struct fl_read_cursor in;
    fl_read_init(&in, content);
    read_key(&in, keyring->id);
    read_key(&in, keyring->checkpoint_seed);
    keyring->epoch_count = fl_read_u32(&in);
    if (keyring->epoch_count > FL_KEYRING_EPOCH_COUNT_MAX)
        return FL_KEYRING;
    for (uint32_t i = 0; i < keyring->epoch_count; i++) {
        keyring->epochs[i].number = fl_read_u32(&in);
        read_key(&in, keyring->epochs[i].key);
        read_key(&in, keyring->epochs[i].pepper);
    }
    keyring->link_count = fl_read_u32(&in);
    if (keyring->link_count > FL_KEYRING_LINK_COUNT_MAX)
        return FL_KEYRING;
    for (uint32_t i = 0; i < keyring->link_count; i++) {
        keyring->links[i].generation = fl_read_u32(&in);
        read_key(&in, keyring->links[i].key);
    }
    if (in.error != FL_OK || fl_read_left(&in) != 0 || keyring->epoch_count == 0 ||
        keyring->link_count == 0)
        return FL_KEYRING;
    return FL_OK;
}

struct fl_slice fl_keyring_format(const struct fl_keyring *keyring,
                                  uint8_t out[FL_KEYRING_CONTENT_SIZE_MAX])
{
    struct fl_write_cursor to;
    fl_write_init(&to, out, FL_KEYRING_CONTENT_SIZE_MAX);
    fl_write_bytes(&to, fl_slice_of(keyring->id, FL_KEY_BYTES));
    fl_write_bytes(&to, fl_slice_of(keyring->checkpoint_seed, FL_KEY_BYTES));
    fl_write_u32(&to, keyring->epoch_count);
    for (uint32_t i = 0; i < keyring->epoch_count; i++) {
        fl_write_u32(&to, keyring->epochs[i].number);
        fl_write_bytes(&to, fl_slice_of(keyring->epochs[i].key, FL_KEY_BYTES));
        fl_write_bytes(&to, fl_slice_of(keyring->epochs[i].pepper, FL_KEY_BYTES));
    }
    fl_write_u32(&to, keyring->link_count);
    for (uint32_t i = 0; i < keyring->link_count; i++) {
        fl_write_u32(&to, keyring->links[i].generation);
        fl_write_bytes(&to, fl_slice_of(keyring->links[i].key, FL_KEY_BYTES));
    }
    fl_assert(to.error == FL_OK);
    return fl_written(&to);
}

enum fl_error fl_keyring_load(const char *path, const uint8_t wrap_key[FL_KEY_BYTES],
                              struct fl_keyring **keyring)
{
    uint8_t file[FILE_SIZE_MAX];
    uint8_t content[FL_KEYRING_CONTENT_SIZE_MAX];
    size_t size = 0;
    unsigned long long content_size = 0;
    enum fl_error error = fl_file_read(path, file, sizeof(file), &size);
    if (error != FL_OK)
        return error == FL_TOO_LARGE ? FL_KEYRING : error;
    if (size < LABEL_SIZE + FL_SEAL_NONCE_SIZE + FL_SEAL_TAG_SIZE ||
        memcmp(file, file_label, LABEL_SIZE) != 0)
        return FL_KEYRING;
    const uint8_t *nonce = file + LABEL_SIZE;
    const uint8_t *sealed = nonce + FL_SEAL_NONCE_SIZE;
    int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(content, &content_size, NULL, sealed,
                                                            size - LABEL_SIZE - FL_SEAL_NONCE_SIZE,
                                                            file, LABEL_SIZE, nonce, wrap_key);
    if (failed != 0)
        return FL_KEYRING;
    struct fl_keyring *loaded = fl_keyring_allocate();
    error = fl_keyring_parse(fl_slice_of(content, content_size), loaded);
    sodium_memzero(content, sizeof(content));
    if (error != FL_OK) {
        fl_keyring_close(&loaded);
        return error;
    }
    *keyring = loaded;
    return FL_OK;
}

enum fl_error fl_keyring_save(const struct fl_keyring *keyring, const char *path,
                              const uint8_t wrap_key[FL_KEY_BYTES])
{
    uint8_t file[FILE_SIZE_MAX];
    uint8_t content[FL_KEYRING_CONTENT_SIZE_MAX];
    unsigned long long sealed_size = 0;
    fl_keyring_lock(keyring);
    struct fl_slice plain = fl_keyring_format(keyring, content);
    fl_keyring_unlock(keyring);
    memcpy(file, file_label, LABEL_SIZE);
    uint8_t *nonce = file + LABEL_SIZE;
    randombytes_buf(nonce, FL_SEAL_NONCE_SIZE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + FL_SEAL_NONCE_SIZE, &sealed_size, plain.data,
                                               plain.size, file, LABEL_SIZE, NULL, nonce, wrap_key);
    sodium_memzero(content, sizeof(content));
    return fl_file_replace(
        path, fl_slice_of(file, LABEL_SIZE + FL_SEAL_NONCE_SIZE + (size_t)sealed_size), 0600);
}

void fl_keyring_checkpoint_key(const struct fl_keyring *keyring, uint8_t out[FL_KEY_BYTES])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    crypto_sign_seed_keypair(out, secret, keyring->checkpoint_seed);
    sodium_memzero(secret, sizeof(secret));
}

void fl_keyring_fingerprint(const struct fl_keyring *keyring, uint8_t out[FL_HASH_SIZE])
{
    uint8_t public_key[FL_KEY_BYTES];
    struct fl_sha256 *state = fl_sha256_open();
    fl_keyring_checkpoint_key(keyring, public_key);
    fl_sha256_begin(state);
    fl_sha256_update(state, fingerprint_label, sizeof(fingerprint_label) - 1);
    fl_sha256_update(state, keyring->id, FL_KEY_BYTES);
    fl_sha256_update(state, public_key, FL_KEY_BYTES);
    fl_sha256_end(state, out);
    fl_sha256_close(&state);
}

uint32_t fl_keyring_epoch(const struct fl_keyring *keyring)
{
    fl_keyring_lock(keyring);
    uint32_t number = keyring->epochs[keyring->epoch_count - 1].number;
    fl_keyring_unlock(keyring);
    return number;
}

uint32_t fl_keyring_link_generation(const struct fl_keyring *keyring)
{
    fl_keyring_lock(keyring);
    uint32_t generation = keyring->links[keyring->link_count - 1].generation;
    fl_keyring_unlock(keyring);
    return generation;
}

const struct fl_epoch_keys *fl_keyring_find_epoch(const struct fl_keyring *keyring, uint32_t number)
{
    for (uint32_t i = 0; i < keyring->epoch_count; i++)
        if (keyring->epochs[i].number == number)
            return &keyring->epochs[i];
    return NULL;
}

const struct fl_link_key *fl_keyring_find_link(const struct fl_keyring *keyring,
                                               uint32_t generation)
{
    for (uint32_t i = 0; i < keyring->link_count; i++)
        if (keyring->links[i].generation == generation)
            return &keyring->links[i];
    return NULL;
}

/* A copy of an epoch's keys, to be wiped; false: it is gone. */
static bool take_epoch(const struct fl_keyring *keyring, uint32_t number,
                       struct fl_epoch_keys *keys)
{
    fl_keyring_lock(keyring);
    const struct fl_epoch_keys *found = fl_keyring_find_epoch(keyring, number);
    if (found != NULL)
        *keys = *found;
    fl_keyring_unlock(keyring);
    return found != NULL;
}

enum fl_error fl_keyring_address_index(const struct fl_keyring *keyring, uint32_t epoch,
                                       struct fl_slice normalised,
                                       uint8_t out[FL_ADDRESS_INDEX_SIZE])
{
    struct fl_epoch_keys keys;
    if (!take_epoch(keyring, epoch, &keys))
        return FL_KEYRING;
    crypto_generichash(out, FL_ADDRESS_INDEX_SIZE, normalised.data, normalised.size, keys.pepper,
                       FL_KEY_BYTES);
    sodium_memzero(&keys, sizeof(keys));
    return FL_OK;
}

enum { AAD_SIZE_MAX = 512 };

/* AAD: the record's key with its length, and the epoch. */
static struct fl_slice seal_aad(struct fl_slice record_key, uint32_t epoch,
                                uint8_t out[AAD_SIZE_MAX])
{
    struct fl_write_cursor to;
    fl_write_init(&to, out, AAD_SIZE_MAX);
    fl_write_string(&to, record_key);
    fl_write_u32(&to, epoch);
    fl_assert(to.error == FL_OK);
    return fl_written(&to);
}

enum fl_error fl_keyring_seal(const struct fl_keyring *keyring, const struct fl_port *port,
                              uint32_t epoch, struct fl_slice record_key, struct fl_slice plain,
                              uint8_t nonce[FL_SEAL_NONCE_SIZE], uint8_t *out)
{
    uint8_t aad_bytes[AAD_SIZE_MAX];
    struct fl_epoch_keys keys;
    if (!take_epoch(keyring, epoch, &keys))
        return FL_KEYRING;
    struct fl_slice aad = seal_aad(record_key, epoch, aad_bytes);
    fl_port_random(port, nonce, FL_SEAL_NONCE_SIZE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, plain.data, plain.size, aad.data,
                                               aad.size, NULL, nonce, keys.key);
    sodium_memzero(&keys, sizeof(keys));
    return FL_OK;
}

enum fl_error fl_keyring_open_sealed(const struct fl_keyring *keyring, uint32_t epoch,
                                     struct fl_slice record_key,
                                     const uint8_t nonce[FL_SEAL_NONCE_SIZE],
                                     struct fl_slice sealed, uint8_t *out)
{
    uint8_t aad_bytes[AAD_SIZE_MAX];
    struct fl_epoch_keys keys;
    if (sealed.size < FL_SEAL_TAG_SIZE || record_key.size > FL_KEY_BYTES * 8)
        return FL_UNAUTHENTIC;
    if (!take_epoch(keyring, epoch, &keys))
        return FL_KEYRING;
    struct fl_slice aad = seal_aad(record_key, epoch, aad_bytes);
    int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(
        out, NULL, NULL, sealed.data, sealed.size, aad.data, aad.size, nonce, keys.key);
    sodium_memzero(&keys, sizeof(keys));
    return failed == 0 ? FL_OK : FL_UNAUTHENTIC;
}

enum fl_error fl_keyring_link_token(const struct fl_keyring *keyring, uint32_t generation,
                                    const char *purpose, struct fl_slice id,
                                    char out[FL_LINK_TOKEN_TEXT_SIZE])
{
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    fl_keyring_lock(keyring);
    const struct fl_link_key *link = fl_keyring_find_link(keyring, generation);
    if (link != NULL)
        crypto_auth_hmacsha256_init(&state, link->key, FL_KEY_BYTES);
    fl_keyring_unlock(keyring);
    if (link == NULL)
        return FL_KEYRING;
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)purpose, strlen(purpose) + 1);
    crypto_auth_hmacsha256_update(&state, id.data, id.size);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2base64(out, FL_LINK_TOKEN_TEXT_SIZE, mac, sizeof(mac),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return FL_OK;
}

bool fl_keyring_link_token_fits(const struct fl_keyring *keyring, uint32_t generation,
                                const char *purpose, struct fl_slice id, struct fl_slice token)
{
    char expected[FL_LINK_TOKEN_TEXT_SIZE];
    if (fl_keyring_link_token(keyring, generation, purpose, id, expected) != FL_OK)
        return false;
    return token.size == FL_LINK_TOKEN_TEXT_SIZE - 1 &&
           sodium_memcmp(token.data, expected, token.size) == 0;
}

enum fl_error fl_wrap_key_load(const char *path, uint8_t out[FL_KEY_BYTES])
{
    uint8_t file[2 * FL_KEY_BYTES + 2];
    size_t size = 0;
    enum fl_error error = fl_file_check_private(path);
    if (error == FL_OK)
        error = fl_file_read(path, file, sizeof(file), &size);
    if (error != FL_OK)
        return error == FL_TOO_LARGE ? FL_INVALID : error;
    if (size == FL_KEY_BYTES)
        memcpy(out, file, FL_KEY_BYTES);
    else if (size == 2 * FL_KEY_BYTES + 1 && file[size - 1] == '\n')
        size--;
    if (size != FL_KEY_BYTES && !fl_hex_decode(fl_slice_of(file, size), out, FL_KEY_BYTES))
        error = FL_INVALID;
    sodium_memzero(file, sizeof(file));
    return error;
}

enum fl_error fl_wrap_key_create(const char *path, const struct fl_port *port,
                                 uint8_t out[FL_KEY_BYTES])
{
    char text[2 * FL_KEY_BYTES + 2];
    fl_port_random(port, out, FL_KEY_BYTES);
    fl_hex_encode(out, FL_KEY_BYTES, text);
    text[2 * FL_KEY_BYTES] = '\n';
    enum fl_error error =
        fl_file_create(path, fl_slice_of(text, 2 * (size_t)FL_KEY_BYTES + 1), 0600);
    sodium_memzero(text, sizeof(text));
    return error;
}
