/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/decider/crash_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAGIC "fleetlog-crash-1"

/* Lives on this host alone and is written by a signal handler, hence a plain struct. */
struct mark {
    char magic[16];
    uint64_t offset;
    uint64_t count;
    uint8_t hash[FL_HASH_SIZE];
    char build[FL_BUILD_TEXT_SIZE];
};

struct fl_crash_guard {
    struct mark *mark;
    char build[FL_BUILD_TEXT_SIZE];
    char crashed_build[FL_BUILD_TEXT_SIZE];
    uint64_t offset;
    uint8_t hash[FL_HASH_SIZE];
    volatile sig_atomic_t inside;
};

/* A signal handler has no argument: the guard of this thread. A crash signal comes to the thread
 * that crashes. */
static _Thread_local struct fl_crash_guard *volatile active;

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

static void on_crash(int signal_number)
{
    struct fl_crash_guard *guard = active;
    if (guard != NULL && guard->inside) {
        bool same = guard->mark->offset == guard->offset &&
                    memcmp(guard->mark->hash, guard->hash, FL_HASH_SIZE) == 0;
        guard->mark->count = same ? guard->mark->count + 1 : 1;
        guard->mark->offset = guard->offset;
        memcpy(guard->mark->hash, guard->hash, FL_HASH_SIZE);
        memcpy(guard->mark->build, guard->build, FL_BUILD_TEXT_SIZE);
    }
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

enum fl_error fl_crash_guard_open(const char *path, const char *build,
                                  struct fl_crash_guard **guard)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fl_error_from_errno(errno);
    /* Bytes are reserved now: a store through the mapping of a hole on a full disk would be a
     * SIGBUS. */
    int failed = posix_fallocate(fd, 0, sizeof(struct mark));
    void *mapped = failed != 0
                       ? MAP_FAILED
                       : mmap(NULL, sizeof(struct mark), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (failed != 0)
        return fl_error_from_errno(failed);
    if (mapped == MAP_FAILED)
        return FL_IO;
    struct fl_crash_guard *opened = calloc(1, sizeof(*opened));
    if (opened == NULL) {
        munmap(mapped, sizeof(struct mark));
        return FL_NO_MEMORY;
    }
    opened->mark = mapped;
    if (memcmp(opened->mark->magic, MAGIC, sizeof(opened->mark->magic)) != 0) {
        memset(opened->mark, 0, sizeof(*opened->mark));
        memcpy(opened->mark->magic, MAGIC, sizeof(opened->mark->magic));
    }
    opened->mark->build[FL_BUILD_TEXT_SIZE - 1] = '\0';
    memcpy(opened->crashed_build, opened->mark->build, FL_BUILD_TEXT_SIZE);
    snprintf(opened->build, sizeof(opened->build), "%s", build);
    active = opened;
    struct sigaction action = {.sa_handler = on_crash};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(crash_signals) / sizeof(crash_signals[0]); i++)
        sigaction(crash_signals[i], &action, NULL);
    *guard = opened;
    return FL_OK;
}

void fl_crash_guard_close(struct fl_crash_guard **guard)
{
    if (*guard == NULL)
        return;
    active = NULL;
    for (size_t i = 0; i < sizeof(crash_signals) / sizeof(crash_signals[0]); i++)
        signal(crash_signals[i], SIG_DFL);
    munmap((*guard)->mark, sizeof(struct mark));
    free(*guard);
    *guard = NULL;
}

unsigned fl_crash_guard_count(const struct fl_crash_guard *guard, uint64_t offset,
                              const uint8_t hash[FL_HASH_SIZE])
{
    const struct mark *mark = guard->mark;
    if (mark->count == 0 || mark->offset != offset || memcmp(mark->hash, hash, FL_HASH_SIZE) != 0)
        return 0;
    return (unsigned)mark->count;
}

bool fl_crash_guard_pending(const struct fl_crash_guard *guard, uint64_t next_action)
{
    return guard->mark->count > 0 && guard->mark->offset >= next_action;
}

const char *fl_crash_guard_build(const struct fl_crash_guard *guard)
{
    return guard->crashed_build;
}

void fl_crash_guard_enter(struct fl_crash_guard *guard, uint64_t offset,
                          const uint8_t hash[FL_HASH_SIZE])
{
    guard->offset = offset;
    memcpy(guard->hash, hash, FL_HASH_SIZE);
    guard->inside = 1;
}

void fl_crash_guard_leave(struct fl_crash_guard *guard)
{
    guard->inside = 0;
}
