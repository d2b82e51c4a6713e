/* SPDX-License-Identifier: Apache-2.0 */
/* What is special to the Kafka engine, on a real broker that other tests may share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <signal.h>

#include "core/port.h"
#include "tests/integration/kafka_support.h"

struct fixture {
    char prefix[64];
    struct fl_journal *journal;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    kafka_prefix(fixture->prefix, sizeof(fixture->prefix));
    fixture->journal = kafka_open(fixture->prefix, NULL);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fl_journal_close(&fixture->journal);
    free(fixture);
    return 0;
}

static int64_t now_ms(void)
{
    return fl_port_monotonic_ms(fl_port_system());
}

/* Polls until something comes. */
static void poll_some(struct fl_reader *reader, struct fl_batch *batch)
{
    int64_t deadline_ms = now_ms() + 20000;
    do {
        assert_int_equal(fl_reader_poll(reader, 1000, 1 << 20, batch), FL_OK);
        assert_true(now_ms() < deadline_ms);
    } while (batch->count == 0);
}

static void refuses_properties_that_would_break_the_log(void **state)
{
    static const char *const wrong[][3] = {
        {"enable.idempotence", "false", "enable.idempotence"},
        {"acks", "1", "acks"},
        {"auto.offset.reset", "latest", "auto.offset.reset"},
        {"enable.auto.commit", "true", "enable.auto.commit"},
        {"check.crcs", "false", "check.crcs"},
        {"no.such.setting", "1", "no.such.setting"},
        {"session.timeout.ms", "soon", "session.timeout.ms"},
        {"message.timeout.ms", "0", "message.timeout.ms"},
        {"max.in.flight", "6", "max.in.flight"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const char *properties[] = {wrong[i][0], wrong[i][1], NULL};
        char detail[256] = "";
        struct fl_journal *journal = NULL;
        struct fl_kafka_options options = {
            .brokers = "127.0.0.1:1",
            .topic_prefix = "x.",
            .properties = properties,
            .detail = detail,
            .detail_size = sizeof(detail),
        };
        assert_int_equal(fl_journal_open_kafka(&options, &journal), FL_USAGE);
        assert_null(journal);
        assert_non_null(strstr(detail, wrong[i][2]));
    }
}

static void an_absent_broker_is_unavailable_and_nothing_was_appended(void **state)
{
    static const char *const properties[] = {"message.timeout.ms", "500", NULL};
    struct fl_kafka_options options = {
        .brokers = "127.0.0.1:1", .topic_prefix = "x.", .properties = properties};
    struct fl_journal *journal = NULL;
    uint64_t offset = 7;
    (void)state;
    assert_int_equal(fl_journal_open_kafka(&options, &journal), FL_OK);
    assert_int_equal(kafka_append(journal, "events", 1, 1, 1, &offset), FL_UNAVAILABLE);
    assert_true(offset == FL_OFFSET_NONE);
    fl_journal_close(&journal);
}

static void a_new_topic_is_safe_and_an_unsafe_one_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct fl_topic_info info;
    const char *warning = NULL;
    struct fl_topic_spec spec = {
        .name = "events", .partition_count = 1, .retention_ms = -1, .retention_bytes = -1};
    assert_int_equal(fl_journal_describe_topic(fixture->journal, "events", &info), FL_NOT_FOUND);
    assert_int_equal(fl_journal_ensure_topic(fixture->journal, &spec), FL_OK);
    assert_int_equal(fl_journal_ensure_topic(fixture->journal, &spec), FL_OK);
    assert_int_equal(fl_journal_describe_topic(fixture->journal, "events", &info), FL_OK);
    assert_int_equal(info.partition_count, 1);
    assert_false(info.compacted);
    assert_false(info.unclean_leader_election);
    assert_int_equal(info.retention_ms, -1);
    assert_int_equal(fl_journal_check_topic(fixture->journal, &spec, &warning), FL_OK);
    if (info.replication_factor == 1)
        assert_non_null(strstr(warning, "alone"));
    spec.compacted = true;
    assert_int_equal(fl_journal_ensure_topic(fixture->journal, &spec), FL_EXISTS);
    assert_int_equal(fl_journal_check_topic(fixture->journal, &spec, &warning), FL_USAGE);
    assert_non_null(strstr(fl_journal_detail(fixture->journal), "cleanup.policy"));
    spec.compacted = false;
    spec.partition_count = 2;
    assert_int_equal(fl_journal_ensure_topic(fixture->journal, &spec), FL_EXISTS);
    assert_int_equal(fl_journal_check_topic(fixture->journal, &spec, &warning), FL_USAGE);
    assert_non_null(strstr(fl_journal_detail(fixture->journal), "partitions"));
}

/* Waits for one admin answer and asserts that it went well. */
static void await_admin(rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *answer = rd_kafka_queue_poll(queue, 20000);
    assert_non_null(answer);
    assert_int_equal(rd_kafka_event_error(answer), 0);
    rd_kafka_event_destroy(answer);
    rd_kafka_queue_destroy(queue);
}

static rd_kafka_t *admin_open(void)
{
    char text[128];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", getenv("FLEETLOG_TEST_KAFKA"), text, sizeof(text));
    rd_kafka_t *admin = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    assert_non_null(admin);
    return admin;
}

static void a_topic_with_unclean_election_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char name[128];
    char text[128];
    struct fl_topic_spec spec = {
        .name = "dirty", .partition_count = 1, .retention_ms = -1, .retention_bytes = -1};
    rd_kafka_t *admin = admin_open();
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    snprintf(name, sizeof(name), "%sdirty", fixture->prefix);
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, 1, 1, text, sizeof(text));
    rd_kafka_NewTopic_set_config(topic, "unclean.leader.election.enable", "true");
    rd_kafka_CreateTopics(admin, &topic, 1, NULL, queue);
    await_admin(queue);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_destroy(admin);
    assert_int_equal(fl_journal_ensure_topic(fixture->journal, &spec), FL_OK);
    assert_int_equal(fl_journal_check_topic(fixture->journal, &spec, NULL), FL_USAGE);
    assert_non_null(strstr(fl_journal_detail(fixture->journal), "unclean"));
}

/* A setting of a topic; "" if it has none. */
static void read_setting(const char *topic, const char *setting, char out[64])
{
    rd_kafka_t *admin = admin_open();
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    rd_kafka_ConfigResource_t *asked = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    size_t count = 0;
    rd_kafka_DescribeConfigs(admin, &asked, 1, NULL, queue);
    rd_kafka_event_t *answer = rd_kafka_queue_poll(queue, 20000);
    assert_non_null(answer);
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(answer), &count);
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resources[0], &count);
    out[0] = '\0';
    for (size_t i = 0; i < count; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), setting) == 0)
            snprintf(out, 64, "%s", rd_kafka_ConfigEntry_value(entries[i]));
    rd_kafka_event_destroy(answer);
    rd_kafka_ConfigResource_destroy(asked);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(admin);
}

/* Waits for the brokers to know. */
static void expect_setting(const char *topic, const char *setting, const char *wanted)
{
    char value[64];
    int64_t deadline_ms = now_ms() + 20000;
    do {
        read_setting(topic, setting, value);
        assert_true(now_ms() < deadline_ms);
    } while (strcmp(value, wanted) != 0);
}

static void a_compacted_topic_that_forgets_late_is_altered(void **state)
{
    struct fixture *fixture = *state;
    char name[128];
    char text[128];
    struct fl_topic_spec spec = {.name = "late",
                                 .partition_count = 1,
                                 .retention_ms = -1,
                                 .retention_bytes = -1,
                                 .compacted = true,
                                 .compaction_ms = 40000};
    rd_kafka_t *admin = admin_open();
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    snprintf(name, sizeof(name), "%slate", fixture->prefix);
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, 1, 1, text, sizeof(text));
    rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "compact");
    rd_kafka_NewTopic_set_config(topic, "segment.ms", "5000"); /* sooner than ours */
    rd_kafka_NewTopic_set_config(topic, "max.compaction.lag.ms", "40001");
    rd_kafka_NewTopic_set_config(topic, "delete.retention.ms", "1234"); /* none of ours */
    rd_kafka_CreateTopics(admin, &topic, 1, NULL, queue);
    await_admin(queue);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_destroy(admin);
    assert_int_equal(fl_journal_ensure_topic(fixture->journal, &spec), FL_OK);
    expect_setting(name, "max.compaction.lag.ms", "40000");
    expect_setting(name, "min.cleanable.dirty.ratio", "0.01"); /* the broker's default was above */
    expect_setting(name, "segment.ms", "5000");
    expect_setting(name, "delete.retention.ms", "1234");
    expect_setting(name, "cleanup.policy", "compact");
    spec.compaction_ms = 80000; /* later than it is: good enough */
    assert_int_equal(fl_journal_ensure_topic(fixture->journal, &spec), FL_OK);
    expect_setting(name, "max.compaction.lag.ms", "40000");
}

static void null_empty_order_and_times_come_back_as_sent(void **state)
{
    struct fixture *fixture = *state;
    const struct fl_slice empty = {(const uint8_t *)"", 0};
    const struct fl_header headers[] = {
        {FL_SLICE_LITERAL("z"), FL_SLICE_LITERAL("1")},
        {FL_SLICE_LITERAL("a"), FL_SLICE_NULL},
        {FL_SLICE_LITERAL("a"), empty},
        {FL_SLICE_LITERAL("z"), {(const uint8_t *)"\0\xff", 2}},
    };
    const struct fl_record records[] = {
        {FL_SLICE_LITERAL("key"), FL_SLICE_LITERAL("value"), headers, 4, 1700000000123},
        {FL_SLICE_NULL, FL_SLICE_LITERAL("no key"), NULL, 0, 1},
        {empty, empty, headers + 1, 1, 1700000000122},
        {FL_SLICE_LITERAL("tombstone"), FL_SLICE_NULL, headers + 2, 1, 1700000000123},
    };
    uint64_t offsets[4] = {0};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    size_t seen = 0;
    kafka_topic(fixture->journal, "exact", 2);
    struct fl_append append = {"exact", 1, 4, records, FL_OFFSET_NONE, offsets};
    assert_int_equal(fl_journal_append(fixture->journal, &append, 1), FL_OK);
    struct fl_source source = {"exact", 1, 0};
    assert_int_equal(fl_reader_open(fixture->journal, &source, 1, &reader), FL_OK);
    while (seen < 4) {
        poll_some(reader, &batch);
        for (size_t i = 0; i < batch.count; i++, seen++) {
            const struct fl_record *got = &batch.entries[i].record;
            struct fl_sha256 *hasher = NULL;
            uint8_t hash_got[FL_HASH_SIZE];
            uint8_t hash_sent[FL_HASH_SIZE];
            assert_true(offsets[seen] == seen);
            assert_true(batch.entries[i].offset == seen);
            assert_true(got->timestamp_ms == records[seen].timestamp_ms);
            hasher = fl_sha256_open();
            fl_record_hash(hasher, got, hash_got);
            fl_record_hash(hasher, &records[seen], hash_sent);
            assert_memory_equal(hash_got, hash_sent, FL_HASH_SIZE);
            fl_sha256_close(&hasher);
        }
    }
    assert_true(batch.at_end);
    fl_reader_close(&reader);
}

static void what_kafka_cannot_carry_is_refused_whole(void **state)
{
    struct fixture *fixture = *state;
    int64_t now = fl_port_wall_ms(fl_port_system());
    const struct fl_header nul = {{(const uint8_t *)"a\0b", 3}, FL_SLICE_NULL};
    const struct fl_record wrong[] = {
        {.value = FL_SLICE_LITERAL("v"), .timestamp_ms = 0},
        {.value = FL_SLICE_LITERAL("v"), .timestamp_ms = now + FL_ACTION_AHEAD_MS_MAX + 60000},
        {.value = FL_SLICE_LITERAL("v"), .headers = &nul, .header_count = 1, .timestamp_ms = now},
    };
    uint64_t begin;
    uint64_t end;
    kafka_topic(fixture->journal, "refused", 1);
    for (size_t i = 0; i < 3; i++) {
        const struct fl_record pair[] = {{.value = FL_SLICE_LITERAL("good"), .timestamp_ms = now},
                                         wrong[i]};
        uint64_t offsets[2];
        struct fl_append append = {"refused", 0, 2, pair, FL_OFFSET_NONE, offsets};
        assert_int_equal(fl_journal_append(fixture->journal, &append, 1), FL_INVALID);
    }
    assert_int_equal(fl_journal_offsets(fixture->journal, "refused", 0, &begin, &end), FL_OK);
    assert_true(end == 0);
    uint64_t offset;
    assert_int_equal(kafka_append(fixture->journal, "nowhere", 1, 1, 1, &offset), FL_NOT_FOUND);
}

static void a_small_local_queue_slows_the_append_and_drops_nothing(void **state)
{
    static const char *const properties[] = {"queue.buffering.max.messages", "50", NULL};
    enum { COUNT = 5000 };
    struct fixture *fixture = *state;
    struct fl_journal *narrow = kafka_open(fixture->prefix, properties);
    uint64_t *offsets = malloc(COUNT * sizeof(*offsets));
    struct kafka_number *read = malloc(COUNT * sizeof(*read));
    kafka_topic(narrow, "narrow", 1);
    assert_int_equal(kafka_append(narrow, "narrow", 3, 0, COUNT, offsets), FL_OK);
    assert_int_equal(kafka_read(narrow, "narrow", read, COUNT), COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_true(offsets[i] == i);
        assert_int_equal(read[i].number, i);
    }
    free(offsets);
    free(read);
    fl_journal_close(&narrow);
}

enum { RACE_WRITERS = 6, RACE_BATCHES = 40, RACE_COUNT = 50 };

struct racer {
    struct fl_journal *journal;
    uint32_t writer;
    uint64_t offsets[RACE_BATCHES * RACE_COUNT];
    enum fl_error worst;
};

static void *race(void *argument)
{
    struct racer *racer = argument;
    for (uint32_t b = 0; b < RACE_BATCHES; b++) {
        enum fl_error error = kafka_append(racer->journal, "race", racer->writer, b * RACE_COUNT,
                                           RACE_COUNT, racer->offsets + b * RACE_COUNT);
        if (error != FL_OK)
            racer->worst = error;
    }
    return NULL;
}

/* Three threads on each of two journals, all on one partition. */
static void racing_producers_get_the_offsets_of_their_own_records(void **state)
{
    enum { COUNT = RACE_WRITERS * RACE_BATCHES * RACE_COUNT };
    struct fixture *fixture = *state;
    struct fl_journal *other = kafka_open(fixture->prefix, NULL);
    struct racer *racers = calloc(RACE_WRITERS, sizeof(*racers));
    struct kafka_number *read = malloc(COUNT * sizeof(*read));
    pthread_t threads[RACE_WRITERS];
    kafka_topic(fixture->journal, "race", 1);
    for (uint32_t i = 0; i < RACE_WRITERS; i++) {
        racers[i].journal = i % 2 == 0 ? fixture->journal : other;
        racers[i].writer = i;
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (uint32_t i = 0; i < RACE_WRITERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(kafka_read(fixture->journal, "race", read, COUNT), COUNT);
    for (uint32_t i = 0; i < RACE_WRITERS; i++) {
        assert_int_equal(racers[i].worst, FL_OK);
        for (uint32_t n = 0; n < RACE_BATCHES * RACE_COUNT; n++) {
            uint64_t offset = racers[i].offsets[n];
            assert_true(offset < COUNT);
            assert_int_equal(read[offset].writer, i);
            assert_int_equal(read[offset].number, n);
        }
    }
    free(racers);
    free(read);
    fl_journal_close(&other);
}

static void a_removed_topic_can_be_made_again_and_starts_at_zero(void **state)
{
    struct fixture *fixture = *state;
    uint64_t offsets[3];
    kafka_topic(fixture->journal, "again", 1);
    assert_int_equal(kafka_append(fixture->journal, "again", 1, 0, 3, offsets), FL_OK);
    assert_int_equal(fl_journal_delete_topic(fixture->journal, "again"), FL_OK);
    assert_int_equal(fl_journal_delete_topic(fixture->journal, "again"), FL_NOT_FOUND);
    kafka_topic(fixture->journal, "again", 1);
    assert_int_equal(kafka_append(fixture->journal, "again", 1, 0, 3, offsets), FL_OK);
    assert_true(offsets[0] == 0 && offsets[2] == 2);
}

static void a_reader_whose_topic_is_removed_says_so_and_closes(void **state)
{
    struct fixture *fixture = *state;
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    uint64_t offset;
    enum fl_error error = FL_OK;
    int64_t deadline_ms = now_ms() + 30000;
    kafka_topic(fixture->journal, "gone", 1);
    assert_int_equal(kafka_append(fixture->journal, "gone", 1, 0, 1, &offset), FL_OK);
    struct fl_source source = {"gone", 0, 0};
    assert_int_equal(fl_reader_open(fixture->journal, &source, 1, &reader), FL_OK);
    poll_some(reader, &batch);
    assert_int_equal(fl_journal_delete_topic(fixture->journal, "gone"), FL_OK);
    while (error == FL_OK && now_ms() < deadline_ms)
        error = fl_reader_poll(reader, 500, 1 << 20, &batch);
    assert_int_equal(error, FL_NOT_FOUND);
    fl_reader_close(&reader);
}

static void positions_outside_the_log_are_errors(void **state)
{
    struct fixture *fixture = *state;
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    uint64_t offsets[10];
    char name[128];
    kafka_topic(fixture->journal, "short", 1);
    assert_int_equal(kafka_append(fixture->journal, "short", 1, 0, 10, offsets), FL_OK);
    struct fl_source beyond = {"short", 0, 11};
    assert_int_equal(fl_reader_open(fixture->journal, &beyond, 1, &reader), FL_LOG_CHANGED);
    struct fl_source start = {"short", 0, 0};
    assert_int_equal(fl_reader_open(fixture->journal, &start, 1, &reader), FL_OK);
    poll_some(reader, &batch);
    /* The log loses its first five records while the reader goes back to the third. */
    snprintf(name, sizeof(name), "%sshort", fixture->prefix);
    rd_kafka_t *admin = admin_open();
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, name, 0)->offset = 5;
    rd_kafka_DeleteRecords_t *removal = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(admin, &removal, 1, NULL, queue);
    await_admin(queue);
    rd_kafka_DeleteRecords_destroy(removal);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(admin);
    assert_int_equal(fl_reader_seek(reader, 0, 2), FL_LOG_BEHIND);
    assert_int_equal(fl_reader_seek(reader, 0, 6), FL_OK);
    poll_some(reader, &batch);
    assert_true(batch.entries[0].offset == 6);
    fl_reader_close(&reader);
    assert_int_equal(fl_reader_open(fixture->journal, &start, 1, &reader), FL_LOG_BEHIND);
}

static void headers_can_be_left_out(void **state)
{
    struct fixture *fixture = *state;
    const struct fl_header header = {FL_SLICE_LITERAL("h"), FL_SLICE_LITERAL("1")};
    const struct fl_record record = {FL_SLICE_LITERAL("k"), FL_SLICE_LITERAL("v"), &header, 1,
                                     1700000000000};
    uint64_t offset;
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    kafka_topic(fixture->journal, "bare", 1);
    struct fl_append append = {"bare", 0, 1, &record, FL_OFFSET_NONE, &offset};
    assert_int_equal(fl_journal_append(fixture->journal, &append, 1), FL_OK);
    struct fl_source source = {"bare", 0, 0};
    assert_int_equal(fl_reader_open(fixture->journal, &source, 1, &reader), FL_OK);
    fl_reader_skip_headers(reader, 0);
    poll_some(reader, &batch);
    assert_int_equal(batch.entries[0].record.header_count, 0);
    assert_true(fl_slice_is(batch.entries[0].record.value, "v"));
    fl_reader_close(&reader);
}

static struct fl_reader *volatile alarmed_reader;

static void on_alarm(int number)
{
    (void)number;
    fl_reader_wake(alarmed_reader);
}

static void a_signal_handler_wakes_a_waiting_poll(void **state)
{
    struct fixture *fixture = *state;
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    kafka_topic(fixture->journal, "quiet", 1);
    struct fl_source source = {"quiet", 0, 0};
    assert_int_equal(fl_reader_open(fixture->journal, &source, 1, &reader), FL_OK);
    alarmed_reader = reader;
    struct sigaction action = {.sa_handler = on_alarm};
    struct sigaction before;
    sigaction(SIGALRM, &action, &before);
    ualarm(200000, 0);
    int64_t start_ms = now_ms();
    assert_int_equal(fl_reader_poll(reader, 30000, 1 << 20, &batch), FL_INTERRUPTED);
    assert_true(now_ms() - start_ms < 10000);
    assert_int_equal(fl_reader_poll(reader, 0, 1 << 20, &batch), FL_OK);
    sigaction(SIGALRM, &before, NULL);
    fl_reader_close(&reader);
}

/* Polls until `held` is as wanted; how long that took. */
static int64_t await_lease(struct fl_group *member, bool wanted)
{
    int64_t start_ms = now_ms();
    bool held = !wanted;
    while (held != wanted) {
        assert_int_equal(fl_group_poll(member, 500, &held), FL_OK);
        assert_true(now_ms() - start_ms < 30000);
    }
    return now_ms() - start_ms;
}

static void a_lease_moves_when_its_holder_leaves_and_keeps_its_cursor(void **state)
{
    struct fixture *fixture = *state;
    struct fl_group *first = NULL;
    struct fl_group *second = NULL;
    uint64_t cursor = 0;
    bool held = true;
    kafka_topic(fixture->journal, "lease", 1);
    assert_int_equal(fl_group_join(fixture->journal, "mailer", "lease", &first), FL_OK);
    assert_true(await_lease(first, true) < 10000);
    assert_int_equal(fl_group_cursor(first, 0, &cursor), FL_NOT_FOUND);
    assert_int_equal(fl_group_commit(first, 0, 42), FL_OK);
    assert_int_equal(fl_group_join(fixture->journal, "mailer", "lease", &second), FL_OK);
    /* While both are alive one of them holds it, and never both. */
    for (int i = 0; i < 10; i++) {
        bool other = false;
        assert_int_equal(fl_group_poll(first, 200, &held), FL_OK);
        assert_int_equal(fl_group_poll(second, 200, &other), FL_OK);
        assert_false(held && other);
    }
    struct fl_group **holder = held ? &first : &second;
    struct fl_group **standby = held ? &second : &first;
    assert_int_equal(fl_group_commit(*standby, 0, 43), FL_DENIED);
    fl_group_leave(holder);
    await_lease(*standby, true);
    assert_int_equal(fl_group_cursor(*standby, 0, &cursor), FL_OK);
    assert_true(cursor == 42);
    assert_int_equal(fl_group_commit(*standby, 0, 43), FL_OK);
    assert_int_equal(fl_group_cursor(*standby, 0, &cursor), FL_OK);
    assert_true(cursor == 43);
    fl_group_leave(standby);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_properties_that_would_break_the_log),
        cmocka_unit_test(an_absent_broker_is_unavailable_and_nothing_was_appended),
        cmocka_unit_test_setup_teardown(a_new_topic_is_safe_and_an_unsafe_one_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_compacted_topic_that_forgets_late_is_altered, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_topic_with_unclean_election_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(null_empty_order_and_times_come_back_as_sent, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_kafka_cannot_carry_is_refused_whole, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_small_local_queue_slows_the_append_and_drops_nothing,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(racing_producers_get_the_offsets_of_their_own_records,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_removed_topic_can_be_made_again_and_starts_at_zero,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_whose_topic_is_removed_says_so_and_closes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(positions_outside_the_log_are_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(headers_can_be_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_signal_handler_wakes_a_waiting_poll, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lease_moves_when_its_holder_leaves_and_keeps_its_cursor,
                                        set_up, tear_down),
    };
    if (!kafka_is_there())
        return KAFKA_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
