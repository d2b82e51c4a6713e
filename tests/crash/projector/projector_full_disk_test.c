/* SPDX-License-Identifier: Apache-2.0 */
/* The views on a file system of 64 MiB that is really full; the log lies elsewhere. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "consumers/runner/heartbeat.h"
#include "core/file.h"
#include "projections/store/store.h"
#include "tests/crash/projector/world.h"

enum { SKIPPED = 77, DISK_SIZE = 64 << 20, LARGE_SIZE = 256 << 10, LARGE_COUNT = 120 };

int world_child(const char *duty, const char *directory)
{
    return strcmp(duty, "project") == 0 ? world_project(directory) : 2;
}

/* A mount of our own that ends with this process: as root, or as root of a user namespace. */
static bool may_mount(void)
{
    return (unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static int set_up(void **state)
{
    char options[64];
    int result = world_set_up(state);
    struct world *world = *state;
    snprintf(options, sizeof(options), "size=%d,mode=0700", DISK_SIZE);
    if (result != 0 || mkdir(world->views, 0700) != 0)
        return -1;
    return mount("tmpfs", world->views, "tmpfs", 0, options);
}

static int tear_down(void **state)
{
    struct world *world = *state;
    if (world->child > 0)
        world_kill(world);
    fl_store_reader_close(&world->reader);
    umount2(world->views, MNT_DETACH);
    return world_tear_down(state);
}

static void ballast_path(const struct world *world, char out[FL_SCRATCH_PATH_SIZE + 32])
{
    snprintf(out, FL_SCRATCH_PATH_SIZE + 32, "%s/ballast", world->views);
}

/* Fills the disk up to `left` free bytes. */
static void fill_disk(struct world *world, uint64_t left)
{
    char path[FL_SCRATCH_PATH_SIZE + 32];
    static const char bytes[65536];
    uint64_t free_size = 0;
    ballast_path(world, path);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    for (;;) {
        assert_int_equal(fl_file_system_free(world->views, &free_size), FL_OK);
        size_t size = free_size > left + sizeof(bytes) ? sizeof(bytes)
                      : free_size > left               ? 4096
                                                       : 0;
        if (size == 0 || write(file, bytes, size) < 0)
            break;
    }
    close(file);
}

static void free_disk(struct world *world)
{
    char path[FL_SCRATCH_PATH_SIZE + 32];
    ballast_path(world, path);
    assert_int_equal(unlink(path), 0);
}

/* True once the projector's heartbeat has been rewritten since `before_ms`. */
static bool beats_after(struct world *world, int64_t before_ms)
{
    char path[FL_SCRATCH_PATH_SIZE + 32];
    int64_t deadline_ms = fl_port_monotonic_ms(fl_port_system()) + WORLD_DEADLINE_MS;
    int64_t beat_ms = 0;
    int process = 0;
    snprintf(path, sizeof(path), "%s/sample", world->views);
    while (fl_port_monotonic_ms(fl_port_system()) < deadline_ms) {
        if (fl_heartbeat_read(path, &beat_ms, &process) && beat_ms > before_ms)
            return true;
        assert_int_equal(fl_store_wait(world->reader, UINT64_MAX - 1,
                                       fl_port_monotonic_ms(fl_port_system()) + 100),
                         FL_TIMEOUT);
    }
    return false;
}

static void a_start_on_a_full_disk_waits_for_room(void **state)
{
    struct world *world = *state;
    world_start(world, "project", NULL);
    assert_true(world_wait(world, 0));
    assert_int_equal(world_stop(world), 0);
    fill_disk(world, 0);
    uint64_t sequence = sample_log_event(&world->log, "later");
    int64_t now_ms = fl_port_wall_ms(fl_port_system());
    world_start(world, "project", NULL);
    /* It lives, and what there is can be read. */
    assert_true(beats_after(world, now_ms + 1000));
    assert_true(world_wait(world, 0));
    assert_int_equal(fl_store_wait(world->reader, sequence, 0), FL_TIMEOUT);
    free_disk(world);
    assert_true(world_wait(world, sequence));
    assert_int_equal(world_stop(world), 0);
    world_assert_complete(world);
}

static void a_commit_that_finds_no_room_ends_it_with_nothing_lost(void **state)
{
    struct world *world = *state;
    char *value = malloc(LARGE_SIZE + 1);
    char key[16];
    memset(value, 'v', LARGE_SIZE);
    value[LARGE_SIZE] = '\0';
    world_start(world, "project", NULL);
    assert_true(world_wait(world, 0));
    assert_int_equal(world_stop(world), 0);
    for (int i = 0; i < LARGE_COUNT; i++) {
        snprintf(key, sizeof(key), "s/%d", i);
        sample_log_subject(&world->log, key, value);
    }
    free(value);
    /* Room enough to begin, too little for this one transaction. */
    fill_disk(world, FL_STORE_ROOM_SIZE_MIN + (1 << 20));
    setenv("FLEETLOG_SAMPLE_RECORDS", "100000", 1);
    world_start(world, "project", NULL);
    int status = world_join(world);
    unsetenv("FLEETLOG_SAMPLE_RECORDS");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), FL_IO);
    free_disk(world);
    world_assert_rows(world);
    world_start(world, "project", NULL);
    assert_true(world_wait_all(world));
    assert_int_equal(world_stop(world), 0);
    world_assert_complete(world);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static int tests(void)
{
    const struct CMUnitTest list[] = {
        TEST(a_start_on_a_full_disk_waits_for_room),
        TEST(a_commit_that_finds_no_room_ends_it_with_nothing_lost),
    };
    if (!may_mount()) {
        fprintf(stderr, "skipped: no tmpfs can be mounted here: %s\n", strerror(errno));
        return SKIPPED;
    }
    return cmocka_run_group_tests(list, NULL, NULL);
}

int main(int argument_count, char **arguments)
{
    return world_main(argument_count, arguments, tests);
}
