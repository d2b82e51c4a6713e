/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords, second factors and delays, each limit at, below and above it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "core/address.h"
#include "producers/gateway/password.h"
#include "producers/gateway/throttle.h"
#include "producers/gateway/totp.h"

/* RFC 6238 appendix B, SHA-1, the last six digits. */
static const uint8_t rfc_secret[] = "12345678901234567890";
static const struct {
    int64_t seconds;
    uint32_t code;
} rfc[] = {{59, 287082},       {1111111109, 81804},  {1111111111, 50471},
           {1234567890, 5924}, {2000000000, 279037}, {INT64_C(20000000000), 353130}};

static void codes_are_those_of_the_rfc(void **state)
{
    char text[FL_TOTP_SECRET_TEXT_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof(rfc) / sizeof(rfc[0]); i++)
        assert_int_equal(fl_totp_code(rfc_secret, (uint64_t)rfc[i].seconds / FL_TOTP_STEP_S),
                         rfc[i].code);
    fl_totp_secret_text(rfc_secret, text);
    assert_string_equal(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
}

static uint64_t find(const char *text, int64_t seconds)
{
    return fl_totp_find(rfc_secret, fl_slice_text(text), seconds * 1000);
}

static void a_code_is_good_one_step_around_its_own(void **state)
{
    (void)state;
    const uint64_t step = 1234567890 / FL_TOTP_STEP_S; /* its code is 005924 */
    const int64_t begin = (int64_t)step * FL_TOTP_STEP_S;
    assert_int_equal(find("005924", begin - 30), step);
    assert_int_equal(find("005924", begin), step);
    assert_int_equal(find("005924", begin + 59), step);
    assert_int_equal(find("005924", begin - 31), 0);
    assert_int_equal(find("005924", begin + 60), 0);
    static const char *const junk[] = {"",       "5924",   "05924", "0005924",
                                       "00592a", "-05924", "005925"};
    for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++)
        assert_int_equal(find(junk[i], begin), 0);
}

static void recovery_codes_are_found_as_people_type_them(void **state)
{
    char codes[3][FL_RECOVERY_CODE_SIZE];
    uint8_t hashes[3 * FL_HASH_SIZE];
    char typed[64];
    (void)state;
    for (size_t i = 0; i < 3; i++)
        fl_recovery_code_make(fl_port_system(), codes[i], hashes + i * FL_HASH_SIZE);
    struct fl_slice all = fl_slice_of(hashes, sizeof(hashes));
    assert_int_equal(strlen(codes[0]), FL_RECOVERY_CODE_SIZE - 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fl_recovery_code_find(all, fl_slice_text(codes[i])), i);
    snprintf(typed, sizeof(typed), " %.6s%.6s %.6s-%.6s ", codes[1], codes[1] + 7, codes[1] + 14,
             codes[1] + 21);
    for (char *c = typed; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    assert_int_equal(fl_recovery_code_find(all, fl_slice_text(typed)), 1);
    codes[2][0] = codes[2][0] == 'A' ? 'B' : 'A';
    assert_int_equal(fl_recovery_code_find(all, fl_slice_text(codes[2])), -1);
    assert_int_equal(fl_recovery_code_find(all, FL_SLICE_LITERAL("")), -1);
    assert_int_equal(fl_recovery_code_find(FL_SLICE_LITERAL(""), fl_slice_text(codes[0])), -1);
    snprintf(typed, sizeof(typed), "%sA", codes[0]);
    assert_int_equal(fl_recovery_code_find(all, fl_slice_text(typed)), -1);
}

static const char *refusal(const char *password)
{
    return fl_password_refusal(password, "anna.long@acme.example", "Acme Power Company");
}

static void passwords_have_fifteen_characters_and_no_other_rule(void **state)
{
    char longest[FL_PASSWORD_SIZE_MAX + 2];
    (void)state;
    assert_non_null(refusal("blue kettle 42"));
    assert_null(refusal("blue kettle 424"));
    assert_null(refusal("nur kleine w\xc3\xb6rter"));
    assert_non_null(refusal("\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xb6\xc3\xa4"));
    for (size_t i = 0; i < sizeof(longest); i++)
        longest[i] = (char)('a' + i % 23);
    longest[FL_PASSWORD_SIZE_MAX] = '\0';
    assert_null(refusal(longest));
    longest[FL_PASSWORD_SIZE_MAX] = 'x';
    longest[FL_PASSWORD_SIZE_MAX + 1] = '\0';
    assert_non_null(refusal(longest));
    static const char *const bad[] = {"aaaaaaaaaaaaaaa",        "ababababababababab",
                                      "anna.long@ACME.example", "acme power company",
                                      "PasswordPassword",       "correcthorsebatterystaple"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_non_null(refusal(bad[i]));
}

static void a_hash_fits_its_password_alone(void **state)
{
    struct fl_passwords *passwords = NULL;
    char hash[FL_PASSWORD_HASH_SIZE];
    bool is_right = false;
    (void)state;
    assert_int_equal(fl_passwords_open(fl_port_system(), &passwords), FL_OK);
    assert_int_equal(fl_password_hash(passwords, "blue kettle 424", hash), FL_OK);
    assert_int_equal(strncmp(hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31), 0);
    assert_int_equal(fl_password_check(passwords, "blue kettle 424", hash, &is_right), FL_OK);
    assert_true(is_right);
    assert_int_equal(fl_password_check(passwords, "blue kettle 425", hash, &is_right), FL_OK);
    assert_false(is_right);
    assert_int_equal(fl_password_check(passwords, "blue kettle 424", "", &is_right), FL_OK);
    assert_false(is_right);
    assert_int_equal(fl_password_check(passwords, "x", "no hash", &is_right), FL_OK);
    assert_false(is_right);
    fl_passwords_close(&passwords);
}

struct turn {
    struct fl_passwords *passwords;
    pthread_t thread;
    bool is_mine;
};

static void *take_turn(void *opaque)
{
    struct turn *turn = opaque;
    turn->is_mine = fl_passwords_take_turn(turn->passwords);
    if (turn->is_mine)
        fl_passwords_end_turn(turn->passwords);
    return NULL;
}

static void wait_for_waiting(struct fl_passwords *passwords, unsigned count)
{
    int64_t deadline_ms = fl_port_monotonic_ms(fl_port_system()) + 30000;
    while (fl_passwords_waiting(passwords) != count) {
        assert_true(fl_port_monotonic_ms(fl_port_system()) < deadline_ms);
        sched_yield();
    }
}

static void too_many_hashes_at_once_are_refused_and_nobody_who_waits_is_forgotten(void **state)
{
    struct turn turns[FL_PASSWORD_WAITING_MAX];
    struct fl_passwords *passwords = NULL;
    char hash[FL_PASSWORD_HASH_SIZE];
    bool is_right = true;
    (void)state;
    assert_int_equal(fl_passwords_open(fl_port_system(), &passwords), FL_OK);
    for (int i = 0; i < FL_PASSWORD_AT_ONCE_MAX; i++)
        assert_true(fl_passwords_take_turn(passwords));
    /* Up to the limit whoever comes waits; above it he is told at once. */
    for (unsigned i = 0; i < FL_PASSWORD_WAITING_MAX; i++) {
        turns[i] = (struct turn){.passwords = passwords};
        assert_int_equal(pthread_create(&turns[i].thread, NULL, take_turn, &turns[i]), 0);
        wait_for_waiting(passwords, i + 1);
    }
    assert_int_equal(fl_password_hash(passwords, "blue kettle 424", hash), FL_FULL);
    assert_int_equal(fl_password_check(passwords, "blue kettle 424", "", &is_right), FL_FULL);
    assert_int_equal(fl_passwords_waiting(passwords), FL_PASSWORD_WAITING_MAX);
    for (int i = 0; i < FL_PASSWORD_AT_ONCE_MAX; i++)
        fl_passwords_end_turn(passwords);
    for (unsigned i = 0; i < FL_PASSWORD_WAITING_MAX; i++) {
        pthread_join(turns[i].thread, NULL);
        assert_true(turns[i].is_mine);
    }
    assert_int_equal(fl_passwords_waiting(passwords), 0);
    assert_int_equal(fl_password_hash(passwords, "blue kettle 424", hash), FL_OK);
    fl_passwords_close(&passwords);
}

struct waits {
    struct fl_port_virtual port;
    struct fl_throttle *throttle;
};

static void fail_from(struct waits *waits, const char *name, const char *source, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        fl_throttle_fail(waits->throttle, fl_slice_text(name), fl_slice_text(source));
}

static unsigned wait_s(struct waits *waits, const char *name, const char *source)
{
    return fl_throttle_wait_s(waits->throttle, fl_slice_text(name), fl_slice_text(source));
}

static void delays_grow_and_lock_nobody_out(void **state)
{
    static struct waits waits;
    (void)state;
    fl_port_virtual_init(&waits.port, 7, INT64_C(1767225600000));
    waits.throttle = fl_throttle_open(&waits.port.port);
    fail_from(&waits, "anna", "here", FL_THROTTLE_NAME_FREE - 1);
    assert_int_equal(wait_s(&waits, "anna", "here"), 0);
    fail_from(&waits, "anna", "here", 1);
    assert_int_equal(wait_s(&waits, "anna", "here"), FL_THROTTLE_DELAY_S_MIN);
    /* Neither she elsewhere nor somebody else here waits for that. */
    assert_int_equal(wait_s(&waits, "anna", "there"), 0);
    assert_int_equal(wait_s(&waits, "ben", "here"), 0);
    fl_port_virtual_step(&waits.port, FL_THROTTLE_DELAY_S_MIN * 1000 - 1);
    assert_int_equal(wait_s(&waits, "anna", "here"), 1);
    fl_port_virtual_step(&waits.port, 1);
    assert_int_equal(wait_s(&waits, "anna", "here"), 0);
    fail_from(&waits, "anna", "here", 1);
    assert_int_equal(wait_s(&waits, "anna", "here"), 2 * FL_THROTTLE_DELAY_S_MIN);
    fail_from(&waits, "anna", "here", 6);
    assert_int_equal(wait_s(&waits, "anna", "here"), FL_THROTTLE_DELAY_S_MAX);
    fl_throttle_succeed(waits.throttle, FL_SLICE_LITERAL("anna"), FL_SLICE_LITERAL("here"));
    assert_int_equal(wait_s(&waits, "anna", "here"), 0);
    fl_throttle_close(&waits.throttle);
}

static void a_source_is_slowed_whatever_the_names(void **state)
{
    static struct waits waits;
    char name[16];
    (void)state;
    fl_port_virtual_init(&waits.port, 8, INT64_C(1767225600000));
    waits.throttle = fl_throttle_open(&waits.port.port);
    for (unsigned i = 0; i < FL_THROTTLE_SOURCE_FREE - 1; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        fail_from(&waits, name, "here", 1);
    }
    assert_int_equal(wait_s(&waits, "anna", "here"), 0);
    fail_from(&waits, "last", "here", 1);
    assert_int_equal(wait_s(&waits, "anna", "here"), FL_THROTTLE_DELAY_S_MIN);
    assert_int_equal(wait_s(&waits, "anna", "there"), 0);
    fl_port_virtual_step(&waits.port, FL_THROTTLE_FORGET_MS - 1);
    fail_from(&waits, "last", "here", 1);
    assert_true(wait_s(&waits, "anna", "here") > FL_THROTTLE_DELAY_S_MIN);
    fl_port_virtual_step(&waits.port, FL_THROTTLE_FORGET_MS);
    fail_from(&waits, "last", "here", 1);
    assert_int_equal(wait_s(&waits, "anna", "here"), 0);
    fl_throttle_close(&waits.throttle);
}

/* One policy of comparison, documented in core/address.h. */
static void addresses_compare_by_domain_not_by_local_part(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool is_same;
    } pairs[] = {
        {"Anna@Example.COM", "Anna@example.com", true},
        {"anna@b\xc3\xbc"
         "cher.example",
         "anna@xn--bcher-kva.EXAMPLE", true},
        {"anna@B\xc3\x9c"
         "CHER.example",
         "anna@b\xc3\xbc"
         "cher.example",
         true},
        {"Anna@example.com", "anna@example.com", false},
        {"an.na@example.com", "anna@example.com", false},
        {"anna+ups@example.com", "anna@example.com", false},
        {"anna@ex\xd0\xb0mple.com", "anna@example.com", false}, /* a Cyrillic a */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char a[FL_ADDRESS_TEXT_SIZE];
        char b[FL_ADDRESS_TEXT_SIZE];
        assert_int_equal(fl_address_normalise(fl_slice_text(pairs[i].a), a), FL_OK);
        assert_int_equal(fl_address_normalise(fl_slice_text(pairs[i].b), b), FL_OK);
        assert_int_equal(strcmp(a, b) == 0, pairs[i].is_same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_those_of_the_rfc),
        cmocka_unit_test(a_code_is_good_one_step_around_its_own),
        cmocka_unit_test(recovery_codes_are_found_as_people_type_them),
        cmocka_unit_test(passwords_have_fifteen_characters_and_no_other_rule),
        cmocka_unit_test(a_hash_fits_its_password_alone),
        cmocka_unit_test(too_many_hashes_at_once_are_refused_and_nobody_who_waits_is_forgotten),
        cmocka_unit_test(delays_grow_and_lock_nobody_out),
        cmocka_unit_test(a_source_is_slowed_whatever_the_names),
        cmocka_unit_test(addresses_compare_by_domain_not_by_local_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
