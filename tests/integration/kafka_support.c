/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/kafka_support.h"

/* cmocka wants these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/port.h"

enum { READ_MS_MAX = 60000, BATCH_COUNT_MAX = 10000 };

bool kafka_is_there(void)
{
    if (getenv("FLEETLOG_TEST_KAFKA") != NULL)
        return true;
    puts("skipped: no Kafka broker (FLEETLOG_TEST_KAFKA is not set; ./dev test starts one)");
    return false;
}

struct fl_journal *kafka_open(const char *prefix, const char *const *properties)
{
    struct fl_journal *journal = NULL;
    char detail[256] = "";
    struct fl_kafka_options options = {
        .brokers = getenv("FLEETLOG_TEST_KAFKA"),
        .topic_prefix = prefix,
        .properties = properties,
        .detail = detail,
        .detail_size = sizeof(detail),
    };
    if (fl_journal_open_kafka(&options, &journal) != FL_OK)
        fail_msg("%s", detail);
    return journal;
}

void kafka_prefix(char *out, size_t out_size)
{
    uint64_t random;
    fl_port_random(fl_port_system(), &random, sizeof(random));
    snprintf(out, out_size, "test-%d-%08llx.", (int)getpid(),
             (unsigned long long)random & 0xffffffff);
}

void kafka_topic(struct fl_journal *journal, const char *topic, uint32_t partition_count)
{
    struct fl_topic_spec spec = {
        .name = topic,
        .partition_count = partition_count,
        .retention_ms = -1,
        .retention_bytes = -1,
    };
    if (fl_journal_ensure_topic(journal, &spec) != FL_OK)
        fail_msg("%s", fl_journal_detail(journal));
}

int kafka_broker_count(void)
{
    int count = 1;
    for (const char *at = getenv("FLEETLOG_TEST_KAFKA"); (at = strchr(at, ',')) != NULL; at++)
        count++;
    return count;
}

void kafka_ctl(const char *verb, int broker)
{
    char path[512];
    char number[16];
    snprintf(number, sizeof(number), "%d", broker);
    snprintf(path, sizeof(path), "%s/ctl", getenv("FLEETLOG_TEST_KAFKA_DIR"));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl(path, path, verb, broker == 0 ? NULL : "--broker", number, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

struct fl_record kafka_numbered(struct kafka_number *value)
{
    return (struct fl_record){
        .value = {(const uint8_t *)value, sizeof(*value)},
        .timestamp_ms = fl_port_wall_ms(fl_port_system()),
    };
}

enum fl_error kafka_append(struct fl_journal *journal, const char *topic, uint32_t writer,
                           uint32_t first, uint32_t count, uint64_t *offsets)
{
    assert_true(count <= BATCH_COUNT_MAX);
    struct kafka_number *values = malloc(count * sizeof(*values));
    struct fl_record *records = malloc(count * sizeof(*records));
    assert_true(values != NULL && records != NULL);
    for (uint32_t i = 0; i < count; i++) {
        values[i] = (struct kafka_number){writer, first + i};
        records[i] = kafka_numbered(&values[i]);
    }
    struct fl_append batch = {
        .topic = topic,
        .count = count,
        .records = records,
        .expected_offset = FL_OFFSET_NONE,
        .offsets = offsets,
    };
    enum fl_error error = fl_journal_append(journal, &batch, 1);
    free(values);
    free(records);
    return error;
}

size_t kafka_read(struct fl_journal *journal, const char *topic, struct kafka_number *out,
                  size_t limit)
{
    uint64_t begin;
    uint64_t end;
    size_t count = 0;
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    int64_t deadline_ms = fl_port_monotonic_ms(fl_port_system()) + READ_MS_MAX;
    if (fl_journal_offsets(journal, topic, 0, &begin, &end) != FL_OK)
        fail_msg("%s", fl_journal_detail(journal));
    struct fl_source source = {.topic = topic, .offset = begin};
    if (fl_reader_open(journal, &source, 1, &reader) != FL_OK)
        fail_msg("%s", fl_journal_detail(journal));
    for (uint64_t next = begin; next < end;) {
        assert_true(fl_port_monotonic_ms(fl_port_system()) < deadline_ms);
        assert_int_equal(fl_reader_poll(reader, 1000, 1 << 20, &batch), FL_OK);
        for (size_t i = 0; i < batch.count && next < end; i++) {
            assert_true(batch.entries[i].offset == next);
            assert_int_equal(batch.entries[i].record.value.size, sizeof(out[0]));
            assert_true(count < limit);
            memcpy(&out[count++], batch.entries[i].record.value.data, sizeof(out[0]));
            next++;
        }
    }
    fl_reader_close(&reader);
    return count;
}
