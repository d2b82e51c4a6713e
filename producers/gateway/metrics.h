/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the gateway counts, and its form for Prometheus (text exposition format 0.0.4).
 *
 * Counters by route and class of status, a histogram of times by route. What others
 * know (views, journal, process) is asked for when somebody reads.
 *
 * Threading: any thread; counters are atomic. Allocation: open. Limits: FL_METRICS_ROUTE_COUNT_MAX
 * routes.
 */
#include "producers/gateway/gateway_internal.h"

enum { FL_METRICS_ROUTE_COUNT_MAX = 256, FL_METRICS_STATUS_COUNT = 5, FL_METRICS_BUCKET_COUNT = 9 };

struct fl_metrics *fl_metrics_open(void);
void fl_metrics_close(struct fl_metrics **metrics);

/* Counts one answered request; route NULL: there was none. */
void fl_metrics_count(struct fl_metrics *metrics, const struct route *route, unsigned status,
                      int64_t took_ms);

void fl_metrics_count_sign_in(struct fl_metrics *metrics, bool is_good);

/* GET /metrics. */
call_handler fl_route_get_metrics;
