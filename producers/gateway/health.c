/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/health.h"

#include "producers/gateway/operator.h"

bool fl_gateway_behind(struct gateway *gateway, size_t view, uint64_t *record_count)
{
    struct fl_store_read read = {.kv = NULL};
    uint64_t begin = 0;
    uint64_t end = 0;
    if (fl_journal_offsets(gateway->duty->journal, "events", 0, &begin, &end) != FL_OK ||
        fl_store_read_begin(gateway->views[view], &read) != FL_OK)
        return false;
    struct fl_position position = fl_meta_position(read.kv, FL_TOPIC_EVENTS, 0);
    *record_count = end > position.next ? end - position.next : 0;
    return fl_store_read_end(&read) == FL_OK;
}

void fl_route_get_health(struct call *call)
{
    fl_call_answer(call, 200, json_pack("{s:s}", "status", "alive"));
}

void fl_route_get_ready(struct call *call)
{
    struct gateway *gateway = call->gateway;
    if (!fl_call_intake_is_open(call))
        return;
    for (size_t i = 0; i < gateway->view_count; i++) {
        uint64_t behind = 0;
        const char *title = NULL;
        if (!fl_gateway_behind(gateway, i, &behind))
            title = "A view is not ready";
        else if (behind > FL_READY_BEHIND_MAX)
            title = "A view has not caught up with the log";
        if (title != NULL) {
            fl_call_problem(call, 503, title, fl_gateway_view_name(gateway, i), NULL);
            return;
        }
    }
    fl_call_answer(call, 200, json_pack("{s:s}", "status", "ready"));
}
