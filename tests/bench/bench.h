/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the bench share. A failure of anything prints a sentence and ends the run: a
 * bench that goes on after one measures something else. */
#include <sys/types.h>

#include "core/arena.h"
#include "core/journal.h"
#include "core/port.h"

struct bench {
    const char *binary;  /* fleetlog of the same build */
    const char *journal; /* "embedded" or "kafka://…" */
    const char *brokers; /* NULL: embedded */
    char directory[64];  /* data directory of this run */
    struct fl_journal *log;
    uint64_t report_count;
    uint32_t device_count;
    uint64_t action_count;
    uint32_t partition_count;
    unsigned missed_count; /* floors */
    double drop_rate;      /* records per second that the ratios stand against */
    double produce_rate;
};

void bench_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
double bench_now_s(void);
double bench_cpu_s(void); /* of this thread */

/* One line of the result; baseline 0: none. A floor that is missed is counted. */
void bench_line(struct bench *bench, const char *work, uint64_t count, double seconds,
                double baseline_rate, double floor_ratio);

/* load.c: records to put on the log. */
struct load {
    struct fl_record *records;
    uint32_t *partitions;
    size_t count;
    struct fl_arena arena;
};
void load_open(struct load *load, size_t capacity, size_t arena_size);
void load_close(struct load *load);

struct fleet;
struct fleet *fleet_open(const struct bench *bench);
void fleet_close(struct fleet **fleet);
/* The next `count` reports of the fleet; earlier ones of `load` are gone. */
void fleet_reports(struct fleet *fleet, struct load *load, size_t count);
/* Learns companies, accounts and devices of the log. */
void fleet_learn(struct fleet *fleet);
/* The backlog of the decider: half ReportCondition, half RenameDevice, all of them valid. */
void fleet_actions(struct fleet *fleet, struct load *load, size_t count);

/* The records of partition 0 of a topic from `offset` on; earlier ones of `load` are gone. */
void load_read(const struct bench *bench, struct load *load, const char *topic, uint64_t offset,
               uint64_t count);
size_t load_size(const struct load *load); /* keys, headers and values */

/* Appends through the port, a batch per partition at a time. */
void load_append(const struct bench *bench, const struct load *load, const char *topic,
                 uint32_t partition_count);

/* raw_kafka.c: librdkafka alone, nothing of ours between it and the clock. */
void raw_produce_begin(const struct bench *bench, const char *topic);
void raw_produce(const struct load *load);
void raw_produce_end(void);
void raw_drop(const struct bench *bench, const char *topic, uint64_t count);

/* child.c: a duty of fleetlog in a process of its own. */
struct child {
    pid_t process;
    int ready;
};
void child_start(const struct bench *bench, struct child *child, const char *const words[]);
void child_await_ready(struct child *child);
void child_run(const struct bench *bench, const char *const words[]); /* to its end */
void child_stop(struct child *child);
/* Anonymous memory of it in MiB: what it holds itself, not the pages of a map. */
double child_memory_mib(const struct child *child);

/* limits.c: where the time of a projection goes. */
void limits_measure(struct bench *bench);
