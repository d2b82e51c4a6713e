/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Payloads: protobuf bytes <-> typed messages, their validation, and ProtoJSON, all by walking
 * descriptors.
 *
 * protobuf-c checks neither UTF-8 nor NUL nor ranges; every payload from outside passes
 * fl_message_validate once, at the boundary, before anything else sees it. The rules per field
 * stand in `fields.def`.
 *
 * Lifetime: decoded messages live in the arena. Threading: pure. Allocation: the arena only.
 * Limits: payloads up to FL_EVENT_SIZE_MAX; the arena bounds amplification (FL_NO_MEMORY).
 */
#include "core/arena.h"
#include "core/error.h"
#include "core/json.h"
#include "core/record.h"
#include "schemas/catalogue.h"

enum { FL_DETAIL_SIZE = 256 };

/* Unpacks `value` as `descriptor`. FL_INVALID: not such a message; FL_NO_MEMORY: past the arena's
 * bound. */
enum fl_error fl_message_decode(struct fl_arena *arena,
                                const ProtobufCMessageDescriptor *descriptor, struct fl_slice value,
                                ProtobufCMessage **message) FL_MUST_USE;

/* Packs into the arena; never NULL data for an empty payload. */
enum fl_error fl_message_encode(struct fl_arena *arena, const ProtobufCMessage *message,
                                struct fl_slice *value) FL_MUST_USE;

/* Checks every field by the rules of `fields.def`: UTF-8, no NUL, no control characters, length,
 * range, id form, known enum value, required. FL_INVALID; `detail` names the field and the rule
 * ("name: at most 256 bytes"). */
enum fl_error fl_message_validate(const ProtobufCMessage *message,
                                  char detail[FL_DETAIL_SIZE]) FL_MUST_USE;

/* FL_UNSUPPORTED if the message (or one inside it) holds an unknown field, an unknown enum value,
 * or one whose `since` is above `rules_version`; `detail` names it. */
enum fl_error fl_message_check_version(const ProtobufCMessage *message, uint32_t rules_version,
                                       char detail[FL_DETAIL_SIZE]) FL_MUST_USE;

/* SHA-256 of the content that makes two actions "the same": type and payload without the fields
 * that the catalogue marks minted (the caller adds actor and company). */
void fl_message_content_hash(const ProtobufCMessage *message, uint8_t out[32]);

/* ProtoJSON (proto3 JSON mapping; lowerCamelCase, 64-bit numbers as text, enums by name, bytes
 * base64), one line. What is not UTF-8 becomes U+FFFD; unknown fields are left out. */
enum fl_error fl_message_to_json(struct fl_arena *arena, const ProtobufCMessage *message,
                                 char **json) FL_MUST_USE;

/* The same as the next value of a text that is being written. */
void fl_message_write_json(struct fl_json *json, const ProtobufCMessage *message);

/* The reverse; members by either spelling. Unknown ones are refused when `strict`. FL_INVALID:
 * `detail` says where and why; FL_TOO_LARGE: over FL_RECORD_SIZE_MAX; FL_NO_MEMORY. Checks the
 * form only: the rules of fields.def are fl_message_validate's. */
enum fl_error fl_message_from_json(struct fl_arena *arena,
                                   const ProtobufCMessageDescriptor *descriptor,
                                   struct fl_slice json, bool strict, ProtobufCMessage **message,
                                   char detail[FL_DETAIL_SIZE]) FL_MUST_USE;

/* The descriptor of any message type by its full name, those of plain topics too; NULL if unknown.
 */
const ProtobufCMessageDescriptor *fl_message_descriptor(struct fl_slice full_name);

/* A whole record as one JSON object for tail and exports: topic, partition, offset, key, then the
 * attributes by their CloudEvents names and `data` (ProtoJSON). What cannot be read is given as it
 * is: `headers` with the name of the offending one in `invalid`, `data_base64`, `key_base64`. The
 * signed report inside telemetry is spelled out as `report`. */
enum fl_error fl_record_to_json(struct fl_arena *arena, const struct fl_record *record,
                                const char *topic, uint32_t partition, uint64_t offset,
                                char **json) FL_MUST_USE;
