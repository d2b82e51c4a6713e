/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Rules of licenses. Like deciding.h. */
#include "fleetlog/v1/purchases.pb-c.h"
#include "projections/registry/deciding.h"

fl_decide_fn fl_decide_mint_license, fl_decide_apply_license, fl_decide_release_license,
    fl_decide_withdraw_license, fl_decide_set_price_list, fl_decide_start_purchase,
    fl_decide_report_payment;

/* A currency is three capital letters (ISO 4217). */
bool fl_is_currency(const char *text);

/* Who has nodes of a license on devices. */
struct fl_holders {
    const char **company_ids; /* owners, each once; cut to what an event holds */
    size_t company_count;
    uint32_t node_count;
};
/* False: no memory, or the store is damaged. */
bool fl_license_holders(struct fl_deciding *d, const char *license_id, struct fl_holders *holders);
