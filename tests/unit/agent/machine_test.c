/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's machine: its table is its diagram, and a command that was sent is never sent again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producers/agent/agent_command.h"
#include "tests/unit/diagram.h"

static void table_and_diagrams_are_the_same(void **state)
{
    (void)state;
    assert_true(fl_sm_check(&fl_agent_command_machine));
    fl_diagram_compare(&fl_agent_command_machine, "ARCHITECTURE.md");
    fl_diagram_compare(&fl_agent_command_machine, "producers/agent/commands.c");
}

/* No path leads from a state behind the sending back to one before it. */
static void no_way_leads_back_before_the_intent(void **state)
{
    (void)state;
    for (unsigned from = FL_COMMAND_INTENDED; from < FL_AGENT_COMMAND_STATE_COUNT; from++)
        for (unsigned to = 0; to <= FL_COMMAND_INTENDED; to++)
            assert_false(fl_sm_may(&fl_agent_command_machine, from, to));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_and_diagrams_are_the_same),
        cmocka_unit_test(no_way_leads_back_before_the_intent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
