/* SPDX-License-Identifier: Apache-2.0 */
#include "core/address.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/node/test.h"

static void expect(const char *input, enum fl_error error, const char *normalised)
{
    char out[FL_ADDRESS_TEXT_SIZE] = "";
    enum fl_error got = fl_address_normalise(fl_slice_text(input), out);
    if (got != error)
        fail_msg("\"%s\": %s, expected %s", input, fl_error_name(got), fl_error_name(error));
    if (normalised != NULL)
        assert_string_equal(out, normalised);
}

static void test_form(void **state)
{
    (void)state;
    expect("", FL_NOT_FOUND, NULL);
    expect("   \t", FL_NOT_FOUND, NULL);
    expect("ada@example.org", FL_OK, "ada@example.org");
    expect("  ada@example.org \n", FL_OK, "ada@example.org");
    expect("Ada.L+x@EXAMPLE.Org", FL_OK, "Ada.L+x@example.org");
    expect("ada@b\xc3\xbc"
           "cher.example",
           FL_OK, "ada@xn--bcher-kva.example");
    expect("ada@B\xc3\x9c"
           "CHER.example",
           FL_OK, "ada@xn--bcher-kva.example");
    static const char *const bad[] = {
        "ada",
        "@example.org",
        "ada@",
        "ada@org",
        "a@b@c.org",
        "a b@c.org",
        "ada@exa mple.org",
        "ada@.org",
        "ada@a..org",
        "ada@a.org.",
        "ada@-a.org",
        "ada@a_b.org",
        "\xc3\xa4@a.org",
        "ada@a.org\r\nBcc: x@y.z",
        "ada@\xff.org",
        "\"a b\"@c.org",
        "a@[127.0.0.1]",
        "a,b@c.org",
        "a@c.org,b@d.org",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect(bad[i], FL_INVALID, NULL);
}

static void test_limits(void **state)
{
    char input[400];
    (void)state;
    for (int local = 63; local <= 65; local++) {
        memset(input, 'a', (size_t)local);
        snprintf(input + local, sizeof(input) - (size_t)local, "@b.example");
        expect(input, local <= 64 ? FL_OK : FL_INVALID, NULL);
    }
    for (int label = 62; label <= 64; label++) {
        snprintf(input, sizeof(input), "a@");
        memset(input + 2, 'b', (size_t)label);
        snprintf(input + 2 + label, sizeof(input) - 2 - (size_t)label, ".example");
        expect(input, label <= 63 ? FL_OK : FL_INVALID, NULL);
    }
    for (int total = 253; total <= 255; total++) {
        /* 64 local, @, then labels of 62 and a dot. */
        memset(input, 'a', 64);
        input[64] = '@';
        for (int i = 65; i < total; i++)
            input[i] = (i - 65) % 60 == 59 ? '.' : 'b';
        input[total] = '\0';
        expect(input, total <= 254 ? FL_OK : FL_INVALID, NULL);
    }
    expect("a\0b@c.org", FL_INVALID, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_form), cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
