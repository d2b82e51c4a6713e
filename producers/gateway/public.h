/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The door for people and integrations: who asks, from where, how often, and whether a page of
 * somebody else's sent it.
 *
 * A person's browser has a session's cookie: `__Host-fleetlog` behind https; where [gateway]
 * public_url is plain http, `fleetlog-development`, taken from and given to peers on this machine
 * only. An integration has an API token, in `Authorization: Bearer`. Both at once are refused.
 *
 * No page of another origin changes anything: SameSite, Sec-Fetch-Site, Origin, and a header that
 * no form can send (Fleetlog-Csrf) on every change that is not a token's. Nothing is allowed to
 * other origins (no CORS), and no GET changes anything.
 *
 * The address that limits count is the peer's, unless [gateway] trusted_proxy names that one: then
 * the last of X-Forwarded-For that no trusted proxy wrote. No other forwarded header is looked at.
 *
 * Threading: any. Allocation: open. Limits: [gateway] requests_per_minute*; a secret that is none
 * costs FL_WRONG_SECRET_COST requests of its address.
 */
#include "producers/gateway/gateway_internal.h"

enum { FL_WRONG_SECRET_COST = 20, FL_TRUSTED_PROXY_COUNT_MAX = 16 };

/* What every answer of this door carries. */
extern const struct fl_http_field fl_public_fields[];

/* FL_USAGE with the reason: a setting has no good form. */
enum fl_error fl_public_open(struct gateway *gateway, struct fl_public **public_door,
                             char detail[256]) FL_MUST_USE;
void fl_public_close(struct fl_public **public_door);

/* Before anything else is looked at: the address's rate. False after answering 429. */
bool fl_public_admit(struct call *call);

/* Origin, session or token, the account's rate. False after answering. */
bool fl_public_identify(struct call *call);

/* The address that asks; in the call's arena. */
const char *fl_call_client_address(struct call *call);

/* What it counts as for every limit: all of a site's IPv6 addresses (64 bits) as one, because who
 * has one has them all. In the call's arena. */
struct fl_slice fl_call_client_network(struct call *call);

/* Charges who asked for a secret that was none; over the operators' socket nothing. */
void fl_call_charge_secret(struct call *call);

/* Gives the browser the session's secret for so long, or takes it away (NULL). False after
 * answering 403: over plain http only a peer on this machine gets one. */
bool fl_call_set_cookie(struct call *call, const char *secret, int64_t seconds);
