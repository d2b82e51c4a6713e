/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent makes of an upsd's answers, sound and unsound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "producers/agent/nut_session.h"
#include "projections/telemetry/report.h"

static void ask(struct fl_nut_session *session, enum fl_nut_ask what, const char *argument,
                const char *line)
{
    struct fl_nut_request request;
    assert_int_equal(fl_nut_session_ask(session, what, fl_slice_text(argument), &request), FL_OK);
    assert_string_equal(request.text, line);
}

static enum fl_nut_progress line(struct fl_nut_session *session, const char *text)
{
    return fl_nut_session_line(session, fl_slice_text(text));
}

static void a_list_is_read_whole(void **state)
{
    struct fl_nut_session *session = *state;
    ask(session, FL_NUT_LIST_VAR, "alpha", "LIST VAR alpha\n");
    assert_int_equal(line(session, "BEGIN LIST VAR alpha"), FL_NUT_MORE);
    assert_int_equal(line(session, "VAR alpha ups.status \"OL CHRG\""), FL_NUT_MORE);
    assert_int_equal(line(session, "VAR alpha ups.alarm \"\""), FL_NUT_MORE);
    assert_int_equal(line(session, "VAR alpha battery.charge 89.0"), FL_NUT_MORE);
    assert_int_equal(line(session, "VAR alpha battery.charge \"90\""), FL_NUT_MORE);
    assert_int_equal(line(session, "END LIST VAR alpha"), FL_NUT_ANSWERED);
    assert_int_equal(session->answer.ask, FL_NUT_LIST_VAR);
    assert_int_equal(session->answer.result, FL_NUT_DONE);
    assert_int_equal(session->answer.dropped_count, 0);
    const struct fl_nut_list *list = &session->list;
    assert_int_equal(list->count, 3);
    assert_true(fl_slice_is(fl_nut_list_find(list, FL_SLICE_LITERAL("ups.status")), "OL CHRG"));
    assert_true(fl_slice_is(fl_nut_list_find(list, FL_SLICE_LITERAL("battery.charge")), "90"));
    assert_non_null(fl_nut_list_find(list, FL_SLICE_LITERAL("ups.alarm")).data);
    assert_null(fl_nut_list_find(list, FL_SLICE_LITERAL("ups.load")).data);
}

static void junk_inside_a_list_costs_a_line_each(void **state)
{
    struct fl_nut_session *session = *state;
    static const char *const junk[] = {"",
                                       "VAR alpha",
                                       "VAR beta ups.status \"OL\"",
                                       "VAR alpha a b c",
                                       "VAR alpha \"bad name\" x",
                                       "VAR alpha ups.id \"unterminated",
                                       "RW alpha ups.id \"x\"",
                                       "\x01\x02\xff\xfe"};
    ask(session, FL_NUT_LIST_VAR, "alpha", "LIST VAR alpha\n");
    assert_int_equal(line(session, "VAR alpha early \"x\""), FL_NUT_MORE);
    assert_int_equal(line(session, "BEGIN LIST VAR alpha"), FL_NUT_MORE);
    for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++)
        assert_int_equal(line(session, junk[i]), FL_NUT_MORE);
    assert_int_equal(fl_nut_session_line(session, FL_SLICE_NULL), FL_NUT_MORE);
    assert_int_equal(line(session, "VAR alpha ups.status \"OL\""), FL_NUT_MORE);
    assert_int_equal(line(session, "END LIST VAR alpha"), FL_NUT_ANSWERED);
    assert_int_equal(session->list.count, 1);
    assert_int_equal(session->answer.dropped_count, 2 + sizeof(junk) / sizeof(junk[0]));
}

static void too_much_junk_breaks_the_connection(void **state)
{
    struct fl_nut_session *session = *state;
    ask(session, FL_NUT_VERSION, NULL, "VER\n");
    for (int i = 0; i < FL_NUT_JUNK_MAX; i++)
        assert_int_equal(fl_nut_session_line(session, FL_SLICE_NULL), FL_NUT_MORE);
    assert_int_equal(fl_nut_session_line(session, FL_SLICE_NULL), FL_NUT_BROKEN);
    fl_nut_session_reset(session);
    ask(session, FL_NUT_VERSION, NULL, "VER\n");
    assert_int_equal(line(session, "Network UPS Tools upsd 2.8.0"), FL_NUT_ANSWERED);
    assert_string_equal(session->answer.text, "2.8.0");
}

static void a_list_has_an_end_to_its_rows(void **state)
{
    struct fl_nut_session *session = *state;
    char row[64];
    ask(session, FL_NUT_LIST_VAR, "u", "LIST VAR u\n");
    line(session, "BEGIN LIST VAR u");
    for (int i = 0; i < FL_READING_COUNT_MAX + 200; i++) {
        snprintf(row, sizeof(row), "VAR u name.%d \"%d\"", i, i);
        assert_int_equal(line(session, row), FL_NUT_MORE);
    }
    assert_int_equal(line(session, "END LIST VAR u"), FL_NUT_ANSWERED);
    assert_int_equal(session->list.count, FL_READING_COUNT_MAX);
    assert_int_equal(session->answer.dropped_count, 200);
}

static void errors_are_answers(void **state)
{
    struct fl_nut_session *session = *state;
    ask(session, FL_NUT_LIST_VAR, "alpha", "LIST VAR alpha\n");
    assert_int_equal(line(session, "ERR DATA-STALE"), FL_NUT_ANSWERED);
    assert_int_equal(session->answer.result, FL_NUT_REFUSED);
    assert_string_equal(session->answer.text, "DATA-STALE");
    assert_int_equal(session->list.count, 0);
    ask(session, FL_NUT_LIST_RW, "alpha", "LIST RW alpha\n");
    line(session, "BEGIN LIST RW alpha");
    line(session, "RW alpha ups.id \"x\"");
    assert_int_equal(line(session, "ERR DRIVER-NOT-CONNECTED"), FL_NUT_ANSWERED);
    assert_int_equal(session->answer.result, FL_NUT_REFUSED);
    ask(session, FL_NUT_STARTTLS, NULL, "STARTTLS\n");
    assert_int_equal(line(session, "ERR"), FL_NUT_ANSWERED);
    assert_string_equal(session->answer.text, "");
}

static void each_small_request_has_its_answer(void **state)
{
    struct fl_nut_session *session = *state;
    ask(session, FL_NUT_USERNAME, "a b\"", "USERNAME \"a b\\\"\"\n");
    assert_int_equal(line(session, "OK"), FL_NUT_ANSWERED);
    ask(session, FL_NUT_PASSWORD, "secret", "PASSWORD secret\n");
    assert_int_equal(line(session, "ERR ACCESS-DENIED"), FL_NUT_ANSWERED);
    ask(session, FL_NUT_TRACKING_ON, NULL, "SET TRACKING ON\n");
    assert_int_equal(line(session, "OK"), FL_NUT_ANSWERED);
    ask(session, FL_NUT_LIST_UPS, NULL, "LIST UPS\n");
    line(session, "BEGIN LIST UPS");
    line(session, "UPS alpha \"Rack 1, \\\"left\\\"\"");
    line(session, "UPS beta");
    assert_int_equal(line(session, "END LIST UPS"), FL_NUT_ANSWERED);
    assert_int_equal(session->list.count, 2);
    ask(session, FL_NUT_LIST_CMD, "alpha", "LIST CMD alpha\n");
    line(session, "BEGIN LIST CMD alpha");
    line(session, "CMD alpha beeper.mute");
    assert_int_equal(line(session, "END LIST CMD anything"), FL_NUT_ANSWERED);
    assert_int_equal(session->list.count, 1);
    fl_nut_session_ask_command(session);
    assert_int_equal(line(session, "OK TRACKING 1bd31808-cb49-4aec-9d75-d056e6f018d2"),
                     FL_NUT_ANSWERED);
    assert_string_equal(session->answer.tracking, "1bd31808-cb49-4aec-9d75-d056e6f018d2");
    ask(session, FL_NUT_TRACKING, "1bd3", "GET TRACKING 1bd3\n");
    assert_int_equal(line(session, "PENDING"), FL_NUT_ANSWERED);
    assert_int_equal(session->answer.result, FL_NUT_PENDING);
    ask(session, FL_NUT_TRACKING, "1bd3", "GET TRACKING 1bd3\n");
    assert_int_equal(line(session, "SUCCESS"), FL_NUT_ANSWERED);
    assert_int_equal(session->answer.result, FL_NUT_DONE);
    fl_nut_session_ask_command(session);
    assert_int_equal(line(session, "OK"), FL_NUT_ANSWERED);
    assert_string_equal(session->answer.tracking, "");
}

static void nothing_is_answered_that_was_not_asked(void **state)
{
    struct fl_nut_session *session = *state;
    assert_int_equal(line(session, "OK"), FL_NUT_MORE);
    assert_int_equal(line(session, "ERR DATA-STALE"), FL_NUT_MORE);
    assert_int_equal(line(session, "END LIST VAR alpha"), FL_NUT_MORE);
}

static int open_session(void **state)
{
    struct fl_nut_session *session = calloc(1, sizeof(*session));
    fl_nut_session_init(session);
    *state = session;
    return 0;
}

static int close_session(void **state)
{
    fl_nut_session_fini(*state);
    free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_session, close_session)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_list_is_read_whole),
        TEST(junk_inside_a_list_costs_a_line_each),
        TEST(too_much_junk_breaks_the_connection),
        TEST(a_list_has_an_end_to_its_rows),
        TEST(errors_are_answers),
        TEST(each_small_request_has_its_answer),
        TEST(nothing_is_answered_that_was_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
