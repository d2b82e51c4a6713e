/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/doors.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/diag.h"
#include "core/file.h"
#include "producers/gateway/checkout.h"
#include "producers/gateway/metrics.h"
#include "producers/gateway/operator.h"
#include "producers/gateway/public.h"

enum {
    IDLE_TIMEOUT_S = 120,
    RECEIVE_TIMEOUT_S = 30,
    OPERATOR_CONNECTION_COUNT_MAX = 512,
    METRICS_CONNECTION_COUNT_MAX = 16
};

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

/* True if no rule of the log decides on it. */
static bool is_read(const struct route *route)
{
    return strcmp(route->method, "GET") == 0 || (route->flags & FL_ROUTE_READ) != 0;
}

static void run_route(struct call *call, const struct route *route)
{
    if (!is_read(route) && !fl_call_intake_is_open(call))
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

/* False for what is not shown at this door: then the path is as if it were not there. */
static bool is_shown(const struct call *call, const struct route *route)
{
    if (call->door == FL_DOOR_PUBLIC)
        return (route->who & (FL_FOR_ACCOUNTS | FL_FOR_ANYONE)) != 0;
    if (call->door == FL_DOOR_METRICS)
        return (route->flags & FL_ROUTE_MEASURE) != 0;
    return true;
}

/* The route of a request; NULL after answering 404 or 405. */
static const struct route *find_route(struct call *call, const struct route *routes)
{
    const char *path = fl_http_path(call->request);
    const char *method = fl_http_method(call->request);
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    for (const struct route *route = routes; route->method != NULL; route++) {
        if (!is_shown(call, route) || !matches(call, route->pattern, path))
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

/* Who asks, by the door's way of knowing; false after answering. An agent's signature is its
 * routes' own affair, because they differ in what is signed. */
static bool identify(struct call *call, const struct route *route)
{
    if ((route->flags & FL_ROUTE_LINK) != 0) {
        call->identity.actor = FL_SLICE_LITERAL("visitor");
        return true;
    }
    switch (call->door) {
    case FL_DOOR_OPERATOR:
        return fl_call_identify_operator(call);
    case FL_DOOR_PUBLIC:
        return fl_public_identify(call);
    case FL_DOOR_AGENTS:
    case FL_DOOR_METRICS:
        return true;
    }
    return false;
}

static bool may(struct call *call, const struct route *route)
{
    struct fl_asker asker = {
        .is_operator = call->door == FL_DOOR_OPERATOR,
        .has_account = fl_call_is_for_account(call),
        .is_administrator = call->identity.is_administrator,
        .is_token = call->identity.is_token,
        .scopes = call->identity.scopes,
    };
    if (call->door == FL_DOOR_AGENTS || call->door == FL_DOOR_METRICS)
        return true;
    switch (fl_access_check(route->who, route->scope, is_read(route), &asker)) {
    case FL_ACCESS_GRANTED:
        return true;
    case FL_ACCESS_HIDDEN:
        fl_call_problem(call, 404, "There is nothing here", NULL, NULL);
        return false;
    case FL_ACCESS_UNKNOWN:
        fl_http_add_field(call->answer, "WWW-Authenticate", "Bearer realm=\"fleetlog\"");
        fl_call_problem(call, 401, "Sign in, or send an API token", NULL, NULL);
        return false;
    case FL_ACCESS_SCOPE:
        fl_http_add_field(call->answer, "WWW-Authenticate",
                          "Bearer realm=\"fleetlog\", error=\"insufficient_scope\"");
        fl_call_problem(call, 403, "This token was not made for that", "see the route's scope",
                        "Authorization");
        return false;
    case FL_ACCESS_ROLE:
        fl_call_problem(call, 403,
                        call->door == FL_DOOR_OPERATOR ? "This is for operators, not for accounts"
                                                       : "Your role does not allow you to see this",
                        NULL, call->door == FL_DOOR_OPERATOR ? "Fleetlog-As" : NULL);
        return false;
    }
    return false;
}

/* Changes are decided in the order of the log, not against a state that somebody has seen: a
 * condition that would not be kept is refused. False after answering. */
static bool is_unconditional(struct call *call, const struct route *route)
{
    static const char *const conditions[] = {"If-Match", "If-Unmodified-Since"};
    for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
        if (is_read(route) || fl_http_header(call->request, conditions[i]) == NULL)
            continue;
        fl_call_problem(call, 400, "A change cannot be made to depend on what was seen before",
                        "changes are decided in the order in which they arrive; "
                        "Idempotency-Key makes a repeated one safe",
                        conditions[i]);
        return false;
    }
    return true;
}

static void answer_call(struct call *call, const struct route *route)
{
    uint64_t sequence = 0;
    if (!identify(call, route) || !may(call, route) || !is_unconditional(call, route))
        return;
    bool is_tagged = is_read(route) && fl_call_sequence(call, &sequence);
    run_route(call, route);
    if (is_tagged)
        fl_call_tag(call, sequence);
}

static void handle(struct gateway *gateway, const struct fl_http_request *request,
                   struct fl_http_answer *answer, const struct route *routes, enum fl_door door)
{
    int64_t begun_ms = fl_port_monotonic_ms(gateway->duty->port);
    int64_t wait_ms = (int64_t)fl_config_number(gateway->duty->config, FL_SETTING_WAIT);
    struct call call = {.gateway = gateway,
                        .request = request,
                        .answer = answer,
                        .door = door,
                        .deadline_ms = begun_ms + wait_ms};
    fl_arena_init(&call.arena, FL_CALL_ARENA_SIZE + 8 * fl_http_body(request).size);
    fl_arena_init(&call.scratch, FL_CALL_SCRATCH_SIZE);
    const struct route *route = NULL;
    /* Keys come and go with epochs. What cannot be read now leaves the keys that are here. */
    enum fl_error keys = fl_gateway_refresh_keys(gateway);
    if (keys != FL_OK)
        fl_diag(RETRY, FL_TEXT("what", "keyring"), FL_TEXT("error", fl_error_name(keys)));
    if (door != FL_DOOR_PUBLIC || fl_public_admit(&call))
        route = find_route(&call, routes);
    if (route != NULL)
        answer_call(&call, route);
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
    handle(context, request, answer, fl_agent_routes, FL_DOOR_AGENTS);
}

static void handle_operator(void *context, const struct fl_http_request *request,
                            struct fl_http_answer *answer)
{
    handle(context, request, answer, fl_operator_routes, FL_DOOR_OPERATOR);
}

static void handle_public(void *context, const struct fl_http_request *request,
                          struct fl_http_answer *answer)
{
    handle(context, request, answer, fl_operator_routes, FL_DOOR_PUBLIC);
}

static void handle_metrics(void *context, const struct fl_http_request *request,
                           struct fl_http_answer *answer)
{
    handle(context, request, answer, fl_operator_routes, FL_DOOR_METRICS);
}

/* Writes where a TCP listener is reached. */
static enum fl_error write_address(struct gateway *gateway, const char *listen,
                                   const struct fl_http_server *server, const char *name)
{
    char path[PATH_MAX];
    char text[160];
    const char *colon = strrchr(listen, ':');
    int size = snprintf(text, sizeof(text), "%.*s:%u\n", (int)(colon - listen), listen,
                        fl_http_port(server));
    fl_datadir_path(gateway->duty->datadir, name, path);
    enum fl_error error = fl_file_replace(path, fl_slice_of(text, (size_t)size), 0600);
    if (error != FL_FULL)
        return error;
    /* Reads are served on a full disk too; an old address must not stand there meanwhile. */
    unlink(path);
    fl_diag(STORE_FULL, FL_TEXT("what", name));
    return FL_OK;
}

struct door {
    enum fl_setting setting; /* where it listens; empty: it stays shut */
    fl_http_handler *handler;
    struct fl_http_server **server;
    const char *address_file;
};

static enum fl_error open_tcp(struct gateway *gateway, const struct fl_http_options *options,
                              const struct door *door, char detail[256])
{
    struct fl_http_options own = *options;
    own.address = fl_config_text(gateway->duty->config, door->setting);
    if (own.address[0] == '\0') {
        char path[PATH_MAX];
        fl_datadir_path(gateway->duty->datadir, door->address_file, path);
        unlink(path);
        return FL_OK;
    }
    if (own.address[0] == '/') {
        snprintf(detail, 256, "\"%.100s\" is no address: host:port", own.address);
        return FL_USAGE;
    }
    enum fl_error error = fl_http_open(&own, door->handler, gateway, door->server, detail);
    return error != FL_OK ? error
                          : write_address(gateway, own.address, *door->server, door->address_file);
}

enum fl_error fl_doors_open(struct gateway *gateway, char detail[256])
{
    char socket_path[PATH_MAX];
    const struct fl_config *config = gateway->duty->config;
    const struct door agents = {FL_SETTING_LISTEN, handle_agent, &gateway->agents_http,
                                "run/agents.address"};
    const struct door public = {FL_SETTING_API_LISTEN, handle_public, &gateway->public_http,
                                "run/api.address"};
    const struct door metrics = {FL_SETTING_METRICS_LISTEN, handle_metrics, &gateway->metrics_http,
                                 "run/metrics.address"};
    struct fl_http_options options = {
        .body_size_max = (size_t)fl_config_number(config, FL_SETTING_REQUEST_SIZE_MAX),
        .connection_count_max = (unsigned)fl_config_number(config, FL_SETTING_CONNECTION_COUNT_MAX),
        .connection_per_address_max =
            (unsigned)fl_config_number(config, FL_SETTING_CONNECTION_PER_ADDRESS_MAX),
        .idle_timeout_s = IDLE_TIMEOUT_S,
        .receive_timeout_s = RECEIVE_TIMEOUT_S,
    };
    enum fl_error error = fl_public_open(gateway, &gateway->public, detail);
    if (error == FL_OK)
        error = fl_checkout_check(config, detail);
    if (error == FL_OK && fl_checkout_of(config) == &fl_checkout_stand_in)
        fl_diag(CONFIG_WARNING, FL_TEXT("setting", "gateway.checkout_stand_in"),
                FL_TEXT("detail", "licenses are given away: nobody pays at the stand-in"));
    if (error == FL_OK)
        error = open_tcp(gateway, &options, &agents, detail);
    options.fields = fl_public_fields;
    if (error == FL_OK)
        error = open_tcp(gateway, &options, &public, detail);
    options.connection_count_max = METRICS_CONNECTION_COUNT_MAX;
    if (error == FL_OK)
        error = open_tcp(gateway, &options, &metrics, detail);
    if (error == FL_OK)
        error = fl_datadir_socket(gateway->duty->datadir, "operator.sock", socket_path);
    options.address = socket_path;
    options.fields = NULL;
    options.connection_count_max = OPERATOR_CONNECTION_COUNT_MAX;
    options.connection_per_address_max = 0;
    if (error == FL_OK)
        error = fl_http_open(&options, handle_operator, gateway, &gateway->operator_http, detail);
    return error;
}

void fl_doors_shut(struct gateway *gateway)
{
    fl_http_stop_accepting(gateway->operator_http);
    fl_http_stop_accepting(gateway->public_http);
    fl_http_stop_accepting(gateway->agents_http);
    fl_http_stop_accepting(gateway->metrics_http);
}

void fl_doors_close(struct gateway *gateway, int64_t deadline_ms)
{
    struct fl_http_server **servers[] = {&gateway->operator_http, &gateway->public_http,
                                         &gateway->agents_http, &gateway->metrics_http};
    size_t count = sizeof(servers) / sizeof(servers[0]);
    bool is_drained = true;
    for (size_t i = 0; i < count; i++)
        is_drained = fl_http_drain(*servers[i], deadline_ms) && is_drained;
    if (!is_drained)
        fl_diag(RETRY, FL_TEXT("what", "calls are cut off by the stop"));
    for (size_t i = 0; i < count; i++)
        fl_http_close(servers[i]);
    fl_public_close(&gateway->public);
}
