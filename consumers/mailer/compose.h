/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * From what is owed to a whole mail: who gets it, what it says, its id.
 *
 * Reads the registry and the people view of this node and opens the one profile that it needs;
 * links are computed from the link key whose generation the event names. What a mail is about is
 * looked at again here: an offer that has ended meanwhile is WITHDRAWN, not sent. The Message-ID is
 * derived from event and recipient, so that a mail that goes out twice says so itself.
 *
 * Threading: one thread. Allocation: the composer's arena, which the caller resets between mails.
 */
#include "consumers/mailer/renewals_source.h"
#include "core/ids.h"
#include "core/keyring.h"
#include "projections/registry/outbox.h"

enum fl_composed {
    FL_COMPOSED,
    FL_COMPOSED_WITHDRAWN,  /* what it is about has ended */
    FL_COMPOSED_NO_ADDRESS, /* the profile is gone, or has no address that mail can use */
    FL_COMPOSED_LATER,      /* the profile, or the keyring's generation, is not here yet */
    FL_COMPOSED_FAILED,     /* no memory, or a view that cannot be read */
};

struct fl_composer {
    struct fl_kv *registry;
    struct fl_kv *people;
    const struct fl_keyring *keyring;
    const struct fl_renewals_source *renewals; /* all that resellers are told of devices */
    struct fl_arena *arena;
    const char *public_url;
    const char *from;
    const char *spool_directory; /* for reports that are attached; NULL: none are */
    int64_t now_ms;              /* wall clock: for the Date and for offers that have run out */
};

struct fl_mail {
    Fleetlog__V1__MailCause cause;
    const char *subject_id;
    const char *to;
    char id[FL_ID_TEXT_SIZE]; /* of the Message-ID, without the domain */
    struct fl_slice bytes;
};

/* Derives a mail's id from its cause and recipient. */
void fl_mail_id(const char *event_id, const char *subject_id, Fleetlog__V1__MailKind kind,
                char out[FL_ID_TEXT_SIZE]);

/* The mail of an outbox row. `mail` has cause, subject and id whatever comes out. */
enum fl_composed fl_compose_outbox(const struct fl_composer *composer, const fl_outbox_row *row,
                                   struct fl_mail *mail) FL_MUST_USE;

/* The mail of an alert that waits or settles, to one account. */
enum fl_composed fl_compose_alert(const struct fl_composer *composer, const fl_alert_row *alert,
                                  const char *account_id, struct fl_mail *mail) FL_MUST_USE;
