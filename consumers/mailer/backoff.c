/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/mailer/backoff.h"

#include <stdio.h>
#include <string.h>

int64_t fl_backoff_wait_ms(const struct fl_port *port, unsigned attempts, int64_t min_ms,
                           int64_t max_ms)
{
    uint32_t chance = 0;
    int64_t wait_ms = min_ms;
    for (unsigned i = 1; i < attempts && wait_ms < max_ms; i++)
        wait_ms *= 2;
    if (wait_ms > max_ms)
        wait_ms = max_ms;
    fl_port_random(port, &chance, sizeof(chance));
    return wait_ms - wait_ms / 4 + (int64_t)(chance % (uint32_t)(wait_ms / 4 + 1));
}

static struct fl_backoff_entry *find(struct fl_backoff *backoff, const char *id)
{
    for (size_t i = 0; i < backoff->count; i++)
        if (strcmp(backoff->entries[i].id, id) == 0)
            return &backoff->entries[i];
    return NULL;
}

bool fl_backoff_waits(const struct fl_backoff *backoff, const char *id, int64_t now_ms)
{
    const struct fl_backoff_entry *entry = find((struct fl_backoff *)backoff, id);
    return entry != NULL && now_ms < entry->next_ms;
}

static struct fl_backoff_entry *make_room(struct fl_backoff *backoff)
{
    struct fl_backoff_entry *latest = &backoff->entries[0];
    if (backoff->count < FL_BACKOFF_COUNT_MAX)
        return &backoff->entries[backoff->count++];
    for (size_t i = 1; i < backoff->count; i++)
        if (backoff->entries[i].next_ms > latest->next_ms)
            latest = &backoff->entries[i];
    return latest;
}

unsigned fl_backoff_add(struct fl_backoff *backoff, const struct fl_port *port, const char *id,
                        int64_t now_ms)
{
    struct fl_backoff_entry *entry = find(backoff, id);
    if (entry == NULL) {
        entry = make_room(backoff);
        snprintf(entry->id, sizeof(entry->id), "%s", id);
        entry->attempts = 0;
    }
    entry->attempts++;
    entry->next_ms =
        now_ms + fl_backoff_wait_ms(port, entry->attempts, FL_BACKOFF_MS_MIN, FL_BACKOFF_MS_MAX);
    return entry->attempts;
}

void fl_backoff_forget(struct fl_backoff *backoff, const char *id)
{
    struct fl_backoff_entry *entry = find(backoff, id);
    if (entry != NULL)
        *entry = backoff->entries[--backoff->count];
}
