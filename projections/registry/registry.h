/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The registry: who and what there is, folded from the events. The decider's memory, and what
 * readers ask.
 *
 * The decider process is its only writer on a node; everybody else reads through a read transaction
 * (projections/store gives a kv over one). It holds no readings and no names of people: subjects
 * only. Questions of who may do what are rights.h.
 *
 * Invariants: check.c, by number. Threading: one thread per kv. Allocation: the caller's arena;
 * rows live in it. Errors: sticky in the kv; a function that finds nothing returns NULL.
 */
#include "projections/registry/row_types.h"
#include "projections/view.h"

/* The projection: events with their actions in, rows out. */
const struct fl_view *fl_registry_view(void);

/* Checks every invariant; false with the number and the row in `detail`. Reads everything. */
bool fl_registry_check(struct fl_kv *kv, char detail[FL_DETAIL_SIZE]);

/* One row. Ids are texts; one that is no id is not found. */
const fl_log_row *fl_registry_log(struct fl_kv *kv, struct fl_arena *arena);
const fl_company_row *fl_registry_company(struct fl_kv *kv, struct fl_arena *arena,
                                          struct fl_slice id);
const fl_account_row *fl_registry_account(struct fl_kv *kv, struct fl_arena *arena,
                                          struct fl_slice id);
const fl_subject_row *fl_registry_subject(struct fl_kv *kv, struct fl_arena *arena,
                                          struct fl_slice id);
const fl_invitation_row *fl_registry_invitation(struct fl_kv *kv, struct fl_arena *arena,
                                                struct fl_slice id);
const fl_agent_row *fl_registry_agent(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice id);
const fl_device_row *fl_registry_device(struct fl_kv *kv, struct fl_arena *arena,
                                        struct fl_slice id);
const fl_device_row *fl_registry_device_by_number(struct fl_kv *kv, struct fl_arena *arena,
                                                  uint32_t number);
const fl_capabilities_row *fl_registry_capabilities(struct fl_kv *kv, struct fl_arena *arena,
                                                    struct fl_slice device_id);
const fl_share_row *fl_registry_share(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice id);
const fl_firmware_row *fl_registry_firmware(struct fl_kv *kv, struct fl_arena *arena,
                                            struct fl_slice id);
const fl_transfer_row *fl_registry_transfer(struct fl_kv *kv, struct fl_arena *arena,
                                            struct fl_slice id);
const fl_command_row *fl_registry_command(struct fl_kv *kv, struct fl_arena *arena,
                                          struct fl_slice id);
const fl_condition_row *fl_registry_condition(struct fl_kv *kv, struct fl_arena *arena,
                                              struct fl_slice device_id, uint32_t kind);

/* What waits for its link; NULL: nothing, or no longer. */
const fl_sign_up_row *fl_registry_sign_up(struct fl_kv *kv, struct fl_arena *arena,
                                          struct fl_slice id);
const fl_account_link_row *fl_registry_password_reset(struct fl_kv *kv, struct fl_arena *arena,
                                                      struct fl_slice id);
const fl_account_link_row *fl_registry_address_change(struct fl_kv *kv, struct fl_arena *arena,
                                                      struct fl_slice id);

/* One that has ended by time stands until the next one begins (sessions.h tells). */
const fl_session_row *fl_registry_session(struct fl_kv *kv, struct fl_arena *arena,
                                          struct fl_slice id);
const fl_api_token_row *fl_registry_api_token(struct fl_kv *kv, struct fl_arena *arena,
                                              struct fl_slice id);

/* What the rules know of an account's sign-in; NULL: nothing yet. */
const fl_login_row *fl_registry_login(struct fl_kv *kv, struct fl_arena *arena,
                                      struct fl_slice account_id);

/* The price list in force; NULL: none was ever set. */
const fl_price_list_row *fl_registry_prices(struct fl_kv *kv, struct fl_arena *arena);
const fl_license_row *fl_registry_license(struct fl_kv *kv, struct fl_arena *arena,
                                          struct fl_slice id);
const fl_purchase_row *fl_registry_purchase(struct fl_kv *kv, struct fl_arena *arena,
                                            struct fl_slice id);
/* In words: why a node is on a device no longer. */
const char *fl_application_end_name(uint32_t end);
/* When the node of an application in force will be used up, as things stand. */
int64_t fl_application_ends_ms(struct fl_kv *kv, struct fl_arena *arena,
                               const fl_application_row *row);

/* The person whose address has this index (16 bytes) under an epoch; it may have no account. */
const fl_subject_row *fl_registry_subject_by_address(struct fl_kv *kv, struct fl_arena *arena,
                                                     uint32_t epoch, struct fl_slice index);

/* The claim with this code hash (32 bytes). */
const fl_claim_row *fl_registry_claim_by_code(struct fl_kv *kv, struct fl_arena *arena,
                                              struct fl_slice code_hash);

/* How the action at that offset was answered. Its event's sequence is the same number; NULL: not
 * answered yet, forgotten (after 8 days of log time), or a detector's. */
const fl_outcome_row *fl_registry_outcome(struct fl_kv *kv, struct fl_arena *arena,
                                          uint64_t action_offset);

/* The offset of the action that used this id last; false: none remembered. */
bool fl_registry_action_offset(struct fl_kv *kv, struct fl_slice action_id,
                               uint64_t *action_offset);

/* Lists, each with the type of its rows and whose they are. */
enum fl_registry_list {
    FL_LIST_NODES,            /* fl_node_row, nobody's */
    FL_LIST_COMPANIES,        /* fl_company_row, nobody's */
    FL_LIST_ACCOUNTS,         /* fl_account_row, of a company */
    FL_LIST_INVITATIONS,      /* fl_invitation_row, of a company: the latest of each person */
    FL_LIST_AGENTS,           /* fl_agent_row, of a company */
    FL_LIST_DEVICES,          /* fl_device_row, of a company: active */
    FL_LIST_SHARED_DEVICES,   /* fl_device_row, of an account: shared with it and accepted */
    FL_LIST_AGENT_DEVICES,    /* fl_device_row, of an agent: active */
    FL_LIST_SHARES,           /* fl_share_row, of a company: pending and accepted */
    FL_LIST_PERSON_SHARES,    /* fl_share_row, of a subject: pending and accepted */
    FL_LIST_DEVICE_SHARES,    /* fl_share_row, of a device: pending and accepted */
    FL_LIST_SHARE_DEVICES,    /* fl_device_row, of a share */
    FL_LIST_AGENT_PENDING,    /* fl_command_row, of an agent: open, in the order of requests */
    FL_LIST_DEVICE_PENDING,   /* fl_command_row, of a device: open */
    FL_LIST_DEVICE_COMMANDS,  /* fl_command_row, of a device */
    FL_LIST_TRANSFERS,        /* fl_transfer_row, of a company: open offers */
    FL_LIST_PERSON_TRANSFERS, /* fl_transfer_row, of a subject: open offers to him */
    FL_LIST_TRANSFER_DEVICES, /* fl_device_row, of a transfer that is open */
    FL_LIST_DEVICE_ALIASES,   /* fl_alias_row, of a device: the newest sixteen, oldest first */
    FL_LIST_FIRMWARES,        /* fl_firmware_row, nobody's: published and withdrawn */
    FL_LIST_SESSIONS,         /* fl_session_row, of an account; those over by time too */
    FL_LIST_API_TOKENS,       /* fl_api_token_row, of an account; those over by time too */
    FL_LIST_LICENSES,         /* fl_license_row, of the company that bought them */
    FL_LIST_PURCHASES,        /* fl_purchase_row, of a company */
    FL_LIST_ALL_PURCHASES,    /* fl_purchase_row, nobody's */
    FL_LIST_ALL_LICENSES,     /* fl_license_row, nobody's */
    FL_LIST_APPLICATIONS,     /* fl_application_row, of a license */
    FL_LIST_CONDITIONS,       /* fl_condition_row, of a device: raised or not */
    FL_LIST_COUNT
};

enum { FL_CURSOR_SIZE = 2 * 64 + 1 };

struct fl_page {
    struct fl_slice after; /* `next` of the page before; NULL: from the start */
    size_t limit;          /* at least 1 */
    bool descending;       /* the other way round */
};

struct fl_rows {
    void **rows; /* in the arena */
    size_t count;
    char next[FL_CURSOR_SIZE]; /* "" when this was the last page */
};

/* One page of a list; work is proportional to the rows returned. A cursor that is none gives the
 * error FL_INVALID, an owner that is no id an empty page. */
enum fl_error fl_registry_list(struct fl_kv *kv, struct fl_arena *arena, enum fl_registry_list list,
                               struct fl_slice owner_id, const struct fl_page *page,
                               struct fl_rows *rows) FL_MUST_USE;
