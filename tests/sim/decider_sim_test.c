/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two real deciders race on one log without a lease, while acknowledgements get lost, come late or
 * lie, and a rogue appends junk. Whatever happens: each action has exactly one valid event, in
 * order, and both registries are the same.
 */
#include <stdio.h>
#include <string.h>

#include "core/diag.h"
#include "core/journal_memory.h"
#include "tests/sim/decider_support.h"
#include "tests/unit/node/test.h"

enum { ACTION_COUNT = 150, DEADLINE_MS = 90000, STEP_MS = 5 };

static uint64_t seed_of_run(void)
{
    uint64_t seed = 0;
    const char *text = getenv("FLEETLOG_SEED");
    if (text == NULL || !fl_slice_to_u64(fl_slice_text(text), &seed))
        fl_port_random(fl_port_system(), &seed, sizeof(seed));
    printf("FLEETLOG_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* Waits on a condition that only time and other threads bring about. */
static bool wait_for(bool (*condition)(void *context), void *context)
{
    struct fl_duty nobody = {.port = fl_port_system(), .stop_fd = -1, .supervisor_fd = -1};
    int64_t end_ms = fl_port_monotonic_ms(fl_port_system()) + DEADLINE_MS;
    while (!condition(context)) {
        if (fl_port_monotonic_ms(fl_port_system()) > end_ms)
            return false;
        (void)fl_duty_wait(&nobody, STEP_MS);
    }
    return true;
}

struct answered {
    struct fl_journal *journal;
    uint64_t wanted;
};

static bool all_answered(void *context)
{
    const struct answered *answered = context;
    uint64_t voids = 0;
    return sim_count_valid(answered->journal, &voids) == answered->wanted;
}

static void set_chances(struct fl_journal *journal, unsigned per_mille)
{
    static const enum fl_fault_kind kinds[] = {
        FL_FAULT_ACK_LOST,  FL_FAULT_ACK_LATE,    FL_FAULT_APPEND_LOST, FL_FAULT_OFFSET_UNKNOWN,
        FL_FAULT_DUPLICATE, FL_FAULT_UNAVAILABLE, FL_FAULT_READ_DELAYED};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        *fl_fault_of(journal, kinds[i]) =
            (struct fl_fault){.countdown = -1, .per_mille = per_mille};
}

/* A record on the events topic that no decider wrote. */
static void append_junk(struct fl_journal *journal)
{
    uint64_t offset = 0;
    struct fl_header headers[] = {{FL_SLICE_LITERAL("ce_previous"), FL_SLICE_LITERAL("00")}};
    struct fl_record record = {.key = FL_SLICE_LITERAL("rogue"),
                               .value = FL_SLICE_LITERAL("junk"),
                               .headers = headers,
                               .header_count = 1,
                               .timestamp_ms = 1000};
    struct fl_append batch = {.topic = "events",
                              .count = 1,
                              .records = &record,
                              .expected_offset = FL_OFFSET_NONE,
                              .offsets = &offset};
    assert_int_equal(fl_journal_append(journal, &batch, 1), FL_OK);
}

static unsigned struck(struct fl_journal *journal)
{
    unsigned sum = 0;
    for (unsigned kind = 0; kind < FL_FAULT_KIND_COUNT; kind++)
        sum += fl_fault_count(journal, (enum fl_fault_kind)kind);
    return sum;
}

/* How much is appended at a time, and how many actions come at once. */
struct race {
    size_t part_size;
    unsigned gathered_count;
};

static void race_under_faults(const char *directory_of_test, struct race race)
{
    struct fl_memory_log *log = fl_memory_log_open(NULL);
    struct fl_journal *honest = NULL;
    struct fl_journal *faulty[2] = {NULL, NULL};
    struct sim_decider deciders[2];
    char directory[4200];
    uint8_t digests[2][FL_HASH_SIZE];
    uint64_t voids = 0;
    uint64_t seed = seed_of_run();
    struct fl_decider_options options = {.without_lease = true, .part_size = race.part_size};
    fl_memory_log_ignore_expected(log, true);
    assert_int_equal(fl_memory_log_attach(log, &honest), FL_OK);
    sim_topics(honest);
    sim_append_genesis(honest);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(fl_memory_log_attach_faulty(log, seed + i, &faulty[i]), FL_OK);
        set_chances(faulty[i], 100);
        snprintf(directory, sizeof(directory), "%s/%zu", directory_of_test, i);
        sim_prepare(&deciders[i], directory, faulty[i], &options);
        sim_start(&deciders[i]);
    }
    for (unsigned n = 1; n <= ACTION_COUNT; n++) {
        char name[32];
        snprintf(name, sizeof(name), "Company %u", n);
        sim_append_company(honest, name, n);
        if (n % 10 == 0)
            append_junk(honest);
        if (n % 7 == 0)
            fl_memory_log_settle(log);
        struct answered answered = {honest, n + 1};
        if (n % race.gathered_count == 0)
            assert_true(wait_for(all_answered, &answered));
    }
    for (size_t i = 0; i < 2; i++)
        fl_faults_pause(faulty[i], true);
    fl_memory_log_settle(log);
    for (size_t i = 0; i < 2; i++) {
        assert_true(struck(faulty[i]) > 0);
        assert_int_equal(sim_stop(&deciders[i]), FL_OK);
    }
    assert_int_equal(sim_count_valid(honest, &voids), ACTION_COUNT + 1);
    printf("%u and %u faults struck, %llu void records\n", struck(faulty[0]), struck(faulty[1]),
           (unsigned long long)voids);
    assert_true(voids >= ACTION_COUNT / 10);
    for (size_t i = 0; i < 2; i++)
        sim_catch_up(&deciders[i], honest, digests[i]);
    assert_memory_equal(digests[0], digests[1], FL_HASH_SIZE);
    for (size_t i = 0; i < 2; i++) {
        sim_dispose(&deciders[i]);
        fl_journal_close(&faulty[i]);
    }
    fl_journal_close(&honest);
    fl_memory_log_close(&log);
}

/* A few at a time: many small batches meet more faults than one large one. */
static void test_race_under_faults(void **state)
{
    race_under_faults(*state, (struct race){.gathered_count = 3});
}

/* Batches that are appended record by record while they are being decided: any of them may fail,
 * with others behind it on their way. */
static void test_race_in_parts_under_faults(void **state)
{
    race_under_faults(*state, (struct race){.part_size = 1, .gathered_count = 30});
}

/* A decider that has folded the whole log: what its registry holds. */
static void digest_of(struct sim_decider *decider, struct fl_journal *journal,
                      uint8_t digest[FL_HASH_SIZE])
{
    sim_catch_up(decider, journal, digest);
    sim_dispose(decider);
}

/* A decider appends a backlog record by record, and one of the first appends meets a fault. The
 * batch is given up whole, whatever of it has landed, and decided again; a decider that only reads
 * the log agrees. */
static void decide_backlog(const char *directory_of_test, enum fl_fault_kind kind)
{
    enum { BACKLOG_COUNT = 60 };
    struct fl_memory_log *log = fl_memory_log_open(NULL);
    struct fl_journal *honest = NULL;
    struct fl_journal *faulty = NULL;
    struct sim_decider deciders[2];
    uint8_t digests[2][FL_HASH_SIZE];
    char directory[4200];
    uint64_t voids = 0;
    struct fl_decider_options options = {.without_lease = true, .part_size = 1};
    fl_memory_log_ignore_expected(log, true);
    assert_int_equal(fl_memory_log_attach(log, &honest), FL_OK);
    assert_int_equal(fl_memory_log_attach_faulty(log, 1, &faulty), FL_OK);
    *fl_fault_of(faulty, kind) = (struct fl_fault){.countdown = 1, .repeat = 1};
    sim_topics(honest);
    sim_append_genesis(honest);
    for (unsigned n = 1; n <= BACKLOG_COUNT; n++)
        sim_append_company(honest, "Company", n);
    for (unsigned i = 0; i < 2; i++) {
        snprintf(directory, sizeof(directory), "%s/fault-%d-%u", directory_of_test, (int)kind, i);
        sim_prepare(&deciders[i], directory, honest, &options);
    }
    sim_run_until(&deciders[0], faulty, BACKLOG_COUNT + 1);
    assert_int_equal(fl_fault_count(faulty, kind), 1);
    fl_memory_log_settle(log);
    assert_int_equal(sim_count_valid(honest, &voids), BACKLOG_COUNT + 1);
    for (unsigned i = 0; i < 2; i++)
        digest_of(&deciders[i], honest, digests[i]);
    assert_memory_equal(digests[0], digests[1], FL_HASH_SIZE);
    fl_journal_close(&faulty);
    fl_journal_close(&honest);
    fl_memory_log_close(&log);
}

static void test_a_part_of_a_batch_fails(void **state)
{
    static const enum fl_fault_kind kinds[] = {
        FL_FAULT_ACK_LOST,  FL_FAULT_ACK_LATE,    FL_FAULT_APPEND_LOST, FL_FAULT_OFFSET_UNKNOWN,
        FL_FAULT_DUPLICATE, FL_FAULT_UNAVAILABLE, FL_FAULT_CONFLICT,    FL_FAULT_FULL};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        decide_backlog(*state, kinds[i]);
}

static bool is_done(void *context)
{
    return ((struct sim_decider *)context)->done;
}

static bool has_answered_first(void *context)
{
    uint64_t voids = 0;
    return sim_count_valid(context, &voids) >= 5;
}

/* The log loses what it had acknowledged: the decider must stop, not go on as if nothing were. */
static void test_lost_records_stop_the_decider(void **state)
{
    struct fl_memory_log *log = fl_memory_log_open(NULL);
    struct fl_journal *journal = NULL;
    struct sim_decider decider;
    struct fl_decider_options options = {.rules = NULL};
    fl_memory_log_ignore_expected(log, true);
    assert_int_equal(fl_memory_log_attach(log, &journal), FL_OK);
    sim_topics(journal);
    sim_append_genesis(journal);
    for (unsigned n = 1; n <= 4; n++)
        sim_append_company(journal, "Company", n);
    sim_prepare(&decider, *state, journal, &options);
    sim_start(&decider);
    assert_true(wait_for(has_answered_first, journal));
    fl_memory_log_truncate(log, "events", 0, 3);
    sim_append_company(journal, "After the loss", 5);
    assert_true(wait_for(is_done, &decider));
    assert_int_equal(sim_stop(&decider), FL_LOG_CHANGED);
    sim_dispose(&decider);
    fl_journal_close(&journal);
    fl_memory_log_close(&log);
}

static bool has_warned(void *context)
{
    return fl_diag_warning_count() > *(const uint64_t *)context;
}

static bool has_applied_three(void *context)
{
    return ((struct sim_decider *)context)->sequence >= 3 || is_done(context);
}

/* Events can be read and an action cannot: what was given up is read again, not passed over. */
static void test_an_event_is_applied_once_its_action_can_be_read(void **state)
{
    struct fl_memory_log *log = fl_memory_log_open(NULL);
    struct fl_journal *journal = NULL;
    struct sim_decider first;
    struct sim_decider late;
    char directory[4200];
    struct fl_decider_options options = {.action_wait_ms = 1};
    assert_int_equal(fl_memory_log_attach(log, &journal), FL_OK);
    sim_topics(journal);
    sim_append_genesis(journal);
    sim_append_company(journal, "Company", 1);
    sim_append_company(journal, "Company", 2);
    snprintf(directory, sizeof(directory), "%s/first", (char *)*state);
    sim_prepare(&first, directory, journal, &options);
    sim_run_until(&first, journal, 3);
    fl_memory_log_truncate(log, "actions", 0, 2);
    snprintf(directory, sizeof(directory), "%s/late", (char *)*state);
    sim_prepare(&late, directory, journal, &options);
    uint64_t warnings = fl_diag_warning_count();
    sim_start(&late);
    assert_true(wait_for(has_warned, &warnings));
    assert_int_equal(late.sequence, 0);
    sim_append_company(journal, "Company", 2);
    assert_true(wait_for(has_applied_three, &late));
    assert_int_equal(late.sequence, 3);
    assert_int_equal(sim_stop(&late), FL_OK);
    sim_dispose(&late);
    sim_dispose(&first);
    fl_journal_close(&journal);
    fl_memory_log_close(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_race_under_faults, test_make_directory,
                                        test_remove_directory),
        cmocka_unit_test_setup_teardown(test_race_in_parts_under_faults, test_make_directory,
                                        test_remove_directory),
        cmocka_unit_test_setup_teardown(test_a_part_of_a_batch_fails, test_make_directory,
                                        test_remove_directory),
        cmocka_unit_test_setup_teardown(test_lost_records_stop_the_decider, test_make_directory,
                                        test_remove_directory),
        cmocka_unit_test_setup_teardown(test_an_event_is_applied_once_its_action_can_be_read,
                                        test_make_directory, test_remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
