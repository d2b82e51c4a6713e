/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The registry's tables: how a row is found, read and written.
 *
 * One table per kind of thing, keyed by its id; one table INDEX for every list, whose first key
 * byte says which list. Reading unpacks into the caller's arena, so that a row outlives the next
 * put. A row that does not decode makes the kv's sticky error CORRUPT; the caller goes on as if it
 * were not there. Which rows belong together is fold's business and check's.
 *
 * Threading: one thread per kv. Allocation: the arena only; an exhausted arena makes the kv's error
 * NO_MEMORY.
 */
#include "core/arena.h"
#include "core/kv.h"
#include "projections/registry/key.h"
#include "projections/registry/row_types.h"

enum fl_registry_table {
#define FL_TABLE(name, text, row) FL_TABLE_##name,
#include "projections/registry/tables.def"
#undef FL_TABLE
    FL_TABLE_ACTION_IDS, /* action id -> sequence, 8 bytes */
    FL_TABLE_INDEX,
    FL_TABLE_COUNT
};

extern const char *const fl_registry_tables[FL_TABLE_COUNT];

/* Lists: first byte of a key of INDEX; what follows is the list's key, then the member's. The value
 * is empty unless said. */
enum fl_registry_index {
    FL_INDEX_COMPANY_ACCOUNTS = 1,  /* company, account */
    FL_INDEX_COMPANY_PEOPLE,        /* company, subject -> its latest invitation (16 bytes) */
    FL_INDEX_COMPANY_AGENTS,        /* company, agent */
    FL_INDEX_COMPANY_DEVICES,       /* company, device: active ones */
    FL_INDEX_COMPANY_SHARES,        /* company, share: pending and accepted ones */
    FL_INDEX_PERSON_SHARES,         /* subject, share: pending and accepted ones */
    FL_INDEX_PERSON_DEVICES,        /* subject, device: accepted ones */
    FL_INDEX_SHARE_DEVICES,         /* share, device */
    FL_INDEX_AGENT_PENDING,         /* agent, sequence u64, command: open ones */
    FL_INDEX_DEVICE_PENDING,        /* device, sequence u64, command: open ones */
    FL_INDEX_DEVICE_COMMANDS,       /* device, sequence u64, command: all */
    FL_INDEX_CLAIM_CODE,            /* hash (32 bytes) -> claim (16 bytes) */
    FL_INDEX_COMPANY_TRANSFERS,     /* company, transfer: open offers */
    FL_INDEX_PERSON_TRANSFERS,      /* subject, transfer: open offers to him */
    FL_INDEX_TRANSFER_DEVICES,      /* transfer, device: of open offers */
    FL_INDEX_DEVICE_TRANSFER,       /* device, transfer: the open offer of it */
    FL_INDEX_ALERT_DUE,             /* time u64, condition u32, device */
    FL_INDEX_ALERT_TOLD,            /* device, condition u32, subject -> enum fl_alert_told u8 */
    FL_INDEX_UNSUBSCRIBED,          /* kind of mail u32, subject */
    FL_INDEX_DUE,                   /* time u64, DueKind u8, step u32, id: due.h */
    FL_INDEX_EPOCH_PEOPLE,          /* epoch u32, subject: living people whose profile is of it */
    FL_INDEX_ERASURES_OPEN,         /* sequence u64, subject: erasures that are not done */
    FL_INDEX_ACCOUNT_SESSIONS,      /* account, session */
    FL_INDEX_ACCOUNT_TOKENS,        /* account, API token */
    FL_INDEX_TOKEN_HASH,            /* hash (32 bytes) -> enum fl_token_kind u8, id (16 bytes) */
    FL_INDEX_SIGN_UP_DUE,           /* time u64, sign-up */
    FL_INDEX_COMPANY_LICENSES,      /* company that bought it, license */
    FL_INDEX_LICENSE_CODE,          /* hash (32 bytes) -> license (16 bytes) */
    FL_INDEX_LICENSE_RETURNED,      /* license, ~rest u64, application u32: nodes that came back */
    FL_INDEX_DEVICE_LICENSES,       /* device, sequence u64, license -> application u32: all */
    FL_INDEX_COMPANY_RESELLERS,     /* company, link: offered or linked, one at most */
    FL_INDEX_COMPANY_PURCHASES,     /* company, purchase */
    FL_INDEX_PERSON_INVITATIONS,    /* subject, invitation: outstanding ones */
    FL_INDEX_PERSON_RESELLER_LINKS, /* subject, link: offered or linked */
    FL_INDEX_COUNT
};

/* The row as its table's type, in the arena; NULL if it is not there (or the kv has failed). */
void *fl_row_get(struct fl_kv *kv, struct fl_arena *arena, enum fl_registry_table table,
                 const struct fl_key *key);

/* Unpacks a value that a walk has found. */
void *fl_row_decode(struct fl_kv *kv, struct fl_arena *arena, enum fl_registry_table table,
                    struct fl_slice value);

/* Writes a row of the table's type. A bad key makes the kv's error CORRUPT: a row's own id is
 * valid. */
void fl_row_put(struct fl_kv *kv, struct fl_arena *arena, enum fl_registry_table table,
                const struct fl_key *key, const ProtobufCMessage *row);

/* The same for a key that sorts behind all others of the table. */
void fl_row_append(struct fl_kv *kv, struct fl_arena *arena, enum fl_registry_table table,
                   const struct fl_key *key, const ProtobufCMessage *row);

/* One row by one id; NULL for an id that is none. */
void *fl_row_by_id(struct fl_kv *kv, struct fl_arena *arena, enum fl_registry_table table,
                   struct fl_slice id);
void fl_row_put_by_id(struct fl_kv *kv, struct fl_arena *arena, enum fl_registry_table table,
                      const char *id, const ProtobufCMessage *row);

/* Keys that are more than one id. */
void fl_key_log(struct fl_key *key);
void fl_key_number(struct fl_key *key, uint32_t number);
void fl_key_address(struct fl_key *key, const Fleetlog__V1__AddressIndex *index);
void fl_key_grant(struct fl_key *key, const char *device_id, struct fl_slice subject_id);
void fl_key_alias(struct fl_key *key, const char *device_id, uint64_t sequence);
void fl_key_condition(struct fl_key *key, struct fl_slice device_id, uint32_t kind);
/* (agent, SHA-256 of address 0x00 name): texts have no fixed width. */
void fl_key_identity(struct fl_key *key, struct fl_slice agent_id, const char *upsd_address,
                     const char *ups_name);

/* Keys of lists: begin names list and owner; members follow. */
void fl_key_list(struct fl_key *key, enum fl_registry_index list, struct fl_slice owner_id);
void fl_key_pair(struct fl_key *key, enum fl_registry_index list, const char *owner_id,
                 const char *member_id);
void fl_key_nth(struct fl_key *key, enum fl_registry_index list, const char *owner_id,
                uint64_t sequence, const char *member_id);
void fl_key_epoch_person(struct fl_key *key, uint32_t epoch, const char *subject_id);
void fl_key_erasure_open(struct fl_key *key, uint64_t sequence, const char *subject_id);
void fl_key_claim_code(struct fl_key *key, ProtobufCBinaryData code_hash);
void fl_key_token_hash(struct fl_key *key, ProtobufCBinaryData token_hash);
void fl_key_sign_up_due(struct fl_key *key, int64_t due_ms, const char *sign_up_id);
void fl_key_license_code(struct fl_key *key, ProtobufCBinaryData code_hash);
void fl_key_price_list(struct fl_key *key); /* one row */
void fl_key_application(struct fl_key *key, const char *license_id, uint32_t number);
/* The node with the greatest rest comes first. */
void fl_key_returned(struct fl_key *key, const char *license_id, int64_t rest_ms, uint32_t number);

/* Puts an entry into INDEX; a bad key makes the kv's error CORRUPT. */
void fl_index_put(struct fl_kv *kv, const struct fl_key *key, struct fl_slice value);
void fl_index_del(struct fl_kv *kv, const struct fl_key *key);
