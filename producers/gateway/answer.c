/* SPDX-License-Identifier: Apache-2.0 */
/* Answers and request bodies: JSON in, JSON and problem documents out. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "producers/gateway/gateway_internal.h"

enum { BODY_DEPTH_BYTES_MAX = 64, CURSOR_SEAL_SIZE = 16 };

void fl_call_answer(struct call *call, unsigned status, json_t *take_body)
{
    static const char failed[] =
        "{\"type\":\"about:blank\",\"title\":\"Internal error\",\"status\":500}";
    char *body = json_dumps(take_body, JSON_COMPACT | JSON_ENCODE_ANY);
    free(call->answer->body);
    json_decref(take_body);
    call->answer->status = status;
    call->answer->content_type = "application/json";
    /* NULL: the body could not be made, for want of memory or for a text that is none. */
    if (body == NULL) {
        body = strdup(failed);
        call->answer->status = 500;
        call->answer->content_type = "application/problem+json";
    }
    call->answer->body = body;
    call->answer->body_size = body == NULL ? 0 : strlen(body);
}

json_t *fl_text_json(const char *text)
{
    json_t *json = json_string(text);
    char *plain = json == NULL ? strdup(text) : NULL;
    for (char *c = plain; c != NULL && *c != '\0'; c++)
        if ((unsigned char)*c > 126)
            *c = '?';
    if (plain != NULL)
        json = json_string(plain);
    free(plain);
    return json;
}

bool fl_call_is_for_account(const struct call *call)
{
    return call->identity.on_behalf_of.data != NULL;
}

bool fl_call_needs_account(struct call *call)
{
    if (!fl_call_is_for_account(call))
        fl_call_problem(call, 400, "This is an account's affair: say on whose behalf", NULL,
                        "Fleetlog-As");
    return fl_call_is_for_account(call);
}

void fl_call_problem(struct call *call, unsigned status, const char *title, const char *detail,
                     const char *field)
{
    json_t *problem =
        json_pack("{s:s, s:s, s:i}", "type", "about:blank", "title", title, "status", (int)status);
    if (detail != NULL)
        json_object_set_new(problem, "detail", fl_text_json(detail));
    if (field != NULL)
        json_object_set_new(problem, "field", fl_text_json(field));
    fl_call_answer(call, status, problem);
    call->answer->content_type = "application/problem+json";
    if (status == 503)
        call->answer->retry_after_s = 1;
}

void fl_call_error(struct call *call, enum fl_error error)
{
    switch (fl_error_class(error)) {
    case FL_CLASS_RETRY:
    case FL_CLASS_LIMIT:
        fl_call_problem(call, 503, "Temporarily unavailable", fl_error_text(error), NULL);
        break;
    case FL_CLASS_REJECT:
        fl_call_problem(call,
                        error == FL_NOT_FOUND ? 404
                        : error == FL_DENIED  ? 403
                                              : 400,
                        fl_error_text(error), NULL, NULL);
        break;
    case FL_CLASS_NONE:
    case FL_CLASS_CORRUPT:
    case FL_CLASS_USAGE:
    case FL_CLASS_FATAL:
        fl_call_problem(call, 500, "Internal error", fl_error_text(error), NULL);
        break;
    }
}

/* jansson bounds the depth of nesting itself (2 048); bodies of this API are flat. */
static bool is_too_deep(struct fl_slice body)
{
    size_t depth = 0;
    for (size_t i = 0; i < body.size; i++) {
        if ((body.data[i] == '[' || body.data[i] == '{') && ++depth > BODY_DEPTH_BYTES_MAX)
            return true;
        if ((body.data[i] == ']' || body.data[i] == '}') && depth > 0)
            depth--;
    }
    return false;
}

bool fl_call_parse_body(struct call *call)
{
    static const char json_type[] = "application/json";
    json_error_t error;
    char detail[256];
    struct fl_slice body = fl_http_body(call->request);
    const char *type = fl_http_header(call->request, "Content-Type");
    size_t type_size = type == NULL ? 0 : strcspn(type, "; \t");
    if (type != NULL &&
        (type_size != strlen(json_type) || strncasecmp(type, json_type, type_size) != 0)) {
        fl_call_problem(call, 415, "The body must be application/json", NULL, NULL);
        return false;
    }
    if (is_too_deep(body)) {
        fl_call_problem(call, 400, "The body is nested too deeply", NULL, NULL);
        return false;
    }
    call->body = json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, &error);
    if (call->body == NULL) {
        snprintf(detail, sizeof(detail), "line %d, column %d: %.150s", error.line, error.column,
                 error.text);
        fl_call_problem(call, 400, "The body is not valid JSON", detail, NULL);
        return false;
    }
    if (json_is_object(call->body))
        return true;
    fl_call_problem(call, 400, "The body must be a JSON object", NULL, NULL);
    return false;
}

static void note(struct call *call, const char *field, const char *rule)
{
    if (call->problem[0] == '\0')
        snprintf(call->problem, sizeof(call->problem), "%s: %s", field, rule);
}

const char *fl_body_text_or(struct call *call, const char *name, const char *fallback)
{
    const json_t *value = json_object_get(call->body, name);
    if (value == NULL || json_is_null(value))
        return fallback;
    if (json_is_string(value))
        return json_string_value(value);
    note(call, name, "must be a text");
    return "";
}

const char *fl_body_text(struct call *call, const char *name)
{
    const char *text = fl_body_text_or(call, name, NULL);
    if (text == NULL)
        note(call, name, "is missing");
    return text == NULL ? "" : text;
}

int64_t fl_body_integer_or(struct call *call, const char *name, int64_t fallback)
{
    const json_t *value = json_object_get(call->body, name);
    if (value == NULL || json_is_null(value))
        return fallback;
    if (json_is_integer(value))
        return json_integer_value(value);
    note(call, name, "must be a whole number");
    return 0;
}

const char **fl_body_texts(struct call *call, const char *name, size_t *count)
{
    const json_t *value = json_object_get(call->body, name);
    *count = 0;
    if (value != NULL && !json_is_array(value)) {
        note(call, name, "must be an array of texts");
        return NULL;
    }
    size_t size = json_array_size(value);
    const char **texts = fl_arena_calloc(&call->arena, size + 1, sizeof(*texts));
    for (size_t i = 0; texts != NULL && i < size; i++) {
        texts[i] = json_string_value(json_array_get(value, i));
        if (texts[i] == NULL) {
            note(call, name, "must be an array of texts");
            return texts;
        }
        (*count)++;
    }
    if (texts == NULL)
        note(call, name, "is too long");
    return texts;
}

const uint8_t *fl_body_base64(struct call *call, const char *name, size_t size)
{
    const char *text = fl_body_text(call, name);
    uint8_t *bytes = fl_arena_alloc(&call->arena, size + 1);
    size_t got = 0;
    if (bytes != NULL &&
        sodium_base642bin(bytes, size + 1, text, strlen(text), NULL, &got, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0 &&
        got == size)
        return bytes;
    note(call, name, "must be base64 of the right length");
    return NULL;
}

bool fl_call_body_is_good(struct call *call)
{
    char field[64];
    if (call->problem[0] == '\0')
        return true;
    size_t size = strcspn(call->problem, ":");
    snprintf(field, sizeof(field), "%.*s", (int)(size < 63 ? size : 63), call->problem);
    fl_call_problem(call, 422, "The request breaks a rule of its form", call->problem, field);
    return false;
}

/* What a cursor begins with: made under the link key from route, account and place, so that nobody
 * else's, no other list's and no invented one is taken. NULL: no memory, or no such key any more.
 */
static const char *seal_of(struct call *call, struct fl_slice place)
{
    char token[FL_LINK_TOKEN_TEXT_SIZE];
    struct fl_keyring *keyring = call->gateway->keyring;
    struct fl_slice account = call->identity.on_behalf_of;
    char *what =
        fl_arena_printf(&call->arena, "%s\n%.*s\n%.*s", fl_http_path(call->request),
                        (int)account.size, account.data == NULL ? "" : (const char *)account.data,
                        (int)place.size, (const char *)place.data);
    if (what == NULL || fl_keyring_link_token(keyring, fl_keyring_link_generation(keyring),
                                              "cursor", fl_slice_text(what), token) != FL_OK)
        return NULL;
    return fl_arena_text(&call->arena, fl_slice_of(token, CURSOR_SEAL_SIZE));
}

void fl_call_add_next(struct call *call, json_t *list, const char *place)
{
    char text[sodium_base64_ENCODED_LEN(FL_CURSOR_SIZE, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
    const char *seal = place[0] == '\0' ? NULL : seal_of(call, fl_slice_text(place));
    if (seal == NULL)
        return;
    sodium_bin2base64(text, sizeof(text), (const unsigned char *)place, strlen(place),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    json_object_set_new(list, "next",
                        json_string(fl_arena_printf(&call->arena, "%s%s", seal, text)));
}

/* The place that a cursor stands for; NULL after answering. */
static const char *place_of(struct call *call, const char *cursor)
{
    unsigned char place[FL_CURSOR_SIZE];
    size_t size = 0;
    const char *seal = NULL;
    if (strlen(cursor) > CURSOR_SEAL_SIZE &&
        sodium_base642bin(place, sizeof(place), cursor + CURSOR_SEAL_SIZE,
                          strlen(cursor + CURSOR_SEAL_SIZE), NULL, &size, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
        memchr(place, '\0', size) == NULL)
        seal = seal_of(call, fl_slice_of(place, size));
    if (seal != NULL && sodium_memcmp(seal, cursor, CURSOR_SEAL_SIZE) == 0)
        return fl_arena_text(&call->arena, fl_slice_of(place, size));
    fl_call_problem(call, 400, "cursor is none of this list", NULL, "cursor");
    return NULL;
}

bool fl_call_page(struct call *call, struct fl_page *page)
{
    const char *cursor = fl_http_query(call->request, "cursor");
    uint64_t limit = FL_PAGE_LIMIT_DEFAULT;
    const char *text = fl_http_query(call->request, "limit");
    if (text != NULL &&
        (!fl_slice_to_u64(fl_slice_text(text), &limit) || limit < 1 || limit > FL_PAGE_LIMIT_MAX)) {
        fl_call_problem(call, 400, "limit must be 1 to 1000", NULL, "limit");
        return false;
    }
    *page = (struct fl_page){.limit = (size_t)limit};
    if (cursor != NULL)
        page->after = fl_slice_text(place_of(call, cursor));
    return cursor == NULL || page->after.data != NULL;
}

bool fl_call_sequence(struct call *call, uint64_t *sequence)
{
    struct fl_chain_head head;
    if (fl_store_reader_head(call->gateway->registry, &head) != FL_OK)
        return false;
    *sequence = head.sequence == 0 ? 0 : head.sequence - 1; /* the head counts */
    return true;
}

/* True if one of the tags of If-None-Match has this digest (or is "*"): the sequence may be another
 * where nothing of this answer has changed. */
static bool has_it(const char *header, const char *digest)
{
    char quoted[32];
    snprintf(quoted, sizeof(quoted), "-%s\"", digest);
    return strcmp(header, "*") == 0 || strstr(header, quoted) != NULL;
}

void fl_call_tag(struct call *call, uint64_t sequence)
{
    uint8_t hash[crypto_generichash_BYTES_MIN];
    char digest[2 * 8 + 1];
    char tag[48];
    struct fl_http_answer *answer = call->answer;
    const char *known = fl_http_header(call->request, "If-None-Match");
    if (answer->status != 200 || answer->body == NULL)
        return;
    crypto_generichash(hash, sizeof(hash), (const uint8_t *)answer->body, answer->body_size, NULL,
                       0);
    fl_hex_encode(hash, 8, digest);
    snprintf(tag, sizeof(tag), "\"%llu-%s\"", (unsigned long long)sequence, digest);
    fl_http_add_field(answer, "ETag", tag);
    if (known == NULL || !has_it(known, digest))
        return;
    answer->status = 304;
    answer->body_size = 0;
}

bool fl_call_read_begin(struct call *call, struct fl_store_reader *reader,
                        struct fl_store_read *read)
{
    enum fl_error error = fl_store_read_begin(reader, read);
    if (error != FL_OK)
        fl_call_error(call, error);
    return error == FL_OK;
}

bool fl_call_read_end(struct call *call, struct fl_store_read *read)
{
    enum fl_error error = fl_store_read_end(read);
    if (error == FL_INVALID)
        fl_call_problem(call, 400, "cursor is none of this list", NULL, "cursor");
    else if (error != FL_OK)
        fl_call_error(call, error);
    return error == FL_OK;
}
