/* SPDX-License-Identifier: Apache-2.0 */
/* The log itself: genesis, nodes, rules, where it lives. */
#include "projections/registry/deciding.h"

const ProtobufCMessage *fl_decide_create_log(struct fl_deciding *d)
{
    const Fleetlog__V1__CreateLog *action = (const Fleetlog__V1__CreateLog *)d->message;
    if (d->log != NULL)
        return fl_reject(d, FL_REJECT(LOG_EXISTS), "The log has been created already.");
    Fleetlog__V1__LogCreated *event = fl_answer(d, FL_MESSAGE_LogCreated);
    event->log_id = action->log_id;
    event->format_version = action->format_version;
    event->telemetry_partition_count = action->telemetry_partition_count;
    event->keyring_fingerprint = action->keyring_fingerprint;
    event->checkpoint_key = action->checkpoint_key;
    event->rules_version = action->rules_version;
    return &event->base;
}

const ProtobufCMessage *fl_decide_announce_node(struct fl_deciding *d)
{
    const Fleetlog__V1__AnnounceNode *action = (const Fleetlog__V1__AnnounceNode *)d->message;
    if (!fl_slice_is(d->actor_id, action->node_id))
        return fl_reject(d, FL_REJECT(DENIED), "A node announces itself only.");
    Fleetlog__V1__NodeAnnounced *event = fl_answer(d, FL_MESSAGE_NodeAnnounced);
    event->node_id = action->node_id;
    event->rules_version_newest = action->rules_version_newest;
    event->software_version = action->software_version;
    return &event->base;
}

const ProtobufCMessage *fl_decide_remove_node(struct fl_deciding *d)
{
    const Fleetlog__V1__RemoveNode *action = (const Fleetlog__V1__RemoveNode *)d->message;
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_NODES, fl_slice_text(action->node_id)) == NULL)
        return fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such node.");
    Fleetlog__V1__NodeRemoved *event = fl_answer(d, FL_MESSAGE_NodeRemoved);
    event->node_id = action->node_id;
    return &event->base;
}

const ProtobufCMessage *fl_decide_activate_rules(struct fl_deciding *d)
{
    const Fleetlog__V1__ActivateRules *action = (const Fleetlog__V1__ActivateRules *)d->message;
    struct fl_kv_walk walk;
    size_t node_count = 0;
    if (action->rules_version <= d->log->rules_version)
        return fl_rejectf(d, FL_REJECT(WRONG_STATE), "Rules version %u is in force already.",
                          d->log->rules_version);
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_NODES, FL_SLICE_NULL);
    for (; fl_kv_walk_next(&walk); node_count++) {
        const fl_node_row *node = fl_row_decode(d->kv, d->arena, FL_TABLE_NODES, walk.value);
        if (node == NULL)
            return NULL;
        if (node->rules_version_newest < action->rules_version)
            return fl_rejectf(d, FL_REJECT(VERSION_TOO_NEW),
                              "Node %s knows rules up to version %u only.", node->node_id,
                              node->rules_version_newest);
    }
    if (node_count == 0)
        return fl_reject(d, FL_REJECT(VERSION_TOO_NEW),
                         "No node has announced that it knows these rules.");
    Fleetlog__V1__RulesActivated *event = fl_answer(d, FL_MESSAGE_RulesActivated);
    event->rules_version = action->rules_version;
    return &event->base;
}

/* Whether this decider may go on after the event is for its process to find out: the cluster it
 * works on is nothing that the log can say. */
const ProtobufCMessage *fl_decide_move_log(struct fl_deciding *d)
{
    const Fleetlog__V1__MoveLog *action = (const Fleetlog__V1__MoveLog *)d->message;
    if (fl_slice_is(fl_slice_text(d->log->cluster_id), action->cluster_id))
        return fl_reject(d, FL_REJECT(LOG_MOVED), "The log has moved to this cluster already.");
    Fleetlog__V1__LogMoved *event = fl_answer(d, FL_MESSAGE_LogMoved);
    event->cluster_id = action->cluster_id;
    return &event->base;
}
