/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One conversation with an upsd (RFC 9271): one request at a time, and what its answer says.
 *
 * Knows no socket and no clock, so that tests and the fuzzer feed it lines. Every request is
 * optional for the peer: an ERR answers it like any other. A line that fits nothing is counted and
 * dropped; a peer that sends too many of them is broken and its connection is to be closed.
 *
 * Invariants: 1. at most one request is open. 2. an answer names the request that it answers.
 * Threading: one thread. Allocation: the list, kept over answers.
 * Limits: FL_NUT_JUNK_MAX useless lines per answer; a list's rows past its limits are dropped and
 * counted.
 */
#include "producers/agent/nut_line.h"
#include "producers/agent/nut_list.h"

enum { FL_NUT_JUNK_MAX = 64, FL_NUT_TEXT_SIZE = 128 };

enum fl_nut_ask {
    FL_NUT_NOTHING,
    FL_NUT_VERSION,  /* VER */
    FL_NUT_PROTOCOL, /* PROTVER */
    FL_NUT_STARTTLS,
    FL_NUT_USERNAME,
    FL_NUT_PASSWORD,
    FL_NUT_TRACKING_ON, /* SET TRACKING ON */
    FL_NUT_LIST_UPS,    /* names and descriptions */
    FL_NUT_LIST_VAR,    /* names and values of one UPS */
    FL_NUT_LIST_RW,
    FL_NUT_LIST_CMD, /* names; values are empty */
    FL_NUT_COMMAND,  /* INSTCMD or SET VAR */
    FL_NUT_TRACKING, /* GET TRACKING id */
};

enum fl_nut_result {
    FL_NUT_DONE,    /* OK, SUCCESS, or a list */
    FL_NUT_PENDING, /* of FL_NUT_TRACKING */
    FL_NUT_REFUSED, /* ERR; `text` is its word */
};

struct fl_nut_answer {
    enum fl_nut_ask ask;
    enum fl_nut_result result;
    char text[FL_NUT_TEXT_SIZE];     /* version, ERR's word; empty: none that is text */
    char tracking[FL_NUT_TEXT_SIZE]; /* of FL_NUT_COMMAND: id to ask for; empty: none */
    unsigned dropped_count;          /* rows and lines that fitted nothing or no limit */
};

struct fl_nut_session {
    enum fl_nut_ask ask;
    struct fl_slice ups; /* the caller's; NULL data: the request names none */
    bool listing;        /* BEGIN was seen */
    unsigned junk_count;
    unsigned dropped_count;  /* junk, and rows over a limit */
    struct fl_nut_list list; /* sealed when a list is answered; valid until the next request */
    struct fl_nut_answer answer;
    struct fl_nut_words words;
};

void fl_nut_session_init(struct fl_nut_session *session);
void fl_nut_session_fini(struct fl_nut_session *session);

/* Forgets the open request: the connection is gone. */
void fl_nut_session_reset(struct fl_nut_session *session);

/* Writes the line of a request that needs at most one word (`argument`: UPS, user, password,
 * tracking id; NULL: none) and opens it. `argument` must live until the answer. FL_INVALID,
 * FL_TOO_LARGE: no request is open. */
enum fl_error fl_nut_session_ask(struct fl_nut_session *session, enum fl_nut_ask ask,
                                 struct fl_slice argument,
                                 struct fl_nut_request *request) FL_MUST_USE;

/* Opens FL_NUT_COMMAND for a line that the caller has built. */
void fl_nut_session_ask_command(struct fl_nut_session *session);

enum fl_nut_progress { FL_NUT_MORE, FL_NUT_ANSWERED, FL_NUT_BROKEN };

/* Takes a line from the peer (NULL data: one over the limit). FL_NUT_ANSWERED: session->answer is
 * whole and no request is open. */
enum fl_nut_progress fl_nut_session_line(struct fl_nut_session *session, struct fl_slice line);
