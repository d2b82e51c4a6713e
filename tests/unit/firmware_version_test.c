/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware versions as devices write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "projections/telemetry/firmware.h"

static void each_form_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *version; /* NULL: none */
        const char *internal_id;
    } rows[] = {
        {"UPS 09.3 (ID18)", "09.3", "18"},
        {"UPS 08.8 / ID=18", "08.8", "18"},
        {"COM 03.8 / UPS 03.8", "03.8", ""},
        {"COM 03.7 / UPS 03.8 (ID1013)", "03.8", "1013"},
        {"652.18.I", "652", "18"},
        {"738.2.I ", "738", "2"},
        {" UPS 09.8  ", "09.8", ""},
        {"UPS 09.8 (ID", "09.8", ""},
        {"1.2.3", "1.2.3", ""},
        {"652.18.", "652.18.", ""},
        {"FW-2263 E", "FW-2263 E", ""},
        {"UPS ", "UPS", ""},
        {"", NULL, ""},
        {"   ", NULL, ""},
        {"0123456789012345678901234567890123456789012345678901234567890123456789", NULL, ""},
        {"UPS 1.0 (ID12345678901234567)", NULL, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fl_firmware_version version = {.version = "untouched"};
        bool good = fl_firmware_parse(fl_slice_text(rows[i].text), &version);
        assert_int_equal(good, rows[i].version != NULL);
        assert_string_equal(version.version, good ? rows[i].version : "untouched");
        assert_string_equal(version.internal_id, rows[i].internal_id);
    }
}

static void stones_name_a_version_and_maybe_an_id(void **state)
{
    (void)state;
    const struct fl_firmware_version present = {.version = "02.6", .internal_id = "1001"};
    assert_true(fl_firmware_is_stone(&present, "02.6"));
    assert_true(fl_firmware_is_stone(&present, "02.6/1001"));
    assert_false(fl_firmware_is_stone(&present, "02.6/1013"));
    assert_false(fl_firmware_is_stone(&present, "02.6/"));
    assert_false(fl_firmware_is_stone(&present, "02.60"));
    assert_false(fl_firmware_is_stone(&present, "02"));
    assert_false(fl_firmware_is_stone(&present, ""));
    assert_true(fl_firmware_is(&present, "02.6", ""));
    assert_true(fl_firmware_is(&present, "02.6", "1001"));
    assert_false(fl_firmware_is(&present, "02.6", "18"));
    assert_false(fl_firmware_is(&present, "02.60", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_read),
        cmocka_unit_test(stones_name_a_version_and_maybe_an_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
