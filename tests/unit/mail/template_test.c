/* SPDX-License-Identifier: Apache-2.0 */
/* Every template renders, escapes, and has the subject that docs/mail.md promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "consumers/mailer/template.h"
#include "fleetlog/v1/common.pb-c.h"
#include "schemas/catalogue.h"

enum { ARENA_SIZE = 16 * 1024 * 1024, DOCS_SIZE_MAX = 64 * 1024 };

#define NASTY                                                                                      \
    "<b a=\"1\" b='2'>&{{link}}\xe2\x80\xae"                                                       \
    "end\x01"

/* Every word that some template has, with this value. */
static struct fl_template_values all(const char *value, struct fl_template_value out[32])
{
    static const char *const names[] = {
        "accent",   "code",    "company",  "contact",     "date",          "dates",
        "days",     "model",   "plan",     "content",     "count",         "count_text",
        "device",   "devices", "evidence", "expires",     "grant_expires", "link",
        "location", "now",     "owner",    "part",        "price",         "since",
        "sku",      "title",   "until",    "unsubscribe", "what",          "why"};
    size_t count = sizeof(names) / sizeof(names[0]);
    for (size_t i = 0; i < count; i++)
        out[i] = (struct fl_template_value){names[i], value};
    return (struct fl_template_values){out, count};
}

/* Names of all templates, from the files that are embedded. */
static bool next_name(size_t *at, char name[64])
{
    for (; *at < fl_template_file_count; (*at)++) {
        const char *file = fl_template_files[*at].name;
        size_t size = strlen(file);
        if (size > 4 && strcmp(file + size - 4, ".txt") == 0) {
            snprintf(name, 64, "%.*s", (int)(size - 4), file);
            (*at)++;
            return true;
        }
    }
    return false;
}

static void every_template_escapes_every_value(void **state)
{
    (void)state;
    struct fl_template_value storage[32];
    const struct fl_template_values nasty = all(NASTY, storage);
    struct fl_arena arena;
    char name[64];
    size_t count = 0;
    fl_arena_init(&arena, ARENA_SIZE);
    for (size_t at = 0; next_name(&at, name); count++) {
        struct fl_rendered rendered;
        assert_true(fl_template_render(&arena, name, &nasty, &rendered));
        assert_null(strstr(rendered.html, "<b a="));
        assert_non_null(
            strstr(rendered.html, "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;{{link}}end "));
        assert_null(strstr(rendered.text, "\xe2\x80\xae"));
        assert_non_null(strstr(rendered.text, "<b a=\"1\" b='2'>&{{link}}end "));
        assert_true(strncmp(rendered.subject, "[fleetlog] ", 11) == 0);
        assert_null(strchr(rendered.subject, '\n'));
    }
    assert_int_equal(count, 18);
    fl_arena_fini(&arena);
}

/* Names that people give their devices and companies, and what becomes of them in the three parts
 * of every mail. */
static void markup_in_names_is_text(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *html; /* as the page must have it */
        const char *text; /* as the text must */
    } rows[] = {
        {"<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;",
         "<script>alert(1)</script>"},
        {"\"><img src=x onerror=alert(1)>", "&quot;&gt;&lt;img src=x onerror=alert(1)&gt;",
         "\"><img src=x onerror=alert(1)>"},
        {"' onmouseover='x", "&#39; onmouseover=&#39;x", "' onmouseover='x"},
        {"&lt;b&gt;", "&amp;lt;b&amp;gt;", "&lt;b&gt;"},
        {"a\xe2\x80\xae"
         "b\xe2\x81\xa6"
         "c\xe2\x81\xa9"
         "d\xe2\x80\x8f"
         "e\xd8\x9c"
         "f",
         "abcdef", "abcdef"},
        {"a\xc2\x85"
         "b\xc2\x9b"
         "c\xe2\x80\xa8"
         "d\xe2\x80\xa9"
         "e",
         "abcde", "abcde"},
        {"a\xe2\xe2\x80\xa8\x80\xa8"
         "b\xff",
         "a???b?", "a???b?"},
        {"a\r\x07"
         "b\x1b[31m\x7f",
         "a  b [31m ", "a  b [31m "},
    };
    struct fl_template_value storage[32];
    struct fl_arena arena;
    fl_arena_init(&arena, ARENA_SIZE);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct fl_template_values values = all(rows[i].name, storage);
        char name[64];
        for (size_t at = 0; next_name(&at, name);) {
            struct fl_rendered rendered;
            assert_true(fl_template_render(&arena, name, &values, &rendered));
            assert_non_null(strstr(rendered.html, rows[i].html));
            assert_true(strcmp(rows[i].name, rows[i].html) == 0 ||
                        strstr(rendered.html, rows[i].name) == NULL);
            assert_non_null(strstr(rendered.text, rows[i].text));
            assert_null(strpbrk(rendered.subject, "\r\n\x07\x1b\x7f"));
            assert_null(strstr(rendered.subject, "\xe2\x80\xae"));
        }
    }
    fl_arena_fini(&arena);
}

static void parts_depend_on_values(void **state)
{
    (void)state;
    struct fl_template_value storage[32];
    struct fl_template_value none[32];
    const struct fl_template_values full = all("VALUE", storage);
    const struct fl_template_values empty = all("", none);
    struct fl_rendered rendered;
    struct fl_arena arena;
    fl_arena_init(&arena, ARENA_SIZE);
    assert_true(fl_template_render(&arena, "condition_raised", &full, &rendered));
    assert_non_null(
        strstr(rendered.text, "Location:  VALUE\nOwner:     VALUE\nSince:     VALUE\n"));
    assert_non_null(strstr(rendered.html, "Stop this kind of mail"));
    assert_true(fl_template_render(&arena, "condition_raised", &empty, &rendered));
    assert_null(strstr(rendered.text, "Location"));
    assert_null(strstr(rendered.text, "Came:"));
    assert_null(strstr(rendered.html, "Stop this kind of mail"));
    assert_string_equal(rendered.subject, "[fleetlog] : ");
    fl_arena_fini(&arena);
}

static void a_line_end_becomes_a_break_and_no_header(void **state)
{
    (void)state;
    struct fl_template_value storage[32];
    const struct fl_template_values lines = all("one\ntwo", storage);
    struct fl_rendered rendered;
    struct fl_arena arena;
    fl_arena_init(&arena, ARENA_SIZE);
    assert_true(fl_template_render(&arena, "share_offer", &lines, &rendered));
    assert_non_null(strstr(rendered.html, "one<br>two"));
    assert_non_null(strstr(rendered.text, "one\ntwo"));
    assert_null(strchr(rendered.subject, '\n'));
    fl_arena_fini(&arena);
}

/* The mail about the end of a condition and the Event Log's line call it the same. */
static void mails_and_event_log_use_the_same_words(void **state)
{
    (void)state;
#define FL_ALERT_WORDS(condition, raised, cleared)                                                 \
    assert_int_equal(                                                                              \
        strcasecmp(cleared,                                                                        \
                   fl_condition_end(FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_##condition)),    \
        0);                                                                                        \
    assert_int_equal(                                                                              \
        strcasecmp(raised,                                                                         \
                   fl_enum_label(&fleetlog__v1__condition_kind__descriptor,                        \
                                 FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_##condition)),       \
        0);
#include "consumers/mailer/alerts.def"
#undef FL_ALERT_WORDS
    assert_string_equal(fl_condition_end(-1), "a condition ended");
    assert_string_equal(fl_condition_end(1000), "a condition ended");
}

/* People automate on them. */
static void subjects_are_those_that_are_promised(void **state)
{
    (void)state;
    static char docs[DOCS_SIZE_MAX];
    struct fl_template_value storage[32];
    struct fl_arena arena;
    struct fl_rendered rendered;
    char line[256];
    FILE *file = fopen("docs/mail.md", "r");
    assert_non_null(file);
    docs[fread(docs, 1, sizeof(docs) - 1, file)] = '\0';
    fclose(file);
    fl_arena_init(&arena, ARENA_SIZE);
#define FL_ALERT_WORDS(condition, raised, cleared)                                                 \
    for (int i = 0; i < 2; i++) {                                                                  \
        struct fl_template_values values = all("", storage);                                       \
        for (size_t k = 0; k < values.count; k++)                                                  \
            if (strcmp(storage[k].name, "what") == 0)                                              \
                storage[k].value = i == 0 ? (raised) : (cleared);                                  \
            else if (strcmp(storage[k].name, "device") == 0)                                       \
                storage[k].value = "NAME";                                                         \
        assert_true(fl_template_render(&arena, i == 0 ? "condition_raised" : "condition_cleared",  \
                                       &values, &rendered));                                       \
        snprintf(line, sizeof(line), "`%s`", rendered.subject);                                    \
        assert_non_null(strstr(docs, line));                                                       \
    }
#include "consumers/mailer/alerts.def"
#undef FL_ALERT_WORDS
    static const char *const offers[][2] = {
        {"invitation", ""},     {"share_offer", "a UPS"},  {"transfer_offer", "a UPS"},
        {"sign_up", ""},        {"sign_up_known", ""},     {"password_reset", ""},
        {"address_change", ""}, {"address_changed", ""},   {"license_code", ""},
        {"reseller_offer", ""}, {"reseller_reminder", ""}, {"renewals_report", ""},
        {"license_ended", ""},  {"erasure_requested", ""}};
    for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
        struct fl_template_values values = all(offers[i][1], storage);
        for (size_t k = 0; k < values.count; k++)
            if (strcmp(storage[k].name, "company") == 0)
                storage[k].value = "COMPANY";
        assert_true(fl_template_render(&arena, offers[i][0], &values, &rendered));
        snprintf(line, sizeof(line), "`%s`", rendered.subject);
        assert_non_null(strstr(docs, line));
    }
    fl_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_template_escapes_every_value),
        cmocka_unit_test(markup_in_names_is_text),
        cmocka_unit_test(parts_depend_on_values),
        cmocka_unit_test(a_line_end_becomes_a_break_and_no_header),
        cmocka_unit_test(subjects_are_those_that_are_promised),
        cmocka_unit_test(mails_and_event_log_use_the_same_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
