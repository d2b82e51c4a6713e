/* SPDX-License-Identifier: Apache-2.0 */
/* Licenses: minted, applied to devices, taken off them, withdrawn. */
#include "projections/registry/decide_license.h"

#include <string.h>

#include "core/bytes.h"
#include "projections/registry/coverage.h"
#include "projections/registry/decide_due.h"
#include "schemas/fields.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static fl_license_row *license_by_id(struct fl_deciding *d, const char *id)
{
    return fl_row_by_id(d->kv, d->arena, FL_TABLE_LICENSES, fl_slice_text(id));
}

bool fl_is_currency(const char *text)
{
    size_t size = 0;
    while (text[size] >= 'A' && text[size] <= 'Z')
        size++;
    return size == 3 && text[size] == '\0';
}

/* The sentence that refuses the terms of a license; NULL: good. */
static const char *terms_refusal(struct fl_deciding *d, const Fleetlog__V1__MintLicense *action)
{
    const struct fl_rules_limits *limits = &d->rules->limits;
    if (action->plan == FLEETLOG__V1__PLAN__PLAN_BASIC)
        return "The Basic plan needs no license.";
    if (action->node_count > limits->license_nodes_max)
        return fl_arena_printf(d->arena, "A license has at most %u nodes.",
                               limits->license_nodes_max);
    if (action->term_days > limits->license_days_max)
        return fl_arena_printf(d->arena, "A term has at most %u days.", limits->license_days_max);
    if (!fl_is_currency(action->currency))
        return "A currency is three capital letters, like EUR.";
    return NULL;
}

const ProtobufCMessage *fl_decide_mint_license(struct fl_deciding *d)
{
    const Fleetlog__V1__MintLicense *action = (const Fleetlog__V1__MintLicense *)d->message;
    struct fl_person person;
    struct fl_key key;
    struct fl_slice value;
    const char *refusal = terms_refusal(d, action);
    if (refusal != NULL)
        return fl_reject(d, FL_REJECT(INVALID), refusal);
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_COMPANIES, fl_slice_text(action->company_id)) ==
        NULL)
        return fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such company.");
    d->company_id = fl_slice_text(action->company_id);
    if (!fl_person_resolve(d, action->person, &person))
        return d->answer;
    fl_key_license_code(&key, action->code_hash);
    if (license_by_id(d, action->license_id) != NULL ||
        fl_kv_get(d->kv, FL_TABLE_INDEX, fl_key_slice(&key), &value))
        return fl_reject(d, FL_REJECT(EXISTS), "There is a license with this id or code.");
    Fleetlog__V1__LicenseMinted *event = fl_answer(d, FL_MESSAGE_LicenseMinted);
    event->license_id = action->license_id;
    event->company_id = action->company_id;
    event->plan = action->plan;
    event->node_count = action->node_count;
    event->term_days = action->term_days;
    event->subject_id = person.subject_id;
    event->revision = person.revision;
    event->indexes = action->person->indexes;
    event->n_indexes = action->person->n_indexes;
    event->code_hash = action->code_hash;
    event->link_key_generation = action->link_key_generation;
    event->net_minor = action->net_minor;
    event->currency = action->currency;
    event->purchase_order = action->purchase_order;
    event->payment_terms = action->payment_terms;
    event->volume_tier = action->volume_tier;
    return &event->base;
}

static bool refuse(struct fl_deciding *d, Fleetlog__V1__RejectionCode code, const char *sentence)
{
    fl_reject(d, code, sentence);
    return false;
}

static fl_license_row *license_by_code(struct fl_deciding *d, ProtobufCBinaryData code_hash)
{
    struct fl_key key;
    struct fl_slice value;
    fl_key_license_code(&key, code_hash);
    if (key.bad || !fl_kv_get(d->kv, FL_TABLE_INDEX, fl_key_slice(&key), &value))
        return NULL;
    fl_key_begin(&key);
    fl_key_bytes(&key, value.data, value.size);
    return fl_row_get(d->kv, d->arena, FL_TABLE_LICENSES, &key);
}

/* The license to apply: anybody's who has the code, his company's by its id. False: rejected. */
static bool find_license(struct fl_deciding *d, const Fleetlog__V1__ApplyLicense *action,
                         fl_license_row **license)
{
    bool by_id = action->license_id[0] != '\0';
    if (by_id == (action->code_hash.len != 0))
        return refuse(d, FL_REJECT(INVALID), "A license is named by its code or by its id.");
    fl_license_row *row =
        by_id ? license_by_id(d, action->license_id) : license_by_code(d, action->code_hash);
    if (row != NULL && by_id && strcmp(row->company_id, d->account->company_id) != 0)
        row = NULL;
    if (row == NULL)
        return refuse(d, FL_REJECT(NOT_FOUND),
                      by_id ? "There is no such license." : "There is no license with this code.");
    if (row->state != FL_LICENSE_ACTIVE)
        return refuse(d, FL_REJECT(WRONG_STATE), "This license has been withdrawn.");
    *license = row;
    return true;
}

/* The coverage of a device, settled to the present; a new one if it has none. NULL: no memory. */
static fl_coverage_row *coverage_of(struct fl_deciding *d, const fl_device_row *device)
{
    fl_coverage_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_COVERAGES, fl_slice_text(device->device_id));
    if (row == NULL) {
        row = fl_arena_calloc(d->arena, 1, sizeof(*row));
        if (row == NULL || d->kv->error != FL_OK)
            return NULL;
        fleetlog__rows__v1__coverage_row__init(row);
        row->as_of_ms = d->now_ms;
    }
    fl_coverage_settle(row, device->trial_ends_at_ms, d->now_ms);
    return row;
}

/* One owner's devices, each with its coverage. */
struct chosen {
    const char *owner_id;
    const fl_device_row **devices;
    fl_coverage_row **coverages;
    struct fl_items items;
};

static bool chosen_begin(struct fl_deciding *d, struct chosen *chosen, size_t count)
{
    *chosen = (struct chosen){.owner_id = NULL};
    chosen->devices = fl_arena_calloc(d->arena, count, sizeof(*chosen->devices));
    chosen->coverages = fl_arena_calloc(d->arena, count, sizeof(*chosen->coverages));
    return chosen->devices != NULL && chosen->coverages != NULL &&
           fl_items_begin(d, &chosen->items, count);
}

/* Notes a device; the sentence that refuses it, or NULL. A device that the account may not see and
 * that `is_known` does not vouch for does not exist for it. */
static const char *choose(struct fl_deciding *d, struct chosen *chosen, size_t at,
                          const char *device_id, bool is_known, Fleetlog__V1__RejectionCode *code)
{
    const fl_device_row *device =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_DEVICES, fl_slice_text(device_id));
    enum fl_relation relation =
        fl_relation_to_device(d->kv, d->arena, d->account, device, d->now_ms);
    *code = FL_REJECT(NOT_FOUND);
    if (device == NULL || (relation == FL_RELATION_STRANGER && !is_known))
        return "There is no such device.";
    if (device->state != FL_DEVICE_ACTIVE)
        return "This device has been removed.";
    *code = FL_REJECT(DENIED);
    if (!is_known && !fl_relation_may(relation, FL_RIGHT_LICENSE))
        return "Your role does not allow you to apply a license to a device.";
    *code = FL_REJECT(INVALID);
    if (chosen->owner_id == NULL)
        chosen->owner_id = device->company_id;
    else if (strcmp(chosen->owner_id, device->company_id) != 0)
        return "This device belongs to another owner than the first; send one request per owner.";
    chosen->devices[at] = device;
    chosen->coverages[at] = coverage_of(d, device);
    return NULL;
}

static bool choose_to_apply(struct fl_deciding *d, const Fleetlog__V1__ApplyLicense *action,
                            struct chosen *chosen)
{
    uint32_t most = d->rules->limits.nodes_per_device_max;
    if (!chosen_begin(d, chosen, action->n_device_ids))
        return false;
    for (size_t i = 0; i < action->n_device_ids; i++) {
        Fleetlog__V1__RejectionCode code;
        const char *why = choose(d, chosen, i, action->device_ids[i], false, &code);
        if (why == NULL && chosen->coverages[i] == NULL)
            return false;
        if (why == NULL && fl_coverage_count(chosen->coverages[i]) >= most) {
            code = FL_REJECT(LIMIT);
            why = fl_arena_printf(d->arena, "This device has %u licenses to use up already.", most);
        }
        if (why != NULL)
            fl_items_add(d, &chosen->items, action->device_ids[i], code, why);
    }
    if (chosen->items.count != 0)
        fl_reject_items(d, &chosen->items, action->n_device_ids, "licensed");
    return chosen->items.count == 0;
}

/* Walks over the nodes that came back, the greatest rest first. */
struct returned {
    struct fl_kv_walk walk;
    struct fl_key prefix;
};

static bool next_returned(struct fl_deciding *d, struct returned *returned, const char *license_id,
                          Fleetlog__V1__AppliedNode *node)
{
    struct fl_key key;
    if (!fl_kv_walk_next(&returned->walk))
        return false;
    node->continues = fl_first_u32(fl_slice_of(returned->walk.key.data + 1 + FL_ID_SIZE + 8, 4));
    fl_key_application(&key, license_id, node->continues);
    const fl_application_row *before = fl_row_get(d->kv, d->arena, FL_TABLE_APPLICATIONS, &key);
    if (before == NULL)
        return false;
    node->time_ms = before->rest_ms;
    return true;
}

/* Nodes for all devices, unused ones first; NULL: no memory, or the store is damaged. */
static Fleetlog__V1__AppliedNode **take_nodes(struct fl_deciding *d, const fl_license_row *license,
                                              const struct chosen *chosen, size_t count)
{
    struct returned returned;
    Fleetlog__V1__AppliedNode **nodes = fl_arena_calloc(d->arena, count, sizeof(*nodes));
    Fleetlog__V1__AppliedNode *block = fl_arena_calloc(d->arena, count, sizeof(*block));
    fl_covering_node *covering = fl_arena_calloc(d->arena, count, sizeof(*covering));
    if (nodes == NULL || block == NULL || covering == NULL)
        return NULL;
    fl_key_list(&returned.prefix, FL_INDEX_LICENSE_RETURNED, fl_slice_text(license->license_id));
    fl_kv_walk_begin(&returned.walk, d->kv, FL_TABLE_INDEX, fl_key_slice(&returned.prefix));
    for (size_t i = 0; i < count; i++) {
        Fleetlog__V1__AppliedNode *node = nodes[i] = &block[i];
        fleetlog__v1__applied_node__init(node);
        node->number = license->application_count + 1 + (uint32_t)i;
        node->time_ms = license->term_days * DAY_MS;
        if (i >= license->fresh_count && !next_returned(d, &returned, license->license_id, node)) {
            fl_kv_fail(d->kv, FL_CORRUPT);
            return NULL;
        }
        fleetlog__rows__v1__covering_node__init(&covering[i]);
        covering[i].plan = license->plan;
        covering[i].rest_ms = node->time_ms;
        size_t at = fl_coverage_insert(d->arena, chosen->coverages[i], &covering[i]);
        if (at == SIZE_MAX)
            return NULL;
        node->ends_at_ms =
            fl_coverage_end_ms(chosen->coverages[i], chosen->devices[i]->trial_ends_at_ms, at);
    }
    return nodes;
}

const ProtobufCMessage *fl_decide_apply_license(struct fl_deciding *d)
{
    const Fleetlog__V1__ApplyLicense *action = (const Fleetlog__V1__ApplyLicense *)d->message;
    fl_license_row *license;
    struct chosen chosen;
    if (!find_license(d, action, &license) || !choose_to_apply(d, action, &chosen))
        return d->answer;
    d->company_id = fl_slice_text(chosen.owner_id);
    uint32_t left = license->fresh_count + license->returned_count;
    if (action->n_device_ids > left)
        return fl_rejectf(d, FL_REJECT(NO_NODES),
                          "This license has %u of %u nodes left; %zu devices were named.", left,
                          license->node_count, action->n_device_ids);
    Fleetlog__V1__AppliedNode **nodes = take_nodes(d, license, &chosen, action->n_device_ids);
    if (nodes == NULL)
        return NULL;
    Fleetlog__V1__LicenseApplied *event = fl_answer(d, FL_MESSAGE_LicenseApplied);
    event->license_id = license->license_id;
    event->company_id = chosen.owner_id;
    event->plan = (Fleetlog__V1__Plan)license->plan;
    event->device_ids = action->device_ids;
    event->n_device_ids = action->n_device_ids;
    event->nodes = nodes;
    event->n_nodes = action->n_device_ids;
    return &event->base;
}

/* Nodes of the license that a device has time left of. */
static size_t count_nodes(const fl_coverage_row *coverage, const char *license_id)
{
    size_t count = 0;
    for (size_t i = 0; i < coverage->n_nodes; i++)
        if (coverage->nodes[i]->ended_at_ms == 0 &&
            strcmp(coverage->nodes[i]->license_id, license_id) == 0)
            count++;
    return count;
}

/* True if a device has, or had, nodes of the license: who bought it may know of the device. */
static bool has_license(struct fl_deciding *d, const char *device_id, const char *license_id)
{
    const fl_coverage_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_COVERAGES, fl_slice_text(device_id));
    for (size_t i = 0; row != NULL && i < row->n_nodes; i++)
        if (strcmp(row->nodes[i]->license_id, license_id) == 0)
            return true;
    return false;
}

/* Who bought the license may take it off any device, the owner company off its own. */
static bool choose_to_release(struct fl_deciding *d, const Fleetlog__V1__ReleaseLicense *action,
                              bool is_buyer, struct chosen *chosen, size_t *node_count)
{
    *node_count = 0;
    if (!chosen_begin(d, chosen, action->n_device_ids))
        return false;
    for (size_t i = 0; i < action->n_device_ids; i++) {
        Fleetlog__V1__RejectionCode code;
        const char *id = action->device_ids[i];
        bool is_known = is_buyer && has_license(d, id, action->license_id);
        const char *why = choose(d, chosen, i, id, is_known, &code);
        if (why == NULL && chosen->coverages[i] == NULL)
            return false;
        if (why == NULL && !is_known &&
            fl_relation_to_company(d->account, chosen->owner_id) == FL_RELATION_STRANGER) {
            code = FL_REJECT(DENIED);
            why = "Only who bought the license or the owner company may take it off a device.";
        }
        size_t count = why == NULL ? count_nodes(chosen->coverages[i], action->license_id) : 0;
        if (why == NULL && count == 0) {
            code = FL_REJECT(NOT_FOUND);
            why = "This license is not on this device.";
        }
        if (why != NULL)
            fl_items_add(d, &chosen->items, id, code, why);
        *node_count += count;
    }
    if (chosen->items.count != 0)
        fl_reject_items(d, &chosen->items, action->n_device_ids, "released");
    return chosen->items.count == 0;
}

/* The nodes of the license on the chosen devices. NULL: no memory. */
static Fleetlog__V1__ReleasedNode **released_nodes(struct fl_deciding *d,
                                                   const Fleetlog__V1__ReleaseLicense *action,
                                                   const struct chosen *chosen, size_t count)
{
    size_t at = 0;
    Fleetlog__V1__ReleasedNode **nodes = fl_arena_calloc(d->arena, count, sizeof(*nodes));
    Fleetlog__V1__ReleasedNode *block = fl_arena_calloc(d->arena, count, sizeof(*block));
    if (nodes == NULL || block == NULL)
        return NULL;
    for (size_t i = 0; i < action->n_device_ids; i++) {
        const fl_coverage_row *coverage = chosen->coverages[i];
        for (size_t k = 0; k < coverage->n_nodes; k++) {
            const fl_covering_node *covering = coverage->nodes[k];
            if (covering->ended_at_ms != 0 || strcmp(covering->license_id, action->license_id) != 0)
                continue;
            Fleetlog__V1__ReleasedNode *node = nodes[at] = &block[at];
            at++;
            fleetlog__v1__released_node__init(node);
            node->number = covering->number;
            node->device_id = action->device_ids[i];
            node->rest_ms = covering->rest_ms;
        }
    }
    return nodes;
}

const ProtobufCMessage *fl_decide_release_license(struct fl_deciding *d)
{
    const Fleetlog__V1__ReleaseLicense *action = (const Fleetlog__V1__ReleaseLicense *)d->message;
    const fl_license_row *license = license_by_id(d, action->license_id);
    struct chosen chosen;
    size_t node_count;
    bool is_buyer = license != NULL && strcmp(license->company_id, d->account->company_id) == 0;
    if (license == NULL)
        return fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such license.");
    if (!choose_to_release(d, action, is_buyer, &chosen, &node_count))
        return d->answer;
    d->company_id = fl_slice_text(chosen.owner_id);
    if (node_count > FL_RELEASED_NODE_COUNT_MAX)
        return fl_rejectf(d, FL_REJECT(LIMIT), "At most %d nodes can be released at once.",
                          FL_RELEASED_NODE_COUNT_MAX);
    Fleetlog__V1__ReleasedNode **nodes = released_nodes(d, action, &chosen, node_count);
    if (nodes == NULL)
        return NULL;
    Fleetlog__V1__LicenseReleased *event = fl_answer(d, FL_MESSAGE_LicenseReleased);
    event->license_id = action->license_id;
    event->company_id = chosen.owner_id;
    event->plan = (Fleetlog__V1__Plan)license->plan;
    event->device_ids = action->device_ids;
    event->n_device_ids = action->n_device_ids;
    event->nodes = nodes;
    event->n_nodes = node_count;
    return &event->base;
}

static bool has_text(const char *const *texts, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(texts[i], text) == 0)
            return true;
    return false;
}

bool fl_license_holders(struct fl_deciding *d, const char *license_id, struct fl_holders *holders)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    *holders = (struct fl_holders){0};
    holders->company_ids =
        fl_arena_calloc(d->arena, FL_DEVICE_COUNT_PER_ACTION_MAX, sizeof(*holders->company_ids));
    if (holders->company_ids == NULL)
        return false;
    fl_key_begin(&key);
    fl_key_id_text(&key, license_id);
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_APPLICATIONS, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk)) {
        const fl_application_row *row =
            fl_row_decode(d->kv, d->arena, FL_TABLE_APPLICATIONS, walk.value);
        if (row == NULL)
            return false;
        if (row->ended_at_ms != 0)
            continue;
        const fl_device_row *device =
            fl_row_by_id(d->kv, d->arena, FL_TABLE_DEVICES, fl_slice_text(row->device_id));
        if (device == NULL)
            return false;
        holders->node_count++;
        if (holders->company_count < FL_DEVICE_COUNT_PER_ACTION_MAX &&
            !has_text(holders->company_ids, holders->company_count, device->company_id))
            holders->company_ids[holders->company_count++] = device->company_id;
    }
    return true;
}

const ProtobufCMessage *fl_decide_withdraw_license(struct fl_deciding *d)
{
    const Fleetlog__V1__WithdrawLicense *action = (const Fleetlog__V1__WithdrawLicense *)d->message;
    const fl_license_row *license = license_by_id(d, action->license_id);
    struct fl_holders holders;
    if (license == NULL)
        return fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such license.");
    d->company_id = fl_slice_text(license->company_id);
    if (license->state != FL_LICENSE_ACTIVE)
        return fl_reject(d, FL_REJECT(WRONG_STATE), "This license has been withdrawn already.");
    if (!fl_license_holders(d, action->license_id, &holders))
        return NULL;
    Fleetlog__V1__LicenseWithdrawn *event = fl_answer(d, FL_MESSAGE_LicenseWithdrawn);
    event->license_id = action->license_id;
    event->company_id = license->company_id;
    event->reason = action->reason;
    event->owner_company_ids = holders.company_ids;
    event->n_owner_company_ids = holders.company_count;
    event->node_count = holders.node_count;
    return &event->base;
}

const ProtobufCMessage *fl_decide_due_license(struct fl_deciding *d,
                                              const Fleetlog__V1__FireDue *action)
{
    const fl_device_row *device = fl_due_row(d, FL_TABLE_DEVICES, action->id);
    fl_coverage_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_COVERAGES, fl_slice_text(action->id));
    if (device == NULL || row == NULL || row->n_nodes == 0) {
        fl_kv_fail(d->kv, FL_CORRUPT);
        return NULL;
    }
    d->company_id = fl_slice_text(device->company_id);
    Fleetlog__V1__LicenseExpired *event = fl_answer(d, FL_MESSAGE_LicenseExpired);
    event->license_id = row->nodes[0]->license_id;
    event->company_id = device->company_id;
    event->device_id = device->device_id;
    event->number = row->nodes[0]->number;
    event->plan = (Fleetlog__V1__Plan)row->nodes[0]->plan;
    event->plan_now =
        (Fleetlog__V1__Plan)fl_coverage_plan(row, device->trial_ends_at_ms, d->now_ms);
    return &event->base;
}
