/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/views.h"

#include <string.h>

#include "projections/devices/devices.h"
#include "projections/eventlog/eventlog.h"
#include "projections/history/history.h"
#include "projections/people/people.h"
#include "projections/registry/registry.h"

enum { VIEW_COUNT = 5 };

const struct fl_view *const *fl_views_all(size_t *count)
{
    static const struct fl_view *views[VIEW_COUNT];
    views[0] = fl_registry_view();
    views[1] = fl_devices_view();
    views[2] = fl_eventlog_view();
    views[3] = fl_people_view();
    views[4] = fl_history_view();
    *count = VIEW_COUNT;
    return views;
}

const struct fl_view *fl_views_find(const char *name)
{
    size_t count = 0;
    const struct fl_view *const *views = fl_views_all(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(views[i]->name, name) == 0)
            return views[i];
    return NULL;
}

bool fl_view_has_projector(const struct fl_view *view)
{
    return view != fl_registry_view();
}
