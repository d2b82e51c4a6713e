/* SPDX-License-Identifier: Apache-2.0 */
/* Many callers append through one submitter while the journal fails in every way that it may: what
 * a caller is told of its records is true. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/journal_memory.h"
#include "producers/gateway/submit.h"

enum {
    CALLER_COUNT = 24,
    ROUND_COUNT = 60,
    PARTITION_COUNT = 3,
    RECORD_COUNT_MAX = 5,
    SENT_COUNT_MAX = CALLER_COUNT * ROUND_COUNT * PARTITION_COUNT * RECORD_COUNT_MAX,
    TEXT_SIZE = 32
};

/* One record that was sent, and what its caller was told. */
struct sent {
    char text[TEXT_SIZE];
    uint32_t partition;
    uint64_t offset;
    enum fl_error error;
    unsigned landed_count;
};

struct world {
    struct fl_memory_log *log;
    struct fl_journal *plain;
    struct fl_journal *faulty;
    struct fl_submitter *submitter;
    struct fl_later *later;
    struct sent *sent;
    uint64_t seed;
};

struct caller {
    struct world *world;
    unsigned number;
    pthread_t thread;
};

static struct sent *sent_of(struct world *world, unsigned caller, unsigned round,
                            unsigned partition, unsigned record)
{
    return &world->sent[((caller * ROUND_COUNT + round) * PARTITION_COUNT + partition) *
                            RECORD_COUNT_MAX +
                        record];
}

/* Sends 1 to RECORD_COUNT_MAX records to each partition in one call. */
static void send_round(struct world *world, unsigned caller, unsigned round,
                       const struct fl_port *chance)
{
    struct fl_submission submissions[PARTITION_COUNT];
    struct fl_record records[PARTITION_COUNT][RECORD_COUNT_MAX];
    uint64_t offsets[PARTITION_COUNT][RECORD_COUNT_MAX];
    for (unsigned p = 0; p < PARTITION_COUNT; p++) {
        uint32_t drawn = 0;
        fl_port_random(chance, &drawn, sizeof(drawn));
        uint32_t count = 1 + drawn % RECORD_COUNT_MAX;
        for (unsigned r = 0; r < count; r++) {
            struct sent *sent = sent_of(world, caller, round, p, r);
            snprintf(sent->text, sizeof(sent->text), "%u-%u-%u-%u", caller, round, p, r);
            sent->partition = p;
            records[p][r] = (struct fl_record){.key = fl_slice_text(sent->text),
                                               .value = fl_slice_text(sent->text),
                                               .timestamp_ms = 1};
        }
        submissions[p] = (struct fl_submission){.topic = "telemetry",
                                                .partition = p,
                                                .count = count,
                                                .records = records[p],
                                                .offsets = offsets[p]};
    }
    enum fl_error error = fl_submit(world->submitter, submissions, PARTITION_COUNT);
    for (unsigned p = 0; p < PARTITION_COUNT; p++) {
        if (error == FL_OK)
            assert_int_equal(submissions[p].error, FL_OK);
        for (unsigned r = 0; r < submissions[p].count; r++) {
            struct sent *sent = sent_of(world, caller, round, p, r);
            sent->error = submissions[p].error;
            sent->offset = offsets[p][r];
        }
    }
}

static void *call(void *context)
{
    struct caller *caller = context;
    struct fl_port_virtual chance;
    fl_port_virtual_init(&chance, caller->world->seed + caller->number, 0);
    for (unsigned round = 0; round < ROUND_COUNT; round++)
        send_round(caller->world, caller->number, round, &chance.port);
    return NULL;
}

static struct sent *find(struct world *world, struct fl_slice text)
{
    unsigned n[4];
    char copy[TEXT_SIZE];
    assert_true(fl_slice_to_text(text, copy, sizeof(copy)));
    assert_int_equal(sscanf(copy, "%u-%u-%u-%u", &n[0], &n[1], &n[2], &n[3]), 4);
    return sent_of(world, n[0], n[1], n[2], n[3]);
}

/* Reads everything and counts; a record whose caller was told an offset stands there. */
static void read_partition(struct world *world, uint32_t partition)
{
    struct fl_source source = {"telemetry", partition, 0};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    assert_int_equal(fl_reader_open(world->plain, &source, 1, &reader), FL_OK);
    do {
        assert_int_equal(fl_reader_poll(reader, 0, SIZE_MAX, &batch), FL_OK);
        for (size_t i = 0; i < batch.count; i++) {
            struct sent *sent = find(world, batch.entries[i].record.value);
            assert_int_equal(sent->partition, partition);
            sent->landed_count++;
            if (sent->error == FL_OK)
                assert_int_equal(sent->offset, batch.entries[i].offset);
        }
    } while (!batch.at_end);
    fl_reader_close(&reader);
}

static void check(struct world *world, unsigned *acknowledged)
{
    uint64_t counted = 0;
    for (uint32_t p = 0; p < PARTITION_COUNT; p++)
        read_partition(world, p);
    for (size_t i = 0; i < SENT_COUNT_MAX; i++) {
        const struct sent *sent = &world->sent[i];
        if (sent->text[0] == '\0')
            continue;
        assert_in_range(sent->landed_count, sent->error == FL_OK, 1);
        if (sent->error == FL_UNAVAILABLE || sent->error == FL_FULL)
            assert_int_equal(sent->landed_count, 0);
        *acknowledged += sent->error == FL_OK;
        counted += sent->offset != FL_OFFSET_NONE;
    }
    assert_true(fl_submitter_appended(world->submitter, "telemetry") >= *acknowledged);
    assert_int_equal(fl_submitter_appended(world->submitter, "telemetry"), counted);
    assert_int_equal(fl_submitter_appended(world->submitter, "actions"), 0);
}

static void callers_are_told_the_truth(unsigned per_mille)
{
    static const enum fl_fault_kind kinds[] = {FL_FAULT_ACK_LOST,    FL_FAULT_ACK_LATE,
                                               FL_FAULT_APPEND_LOST, FL_FAULT_OFFSET_UNKNOWN,
                                               FL_FAULT_UNAVAILABLE, FL_FAULT_FULL};
    const char *given = getenv("FLEETLOG_SEED");
    struct world world = {.seed = given == NULL ? 20261125 : strtoull(given, NULL, 10)};
    struct fl_topic_spec spec = {"telemetry", PARTITION_COUNT, -1, -1, false};
    struct caller callers[CALLER_COUNT];
    unsigned acknowledged = 0;
    print_message("FLEETLOG_SEED=%llu\n", (unsigned long long)world.seed);
    world.sent = calloc(SENT_COUNT_MAX, sizeof(*world.sent));
    world.log = fl_memory_log_open(NULL);
    assert_non_null(world.sent);
    assert_int_equal(fl_memory_log_attach(world.log, &world.plain), FL_OK);
    assert_int_equal(fl_memory_log_attach_faulty(world.log, world.seed, &world.faulty), FL_OK);
    assert_int_equal(fl_journal_ensure_topic(world.plain, &spec), FL_OK);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        fl_fault_of(world.faulty, kinds[i])->per_mille = per_mille;
    world.later = fl_later_open();
    assert_non_null(world.later);
    assert_int_equal(fl_submitter_open(world.faulty, world.later, &world.submitter), FL_OK);
    for (unsigned i = 0; i < CALLER_COUNT; i++) {
        callers[i] = (struct caller){.world = &world, .number = i};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
    for (unsigned i = 0; i < CALLER_COUNT; i++)
        pthread_join(callers[i].thread, NULL);
    fl_memory_log_settle(world.log);
    check(&world, &acknowledged);
    assert_true(acknowledged > 0);
    fl_submitter_close(&world.submitter);
    fl_later_close(&world.later);
    fl_journal_close(&world.faulty);
    fl_journal_close(&world.plain);
    fl_memory_log_close(&world.log);
    free(world.sent);
}

static void on_a_journal_without_faults(void **state)
{
    (void)state;
    callers_are_told_the_truth(0);
}

static void on_a_faulty_journal(void **state)
{
    (void)state;
    callers_are_told_the_truth(60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_a_journal_without_faults),
        cmocka_unit_test(on_a_faulty_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
