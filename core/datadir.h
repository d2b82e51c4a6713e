/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The data directory: where everything of a node lies, and who may work in it.
 *
 *   DATA/node.id lock keyring wrap.key guesses run/ journal/ views/
 *
 * `fleetlog up` holds `lock`; a second one is refused. All directories are 0700, all files 0600.
 * Threading: read-only after opening. Allocation: none but the struct. Limits: paths under
 * PATH_MAX; a socket path over 107 bytes moves to $XDG_RUNTIME_DIR (or /tmp/fleetlog-<uid>).
 */
#include <limits.h>

#include "core/error.h"
#include "core/ids.h"
#include "core/port.h"

struct fl_datadir {
    char path[PATH_MAX];
    char
        node_id[FL_ID_TEXT_SIZE]; /* "" if the directory was opened without creating and has none */
    int lock_fd;                  /* -1: not held */
};

/* `configured` may be "": /var/lib/fleetlog as root, else $XDG_DATA_HOME/fleetlog, else
 * $HOME/.local/share/fleetlog. create: makes what is missing (node.id too); otherwise FL_NOT_FOUND
 * if there is no such directory. */
enum fl_error fl_datadir_open(struct fl_datadir *directory, const char *configured, bool create,
                              const struct fl_port *port) FL_MUST_USE;

/* Takes the lock of `up`; FL_LOCKED if another process holds it (its pid in `holder`, 0 if
 * unknown). */
enum fl_error fl_datadir_lock(struct fl_datadir *directory, int *holder) FL_MUST_USE;

void fl_datadir_close(struct fl_datadir *directory);

/* DATA/<name>; asserts that it fits. */
void fl_datadir_path(const struct fl_datadir *directory, const char *name, char out[PATH_MAX]);

/* Path of a socket named `name` below run/, or in the runtime directory when that is too long;
 * makes the directory. */
enum fl_error fl_datadir_socket(const struct fl_datadir *directory, const char *name,
                                char out[PATH_MAX]) FL_MUST_USE;
