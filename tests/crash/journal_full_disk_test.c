/* SPDX-License-Identifier: Apache-2.0 */
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
#include <unistd.h>

#include "core/file.h"
#include "core/journal_engine.h"
#include "core/port.h"
#include "tests/unit/scratch.h"

/* The journal on a file system of 24 MiB that is really full. */

enum { SKIPPED = 77, RECORD_COUNT = 16, RECORD_SIZE = 4096, DISK_SIZE = 24 << 20 };

static const int64_t hour_ms = 60 * 60 * 1000;
static char directory[FL_SCRATCH_PATH_SIZE];

static int64_t wall_ms(void)
{
    return fl_port_wall_ms(fl_port_system());
}

static struct fl_journal *open_journal(uint64_t reserve_size)
{
    char path[FL_SCRATCH_PATH_SIZE + 16];
    struct fl_journal *journal = NULL;
    snprintf(path, sizeof(path), "%s/journal", directory);
    struct fl_embedded_options options = {.directory = path, .reserve_size = reserve_size};
    assert_int_equal(fl_journal_open_embedded(&options, &journal), FL_OK);
    return journal;
}

static enum fl_error append(struct fl_journal *journal, int64_t time_ms, uint64_t *offset)
{
    static const uint8_t bytes[RECORD_SIZE];
    struct fl_record records[RECORD_COUNT];
    uint64_t offsets[RECORD_COUNT];
    for (int i = 0; i < RECORD_COUNT; i++)
        records[i] =
            (struct fl_record){.value = fl_slice_of(bytes, sizeof(bytes)), .timestamp_ms = time_ms};
    struct fl_append batch = {"t", 0, RECORD_COUNT, records, FL_OFFSET_NONE, offsets};
    enum fl_error error = fl_journal_append(journal, &batch, 1);
    *offset = offsets[0];
    return error;
}

/* Appends until the journal refuses; returns how many appends were taken. */
static uint64_t append_until_full(struct fl_journal *journal, int64_t time_ms)
{
    uint64_t count = 0;
    uint64_t offset = 0;
    enum fl_error error = FL_OK;
    while ((error = append(journal, time_ms, &offset)) == FL_OK)
        count++;
    if (error != FL_FULL)
        fail_msg("append: %s: %s", fl_error_name(error), fl_journal_detail(journal));
    assert_true(offset == FL_OFFSET_NONE);
    return count;
}

/* Everything from `begin` on is there and can be read. */
static void reads(struct fl_journal *journal, uint64_t begin, uint64_t end)
{
    struct fl_source source = {"t", 0, begin};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    uint64_t found_begin = 0;
    uint64_t found_end = 0;
    assert_int_equal(fl_journal_offsets(journal, "t", 0, &found_begin, &found_end), FL_OK);
    assert_int_equal(found_begin, begin);
    assert_int_equal(found_end, end);
    assert_int_equal(fl_reader_open(journal, &source, 1, &reader), FL_OK);
    for (uint64_t offset = begin; offset < end;) {
        assert_int_equal(fl_reader_poll(reader, 0, 1 << 20, &batch), FL_OK);
        assert_true(batch.count > 0);
        for (size_t i = 0; i < batch.count; i++)
            assert_int_equal(batch.entries[i].offset, offset++);
    }
    fl_reader_close(&reader);
}

static void write_ballast(size_t size)
{
    static const char bytes[4096];
    char path[FL_SCRATCH_PATH_SIZE + 16];
    snprintf(path, sizeof(path), "%s/ballast", directory);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    for (size_t written = 0; written < size; written += sizeof(bytes))
        if (write(file, bytes, sizeof(bytes)) < 0) {
            assert_int_equal(errno, ENOSPC);
            break;
        }
    close(file);
}

static void remove_ballast(void)
{
    char path[FL_SCRATCH_PATH_SIZE + 16];
    snprintf(path, sizeof(path), "%s/ballast", directory);
    assert_int_equal(unlink(path), 0);
}

static void ensure(struct fl_journal *journal, int64_t retention_ms)
{
    struct fl_topic_spec spec = {"t", 1, retention_ms, -1, false};
    assert_int_equal(fl_journal_ensure_topic(journal, &spec), FL_OK);
}

/* No reserve: the last bytes of the disk are refused as well, never met inside a commit. */
static void a_full_disk_refuses_and_room_brings_appends_back(void **state)
{
    (void)state;
    write_ballast(8 << 20);
    struct fl_journal *journal = open_journal(0);
    ensure(journal, -1);
    uint64_t appended = append_until_full(journal, wall_ms());
    assert_true(appended > 20);
    write_ballast(DISK_SIZE); /* now not a byte is left */
    assert_int_equal(append_until_full(journal, wall_ms()), 0);
    reads(journal, 0, appended * RECORD_COUNT);
    fl_journal_close(&journal);
    journal = open_journal(0); /* a duty that starts on a full disk serves reads */
    reads(journal, 0, appended * RECORD_COUNT);
    remove_ballast();
    uint64_t more = append_until_full(journal, wall_ms());
    assert_true(more > 20);
    reads(journal, 0, (appended + more) * RECORD_COUNT);
    assert_int_equal(fl_journal_delete_topic(journal, "t"), FL_OK);
    fl_journal_close(&journal);
}

/* With a reserve: retention has what it needs, and what it frees inside the file can be used. */
static void below_the_reserve_retention_works_and_its_room_is_used(void **state)
{
    (void)state;
    enum { RESERVE = 6 << 20 };
    uint64_t free_size = 0;
    struct fl_journal *journal = open_journal(RESERVE);
    ensure(journal, hour_ms);
    uint64_t old = append_until_full(journal, wall_ms() - 2 * hour_ms);
    assert_true(old > 20);
    assert_int_equal(fl_file_system_free(directory, &free_size), FL_OK);
    assert_true(free_size >= RESERVE);
    write_ballast(4 << 20); /* somebody else takes a part of the reserve */
    reads(journal, 0, old * RECORD_COUNT);
    assert_int_equal(fl_journal_maintain(journal, wall_ms()), FL_OK);
    reads(journal, old * RECORD_COUNT, old * RECORD_COUNT);
    uint64_t more = append_until_full(journal, wall_ms());
    assert_true(more > 20);
    reads(journal, old * RECORD_COUNT, (old + more) * RECORD_COUNT);
    fl_journal_close(&journal);
}

/* A mount of our own that ends with this process: as root, or as root of a user namespace. */
static bool mount_small_disk(void)
{
    char options[64];
    snprintf(options, sizeof(options), "size=%d,mode=0700", DISK_SIZE);
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return false;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", directory, "tmpfs", 0, options) == 0;
}

int main(void)
{
    struct fl_scratch scratch;
    fl_scratch_make(&scratch);
    snprintf(directory, sizeof(directory), "%s", scratch.path);
    if (!mount_small_disk()) {
        fprintf(stderr, "skipped: no tmpfs can be mounted here: %s\n", strerror(errno));
        fl_scratch_remove(&scratch);
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_refuses_and_room_brings_appends_back),
        cmocka_unit_test(below_the_reserve_retention_works_and_its_room_is_used),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    umount2(directory, MNT_DETACH);
    fl_scratch_remove(&scratch);
    return failed;
}
