/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/diag.h"

/* What is written to stderr while `run` runs. */
static void capture(void (*run)(void), char *out, size_t out_size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int kept = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    run();
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(ends[1]);
    size_t size = 0;
    ssize_t got = 0;
    while ((got = read(ends[0], out + size, out_size - 1 - size)) > 0)
        size += (size_t)got;
    out[size] = '\0';
    close(ends[0]);
}

static void write_hostile(void)
{
    fl_diag(FAILED, FL_TEXT("text", "a \"b\" c\\d\nlevel=info event=FORGED\x1b[31m\xc3\xa9"),
            FL_TEXT("none", NULL), FL_TEXT("bare", "events-0:7"), FL_INT("minus", -5),
            FL_UINT("large", UINT64_MAX), FL_REAL("real", 1.5));
}

static void input_cannot_forge_a_line(void **state)
{
    (void)state;
    char out[8192];
    fl_diag_configure("test", false, FL_LEVEL_INFO);
    capture(write_hostile, out, sizeof(out));
    assert_non_null(strstr(out,
                           " level=error duty=test event=FAILED text=\"a \\\"b\\\" c\\\\d\\u000a"
                           "level=info event=FORGED\\u001b[31m\\u00c3\\u00a9\" none=\"\" "
                           "bare=events-0:7 minus=-5 large=18446744073709551615 real=1.500\n"));
    assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
    assert_int_equal(strncmp(out, "time=", 5), 0);
}

static void json_lines_are_objects(void **state)
{
    (void)state;
    char out[8192];
    fl_diag_configure("test", true, FL_LEVEL_INFO);
    capture(write_hostile, out, sizeof(out));
    assert_int_equal(strncmp(out, "{\"time\":\"", 9), 0);
    assert_non_null(
        strstr(out, "\",\"level\":\"error\",\"duty\":\"test\",\"event\":\"FAILED\",\"text\":\"a "
                    "\\\"b\\\" c\\\\d\\u000alevel=info event=FORGED\\u001b[31m\\u00c3\\u00a9\","
                    "\"none\":\"\",\"bare\":\"events-0:7\",\"minus\":-5,"
                    "\"large\":18446744073709551615,\"real\":1.500}\n"));
}

static char long_text[10000];

static void write_long(void)
{
    memset(long_text, '\n', sizeof(long_text) - 1);
    fl_diag(FAILED, FL_TEXT("long", long_text), FL_INT("after", 1));
}

static void a_long_line_is_cut_and_says_so(void **state)
{
    (void)state;
    char out[16384];
    fl_diag_configure("test", false, FL_LEVEL_INFO);
    capture(write_long, out, sizeof(out));
    size_t size = strlen(out);
    assert_true(size <= 4096);
    assert_string_equal(out + size - 7, " cut=1\n");
    assert_ptr_equal(strchr(out, '\n'), out + size - 1);
}

static void write_levels(void)
{
    fl_diag(CHILD_STARTED, FL_INT("debug", 1));
    fl_diag(STARTED, FL_INT("info", 1));
    fl_diag(RETRY, FL_INT("warning", 1));
}

static void quiet_levels_are_left_out_and_warnings_counted(void **state)
{
    (void)state;
    char out[8192];
    uint64_t before = fl_diag_warning_count();
    fl_diag_configure("test", false, FL_LEVEL_WARNING);
    capture(write_levels, out, sizeof(out));
    assert_null(strstr(out, "debug="));
    assert_null(strstr(out, "info="));
    assert_non_null(strstr(out, "warning=1"));
    assert_int_equal(fl_diag_warning_count(), before + 1);
    fl_diag_configure("test", false, FL_LEVEL_CRITICAL);
    capture(write_levels, out, sizeof(out));
    assert_string_equal(out, "");
    assert_int_equal(fl_diag_warning_count(), before + 2);
    assert_string_equal(fl_diag_event_name(FL_DIAG_RETRY), "RETRY");
    assert_true(fl_diag_event_explanation(FL_DIAG_RETRY)[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(input_cannot_forge_a_line),
        cmocka_unit_test(json_lines_are_objects),
        cmocka_unit_test(a_long_line_is_cut_and_says_so),
        cmocka_unit_test(quiet_levels_are_left_out_and_warnings_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
