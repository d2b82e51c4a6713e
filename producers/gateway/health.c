/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/health.h"

#include "producers/gateway/operator.h"

void fl_route_get_health(struct call *call)
{
    fl_call_answer(call, 200, json_pack("{s:s}", "status", "alive"));
}

/* Ready when things are taken in and every view answers; names the first that fails. */
void fl_route_get_ready(struct call *call)
{
    struct gateway *gateway = call->gateway;
    if (!fl_call_intake_is_open(call))
        return;
    for (size_t i = 0; i < gateway->view_count; i++) {
        struct fl_chain_head head;
        if (fl_store_reader_head(gateway->views[i], &head) != FL_OK) {
            fl_call_problem(call, 503, "A view is not ready", fl_gateway_view_name(gateway, i),
                            NULL);
            return;
        }
    }
    fl_call_answer(call, 200, json_pack("{s:s}", "status", "ready"));
}
