/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the tests of this folder share: cmocka with its prerequisites, and a directory that goes
 * away again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline int test_remove_entry(const char *path, const struct stat *info, int type,
                                    struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline int test_make_directory(void **state)
{
    const char *base = getenv("TMPDIR");
    char *path = malloc(4096);
    snprintf(path, 4096, "%s/fleetlog-test-XXXXXX", base != NULL ? base : "/tmp");
    *state = mkdtemp(path);
    return *state == NULL ? -1 : 0;
}

static inline int test_remove_directory(void **state)
{
    int failed = nftw(*state, test_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return failed;
}
