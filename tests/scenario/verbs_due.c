/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences about the timekeeper and what falls due. */
#include <stdlib.h>
#include <string.h>

#include "projections/registry/due.h"
#include "tests/scenario/scenario.h"

static const struct {
    const char *word;
    const char *id_kind; /* in the file's names */
    Fleetlog__V1__DueKind kind;
} kinds[] = {
    {"invitation", "invitation", FL_DUE(INVITATION)},
    {"offer", "share", FL_DUE(SHARE_OFFER)},
    {"share", "share", FL_DUE(SHARE_GRANT)},
    {"command", "command", FL_DUE(COMMAND)},
    {"claim", "claim", FL_DUE(CLAIM)},
    {"link", "link", FL_DUE(RESELLER_OFFER)},
    {"report", "link", FL_DUE(RENEWALS_REPORT)},
    {"notice", "device", FL_DUE(RENEWAL_NOTICE)},
    {"transfer", "transfer", FL_DUE(TRANSFER_OFFER)},
    {"term", "device", FL_DUE(LICENSE_TERM)},
    {"purchase", "purchase", FL_DUE(PURCHASE)},
};

static void fire(struct scenario *s, const struct fl_due *due)
{
    INIT(FireDue, action, fire_due);
    action.kind = due->kind;
    action.id = due->id;
    action.due_at_ms = due->at_ms;
    action.step = due->step;
    request(s, &action.base);
}

/* All whose time has come, in order, each once. */
static void comes_by(struct scenario *s, const struct arguments *a)
{
    struct fl_due due;
    struct fl_due last;
    bool has_last = false;
    (void)a;
    s->actor = (struct world_actor){.actor = "timekeeper"};
    while (fl_due_next(s->world.views[0].kv, has_last ? &last : NULL, &due) &&
           due.at_ms <= s->world.now_ms) {
        last = due;
        has_last = true;
        fire(s, &due);
    }
}

/* The entry of a thing; a time of 0: it has none. */
static void find(struct scenario *s, const struct arguments *a, struct fl_due *found)
{
    struct fl_due due;
    bool has = false;
    memset(found, 0, sizeof(*found));
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].word, a->texts[0]) != 0)
            continue;
        fl_due_init(found, 0, kinds[i].kind, id_of(kinds[i].id_kind, a->texts[1]), 0);
        has = true;
    }
    if (!has)
        fail(s, "%s never falls due", a->texts[0]);
    for (has = fl_due_next(s->world.views[0].kv, NULL, &due); has;
         has = fl_due_next(s->world.views[0].kv, &due, &due))
        if (due.kind == found->kind && strcmp(due.id, found->id) == 0) {
            *found = due;
            return;
        }
}

static struct fl_due remembered;

static void remember(struct scenario *s, const struct arguments *a)
{
    find(s, a, &remembered);
    if (remembered.at_ms == 0)
        fail(s, "%s %s is not outstanding", a->texts[0], a->texts[1]);
}

static void fire_remembered(struct scenario *s, const struct arguments *a)
{
    (void)a;
    s->actor = (struct world_actor){.actor = "timekeeper"};
    fire(s, &remembered);
}

static void fire_as_anybody(struct scenario *s, const struct arguments *a)
{
    struct fl_due due;
    find(s, a, &due);
    fire(s, &due);
}

static void expect_due_in(struct scenario *s, const struct arguments *a)
{
    struct fl_due due;
    find(s, a, &due);
    if (due.at_ms != s->world.now_ms + a->duration_ms)
        fail(s, "it is due in %lld ms", (long long)(due.at_ms - s->world.now_ms));
}

static void expect_not_due(struct scenario *s, const struct arguments *a)
{
    struct fl_due due;
    find(s, a, &due);
    if (due.at_ms != 0)
        fail(s, "it is due in %lld ms", (long long)(due.at_ms - s->world.now_ms));
}

/* The newest events, oldest first. */
static void expect_last(struct scenario *s, const struct arguments *a)
{
    static char names[LIST_COUNT_MAX][32];
    size_t count = split_list(s, a->texts[0], names);
    if (count > s->world.entry_count)
        fail(s, "there are %zu events", s->world.entry_count);
    for (size_t i = 0; i < count; i++) {
        const struct world_entry *entry = &s->world.entries[s->world.entry_count - count + i];
        const struct fl_catalogue_row *row =
            fl_catalogue_find(fl_record_header(&entry->event, "ce_type")->value);
        if (strcmp(row->name, names[i]) != 0)
            fail(s, "event %zu of them is %s", i + 1, row->name);
    }
}

const struct pattern due_patterns[] = {
    {"the timekeeper comes by", comes_by},
    {"the timekeeper sees $w $w coming", remember},
    {"the timekeeper fires what it has seen", fire_remembered},
    {NULL, NULL},
};

const struct pattern due_requests[] = {
    {"fires $w $w", fire_as_anybody},
    {NULL, NULL},
};

const struct pattern due_expectations[] = {
    {"$w $w is due in $t", expect_due_in},
    {"$w $w is not outstanding", expect_not_due},
    {"the last events are $l", expect_last},
    {NULL, NULL},
};
