/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/json_name.h"

#include <stdbool.h>
#include <string.h>

#include "core/assert.h"

void fl_json_name_of(const ProtobufCFieldDescriptor *field, char out[FL_JSON_NAME_SIZE])
{
    fl_assert(strlen(field->name) < FL_JSON_NAME_SIZE);
    bool raise = false;
    for (const char *c = field->name; *c != '\0'; c++) {
        if (*c == '_') {
            raise = true;
            continue;
        }
        bool lower = *c >= 'a' && *c <= 'z';
        *out++ = raise && lower ? (char)(*c - 'a' + 'A') : *c;
        raise = false;
    }
    *out = '\0';
}
