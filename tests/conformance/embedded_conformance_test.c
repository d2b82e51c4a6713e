/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal_engine.h"
#include "tests/conformance/conformance.h"
#include "tests/unit/scratch.h"

static enum fl_error open_journal(void *context, const char *directory, struct fl_journal **journal)
{
    (void)context;
    struct fl_embedded_options options = {.directory = directory, .topic_prefix = "fleetlog."};
    return fl_journal_open_embedded(&options, journal);
}

int main(int count, char **arguments)
{
    struct fl_conformance_engine engine = {.name = "embedded",
                                           .checks_expected_offset = true,
                                           .batches_are_contiguous = true,
                                           .maintains = true,
                                           .open = open_journal};
    if (count > 1)
        return fl_conformance_run(&engine, count, arguments);
    struct fl_scratch scratch;
    fl_scratch_make(&scratch);
    engine.child_argument = scratch.path;
    int code = fl_conformance_run(&engine, count, arguments);
    fl_scratch_remove(&scratch);
    return code;
}
