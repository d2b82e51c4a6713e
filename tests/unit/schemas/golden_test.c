/* SPDX-License-Identifier: Apache-2.0
 * The golden corpus: what a release wrote is read, checked, written again and hashed as it was.
 *
 * schemas_golden --write FOLDER makes records.txt of a new release from its story.txt; it refuses
 * to replace one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/assert.h"
#include "core/chain.h"
#include "core/timestamp.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"
#include "schemas/fields.h"
#include "schemas/topics.h"
#include "tests/unit/schemas/golden.h"

static const char *const releases[] = {"schemas/golden/v0.1.0"};

static struct fl_arena arena;
static struct golden corpus[GOLDEN_COUNT_MAX];

/* One line of story.txt. */
struct scene {
    char *topic, *time, *actor, *company, *type, *json;
};

/* Where the story stands. */
struct story {
    struct fl_sha256 *state;
    struct fl_chain_head head;
    struct fl_slice log_id;
    struct golden action; /* the last one */
    uint64_t offsets[FL_TOPIC_COUNT];
    unsigned line;
};

static char *word(char **rest)
{
    char *space = strchr(*rest, ' ');
    fl_assert(space != NULL);
    char *start = *rest;
    *space = '\0';
    *rest = space + 1;
    return start;
}

static struct scene split(char *line)
{
    line[strcspn(line, "\n")] = '\0';
    struct scene scene = {.topic = word(&line), .time = word(&line), .actor = word(&line)};
    scene.company = word(&line);
    scene.type = word(&line);
    scene.json = line;
    return scene;
}

static ProtobufCMessage *message_of(const struct scene *scene)
{
    char *name = fl_arena_printf(&arena, "fleetlog.v1.%s", scene->type);
    const ProtobufCMessageDescriptor *descriptor = fl_message_descriptor(fl_slice_text(name));
    ProtobufCMessage *message = NULL;
    char detail[FL_DETAIL_SIZE] = "no such type";
    if (descriptor == NULL || fl_message_from_json(&arena, descriptor, fl_slice_text(scene->json),
                                                   true, &message, detail) != FL_OK)
        fprintf(stderr, "%s: %s\n", scene->type, detail);
    fl_assert(message != NULL);
    return message;
}

static struct fl_slice plain_key(const struct scene *scene)
{
    if (strcmp(scene->actor, "-") == 0)
        return FL_SLICE_LITERAL("");
    if (strcmp(scene->topic, "telemetry") != 0 && strcmp(scene->topic, "history") != 0)
        return fl_slice_text(scene->actor);
    uint8_t *bytes = fl_arena_alloc(&arena, 4);
    fl_assert(bytes != NULL && fl_hex_decode(fl_slice_text(scene->actor), bytes, 4));
    return fl_slice_of(bytes, 4);
}

static void encode_event(struct story *story, struct fl_envelope *envelope,
                         const ProtobufCMessage *message, struct fl_record *record)
{
    struct fl_envelope action;
    const char *what;
    char id[FL_ID_TEXT_SIZE];
    fl_assert(fl_envelope_read(&story->action.record, &action, &what) == FL_OK);
    fl_event_id(story->log_id, story->action.offset, story->action.hash, id);
    envelope->id = fl_slice_text(fl_arena_text(&arena, fl_slice_text(id)));
    envelope->source = fl_slice_text(
        fl_arena_printf(&arena, "/fleetlog/%s/decider", (const char *)story->log_id.data));
    envelope->causation_id = action.id;
    envelope->correlation_id = action.id;
    envelope->sequence = story->head.sequence;
    envelope->action = story->head.action;
    memcpy(envelope->action_hash, story->action.hash, FL_HASH_SIZE);
    memcpy(envelope->previous, story->head.hash, FL_HASH_SIZE);
    envelope->rules_version = 1;
    fl_assert(fl_event_encode(&arena, envelope, message, record) == FL_OK);
    uint8_t hash[FL_HASH_SIZE];
    fl_assert(fl_chain_judge(&story->head, story->state, record, hash) == FL_CHAIN_VALID);
    fl_chain_advance(&story->head, record, story->head.sequence, hash);
}

static struct golden play(struct story *story, const struct scene *scene)
{
    const struct fl_topic_row *topic = fl_topic_find(fl_slice_text(scene->topic));
    const struct fl_slice parts[] = {fl_slice_of(&story->line, sizeof(story->line))};
    char id[FL_ID_TEXT_SIZE];
    fl_id_derive("golden", parts, 1, id);
    struct fl_envelope envelope = {
        .id = fl_slice_text(fl_arena_text(&arena, fl_slice_text(id))),
        .source = fl_slice_text(fl_arena_printf(&arena, "/fleetlog/%s/gateway/%s",
                                                (const char *)story->log_id.data,
                                                "0193f7a2-0000-7000-8000-000000000002")),
        .actor = fl_slice_text(scene->actor)};
    if (strcmp(scene->company, "-") != 0)
        envelope.company_id = fl_slice_text(scene->company);
    fl_assert(topic != NULL);
    fl_assert(fl_timestamp_parse(fl_slice_text(scene->time), &envelope.time_ms));
    ProtobufCMessage *message = message_of(scene);
    struct golden golden = {.topic = topic->spec.name, .offset = story->offsets[topic->topic]++};
    if (topic->topic == FL_TOPIC_ACTIONS)
        fl_assert(fl_action_encode(&arena, &envelope, message, &golden.record) == FL_OK);
    else if (topic->topic == FL_TOPIC_EVENTS)
        encode_event(story, &envelope, message, &golden.record);
    else
        fl_assert(fl_plain_encode(&arena, envelope.id, message->descriptor->name, envelope.source,
                                  envelope.time_ms, plain_key(scene), message,
                                  &golden.record) == FL_OK);
    fl_record_hash(story->state, &golden.record, golden.hash);
    if (topic->topic == FL_TOPIC_ACTIONS)
        story->action = golden;
    story->line++;
    return golden;
}

static FILE *open_story(const char *folder)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/story.txt", folder);
    FILE *file = fopen(path, "r");
    fl_assert(file != NULL);
    return file;
}

static int write_corpus(const char *folder)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/records.txt", folder);
    FILE *out = fopen(path, "wx");
    if (out == NULL) {
        fprintf(stderr, "%s: is there already, or cannot be made\n", path);
        return 1;
    }
    FILE *in = open_story(folder);
    struct story story = {.state = fl_sha256_open(),
                          .log_id = FL_SLICE_LITERAL("0193f7a2-0000-7000-8000-000000000001")};
    char *line = NULL;
    size_t room = 0;
    fl_chain_init(&story.head);
    while (getline(&line, &room, in) > 0) {
        if (line[0] == '#')
            continue;
        char *kept = fl_arena_text(&arena, fl_slice_text(line));
        struct scene scene = split(kept);
        struct golden golden = play(&story, &scene);
        golden_write(out, &golden);
    }
    free(line);
    fl_sha256_close(&story.state);
    fclose(in);
    return fclose(out) == 0 ? 0 : 1;
}

static void assert_same_record(const struct fl_record *a, const struct fl_record *b)
{
    assert_true(fl_slice_equal(a->key, b->key));
    assert_true(fl_slice_equal(a->value, b->value));
    assert_int_equal(a->timestamp_ms, b->timestamp_ms);
    assert_int_equal(a->header_count, b->header_count);
    for (uint32_t i = 0; i < a->header_count; i++) {
        assert_true(fl_slice_equal(a->headers[i].name, b->headers[i].name));
        assert_true(fl_slice_equal(a->headers[i].value, b->headers[i].value));
    }
}

/* Reads, validates and writes one record again; returns the message. */
static const ProtobufCMessage *assert_round(const struct golden *golden)
{
    struct fl_envelope envelope;
    const char *what;
    char detail[FL_DETAIL_SIZE] = "";
    ProtobufCMessage *message;
    struct fl_record again;
    assert_int_equal(fl_envelope_read(&golden->record, &envelope, &what), FL_OK);
    const ProtobufCMessageDescriptor *descriptor = fl_message_descriptor(envelope.type);
    assert_non_null(descriptor);
    assert_int_equal(fl_message_decode(&arena, descriptor, golden->record.value, &message), FL_OK);
    if (fl_message_validate(message, detail) != FL_OK ||
        fl_message_check_version(message, 1, detail) != FL_OK)
        fail_msg("%s: %s", descriptor->name, detail);
    if (envelope.row == NULL)
        assert_int_equal(fl_plain_encode(&arena, envelope.id, descriptor->name, envelope.source,
                                         envelope.time_ms, golden->record.key, message, &again),
                         FL_OK);
    else if (envelope.is_event)
        assert_int_equal(fl_event_encode(&arena, &envelope, message, &again), FL_OK);
    else
        assert_int_equal(fl_action_encode(&arena, &envelope, message, &again), FL_OK);
    assert_same_record(&golden->record, &again);
    return message;
}

static void every_record_goes_round_and_keeps_its_hash(void **state)
{
    (void)state;
    struct fl_sha256 *sha = fl_sha256_open();
    for (size_t r = 0; r < sizeof(releases) / sizeof(releases[0]); r++) {
        char path[256];
        snprintf(path, sizeof(path), "%s/records.txt", releases[r]);
        fl_arena_reset(&arena);
        size_t count = golden_read(&arena, path, corpus);
        assert_true(count > 50);
        FILE *in = open_story(releases[r]);
        char *line = NULL;
        size_t room = 0;
        for (size_t i = 0; i < count; i++) {
            uint8_t hash[FL_HASH_SIZE];
            fl_record_hash(sha, &corpus[i].record, hash);
            assert_memory_equal(hash, corpus[i].hash, FL_HASH_SIZE);
            const ProtobufCMessage *message = assert_round(&corpus[i]);
            do
                assert_true(getline(&line, &room, in) > 0);
            while (line[0] == '#');
            struct scene scene = split(line);
            char *json;
            assert_int_equal(fl_message_to_json(&arena, message, &json), FL_OK);
            assert_string_equal(json, scene.json);
        }
        free(line);
        fclose(in);
    }
    fl_sha256_close(&sha);
}

static void the_newest_release_has_every_type(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof(path), "%s/records.txt",
             releases[sizeof(releases) / sizeof(releases[0]) - 1]);
    fl_arena_reset(&arena);
    size_t count = golden_read(&arena, path, corpus);
    for (int type = 0; type < FL_MESSAGE_COUNT; type++) {
        const char *name = fl_catalogue_row((enum fl_message_type)type)->full_name;
        bool found = false;
        for (size_t i = 0; i < count && !found; i++)
            found = fl_slice_is(fl_record_header(&corpus[i].record, "ce_type")->value, name);
        if (!found)
            fail_msg("%s has no golden record", name);
    }
    for (size_t topic = 0; topic < FL_TOPIC_COUNT; topic++) {
        bool found = false;
        for (size_t i = 0; i < count && !found; i++)
            found = strcmp(corpus[i].topic, fl_topic_row((enum fl_topic)topic)->spec.name) == 0;
        assert_true(found);
    }
}

static void its_events_are_one_valid_chain(void **state)
{
    (void)state;
    struct fl_sha256 *sha = fl_sha256_open();
    struct fl_chain_head head;
    fl_arena_reset(&arena);
    size_t count = golden_read(&arena, "schemas/golden/v0.1.0/records.txt", corpus);
    fl_chain_init(&head);
    for (size_t i = 0; i < count; i++) {
        uint8_t hash[FL_HASH_SIZE];
        if (strcmp(corpus[i].topic, "events") != 0)
            continue;
        assert_int_equal(fl_chain_judge(&head, sha, &corpus[i].record, hash), FL_CHAIN_VALID);
        fl_chain_advance(&head, &corpus[i].record, corpus[i].offset, hash);
        /* the action just before it is the one it answers */
        const struct fl_header *answered = fl_record_header(&corpus[i].record, "ce_actionhash");
        char expected[FL_HASH_TEXT_SIZE];
        fl_hex_encode(corpus[i - 1].hash, FL_HASH_SIZE, expected);
        assert_true(fl_slice_is(answered->value, expected));
    }
    assert_true(head.sequence > 30);
    fl_sha256_close(&sha);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_goes_round_and_keeps_its_hash),
        cmocka_unit_test(the_newest_release_has_every_type),
        cmocka_unit_test(its_events_are_one_valid_chain),
    };
    fl_arena_init(&arena, 16 << 20);
    int failed = argc == 3 && strcmp(argv[1], "--write") == 0
                     ? write_corpus(argv[2])
                     : cmocka_run_group_tests(tests, NULL, NULL);
    fl_arena_fini(&arena);
    return failed;
}
