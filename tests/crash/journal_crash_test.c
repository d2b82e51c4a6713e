/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/crash_log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/port.h"
#include "tests/unit/scratch.h"

/* Several processes append until SIGKILL strikes them at a random moment; then everything that was
 * acknowledged must be there. FLEETLOG_CRASH_ROUNDS raises the number of rounds. */

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *given = getenv(name);
    return given == NULL ? otherwise : strtoull(given, NULL, 10);
}

static int be_writer(char **arguments)
{
    struct fl_journal *journal = NULL;
    uint64_t writer = strtoull(arguments[2], NULL, 10);
    int out = (int)strtol(arguments[3], NULL, 10);
    if (crash_open(arguments[1], &journal) != FL_OK)
        return 1;
    return crash_append(journal, writer, 0, out) == FL_OK ? 0 : 1;
}

static pid_t start_writer(const char *directory, uint64_t writer, int out)
{
    char number[24];
    char descriptor[16];
    snprintf(number, sizeof(number), "%llu", (unsigned long long)writer);
    snprintf(descriptor, sizeof(descriptor), "%d", out);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
        execl("/proc/self/exe", "crash-writer", directory, number, descriptor, (char *)NULL);
        _exit(126);
    }
    assert_true(child > 0);
    return child;
}

/* One round: starts the writers, takes some acknowledgements, kills all. */
static void strike(struct crash_log *log, const char *directory, uint64_t round,
                   struct fl_port_virtual *chance)
{
    int ends[2];
    pid_t children[CRASH_WRITER_COUNT];
    uint8_t random[2];
    assert_int_equal(pipe(ends), 0);
    for (uint64_t w = 0; w < CRASH_WRITER_COUNT; w++)
        children[w] = start_writer(directory, round * CRASH_WRITER_COUNT + w, ends[1]);
    close(ends[1]);
    fl_port_random(&chance->port, random, sizeof(random));
    size_t wanted = log->ack_count + 1 + random[0] % 40;
    int64_t deadline_ms = fl_port_monotonic_ms(fl_port_system()) + 60000;
    while (log->ack_count < wanted) {
        assert_true(crash_take_acks(log, ends[0], 1000));
        assert_true(fl_port_monotonic_ms(fl_port_system()) < deadline_ms);
    }
    for (uint64_t w = 0; w < CRASH_WRITER_COUNT; w++)
        kill(children[(w + random[1]) % CRASH_WRITER_COUNT], SIGKILL);
    for (uint64_t w = 0; w < CRASH_WRITER_COUNT; w++) {
        int status = 0;
        assert_int_equal(waitpid(children[w], &status, 0), children[w]);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    while (crash_take_acks(log, ends[0], 1000))
        continue;
    close(ends[0]);
}

static void nothing_acknowledged_is_lost_to_sigkill(void **state)
{
    (void)state;
    struct fl_scratch scratch;
    struct fl_port_virtual chance;
    struct crash_log log = {NULL, 0, 0, 0};
    uint64_t seed = number_from("FLEETLOG_SEED", 1);
    uint64_t rounds = number_from("FLEETLOG_CRASH_ROUNDS", 50);
    print_message("FLEETLOG_SEED=%llu\n", (unsigned long long)seed);
    fl_port_virtual_init(&chance, seed, 0);
    fl_scratch_make(&scratch);
    crash_prepare(scratch.path);
    for (uint64_t round = 0; round < rounds; round++) {
        strike(&log, scratch.path, round, &chance);
        crash_check(&log, scratch.path);
    }
    print_message("%llu rounds, %zu acknowledged appends, %llu records\n",
                  (unsigned long long)rounds, log.ack_count, (unsigned long long)log.record_count);
    assert_true(log.ack_count >= rounds);
    crash_log_fini(&log);
    fl_scratch_remove(&scratch);
}

int main(int count, char **arguments)
{
    if (count == 4 && strcmp(arguments[0], "crash-writer") == 0)
        return be_writer(arguments);
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_acknowledged_is_lost_to_sigkill)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
