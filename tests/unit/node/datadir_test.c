/* SPDX-License-Identifier: Apache-2.0 */
#include "core/datadir.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/file.h"
#include "tests/unit/node/test.h"

static void test_creates_and_keeps_its_node_id(void **state)
{
    struct fl_datadir a;
    struct fl_datadir b;
    char path[4200];
    struct stat info;
    snprintf(path, sizeof(path), "%s/deep/data", (char *)*state);
    assert_int_equal(fl_datadir_open(&a, path, false, fl_port_system()), FL_NOT_FOUND);
    assert_int_equal(fl_datadir_open(&a, path, true, fl_port_system()), FL_OK);
    assert_true(fl_id_is_valid(fl_slice_text(a.node_id)));
    assert_int_equal(fl_datadir_open(&b, path, true, fl_port_system()), FL_OK);
    assert_string_equal(a.node_id, b.node_id);
    assert_int_equal(fl_datadir_open(&b, path, false, fl_port_system()), FL_OK);
    assert_string_equal(a.node_id, b.node_id);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    snprintf(path, sizeof(path), "%s/deep/data/node.id", (char *)*state);
    assert_int_equal(fl_file_replace(path, FL_SLICE_LITERAL("junk\n"), 0600), FL_OK);
    snprintf(path, sizeof(path), "%s/deep/data", (char *)*state);
    assert_int_equal(fl_datadir_open(&b, path, true, fl_port_system()), FL_CORRUPT);
}

static void test_lock_is_exclusive_and_dies_with_its_holder(void **state)
{
    struct fl_datadir a;
    struct fl_datadir b;
    int holder = 0;
    assert_int_equal(fl_datadir_open(&a, *state, true, fl_port_system()), FL_OK);
    assert_int_equal(fl_datadir_open(&b, *state, true, fl_port_system()), FL_OK);
    assert_int_equal(fl_datadir_lock(&a, &holder), FL_OK);
    assert_int_equal(fl_datadir_lock(&b, &holder), FL_LOCKED);
    assert_int_equal(holder, getpid());
    fl_datadir_close(&a);
    assert_int_equal(fl_datadir_lock(&b, &holder), FL_OK);
    fl_datadir_close(&b);
    pid_t child = fork();
    if (child == 0)
        _exit(fl_datadir_lock(&a, &holder) == FL_OK ? 0 : 1);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(fl_datadir_lock(&b, &holder), FL_OK);
    fl_datadir_close(&b);
}

static void test_socket_path_moves_when_too_long(void **state)
{
    struct fl_datadir directory;
    char path[PATH_MAX];
    char deep[4200];
    char runtime[4200];
    assert_int_equal(fl_datadir_open(&directory, *state, true, fl_port_system()), FL_OK);
    assert_int_equal(fl_datadir_socket(&directory, "operator.sock", path), FL_OK);
    assert_non_null(strstr(path, "/run/operator.sock"));
    snprintf(deep, sizeof(deep), "%s/%080d", (char *)*state, 0);
    assert_int_equal(fl_datadir_open(&directory, deep, true, fl_port_system()), FL_OK);
    snprintf(runtime, sizeof(runtime), "%s", (char *)*state);
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    assert_int_equal(fl_datadir_socket(&directory, "operator.sock", path), FL_OK);
    unsetenv("XDG_RUNTIME_DIR");
    assert_true(strlen(path) <= 107);
    assert_int_equal(strncmp(path, runtime, strlen(runtime)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_creates_and_keeps_its_node_id, test_make_directory,
                                        test_remove_directory),
        cmocka_unit_test_setup_teardown(test_lock_is_exclusive_and_dies_with_its_holder,
                                        test_make_directory, test_remove_directory),
        cmocka_unit_test_setup_teardown(test_socket_path_moves_when_too_long, test_make_directory,
                                        test_remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
