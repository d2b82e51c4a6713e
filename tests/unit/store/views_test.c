/* SPDX-License-Identifier: Apache-2.0 */
/* Every view of this build: its rows do not depend on how topics and partitions interleave, on
 * where commits fall, or on records that come twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "core/journal_memory.h"
#include "fleetlog/v1/history.pb-c.h"
#include "fleetlog/v1/subjects.pb-c.h"
#include "replay/views.h"
#include "schemas/topics.h"
#include "tests/scenario/cast.h"
#include "tests/unit/devices/build_report.h"
#include "tests/unit/store/interleave.h"

enum { PARTITIONS = 3, DEVICES = 7, STEPS = 160, REPORTS = 400, PROFILES = 30, ROUNDS = 12 };

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

static void append(struct fl_journal *journal, const char *topic, uint32_t partition,
                   const struct fl_record *record)
{
    uint64_t offset = 0;
    struct fl_append batch = {topic, partition, 1, record, FL_OFFSET_NONE, &offset};
    fl_assert(fl_journal_append(journal, &batch, 1) == FL_OK);
}

static void make_topics(struct fl_journal *journal)
{
    for (unsigned i = 0; i < FL_TOPIC_COUNT; i++) {
        struct fl_topic_spec spec = fl_topic_row((enum fl_topic)i)->spec;
        if (i == FL_TOPIC_TELEMETRY)
            spec.partition_count = PARTITIONS;
        fl_assert(fl_journal_ensure_topic(journal, &spec) == FL_OK);
    }
}

/* Devices that come, go, get names, shares, commands and conditions. */
static void decide_some(struct world *world, uint64_t *seed)
{
    static const unsigned shared[] = {1};
    unsigned device = 1 + interleave_draw(seed, DEVICES);
    switch (interleave_draw(seed, 8)) {
    case 0:
    case 1:
        cast_register(world, 1, device, device);
        break;
    case 2:
        cast_rename(world, 1, device, "Rack");
        break;
    case 3:
        cast_share(world, 1, shared, 1, 2, (unsigned)world->entry_count);
        break;
    case 4:
        cast_accept(world, 2, (unsigned)world->entry_count - 1);
        break;
    case 5:
        cast_request(world, 1, device, (unsigned)world->entry_count, 60000);
        break;
    case 6:
        cast_condition(world, device, (Fleetlog__V1__ConditionKind)(1 + interleave_draw(seed, 5)),
                       interleave_draw(seed, 2) == 0, world->entry_count);
        break;
    default:
        if (interleave_draw(seed, 3) == 0)
            cast_remove(world, 1, device);
    }
    world->now_ms += 1 + interleave_draw(seed, 5000);
}

static void report_some(struct fl_journal *journal, struct fl_arena *arena, uint64_t *seed,
                        int64_t now_ms)
{
    static const char *const statuses[] = {"OL", "OB", "OB LB", "OL CHRG", "RB OL"};
    uint8_t key[4];
    uint32_t number = 1 + interleave_draw(seed, DEVICES + 2);
    fl_put_u32(key, number);
    struct fl_record record = {.key = fl_slice_of(key, 4), .timestamp_ms = now_ms};
    const struct test_reading readings[] = {
        {"ups.status", statuses[interleave_draw(seed, 5)]},
        {"battery.charge", interleave_draw(seed, 2) == 0 ? "100" : "42.5"},
        {"input.voltage", "230.1"},
        {NULL, NULL},
    };
    const struct test_report report = {
        .number = number,
        .generation = 1 + interleave_draw(seed, 8) / 7,
        .counter = 1 + interleave_draw(seed, REPORTS),
        .kind = (Fleetlog__V1__ReportKind)(1 + interleave_draw(seed, 3)),
        .sampled_at_ms = now_ms,
        .readings = readings,
    };
    switch (interleave_draw(seed, 20)) {
    case 0:
        record.key = FL_SLICE_LITERAL("");
        record.value = test_tick_value(arena, 1, now_ms);
        break;
    case 1:
        record.value = FL_SLICE_LITERAL("\x0a\x7f junk");
        break;
    default:
        record.value = test_report_value(arena, &report);
    }
    append(journal, "telemetry", number % PARTITIONS, &record);
}

/* Profiles that some event names, that none names, that are gone again, and junk. */
static void profile_some(struct fl_journal *journal, struct fl_arena *arena, uint64_t *seed)
{
    uint8_t nonce[24] = {(uint8_t)interleave_draw(seed, 256)};
    uint8_t ciphertext[32] = {1};
    Fleetlog__V1__SealedProfile sealed = FLEETLOG__V1__SEALED_PROFILE__INIT;
    struct fl_record record = {.timestamp_ms = 1};
    unsigned subject = 1 + interleave_draw(seed, 3);
    const char *key =
        fl_arena_printf(arena, "%s/%u", cast_id("subject", subject), 1 + interleave_draw(seed, 2));
    fl_assert(key != NULL);
    record.key = interleave_draw(seed, 10) == 0 ? FL_SLICE_LITERAL("junk") : fl_slice_text(key);
    sealed.version = 1;
    sealed.epoch = 1;
    sealed.nonce = (ProtobufCBinaryData){sizeof(nonce), nonce};
    sealed.ciphertext = (ProtobufCBinaryData){sizeof(ciphertext), ciphertext};
    if (interleave_draw(seed, 4) != 0)
        fl_assert(fl_message_encode(arena, &sealed.base, &record.value) == FL_OK);
    append(journal, "subjects", 0, &record);
}

/* Closed days, of the present and of long ago, in any order of their revisions, and junk. */
static void close_some(struct fl_journal *journal, struct fl_arena *arena, uint64_t *seed,
                       int64_t now_ms)
{
    Fleetlog__V1__HistoryQuantity quantity = FLEETLOG__V1__HISTORY_QUANTITY__INIT;
    Fleetlog__V1__HistoryQuantity *quantities[] = {&quantity};
    Fleetlog__V1__HistoryDay day = FLEETLOG__V1__HISTORY_DAY__INIT;
    uint8_t key[4];
    uint32_t age = interleave_draw(seed, 3) == 0 ? interleave_draw(seed, 4000) : 0;
    day.device_number = 1 + interleave_draw(seed, DEVICES);
    day.day = (uint32_t)(now_ms / DAY_MS) - age;
    day.revision = 1 + interleave_draw(seed, 100);
    day.generation = day.counter = 1;
    day.quantities = quantities;
    day.n_quantities = 1;
    quantity.name = interleave_draw(seed, 4) == 0 ? "new.quantity" : "battery.charge";
    quantity.count = day.revision;
    quantity.last_at_ms = (int64_t)day.day * DAY_MS + 1;
    struct fl_record record = {.key = fl_u32_key(day.device_number, key), .timestamp_ms = now_ms};
    if (interleave_draw(seed, 10) == 0)
        record.value = FL_SLICE_LITERAL("junk");
    else
        fl_assert(fl_message_encode(arena, &day.base, &record.value) == FL_OK);
    append(journal, "history", 0, &record);
}

static void write_log(struct fl_journal *journal, uint64_t *seed)
{
    static struct world world;
    struct fl_arena arena;
    fl_arena_init(&arena, 16 << 20);
    world_init(&world);
    cast_begin(&world);
    for (int i = 0; i < STEPS; i++)
        decide_some(&world, seed);
    for (size_t i = 0; i < world.entry_count; i++) {
        append(journal, "actions", 0, &world.entries[i].action);
        append(journal, "events", 0, &world.entries[i].event);
        if (interleave_draw(seed, 8) == 0) /* void: it comes twice */
            append(journal, "events", 0, &world.entries[i].event);
    }
    for (int i = 0; i < REPORTS; i++) {
        fl_arena_reset(&arena);
        /* The last ones are of a later week: what was read in this one is removed again. */
        report_some(journal, &arena, seed, world.now_ms + i + (i < REPORTS - 40 ? 0 : 7 * DAY_MS));
        if (i % 10 == 0)
            close_some(journal, &arena, seed, world.now_ms);
    }
    for (int i = 0; i < PROFILES; i++)
        profile_some(journal, &arena, seed);
    world_fini(&world);
    fl_arena_fini(&arena);
}

static void every_view_is_independent_of_the_order(void **state)
{
    (void)state;
    uint64_t seed = interleave_seed();
    size_t count = 0;
    const struct fl_view *const *views = fl_views_all(&count);
    struct fl_memory_log *memory = fl_memory_log_open(NULL);
    struct fl_journal *journal = NULL;
    assert_int_equal(fl_memory_log_attach(memory, &journal), FL_OK);
    make_topics(journal);
    write_log(journal, &seed);
    for (size_t i = 0; i < count; i++) {
        char detail[FL_DETAIL_SIZE] = "";
        if (!interleave_check(views[i], journal, &seed, ROUNDS, detail))
            fail_msg("%s: %s", views[i]->name, detail);
    }
    fl_journal_close(&journal);
    fl_memory_log_close(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_view_is_independent_of_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
