/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The readings of one device with their qualities, as the API shows them. */
#include "producers/gateway/operator.h"

/* Object of variable -> {text or hex, stale, quality, rule}; empty without a view. The caller's. */
json_t *fl_call_raw_json(struct call *call, struct fl_kv *devices, uint32_t number);
