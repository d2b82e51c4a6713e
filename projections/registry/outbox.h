/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Mails that are still owed: what the registry remembers of notifications.
 *
 * Two kinds. An *outbox* row stands for one mail to one person because of one event (outbox.def: an
 * invitation, an offer, a reset, a notice to each administrator …); the mailer's record that it was
 * sent, or never will be, takes it away. An *alert* stands for one condition of one device: who
 * wants to be told is found out when the mail is due, not when the condition changes, so that a
 * power cut costs the decider one row per device, and rights and policies count as they are then.
 * Times are the log's. A replay finds neither row and so sends nothing.
 *
 * Flapping: a raise is told after FL_ALERT_HOLD_MS, with the count of raises by then; "all is well"
 * once it has stayed clear for as long, or, when it has come more than once within
 * FL_ALERT_RECENT_MS, for FL_ALERT_SETTLE_MS. Raises within that time add to the count and to
 * nothing else. A raise whose reading is older than FL_ALERT_LATE_MS tells nobody.
 *
 * Threading: one thread per kv. Allocation: the caller's arena. Limits: what is not told within
 * FL_OUTBOX_KEEP_MS or FL_ALERT_KEEP_MS never will be; each event sweeps some of them away. One
 * event is told to FL_NOTICE_PEOPLE_MAX administrators at most.
 */
#include "fleetlog/v1/notifications.pb-c.h"
#include "projections/registry/fold.h"

enum {
    FL_ALERT_HOLD_MS = 30 * 1000,
    FL_ALERT_SETTLE_MS = 10 * 60 * 1000,
    FL_ALERT_RECENT_MS = 60 * 60 * 1000,
    FL_ALERT_LATE_MS = 15 * 60 * 1000,
    FL_ALERT_KEEP_MS = 24 * 60 * 60 * 1000,
    FL_OUTBOX_KEEP_MS = 7 * 24 * 60 * 60 * 1000,
    FL_NOTICE_PEOPLE_MAX = 50,
};

/* What is known of one person and an alert. */
enum fl_alert_told {
    FL_ALERT_TOLD_NOBODY,
    FL_ALERT_TOLD_SENT,
    FL_ALERT_TOLD_FAILED, /* a mail that can never arrive is not tried again */
};

/* Keys. */
void fl_key_outbox(struct fl_key *key, uint64_t sequence, uint32_t kind, const char *subject_id);
void fl_key_alert_due(struct fl_key *key, const fl_alert_row *row);
void fl_key_alert_told(struct fl_key *key, const char *device_id, uint32_t condition,
                       const char *subject_id);
void fl_key_unsubscribed(struct fl_key *key, uint32_t kind, const char *subject_id);

/* Rows; NULL: none. */
fl_alert_row *fl_alert_get(struct fl_kv *kv, struct fl_arena *arena, const char *device_id,
                           uint32_t condition);
const fl_outbox_row *fl_outbox_get(struct fl_kv *kv, struct fl_arena *arena, uint64_t sequence,
                                   uint32_t kind, const char *subject_id);
enum fl_alert_told fl_alert_told(struct fl_kv *kv, const char *device_id, uint32_t condition,
                                 const char *subject_id);
bool fl_is_unsubscribed(struct fl_kv *kv, uint32_t kind, const char *subject_id);

/* The account's policy, or the default: critical, all devices, all conditions. NULL: no memory. */
const fl_policy_row *fl_policy_of(struct fl_kv *kv, struct fl_arena *arena, const char *account_id);

/* Kinds of mail that people may refuse; the others they have asked for themselves. */
bool fl_mail_may_be_refused(Fleetlog__V1__MailKind kind);

/* Kinds about dates and licenses: an account refuses them by its policy, anybody else by a mark. */
bool fl_mail_is_about_renewals(Fleetlog__V1__MailKind kind);

/* Whether the person has refused mail of that kind. */
bool fl_mail_is_refused(struct fl_kv *kv, struct fl_arena *arena, Fleetlog__V1__MailKind kind,
                        const char *subject_id);

/* --- folding --- */

/* Puts the mail that this event causes into the outbox, if it causes one. */
void fl_fold_outbox(struct fl_folding *f);

/* A condition has changed. False with a refusal. */
bool fl_fold_alert(struct fl_folding *f, const char *device_id, uint32_t condition, bool raised,
                   int64_t sampled_at_ms);

/* The device is gone, or another's: nobody is told anything about it any more. */
void fl_fold_drop_alerts(struct fl_folding *f, const char *device_id);

/* The account is gone. */
void fl_fold_drop_policy(struct fl_folding *f, const char *account_id);

/* Takes away what was not told in time. */
void fl_fold_sweep_mail(struct fl_folding *f);
void fl_fold_sweep_alerts(struct fl_folding *f, int count_max);

/* One person was told, or never can be. False with a refusal. */
bool fl_fold_alert_told(struct fl_folding *f, const Fleetlog__V1__MailCause *cause,
                        const char *subject_id, enum fl_alert_told told);

fl_fold_fn fl_fold_notification_sent, fl_fold_notification_failed, fl_fold_alerts_closed,
    fl_fold_notification_policy_set, fl_fold_unsubscribed;
