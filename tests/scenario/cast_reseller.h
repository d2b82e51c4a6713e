/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Ready-made requests about resellers and the dates of devices; beside cast.h, by its rules.
 *
 * Threading: one thread. Allocation: the world's.
 */
#include "fleetlog/v1/parts.pb-c.h"
#include "fleetlog/v1/resellers.pb-c.h"
#include "tests/scenario/cast.h"

enum fl_message_type cast_link_reseller(struct world *world, unsigned account, unsigned person,
                                        unsigned link);
/* By who holds the mail's link. */
enum fl_message_type cast_accept_link(struct world *world, unsigned link);
enum fl_message_type cast_decline_link(struct world *world, unsigned link);
enum fl_message_type cast_disconnect(struct world *world, unsigned link);
enum fl_message_type cast_unlink(struct world *world, unsigned account, unsigned link);
enum fl_message_type cast_resend_offer(struct world *world, unsigned account, unsigned link);
enum fl_message_type cast_remind(struct world *world, unsigned account, unsigned link,
                                 unsigned device);
enum fl_message_type cast_date(struct world *world, unsigned account, unsigned device,
                               const char *date);

/* The catalogue, by an operator. */
enum fl_message_type cast_import(struct world *world, const char *sku, const char *part);

/* Every one of them, accepted, on the device of company 1; link numbers from `first` on. */
void cast_reseller_story(struct world *world, unsigned first, unsigned person, unsigned device);
