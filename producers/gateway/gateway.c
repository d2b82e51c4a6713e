/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/diag.h"
#include "core/file.h"
#include "core/node_keyring.h"
#include "producers/gateway/metrics.h"
#include "producers/gateway/operator.h"
#include "projections/devices/devices.h"
#include "projections/eventlog/eventlog.h"
#include "projections/people/people.h"

enum {
    RETRY_MS = 1000,
    IDLE_TIMEOUT_S = 120,
    OPERATOR_CONNECTION_COUNT_MAX = 512,
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

/* Matches "/a/{}/b"; parameters are copied into the call. */
static bool matches(struct call *call, const char *pattern, const char *path)
{
    size_t count = 0;
    while (*pattern != '\0') {
        if (pattern[0] == '{' && pattern[1] == '}') {
            size_t size = strcspn(path, "/");
            if (size == 0)
                return false;
            call->parameters[count++] = fl_arena_text(&call->arena, fl_slice_of(path, size));
            path += size;
            pattern += 2;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *path == '\0';
}

static void run_route(struct call *call, const struct route *route)
{
    bool is_read = strcmp(route->method, "GET") == 0 || (route->flags & FL_ROUTE_READ) != 0;
    if (!is_read && !fl_call_intake_is_open(call))
        return;
    if ((route->flags & FL_ROUTE_JSON) != 0 && !fl_call_parse_body(call))
        return;
    route->handler(call);
}

/* Adds a method to the Allow header's value. */
static void allow(struct call *call, const char *method)
{
    char *to = call->answer->allow;
    size_t used = strlen(to);
    const char *head = strcmp(method, "GET") == 0 ? ", HEAD" : "";
    snprintf(to + used, sizeof(call->answer->allow) - used, "%s%s%s", used > 0 ? ", " : "", method,
             head);
}

/* The route of a request; NULL after answering 404 or 405. */
static const struct route *find_route(struct call *call, const struct route *routes)
{
    const char *path = fl_http_path(call->request);
    const char *method = fl_http_method(call->request);
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    for (const struct route *route = routes; route->method != NULL; route++) {
        if (!matches(call, route->pattern, path))
            continue;
        if ((route->flags & FL_ROUTE_LOCAL) != 0 && !fl_http_is_local(call->request))
            continue;
        if (strcmp(route->method, method) == 0) {
            call->answer->allow[0] = '\0';
            return route;
        }
        allow(call, route->method);
    }
    if (call->answer->allow[0] != '\0')
        fl_call_problem(call, 405, "This method is not allowed here", NULL, NULL);
    else
        fl_call_problem(call, 404, "There is nothing here", NULL, NULL);
    return NULL;
}

static void handle(struct gateway *gateway, const struct fl_http_request *request,
                   struct fl_http_answer *answer, const struct route *routes, bool is_operator)
{
    struct call call = {.gateway = gateway, .request = request, .answer = answer};
    int64_t begun_ms = fl_port_monotonic_ms(gateway->duty->port);
    fl_arena_init(&call.arena, FL_CALL_ARENA_SIZE + 8 * fl_http_body(request).size);
    fl_arena_init(&call.scratch, FL_CALL_SCRATCH_SIZE);
    const struct route *route = find_route(&call, routes);
    if (route != NULL && (!is_operator || fl_call_identify_operator(&call)))
        run_route(&call, route);
    if (answer->status == 0)
        fl_call_problem(&call, 500, "Internal error", "the handler gave no answer", NULL);
    if (answer->status >= 400)
        fl_diag(HTTP_REFUSED, FL_TEXT("method", fl_http_method(request)),
                FL_TEXT("route", route == NULL ? "none" : route->pattern),
                FL_UINT("status", answer->status));
    fl_metrics_count(gateway->metrics, route, answer->status,
                     fl_port_monotonic_ms(gateway->duty->port) - begun_ms);
    json_decref(call.body);
    fl_arena_fini(&call.scratch);
    fl_arena_fini(&call.arena);
}

static void handle_agent(void *context, const struct fl_http_request *request,
                         struct fl_http_answer *answer)
{
    handle(context, request, answer, fl_agent_routes, false);
}

static void handle_operator(void *context, const struct fl_http_request *request,
                            struct fl_http_answer *answer)
{
    handle(context, request, answer, fl_operator_routes, true);
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

/* DATA/run/agents.address: where agents reach this gateway, with the port that was taken when the
 * settings leave it open. */
static enum fl_error write_address(struct gateway *gateway)
{
    char path[PATH_MAX];
    char text[160];
    const char *listen = fl_config_text(gateway->duty->config, FL_SETTING_LISTEN);
    const char *colon = strrchr(listen, ':');
    int size = snprintf(text, sizeof(text), "%.*s:%u\n", (int)(colon - listen), listen,
                        fl_http_port(gateway->agents_http));
    fl_datadir_path(gateway->duty->datadir, "run/agents.address", path);
    enum fl_error error = fl_file_replace(path, fl_slice_of(text, (size_t)size), 0600);
    if (error != FL_FULL)
        return error;
    /* Reads are served on a full disk too; an old address must not stand there meanwhile. */
    unlink(path);
    fl_diag(STORE_FULL, FL_TEXT("what", "run/agents.address"));
    return FL_OK;
}

static enum fl_error open_listeners(struct gateway *gateway, char detail[256])
{
    char socket_path[PATH_MAX];
    const struct fl_config *config = gateway->duty->config;
    struct fl_http_options options = {
        .address = fl_config_text(config, FL_SETTING_LISTEN),
        .body_size_max = (size_t)fl_config_number(config, FL_SETTING_REQUEST_SIZE_MAX),
        .connection_count_max = (unsigned)fl_config_number(config, FL_SETTING_CONNECTION_COUNT_MAX),
        .connection_per_address_max =
            (unsigned)fl_config_number(config, FL_SETTING_CONNECTION_PER_ADDRESS_MAX),
        .idle_timeout_s = IDLE_TIMEOUT_S,
    };
    enum fl_error error =
        fl_http_open(&options, handle_agent, gateway, &gateway->agents_http, detail);
    if (error == FL_OK)
        error = fl_datadir_socket(gateway->duty->datadir, "operator.sock", socket_path);
    options.address = socket_path;
    options.connection_count_max = OPERATOR_CONNECTION_COUNT_MAX;
    options.connection_per_address_max = 0;
    if (error == FL_OK)
        error = fl_http_open(&options, handle_operator, gateway, &gateway->operator_http, detail);
    if (error == FL_OK)
        error = write_address(gateway);
    return error;
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
        error = fl_submitter_open(duty->journal, &gateway->submitter);
    if (error == FL_OK)
        fl_gateway_intake_start(gateway);
    if (error == FL_OK)
        error = open_listeners(gateway, detail);
    return error;
}

static void close_all(struct gateway *gateway)
{
    int64_t deadline_ms = fl_port_monotonic_ms(gateway->duty->port) + DRAIN_MS;
    /* Nobody is let in any more. Whoever waits is answered now: a poll for commands with none, a
     * change whose outcome is not there yet with 202. */
    gateway->stopping = true;
    fl_http_stop_accepting(gateway->operator_http);
    fl_http_stop_accepting(gateway->agents_http);
    for (size_t i = 0; i < gateway->view_count; i++)
        if (gateway->views[i] != NULL)
            fl_store_reader_wake(gateway->views[i]);
    bool is_drained = fl_http_drain(gateway->operator_http, deadline_ms);
    if (!fl_http_drain(gateway->agents_http, deadline_ms) || !is_drained)
        fl_diag(RETRY, FL_TEXT("what", "calls are cut off by the stop"));
    fl_http_close(&gateway->operator_http);
    fl_http_close(&gateway->agents_http);
    fl_submitter_close(&gateway->submitter);
    fl_outcomes_close(&gateway->outcomes);
    for (size_t i = 0; i < gateway->view_count; i++)
        fl_store_reader_close(&gateway->views[i]);
    fl_keyring_close(&gateway->keyring);
    fl_agents_close(&gateway->agents);
    fl_metrics_close(&gateway->metrics);
    pthread_mutex_destroy(&gateway->id_lock);
    pthread_mutex_destroy(&gateway->intake_lock);
}

static void tick_until_stopped(struct gateway *gateway)
{
    struct fl_duty *duty = gateway->duty;
    int interval_ms = (int)fl_config_number(duty->config, FL_SETTING_TICK_INTERVAL);
    uint64_t sequence = 0;
    do {
        enum fl_error error = fl_gateway_tick(gateway, sequence++);
        if (error != FL_OK)
            fl_diag(RETRY, FL_TEXT("what", "tick"), FL_TEXT("error", fl_error_name(error)));
        for (size_t i = 0; i < gateway->view_count; i++)
            if (fl_store_reader_sweep(gateway->views[i]) != FL_OK)
                fl_diag(RETRY, FL_TEXT("what", "reader sweep"));
    } while (!fl_duty_wait(duty, interval_ms));
}

enum fl_error fl_gateway_run(struct fl_duty *duty)
{
    char detail[FL_KEYRING_DETAIL_SIZE] = "";
    struct gateway *gateway = calloc(1, sizeof(*gateway));
    if (gateway == NULL)
        return FL_NO_MEMORY;
    gateway->duty = duty;
    gateway->agents = fl_agents_open();
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
    enum fl_error error = open_all(gateway, detail);
    if (error == FL_OK) {
        fl_duty_ready(duty);
        tick_until_stopped(gateway);
    } else if (error != FL_INTERRUPTED) {
        fl_diag(FAILED, FL_TEXT("error", fl_error_name(error)),
                FL_TEXT("detail", detail[0] != '\0' ? detail : fl_error_text(error)));
    }
    close_all(gateway);
    free(gateway);
    return error == FL_INTERRUPTED ? FL_OK : error;
}
