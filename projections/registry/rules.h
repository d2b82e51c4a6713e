/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Versions of the rules: for each, its limits and what it does with each action.
 *
 * The log itself names the version in force; decide() finds it here. A changed rule is a new
 * version beside the old ones, so that old actions are decided again as they were; a version is
 * never edited once a log has used it. Production has one. Tests hand decide() a set of their own
 * with a second one, and switch in mid-log.
 *
 * Threading: constant data. Allocation: none.
 */
#include <stdint.h>

#include "schemas/catalogue.h"

struct fl_deciding;

/* Answers one action: an event, or ActionRejected; NULL only when the store or the arena failed. */
typedef const ProtobufCMessage *fl_decide_fn(struct fl_deciding *deciding);

struct fl_rules_limits {
    uint32_t shares_per_device_max;        /* besides the owner company; pending ones count */
    uint32_t devices_per_action_max;       /* all or nothing */
    uint32_t commands_per_device_max;      /* that may still be carried out */
    uint32_t open_commands_per_device_max; /* with those that are overdue and not fetched */
    uint32_t firmware_count_max;           /* published at a time */
    int64_t invitation_ms;                 /* from the invitation to its end */
    int64_t share_offer_ms;                /* from the offer to its end */
    int64_t reseller_offer_ms;             /* the same of an offer to a reseller */
    int64_t reminder_pause_ms;             /* between two reminders of a reseller */
    int64_t transfer_offer_ms;             /* the same of an offer of ownership */
    int64_t purchase_ms;                   /* from the start of a purchase to its end unpaid */
    int64_t claim_ms_max;                  /* the longest that a claim code may live */
    int64_t action_id_ms;                  /* how long an action's id is remembered, in log time */
    int64_t profile_age_ms_max;     /* a profile older than this at the action's time is refused */
    int64_t profile_ahead_ms_max;   /* so is one from further ahead: two gateways' clocks */
    int64_t profile_unnamed_ms_max; /* in log time: past it the keeper removes one unnamed */
    int64_t command_ttl_ms_min;
    int64_t command_ttl_ms_max;
    int64_t sign_up_ms;        /* from the request to its end, as those below */
    int64_t password_reset_ms; /* at most an hour: who holds the link holds the account */
    int64_t address_change_ms;
    int64_t session_ms; /* the longest that a session lives */
    int64_t session_idle_ms;
    uint32_t sessions_per_account_max; /* one more ends the oldest */
    uint32_t api_tokens_per_account_max;
    int64_t api_token_ms_max;      /* the longest that an API token lives */
    int64_t trial_ms;              /* of the Standard plan, from a UPS's first registration */
    uint32_t license_nodes_max;    /* of one license */
    uint32_t license_days_max;     /* of a term */
    uint32_t nodes_per_device_max; /* that have time left */
};

struct fl_rules {
    uint32_t version;
    struct fl_rules_limits limits;
    fl_decide_fn *const *actions; /* FL_MESSAGE_COUNT entries; NULL: unknown to this version */
};

struct fl_rules_set {
    const struct fl_rules *versions;
    uint32_t count;
};

/* What this build decides by. */
const struct fl_rules_set *fl_rules_production(void);

/* Newest version of a set: what a node announces. */
uint32_t fl_rules_newest(const struct fl_rules_set *set);

/* NULL if the set does not have it. */
const struct fl_rules *fl_rules_find(const struct fl_rules_set *set, uint32_t version);
