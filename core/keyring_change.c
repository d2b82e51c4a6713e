/* SPDX-License-Identifier: Apache-2.0 */
#include "core/keyring_change.h"

#include <fcntl.h>
#include <sodium.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "core/keyring_internal.h"

enum { LABEL_SIZE = 16, SECRET_SIZE_MAX = 2 * FL_KEY_BYTES };

static const char epoch_label[LABEL_SIZE + 1] = "fleetlog-epoch-1";
static const char link_label[LABEL_SIZE + 1] = "fleetlog-links-1";

static void seal_aad(const char *label, uint32_t number, uint8_t out[LABEL_SIZE + 4])
{
    memcpy(out, label, LABEL_SIZE);
    fl_put_u32(out + LABEL_SIZE, number);
}

/* Fresh secrets of `size` bytes, sealed under an epoch's key. */
static enum fl_error mint(const struct fl_keyring *keyring, const struct fl_port *port,
                          const char *label, uint32_t number, uint32_t under, size_t size,
                          uint8_t *out)
{
    uint8_t secret[SECRET_SIZE_MAX];
    uint8_t aad[LABEL_SIZE + 4];
    seal_aad(label, number, aad);
    fl_port_random(port, secret, size);
    fl_port_random(port, out, FL_SEAL_NONCE_SIZE);
    fl_keyring_lock(keyring);
    const struct fl_epoch_keys *keys = fl_keyring_find_epoch(keyring, under);
    if (keys != NULL)
        crypto_aead_xchacha20poly1305_ietf_encrypt(out + FL_SEAL_NONCE_SIZE, NULL, secret, size,
                                                   aad, sizeof(aad), NULL, out, keys->key);
    fl_keyring_unlock(keyring);
    sodium_memzero(secret, sizeof(secret));
    return keys == NULL ? FL_KEYRING : FL_OK;
}

enum fl_error fl_keyring_mint_epoch(const struct fl_keyring *keyring, const struct fl_port *port,
                                    uint32_t epoch, uint8_t out[FL_SEALED_EPOCH_SIZE])
{
    return mint(keyring, port, epoch_label, epoch, epoch - 1, SECRET_SIZE_MAX, out);
}

enum fl_error fl_keyring_mint_link(const struct fl_keyring *keyring, const struct fl_port *port,
                                   uint32_t generation, uint32_t epoch,
                                   uint8_t out[FL_SEALED_LINK_SIZE])
{
    return mint(keyring, port, link_label, generation, epoch, FL_KEY_BYTES, out);
}

/* Opens sealed secrets; the lock is held. */
static enum fl_error open_secret(const struct fl_keyring *keyring, const char *label,
                                 uint32_t number, uint32_t under, struct fl_slice sealed,
                                 size_t size, uint8_t *secret)
{
    uint8_t aad[LABEL_SIZE + 4];
    const struct fl_epoch_keys *keys = fl_keyring_find_epoch(keyring, under);
    if (keys == NULL)
        return FL_KEYRING;
    seal_aad(label, number, aad);
    if (sealed.size != FL_SEAL_NONCE_SIZE + size + FL_SEAL_TAG_SIZE ||
        crypto_aead_xchacha20poly1305_ietf_decrypt(
            secret, NULL, NULL, sealed.data + FL_SEAL_NONCE_SIZE, sealed.size - FL_SEAL_NONCE_SIZE,
            aad, sizeof(aad), sealed.data, keys->key) != 0)
        return FL_UNAUTHENTIC;
    return FL_OK;
}

enum fl_error fl_keyring_adopt_epoch(struct fl_keyring *keyring, uint32_t epoch,
                                     struct fl_slice sealed)
{
    uint8_t secret[SECRET_SIZE_MAX];
    enum fl_error error = FL_OK;
    pthread_rwlock_wrlock(&keyring->lock);
    if (fl_keyring_find_epoch(keyring, epoch) != NULL)
        error = FL_EXISTS;
    else if (keyring->epoch_count == FL_KEYRING_EPOCH_COUNT_MAX)
        error = FL_FULL;
    else
        error = open_secret(keyring, epoch_label, epoch, epoch - 1, sealed, sizeof(secret), secret);
    if (error == FL_OK) {
        struct fl_epoch_keys *keys = &keyring->epochs[keyring->epoch_count++];
        keys->number = epoch;
        memcpy(keys->key, secret, FL_KEY_BYTES);
        memcpy(keys->pepper, secret + FL_KEY_BYTES, FL_KEY_BYTES);
    }
    pthread_rwlock_unlock(&keyring->lock);
    sodium_memzero(secret, sizeof(secret));
    return error;
}

enum fl_error fl_keyring_adopt_link(struct fl_keyring *keyring, uint32_t generation, uint32_t epoch,
                                    struct fl_slice sealed)
{
    uint8_t secret[FL_KEY_BYTES];
    enum fl_error error = FL_OK;
    pthread_rwlock_wrlock(&keyring->lock);
    if (fl_keyring_find_link(keyring, generation) != NULL)
        error = FL_EXISTS;
    else if (keyring->link_count == FL_KEYRING_LINK_COUNT_MAX)
        error = FL_FULL;
    else
        error = open_secret(keyring, link_label, generation, epoch, sealed, sizeof(secret), secret);
    if (error == FL_OK) {
        struct fl_link_key *key = &keyring->links[keyring->link_count++];
        key->generation = generation;
        memcpy(key->key, secret, FL_KEY_BYTES);
    }
    pthread_rwlock_unlock(&keyring->lock);
    sodium_memzero(secret, sizeof(secret));
    return error;
}

bool fl_keyring_drop_epoch(struct fl_keyring *keyring, uint32_t epoch)
{
    pthread_rwlock_wrlock(&keyring->lock);
    const struct fl_epoch_keys *found = fl_keyring_find_epoch(keyring, epoch);
    if (found != NULL) {
        fl_assert(keyring->epoch_count > 1);
        size_t at = (size_t)(found - keyring->epochs);
        memmove(&keyring->epochs[at], &keyring->epochs[at + 1],
                (keyring->epoch_count - at - 1) * sizeof(keyring->epochs[0]));
        keyring->epoch_count--;
        sodium_memzero(&keyring->epochs[keyring->epoch_count], sizeof(keyring->epochs[0]));
    }
    pthread_rwlock_unlock(&keyring->lock);
    return found != NULL;
}

bool fl_keyring_has_epoch(const struct fl_keyring *keyring, uint32_t epoch)
{
    fl_keyring_lock(keyring);
    bool has = fl_keyring_find_epoch(keyring, epoch) != NULL;
    fl_keyring_unlock(keyring);
    return has;
}

bool fl_keyring_has_link(const struct fl_keyring *keyring, uint32_t generation)
{
    fl_keyring_lock(keyring);
    bool has = fl_keyring_find_link(keyring, generation) != NULL;
    fl_keyring_unlock(keyring);
    return has;
}

uint32_t fl_keyring_list_epochs(const struct fl_keyring *keyring,
                                uint32_t out[FL_KEYRING_EPOCH_COUNT_MAX])
{
    fl_keyring_lock(keyring);
    uint32_t count = keyring->epoch_count;
    for (uint32_t i = 0; i < count; i++)
        out[i] = keyring->epochs[i].number;
    fl_keyring_unlock(keyring);
    return count;
}

uint32_t fl_keyring_list_links(const struct fl_keyring *keyring,
                               uint32_t out[FL_KEYRING_LINK_COUNT_MAX])
{
    fl_keyring_lock(keyring);
    uint32_t count = keyring->link_count;
    for (uint32_t i = 0; i < count; i++)
        out[i] = keyring->links[i].generation;
    fl_keyring_unlock(keyring);
    return count;
}

/* Overwrites what an open file holds; its name may be gone. */
static enum fl_error overwrite(int fd)
{
    static const uint8_t zeros[4096];
    struct stat status;
    if (fstat(fd, &status) != 0)
        return FL_IO;
    for (off_t at = 0; at < status.st_size; at += (off_t)sizeof(zeros)) {
        size_t left = (size_t)(status.st_size - at);
        size_t size = left < sizeof(zeros) ? left : sizeof(zeros);
        if (pwrite(fd, zeros, size, at) != (ssize_t)size)
            return FL_IO;
    }
    return fdatasync(fd) == 0 ? FL_OK : FL_IO;
}

enum fl_error fl_keyring_replace(const struct fl_keyring *keyring, const char *path,
                                 const uint8_t wrap_key[FL_KEY_BYTES])
{
    int old = open(path, O_WRONLY | O_CLOEXEC);
    enum fl_error error = fl_keyring_save(keyring, path, wrap_key);
    if (error == FL_OK && old >= 0)
        error = overwrite(old);
    if (old >= 0)
        close(old);
    return error;
}

void fl_keyring_become(struct fl_keyring *keyring, struct fl_keyring **take_newer)
{
    struct fl_keyring *newer = *take_newer;
    const size_t kept = offsetof(struct fl_keyring, stamp);
    pthread_rwlock_wrlock(&keyring->lock);
    memcpy((uint8_t *)keyring + kept, (const uint8_t *)newer + kept, sizeof(*keyring) - kept);
    pthread_rwlock_unlock(&keyring->lock);
    fl_keyring_close(take_newer);
}
