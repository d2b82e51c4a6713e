/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences about handing devices over. */
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

const struct pattern transfer_patterns[] = {
    {"offers $l to $w as $w", offer},
    {"takes over $w", accept_offer},
    {"declines offer $w", decline},
    {"cancels offer $w", cancel},
    {NULL, NULL},
};
