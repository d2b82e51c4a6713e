/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/detector/clocks.h"

#include "core/assert.h"
#include "core/cursor.h"

static struct fl_gateway_clock *find(struct fl_clocks *clocks, uint32_t number)
{
    for (uint32_t i = 0; i < clocks->count; i++)
        if (clocks->gateways[i].number == number)
            return &clocks->gateways[i];
    return NULL;
}

/* The gateway's clock; a new one takes the place of the one gone longest when there is no room. */
static struct fl_gateway_clock *find_or_add(struct fl_clocks *clocks, uint32_t number)
{
    struct fl_gateway_clock *clock = find(clocks, number);
    if (clock != NULL)
        return clock;
    if (clocks->count < FL_GATEWAY_COUNT_MAX) {
        clock = &clocks->gateways[clocks->count++];
    } else {
        clock = &clocks->gateways[0];
        for (uint32_t i = 1; i < clocks->count; i++)
            if (clocks->gateways[i].seen_ms < clock->seen_ms)
                clock = &clocks->gateways[i];
    }
    *clock = (struct fl_gateway_clock){.number = number, .seen_ms = clocks->clock_ms};
    return clock;
}

static uint64_t step(int64_t from_ms, int64_t to_ms, int64_t step_ms_max)
{
    if (to_ms <= from_ms)
        return 0;
    uint64_t step_ms = (uint64_t)to_ms - (uint64_t)from_ms;
    return step_ms > (uint64_t)step_ms_max ? (uint64_t)step_ms_max : step_ms;
}

bool fl_clocks_tick(struct fl_clocks *clocks, const struct fl_tick *tick, int64_t step_ms_max)
{
    struct fl_gateway_clock *clock = find_or_add(clocks, tick->gateway_number);
    bool goes_on = clock->time_ms != 0 && clock->boot == tick->boot;
    uint64_t before_ms = clocks->clock_ms + clock->clock_ms;
    if (goes_on && tick->sequence <= clock->sequence)
        return false;
    if (goes_on) {
        clock->clock_ms += step(clock->time_ms, tick->time_ms, step_ms_max);
        clocks->clock_ms += step(clocks->time_ms, tick->time_ms, step_ms_max);
    }
    clock->boot = tick->boot;
    clock->sequence = tick->sequence;
    clock->time_ms = tick->time_ms;
    clock->seen_ms = clocks->clock_ms;
    if (tick->time_ms > clocks->time_ms)
        clocks->time_ms = tick->time_ms;
    return clocks->clock_ms + clock->clock_ms != before_ms;
}

uint64_t fl_clocks_hear(struct fl_clocks *clocks, uint32_t gateway_number)
{
    return find_or_add(clocks, gateway_number)->clock_ms;
}

uint64_t fl_clocks_silence_ms(const struct fl_clocks *clocks, uint32_t gateway_number,
                              uint64_t heard_ms)
{
    for (uint32_t i = 0; i < clocks->count; i++) {
        const struct fl_gateway_clock *clock = &clocks->gateways[i];
        if (clock->number != gateway_number)
            continue;
        uint64_t gone_ms = clocks->clock_ms - clock->seen_ms;
        uint64_t own_ms = clock->clock_ms > heard_ms ? clock->clock_ms - heard_ms : 0;
        return own_ms + (gone_ms > FL_GATEWAY_GONE_MS ? gone_ms - FL_GATEWAY_GONE_MS : 0);
    }
    return 0;
}

struct fl_slice fl_clocks_encode(const struct fl_clocks *clocks, uint8_t out[FL_CLOCKS_SIZE_MAX])
{
    struct fl_write_cursor to;
    fl_write_init(&to, out, FL_CLOCKS_SIZE_MAX);
    fl_write_u64(&to, clocks->clock_ms);
    fl_write_u64(&to, (uint64_t)clocks->time_ms);
    fl_write_u32(&to, clocks->count);
    for (uint32_t i = 0; i < clocks->count; i++) {
        const struct fl_gateway_clock *clock = &clocks->gateways[i];
        fl_write_u32(&to, clock->number);
        fl_write_u64(&to, clock->boot);
        fl_write_u64(&to, clock->sequence);
        fl_write_u64(&to, (uint64_t)clock->time_ms);
        fl_write_u64(&to, clock->clock_ms);
        fl_write_u64(&to, clock->seen_ms);
    }
    fl_assert(to.error == FL_OK);
    return fl_written(&to);
}

bool fl_clocks_decode(struct fl_slice bytes, struct fl_clocks *clocks)
{
    struct fl_read_cursor in;
    fl_read_init(&in, bytes);
    clocks->clock_ms = fl_read_u64(&in);
    clocks->time_ms = (int64_t)fl_read_u64(&in);
    clocks->count = fl_read_u32(&in);
    if (in.error != FL_OK || clocks->count > FL_GATEWAY_COUNT_MAX)
        return false;
    for (uint32_t i = 0; i < clocks->count; i++) {
        struct fl_gateway_clock *clock = &clocks->gateways[i];
        clock->number = fl_read_u32(&in);
        clock->boot = fl_read_u64(&in);
        clock->sequence = fl_read_u64(&in);
        clock->time_ms = (int64_t)fl_read_u64(&in);
        clock->clock_ms = fl_read_u64(&in);
        clock->seen_ms = fl_read_u64(&in);
        if (clock->seen_ms > clocks->clock_ms)
            return false;
    }
    return in.error == FL_OK && fl_read_left(&in) == 0;
}
