/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Links of companies with resellers, as readers ask for them.
 *
 * A reseller is a person by address only. A company has one at a time, offered or linked. What he
 * is told beyond the events' fields is the mailer's business (consumers/mailer/renewals_source.h).
 *
 * Invariants: 51 (check_reseller.c). Threading: one thread per kv. Allocation: the arena.
 */
#include "core/arena.h"
#include "core/kv.h"
#include "core/slice.h"
#include "fleetlog/v1/resellers.pb-c.h"
#include "projections/registry/machines.h"
#include "projections/registry/row_types.h"

const fl_reseller_link_row *fl_registry_reseller_link(struct fl_kv *kv, struct fl_arena *arena,
                                                      struct fl_slice link_id);

/* The company's link that is offered or linked in its row; NULL: none. */
fl_reseller_link_row *fl_registry_reseller_of(struct fl_kv *kv, struct fl_arena *arena,
                                              const char *company_id);

/* The state that counts at a time: an offer at or past its end is expired. */
enum fl_reseller_link_state fl_reseller_link_state_at(unsigned state, int64_t expires_at_ms,
                                                      int64_t now_ms);

/* The first moment of the next month or quarter (UTC). */
int64_t fl_report_next_ms(Fleetlog__V1__ReportPeriod period, int64_t now_ms);
