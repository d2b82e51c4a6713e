/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A set of names with values, as one answer of upsd gave them: a device's variables, its commands,
 * the UPSes of a server.
 *
 * Grows while an answer is read and is then sealed: sorted by name, of several values for one name
 * the last. Values are bytes, never text.
 *
 * Threading: one thread. Allocation: two blocks, kept over resets. Lifetime: slices live until the
 * next add, reset or fini.
 * Limits: those of a report (projections/telemetry/report.h): FL_READING_COUNT_MAX readings, names
 * and values by their sizes.
 */
#include "core/error.h"
#include "core/slice.h"

struct fl_nut_list_item;

struct fl_nut_list {
    uint8_t *bytes;
    size_t size;
    size_t room;
    struct fl_nut_list_item *items;
    size_t count;
    size_t capacity;
};

void fl_nut_list_init(struct fl_nut_list *readings);
void fl_nut_list_fini(struct fl_nut_list *readings);
void fl_nut_list_reset(struct fl_nut_list *readings);

/* FL_TOO_LARGE: over a limit; FL_INVALID: the name is empty or not printable ASCII without blanks;
 * FL_NO_MEMORY. */
enum fl_error fl_nut_list_add(struct fl_nut_list *readings, struct fl_slice name,
                              struct fl_slice value) FL_MUST_USE;

void fl_nut_list_seal(struct fl_nut_list *readings);

/* Of a sealed set, in order of names. */
struct fl_slice fl_nut_list_name(const struct fl_nut_list *readings, size_t index);
struct fl_slice fl_nut_list_value(const struct fl_nut_list *readings, size_t index);

/* FL_SLICE_NULL if there is no such name in the sealed set. */
struct fl_slice fl_nut_list_find(const struct fl_nut_list *readings, struct fl_slice name);

/* Both hold the same. */
bool fl_nut_list_equal(const struct fl_nut_list *a, const struct fl_nut_list *b);

/* True if a name of `before` is missing in `after`. */
bool fl_nut_list_lost(const struct fl_nut_list *before, const struct fl_nut_list *after);

/* Exchanges their content. */
void fl_nut_list_swap(struct fl_nut_list *a, struct fl_nut_list *b);
