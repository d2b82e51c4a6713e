/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The operator API's handlers, by family, and what they share. Only the operator_*.c files include
 * this. */
#include "producers/gateway/gateway_internal.h"

/* operator.c */
bool fl_call_identify_operator(struct call *call);

/* A company by id, or by its name if only one has it; an account finds its own. NULL after
 * answering. */
const char *fl_call_find_company(struct call *call, const char *name);

/* gateway.c: name of the view that gateway->views[index] reads. */
const char *fl_gateway_view_name(const struct gateway *gateway, size_t index);

/* act.c: answers with the event that answered the action at this offset, refused or not. */
void fl_call_answer_outcome(struct call *call, uint64_t action_offset, struct outcome *outcome);

/* An action that the registry does not know: what this process knows of it (202, 503), else 404. */
void fl_call_answer_undecided(struct call *call, const char *id);

/* operator_device.c: ends the read and answers {items, next}; takes `items`. */
void fl_call_answer_list(struct call *call, struct fl_store_read *read, enum fl_error error,
                         json_t *items, const char *next);
/* A device by id, or by its name among those that the caller may see; NULL after answering. */
const fl_device_row *fl_call_find_device(struct call *call, struct fl_kv *kv, const char *name);
/* Ids for ids and names, one look for all of them; NULL after answering. */
const char **fl_call_find_devices(struct call *call, struct fl_kv *kv, const char **names,
                                  size_t count);

/* The same in a read of its own. */
const char **fl_call_resolve_devices(struct call *call, const char **names, size_t count);
/* Those that the body's "devices" names, 1 to 1 000; NULL after answering. */
const char **fl_call_body_devices(struct call *call, size_t *count);

/* A device as GET /v1/devices has it, for a stream; NULL: it may not be seen (any more). */
json_t *fl_call_device_json(struct call *call, struct fl_kv *registry, struct fl_kv *devices,
                            const char *device_id);

call_handler fl_route_get_devices;
call_handler fl_route_get_device;
call_handler fl_route_patch_device;
call_handler fl_route_delete_device;

/* firmware.c */
call_handler fl_route_get_firmware;
call_handler fl_route_post_firmware;
call_handler fl_route_post_firmware_image;
call_handler fl_route_delete_firmware;
call_handler fl_route_get_agent_firmware;
call_handler fl_route_get_agent_image;

/* operator_alias.c */
/* Adds how the device is reached and what it was known by before. */
enum fl_error fl_call_add_aliases(struct call *call, json_t *device, struct fl_kv *kv,
                                  const fl_device_row *row) FL_MUST_USE;
call_handler fl_route_get_agents;
call_handler fl_route_post_device_move;

/* operator_share.c */
call_handler fl_route_get_shares;
call_handler fl_route_post_share;
call_handler fl_route_post_share_accept;
call_handler fl_route_delete_share;

/* people.c */
/* Person of an address or id; NULL if he is not known. */
const fl_subject_row *fl_call_find_person(struct call *call, struct fl_kv *kv, const char *name);

/* Takes keys over that came or went since; one stat otherwise. */
enum fl_error fl_gateway_refresh_keys(struct gateway *gateway) FL_MUST_USE;

/* operator_privacy.c */
call_handler fl_route_post_erasure;
call_handler fl_route_get_erasure;
call_handler fl_route_post_link_key;
call_handler fl_route_post_epoch;

/* operator_parts.c, operator_history.c */
void fl_call_add_forecast(struct call *call, json_t *device, struct fl_kv *registry,
                          struct fl_kv *devices, const fl_device_row *row);
call_handler fl_route_get_catalogue, fl_route_post_catalogue, fl_route_get_history;

/* operator_transfer.c */
call_handler fl_route_get_transfers;
call_handler fl_route_post_transfer;
call_handler fl_route_post_transfer_accept;
call_handler fl_route_post_transfer_decline;
call_handler fl_route_delete_transfer;

/* operator_reseller.c */
call_handler fl_route_get_reseller_links;
call_handler fl_route_post_reseller_link;
call_handler fl_route_delete_reseller_link;
call_handler fl_route_post_reseller_remind;
call_handler fl_route_post_reseller_resend;
call_handler fl_route_post_reseller_show;
call_handler fl_route_post_reseller_accept;
call_handler fl_route_post_reseller_decline;
call_handler fl_route_post_reseller_disconnect;
call_handler fl_route_get_lifecycle, fl_route_put_lifecycle;

/* operator_notify.c */
call_handler fl_route_get_notifications;
call_handler fl_route_put_notifications;
call_handler fl_route_get_unsubscribe;
call_handler fl_route_post_unsubscribe;

/* operator_purchase.c */
call_handler fl_route_get_prices, fl_route_put_prices;
call_handler fl_route_get_purchases;
call_handler fl_route_post_purchase;
call_handler fl_route_post_checkout, fl_route_get_checkout_page, fl_route_post_checkout_page;

/* operator_license.c */
call_handler fl_route_get_licenses, fl_route_get_license;
call_handler fl_route_get_ledger; /* operator_ledger.c */
call_handler fl_route_get_applications;
call_handler fl_route_post_license;
call_handler fl_route_post_license_apply;
call_handler fl_route_post_license_release;
call_handler fl_route_post_license_withdraw;

/* operator_people.c */
call_handler fl_route_get_invitations;
call_handler fl_route_delete_invitation;
call_handler fl_route_post_invitation_resend;
call_handler fl_route_post_invitation_accept;
call_handler fl_route_patch_account;
call_handler fl_route_delete_account;
call_handler fl_route_post_account_close;
call_handler fl_route_delete_shared_devices;

/* operator_command.c */
call_handler fl_route_post_command;
call_handler fl_route_get_command;
call_handler fl_route_post_command_cancel;

/* operator_events.c, operator_report.c */
call_handler fl_route_get_events, fl_route_get_report;
