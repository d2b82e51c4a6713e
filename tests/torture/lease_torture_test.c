/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/journal/lease.h"
#include "core/port.h"
#include "tests/unit/scratch.h"

/* Several processes fight for one lease while some of them are killed: never two hold it at once,
 * and it never gets stuck. FLEETLOG_TORTURE_TURNS raises the number of turns. */

enum { CHILD_COUNT = 4, LOOKS_PER_TURN = 50, DEADLINE_MS = 100000 };

/* Shared by all: who believes to hold the lease. */
static atomic_int *map_owner(const char *directory)
{
    char path[FL_SCRATCH_PATH_SIZE + 16];
    snprintf(path, sizeof(path), "%s/owner", directory);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof(atomic_int)) != 0)
        return NULL;
    void *owner = mmap(NULL, sizeof(atomic_int), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return owner == MAP_FAILED ? NULL : owner;
}

/* Takes the lease again and again; writes 'h' after each turn, 'X' when it met another holder. */
static int fight(const char *directory, int out)
{
    char path[FL_SCRATCH_PATH_SIZE + 16];
    atomic_int *owner = map_owner(directory);
    int self = getpid();
    snprintf(path, sizeof(path), "%s/lease", directory);
    for (;;) {
        struct fl_lease lease;
        bool held = false;
        if (owner == NULL || fl_lease_open(&lease, path) != FL_OK)
            return 1;
        while (!held)
            if (fl_lease_wait(&lease, 60000, &held) != FL_OK)
                return 1;
        char told = 'h';
        atomic_store(owner, self);
        for (int i = 0; i < LOOKS_PER_TURN; i++) {
            sched_yield(); /* lets the others try meanwhile */
            if (atomic_load(owner) != self)
                told = 'X';
        }
        if (write(out, &told, 1) != 1)
            return 1;
        fl_lease_close(&lease);
    }
}

static pid_t start(const char *directory, int out)
{
    char descriptor[16];
    snprintf(descriptor, sizeof(descriptor), "%d", out);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
        execl("/proc/self/exe", "lease-fighter", directory, descriptor, (char *)NULL);
        _exit(126);
    }
    assert_true(child > 0);
    return child;
}

static void end(pid_t child)
{
    int status = 0;
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void one_holds_the_lease_and_it_never_sticks(void **state)
{
    (void)state;
    struct fl_scratch scratch;
    struct fl_port_virtual chance;
    pid_t children[CHILD_COUNT];
    int ends[2];
    const char *given = getenv("FLEETLOG_SEED");
    const char *turns_given = getenv("FLEETLOG_TORTURE_TURNS");
    uint64_t seed = given == NULL ? 1 : strtoull(given, NULL, 10);
    uint64_t turns = turns_given == NULL ? 2000 : strtoull(turns_given, NULL, 10);
    print_message("FLEETLOG_SEED=%llu\n", (unsigned long long)seed);
    fl_port_virtual_init(&chance, seed, 0);
    fl_scratch_make(&scratch);
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < CHILD_COUNT; i++)
        children[i] = start(scratch.path, ends[1]);
    for (uint64_t turn = 0; turn < turns; turn++) {
        struct pollfd readable = {ends[0], POLLIN, 0};
        char told = 0;
        uint8_t random[2];
        assert_int_equal(poll(&readable, 1, DEADLINE_MS), 1); /* else it is stuck */
        assert_int_equal(read(ends[0], &told, 1), 1);
        assert_int_equal(told, 'h');
        fl_port_random(&chance.port, random, sizeof(random));
        if (random[0] % 20 == 0) {
            end(children[random[1] % CHILD_COUNT]);
            children[random[1] % CHILD_COUNT] = start(scratch.path, ends[1]);
        }
    }
    for (int i = 0; i < CHILD_COUNT; i++)
        end(children[i]);
    close(ends[0]);
    close(ends[1]);
    fl_scratch_remove(&scratch);
}

int main(int count, char **arguments)
{
    if (count == 3 && strcmp(arguments[0], "lease-fighter") == 0)
        return fight(arguments[1], (int)strtol(arguments[2], NULL, 10));
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_holds_the_lease_and_it_never_sticks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
