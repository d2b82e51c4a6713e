/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The hosted checkout: a port with one adapter per payment provider.
 *
 * Cards and bank accounts are asked for on the provider's page and never here. A purchase names its
 * provider; the buyer is sent to the address that `start` gives; the provider reports what became
 * of it by webhooks to /v1/checkout/PROVIDER, which are verified before they are read. All webhooks
 * have "t=SECONDS,v1=HEX[,v1=HEX…]" in the provider's header: HMAC-SHA-256 of "SECONDS.BODY" under
 * the endpoint's secret, by any of the v1. A signature further than the tolerance from the clock is
 * old, so that nobody replays one. Only the fields named in the event are read: whatever else a
 * body holds, card data too, is dropped with it.
 *
 * Adapters: `stripe` (the form that Stripe documents: …session.completed once it is paid,
 * …async_payment_succeeded, …async_payment_failed, …expired and charge.refunded, of purchases that
 * the session's client_reference_id, a refund's metadata.purchase_id, names; everything else is
 * not ours), and `stand-in`, a page of the gateway's own for demos and tests (checkout_page.c):
 * there only if [gateway] checkout_stand_in says so, and never beside a provider's.
 *
 * Threading: pure. Allocation: jansson, freed before the return; addresses in the arena.
 */
#include "core/arena.h"
#include "core/config.h"
#include "core/ids.h"
#include "core/keyring.h"
#include "fleetlog/v1/purchases.pb-c.h"

enum { FL_CHECKOUT_TOLERANCE_S = 300, FL_CHECKOUT_EVENT_SIZE = 129, FL_CHECKOUT_SECRET_MAX = 256 };

struct fl_checkout_event {
    char id[FL_CHECKOUT_EVENT_SIZE];
    char purchase_id[FL_ID_TEXT_SIZE];
    Fleetlog__V1__PaymentState state; /* UNSPECIFIED: not ours */
    int64_t amount_minor;
    char currency[4]; /* capital letters */
};

/* What a checkout is started for, and with what. */
struct fl_checkout_order {
    const struct fl_config *config;
    const struct fl_keyring *keyring;
    const char *purchase_id;
    uint32_t link_key_generation;
};

struct fl_checkout {
    const char *provider; /* in the webhook's path, in purchases and in "checkout:PROVIDER" */
    const char *header;   /* that has a webhook's signature */
    /* The address to which the buyer is sent, in the arena; NULL: there is none. */
    const char *(*start)(const struct fl_checkout_order *order, struct fl_arena *arena);
    /* FL_INVALID: no such JSON, or one of ours that lacks what it must have. */
    enum fl_error (*read)(struct fl_slice body, struct fl_checkout_event *event);
};

extern const struct fl_checkout fl_checkout_stripe, fl_checkout_stand_in;

/* The one that is configured. */
const struct fl_checkout *fl_checkout_of(const struct fl_config *config);

/* FL_USAGE with the reason: two are configured, or the stand-in without a secret. */
enum fl_error fl_checkout_check(const struct fl_config *config, char detail[256]) FL_MUST_USE;

/* The secret of the configured endpoint, from its file; size 0: there is none. */
struct fl_slice fl_checkout_secret(const struct fl_config *config,
                                   char secret[FL_CHECKOUT_SECRET_MAX]);

/* FL_UNAUTHENTIC: not signed with this secret; FL_DENIED: signed too long ago, or ahead. */
enum fl_error fl_checkout_verify(struct fl_slice secret, const char *signature,
                                 struct fl_slice body, int64_t now_ms) FL_MUST_USE;

/* The signature of a body, as a provider makes it: for the stand-in and the tests. */
void fl_checkout_sign(struct fl_slice secret, int64_t seconds, struct fl_slice body, char out[128]);

/* The stand-in's report of a purchase, in the arena; NULL: no memory. */
const char *fl_checkout_stand_in_body(struct fl_arena *arena,
                                      const struct fl_checkout_event *event);
