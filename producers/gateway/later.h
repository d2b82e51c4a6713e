/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Changes that were answered 202: what is known of them besides what the registry says.
 *
 * Why: an append that goes on without its caller may fail, and then no event ever tells. Whoever
 * asks for the action by its id learns that it was not taken. It is memory of this process, as the
 * append is.
 *
 * Invariants: 1. what is on its way is never forgotten. Threading: any. Allocation: open. Limits:
 * FL_LATER_COUNT_MAX; what has ended longest ago is forgotten first.
 */
#include <stdbool.h>

#include "core/error.h"
#include "core/ids.h"
#include "core/slice.h"

enum { FL_LATER_COUNT_MAX = 2048 };

/* Of several tries under one id the highest that ended counts. */
enum fl_later_state {
    FL_LATER_NONE,      /* nothing is known here */
    FL_LATER_NOT_TAKEN, /* it is not on the log and never will be */
    FL_LATER_IN_DOUBT,  /* it may be on the log, or may get there yet */
    FL_LATER_ON_THE_LOG,
    FL_LATER_ON_ITS_WAY, /* to the log */
};

/* The action, and the account on whose behalf it was asked for ("": nobody's). */
struct fl_later_key {
    char id[FL_ID_TEXT_SIZE];
    char account_id[FL_ID_TEXT_SIZE];
};

struct fl_later;

struct fl_later *fl_later_open(void); /* NULL: no memory */
void fl_later_close(struct fl_later **later);

/* An append goes on without its caller. False: all that is remembered is on its way. */
bool fl_later_begin(struct fl_later *later, const struct fl_later_key *key);
/* It ended, at `offset` if with FL_OK. Each begin is ended once. */
void fl_later_end(struct fl_later *later, const struct fl_later_key *key, enum fl_error error,
                  uint64_t offset);

/* What is known of it. account_id: NULL for whoever may see all; another's are not there.
 * offset: filled if it is on the log. */
enum fl_later_state fl_later_find(struct fl_later *later, struct fl_slice id,
                                  struct fl_slice account_id, uint64_t *offset);
