/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A change of a condition, as it will be reported: what, of which device, decided by which report.
 *
 * Threading: pure. Allocation: none; the list is the owner's.
 */
#include "core/ids.h"
#include "core/slice.h"

/* The numbers are those of fleetlog.v1.ConditionKind. */
enum fl_condition {
    FL_CONDITION_ON_BATTERY = 1,
    FL_CONDITION_LOW_BATTERY = 2,
    FL_CONDITION_REPLACE_BATTERY = 3,
    FL_CONDITION_COMMUNICATION_LOST = 4,
    FL_CONDITION_OVERLOAD = 5,
    FL_CONDITION_BYPASS = 6,
    FL_CONDITION_OFF = 7,
    FL_CONDITION_CALIBRATION = 8,
    FL_CONDITION_VOLTAGE_ADJUSTED = 9,
    FL_CONDITION_OVER_TEMPERATURE = 10,
    FL_CONDITION_SELF_TEST_FAILED = 11,
    FL_CONDITION_ALARM = 12,
    FL_CONDITION_END,
};

enum { FL_EVIDENCE_SIZE = 160, FL_CHANGE_SIZE_MAX = 64 + FL_EVIDENCE_SIZE };

struct fl_change {
    uint8_t device_id[FL_ID_SIZE];
    uint32_t generation;
    enum fl_condition condition;
    bool raised;
    uint64_t counter; /* of the deciding report; of the last one for silence */
    int64_t sampled_at_ms;
    char evidence[FL_EVIDENCE_SIZE]; /* for people; closed by a NUL */
};

/* A bounded list. */
struct fl_changes {
    struct fl_change *items;
    size_t count;
    size_t capacity;
};

/* The next place; asserts that there is one. */
struct fl_change *fl_changes_add(struct fl_changes *changes);

struct fl_slice fl_change_encode(const struct fl_change *change, uint8_t out[FL_CHANGE_SIZE_MAX]);
bool fl_change_decode(struct fl_slice bytes, struct fl_change *change);

/* "on battery" */
const char *fl_condition_name(enum fl_condition condition);
