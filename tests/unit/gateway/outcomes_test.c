/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/journal_memory.h"
#include "producers/gateway/outcomes.h"

enum { TEXT_SIZE = 32, COUNT = 3 * FL_OUTCOMES_KEPT_COUNT, ARENA_SIZE = 1024 * 1024 };

struct fixture {
    struct fl_memory_log *log;
    struct fl_journal *journal;
    struct fl_outcomes *outcomes;
    struct fl_arena arena;
};

static void append(struct fl_journal *journal, const char *text, struct fl_slice value)
{
    uint64_t offset = 0;
    struct fl_header header = {FL_SLICE_LITERAL("ce_id"), fl_slice_text(text)};
    struct fl_record record = {fl_slice_text(text), value, &header, 1, 1};
    struct fl_append batch = {.topic = "events",
                              .count = 1,
                              .records = &record,
                              .expected_offset = FL_OFFSET_NONE,
                              .offsets = &offset};
    assert_int_equal(fl_journal_append(journal, &batch, 1), FL_OK);
}

static void append_numbered(struct fl_journal *journal, unsigned from, unsigned end)
{
    for (unsigned i = from; i < end; i++) {
        char text[TEXT_SIZE];
        snprintf(text, sizeof(text), "event %u", i);
        append(journal, text, i % 7 == 3 ? FL_SLICE_NULL : fl_slice_text(text));
    }
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct fl_topic_spec spec = {"events", 1, -1, -1, false};
    fixture->log = fl_memory_log_open(NULL);
    fl_arena_init(&fixture->arena, ARENA_SIZE);
    *state = fixture;
    assert_int_equal(fl_memory_log_attach(fixture->log, &fixture->journal), FL_OK);
    assert_int_equal(fl_journal_ensure_topic(fixture->journal, &spec), FL_OK);
    append_numbered(fixture->journal, 0, 10);
    return fl_outcomes_open(fixture->journal, &fixture->outcomes) == FL_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fl_outcomes_close(&fixture->outcomes);
    fl_journal_close(&fixture->journal);
    fl_memory_log_close(&fixture->log);
    fl_arena_fini(&fixture->arena);
    free(fixture);
    return 0;
}

static void check(struct fixture *fixture, unsigned number)
{
    char text[TEXT_SIZE];
    struct fl_record record;
    snprintf(text, sizeof(text), "event %u", number);
    fl_arena_reset(&fixture->arena);
    assert_int_equal(fl_outcomes_fetch(fixture->outcomes, number, &fixture->arena, &record), FL_OK);
    assert_true(fl_slice_equal(record.key, fl_slice_text(text)));
    assert_int_equal(record.value.data == NULL, number % 7 == 3);
    assert_int_equal(record.header_count, 1);
    assert_true(fl_slice_equal(record.headers[0].name, FL_SLICE_LITERAL("ce_id")));
    assert_true(fl_slice_equal(record.headers[0].value, fl_slice_text(text)));
}

static void any_order_gives_the_record_of_its_offset(void **state)
{
    static const unsigned jumps[] = {9, 0, 10, 5, COUNT - 1, 11, COUNT - 1, COUNT / 2, 0};
    struct fixture *fixture = *state;
    append_numbered(fixture->journal, 10, COUNT);
    for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++)
        check(fixture, jumps[i]);
    for (unsigned i = 0; i < COUNT; i += 3)
        check(fixture, i);
    for (unsigned i = COUNT; i > 0; i -= 3)
        check(fixture, i - 1);
}

static void what_comes_later_is_read_on(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 10; i < 40; i++) {
        append_numbered(fixture->journal, i, i + 1);
        check(fixture, i);
        check(fixture, i - 5);
    }
}

static void a_large_record_is_not_kept_but_found(void **state)
{
    struct fixture *fixture = *state;
    struct fl_record record;
    size_t size = FL_OUTCOMES_KEPT_SIZE_MAX + 1;
    char *large = calloc(1, size);
    assert_non_null(large);
    append(fixture->journal, "large", fl_slice_of(large, size));
    append_numbered(fixture->journal, 11, 12);
    for (int i = 0; i < 3; i++) {
        fl_arena_reset(&fixture->arena);
        assert_int_equal(fl_outcomes_fetch(fixture->outcomes, 10, &fixture->arena, &record), FL_OK);
        assert_int_equal(record.value.size, size);
        check(fixture, 11);
    }
    free(large);
}

static void an_arena_that_is_too_small_breaks_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct fl_record record;
    struct fl_arena small;
    append_numbered(fixture->journal, 10, 13);
    fl_arena_init(&small, 16);
    assert_int_equal(fl_outcomes_fetch(fixture->outcomes, 11, &small, &record), FL_NO_MEMORY);
    fl_arena_fini(&small);
    for (unsigned i = 9; i < 13; i++)
        check(fixture, i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_order_gives_the_record_of_its_offset, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_comes_later_is_read_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_record_is_not_kept_but_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_arena_that_is_too_small_breaks_nothing, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
