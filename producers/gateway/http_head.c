/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/http_head.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "core/slice.h"

/* Fields of which a request has one at most: a proxy before us may have read the other. */
static const char *const single_fields[] = {
    "Host",   "Content-Length",  "Transfer-Encoding", "Content-Type",    "Authorization",
    "Cookie", "Idempotency-Key", "If-Match",          "If-None-Match",   "Last-Event-ID",
    "Origin", "Fleetlog-As",     "Sec-Fetch-Site",    "X-Forwarded-For", "X-Forwarded-Proto",
};
enum { SINGLE_FIELD_COUNT = sizeof(single_fields) / sizeof(single_fields[0]) };

static const struct fl_http_refusal
    twice = {400, "{\"type\":\"about:blank\",\"title\":\"The request can be read in two ways: a "
                  "header is given twice, or its length is not clear\",\"status\":400}"},
    unclear = {400, "{\"type\":\"about:blank\",\"title\":\"The request can be read in two ways: "
                    "each line of its head must be Name: value, with one blank, printable, and end "
                    "with CR LF\",\"status\":400}"},
    no_host = {400, "{\"type\":\"about:blank\",\"title\":\"The header Host is missing\","
                    "\"status\":400,\"field\":\"Host\"}"},
    chunked = {411, "{\"type\":\"about:blank\",\"title\":\"The length of the body must be given "
                    "with Content-Length\",\"status\":411,\"field\":\"Transfer-Encoding\"}"},
    long_target = {414, "{\"type\":\"about:blank\",\"title\":\"The URI is longer than 8000 "
                        "bytes\",\"status\":414}"},
    long_head = {431, "{\"type\":\"about:blank\",\"title\":\"The headers are longer than 16 "
                      "KiB\",\"status\":431}"};

struct look {
    unsigned counts[SINGLE_FIELD_COUNT];
    size_t size; /* of the lines, as they are sent by who sends one blank */
    bool is_twice;
    bool is_unclear;
};

/* token of RFC 9110 section 5.6.2 */
static bool is_token(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        bool is_letter_or_digit =
            (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!is_letter_or_digit && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return size > 0;
}

static bool is_value(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < ' ' && c != '\t') || c == 127)
            return false;
    }
    return true;
}

static enum MHD_Result look_at_field(void *context, enum MHD_ValueKind kind, const char *name,
                                     size_t name_size, const char *value, size_t value_size)
{
    struct look *look = context;
    (void)kind;
    look->size += name_size + strlen(": ") + value_size + strlen("\r\n");
    look->is_unclear |= !is_token(name, name_size) || !is_value(value, value_size);
    for (size_t i = 0; i < SINGLE_FIELD_COUNT; i++)
        if (strcasecmp(name, single_fields[i]) == 0)
            look->is_twice |= ++look->counts[i] > 1;
    return MHD_YES;
}

/* Printable ASCII without blanks: anything else is percent-encoded in a URI. */
static bool is_target(const char *target)
{
    for (const unsigned char *c = (const unsigned char *)target; *c != '\0'; c++)
        if (*c <= ' ' || *c >= 127)
            return false;
    return true;
}

static const char *field(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

const struct fl_http_refusal *fl_http_head_refusal(struct MHD_Connection *connection,
                                                   const struct fl_http_head *head)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    const char *length = field(connection, "Content-Length");
    const char *coding = field(connection, "Transfer-Encoding");
    uint64_t size = 0;
    struct look look = {.size = strlen(head->method) + strlen(head->target) +
                                strlen(head->version) + strlen("  \r\n\r\n")};
    if (strlen(head->target) > FL_HTTP_TARGET_SIZE_MAX)
        return &long_target;
    if (info == NULL || info->header_size > FL_HTTP_HEAD_SIZE_MAX)
        return &long_head;
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, look_at_field, &look);
    if (look.is_unclear || !is_target(head->target) || info->header_size != look.size)
        return &unclear;
    if (look.is_twice || (coding != NULL && strcasecmp(coding, "chunked") != 0) ||
        (length != NULL && (coding != NULL || !fl_slice_to_u64(fl_slice_text(length), &size))))
        return &twice;
    if (coding != NULL)
        return &chunked;
    if (field(connection, "Host") == NULL && strcmp(head->version, "HTTP/1.0") != 0)
        return &no_host;
    return NULL;
}
