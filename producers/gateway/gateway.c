/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/gateway.h"
#include "producers/gateway/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/diag.h"
#include "core/node_keyring.h"
#include "producers/gateway/doors.h"
#include "producers/gateway/live.h"
#include "producers/gateway/metrics.h"
#include "producers/gateway/operator.h"
#include "projections/devices/devices.h"
#include "projections/eventlog/eventlog.h"
#include "projections/history/history.h"
#include "projections/people/people.h"

enum {
    RETRY_MS = 1000,
    DRAIN_MS = 5000 /* less than what the supervisor grants before it kills */
};

/* The views that a change waits for, registry first. */
static const struct fl_view *view_at(size_t index)
{
    switch (index) {
    case 0:
        return fl_registry_view();
    case 1:
        return fl_devices_view();
    case 2:
        return fl_eventlog_view();
    case 3:
        return fl_people_view();
    default:
        return NULL;
    }
}

const char *fl_gateway_view_name(const struct gateway *gateway, size_t index)
{
    (void)gateway;
    return view_at(index)->name;
}

static enum fl_error open_views(struct gateway *gateway)
{
    char views[PATH_MAX];
    fl_datadir_path(gateway->duty->datadir, "views", views);
    enum fl_error error = FL_OK;
    for (size_t i = 0; error == FL_OK && view_at(i) != NULL; i++) {
        error = fl_store_open_reader(views, view_at(i), gateway->duty->port, &gateway->views[i]);
        gateway->view_count = i + 1;
    }
    gateway->registry = gateway->views[0];
    gateway->devices = gateway->views[1];
    gateway->eventlog = gateway->views[2];
    gateway->people = gateway->views[3];
    if (error == FL_OK)
        error =
            fl_store_open_reader(views, fl_history_view(), gateway->duty->port, &gateway->history);
    return error;
}

/* Waits for the genesis event: it names the log, the partitions and the keyring. */
static enum fl_error read_log(struct gateway *gateway)
{
    struct fl_arena arena;
    struct fl_store_read read = {.kv = NULL};
    uint8_t fingerprint[FL_HASH_SIZE];
    enum fl_error error = fl_store_read_begin(gateway->registry, &read);
    if (error != FL_OK)
        return error;
    fl_arena_init(&arena, FL_CALL_ARENA_SIZE);
    const fl_log_row *log = fl_registry_log(read.kv, &arena);
    fl_keyring_fingerprint(gateway->keyring, fingerprint);
    if (log == NULL) {
        error = FL_UNAVAILABLE;
    } else if (log->keyring_fingerprint.len != FL_HASH_SIZE ||
               memcmp(log->keyring_fingerprint.data, fingerprint, FL_HASH_SIZE) != 0) {
        error = FL_KEYRING;
    } else {
        snprintf(gateway->log_id, sizeof(gateway->log_id), "%s", log->log_id);
        gateway->partition_count = log->telemetry_partition_count;
    }
    enum fl_error ended = fl_store_read_end(&read);
    fl_arena_fini(&arena);
    return error != FL_OK ? error : ended;
}

static enum fl_error open_all(struct gateway *gateway, char detail[FL_KEYRING_DETAIL_SIZE])
{
    struct fl_duty *duty = gateway->duty;
    enum fl_error error =
        fl_node_keyring_load(duty->config, duty->datadir, &gateway->keyring, detail);
    if (error == FL_OK)
        error = open_views(gateway);
    while (error == FL_OK && gateway->log_id[0] == '\0') {
        error = read_log(gateway);
        if (fl_error_class(error) != FL_CLASS_RETRY)
            break;
        error = fl_duty_wait(duty, RETRY_MS / 10) ? FL_INTERRUPTED : FL_OK;
    }
    if (error == FL_OK)
        error = fl_outcomes_open(duty->journal, &gateway->outcomes);
    if (error == FL_OK)
        error = fl_submitter_open(duty->journal, gateway->later, &gateway->submitter);
    if (error == FL_OK)
        fl_gateway_intake_start(gateway);
    if (error == FL_OK)
        error = fl_sign_in_open(duty, &gateway->sign_in);
    if (error == FL_OK)
        error = fl_live_open(gateway, &gateway->live);
    if (error == FL_OK)
        error = fl_doors_open(gateway, detail);
    return error;
}

static void close_all(struct gateway *gateway)
{
    int64_t deadline_ms = fl_port_monotonic_ms(gateway->duty->port) + DRAIN_MS;
    /* Nobody is let in any more. Whoever waits is answered now: a poll for commands with none, a
     * change whose outcome is not there yet with 202. */
    gateway->stopping = true;
    fl_doors_shut(gateway);
    fl_live_stop(gateway->live);
    for (size_t i = 0; i < gateway->view_count; i++)
        if (gateway->views[i] != NULL)
            fl_store_reader_wake(gateway->views[i]);
    fl_doors_close(gateway, deadline_ms);
    fl_live_close(&gateway->live);
    fl_sign_in_close(&gateway->sign_in);
    fl_submitter_close(&gateway->submitter);
    fl_later_close(&gateway->later);
    fl_outcomes_close(&gateway->outcomes);
    for (size_t i = 0; i < gateway->view_count; i++)
        fl_store_reader_close(&gateway->views[i]);
    fl_store_reader_close(&gateway->history);
    fl_keyring_close(&gateway->keyring);
    fl_agents_close(&gateway->agents);
    fl_metrics_close(&gateway->metrics);
    pthread_mutex_destroy(&gateway->id_lock);
    pthread_mutex_destroy(&gateway->intake_lock);
}

static enum fl_error tick_until_stopped(struct gateway *gateway)
{
    struct fl_duty *duty = gateway->duty;
    enum fl_error synced;
    int interval_ms = (int)fl_config_number(duty->config, FL_SETTING_TICK_INTERVAL);
    uint64_t sequence = 0;
    do {
        enum fl_error error = fl_gateway_tick(gateway, sequence++);
        if (error != FL_OK)
            fl_diag(RETRY, FL_TEXT("what", "tick"), FL_TEXT("error", fl_error_name(error)));
        for (size_t i = 0; i < gateway->view_count; i++)
            if (fl_store_reader_sweep(gateway->views[i]) != FL_OK)
                fl_diag(RETRY, FL_TEXT("what", "reader sweep"));
        if (fl_store_reader_sweep(gateway->history) != FL_OK)
            fl_diag(RETRY, FL_TEXT("what", "reader sweep"));
        synced = fl_guesses_sync(gateway->sign_in->guesses);
    } while (synced == FL_OK && !fl_duty_wait(duty, interval_ms));
    return synced;
}

enum fl_error fl_gateway_run(struct fl_duty *duty)
{
    char detail[FL_KEYRING_DETAIL_SIZE] = "";
    struct gateway *gateway = calloc(1, sizeof(*gateway));
    if (gateway == NULL)
        return FL_NO_MEMORY;
    gateway->duty = duty;
    gateway->agents = fl_agents_open();
    gateway->later = fl_later_open();
    gateway->metrics = fl_metrics_open();
    gateway->started_at_ms = fl_port_wall_ms(duty->port);
    gateway->started_monotonic_ms = fl_port_monotonic_ms(duty->port);
    pthread_mutex_init(&gateway->id_lock, NULL);
    pthread_mutex_init(&gateway->intake_lock, NULL);
    fl_id_source_init(&gateway->ids, duty->port);
    fl_port_random(duty->port, &gateway->boot, sizeof(gateway->boot));
    gateway->boot &= INT64_MAX;
    fl_port_random(duty->port, &gateway->number, sizeof(gateway->number));
    gateway->number |= 1; /* never 0: that is "none" */
    enum fl_error error = gateway->later == NULL ? FL_NO_MEMORY : open_all(gateway, detail);
    if (error == FL_OK) {
        fl_duty_ready(duty);
        error = tick_until_stopped(gateway);
    }
    if (error != FL_OK && error != FL_INTERRUPTED) {
        fl_diag(FAILED, FL_TEXT("error", fl_error_name(error)),
                FL_TEXT("detail", detail[0] != '\0' ? detail : fl_error_text(error)));
    }
    close_all(gateway);
    free(gateway);
    return error == FL_INTERRUPTED ? FL_OK : error;
}
