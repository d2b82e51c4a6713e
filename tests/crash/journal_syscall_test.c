/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/crash_log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/port.h"
#include "tests/unit/scratch.h"

/* strace lets the Nth system call of a commit kill the process or fail, one N after the other: each
 * step of a commit is struck once, not only those that chance finds. */

enum { APPEND_COUNT = 4, STEP_COUNT = 14, SKIPPED = 77 };

static int be_writer(char **arguments)
{
    struct fl_journal *journal = NULL;
    uint64_t writer = strtoull(arguments[2], NULL, 10);
    int out = (int)strtol(arguments[3], NULL, 10);
    enum fl_error error = crash_open(arguments[1], &journal);
    if (error == FL_OK)
        error = crash_append(journal, writer, APPEND_COUNT, out);
    /* As every duty does at a fatal error: end at once. */
    _exit(error == FL_OK ? 0 : 100 + (int)error);
}

/* Runs a writer under strace with that injection; returns its exit code, or 128 + signal. */
static int run_traced(const char *directory, uint64_t writer, int out, const char *call,
                      const char *injection)
{
    char number[24];
    char descriptor[16];
    char trace[64];
    char inject[128];
    char program[256];
    int status = 0;
    ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 1);
    assert_true(size > 0);
    program[size] = '\0';
    snprintf(number, sizeof(number), "%llu", (unsigned long long)writer);
    snprintf(descriptor, sizeof(descriptor), "%d", out);
    snprintf(trace, sizeof(trace), "trace=%s", call);
    snprintf(inject, sizeof(inject), "inject=%s:%s", call, injection);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* it cannot look for leaks while traced */
        execlp("strace", "strace", "-f", "-qq", "-o", "/dev/null", "-e", trace, "-e", inject,
               program, "crash-writer", directory, number, descriptor, (char *)NULL);
        _exit(SKIPPED);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static const char *const calls[] = {"pwrite64", "pwritev", "fdatasync"};

/* Runs every call and step with one injection and checks the log after each. Returns how often the
 * writer ended as `struck` says. */
static unsigned strike_each_step(const char *format, int struck, uint64_t *writer,
                                 struct crash_log *log, const char *directory)
{
    unsigned count = 0;
    for (size_t c = 0; c < sizeof(calls) / sizeof(calls[0]); c++)
        for (int step = 1; step <= STEP_COUNT; step++) {
            char injection[64];
            int ends[2];
            size_t acked = log->ack_count;
            snprintf(injection, sizeof(injection), "%s:when=%d", format, step);
            assert_int_equal(pipe(ends), 0);
            int code = run_traced(directory, (*writer)++, ends[1], calls[c], injection);
            close(ends[1]);
            while (crash_take_acks(log, ends[0], 1000))
                continue;
            close(ends[0]);
            /* A full disk met while opening is no failed commit. */
            bool refused = code == 100 + FL_FULL && log->ack_count == acked;
            if (code != 0 && code != struck && !refused)
                fail_msg("%s %s: the writer ended with %d", calls[c], injection, code);
            count += code == struck;
            crash_check(log, directory);
        }
    return count;
}

static void every_step_of_a_commit_is_struck(void **state)
{
    (void)state;
    struct fl_scratch scratch;
    struct crash_log log = {NULL, 0, 0, 0};
    uint64_t writer = 0;
    fl_scratch_make(&scratch);
    crash_prepare(scratch.path);
    unsigned killed =
        strike_each_step("signal=SIGKILL", 128 + SIGKILL, &writer, &log, scratch.path);
    /* A failed write or sync inside a commit is fatal: FL_IO, whatever the reason. */
    unsigned failed = strike_each_step("error=EIO", 100 + FL_IO, &writer, &log, scratch.path);
    unsigned full = strike_each_step("error=ENOSPC", 100 + FL_IO, &writer, &log, scratch.path);
    print_message("killed %u, failed %u, full %u; %llu records\n", killed, failed, full,
                  (unsigned long long)log.record_count);
    assert_true(killed >= 10);
    assert_true(failed >= 8);
    assert_true(full >= 8);
    crash_log_fini(&log);
    fl_scratch_remove(&scratch);
}

/* strace may be missing, or ptrace forbidden. */
static bool can_trace(void)
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        execlp("strace", "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "true",
               (char *)NULL);
        _exit(SKIPPED);
    }
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int count, char **arguments)
{
    if (count == 5 && strcmp(arguments[1], "crash-writer") == 0)
        return be_writer(arguments + 1);
    if (!can_trace()) {
        fprintf(stderr, "skipped: strace is missing or may not trace here\n");
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_step_of_a_commit_is_struck)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
