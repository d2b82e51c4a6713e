/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/plan.h"

#include <string.h>

#include "core/assert.h"
#include "projections/registry/coverage.h"
#include "projections/registry/machines.h"
#include "projections/registry/registry.h"
#include "projections/registry/rows.h"

static const struct {
    enum fl_plan least;
    const char *text;
} features[FL_FEATURE_COUNT] = {
    [FL_FEATURE_MAIL] = {FL_PLAN_STANDARD, "mail about a device"},
    [FL_FEATURE_CONTROL] = {FL_PLAN_STANDARD, "tests and settings"},
    [FL_FEATURE_FIRMWARE] = {FL_PLAN_STANDARD, "firmware upgrades"},
    [FL_FEATURE_OUTLETS] = {FL_PLAN_ADVANCED, "the reboot of outlets"},
};

enum fl_plan fl_plan_of(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice device_id,
                        int64_t now_ms)
{
    const fl_device_row *device = fl_row_by_id(kv, arena, FL_TABLE_DEVICES, device_id);
    if (device == NULL || device->state != FL_DEVICE_ACTIVE)
        return FL_PLAN_BASIC;
    const fl_coverage_row *coverage = fl_row_by_id(kv, arena, FL_TABLE_COVERAGES, device_id);
    return fl_coverage_plan(coverage, device->trial_ends_at_ms, now_ms);
}

int64_t fl_plan_ends_ms(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice device_id,
                        int64_t now_ms)
{
    const fl_device_row *device = fl_row_by_id(kv, arena, FL_TABLE_DEVICES, device_id);
    if (device == NULL || device->state != FL_DEVICE_ACTIVE)
        return 0;
    const fl_coverage_row *coverage = fl_row_by_id(kv, arena, FL_TABLE_COVERAGES, device_id);
    int64_t trial_ms = device->trial_ends_at_ms;
    enum fl_plan plan = fl_coverage_plan(coverage, trial_ms, now_ms);
    int64_t ends_ms = plan == FL_PLAN_STANDARD && now_ms < trial_ms ? trial_ms : 0;
    for (size_t i = 0; coverage != NULL && i < coverage->n_nodes; i++) {
        int64_t node_ms = fl_coverage_end_ms(coverage, trial_ms, i);
        if (coverage->nodes[i]->plan == plan && node_ms > now_ms)
            ends_ms = node_ms;
    }
    return ends_ms;
}

bool fl_plan_allows(enum fl_plan plan, enum fl_feature feature)
{
    fl_assert((unsigned)feature < FL_FEATURE_COUNT);
    return plan >= features[feature].least;
}

const char *fl_plan_name(enum fl_plan plan)
{
    static const char *const names[] = {"none", "Basic", "Standard", "Advanced"};
    return (unsigned)plan <= FL_PLAN_ADVANCED ? names[plan] : "unknown";
}

const char *fl_feature_text(enum fl_feature feature)
{
    fl_assert((unsigned)feature < FL_FEATURE_COUNT);
    return features[feature].text;
}

const fl_license_row *fl_registry_license(struct fl_kv *kv, struct fl_arena *arena,
                                          struct fl_slice id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_LICENSES, id);
}

const char *fl_application_end_name(uint32_t end)
{
    static const char *const names[] = {"in force", "used up", "released", "device removed",
                                        "withdrawn"};
    return end < sizeof(names) / sizeof(names[0]) ? names[end] : "unknown";
}

const fl_purchase_row *fl_registry_purchase(struct fl_kv *kv, struct fl_arena *arena,
                                            struct fl_slice id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_PURCHASES, id);
}

int64_t fl_application_ends_ms(struct fl_kv *kv, struct fl_arena *arena,
                               const fl_application_row *row)
{
    struct fl_slice device_id = fl_slice_text(row->device_id);
    const fl_device_row *device = fl_row_by_id(kv, arena, FL_TABLE_DEVICES, device_id);
    const fl_coverage_row *coverage = fl_row_by_id(kv, arena, FL_TABLE_COVERAGES, device_id);
    for (size_t i = 0; device != NULL && coverage != NULL && i < coverage->n_nodes; i++)
        if (coverage->nodes[i]->number == row->number &&
            strcmp(coverage->nodes[i]->license_id, row->license_id) == 0)
            return fl_coverage_end_ms(coverage, device->trial_ends_at_ms, i);
    return 0;
}

const fl_price_list_row *fl_registry_prices(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    fl_key_price_list(&key);
    return fl_row_get(kv, arena, FL_TABLE_PRICE_LISTS, &key);
}
