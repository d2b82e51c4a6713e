/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The rule of each field, from `fields.def`, and what is known of each enum value, from
 * `enums.def`.
 *
 * Threading: constant data. Allocation: none.
 */
#include <protobuf-c/protobuf-c.h>

#include "core/limits.h"
#include "core/slice.h"

enum {
    FL_REPORT_SIZE_MAX = 64 * 1024,        /* a signed report */
    FL_COMMAND_COUNT_PER_EVENT_MAX = 4000, /* commands that one event cancels */
    FL_RELATION_COUNT_PER_EVENT_MAX = 200, /* offers of a kind that one event ends */
    FL_ALERT_COUNT_PER_ACTION_MAX = 1000,  /* alerts that one action closes */
    FL_REINDEX_COUNT_MAX = 1000,           /* people of one re-indexing */
    FL_SESSION_COUNT_PER_EVENT_MAX = 64,   /* sessions that one event ends */
    FL_PRICE_COUNT_MAX = 1000,             /* of a price list */
    FL_CATALOGUE_COUNT_MAX = 300,          /* entries of one import */
    FL_SKU_SIZE_MAX = 40,
    FL_PART_SIZE_MAX = 32,
    FL_RELEASED_NODE_COUNT_MAX = 4000, /* nodes of a license that one event takes off devices */
};

/* An amount of money in the currency's minor unit. */
#define FL_AMOUNT_MINOR_MAX UINT64_C(1000000000000)
#define FL_PRICE_MINOR_MAX UINT64_C(10000000)

enum fl_rule_kind {
    FL_RULE_ID,
    FL_RULE_ID_OR_EMPTY,
    FL_RULE_TEXT,
    FL_RULE_WORD,
    FL_RULE_BYTES,
    FL_RULE_NUMBER,
    FL_RULE_SIGNED,
    FL_RULE_BOOL,
    FL_RULE_ENUM,
    FL_RULE_MESSAGE,
};

enum fl_rule_flag {
    FL_RULE_NONE = 0,
    FL_RULE_REQUIRED = 1,
    FL_RULE_ONE_OF = 2,
    FL_RULE_UNIQUE = 4,
    FL_RULE_MINTED = 8,
};

struct fl_field_rule {
    const char *name;
    enum fl_rule_kind kind;
    uint64_t min; /* bytes, or the number itself */
    uint64_t max;
    uint32_t count_min; /* repeated fields */
    uint32_t count_max;
    unsigned flags; /* set of fl_rule_flag */
    uint32_t since;
};

/* The rules of a message, one per field in the order of descriptor->fields; NULL if fields.def does
 * not name it. */
const struct fl_field_rule *fl_field_rules(const ProtobufCMessageDescriptor *descriptor);

/* Rows that fields.def has for that message (a test compares it with the descriptor). */
size_t fl_field_rule_count(const ProtobufCMessageDescriptor *descriptor);

/* The n-th message of fields.def; NULL behind the last. */
const ProtobufCMessageDescriptor *fl_field_message(size_t n);

struct fl_enum_row {
    const char *value; /* "CONDITION_KIND_ON_BATTERY" */
    const char *label; /* "on battery" */
    uint32_t since;
};

/* The row of a value's name; NULL if there is none. */
const struct fl_enum_row *fl_enum_row_find(const char *value);
