/* SPDX-License-Identifier: Apache-2.0 */
/* What an installer is given, and what its end means; what a publisher's signature holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/file.h"
#include "producers/agent/installer.h"
#include "producers/firmware_manifest.h"

static char directory[] = "/tmp/fleetlog-installer.XXXXXX";
static char program[64];
static char output[64];
static char started[64];

static int begin(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(program, sizeof(program), "%s/program", directory);
    snprintf(output, sizeof(output), "%s/output", directory);
    snprintf(started, sizeof(started), "%s/started", directory);
    return 0;
}

static int end(void **state)
{
    (void)state;
    unlink(program);
    unlink(output);
    unlink(started);
    return rmdir(directory);
}

static pid_t run(const char *script)
{
    struct fl_installer_run given = {.program = program,
                                     .image = output,
                                     .command_id = "c1",
                                     .ups = "rack@host:3493",
                                     .model = "Smart-UPS 1500",
                                     .serial = "AS1",
                                     .firmware_before = "UPS 09.3 (ID18)",
                                     .version = "09.8",
                                     .started_path = started};
    pid_t pid = 0;
    (void)unlink(started);
    assert_int_equal(fl_file_replace(program, fl_slice_text(script), 0700), FL_OK);
    assert_int_equal(fl_installer_start(&given, &pid), FL_OK);
    return pid;
}

/* The word of its end, waited for with a deadline. */
static const char *outcome(pid_t pid, char word[32])
{
    enum { DEADLINE_MS = 20000 };
    struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    assert_true(ended.fd >= 0);
    assert_int_equal(poll(&ended, 1, DEADLINE_MS), 1);
    close(ended.fd);
    return fl_installer_poll(pid, word);
}

static void its_end_is_a_word(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        const char *word;
    } rows[] = {
        {"#!/bin/sh\nexit 0\n", ""},
        {"#!/bin/sh\nexit 10\n", "INSTALLER_REFUSED"},
        {"#!/bin/sh\nexit 9\n", "INSTALLER_FAILED_9"},
        {"#!/bin/sh\nexit 255\n", "INSTALLER_FAILED_255"},
        {"#!/bin/sh\nkill -9 $$\n", "INSTALLER_KILLED"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char word[32];
        assert_string_equal(outcome(run(rows[i].script), word), rows[i].word);
    }
}

static void it_is_told_what_the_ups_is_and_nothing_else(void **state)
{
    (void)state;
    char word[32];
    char text[1024] = "";
    size_t size = 0;
    setenv("FLEETLOG_SECRET", "x", 1);
    assert_string_equal(
        outcome(run("#!/bin/sh\n{ env | grep FLEETLOG_ | sort; cat; } >\"$1\"\n"), word), "");
    assert_int_equal(fl_file_read(output, text, sizeof(text) - 1, &size), FL_OK);
    assert_string_equal(text, "FLEETLOG_COMMAND=c1\n"
                              "FLEETLOG_FIRMWARE_BEFORE=UPS 09.3 (ID18)\n"
                              "FLEETLOG_FIRMWARE_VERSION=09.8\n"
                              "FLEETLOG_MODEL=Smart-UPS 1500\n"
                              "FLEETLOG_SERIAL=AS1\n"
                              "FLEETLOG_UPS=rack@host:3493\n");
}

/* What it has started goes with it. */
static void its_whole_session_is_killed(void **state)
{
    (void)state;
    char word[32];
    pid_t pid = run("#!/bin/sh\ntail -f /dev/null &\nwait\n");
    assert_null(fl_installer_poll(pid, word));
    fl_installer_kill(pid);
    assert_int_not_equal(kill(pid, 0), 0);
}

static void one_that_is_not_there_does_not_start(void **state)
{
    (void)state;
    pid_t pid = 0;
    struct fl_installer_run given = {.program = "/nowhere/program", .image = "", .command_id = ""};
    given.started_path = started;
    (void)unlink(started);
    given.ups = given.model = given.serial = given.firmware_before = given.version = "";
    assert_int_not_equal(fl_installer_start(&given, &pid), FL_OK);
}

/* Whoever makes the note first decides: the child leaves it behind, and does not begin over one. */
static void it_begins_only_with_a_note_of_its_own(void **state)
{
    char word[32];
    pid_t pid = 0;
    struct fl_installer_run given = {
        .program = program, .image = "", .command_id = "", .started_path = started};
    (void)state;
    assert_string_equal(outcome(run("#!/bin/sh\n[ ! -e /proc/self/fd/3 ]\n"), word), "");
    assert_int_equal(access(started, F_OK), 0);
    given.ups = given.model = given.serial = given.firmware_before = given.version = "";
    assert_int_not_equal(fl_installer_start(&given, &pid), FL_OK);
    assert_int_equal(unlink(started), 0);
    assert_int_equal(fl_installer_start(&given, &pid), FL_OK);
    assert_string_equal(outcome(pid, word), "");
}

/* Each part counts. */
static void a_signature_is_of_one_image_and_its_stones(void **state)
{
    (void)state;
    const char *stones[] = {"09.3", "09.5/18"};
    const uint8_t seed[FL_FIRMWARE_KEY_SIZE] = {1};
    uint8_t key[FL_FIRMWARE_KEY_SIZE];
    uint8_t signature[FL_FIRMWARE_SIGNATURE_SIZE];
    const struct fl_firmware_manifest good = {.model = "Smart-UPS 1500",
                                              .version = "09.8",
                                              .internal_id = "18",
                                              .stones = stones,
                                              .stone_count = 2,
                                              .size = 4096,
                                              .sha256 = {2}};
    fl_firmware_public_key(seed, key);
    assert_true(fl_firmware_sign(&good, seed, signature));
    assert_true(fl_firmware_signature_fits(&good, signature, key));
    for (int part = 0; part < 7; part++) {
        struct fl_firmware_manifest bent = good;
        uint8_t other[FL_FIRMWARE_KEY_SIZE];
        memcpy(other, key, sizeof(other));
        bent.model = part == 0 ? "Smart-UPS 3000" : bent.model;
        bent.version = part == 1 ? "09.9" : bent.version;
        bent.internal_id = part == 2 ? "" : bent.internal_id;
        bent.stone_count = part == 3 ? 1 : bent.stone_count;
        bent.size += part == 4;
        bent.sha256[31] ^= part == 5;
        other[0] ^= part == 6;
        assert_false(fl_firmware_signature_fits(&bent, signature, other));
    }
    assert_true(fl_firmware_read_key("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", key));
    assert_false(fl_firmware_read_key("AAAA", key));
    assert_false(fl_firmware_read_key("", key));
    assert_false(fl_firmware_read_key("?", key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_end_is_a_word),
        cmocka_unit_test(it_is_told_what_the_ups_is_and_nothing_else),
        cmocka_unit_test(its_whole_session_is_killed),
        cmocka_unit_test(it_begins_only_with_a_note_of_its_own),
        cmocka_unit_test(one_that_is_not_there_does_not_start),
        cmocka_unit_test(a_signature_is_of_one_image_and_its_stones),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
