/* SPDX-License-Identifier: Apache-2.0 */
/* Mails as bytes: what a name may do to a header (nothing), and how text is encoded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/mailer/message.h"
#include "core/port.h"

enum { ARENA_SIZE = 16 * 1024 * 1024, LINE_MAX = 998, ENCODED_LINE_MAX = 78 };

static struct fl_message plain_message(void)
{
    return (struct fl_message){
        .from = "no-reply@fleetlog.example",
        .to = "anna@example.org",
        .subject = "[fleetlog] On battery: Rack 1",
        .message_id = "0193f7a2-0000-8000-8000-000000000001@fleetlog.example",
        .date_ms = 1764072000000,
        .text = "Hello\n",
        .html = "<p>Hello</p>\n",
    };
}

static char *build(struct fl_arena *arena, const struct fl_message *message)
{
    struct fl_slice bytes;
    assert_int_equal(fl_message_build(arena, message, &bytes), FL_OK);
    return fl_arena_text(arena, bytes);
}

/* Lines end with CRLF, none is too long, and the header ends once. */
static void check_form(const char *mail)
{
    size_t column = 0;
    for (const char *at = mail; *at != '\0'; at++) {
        if (*at == '\n')
            assert_true(at > mail && at[-1] == '\r');
        if (*at == '\r')
            assert_int_equal(at[1], '\n');
        column = *at == '\n' ? 0 : column + 1;
        assert_true(column <= LINE_MAX);
        assert_true((unsigned char)*at < 0x80);
    }
}

static void a_mail_has_its_headers_once(void **state)
{
    (void)state;
    struct fl_arena arena;
    struct fl_message message = plain_message();
    fl_arena_init(&arena, ARENA_SIZE);
    message.list_unsubscribe = "https://fleet.example/unsubscribe?token=x";
    const char *mail = build(&arena, &message);
    check_form(mail);
    assert_non_null(strstr(mail, "Date: Tue, 25 Nov 2025 12:00:00 +0000\r\n"));
    assert_non_null(strstr(mail, "From: fleetlog <no-reply@fleetlog.example>\r\n"));
    assert_non_null(strstr(mail, "To: <anna@example.org>\r\n"));
    assert_non_null(strstr(mail, "Subject: [fleetlog] On battery: Rack 1\r\n"));
    assert_non_null(strstr(mail, "Auto-Submitted: auto-generated\r\n"));
    assert_non_null(
        strstr(mail, "List-Unsubscribe: <https://fleet.example/unsubscribe?token=x>\r\n"));
    assert_non_null(strstr(mail, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
    message.list_unsubscribe = NULL;
    assert_null(strstr(build(&arena, &message), "List-Unsubscribe"));
    fl_arena_fini(&arena);
}

static void control_characters_are_refused_in_every_header(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "a\r\nBcc: x@example.org", "a\nb", "a\rb", "a\tb", "a\x01", "a\x7f", ""};
    struct fl_arena arena;
    struct fl_slice bytes;
    fl_arena_init(&arena, ARENA_SIZE);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (int field = 0; field < 5; field++) {
            struct fl_message message = plain_message();
            const char **fields[] = {&message.from, &message.to, &message.subject,
                                     &message.message_id, &message.list_unsubscribe};
            *fields[field] = bad[i];
            assert_int_equal(fl_message_build(&arena, &message, &bytes), FL_INVALID);
        }
    }
    struct fl_message brackets = plain_message();
    brackets.to = "a@example.org>, <b@example.org";
    assert_int_equal(fl_message_build(&arena, &brackets, &bytes), FL_INVALID);
    fl_arena_fini(&arena);
}

static void a_header_value_has_a_limit(void **state)
{
    (void)state;
    static char subject[FL_MAIL_HEADER_SIZE_MAX + 2];
    struct fl_arena arena;
    struct fl_slice bytes;
    struct fl_message message = plain_message();
    fl_arena_init(&arena, ARENA_SIZE);
    memset(subject, 'x', FL_MAIL_HEADER_SIZE_MAX);
    message.subject = subject;
    check_form(build(&arena, &message));
    subject[FL_MAIL_HEADER_SIZE_MAX] = 'x';
    assert_int_equal(fl_message_build(&arena, &message, &bytes), FL_INVALID);
    fl_arena_fini(&arena);
}

/* Encoded words hold whole characters, and their lines are short. */
static void subjects_that_are_not_plain_are_encoded(void **state)
{
    (void)state;
    struct fl_arena arena;
    struct fl_message message = plain_message();
    char subject[400] = "";
    fl_arena_init(&arena, ARENA_SIZE);
    for (int i = 0; i < 60; i++) {
        size_t used = strlen(subject);
        snprintf(subject + used, sizeof(subject) - used, "%s", i % 2 == 0 ? "ü" : "日");
    }
    message.subject = subject;
    const char *mail = build(&arena, &message);
    check_form(mail);
    const char *at = strstr(mail, "Subject: =?UTF-8?B?");
    assert_non_null(at);
    const char *end = strstr(at, "\r\nMessage-ID");
    assert_non_null(end);
    for (const char *line = at; line < end;) {
        const char *stop = strstr(line, "\r\n");
        assert_true(stop - line <= ENCODED_LINE_MAX);
        assert_memory_equal(stop - 2, "?=", 2);
        line = stop + 2;
    }
    message.subject = "=?UTF-8?Q?trick?=";
    assert_non_null(strstr(build(&arena, &message), "Subject: =?UTF-8?B?"));
    fl_arena_fini(&arena);
}

static void bodies_are_quoted_printable(void **state)
{
    (void)state;
    struct fl_arena arena;
    struct fl_message message = plain_message();
    fl_arena_init(&arena, ARENA_SIZE);
    message.text = "a=b \n.\n.x\nü\r\nlast line without an end";
    const char *mail = build(&arena, &message);
    check_form(mail);
    assert_non_null(
        strstr(mail, "a=3Db=20\r\n=2E\r\n=2Ex\r\n=C3=BC\r\nlast line without an end\r\n"));
    fl_arena_fini(&arena);
}

/* Any bytes: never a line that is too long, or an end of data, or a boundary of its own making. */
static void any_text_keeps_the_form(void **state)
{
    (void)state;
    struct fl_arena arena;
    const char *given = getenv("FLEETLOG_SEED");
    uint64_t seed = given == NULL ? 7 : strtoull(given, NULL, 10);
    struct fl_port_virtual chance;
    printf("FLEETLOG_SEED=%llu\n", (unsigned long long)seed);
    fl_port_virtual_init(&chance, seed, 0);
    for (int turn = 0; turn < 500; turn++) {
        char text[600];
        uint8_t random[2 * sizeof(text)];
        fl_port_random(&chance.port, random, sizeof(random));
        size_t size = (size_t)(random[0] << 8 | random[1]) % (sizeof(text) - 1);
        struct fl_message message = plain_message();
        for (size_t i = 0; i < size; i++) {
            uint8_t byte = random[2 * i];
            text[i] = random[2 * i + 1] % 4 == 0 ? ".\r\n =-_"[byte % 7] : (char)(1 + byte % 255);
        }
        text[size] = '\0';
        fl_arena_init(&arena, ARENA_SIZE);
        message.text = message.html = text;
        const char *mail = build(&arena, &message);
        check_form(mail);
        assert_null(strstr(mail, "\r\n.\r\n"));
        size_t boundaries = 0;
        for (const char *at = mail; (at = strstr(at, "--=_0193f7a2")) != NULL; at++)
            boundaries++;
        assert_int_equal(boundaries, 3);
        fl_arena_fini(&arena);
    }
}

/* Each size around the end of a line of base64, one file and two. */
static void files_go_along_in_base64(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 56, 57, 58, 114, 5000};
    uint8_t data[5000];
    struct fl_arena arena;
    struct fl_message message = plain_message();
    (void)state;
    memset(data, 0xfb, sizeof(data));
    fl_arena_init(&arena, ARENA_SIZE);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const struct fl_attachment files[] = {
            {"renewals.pdf", "application/pdf", fl_slice_of(data, sizes[i])},
            {"renewals.csv", "text/csv", fl_slice_of("abc", 3)},
        };
        message.attachments = files;
        message.attachment_count = 1 + i % 2;
        const char *mail = build(&arena, &message);
        check_form(mail);
        assert_non_null(strstr(mail, "multipart/mixed;"));
        assert_non_null(strstr(mail, "Content-Disposition: attachment; filename=\"renewals.pdf\""));
        assert_int_equal(strstr(mail, "\r\n\r\nYWJj\r\n") != NULL, i % 2 == 1);
        assert_string_equal(mail + strlen(mail) - 6, ".m--\r\n");
        fl_arena_reset(&arena);
    }
    fl_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_has_its_headers_once),
        cmocka_unit_test(control_characters_are_refused_in_every_header),
        cmocka_unit_test(a_header_value_has_a_limit),
        cmocka_unit_test(subjects_that_are_not_plain_are_encoded),
        cmocka_unit_test(bodies_are_quoted_printable),
        cmocka_unit_test(any_text_keeps_the_form),
        cmocka_unit_test(files_go_along_in_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
