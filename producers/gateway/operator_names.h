/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What people are called in answers, so that nobody learns by it who has an account.
 *
 * Whoever invites an address, shares with it or offers it something knows that address and no more:
 * he reads it again wherever that person is named, whether it has an account with a name or is new,
 * and he gets no id that is older than his request.
 *
 * Threading: one call. Allocation: the arena that is given.
 */
#include "producers/gateway/gateway_internal.h"

/* What a person is called, in the arena: his name, if his company is the asker's or `company_id`,
 * else his address, because that is all that whoever invited him knows of him; "*erased*"; NULL: he
 * is not known. `people` may be NULL. */
const char *fl_call_person_name(struct call *call, struct fl_arena *arena, struct fl_kv *registry,
                                struct fl_kv *people, const char *subject_id,
                                struct fl_slice company_id);
/* Takes `subjectId` away at the API unless it is the asker's own: its age says whether the address
 * was known before. */
void fl_call_hide_subject(const struct call *call, json_t *json);
/* Adds `person` to the items of a list whose `member` is the id of one who is known, and takes
 * others' subjectId away at the API, as fl_outcome_json does. Nobody is known while the people view
 * cannot be read. */
enum fl_error fl_call_add_persons(struct call *call, struct fl_kv *registry, json_t *items,
                                  const char *member) FL_MUST_USE;
