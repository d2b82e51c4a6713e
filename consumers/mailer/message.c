/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/mailer/message.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    LINE_SIZE_MAX = 76,  /* RFC 2045: of an encoded line, without its end */
    WORD_BYTES_MAX = 42, /* of one encoded word before base64: 56 characters, and 12 around them */
    PART_GROWTH = 3,     /* quoted-printable: each byte may become three … */
    PART_LINE_GROWTH = 16, /* … and a line end every 76 */
    HEADER_ROOM = 8192,
    ATTACHED_LINE_SIZE = 57, /* bytes of a line of base64 */
};

/* Bytes that grow; `full` once they did not fit. */
struct out {
    char *bytes;
    size_t size;
    size_t room;
    bool full;
};

static void add(struct out *out, const char *bytes, size_t size)
{
    if (out->full || size > out->room - out->size) {
        out->full = true;
        return;
    }
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
}

static void add_text(struct out *out, const char *text)
{
    add(out, text, strlen(text));
}

void fl_mail_date(int64_t time_ms, char out[FL_MAIL_DATE_SIZE])
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm tm = {0};
    gmtime_r(&seconds, &tm);
    snprintf(out, FL_MAIL_DATE_SIZE, "%s, %02d %s %04d %02d:%02d:%02d +0000", days[tm.tm_wday],
             tm.tm_mday, months[tm.tm_mon], (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min,
             tm.tm_sec);
}

/* What may stand in a header: no control character, bounded. */
static bool is_good(const char *value)
{
    size_t size = 0;
    for (const unsigned char *at = (const unsigned char *)value; *at != '\0'; at++, size++)
        if (*at < ' ' || *at == 0x7f)
            return false;
    return size != 0 && size <= FL_MAIL_HEADER_SIZE_MAX;
}

/* An address, an id or a URL: ASCII too, and nothing that ends the brackets around it. */
static bool is_good_token(const char *value)
{
    if (!is_good(value))
        return false;
    for (const unsigned char *at = (const unsigned char *)value; *at != '\0'; at++)
        if (*at >= 0x7f || *at == ' ' || *at == '<' || *at == '>' || *at == ',')
            return false;
    return true;
}

static void add_base64(struct out *out, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? bytes[i + 2] : 0);
        char four[4] = {digits[group >> 18], digits[group >> 12 & 63],
                        left > 1 ? digits[group >> 6 & 63] : '=',
                        left > 2 ? digits[group & 63] : '='};
        add(out, four, sizeof(four));
    }
}

/* Whole characters of UTF-8, at most `most` bytes; broken ones byte by byte. */
static size_t whole_characters(const char *text, size_t size, size_t most)
{
    if (size <= most)
        return size;
    size_t end = most;
    while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
        end--;
    return end == 0 ? most : end;
}

/* RFC 2047: as it stands if it is plain, else in encoded words on lines of their own. */
static void add_subject(struct out *out, const char *subject)
{
    size_t size = strlen(subject);
    bool plain = strstr(subject, "=?") == NULL && size < 200;
    for (size_t i = 0; i < size; i++)
        plain = plain && (unsigned char)subject[i] < 0x7f;
    add_text(out, "Subject: ");
    if (plain)
        add(out, subject, size);
    for (size_t at = 0; !plain && at < size;) {
        size_t step = whole_characters(subject + at, size - at, WORD_BYTES_MAX);
        add_text(out, at == 0 ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
        add_base64(out, (const unsigned char *)subject + at, step);
        add_text(out, "?=");
        at += step;
    }
    add_text(out, "\r\n");
}

static void add_header(struct out *out, const char *name, const char *before, const char *value,
                       const char *after)
{
    add_text(out, name);
    add_text(out, ": ");
    add_text(out, before);
    add_text(out, value);
    add_text(out, after);
    add_text(out, "\r\n");
}

/* Quoted-printable. A dot that begins a line is encoded: some servers make two of it, or an end. */
static void add_quoted(struct out *out, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t column = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        bool blank_at_end = (*at == ' ' || *at == '\t') && (at[1] == '\n' || at[1] == '\0');
        bool plain = (*at >= ' ' && *at < 0x7f && *at != '=') || *at == '\t';
        if (*at == '\r')
            continue;
        if (*at == '\n') {
            add_text(out, "\r\n");
            column = 0;
            continue;
        }
        plain = plain && !blank_at_end && !(*at == '.' && column == 0);
        if (column + (plain ? 1 : 3) > LINE_SIZE_MAX - 1) {
            add_text(out, "=\r\n");
            column = 0;
            plain = plain && *at != '.';
        }
        const char escaped[3] = {'=', digits[*at >> 4], digits[*at & 15]};
        if (plain)
            add(out, (const char *)at, 1);
        else
            add(out, escaped, sizeof(escaped));
        column += plain ? 1 : 3;
    }
    if (column != 0)
        add_text(out, "\r\n");
}

static void add_part(struct out *out, const char *boundary, const char *type, const char *text)
{
    add_text(out, "--");
    add_text(out, boundary);
    add_text(out, "\r\n");
    add_header(out, "Content-Type", type, "; charset=utf-8", "");
    add_text(out, "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    add_quoted(out, text);
}

static void add_headers(struct out *out, const struct fl_message *message, const char *boundary)
{
    char date[FL_MAIL_DATE_SIZE];
    fl_mail_date(message->date_ms, date);
    add_header(out, "Date", "", date, "");
    add_header(out, "From", "fleetlog <", message->from, ">");
    add_header(out, "To", "<", message->to, ">");
    add_subject(out, message->subject);
    add_header(out, "Message-ID", "<", message->message_id, ">");
    if (message->list_unsubscribe != NULL) {
        add_header(out, "List-Unsubscribe", "<", message->list_unsubscribe, ">");
        add_text(out, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
    }
    add_text(out, "Auto-Submitted: auto-generated\r\n"
                  "X-Auto-Response-Suppress: All\r\n"
                  "MIME-Version: 1.0\r\n");
    if (message->attachment_count > 0) {
        add_header(out, "Content-Type", "multipart/mixed;\r\n boundary=\"", boundary, ".m\"");
        add_text(out, "\r\n--");
        add_text(out, boundary);
        add_text(out, ".m\r\n");
    }
    add_header(out, "Content-Type", "multipart/alternative;\r\n boundary=\"", boundary, "\"");
    add_text(out, "\r\n");
}

/* Lines of 76 characters: 57 bytes each. */
static void add_attachment(struct out *out, const char *boundary,
                           const struct fl_attachment *attachment)
{
    add_text(out, "--");
    add_text(out, boundary);
    add_text(out, ".m\r\n");
    add_header(out, "Content-Type", attachment->media_type, "", "");
    add_header(out, "Content-Disposition", "attachment; filename=\"", attachment->name, "\"");
    add_text(out, "Content-Transfer-Encoding: base64\r\n\r\n");
    for (size_t at = 0; at < attachment->bytes.size; at += ATTACHED_LINE_SIZE) {
        size_t left = attachment->bytes.size - at;
        add_base64(out, attachment->bytes.data + at,
                   left < ATTACHED_LINE_SIZE ? left : ATTACHED_LINE_SIZE);
        add_text(out, "\r\n");
    }
}

static void end_parts(struct out *out, const char *boundary, const char *suffix)
{
    add_text(out, "--");
    add_text(out, boundary);
    add_text(out, suffix);
    add_text(out, "--\r\n");
}

enum fl_error fl_message_build(struct fl_arena *arena, const struct fl_message *message,
                               struct fl_slice *bytes)
{
    char boundary[FL_MAIL_HEADER_SIZE_MAX + 8];
    if (!is_good(message->subject) || !is_good_token(message->from) ||
        !is_good_token(message->to) || !is_good_token(message->message_id) ||
        (message->list_unsubscribe != NULL && !is_good_token(message->list_unsubscribe)))
        return FL_INVALID;
    size_t text_size = strlen(message->text) + strlen(message->html);
    struct out out = {.room = text_size * PART_GROWTH + text_size / PART_LINE_GROWTH + HEADER_ROOM};
    for (size_t i = 0; i < message->attachment_count; i++)
        out.room += message->attachments[i].bytes.size / ATTACHED_LINE_SIZE * 78 + HEADER_ROOM;
    out.bytes = fl_arena_alloc(arena, out.room);
    if (out.bytes == NULL)
        return FL_NO_MEMORY;
    /* "=_" cannot stand in quoted-printable, so the boundary is in no part. */
    snprintf(boundary, sizeof(boundary), "=_%.60s", message->message_id);
    for (char *at = boundary + 2; *at != '\0'; at++)
        if (*at == '"' || *at == '\\')
            *at = '_';
    add_headers(&out, message, boundary);
    add_part(&out, boundary, "text/plain", message->text);
    add_part(&out, boundary, "text/html", message->html);
    end_parts(&out, boundary, "");
    for (size_t i = 0; i < message->attachment_count; i++)
        add_attachment(&out, boundary, &message->attachments[i]);
    if (message->attachment_count > 0)
        end_parts(&out, boundary, ".m");
    if (out.full)
        return FL_TOO_LARGE;
    *bytes = fl_slice_of(out.bytes, out.size);
    return FL_OK;
}
