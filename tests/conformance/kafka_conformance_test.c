/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "core/journal_engine.h"
#include "core/port.h"
#include "tests/conformance/conformance.h"
#include "tests/integration/kafka_support.h"

enum { SESSION_MS = 3000 };

/* The prefix is what tells this run's log from those of other tests on the same broker. */
static enum fl_error open_journal(void *context, const char *prefix, struct fl_journal **journal)
{
    static const char *const properties[] = {"session.timeout.ms", "3000", NULL};
    (void)context;
    *journal = kafka_open(prefix, properties);
    return FL_OK;
}

int main(int count, char **arguments)
{
    char prefix[64];
    struct fl_conformance_engine engine = {
        .name = "kafka", .lease_takeover_ms = SESSION_MS, .open = open_journal};
    if (!kafka_is_there())
        return KAFKA_SKIPPED;
    kafka_prefix(prefix, sizeof(prefix));
    engine.child_argument = prefix;
    return fl_conformance_run(&engine, count, arguments);
}
