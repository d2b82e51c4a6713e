/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A fleet: which UPSes a demo driver plays, read from a `.fleet` text file.
 *
 * Lines are `ups NAME SCENARIO [delay SECONDS] [VARIABLE = VALUE]…` (SCENARIOS.md); each UPS may so
 * have its own serial, place and age without a scenario of its own.
 *
 * Invariants: 1. names are unique and made of letters, digits, `-`, `_`. 2. every member has a
 * scenario, owned by the fleet. Threading: pure after load. Allocation: one scenario per member.
 */
#include "producers/simulator/scenario.h"

enum { FL_FLEET_MEMBER_COUNT_MAX = 1024 };

struct fl_fleet_member {
    char name[FL_SCENARIO_NAME_SIZE];
    double delay_s;
    struct fl_scenario *scenario;
};

struct fl_fleet {
    unsigned count;
    struct fl_fleet_member members[FL_FLEET_MEMBER_COUNT_MAX];
};

/* Reads `path`; scenarios come from `directory`. FL_INVALID with "file:line: sentence". */
enum fl_error fl_fleet_load(const char *path, const char *directory, struct fl_fleet **fleet,
                            char *message, size_t message_size) FL_MUST_USE;

/* The same from memory. */
enum fl_error fl_fleet_parse(const char *text, size_t size, const char *name, const char *directory,
                             struct fl_fleet **fleet, char *message,
                             size_t message_size) FL_MUST_USE;

/* Tolerates NULL, clears the pointer. */
void fl_fleet_free(struct fl_fleet **fleet);
