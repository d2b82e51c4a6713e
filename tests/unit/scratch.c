/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN_DIRECTORY_COUNT_MAX = 16 };

void fl_scratch_make(struct fl_scratch *scratch)
{
    const char *base = getenv("TMPDIR");
    snprintf(scratch->path, sizeof(scratch->path), "%s/fleetlog-test-XXXXXX",
             base != NULL && base[0] != '\0' ? base : "/tmp");
    if (mkdtemp(scratch->path) == NULL) {
        perror(scratch->path);
        abort();
    }
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

void fl_scratch_remove(struct fl_scratch *scratch)
{
    if (scratch->path[0] == '\0')
        return;
    nftw(scratch->path, remove_one, OPEN_DIRECTORY_COUNT_MAX, FTW_DEPTH | FTW_PHYS);
    scratch->path[0] = '\0';
}
