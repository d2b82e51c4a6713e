/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of views, and reports: each change is named, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleetlog/v1/telemetry.pb-c.h"
#include "projections/devices/devices.h"
#include "projections/store/meta.h"
#include "replay/views.h"
#include "tests/torture/verify/tamper.h"

struct fixture {
    struct node node;
    struct tampered tampered;
    uint64_t random;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->random = tamper_seed();
    node_make(&f->node);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    node_remove(&f->node);
    free(f);
    return 0;
}

/* Only this view may be named. */
static void only_this_view(const struct node_findings *findings, const struct fl_view *view,
                           const char *what)
{
    char where[64];
    int size = snprintf(where, sizeof(where), "view %s", view->name);
    if (findings->count == 0 || findings->error != FL_OK)
        node_fail(findings, "%s: nothing is named", what);
    for (size_t i = 0; i < findings->count; i++)
        if (strncmp(findings->all[i].where, where, (size_t)size) != 0 ||
            (findings->all[i].where[size] != ',' && findings->all[i].where[size] != '\0'))
            node_fail(findings, "%s: %s is named", what, findings->all[i].where);
}

static void change_row(struct fixture *f, const struct fl_view *view, unsigned table,
                       enum tamper_row how)
{
    static const char *const words[] = {"changed", "deleted", "added"};
    char what[128];
    char where[128];
    const char *name = table < view->table_count ? view->tables[table] : "meta";
    node_copy(&f->node);
    if (!tamper_row(&f->node, view, table, how, &f->random))
        return;
    snprintf(what, sizeof(what), "view %s: a row of %s was %s", view->name, name, words[how]);
    const struct node_findings *findings = node_verify(&f->node, true, NULL);
    only_this_view(findings, view, what);
    snprintf(where, sizeof(where), "view %s, table %s, key ", view->name, name);
    if (table < view->table_count && !node_names(findings, where, "rows"))
        node_fail(findings, "%s: not by its table", what);
}

static void rows_of_every_view_are_named(void **state)
{
    size_t count = 0;
    const struct fl_view *const *views = fl_views_all(&count);
    for (size_t i = 0; i < count; i++)
        for (unsigned table = 0; table < views[i]->table_count; table++)
            for (enum tamper_row how = 0; how < TAMPER_ROW_COUNT; how++)
                if ((views[i]->tables_not_compared >> table & 1) == 0)
                    change_row(*state, views[i], table, how);
}

/* Head and positions, which are no rows of the view. Counts and times may be what they like. */
static void heads_and_positions_are_named(void **state)
{
    struct fixture *f = *state;
    size_t count = 0;
    const struct fl_view *const *views = fl_views_all(&count);
    for (size_t i = 0; i < count; i++) {
        /* Without events a view has no head. */
        for (int what = (views[i]->inputs & FL_READS_EVENTS) != 0 ? 0 : 1; what < 3; what++) {
            node_copy(&f->node);
            tamper_meta(&f->node, views[i], what);
            only_this_view(node_verify(&f->node, true, NULL), views[i], "head or position");
        }
    }
}

/* The report inside a telemetry record, unpacked, for one change. */
static void edit_report(struct tampered *t, uint32_t partition, size_t index,
                        void (*edit)(Fleetlog__V1__DeviceReport *report))
{
    struct fl_record *record = &t->records[partition][index];
    Fleetlog__V1__Telemetry *message =
        fleetlog__v1__telemetry__unpack(NULL, record->value.size, record->value.data);
    assert_non_null(message);
    assert_int_equal(message->body_case, FLEETLOG__V1__TELEMETRY__BODY_REPORT);
    edit(message->report);
    size_t size = fleetlog__v1__telemetry__get_packed_size(message);
    uint8_t *bytes = fl_arena_alloc(&t->arena, size);
    fleetlog__v1__telemetry__pack(message, bytes);
    record->value = fl_slice_of(bytes, size);
    fleetlog__v1__telemetry__free_unpacked(message, NULL);
}

static void change_reading(Fleetlog__V1__DeviceReport *report)
{
    report->report.data[report->report.len - 1] ^= 1;
}

static void change_signature(Fleetlog__V1__DeviceReport *report)
{
    report->signature.data[17] ^= 4;
}

static void change_device(Fleetlog__V1__DeviceReport *report)
{
    report->device_number += NODE_PARTITIONS;
}

static void move_device(Fleetlog__V1__DeviceReport *report)
{
    report->device_number++;
}

static void flip_key(struct tampered *t, size_t index)
{
    *(uint8_t *)(uintptr_t)t->records[1][index].key.data ^= 1;
}

/* Each change to a report in partition 1, of device 1; and what it must be called. */
static const struct {
    const char *check;
    void (*edit)(Fleetlog__V1__DeviceReport *report);
    void (*change)(struct tampered *t, size_t index);
} report_changes[] = {
    {"signature", change_reading, NULL},
    {"signature", change_signature, NULL},
    {"device", change_device, NULL},
    {"device", move_device, NULL},
    {"form", NULL, flip_key},
};

static void reports_are_named(void **state)
{
    struct fixture *f = *state;
    char where[64];
    for (size_t i = 0; i < sizeof(report_changes) / sizeof(report_changes[0]); i++) {
        for (size_t index = 0; index < NODE_REPORTS + 1; index += 3) {
            node_copy(&f->node);
            tamper_open(&f->node, FL_TOPIC_TELEMETRY, &f->tampered);
            if (report_changes[i].edit != NULL)
                edit_report(&f->tampered, 1, index, report_changes[i].edit);
            else
                report_changes[i].change(&f->tampered, index);
            tamper_close(&f->node, &f->tampered);
            const struct node_findings *findings = node_verify(&f->node, false, NULL);
            snprintf(where, sizeof(where), "telemetry-1@%zu", index);
            if (!node_names(findings, where, report_changes[i].check))
                node_fail(findings, "change %zu of report %zu", i, index);
            for (size_t k = 0; k < findings->count; k++)
                if (strcmp(findings->all[k].where, where) != 0)
                    node_fail(findings, "%s is named", findings->all[k].where);
        }
    }
}

/* Order of reports, and two reports under one counter: by the agent's own key. */
static void order_of_reports_is_named(void **state)
{
    struct fixture *f = *state;
    node_copy(&f->node);
    tamper_open(&f->node, FL_TOPIC_TELEMETRY, &f->tampered);
    tamper_swap(&f->tampered, 1, 1);
    tamper_close(&f->node, &f->tampered);
    const struct node_findings *findings = node_verify(&f->node, false, NULL);
    if (findings->count != 1 || !node_names(findings, "telemetry-1@2", "counter"))
        node_fail(findings, "swapped reports");

    struct fl_record other = node_report(&f->node, 1, 1, 3, "7");
    node_copy(&f->node);
    tamper_open(&f->node, FL_TOPIC_TELEMETRY, &f->tampered);
    tamper_insert(&f->tampered, 1, 3, &other);
    tamper_close(&f->node, &f->tampered);
    findings = node_verify(&f->node, false, NULL);
    if (findings->count != 1 || !node_names(findings, "telemetry-1@3", "counter"))
        node_fail(findings, "two reports under one counter");
}

/* Sealed profiles: the bytes are compared by the view, their absence with what events name. */
static void profiles_are_named(void **state)
{
    struct fixture *f = *state;
    node_copy(&f->node);
    tamper_open(&f->node, FL_TOPIC_SUBJECTS, &f->tampered);
    uint8_t *value = (uint8_t *)(uintptr_t)f->tampered.records[0][0].value.data;
    value[f->tampered.records[0][0].value.size - 1] ^= 1;
    tamper_close(&f->node, &f->tampered);
    if (!node_names(node_verify(&f->node, true, NULL), "view people, table profiles", "rows"))
        node_fail(node_verify(&f->node, true, NULL), "a sealed profile was changed");

    node_copy(&f->node);
    tamper_open(&f->node, FL_TOPIC_SUBJECTS, &f->tampered);
    tamper_delete(&f->tampered, 0, NODE_PROFILE_IN_FORCE);
    tamper_close(&f->node, &f->tampered);
    const struct node_findings *findings = node_verify(&f->node, false, NULL);
    if (findings->count != 1 || !node_names(findings, "subjects, key ", "profile"))
        node_fail(findings, "a profile is gone");
}

/* What rests on reports that retention has removed is counted and is no difference; a row that is
 * wrong besides is still named. */
static void rows_behind_retention_are_carried(void **state)
{
    struct fixture *f = *state;
    node_copy(&f->node);
    struct fl_topic_spec spec = fl_topic_row(FL_TOPIC_TELEMETRY)->spec;
    struct fl_journal *journal = node_journal(&f->node);
    uint64_t begin = 0;
    uint64_t end = 0;
    spec.retention_bytes = 1;
    assert_int_equal(fl_journal_ensure_topic(journal, &spec), FL_OK);
    for (int i = 0; i < 100 && begin == 0; i++) {
        assert_int_equal(fl_journal_maintain(journal, fl_port_wall_ms(fl_port_system())), FL_OK);
        assert_int_equal(fl_journal_offsets(journal, "telemetry", 2, &begin, &end), FL_OK);
    }
    assert_true(begin > 0);
    fl_journal_close(&journal);
    node_is_clean(&f->node, "retention");
    const struct node_findings *findings = node_verify(&f->node, true, NULL);
    assert_true(findings->result.report_count < NODE_DEVICES * (NODE_REPORTS + 1));
    for (size_t i = 0; i < findings->result.view_count; i++) {
        const struct fl_verify_view_result *result = &findings->result.views[i];
        /* Of device 1 only a tick is left; hours are of the reports that made them. */
        assert_int_equal(result->carried_count != 0,
                         strcmp(result->view->name, "devices") == 0 ||
                             strcmp(result->view->name, "history") == 0);
    }
    assert_true(tamper_row(&f->node, fl_views_find("devices"), FL_DEVICES_FACTS, TAMPER_ROW_DELETE,
                           &f->random));
    only_this_view(node_verify(&f->node, true, NULL), fl_views_find("devices"), "a fact is gone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_every_view_are_named),
        cmocka_unit_test(heads_and_positions_are_named),
        cmocka_unit_test(reports_are_named),
        cmocka_unit_test(order_of_reports_is_named),
        cmocka_unit_test(profiles_are_named),
        cmocka_unit_test(rows_behind_retention_are_carried),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
