/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A non-blocking connection to an upsd that yields lines, in plain or, after STARTTLS, over TLS.
 *
 * upsd writes a list row by row, so that Nagle's algorithm and delayed acknowledgements cost 40 ms
 * per list: TCP_QUICKACK is set before and after each read. Names are resolved in the background
 * (glibc's getaddrinfo_a), so that a name server that does not answer holds up this upsd alone.
 *
 * Threading: one thread. Allocation: OpenSSL's own.
 * Limits: what is sent waits in a buffer of one request (one request is open at a time).
 */
#include "producers/agent/nut_line.h"

enum fl_nut_stream_state {
    FL_NUT_CLOSED,
    FL_NUT_RESOLVING, /* no descriptor yet: step again after a moment */
    FL_NUT_CONNECTING,
    FL_NUT_OPEN,
    FL_NUT_HANDSHAKE,
};

struct fl_nut_lookup;

struct fl_nut_stream {
    enum fl_nut_stream_state state;
    int fd;
    bool loopback; /* the peer is this machine */
    bool encrypted;
    short events; /* what poll is to wait for */
    void *tls;    /* SSL */
    void *tls_context;
    char out[FL_NUT_LINE_SIZE_MAX + 1];
    size_t out_size;
    size_t out_sent;
    unsigned open_count;
    struct fl_nut_lookup *lookup; /* of a name; may outlive a close */
    struct fl_nut_lines lines;
    char detail[128]; /* why it was closed */
};

void fl_nut_stream_init(struct fl_nut_stream *stream);

/* Begins to connect. FL_UNAVAILABLE: no such host, or refused at once. */
enum fl_error fl_nut_stream_open(struct fl_nut_stream *stream, const char *host,
                                 const char *service) FL_MUST_USE;
void fl_nut_stream_close(struct fl_nut_stream *stream);

/* Closes for good: waits for a look-up that cannot be broken off. */
void fl_nut_stream_fini(struct fl_nut_stream *stream);

/* Queues a line; nothing else may be waiting (asserted). */
void fl_nut_stream_send(struct fl_nut_stream *stream, const struct fl_nut_request *request);

/* After upsd has agreed to STARTTLS. `ca_path`: certificates to trust, and the peer's is then
 * checked for `host`; NULL: any. FL_USAGE: the file cannot be read. */
enum fl_error fl_nut_stream_start_tls(struct fl_nut_stream *stream, const char *host,
                                      const char *ca_path) FL_MUST_USE;

/* Takes each line; false: stop, the stream may have been closed. */
typedef bool fl_nut_on_line(void *context, struct fl_slice line);

/* Connects, shakes hands, writes and reads as far as it goes without waiting. FL_UNAVAILABLE: the
 * connection is gone (`detail`), and closed. */
enum fl_error fl_nut_stream_step(struct fl_nut_stream *stream, fl_nut_on_line *on_line,
                                 void *context) FL_MUST_USE;
