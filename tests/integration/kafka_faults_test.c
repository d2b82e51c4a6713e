/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kafka engine while its broker is paused, killed and restarted, and its lease while a holder
 * is stopped. Each number is sent once, so the log shows what an outcome was worth: acknowledged =
 * there, at that offset; refused = not there; unknown = there once or not at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/port.h"
#include "tests/integration/kafka_support.h"

enum {
    WRITERS = 2,
    NUMBERS_MAX = 2000000,
    BATCH = 25,
    CALM_COUNT = 500, /* acknowledged records between two faults */
    WAIT_MS_MAX = 60000,
};

/* One writer's account of what it was told. */
struct ledger {
    struct fl_journal *journal;
    uint32_t writer;
    atomic_bool stop;
    pthread_mutex_t lock; /* for the two counters */
    pthread_cond_t changed;
    unsigned acknowledged;
    unsigned failed;
    uint32_t count;
    uint64_t offset[NUMBERS_MAX];
    uint8_t outcome[NUMBERS_MAX]; /* enum fl_error */
    uint8_t seen[NUMBERS_MAX];
};

static void *write_numbers(void *argument)
{
    struct ledger *ledger = argument;
    while (!atomic_load(&ledger->stop) && ledger->count + BATCH <= NUMBERS_MAX) {
        uint64_t *offsets = ledger->offset + ledger->count;
        enum fl_error error =
            kafka_append(ledger->journal, "log", ledger->writer, ledger->count, BATCH, offsets);
        memset(ledger->outcome + ledger->count, (int)error, BATCH);
        ledger->count += BATCH;
        pthread_mutex_lock(&ledger->lock);
        *(error == FL_OK ? &ledger->acknowledged : &ledger->failed) += BATCH;
        pthread_cond_broadcast(&ledger->changed);
        pthread_mutex_unlock(&ledger->lock);
    }
    return NULL;
}

/* Waits until every writer's counter passes what it was plus `more`. */
static void await_counters(struct ledger *ledgers[WRITERS], bool failures, unsigned more)
{
    int64_t until_ms = fl_port_monotonic_ms(fl_port_system()) + WAIT_MS_MAX;
    struct timespec until = {.tv_sec = until_ms / 1000};
    for (int i = 0; i < WRITERS; i++) {
        unsigned *counter = failures ? &ledgers[i]->failed : &ledgers[i]->acknowledged;
        int error = 0;
        pthread_mutex_lock(&ledgers[i]->lock);
        unsigned goal = *counter + more;
        while (*counter < goal && error == 0)
            error = pthread_cond_timedwait(&ledgers[i]->changed, &ledgers[i]->lock, &until);
        pthread_mutex_unlock(&ledgers[i]->lock);
        assert_int_equal(error, 0);
    }
}

/* Compares the accounts with the log. */
static void check_accounts(struct ledger *ledgers[WRITERS])
{
    enum { LIMIT = WRITERS * NUMBERS_MAX };
    struct kafka_number *log = malloc(LIMIT * sizeof(*log));
    size_t unknown = 0;
    size_t landed = 0;
    assert_non_null(log);
    size_t count = kafka_read(ledgers[0]->journal, "log", log, LIMIT);
    for (size_t i = 0; i < count; i++) {
        assert_true(log[i].writer < WRITERS);
        struct ledger *ledger = ledgers[log[i].writer];
        uint32_t number = log[i].number;
        assert_true(number < ledger->count);
        assert_int_equal(ledger->seen[number]++, 0);
        if (ledger->offset[number] != FL_OFFSET_NONE)
            assert_true(ledger->offset[number] == i);
        else
            assert_int_equal(ledger->outcome[number], FL_UNKNOWN_OUTCOME);
    }
    for (int w = 0; w < WRITERS; w++) {
        for (uint32_t n = 0; n < ledgers[w]->count; n++) {
            if (ledgers[w]->offset[n] != FL_OFFSET_NONE)
                assert_int_equal(ledgers[w]->seen[n], 1);
            if (ledgers[w]->outcome[n] == FL_UNKNOWN_OUTCOME) {
                unknown++;
                landed += ledgers[w]->seen[n];
            }
        }
    }
    print_message("%zu records on the log; of %zu with an unknown outcome %zu had landed\n", count,
                  unknown, landed);
    free(log);
}

struct scene {
    struct ledger *ledgers[WRITERS];
    pthread_t threads[WRITERS];
};

/* Two writers, each with a journal of its own, on one partition. */
static void scene_open(struct scene *scene)
{
    static const char *const properties[] = {"message.timeout.ms", "3000", NULL};
    char prefix[64];
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    kafka_prefix(prefix, sizeof(prefix));
    for (uint32_t i = 0; i < WRITERS; i++) {
        struct ledger *ledger = calloc(1, sizeof(*ledger));
        assert_non_null(ledger);
        ledger->writer = i;
        pthread_mutex_init(&ledger->lock, NULL);
        pthread_cond_init(&ledger->changed, &attributes);
        ledger->journal = kafka_open(prefix, properties);
        scene->ledgers[i] = ledger;
    }
    pthread_condattr_destroy(&attributes);
    kafka_topic(scene->ledgers[0]->journal, "log", 1);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&scene->threads[i], NULL, write_numbers, scene->ledgers[i]),
                         0);
}

/* Stops the writers and compares what they were told with the log. */
static void scene_close(struct scene *scene)
{
    await_counters(scene->ledgers, false, CALM_COUNT);
    for (int i = 0; i < WRITERS; i++)
        atomic_store(&scene->ledgers[i]->stop, true);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(scene->threads[i], NULL);
    check_accounts(scene->ledgers);
    for (int i = 0; i < WRITERS; i++) {
        struct ledger *ledger = scene->ledgers[i];
        fl_journal_close(&ledger->journal);
        pthread_mutex_destroy(&ledger->lock);
        pthread_cond_destroy(&ledger->changed);
        free(ledger);
    }
}

/* All brokers suffer `hurt` until each writer has seen an error, then are healed. */
static void suffer(const char *hurt, const char *heal, int rounds)
{
    struct scene scene;
    scene_open(&scene);
    for (int round = 0; round < rounds; round++) {
        await_counters(scene.ledgers, false, CALM_COUNT);
        kafka_ctl(hurt, 0);
        await_counters(scene.ledgers, true, 1);
        kafka_ctl(heal, 0);
    }
    scene_close(&scene);
}

static void a_paused_broker_leaves_outcomes_open_and_the_log_tells_them(void **state)
{
    (void)state;
    suffer("pause", "resume", 2);
}

static void a_killed_broker_loses_nothing_that_it_acknowledged(void **state)
{
    (void)state;
    suffer("kill", "restart", 2);
}

/* Each of three brokers dies in turn, the leader among them: the writers go on without it. */
static void a_dead_leader_is_replaced_and_nothing_is_lost(void **state)
{
    struct scene scene;
    int broker_count = kafka_broker_count();
    (void)state;
    if (broker_count < 3)
        skip(); /* one broker has nobody to take over; this runs on three as well */
    scene_open(&scene);
    for (int broker = 1; broker <= broker_count; broker++) {
        await_counters(scene.ledgers, false, CALM_COUNT);
        kafka_ctl("kill", broker);
        await_counters(scene.ledgers, false, CALM_COUNT);
        kafka_ctl("restart", broker);
    }
    scene_close(&scene);
}

/* A reader that was open while the broker was away goes on where it was. */
static void a_reader_outlives_a_restart_of_the_broker(void **state)
{
    char prefix[64];
    uint64_t offsets[10];
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    uint64_t next = 0;
    int64_t deadline_ms = fl_port_monotonic_ms(fl_port_system()) + WAIT_MS_MAX;
    (void)state;
    kafka_prefix(prefix, sizeof(prefix));
    struct fl_journal *journal = kafka_open(prefix, NULL);
    kafka_topic(journal, "log", 1);
    assert_int_equal(kafka_append(journal, "log", 1, 0, 10, offsets), FL_OK);
    struct fl_source source = {"log", 0, 0};
    assert_int_equal(fl_reader_open(journal, &source, 1, &reader), FL_OK);
    while (next < 10) {
        assert_int_equal(fl_reader_poll(reader, 1000, 1, &batch), FL_OK);
        for (size_t i = 0; i < batch.count; i++)
            assert_true(batch.entries[i].offset == next++);
    }
    kafka_ctl("kill", 0);
    assert_int_equal(fl_reader_poll(reader, 500, 1, &batch), FL_OK);
    assert_int_equal(batch.count, 0);
    kafka_ctl("restart", 0);
    assert_int_equal(kafka_append(journal, "log", 1, 10, 10, offsets), FL_OK);
    while (next < 20) {
        assert_int_equal(fl_reader_poll(reader, 1000, 1 << 20, &batch), FL_OK);
        for (size_t i = 0; i < batch.count; i++)
            assert_true(batch.entries[i].offset == next++);
        assert_true(fl_port_monotonic_ms(fl_port_system()) < deadline_ms);
    }
    fl_reader_close(&reader);
    fl_journal_close(&journal);
}

/* The member of another process: writes '1' when it comes to hold the lease, '0' when it loses it.
 */
static int run_member(const char *prefix, const char *const *properties, int report)
{
    struct fl_journal *journal = kafka_open(prefix, properties);
    struct fl_group *member = NULL;
    bool before = false;
    bool held = false;
    if (fl_group_join(journal, "mailer", "lease", &member) != FL_OK)
        return 1;
    while (getppid() != 1) {
        if (fl_group_poll(member, 200, &held) != FL_OK)
            return 1;
        if (held != before && write(report, held ? "1" : "0", 1) != 1)
            return 1;
        before = held;
    }
    return 0;
}

static void await_lease(struct fl_group *member, bool wanted)
{
    int64_t deadline_ms = fl_port_monotonic_ms(fl_port_system()) + WAIT_MS_MAX;
    bool held = !wanted;
    while (held != wanted) {
        assert_int_equal(fl_group_poll(member, 500, &held), FL_OK);
        assert_true(fl_port_monotonic_ms(fl_port_system()) < deadline_ms);
    }
}

static void a_stopped_holder_loses_the_lease_and_knows_it_when_it_wakes(void **state)
{
    static const char *const properties[] = {"session.timeout.ms", "3000", NULL};
    char prefix[64];
    int report[2];
    char word = '?';
    struct fl_group *member = NULL;
    (void)state;
    kafka_prefix(prefix, sizeof(prefix));
    assert_int_equal(pipe(report), 0);
    struct fl_journal *journal = kafka_open(prefix, properties);
    kafka_topic(journal, "lease", 1);
    fl_journal_close(&journal); /* no thread of librdkafka's is lost in the fork */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(run_member(prefix, properties, report[1]));
    close(report[1]);
    assert_int_equal(read(report[0], &word, 1), 1);
    assert_int_equal(word, '1');
    kill(child, SIGSTOP);
    journal = kafka_open(prefix, properties);
    assert_int_equal(fl_group_join(journal, "mailer", "lease", &member), FL_OK);
    await_lease(member, true);
    assert_int_equal(fl_group_commit(member, 0, 5), FL_OK);
    kill(child, SIGCONT);
    assert_int_equal(read(report[0], &word, 1), 1);
    assert_int_equal(word, '0');
    /* Killed, it gives way after the session at the latest, whoever held it by then. */
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    await_lease(member, true);
    fl_group_leave(&member);
    fl_journal_close(&journal);
    close(report[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stopped_holder_loses_the_lease_and_knows_it_when_it_wakes),
        cmocka_unit_test(a_paused_broker_leaves_outcomes_open_and_the_log_tells_them),
        cmocka_unit_test(a_killed_broker_loses_nothing_that_it_acknowledged),
        cmocka_unit_test(a_dead_leader_is_replaced_and_nothing_is_lost),
        cmocka_unit_test(a_reader_outlives_a_restart_of_the_broker),
    };
    if (!kafka_is_there())
        return KAFKA_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
