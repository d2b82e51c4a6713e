/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the mailer's process share; nobody else includes it. */
#include "consumers/mailer/backoff.h"
#include "consumers/mailer/compose.h"
#include "consumers/mailer/smtp.h"
#include "core/arena.h"
#include "core/duty.h"
#include "projections/store/store_reader.h"

enum {
    MAILER_ARENA_SIZE = 32 * 1024 * 1024, /* mails of a round */
    MAILER_MAIL_COUNT_MAX = 32,           /* of a round */
    MAILER_CLOSED_COUNT_MAX = 500,        /* alerts of one action */
    MAILER_LOOK_COUNT_MAX = 2000,         /* rows that wait and are passed over in a round */
    MAILER_LOOK_MS = 1000,                /* how often time alone is looked at */
    MAILER_UNREACHABLE_MS_MIN = 2000,
    MAILER_UNREACHABLE_MS_MAX = 5 * 60 * 1000,
};

/* How long a mail is tried for, from its cause on: then it has failed. */
#define MAILER_TRY_MS (INT64_C(3) * 24 * 3600 * 1000)
#define MAILER_TRY_ALERT_MS (INT64_C(6) * 3600 * 1000)
/* A raise that is over and could not be told for that long is old news. */
#define MAILER_OLD_NEWS_MS (INT64_C(3600) * 1000)
/* How long a profile may take to come. */
#define MAILER_PROFILE_MS (INT64_C(3600) * 1000)

struct owed {
    struct fl_mail mail;
    enum fl_composed composed;
    int64_t since_ms; /* log time of the cause */
    int64_t try_ms;   /* how long it is tried for */
};

struct mailer {
    struct fl_duty *duty;
    struct fl_keyring *keyring;
    struct fl_smtp *smtp;
    struct fl_store_reader *registry;
    struct fl_store_reader *people;
    struct fl_group *lease;
    bool held;
    bool settled;            /* the registry has answered everything since the lease was taken */
    struct fl_arena arena;   /* the mails of this round */
    struct fl_arena scratch; /* one row, one decision */
    struct owed owed[MAILER_MAIL_COUNT_MAX];
    size_t owed_count;
    Fleetlog__V1__MailCause *closed[MAILER_CLOSED_COUNT_MAX];
    size_t closed_count;
    struct fl_backoff backoff;
    unsigned unreachable_count;
    int64_t unreachable_until_ms; /* monotonic; 0: not */
    uint64_t next_sequence;       /* behind the registry's head, as last seen */
    char from[256];
    char log_id[FL_ID_TEXT_SIZE];
};

/* Gathers what is to be sent and closed now. */
enum fl_error fl_mailer_collect(struct mailer *mailer) FL_MUST_USE;

/* Appends what became of a mail, waiting for as long as the log cannot be reached. */
enum fl_error fl_mailer_report_sent(struct mailer *mailer, const struct fl_mail *mail) FL_MUST_USE;
enum fl_error fl_mailer_report_failed(struct mailer *mailer, const struct fl_mail *mail,
                                      Fleetlog__V1__MailFailure failure,
                                      const char *reply) FL_MUST_USE;
enum fl_error fl_mailer_report_closed(struct mailer *mailer) FL_MUST_USE;

/* Waits until the registry has answered every action that is on the log now. FL_TIMEOUT,
 * FL_INTERRUPTED. */
enum fl_error fl_mailer_await_registry(struct mailer *mailer) FL_MUST_USE;
