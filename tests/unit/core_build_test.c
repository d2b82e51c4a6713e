/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/build.h"
#include "core/version.h"

enum { PART_SIZE_MAX = 64, ID_SIZE = 16 };

/* As another program reads it from the file. */
static void read_id(char out[2 * ID_SIZE + 1])
{
    char line[256];
    FILE *notes = popen("readelf -n /proc/$PPID/exe 2>/dev/null", "r");
    assert_non_null(notes);
    out[0] = '\0';
    while (fgets(line, sizeof(line), notes) != NULL) {
        const char *id = strstr(line, "Build ID: ");
        if (id != NULL)
            snprintf(out, 2 * ID_SIZE + 1, "%s", id + sizeof("Build ID: ") - 1);
    }
    assert_int_equal(pclose(notes), 0);
}

static void the_text_names_version_and_build_id(void **state)
{
    char text[FL_BUILD_TEXT_SIZE];
    char id[2 * ID_SIZE + 1];
    char expected[FL_BUILD_TEXT_SIZE + PART_SIZE_MAX];
    (void)state;
    fl_build_text(text);
    read_id(id);
    assert_int_equal(strlen(id), 2 * ID_SIZE);
    snprintf(expected, sizeof(expected), "fleetlog %s, build %s", FL_VERSION_TEXT, id);
    assert_string_equal(text, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_names_version_and_build_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
