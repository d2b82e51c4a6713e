/* SPDX-License-Identifier: Apache-2.0 */
/* The projector on a journal to which things happen: reads fail, come late or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "consumers/runner/fold.h"
#include "consumers/runner/projector.h"
#include "core/journal_memory.h"
#include "projections/store/digest.h"
#include "projections/store/parked.h"
#include "projections/store/store.h"
#include "tests/unit/scratch.h"
#include "tests/unit/store/interleave.h"
#include "tests/unit/store/sample_log.h"
#include "tests/unit/store/sample_view.h"

enum { PARTITIONS = 3, ROUNDS = 3, BURSTS = 8, BURST = 40, DEADLINE_S = 60 };

struct run {
    struct fl_projector *projector;
    enum fl_error result;
    pthread_mutex_t mutex;
    pthread_cond_t committed;
    uint64_t sequence; /* events in the rows */
};

static void on_commit(void *context, const struct fl_chain_head *head)
{
    struct run *run = context;
    pthread_mutex_lock(&run->mutex);
    run->sequence = head->sequence;
    pthread_cond_broadcast(&run->committed);
    pthread_mutex_unlock(&run->mutex);
}

static void *run_projector(void *argument)
{
    struct run *run = argument;
    run->result = fl_projector_run(run->projector);
    return NULL;
}

static void wait_committed(struct run *run, uint64_t sequence)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += DEADLINE_S;
    pthread_mutex_lock(&run->mutex);
    int waited = 0;
    while (run->sequence <= sequence && waited == 0)
        waited = pthread_cond_timedwait(&run->committed, &run->mutex, &deadline);
    pthread_mutex_unlock(&run->mutex);
    assert_int_equal(waited, 0);
}

static void write_burst(struct sample_log *log, uint64_t *seed)
{
    char text[16];
    for (int i = 0; i < BURST; i++) {
        unsigned device = 1 + interleave_draw(seed, 9);
        switch (interleave_draw(seed, 8)) {
        case 0:
            sample_log_event(log, "renamed");
            break;
        case 1:
            sample_log_void(log);
            break;
        case 2:
            if (interleave_draw(seed, 4) == 0)
                sample_log_decide(log, device % PARTITIONS, sample_log_report(log, device, "bad"),
                                  true);
            break;
        default:
            snprintf(text, sizeof(text), "%u V", interleave_draw(seed, 500));
            sample_log_report(log, device, text);
        }
    }
}

/* Some strike for certain, the rest by chance. */
static void set_faults(struct fl_journal *journal, uint64_t *seed)
{
    struct fl_fault *failed = fl_fault_of(journal, FL_FAULT_READ_FAILED);
    struct fl_fault *delayed = fl_fault_of(journal, FL_FAULT_READ_DELAYED);
    failed->countdown = (int)interleave_draw(seed, 6);
    failed->repeat = 1 + (int)interleave_draw(seed, 3);
    failed->per_mille = 20 + interleave_draw(seed, 60);
    delayed->per_mille = 10 + interleave_draw(seed, 30);
}

static void compare(const char *views, struct fl_journal *journal)
{
    struct fl_store *store = NULL;
    struct fl_txn txn;
    struct fl_kv *fresh = fl_kv_memory_open();
    struct fl_fold_target *targets = NULL;
    size_t count = 0;
    struct fl_difference first;
    char detail[FL_DETAIL_SIZE] = "";
    struct fl_store_options options = {
        .views_directory = views, .view = &sample_view, .port = fl_port_system()};
    assert_int_equal(fl_store_open_writer(&options, &store), FL_OK);
    assert_int_equal(fl_store_snapshot(store, &txn), FL_OK);
    assert_int_equal(fl_fold_target_of(&txn.kv, &sample_view, journal, &targets, &count), FL_OK);
    struct fl_fold_options fold = {.view = &sample_view,
                                   .journal = journal,
                                   .sink = fl_fold_sink_kv(fresh),
                                   .targets = targets,
                                   .target_count = count,
                                   .detail = detail};
    if (fl_fold_run(&fold) != FL_OK)
        fail_msg("fold: %s", detail);
    fl_store_compare(&txn.kv, fresh, &sample_view, &first, NULL);
    assert_int_equal(first.kind, FL_DIFFERENCE_NONE);
    if (!sample_view.check(&txn.kv, detail) || !fl_meta_check(&txn.kv, detail, sizeof(detail)) ||
        !fl_parked_check(&txn.kv, detail, sizeof(detail)))
        fail_msg("check: %s", detail);
    fl_txn_abort(&txn);
    fl_store_close(&store);
    fl_kv_memory_close(&fresh);
    free(targets);
}

static void one_round(uint64_t *seed)
{
    struct fl_scratch scratch;
    struct fl_memory_log *memory = fl_memory_log_open(NULL);
    struct fl_journal *writer = NULL;
    struct fl_journal *faulty = NULL;
    struct sample_log log;
    struct run run = {.mutex = PTHREAD_MUTEX_INITIALIZER, .committed = PTHREAD_COND_INITIALIZER};
    pthread_t thread;
    char detail[FL_DETAIL_SIZE] = "";
    fl_scratch_make(&scratch);
    assert_int_equal(fl_memory_log_attach(memory, &writer), FL_OK);
    assert_int_equal(fl_memory_log_attach_faulty(memory, *seed, &faulty), FL_OK);
    sample_log_open(&log, writer, PARTITIONS);
    set_faults(faulty, seed);
    struct fl_projector_options options = {
        .view = &sample_view,
        .journal = faulty,
        .views_directory = scratch.path,
        .port = fl_port_system(),
        .map_size = UINT64_C(1) << 30,
        .record_count_max = 16 + interleave_draw(seed, 100),
        .committed = on_commit,
        .context = &run,
    };
    if (fl_projector_open(&options, detail, &run.projector) != FL_OK)
        fail_msg("%s", detail);
    assert_int_equal(pthread_create(&thread, NULL, run_projector, &run), 0);
    for (int i = 0; i < BURSTS; i++) {
        write_burst(&log, seed);
        if (interleave_draw(seed, 2) == 0)
            wait_committed(&run, sample_log_event(&log, "and this"));
    }
    wait_committed(&run, sample_log_event(&log, "the last"));
    fl_projector_stop(run.projector);
    pthread_join(thread, NULL);
    if (run.result != FL_OK)
        fail_msg("run: %s", fl_projector_detail(run.projector));
    fl_projector_close(&run.projector);
    assert_true(fl_fault_count(faulty, FL_FAULT_READ_FAILED) > 0);
    compare(scratch.path, writer);
    sample_log_close(&log);
    fl_journal_close(&faulty);
    fl_journal_close(&writer);
    fl_memory_log_close(&memory);
    fl_scratch_remove(&scratch);
}

static void reads_that_fail_cost_only_time(void **state)
{
    (void)state;
    uint64_t seed = interleave_seed();
    for (int i = 0; i < ROUNDS; i++)
        one_round(&seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_that_fail_cost_only_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
