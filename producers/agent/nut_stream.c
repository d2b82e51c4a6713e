/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/agent/nut_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/assert.h"

enum { READ_SIZE = 4096, READ_COUNT_MAX = 64 };

void fl_nut_stream_init(struct fl_nut_stream *stream)
{
    *stream = (struct fl_nut_stream){.state = FL_NUT_CLOSED, .fd = -1};
    fl_nut_lines_init(&stream->lines);
}

void fl_nut_stream_close(struct fl_nut_stream *stream)
{
    SSL_free(stream->tls);
    SSL_CTX_free(stream->tls_context);
    if (stream->fd >= 0)
        close(stream->fd);
    stream->tls = stream->tls_context = NULL;
    stream->fd = -1;
    stream->state = FL_NUT_CLOSED;
    stream->encrypted = false;
    stream->events = 0;
    stream->out_size = stream->out_sent = 0;
    fl_nut_lines_init(&stream->lines);
}

static enum fl_error gone(struct fl_nut_stream *stream, const char *why)
{
    snprintf(stream->detail, sizeof(stream->detail), "%s", why);
    fl_nut_stream_close(stream);
    return FL_UNAVAILABLE;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static void set_option(const struct fl_nut_stream *stream, int option)
{
    int on = 1;
    /* Costs time only, never correctness, when the kernel will not have it. */
    (void)setsockopt(stream->fd, IPPROTO_TCP, option, &on, sizeof(on));
}

static unsigned count_of(const struct addrinfo *found)
{
    unsigned count = 0;
    for (; found != NULL; found = found->ai_next)
        count++;
    return count;
}

struct fl_nut_lookup {
    struct gaicb request;
    struct addrinfo hints;
    char host[NI_MAXHOST];
    char service[NI_MAXSERV];
};

static void drop_lookup(struct fl_nut_stream *stream)
{
    if (stream->lookup != NULL && stream->lookup->request.ar_result != NULL)
        freeaddrinfo(stream->lookup->request.ar_result);
    free(stream->lookup);
    stream->lookup = NULL;
}

static enum fl_error begin_lookup(struct fl_nut_stream *stream, const char *host,
                                  const char *service)
{
    struct fl_nut_lookup *lookup = calloc(1, sizeof(*lookup));
    if (lookup == NULL)
        return gone(stream, "no memory");
    lookup->hints = (struct addrinfo){.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    snprintf(lookup->host, sizeof(lookup->host), "%s", host);
    snprintf(lookup->service, sizeof(lookup->service), "%s", service);
    lookup->request = (struct gaicb){
        .ar_name = lookup->host, .ar_service = lookup->service, .ar_request = &lookup->hints};
    struct gaicb *list[1] = {&lookup->request};
    stream->lookup = lookup;
    int code = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
    if (code == 0)
        return FL_OK;
    drop_lookup(stream);
    return gone(stream, gai_strerror(code));
}

/* Begins to connect to one of the addresses. */
static enum fl_error begin_connect(struct fl_nut_stream *stream, const struct addrinfo *found)
{
    int failure = 0;
    unsigned count = count_of(found);
    if (count == 0)
        return gone(stream, "the name has no address");
    const struct addrinfo *at = found;
    /* A refusal may come later only: the next try begins with another address. */
    for (unsigned skip = stream->open_count++ % count; skip > 0; skip--)
        at = at->ai_next;
    for (; at != NULL && stream->fd < 0; at = at->ai_next) {
        stream->fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (stream->fd >= 0 && connect(stream->fd, at->ai_addr, at->ai_addrlen) != 0 &&
            errno != EINPROGRESS) {
            failure = errno;
            close(stream->fd);
            stream->fd = -1;
        }
        stream->loopback = is_loopback(at->ai_addr);
    }
    if (stream->fd < 0)
        return gone(stream, strerror(failure != 0 ? failure : EMFILE));
    set_option(stream, TCP_NODELAY);
    stream->state = FL_NUT_CONNECTING;
    stream->events = POLLOUT;
    return FL_OK;
}

enum fl_error fl_nut_stream_open(struct fl_nut_stream *stream, const char *host,
                                 const char *service)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    fl_assert(stream->state == FL_NUT_CLOSED);
    if (getaddrinfo(host, service, &hints, &found) == 0) {
        enum fl_error error = begin_connect(stream, found);
        freeaddrinfo(found);
        return error;
    }
    stream->state = FL_NUT_RESOLVING;
    return stream->lookup != NULL ? FL_OK : begin_lookup(stream, host, service);
}

static enum fl_error finish_lookup(struct fl_nut_stream *stream)
{
    int code = gai_error(&stream->lookup->request);
    if (code == EAI_INPROGRESS)
        return FL_OK;
    enum fl_error error = code == 0 ? begin_connect(stream, stream->lookup->request.ar_result)
                                    : gone(stream, gai_strerror(code));
    drop_lookup(stream);
    return error;
}

void fl_nut_stream_fini(struct fl_nut_stream *stream)
{
    fl_nut_stream_close(stream);
    if (stream->lookup == NULL)
        return;
    const struct gaicb *list[1] = {&stream->lookup->request};
    if (gai_cancel(&stream->lookup->request) == EAI_NOTCANCELED)
        while (gai_error(&stream->lookup->request) == EAI_INPROGRESS)
            (void)gai_suspend(list, 1, NULL);
    drop_lookup(stream);
}

void fl_nut_stream_send(struct fl_nut_stream *stream, const struct fl_nut_request *request)
{
    fl_assert(stream->out_size == 0 && request->error == FL_OK);
    memcpy(stream->out, request->text, request->size);
    stream->out_size = request->size;
    stream->out_sent = 0;
    stream->events |= POLLOUT;
}

static bool check_host(SSL *tls, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(tls);
    unsigned char address[16];
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
           SSL_set_tlsext_host_name(tls, host) == 1;
}

enum fl_error fl_nut_stream_start_tls(struct fl_nut_stream *stream, const char *host,
                                      const char *ca_path)
{
    fl_assert(stream->state == FL_NUT_OPEN && stream->tls == NULL);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    stream->tls_context = context;
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1)
        return FL_NO_MEMORY;
    SSL_CTX_set_verify(context, ca_path != NULL ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (ca_path != NULL && SSL_CTX_load_verify_locations(context, ca_path, NULL) != 1)
        return FL_USAGE;
    stream->tls = SSL_new(context);
    if (stream->tls == NULL || SSL_set_fd(stream->tls, stream->fd) != 1 ||
        (ca_path != NULL && !check_host(stream->tls, host)))
        return FL_NO_MEMORY;
    SSL_set_connect_state(stream->tls);
    stream->state = FL_NUT_HANDSHAKE;
    stream->events = POLLIN | POLLOUT;
    return FL_OK;
}

static enum fl_error finish_connect(struct fl_nut_stream *stream)
{
    struct pollfd fd = {.fd = stream->fd, .events = POLLOUT};
    int failure = 0;
    socklen_t size = sizeof(failure);
    if (poll(&fd, 1, 0) == 0)
        return FL_OK;
    if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0 || failure != 0)
        return gone(stream, strerror(failure != 0 ? failure : errno));
    stream->state = FL_NUT_OPEN;
    stream->events = POLLIN;
    return FL_OK;
}

/* What a TLS call that did not go through waits for. */
static enum fl_error tls_wait(struct fl_nut_stream *stream, int result)
{
    switch (SSL_get_error(stream->tls, result)) {
    case SSL_ERROR_WANT_READ:
        stream->events = POLLIN;
        return FL_OK;
    case SSL_ERROR_WANT_WRITE:
        stream->events = POLLIN | POLLOUT;
        return FL_OK;
    case SSL_ERROR_ZERO_RETURN:
        return gone(stream, "upsd has closed the connection");
    default: {
        char text[100] = "TLS: the connection was broken off";
        unsigned long code = ERR_get_error();
        if (code != 0)
            ERR_error_string_n(code, text, sizeof(text));
        return gone(stream, text);
    }
    }
}

static enum fl_error shake_hands(struct fl_nut_stream *stream)
{
    ERR_clear_error();
    int result = SSL_do_handshake(stream->tls);
    if (result != 1)
        return tls_wait(stream, result);
    stream->state = FL_NUT_OPEN;
    stream->encrypted = true;
    stream->events = POLLIN;
    return FL_OK;
}

static enum fl_error write_out(struct fl_nut_stream *stream)
{
    while (stream->out_sent < stream->out_size) {
        const char *data = stream->out + stream->out_sent;
        size_t size = stream->out_size - stream->out_sent;
        ssize_t written;
        if (stream->tls != NULL) {
            ERR_clear_error();
            written = SSL_write(stream->tls, data, (int)size);
            if (written <= 0)
                return tls_wait(stream, (int)written);
        } else {
            written = send(stream->fd, data, size, MSG_NOSIGNAL);
            if (written < 0 && (errno == EAGAIN || errno == EINTR)) {
                stream->events = POLLIN | POLLOUT;
                return FL_OK;
            }
            if (written < 0)
                return gone(stream, strerror(errno));
        }
        stream->out_sent += (size_t)written;
    }
    stream->out_size = stream->out_sent = 0;
    stream->events = POLLIN;
    return FL_OK;
}

/* Reads once. *size 0: nothing there now. */
static enum fl_error read_some(struct fl_nut_stream *stream, uint8_t *buffer, size_t *size)
{
    ssize_t got;
    *size = 0;
    set_option(stream, TCP_QUICKACK);
    if (stream->tls != NULL) {
        ERR_clear_error();
        got = SSL_read(stream->tls, buffer, READ_SIZE);
        if (got <= 0)
            return tls_wait(stream, (int)got);
    } else {
        got = recv(stream->fd, buffer, READ_SIZE, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return FL_OK;
        if (got <= 0)
            return gone(stream, got == 0 ? "upsd has closed the connection" : strerror(errno));
    }
    set_option(stream, TCP_QUICKACK);
    *size = (size_t)got;
    return FL_OK;
}

enum fl_error fl_nut_stream_step(struct fl_nut_stream *stream, fl_nut_on_line *on_line,
                                 void *context)
{
    uint8_t buffer[READ_SIZE];
    enum fl_error error = FL_OK;
    if (stream->state == FL_NUT_RESOLVING)
        error = finish_lookup(stream);
    if (error == FL_OK && stream->state == FL_NUT_CONNECTING)
        error = finish_connect(stream);
    if (error == FL_OK && stream->state == FL_NUT_HANDSHAKE)
        error = shake_hands(stream);
    if (error == FL_OK && stream->state == FL_NUT_OPEN)
        error = write_out(stream);
    /* Bounded, so that a peer that never stops sending does not hold up the others. */
    for (unsigned count = 0;
         error == FL_OK && stream->state == FL_NUT_OPEN && count < READ_COUNT_MAX; count++) {
        size_t size;
        error = read_some(stream, buffer, &size);
        if (error != FL_OK || size == 0)
            return error;
        struct fl_slice input = fl_slice_of(buffer, size);
        struct fl_slice line;
        while (fl_nut_lines_next(&stream->lines, &input, &line))
            if (!on_line(context, line))
                return FL_OK;
        if (stream->state == FL_NUT_OPEN)
            error = write_out(stream);
    }
    if (error == FL_OK && stream->state == FL_NUT_OPEN)
        stream->events |= POLLOUT; /* there may be more: come back at once */
    return error;
}
