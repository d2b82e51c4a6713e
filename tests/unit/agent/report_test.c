/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's reports, read back by the generated code and by the hot decoder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "fleetlog/v1/telemetry.pb-c.h"
#include "producers/agent/report.h"
#include "projections/telemetry/report.h"

enum { READING_COUNT = 40 };

struct written {
    uint8_t bytes[FL_AGENT_REPORT_SIZE_MAX];
    uint8_t readings[FL_AGENT_READINGS_SIZE_MAX];
    struct fl_agent_report report;
    struct fl_slice slice;
    uint8_t names[READING_COUNT][16];
    uint8_t values[READING_COUNT][FL_READING_VALUE_SIZE_MAX];
    size_t value_sizes[READING_COUNT];
};

/* Values of every size class, with every byte. */
static void write_readings(struct written *w, struct fl_write_cursor *cursor)
{
    for (size_t i = 0; i < READING_COUNT; i++) {
        static const size_t sizes[] = {0, 1, 127, 128, 300, FL_READING_VALUE_SIZE_MAX};
        w->value_sizes[i] = sizes[i % (sizeof(sizes) / sizeof(sizes[0]))];
        snprintf((char *)w->names[i], sizeof(w->names[i]), "name.%zu", i);
        for (size_t k = 0; k < w->value_sizes[i]; k++)
            w->values[i][k] = (uint8_t)(k + i);
        struct fl_slice name = fl_slice_text((const char *)w->names[i]);
        struct fl_slice value = fl_slice_of(w->values[i], w->value_sizes[i]);
        size_t before = fl_written(cursor).size;
        fl_agent_report_reading(cursor, name, value);
        assert_int_equal(fl_written(cursor).size - before,
                         fl_agent_report_reading_size(name, value));
    }
}

static void write_report(struct written *w)
{
    struct fl_write_cursor cursor;
    w->report = (struct fl_agent_report){.generation = 3,
                                         .counter = UINT64_MAX,
                                         .sampled_at_ms = INT64_C(1795599342703),
                                         .clock_ms = INT64_C(1795599342704),
                                         .kind = FL_REPORT_CHANGES,
                                         .thinned_count = 300};
    for (size_t i = 0; i < FL_ID_SIZE; i++)
        w->report.device_id[i] = (uint8_t)(i * 17);
    fl_write_init(&cursor, w->readings, sizeof(w->readings));
    write_readings(w, &cursor);
    assert_int_equal(cursor.error, FL_OK);
    w->report.readings = fl_written(&cursor);
    fl_write_init(&cursor, w->bytes, sizeof(w->bytes));
    fl_agent_report_write(&cursor, &w->report);
    assert_int_equal(cursor.error, FL_OK);
    w->slice = fl_written(&cursor);
}

static void the_generated_code_reads_it(void **state)
{
    struct written *w = *state;
    Fleetlog__V1__Report *report = fleetlog__v1__report__unpack(NULL, w->slice.size, w->slice.data);
    assert_non_null(report);
    assert_memory_equal(report->device_id.data, w->report.device_id, FL_ID_SIZE);
    assert_int_equal(report->generation, 3);
    assert_true(report->counter == UINT64_MAX);
    assert_true(report->sampled_at_ms == w->report.sampled_at_ms);
    assert_true(report->clock_ms == w->report.clock_ms);
    assert_int_equal(report->kind, FLEETLOG__V1__REPORT_KIND__REPORT_KIND_CHANGES);
    assert_int_equal(report->thinned_count, 300);
    assert_int_equal(report->n_readings, READING_COUNT);
    for (size_t i = 0; i < READING_COUNT; i++) {
        assert_string_equal(report->readings[i]->name, (const char *)w->names[i]);
        assert_int_equal(report->readings[i]->value.len, w->value_sizes[i]);
        if (w->value_sizes[i] > 0)
            assert_memory_equal(report->readings[i]->value.data, w->values[i], w->value_sizes[i]);
    }
    /* One encoding: what the generated code writes is the same. */
    uint8_t *packed = malloc(w->slice.size);
    assert_int_equal(fleetlog__v1__report__get_packed_size(report), w->slice.size);
    fleetlog__v1__report__pack(report, packed);
    assert_memory_equal(packed, w->slice.data, w->slice.size);
    free(packed);
    fleetlog__v1__report__free_unpacked(report, NULL);
}

static void the_hot_decoder_reads_it(void **state)
{
    struct written *w = *state;
    struct fl_report report;
    const char *what = NULL;
    assert_int_equal(fl_report_decode(w->slice, &report, &what), FL_OK);
    assert_true(report.counter == UINT64_MAX);
    assert_int_equal(report.kind, FL_REPORT_CHANGES);
    assert_int_equal(report.thinned_count, 300);
    struct fl_reading_walk walk = fl_readings(&report);
    size_t count = 0;
    for (; fl_reading_next(&walk); count++) {
        assert_true(fl_slice_is(walk.name, (const char *)w->names[count]));
        assert_true(fl_slice_compare(walk.value,
                                     fl_slice_of(w->values[count], w->value_sizes[count])) == 0);
    }
    assert_int_equal(count, READING_COUNT);
}

static void the_signature_covers_label_and_bytes(void **state)
{
    struct written *w = *state;
    static uint8_t message[sizeof(FL_AGENT_REPORT_LABEL) - 1 + FL_AGENT_REPORT_SIZE_MAX];
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    uint8_t seed[crypto_sign_SEEDBYTES] = {7};
    uint8_t signature[FL_AGENT_SIGNATURE_SIZE];
    size_t label = sizeof(FL_AGENT_REPORT_LABEL) - 1;
    crypto_sign_seed_keypair(public_key, secret, seed);
    fl_agent_report_sign(w->slice, secret, signature);
    memcpy(message, FL_AGENT_REPORT_LABEL, label);
    memcpy(message + label, w->slice.data, w->slice.size);
    assert_int_equal(
        crypto_sign_verify_detached(signature, message, label + w->slice.size, public_key), 0);
    message[label + w->slice.size - 1] ^= 1;
    assert_int_not_equal(
        crypto_sign_verify_detached(signature, message, label + w->slice.size, public_key), 0);
}

/* The largest head fits into what is set aside for it. */
static void the_largest_head_fits(void **state)
{
    (void)state;
    uint8_t bytes[FL_AGENT_REPORT_HEAD_SIZE_MAX];
    struct fl_write_cursor cursor;
    struct fl_agent_report report = {.generation = UINT32_MAX,
                                     .counter = UINT64_MAX,
                                     .sampled_at_ms = INT64_MAX,
                                     .clock_ms = INT64_MAX,
                                     .kind = FL_REPORT_STALE,
                                     .thinned_count = UINT64_MAX};
    fl_write_init(&cursor, bytes, sizeof(bytes));
    fl_agent_report_write(&cursor, &report);
    assert_int_equal(cursor.error, FL_OK);
}

static int make(void **state)
{
    struct written *w = calloc(1, sizeof(*w));
    write_report(w);
    *state = w;
    return 0;
}

static int unmake(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generated_code_reads_it),
        cmocka_unit_test(the_hot_decoder_reads_it),
        cmocka_unit_test(the_signature_covers_label_and_bytes),
        cmocka_unit_test(the_largest_head_fits),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
