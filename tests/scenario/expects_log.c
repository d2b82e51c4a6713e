/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences that look into the Event Log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "projections/eventlog/eventlog.h"
#include "tests/scenario/scenario.h"

static const char *name(void *context, const char *id)
{
    (void)context;
    return name_of(id);
}

static const struct fl_eventlog_names names = {NULL, name, name, name};

static struct fl_eventlog_query company(struct scenario *s, const char *who)
{
    return (struct fl_eventlog_query){.scope = FL_EVENTLOG_COMPANY,
                                      .company_id = fl_slice_text(id_of("company", who)),
                                      .with_owner_only = true,
                                      .now_ms = s->world.now_ms,
                                      .limit = 3};
}

/* Reads all pages; `nth` (from 1) receives its text. */
static size_t read_log(struct scenario *s, struct fl_eventlog_query query, size_t nth,
                       char text[WORD_SIZE_MAX])
{
    struct fl_eventlog_page page;
    char cursor[FL_EVENTLOG_CURSOR_SIZE];
    size_t count = 0;
    text[0] = '\0';
    do {
        if (fl_eventlog_list(s->world.views[1].kv, &s->world.other_arena, &query, &page) != FL_OK)
            fail(s, "the Event Log fails");
        for (size_t i = 0; i < page.count; i++)
            if (++count == nth)
                snprintf(text, WORD_SIZE_MAX, "%s",
                         fl_eventlog_text(&s->world.other_arena, page.rows[i], &names));
        memcpy(cursor, page.next, sizeof(cursor));
        query.after = fl_slice_text(cursor);
    } while (cursor[0] != '\0');
    return count;
}

static void expect_line(struct scenario *s, const char *number, const char *who, const char *says)
{
    char text[WORD_SIZE_MAX];
    size_t nth = strtoul(number, NULL, 10);
    size_t count = read_log(s, company(s, who), nth, text);
    if (nth > count)
        fail(s, "it has %zu lines", count);
    if (strcmp(text, says) != 0)
        fail(s, "it says \"%s\"", text);
}

static void says(struct scenario *s, const struct arguments *a)
{
    expect_line(s, "1", a->texts[0], a->texts[1]);
}

static void line_says(struct scenario *s, const struct arguments *a)
{
    expect_line(s, a->texts[0], a->texts[1], a->texts[2]);
}

static void expect_count(struct scenario *s, struct fl_eventlog_query query, const char *number)
{
    char text[WORD_SIZE_MAX];
    size_t count = read_log(s, query, 0, text);
    if (count != strtoul(number, NULL, 10))
        fail(s, "it has %zu lines", count);
}

static void company_count(struct scenario *s, const struct arguments *a)
{
    expect_count(s, company(s, a->texts[0]), a->texts[1]);
}

static void severe_count(struct scenario *s, const struct arguments *a)
{
    struct fl_eventlog_query query = company(s, a->texts[0]);
    query.severity_min = FL_SEVERITY_WARNING;
    expect_count(s, query, a->texts[1]);
}

static struct fl_eventlog_query device(struct scenario *s, const char *which, bool owner)
{
    struct fl_eventlog_query query = company(s, "");
    struct fl_slice id = fl_slice_text(id_of("device", which));
    const fl_device_row *row = fl_registry_device(s->world.views[0].kv, &s->world.other_arena, id);
    if (row == NULL)
        fail(s, "there is no device %s", which);
    query.scope = FL_EVENTLOG_DEVICE;
    query.company_id = fl_slice_text(row->company_id);
    query.device_id = id;
    query.with_owner_only = owner;
    return query;
}

static void owner_count(struct scenario *s, const struct arguments *a)
{
    expect_count(s, device(s, a->texts[0], true), a->texts[1]);
}

static void others_count(struct scenario *s, const struct arguments *a)
{
    expect_count(s, device(s, a->texts[0], false), a->texts[1]);
}

static void place_count(struct scenario *s, const struct arguments *a)
{
    struct fl_eventlog_query query = company(s, a->texts[1]);
    query.scope = FL_EVENTLOG_LOCATION;
    query.location = fl_slice_text(a->texts[0]);
    expect_count(s, query, a->texts[2]);
}

const struct pattern log_patterns[] = {
    {"the Event Log of $w says $q", says},
    {"line $w of the Event Log of $w says $q", line_says},
    {"the Event Log of $w has $w lines", company_count},
    {"the Event Log of $w has $w warnings or worse", severe_count},
    {"the log of $w has $w lines for its owner", owner_count},
    {"the log of $w has $w lines for others", others_count},
    {"the log of the place $q of $w has $w lines", place_count},
    {NULL, NULL},
};
