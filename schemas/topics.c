/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/topics.h"

#include "core/assert.h"

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

static const struct fl_topic_row rows[FL_TOPIC_COUNT] = {
#define FL_TOPIC(id, topic_name, partitions, days, is_compacted, full_name, key_text, text)        \
    {FL_TOPIC_##id,                                                                                \
     {.name = (topic_name),                                                                        \
      .partition_count = (partitions),                                                             \
      .retention_ms = (days) == 0 ? -1 : (days)*DAY_MS,                                            \
      .retention_bytes = -1,                                                                       \
      .compacted = (is_compacted)},                                                                \
     full_name,                                                                                    \
     key_text,                                                                                     \
     text},
#include "schemas/topics.def"
#undef FL_TOPIC
};

const struct fl_topic_row *fl_topic_row(enum fl_topic topic)
{
    fl_assert((unsigned)topic < FL_TOPIC_COUNT);
    return &rows[topic];
}

const struct fl_topic_row *fl_topic_table(size_t *count)
{
    *count = FL_TOPIC_COUNT;
    return rows;
}

const struct fl_topic_row *fl_topic_find(struct fl_slice name)
{
    for (size_t i = 0; i < FL_TOPIC_COUNT; i++)
        if (fl_slice_is(name, rows[i].spec.name))
            return &rows[i];
    return NULL;
}
