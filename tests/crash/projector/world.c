/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "consumers/runner/fold.h"
#include "consumers/runner/projector.h"
#include "core/assert.h"
#include "core/journal_engine.h"
#include "projections/store/digest.h"
#include "projections/store/parked.h"
#include "projections/store/store.h"
#include "tests/crash/projector/world.h"

extern char **environ;

static void open_reader(struct world *world);

enum fl_error world_open_journal(const char *directory, struct fl_journal **journal)
{
    char path[FL_SCRATCH_PATH_SIZE + 16];
    const char *prefix = getenv("FLEETLOG_WORLD_PREFIX");
    if (prefix != NULL) {
        struct fl_kafka_options kafka = {.brokers = getenv("FLEETLOG_TEST_KAFKA"),
                                         .topic_prefix = prefix};
        return fl_journal_open_kafka(&kafka, journal);
    }
    snprintf(path, sizeof(path), "%s/journal", directory);
    struct fl_embedded_options options = {
        .directory = path, .topic_prefix = "", .map_size = UINT64_C(1) << 30};
    return fl_journal_open_embedded(&options, journal);
}

static uint64_t seed_of_run(void)
{
    const char *text = getenv("FLEETLOG_SEED");
    uint64_t seed = text == NULL ? (uint64_t)fl_port_wall_ms(fl_port_system()) * 2654435761u
                                 : strtoull(text, NULL, 10);
    printf("FLEETLOG_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

void world_use_view(struct world *world, const char *variant)
{
    if (variant == NULL)
        unsetenv("FLEETLOG_SAMPLE");
    else
        setenv("FLEETLOG_SAMPLE", variant, 1);
    fl_store_reader_close(&world->reader);
    world->view = sample_view_of_environment();
    open_reader(world);
}

static void open_reader(struct world *world)
{
    assert_int_equal(
        fl_store_open_reader(world->views, &world->view, fl_port_system(), &world->reader), FL_OK);
}

int world_set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    fl_scratch_make(&world->scratch);
    snprintf(world->views, sizeof(world->views), "%s/views", world->scratch.path);
    world->seed = seed_of_run();
    world->view = sample_view;
    assert_int_equal(world_open_journal(world->scratch.path, &world->journal), FL_OK);
    sample_log_open(&world->log, world->journal, WORLD_PARTITIONS);
    open_reader(world);
    *state = world;
    return 0;
}

int world_tear_down(void **state)
{
    struct world *world = *state;
    if (world->child > 0)
        world_kill(world);
    unsetenv("FLEETLOG_SAMPLE_MENDED");
    unsetenv("FLEETLOG_SAMPLE");
    fl_store_reader_close(&world->reader);
    sample_log_close(&world->log);
    fl_journal_close(&world->journal);
    fl_scratch_remove(&world->scratch);
    free(world);
    return 0;
}

void world_start(struct world *world, const char *duty, const char *fault)
{
    char *arguments[] = {(char *)"/proc/self/exe", (char *)"child", (char *)duty,
                         world->scratch.path, NULL};
    char text[16];
    int ready[2];
    fl_assert(world->child == 0 && pipe(ready) == 0);
    fcntl(ready[0], F_SETFD, FD_CLOEXEC);
    snprintf(text, sizeof(text), "%d", ready[1]);
    setenv("FLEETLOG_SUPERVISOR_FD", text, 1);
    if (fault != NULL)
        setenv("FLEETLOG_FAULT_POINT", fault, 1);
    assert_int_equal(posix_spawn(&world->child, arguments[0], NULL, NULL, arguments, environ), 0);
    unsetenv("FLEETLOG_FAULT_POINT");
    unsetenv("FLEETLOG_SUPERVISOR_FD");
    close(ready[1]);
    world->ready = ready[0];
}

int world_join(struct world *world)
{
    int status = 0;
    while (waitpid(world->child, &status, 0) < 0)
        fl_assert(errno == EINTR);
    world->child = 0;
    close(world->ready);
    return status;
}

int world_stop(struct world *world)
{
    char byte = 0;
    while (read(world->ready, &byte, 1) == 1 && byte != 'R')
        continue;
    kill(world->child, SIGTERM);
    return world_join(world);
}

int world_kill(struct world *world)
{
    kill(world->child, SIGKILL);
    return world_join(world);
}

static bool has_died(const struct world *world)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)world->child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
}

bool world_wait(struct world *world, uint64_t sequence)
{
    int64_t now_ms = fl_port_monotonic_ms(fl_port_system());
    int64_t deadline_ms = now_ms + WORLD_DEADLINE_MS;
    while (now_ms < deadline_ms && !has_died(world)) {
        enum fl_error error = fl_store_wait(world->reader, sequence, now_ms + 200);
        if (error == FL_OK)
            return true;
        if (error != FL_TIMEOUT)
            fail_msg("wait: %s", fl_error_name(error));
        now_ms = fl_port_monotonic_ms(fl_port_system());
    }
    return false;
}

/* True when the rows stand at the end of every topic of the view. */
static bool is_complete(struct world *world, struct fl_kv *kv)
{
    struct fl_fold_target *targets = NULL;
    size_t count = 0;
    bool complete = true;
    assert_int_equal(fl_fold_target_end(&world->view, world->journal, &targets, &count), FL_OK);
    for (size_t i = 0; i < count; i++)
        complete = complete && fl_meta_position(kv, targets[i].topic, targets[i].partition).next ==
                                   targets[i].next;
    free(targets);
    return complete;
}

bool world_wait_all(struct world *world)
{
    int64_t deadline_ms = fl_port_monotonic_ms(fl_port_system()) + WORLD_DEADLINE_MS;
    while (fl_port_monotonic_ms(fl_port_system()) < deadline_ms && !has_died(world)) {
        struct fl_store_read read;
        bool complete = false;
        if (fl_store_read_begin(world->reader, &read) == FL_OK) {
            complete = is_complete(world, read.kv);
            assert_int_equal(fl_store_read_end(&read), FL_OK);
        }
        if (complete)
            return true;
        /* Never applied: waits for a ring, or looks again after a while. */
        enum fl_error error = fl_store_wait(world->reader, UINT64_MAX - 1,
                                            fl_port_monotonic_ms(fl_port_system()) + 50);
        assert_true(error == FL_TIMEOUT || error == FL_VERSION); /* an older program's rows yet */
    }
    return false;
}

static void compare_with_fold(struct world *world, struct fl_kv *rows)
{
    struct fl_kv *fresh = fl_kv_memory_open();
    struct fl_fold_target *targets = NULL;
    size_t count = 0;
    struct fl_difference first;
    assert_int_equal(fl_fold_target_of(rows, &world->view, world->journal, &targets, &count),
                     FL_OK);
    struct fl_fold_options options = {
        .view = &world->view,
        .journal = world->journal,
        .sink = fl_fold_sink_kv(fresh),
        .targets = targets,
        .target_count = count,
        .detail = world->detail,
    };
    enum fl_error error = fl_fold_run(&options);
    if (error != FL_OK)
        fail_msg("fold: %s", world->detail);
    fl_store_compare(rows, fresh, &world->view, &first, NULL);
    if (first.kind != FL_DIFFERENCE_NONE)
        fail_msg("table %s differs from a fresh fold, kind %d", first.table, (int)first.kind);
    free(targets);
    fl_kv_memory_close(&fresh);
}

static void assert_rows(struct world *world, bool complete)
{
    struct fl_store *store = NULL;
    struct fl_txn txn;
    fl_store_reader_close(&world->reader);
    struct fl_store_options options = {.views_directory = world->views,
                                       .view = &world->view,
                                       .port = fl_port_system(),
                                       .detail = world->detail};
    if (fl_store_open_writer(&options, &store) != FL_OK)
        fail_msg("open: %s", world->detail);
    assert_int_equal(fl_store_snapshot(store, &txn), FL_OK);
    if (!fl_meta_check(&txn.kv, world->detail, sizeof(world->detail)) ||
        !fl_parked_check(&txn.kv, world->detail, sizeof(world->detail)) ||
        !sample_view.check(&txn.kv, world->detail))
        fail_msg("check: %s", world->detail);
    if (complete)
        assert_true(is_complete(world, &txn.kv));
    compare_with_fold(world, &txn.kv);
    fl_txn_abort(&txn);
    fl_store_close(&store);
    open_reader(world);
}

void world_assert_rows(struct world *world)
{
    assert_rows(world, false);
}

void world_assert_complete(struct world *world)
{
    assert_rows(world, true);
}

unsigned world_draw(struct world *world, unsigned bound)
{
    /* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
    uint64_t x = world->seed == 0 ? 1 : world->seed;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    world->seed = x;
    return (unsigned)((x * UINT64_C(2685821657736338717)) >> 33) % bound;
}

void world_write(struct world *world, unsigned count)
{
    struct sample_log *log = &world->log;
    char key[16];
    for (unsigned i = 0; i < count; i++) {
        unsigned device = 1 + world_draw(world, 12);
        switch (world_draw(world, 16)) {
        case 0:
            sample_log_void(log);
            break;
        case 1:
            sample_log_unknown_event(log);
            break;
        case 2:
        case 3:
        case 4:
            sample_log_event(log, "renamed");
            break;
        case 5:
            snprintf(key, sizeof(key), "s/%u", device);
            sample_log_subject(log, key, world_draw(world, 3) == 0 ? NULL : "sealed");
            break;
        case 6:
            sample_log_report(log, device, "old news");
            break;
        case 7:
            if (world_draw(world, 4) == 0) {
                uint64_t offset = sample_log_report(log, device, "bad");
                if (world_draw(world, 2) == 0)
                    sample_log_decide(log, device % WORLD_PARTITIONS, offset,
                                      world_draw(world, 2) == 0);
                break;
            }
            sample_log_report(log, device, "10 V");
            break;
        default:
            snprintf(key, sizeof(key), "%u V", world_draw(world, 1000));
            sample_log_report(log, device, key);
        }
    }
}

int world_project(const char *directory)
{
    char views[FL_SCRATCH_PATH_SIZE + 8];
    struct fl_duty duty;
    struct fl_journal *journal = NULL;
    struct fl_projector *projector = NULL;
    const char *map_size = getenv("FLEETLOG_SAMPLE_MAP_SIZE");
    const char *records = getenv("FLEETLOG_SAMPLE_RECORDS");
    snprintf(views, sizeof(views), "%s/views", directory);
    enum fl_error error = fl_duty_init(&duty, "project sample");
    duty.port = fl_port_system();
    if (error == FL_OK)
        error = world_open_journal(directory, &journal);
    struct fl_view view = sample_view_of_environment();
    struct fl_projector_options options = {
        .view = &view,
        .journal = journal,
        .views_directory = views,
        .port = fl_port_system(),
        .map_size = map_size == NULL ? UINT64_C(1) << 30 : strtoull(map_size, NULL, 10),
        .record_count_max = records == NULL ? 64 : strtoull(records, NULL, 10),
        .duty = &duty,
    };
    if (error == FL_OK)
        error = fl_projector_open(&options, NULL, &projector);
    if (error == FL_OK)
        error = fl_projector_run(projector);
    fl_projector_close(&projector);
    fl_journal_close(&journal);
    fl_duty_fini(&duty);
    return (int)error;
}

int world_main(int argument_count, char **arguments, int (*tests)(void))
{
    if (argument_count == 4 && strcmp(arguments[1], "child") == 0)
        return world_child(arguments[2], arguments[3]);
    return tests();
}
