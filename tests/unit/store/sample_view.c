/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store/sample_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "fleetlog/v1/events.pb-c.h"

enum { DIRTY_COUNT_MAX = 32, VALUE_SIZE_MAX = 64 };

struct dirty {
    uint8_t key[4];
    uint8_t value[8 + VALUE_SIZE_MAX];
    size_t value_size;
};

struct sample {
    struct dirty rows[DIRTY_COUNT_MAX];
    unsigned count;
    uint64_t met;
};

static enum fl_error sample_open(size_t memory_max, void **state)
{
    (void)memory_max;
    *state = calloc(1, sizeof(struct sample));
    return *state == NULL ? FL_NO_MEMORY : FL_OK;
}

static void sample_close(void *state)
{
    free(state);
}

static bool is_mended(void)
{
    const char *path = getenv("FLEETLOG_SAMPLE_MENDED");
    return path != NULL && access(path, F_OK) == 0;
}

static bool is_bad(struct fl_slice value)
{
    return fl_slice_starts_with(value, FL_SLICE_LITERAL("bad")) && !is_mended();
}

static bool is_bad_event(const struct fl_view_input *input)
{
    if (input->message == NULL || input->envelope->row->type != FL_MESSAGE_DeviceRenamed)
        return false;
    return strcmp(((const Fleetlog__V1__DeviceRenamed *)input->message)->name, "bad") == 0;
}

static enum fl_error apply_event(struct fl_kv *kv, const struct fl_view_input *input,
                                 char detail[FL_DETAIL_SIZE])
{
    uint8_t key[8];
    if (is_bad_event(input)) {
        snprintf(detail, FL_DETAIL_SIZE, "this event is bad");
        return FL_INVALID;
    }
    fl_put_u64(key, input->envelope->sequence);
    fl_kv_put(kv, SAMPLE_EVENTS, fl_slice_of(key, 8), input->envelope->type);
    return FL_OK;
}

static enum fl_error apply_telemetry(struct sample *sample, const struct fl_view_input *input,
                                     char detail[FL_DETAIL_SIZE])
{
    struct fl_slice key = input->record->key;
    struct fl_slice value = input->record->value;
    if (is_bad(value) || key.size != 4 || value.size > VALUE_SIZE_MAX) {
        snprintf(detail, FL_DETAIL_SIZE, "this report is bad");
        return FL_INVALID;
    }
    sample->met++;
    if (fl_slice_starts_with(value, FL_SLICE_LITERAL("old")))
        return FL_OK;
    unsigned i = 0;
    while (i < sample->count && memcmp(sample->rows[i].key, key.data, 4) != 0)
        i++;
    fl_assert(i < DIRTY_COUNT_MAX);
    struct dirty *row = &sample->rows[i];
    if (i == sample->count) {
        memcpy(row->key, key.data, 4);
        sample->count++;
    }
    fl_put_u64(row->value, input->offset);
    memcpy(row->value + 8, value.data, value.size);
    row->value_size = 8 + value.size;
    return FL_OK;
}

static enum fl_error sample_apply(void *state, struct fl_kv *kv, const struct fl_view_input *input,
                                  char detail[FL_DETAIL_SIZE])
{
    switch (input->kind) {
    case FL_READS_EVENTS:
        return apply_event(kv, input, detail);
    case FL_READS_TELEMETRY:
        return apply_telemetry(state, input, detail);
    case FL_READS_SUBJECTS:
        if (input->record->value.data == NULL) {
            fl_kv_del(kv, SAMPLE_PEOPLE, input->record->key);
            return FL_OK;
        }
        if (is_bad(input->record->value))
            return FL_INVALID;
        fl_kv_put(kv, SAMPLE_PEOPLE, input->record->key, input->record->value);
        return FL_OK;
    case FL_READS_PARKED:
    case FL_READS_HISTORY:
        break;
    }
    return FL_INTERNAL;
}

static void sample_flush(void *state, struct fl_kv *kv)
{
    struct sample *sample = state;
    struct fl_slice old;
    uint8_t met[8];
    for (unsigned i = 0; i < sample->count; i++)
        fl_kv_put(kv, SAMPLE_LATEST, fl_slice_of(sample->rows[i].key, 4),
                  fl_slice_of(sample->rows[i].value, sample->rows[i].value_size));
    uint64_t before =
        fl_kv_get(kv, SAMPLE_MET, FL_SLICE_LITERAL("met"), &old) ? fl_get_u64(old.data) : 0;
    fl_put_u64(met, before + sample->met);
    fl_kv_put(kv, SAMPLE_MET, FL_SLICE_LITERAL("met"), fl_slice_of(met, 8));
    sample->count = 0;
    sample->met = 0;
}

static void sample_discard(void *state)
{
    memset(state, 0, sizeof(struct sample));
}

static bool sample_is_full(const void *state)
{
    return ((const struct sample *)state)->count >= DIRTY_COUNT_MAX - 1;
}

static bool sample_check(struct fl_kv *kv, char detail[FL_DETAIL_SIZE])
{
    uint64_t expected = 0;
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, kv, SAMPLE_EVENTS, FL_SLICE_NULL);
    for (; fl_kv_walk_next(&walk); expected++) {
        if (walk.key.size == 8 && fl_get_u64(walk.key.data) == expected)
            continue;
        snprintf(detail, FL_DETAIL_SIZE, "event %llu is missing", (unsigned long long)expected);
        return false;
    }
    return true;
}

static const char *const tables[] = {"events", "latest", "people", "met"};

const struct fl_view sample_view = {
    .name = "sample",
    .fold_version = 1,
    .inputs = FL_READS_EVENTS | FL_READS_TELEMETRY | FL_READS_SUBJECTS,
    .needs_actions = true,
    .tables = tables,
    .table_count = SAMPLE_TABLE_COUNT,
    .open = sample_open,
    .close = sample_close,
    .apply = sample_apply,
    .flush = sample_flush,
    .discard = sample_discard,
    .is_full = sample_is_full,
    .check = sample_check,
    .tables_not_compared = 1u << SAMPLE_MET,
};

/* Fold version 2 keeps the length of the type's name. */
static enum fl_error apply_2(void *state, struct fl_kv *kv, const struct fl_view_input *input,
                             char detail[FL_DETAIL_SIZE])
{
    uint8_t key[8];
    uint8_t length;
    enum fl_error error = sample_apply(state, kv, input, detail);
    if (error != FL_OK || input->kind != FL_READS_EVENTS)
        return error;
    fl_put_u64(key, input->envelope->sequence);
    length = (uint8_t)input->envelope->type.size;
    fl_kv_put(kv, SAMPLE_EVENTS, fl_slice_of(key, 8), fl_slice_of(&length, 1));
    return FL_OK;
}

static enum fl_error apply_wrong(void *state, struct fl_kv *kv, const struct fl_view_input *input,
                                 char detail[FL_DETAIL_SIZE])
{
    if (input->kind == FL_READS_EVENTS && input->envelope->sequence == 3)
        return apply_2(state, kv, input, detail);
    return sample_apply(state, kv, input, detail);
}

struct fl_view sample_view_of_environment(void)
{
    const char *variant = getenv("FLEETLOG_SAMPLE");
    struct fl_view view = sample_view;
    if (variant != NULL && strcmp(variant, "2") == 0) {
        view.fold_version = 2;
        view.apply = apply_2;
    } else if (variant != NULL && strcmp(variant, "wrong") == 0) {
        view.apply = apply_wrong;
    }
    return view;
}
