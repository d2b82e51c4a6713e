/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/detector/watched.h"

#include <string.h>

enum { READING_COUNT_MAX = 16 };

void watched_open(struct watched *w)
{
    memset(w, 0, sizeof(*w));
    w->view = fl_detector_view();
    assert_int_equal(w->view->open(1 << 20, &w->fold), FL_OK);
    w->kv = fl_kv_memory_open();
    w->now_ms = 1000000;
    w->boot = 1;
    fl_arena_init(&w->arena, 1 << 26);
    watched_collect(w);
}

void watched_close(struct watched *w)
{
    w->view->close(w->fold);
    fl_kv_memory_close(&w->kv);
    fl_arena_fini(&w->arena);
}

void watched_collect(struct watched *w)
{
    struct fl_detector_settings settings = {90 * 1000, 30 * 1000, true};
    fl_detector_set(w->fold, &settings);
}

void watched_value(struct watched *w, uint32_t partition, struct fl_slice value)
{
    struct fl_record record = {.value = value};
    struct fl_view_input input = {.kind = FL_READS_TELEMETRY,
                                  .partition = partition,
                                  .offset = w->offset++,
                                  .record = &record};
    if (w->view->apply(w->fold, w->kv, &input, w->detail) != FL_OK)
        fail_msg("%s", w->detail);
}

void watched_report(struct watched *w, uint32_t number, uint32_t generation, uint64_t counter,
                    Fleetlog__V1__ReportKind kind, const char *text)
{
    struct test_reading readings[READING_COUNT_MAX] = {{NULL, NULL}};
    char copy[TEXT_SIZE];
    size_t count = 0;
    snprintf(copy, sizeof(copy), "%s", text == NULL ? "" : text);
    for (char *at = copy; *at != '\0' && count < READING_COUNT_MAX - 1; count++) {
        char *end = strchr(at, ';');
        char *value = strchr(at, '=');
        assert_non_null(value);
        *value++ = '\0';
        readings[count] = (struct test_reading){at, value};
        if (end == NULL)
            end = value + strlen(value);
        else
            *end++ = '\0';
        at = end;
    }
    struct test_report report = {
        .number = number,
        .generation = generation,
        .counter = counter,
        .kind = kind,
        .sampled_at_ms = w->now_ms,
        .readings = readings,
    };
    watched_value(w, number, test_report_value(&w->arena, &report));
    w->counter = counter;
}

void watched_full(struct watched *w, const char *readings)
{
    watched_report(w, DEVICE, 1, w->counter + 1, FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL,
                   readings);
}

void watched_changes(struct watched *w, const char *readings)
{
    watched_report(w, DEVICE, 1, w->counter + 1, FLEETLOG__V1__REPORT_KIND__REPORT_KIND_CHANGES,
                   readings);
}

void watched_stale(struct watched *w)
{
    watched_report(w, DEVICE, 1, w->counter + 1, FLEETLOG__V1__REPORT_KIND__REPORT_KIND_STALE,
                   NULL);
}

void watched_tick(struct watched *w, uint32_t gateway)
{
    Fleetlog__V1__Tick tick = FLEETLOG__V1__TICK__INIT;
    Fleetlog__V1__Telemetry telemetry = FLEETLOG__V1__TELEMETRY__INIT;
    uint8_t bytes[128];
    tick.gateway_number = gateway;
    tick.boot = w->boot;
    tick.sequence = ++w->sequence;
    tick.time_ms = w->now_ms;
    telemetry.body_case = FLEETLOG__V1__TELEMETRY__BODY_TICK;
    telemetry.tick = &tick;
    size_t size = fleetlog__v1__telemetry__pack(&telemetry, bytes);
    watched_value(w, PARTITION, fl_slice_of(bytes, size));
}

static void flush(struct watched *w)
{
    w->view->flush(w->fold, w->kv);
    assert_int_equal(w->kv->error, FL_OK);
    if (!w->view->check(w->kv, w->detail))
        fail_msg("%s", w->detail);
}

void watched_expect(struct watched *w, const char *text)
{
    char got[TEXT_SIZE] = "";
    size_t used = 0;
    flush(w);
    struct fl_changes *changes = fl_detector_changes(w->fold);
    for (size_t i = 0; i < changes->count; i++) {
        const struct fl_change *change = &changes->items[i];
        used += (size_t)snprintf(got + used, sizeof(got) - used, "%s%c%s@%llu", i == 0 ? "" : " ",
                                 change->raised ? '+' : '-', fl_condition_name(change->condition),
                                 (unsigned long long)change->counter);
    }
    changes->count = 0;
    assert_string_equal(got, text);
}

void watched_expect_evidence(struct watched *w, const char *text)
{
    flush(w);
    struct fl_changes *changes = fl_detector_changes(w->fold);
    assert_true(changes->count > 0);
    assert_string_equal(changes->items[0].evidence, text);
    memmove(changes->items, changes->items + 1, --changes->count * sizeof(*changes->items));
}
