/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One upsd: keeps a connection to it, finds its UPSes, reads them in turn and carries commands to
 * them.
 *
 * What it learns goes to its owner through a table of functions. It never judges: values pass as
 * they came, an error that means "no data" passes as stale. A command is sent once; when the
 * connection breaks before upsd has answered, the owner is told that nobody knows.
 *
 *     closed -> connecting -> setting up -> ready
 *        ^          |             |          |
 *        +----------+-------------+----------+   after a back-off that grows to a minute
 *
 * Threading: one thread. Allocation: one block per UPS, kept until close.
 * Limits: FL_UPSD_UPS_COUNT_MAX UPSes.
 */
#include "core/port.h"
#include "producers/agent/nut_session.h"
#include "producers/agent/nut_stream.h"

enum {
    FL_UPSD_UPS_COUNT_MAX = 1024,
    FL_UPSD_ANSWER_MS_MAX = 10000,   /* from a request to the end of its answer */
    FL_UPSD_LIST_INTERVAL_MS = 30000 /* between two looks for new UPSes */
};

enum fl_upsd_tls { FL_UPSD_TLS_OFFERED, FL_UPSD_TLS_REQUIRED, FL_UPSD_TLS_OFF };

struct fl_upsd_options {
    const char *address;  /* host:port as the agent was told: part of a device's identity */
    const char *user;     /* NULL: none */
    const char *password; /* goes over TLS or the loopback only, unless plain_password */
    bool plain_password;
    enum fl_upsd_tls tls;
    const char *ca_path; /* NULL: any certificate */
    int64_t poll_ms;
    int64_t describe_ms; /* between two looks at what a UPS offers */
};

struct fl_upsd;

struct fl_ups {
    char name[FL_NUT_TEXT_SIZE + 1];
    struct fl_nut_list description; /* one reading: the name with what upsd calls it */
    bool listed;
    bool urgent; /* poll it at least every second: somebody waits for a change */
    bool warned; /* that rows of its last answer fitted nothing */
    int64_t poll_at_ms;
    int64_t describe_at_ms;
    bool knows_variables;
    bool knows_commands;
    bool described;               /* both were known at least once */
    struct fl_nut_list variables; /* that can be written */
    struct fl_nut_list commands;
    struct fl_upsd *upsd;
    void *owner; /* the owner's */
};

struct fl_upsd_command {
    bool is_tracking; /* ask how `tracking` went; else `request` is to be sent */
    char tracking[FL_NUT_TEXT_SIZE];
    struct fl_nut_request request;
};

struct fl_upsd_events {
    void *context;
    /* All values of a UPS; may be swapped away. */
    void (*values)(void *context, struct fl_ups *ups, struct fl_nut_list *values);
    /* There is no data: upsd's word for it, or GONE when it no longer lists the UPS. */
    void (*stale)(void *context, struct fl_ups *ups, const char *word);
    /* Variables and commands are known (again). */
    void (*described)(void *context, struct fl_ups *ups);
    /* The owner's chance to send something; true if `command` is filled. */
    bool (*command)(void *context, struct fl_upsd *upsd, struct fl_upsd_command *command);
    /* NULL: the connection broke before the answer. */
    void (*answered)(void *context, struct fl_upsd *upsd, const struct fl_nut_answer *answer);
};

enum fl_upsd_phase { FL_UPSD_CLOSED, FL_UPSD_CONNECTING, FL_UPSD_SETTING_UP, FL_UPSD_READY };

struct fl_upsd {
    struct fl_upsd_options options;
    const struct fl_port *port;
    struct fl_upsd_events events;
    char host[256];
    char service[8];
    enum fl_upsd_phase phase;
    unsigned setup_step;
    struct fl_nut_stream stream;
    struct fl_nut_session session;
    struct fl_ups *asked; /* whom the open request is about; NULL: the server */
    bool command_open;
    int64_t deadline_ms; /* of connecting, or of the open request */
    int64_t retry_at_ms;
    int64_t list_at_ms;
    int64_t lost_at_ms; /* since when there has been no ready connection; 0: there is one */
    unsigned failure_count;
    bool warned;
    char version[FL_NUT_TEXT_SIZE];
    struct fl_ups *ups[FL_UPSD_UPS_COUNT_MAX];
    size_t ups_count;
    size_t turn;
    bool has_list;
};

/* FL_USAGE: the address is none ("host:port", "[v6]:port", "host"); strings of `options` must live.
 */
enum fl_error fl_upsd_init(struct fl_upsd *upsd, const struct fl_upsd_options *options,
                           const struct fl_port *port,
                           const struct fl_upsd_events *events) FL_MUST_USE;
void fl_upsd_fini(struct fl_upsd *upsd);

/* Does what is possible and due now. */
void fl_upsd_step(struct fl_upsd *upsd);

/* When to step again if its descriptor (stream.fd, stream.events) stays quiet; monotonic ms. */
int64_t fl_upsd_next_ms(const struct fl_upsd *upsd);
