/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/cast_privacy.h"

#include <stdio.h>

#include "fleetlog/v1/privacy.pb-c.h"

#define INIT(type, name, descriptor)                                                               \
    Fleetlog__V1__##type name;                                                                     \
    protobuf_c_message_init(&fleetlog__v1__##descriptor##__descriptor, &name)

static enum fl_message_type send_as(struct world *world, const char *who,
                                    const ProtobufCMessage *message)
{
    const struct world_actor actor = {.actor = who};
    struct fl_record record = world_action(world, &actor, NULL, message);
    if (!world_step(world, &record))
        world_fail("decide gave %s", fl_error_name(world->last_error));
    return world_answer(world);
}

static enum fl_message_type as_node(struct world *world, unsigned node,
                                    const ProtobufCMessage *message)
{
    char actor[64];
    snprintf(actor, sizeof(actor), "node:%s", cast_id("agent", 100 + node));
    return send_as(world, actor, message);
}

enum fl_message_type cast_announce(struct world *world, unsigned node)
{
    INIT(AnnounceNode, action, announce_node);
    action.node_id = cast_id("agent", 100 + node);
    action.rules_version_newest = 1;
    action.software_version = "0.1.0";
    return as_node(world, node, &action.base);
}

enum fl_message_type cast_erase(struct world *world, unsigned person, bool force)
{
    INIT(ErasePerson, action, erase_person);
    action.subject_id = cast_id("subject", person);
    action.force = force;
    return cast_operator(world, NULL, &action.base);
}

enum fl_message_type cast_open_epoch(struct world *world, uint32_t epoch)
{
    uint8_t sealed[104] = {(uint8_t)epoch};
    INIT(OpenEpoch, action, open_epoch);
    action.epoch = epoch;
    action.sealed_keys = (ProtobufCBinaryData){sizeof(sealed), sealed};
    return send_as(world, "keeper", &action.base);
}

enum fl_message_type cast_confirm(struct world *world, unsigned node, uint32_t epoch, bool stored)
{
    INIT(ConfirmEpoch, action, confirm_epoch);
    action.epoch = epoch;
    action.what = stored ? FLEETLOG__V1__EPOCH_CONFIRMATION__EPOCH_CONFIRMATION_STORED
                         : FLEETLOG__V1__EPOCH_CONFIRMATION__EPOCH_CONFIRMATION_DESTROYED;
    return as_node(world, node, &action.base);
}

enum fl_message_type cast_reindex(struct world *world, uint32_t epoch, unsigned person,
                                  uint64_t before, bool lost)
{
    struct cast_person who;
    INIT(ReindexPeople, action, reindex_people);
    INIT(ReindexedPerson, entry, reindexed_person);
    Fleetlog__V1__ReindexedPerson *people[] = {&entry};
    cast_person(world, &who, person, CAST_EPOCH_2);
    entry.subject_id = cast_id("subject", person);
    entry.revision_before = before;
    entry.revision = lost ? 0 : before + 1;
    if (!lost)
        entry.index = who.index[0].index;
    action.epoch = epoch;
    action.people = people;
    action.n_people = 1;
    return send_as(world, "keeper", &action.base);
}

enum fl_message_type cast_close_epoch(struct world *world, uint32_t epoch)
{
    INIT(CloseEpoch, action, close_epoch);
    action.epoch = epoch;
    return send_as(world, "keeper", &action.base);
}

enum fl_message_type cast_finish_erasure(struct world *world, unsigned person)
{
    INIT(FinishErasure, action, finish_erasure);
    action.subject_id = cast_id("subject", person);
    return send_as(world, "keeper", &action.base);
}

enum fl_message_type cast_rotate_link(struct world *world, uint32_t generation, uint32_t epoch)
{
    uint8_t sealed[72] = {(uint8_t)generation};
    INIT(RotateLinkKey, action, rotate_link_key);
    action.generation = generation;
    action.epoch = epoch;
    action.sealed_key = (ProtobufCBinaryData){sizeof(sealed), sealed};
    return cast_operator(world, NULL, &action.base);
}
