/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/timekeeper/firing.h"

#include "core/bytes.h"
#include "schemas/envelope.h"

void fl_firing_init(struct fl_firing *firing)
{
    *firing = (struct fl_firing){.count = 0};
}

static bool is_aside(const struct fl_firing *firing, const struct fl_due *due, int64_t monotonic_ms)
{
    for (size_t i = 0; i < FL_FIRING_ASIDE_COUNT_MAX; i++)
        if (firing->aside[i].until_ms > monotonic_ms &&
            fl_due_compare(&firing->aside[i].due, due) == 0)
            return true;
    return false;
}

void fl_firing_gather(struct fl_firing *firing, struct fl_kv *registry, int64_t now_ms,
                      int64_t monotonic_ms)
{
    struct fl_due due;
    bool more = fl_due_next(registry, NULL, &due);
    firing->count = 0;
    firing->next_ms = 0;
    for (; more && due.at_ms <= now_ms && firing->count < FL_FIRING_COUNT_MAX;
         more = fl_due_next(registry, &due, &due))
        if (!is_aside(firing, &due, monotonic_ms))
            firing->batch[firing->count++] = due;
    if (more)
        firing->next_ms = due.at_ms;
}

size_t fl_firing_settle(struct fl_firing *firing, struct fl_kv *registry, int64_t monotonic_ms)
{
    size_t standing = 0;
    for (size_t i = 0; i < firing->count; i++) {
        if (!fl_due_is_set(registry, &firing->batch[i]))
            continue;
        standing++;
        firing->aside[firing->aside_next] =
            (struct fl_firing_aside){firing->batch[i], monotonic_ms + FL_FIRING_ASIDE_MS};
        firing->aside_next = (firing->aside_next + 1) % FL_FIRING_ASIDE_COUNT_MAX;
    }
    firing->count = 0;
    return standing;
}

static void id_of(const struct fl_due *due, char out[FL_ID_TEXT_SIZE])
{
    uint8_t numbers[8 + 4 + 4];
    fl_put_u64(numbers, (uint64_t)due->at_ms);
    fl_put_u32(numbers + 8, (uint32_t)due->kind);
    fl_put_u32(numbers + 12, due->step);
    struct fl_slice parts[] = {fl_slice_text(due->id), fl_slice_of(numbers, sizeof(numbers))};
    fl_id_derive("due", parts, 2, out);
}

enum fl_error fl_firing_encode(struct fl_arena *arena, const struct fl_due *due, const char *log_id,
                               const char *node_id, int64_t now_ms, struct fl_record *record)
{
    Fleetlog__V1__FireDue action = FLEETLOG__V1__FIRE_DUE__INIT;
    char *id = fl_arena_alloc(arena, FL_ID_TEXT_SIZE);
    const char *source = fl_arena_printf(arena, "/fleetlog/%s/timekeeper/%s", log_id, node_id);
    if (id == NULL || source == NULL)
        return FL_NO_MEMORY;
    id_of(due, id);
    action.kind = due->kind;
    action.id = due->id;
    action.due_at_ms = due->at_ms;
    action.step = due->step;
    struct fl_envelope envelope = {
        .id = fl_slice_text(id),
        .source = fl_slice_text(source),
        .actor = FL_SLICE_LITERAL("timekeeper"),
        .correlation_id = fl_slice_text(id),
        .time_ms = now_ms,
    };
    return fl_action_encode(arena, &envelope, &action.base, record);
}
