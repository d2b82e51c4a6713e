/* SPDX-License-Identifier: Apache-2.0 */
/* A quantity of a device over time, for charts. */
#include <string.h>

#include "core/timestamp.h"
#include "producers/gateway/operator.h"
#include "projections/history/query.h"

enum { POINT_COUNT_DEFAULT = 500, RANGE_DEFAULT_MS = FL_HISTORY_DAY_MS };

/* A number of the query; false after answering 400. */
static bool number_of(struct call *call, const char *name, uint64_t low, uint64_t high,
                      int64_t fallback, int64_t *value)
{
    const char *text = fl_http_query(call->request, name);
    uint64_t number = 0;
    *value = fallback;
    if (text == NULL)
        return true;
    if (!fl_slice_to_u64(fl_slice_text(text), &number) || number < low || number > high) {
        fl_call_problem(call, 400, "This number of the query is none, or out of its range",
                        fl_arena_printf(&call->arena, "%s must be %llu to %llu", name,
                                        (unsigned long long)low, (unsigned long long)high),
                        name);
        return false;
    }
    *value = (int64_t)number;
    return true;
}

/* The query, but for device and owner; false after answering 400 or 422. */
static bool read_query(struct call *call, struct fl_history_query *query)
{
    int64_t now_ms = fl_port_wall_ms(call->gateway->duty->port);
    int64_t points = 0;
    const char *name = fl_http_query(call->request, "quantity");
    query->quantity = name == NULL ? FL_QUANTITY_COUNT : fl_quantity_of(fl_slice_text(name));
    if (query->quantity == FL_QUANTITY_COUNT ||
        strcmp(fl_quantity_name(query->quantity), name) != 0) {
        fl_call_problem(call, 400, "quantity must name one that is kept, as battery.charge", NULL,
                        "quantity");
        return false;
    }
    if (!number_of(call, "toMs", 1, FL_TIMESTAMP_MS_MAX, now_ms, &query->to_ms) ||
        !number_of(call, "fromMs", 0, FL_TIMESTAMP_MS_MAX,
                   query->to_ms > RANGE_DEFAULT_MS ? query->to_ms - RANGE_DEFAULT_MS : 0,
                   &query->from_ms) ||
        !number_of(call, "stepMs", FL_HISTORY_STEP_MS_MIN, FL_TIMESTAMP_MS_MAX, 0,
                   &query->step_ms) ||
        !number_of(call, "points", 1, FL_HISTORY_POINT_COUNT_MAX, POINT_COUNT_DEFAULT, &points))
        return false;
    query->point_count_max = (size_t)points;
    if (query->from_ms < query->to_ms)
        return true;
    fl_call_problem(call, 400, "fromMs must lie before toMs", NULL, "fromMs");
    return false;
}

static json_t *point_json(const struct fl_history_point *point)
{
    const struct fl_history_cell *cell = &point->cell;
    return json_pack("{s:I, s:f, s:f, s:f, s:f, s:I}", "atMs", (json_int_t)point->at_ms, "min",
                     (double)cell->min / 1000.0, "max", (double)cell->max / 1000.0, "mean",
                     (double)fl_history_cell_mean(cell) / 1000.0, "last",
                     (double)cell->last / 1000.0, "count", (json_int_t)cell->count);
}

static void answer_points(struct call *call, const struct fl_history_query *query,
                          const char *device_id)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_history_answer found = {
        .points =
            fl_arena_calloc(&call->arena, query->point_count_max, sizeof(struct fl_history_point))};
    if (found.points == NULL) {
        fl_call_error(call, FL_NO_MEMORY);
        return;
    }
    if (!fl_call_read_begin(call, call->gateway->history, &read))
        return;
    enum fl_error error = fl_history_read(read.kv, query, &found);
    enum fl_error ended = fl_store_read_end(&read);
    error = error != FL_OK ? error : ended;
    if (error == FL_TOO_LARGE) {
        fl_call_problem(call, 422, "The step gives more points than are asked for", NULL, "stepMs");
        return;
    }
    if (error != FL_OK) {
        fl_call_error(call, error);
        return;
    }
    json_t *points = json_array();
    for (size_t i = 0; i < found.count; i++)
        json_array_append_new(points, point_json(&found.points[i]));
    fl_call_answer(call, 200,
                   json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:o}", "deviceId", device_id,
                             "quantity", fl_quantity_name(query->quantity), "unit",
                             fl_quantity_unit(query->quantity), "source",
                             fl_history_source_name(found.source), "fromMs",
                             (json_int_t)query->from_ms, "toMs", (json_int_t)query->to_ms, "stepMs",
                             (json_int_t)found.step_ms, "points", points));
}

void fl_route_get_history(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_history_query query = {.since_ms = 0};
    if (!read_query(call, &query) || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    const fl_device_row *device = fl_call_find_device(call, read.kv, call->parameters[0]);
    /* A company sees its own time of a device; before the first owner there is nothing. */
    if (device != NULL && fl_call_is_for_account(call) &&
        device->owned_since_ms != device->registered_at_ms)
        query.since_ms = device->owned_since_ms;
    enum fl_error error = fl_store_read_end(&read);
    if (device == NULL)
        return;
    if (error != FL_OK) {
        fl_call_error(call, error);
        return;
    }
    query.device_number = device->device_number;
    answer_points(call, &query, device->device_id);
}
