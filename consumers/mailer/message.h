/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One mail as bytes: multipart/alternative of a plain text and an HTML part, UTF-8; inside
 * multipart/mixed if files go with it.
 *
 * RFC 5322 header, RFC 2047 words for what is not ASCII, RFC 2045 quoted-printable bodies with
 * CRLF. Whatever goes into a header is refused if it holds a control character: the library that
 * hands the mail over passes line ends through, and a name must not become a header. It does not
 * choose words, and it knows no server.
 *
 * Errors: FL_INVALID with what is wrong in a header value, FL_NO_MEMORY. Threading: pure.
 * Allocation: the arena. Limits: a header value of FL_MAIL_HEADER_SIZE_MAX bytes.
 */
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"

enum { FL_MAIL_HEADER_SIZE_MAX = 900, FL_MAIL_DATE_SIZE = 32 };

/* A file that goes with a mail; name and type are the program's own. */
struct fl_attachment {
    const char *name;
    const char *media_type;
    struct fl_slice bytes;
};

struct fl_message {
    const char *from;             /* an address */
    const char *to;               /* an address */
    const char *subject;          /* UTF-8 */
    const char *message_id;       /* without angle brackets */
    const char *list_unsubscribe; /* an https or http URL for one click (RFC 8058); NULL: none */
    int64_t date_ms;              /* Unix time */
    const char *text;             /* UTF-8, lines end with \n */
    const char *html;
    const struct fl_attachment *attachments;
    size_t attachment_count;
};

enum fl_error fl_message_build(struct fl_arena *arena, const struct fl_message *message,
                               struct fl_slice *bytes) FL_MUST_USE;

/* "Wed, 25 Nov 2026 12:00:00 +0000" */
void fl_mail_date(int64_t time_ms, char out[FL_MAIL_DATE_SIZE]);
