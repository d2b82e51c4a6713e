/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/runner/feed_internal.h"
#include "core/diag.h"
#include "fleetlog/v1/subjects.pb-c.h"

/* How a view knows the records of a topic whose records may be parked; 0: they may not. */
static enum fl_view_inputs input_of(enum fl_topic topic)
{
    switch (topic) {
    case FL_TOPIC_TELEMETRY:
        return FL_READS_TELEMETRY;
    case FL_TOPIC_SUBJECTS:
        return FL_READS_SUBJECTS;
    case FL_TOPIC_HISTORY:
        return FL_READS_HISTORY;
    case FL_TOPIC_ACTIONS:
    case FL_TOPIC_EVENTS:
    case FL_TOPIC_PARKED:
    case FL_TOPIC_COUNT:
        break;
    }
    return 0;
}

static enum fl_error apply(struct fl_feed *feed, struct fl_kv *kv, enum fl_topic topic,
                           uint32_t partition, uint64_t offset, const struct fl_record *record,
                           char reason[FL_DETAIL_SIZE])
{
    struct fl_view_input input = {
        .kind = input_of(topic),
        .partition = partition,
        .offset = offset,
        .record = record,
    };
    enum fl_error error = feed->view->apply(feed->state, kv, &input, reason);
    if (error == FL_OK)
        feed->counts.applied++;
    else if (fl_error_class(error) != FL_CLASS_REJECT)
        return fl_feed_fail(feed, error, "%s-%u@%" PRIu64 ": %.160s",
                            fl_topic_row(topic)->spec.name, partition, offset,
                            reason[0] == '\0' ? fl_error_text(error) : reason);
    return error;
}

/* A record failed: it is skipped if that was decided already, else it parks its key. */
static void park(struct fl_feed *feed, struct fl_kv *kv, const struct fl_parked_key *key,
                 uint64_t offset, const struct fl_record *record, enum fl_error error,
                 const char *reason)
{
    if (fl_parked_decision(kv, key->topic, key->partition, offset) == FL_PARKED_SKIP) {
        feed->counts.skipped++;
        return;
    }
    fl_parked_add(kv, key, offset, record, true);
    fl_parked_set_reason(kv, key->topic, key->partition, offset, error, reason);
    feed->any_parked = true;
    fl_diag(PARKED, FL_TEXT("view", feed->view->name),
            FL_TEXT("topic", fl_topic_row(key->topic)->spec.name),
            FL_UINT("partition", key->partition), FL_UINT("offset", offset),
            FL_TEXT("error", fl_error_name(error)));
}

enum fl_error fl_feed_take_keyed(struct fl_feed *feed, struct fl_kv *kv,
                                 const struct fl_feed_source *source, uint64_t offset,
                                 const struct fl_record *record)
{
    struct fl_parked_key key = {source->topic, source->partition, record->key};
    if (key.key.size > FL_KEY_SIZE_MAX)
        key.key.size = FL_KEY_SIZE_MAX; /* a broker takes longer ones than we write */
    char reason[FL_DETAIL_SIZE];
    if (feed->any_parked && fl_parked_has(kv, &key)) {
        fl_parked_add(kv, &key, offset, record, false);
        return kv->error;
    }
    reason[0] = '\0';
    enum fl_error error = apply(feed, kv, source->topic, source->partition, offset, record, reason);
    if (fl_error_class(error) != FL_CLASS_REJECT)
        return error;
    park(feed, kv, &key, offset, record, error, reason);
    return kv->error;
}

/* A copy of a stored record: applying it may move the rows that hold it. */
static uint8_t *copy_record(const struct fl_parked_key *key, const struct fl_parked_record *parked,
                            struct fl_record *copy)
{
    *copy = parked->record;
    uint8_t *bytes = malloc(parked->record.value.size + 1);
    if (bytes == NULL)
        return NULL;
    copy->key = key->key;
    if (parked->record.value.data != NULL) {
        memcpy(bytes, parked->record.value.data, parked->record.value.size);
        copy->value.data = bytes;
    }
    return bytes;
}

/* Folds the records of a key that was parked, oldest first, until one fails. */
static enum fl_error drain(struct fl_feed *feed, struct fl_kv *kv, const struct fl_parked_key *key)
{
    struct fl_parked_record parked;
    enum fl_error error = FL_OK;
    while (error == FL_OK && fl_parked_first(kv, key, &parked)) {
        struct fl_record record;
        char reason[FL_DETAIL_SIZE] = "";
        uint64_t offset = parked.offset;
        uint8_t *bytes = copy_record(key, &parked, &record);
        if (bytes == NULL)
            return FL_NO_MEMORY;
        error = apply(feed, kv, key->topic, key->partition, offset, &record, reason);
        if (error == FL_OK) {
            fl_parked_remove(kv, key, offset);
        } else if (fl_error_class(error) == FL_CLASS_REJECT &&
                   fl_parked_decision(kv, key->topic, key->partition, offset) == FL_PARKED_SKIP) {
            fl_parked_remove(kv, key, offset);
            feed->counts.skipped++;
            error = FL_OK;
        } else if (fl_error_class(error) == FL_CLASS_REJECT) {
            park(feed, kv, key, offset, &record, error, reason);
            free(bytes);
            return kv->error;
        }
        free(bytes);
    }
    feed->any_parked = fl_meta_counts(kv).parked != 0;
    return error == FL_OK ? kv->error : error;
}

static enum fl_error carry_out(struct fl_feed *feed, struct fl_kv *kv, enum fl_topic topic,
                               uint32_t partition, uint64_t offset,
                               enum fl_parked_decision decision)
{
    uint8_t bytes[FL_KEY_SIZE_MAX];
    struct fl_parked_key key;
    struct fl_parked_record first;
    fl_parked_decide(kv, topic, partition, offset, decision);
    if (!fl_parked_find(kv, topic, partition, offset, bytes, &key))
        return kv->error;
    if (!fl_parked_first(kv, &key, &first) || first.offset != offset)
        return kv->error; /* it waits for another one: decided when its turn comes */
    return drain(feed, kv, &key);
}

enum fl_error fl_feed_take_decision(struct fl_feed *feed, struct fl_kv *kv, uint64_t offset,
                                    const struct fl_record *record)
{
    ProtobufCMessage *message = NULL;
    enum fl_error error = FL_OK;
    fl_arena_reset(&feed->arena);
    if (record->value.data != NULL)
        error = fl_message_decode(&feed->arena, &fleetlog__v1__park_decision__descriptor,
                                  record->value, &message);
    const Fleetlog__V1__ParkDecision *decision = (const Fleetlog__V1__ParkDecision *)message;
    const struct fl_topic_row *row =
        message == NULL ? NULL : fl_topic_find(fl_slice_text(decision->topic));
    if (error == FL_NO_MEMORY)
        return error;
    if (row == NULL || input_of(row->topic) == 0 ||
        (decision->choice != FLEETLOG__V1__PARK_CHOICE__PARK_CHOICE_RETRY &&
         decision->choice != FLEETLOG__V1__PARK_CHOICE__PARK_CHOICE_SKIP)) {
        feed->counts.malformed++;
        return FL_OK;
    }
    feed->pending.event_count++;
    if (fl_slice_is(fl_slice_text(decision->projection), feed->view->name))
        error = carry_out(feed, kv, row->topic, decision->partition, decision->offset,
                          decision->choice == FLEETLOG__V1__PARK_CHOICE__PARK_CHOICE_SKIP
                              ? FL_PARKED_SKIP
                              : FL_PARKED_RETRY);
    if (error != FL_OK || (feed->view->inputs & FL_READS_PARKED) == 0)
        return error;
    char reason[FL_DETAIL_SIZE] = "";
    struct fl_view_input input = {
        .kind = FL_READS_PARKED, .offset = offset, .record = record, .message = message};
    error = feed->view->apply(feed->state, kv, &input, reason);
    if (error != FL_OK)
        return fl_feed_fail(feed, error, "parked-0@%" PRIu64 ": %.200s", offset, reason);
    return FL_OK;
}
