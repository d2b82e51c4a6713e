/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who is told of an alert: asked when the mail is due, so that rights, shares, plans and policies
 * count as they are then.
 *
 * Of a raise: everybody of the owner company, and everybody who holds an accepted share of the
 * device, whose policy says so, and who has not been told; nobody, if the device's plan has no
 * mail. Of its end: those who were sent the raise, as far as they still may see the device and have
 * not paused mail since.
 *
 * Of a date of a device or the end of a license: the administrators of the company, each by his
 * policy; severities and conditions are no matter of it, and no plan is asked for.
 *
 * Threading: pure, one kv. Allocation: the caller's arena, which grows with the number of people.
 */
#include "fleetlog/v1/notifications.pb-c.h"
#include "projections/registry/row_types.h"
#include "projections/view.h"

struct fl_recipients {
    void *context;
    /* False ends the walk. The id lives until it returns. */
    bool (*found)(void *context, const char *account_id);
    int64_t now_ms; /* shares that have ended by then do not count */
};

/* True for an administrator of the company who wants mail of this kind, of this device (NULL: of
 * none). */
bool fl_notice_is_wanted(struct fl_kv *kv, struct fl_arena *arena, Fleetlog__V1__MailKind kind,
                         const char *company_id, const char *device_id, const char *account_id);

/* Calls `found` for each; true if the walk came to its end. Errors are the kv's. */
bool fl_notice_recipients(struct fl_kv *kv, struct fl_arena *arena, Fleetlog__V1__MailKind kind,
                          const char *company_id, const char *device_id,
                          const struct fl_recipients *recipients);

bool fl_alert_recipients(struct fl_kv *kv, struct fl_arena *arena, const fl_alert_row *alert,
                         const struct fl_recipients *recipients);
