/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The head of a request (first line and fields): refused before anybody acts on it if it could be
 * read in two ways, or is too long.
 *
 * Between a client and this server there may be a proxy. Where the two disagree about where a
 * request ends, somebody's bytes become another's request. libmicrohttpd 0.9.75 is lenient, also
 * when told to be strict for clients: it takes a blank before a field's colon, a bare LF or CR,
 * cuts values at a NUL, and puts a folded line behind the field's *name*. So what it has read is
 * held against how long the head was: a difference is a byte that was read otherwise than it was
 * sent. That asks for the form that every common client and proxy sends: "Name: value", one blank,
 * CRLF.
 *
 * A body's length is told by Content-Length alone. Chunks are refused (411): libmicrohttpd takes
 * them with bare LF and extensions, which proxies read in different ways.
 *
 * Deliberately not here: what libmicrohttpd refuses by itself (a head beyond its buffer, no HTTP),
 * with a short page that its interface does not let us write.
 *
 * Threading: none; pure but for reading the connection. Allocation: none.
 * Limits: FL_HTTP_TARGET_SIZE_MAX, FL_HTTP_HEAD_SIZE_MAX.
 * Sources: RFC 9112 sections 2.2, 5.1, 6.1 to 6.3; RFC 9110 sections 5.5, 15.5.12; RFC 6585.
 */
#include <microhttpd.h>
#include <stddef.h>

enum {
    FL_HTTP_TARGET_SIZE_MAX =
        8000, /* longer: 414; RFC 9110 section 4.1 recommends to take so much */
    FL_HTTP_HEAD_SIZE_MAX = 16 * 1024 /* longer: 431 */
};

struct fl_http_head {
    const char *method;
    const char *target; /* as sent */
    const char *version;
};

struct fl_http_refusal {
    unsigned status;
    const char *problem; /* JSON */
};

/* Why the head is refused, with the connection, because nobody knows where its next request begins;
 * NULL if it is not. Static. */
const struct fl_http_refusal *fl_http_head_refusal(struct MHD_Connection *connection,
                                                   const struct fl_http_head *head);
