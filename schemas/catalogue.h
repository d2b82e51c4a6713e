/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The catalogue: one row per message type, from `catalogue.def`: topic, key, who may cause it,
 * severity, text.
 *
 * Everything that must know all types (codec, validation, Event Log texts, AsyncAPI, docs) walks
 * this table.
 *
 * Threading: constant data. Allocation: none.
 */
#include <protobuf-c/protobuf-c.h>

#include "core/slice.h"

enum fl_message_type {
#define FL_MESSAGE(name, ...) FL_MESSAGE_##name,
#include "schemas/catalogue.def"
#undef FL_MESSAGE
    FL_MESSAGE_COUNT
};

enum fl_message_kind { FL_KIND_ACTION, FL_KIND_EVENT };

enum fl_severity {
    FL_SEVERITY_NONE, /* not shown in a customer's Event Log */
    FL_SEVERITY_INFORMATIONAL,
    FL_SEVERITY_WARNING,
    FL_SEVERITY_CRITICAL,
};

/* Who may cause an action, as a set. */
enum fl_actor_kind {
    FL_ACTOR_ACCOUNT = 1,     /* "account:<id>" */
    FL_ACTOR_OPERATOR = 2,    /* "operator:<unix user>", maybe on behalf of an account */
    FL_ACTOR_AGENT = 4,       /* "agent:<id>" */
    FL_ACTOR_DETECTOR = 8,    /* "detector" */
    FL_ACTOR_NODE = 16,       /* "node:<id>" */
    FL_ACTOR_TIMEKEEPER = 32, /* "timekeeper" */
    FL_ACTOR_MAILER = 64,     /* "mailer" */
    FL_ACTOR_KEEPER = 128,    /* "keeper", of sealed profiles */
    FL_ACTOR_CHECKOUT = 256,  /* "checkout:<provider>" */
    FL_ACTOR_VISITOR = 512,   /* "visitor": nobody known, through the door */
    FL_ACTOR_LINK = 1024,     /* "link:<id of what the link is about>": holds a link from a mail */
};

/* Whose actions are told from repeated ones by what the registry knows of their cause, not by their
 * ids. */
#define FL_ACTORS_WITH_CAUSE                                                                       \
    (FL_ACTOR_DETECTOR | FL_ACTOR_TIMEKEEPER | FL_ACTOR_MAILER | FL_ACTOR_KEEPER)

struct fl_catalogue_row {
    enum fl_message_type type;
    enum fl_message_kind kind;
    const char *name;      /* "CreateLog" */
    const char *full_name; /* "fleetlog.v1.CreateLog" = ce_type */
    const ProtobufCMessageDescriptor *descriptor;
    const char
        *key_field; /* events: the field whose value is the record's key ("device_id"); "" = company
                       of the envelope; actions are keyed by company, operator or log: "" */
    const char *subject_field; /* ce_subject: the field that names the entity; "" = none */
    unsigned actors;           /* set of fl_actor_kind (actions; 0 for events) */
    enum fl_severity severity; /* events */
    uint32_t since;            /* first rules version that knows the type */
    uint32_t min_reader; /* ce_minreader of an event: reader version that must understand it */
    const char *text;    /* Event Log template, e.g. "{actor} renamed {device} to {name}"; events */
};

/* The row of a type; never NULL. */
const struct fl_catalogue_row *fl_catalogue_row(enum fl_message_type type);

/* The row whose full name this is ("fleetlog.v1.DeviceRenamed"); NULL if unknown. */
const struct fl_catalogue_row *fl_catalogue_find(struct fl_slice full_name);

/* The row of a decoded message. */
const struct fl_catalogue_row *fl_catalogue_of(const ProtobufCMessage *message);

/* Kind of an actor text ("agent:…"); 0 if it is none. `id` receives what follows the colon (may be
 * empty). */
unsigned fl_actor_parse(struct fl_slice actor, struct fl_slice *id);

/* Severity of one event: that of its row, or of its condition (a raised one; see conditions.def).
 */
enum fl_severity fl_event_severity(const ProtobufCMessage *message);

/* What the end of a condition is called ("power restored"). Static storage. */
const char *fl_condition_end(int kind);

/* Words for an enum value ("on battery"); the value's name without words, "unknown" without a
 * value. Static storage. */
const char *fl_enum_label(const ProtobufCEnumDescriptor *descriptor, int value);
