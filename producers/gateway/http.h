/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A small HTTP server over libmicrohttpd: requests in, whole answers out; nothing of MHD shows
 * outside http*.c.
 *
 * One thread per connection, because a handler may wait for the outcome of an action or for a
 * command to come. TLS and HTTP/2 are a reverse proxy's work. Bodies are bounded before they are
 * read; a sender that pauses is cut off by the idle time-out, one that drips by the deadline for a
 * whole request (http_watch.h). What could be read in two ways is refused (http_head.h).
 *
 * Threading: handlers run on connection threads; answers and requests belong to one call.
 * Allocation: body and answer are freed after the call. Limits: those of struct fl_http_options;
 * those of http_head.h; FL_HTTP_FIELDS_SIZE for an answer's own header fields.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"
#include "core/slice.h"

struct fl_http_server;
struct fl_http_request;

enum { FL_HTTP_FIELDS_SIZE = 1024, FL_HTTP_ADDRESS_SIZE = 46 };

struct fl_http_field {
    const char *name;
    const char *value;
};

struct fl_http_options {
    const char
        *address; /* "127.0.0.1:7700", or an absolute path: a Unix socket, made with mode 0600 */
    size_t body_size_max; /* larger: 413 */
    unsigned connection_count_max;
    unsigned connection_per_address_max; /* 0: no limit */
    unsigned idle_timeout_s;
    unsigned receive_timeout_s; /* from a request's first line to its last byte; 0: no limit */
    const struct fl_http_field *fields; /* go with every answer, up to name NULL; static or NULL */
};

/* An answer whose end is not known yet. */
struct fl_http_stream {
    /* Waits for something to send and puts up to `size` bytes; 0: the answer ends here. */
    size_t (*next)(void *context, char *out, size_t size);
    void (*end)(void *context); /* called once, whatever happened */
    void *context;
};

struct fl_http_answer {
    unsigned status;          /* 0 when the handler did not answer: 500 */
    const char *content_type; /* static */
    char *body;               /* malloc'ed, freed by the server; may be NULL */
    size_t body_size;
    char allow[64];                   /* for 405; "": none */
    unsigned retry_after_s;           /* 0: none */
    bool closes;                      /* the connection ends with this answer */
    char fields[FL_HTTP_FIELDS_SIZE]; /* fl_http_add_field */
    size_t fields_size;
    struct fl_http_stream stream; /* instead of a body, if it has `next` */
    bool has_file;                /* instead of both: file_size bytes of it from file_offset */
    int file;                     /* closed by the server */
    uint64_t file_offset;
    uint64_t file_size;
};

/* One more header field of the answer. The values are the program's own: one with a control
 * character, or too many of them, is an assertion. */
void fl_http_add_field(struct fl_http_answer *answer, const char *name, const char *value);

/* Called once per complete request. */
typedef void fl_http_handler(void *context, const struct fl_http_request *request,
                             struct fl_http_answer *answer);

/* FL_USAGE: no such address; FL_EXISTS: the port is taken; `detail` (256 bytes) says why. */
enum fl_error fl_http_open(const struct fl_http_options *options, fl_http_handler *handler,
                           void *context, struct fl_http_server **server,
                           char detail[256]) FL_MUST_USE;

/* Accepts no connection from now on; requests on open ones are answered 503. Tolerates NULL. */
void fl_http_stop_accepting(struct fl_http_server *server);

/* The same, then waits until every call under way has its answer sent, at most until deadline_ms
 * (monotonic); false after it. Whoever waits inside a handler must have been woken. */
bool fl_http_drain(struct fl_http_server *server, int64_t deadline_ms);

/* Ends what is still open. Drain first: this cuts off calls under way. */
void fl_http_close(struct fl_http_server **server);

/* The port that was taken (options may say 0); 0 for a Unix socket. */
unsigned fl_http_port(const struct fl_http_server *server);

const char *fl_http_method(const struct fl_http_request *request);

/* Path without query, percent-decoded; it never holds a NUL. */
const char *fl_http_path(const struct fl_http_request *request);

/* Path with query as sent: what agents sign. */
const char *fl_http_target(const struct fl_http_request *request);

/* NULL if absent. */
const char *fl_http_header(const struct fl_http_request *request, const char *name);
const char *fl_http_query(const struct fl_http_request *request, const char *name);
struct fl_slice fl_http_body(const struct fl_http_request *request);

/* User of the process at the other end of a Unix socket; false on TCP. */
bool fl_http_peer(const struct fl_http_request *request, uid_t *user);

/* The address of the peer as a number; "" on a Unix socket. */
void fl_http_peer_address(const struct fl_http_request *request, char out[FL_HTTP_ADDRESS_SIZE]);

/* True for a peer on this machine: the Unix socket or a loopback address. */
bool fl_http_is_local(const struct fl_http_request *request);
