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
#include "producers/gateway/http_head.h"
#include "producers/gateway/http_watch.h"

enum {
    CONNECTION_MEMORY = 32 * 1024,
    BACKLOG = 1024,
    SEND_MS = 60 * 1000, /* a whole answer is taken by then */
    STREAM_BLOCK_SIZE = 16 * 1024
};

struct fl_http_server {
    struct MHD_Daemon *daemon;
    fl_http_handler *handler;
    void *context;
    size_t body_size_max;
    int64_t receive_ms; /* 0: no limit */
    int64_t idle_ms;
    const struct fl_http_field *fields; /* of every answer; may be NULL */
    struct fl_http_watch *watch;
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
    struct fl_http_stream stream; /* to be ended with the request */
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

void fl_http_peer_address(const struct fl_http_request *request, char out[FL_HTTP_ADDRESS_SIZE])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *peer = info == NULL ? NULL : info->client_addr;
    out[0] = '\0';
    if (peer == NULL)
        return;
    if (peer->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, out,
                  FL_HTTP_ADDRESS_SIZE);
    else if (peer->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, out,
                  FL_HTTP_ADDRESS_SIZE);
}

void fl_http_add_field(struct fl_http_answer *answer, const char *name, const char *value)
{
    size_t name_size = strlen(name) + 1;
    size_t value_size = strlen(value) + 1;
    fl_assert(name_size + value_size <= FL_HTTP_FIELDS_SIZE - answer->fields_size);
    for (const char *c = value; *c != '\0'; c++)
        fl_assert((unsigned char)*c >= ' ' && (unsigned char)*c < 127);
    memcpy(answer->fields + answer->fields_size, name, name_size);
    memcpy(answer->fields + answer->fields_size + name_size, value, value_size);
    answer->fields_size += name_size + value_size;
}

/* The connection's place among those that are watched; NULL: none. */
static struct fl_http_watched *watched(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

static ssize_t send_more(void *context, uint64_t position, char *out, size_t size)
{
    struct fl_http_request *request = context;
    (void)position;
    size_t count = request->stream.next(request->stream.context, out, size);
    return count == 0 ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)count;
}

static struct MHD_Response *make_response(struct fl_http_request *request,
                                          const struct fl_http_answer *answer)
{
    struct MHD_Response *response;
    if (answer->has_file)
        return MHD_create_response_from_fd_at_offset64(answer->file_size, answer->file,
                                                       answer->file_offset);
    if (request == NULL || answer->stream.next == NULL) {
        response =
            MHD_create_response_from_buffer(answer->body_size, answer->body, MHD_RESPMEM_MUST_FREE);
        if (response == NULL)
            free(answer->body);
        return response;
    }
    request->stream = answer->stream;
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_SIZE, send_more,
                                             request, NULL);
}

/* An answer's own field stands for the server's. */
static bool has_field(const struct fl_http_answer *answer, const char *name)
{
    for (size_t at = 0; at < answer->fields_size;) {
        const char *own = answer->fields + at;
        if (strcmp(own, name) == 0)
            return true;
        at += strlen(own) + 1;
        at += strlen(answer->fields + at) + 1;
    }
    return false;
}

/* request may be NULL where there is no stream. */
static enum MHD_Result send_answer(const struct fl_http_server *server,
                                   struct MHD_Connection *connection,
                                   struct fl_http_request *request,
                                   const struct fl_http_answer *answer)
{
    char retry_after[16];
    struct MHD_Response *response = make_response(request, answer);
    if (response == NULL && answer->has_file)
        close(answer->file);
    if (response == NULL)
        return MHD_NO;
    /* A stream or file ends when nothing can be sent for the idle time. */
    bool is_long = answer->stream.next != NULL || answer->has_file;
    fl_http_watch_set(server->watch, watched(connection), is_long ? 0 : SEND_MS);
    MHD_add_response_header(response, "Content-Type", answer->content_type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    for (const struct fl_http_field *f = server->fields; f != NULL && f->name != NULL; f++)
        if (!has_field(answer, f->name))
            MHD_add_response_header(response, f->name, f->value);
    for (size_t at = 0; at < answer->fields_size;) {
        const char *name = answer->fields + at;
        const char *value = name + strlen(name) + 1;
        MHD_add_response_header(response, name, value);
        at += strlen(name) + strlen(value) + 2;
    }
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

static enum MHD_Result refuse(const struct fl_http_server *server,
                              struct MHD_Connection *connection, unsigned status,
                              const char *problem)
{
    struct fl_http_answer answer = {
        .status = status,
        .content_type = "application/problem+json",
        .body = strdup(problem),
        .retry_after_s = status == 503,
        .closes = status != 413,
    };
    answer.body_size = answer.body == NULL ? 0 : strlen(problem);
    return send_answer(server, connection, NULL, &answer);
}

static enum MHD_Result refuse_size(const struct fl_http_server *server,
                                   struct MHD_Connection *connection)
{
    return refuse(
        server, connection, 413,
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
static enum MHD_Result begin(struct fl_http_server *server, struct MHD_Connection *connection,
                             const struct fl_http_head *head)
{
    const struct fl_http_refusal *refusal = fl_http_head_refusal(connection, head);
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    uint64_t size = 0;
    if (refusal != NULL)
        return refuse(server, connection, refusal->status, refusal->problem);
    if (length != NULL && fl_slice_to_u64(fl_slice_text(length), &size) &&
        size > server->body_size_max)
        return refuse_size(server, connection);
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
    if (request == NULL || request->target == NULL)
        return MHD_NO; /* no memory for it */
    if (!request->connection) {
        request->connection = connection;
        return begin(server, connection,
                     &(struct fl_http_head){
                         .method = method, .target = request->target, .version = version});
    }
    if (*upload_size != 0) {
        take_body(server, request, upload_data, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    /* From here on the call takes the time that it takes. */
    fl_http_watch_set(server->watch, watched(connection), 0);
    if (request->too_large)
        return refuse_size(server, connection);
    if (!begin_call(server, request))
        return refuse(server, connection, 503,
                      "{\"type\":\"about:blank\",\"title\":\"The gateway is being "
                      "stopped\",\"status\":503}");
    struct fl_http_answer answer = {.content_type = "application/json"};
    request->method = method;
    request->path = url;
    server->handler(server->context, request, &answer);
    if (answer.status == 0)
        answer.status = 500;
    return send_answer(server, connection, request, &answer);
}

/* The target as sent is seen only here, before MHD decodes it. */
static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    const struct fl_http_server *server = context;
    struct fl_http_request *request = calloc(1, sizeof(*request));
    fl_http_watch_set(server->watch, watched(connection), server->receive_ms);
    if (request != NULL)
        request->target = strdup(uri);
    return request;
}

static void on_end(void *context, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode code)
{
    struct fl_http_server *server = context;
    struct fl_http_request *request = *state;
    (void)code;
    /* The next request's first line may take as long as an idle connection may last. */
    fl_http_watch_set(server->watch, watched(connection),
                      server->receive_ms == 0 ? 0 : server->idle_ms + server->receive_ms);
    if (request == NULL)
        return;
    if (request->stream.end != NULL)
        request->stream.end(request->stream.context);
    end_call(server, request);
    free(request->target);
    free(request->body);
    free(request);
    *state = NULL;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct fl_http_server *server = context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        fl_http_watch_remove(server->watch, *socket_context);
        *socket_context = NULL;
    } else if (info != NULL) {
        *socket_context = fl_http_watch_add(server->watch, info->connect_fd);
        fl_http_watch_set(server->watch, *socket_context, server->receive_ms);
    }
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
    fl_http_watch_close(&server->watch);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

static struct MHD_Daemon *start_daemon(const struct fl_http_options *options,
                                       struct fl_http_server *server, int fd)
{
    return MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL |
            MHD_USE_ITC,
        0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, server, MHD_OPTION_NOTIFY_COMPLETED, on_end, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_CONNECTION_LIMIT,
        options->connection_count_max, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        options->connection_per_address_max, MHD_OPTION_CONNECTION_TIMEOUT, options->idle_timeout_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
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
    opened->receive_ms = 1000 * (int64_t)options->receive_timeout_s;
    opened->idle_ms = 1000 * (int64_t)options->idle_timeout_s;
    opened->fields = options->fields;
    opened->quiesced_fd = -1;
    int fd = options->address[0] == '/' ? listen_unix(opened, options->address, detail)
                                        : listen_tcp(opened, options->address, detail);
    if (fd < 0) {
        free(opened);
        return FL_USAGE;
    }
    pthread_mutex_init(&opened->lock, NULL);
    fl_condition_init(&opened->changed);
    enum fl_error error = fl_http_watch_open(&opened->watch);
    if (error == FL_OK)
        opened->daemon = start_daemon(options, opened, fd);
    if (opened->daemon == NULL) {
        snprintf(detail, 256, "the HTTP server does not start");
        close(fd);
        destroy(opened);
        return error != FL_OK ? error : FL_IO;
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
