/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/store/versions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/file.h"
#include "core/port.h"

enum { FILE_MODE = 0600, DIRECTORY_MODE = 0700, LOOK_MS = 1000 };

static const char *const link_names[] = {
    [FL_LINK_CURRENT] = "CURRENT",
    [FL_LINK_PREVIOUS] = "PREVIOUS",
    [FL_LINK_BUILDING] = "BUILDING",
    [FL_LINK_WANTED] = "WANTED",
};
enum { LINK_COUNT = sizeof(link_names) / sizeof(link_names[0]) };

/* What lies in a version's directory. */
static const char *const version_files[] = {"data.mdb", "lock.mdb", "bell", "owner"};

static enum fl_error join(const char *directory, const char *name, char out[PATH_MAX])
{
    int size = snprintf(out, PATH_MAX, "%s/%s", directory, name);
    return size >= 0 && size < PATH_MAX ? FL_OK : FL_INVALID;
}

enum fl_error fl_versions_open(struct fl_versions *versions, const char *views_directory,
                               const char *view_name, bool create)
{
    enum fl_error error = join(views_directory, view_name, versions->path);
    if (error == FL_OK && create)
        return fl_directory_ensure(versions->path, DIRECTORY_MODE);
    if (error == FL_OK && access(versions->path, F_OK) != 0)
        return fl_error_from_errno(errno);
    return error;
}

bool fl_version_parse(const char *version, uint32_t *fold_version, uint32_t *build)
{
    const char *dash = strchr(version, '-');
    uint64_t numbers[2] = {0, 0};
    if (dash == NULL || strlen(version) >= FL_VERSION_NAME_SIZE ||
        !fl_slice_to_u64(fl_slice_of(version, (size_t)(dash - version)), &numbers[0]) ||
        !fl_slice_to_u64(fl_slice_text(dash + 1), &numbers[1]) || numbers[0] > UINT32_MAX ||
        numbers[1] > UINT32_MAX)
        return false;
    *fold_version = (uint32_t)numbers[0];
    *build = (uint32_t)numbers[1];
    return true;
}

enum fl_error fl_versions_read(const struct fl_versions *versions, enum fl_version_link link,
                               char out[FL_VERSION_NAME_SIZE])
{
    char path[PATH_MAX];
    char content[FL_VERSION_NAME_SIZE];
    size_t size = 0;
    uint32_t fold_version;
    uint32_t build;
    enum fl_error error = join(versions->path, link_names[link], path);
    if (error == FL_OK)
        error = fl_file_read(path, content, sizeof(content) - 1, &size);
    if (error != FL_OK)
        return error == FL_TOO_LARGE ? FL_CORRUPT : error;
    while (size > 0 && content[size - 1] == '\n')
        size--;
    content[size] = '\0';
    if (!fl_version_parse(content, &fold_version, &build))
        return FL_CORRUPT;
    memcpy(out, content, size + 1);
    return FL_OK;
}

enum fl_error fl_versions_write(const struct fl_versions *versions, enum fl_version_link link,
                                const char *version)
{
    char path[PATH_MAX];
    char content[FL_VERSION_NAME_SIZE + 1];
    int size = snprintf(content, sizeof(content), "%s\n", version);
    fl_assert(size > 1 && size <= FL_VERSION_NAME_SIZE);
    enum fl_error error = join(versions->path, link_names[link], path);
    return error == FL_OK ? fl_file_replace(path, fl_slice_of(content, (size_t)size), FILE_MODE)
                          : error;
}

enum fl_error fl_versions_clear(const struct fl_versions *versions, enum fl_version_link link)
{
    char path[PATH_MAX];
    enum fl_error error = join(versions->path, link_names[link], path);
    if (error != FL_OK)
        return error;
    if (unlink(path) != 0)
        return errno == ENOENT ? FL_OK : fl_error_from_errno(errno);
    return fl_directory_sync_of(path);
}

enum fl_error fl_versions_next(const struct fl_versions *versions, uint32_t fold_version,
                               char out[FL_VERSION_NAME_SIZE])
{
    DIR *directory = opendir(versions->path);
    if (directory == NULL)
        return fl_error_from_errno(errno);
    uint32_t newest = 0;
    const struct dirent *entry = NULL;
    while ((entry = readdir(directory)) != NULL) {
        uint32_t other_fold;
        uint32_t build;
        if (fl_version_parse(entry->d_name, &other_fold, &build) && build > newest)
            newest = build;
    }
    closedir(directory);
    snprintf(out, FL_VERSION_NAME_SIZE, "%u-%u", fold_version, newest + 1);
    return FL_OK;
}

enum fl_error fl_versions_path(const struct fl_versions *versions, const char *version,
                               char out[PATH_MAX])
{
    return join(versions->path, version, out);
}

enum fl_error fl_versions_remove(const struct fl_versions *versions, const char *version)
{
    char directory[PATH_MAX];
    char path[PATH_MAX];
    enum fl_error error = fl_versions_path(versions, version, directory);
    for (size_t i = 0; error == FL_OK && i < sizeof(version_files) / sizeof(version_files[0]);
         i++) {
        error = join(directory, version_files[i], path);
        if (error == FL_OK && unlink(path) != 0 && errno != ENOENT)
            error = fl_error_from_errno(errno);
    }
    if (error == FL_OK && rmdir(directory) != 0 && errno != ENOENT)
        error = fl_error_from_errno(errno);
    return error;
}

static bool is_linked(const struct fl_versions *versions, const char *version)
{
    for (unsigned i = 0; i < LINK_COUNT; i++) {
        char linked[FL_VERSION_NAME_SIZE];
        enum fl_error error = fl_versions_read(versions, (enum fl_version_link)i, linked);
        if (error != FL_NOT_FOUND && (error != FL_OK || strcmp(linked, version) == 0))
            return true;
    }
    return false;
}

enum fl_error fl_versions_prune(const struct fl_versions *versions)
{
    DIR *directory = opendir(versions->path);
    if (directory == NULL)
        return fl_error_from_errno(errno);
    enum fl_error error = FL_OK;
    const struct dirent *entry = NULL;
    while (error == FL_OK && (entry = readdir(directory)) != NULL) {
        uint32_t fold_version;
        uint32_t build;
        if (fl_version_parse(entry->d_name, &fold_version, &build) &&
            !is_linked(versions, entry->d_name))
            error = fl_versions_remove(versions, entry->d_name);
    }
    closedir(directory);
    return error;
}

static enum fl_error try_lock(const char *path, int *descriptor, int *holder)
{
    char text[16];
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return fl_error_from_errno(errno);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        enum fl_error error = errno == EWOULDBLOCK ? FL_LOCKED : fl_error_from_errno(errno);
        ssize_t size = pread(fd, text, sizeof(text) - 1, 0);
        text[size > 0 ? size : 0] = '\0';
        if (holder != NULL)
            *holder = (int)strtol(text, NULL, 10);
        close(fd);
        return error;
    }
    /* Always as long, so that an existing file needs no room on a full disk. */
    int size = snprintf(text, sizeof(text), "%-10d\n", (int)getpid());
    if (pwrite(fd, text, (size_t)size, 0) != size) {
        enum fl_error error = fl_error_from_errno(errno);
        close(fd);
        return error;
    }
    *descriptor = fd;
    return FL_OK;
}

/* Asks by a descriptor that cannot write: its close is not what the waiters wait for. */
static bool is_held(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0)
        close(fd);
    return held;
}

/* The holder's end closes the file, which inotify tells; without inotify a look a second. */
static enum fl_error wait_lock(const char *path, int wait_ms, int *descriptor, int *holder)
{
    char events[1024];
    const struct fl_port *port = fl_port_system();
    int64_t deadline_ms = fl_port_monotonic_ms(port) + wait_ms;
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch >= 0 && inotify_add_watch(watch, path, IN_CLOSE_WRITE) < 0) {
        close(watch);
        watch = -1;
    }
    enum fl_error error = FL_LOCKED;
    for (int64_t left_ms = wait_ms; error == FL_LOCKED && left_ms > 0;
         left_ms = deadline_ms - fl_port_monotonic_ms(port)) {
        struct pollfd fd = {watch, POLLIN, 0};
        if (!is_held(path))
            error = try_lock(path, descriptor, holder);
        else if (poll(&fd, 1, (int)(left_ms < LOOK_MS ? left_ms : LOOK_MS)) > 0 &&
                 read(watch, events, sizeof(events)) < 0)
            break;
    }
    if (watch >= 0)
        close(watch);
    return error;
}

enum fl_error fl_versions_lock(const struct fl_versions *versions, const char *file, int wait_ms,
                               int *descriptor, int *holder)
{
    char path[PATH_MAX];
    enum fl_error error = join(versions->path, file, path);
    if (error == FL_OK)
        error = try_lock(path, descriptor, holder);
    if (error == FL_LOCKED && wait_ms > 0)
        error = wait_lock(path, wait_ms, descriptor, holder);
    return error;
}

uint64_t fl_versions_stamp(const struct fl_versions *versions, enum fl_version_link link)
{
    char path[PATH_MAX];
    struct stat status;
    if (join(versions->path, link_names[link], path) != FL_OK || stat(path, &status) != 0)
        return 0;
    /* A replaced file is another inode, or the same one reused later: both count. */
    uint64_t stamp = (uint64_t)status.st_ctim.tv_sec * 1000000000u +
                     (uint64_t)status.st_ctim.tv_nsec + (uint64_t)status.st_ino;
    return stamp == 0 ? 1 : stamp;
}
