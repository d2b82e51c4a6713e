/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of lists: one walk over a prefix, from a cursor on. */
#include <string.h>

#include "core/assert.h"
#include "projections/registry/registry.h"
#include "projections/registry/rows.h"

/* How an entry of a list leads to its row. */
enum source {
    ROWS,       /* the entries are the rows */
    TAIL_ID,    /* the key ends in the row's id */
    VALUE_ID,   /* the value is the row's id, 16 bytes */
    IDENTITIES, /* the value is an identity row, which names a device or none */
    GRANTS,     /* the value is a grant, which names a share */
};

static const struct list_rule {
    enum fl_registry_table entries;
    enum fl_registry_index index; /* of entries in INDEX; 0: no index byte */
    bool owned;
    enum source source;
    enum fl_registry_table rows;
} rules[FL_LIST_COUNT] = {
    [FL_LIST_NODES] = {FL_TABLE_NODES, 0, false, ROWS, FL_TABLE_NODES},
    [FL_LIST_COMPANIES] = {FL_TABLE_COMPANIES, 0, false, ROWS, FL_TABLE_COMPANIES},
    [FL_LIST_ACCOUNTS] = {FL_TABLE_INDEX, FL_INDEX_COMPANY_ACCOUNTS, true, TAIL_ID,
                          FL_TABLE_ACCOUNTS},
    [FL_LIST_INVITATIONS] = {FL_TABLE_INDEX, FL_INDEX_COMPANY_PEOPLE, true, VALUE_ID,
                             FL_TABLE_INVITATIONS},
    [FL_LIST_AGENTS] = {FL_TABLE_INDEX, FL_INDEX_COMPANY_AGENTS, true, TAIL_ID, FL_TABLE_AGENTS},
    [FL_LIST_DEVICES] = {FL_TABLE_INDEX, FL_INDEX_COMPANY_DEVICES, true, TAIL_ID, FL_TABLE_DEVICES},
    [FL_LIST_SHARED_DEVICES] = {FL_TABLE_INDEX, FL_INDEX_PERSON_DEVICES, true, TAIL_ID,
                                FL_TABLE_DEVICES},
    [FL_LIST_AGENT_DEVICES] = {FL_TABLE_IDENTITIES, 0, true, IDENTITIES, FL_TABLE_DEVICES},
    [FL_LIST_SHARES] = {FL_TABLE_INDEX, FL_INDEX_COMPANY_SHARES, true, TAIL_ID, FL_TABLE_SHARES},
    [FL_LIST_PERSON_SHARES] = {FL_TABLE_INDEX, FL_INDEX_PERSON_SHARES, true, TAIL_ID,
                               FL_TABLE_SHARES},
    [FL_LIST_DEVICE_SHARES] = {FL_TABLE_GRANTS, 0, true, GRANTS, FL_TABLE_SHARES},
    [FL_LIST_SHARE_DEVICES] = {FL_TABLE_INDEX, FL_INDEX_SHARE_DEVICES, true, TAIL_ID,
                               FL_TABLE_DEVICES},
    [FL_LIST_AGENT_PENDING] = {FL_TABLE_INDEX, FL_INDEX_AGENT_PENDING, true, TAIL_ID,
                               FL_TABLE_COMMANDS},
    [FL_LIST_DEVICE_PENDING] = {FL_TABLE_INDEX, FL_INDEX_DEVICE_PENDING, true, TAIL_ID,
                                FL_TABLE_COMMANDS},
    [FL_LIST_DEVICE_COMMANDS] = {FL_TABLE_INDEX, FL_INDEX_DEVICE_COMMANDS, true, TAIL_ID,
                                 FL_TABLE_COMMANDS},
    [FL_LIST_TRANSFERS] = {FL_TABLE_INDEX, FL_INDEX_COMPANY_TRANSFERS, true, TAIL_ID,
                           FL_TABLE_TRANSFERS},
    [FL_LIST_PERSON_TRANSFERS] = {FL_TABLE_INDEX, FL_INDEX_PERSON_TRANSFERS, true, TAIL_ID,
                                  FL_TABLE_TRANSFERS},
    [FL_LIST_TRANSFER_DEVICES] = {FL_TABLE_INDEX, FL_INDEX_TRANSFER_DEVICES, true, TAIL_ID,
                                  FL_TABLE_DEVICES},
    [FL_LIST_DEVICE_ALIASES] = {FL_TABLE_ALIASES, 0, true, ROWS, FL_TABLE_ALIASES},
    [FL_LIST_FIRMWARES] = {FL_TABLE_FIRMWARES, 0, false, ROWS, FL_TABLE_FIRMWARES},
    [FL_LIST_SESSIONS] = {FL_TABLE_INDEX, FL_INDEX_ACCOUNT_SESSIONS, true, TAIL_ID,
                          FL_TABLE_SESSIONS},
    [FL_LIST_API_TOKENS] = {FL_TABLE_INDEX, FL_INDEX_ACCOUNT_TOKENS, true, TAIL_ID,
                            FL_TABLE_API_TOKENS},
    [FL_LIST_LICENSES] = {FL_TABLE_INDEX, FL_INDEX_COMPANY_LICENSES, true, TAIL_ID,
                          FL_TABLE_LICENSES},
    [FL_LIST_PURCHASES] = {FL_TABLE_INDEX, FL_INDEX_COMPANY_PURCHASES, true, TAIL_ID,
                           FL_TABLE_PURCHASES},
    [FL_LIST_ALL_PURCHASES] = {FL_TABLE_PURCHASES, 0, false, ROWS, FL_TABLE_PURCHASES},
    [FL_LIST_ALL_LICENSES] = {FL_TABLE_LICENSES, 0, false, ROWS, FL_TABLE_LICENSES},
    [FL_LIST_APPLICATIONS] = {FL_TABLE_APPLICATIONS, 0, true, ROWS, FL_TABLE_APPLICATIONS},
    [FL_LIST_CONDITIONS] = {FL_TABLE_CONDITIONS, 0, true, ROWS, FL_TABLE_CONDITIONS},
};

/* Where a walk stands. */
struct place {
    struct fl_kv *kv;
    enum fl_registry_table table;
    bool descending;
    size_t prefix_size;
    uint8_t key[FL_KV_KEY_SIZE_MAX + 1];
    size_t key_size;
    bool included; /* the key itself may be given (ascending) */
};

/* The bytes behind the prefix of the last entry of the page before. */
static enum fl_error resume(struct place *place, struct fl_slice after)
{
    size_t size = after.size / 2;
    if (after.size == 0 || after.size % 2 != 0 || after.size >= FL_CURSOR_SIZE ||
        !fl_hex_decode(after, place->key + place->prefix_size, size))
        return FL_INVALID;
    place->key_size = place->prefix_size + size;
    place->included = false;
    return FL_OK;
}

static bool step(struct place *place, struct fl_slice *key, struct fl_slice *value)
{
    bool found;
    if (place->descending) {
        found = fl_kv_before(place->kv, place->table, fl_slice_of(place->key, place->key_size), key,
                             value);
    } else {
        if (!place->included)
            place->key[place->key_size++] = 0;
        found = fl_kv_seek(place->kv, place->table, fl_slice_of(place->key, place->key_size), key,
                           value);
    }
    if (!found || key->size < place->prefix_size ||
        memcmp(key->data, place->key, place->prefix_size) != 0)
        return false;
    memcpy(place->key, key->data, key->size);
    place->key_size = key->size;
    place->included = false;
    return true;
}

/* The first key that no entry with the prefix reaches. */
static void start_behind(struct place *place)
{
    memset(place->key + place->prefix_size, 0xff, FL_KEY_BYTES_MAX - place->prefix_size);
    place->key_size = FL_KEY_BYTES_MAX;
}

static void *row_of(struct fl_kv *kv, struct fl_arena *arena, const struct list_rule *rule,
                    struct fl_slice stored, struct fl_slice value)
{
    char id[FL_ID_TEXT_SIZE];
    const fl_identity_row *identity;
    const fl_grant_row *grant;
    switch (rule->source) {
    case ROWS:
        return fl_row_decode(kv, arena, rule->rows, value);
    case TAIL_ID:
        fl_key_tail_id(stored, id);
        return fl_row_by_id(kv, arena, rule->rows, fl_slice_text(id));
    case VALUE_ID:
        fl_key_tail_id(value, id);
        return fl_row_by_id(kv, arena, rule->rows, fl_slice_text(id));
    case IDENTITIES:
        identity = fl_row_decode(kv, arena, rule->entries, value);
        return identity == NULL || identity->device_id[0] == '\0'
                   ? NULL
                   : fl_row_by_id(kv, arena, rule->rows, fl_slice_text(identity->device_id));
    case GRANTS:
        grant = fl_row_decode(kv, arena, rule->entries, value);
        return grant == NULL ? NULL
                             : fl_row_by_id(kv, arena, rule->rows, fl_slice_text(grant->share_id));
    }
    return NULL;
}

enum fl_error fl_registry_list(struct fl_kv *kv, struct fl_arena *arena, enum fl_registry_list list,
                               struct fl_slice owner_id, const struct fl_page *page,
                               struct fl_rows *rows)
{
    const struct list_rule *rule = &rules[list];
    struct place place = {.kv = kv, .table = rule->entries, .descending = page->descending};
    struct fl_key prefix;
    struct fl_slice key;
    struct fl_slice value;
    fl_assert((unsigned)list < FL_LIST_COUNT && page->limit > 0);
    *rows = (struct fl_rows){0};
    fl_key_begin(&prefix);
    if (rule->index != 0)
        fl_key_u8(&prefix, (uint8_t)rule->index);
    if (rule->owned)
        fl_key_id(&prefix, owner_id);
    if (prefix.bad)
        return FL_OK;
    memcpy(place.key, prefix.bytes, prefix.size);
    place.prefix_size = place.key_size = prefix.size;
    place.included = true;
    if (page->after.data != NULL) {
        enum fl_error error = resume(&place, page->after);
        if (error != FL_OK)
            return error;
    } else if (page->descending) {
        start_behind(&place);
    }
    rows->rows = fl_arena_calloc(arena, page->limit, sizeof(*rows->rows));
    if (rows->rows == NULL)
        return FL_NO_MEMORY;
    while (step(&place, &key, &value)) {
        if (rows->count == page->limit)
            return kv->error; /* there is more: `next` names the last row given */
        void *row = row_of(kv, arena, rule, fl_slice_of(place.key, place.key_size), value);
        if (kv->error != FL_OK)
            break;
        if (row == NULL)
            continue;
        rows->rows[rows->count++] = row;
        fl_hex_encode(place.key + place.prefix_size, place.key_size - place.prefix_size,
                      rows->next);
    }
    rows->next[0] = '\0';
    return kv->error;
}
