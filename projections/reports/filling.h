/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the four reports share; only the files of this folder include it. */
#include "core/bytes.h"
#include "projections/reports/source.h"

#define FL_DOCUMENT_DAY_MS (INT64_C(24) * 3600 * 1000)

struct filling {
    struct fl_document *report;
    const struct fl_document_source *source;
    int64_t now_ms;
    enum fl_error error; /* of the views; sticky */
};

/* A device with what the views know of it; all of it lives until the next device. */
struct filling_device {
    const fl_device_row *row;
    Fleetlog__V1__DeviceIdentity identity; /* texts are "" if not known */
    bool has_latest;
    struct fl_latest latest;
    bool is_silent; /* no contact: readings are of the past */
};

typedef void filling_fn(void *context, const struct filling_device *device);

/* Calls `each` for every device of the scope that may be seen, in the order of the list. */
void fl_filling_each(struct filling *f, filling_fn *each, void *context);

/* The reading in thousandths; false: it is not known. */
bool fl_filling_reading(const struct filling_device *device, enum fl_quantity quantity,
                        int64_t *thousandths);
struct fl_document_cell fl_filling_reading_cell(const struct filling_device *device,
                                                enum fl_quantity quantity);

/* "" is unknown. */
struct fl_document_cell fl_filling_text_cell(const char *text);

/* What ups.status says in words, and the conditions that are raised with their greatest severity;
 * in the arena. */
const char *fl_filling_status(struct filling *f, const struct filling_device *device);
const char *fl_filling_conditions(struct filling *f, const struct filling_device *device,
                                  enum fl_severity *severity);

/* A raw reading as a text in the arena; NULL: none was ever received. */
const char *fl_filling_raw(struct filling *f, const struct filling_device *device,
                           const char *name);

/* What is expected of the device, by the source's word and by what it reports itself. */
void fl_filling_outlook(struct filling *f, const struct filling_device *device,
                        struct fl_document_outlook *out);

/* A date of the device's lifecycle in ms, 0 if none is set, and in words what it rests on. */
int64_t fl_filling_date(struct filling *f, const struct filling_device *device, int fact,
                        const char **basis);
struct fl_document_cell fl_filling_date_cell(int64_t ms);

void fl_fill_operational(struct filling *f);
void fl_fill_events(struct filling *f);
void fl_fill_inventory(struct filling *f);
void fl_fill_renewals(struct filling *f);
