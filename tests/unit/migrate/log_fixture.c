/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/migrate/log_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/port.h"

enum { HASHES_MAX = 200000, DEADLINE_MS = 60000 };

const char *const log_fixture_topics[] = {"actions",  "events",  "telemetry",
                                          "subjects", "missing", NULL};

static const struct fl_topic_spec specs[] = {
    {"actions", 1, -1, -1, false},
    {"events", 1, -1, -1, false},
    {"telemetry", 2, 60 * 60 * 1000, -1, false},
    {"subjects", 1, -1, -1, true},
};
enum { SPEC_COUNT = sizeof(specs) / sizeof(specs[0]) };

void log_fixture_topics_make(struct fl_journal *journal)
{
    for (int i = 0; i < SPEC_COUNT; i++)
        if (fl_journal_ensure_topic(journal, &specs[i]) != FL_OK)
            fail_msg("%s: %s", specs[i].name, fl_journal_detail(journal));
}

/* splitmix64 */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* NULL, empty or some bytes. */
static struct fl_slice some_bytes(uint64_t *state, const uint8_t *pool, bool may_be_null)
{
    unsigned kind = (unsigned)(draw(state) % 8);
    if (kind == 0 && may_be_null)
        return FL_SLICE_NULL;
    return (struct fl_slice){pool + draw(state) % 64, kind == 1 ? 0 : draw(state) % 100};
}

static void append(struct fl_journal *journal, const char *topic, uint32_t partition,
                   const struct fl_record *record)
{
    uint64_t offset;
    struct fl_append batch = {topic, partition, 1, record, FL_OFFSET_NONE, &offset};
    if (fl_journal_append(journal, &batch, 1) != FL_OK)
        fail_msg("%s: %s", topic, fl_journal_detail(journal));
}

static void append_random(struct fl_journal *journal, const struct fl_topic_spec *spec,
                          uint32_t partition, uint64_t *state, int64_t now_ms)
{
    uint8_t pool[200];
    char key[8];
    struct fl_header headers[3];
    for (size_t i = 0; i < sizeof(pool); i++)
        pool[i] = (uint8_t)draw(state);
    for (int i = 0; i < 3; i++) {
        headers[i].name = draw(state) % 2 ? FL_SLICE_LITERAL("ce_a") : FL_SLICE_LITERAL("b");
        headers[i].value = some_bytes(state, pool, true);
    }
    struct fl_record record = {
        .key = some_bytes(state, pool, true),
        .value = some_bytes(state, pool, true),
        .headers = headers,
        .header_count = (uint32_t)(draw(state) % 4),
        .timestamp_ms = now_ms - (int64_t)(draw(state) % 1000),
    };
    if (spec->compacted) {
        snprintf(key, sizeof(key), "k%u", (unsigned)(draw(state) % 20));
        record.key = fl_slice_text(key);
    }
    append(journal, spec->name, partition, &record);
}

void log_fixture_fill(struct fl_journal *journal, uint64_t seed, uint32_t count, int64_t now_ms)
{
    uint64_t state = seed;
    for (int s = 0; s < SPEC_COUNT; s++)
        for (uint32_t p = 0; p < specs[s].partition_count; p++)
            for (uint32_t i = 0; i < count; i++)
                append_random(journal, &specs[s], p, &state, now_ms);
}

void log_fixture_append(struct fl_journal *journal, const char *topic, const char *text,
                        int64_t time_ms)
{
    struct fl_record record = {
        .key = fl_slice_text(text), .value = fl_slice_text(text), .timestamp_ms = time_ms};
    append(journal, topic, 0, &record);
}

struct seen {
    uint64_t offset;
    int64_t timestamp_ms;
    uint8_t hash[FL_HASH_SIZE];
};

static size_t read_all(struct fl_journal *journal, const char *topic, uint32_t partition,
                       struct seen *seen)
{
    uint64_t begin;
    uint64_t end;
    size_t count = 0;
    struct fl_reader *reader = NULL;
    struct fl_batch batch = {.at_end = false};
    struct fl_sha256 *state = fl_sha256_open();
    int64_t deadline_ms = fl_port_monotonic_ms(fl_port_system()) + DEADLINE_MS;
    assert_int_equal(fl_journal_offsets(journal, topic, partition, &begin, &end), FL_OK);
    struct fl_source source = {topic, partition, begin};
    assert_int_equal(fl_reader_open(journal, &source, 1, &reader), FL_OK);
    while (begin < end && !batch.at_end) {
        assert_true(fl_port_monotonic_ms(fl_port_system()) < deadline_ms);
        assert_int_equal(fl_reader_poll(reader, 200, 100000, &batch), FL_OK);
        for (size_t i = 0; i < batch.count; i++) {
            assert_true(count < HASHES_MAX);
            seen[count].offset = batch.entries[i].offset;
            seen[count].timestamp_ms = batch.entries[i].record.timestamp_ms;
            fl_record_hash(state, &batch.entries[i].record, seen[count++].hash);
        }
    }
    fl_reader_close(&reader);
    fl_sha256_close(&state);
    return count;
}

void log_fixture_is_moved(struct fl_journal *source, struct fl_journal *target)
{
    struct seen *before = malloc(HASHES_MAX * sizeof(*before));
    struct seen *after = malloc(HASHES_MAX * sizeof(*after));
    assert_true(before != NULL && after != NULL);
    for (int s = 0; s < SPEC_COUNT; s++) {
        for (uint32_t p = 0; p < specs[s].partition_count; p++) {
            size_t count = read_all(source, specs[s].name, p, before);
            assert_int_equal(read_all(target, specs[s].name, p, after), count);
            for (size_t i = 0; i < count; i++) {
                assert_int_equal(after[i].offset, i);
                assert_int_equal(after[i].timestamp_ms, before[i].timestamp_ms);
                assert_memory_equal(after[i].hash, before[i].hash, FL_HASH_SIZE);
            }
        }
    }
    free(before);
    free(after);
}

uint64_t log_fixture_count(struct fl_journal *journal, const char *topic, uint32_t partition)
{
    struct seen *seen = malloc(HASHES_MAX * sizeof(*seen));
    assert_non_null(seen);
    size_t count = read_all(journal, topic, partition, seen);
    free(seen);
    return count;
}
