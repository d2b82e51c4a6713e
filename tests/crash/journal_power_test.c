/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/crash_log.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/port.h"
#include "tests/unit/scratch.h"

/* The power goes: an ext4 file system in a file is shut down without flushing its log, mounted
 * again, and everything acknowledged must be there. FLEETLOG_POWER_ROUNDS raises the rounds. */

enum { SKIPPED = 77, SHUTDOWN_NO_LOG_FLUSH = 2, IMAGE_MB = 192 };
#define EXT4_IOC_SHUTDOWN _IOR('X', 125, uint32_t) /* linux/fs/ext4/ext4.h */

static char image[FL_SCRATCH_PATH_SIZE + 16];
static char disk[FL_SCRATCH_PATH_SIZE + 16];
static char directory[FL_SCRATCH_PATH_SIZE + 32];

static int run(const char *const arguments[])
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
        execvp(arguments[0], (char *const *)arguments);
        _exit(126);
    }
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

static bool mount_disk(void)
{
    const char *const arguments[] = {"mount", "-o", "loop", image, disk, NULL};
    return run(arguments) == 0;
}

static bool make_disk(void)
{
    char size[16];
    const char *const mkfs[] = {"mkfs.ext4", "-q", "-F", image, size, NULL};
    snprintf(size, sizeof(size), "%dM", IMAGE_MB);
    return mkdir(disk, 0700) == 0 && unshare(CLONE_NEWNS) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && run(mkfs) == 0 && mount_disk();
}

static void cut_power(void)
{
    uint32_t flag = SHUTDOWN_NO_LOG_FLUSH;
    int root = open(disk, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(root >= 0);
    assert_int_equal(ioctl(root, EXT4_IOC_SHUTDOWN, &flag), 0);
    close(root);
}

static int be_writer(char **arguments)
{
    struct fl_journal *journal = NULL;
    uint64_t writer = strtoull(arguments[2], NULL, 10);
    int out = (int)strtol(arguments[3], NULL, 10);
    if (crash_open(arguments[1], &journal) != FL_OK)
        return 1;
    /* Runs until the disk is gone from under it, or it is killed. */
    _exit(crash_append(journal, writer, 0, out) == FL_OK ? 0 : 100);
}

static pid_t start_writer(uint64_t writer, int out)
{
    char number[24];
    char descriptor[16];
    snprintf(number, sizeof(number), "%llu", (unsigned long long)writer);
    snprintf(descriptor, sizeof(descriptor), "%d", out);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
        execl("/proc/self/exe", "power-writer", directory, number, descriptor, (char *)NULL);
        _exit(126);
    }
    assert_true(child > 0);
    return child;
}

static void cut_once(struct crash_log *log, uint64_t round, struct fl_port_virtual *chance)
{
    int ends[2];
    int status = 0;
    uint8_t random = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t writer = start_writer(round, ends[1]);
    close(ends[1]);
    fl_port_random(&chance->port, &random, 1);
    size_t wanted = log->ack_count + 1 + random % 60;
    int64_t deadline_ms = fl_port_monotonic_ms(fl_port_system()) + 60000;
    while (log->ack_count < wanted) {
        assert_true(crash_take_acks(log, ends[0], 1000));
        assert_true(fl_port_monotonic_ms(fl_port_system()) < deadline_ms);
    }
    cut_power();
    kill(writer, SIGKILL);
    assert_int_equal(waitpid(writer, &status, 0), writer);
    while (crash_take_acks(log, ends[0], 1000))
        continue;
    close(ends[0]);
    assert_int_equal(umount2(disk, 0), 0);
    assert_true(mount_disk());
}

static void nothing_acknowledged_is_lost_to_a_power_cut(void **state)
{
    (void)state;
    struct fl_port_virtual chance;
    struct crash_log log = {NULL, 0, 0, 0};
    const char *given = getenv("FLEETLOG_SEED");
    const char *rounds_given = getenv("FLEETLOG_POWER_ROUNDS");
    uint64_t seed = given == NULL ? 1 : strtoull(given, NULL, 10);
    uint64_t rounds = rounds_given == NULL ? 10 : strtoull(rounds_given, NULL, 10);
    print_message("FLEETLOG_SEED=%llu\n", (unsigned long long)seed);
    fl_port_virtual_init(&chance, seed, 0);
    crash_prepare(directory);
    for (uint64_t round = 0; round < rounds; round++) {
        cut_once(&log, round, &chance);
        crash_check(&log, directory);
    }
    print_message("%llu cuts, %zu acknowledged appends, %llu records\n", (unsigned long long)rounds,
                  log.ack_count, (unsigned long long)log.record_count);
    crash_log_fini(&log);
}

/* What was not flushed must vanish, or the test would prove nothing. */
static void the_cut_takes_what_was_not_synced(void **state)
{
    (void)state;
    char path[FL_SCRATCH_PATH_SIZE + 48];
    snprintf(path, sizeof(path), "%s/unsynced", disk);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, "gone", 4), 4);
    close(file);
    cut_power();
    assert_int_equal(umount2(disk, 0), 0);
    assert_true(mount_disk());
    assert_int_equal(access(path, F_OK), -1);
}

int main(int count, char **arguments)
{
    struct fl_scratch scratch;
    if (count == 4 && strcmp(arguments[0], "power-writer") == 0)
        return be_writer(arguments);
    fl_scratch_make(&scratch);
    snprintf(image, sizeof(image), "%s/image", scratch.path);
    snprintf(disk, sizeof(disk), "%s/disk", scratch.path);
    snprintf(directory, sizeof(directory), "%s/journal", disk);
    if (!make_disk()) {
        fprintf(stderr, "skipped: no ext4 image can be mounted here (root and a loop device)\n");
        fl_scratch_remove(&scratch);
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cut_takes_what_was_not_synced),
        cmocka_unit_test(nothing_acknowledged_is_lost_to_a_power_cut),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    umount2(disk, MNT_DETACH);
    fl_scratch_remove(&scratch);
    return failed;
}
