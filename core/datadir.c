/* SPDX-License-Identifier: Apache-2.0 */
#include "core/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/file.h"

enum { SOCKET_PATH_SIZE_MAX = 107 };

static enum fl_error choose_path(char out[PATH_MAX], const char *configured)
{
    int size = 0;
    const char *xdg = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    if (configured[0] != '\0')
        size = snprintf(out, PATH_MAX, "%s", configured);
    else if (geteuid() == 0)
        size = snprintf(out, PATH_MAX, "/var/lib/fleetlog");
    else if (xdg != NULL && xdg[0] == '/')
        size = snprintf(out, PATH_MAX, "%s/fleetlog", xdg);
    else if (home != NULL && home[0] == '/')
        size = snprintf(out, PATH_MAX, "%s/.local/share/fleetlog", home);
    else
        return FL_USAGE;
    return size > 0 && size < PATH_MAX - 256 ? FL_OK : FL_USAGE;
}

/* Two starters may race to make node.id: whoever creates it wins, both read the same. */
static enum fl_error load_node_id(struct fl_datadir *directory, bool create,
                                  const struct fl_port *port)
{
    char path[PATH_MAX];
    char text[FL_ID_TEXT_SIZE];
    size_t size = 0;
    fl_datadir_path(directory, "node.id", path);
    if (create) {
        struct fl_id_source source;
        fl_id_source_init(&source, port);
        fl_id_mint(&source, text);
        text[FL_ID_TEXT_SIZE - 1] = '\n';
        enum fl_error error = fl_file_create(path, fl_slice_of(text, sizeof(text)), 0600);
        if (error != FL_OK && error != FL_EXISTS)
            return error;
    }
    enum fl_error error = fl_file_read(path, text, sizeof(text), &size);
    if (error == FL_NOT_FOUND && !create)
        return FL_OK;
    if (error != FL_OK)
        return error;
    if (size != sizeof(text) || !fl_id_is_valid(fl_slice_of(text, FL_ID_TEXT_SIZE - 1)))
        return FL_CORRUPT;
    memcpy(directory->node_id, text, FL_ID_TEXT_SIZE - 1);
    return FL_OK;
}

enum fl_error fl_datadir_open(struct fl_datadir *directory, const char *configured, bool create,
                              const struct fl_port *port)
{
    static const char *const parts[] = {"run", "journal", "views"};
    char path[PATH_MAX];
    *directory = (struct fl_datadir){.lock_fd = -1};
    enum fl_error error = choose_path(directory->path, configured);
    if (error != FL_OK)
        return error;
    if (!create && access(directory->path, F_OK) != 0)
        return fl_error_from_errno(errno);
    if (create)
        error = fl_directory_ensure(directory->path, 0700);
    for (size_t i = 0; create && error == FL_OK && i < sizeof(parts) / sizeof(parts[0]); i++) {
        fl_datadir_path(directory, parts[i], path);
        error = fl_directory_ensure(path, 0700);
    }
    return error == FL_OK ? load_node_id(directory, create, port) : error;
}

enum fl_error fl_datadir_lock(struct fl_datadir *directory, int *holder)
{
    char path[PATH_MAX];
    char text[32] = "";
    *holder = 0;
    fl_datadir_path(directory, "lock", path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fl_error_from_errno(errno);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ssize_t size = read(fd, text, sizeof(text) - 1);
        if (size > 0)
            *holder = (int)strtol(text, NULL, 10);
        close(fd);
        return FL_LOCKED;
    }
    int size = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)size, 0) != size) {
        close(fd);
        return FL_IO;
    }
    directory->lock_fd = fd;
    return FL_OK;
}

void fl_datadir_close(struct fl_datadir *directory)
{
    if (directory->lock_fd >= 0)
        close(directory->lock_fd);
    directory->lock_fd = -1;
}

void fl_datadir_path(const struct fl_datadir *directory, const char *name, char out[PATH_MAX])
{
    int size = snprintf(out, PATH_MAX, "%s/%s", directory->path, name);
    fl_assert(size > 0 && size < PATH_MAX);
}

enum fl_error fl_datadir_socket(const struct fl_datadir *directory, const char *name,
                                char out[PATH_MAX])
{
    char base[PATH_MAX];
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    int size = snprintf(out, PATH_MAX, "%s/run/%s", directory->path, name);
    if (size > 0 && size <= SOCKET_PATH_SIZE_MAX)
        return FL_OK;
    /* The node's id keeps two data directories of one user apart. */
    if (runtime != NULL && runtime[0] == '/')
        size = snprintf(base, sizeof(base), "%s/fleetlog-%.8s", runtime, directory->node_id + 28);
    else
        size = snprintf(base, sizeof(base), "/tmp/fleetlog-%u-%.8s", (unsigned)geteuid(),
                        directory->node_id + 28);
    if (size < 0 || size > SOCKET_PATH_SIZE_MAX - 32)
        return FL_USAGE;
    enum fl_error error = fl_directory_ensure(base, 0700);
    if (error == FL_OK)
        error = fl_file_check_private(base);
    snprintf(out, PATH_MAX, "%.80s/%s", base, name);
    return error;
}
