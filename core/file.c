/* SPDX-License-Identifier: Apache-2.0 */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum fl_error fl_file_read(const char *path, void *out, size_t size_max, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fl_error_from_errno(errno);
    size_t got = 0;
    enum fl_error error = FL_OK;
    while (error == FL_OK) {
        uint8_t extra = 0;
        void *to = got < size_max ? (uint8_t *)out + got : &extra;
        ssize_t n = read(fd, to, got < size_max ? size_max - got : 1);
        if (n < 0 && errno != EINTR)
            error = fl_error_from_errno(errno);
        else if (n > 0 && got == size_max)
            error = FL_TOO_LARGE;
        else if (n == 0)
            break;
        else if (n > 0)
            got += (size_t)n;
    }
    close(fd);
    if (error == FL_OK)
        *size = got;
    return error;
}

static enum fl_error write_all(int fd, struct fl_slice content)
{
    size_t done = 0;
    while (done < content.size) {
        ssize_t n = write(fd, content.data + done, content.size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fl_error_from_errno(errno);
        done += (size_t)n;
    }
    return fsync(fd) == 0 ? FL_OK : FL_IO;
}

enum fl_error fl_directory_sync_of(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - path);
    if (size >= sizeof(directory))
        return FL_INVALID;
    memcpy(directory, path, size);
    directory[size] = '\0';
    const char *name = slash == NULL ? "." : size == 0 ? "/" : directory;
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fl_error_from_errno(errno);
    enum fl_error error = fsync(fd) == 0 ? FL_OK : FL_IO;
    close(fd);
    return error;
}

enum fl_error fl_file_create(const char *path, struct fl_slice content, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return fl_error_from_errno(errno);
    enum fl_error error = write_all(fd, content);
    close(fd);
    if (error == FL_OK)
        return fl_directory_sync_of(path);
    unlink(path);
    return error;
}

enum fl_error fl_file_replace(const char *path, struct fl_slice content, mode_t mode)
{
    char beside[PATH_MAX];
    int size = snprintf(beside, sizeof(beside), "%s.new", path);
    if (size < 0 || (size_t)size >= sizeof(beside))
        return FL_INVALID;
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return fl_error_from_errno(errno);
    enum fl_error error = write_all(fd, content);
    close(fd);
    if (error == FL_OK && rename(beside, path) != 0)
        error = fl_error_from_errno(errno);
    if (error == FL_OK)
        return fl_directory_sync_of(path);
    unlink(beside);
    return error;
}

enum fl_error fl_file_check_private(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return fl_error_from_errno(errno);
    return (info.st_mode & 077) == 0 ? FL_OK : FL_DENIED;
}

enum fl_error fl_directory_ensure(const char *path, mode_t mode)
{
    char part[PATH_MAX];
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof(part))
        return FL_INVALID;
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, mode) != 0 && errno != EEXIST)
            return fl_error_from_errno(errno);
    }
    struct stat info;
    if (stat(path, &info) != 0)
        return fl_error_from_errno(errno);
    return S_ISDIR(info.st_mode) ? FL_OK : FL_EXISTS;
}

enum fl_error fl_file_system_free(const char *path, uint64_t *bytes)
{
    struct statvfs info;
    if (statvfs(path, &info) != 0)
        return fl_error_from_errno(errno);
    *bytes = (uint64_t)info.f_bavail * info.f_frsize;
    return FL_OK;
}
