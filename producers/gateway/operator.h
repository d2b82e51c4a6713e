/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The operator API's handlers, by family, and what they share. Only the operator_*.c files include
 * this. */
#include "producers/gateway/gateway_internal.h"

/* operator.c */
bool call_identify_operator(struct call *call);

/* gateway.c: name of the view that gateway->views[index] reads. */
const char *gateway_view_name(const struct gateway *gateway, size_t index);

/* act.c: answers with the event that answered the action at this offset, refused or not. */
void answer_outcome_at(struct call *call, uint64_t action_offset, struct outcome *outcome);

/* operator_device.c: ends the read and answers {items, next}; takes `items`. */
void answer_list(struct call *call, struct fl_store_read *read, enum fl_error error, json_t *items,
                 const char *next);
/* A device by id, or by its name among those that the caller may see; NULL after answering. */
const fl_device_row *find_device(struct call *call, struct fl_kv *kv, const char *name);

call_handler get_devices;
call_handler get_device;
call_handler patch_device;
call_handler delete_device;

/* operator_share.c */
call_handler get_shares;
call_handler post_share;
call_handler post_share_accept;
call_handler delete_share;

/* operator_command.c */
call_handler post_command;
call_handler get_command;
call_handler post_command_cancel;

/* operator_events.c */
call_handler get_events;
