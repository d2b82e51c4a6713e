/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store/interleave.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/journal_memory.h"
#include "tests/unit/store/sample_log.h"
#include "tests/unit/store/sample_view.h"

enum { PARTITIONS = 3 };

static void write_log(struct sample_log *log, uint64_t *seed, unsigned count)
{
    char text[16];
    for (unsigned i = 0; i < count; i++) {
        unsigned device = 1 + interleave_draw(seed, 9);
        switch (interleave_draw(seed, 12)) {
        case 0:
            sample_log_void(log);
            break;
        case 1:
            sample_log_event(log, "renamed");
            break;
        case 2:
            sample_log_unknown_event(log);
            break;
        case 3:
            snprintf(text, sizeof(text), "s/%u", device);
            sample_log_subject(log, text, interleave_draw(seed, 3) == 0 ? NULL : "sealed");
            break;
        case 4: {
            uint64_t offset = sample_log_report(log, device, "bad");
            if (interleave_draw(seed, 3) != 0)
                sample_log_decide(log, device % PARTITIONS, offset, interleave_draw(seed, 3) != 0);
            break;
        }
        case 5:
            sample_log_report(log, device, "old");
            break;
        default:
            snprintf(text, sizeof(text), "%u V", interleave_draw(seed, 500));
            sample_log_report(log, device, text);
        }
    }
}

static void rows_do_not_depend_on_the_order_between_sources(void **state)
{
    (void)state;
    uint64_t seed = interleave_seed();
    for (int logs = 0; logs < 6; logs++) {
        struct fl_memory_log *memory = fl_memory_log_open(NULL);
        struct fl_journal *journal = NULL;
        struct sample_log log;
        char detail[FL_DETAIL_SIZE] = "";
        assert_int_equal(fl_memory_log_attach(memory, &journal), FL_OK);
        sample_log_open(&log, journal, PARTITIONS);
        write_log(&log, &seed, 40u << logs);
        if (!interleave_check(&sample_view, journal, &seed, 12, detail))
            fail_msg("%s", detail);
        sample_log_close(&log);
        fl_journal_close(&journal);
        fl_memory_log_close(&memory);
    }
}

/* The check finds what it is for: a view that looks at the other topic's rows. */
static enum fl_error depends_on_order(void *state, struct fl_kv *kv,
                                      const struct fl_view_input *input,
                                      char detail[FL_DETAIL_SIZE])
{
    struct fl_slice ignored;
    const uint8_t first[8] = {0, 0, 0, 0, 0, 0, 0, 3};
    if (input->kind == FL_READS_TELEMETRY &&
        !fl_kv_get(kv, SAMPLE_EVENTS, fl_slice_of(first, sizeof(first)), &ignored))
        return FL_OK;
    return sample_view.apply(state, kv, input, detail);
}

static void a_view_that_depends_on_the_order_is_found(void **state)
{
    (void)state;
    uint64_t seed = interleave_seed();
    struct fl_memory_log *memory = fl_memory_log_open(NULL);
    struct fl_journal *journal = NULL;
    struct sample_log log;
    struct fl_view view = sample_view;
    char detail[FL_DETAIL_SIZE] = "";
    view.apply = depends_on_order;
    assert_int_equal(fl_memory_log_attach(memory, &journal), FL_OK);
    sample_log_open(&log, journal, PARTITIONS);
    for (uint32_t i = 0; i < 12; i++) {
        sample_log_event(&log, "renamed");
        sample_log_report(&log, i, "10 V");
    }
    assert_false(interleave_check(&view, journal, &seed, 20, detail));
    assert_non_null(strstr(detail, "latest"));
    sample_log_close(&log);
    fl_journal_close(&journal);
    fl_memory_log_close(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_do_not_depend_on_the_order_between_sources),
        cmocka_unit_test(a_view_that_depends_on_the_order_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
