/* SPDX-License-Identifier: Apache-2.0 */
/* Every string of real devices' dumps (the nut-ddl collection) passes upsd, agent and gateway
 * unchanged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ftw.h>

#include "projections/telemetry/report.h"
#include "tests/integration/agent/agent_process.h"
#include "tests/integration/agent/fake_gateway.h"
#include "tests/integration/agent/fake_upsd.h"
#include "tests/unit/scratch.h"

enum { DUMP_COUNT_MAX = 1024, LINE_SIZE = 4096 };

struct dump {
    char ups[32];
    char *path;
    uint32_t number; /* of the device */
    bool seen;
};

struct world {
    struct fl_fake_upsd *upsd;
    struct fl_fake_gateway *gateway;
    struct dump dumps[DUMP_COUNT_MAX];
    size_t dump_count;
    size_t reading_count;
};

/* nftw has no context. */
static char *found[DUMP_COUNT_MAX];
static size_t found_count;

static int on_file(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)place;
    size_t size = strlen(path);
    if (type == FTW_F && size > 4 && strcmp(path + size - 4, ".dev") == 0 &&
        found_count < DUMP_COUNT_MAX)
        found[found_count++] = strdup(path);
    return 0;
}

/* One "name: value" of a .dev file; false: a comment, an offer or no such line. Value: what
 * dummy-ups takes, up to the end of the line. */
static bool split(char *line, struct fl_slice *name, struct fl_slice *value)
{
    line[strcspn(line, "\n")] = '\0';
    char *colon = strchr(line, ':');
    if (line[0] == '#' || colon == NULL || colon == line)
        return false;
    for (const char *at = line; at < colon; at++)
        if (*at <= ' ' || *at >= 0x7f)
            return false;
    *name = fl_slice_of(line, (size_t)(colon - line));
    *value = fl_slice_text(colon[1] == ' ' ? colon + 2 : colon + 1);
    return name->size <= FL_READING_NAME_SIZE_MAX;
}

/* Calls `take` for each reading of a dump. */
typedef void take_fn(void *context, struct fl_slice name, struct fl_slice value);

static void read_dump(const char *path, take_fn *take, void *context)
{
    char line[LINE_SIZE];
    struct fl_slice name;
    struct fl_slice value;
    FILE *stream = fopen(path, "r");
    assert_non_null(stream);
    while (fgets(line, sizeof(line), stream) != NULL)
        if (split(line, &name, &value))
            take(context, name, value);
    fclose(stream);
}

struct target {
    struct world *world;
    const struct dump *dump;
    const struct fl_report *report;
    size_t count;
};

static void give_to_upsd(void *context, struct fl_slice name, struct fl_slice value)
{
    struct target *target = context;
    char text[FL_READING_NAME_SIZE_MAX + 1];
    assert_true(fl_slice_to_text(name, text, sizeof(text)));
    fl_fake_upsd_set(target->world->upsd, target->dump->ups, text, value);
}

/* The dump's last value of that name is the report's. */
static void find_in_report(void *context, struct fl_slice name, struct fl_slice value)
{
    struct target *target = context;
    struct fl_reading_walk walk = fl_readings(target->report);
    while (fl_reading_next(&walk))
        if (fl_slice_equal(walk.name, name)) {
            if (fl_slice_compare(walk.value, value) != 0)
                fail_msg("%s: %.*s is \"%.*s\", reported as \"%.*s\"", target->dump->path,
                         (int)name.size, (const char *)name.data, (int)value.size,
                         (const char *)value.data, (int)walk.value.size,
                         (const char *)walk.value.data);
            target->count++;
            return;
        }
    fail_msg("%s: %.*s is not in the report", target->dump->path, (int)name.size,
             (const char *)name.data);
}

static void compare(struct world *world, struct dump *dump, const struct fl_fake_report *received)
{
    struct fl_report report;
    const char *what;
    assert_int_equal(fl_report_decode(received->bytes, &report, &what), FL_OK);
    struct target target = {.world = world, .dump = dump, .report = &report};
    read_dump(dump->path, find_in_report, &target);
    assert_true(report.reading_count <= target.count); /* nothing was added */
    world->reading_count += target.count;
    dump->seen = true;
}

static bool all_reported(struct fl_fake_gateway *gateway, void *context)
{
    const struct world *world = context;
    return fl_fake_gateway_report_count(gateway) >= world->dump_count;
}

static struct dump *dump_of(struct world *world, uint32_t number)
{
    for (size_t i = 0; i < world->dump_count; i++)
        if (world->dumps[i].number == number)
            return &world->dumps[i];
    return NULL;
}

static void every_string_comes_back(void **state)
{
    struct world *world = *state;
    struct fl_scratch scratch;
    fl_scratch_make(&scratch);
    struct fl_agent_process_options options = {.state = scratch.path,
                                               .gateway = fl_fake_gateway_url(world->gateway),
                                               .upsd = fl_fake_upsd_address(world->upsd),
                                               .claim = "GOOD-CLAIM",
                                               .poll_ms = "2000"};
    pid_t agent = fl_agent_process_start(&options);
    assert_true(fl_fake_gateway_wait(world->gateway, all_reported, world));
    assert_true(fl_agent_process_stop(agent));
    for (size_t i = 0; i < world->dump_count; i++)
        world->dumps[i].number = fl_fake_gateway_device(world->gateway, world->dumps[i].ups);
    for (size_t i = 0; i < fl_fake_gateway_report_count(world->gateway); i++) {
        struct fl_fake_report report = fl_fake_gateway_report(world->gateway, i);
        struct dump *dump = dump_of(world, report.device_number);
        assert_non_null(dump);
        if (report.kind == FL_REPORT_FULL && !dump->seen)
            compare(world, dump, &report);
    }
    for (size_t i = 0; i < world->dump_count; i++)
        assert_true(world->dumps[i].seen);
    assert_int_equal(fl_fake_gateway_bad_count(world->gateway), 0);
    printf("%zu dumps, %zu readings came back as they were\n", world->dump_count,
           world->reading_count);
    fl_scratch_remove(&scratch);
}

int main(int argc, char **argv)
{
    static struct world world;
    int code;
    if (fl_agent_process_main(argc, argv, &code))
        return code;
    const char *place = getenv("FLEETLOG_NUT_DDL");
    if (place == NULL)
        place = "../shared/nut-ddl";
    if (nftw(place, on_file, 8, FTW_PHYS) != 0 || found_count == 0) {
        printf("skipped: no dumps in %s (FLEETLOG_NUT_DDL names a copy of nut-ddl)\n", place);
        return 77;
    }
    world.upsd = fl_fake_upsd_open();
    world.gateway = fl_fake_gateway_open();
    for (; world.dump_count < found_count; world.dump_count++) {
        struct dump *dump = &world.dumps[world.dump_count];
        snprintf(dump->ups, sizeof(dump->ups), "ups%zu", world.dump_count);
        dump->path = found[world.dump_count];
        struct target target = {.world = &world, .dump = dump};
        fl_fake_upsd_set(world.upsd, dump->ups, "ups.status", FL_SLICE_NULL); /* even if empty */
        read_dump(dump->path, give_to_upsd, &target);
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(every_string_comes_back, &world)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fl_fake_upsd_close(&world.upsd);
    fl_fake_gateway_close(&world.gateway);
    for (size_t i = 0; i < found_count; i++)
        free(found[i]);
    return failed;
}
