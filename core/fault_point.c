/* SPDX-License-Identifier: Apache-2.0 */
#include "core/fault_point.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#ifdef FL_TEST_BUILD
void fl_fault_point(const char *name)
{
    static volatile sig_atomic_t passed;
    const char *wanted = getenv("FLEETLOG_FAULT_POINT");
    size_t size = strlen(name);
    if (wanted == NULL || strncmp(wanted, name, size) != 0 ||
        (wanted[size] != '\0' && wanted[size] != ':'))
        return;
    passed = passed + 1;
    if (passed >= (wanted[size] == ':' ? strtol(wanted + size + 1, NULL, 10) : 1))
        raise(SIGKILL);
}
#endif
