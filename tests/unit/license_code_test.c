/* SPDX-License-Identifier: Apache-2.0 */
/* Activation codes: the same for the same license, different for every other, and no slip of the
 * hand makes another one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/license_code.h"

#define LICENSE "01890a5d-ac96-774b-bcce-b302099a8057"
#define OTHER "01890a5d-ac96-774b-bcce-b302099a8058"

static const char alphabet[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

static struct fl_keyring *keyring;

static int make_keyring(void **state)
{
    static struct fl_port_virtual port;
    (void)state;
    fl_port_virtual_init(&port, 7, 0);
    keyring = fl_keyring_create(&port.port);
    return 0;
}

static int drop_keyring(void **state)
{
    (void)state;
    fl_keyring_close(&keyring);
    return 0;
}

static void code_of(const char *license, char out[FL_LICENSE_CODE_TEXT_SIZE])
{
    assert_int_equal(fl_license_code(keyring, 1, fl_slice_text(license), out), FL_OK);
}

static bool is_code(const char *text, uint8_t hash[FL_HASH_SIZE])
{
    return fl_license_code_hash(fl_slice_text(text), hash);
}

static void a_code_is_a_function_of_key_and_license(void **state)
{
    char code[FL_LICENSE_CODE_TEXT_SIZE];
    char again[FL_LICENSE_CODE_TEXT_SIZE];
    char other[FL_LICENSE_CODE_TEXT_SIZE];
    (void)state;
    code_of(LICENSE, code);
    code_of(LICENSE, again);
    code_of(OTHER, other);
    assert_string_equal(code, again);
    assert_string_not_equal(code, other);
    assert_int_equal(strlen(code), 34);
    assert_int_equal(fl_license_code(keyring, 2, FL_SLICE_LITERAL(LICENSE), again), FL_KEYRING);
}

static void case_blanks_and_dashes_do_not_matter(void **state)
{
    char code[FL_LICENSE_CODE_TEXT_SIZE];
    char typed[2 * FL_LICENSE_CODE_TEXT_SIZE];
    uint8_t hash[FL_HASH_SIZE];
    uint8_t same[FL_HASH_SIZE];
    size_t used = 0;
    (void)state;
    code_of(LICENSE, code);
    assert_true(is_code(code, hash));
    for (size_t i = 0; code[i] != '\0'; i++) {
        if (code[i] == '-')
            continue;
        typed[used++] = code[i] >= 'A' ? (char)(code[i] + 'a' - 'A') : code[i];
        typed[used++] = ' ';
    }
    typed[used] = '\0';
    assert_true(is_code(typed, same));
    assert_memory_equal(hash, same, sizeof(hash));
}

static void every_wrong_character_is_found(void **state)
{
    char code[FL_LICENSE_CODE_TEXT_SIZE];
    uint8_t hash[FL_HASH_SIZE];
    (void)state;
    code_of(LICENSE, code);
    for (size_t i = 0; code[i] != '\0'; i++) {
        char right = code[i];
        for (size_t digit = 0; right != '-' && digit < sizeof(alphabet) - 1; digit++) {
            code[i] = alphabet[digit];
            assert_int_equal(is_code(code, hash), code[i] == right);
        }
        code[i] = right;
    }
}

static void two_swapped_neighbours_are_found(void **state)
{
    char code[FL_LICENSE_CODE_TEXT_SIZE];
    char plain[FL_LICENSE_CODE_SIZE + 1] = "";
    uint8_t hash[FL_HASH_SIZE];
    size_t used = 0;
    (void)state;
    code_of(LICENSE, code);
    for (size_t i = 0; code[i] != '\0'; i++)
        if (code[i] != '-')
            plain[used++] = code[i];
    for (size_t i = 0; i + 1 < FL_LICENSE_CODE_SIZE; i++) {
        char first = plain[i];
        plain[i] = plain[i + 1];
        plain[i + 1] = first;
        assert_int_equal(is_code(plain, hash), plain[i] == first);
        plain[i + 1] = plain[i];
        plain[i] = first;
    }
}

static void junk_is_no_code(void **state)
{
    static const char *const texts[] = {"",
                                        "-",
                                        "x",
                                        "0123-4567",
                                        "2222-2222-2222-2222-2222-2222-222",
                                        "2222-2222-2222-2222-2222-2222-2223",
                                        "\xff\xfe",
                                        "2222 2222 2222 2222 2222 2222 2222 2"};
    uint8_t hash[FL_HASH_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(is_code(texts[i], hash));
    assert_false(fl_license_code_hash(fl_slice_of("2222\0", 5), hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_is_a_function_of_key_and_license),
        cmocka_unit_test(case_blanks_and_dashes_do_not_matter),
        cmocka_unit_test(every_wrong_character_is_found),
        cmocka_unit_test(two_swapped_neighbours_are_found),
        cmocka_unit_test(junk_is_no_code),
    };
    return cmocka_run_group_tests(tests, make_keyring, drop_keyring);
}
