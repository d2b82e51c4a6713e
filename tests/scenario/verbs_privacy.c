/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences about personal data: erasures, epochs, link keys. */
#include <stdlib.h>
#include <string.h>

#include "fleetlog/v1/privacy.pb-c.h"
#include "tests/scenario/scenario.h"

static uint32_t number(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 10);
}

static void erase_with(struct scenario *s, const char *person, bool force)
{
    INIT(ErasePerson, action, erase_person);
    action.subject_id = id_of("subject", person);
    action.force = force;
    request(s, &action.base);
}

static void erase(struct scenario *s, const struct arguments *a)
{
    erase_with(s, a->texts[0], false);
}

static void erase_by_force(struct scenario *s, const struct arguments *a)
{
    erase_with(s, a->texts[0], true);
}

static void open_epoch(struct scenario *s, const struct arguments *a)
{
    uint8_t sealed[104] = {7};
    INIT(OpenEpoch, action, open_epoch);
    action.epoch = number(a->texts[0]);
    action.sealed_keys = (ProtobufCBinaryData){sizeof(sealed), sealed};
    request(s, &action.base);
}

static void move_person(struct scenario *s, const struct arguments *a, bool is_lost)
{
    uint8_t index[FL_ID_SIZE];
    INIT(ReindexPeople, action, reindex_people);
    INIT(ReindexedPerson, entry, reindexed_person);
    Fleetlog__V1__ReindexedPerson *people[] = {&entry};
    action.epoch = number(a->texts[2]);
    entry.subject_id = id_of("subject", a->texts[0]);
    entry.revision_before = number(a->texts[1]);
    entry.revision = is_lost ? 0 : entry.revision_before + 1;
    address_index(a->texts[0], action.epoch, index);
    if (!is_lost)
        entry.index = (ProtobufCBinaryData){sizeof(index), index};
    action.people = people;
    action.n_people = 1;
    request(s, &action.base);
}

static void reindex(struct scenario *s, const struct arguments *a)
{
    move_person(s, a, false);
}

static void report_lost(struct scenario *s, const struct arguments *a)
{
    move_person(s, a, true);
}

static void confirm(struct scenario *s, const struct arguments *a)
{
    INIT(ConfirmEpoch, action, confirm_epoch);
    action.epoch = number(a->texts[0]);
    action.what = strcmp(a->texts[1], "stored") == 0
                      ? FLEETLOG__V1__EPOCH_CONFIRMATION__EPOCH_CONFIRMATION_STORED
                      : FLEETLOG__V1__EPOCH_CONFIRMATION__EPOCH_CONFIRMATION_DESTROYED;
    request(s, &action.base);
}

static void close_epoch(struct scenario *s, const struct arguments *a)
{
    INIT(CloseEpoch, action, close_epoch);
    action.epoch = number(a->texts[0]);
    request(s, &action.base);
}

static void finish(struct scenario *s, const struct arguments *a)
{
    INIT(FinishErasure, action, finish_erasure);
    action.subject_id = id_of("subject", a->texts[0]);
    request(s, &action.base);
}

static void rotate(struct scenario *s, const struct arguments *a)
{
    uint8_t sealed[72] = {7};
    INIT(RotateLinkKey, action, rotate_link_key);
    action.generation = number(a->texts[0]);
    action.epoch = number(a->texts[1]);
    action.sealed_key = (ProtobufCBinaryData){sizeof(sealed), sealed};
    request(s, &action.base);
}

/* The same as an actor's sentence: what the gateways do from here on. */
static void index_under(struct scenario *s, const struct arguments *a)
{
    s->epochs[0] = number(a->texts[0]);
    s->epochs[1] = number(a->texts[1]);
}

static void expect_ended(struct scenario *s, const struct arguments *a)
{
    const Fleetlog__V1__ErasureRequested *event =
        (const Fleetlog__V1__ErasureRequested *)s->world.last.message;
    if (s->world.last.envelope.row->type != FL_MESSAGE_ErasureRequested)
        fail(s, "%s", s->world.last.envelope.row->name);
    if (event->n_cancelled_invitation_ids != number(a->texts[0]) ||
        event->n_cancelled_share_ids != number(a->texts[1]) ||
        event->n_cancelled_transfer_ids != number(a->texts[2]) ||
        event->n_ended_link_ids != number(a->texts[3]))
        fail(s, "it names %zu invitations, %zu shares, %zu transfers, %zu links",
             event->n_cancelled_invitation_ids, event->n_cancelled_share_ids,
             event->n_cancelled_transfer_ids, event->n_ended_link_ids);
}

const struct pattern privacy_expectations[] = {
    {"it ends $w invitations and $w offers to share and $w transfers and $w reseller links",
     expect_ended},
    {NULL, NULL},
};

const struct pattern privacy_patterns[] = {
    {"asks for the erasure of $w", erase},
    {"asks for the erasure of $w whatever becomes of the company", erase_by_force},
    {"opens epoch $w", open_epoch},
    {"brings $w from revision $w to epoch $w", reindex},
    {"finds no profile of $w at revision $w for epoch $w", report_lost},
    {"confirms epoch $w as $w", confirm},
    {"closes epoch $w", close_epoch},
    {"says that $w is erased", finish},
    {"rotates the link key to $w under epoch $w", rotate},
    {"index addresses under epochs $w to $w", index_under},
    {NULL, NULL},
};
