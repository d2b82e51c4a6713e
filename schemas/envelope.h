/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The CloudEvents envelope of a record: its headers as typed values, both ways.
 *
 * One canonical encoding, because the bytes are hashed: headers in the order of the table in
 * envelope.c, absent ones left out, numbers plain decimal, hashes lower-case hex, times as in
 * core/timestamp.h (CloudEvents 1.0 Kafka binary mode; DETAILS: ids as 36-character text). Reading
 * is lenient about order and unknown headers, strict about form.
 *
 * Lifetime: slices borrow from the record (read) or must outlive the arena's use (write).
 * Threading: pure. Allocation: fl_envelope_write takes headers and texts from the arena.
 */
#include "core/arena.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/record.h"
#include "schemas/catalogue.h"

struct fl_envelope {
    const struct fl_catalogue_row *row; /* NULL: a type this version does not know */
    struct fl_slice type;               /* ce_type */
    struct fl_slice id;                 /* ce_id */
    struct fl_slice source;             /* ce_source */
    struct fl_slice subject;            /* ce_subject; may be NULL */
    struct fl_slice causation_id;       /* ce_causationid: the id of what caused it; may be NULL */
    struct fl_slice correlation_id;     /* ce_correlationid; may be NULL */
    struct fl_slice actor;              /* ce_actor */
    struct fl_slice on_behalf_of;       /* ce_onbehalfof: account id; may be NULL */
    struct fl_slice company_id;         /* ce_company; may be NULL */
    int64_t time_ms;                    /* ce_time */
    bool is_event;                      /* set by reading: has the fields below */
    /* Events only: */
    uint64_t sequence;                 /* ce_sequence */
    uint64_t action;                   /* ce_action: offset of the answered action */
    uint8_t action_hash[FL_HASH_SIZE]; /* ce_actionhash */
    uint8_t previous[FL_HASH_SIZE];    /* ce_previous */
    uint32_t rules_version;            /* ce_rulesversion */
    uint32_t min_reader;               /* ce_minreader */
};

/* Reads the envelope of an action (has no ce_sequence) or event. FL_INVALID names the header in
 * `what`. */
enum fl_error fl_envelope_read(const struct fl_record *record, struct fl_envelope *envelope,
                               const char **what) FL_MUST_USE;

/* Writes its attributes as members of the object that is being written, by their CloudEvents names
 * ("type", "actionhash"); numbers as numbers. */
void fl_envelope_write_json(struct fl_json *json, const struct fl_envelope *envelope);

/* What there is to know of one header, for documents. */
struct fl_attribute_info {
    const char *header;
    const char *pattern; /* regular expression of the whole value (ECMA 262) */
    bool on_actions;     /* may stand on actions and plain records */
    bool on_plain;       /* stands on every record */
    bool required;       /* stands on every action or event where it may stand */
};

/* The n-th header in canonical order; false behind the last. */
bool fl_envelope_attribute(size_t n, struct fl_attribute_info *info);

/* Builds the record of an action: key (company, `operator` or `log`), headers, packed payload,
 * timestamp. The row is that of the message; envelope.type/row need not be set. FL_NO_MEMORY when
 * the arena is exhausted. */
enum fl_error fl_action_encode(struct fl_arena *arena, const struct fl_envelope *envelope,
                               const ProtobufCMessage *message,
                               struct fl_record *record) FL_MUST_USE;

/* The same for an event; sets min_reader from the catalogue; key by the catalogue's key column. */
enum fl_error fl_event_encode(struct fl_arena *arena, const struct fl_envelope *envelope,
                              const ProtobufCMessage *message,
                              struct fl_record *record) FL_MUST_USE;

/* Records of telemetry, subjects and the like: only what CloudEvents requires, plus content-type.
 */
enum fl_error fl_plain_encode(struct fl_arena *arena, struct fl_slice id, const char *full_name,
                              struct fl_slice source, int64_t time_ms, struct fl_slice key,
                              const ProtobufCMessage *message,
                              struct fl_record *record) FL_MUST_USE;

/* Derived id of the event that answers (log id, action offset, action hash). */
void fl_event_id(struct fl_slice log_id, uint64_t action_offset,
                 const uint8_t action_hash[FL_HASH_SIZE], char out[FL_ID_TEXT_SIZE]);
