/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Writes JSON (RFC 8259), append-only, on one line, into a buffer of the caller.
 *
 * Why: answers and lines of `tail` are written once and thrown away; a tree of nodes costs more
 * than the text. It does not check that begins and ends match, or that an object's member names
 * differ. It reads nothing.
 *
 * Past the end of the buffer it only counts: `used` says how much room the whole text takes, so a
 * caller may run the same writing twice, first with no buffer at all.
 *
 * Threading: pure. Allocation: none.
 */
#include "core/slice.h"

struct fl_json {
    char *data;    /* may be NULL when room is 0 */
    size_t room;   /* bytes at data */
    size_t used;   /* bytes of the whole text so far, without a NUL; may pass room */
    bool separate; /* a comma is due before the next name or value */
};

void fl_json_init(struct fl_json *json, char *data, size_t room);

/* True if everything written fits, a closing NUL included; then the text is closed with it. */
bool fl_json_finish(struct fl_json *json);

void fl_json_object_begin(struct fl_json *json);
void fl_json_object_end(struct fl_json *json);
void fl_json_array_begin(struct fl_json *json);
void fl_json_array_end(struct fl_json *json);

/* The name of the next value. */
void fl_json_name(struct fl_json *json, const char *name);

/* Escapes what JSON requires and U+007F; what is not UTF-8 becomes U+FFFD. NULL data: null. */
void fl_json_string(struct fl_json *json, struct fl_slice text);
void fl_json_text(struct fl_json *json, const char *text);

void fl_json_null(struct fl_json *json);
void fl_json_bool(struct fl_json *json, bool value);
void fl_json_int(struct fl_json *json, int64_t value);
void fl_json_uint(struct fl_json *json, uint64_t value);

/* 64-bit numbers as text, as ProtoJSON has them: "17". */
void fl_json_int_text(struct fl_json *json, int64_t value);
void fl_json_uint_text(struct fl_json *json, uint64_t value);

/* Standard base64 with padding (RFC 4648 section 4). */
void fl_json_base64(struct fl_json *json, struct fl_slice bytes);
