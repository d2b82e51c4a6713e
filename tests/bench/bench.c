/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures what the floors speak of, on one broker, in one run, as ratios: see
 * ARCHITECTURE.md. Usage: fleetlog-bench FLEETLOG-BINARY embedded|kafka://HOST:PORT
 */
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/journal_engine.h"
#include "core/limits.h"
#include "projections/devices/devices.h"
#include "projections/registry/registry.h"
#include "projections/store/store_reader.h"
#include "tests/bench/bench.h"

enum {
    CHUNK = 100000,
    REGISTERED_COUNT = 2000,
    LOOK_MS = 20,
    PROGRESS_S = 120,
    QUARTERS = 4,
};

static const char scratch_topic[] = "bench";

void bench_fail(const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
    fprintf(stderr, "bench: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    _exit(1);
}

double bench_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double bench_cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void bench_line(struct bench *bench, const char *work, uint64_t count, double seconds,
                double baseline_rate, double floor_ratio)
{
    double rate = (double)count / seconds;
    printf("%-52s %9llu in %6.2f s %9.0f/s", work, (unsigned long long)count, seconds, rate);
    if (baseline_rate > 0)
        printf("   %.2f", rate / baseline_rate);
    if (floor_ratio > 0) {
        bool met = rate >= floor_ratio * baseline_rate;
        printf(" (floor %.2f%s)", floor_ratio, met ? "" : ": MISSED");
        bench->missed_count += !met;
    }
    printf("\n");
    fflush(stdout);
}

static uint64_t number_of(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);
    return text == NULL ? fallback : strtoull(text, NULL, 10);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void open_log(struct bench *bench)
{
    static char journal[128];
    snprintf(journal, sizeof(journal), "%s/journal", bench->directory);
    struct fl_embedded_options embedded = {.directory = journal, .topic_prefix = "fleetlog."};
    struct fl_kafka_options kafka = {.brokers = bench->brokers, .topic_prefix = "fleetlog."};
    struct fl_topic_spec scratch = {scratch_topic, 1, -1, -1, false};
    struct fl_topic_info info;
    enum fl_error error = bench->brokers == NULL ? fl_journal_open_embedded(&embedded, &bench->log)
                                                 : fl_journal_open_kafka(&kafka, &bench->log);
    if (error == FL_OK)
        error = fl_journal_describe_topic(bench->log, "telemetry", &info);
    if (error == FL_OK)
        error = fl_journal_ensure_topic(bench->log, &scratch);
    if (error != FL_OK)
        bench_fail("the journal cannot be opened: %s", fl_error_text(error));
    bench->partition_count = info.partition_count;
}

/* A log with a company and registered devices, made as anybody would. */
static void prepare(struct bench *bench)
{
    char devices[16];
    struct child up;
    snprintf(devices, sizeof(devices), "%d", REGISTERED_COUNT);
    const char *const simulate[] = {"simulate", "--devices", devices, "--rate",
                                    "1",        "--seconds", "0",     NULL};
    child_start(bench, &up, (const char *const[]){"up", NULL});
    child_await_ready(&up);
    child_run(bench, simulate);
    child_stop(&up);
    open_log(bench);
}

static void put_telemetry(struct bench *bench, struct fleet *fleet)
{
    struct load load;
    double spent_s = 0;
    load_open(&load, CHUNK, SIZE_MAX / 2);
    if (bench->brokers != NULL)
        raw_produce_begin(bench, "telemetry");
    for (uint64_t done = 0; done < bench->report_count; done += CHUNK) {
        fleet_reports(fleet, &load, CHUNK);
        double begin_s = bench_now_s();
        if (bench->brokers != NULL)
            raw_produce(&load);
        else
            load_append(bench, &load, "telemetry", bench->partition_count);
        spent_s += bench_now_s() - begin_s;
    }
    double begin_s = bench_now_s();
    if (bench->brokers != NULL)
        raw_produce_end();
    spent_s += bench_now_s() - begin_s;
    load_close(&load);
    if (bench->brokers == NULL)
        bench_line(bench, "append telemetry, durable", bench->report_count, spent_s, 0, 0);
}

static void drop_through_port(struct bench *bench)
{
    struct fl_source sources[FL_PARTITION_COUNT_MAX];
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    uint64_t got = 0;
    double begin_s = bench_now_s();
    for (uint32_t p = 0; p < bench->partition_count; p++)
        sources[p] = (struct fl_source){.topic = "telemetry", .partition = p};
    if (fl_reader_open(bench->log, sources, bench->partition_count, &reader) != FL_OK)
        bench_fail("telemetry cannot be read");
    for (uint32_t p = 0; p < bench->partition_count; p++)
        fl_reader_skip_headers(reader, p);
    while (got < bench->report_count) {
        if (fl_reader_poll(reader, 1000, 8 * 1024 * 1024, &batch) != FL_OK)
            bench_fail("telemetry cannot be read");
        got += batch.count;
    }
    fl_reader_close(&reader);
    double spent_s = bench_now_s() - begin_s;
    if (bench->brokers == NULL)
        bench->drop_rate = (double)got / spent_s;
    bench_line(bench, "consume and drop, through the journal port", got, spent_s, bench->drop_rate,
               0);
}

static uint64_t applied(struct fl_store_reader *reader, const struct bench *bench, bool telemetry)
{
    struct fl_store_read read;
    struct fl_chain_head head;
    uint64_t sum = 0;
    if (fl_store_read_begin(reader, &read) != FL_OK)
        return 0;
    if (telemetry)
        for (uint32_t p = 0; p < bench->partition_count; p++)
            sum += fl_meta_position(read.kv, FL_TOPIC_TELEMETRY, p).next;
    fl_meta_head(read.kv, &head);
    if (fl_store_read_end(&read) != FL_OK)
        bench_fail("a view cannot be read");
    return telemetry ? sum : head.action;
}

/* Waits for the next commit of the view, or a moment. */
static void await_commit(struct fl_store_reader *reader)
{
    enum fl_error error =
        fl_store_wait(reader, UINT64_MAX - 1, fl_port_monotonic_ms(fl_port_system()) + LOOK_MS);
    if (error != FL_TIMEOUT)
        bench_fail("a view cannot be waited for: %s", fl_error_text(error));
}

/* Runs a duty until its view stands at `target`; says its memory at a quarter, half and the end. */
static double run_duty(struct bench *bench, const struct fl_view *view, const char *const words[],
                       bool telemetry, uint64_t from, uint64_t target)
{
    char views[128];
    struct child child;
    struct fl_store_reader *reader = NULL;
    double memory_mib[QUARTERS + 1] = {0};
    snprintf(views, sizeof(views), "%s/views", bench->directory);
    child_start(bench, &child, words);
    double begin_s = bench_now_s();
    if (fl_store_open_reader(views, view, fl_port_system(), &reader) != FL_OK)
        bench_fail("no reader");
    child_await_ready(&child);
    double ready_s = bench_now_s() - begin_s;
    unsigned commit_count = 0;
    uint64_t before = 0;
    unsigned quarter = 0;
    while (quarter < QUARTERS) {
        await_commit(reader);
        uint64_t now = applied(reader, bench, telemetry);
        commit_count += now != before;
        before = now;
        while (quarter < QUARTERS && now >= from + (target - from) * (quarter + 1) / QUARTERS)
            memory_mib[++quarter] = child_memory_mib(&child);
        if (bench_now_s() - begin_s > PROGRESS_S * 5)
            bench_fail("`fleetlog %s` does not come to an end", words[0]);
    }
    double spent_s = bench_now_s() - begin_s;
    fl_store_reader_close(&reader);
    child_stop(&child);
    printf("  ready after %.2f s, %u commits; memory of its own at 25, 50 and 100 %%: %.0f, %.0f, "
           "%.0f MiB\n",
           ready_s, commit_count, memory_mib[1], memory_mib[2], memory_mib[QUARTERS]);
    return spent_s;
}

static void measure_projecting(struct bench *bench)
{
    if (bench->brokers != NULL) {
        double begin_s = bench_now_s();
        raw_drop(bench, "telemetry", bench->report_count);
        double spent_s = bench_now_s() - begin_s;
        bench->drop_rate = (double)bench->report_count / spent_s;
        bench_line(bench, "consume and drop, librdkafka alone", bench->report_count, spent_s, 0, 0);
    }
    drop_through_port(bench);
    limits_measure(bench);
    double spent_s =
        run_duty(bench, fl_devices_view(), (const char *const[]){"project", "devices", NULL}, true,
                 0, bench->report_count);
    bench_line(bench, "project telemetry into the devices view", bench->report_count, spent_s,
               bench->drop_rate, bench->brokers != NULL ? 0.25 : 0);
}

/* The producer alone, on what `load` holds. */
static double produce_alone(struct bench *bench, const struct load *load)
{
    double begin_s = bench_now_s();
    if (bench->brokers != NULL) {
        raw_produce_begin(bench, scratch_topic);
        raw_produce(load);
        raw_produce_end();
    } else {
        load_append(bench, load, scratch_topic, 1);
    }
    return bench_now_s() - begin_s;
}

/* Of the very events that the decider appended: they are larger than the actions. */
static void produce_events_alone(struct bench *bench, uint64_t from)
{
    struct load load;
    load_open(&load, bench->action_count, SIZE_MAX / 2);
    load_read(bench, &load, "events", from, bench->action_count);
    printf("  an event has %zu bytes\n", load_size(&load) / load.count);
    double spent_s = produce_alone(bench, &load);
    bench->produce_rate = (double)load.count / spent_s;
    bench_line(bench, "producer alone, one partition, those events", load.count, spent_s, 0, 0);
    load_close(&load);
}

static void measure_deciding(struct bench *bench, struct fleet *fleet)
{
    struct load load;
    uint64_t begin = 0;
    uint64_t from = 0;
    uint64_t event_from = 0;
    fleet_learn(fleet);
    load_open(&load, bench->action_count, SIZE_MAX / 2);
    fleet_actions(fleet, &load, bench->action_count);
    printf("  an action has %zu bytes\n", load_size(&load) / load.count);
    double spent_s = produce_alone(bench, &load);
    double action_rate = (double)load.count / spent_s;
    bench_line(bench, "producer alone, one partition, the actions", load.count, spent_s, 0, 0);
    if (fl_journal_offsets(bench->log, "actions", 0, &begin, &from) != FL_OK ||
        fl_journal_offsets(bench->log, "events", 0, &begin, &event_from) != FL_OK)
        bench_fail("no actions");
    double begin_s = bench_now_s();
    load_append(bench, &load, "actions", 1);
    bench_line(bench, "append actions through the journal port", load.count,
               bench_now_s() - begin_s, action_rate, 0);
    load_close(&load);
    spent_s = run_duty(bench, fl_registry_view(), (const char *const[]){"decide", NULL}, false,
                       from, from + bench->action_count);
    produce_events_alone(bench, event_from);
    bench_line(bench, "decide a backlog, against producing the actions", bench->action_count,
               spent_s, action_rate, 0);
    bench_line(bench, "decide a backlog, against producing its events", bench->action_count,
               spent_s, bench->produce_rate, bench->brokers != NULL ? 0.25 : 0);
}

int main(int argument_count, char **arguments)
{
    static struct bench bench;
    if (argument_count != 3) {
        fprintf(stderr, "usage: fleetlog-bench FLEETLOG-BINARY embedded|kafka://HOST:PORT\n");
        return 2;
    }
    bench.binary = arguments[1];
    bench.journal = arguments[2];
    bench.brokers = strncmp(bench.journal, "kafka://", 8) == 0 ? bench.journal + 8 : NULL;
    bench.report_count = number_of("FLEETLOG_BENCH_REPORTS", 3000000) / CHUNK * CHUNK;
    bench.device_count = (uint32_t)number_of("FLEETLOG_BENCH_DEVICES", 300000);
    bench.action_count = number_of("FLEETLOG_BENCH_ACTIONS", 400000);
    snprintf(bench.directory, sizeof(bench.directory), "/tmp/fleetlog-bench.XXXXXX");
    if (mkdtemp(bench.directory) == NULL)
        bench_fail("no directory: %s", strerror(errno));
    printf("%s: %llu reports of %u devices, %llu actions\n", bench.journal,
           (unsigned long long)bench.report_count, bench.device_count,
           (unsigned long long)bench.action_count);
    prepare(&bench);
    struct fleet *fleet = fleet_open(&bench);
    put_telemetry(&bench, fleet);
    measure_projecting(&bench);
    measure_deciding(&bench, fleet);
    fleet_close(&fleet);
    fl_journal_close(&bench.log);
    (void)nftw(bench.directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return bench.missed_count == 0 ? 0 : 1;
}
