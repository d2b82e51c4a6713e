/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal_memory.h"
#include "tests/conformance/conformance.h"

static enum fl_error open_plain(void *context, const char *argument, struct fl_journal **journal)
{
    (void)argument;
    return fl_memory_log_attach(context, journal);
}

/* A client whose faults never strike must be a client like any other. */
static enum fl_error open_faulty(void *context, const char *argument, struct fl_journal **journal)
{
    (void)argument;
    return fl_memory_log_attach_faulty(context, 1, journal);
}

int main(int count, char **arguments)
{
    struct fl_conformance_engine engine = {.name = "memory",
                                           .checks_expected_offset = true,
                                           .batches_are_contiguous = true,
                                           .maintains = true,
                                           .open = open_plain};
    struct fl_memory_log *log = fl_memory_log_open(NULL);
    engine.context = log;
    int failed = fl_conformance_run(&engine, count, arguments);
    fl_memory_log_close(&log);
    log = fl_memory_log_open(NULL);
    engine.context = log;
    engine.open = open_faulty;
    failed += fl_conformance_run(&engine, count, arguments);
    fl_memory_log_close(&log);
    return failed == 0 ? 0 : 1;
}
