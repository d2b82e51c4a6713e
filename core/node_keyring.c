/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node_keyring.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/keyring_change.h"
#include "core/keyring_internal.h"

static bool is_given(const struct fl_config *config, const struct fl_datadir *datadir,
                     char path[PATH_MAX])
{
    const char *configured = fl_config_text(config, FL_SETTING_WRAP_KEY_FILE);
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    if (configured[0] != '\0') {
        snprintf(path, PATH_MAX, "%s", configured);
        return true;
    }
    if (credentials != NULL) {
        int size = snprintf(path, PATH_MAX, "%s/wrap-key", credentials);
        if (size > 0 && size < PATH_MAX && access(path, F_OK) == 0)
            return true;
    }
    fl_datadir_path(datadir, "wrap.key", path);
    return false;
}

enum fl_error fl_node_wrap_key(const struct fl_config *config, const struct fl_datadir *datadir,
                               const struct fl_port *port, bool create, uint8_t out[FL_KEY_BYTES],
                               bool *made, char detail[FL_KEYRING_DETAIL_SIZE])
{
    char path[PATH_MAX];
    bool given = is_given(config, datadir, path);
    *made = false;
    enum fl_error error = fl_wrap_key_load(path, out);
    if (error == FL_NOT_FOUND && create && !given) {
        error = fl_wrap_key_create(path, port, out);
        *made = error == FL_OK;
        if (error == FL_EXISTS)
            error = fl_wrap_key_load(path, out);
    }
    if (error == FL_DENIED)
        snprintf(detail, FL_KEYRING_DETAIL_SIZE,
                 "the wrapping key %.300s must be readable by its owner alone (chmod 600)", path);
    else if (error == FL_INVALID)
        snprintf(detail, FL_KEYRING_DETAIL_SIZE,
                 "the wrapping key %.300s must hold 32 bytes or 64 hex digits", path);
    else if (error != FL_OK)
        snprintf(detail, FL_KEYRING_DETAIL_SIZE, "the wrapping key %.300s: %s", path,
                 fl_error_text(error));
    return error;
}

enum fl_error fl_node_keyring_load(const struct fl_config *config, const struct fl_datadir *datadir,
                                   struct fl_keyring **keyring, char detail[FL_KEYRING_DETAIL_SIZE])
{
    char path[PATH_MAX];
    uint8_t wrap_key[FL_KEY_BYTES];
    bool made = false;
    enum fl_error error =
        fl_node_wrap_key(config, datadir, fl_port_system(), false, wrap_key, &made, detail);
    if (error != FL_OK)
        return error;
    fl_datadir_path(datadir, "keyring", path);
    error = fl_file_check_private(path);
    if (error == FL_OK)
        error = fl_keyring_load(path, wrap_key, keyring);
    sodium_memzero(wrap_key, sizeof(wrap_key));
    if (error == FL_NOT_FOUND)
        snprintf(detail, FL_KEYRING_DETAIL_SIZE, "there is no keyring %.300s", path);
    else if (error == FL_DENIED)
        snprintf(detail, FL_KEYRING_DETAIL_SIZE,
                 "the keyring %.300s must be readable by its owner alone (chmod 600)", path);
    else if (error != FL_OK)
        snprintf(detail, FL_KEYRING_DETAIL_SIZE,
                 "the keyring %.300s is damaged or wrapped by another key", path);
    return error;
}

/* Changes whenever the file is replaced; 0: there is none. */
static uint64_t stamp_of(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return 0;
    uint64_t stamp = (uint64_t)status.st_mtim.tv_sec * 1000000000U +
                     (uint64_t)status.st_mtim.tv_nsec + (uint64_t)status.st_ino * 2654435761U;
    return stamp == 0 ? 1 : stamp;
}

enum fl_error fl_node_keyring_refresh(const struct fl_config *config,
                                      const struct fl_datadir *datadir, struct fl_keyring *keyring)
{
    char path[PATH_MAX];
    char detail[FL_KEYRING_DETAIL_SIZE];
    struct fl_keyring *newer = NULL;
    fl_datadir_path(datadir, "keyring", path);
    uint64_t stamp = stamp_of(path);
    fl_keyring_lock(keyring);
    bool same = stamp == keyring->stamp;
    fl_keyring_unlock(keyring);
    if (same)
        return FL_OK;
    enum fl_error error = fl_node_keyring_load(config, datadir, &newer, detail);
    if (error != FL_OK)
        return error;
    newer->stamp = stamp;
    fl_keyring_become(keyring, &newer);
    return FL_OK;
}
