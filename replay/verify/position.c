/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/verify/position.h"

#include <stdio.h>
#include <string.h>

struct positions {
    struct fl_verify_run *run;
    const struct fl_view *view;
    struct fl_kv *kv;
    enum fl_error error;
};

/* Does a hole that retention left end where the position stands? */
struct gap_search {
    enum fl_topic topic;
    uint32_t partition;
    uint64_t next;
    bool found;
};

static void look_at_gap(void *context, const struct fl_meta_gap *gap)
{
    struct gap_search *search = context;
    search->found =
        search->found || (gap->topic == search->topic && gap->partition == search->partition &&
                          gap->to == search->next);
}

static void report(struct positions *p, enum fl_topic topic, uint32_t partition,
                   const char *expected, const char *found)
{
    struct fl_verify_finding finding = {.check = FL_VERIFY_POSITION};
    snprintf(finding.where, sizeof(finding.where), "view %s, position of %s-%u", p->view->name,
             fl_topic_row(topic)->spec.name, partition);
    snprintf(finding.expected, sizeof(finding.expected), "%s", expected);
    snprintf(finding.found, sizeof(finding.found), "%s", found);
    fl_verify_report(p->run, FL_TOPIC_COUNT, &finding);
}

/* Reads the last record applied once more. */
static void check_last(struct positions *p, enum fl_topic topic, uint32_t partition,
                       const struct fl_position *position)
{
    struct fl_source source = {fl_topic_row(topic)->spec.name, partition, position->last};
    struct fl_reader *reader = NULL;
    struct fl_batch batch = {0};
    uint8_t hash[FL_HASH_SIZE];
    char expected[FL_VERIFY_TEXT_SIZE];
    char found[FL_VERIFY_TEXT_SIZE] = "it cannot be read";
    snprintf(expected, sizeof(expected), "record %llu with SHA-256 ",
             (unsigned long long)position->last);
    fl_hex_encode(position->last_hash, FL_HASH_SIZE, expected + strlen(expected));
    enum fl_error error = fl_reader_open(p->run->options->journal, &source, 1, &reader);
    if (error == FL_OK)
        error = fl_reader_poll(reader, FL_VERIFY_POLL_MS, 1, &batch);
    bool is_there = error == FL_OK && batch.count != 0 && batch.entries[0].offset == position->last;
    if (is_there) {
        fl_position_hash(topic, p->run->sha, &batch.entries[0].record, hash);
        snprintf(found, sizeof(found), "SHA-256 ");
        fl_hex_encode(hash, FL_HASH_SIZE, found + strlen(found));
        if (memcmp(hash, position->last_hash, FL_HASH_SIZE) != 0)
            report(p, topic, partition, expected, found);
        else if (batch.entries[0].record.timestamp_ms != position->last_time_ms)
            report(p, topic, partition, "the last record's time", "another one");
    } else if (error == FL_OK || error == FL_CORRUPT) {
        if (!fl_topic_row(topic)->spec.compacted || error == FL_CORRUPT)
            report(p, topic, partition, expected, found);
    } else if (error != FL_LOG_BEHIND) { /* retention has just removed it */
        p->error = fl_verify_fail_topic(p->run, error, source.topic);
    }
    fl_reader_close(&reader);
}

static void check_position(void *context, enum fl_topic topic, uint32_t partition,
                           const struct fl_position *position)
{
    struct positions *p = context;
    struct gap_search gap = {topic, partition, position->next, false};
    char expected[FL_VERIFY_TEXT_SIZE];
    char found[FL_VERIFY_TEXT_SIZE];
    uint64_t begin = 0;
    uint64_t end = 0;
    if (p->error != FL_OK)
        return;
    const char *name = fl_topic_row(topic)->spec.name;
    enum fl_error error =
        fl_journal_offsets(p->run->options->journal, name, partition, &begin, &end);
    if (error == FL_NOT_FOUND || error == FL_CORRUPT)
        begin = end = 0;
    else if (error != FL_OK)
        p->error = fl_verify_fail_topic(p->run, error, name);
    if (p->error != FL_OK)
        return;
    snprintf(expected, sizeof(expected), "at most %llu, where the log ends",
             (unsigned long long)end);
    snprintf(found, sizeof(found), "next %llu", (unsigned long long)position->next);
    if (position->next > end) {
        report(p, topic, partition, expected, found);
        return;
    }
    bool follows = position->last == FL_OFFSET_NONE ? position->next == 0
                                                    : position->next == position->last + 1;
    if (!follows && !fl_topic_row(topic)->spec.compacted) {
        fl_meta_each_gap(p->kv, look_at_gap, &gap);
        if (!gap.found)
            report(p, topic, partition, "one above the last record applied", found);
    }
    if (position->last != FL_OFFSET_NONE && position->last >= begin)
        check_last(p, topic, partition, position);
}

enum fl_error fl_verify_positions(struct fl_verify_run *run, const struct fl_view *view,
                                  struct fl_kv *kv)
{
    struct positions p = {.run = run, .view = view, .kv = kv};
    fl_meta_each_position(kv, check_position, &p);
    return p.error;
}
