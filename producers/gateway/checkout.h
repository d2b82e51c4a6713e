/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a hosted checkout tells: webhooks in the form that Stripe documents.
 *
 * "Stripe-Signature: t=SECONDS,v1=HEX[,v1=HEX…]": HMAC-SHA-256 of "SECONDS.BODY" under the
 * endpoint's secret, by any of the v1. A signature further than the tolerance from the clock is
 * old, so that nobody replays one. Read are checkout.session.completed (once it is paid),
 * …async_payment_succeeded, …async_payment_failed, …expired and charge.refunded, of purchases that
 * the session's client_reference_id (a refund's metadata.purchase_id) names; everything else is
 * not ours. Only the fields named in the structure are looked at: whatever else a body holds, card
 * data too, is dropped with it.
 *
 * Threading: pure. Allocation: jansson, freed before the return.
 */
#include "core/error.h"
#include "core/ids.h"
#include "fleetlog/v1/purchases.pb-c.h"

enum { FL_CHECKOUT_TOLERANCE_S = 300, FL_CHECKOUT_EVENT_SIZE = 129, FL_CHECKOUT_SECRET_MAX = 256 };

struct fl_checkout_event {
    char id[FL_CHECKOUT_EVENT_SIZE];
    char purchase_id[FL_ID_TEXT_SIZE];
    Fleetlog__V1__PaymentState state; /* UNSPECIFIED: not ours */
    int64_t amount_minor;
    char currency[4]; /* capital letters */
};

/* FL_UNAUTHENTIC: not signed with this secret; FL_DENIED: signed too long ago, or ahead. */
enum fl_error fl_checkout_verify(struct fl_slice secret, const char *signature,
                                 struct fl_slice body, int64_t now_ms) FL_MUST_USE;

/* FL_INVALID: no such JSON, or one of ours that lacks what it must have. */
enum fl_error fl_checkout_read(struct fl_slice body, struct fl_checkout_event *event) FL_MUST_USE;

/* The signature header of a body, as the provider makes it: for the tests. */
void fl_checkout_sign(struct fl_slice secret, int64_t seconds, struct fl_slice body, char out[128]);
