/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/crash_log.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/journal_engine.h"
#include "core/port.h"

enum { STAMP_SIZE = 24, FILLER_SIZE_MAX = 1500 };

static const char *const topic_names[] = {"log", "table"};

static uint64_t mix(uint64_t value)
{
    value ^= value >> 33;
    value *= UINT64_C(0xff51afd7ed558ccd);
    return value ^ value >> 33;
}

struct stamp {
    uint64_t writer;
    uint64_t append;
    uint32_t index;
    uint32_t count;
};

/* Writes the value that the record must have; returns its size. */
static size_t fill(const struct stamp *stamp, uint8_t out[STAMP_SIZE + FILLER_SIZE_MAX])
{
    uint64_t seed = mix(stamp->writer * 31 + stamp->append * 7 + stamp->index);
    size_t size = seed % FILLER_SIZE_MAX;
    memcpy(out, stamp, STAMP_SIZE);
    for (size_t i = 0; i < size; i++)
        out[STAMP_SIZE + i] = (uint8_t)(seed >> i % 8 * 8);
    return STAMP_SIZE + size;
}

enum fl_error crash_open(const char *directory, struct fl_journal **journal)
{
    struct fl_embedded_options options = {.directory = directory};
    return fl_journal_open_embedded(&options, journal);
}

void crash_prepare(const char *directory)
{
    struct fl_journal *journal = NULL;
    assert_int_equal(crash_open(directory, &journal), FL_OK);
    for (int i = 0; i < 2; i++) {
        struct fl_topic_spec spec = {topic_names[i], CRASH_PARTITION_COUNT, -1, -1, i == 1};
        assert_int_equal(fl_journal_ensure_topic(journal, &spec), FL_OK);
    }
    fl_journal_close(&journal);
}

/* One append to the log, now and then with one to the compacted table and a compaction of it, so
 * that the kill also strikes these. */
static enum fl_error append_once(struct fl_journal *journal, uint64_t writer, uint64_t number,
                                 struct crash_ack *ack)
{
    static uint8_t values[CRASH_APPEND_RECORDS_MAX][STAMP_SIZE + FILLER_SIZE_MAX];
    struct fl_record records[CRASH_APPEND_RECORDS_MAX];
    uint64_t offsets[CRASH_APPEND_RECORDS_MAX];
    uint64_t table_offsets[4];
    uint64_t chance = mix(writer + 1000 * number);
    uint32_t count = 1 + (uint32_t)(chance % 3 == 0 ? chance / 3 % CRASH_APPEND_RECORDS_MAX : 0);
    uint32_t partition = (uint32_t)(chance >> 40) % CRASH_PARTITION_COUNT;
    int64_t now_ms = fl_port_wall_ms(fl_port_system());
    for (uint32_t i = 0; i < count; i++) {
        struct stamp stamp = {writer, number, i, count};
        size_t size = fill(&stamp, values[i]);
        uint8_t key = (uint8_t)('a' + (chance + i) % 20);
        records[i] = (struct fl_record){.key = fl_slice_of(&"abcdefghijklmnopqrst"[key - 'a'], 1),
                                        .value = fl_slice_of(values[i], size),
                                        .timestamp_ms = now_ms};
    }
    const struct fl_append batches[] = {
        {"log", partition, count, records, FL_OFFSET_NONE, offsets},
        {"table", 0, count < 4 ? count : 4, records, FL_OFFSET_NONE, table_offsets},
    };
    enum fl_error error = fl_journal_append(journal, batches, chance % 4 == 0 ? 2 : 1);
    if (error == FL_OK && chance % 16 == 0)
        error = fl_journal_maintain(journal, now_ms);
    *ack = (struct crash_ack){partition, count, writer, number, offsets[0]};
    return error;
}

enum fl_error crash_append(struct fl_journal *journal, uint64_t writer, uint64_t append_count,
                           int out)
{
    for (uint64_t i = 0; append_count == 0 || i < append_count; i++) {
        struct crash_ack ack;
        enum fl_error error = append_once(journal, writer, i, &ack);
        if (error != FL_OK)
            return error;
        if (write(out, &ack, sizeof(ack)) != (ssize_t)sizeof(ack))
            return FL_IO;
    }
    return FL_OK;
}

bool crash_take_acks(struct crash_log *log, int in, int timeout_ms)
{
    struct pollfd readable = {in, POLLIN, 0};
    if (poll(&readable, 1, timeout_ms) <= 0)
        return true;
    if (log->ack_count == log->ack_capacity) {
        log->ack_capacity = log->ack_capacity == 0 ? 256 : 2 * log->ack_capacity;
        log->acks = realloc(log->acks, log->ack_capacity * sizeof(*log->acks));
        assert_non_null(log->acks);
    }
    ssize_t got = read(in, &log->acks[log->ack_count], sizeof(*log->acks));
    if (got == 0)
        return false;
    assert_int_equal(got, sizeof(*log->acks));
    log->ack_count++;
    return true;
}

/* Reads one partition: dense offsets, every record as its stamp says, appends whole. Marks what was
 * acknowledged and found: found[i] is the stamp at offset i. */
static struct stamp *read_partition(struct fl_journal *journal, uint32_t partition, uint64_t *count)
{
    struct fl_source source = {"log", partition, 0};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    uint64_t begin = 0;
    uint64_t offset = 0;
    uint8_t expected[STAMP_SIZE + FILLER_SIZE_MAX];
    assert_int_equal(fl_journal_offsets(journal, "log", partition, &begin, count), FL_OK);
    assert_int_equal(begin, 0);
    struct stamp *found = calloc(*count + 1, sizeof(*found));
    assert_int_equal(fl_reader_open(journal, &source, 1, &reader), FL_OK);
    do {
        enum fl_error error = fl_reader_poll(reader, 0, 1 << 20, &batch);
        if (error != FL_OK)
            fail_msg("poll: %s", fl_journal_detail(journal));
        for (size_t i = 0; i < batch.count; i++, offset++) {
            const struct fl_record *record = &batch.entries[i].record;
            assert_int_equal(batch.entries[i].offset, offset);
            assert_true(offset < *count && record->value.size >= STAMP_SIZE);
            memcpy(&found[offset], record->value.data, STAMP_SIZE);
            assert_int_equal(record->value.size, fill(&found[offset], expected));
            assert_memory_equal(record->value.data, expected, record->value.size);
            if (found[offset].index != 0) { /* behind the one before it of the same append */
                assert_int_equal(found[offset].index, found[offset - 1].index + 1);
                assert_int_equal(found[offset].append, found[offset - 1].append);
                assert_int_equal(found[offset].writer, found[offset - 1].writer);
            } else if (offset > 0) { /* the append before it is whole */
                assert_int_equal(found[offset - 1].index + 1, found[offset - 1].count);
            }
        }
    } while (batch.count != 0);
    assert_true(batch.at_end);
    assert_int_equal(offset, *count);
    if (offset > 0)
        assert_int_equal(found[offset - 1].index + 1, found[offset - 1].count);
    fl_reader_close(&reader);
    return found;
}

void crash_check(struct crash_log *log, const char *directory)
{
    struct fl_journal *journal = NULL;
    assert_int_equal(crash_open(directory, &journal), FL_OK);
    log->record_count = 0;
    for (uint32_t p = 0; p < CRASH_PARTITION_COUNT; p++) {
        uint64_t count = 0;
        struct stamp *found = read_partition(journal, p, &count);
        for (size_t i = 0; i < log->ack_count; i++) {
            const struct crash_ack *ack = &log->acks[i];
            if (ack->partition != p)
                continue;
            if (ack->offset + ack->count > count)
                fail_msg("offset %llu was acknowledged and is lost: partition %u ends at %llu",
                         (unsigned long long)ack->offset, p, (unsigned long long)count);
            assert_int_equal(found[ack->offset].writer, ack->writer);
            assert_int_equal(found[ack->offset].append, ack->append);
            assert_int_equal(found[ack->offset].index, 0);
            assert_int_equal(found[ack->offset].count, ack->count);
        }
        log->record_count += count;
        free(found);
    }
    for (int i = 0; i < 2; i++)
        if (fl_journal_check_embedded(journal, topic_names[i]) != FL_OK)
            fail_msg("check: %s", fl_journal_detail(journal));
    assert_int_equal(fl_journal_maintain(journal, fl_port_wall_ms(fl_port_system())), FL_OK);
    fl_journal_close(&journal);
}

void crash_log_fini(struct crash_log *log)
{
    free(log->acks);
    *log = (struct crash_log){NULL, 0, 0, 0};
}
