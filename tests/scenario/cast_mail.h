/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Ready-made requests about mail for tests in C; people and devices by number, as in cast.h.
 *
 * Threading: one thread. Allocation: the world's.
 */
#include "fleetlog/v1/notifications.pb-c.h"
#include "tests/scenario/cast.h"

/* Sends as the mailer. */
enum fl_message_type cast_mailer(struct world *world, const ProtobufCMessage *message);

/* The oldest mail that is owed to the person; the test fails if none is. */
enum fl_message_type cast_mail_sent(struct world *world, unsigned person);
enum fl_message_type cast_mail_failed(struct world *world, unsigned person);

/* The alert that waits for a mail, about a raise or its end. */
enum fl_message_type cast_alert_sent(struct world *world, unsigned person, unsigned device,
                                     Fleetlog__V1__ConditionKind condition);
enum fl_message_type cast_alert_close(struct world *world, unsigned device,
                                      Fleetlog__V1__ConditionKind condition);

/* Mail about everything. */
enum fl_message_type cast_policy(struct world *world, unsigned account);
enum fl_message_type cast_unsubscribe(struct world *world, unsigned person,
                                      Fleetlog__V1__MailKind kind);
