/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences about handing devices over, and about what they are known by. */
#include "fleetlog/v1/devices.pb-c.h"
#include "fleetlog/v1/transfers.pb-c.h"
#include "tests/scenario/scenario.h"

static void offer(struct scenario *s, const struct arguments *a)
{
    static const char *ids[LIST_COUNT_MAX];
    struct person who;
    INIT(OfferTransfer, action, offer_transfer);
    action.transfer_id = id_of("transfer", a->texts[2]);
    action.n_device_ids = device_ids(s, a->texts[0], ids);
    action.device_ids = ids;
    action.person = person_ref(s, a->texts[1], &who);
    action.link_key_generation = 1;
    request(s, &action.base);
}

static void accept_offer(struct scenario *s, const struct arguments *a)
{
    INIT(AcceptTransfer, action, accept_transfer);
    action.transfer_id = id_of("transfer", a->texts[0]);
    request(s, &action.base);
}

static void decline(struct scenario *s, const struct arguments *a)
{
    INIT(DeclineTransfer, action, decline_transfer);
    action.transfer_id = id_of("transfer", a->texts[0]);
    request(s, &action.base);
}

static void cancel(struct scenario *s, const struct arguments *a)
{
    INIT(CancelTransfer, action, cancel_transfer);
    action.transfer_id = id_of("transfer", a->texts[0]);
    request(s, &action.base);
}

static void move_device(struct scenario *s, const struct arguments *a)
{
    INIT(MoveDevice, action, move_device);
    action.device_id = id_of("device", a->texts[0]);
    action.agent_id = id_of("agent", a->texts[1]);
    action.ups_name = a->texts[2];
    action.upsd_address = a->texts[3];
    request(s, &action.base);
}

/* What the device says of itself, in the order of its fields. */
static void describe(struct scenario *s, const struct arguments *a)
{
    Fleetlog__V1__DeviceIdentity identity = FLEETLOG__V1__DEVICE_IDENTITY__INIT;
    INIT(ReportCapabilities, action, report_capabilities);
    identity.manufacturer = "American Power Conversion";
    identity.model = a->texts[1];
    identity.serial = a->texts[2];
    identity.firmware = a->texts[3];
    action.device_id = id_of("device", a->texts[0]);
    action.identity = &identity;
    request(s, &action.base);
}

const struct pattern transfer_patterns[] = {
    {"moves $w to agent $w as ups $w at $w", move_device},
    {"describes $w as model $q serial $q firmware $q", describe},
    {"offers $l to $w as $w", offer},
    {"takes over $w", accept_offer},
    {"declines offer $w", decline},
    {"cancels offer $w", cancel},
    {NULL, NULL},
};
