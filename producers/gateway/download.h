/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Answering with a file: a name for whoever saves it, an ETag, and the part of it that was asked
 * for (RFC 9110, section 14: one range of bytes; what cannot be understood gets the whole file).
 *
 * Threading: a call's thread. Allocation: one block while the file is hashed.
 */
#include "producers/gateway/gateway_internal.h"
#include "projections/reports/render.h"

enum { FL_DOWNLOAD_NAME_SIZE = 96 };

struct fl_download {
    const char *name;       /* of the program's own making: letters, digits, dashes and dots */
    const char *media_type; /* static */
    uint64_t sequence;      /* of the last event that it rests on */
};

struct fl_range {
    uint64_t first;
    uint64_t count; /* 0: nothing of it is in the file */
};

/* False: the header means nothing here. */
bool fl_range_parse(const char *header, uint64_t size, struct fl_range *range);

/* A few documents are made at once: false after answering 503, else fl_call_end_report follows. */
bool fl_call_begin_report(struct call *call);
void fl_call_end_report(struct call *call);

/* Renders into a file of the directory that has no name, and sends it under `name`. */
void fl_call_send_document(struct call *call, struct fl_document *document,
                           enum fl_document_format format, size_t chart, const char *directory,
                           const char *name);

/* Takes the descriptor. */
void fl_call_download(struct call *call, int take_fd, const struct fl_download *download);
