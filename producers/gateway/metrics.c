/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/diag.h"
#include "producers/gateway/health.h"
#include "producers/gateway/live.h"
#include "producers/gateway/operator.h"

/* Upper bounds of the histogram's buckets but the last, which has none. The clock counts whole
 * milliseconds. */
static const struct {
    int64_t ms;
    const char *seconds;
} buckets[FL_METRICS_BUCKET_COUNT - 1] = {
    {1, "0.001"}, {5, "0.005"}, {10, "0.01"}, {50, "0.05"},
    {100, "0.1"}, {500, "0.5"}, {1000, "1"},  {5000, "5"},
};

struct route_counts {
    _Atomic(const struct route *) route; /* NULL: free */
    _Atomic uint64_t statuses[FL_METRICS_STATUS_COUNT];
    _Atomic uint64_t buckets[FL_METRICS_BUCKET_COUNT];
    _Atomic uint64_t took_ms;
};

struct fl_metrics {
    struct route_counts routes[FL_METRICS_ROUTE_COUNT_MAX];
    _Atomic uint64_t sign_ins[2]; /* refused, good */
};

/* Requests that met no route. */
static const struct route no_route = {"", "none", NULL, 0};

struct fl_metrics *fl_metrics_open(void)
{
    struct fl_metrics *metrics = calloc(1, sizeof(*metrics));
    fl_assert(metrics != NULL);
    return metrics;
}

void fl_metrics_close(struct fl_metrics **metrics)
{
    free(*metrics);
    *metrics = NULL;
}

/* The route's counts; the first request of a route takes a free place. */
static struct route_counts *find(struct fl_metrics *metrics, const struct route *route)
{
    for (size_t i = 0; i < FL_METRICS_ROUTE_COUNT_MAX; i++) {
        const struct route *expected = NULL;
        struct route_counts *counts = &metrics->routes[i];
        if (atomic_load(&counts->route) == route ||
            atomic_compare_exchange_strong(&counts->route, &expected, route) || expected == route)
            return counts;
    }
    fl_assert(!"more routes than FL_METRICS_ROUTE_COUNT_MAX");
    return NULL;
}

void fl_metrics_count(struct fl_metrics *metrics, const struct route *route, unsigned status,
                      int64_t took_ms)
{
    struct route_counts *counts = find(metrics, route == NULL ? &no_route : route);
    size_t bucket = 0;
    while (bucket < FL_METRICS_BUCKET_COUNT - 1 && took_ms > buckets[bucket].ms)
        bucket++;
    size_t class = status / 100 >= 1 && status / 100 <= 5 ? status / 100 - 1 : 4;
    atomic_fetch_add(&counts->statuses[class], 1);
    atomic_fetch_add(&counts->buckets[bucket], 1);
    atomic_fetch_add(&counts->took_ms, (uint64_t)took_ms);
}

void fl_metrics_count_sign_in(struct fl_metrics *metrics, bool is_good)
{
    atomic_fetch_add(&metrics->sign_ins[is_good], 1);
}

static void head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_requests(const struct fl_metrics *metrics, FILE *out)
{
    head(out, "fleetlog_http_requests_total", "counter", "Requests answered.");
    for (size_t i = 0; i < FL_METRICS_ROUTE_COUNT_MAX; i++) {
        const struct route_counts *counts = &metrics->routes[i];
        const struct route *route = atomic_load(&counts->route);
        for (size_t s = 0; route != NULL && s < FL_METRICS_STATUS_COUNT; s++)
            if (counts->statuses[s] > 0)
                fprintf(out,
                        "fleetlog_http_requests_total{method=\"%s\",route=\"%s\",status=\"%zuxx\"} "
                        "%llu\n",
                        route->method, route->pattern, s + 1,
                        (unsigned long long)counts->statuses[s]);
    }
}

static void print_sign_ins(const struct fl_metrics *metrics, FILE *out)
{
    static const char *const results[] = {"refused", "good"};
    head(out, "fleetlog_sign_ins_total", "counter", "Sign-ins by how they ended.");
    for (size_t i = 0; i < 2; i++)
        fprintf(out, "fleetlog_sign_ins_total{result=\"%s\"} %llu\n", results[i],
                (unsigned long long)metrics->sign_ins[i]);
}

static void print_times(const struct fl_metrics *metrics, FILE *out)
{
    static const char name[] = "fleetlog_http_request_duration_seconds";
    head(out, name, "histogram", "Time from a complete request to its answer.");
    for (size_t i = 0; i < FL_METRICS_ROUTE_COUNT_MAX; i++) {
        const struct route_counts *counts = &metrics->routes[i];
        const struct route *route = atomic_load(&counts->route);
        unsigned long long sum = 0;
        if (route == NULL)
            continue;
        for (size_t b = 0; b < FL_METRICS_BUCKET_COUNT; b++) {
            sum += counts->buckets[b];
            fprintf(out, "%s_bucket{method=\"%s\",route=\"%s\",le=\"%s\"} %llu\n", name,
                    route->method, route->pattern,
                    b < FL_METRICS_BUCKET_COUNT - 1 ? buckets[b].seconds : "+Inf", sum);
        }
        fprintf(out, "%s_sum{method=\"%s\",route=\"%s\"} %.3f\n", name, route->method,
                route->pattern, (double)counts->took_ms / 1e3);
        fprintf(out, "%s_count{method=\"%s\",route=\"%s\"} %llu\n", name, route->method,
                route->pattern, sum);
    }
}

static void print_gateway(struct gateway *gateway, FILE *out)
{
    static const char *const topics[] = {"actions", "subjects", "telemetry"};
    enum fl_intake intake = fl_gateway_intake(gateway);
    head(out, "fleetlog_appended_records_total", "counter", "Records acknowledged by the journal.");
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
        fprintf(out, "fleetlog_appended_records_total{topic=\"%s\"} %llu\n", topics[i],
                (unsigned long long)fl_submitter_appended(gateway->submitter, topics[i]));
    head(out, "fleetlog_view_sequence", "gauge", "Events that a view of this node has applied.");
    for (size_t i = 0; i < gateway->view_count; i++) {
        struct fl_chain_head at;
        if (fl_store_reader_head(gateway->views[i], &at) == FL_OK)
            fprintf(out, "fleetlog_view_sequence{view=\"%s\"} %llu\n",
                    fl_gateway_view_name(gateway, i), (unsigned long long)at.sequence);
    }
    head(out, "fleetlog_view_behind_records", "gauge", "Events that a view has not read yet.");
    for (size_t i = 0; i < gateway->view_count; i++) {
        uint64_t behind = 0;
        if (fl_gateway_behind(gateway, i, &behind))
            fprintf(out, "fleetlog_view_behind_records{view=\"%s\"} %llu\n",
                    fl_gateway_view_name(gateway, i), (unsigned long long)behind);
    }
    head(out, "fleetlog_live_streams", "gauge", "Open streams of live changes.");
    fprintf(out, "fleetlog_live_streams %zu\n", fl_live_count(gateway->live));
    head(out, "fleetlog_intake_held", "gauge", "1 while nothing is taken in, by reason.");
    for (int i = FL_INTAKE_DISK; i <= FL_INTAKE_CLOCK; i++)
        fprintf(out, "fleetlog_intake_held{reason=\"%s\"} %d\n", fl_intake_name((enum fl_intake)i),
                intake == (enum fl_intake)i);
    head(out, "fleetlog_warnings_total", "counter", "Lines written at warning or above.");
    fprintf(out, "fleetlog_warnings_total %llu\n", (unsigned long long)fl_diag_warning_count());
}

static unsigned long long open_fd_count(void)
{
    unsigned long long count = 0;
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL)
        return 0;
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count - 3; /* ".", ".." and the one that looks */
}

static void print_process(const struct gateway *gateway, FILE *out)
{
    struct rusage usage;
    struct rlimit fds;
    unsigned long long pages[2] = {0, 0};
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm != NULL) {
        if (fscanf(statm, "%llu %llu", &pages[0], &pages[1]) != 2)
            pages[1] = 0;
        fclose(statm);
    }
    getrusage(RUSAGE_SELF, &usage);
    getrlimit(RLIMIT_NOFILE, &fds);
    head(out, "process_cpu_seconds_total", "counter", "User and system time spent.");
    fprintf(out, "process_cpu_seconds_total %.3f\n",
            (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    head(out, "process_resident_memory_bytes", "gauge", "Memory in use.");
    fprintf(out, "process_resident_memory_bytes %llu\n",
            pages[1] * (unsigned long long)sysconf(_SC_PAGESIZE));
    head(out, "process_open_fds", "gauge", "Open file descriptors.");
    fprintf(out, "process_open_fds %llu\n", open_fd_count());
    head(out, "process_max_fds", "gauge", "How many there may be.");
    fprintf(out, "process_max_fds %llu\n", (unsigned long long)fds.rlim_cur);
    head(out, "process_start_time_seconds", "gauge", "Start, in Unix time.");
    fprintf(out, "process_start_time_seconds %.3f\n", (double)gateway->started_at_ms / 1000.0);
}

void fl_route_get_metrics(struct call *call)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        fl_call_error(call, FL_NO_MEMORY);
        return;
    }
    print_requests(call->gateway->metrics, out);
    print_sign_ins(call->gateway->metrics, out);
    print_times(call->gateway->metrics, out);
    print_gateway(call->gateway, out);
    print_process(call->gateway, out);
    if (fclose(out) != 0) {
        free(text);
        fl_call_error(call, FL_NO_MEMORY);
        return;
    }
    call->answer->status = 200;
    call->answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
    call->answer->body = text;
    call->answer->body_size = size;
}
