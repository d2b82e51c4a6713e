/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A webhook of the checkout: verified, read, recorded; from the provider or the stand-in's page.
 *
 * Threading: one call. Allocation: the call's arena.
 */
#include "producers/gateway/checkout.h"
#include "producers/gateway/gateway_internal.h"

/* "recorded", "refused" or "ignored", for the caller to answer in place of whatever the rules'
 * answer was; NULL after answering: not signed, cannot be read, or later. */
const char *fl_call_take_webhook(struct call *call, const struct fl_checkout *checkout,
                                 const char *signature, struct fl_slice body);
