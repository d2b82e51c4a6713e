/* SPDX-License-Identifier: Apache-2.0 */
/* Going on behind a break: what stood there is decided again. */
#include <stdio.h>
#include <string.h>

#include "replay/verify/decided.h"

/* How far ahead a continuation is looked for: more void records in a row than any number of
 * deciders leave behind. */
enum { PROBE_COUNT_MAX = 100000 };

enum fl_error fl_verify_probe(struct fl_verify_deciding *d, uint64_t from,
                              const struct fl_chain_head *heads, size_t count, size_t *which,
                              uint64_t *offset)
{
    struct fl_verify_stream stream;
    struct fl_verify_range range = {from, d->events.end};
    const struct fl_entry *entry = NULL;
    uint8_t hash[FL_HASH_SIZE];
    enum fl_error error = fl_verify_stream_open(&stream, d->run, FL_TOPIC_EVENTS, 0, range);
    stream.silent = true;
    *which = count;
    for (int looked = 0; error == FL_OK && looked < PROBE_COUNT_MAX; looked++) {
        error = fl_verify_stream_next(&stream, &entry);
        if (error != FL_OK || entry == NULL)
            break;
        for (size_t i = 0; i < count && *which == count; i++)
            if (fl_chain_judge(&heads[i], d->run->sha, &entry->record, hash) == FL_CHAIN_VALID)
                *which = i;
        if (*which != count) {
            *offset = entry->offset;
            break;
        }
    }
    fl_verify_stream_close(&stream);
    return error;
}

static void report_missing(struct fl_verify_deciding *d, const struct fl_entry *entry,
                           uint64_t first, uint64_t last)
{
    struct fl_verify_finding finding;
    fl_verify_find(&finding, FL_VERIFY_CHAIN, FL_TOPIC_EVENTS, 0, entry->offset, entry->offset);
    if (first == last)
        snprintf(finding.expected, sizeof(finding.expected), "the event with ce_sequence %llu",
                 (unsigned long long)first);
    else
        snprintf(finding.expected, sizeof(finding.expected),
                 "the events with ce_sequence %llu to %llu", (unsigned long long)first,
                 (unsigned long long)last);
    snprintf(finding.found, sizeof(finding.found), "ce_sequence %llu: what it rests on is missing",
             (unsigned long long)last + 1);
    fl_verify_report(d->run, FL_TOPIC_EVENTS, &finding);
}

static void suspect(struct fl_verify_deciding *d, const struct fl_entry *entry)
{
    struct fl_verify_suspect *suspect = &d->suspects[d->suspect_count++ % FL_VERIFY_SUSPECT_COUNT];
    suspect->offset = entry->offset;
    fl_record_hash(d->run->sha, &entry->record, suspect->hash);
}

/* True, with a finding, if the event that should stand here was met before the one it rests on. */
static bool report_misplaced(struct fl_verify_deciding *d,
                             const struct fl_verify_expected *expected)
{
    char text[96];
    for (uint32_t i = 0; i < d->suspect_count && i < FL_VERIFY_SUSPECT_COUNT; i++) {
        if (memcmp(d->suspects[i].hash, expected->hash, FL_HASH_SIZE) != 0)
            continue;
        snprintf(text, sizeof(text), "the event with ce_sequence %llu behind what it rests on",
                 (unsigned long long)d->head.sequence);
        fl_verify_report_at(d->run, FL_VERIFY_CHAIN, FL_TOPIC_EVENTS, 0, d->suspects[i].offset,
                            text, "it stands before");
        return true;
    }
    return false;
}

static enum fl_error give_up(struct fl_verify_deciding *d, const struct fl_entry *entry,
                             uint64_t sequence)
{
    struct fl_verify_finding finding;
    fl_verify_find(&finding, FL_VERIFY_CHAIN, FL_TOPIC_EVENTS, 0, entry->offset, entry->offset);
    snprintf(finding.expected, sizeof(finding.expected),
             "the event with ce_sequence %llu, which extends the head",
             (unsigned long long)d->head.sequence);
    snprintf(finding.found, sizeof(finding.found),
             "ce_sequence %llu; what stood between cannot be decided again, so nothing from here "
             "on is verified",
             (unsigned long long)sequence);
    fl_verify_report(d->run, FL_TOPIC_EVENTS, &finding);
    d->broken = true;
    d->run->result->unverified_count++;
    return FL_OK;
}

/* The record claims the place of `expected` and is something else. */
static enum fl_error replace(struct fl_verify_deciding *d, const struct fl_entry *entry,
                             const struct fl_verify_expected *expected, bool is_named)
{
    struct fl_verify_finding finding;
    fl_verify_find(&finding, FL_VERIFY_CHAIN, FL_TOPIC_EVENTS, 0, entry->offset, entry->offset);
    fl_arena_reset(&d->decode_arena);
    fl_verify_describe(&expected->decision.event, &entry->record, &d->decode_arena, &finding);
    if (!is_named)
        fl_verify_report(d->run, FL_TOPIC_EVENTS, &finding);
    return fl_verify_adopt(d, &d->head, expected, entry->offset);
}

/* Decides and folds what must stand between the head and `entry`, which claims `sequence`, until
 * the entry extends the head or claims its place (`expected` then is what must stand there). */
static enum fl_error fill_in(struct fl_verify_deciding *d, const struct fl_entry *entry,
                             uint64_t sequence, struct fl_verify_expected *expected, bool *extends)
{
    uint8_t hash[FL_HASH_SIZE];
    uint64_t first = d->head.sequence;
    bool is_explained = true;
    enum fl_error error = FL_OK;
    *extends = false;
    while (error == FL_OK) {
        *extends = d->head.sequence > first &&
                   fl_chain_judge(&d->head, d->run->sha, &entry->record, hash) == FL_CHAIN_VALID;
        if (!*extends)
            error = fl_verify_expect(d, &d->head, NULL, expected);
        if (error != FL_OK || *extends || !expected->is_known || d->head.sequence >= sequence)
            break;
        is_explained = report_misplaced(d, expected) && is_explained;
        error = fl_verify_adopt(d, &d->head, expected, entry->offset);
        if (error == FL_OK)
            error = fl_verify_step(d->run, 0);
    }
    if (error == FL_OK && d->head.sequence > first && !is_explained)
        report_missing(d, entry, first, d->head.sequence - 1);
    return error;
}

enum fl_error fl_verify_break(struct fl_verify_deciding *d, const struct fl_entry *entry,
                              uint64_t sequence, bool is_named)
{
    struct fl_verify_expected expected;
    size_t which = 1;
    uint8_t hash[FL_HASH_SIZE];
    bool extends = false;
    enum fl_error error = FL_OK;
    if (entry->offset >= d->cleared_until)
        error = fl_verify_probe(d, entry->offset + 1, &d->head, 1, &which, &d->cleared_until);
    if (error != FL_OK)
        return error;
    if (which == 0 || entry->offset < d->cleared_until) {
        suspect(d, entry);
        return FL_OK;
    }
    error = fill_in(d, entry, sequence, &expected, &extends);
    if (error != FL_OK)
        return error;
    if (extends) {
        d->run->result->void_count--;
        fl_record_hash(d->run->sha, &entry->record, hash);
        return fl_verify_take_valid(d, entry, hash);
    }
    if (expected.is_known)
        return replace(d, entry, &expected, is_named);
    return is_named ? FL_OK : give_up(d, entry, sequence);
}
