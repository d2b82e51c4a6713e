/* SPDX-License-Identifier: Apache-2.0 */
/* Licenses: their nodes, the devices that have them, and what became of each. */
#include <string.h>

#include "core/bytes.h"
#include "core/timestamp.h"
#include "projections/registry/coverage.h"
#include "projections/registry/fold.h"
#include "projections/registry/lifecycle.h"

#define PLAN_END FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_PLAN_END

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static void put_license(struct fl_folding *f, const fl_license_row *row)
{
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_LICENSES, row->license_id, &row->base);
}

static fl_application_row *application_of(struct fl_folding *f, const char *license_id,
                                          uint32_t number)
{
    struct fl_key key;
    fl_key_application(&key, license_id, number);
    fl_application_row *row = fl_row_get(f->kv, f->arena, FL_TABLE_APPLICATIONS, &key);
    if (row == NULL)
        fl_fold_refuse(f, "no application %u of license %s", number, license_id);
    return row;
}

static void put_application(struct fl_folding *f, const fl_application_row *row)
{
    struct fl_key key;
    fl_key_application(&key, row->license_id, row->number);
    fl_row_put(f->kv, f->arena, FL_TABLE_APPLICATIONS, &key, &row->base);
}

/* A device with the nodes on it, while they change. */
struct covering {
    const fl_device_row *device;
    fl_coverage_row *row;
};

static void coverage_key(struct fl_key *key, const char *device_id)
{
    fl_key_begin(key);
    fl_key_id_text(key, device_id);
}

/* The device's coverage settled to the event's time; with `is_new` an empty one if there is none.
 * False: refused, or no memory. */
static bool begin_covering(struct fl_folding *f, const char *device_id, bool is_new,
                           struct covering *covering)
{
    covering->device = fl_fold_row(f, FL_TABLE_DEVICES, device_id);
    if (covering->device == NULL)
        return false;
    covering->row = fl_row_by_id(f->kv, f->arena, FL_TABLE_COVERAGES, fl_slice_text(device_id));
    if (covering->row == NULL && !is_new)
        return fl_fold_refuse(f, "device %s has no license", device_id);
    if (covering->row == NULL) {
        covering->row = fl_arena_calloc(f->arena, 1, sizeof(*covering->row));
        if (covering->row == NULL)
            return false;
        fleetlog__rows__v1__coverage_row__init(covering->row);
        covering->row->device_id = device_id;
        covering->row->as_of_ms = f->now_ms;
    }
    struct fl_due due;
    if (fl_coverage_due(covering->row, covering->device->trial_ends_at_ms, &due))
        fl_due_clear(f->kv, &due);
    fl_coverage_settle(covering->row, covering->device->trial_ends_at_ms, f->now_ms);
    return true;
}

/* The day on which the licenses on a device end; with none left after the last was used up it stays
 * as it was, because that is the plan to renew. */
static void date_plan_end(struct fl_folding *f, const struct covering *covering,
                          enum fl_application_end why)
{
    const char *device_id = covering->row->device_id;
    const fl_lifecycle_row *before = fl_registry_lifecycle(f->kv, f->arena, device_id, PLAN_END);
    size_t count = covering->row->n_nodes;
    char time[FL_TIMESTAMP_TEXT_SIZE];
    const char *date = "";
    if (count == 0 && (before == NULL || why == FL_APPLICATION_USED_UP))
        return;
    if (count != 0) {
        fl_timestamp_format(fl_coverage_drop_ms(covering->row, covering->device->trial_ends_at_ms,
                                                covering->row->as_of_ms),
                            time);
        date = fl_arena_printf(f->arena, "%.10s", time);
    }
    if (date == NULL) {
        fl_kv_fail(f->kv, FL_NO_MEMORY);
        return;
    }
    if (before == NULL || strcmp(before->due_date, date) != 0)
        fl_lifecycle_set(f, device_id, PLAN_END, date,
                         FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_LICENSE);
}

static void end_covering(struct fl_folding *f, const struct covering *covering,
                         enum fl_application_end why)
{
    struct fl_key key;
    date_plan_end(f, covering, why);
    struct fl_due due;
    coverage_key(&key, covering->row->device_id);
    if (fl_coverage_due(covering->row, covering->device->trial_ends_at_ms, &due))
        fl_due_set(f->kv, &due);
    if (covering->row->n_nodes == 0)
        fl_kv_del(f->kv, FL_TABLE_COVERAGES, fl_key_slice(&key));
    else
        fl_row_put(f->kv, f->arena, FL_TABLE_COVERAGES, &key, &covering->row->base);
}

/* Ends the application of the node at `index` and takes it out of the row. What is left of a node
 * that comes back can be applied again. */
static bool end_node(struct fl_folding *f, struct covering *covering, size_t index,
                     enum fl_application_end end)
{
    const fl_covering_node *node = covering->row->nodes[index];
    fl_license_row *license = fl_fold_row(f, FL_TABLE_LICENSES, node->license_id);
    fl_application_row *application = application_of(f, node->license_id, node->number);
    struct fl_key key;
    if (license == NULL || application == NULL)
        return false;
    if (license->applied_count == 0 || application->ended_at_ms != 0)
        return fl_fold_refuse(f, "application %u of license %s has ended", node->number,
                              node->license_id);
    bool used_up = node->ended_at_ms != 0;
    bool comes_back = !used_up && end != FL_APPLICATION_WITHDRAWN;
    application->ended_at_ms = used_up ? node->ended_at_ms : f->now_ms;
    application->end = used_up ? FL_APPLICATION_USED_UP : end;
    application->rest_ms = comes_back ? node->rest_ms : 0;
    license->applied_count--;
    if (comes_back) {
        license->returned_count++;
        fl_key_returned(&key, license->license_id, node->rest_ms, node->number);
        fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
    } else {
        license->used_count++;
    }
    put_application(f, application);
    put_license(f, license);
    fl_coverage_remove(covering->row, index);
    return true;
}

bool fl_fold_mint(struct fl_folding *f, fl_license_row *row)
{
    uint8_t id[FL_ID_SIZE];
    struct fl_key key;
    if (!fl_id_to_bytes(fl_slice_text(row->license_id), id))
        return fl_fold_refuse(f, "license_id is no id");
    if (!fl_fold_move(f, &fl_license_machine, &row->state, FL_LICENSE_ACTIVE, row->license_id))
        return false;
    row->fresh_count = row->node_count;
    row->minted_at_ms = f->now_ms;
    row->minted_by = f->actor;
    put_license(f, row);
    fl_key_pair(&key, FL_INDEX_COMPANY_LICENSES, row->company_id, row->license_id);
    fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
    fl_key_license_code(&key, row->code_hash);
    fl_index_put(f->kv, &key, fl_slice_of(id, sizeof(id)));
    return true;
}

bool fl_fold_license_minted(struct fl_folding *f)
{
    const Fleetlog__V1__LicenseMinted *event =
        (const Fleetlog__V1__LicenseMinted *)f->input->message;
    fl_license_row row = FLEETLOG__ROWS__V1__LICENSE_ROW__INIT;
    row.license_id = event->license_id;
    row.company_id = event->company_id;
    row.plan = event->plan;
    row.node_count = event->node_count;
    row.term_days = event->term_days;
    row.code_hash = event->code_hash;
    row.link_key_generation = event->link_key_generation;
    row.subject_id = event->subject_id;
    row.net_minor = event->net_minor;
    row.currency = event->currency;
    row.purchase_order = event->purchase_order;
    row.payment_terms = event->payment_terms;
    row.volume_tier = event->volume_tier;
    if (!fl_fold_mint(f, &row))
        return false;
    fl_fold_person(f, event->subject_id, event->revision, event->indexes, event->n_indexes);
    return true;
}

/* Takes the node out of those that are free: a fresh one, or one that came back. */
static bool take_free(struct fl_folding *f, fl_license_row *license,
                      const Fleetlog__V1__AppliedNode *node)
{
    struct fl_key key;
    if (node->number != license->application_count + 1)
        return fl_fold_refuse(f, "application %u of license %s is not the next one", node->number,
                              license->license_id);
    license->application_count = node->number;
    license->applied_count++;
    if (node->continues == 0) {
        if (license->fresh_count == 0 || node->time_ms != license->term_days * DAY_MS)
            return fl_fold_refuse(f, "license %s has no such node", license->license_id);
        license->fresh_count--;
        return true;
    }
    fl_application_row *before = application_of(f, license->license_id, node->continues);
    if (before == NULL)
        return false;
    if (license->returned_count == 0 || before->ended_at_ms == 0 || before->reused ||
        before->rest_ms != node->time_ms)
        return fl_fold_refuse(f, "node %u of license %s has not come back so", node->continues,
                              license->license_id);
    license->returned_count--;
    fl_key_returned(&key, license->license_id, before->rest_ms, before->number);
    fl_index_del(f->kv, &key);
    before->reused = true;
    put_application(f, before);
    return true;
}

static bool apply_node(struct fl_folding *f, fl_license_row *license, const char *device_id,
                       const Fleetlog__V1__AppliedNode *node)
{
    fl_application_row row = FLEETLOG__ROWS__V1__APPLICATION_ROW__INIT;
    fl_covering_node covering_node = FLEETLOG__ROWS__V1__COVERING_NODE__INIT;
    struct covering covering;
    struct fl_key key;
    uint8_t number[4];
    if (!take_free(f, license, node) || !begin_covering(f, device_id, true, &covering))
        return false;
    if (covering.device->state != FL_DEVICE_ACTIVE)
        return fl_fold_refuse(f, "device %s is not active", device_id);
    row.license_id = license->license_id;
    row.number = node->number;
    row.continues = node->continues;
    row.device_id = device_id;
    row.company_id = covering.device->company_id;
    row.time_ms = node->time_ms;
    row.applied_at_ms = f->now_ms;
    row.applied_by = f->actor;
    row.account_id = f->account_id;
    put_application(f, &row);
    fl_key_nth(&key, FL_INDEX_DEVICE_LICENSES, device_id, f->sequence, license->license_id);
    fl_index_put(f->kv, &key, fl_u32_key(node->number, number));
    covering_node.license_id = license->license_id;
    covering_node.number = node->number;
    covering_node.plan = license->plan;
    covering_node.rest_ms = node->time_ms;
    if (fl_coverage_insert(f->arena, covering.row, &covering_node) == SIZE_MAX)
        return false;
    end_covering(f, &covering, FL_APPLICATION_IN_FORCE);
    return true;
}

bool fl_fold_license_applied(struct fl_folding *f)
{
    const Fleetlog__V1__LicenseApplied *event =
        (const Fleetlog__V1__LicenseApplied *)f->input->message;
    fl_license_row *license = fl_fold_row(f, FL_TABLE_LICENSES, event->license_id);
    if (license == NULL)
        return false;
    if (license->state != FL_LICENSE_ACTIVE || event->n_nodes != event->n_device_ids)
        return fl_fold_refuse(f, "license %s cannot be applied so", event->license_id);
    for (size_t i = 0; i < event->n_nodes; i++)
        if (!apply_node(f, license, event->device_ids[i], event->nodes[i]))
            return false;
    put_license(f, license);
    return true;
}

bool fl_fold_license_released(struct fl_folding *f)
{
    const Fleetlog__V1__LicenseReleased *event =
        (const Fleetlog__V1__LicenseReleased *)f->input->message;
    for (size_t i = 0; i < event->n_nodes; i++) {
        const Fleetlog__V1__ReleasedNode *node = event->nodes[i];
        struct covering covering;
        size_t at = 0;
        if (!begin_covering(f, node->device_id, false, &covering))
            return false;
        while (at < covering.row->n_nodes &&
               (covering.row->nodes[at]->number != node->number ||
                strcmp(covering.row->nodes[at]->license_id, event->license_id) != 0))
            at++;
        if (at == covering.row->n_nodes || covering.row->nodes[at]->rest_ms != node->rest_ms)
            return fl_fold_refuse(f, "application %u is not on device %s so", node->number,
                                  node->device_id);
        if (!end_node(f, &covering, at, FL_APPLICATION_RELEASED))
            return false;
        end_covering(f, &covering, FL_APPLICATION_RELEASED);
    }
    return true;
}

bool fl_fold_uncover(struct fl_folding *f, const fl_device_row *device)
{
    struct covering covering;
    if (fl_row_by_id(f->kv, f->arena, FL_TABLE_COVERAGES, fl_slice_text(device->device_id)) == NULL)
        return true;
    if (!begin_covering(f, device->device_id, false, &covering))
        return false;
    while (covering.row->n_nodes != 0)
        if (!end_node(f, &covering, 0, FL_APPLICATION_REMOVED))
            return false;
    end_covering(f, &covering, FL_APPLICATION_REMOVED);
    return true;
}

/* Takes every node of the license off the device. */
static bool strip_device(struct fl_folding *f, const char *device_id, const char *license_id)
{
    struct covering covering;
    if (!begin_covering(f, device_id, false, &covering))
        return false;
    for (size_t i = covering.row->n_nodes; i-- > 0;)
        if (strcmp(covering.row->nodes[i]->license_id, license_id) == 0 &&
            !end_node(f, &covering, i, FL_APPLICATION_WITHDRAWN))
            return false;
    end_covering(f, &covering, FL_APPLICATION_WITHDRAWN);
    return true;
}

/* Nodes that came back are worth nothing any more. */
static void forget_returned(struct fl_folding *f, const char *license_id)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    fl_key_list(&key, FL_INDEX_LICENSE_RETURNED, fl_slice_text(license_id));
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk))
        fl_kv_del(f->kv, FL_TABLE_INDEX, walk.key);
}

bool fl_fold_withdraw(struct fl_folding *f, const char *license_id)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    fl_key_begin(&key);
    fl_key_id_text(&key, license_id);
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_APPLICATIONS, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk)) {
        const fl_application_row *row =
            fl_row_decode(f->kv, f->arena, FL_TABLE_APPLICATIONS, walk.value);
        if (row == NULL || (row->ended_at_ms == 0 && !strip_device(f, row->device_id, license_id)))
            return false;
    }
    forget_returned(f, license_id);
    fl_license_row *license = fl_fold_row(f, FL_TABLE_LICENSES, license_id);
    if (license == NULL ||
        !fl_fold_move(f, &fl_license_machine, &license->state, FL_LICENSE_WITHDRAWN, license_id))
        return false;
    license->used_count = license->node_count;
    license->fresh_count = license->returned_count = 0;
    license->ended_at_ms = f->now_ms;
    put_license(f, license);
    return true;
}

bool fl_fold_license_withdrawn(struct fl_folding *f)
{
    const Fleetlog__V1__LicenseWithdrawn *event =
        (const Fleetlog__V1__LicenseWithdrawn *)f->input->message;
    return fl_fold_withdraw(f, event->license_id);
}

bool fl_fold_license_expired(struct fl_folding *f)
{
    const Fleetlog__V1__LicenseExpired *event =
        (const Fleetlog__V1__LicenseExpired *)f->input->message;
    struct covering covering;
    if (!begin_covering(f, event->device_id, false, &covering))
        return false;
    const fl_covering_node *front = covering.row->nodes[0];
    if (front->ended_at_ms == 0 || front->number != event->number ||
        strcmp(front->license_id, event->license_id) != 0)
        return fl_fold_refuse(f, "the license of device %s is not used up", event->device_id);
    if (!end_node(f, &covering, 0, FL_APPLICATION_USED_UP))
        return false;
    end_covering(f, &covering, FL_APPLICATION_USED_UP);
    return true;
}
