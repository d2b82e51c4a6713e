/* SPDX-License-Identifier: Apache-2.0 */
/* Personal data: erasures and how far they are; link keys. */
#include <stdlib.h>
#include <string.h>

#include "core/keyring_change.h"
#include "fleetlog/v1/events.pb-c.h"
#include "fleetlog/v1/privacy.pb-c.h"
#include "producers/gateway/operator.h"
#include "projections/registry/machines.h"
#include "projections/registry/outbox.h"
#include "projections/registry/privacy.h"

enum { PROGRESS_WAIT_MS = 5000 };

/* "yes" or "no" of the body; false after answering. */
static bool read_force(struct call *call, bool *force)
{
    const char *text = fl_body_text_or(call, "force", "no");
    if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0) {
        fl_call_problem(call, 422, "force must be yes or no", NULL, "force");
        return false;
    }
    *force = strcmp(text, "yes") == 0;
    return true;
}

/* {person, force}: by the operator for anybody known, by an account for itself. */
void fl_route_post_erasure(struct call *call)
{
    Fleetlog__V1__ErasePerson action = FLEETLOG__V1__ERASE_PERSON__INIT;
    struct fl_store_read read = {.kv = NULL};
    struct outcome outcome;
    bool force = false;
    const char *name = fl_body_text(call, "person");
    if (!fl_call_body_is_good(call) || !read_force(call, &force) ||
        !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    const fl_subject_row *row = fl_call_find_person(call, read.kv, name);
    if (!fl_call_read_end(call, &read))
        return;
    /* An account learns nothing here of who else is known. */
    if (row == NULL || (fl_call_is_for_account(call) &&
                        !fl_slice_is(call->identity.on_behalf_of, row->subject_id))) {
        fl_call_problem(call, 404, "There is no such person", NULL, "person");
        return;
    }
    /* It was asked for before, or is while this waits: how far it is says the other route. */
    bool was_asked = row->erased && !fl_call_is_for_account(call);
    if (!fl_call_is_for_account(call))
        call->same_as_done = FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_ERASED;
    action.subject_id = row->subject_id;
    action.force = force;
    if (!was_asked && !fl_call_act(call, &action.base, &outcome))
        return;
    if (was_asked || outcome.envelope.row->type == FL_MESSAGE_ActionRejected)
        fl_call_answer(call, 200,
                       json_pack("{s:s, s:s, s:I}", "event", "ErasureRequested", "subjectId",
                                 action.subject_id, "sequence", (json_int_t)0));
    else
        fl_call_answer(call, 200, fl_outcome_json(call, &outcome));
}

/* How far an erasure is, in words. */
static const char *stage_of(const fl_erasure_row *row, const struct fl_epochs *epochs)
{
    if (row->done)
        return "erased";
    if (row->epoch == epochs->newest)
        return "waits for new keys";
    if (row->epoch >= epochs->oldest_open)
        return "everybody else gets new keys";
    return row->epoch == epochs->closed ? "old keys and remains are destroyed"
                                        : "is being finished";
}

/* The keeper gives the last mail some time (consumers/keeper/last_mail.c). */
static bool is_mail_owed(struct call *call, struct fl_kv *kv, const fl_erasure_row *row)
{
    const struct fl_duty *duty = call->gateway->duty;
    int64_t wait_ms = (int64_t)fl_config_number(duty->config, FL_SETTING_ERASURE_MAIL_WAIT);
    return fl_config_text(duty->config, FL_SETTING_MAIL_SMTP)[0] != '\0' &&
           fl_port_wall_ms(duty->port) - row->requested_at_ms < wait_ms &&
           fl_outbox_get(kv, &call->arena, row->sequence,
                         FLEETLOG__V1__MAIL_KIND__MAIL_KIND_ERASURE_REQUESTED,
                         row->subject_id) != NULL;
}

/* Whom or what an erasure waits for, in words; "" when it is done. */
static const char *waits_for(struct call *call, struct fl_kv *kv, const fl_erasure_row *row,
                             const struct fl_epochs *epochs)
{
    struct fl_arena *arena = &call->arena;
    if (row->done)
        return "";
    if (row->epoch == epochs->newest && is_mail_owed(call, kv, row))
        return "the mail that tells of it: [keys] erasure_mail_wait at most";
    if (row->epoch == epochs->newest)
        return "the node that holds the keeper's lease: it opens an epoch at most as often as "
               "[keys] "
               "erasure_interval says";
    bool is_moving = row->epoch >= epochs->oldest_open;
    const fl_epoch_row *epoch =
        fl_registry_epoch(kv, arena, is_moving ? epochs->newest : epochs->closed);
    const fl_node_row *node = NULL;
    if (epoch != NULL && is_moving)
        node =
            fl_registry_node_missing(kv, arena, epoch->stored_node_ids, epoch->n_stored_node_ids);
    else if (epoch != NULL)
        node = fl_registry_node_missing(kv, arena, epoch->destroyed_node_ids,
                                        epoch->n_destroyed_node_ids);
    if (node == NULL)
        return is_moving ? "everybody's profile to be sealed anew" : "its last event";
    return fl_arena_printf(arena,
                           is_moving
                               ? "node %s, which has not confirmed the new keys"
                               : "node %s, which has not confirmed that the old keys and what "
                                 "its files held are gone (on Kafka it waits for the "
                                 "compaction of the topic subjects)",
                           node->node_id);
}

/* ?after=SEQUENCE: waits a little for something newer. */
void fl_route_get_erasure(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_epochs epochs;
    struct fl_chain_head head;
    struct gateway *gateway = call->gateway;
    const char *after = fl_http_query(call->request, "after");
    uint64_t sequence = 0;
    if (after != NULL && !fl_slice_to_u64(fl_slice_text(after), &sequence)) {
        fl_call_problem(call, 400, "after must be a number", NULL, "after");
        return;
    }
    if (after != NULL) {
        enum fl_error error =
            fl_store_wait(gateway->registry, sequence,
                          fl_port_monotonic_ms(gateway->duty->port) + PROGRESS_WAIT_MS);
        if (error != FL_OK && error != FL_TIMEOUT && error != FL_INTERRUPTED) {
            fl_call_error(call, error);
            return;
        }
    }
    if (!fl_call_read_begin(call, gateway->registry, &read))
        return;
    const fl_erasure_row *row =
        fl_registry_erasure(read.kv, &call->arena, fl_slice_text(call->parameters[0]));
    fl_registry_epochs(read.kv, &call->arena, &epochs);
    fl_meta_head(read.kv, &head);
    const char *waiting = row == NULL ? "" : waits_for(call, read.kv, row, &epochs);
    if (!fl_call_read_end(call, &read))
        return;
    if (row == NULL)
        fl_call_problem(call, 404, "Nobody asked for this erasure", NULL, NULL);
    else
        fl_call_answer(call, 200,
                       json_pack("{s:s, s:s, s:s, s:b, s:I, s:I}", "subjectId", row->subject_id,
                                 "stage", stage_of(row, &epochs), "waitsFor", waiting, "erased",
                                 (int)row->done, "requestedAtMs", (json_int_t)row->requested_at_ms,
                                 "sequence", (json_int_t)head.sequence));
}

/* A new link key; the old ones stay, so that links that are out keep their worth. */
void fl_route_post_link_key(struct call *call)
{
    Fleetlog__V1__RotateLinkKey action = FLEETLOG__V1__ROTATE_LINK_KEY__INIT;
    struct fl_store_read read = {.kv = NULL};
    struct fl_epochs epochs;
    struct gateway *gateway = call->gateway;
    uint8_t sealed[FL_SEALED_LINK_SIZE];
    enum fl_error error = fl_gateway_refresh_keys(gateway);
    if (error != FL_OK) {
        fl_call_error(call, error);
        return;
    }
    if (!fl_call_read_begin(call, gateway->registry, &read))
        return;
    fl_registry_epochs(read.kv, &call->arena, &epochs);
    action.generation = fl_registry_link_generation(read.kv) + 1;
    if (!fl_call_read_end(call, &read))
        return;
    action.epoch = epochs.oldest_open;
    error = fl_keyring_mint_link(gateway->keyring, gateway->duty->port, action.generation,
                                 action.epoch, sealed);
    if (error != FL_OK) {
        fl_call_error(call, error);
        return;
    }
    action.sealed_key = (ProtobufCBinaryData){sizeof(sealed), sealed};
    fl_call_act_and_answer(call, &action.base, 200);
}

/* The same for the keys of profiles: what an erasure does, without one. */
void fl_route_post_epoch(struct call *call)
{
    Fleetlog__V1__OpenEpoch action = FLEETLOG__V1__OPEN_EPOCH__INIT;
    struct gateway *gateway = call->gateway;
    uint8_t sealed[FL_SEALED_EPOCH_SIZE];
    enum fl_error error = fl_gateway_refresh_keys(gateway);
    action.epoch = fl_keyring_epoch(gateway->keyring) + 1;
    if (error == FL_OK)
        error = fl_keyring_mint_epoch(gateway->keyring, gateway->duty->port, action.epoch, sealed);
    if (error != FL_OK) {
        fl_call_error(call, error);
        return;
    }
    action.sealed_keys = (ProtobufCBinaryData){sizeof(sealed), sealed};
    fl_call_act_and_answer(call, &action.base, 200);
}
