/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "tests/integration/agent/fake_gateway_internal.h"

struct upload {
    uint8_t *data;
    size_t size;
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, json_t *json)
{
    bool decided = status == 403 || status == 404 || status == 409;
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT)
                              : strdup(decided ? "{\"title\":\"refused\",\"code\":\"DENIED\"}"
                                               : "{\"title\":\"refused\"}");
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    json_decref(json);
    return result;
}

/* What stands in between and knows no such path. */
static enum MHD_Result answer_as_proxy(struct MHD_Connection *connection)
{
    static char page[] = "<html>404 Not Found</html>";
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof(page) - 1, page, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result = MHD_queue_response(connection, 404, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result add_query(void *context, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    struct fl_fake_call *call = context;
    (void)kind;
    size_t used = strlen(call->target);
    snprintf(call->target + used, sizeof(call->target) - used, "%c%s=%s",
             strchr(call->target, '?') != NULL ? '&' : '?', name, value);
    return MHD_YES;
}

static enum MHD_Result serve(struct fl_fake_gateway *gateway, struct MHD_Connection *connection,
                             const char *path, const char *method, const struct upload *upload)
{
    struct fl_fake_call call = {.connection = connection,
                                .method = method,
                                .path = path,
                                .body = fl_slice_of(upload->data, upload->size)};
    snprintf(call.target, sizeof(call.target), "%s", path);
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_query, &call);
    if (upload->size > 0)
        call.json = json_loadb((const char *)upload->data, upload->size, 0, NULL);
    pthread_mutex_lock(&gateway->mutex);
    unsigned status = 503;
    if (gateway->mode != FL_FAKE_OVERLOADED && gateway->mode != FL_FAKE_PROXY)
        status = fl_fake_gateway_serve(gateway, &call);
    bool is_proxy = gateway->mode == FL_FAKE_PROXY;
    if (gateway->mode == FL_FAKE_FORGETFUL && strcmp(method, "POST") == 0)
        status = 500;
    gateway->served_count++;
    pthread_cond_broadcast(&gateway->changed);
    pthread_mutex_unlock(&gateway->mutex);
    json_decref(call.json);
    if (status == 200 && call.answer == NULL)
        call.answer = json_object();
    if (status != 200) {
        json_decref(call.answer);
        call.answer = NULL;
    }
    return is_proxy ? answer_as_proxy(connection) : answer(connection, status, call.answer);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *data, size_t *size, void **state)
{
    (void)version;
    struct upload *upload = *state;
    if (upload == NULL) {
        *state = calloc(1, sizeof(*upload));
        return *state != NULL ? MHD_YES : MHD_NO;
    }
    if (*size > 0) {
        uint8_t *grown = realloc(upload->data, upload->size + *size);
        if (grown == NULL)
            return MHD_NO;
        memcpy(grown + upload->size, data, *size);
        upload->data = grown;
        upload->size += *size;
        *size = 0;
        return MHD_YES;
    }
    return serve(context, connection, path, method, upload);
}

static void on_end(void *context, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)connection;
    (void)code;
    struct upload *upload = *state;
    if (upload != NULL)
        free(upload->data);
    free(upload);
    *state = NULL;
}

void fl_fake_gateway_return(struct fl_fake_gateway *gateway)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(gateway->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    pthread_mutex_lock(&gateway->mutex);
    gateway->leaving = false;
    pthread_mutex_unlock(&gateway->mutex);
    gateway->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL,
        gateway->port, NULL, NULL, on_request, gateway, MHD_OPTION_SOCK_ADDR, &address,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
        MHD_OPTION_END);
    fl_assert(gateway->daemon != NULL);
    gateway->port = MHD_get_daemon_info(gateway->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    snprintf(gateway->url, sizeof(gateway->url), "http://127.0.0.1:%u", (unsigned)gateway->port);
}

void fl_fake_gateway_leave(struct fl_fake_gateway *gateway)
{
    pthread_mutex_lock(&gateway->mutex);
    gateway->leaving = true;
    pthread_cond_broadcast(&gateway->changed);
    pthread_mutex_unlock(&gateway->mutex);
    if (gateway->daemon != NULL)
        MHD_stop_daemon(gateway->daemon);
    gateway->daemon = NULL;
}

struct fl_fake_gateway *fl_fake_gateway_open(void)
{
    struct fl_fake_gateway *gateway = calloc(1, sizeof(*gateway));
    int code = sodium_init();
    fl_assert(gateway != NULL && code >= 0);
    pthread_mutex_init(&gateway->mutex, NULL);
    pthread_cond_init(&gateway->changed, NULL);
    fl_fake_gateway_return(gateway);
    return gateway;
}

void fl_fake_gateway_close(struct fl_fake_gateway **gateway_at)
{
    struct fl_fake_gateway *gateway = *gateway_at;
    if (gateway == NULL)
        return;
    fl_fake_gateway_leave(gateway);
    for (size_t i = 0; i < gateway->report_count; i++)
        free((uint8_t *)(uintptr_t)gateway->reports[i].bytes.data);
    free(gateway->reports);
    free(gateway);
    *gateway_at = NULL;
}

const char *fl_fake_gateway_url(const struct fl_fake_gateway *gateway)
{
    return gateway->url;
}
