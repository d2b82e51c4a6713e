/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One action while it is decided; private to the rules.
 *
 * A function of a family looks things up through here, and returns either an event made with
 * fl_answer or a rejection. Helpers that can reject return false; then `answer` is what to return
 * (NULL when the store or the arena failed).
 *
 * Threading: one decision at a time. Allocation: the arena.
 */
#include "core/chain.h"
#include "fleetlog/v1/actions.pb-c.h"
#include "fleetlog/v1/events.pb-c.h"
#include "fleetlog/v1/licenses.pb-c.h"
#include "projections/registry/decide.h"
#include "projections/registry/machines.h"
#include "projections/registry/rights.h"
#include "projections/registry/rows.h"

#define FL_REJECT(name) FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_##name

enum { FL_ANSWER_SIZE_MAX = 512 }; /* every event message as a struct */

struct fl_deciding {
    struct fl_kv *kv;
    struct fl_arena *arena;
    const struct fl_chain_head *head;
    const struct fl_decide_input *input;
    const struct fl_rules *rules;
    const fl_log_row *log; /* NULL before genesis */
    int64_t now_ms;        /* the event's time: max(head, action) */

    struct fl_envelope action;       /* type.data == NULL: could not be read */
    const ProtobufCMessage *message; /* NULL: could not be decoded */

    unsigned actor_kind; /* one of fl_actor_kind */
    struct fl_slice actor_id;
    const fl_account_row *account; /* whose rights apply; NULL: none */
    const fl_agent_row *agent;     /* the actor, if an enrolled agent */

    struct fl_slice company_id; /* whose Event Log shows it; NULL: nobody's */
    const ProtobufCMessage *answer;
    _Alignas(16) unsigned char storage[FL_ANSWER_SIZE_MAX];
    Fleetlog__V1__ActionRejected rejection;
    bool rejected; /* the answer is the rejection */
};

/* The event to fill in, zeroed; it becomes the answer. */
void *fl_answer(struct fl_deciding *d, enum fl_message_type type);

/* Rejects; returns the rejection. The sentence must outlive the decision or come from the arena. */
const ProtobufCMessage *fl_reject(struct fl_deciding *d, Fleetlog__V1__RejectionCode code,
                                  const char *sentence);
const ProtobufCMessage *fl_rejectf(struct fl_deciding *d, Fleetlog__V1__RejectionCode code,
                                   const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Items of a rejection of an action on many things. */
struct fl_items {
    Fleetlog__V1__RejectedItem **items;
    size_t count;
    size_t capacity;
};

/* Room for `capacity` items; false: no memory. */
bool fl_items_begin(struct fl_deciding *d, struct fl_items *items, size_t capacity);
void fl_items_add(struct fl_deciding *d, struct fl_items *items, const char *id,
                  Fleetlog__V1__RejectionCode code, const char *sentence);

/* Rejects with the first item's code; one of one is its own sentence, else `summary` (printf: how
 * many, of how many). */
const ProtobufCMessage *fl_reject_items(struct fl_deciding *d, const struct fl_items *items,
                                        size_t of_count, const char *what);

/* Finds out whose rights apply; false: rejected. */
bool fl_actor_resolve(struct fl_deciding *d);

/* Answers a repeated id; false: rejected. */
bool fl_duplicate_check(struct fl_deciding *d);

/* A person that an action names. */
struct fl_person {
    const char *subject_id;        /* the one that the registry knows, else the action's */
    uint64_t revision;             /* the one to name */
    const fl_account_row *account; /* NULL: has none */
};
bool fl_person_resolve(struct fl_deciding *d, const Fleetlog__V1__PersonRef *ref,
                       struct fl_person *person);

/* An active device that the account has a right to; the event then belongs to its owner. */
bool fl_device_resolve(struct fl_deciding *d, const char *device_id, enum fl_right right,
                       fl_device_row **device);

/* An active device of the agent that acts. */
bool fl_agent_device(struct fl_deciding *d, const char *device_id, fl_device_row **device);

/* The account's right in its own company; false: rejected. */
bool fl_company_right(struct fl_deciding *d, enum fl_right right);

/* Ids of commands that an event ends. */
struct fl_cancelled {
    const char **ids;
    size_t count;
    size_t capacity;
};

/* Adds the device's commands that come to an end: with an account, those that it requested and that
 * no agent carries out yet; without, all that are open. False: no memory. */
bool fl_commands_to_cancel(struct fl_deciding *d, const char *device_id, const char *account_id,
                           struct fl_cancelled *cancelled);

/* Adds the device's commands that no agent carries out yet. False: no memory. */
bool fl_commands_not_begun(struct fl_deciding *d, const char *device_id,
                           struct fl_cancelled *cancelled);

/* What ends when a person gives up shares or leaves a company; each list is cut to what an event
 * holds. */
struct fl_ended {
    const char **share_ids;
    size_t share_count;
    const char **owner_ids; /* of those shares, each once */
    size_t owner_count;
    const char **device_ids; /* of those shares */
    size_t device_count;
    uint32_t device_count_all;
    struct fl_cancelled cancelled;
};

/* Adds the accepted shares of a person, of one owner or (NULL) of all, and with `cancels` the
 * commands that he requested through them. False: no memory. */
bool fl_shares_to_end(struct fl_deciding *d, const char *subject_id, const char *owner_id,
                      bool cancels, struct fl_ended *ended);

/* Adds the account's commands on devices of its own company. */
bool fl_own_commands_to_end(struct fl_deciding *d, const fl_account_row *account,
                            struct fl_ended *ended);

/* The functions of version 1, by family. */
fl_decide_fn fl_decide_create_log, fl_decide_announce_node, fl_decide_remove_node,
    fl_decide_activate_rules, fl_decide_move_log, fl_decide_create_company,
    fl_decide_create_account, fl_decide_invite_coworker, fl_decide_issue_claim,
    fl_decide_enrol_agent, fl_decide_register_device, fl_decide_report_capabilities,
    fl_decide_rename_device, fl_decide_locate_device, fl_decide_remove_device,
    fl_decide_share_devices, fl_decide_accept_share, fl_decide_revoke_share,
    fl_decide_remove_shared_devices, fl_decide_cancel_invitation, fl_decide_resend_invitation,
    fl_decide_accept_invitation, fl_decide_change_role, fl_decide_remove_coworker,
    fl_decide_close_account, fl_decide_request_command, fl_decide_cancel_command,
    fl_decide_command_delivery, fl_decide_command_acknowledgement, fl_decide_command_outcome,
    fl_decide_report_condition;
