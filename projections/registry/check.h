/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the checks of the registry share; private to them.
 *
 * Threading: one check at a time. Allocation: an arena of the check's own, reset per row.
 */
#include "projections/registry/machines.h"
#include "projections/registry/registry.h"
#include "projections/registry/rows.h"

struct fl_checking {
    struct fl_kv *kv;
    struct fl_arena arena;
    char *detail;
};

/* Notes the broken invariant; returns false. */
bool fl_broken(struct fl_checking *c, int number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* True if INDEX has the entry. */
bool fl_has_entry(struct fl_checking *c, const struct fl_key *key);

/* The two parts of invariant 1: a row under its own key, in a state of its machine. */
bool fl_check_own(struct fl_checking *c, struct fl_slice key, enum fl_registry_table table,
                  const char *id);
bool fl_check_state(struct fl_checking *c, const struct fl_sm *machine, uint32_t state,
                    const char *id);

/* One entry of INDEX. */
struct fl_index_entry {
    struct fl_slice key;
    struct fl_slice value;
    char owner[FL_ID_TEXT_SIZE];  /* the first id behind the list's byte */
    char member[FL_ID_TEXT_SIZE]; /* the last id of the key */
};
typedef bool fl_check_entry_fn(struct fl_checking *c, const struct fl_index_entry *entry);

/* One row. */
typedef bool fl_check_row_fn(struct fl_checking *c, struct fl_slice key, const void *row);

/* check_login.c */
fl_check_row_fn fl_check_login, fl_check_session, fl_check_api_token, fl_check_sign_up,
    fl_check_password_reset, fl_check_address_change;
fl_check_entry_fn fl_check_account_session, fl_check_account_token, fl_check_token_hash,
    fl_check_sign_up_due;

/* check_transfer.c */
fl_check_row_fn fl_check_transfer;
fl_check_entry_fn fl_check_company_transfer, fl_check_person_transfer, fl_check_transfer_device,
    fl_check_device_transfer;

/* check_licenses.c: invariants 25 to 29. */
fl_check_row_fn fl_check_license, fl_check_application, fl_check_coverage, fl_check_purchase;
bool fl_check_plan_end(struct fl_checking *c, const fl_lifecycle_row *row);
fl_check_entry_fn fl_check_company_license, fl_check_license_code, fl_check_license_returned,
    fl_check_device_license, fl_check_company_purchase;
/* check_parts.c */
fl_check_row_fn fl_check_catalogue_entry;

/* check_reseller.c */
bool fl_check_reseller_link(struct fl_checking *c, struct fl_slice key, const void *row);
bool fl_check_lifecycle(struct fl_checking *c, struct fl_slice key, const void *row);
fl_check_entry_fn fl_check_company_reseller, fl_check_person_link;

/* Checks every entry of INDEX against the row that it stands for (invariants 10 on). */
bool fl_check_index(struct fl_checking *c);

/* check_privacy.c */
bool fl_check_living(struct fl_checking *c, const fl_subject_row *row);
bool fl_check_erasure(struct fl_checking *c, struct fl_slice key, const void *row);
bool fl_check_epoch(struct fl_checking *c, struct fl_slice key, const void *row);
bool fl_check_link_key(struct fl_checking *c, struct fl_slice key, const void *row);
bool fl_check_epoch_entry(struct fl_checking *c, struct fl_slice key);
bool fl_check_erasure_entry(struct fl_checking *c, struct fl_slice key);
