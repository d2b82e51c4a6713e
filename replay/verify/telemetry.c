/* SPDX-License-Identifier: Apache-2.0 */
/* Reports and ticks, partition by partition: form, device, order, signature. */
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "producers/agent_protocol.h"
#include "projections/registry/registry.h"
#include "projections/telemetry/report.h"
#include "replay/verify/stream.h"

enum {
    JOB_COUNT_MAX = 8192,
    SIGNED_SIZE_MAX = sizeof(FL_AGENT_REPORT_LABEL) - 1 + FL_RECORD_SIZE_MAX,
    MARK_SIZE = 16, /* of a signature: tells two reports apart */
    WINDOW = 64,    /* counters below the last that are remembered */
    NUMBER_SIZE = 4,
};

/* One device of the partition. */
struct device {
    bool looked_up;
    bool is_known;
    uint8_t id[FL_ID_SIZE];
    uint8_t key[crypto_sign_PUBLICKEYBYTES];
    uint32_t generation_max; /* enrolled so far */
    uint32_t generation;     /* of the last report */
    uint64_t counter;        /* its */
    uint64_t seen;           /* bit i: counter - i has been met */
    uint8_t mark[MARK_SIZE];
};

/* One report of the present batch; its bytes live in the batch. */
struct job {
    uint64_t offset;
    struct device *device; /* NULL: nothing to verify the signature with */
    struct fl_report report;
    bool is_good;
};

struct part {
    struct fl_verify_run *run;
    uint32_t partition;
    struct fl_verify_stream stream;
    struct fl_txn registry;
    struct fl_arena arena;
    struct device *devices; /* by number / partitions */
    uint32_t device_count;
    struct job *jobs;
    size_t job_count;
    uint8_t *room[2]; /* SIGNED_SIZE_MAX for each thread */
};

/* A share of the signatures. */
struct shift {
    struct job *jobs;
    size_t count;
    uint8_t *room;
};

static void *verify_signatures(void *context)
{
    struct shift *shift = context;
    const size_t label_size = sizeof(FL_AGENT_REPORT_LABEL) - 1;
    memcpy(shift->room, FL_AGENT_REPORT_LABEL, label_size);
    for (size_t i = 0; i < shift->count; i++) {
        struct job *job = &shift->jobs[i];
        struct fl_slice bytes = job->report.signed_bytes;
        if (job->device == NULL || bytes.size > SIGNED_SIZE_MAX - label_size)
            continue;
        memcpy(shift->room + label_size, bytes.data, bytes.size);
        job->is_good = job->report.signature.size == crypto_sign_BYTES &&
                       crypto_sign_verify_detached(job->report.signature.data, shift->room,
                                                   label_size + bytes.size, job->device->key) == 0;
    }
    return NULL;
}

static void finding(struct part *part, enum fl_verify_check check, uint64_t offset,
                    const char *expected, const char *found)
{
    fl_verify_report_at(part->run, check, FL_TOPIC_TELEMETRY, part->partition, offset, expected,
                        found);
}

static void look_up(struct part *part, uint32_t number, struct device *device)
{
    device->looked_up = true;
    fl_arena_reset(&part->arena);
    const fl_device_row *row =
        fl_registry_device_by_number(&part->registry.kv, &part->arena, number);
    if (row == NULL || !fl_id_to_bytes(fl_slice_text(row->device_id), device->id))
        return;
    device->generation_max = row->generation;
    const fl_agent_row *agent =
        fl_registry_agent(&part->registry.kv, &part->arena, fl_slice_text(row->agent_id));
    if (agent == NULL || agent->public_key.len != sizeof(device->key))
        return;
    memcpy(device->key, agent->public_key.data, sizeof(device->key));
    device->is_known = true;
}

/* The device that a report is of; NULL with a finding if there is none that fits. */
static struct device *find_device(struct part *part, uint64_t offset,
                                  const struct fl_report *report)
{
    char expected[FL_VERIFY_TEXT_SIZE];
    char found[FL_VERIFY_TEXT_SIZE];
    char id[FL_ID_TEXT_SIZE];
    uint32_t number = report->device_number;
    uint32_t index = number / part->run->partition_count;
    snprintf(expected, sizeof(expected), "a device registered as number %u", number);
    if (number == 0 || number % part->run->partition_count != part->partition) {
        snprintf(expected, sizeof(expected), "a device of this partition");
        snprintf(found, sizeof(found), "device number %u", number);
        finding(part, FL_VERIFY_DEVICE, offset, expected, found);
        return NULL;
    }
    struct device *device = index < part->device_count ? &part->devices[index] : NULL;
    if (device != NULL && !device->looked_up)
        look_up(part, number, device);
    if (device == NULL || !device->is_known) {
        if (!part->run->registry_is_partial)
            finding(part, FL_VERIFY_DEVICE, offset, expected, "no such device");
        return NULL;
    }
    if (memcmp(report->device_id.data, device->id, FL_ID_SIZE) != 0) {
        fl_id_from_bytes(device->id, id);
        snprintf(expected, sizeof(expected), "device number %u is %s", number, id);
        fl_id_from_bytes(report->device_id.data, id);
        snprintf(found, sizeof(found), "a report of %s", id);
        finding(part, FL_VERIFY_DEVICE, offset, expected, found);
        return NULL;
    }
    if (report->generation == 0 ||
        (report->generation > device->generation_max && !part->run->registry_is_partial)) {
        snprintf(expected, sizeof(expected), "generation 1 to %u", device->generation_max);
        snprintf(found, sizeof(found), "generation %u", report->generation);
        finding(part, FL_VERIFY_DEVICE, offset, expected, found);
    }
    return device;
}

static void out_of_order(struct part *part, const struct job *job, const char *found)
{
    char expected[FL_VERIFY_TEXT_SIZE];
    snprintf(expected, sizeof(expected), "a counter above %llu",
             (unsigned long long)job->device->counter);
    finding(part, FL_VERIFY_COUNTER, job->offset, expected, found);
}

/* Counters rise; a report that was there already is repeated (an append of unknown outcome, tried
 * again); what is too old to tell is counted. */
static void check_counter(struct part *part, const struct job *job)
{
    struct device *device = job->device;
    const struct fl_report *report = &job->report;
    const uint8_t *mark = report->signature.data;
    char found[FL_VERIFY_TEXT_SIZE];
    uint64_t ahead = report->counter - device->counter;
    uint64_t behind = device->counter - report->counter;
    if (report->generation > device->generation ||
        (report->generation == device->generation && report->counter > device->counter)) {
        bool is_new = report->generation > device->generation || ahead >= WINDOW;
        device->seen = (is_new ? 0 : device->seen << ahead) | 1;
        device->generation = report->generation;
        device->counter = report->counter;
        if (report->signature.size >= MARK_SIZE)
            memcpy(device->mark, mark, MARK_SIZE);
    } else if (report->generation < device->generation || behind >= WINDOW) {
        part->run->result->late_count++;
    } else if (behind == 0 &&
               (report->signature.size < MARK_SIZE || memcmp(device->mark, mark, MARK_SIZE) != 0)) {
        snprintf(found, sizeof(found), "another report with counter %llu",
                 (unsigned long long)report->counter);
        out_of_order(part, job, found);
    } else if ((device->seen >> behind & 1) != 0) {
        part->run->result->repeated_count++;
    } else {
        device->seen |= UINT64_C(1) << behind;
        snprintf(found, sizeof(found), "counter %llu, which was not met before",
                 (unsigned long long)report->counter);
        out_of_order(part, job, found);
    }
}

/* Verifies the signatures of the batch, half of them in a second thread, then goes through it in
 * order. */
static enum fl_error finish_batch(struct part *part)
{
    struct shift shifts[2];
    pthread_t helper;
    bool is_helped = false;
    size_t half = part->job_count / 2;
    if (!part->run->options->without_signatures) {
        shifts[0] = (struct shift){part->jobs, part->job_count - half, part->room[0]};
        shifts[1] = (struct shift){part->jobs + shifts[0].count, half, part->room[1]};
        is_helped = half > 0 && pthread_create(&helper, NULL, verify_signatures, &shifts[1]) == 0;
        (void)verify_signatures(&shifts[0]);
        if (is_helped)
            pthread_join(helper, NULL);
        else
            (void)verify_signatures(&shifts[1]);
    }
    for (size_t i = 0; i < part->job_count; i++) {
        const struct job *job = &part->jobs[i];
        if (job->device == NULL)
            continue;
        check_counter(part, job);
        if (part->run->options->without_signatures)
            continue;
        part->run->result->signature_count++;
        if (!job->is_good)
            finding(part, FL_VERIFY_SIGNATURE, job->offset,
                    "a signature by the agent that the device is enrolled with",
                    "one that does not fit");
    }
    part->job_count = 0;
    return part->registry.kv.error;
}

static void take_report(struct part *part, const struct fl_entry *entry,
                        const struct fl_report *report)
{
    uint32_t number = report->device_number;
    uint8_t key[NUMBER_SIZE];
    part->run->result->report_count++;
    if (!fl_slice_equal(entry->record.key, fl_u32_key(number, key)))
        finding(part, FL_VERIFY_FORM, entry->offset, "the device number as key", "another key");
    part->jobs[part->job_count++] =
        (struct job){entry->offset, find_device(part, entry->offset, report), *report, false};
}

static void take(struct part *part, const struct fl_entry *entry)
{
    struct fl_report report;
    struct fl_tick tick;
    enum fl_telemetry_kind kind = FL_TELEMETRY_UNKNOWN;
    const char *what = NULL;
    fl_verify_plain(part->run, FL_TOPIC_TELEMETRY, part->partition, entry);
    if (fl_telemetry_decode(entry->record.value, &kind, &report, &tick, &what) != FL_OK) {
        finding(part, FL_VERIFY_FORM, entry->offset, "a report or a tick", what);
    } else if (kind == FL_TELEMETRY_REPORT) {
        take_report(part, entry, &report);
    } else if (kind == FL_TELEMETRY_UNKNOWN) {
        finding(part, FL_VERIFY_FORM, entry->offset, "a report or a tick", "neither");
    } else {
        part->run->result->tick_count++;
        if (entry->record.key.size != 0)
            finding(part, FL_VERIFY_FORM, entry->offset, "a tick's empty key", "another key");
    }
}

static enum fl_error read_part(struct part *part)
{
    struct fl_verify_run *run = part->run;
    const struct fl_entry *entry = NULL;
    double work =
        run->options->without_signatures ? FL_VERIFY_WORK_RECORD : FL_VERIFY_WORK_SIGNATURE;
    enum fl_error error = fl_verify_stream_open(&part->stream, run, FL_TOPIC_TELEMETRY,
                                                part->partition, run->telemetry[part->partition]);
    do {
        /* The jobs point into the batch. */
        if (error == FL_OK &&
            (fl_verify_stream_left(&part->stream) == 0 || part->job_count == JOB_COUNT_MAX))
            error = finish_batch(part);
        if (error == FL_OK)
            error = fl_verify_stream_next(&part->stream, &entry);
        if (error == FL_OK && entry != NULL) {
            take(part, entry);
            error = fl_verify_step(run, work);
        }
    } while (error == FL_OK && entry != NULL);
    /* A log that still grows ends in the middle of a batch. */
    if (error == FL_OK)
        error = finish_batch(part);
    fl_verify_stream_close(&part->stream);
    return error;
}

/* Numbers go from 1 to the log's count. */
static enum fl_error open_part(struct part *part)
{
    fl_arena_init(&part->arena, FL_VERIFY_ARENA_SIZE);
    enum fl_error error = fl_store_snapshot(part->run->registry, &part->registry);
    if (error != FL_OK)
        return error;
    const fl_log_row *log = fl_registry_log(&part->registry.kv, &part->arena);
    part->device_count = log == NULL ? 0 : log->device_count / part->run->partition_count + 1;
    part->devices = calloc((size_t)part->device_count + 1, sizeof(*part->devices));
    part->jobs = calloc(JOB_COUNT_MAX, sizeof(*part->jobs));
    part->room[0] = malloc(SIGNED_SIZE_MAX);
    part->room[1] = malloc(SIGNED_SIZE_MAX);
    return part->devices == NULL || part->jobs == NULL || part->room[0] == NULL ||
                   part->room[1] == NULL
               ? FL_NO_MEMORY
               : part->registry.kv.error;
}

enum fl_error fl_verify_telemetry(struct fl_verify_run *run)
{
    enum fl_error error = FL_OK;
    run->progress.what = "telemetry";
    run->progress.record_count = 0;
    for (uint32_t i = 0; error == FL_OK && i < run->partition_count; i++) {
        struct part part = {.run = run, .partition = i};
        error = open_part(&part);
        if (error == FL_OK)
            error = read_part(&part);
        fl_txn_abort(&part.registry);
        fl_arena_fini(&part.arena);
        free(part.devices);
        free(part.jobs);
        free(part.room[0]);
        free(part.room[1]);
    }
    return error;
}
