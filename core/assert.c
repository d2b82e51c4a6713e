/* SPDX-License-Identifier: Apache-2.0 */
#include "core/assert.h"

#include <stdio.h>
#include <stdlib.h>

void fl_assert_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "level=critical event=assertion file=%s line=%d expression=\"%s\"\n", file,
            line, expression);
    abort();
}
