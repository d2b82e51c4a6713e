/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a person is in with companies besides an account: offers that wait for his answer, and the
 * links of a reseller. It all ends with him; private to the rules.
 *
 * Threading: one decision at a time. Allocation: the arena.
 * Limits: FL_RELATION_COUNT_PER_EVENT_MAX of a kind are named; the fold ends all.
 */
#include "projections/registry/deciding.h"

struct fl_relation_ids {
    const char **ids;
    size_t count;
};

struct fl_relations {
    struct fl_relation_ids shares; /* offers */
    struct fl_relation_ids invitations;
    struct fl_relation_ids transfers;
    struct fl_relation_ids links;
};

/* Lists them, and adds the companies that they are with to those of `ended`, which fl_shares_to_end
 * has begun. False: no memory, or a row is missing. */
bool fl_relations_to_end(struct fl_deciding *d, const char *subject_id,
                         struct fl_relations *relations, struct fl_ended *ended);
