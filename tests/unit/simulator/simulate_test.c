/* SPDX-License-Identifier: Apache-2.0 */
/* The load simulator against the real rules: a decider in a thread, the journal in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>
#include <sodium.h>

#include "core/journal_memory.h"
#include "fleetlog/v1/telemetry.pb-c.h"
#include "producers/simulator/load/simulate.h"
#include "schemas/topics.h"
#include "tests/scenario/world.h"

enum { PARTITIONS = 4, DEVICES = 250, POLL_MS = 20, LOG_SIZE = 64 * 1024 * 1024 };

struct fixture {
    struct fl_memory_log *log;
    struct fl_journal *journal;         /* the simulator's */
    struct fl_journal *decider_journal; /* the decider's */
    struct fl_keyring *keyring;
    struct world world;
    pthread_t decider;
    atomic_bool stop;
};

static void append(struct fl_journal *journal, const char *topic, const struct fl_record *record)
{
    uint64_t offset = 0;
    struct fl_append append = {.topic = topic,
                               .count = 1,
                               .records = record,
                               .expected_offset = FL_OFFSET_NONE,
                               .offsets = &offset};
    if (fl_journal_append(journal, &append, 1) != FL_OK)
        world_fail("appending to %s", topic);
}

static void *decide(void *context)
{
    struct fixture *f = context;
    struct fl_source source = {.topic = "actions"};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    if (fl_reader_open(f->decider_journal, &source, 1, &reader) != FL_OK)
        world_fail("reading actions");
    while (!atomic_load(&f->stop)) {
        if (fl_reader_poll(reader, POLL_MS, LOG_SIZE, &batch) != FL_OK)
            world_fail("reading actions");
        for (size_t i = 0; i < batch.count; i++) {
            if (!world_step(&f->world, &batch.entries[i].record))
                world_fail("decide: %s", fl_error_name(f->world.last_error));
            append(f->decider_journal, "events", &f->world.last.event);
        }
    }
    fl_reader_close(&reader);
    return NULL;
}

static void write_genesis(struct fixture *f)
{
    Fleetlog__V1__CreateLog genesis = FLEETLOG__V1__CREATE_LOG__INIT;
    struct world_actor actor = {.actor = "operator:root"};
    static uint8_t zeros[32];
    char log_id[FL_ID_TEXT_SIZE];
    world_id("log", "simulated", log_id);
    genesis.log_id = log_id;
    genesis.format_version = 1;
    genesis.telemetry_partition_count = PARTITIONS;
    genesis.keyring_fingerprint.data = zeros;
    genesis.keyring_fingerprint.len = sizeof(zeros);
    genesis.checkpoint_key = genesis.keyring_fingerprint;
    genesis.rules_version = 1;
    struct fl_record record = world_action(&f->world, &actor, NULL, &genesis.base);
    append(f->decider_journal, "actions", &record);
}

static void setup(struct fixture *f, bool faulty)
{
    memset(f, 0, sizeof(*f));
    f->log = fl_memory_log_open(NULL);
    assert_int_equal(fl_memory_log_attach(f->log, &f->decider_journal), FL_OK);
    if (faulty)
        assert_int_equal(fl_memory_log_attach_faulty(f->log, 5, &f->journal), FL_OK);
    else
        assert_int_equal(fl_memory_log_attach(f->log, &f->journal), FL_OK);
    size_t count = 0;
    const struct fl_topic_row *rows = fl_topic_table(&count);
    for (size_t i = 0; i < count; i++) {
        struct fl_topic_spec spec = rows[i].spec;
        if (rows[i].topic == FL_TOPIC_TELEMETRY)
            spec.partition_count = PARTITIONS;
        assert_int_equal(fl_journal_ensure_topic(f->decider_journal, &spec), FL_OK);
    }
    f->keyring = fl_keyring_create(fl_port_system());
    world_init(&f->world);
    f->world.skip_check = true;
    f->world.now_ms = fl_port_wall_ms(fl_port_system());
    write_genesis(f);
    assert_int_equal(pthread_create(&f->decider, NULL, decide, f), 0);
}

static void teardown(struct fixture *f)
{
    if (!atomic_exchange(&f->stop, true))
        pthread_join(f->decider, NULL);
    world_refold(&f->world);
    world_fini(&f->world);
    fl_keyring_close(&f->keyring);
    fl_journal_close(&f->journal);
    fl_journal_close(&f->decider_journal);
    fl_memory_log_close(&f->log);
}

static struct fl_simulate_options options_for(struct fixture *f)
{
    return (struct fl_simulate_options){.journal = f->journal,
                                        .port = fl_port_system(),
                                        .keyring = f->keyring,
                                        .node_id = "01890a5d-ac96-774b-bcce-b302099a8057",
                                        .operator_name = "tester",
                                        .device_count = DEVICES,
                                        .rate = 0,
                                        .seconds = 0.2,
                                        .seed = 42,
                                        .quiet = true,
                                        .stop_fd = -1};
}

struct tally {
    uint64_t reports;
    uint64_t ticks;
    uint64_t repeated; /* counter not above the one before */
    uint64_t last_counter[DEVICES + 1];
};

/* Every record must be what a gateway would have accepted: signed by the agent that the registry
 * knows, of a device of its own, in the device's partition. */
static void take(struct fixture *f, struct tally *tally, uint32_t partition,
                 const struct fl_record *record)
{
    struct fl_arena arena;
    ProtobufCMessage *message = NULL;
    fl_arena_init(&arena, 1024 * 1024);
    assert_int_equal(
        fl_message_decode(&arena, &fleetlog__v1__telemetry__descriptor, record->value, &message),
        FL_OK);
    const Fleetlog__V1__Telemetry *telemetry = (const Fleetlog__V1__Telemetry *)message;
    if (telemetry->body_case == FLEETLOG__V1__TELEMETRY__BODY_TICK) {
        assert_int_equal(record->key.size, 0);
        tally->ticks++;
    } else {
        const Fleetlog__V1__DeviceReport *device_report = telemetry->report;
        uint32_t number = device_report->device_number;
        char id[FL_ID_TEXT_SIZE];
        uint8_t *bytes = fl_arena_alloc(&arena, 19 + device_report->report.len);
        const fl_device_row *device =
            fl_registry_device_by_number(f->world.views[0].kv, &arena, number);
        assert_non_null(device);
        assert_int_equal(number % PARTITIONS, partition);
        const fl_agent_row *agent =
            fl_registry_agent(f->world.views[0].kv, &arena, fl_slice_text(device->agent_id));
        assert_non_null(agent);
        memcpy(bytes, "fleetlog-report-v1\n", 19);
        memcpy(bytes + 19, device_report->report.data, device_report->report.len);
        assert_int_equal(crypto_sign_verify_detached(device_report->signature.data, bytes,
                                                     19 + device_report->report.len,
                                                     agent->public_key.data),
                         0);
        assert_int_equal(
            fl_message_decode(&arena, &fleetlog__v1__report__descriptor,
                              fl_slice_of(device_report->report.data, device_report->report.len),
                              &message),
            FL_OK);
        const Fleetlog__V1__Report *report = (const Fleetlog__V1__Report *)message;
        fl_id_from_bytes(report->device_id.data, id);
        assert_string_equal(id, device->device_id);
        assert_int_equal(report->generation, 1);
        assert_true(number <= DEVICES);
        tally->repeated += report->counter <= tally->last_counter[number];
        tally->last_counter[number] = report->counter;
        tally->reports++;
    }
    fl_arena_fini(&arena);
}

static void read_telemetry(struct fixture *f, struct tally *tally)
{
    memset(tally, 0, sizeof(*tally));
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        struct fl_source source = {.topic = "telemetry", .partition = p};
        struct fl_reader *reader = NULL;
        struct fl_batch batch = {.at_end = false};
        assert_int_equal(fl_reader_open(f->decider_journal, &source, 1, &reader), FL_OK);
        while (!batch.at_end) {
            assert_int_equal(fl_reader_poll(reader, 0, LOG_SIZE, &batch), FL_OK);
            for (size_t i = 0; i < batch.count; i++)
                take(f, tally, p, &batch.entries[i].record);
        }
        fl_reader_close(&reader);
    }
}

static void a_fleet_is_registered_and_reports(void **state)
{
    struct fixture f;
    struct fl_simulate_result result;
    struct tally tally;
    (void)state;
    setup(&f, false);
    struct fl_simulate_options options = options_for(&f);
    if (fl_simulate_run(&options, &result))
        fail_msg("%s", result.detail);
    assert_true(result.reports >= DEVICES);
    size_t actions = f.world.entry_count;
    read_telemetry(&f, &tally);
    assert_int_equal(tally.reports, result.reports);
    assert_int_equal(tally.ticks, result.ticks);
    assert_int_equal(tally.repeated, 0);

    /* The same seed again: nothing new is decided, and every counter goes on rising. */
    uint64_t before = result.reports;
    if (fl_simulate_run(&options, &result))
        fail_msg("%s", result.detail);
    assert_int_equal(f.world.entry_count, actions);
    read_telemetry(&f, &tally);
    assert_int_equal(tally.reports, before + result.reports);
    assert_int_equal(tally.repeated, 0);
    teardown(&f);
}

static void faults_cost_time_only(void **state)
{
    struct fixture f;
    struct fl_simulate_result result;
    struct tally tally;
    (void)state;
    setup(&f, true);
    struct fl_simulate_options options = options_for(&f);
    options.seconds = 0.5;
    *fl_fault_of(f.journal, FL_FAULT_ACK_LOST) = (struct fl_fault){.countdown = 1, .repeat = 1};
    *fl_fault_of(f.journal, FL_FAULT_APPEND_LOST) = (struct fl_fault){.countdown = 3, .repeat = 1};
    *fl_fault_of(f.journal, FL_FAULT_OFFSET_UNKNOWN) =
        (struct fl_fault){.countdown = 5, .repeat = 1};
    *fl_fault_of(f.journal, FL_FAULT_UNAVAILABLE) = (struct fl_fault){.countdown = 8, .repeat = 3};
    *fl_fault_of(f.journal, FL_FAULT_FULL) = (struct fl_fault){.countdown = 15, .repeat = 1};
    if (fl_simulate_run(&options, &result))
        fail_msg("%s", result.detail);
    assert_true(fl_fault_count(f.journal, FL_FAULT_APPEND_LOST) > 0);
    assert_true(fl_fault_count(f.journal, FL_FAULT_UNAVAILABLE) > 0);
    fl_faults_pause(f.journal, true);
    read_telemetry(&f, &tally);
    assert_true(tally.reports >= result.reports && result.reports >= DEVICES);
    teardown(&f);
}

static void a_journal_that_stays_full_ends_it(void **state)
{
    struct fixture f;
    struct fl_simulate_result result;
    (void)state;
    setup(&f, true);
    struct fl_simulate_options options = options_for(&f);
    options.seconds = 0.2;
    if (fl_simulate_run(&options, &result))
        fail_msg("%s", result.detail);
    *fl_fault_of(f.journal, FL_FAULT_FULL) =
        (struct fl_fault){.countdown = 1, .repeat = -1}; /* the fleet is there already */
    options.patience_ms = 100;
    assert_int_equal(fl_simulate_run(&options, &result), FL_FULL);
    assert_non_null(strstr(result.detail, "no room"));
    fl_faults_pause(f.journal, true);
    teardown(&f);
}

static void stops_when_asked_and_says_when_nobody_decides(void **state)
{
    struct fixture f;
    struct fl_simulate_result result;
    (void)state;
    setup(&f, false);
    struct fl_simulate_options options = options_for(&f);
    options.stop_fd = eventfd(1, EFD_CLOEXEC);
    options.seconds = 3600;
    assert_int_equal(fl_simulate_run(&options, &result), FL_INTERRUPTED);
    close(options.stop_fd);
    options = options_for(&f);
    options.device_count = DEVICES + 1;
    options.patience_ms = 100;
    atomic_store(&f.stop, true);
    pthread_join(f.decider, NULL);
    assert_int_equal(fl_simulate_run(&options, &result), FL_TIMEOUT);
    assert_non_null(strstr(result.detail, "no decider answers"));
    options.device_count = 0;
    assert_int_equal(fl_simulate_run(&options, &result), FL_USAGE);
    assert_string_not_equal(result.detail, "");
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fleet_is_registered_and_reports),
        cmocka_unit_test(faults_cost_time_only),
        cmocka_unit_test(a_journal_that_stays_full_ends_it),
        cmocka_unit_test(stops_when_asked_and_says_when_nobody_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
