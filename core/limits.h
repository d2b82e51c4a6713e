/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Every limit of the core, named once. Sizes in bytes, times in milliseconds unless the name says
 * otherwise. Limits that decide() uses live in the table of the rules version instead
 * (projections/registry/rules.h).
 */
enum {
    FL_KEY_SIZE_MAX = 256,             /* a record's key */
    FL_HEADER_COUNT_MAX = 32,          /* headers of one record */
    FL_HEADER_NAME_SIZE_MAX = 64,      /* */
    FL_HEADER_VALUE_SIZE_MAX = 1024,   /* */
    FL_EVENT_SIZE_MAX = 256 * 1024,    /* key, headers and value of an event; above it: TOO_LARGE */
    FL_RECORD_SIZE_MAX = 512 * 1024,   /* any record */
    FL_TOPIC_NAME_SIZE_MAX = 128,      /* with prefix */
    FL_PARTITION_COUNT_MAX = 1024,     /* */
    FL_BATCH_RECORD_COUNT_MAX = 10000, /* records of one append */
    FL_BATCH_SIZE_MAX = 8 * 1024 * 1024,   /* bytes of one append */
    FL_JOURNAL_BLOCK_SIZE_MAX = 64 * 1024, /* one row of the embedded journal */
    FL_TEXT_SIZE_MAX = 256,                /* a name, a place, a note in an action */
    FL_DEVICE_COUNT_PER_ACTION_MAX = 1000, /* devices listed by one action */
    /* How long an action may name a profile, in log time: past that the keeper removes one that
     * none named, and a superseded one. */
    FL_PROFILE_UNNAMED_MS = 24 * 60 * 60 * 1000,
    FL_ACTION_AHEAD_MS_MAX = 5 * 60 * 1000, /* a record's time ahead of the clock of its log */
};

/* "No offset": unknown, or not asked for. */
#define FL_OFFSET_NONE UINT64_MAX
