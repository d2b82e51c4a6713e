/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/wait.h"

enum { CONNECTION_MEMORY = 32 * 1024, BACKLOG = 1024 };

struct fl_http_server {
    struct MHD_Daemon *daemon;
    fl_http_handler *handler;
    void *context;
    size_t body_size_max;
    char socket_path[108];
    unsigned port;
    int quiesced_fd; /* the listening socket once nothing is accepted any more; -1 before */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned call_count; /* handed to the handler, answer not sent yet */
    bool draining;
};

struct fl_http_request {
    struct MHD_Connection *connection;
    const char *method;
    const char *path;
    char *target;
    char *body;
    size_t size;
    bool too_large;
    bool is_counted;
};

const char *fl_http_method(const struct fl_http_request *request)
{
    return request->method;
}

const char *fl_http_path(const struct fl_http_request *request)
{
    return request->path;
}

const char *fl_http_target(const struct fl_http_request *request)
{
    return request->target;
}

const char *fl_http_header(const struct fl_http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *fl_http_query(const struct fl_http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

struct fl_slice fl_http_body(const struct fl_http_request *request)
{
    return fl_slice_of(request->body == NULL ? "" : request->body, request->size);
}

bool fl_http_peer(const struct fl_http_request *request, uid_t *user)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred peer;
    socklen_t size = sizeof(peer);
    int domain = 0;
    socklen_t domain_size = sizeof(domain);
    if (info == NULL ||
        getsockopt(info->connect_fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) != 0 ||
        domain != AF_UNIX ||
        getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return false;
    *user = peer.uid;
    return true;
}

/* An IPv4 address, also one inside IPv6. */
static bool is_loopback(const struct sockaddr *peer)
{
    if (peer->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)peer)->sin_addr.s_addr) >> 24 ==
               127;
    if (peer->sa_family != AF_INET6)
        return false;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

bool fl_http_is_local(const struct fl_http_request *request)
{
    uid_t user = 0;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (fl_http_peer(request, &user))
        return true;
    return info != NULL && info->client_addr != NULL && is_loopback(info->client_addr);
}

static enum MHD_Result send_answer(struct MHD_Connection *connection,
                                   const struct fl_http_answer *answer)
{
    char retry_after[16];
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer->body_size, answer->body, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(answer->body);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", answer->content_type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (answer->closes)
        MHD_add_response_header(response, "Connection", "close");
    if (answer->allow[0] != '\0')
        MHD_add_response_header(response, "Allow", answer->allow);
    if (answer->retry_after_s != 0) {
        snprintf(retry_after, sizeof(retry_after), "%u", answer->retry_after_s);
        MHD_add_response_header(response, "Retry-After", retry_after);
    }
    enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status,
                              const char *problem)
{
    struct fl_http_answer answer = {
        .status = status,
        .content_type = "application/problem+json",
        .body = strdup(problem),
        .retry_after_s = status == 503,
        .closes = status == 503,
    };
    answer.body_size = answer.body == NULL ? 0 : strlen(problem);
    return send_answer(connection, &answer);
}

static enum MHD_Result refuse_size(struct MHD_Connection *connection)
{
    return refuse(
        connection, 413,
        "{\"type\":\"about:blank\",\"title\":\"The request body is too large\",\"status\":413}");
}

/* False once the server is being stopped: the call is then answered 503 and may be sent to another
 * gateway, or to this one when it is back. */
static bool begin_call(struct fl_http_server *server, struct fl_http_request *request)
{
    pthread_mutex_lock(&server->lock);
    request->is_counted = !server->draining;
    server->call_count += request->is_counted;
    pthread_mutex_unlock(&server->lock);
    return request->is_counted;
}

static void end_call(struct fl_http_server *server, struct fl_http_request *request)
{
    if (!request->is_counted)
        return;
    pthread_mutex_lock(&server->lock);
    server->call_count--;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

/* What says that it is too large is refused before a byte of it is read. */
static enum MHD_Result begin(struct fl_http_server *server, struct MHD_Connection *connection)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    uint64_t size = 0;
    if (length != NULL && fl_slice_to_u64(fl_slice_text(length), &size) &&
        size > server->body_size_max)
        return refuse_size(connection);
    return MHD_YES;
}

static void take_body(struct fl_http_server *server, struct fl_http_request *request,
                      const char *data, size_t size)
{
    if (request->too_large || size > server->body_size_max - request->size) {
        request->too_large = true;
        return;
    }
    char *grown = realloc(request->body, request->size + size + 1);
    if (grown == NULL) {
        request->too_large = true;
        return;
    }
    memcpy(grown + request->size, data, size);
    request->body = grown;
    request->size += size;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_size, void **state)
{
    struct fl_http_server *server = context;
    struct fl_http_request *request = *state;
    (void)version;
    if (request == NULL || request->target == NULL)
        return MHD_NO; /* no memory for it */
    if (!request->connection) {
        request->connection = connection;
        return begin(server, connection);
    }
    if (*upload_size != 0) {
        take_body(server, request, upload_data, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    if (request->too_large)
        return refuse_size(connection);
    if (!begin_call(server, request))
        return refuse(connection, 503,
                      "{\"type\":\"about:blank\",\"title\":\"The gateway is being "
                      "stopped\",\"status\":503}");
    struct fl_http_answer answer = {.content_type = "application/json"};
    request->method = method;
    request->path = url;
    server->handler(server->context, request, &answer);
    if (answer.status == 0)
        answer.status = 500;
    return send_answer(connection, &answer);
}

/* The target as sent is seen only here, before MHD decodes it. */
static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct fl_http_request *request = calloc(1, sizeof(*request));
    (void)context;
    (void)connection;
    if (request != NULL)
        request->target = strdup(uri);
    return request;
}

static void on_end(void *context, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode code)
{
    struct fl_http_request *request = *state;
    (void)connection;
    (void)code;
    if (request == NULL)
        return;
    end_call(context, request);
    free(request->target);
    free(request->body);
    free(request);
    *state = NULL;
}

static int listen_unix(struct fl_http_server *server, const char *path, char detail[256])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        snprintf(detail, 256, "the socket path is longer than 107 bytes");
        return -1;
    }
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    snprintf(server->socket_path, sizeof(server->socket_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(path); /* left by a killed gateway; the data directory's owner is the only one who can
                     bind here */
    mode_t mask = umask(0177);
    int failed = fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
                 listen(fd, BACKLOG) != 0;
    umask(mask);
    if (!failed)
        return fd;
    snprintf(detail, 256, "%.180s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static int listen_tcp(struct fl_http_server *server, const char *text, char detail[256])
{
    char host[128];
    struct addrinfo *found = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST};
    const char *colon = strrchr(text, ':');
    int fd = -1;
    int on = 1;
    if (colon == NULL || (size_t)(colon - text) >= sizeof(host)) {
        snprintf(detail, 256, "\"%.100s\" is no address: host:port", text);
        return -1;
    }
    bool bracketed = text[0] == '[' && colon > text && colon[-1] == ']';
    snprintf(host, sizeof(host), "%.*s", (int)(colon - text - (bracketed ? 2 : 0)),
             text + (bracketed ? 1 : 0));
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        snprintf(detail, 256, "\"%.100s\" is no address: host:port, the host as a number", text);
        return -1;
    }
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        snprintf(detail, 256, "%.100s: %s", text, strerror(errno));
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    struct sockaddr_storage bound;
    socklen_t size = sizeof(bound);
    if (fd >= 0 && getsockname(fd, (struct sockaddr *)&bound, &size) == 0)
        server->port =
            ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                              : ((struct sockaddr_in *)&bound)->sin_port);
    return fd;
}

static void destroy(struct fl_http_server *server)
{
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

enum fl_error fl_http_open(const struct fl_http_options *options, fl_http_handler *handler,
                           void *context, struct fl_http_server **server, char detail[256])
{
    struct fl_http_server *opened = calloc(1, sizeof(*opened));
    if (opened == NULL)
        return FL_NO_MEMORY;
    opened->handler = handler;
    opened->context = context;
    opened->body_size_max = options->body_size_max;
    opened->quiesced_fd = -1;
    int fd = options->address[0] == '/' ? listen_unix(opened, options->address, detail)
                                        : listen_tcp(opened, options->address, detail);
    if (fd < 0) {
        free(opened);
        return FL_USAGE;
    }
    pthread_mutex_init(&opened->lock, NULL);
    fl_condition_init(&opened->changed);
    opened->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL |
            MHD_USE_ITC,
        0, NULL, NULL, on_request, opened, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_end, opened,
        MHD_OPTION_CONNECTION_LIMIT, options->connection_count_max,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, options->connection_per_address_max,
        MHD_OPTION_CONNECTION_TIMEOUT, options->idle_timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
    if (opened->daemon == NULL) {
        snprintf(detail, 256, "the HTTP server does not start");
        close(fd);
        destroy(opened);
        return FL_IO;
    }
    *server = opened;
    return FL_OK;
}

unsigned fl_http_port(const struct fl_http_server *server)
{
    return server->port;
}

void fl_http_stop_accepting(struct fl_http_server *server)
{
    if (server == NULL || server->quiesced_fd >= 0)
        return;
    if (server->socket_path[0] != '\0')
        unlink(server->socket_path);
    server->quiesced_fd = MHD_quiesce_daemon(server->daemon);
    pthread_mutex_lock(&server->lock);
    server->draining = true;
    pthread_mutex_unlock(&server->lock);
}

bool fl_http_drain(struct fl_http_server *server, int64_t deadline_ms)
{
    bool in_time = true;
    if (server == NULL)
        return true;
    fl_http_stop_accepting(server);
    pthread_mutex_lock(&server->lock);
    while (in_time && server->call_count > 0)
        in_time = fl_condition_wait_until(&server->changed, &server->lock, deadline_ms);
    in_time = server->call_count == 0;
    pthread_mutex_unlock(&server->lock);
    return in_time;
}

void fl_http_close(struct fl_http_server **server)
{
    if (*server == NULL)
        return;
    fl_http_stop_accepting(*server);
    MHD_stop_daemon((*server)->daemon);
    /* Whoever connected and was never accepted is refused now. */
    if ((*server)->quiesced_fd >= 0)
        close((*server)->quiesced_fd);
    destroy(*server);
    *server = NULL;
}
