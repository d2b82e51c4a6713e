/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants of licenses:
 * 25. Each node of a license is one of: never used, on a device, come back, used up; the counts say
 *     how many of each, the applications agree, and a withdrawn license has only used ones.
 * 26. An application in force stands in its device's coverage with a rest of at most its time, and
 *     the coverage names no other; one that has ended and come back stands in the license's list
 *     until its rest is applied again.
 * 27. A coverage is in order (coverage.h), and only active devices have one.
 * 28. A license stands in its company's list, and its code leads to it.
 * 29. A purchase stands in its company's list; it has a license exactly if it was paid, and a
 *     refunded one no active one.
 * 30. The end of a device's plan, as owner and reseller are told of it, is the day on which its
 *     coverage drops to a lower plan; without one, that of a node which was used up, or none.
 */
#include <string.h>

#include "core/bytes.h"
#include "core/timestamp.h"
#include "projections/registry/check.h"
#include "projections/registry/coverage.h"
#include "projections/registry/due.h"
#include "projections/registry/lifecycle.h"

struct counted {
    uint32_t all;
    uint32_t applied;
    uint32_t returned;
};

static bool count_applications(struct fl_checking *c, const char *license_id,
                               struct counted *counted)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    *counted = (struct counted){0};
    fl_key_begin(&key);
    fl_key_id_text(&key, license_id);
    fl_kv_walk_begin(&walk, c->kv, FL_TABLE_APPLICATIONS, fl_key_slice(&key));
    for (; fl_kv_walk_next(&walk); counted->all++) {
        const fl_application_row *row =
            fl_row_decode(c->kv, &c->arena, FL_TABLE_APPLICATIONS, walk.value);
        if (row == NULL)
            return false;
        counted->applied += row->ended_at_ms == 0;
        counted->returned += row->ended_at_ms != 0 && row->rest_ms != 0 && !row->reused;
    }
    return true;
}

bool fl_check_license(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_license_row *row = opaque;
    struct counted counted;
    struct fl_key entry;
    fl_key_begin(&entry);
    fl_key_id_text(&entry, row->license_id);
    if (!fl_slice_equal(fl_key_slice(&entry), key) || row->state == FL_LICENSE_NONE ||
        row->state >= FL_LICENSE_STATE_COUNT)
        return fl_broken(c, 1, "license %s", row->license_id);
    bool withdrawn = row->state == FL_LICENSE_WITHDRAWN;
    if (!count_applications(c, row->license_id, &counted) ||
        (uint64_t)row->fresh_count + row->applied_count + row->returned_count + row->used_count !=
            row->node_count ||
        counted.all != row->application_count || counted.applied != row->applied_count ||
        (!withdrawn && counted.returned != row->returned_count) ||
        (withdrawn && row->used_count != row->node_count))
        return fl_broken(c, 25, "license %s", row->license_id);
    fl_key_pair(&entry, FL_INDEX_COMPANY_LICENSES, row->company_id, row->license_id);
    if (!fl_has_entry(c, &entry))
        return fl_broken(c, 28, "license %s in its company's list", row->license_id);
    fl_key_license_code(&entry, row->code_hash);
    return fl_has_entry(c, &entry) || fl_broken(c, 28, "code of license %s", row->license_id);
}

static const fl_covering_node *find_node(const fl_coverage_row *coverage, const char *license_id,
                                         uint32_t number)
{
    for (size_t i = 0; coverage != NULL && i < coverage->n_nodes; i++)
        if (coverage->nodes[i]->number == number &&
            strcmp(coverage->nodes[i]->license_id, license_id) == 0)
            return coverage->nodes[i];
    return NULL;
}

bool fl_check_application(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_application_row *row = opaque;
    struct fl_key entry;
    fl_key_application(&entry, row->license_id, row->number);
    const fl_license_row *license =
        fl_row_by_id(c->kv, &c->arena, FL_TABLE_LICENSES, fl_slice_text(row->license_id));
    if (!fl_slice_equal(fl_key_slice(&entry), key) || license == NULL)
        return fl_broken(c, 1, "application %u of %s", row->number, row->license_id);
    const fl_coverage_row *coverage =
        fl_row_by_id(c->kv, &c->arena, FL_TABLE_COVERAGES, fl_slice_text(row->device_id));
    const fl_covering_node *node = find_node(coverage, row->license_id, row->number);
    bool in_force = row->ended_at_ms == 0;
    if ((node != NULL) != in_force || (node != NULL && node->rest_ms > row->time_ms) ||
        row->rest_ms > row->time_ms || (in_force && row->end != FL_APPLICATION_IN_FORCE))
        return fl_broken(c, 26, "application %u of %s", row->number, row->license_id);
    bool is_free =
        row->rest_ms != 0 && !row->reused && license->state == FL_LICENSE_ACTIVE && !in_force;
    fl_key_returned(&entry, row->license_id, row->rest_ms, row->number);
    return fl_has_entry(c, &entry) == is_free ||
           fl_broken(c, 26, "rest of application %u of %s", row->number, row->license_id);
}

static bool is_day_of(const char *date, int64_t ms)
{
    char time[FL_TIMESTAMP_TEXT_SIZE];
    fl_timestamp_format(ms, time);
    return strlen(date) == FL_DATE_TEXT_SIZE - 1 && strncmp(date, time, strlen(date)) == 0;
}

/* True if a node was used up on the device on that day. */
static bool was_used_up(struct fl_checking *c, const char *device_id, const char *date)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    bool was = false;
    fl_key_list(&key, FL_INDEX_DEVICE_LICENSES, fl_slice_text(device_id));
    fl_kv_walk_begin(&walk, c->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while (!was && fl_kv_walk_next(&walk)) {
        char license_id[FL_ID_TEXT_SIZE];
        fl_key_tail_id(walk.key, license_id);
        fl_key_application(&key, license_id, fl_first_u32(walk.value));
        const fl_application_row *row = fl_row_get(c->kv, &c->arena, FL_TABLE_APPLICATIONS, &key);
        was =
            row != NULL && row->end == FL_APPLICATION_USED_UP && is_day_of(date, row->ended_at_ms);
    }
    return was;
}

bool fl_check_plan_end(struct fl_checking *c, const fl_lifecycle_row *row)
{
    const fl_coverage_row *coverage =
        fl_row_by_id(c->kv, &c->arena, FL_TABLE_COVERAGES, fl_slice_text(row->device_id));
    return coverage != NULL || row->due_date[0] == '\0' ||
           was_used_up(c, row->device_id, row->due_date) ||
           fl_broken(c, 30, "end of the plan of %s", row->device_id);
}

static bool check_plan_drop(struct fl_checking *c, const fl_coverage_row *row,
                            int64_t trial_ends_at_ms)
{
    const fl_lifecycle_row *fact = fl_registry_lifecycle(
        c->kv, &c->arena, row->device_id, FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_PLAN_END);
    int64_t drop_ms = fl_coverage_drop_ms(row, trial_ends_at_ms, row->as_of_ms);
    return (fact != NULL && is_day_of(fact->due_date, drop_ms)) ||
           fl_broken(c, 30, "end of the plan of %s", row->device_id);
}

bool fl_check_coverage(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_coverage_row *row = opaque;
    struct fl_key own;
    struct fl_due due;
    fl_key_begin(&own);
    fl_key_id_text(&own, row->device_id);
    if (!fl_slice_equal(fl_key_slice(&own), key))
        return fl_broken(c, 1, "coverage of %s", row->device_id);
    const fl_device_row *device =
        fl_registry_device(c->kv, &c->arena, fl_slice_text(row->device_id));
    if (device == NULL || device->state != FL_DEVICE_ACTIVE || !fl_coverage_check(row))
        return fl_broken(c, 27, "coverage of %s", row->device_id);
    if (!fl_coverage_due(row, device->trial_ends_at_ms, &due) || !fl_due_is_set(c->kv, &due))
        return fl_broken(c, 12, "coverage of %s", row->device_id);
    for (size_t i = 0; i < row->n_nodes; i++) {
        fl_key_application(&own, row->nodes[i]->license_id, row->nodes[i]->number);
        const fl_application_row *application =
            fl_row_get(c->kv, &c->arena, FL_TABLE_APPLICATIONS, &own);
        if (application == NULL || strcmp(application->device_id, row->device_id) != 0)
            return fl_broken(c, 26, "coverage of %s", row->device_id);
    }
    return check_plan_drop(c, row, device->trial_ends_at_ms);
}

static const fl_license_row *license_of(struct fl_checking *c, const char *id)
{
    return fl_row_by_id(c->kv, &c->arena, FL_TABLE_LICENSES, fl_slice_text(id));
}

bool fl_check_company_license(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_license_row *row = license_of(c, entry->member);
    return row != NULL && strcmp(row->company_id, entry->owner) == 0;
}

bool fl_check_license_code(struct fl_checking *c, const struct fl_index_entry *entry)
{
    char id[FL_ID_TEXT_SIZE];
    if (entry->value.size != FL_ID_SIZE)
        return false;
    fl_key_tail_id(entry->value, id);
    return license_of(c, id) != NULL;
}

/* The application's own check looks for this very key. */
bool fl_check_license_returned(struct fl_checking *c, const struct fl_index_entry *entry)
{
    struct fl_key key;
    fl_key_application(&key, entry->owner, fl_get_u32(entry->key.data + 1 + FL_ID_SIZE + 8));
    const fl_application_row *row = fl_row_get(c->kv, &c->arena, FL_TABLE_APPLICATIONS, &key);
    if (row == NULL)
        return false;
    fl_key_returned(&key, entry->owner, row->rest_ms, row->number);
    return row->ended_at_ms != 0 && !row->reused && fl_slice_equal(fl_key_slice(&key), entry->key);
}

bool fl_check_device_license(struct fl_checking *c, const struct fl_index_entry *entry)
{
    struct fl_key key;
    fl_key_application(&key, entry->member, fl_first_u32(entry->value));
    const fl_application_row *row = fl_row_get(c->kv, &c->arena, FL_TABLE_APPLICATIONS, &key);
    return row != NULL && strcmp(row->device_id, entry->owner) == 0;
}

bool fl_check_purchase(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_purchase_row *row = opaque;
    struct fl_key entry;
    struct fl_due due;
    if (!fl_check_own(c, key, FL_TABLE_PURCHASES, row->purchase_id) ||
        !fl_check_state(c, &fl_purchase_machine, row->state, row->purchase_id))
        return false;
    fl_key_pair(&entry, FL_INDEX_COMPANY_PURCHASES, row->company_id, row->purchase_id);
    const fl_license_row *license = license_of(c, row->license_id);
    bool is_its_own = license != NULL && strcmp(license->purchase_id, row->purchase_id) == 0;
    bool must = row->state == FL_PURCHASE_PAID;
    bool may = must || row->state == FL_PURCHASE_REFUNDED;
    if (!fl_has_entry(c, &entry) || (must && !is_its_own) || (!may && is_its_own) ||
        (!must && is_its_own && license->state == FL_LICENSE_ACTIVE) ||
        row->refunded_minor > row->net_minor + row->tax_minor)
        return fl_broken(c, 29, "purchase %s", row->purchase_id);
    fl_due_init(&due, row->expires_at_ms, FL_DUE(PURCHASE), row->purchase_id, 0);
    return fl_due_is_set(c->kv, &due) == (row->state == FL_PURCHASE_STARTED) ||
           fl_broken(c, 12, "purchase %s", row->purchase_id);
}

bool fl_check_company_purchase(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_purchase_row *row =
        fl_row_by_id(c->kv, &c->arena, FL_TABLE_PURCHASES, fl_slice_text(entry->member));
    return row != NULL && strcmp(row->company_id, entry->owner) == 0;
}
