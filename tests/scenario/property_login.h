/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Random requests about accounts, and what must hold of their answers: for the property test.
 *
 * Watched besides the registry's own invariants, from the events alone: a session ends with the
 * password or the second factor that it rests on, and with its account; there are never more of
 * them, nor of API tokens, than the rules allow; the code of one step counts once, and none of an
 * older step after it.
 *
 * Threading: one thread. Allocation: none.
 */
#include "tests/scenario/cast_login.h"

enum { LOGIN_PERSON_COUNT = 40, LOGIN_RECENT_COUNT = 12 };

struct login_source {
    struct fl_port *port; /* of chance */
    unsigned sign_up_count;
    unsigned session_count;
    unsigned reset_count;
    unsigned change_count;
    unsigned token_count;
    unsigned sign_up_people[LOGIN_RECENT_COUNT]; /* whose the latest ones are */
    unsigned reset_people[LOGIN_RECENT_COUNT];
    unsigned session_people[LOGIN_RECENT_COUNT];
    unsigned token_people[LOGIN_RECENT_COUNT];
    uint64_t totp_step; /* the newest that was tried */
    uint64_t taken_steps[LOGIN_PERSON_COUNT + 1];
    size_t watched_count;            /* entries of the log */
    unsigned seen[FL_MESSAGE_COUNT]; /* events of each type */
};

/* Sends one. */
void login_act(struct world *world, struct login_source *source);

/* After every step, whoever made it. */
void login_watch(struct world *world, struct login_source *source);

/* At the end: chance left no kind of request out. */
void login_check_seen(const struct login_source *source);
