/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/lmdb/bell.h"
#include "core/lmdb/env.h"
#include "core/lmdb/txn.h"
#include "core/port.h"
#include "tests/unit/scratch.h"

enum { ROWS, OTHER, TABLE_COUNT };
static const char *const tables[] = {"rows", "other"};

struct fixture {
    struct fl_scratch scratch;
    struct fl_env_options options;
    struct fl_env *env;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fl_scratch_make(&fixture->scratch);
    fixture->options = (struct fl_env_options){
        .directory = fixture->scratch.path, .tables = tables, .table_count = TABLE_COUNT};
    *state = fixture;
    return fl_env_open(&fixture->options, &fixture->env) == FL_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fl_env_close(&fixture->env);
    fl_scratch_remove(&fixture->scratch);
    free(fixture);
    return 0;
}

static struct fl_slice text(const char *bytes)
{
    return fl_slice_text(bytes);
}

static void put_committed(struct fl_env *env, const char *key, const char *value)
{
    struct fl_txn txn;
    assert_int_equal(fl_txn_begin_write(&txn, env), FL_OK);
    fl_kv_put(&txn.kv, ROWS, text(key), text(value));
    assert_int_equal(fl_txn_commit(&txn), FL_OK);
}

static void is_an_ordered_store(void **state)
{
    struct fixture *fixture = *state;
    struct fl_txn txn;
    struct fl_slice key;
    struct fl_slice value;
    assert_int_equal(fl_txn_begin_write(&txn, fixture->env), FL_OK);
    struct fl_kv *kv = &txn.kv;
    assert_false(fl_kv_seek(kv, ROWS, FL_SLICE_NULL, &key, &value));
    assert_false(fl_kv_before(kv, ROWS, text("z"), &key, &value));
    fl_kv_put(kv, ROWS, text("b"), text("2"));
    fl_kv_append(kv, ROWS, text("d"), text("4"));
    fl_kv_append(kv, ROWS, text("a"), text("1")); /* not behind the others: still put */
    fl_kv_put(kv, OTHER, text("c"), text("other"));
    assert_true(fl_kv_get(kv, ROWS, text("a"), &value));
    assert_true(fl_slice_is(value, "1"));
    assert_false(fl_kv_get(kv, ROWS, text("c"), &value));
    assert_true(fl_kv_seek(kv, ROWS, text("c"), &key, &value));
    assert_true(fl_slice_is(key, "d"));
    assert_true(fl_kv_seek(kv, ROWS, FL_SLICE_NULL, &key, &value));
    assert_true(fl_slice_is(key, "a"));
    assert_true(fl_kv_before(kv, ROWS, text("c"), &key, &value));
    assert_true(fl_slice_is(key, "b"));
    assert_true(fl_kv_before(kv, ROWS, text("zz"), &key, &value));
    assert_true(fl_slice_is(key, "d"));
    assert_false(fl_kv_before(kv, ROWS, text("a"), &key, &value));
    assert_false(fl_kv_before(kv, ROWS, FL_SLICE_NULL, &key, &value));
    fl_kv_put(kv, ROWS, text("b"), fl_slice_of("", 0));
    assert_true(fl_kv_get(kv, ROWS, text("b"), &value));
    assert_int_equal(value.size, 0);
    assert_non_null(value.data);
    assert_int_equal(fl_txn_count(&txn, ROWS), 3);
    assert_true(fl_kv_del(kv, ROWS, text("b")));
    assert_false(fl_kv_del(kv, ROWS, text("b")));
    fl_txn_clear(&txn, OTHER);
    assert_int_equal(fl_txn_count(&txn, OTHER), 0);
    void *room = fl_txn_reserve(&txn, ROWS, text("r"), 5, true);
    assert_non_null(room);
    memcpy(room, "later", 5);
    assert_int_equal(fl_txn_commit(&txn), FL_OK);

    assert_int_equal(fl_txn_begin_read(&txn, fixture->env), FL_OK);
    assert_true(fl_kv_get(kv, ROWS, text("r"), &value));
    assert_true(fl_slice_is(value, "later"));
    fl_txn_abort(&txn);
}

/* The same walk over LMDB and over memory, with puts and deletes inside the loop. */
static size_t walk_and_change(struct fl_kv *kv)
{
    char name[16];
    for (int i = 0; i < 300; i++) {
        int size = snprintf(name, sizeof(name), "p%03d", i);
        fl_kv_put(kv, ROWS, fl_slice_of(name, (size_t)size), fl_slice_of(name, (size_t)size));
    }
    fl_kv_put(kv, ROWS, text("q"), text("outside"));
    struct fl_kv_walk walk;
    size_t seen = 0;
    fl_kv_walk_begin(&walk, kv, ROWS, text("p"));
    while (fl_kv_walk_next(&walk)) {
        assert_true(fl_slice_equal(walk.key, walk.value));
        if (seen % 2 == 0)
            assert_true(fl_kv_del(kv, ROWS, walk.key));
        seen++;
    }
    return seen;
}

static void walks_while_the_loop_changes_rows(void **state)
{
    struct fixture *fixture = *state;
    struct fl_txn txn;
    struct fl_kv *memory = fl_kv_memory_open();
    assert_int_equal(fl_txn_begin_write(&txn, fixture->env), FL_OK);
    assert_int_equal(walk_and_change(&txn.kv), 300);
    assert_int_equal(walk_and_change(memory), 300);
    assert_int_equal(txn.kv.error, FL_OK);
    fl_txn_abort(&txn);
    fl_kv_memory_close(&memory);
}

static void first_failure_sticks_and_nothing_lands(void **state)
{
    struct fixture *fixture = *state;
    struct fl_txn txn;
    struct fl_slice value;
    put_committed(fixture->env, "kept", "old");
    assert_int_equal(fl_txn_begin_write(&txn, fixture->env), FL_OK);
    fl_kv_put(&txn.kv, ROWS, text("kept"), text("new"));
    fl_kv_fail(&txn.kv, FL_CORRUPT);
    fl_kv_fail(&txn.kv, FL_FULL);
    assert_false(fl_kv_get(&txn.kv, ROWS, text("kept"), &value));
    fl_kv_put(&txn.kv, ROWS, text("kept"), text("newer"));
    assert_null(fl_txn_reserve(&txn, ROWS, text("x"), 4, false));
    assert_int_equal(fl_txn_commit(&txn), FL_CORRUPT);
    fl_txn_abort(&txn); /* ended already: nothing happens */
    assert_int_equal(fl_txn_begin_read(&txn, fixture->env), FL_OK);
    assert_true(fl_kv_get(&txn.kv, ROWS, text("kept"), &value));
    assert_true(fl_slice_is(value, "old"));
    fl_txn_abort(&txn);
}

static void reader_keeps_its_snapshot_until_renewed(void **state)
{
    struct fixture *fixture = *state;
    struct fl_txn txn;
    struct fl_slice value;
    put_committed(fixture->env, "k", "1");
    assert_int_equal(fl_txn_begin_read(&txn, fixture->env), FL_OK);
    put_committed(fixture->env, "k", "2");
    assert_true(fl_kv_get(&txn.kv, ROWS, text("k"), &value));
    assert_true(fl_slice_is(value, "1"));
    fl_txn_reset(&txn);
    fl_txn_reset(&txn);
    assert_int_equal(fl_txn_renew(&txn), FL_OK);
    assert_true(fl_kv_get(&txn.kv, ROWS, text("k"), &value));
    assert_true(fl_slice_is(value, "2"));
    fl_txn_reset(&txn);
    fl_txn_abort(&txn);
}

static void a_full_map_is_full_and_the_environment_lives(void **state)
{
    struct fixture *fixture = *state;
    struct fl_txn txn;
    char key[16];
    static const char big[3000];
    fl_env_close(&fixture->env);
    fixture->options.map_size = 1024 * 1024;
    struct fl_scratch small;
    fl_scratch_make(&small);
    fixture->options.directory = small.path;
    assert_int_equal(fl_env_open(&fixture->options, &fixture->env), FL_OK);
    put_committed(fixture->env, "kept", "old");
    bool has_room = false;
    assert_int_equal(fl_env_has_room(fixture->env, 1024, 0, &has_room), FL_OK);
    assert_true(has_room);
    assert_int_equal(fl_env_has_room(fixture->env, 1024, 1024 * 1024, &has_room), FL_OK);
    assert_false(has_room);
    assert_int_equal(fl_txn_begin_write(&txn, fixture->env), FL_OK);
    for (int i = 0; i < 1000; i++) {
        int size = snprintf(key, sizeof(key), "%d", i);
        fl_kv_put(&txn.kv, ROWS, fl_slice_of(key, (size_t)size), fl_slice_of(big, sizeof(big)));
    }
    assert_int_equal(fl_txn_commit(&txn), FL_FULL);
    put_committed(fixture->env, "kept", "new");
    fl_env_close(&fixture->env);
    fl_scratch_remove(&small);
}

static void files_are_private_and_a_missing_one_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct stat stat_of;
    char path[FL_SCRATCH_PATH_SIZE + 16];
    static const char *const names[] = {"data.mdb", "lock.mdb", "bell"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", fixture->scratch.path, names[i]);
        assert_int_equal(stat(path, &stat_of), 0);
        assert_int_equal(stat_of.st_mode & 0777, 0600);
    }
    snprintf(path, sizeof(path), "%s/a/b", fixture->scratch.path);
    struct fl_env_options options = fixture->options;
    struct fl_env *other = NULL;
    options.directory = path;
    options.read_only = true;
    assert_int_equal(fl_env_open(&options, &other), FL_NOT_FOUND);
    options.read_only = false;
    assert_int_equal(fl_env_open(&options, &other), FL_OK);
    assert_int_equal(stat(path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0700);
    fl_env_close(&other);
    options.read_only = true;
    assert_int_equal(fl_env_open(&options, &other), FL_OK);
    struct fl_txn txn;
    assert_int_equal(fl_txn_begin_write(&txn, other), FL_DENIED);
    fl_env_close(&other);
}

static void a_second_open_in_a_process_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct fl_env *second = NULL;
    assert_int_equal(fl_env_open(&fixture->options, &second), FL_INTERNAL);
    assert_null(second);
    fl_env_close(&fixture->env);
    assert_int_equal(fl_env_open(&fixture->options, &fixture->env), FL_OK);
}

static void copies_what_is_committed(void **state)
{
    struct fixture *fixture = *state;
    struct fl_scratch target;
    struct fl_env *copy = NULL;
    struct fl_txn txn;
    struct fl_slice value;
    fl_scratch_make(&target);
    put_committed(fixture->env, "k", "v");
    assert_int_equal(fl_env_copy(fixture->env, target.path), FL_OK);
    put_committed(fixture->env, "k", "later");
    struct fl_env_options options = fixture->options;
    options.directory = target.path;
    assert_int_equal(fl_env_open(&options, &copy), FL_OK);
    assert_int_equal(fl_txn_begin_read(&txn, copy), FL_OK);
    assert_true(fl_kv_get(&txn.kv, ROWS, text("k"), &value));
    assert_true(fl_slice_is(value, "v"));
    fl_txn_abort(&txn);
    fl_env_close(&copy);
    fl_scratch_remove(&target);
}

static int64_t monotonic_ms(void)
{
    return fl_port_monotonic_ms(fl_port_system());
}

static void *commit_later(void *env)
{
    put_committed(env, "rung", "yes");
    return NULL;
}

static void a_commit_wakes_a_waiter_who_then_sees_it(void **state)
{
    struct fixture *fixture = *state;
    struct fl_bell_waiter *waiter = NULL;
    struct fl_txn txn;
    struct fl_slice value;
    pthread_t thread;
    assert_int_equal(fl_bell_waiter_open(&waiter), FL_OK);
    assert_int_equal(fl_bell_watch(waiter, fixture->scratch.path), FL_OK);
    assert_int_equal(fl_bell_watch(waiter, "/nonexistent"), FL_NOT_FOUND);
    int64_t start_ms = monotonic_ms();
    assert_int_equal(fl_bell_wait(waiter, start_ms + 20), FL_TIMEOUT);
    assert_true(monotonic_ms() >= start_ms + 20);
    for (int round = 0; round < 50; round++) {
        assert_int_equal(fl_txn_begin_write(&txn, fixture->env), FL_OK);
        fl_kv_del(&txn.kv, ROWS, text("rung"));
        assert_int_equal(fl_txn_commit(&txn), FL_OK);
        assert_int_equal(fl_bell_wait(waiter, monotonic_ms() + 10000), FL_OK);
        pthread_create(&thread, NULL, commit_later, fixture->env);
        start_ms = monotonic_ms();
        assert_int_equal(fl_bell_wait(waiter, monotonic_ms() + 10000), FL_OK);
        assert_int_equal(fl_txn_begin_read(&txn, fixture->env), FL_OK);
        assert_true(fl_kv_get(&txn.kv, ROWS, text("rung"), &value));
        fl_txn_abort(&txn);
        pthread_join(thread, NULL);
    }
    fl_bell_waiter_close(&waiter);
}

static void a_waiter_looks_again_after_a_second_and_can_be_woken(void **state)
{
    struct fixture *fixture = *state;
    struct fl_bell_waiter *waiter = NULL;
    assert_int_equal(fl_bell_waiter_open(&waiter), FL_OK);
    assert_int_equal(fl_bell_watch(waiter, fixture->scratch.path), FL_OK);
    int64_t start_ms = monotonic_ms();
    assert_int_equal(fl_bell_wait(waiter, start_ms + 60000), FL_OK);
    assert_true(monotonic_ms() - start_ms >= FL_BELL_LOOK_MS);
    fl_bell_wake(waiter);
    fl_bell_wake(waiter);
    assert_int_equal(fl_bell_wait(waiter, start_ms + 60000), FL_INTERRUPTED);
    fl_bell_wake(waiter);
    assert_true(fl_bell_was_woken(waiter));
    assert_false(fl_bell_was_woken(waiter));
    assert_int_equal(fl_bell_wait(waiter, 0), FL_TIMEOUT);
    fl_bell_waiter_close(&waiter);
}

/* In a child with a user namespace of its own, which has no inotify left. */
static int wait_without_inotify(const struct fixture *fixture)
{
    struct fl_bell_waiter *waiter = NULL;
    FILE *limit =
        unshare(CLONE_NEWUSER) == 0 ? fopen("/proc/sys/user/max_inotify_instances", "w") : NULL;
    if (limit == NULL || fputs("0", limit) < 0 || fclose(limit) != 0)
        return 77;
    if (fl_bell_waiter_open(&waiter) != FL_OK)
        return 1;
    int64_t start_ms = monotonic_ms();
    bool right = fl_bell_watch(waiter, fixture->scratch.path) == FL_OK &&
                 fl_bell_watch(waiter, "/nonexistent") == FL_NOT_FOUND &&
                 fl_bell_wait(waiter, start_ms + 60000) == FL_OK &&
                 monotonic_ms() - start_ms >= FL_BELL_LOOK_MS;
    fl_bell_wake(waiter);
    right = right && fl_bell_wait(waiter, start_ms + 60000) == FL_INTERRUPTED;
    fl_bell_waiter_close(&waiter);
    return right ? 0 : 2;
}

static void without_inotify_a_waiter_lives_by_the_timed_look(void **state)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(wait_without_inotify(*state));
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip(); /* no user namespaces here */
    assert_int_equal(status, 0);
}

/* A child that dies inside a write transaction must not keep the lock, and one that dies while it
 * reads must not keep its slot. */
static int die_holding(const char *directory, bool write)
{
    struct fl_env_options options = {
        .directory = directory, .tables = tables, .table_count = TABLE_COUNT};
    struct fl_env *env = NULL;
    struct fl_txn txn;
    if (fl_env_open(&options, &env) != FL_OK)
        return 1;
    if ((write ? fl_txn_begin_write(&txn, env) : fl_txn_begin_read(&txn, env)) != FL_OK)
        return 1;
    if (write)
        fl_kv_put(&txn.kv, ROWS, text("torn"), text("torn"));
    kill(getpid(), SIGKILL);
    return 1;
}

static void run_child(const char *how, const char *directory)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "core_lmdb_test", how, directory, (char *)NULL);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void a_killed_process_leaves_no_lock_and_no_reader(void **state)
{
    struct fixture *fixture = *state;
    struct fl_txn txn;
    struct fl_slice value;
    unsigned cleared = 0;
    run_child("die-reading", fixture->scratch.path);
    assert_int_equal(fl_env_sweep(fixture->env, &cleared), FL_OK);
    assert_int_equal(cleared, 1);
    run_child("die-writing", fixture->scratch.path);
    put_committed(fixture->env, "after", "1");
    assert_int_equal(fl_txn_begin_read(&txn, fixture->env), FL_OK);
    assert_false(fl_kv_get(&txn.kv, ROWS, text("torn"), &value));
    fl_txn_abort(&txn);
}

/* Another process enlarges the map and fills it past ours. */
static int grow(const char *directory)
{
    struct fl_env_options options = {.directory = directory,
                                     .tables = tables,
                                     .table_count = TABLE_COUNT,
                                     .map_size = 64 * 1024 * 1024};
    struct fl_env *env = NULL;
    struct fl_txn txn;
    static const char big[8 * 1024 * 1024];
    if (fl_env_open(&options, &env) != FL_OK || fl_txn_begin_write(&txn, env) != FL_OK)
        return 1;
    fl_kv_put(&txn.kv, ROWS, text("big"), fl_slice_of(big, sizeof(big)));
    if (fl_txn_commit(&txn) != FL_OK)
        return 1;
    fl_env_close(&env);
    return 0;
}

static int run_grow(const char *directory)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "core_lmdb_test", "grow", directory, (char *)NULL);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void *read_big(void *env)
{
    struct fl_txn txn;
    struct fl_slice value;
    bool found =
        fl_txn_begin_read(&txn, env) == FL_OK && fl_kv_get(&txn.kv, ROWS, text("big"), &value);
    fl_txn_abort(&txn);
    return found ? env : NULL;
}

/* The map must not move under another thread's transaction: who needs the larger one waits. */
static void waits_with_a_larger_map_until_no_transaction_is_live(void **state)
{
    struct fixture *fixture = *state;
    struct fl_scratch small;
    struct fl_txn txn;
    struct fl_slice value;
    pthread_t thread;
    void *found = NULL;
    struct timespec deadline;
    fl_scratch_make(&small);
    struct fl_env_options options = fixture->options;
    struct fl_env *env = NULL;
    options.directory = small.path;
    options.map_size = 1024 * 1024;
    assert_int_equal(fl_env_open(&options, &env), FL_OK);
    put_committed(env, "small", "kept");
    assert_int_equal(fl_txn_begin_read(&txn, env), FL_OK);
    assert_true(fl_kv_get(&txn.kv, ROWS, text("small"), &value));
    assert_int_equal(run_grow(small.path), 0);
    assert_int_equal(pthread_create(&thread, NULL, read_big, env), 0);
    int64_t until_ms = fl_port_wall_ms(fl_port_system()) + 200;
    deadline = (struct timespec){until_ms / 1000, until_ms % 1000 * 1000000};
    assert_int_equal(pthread_timedjoin_np(thread, &found, &deadline), ETIMEDOUT);
    assert_true(fl_slice_is(value, "kept"));
    fl_txn_abort(&txn);
    assert_int_equal(pthread_join(thread, &found), 0);
    assert_ptr_equal(found, env);
    fl_env_close(&env);
    fl_scratch_remove(&small);
}

static void follows_a_map_that_another_process_enlarged(void **state)
{
    struct fixture *fixture = *state;
    struct fl_scratch small;
    struct fl_txn txn;
    struct fl_slice value;
    fl_scratch_make(&small);
    struct fl_env_options options = fixture->options;
    struct fl_env *env = NULL;
    options.directory = small.path;
    options.map_size = 1024 * 1024;
    assert_int_equal(fl_env_open(&options, &env), FL_OK);
    assert_int_equal(fl_txn_begin_read(&txn, env), FL_OK);
    fl_txn_reset(&txn);
    assert_int_equal(run_grow(small.path), 0);
    assert_int_equal(fl_txn_renew(&txn), FL_OK);
    assert_true(fl_kv_get(&txn.kv, ROWS, text("big"), &value));
    assert_int_equal(value.size, 8 * 1024 * 1024);
    fl_txn_abort(&txn);
    put_committed(env, "written", "after");
    fl_env_close(&env);
    fl_scratch_remove(&small);
}

static bool file_has(const struct fixture *fixture, const char *needle)
{
    char path[PATH_MAX];
    uint8_t *bytes = malloc(16 * 1024 * 1024);
    snprintf(path, sizeof(path), "%s/data.mdb", fixture->scratch.path);
    FILE *file = fopen(path, "rb");
    assert_true(bytes != NULL && file != NULL);
    size_t size = fread(bytes, 1, 16 * 1024 * 1024, file);
    fclose(file);
    bool found = memmem(bytes, size, needle, strlen(needle)) != NULL;
    free(bytes);
    return found;
}

static void a_scrubbed_file_gives_nothing_back(void **state)
{
    struct fixture *fixture = *state;
    struct fl_txn reader;
    struct fl_txn txn;
    struct fl_slice value;
    char key[16];
    for (int round = 0; round < 40; round++) {
        snprintf(key, sizeof(key), "k%d", round);
        put_committed(fixture->env, key, "a secret that must go away");
    }
    put_committed(fixture->env, "stays", "what stays");
    assert_int_equal(fl_txn_begin_read(&reader, fixture->env), FL_OK);
    assert_true(fl_kv_get(&reader.kv, ROWS, text("k1"), &value));
    assert_int_equal(fl_txn_begin_write(&txn, fixture->env), FL_OK);
    for (int round = 0; round < 40; round++) {
        snprintf(key, sizeof(key), "k%d", round);
        assert_true(fl_kv_del(&txn.kv, ROWS, text(key)));
    }
    assert_int_equal(fl_txn_commit(&txn), FL_OK);
    assert_true(file_has(fixture, "a secret that must go away"));
    /* Who still reads the old rows is not taken them from. */
    assert_int_equal(fl_env_scrub(fixture->env), FL_BUSY);
    assert_true(fl_kv_get(&reader.kv, ROWS, text("k2"), &value));
    assert_true(fl_slice_equal(value, text("a secret that must go away")));
    fl_txn_abort(&reader);
    enum fl_error error = fl_env_scrub(fixture->env);
    if (error != FL_OK)
        fail_msg("%s: %s", fl_error_name(error), fl_env_detail(fixture->env));
    assert_false(file_has(fixture, "a secret that must go away"));
    assert_int_equal(fl_txn_begin_read(&txn, fixture->env), FL_OK);
    assert_true(fl_kv_get(&txn.kv, ROWS, text("stays"), &value));
    fl_txn_abort(&txn);
    assert_int_equal(fl_env_scrub(fixture->env), FL_OK);
}

int main(int count, char **arguments)
{
    if (count == 3 && strcmp(arguments[1], "grow") == 0)
        return grow(arguments[2]);
    if (count == 3)
        return die_holding(arguments[2], strcmp(arguments[1], "die-writing") == 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_an_ordered_store, set_up, tear_down),
        cmocka_unit_test_setup_teardown(walks_while_the_loop_changes_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(first_failure_sticks_and_nothing_lands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reader_keeps_its_snapshot_until_renewed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_map_is_full_and_the_environment_lives, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(files_are_private_and_a_missing_one_is_not_found, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_second_open_in_a_process_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_scrubbed_file_gives_nothing_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copies_what_is_committed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_wakes_a_waiter_who_then_sees_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_inotify_a_waiter_lives_by_the_timed_look, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_waiter_looks_again_after_a_second_and_can_be_woken,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_killed_process_leaves_no_lock_and_no_reader, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(waits_with_a_larger_map_until_no_transaction_is_live,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(follows_a_map_that_another_process_enlarged, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
