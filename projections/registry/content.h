/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What makes two actions with one id the same action.
 *
 * Content is type, actor, on whose behalf, company and value without what the gateway mints on each
 * try. A person's address is compared by its indexes: one in common is enough, because during an
 * erasure two epochs are open and a retry may carry one or both.
 *
 * Threading: pure. Allocation: none.
 */
#include "core/hash.h"
#include "projections/registry/row_types.h"
#include "schemas/envelope.h"

struct fl_content {
    uint8_t hash[FL_HASH_SIZE];
    Fleetlog__V1__AddressIndex **indexes; /* of the person that the action names; borrowed */
    size_t index_count;
};

void fl_content_of(const struct fl_envelope *action, const ProtobufCMessage *message,
                   struct fl_content *content);

/* True if the outcome answered an action of this content. */
bool fl_content_is(const struct fl_content *content, const fl_outcome_row *outcome);
