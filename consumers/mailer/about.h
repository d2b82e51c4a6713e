/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a mail because of an event is about: whether that still stands, and the values of its words.
 *
 * Resellers get what renewals_source.h has fields for: nothing else of a device is ever put among
 * their values.
 *
 * Threading: pure. Allocation: the composer's arena.
 */
#include "consumers/mailer/compose_internal.h"

struct about {
    bool lives;             /* false: there is nothing to say any more */
    const char *company_id; /* who invites, shares, offers; NULL: nobody */
    int64_t expires_at_ms;  /* of its link; 0: never */
    uint32_t generation;    /* of its link's key */
};

/* A link with a reseller, and what he is told through it. */
struct about fl_about_reseller(const struct fl_composer *composer, const fl_outbox_row *row,
                               struct values *values);

/* A license that was bought: its activation code. */
struct about fl_about_license(const struct fl_composer *composer, const fl_outbox_row *row,
                              struct values *values);

/* notices.c: a date of a device; a license that is used up; an erasure that has begun. */
struct about fl_about_owner_notice(const struct fl_composer *composer, const fl_outbox_row *row,
                                   struct values *values);
struct about fl_about_license_ended(const struct fl_composer *composer, const fl_outbox_row *row,
                                    struct values *values);
struct about fl_about_erasure(const struct fl_composer *composer, const fl_outbox_row *row,
                              struct values *values);

/* What a date is called ("Warranty ends"). */
const char *fl_lifecycle_words(Fleetlog__V1__LifecycleFact fact);
