/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Keys of the Event Log view; private to it.
 *
 * ORDER is what readers walk: scope (kind u8, company 16 bytes; behind it the device's 16 bytes or
 * a hash of a location's name, 16 bytes), then severity, time and sequence, each turned round so
 * that the greatest comes first. LISTED is the same the other way, sequence first, so that an entry
 * finds its places when its time is over.
 *
 * Threading: pure. Allocation: none.
 */
#include "core/ids.h"
#include "projections/eventlog/eventlog.h"

enum fl_eventlog_table {
    FL_EVENTLOG_ENTRIES, /* sequence u64 -> EntryRow */
    FL_EVENTLOG_ORDER,   /* scope, severity, time, sequence -> nothing */
    FL_EVENTLOG_LISTED,  /* sequence u64, scope -> nothing */
    FL_EVENTLOG_PLACES,  /* device id (16 bytes) -> PlaceRow */
    FL_EVENTLOG_FORMER,  /* company, device (16 bytes each) -> PlaceRow when it was handed over */
    FL_EVENTLOG_TABLE_COUNT
};

enum { FL_SCOPE_SIZE_MAX = 1 + 16 + 16, FL_ORDER_TAIL_SIZE = 1 + 8 + 8 };

struct fl_scope_key {
    uint8_t bytes[FL_SCOPE_SIZE_MAX + FL_ORDER_TAIL_SIZE];
    size_t size;
};

/* The scope alone: a company, and in it a device (its id) or a location (its name), else NULL;
 * false if an id is none. */
bool fl_scope_key(struct fl_scope_key *key, enum fl_eventlog_scope scope,
                  struct fl_slice company_id, struct fl_slice part);

/* Appends the place in the order. */
void fl_scope_key_place(struct fl_scope_key *key, uint32_t severity, int64_t time_ms,
                        uint64_t sequence);

/* Severity and sequence of a stored key of ORDER. */
uint32_t fl_order_severity(struct fl_slice key);
int64_t fl_order_time_ms(struct fl_slice key);
uint64_t fl_order_sequence(struct fl_slice key);

/* Bytes of a scope, told by its first: 17 or 33; 0 for none. */
size_t fl_scope_size(uint8_t kind);
