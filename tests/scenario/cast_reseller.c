/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/cast_reseller.h"

#include <stdio.h>

#include "core/timestamp.h"

#define INIT(type, name, descriptor)                                                               \
    Fleetlog__V1__##type name;                                                                     \
    protobuf_c_message_init(&fleetlog__v1__##descriptor##__descriptor, &name)

static enum fl_message_type as_link(struct world *world, unsigned link,
                                    const ProtobufCMessage *message)
{
    char text[64];
    const struct world_actor actor = {.actor = text};
    snprintf(text, sizeof(text), "link:%s", cast_id("link", link));
    struct fl_record record = world_action(world, &actor, NULL, message);
    if (!world_step(world, &record))
        world_fail("decide gave %s", fl_error_name(world->last_error));
    return world_answer(world);
}

enum fl_message_type cast_link_reseller(struct world *world, unsigned account, unsigned person,
                                        unsigned link)
{
    struct cast_person who;
    INIT(LinkReseller, action, link_reseller);
    action.link_id = cast_id("link", link);
    action.person = cast_person(world, &who, person, CAST_EPOCH_1);
    action.link_key_generation = 1;
    action.report_period = FLEETLOG__V1__REPORT_PERIOD__REPORT_PERIOD_MONTHLY;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_accept_link(struct world *world, unsigned link)
{
    INIT(AcceptResellerLink, action, accept_reseller_link);
    action.link_id = cast_id("link", link);
    return as_link(world, link, &action.base);
}

enum fl_message_type cast_decline_link(struct world *world, unsigned link)
{
    INIT(DeclineResellerLink, action, decline_reseller_link);
    action.link_id = cast_id("link", link);
    return as_link(world, link, &action.base);
}

enum fl_message_type cast_disconnect(struct world *world, unsigned link)
{
    INIT(DisconnectReseller, action, disconnect_reseller);
    action.link_id = cast_id("link", link);
    return as_link(world, link, &action.base);
}

enum fl_message_type cast_unlink(struct world *world, unsigned account, unsigned link)
{
    INIT(UnlinkReseller, action, unlink_reseller);
    action.link_id = cast_id("link", link);
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_resend_offer(struct world *world, unsigned account, unsigned link)
{
    INIT(ResendResellerOffer, action, resend_reseller_offer);
    action.link_id = cast_id("link", link);
    action.link_key_generation = 1;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_remind(struct world *world, unsigned account, unsigned link,
                                 unsigned device)
{
    const char *ids[1] = {cast_id("device", device)};
    INIT(RemindReseller, action, remind_reseller);
    action.link_id = cast_id("link", link);
    action.device_ids = ids;
    action.n_device_ids = 1;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_date(struct world *world, unsigned account, unsigned device,
                               const char *date)
{
    INIT(SetLifecycleFact, action, set_lifecycle_fact);
    action.device_id = cast_id("device", device);
    action.fact = FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_BATTERY_REPLACEMENT;
    action.due_date = date;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_import(struct world *world, const char *sku, const char *part)
{
    Fleetlog__V1__CatalogueEntry entry = FLEETLOG__V1__CATALOGUE_ENTRY__INIT;
    Fleetlog__V1__CatalogueEntry *entries[] = {&entry};
    INIT(ImportCatalogue, action, import_catalogue);
    entry.sku = sku;
    entry.kind = FLEETLOG__V1__CATALOGUE_KIND__CATALOGUE_KIND_BATTERY;
    entry.part = part;
    entry.source = "a page";
    entry.strength = FLEETLOG__V1__CATALOGUE_STRENGTH__CATALOGUE_STRENGTH_WEAK;
    action.name = "test";
    action.entries = entries;
    action.n_entries = 1;
    return cast_operator(world, NULL, &action.base);
}

static void expect(enum fl_message_type answer, enum fl_message_type expected)
{
    if (answer != expected)
        world_fail("%s instead of %s", fl_catalogue_row(answer)->name,
                   fl_catalogue_row(expected)->name);
}

void cast_reseller_story(struct world *world, unsigned first, unsigned person, unsigned device)
{
    char date[FL_TIMESTAMP_TEXT_SIZE];
    fl_timestamp_format(world->now_ms + INT64_C(20) * 24 * 3600 * 1000, date);
    date[10] = '\0';
    expect(cast_import(world, "SMC1500", "RBC7"), FL_MESSAGE_CatalogueImported);
    expect(cast_link_reseller(world, 1, person, first), FL_MESSAGE_ResellerLinkOffered);
    expect(cast_decline_link(world, first), FL_MESSAGE_ResellerLinkDeclined);
    expect(cast_link_reseller(world, 1, person, first + 1), FL_MESSAGE_ResellerLinkOffered);
    expect(cast_resend_offer(world, 1, first + 1), FL_MESSAGE_ResellerOfferResent);
    expect(cast_accept_link(world, first + 1), FL_MESSAGE_ResellerLinkAccepted);
    expect(cast_date(world, 1, device, date), FL_MESSAGE_LifecycleFactSet);
    cast_fire_all(world); /* the notice */
    expect(cast_remind(world, 1, first + 1, device), FL_MESSAGE_ResellerReminded);
    expect(cast_disconnect(world, first + 1), FL_MESSAGE_ResellerDisconnected);
    expect(cast_link_reseller(world, 1, person, first + 2), FL_MESSAGE_ResellerLinkOffered);
    expect(cast_unlink(world, 1, first + 2), FL_MESSAGE_ResellerUnlinked);
}
