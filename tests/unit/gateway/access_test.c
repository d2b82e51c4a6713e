/* SPDX-License-Identifier: Apache-2.0 */
/* The door's part of the table of authorisation: every kind of asker against every kind of row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producers/gateway/access.h"

enum who { OPERATOR, FOR_ACCOUNT, ADMINISTRATOR, MEMBER, RIGHT_TOKEN, WRONG_TOKEN, NOBODY, COUNT };

static const struct fl_asker askers[COUNT] = {
    [OPERATOR] = {.is_operator = true},
    [FOR_ACCOUNT] = {.is_operator = true, .has_account = true, .is_administrator = true},
    [ADMINISTRATOR] = {.has_account = true, .is_administrator = true},
    [MEMBER] = {.has_account = true},
    [RIGHT_TOKEN] = {.has_account = true, .is_token = true, .scopes = FL_NEEDS_WRITE},
    [WRONG_TOKEN] = {.has_account = true,
                     .is_token = true,
                     .scopes = FL_NEEDS_ALL & ~(unsigned)FL_NEEDS_WRITE},
};

#define YES FL_ACCESS_GRANTED
#define HIDDEN FL_ACCESS_HIDDEN
#define UNKNOWN FL_ACCESS_UNKNOWN
#define SCOPE FL_ACCESS_SCOPE
#define ROLE FL_ACCESS_ROLE

static const struct {
    unsigned who;
    unsigned scope;
    bool is_read;
    enum fl_access answers[COUNT];
} rows[] = {
    {FL_FOR_OPERATOR, 0, true, {YES, ROLE, HIDDEN, HIDDEN, HIDDEN, HIDDEN, HIDDEN}},
    /* What an account may not change is the rules' to refuse. */
    {FL_FOR_OPERATOR, 0, false, {YES, YES, HIDDEN, HIDDEN, HIDDEN, HIDDEN, HIDDEN}},
    {FL_FOR_ADMINISTRATOR, FL_NEEDS_WRITE, true, {YES, YES, YES, ROLE, ROLE, SCOPE, UNKNOWN}},
    {FL_FOR_ADMINISTRATOR, FL_NEEDS_WRITE, false, {YES, YES, YES, YES, YES, SCOPE, UNKNOWN}},
    {FL_FOR_SHARED, FL_NEEDS_WRITE, true, {YES, YES, YES, YES, YES, SCOPE, UNKNOWN}},
    {FL_FOR_ACCOUNTS, FL_NEEDS_WRITE, false, {YES, YES, YES, YES, YES, SCOPE, UNKNOWN}},
    /* No token does what is the session's alone. */
    {FL_FOR_ACCOUNTS, 0, false, {YES, YES, YES, YES, SCOPE, SCOPE, UNKNOWN}},
    {FL_FOR_ACCOUNTS | FL_FOR_ANYONE, 0, false, {YES, YES, YES, YES, YES, YES, YES}},
    {FL_FOR_AGENT, 0, false, {YES, YES, HIDDEN, HIDDEN, HIDDEN, HIDDEN, HIDDEN}},
};

static void every_asker_at_every_row(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
        for (size_t a = 0; a < COUNT; a++)
            if (fl_access_check(rows[r].who, rows[r].scope, rows[r].is_read, &askers[a]) !=
                rows[r].answers[a])
                fail_msg("row %zu, asker %zu", r, a);
}

static void scopes_have_names(void **state)
{
    (void)state;
    unsigned all = 0;
    for (size_t i = 0; i < FL_NEEDS_COUNT; i++) {
        assert_int_equal(fl_needs_of(fl_slice_text(fl_needs_name(i))), 1u << i);
        all |= 1u << i;
    }
    assert_int_equal(all, FL_NEEDS_ALL);
    assert_int_equal(fl_needs_of(FL_SLICE_LITERAL("reads")), 0);
    assert_int_equal(fl_needs_of(FL_SLICE_LITERAL("")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_asker_at_every_row),
        cmocka_unit_test(scopes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
