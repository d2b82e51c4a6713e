/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/port.h"
#include "tests/conformance/conformance.h"

static int64_t now_ms(void)
{
    return fl_port_monotonic_ms(fl_port_system());
}

static struct fl_reader *open_reader(struct fl_conformance *suite, uint32_t partition,
                                     uint64_t from)
{
    struct fl_source source = {suite->topic, partition, from};
    struct fl_reader *reader = NULL;
    enum fl_error error = fl_reader_open(suite->journal, &source, 1, &reader);
    if (error != FL_OK)
        fail_msg("reader_open: %s: %s", fl_error_name(error), fl_journal_detail(suite->journal));
    return reader;
}

static void is_number(const struct fl_entry *entry, unsigned number)
{
    char text[16];
    snprintf(text, sizeof(text), "%u", number);
    if (!fl_slice_is(entry->record.value, text))
        fail_msg("offset %llu holds '%.*s', not %u", (unsigned long long)entry->offset,
                 (int)entry->record.value.size, (const char *)entry->record.value.data, number);
}

static void an_empty_topic_reads_nothing_until_the_deadline(void **state)
{
    struct fl_conformance *suite = *state;
    struct fl_batch batch;
    fl_conformance_topic(suite, suite->topic, 1);
    struct fl_reader *reader = open_reader(suite, 0, 0);
    int64_t start_ms = now_ms();
    assert_int_equal(fl_reader_poll(reader, 0, 1000, &batch), FL_OK);
    assert_int_equal(batch.count, 0);
    assert_int_equal(fl_reader_poll(reader, 150, 1000, &batch), FL_OK);
    assert_int_equal(batch.count, 0);
    assert_true(now_ms() - start_ms >= 150);
    fl_reader_close(&reader);
    assert_null(reader);
    fl_reader_close(&reader);
}

static void a_reader_starts_anywhere_and_says_when_it_is_at_the_end(void **state)
{
    struct fl_conformance *suite = *state;
    struct fl_batch batch;
    enum { COUNT = 2500 };
    fl_conformance_topic(suite, suite->topic, 1);
    fl_conformance_append(suite->journal, suite->topic, 0, 0, 1000);
    fl_conformance_append(suite->journal, suite->topic, 0, 1000, 1);
    fl_conformance_append(suite->journal, suite->topic, 0, 1001, COUNT - 1001);
    static const unsigned starts[] = {0, 1, 999, 1000, 1001, 1500, COUNT - 1};
    for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
        struct fl_reader *reader = open_reader(suite, 0, starts[s]);
        unsigned next = starts[s];
        bool at_end = false;
        while (next < COUNT) {
            fl_conformance_next(reader, &batch);
            for (size_t i = 0; i < batch.count; i++) {
                assert_int_equal(batch.entries[i].offset, next);
                is_number(&batch.entries[i], next++);
            }
            at_end = batch.at_end;
        }
        /* The batch that holds the last record may say so, or else the next look. */
        int64_t deadline_ms = now_ms() + FL_CONFORMANCE_DEADLINE_MS;
        while (!at_end && now_ms() < deadline_ms) {
            assert_int_equal(fl_reader_poll(reader, 100, 1000, &batch), FL_OK);
            assert_int_equal(batch.count, 0);
            at_end = batch.at_end;
        }
        assert_true(at_end);
        fl_reader_close(&reader);
    }
    struct fl_reader *reader = open_reader(suite, 0, COUNT);
    fl_conformance_append(suite->journal, suite->topic, 0, COUNT, 1);
    fl_conformance_next(reader, &batch);
    assert_int_equal(batch.entries[0].offset, COUNT);
    fl_reader_close(&reader);
}

static void a_small_bound_gives_small_batches_in_order(void **state)
{
    struct fl_conformance *suite = *state;
    struct fl_batch batch;
    enum { COUNT = 200, BOUND = 20, RECORD_SIZE = 6 };
    fl_conformance_topic(suite, suite->topic, 1);
    fl_conformance_append(suite->journal, suite->topic, 0, 100, COUNT);
    struct fl_reader *reader = open_reader(suite, 0, 0);
    unsigned next = 0;
    unsigned polls = 0;
    while (next < COUNT && polls++ < 100000) {
        assert_int_equal(fl_reader_poll(reader, 1000, BOUND, &batch), FL_OK);
        /* "stop filling past that many bytes": the record that passes the bound still comes. */
        assert_true(batch.count <= BOUND / RECORD_SIZE + 1);
        for (size_t i = 0; i < batch.count; i++)
            is_number(&batch.entries[i], 100 + next++);
    }
    assert_int_equal(next, COUNT);
    fl_reader_close(&reader);
    reader = open_reader(suite, 0, 0);
    do
        assert_int_equal(fl_reader_poll(reader, 1000, 0, &batch), FL_OK);
    while (batch.count == 0);
    assert_int_equal(batch.count, 1);
    fl_reader_close(&reader);
}

/* Two topics, three partitions: each source in its own order, each entry with its source. */
static void several_sources_come_each_in_order(void **state)
{
    struct fl_conformance *suite = *state;
    struct fl_batch batch;
    enum { COUNT = 3000, SOURCES = 3 };
    char other[80];
    snprintf(other, sizeof(other), "%s-other", suite->topic);
    fl_conformance_topic(suite, suite->topic, 2);
    fl_conformance_topic(suite, other, 1);
    const struct fl_source sources[SOURCES] = {
        {suite->topic, 1, 0}, {other, 0, 10}, {suite->topic, 0, 0}};
    for (unsigned i = 0; i < COUNT; i += 500)
        for (unsigned s = 0; s < SOURCES; s++)
            fl_conformance_append(suite->journal, sources[s].topic, sources[s].partition,
                                  s * 100000 + i, 500);
    struct fl_reader *reader = NULL;
    assert_int_equal(fl_reader_open(suite->journal, sources, SOURCES, &reader), FL_OK);
    unsigned next[SOURCES] = {0, 10, 0};
    unsigned seen = 0;
    while (seen < SOURCES * COUNT - 10) {
        fl_conformance_next(reader, &batch);
        for (size_t i = 0; i < batch.count; i++, seen++) {
            uint32_t s = batch.entries[i].source;
            assert_true(s < SOURCES);
            assert_int_equal(batch.entries[i].offset, next[s]);
            is_number(&batch.entries[i], s * 100000 + next[s]++);
        }
    }
    for (unsigned s = 0; s < SOURCES; s++)
        assert_int_equal(next[s], COUNT);
    fl_reader_close(&reader);
}

static void entries_live_until_the_next_poll(void **state)
{
    struct fl_conformance *suite = *state;
    struct fl_batch batch;
    fl_conformance_topic(suite, suite->topic, 1);
    fl_conformance_append(suite->journal, suite->topic, 0, 0, 100);
    struct fl_reader *reader = open_reader(suite, 0, 0);
    fl_conformance_next(reader, &batch);
    for (unsigned i = 0; i < 20; i++)
        fl_conformance_append(suite->journal, suite->topic, 0, 5000, 100);
    fl_conformance_read(suite->journal, suite->topic, 0, 0, 2000, NULL, NULL);
    for (unsigned i = 0; i < batch.count; i++)
        is_number(&batch.entries[i], i);
    fl_reader_close(&reader);
}

struct delayed {
    struct fl_conformance *suite;
    struct fl_reader *reader; /* to wake, or NULL to append */
    unsigned number;
};

static void *act(void *argument)
{
    struct delayed *delayed = argument;
    if (delayed->reader != NULL)
        fl_reader_wake(delayed->reader);
    else
        fl_conformance_append(delayed->suite->journal, delayed->suite->topic, 0, delayed->number,
                              1);
    return NULL;
}

/* 30 rounds within a fraction of the second after which a waiter looks by itself: who polled or
 * missed a wake-up would take longer. */
static void an_append_wakes_a_waiting_reader(void **state)
{
    struct fl_conformance *suite = *state;
    enum { ROUNDS = 30 };
    struct fl_batch batch;
    pthread_t thread;
    fl_conformance_topic(suite, suite->topic, 1);
    fl_conformance_append(suite->journal, suite->topic, 0, 0, 1);
    struct fl_reader *reader = open_reader(suite, 0, 0);
    fl_conformance_next(reader, &batch);
    int64_t start_ms = now_ms();
    for (unsigned i = 1; i <= ROUNDS; i++) {
        struct delayed delayed = {suite, NULL, i};
        assert_int_equal(pthread_create(&thread, NULL, act, &delayed), 0);
        fl_conformance_next(reader, &batch);
        pthread_join(thread, NULL);
        assert_int_equal(batch.count, 1);
        assert_int_equal(batch.entries[0].offset, i);
        is_number(&batch.entries[0], i);
    }
    assert_true(now_ms() - start_ms < ROUNDS * 500);
    fl_reader_close(&reader);
}

static struct fl_reader *reader_for_signal;

static void wake_on_signal(int number)
{
    (void)number;
    fl_reader_wake(reader_for_signal);
}

static void wake_interrupts_a_poll_now_or_next(void **state)
{
    struct fl_conformance *suite = *state;
    struct fl_batch batch;
    pthread_t thread;
    fl_conformance_topic(suite, suite->topic, 1);
    struct fl_reader *reader = open_reader(suite, 0, 0);
    fl_reader_wake(reader);
    assert_int_equal(fl_reader_poll(reader, 60000, 1000, &batch), FL_INTERRUPTED);
    assert_int_equal(batch.count, 0);
    struct delayed delayed = {suite, reader, 0};
    for (int i = 0; i < 20; i++) {
        assert_int_equal(pthread_create(&thread, NULL, act, &delayed), 0);
        assert_int_equal(fl_reader_poll(reader, 60000, 1000, &batch), FL_INTERRUPTED);
        pthread_join(thread, NULL);
    }
    reader_for_signal = reader;
    struct sigaction action = {.sa_handler = wake_on_signal};
    struct sigaction old;
    assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
    raise(SIGUSR1);
    assert_int_equal(fl_reader_poll(reader, 60000, 1000, &batch), FL_INTERRUPTED);
    assert_int_equal(sigaction(SIGUSR1, &old, NULL), 0);
    fl_conformance_append(suite->journal, suite->topic, 0, 0, 1);
    fl_conformance_next(reader, &batch);
    is_number(&batch.entries[0], 0);
    fl_reader_close(&reader);
}

static void seek_moves_one_source_and_drops_what_was_buffered(void **state)
{
    struct fl_conformance *suite = *state;
    struct fl_batch batch;
    enum { COUNT = 1000 };
    fl_conformance_topic(suite, suite->topic, 2);
    fl_conformance_append(suite->journal, suite->topic, 0, 0, COUNT);
    fl_conformance_append(suite->journal, suite->topic, 1, 0, COUNT);
    const struct fl_source sources[2] = {{suite->topic, 0, 0}, {suite->topic, 1, 0}};
    struct fl_reader *reader = NULL;
    assert_int_equal(fl_reader_open(suite->journal, sources, 2, &reader), FL_OK);
    uint64_t next[2] = {0, 0};
    bool moved = false;
    int64_t deadline_ms = now_ms() + FL_CONFORMANCE_DEADLINE_MS;
    while (!moved || next[0] < COUNT || next[1] < COUNT) {
        assert_true(now_ms() < deadline_ms);
        assert_int_equal(fl_reader_poll(reader, 1000, 100, &batch), FL_OK);
        for (size_t i = 0; i < batch.count; i++) {
            uint32_t s = batch.entries[i].source;
            assert_int_equal(batch.entries[i].offset, next[s]);
            is_number(&batch.entries[i], (unsigned)next[s]++);
        }
        if (!moved && next[0] >= 100) {
            moved = true;
            next[0] = 50;
            assert_int_equal(fl_reader_seek(reader, 0, 50), FL_OK);
        }
    }
    next[1] = 990;
    assert_int_equal(fl_reader_seek(reader, 1, 990), FL_OK);
    while (next[1] < COUNT) {
        fl_conformance_next(reader, &batch);
        for (size_t i = 0; i < batch.count; i++) {
            assert_int_equal(batch.entries[i].source, 1);
            assert_int_equal(batch.entries[i].offset, next[1]++);
        }
    }
    fl_reader_close(&reader);
}

static void a_position_above_the_end_is_another_log(void **state)
{
    struct fl_conformance *suite = *state;
    struct fl_reader *reader = NULL;
    fl_conformance_topic(suite, suite->topic, 1);
    fl_conformance_append(suite->journal, suite->topic, 0, 0, 3);
    struct fl_source source = {suite->topic, 0, 4};
    assert_int_equal(fl_reader_open(suite->journal, &source, 1, &reader), FL_LOG_CHANGED);
    assert_null(reader);
    assert_true(fl_journal_detail(suite->journal)[0] != '\0');
    source.offset = 3;
    assert_int_equal(fl_reader_open(suite->journal, &source, 1, &reader), FL_OK);
    fl_reader_close(&reader);
    source = (struct fl_source){"missing", 0, 0};
    assert_int_equal(fl_reader_open(suite->journal, &source, 1, &reader), FL_NOT_FOUND);
    source = (struct fl_source){suite->topic, 1, 0};
    assert_int_equal(fl_reader_open(suite->journal, &source, 1, &reader), FL_NOT_FOUND);
}

static void the_log_outlives_its_client(void **state)
{
    struct fl_conformance *suite = *state;
    const struct fl_conformance_engine *engine = suite->engine;
    fl_conformance_topic(suite, suite->topic, 1);
    fl_conformance_append(suite->journal, suite->topic, 0, 0, 1500);
    fl_journal_close(&suite->journal);
    assert_null(suite->journal);
    fl_journal_close(&suite->journal);
    assert_int_equal(engine->open(engine->context, engine->child_argument, &suite->journal), FL_OK);
    assert_string_equal(fl_journal_engine(suite->journal), engine->name);
    assert_int_equal(fl_conformance_end(suite->journal, suite->topic, 0), 1500);
    assert_int_equal(fl_conformance_append(suite->journal, suite->topic, 0, 1500, 1), 1500);
    struct fl_batch batch;
    struct fl_reader *reader = open_reader(suite, 0, 0);
    unsigned next = 0;
    fl_reader_skip_headers(reader, 0);
    while (next <= 1500) {
        fl_conformance_next(reader, &batch);
        for (size_t i = 0; i < batch.count; i++)
            is_number(&batch.entries[i], next++);
    }
    fl_reader_close(&reader);
}

const struct CMUnitTest fl_conformance_read_tests[] = {
    cmocka_unit_test(an_empty_topic_reads_nothing_until_the_deadline),
    cmocka_unit_test(a_reader_starts_anywhere_and_says_when_it_is_at_the_end),
    cmocka_unit_test(a_small_bound_gives_small_batches_in_order),
    cmocka_unit_test(several_sources_come_each_in_order),
    cmocka_unit_test(entries_live_until_the_next_poll),
    cmocka_unit_test(an_append_wakes_a_waiting_reader),
    cmocka_unit_test(wake_interrupts_a_poll_now_or_next),
    cmocka_unit_test(seek_moves_one_source_and_drops_what_was_buffered),
    cmocka_unit_test(a_position_above_the_end_is_another_log),
    cmocka_unit_test(the_log_outlives_its_client),
};
const size_t fl_conformance_read_test_count =
    sizeof(fl_conformance_read_tests) / sizeof(fl_conformance_read_tests[0]);
