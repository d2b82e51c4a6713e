/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/lifecycle.h"

#include <stdio.h>
#include <string.h>

#include "core/timestamp.h"

enum { OVER_DAYS_MAX = 90, FACT_SHIFT = 8 };

const uint32_t fl_lifecycle_steps[FL_LIFECYCLE_STEP_COUNT] = {90, 30, 7, 0};

bool fl_date_parse(const char *text, int64_t *ms)
{
    char time[FL_TIMESTAMP_TEXT_SIZE];
    if (strlen(text) != FL_DATE_TEXT_SIZE - 1)
        return false;
    snprintf(time, sizeof(time), "%sT00:00:00.000Z", text);
    return fl_timestamp_parse(fl_slice_text(time), ms);
}

void fl_key_lifecycle(struct fl_key *key, const char *device_id, Fleetlog__V1__LifecycleFact fact)
{
    fl_key_begin(key);
    fl_key_id_text(key, device_id);
    fl_key_u32(key, (uint32_t)fact);
}

const fl_lifecycle_row *fl_registry_lifecycle(struct fl_kv *kv, struct fl_arena *arena,
                                              const char *device_id,
                                              Fleetlog__V1__LifecycleFact fact)
{
    struct fl_key key;
    fl_key_lifecycle(&key, device_id, fact);
    return fl_row_get(kv, arena, FL_TABLE_LIFECYCLE, &key);
}

static int64_t step_ms(int64_t date_ms, unsigned step)
{
    return date_ms - (int64_t)fl_lifecycle_steps[step] * FL_DAY_MS;
}

bool fl_lifecycle_step_at(int64_t date_ms, int64_t now_ms, unsigned *step)
{
    if (now_ms >= date_ms + OVER_DAYS_MAX * FL_DAY_MS || now_ms < step_ms(date_ms, 0))
        return false;
    unsigned last = 0;
    while (last + 1 < FL_LIFECYCLE_STEP_COUNT && now_ms >= step_ms(date_ms, last + 1))
        last++;
    *step = last;
    return true;
}

void fl_due_of_lifecycle(const fl_lifecycle_row *row, struct fl_due *due)
{
    uint32_t step = (uint32_t)row->fact << FACT_SHIFT | row->next_step;
    fl_due_init(due, row->next_at_ms, FL_DUE(RENEWAL_NOTICE), row->device_id, step);
}

Fleetlog__V1__LifecycleFact fl_lifecycle_fact_of_step(uint32_t due_step)
{
    return (Fleetlog__V1__LifecycleFact)(due_step >> FACT_SHIFT);
}

/* What is remembered of the row's date; NULL: nothing has been told of it. */
static Fleetlog__Rows__V1__ToldDate *told_of(const fl_lifecycle_row *row)
{
    for (size_t i = 0; i < row->n_told; i++)
        if (row->told[i]->date_ms == row->date_ms)
            return row->told[i];
    return NULL;
}

static void arm(struct fl_folding *f, fl_lifecycle_row *row)
{
    struct fl_due due;
    unsigned step = 0;
    const Fleetlog__Rows__V1__ToldDate *told = told_of(row);
    unsigned from = told == NULL ? 0 : told->next_step;
    row->next_at_ms = 0;
    row->next_step = 0;
    if (row->date_ms == 0 || f->now_ms >= row->date_ms + OVER_DAYS_MAX * FL_DAY_MS)
        return;
    if (fl_lifecycle_step_at(row->date_ms, f->now_ms, &step) && step > from)
        from = step;
    if (from >= FL_LIFECYCLE_STEP_COUNT)
        return;
    row->next_step = from;
    row->next_at_ms = step_ms(row->date_ms, from);
    fl_due_of_lifecycle(row, &due);
    fl_due_set(f->kv, &due);
}

static void disarm(struct fl_folding *f, const fl_lifecycle_row *row)
{
    struct fl_due due;
    fl_due_of_lifecycle(row, &due);
    fl_due_clear(f->kv, &due);
}

static void put(struct fl_folding *f, const fl_lifecycle_row *row)
{
    struct fl_key key;
    fl_key_lifecycle(&key, row->device_id, row->fact);
    fl_row_put(f->kv, f->arena, FL_TABLE_LIFECYCLE, &key, &row->base);
}

void fl_lifecycle_set(struct fl_folding *f, const char *device_id, Fleetlog__V1__LifecycleFact fact,
                      const char *date, Fleetlog__V1__LifecycleBasis basis)
{
    fl_lifecycle_row fresh = FLEETLOG__ROWS__V1__LIFECYCLE_ROW__INIT;
    struct fl_key key;
    fl_key_lifecycle(&key, device_id, fact);
    fl_lifecycle_row *row = fl_row_get(f->kv, f->arena, FL_TABLE_LIFECYCLE, &key);
    if (row == NULL)
        row = &fresh;
    else
        disarm(f, row);
    row->device_id = device_id;
    row->fact = fact;
    row->due_date = date;
    row->basis = basis;
    row->set_at_ms = f->now_ms;
    row->date_ms = 0;
    (void)fl_date_parse(date, &row->date_ms); /* empty: no date */
    arm(f, row);
    put(f, row);
}

/* The row's date has been told of up to `step`; false: no memory. */
static bool remember(struct fl_folding *f, fl_lifecycle_row *row, unsigned step)
{
    Fleetlog__Rows__V1__ToldDate *told = told_of(row);
    if (told == NULL) {
        size_t keep = row->n_told < FL_LIFECYCLE_DATE_COUNT_MAX - 1
                          ? row->n_told
                          : FL_LIFECYCLE_DATE_COUNT_MAX - 1;
        Fleetlog__Rows__V1__ToldDate **all = fl_arena_calloc(f->arena, keep + 1, sizeof(*all));
        told = fl_arena_alloc(f->arena, sizeof(*told));
        if (all == NULL || told == NULL) {
            fl_kv_fail(f->kv, FL_NO_MEMORY);
            return false;
        }
        if (keep != 0)
            memcpy(all, row->told + (row->n_told - keep), keep * sizeof(*all));
        fleetlog__rows__v1__told_date__init(told);
        told->date_ms = row->date_ms;
        all[keep] = told;
        row->told = all;
        row->n_told = keep + 1;
    }
    told->next_step = step + 1;
    return true;
}

bool fl_fold_renewal_notice_due(struct fl_folding *f)
{
    const Fleetlog__V1__RenewalNoticeDue *event =
        (const Fleetlog__V1__RenewalNoticeDue *)f->input->message;
    struct fl_key key;
    unsigned step = 0;
    fl_key_lifecycle(&key, event->device_id, event->fact);
    fl_lifecycle_row *row = fl_row_get(f->kv, f->arena, FL_TABLE_LIFECYCLE, &key);
    if (row == NULL || row->next_at_ms == 0)
        return fl_fold_refuse(f, "no date of %s waits for a notice", event->device_id);
    while (step + 1 < FL_LIFECYCLE_STEP_COUNT && fl_lifecycle_steps[step] > event->days_before)
        step++;
    disarm(f, row);
    if (!remember(f, row, step))
        return false;
    arm(f, row);
    put(f, row);
    return true;
}

bool fl_fold_lifecycle_fact_set(struct fl_folding *f)
{
    const Fleetlog__V1__LifecycleFactSet *event =
        (const Fleetlog__V1__LifecycleFactSet *)f->input->message;
    if (fl_fold_active_device(f, event->device_id) == NULL)
        return false;
    fl_lifecycle_set(f, event->device_id, event->fact, event->due_date, event->basis);
    return true;
}

void fl_lifecycle_drop(struct fl_folding *f, const char *device_id)
{
    struct fl_key prefix;
    struct fl_kv_walk walk;
    fl_key_begin(&prefix);
    fl_key_id_text(&prefix, device_id);
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_LIFECYCLE, fl_key_slice(&prefix));
    while (fl_kv_walk_next(&walk)) {
        const fl_lifecycle_row *row =
            fl_row_decode(f->kv, f->arena, FL_TABLE_LIFECYCLE, walk.value);
        if (row == NULL)
            return;
        disarm(f, row);
        fl_kv_del(f->kv, FL_TABLE_LIFECYCLE, walk.key);
    }
}
