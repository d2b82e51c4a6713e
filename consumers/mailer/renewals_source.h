/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Everything that a reseller is told of devices, and the port that it comes through.
 *
 * The payload is a whitelist: mails to resellers are made of these fields alone. What a device is
 * and when something of it ends belongs here; how it runs, where it stands and what its owner calls
 * it has no field.
 *
 * Threading: one thread per source. Allocation: the caller's arena.
 * Limits: FL_RENEWAL_COUNT_MAX entries in one mail; `more` says that there are others.
 */
#include "core/arena.h"
#include "core/error.h"
#include "fleetlog/v1/resellers.pb-c.h"

enum { FL_RENEWAL_COUNT_MAX = 100 };

/* One date of one device; a text is "" if it is not known. */
struct fl_renewal {
    const char *model;
    const char *sku;
    const char *part;  /* number of what replaces it */
    const char *price; /* of that part by region, as the catalogue has it */
    const char *date;  /* YYYY-MM-DD */
    Fleetlog__V1__LifecycleFact fact;
};

struct fl_renewals {
    struct fl_renewal items[FL_RENEWAL_COUNT_MAX];
    size_t count;
    bool more;
    const char *contact; /* whom to ask: an address, or "" */
};

/* Whose dates: those of the devices that are named and still the company's, or (no device is named)
 * of all of them. */
struct fl_renewals_query {
    const char *company_id;
    const char *const *device_ids;
    size_t device_count;
};

/* Appends to `out`; sets no contact. */
typedef enum fl_error fl_renewals_read_fn(void *context, struct fl_arena *arena,
                                          const struct fl_renewals_query *query,
                                          struct fl_renewals *out);

struct fl_renewals_source {
    fl_renewals_read_fn *read;
    void *context;
};

/* The dates that the registry knows; valid as long as `kv`. */
struct fl_kv;
struct fl_renewals_source fl_renewals_of_registry(struct fl_kv *kv);
