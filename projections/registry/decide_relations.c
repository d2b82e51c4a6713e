/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/decide_relations.h"

#include <string.h>

#include "schemas/fields.h"

/* Says whom the thing is with, or NULL: it does not end here. */
typedef const char *company_fn(const void *row);

static const char *of_share(const void *opaque)
{
    const fl_share_row *row = opaque;
    return row->state == FL_SHARE_PENDING ? row->company_id : NULL;
}

static const char *of_invitation(const void *opaque)
{
    return ((const fl_invitation_row *)opaque)->company_id;
}

static const char *of_transfer(const void *opaque)
{
    return ((const fl_transfer_row *)opaque)->company_id;
}

static const char *of_link(const void *opaque)
{
    return ((const fl_reseller_link_row *)opaque)->company_id;
}

static void add_company(struct fl_ended *ended, const char *company_id)
{
    for (size_t i = 0; i < ended->owner_count; i++)
        if (strcmp(ended->owner_ids[i], company_id) == 0)
            return;
    if (ended->owner_count < FL_DEVICE_COUNT_PER_ACTION_MAX)
        ended->owner_ids[ended->owner_count++] = company_id;
}

static bool list(struct fl_deciding *d, struct fl_key *key, enum fl_registry_table table,
                 company_fn *company_of, struct fl_relation_ids *out, struct fl_ended *ended)
{
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    out->ids = fl_arena_calloc(d->arena, FL_RELATION_COUNT_PER_EVENT_MAX, sizeof(*out->ids));
    if (out->ids == NULL)
        return false;
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_INDEX, fl_key_slice(key));
    while (fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        const void *row = fl_row_by_id(d->kv, d->arena, table, fl_slice_text(id));
        if (row == NULL)
            return false;
        const char *company_id = company_of(row);
        if (company_id == NULL)
            continue;
        add_company(ended, company_id);
        if (out->count < FL_RELATION_COUNT_PER_EVENT_MAX)
            out->ids[out->count++] = fl_arena_text(d->arena, fl_slice_text(id));
    }
    return !d->arena->exhausted;
}

bool fl_relations_to_end(struct fl_deciding *d, const char *subject_id,
                         struct fl_relations *relations, struct fl_ended *ended)
{
    const struct {
        enum fl_registry_index index;
        enum fl_registry_table table;
        company_fn *company_of;
        struct fl_relation_ids *out;
    } kinds[] = {
        {FL_INDEX_PERSON_SHARES, FL_TABLE_SHARES, of_share, &relations->shares},
        {FL_INDEX_PERSON_INVITATIONS, FL_TABLE_INVITATIONS, of_invitation, &relations->invitations},
        {FL_INDEX_PERSON_TRANSFERS, FL_TABLE_TRANSFERS, of_transfer, &relations->transfers},
        {FL_INDEX_PERSON_RESELLER_LINKS, FL_TABLE_RESELLER_LINKS, of_link, &relations->links},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct fl_key key;
        fl_key_list(&key, kinds[i].index, fl_slice_text(subject_id));
        if (!list(d, &key, kinds[i].table, kinds[i].company_of, kinds[i].out, ended))
            return false;
    }
    return true;
}
