/* SPDX-License-Identifier: Apache-2.0 */
/* Wrong passwords in a row: at, below and above the limits, over restarts, places and threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "producers/gateway/guesses.h"
#include "tests/unit/scratch.h"

#define FORGET_S (FL_GUESSES_FORGET_MS / 1000)

struct bench {
    struct fl_scratch scratch;
    struct fl_port_virtual port;
    char path[FL_SCRATCH_PATH_SIZE + 16];
    struct fl_guesses *guesses;
    struct fl_guess last;
};

static int begin(void **state)
{
    static struct bench bench;
    memset(&bench, 0, sizeof(bench));
    fl_scratch_make(&bench.scratch);
    fl_port_virtual_init(&bench.port, 11, INT64_C(1767225600000));
    snprintf(bench.path, sizeof(bench.path), "%s/guesses", bench.scratch.path);
    *state = &bench;
    return fl_guesses_open(bench.path, &bench.port.port, &bench.guesses) == FL_OK ? 0 : -1;
}

static int end(void **state)
{
    struct bench *bench = *state;
    fl_guesses_close(&bench->guesses);
    fl_scratch_remove(&bench->scratch);
    return 0;
}

/* As after a kill: nothing was synced. */
static void restart(struct bench *bench)
{
    fl_guesses_close(&bench->guesses);
    assert_int_equal(fl_guesses_open(bench->path, &bench->port.port, &bench->guesses), FL_OK);
}

static unsigned try_with(struct bench *bench, const char *name, const char *hash,
                         const char *network)
{
    return fl_guesses_take(bench->guesses, fl_slice_text(name), hash, fl_slice_text(network),
                           &bench->last);
}

static unsigned try(struct bench *bench, const char *name, const char *network)
{
    return try_with(bench, name, "$argon2id$one", network);
}

static void fail_from_anywhere(struct bench *bench, const char *name, unsigned count)
{
    char network[32];
    for (unsigned i = 0; i < count; i++) {
        snprintf(network, sizeof(network), "2001:db8:%x::/64", i);
        assert_int_equal(try(bench, name, network), 0);
    }
}

static void an_account_bears_so_many_from_all_addresses_together(void **state)
{
    struct bench *bench = *state;
    fail_from_anywhere(bench, "anna", FL_GUESSES_STRANGE_MAX - 1);
    restart(bench);
    assert_int_equal(try(bench, "anna", "192.0.2.1"), 0);
    assert_int_equal(try(bench, "anna", "192.0.2.2"), FORGET_S);
    restart(bench);
    assert_int_equal(try(bench, "anna", "192.0.2.3"), FORGET_S);
    assert_int_equal(try(bench, "ben", "192.0.2.3"), 0);
    /* It is what was counted last that is waited for, however often somebody tries meanwhile. */
    fl_port_virtual_step(&bench->port, FL_GUESSES_FORGET_MS - 1);
    restart(bench);
    assert_int_equal(try(bench, "anna", "192.0.2.2"), 1);
    fl_port_virtual_step(&bench->port, 1);
    restart(bench);
    assert_int_equal(try(bench, "anna", "192.0.2.2"), 0);
    fail_from_anywhere(bench, "anna", FL_GUESSES_STRANGE_MAX - 1);
    assert_int_not_equal(try(bench, "anna", "192.0.2.2"), 0);
}

static void the_right_password_begins_anew(void **state)
{
    struct bench *bench = *state;
    fail_from_anywhere(bench, "anna", FL_GUESSES_STRANGE_MAX - 1);
    assert_int_equal(try(bench, "anna", "home"), 0);
    fl_guesses_succeed(bench->guesses, &bench->last);
    fail_from_anywhere(bench, "anna", FL_GUESSES_STRANGE_MAX);
    assert_int_not_equal(try(bench, "anna", "192.0.2.1"), 0);
}

static void strangers_do_not_shut_the_owner_out_and_all_of_it_is_a_hundred(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(FL_GUESSES_STRANGE_MAX + FL_GUESSES_KNOWN_MAX, 100);
    assert_int_equal(try(bench, "anna", "home"), 0);
    fl_guesses_succeed(bench->guesses, &bench->last);
    fail_from_anywhere(bench, "anna", FL_GUESSES_STRANGE_MAX);
    assert_int_not_equal(try(bench, "anna", "192.0.2.1"), 0);
    restart(bench);
    for (unsigned i = 0; i < FL_GUESSES_KNOWN_MAX - 1; i++)
        assert_int_equal(try(bench, "anna", "home"), 0);
    assert_int_equal(try(bench, "anna", "home"), 0);
    assert_int_equal(try(bench, "anna", "home"), FORGET_S);
    /* Another's home is nobody else's. */
    fail_from_anywhere(bench, "ben", FL_GUESSES_STRANGE_MAX);
    assert_int_not_equal(try(bench, "ben", "home"), 0);
}

static void the_latest_networks_are_known(void **state)
{
    static const char *const networks[] = {"n1", "n2", "n3", "n4", "n1", "n5"};
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
        assert_int_equal(try(bench, "anna", networks[i]), 0);
        fl_guesses_succeed(bench->guesses, &bench->last);
    }
    restart(bench);
    fail_from_anywhere(bench, "anna", FL_GUESSES_STRANGE_MAX);
    assert_int_not_equal(try(bench, "anna", "n2"), 0);
    static const char *const known[] = {"n1", "n3", "n4", "n5"};
    for (size_t i = 0; i < FL_GUESSES_NETWORK_COUNT; i++)
        assert_int_equal(try(bench, "anna", known[i]), 0);
}

static void a_new_password_is_guessed_from_zero_and_networks_stay_known(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(try(bench, "anna", "home"), 0);
    fl_guesses_succeed(bench->guesses, &bench->last);
    fail_from_anywhere(bench, "anna", FL_GUESSES_STRANGE_MAX);
    assert_int_not_equal(try_with(bench, "anna", "$argon2id$one", "192.0.2.1"), 0);
    assert_int_equal(try_with(bench, "anna", "$argon2id$two", "192.0.2.1"), 0);
    for (unsigned i = 1; i < FL_GUESSES_STRANGE_MAX; i++)
        assert_int_equal(try_with(bench, "anna", "$argon2id$two", "192.0.2.1"), 0);
    assert_int_not_equal(try_with(bench, "anna", "$argon2id$two", "192.0.2.1"), 0);
    assert_int_equal(try_with(bench, "anna", "$argon2id$two", "home"), 0);
}

static void what_was_no_guess_is_given_back(void **state)
{
    struct bench *bench = *state;
    for (unsigned i = 0; i < 3 * FL_GUESSES_STRANGE_MAX; i++) {
        assert_int_equal(try(bench, "anna", "192.0.2.1"), 0);
        fl_guesses_give_back(bench->guesses, &bench->last);
    }
    /* An attempt that ends after its count has begun anew takes nothing from the next one's. */
    assert_int_equal(try(bench, "anna", "192.0.2.1"), 0);
    struct fl_guess late = bench->last;
    assert_int_equal(try(bench, "anna", "home"), 0);
    fl_guesses_succeed(bench->guesses, &bench->last);
    fl_guesses_give_back(bench->guesses, &late);
    fail_from_anywhere(bench, "anna", FL_GUESSES_STRANGE_MAX);
    assert_int_not_equal(try(bench, "anna", "192.0.2.1"), 0);
}

/* Addresses without an account are counted as accounts are, and many of them push no count out. */
static void many_names_do_not_make_a_high_count_forgotten(void **state)
{
    struct bench *bench = *state;
    char name[32];
    fail_from_anywhere(bench, "anna", FL_GUESSES_STRANGE_MAX);
    for (unsigned i = 0; i < 4 * FL_GUESSES_PLACE_COUNT; i++) {
        snprintf(name, sizeof(name), "n%u@example.org", i);
        assert_int_equal(try_with(bench, name, "", "192.0.2.1"), 0);
    }
    assert_int_not_equal(try(bench, "anna", "192.0.2.1"), 0);
}

static void a_file_that_is_none_of_ours_begins_anew(void **state)
{
    static const uint8_t junk[] = "not a table of guesses";
    struct bench *bench = *state;
    struct stat status;
    assert_int_equal(stat(bench->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    const off_t sizes[] = {0, 63, status.st_size - 1, status.st_size + 1};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        fail_from_anywhere(bench, "anna", FL_GUESSES_STRANGE_MAX);
        assert_int_equal(truncate(bench->path, sizes[i]), 0);
        restart(bench);
        assert_int_equal(try(bench, "anna", "192.0.2.1"), 0);
        fl_guesses_give_back(bench->guesses, &bench->last);
    }
    int fd = open(bench->path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, junk, sizeof(junk), 0), sizeof(junk));
    close(fd);
    restart(bench);
    fail_from_anywhere(bench, "anna", FL_GUESSES_STRANGE_MAX);
    assert_int_equal(fl_guesses_sync(bench->guesses), FL_OK);
}

static void the_file_shows_neither_names_nor_places(void **state)
{
    static uint8_t bytes[2 << 20];
    static const char *const words[] = {"anna@example.org", "$argon2id$one", "198.51.100.7"};
    struct bench *bench = *state;
    size_t size;
    assert_int_equal(try(bench, words[0], words[2]), 0);
    fl_guesses_succeed(bench->guesses, &bench->last);
    assert_int_equal(fl_file_read(bench->path, bytes, sizeof(bytes), &size), FL_OK);
    for (size_t i = 0; i < 3; i++)
        assert_null(memmem(bytes, size, words[i], strlen(words[i])));
}

enum { THREAD_COUNT = 8, TRY_COUNT = 30 };

struct guesser {
    pthread_t thread;
    struct fl_guesses *guesses;
    unsigned taken;
};

static void *guess_often(void *opaque)
{
    struct guesser *guesser = opaque;
    struct fl_guess guess;
    for (int i = 0; i < TRY_COUNT; i++)
        guesser->taken += fl_guesses_take(guesser->guesses, FL_SLICE_LITERAL("anna"), "hash",
                                          FL_SLICE_LITERAL("192.0.2.1"), &guess) == 0;
    return NULL;
}

static void attempts_at_once_do_not_pass_the_limit_together(void **state)
{
    struct bench *bench = *state;
    struct guesser guessers[THREAD_COUNT];
    unsigned taken = 0;
    for (int i = 0; i < THREAD_COUNT; i++) {
        guessers[i] = (struct guesser){.guesses = bench->guesses};
        assert_int_equal(pthread_create(&guessers[i].thread, NULL, guess_often, &guessers[i]), 0);
    }
    for (int i = 0; i < THREAD_COUNT; i++) {
        pthread_join(guessers[i].thread, NULL);
        taken += guessers[i].taken;
    }
    assert_int_equal(taken, FL_GUESSES_STRANGE_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_account_bears_so_many_from_all_addresses_together),
        TEST(the_right_password_begins_anew),
        TEST(strangers_do_not_shut_the_owner_out_and_all_of_it_is_a_hundred),
        TEST(the_latest_networks_are_known),
        TEST(a_new_password_is_guessed_from_zero_and_networks_stay_known),
        TEST(what_was_no_guess_is_given_back),
        TEST(many_names_do_not_make_a_high_count_forgotten),
        TEST(a_file_that_is_none_of_ours_begins_anew),
        TEST(the_file_shows_neither_names_nor_places),
        TEST(attempts_at_once_do_not_pass_the_limit_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
