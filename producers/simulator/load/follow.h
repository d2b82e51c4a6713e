/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Follows the decided log for a producer that acts and wants its answers: genesis, valid events in
 * order, and appending actions.
 *
 * It applies the chain rule and shows valid events only. It keeps no state of what the events mean:
 * that is the caller's.
 *
 * Threading: one thread. Allocation: one arena, bounded. Lifetime: what the callback sees lives
 * until it returns.
 */
#include "core/chain.h"
#include "core/ids.h"
#include "core/journal.h"
#include "schemas/envelope.h"

enum { FL_FOLLOW_DETAIL_SIZE = 512 };

struct fl_follow;

/* One valid event; message is NULL for a type that this version does not know. */
typedef void fl_follow_fn(void *context, const struct fl_envelope *envelope,
                          const ProtobufCMessage *message);

/* Reads genesis and stands at the first event. FL_NOT_FOUND: there is no log yet. Borrows journal
 * and port. */
enum fl_error fl_follow_open(struct fl_journal *journal, const struct fl_port *port,
                             const char *duty, const char *node_id, fl_follow_fn *on_event,
                             void *context, struct fl_follow **follow) FL_MUST_USE;
void fl_follow_close(struct fl_follow **follow);

uint32_t fl_follow_partition_count(const struct fl_follow *follow); /* of telemetry */
const char *fl_follow_source(const struct fl_follow *follow);       /* ce_source of its records */
const char *fl_follow_detail(const struct fl_follow *follow);       /* why the last call failed */

/* Shows every event up to the present end. */
enum fl_error fl_follow_catch_up(struct fl_follow *follow) FL_MUST_USE;

/* An action: actor "operator:…", on_behalf_of and company_id may be "". */
struct fl_follow_action {
    const char *actor;
    const char *on_behalf_of;
    const char *company_id;
    const ProtobufCMessage *message;
};

/* Appends them and shows events until all are answered. FL_TIMEOUT if nothing is decided for
 * `patience_ms`; FL_INTERRUPTED once stop_fd can be read; FL_UNKNOWN_OUTCOME if some may not have
 * landed: what is in the log has been answered and shown, so the caller knows what is missing. */
enum fl_error fl_follow_act(struct fl_follow *follow, const struct fl_follow_action *actions,
                            size_t count, int64_t patience_ms, int stop_fd) FL_MUST_USE;
