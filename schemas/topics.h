/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The table of topics, from `topics.def`: what an installation has to have, and what each is for.
 *
 * Names are the short ones; the journal engine adds the configured prefix.
 *
 * Threading: constant data. Allocation: none.
 */
#include "core/journal.h"

enum fl_topic {
#define FL_TOPIC(id, ...) FL_TOPIC_##id,
#include "schemas/topics.def"
#undef FL_TOPIC
    FL_TOPIC_COUNT
};

struct fl_topic_row {
    enum fl_topic topic;
    struct fl_topic_spec spec; /* partitions and retention by default */
    const char *type;          /* ce_type of every record; "": the types of the catalogue */
    const char *key;           /* what the record's key is, for people */
    const char *description;   /* one sentence without a full stop */
};

/* The row of a topic; never NULL. */
const struct fl_topic_row *fl_topic_row(enum fl_topic topic);

/* All rows in the order of topics.def; count receives FL_TOPIC_COUNT. */
const struct fl_topic_row *fl_topic_table(size_t *count);

/* The row of that short name ("events"); NULL if there is none. */
const struct fl_topic_row *fl_topic_find(struct fl_slice name);
