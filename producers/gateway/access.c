/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/access.h"

#include "core/assert.h"

static const char *const scope_names[FL_NEEDS_COUNT] = {"read", "write", "commands", "people",
                                                        "licenses"};
static const char *const for_names[FL_FOR_COUNT] = {"operator", "administrator", "member", "shared",
                                                    "anyone",   "agent",         "local"};

const char *fl_needs_name(size_t index)
{
    fl_assert(index < FL_NEEDS_COUNT);
    return scope_names[index];
}

unsigned fl_needs_of(struct fl_slice name)
{
    for (size_t i = 0; i < FL_NEEDS_COUNT; i++)
        if (fl_slice_is(name, scope_names[i]))
            return 1u << i;
    return 0;
}

const char *fl_for_name(size_t index)
{
    fl_assert(index < FL_FOR_COUNT);
    return for_names[index];
}

enum fl_access fl_access_check(unsigned who, unsigned scope, bool is_read,
                               const struct fl_asker *asker)
{
    unsigned own = asker->is_administrator ? FL_FOR_ADMINISTRATOR : FL_FOR_MEMBER;
    if (asker->is_operator && !asker->has_account)
        return FL_ACCESS_GRANTED;
    if ((who & (FL_FOR_ACCOUNTS | FL_FOR_ANYONE)) == 0)
        return !asker->is_operator ? FL_ACCESS_HIDDEN
               : is_read           ? FL_ACCESS_ROLE
                                   : FL_ACCESS_GRANTED;
    if ((who & FL_FOR_ANYONE) != 0)
        return FL_ACCESS_GRANTED;
    if (!asker->has_account)
        return FL_ACCESS_UNKNOWN;
    if (asker->is_token && (asker->scopes & scope) == 0)
        return FL_ACCESS_SCOPE;
    /* Whoever holds a share may be anything in his own company. */
    if (is_read && (who & (own | FL_FOR_SHARED)) == 0)
        return FL_ACCESS_ROLE;
    return FL_ACCESS_GRANTED;
}
