/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * When a mail that was not taken is tried again: in memory only, so that a restart tries at once.
 *
 * The wait doubles from FL_BACKOFF_MS_MIN to FL_BACKOFF_MS_MAX, and a quarter of it is chance, so
 * that what failed together does not come back together. When more than FL_BACKOFF_COUNT_MAX mails
 * wait, the one that would have waited longest is forgotten, and with it tried sooner.
 *
 * Threading: one thread. Allocation: none.
 */
#include "core/ids.h"
#include "core/port.h"

enum {
    FL_BACKOFF_MS_MIN = 15 * 1000,
    FL_BACKOFF_MS_MAX = 30 * 60 * 1000,
    FL_BACKOFF_COUNT_MAX = 1024,
};

struct fl_backoff_entry {
    char id[FL_ID_TEXT_SIZE]; /* of the mail */
    unsigned attempts;
    int64_t next_ms; /* monotonic */
};

struct fl_backoff {
    struct fl_backoff_entry entries[FL_BACKOFF_COUNT_MAX];
    size_t count;
};

/* Wait of the nth attempt that failed, from 1 on; pure but for chance. */
int64_t fl_backoff_wait_ms(const struct fl_port *port, unsigned attempts, int64_t min_ms,
                           int64_t max_ms);

/* True if this mail is not to be tried yet. */
bool fl_backoff_waits(const struct fl_backoff *backoff, const char *id, int64_t now_ms);

/* Another attempt has failed; returns how many have. */
unsigned fl_backoff_add(struct fl_backoff *backoff, const struct fl_port *port, const char *id,
                        int64_t now_ms);

/* It was sent, or never will be. */
void fl_backoff_forget(struct fl_backoff *backoff, const char *id);
