/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Handing mails to the one mail server that is configured, by SMTP (libcurl): one after the other
 * over a connection that is kept.
 *
 * What a refusal means is told by the command that was refused: RCPT and the end of DATA are about
 * this mail (4xx: later, 5xx: never); anything before them (no connection, greeting, TLS, sign-in,
 * sender) is about the server or our settings, and no mail goes out for now. It never tries again
 * by itself and logs no address.
 *
 * Threading: one thread. Allocation: open; libcurl's per mail. Limits: the times below.
 */
#include "core/config.h"
#include "core/error.h"
#include "core/slice.h"

enum {
    FL_SMTP_CONNECT_MS_MAX = 20000,
    FL_SMTP_MAIL_MS_MAX = 120000,
    FL_SMTP_REPLY_SIZE = 32,
    FL_SMTP_DETAIL_SIZE = 256,
};

enum fl_smtp_outcome {
    FL_SMTP_SENT,
    FL_SMTP_LATER,       /* this mail, not now */
    FL_SMTP_REFUSED,     /* this mail, never */
    FL_SMTP_UNREACHABLE, /* no mail at present */
    FL_SMTP_STOPPED,     /* asked to stop meanwhile */
};

struct fl_smtp_result {
    enum fl_smtp_outcome outcome;
    char reply[FL_SMTP_REPLY_SIZE];   /* "550 5.1.1": codes only, texts may hold addresses */
    char detail[FL_SMTP_DETAIL_SIZE]; /* for people, of UNREACHABLE */
};

struct fl_smtp;

/* Checks the settings of [mail]; FL_USAGE with a sentence, FL_NOT_FOUND: no server is configured.
 */
enum fl_error fl_smtp_check(const struct fl_config *config,
                            char detail[FL_CONFIG_DETAIL_SIZE]) FL_MUST_USE;

/* Reads the password file. Errors as fl_smtp_check; opens no connection yet. */
enum fl_error fl_smtp_open(const struct fl_config *config, char detail[FL_CONFIG_DETAIL_SIZE],
                           struct fl_smtp **smtp) FL_MUST_USE;
void fl_smtp_close(struct fl_smtp **smtp);

/* Hands one mail over. `alive` is called about once a second while it lasts; true ends the attempt.
 */
void fl_smtp_send(struct fl_smtp *smtp, const char *to, struct fl_slice bytes,
                  bool (*alive)(void *context), void *context, struct fl_smtp_result *result);
