/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How many wrong passwords an account bears in a row, from wherever they come, over restarts.
 *
 * NIST SP 800-63B (3.2.2) allows a hundred. Eighty of them are for anybody; twenty more count alone
 * for networks from which this account has signed in before, so that a stranger who uses the eighty
 * up does not shut the owner out. Then only a new password helps, which is set by the link of a
 * mail, or FL_GUESSES_FORGET_MS without an attempt. The right password begins anew. A count belongs
 * to one password: a new one, set at whatever node, is guessed from zero.
 *
 * An address without an account is counted in the same table, so that nobody sees a difference. The
 * table has a fixed size; who has failed least and longest ago gives way, so that whoever wants a
 * count of eighty forgotten has to fail that often with each of its neighbours, whom he does not
 * know. Kept in a file of the node, not in the log: a stranger must not fill that by guessing. Each
 * node counts for itself. The file holds keyed hashes and numbers.
 *
 * An attempt is counted before its hash is made and given back if it was none, so that attempts at
 * once do not pass the limit together, and none is lost with the process.
 *
 * Threading: any. Allocation: open. Limits: FL_GUESSES_*.
 */
#include "core/error.h"
#include "core/port.h"
#include "core/slice.h"

enum {
    FL_GUESSES_STRANGE_MAX = 80,  /* from networks that are new to the account */
    FL_GUESSES_KNOWN_MAX = 20,    /* from those that it has signed in from, together */
    FL_GUESSES_NETWORK_COUNT = 4, /* that it is known to have signed in from, the latest */
    FL_GUESSES_PLACE_COUNT = 16384,
    FL_GUESS_KEY_SIZE = 16,
    FL_GUESS_STAMP_SIZE = 8,
    FL_GUESS_NETWORK_SIZE = 6,
};
#define FL_GUESSES_FORGET_MS (INT64_C(30) * 24 * 60 * 60 * 1000)

struct fl_guesses;

/* One attempt that was counted. */
struct fl_guess {
    uint8_t key[FL_GUESS_KEY_SIZE];
    uint8_t stamp[FL_GUESS_STAMP_SIZE];     /* of the password */
    uint8_t network[FL_GUESS_NETWORK_SIZE]; /* where from */
    bool is_known;                          /* the network was, when it was counted */
};

/* Makes the file if there is none, and anew (with a line) if it is none of ours. FL_NO_MEMORY,
 * FL_FULL, FL_DENIED, FL_IO. */
enum fl_error fl_guesses_open(const char *path, const struct fl_port *port,
                              struct fl_guesses **guesses) FL_MUST_USE;
void fl_guesses_close(struct fl_guesses **guesses);

/* Counts an attempt of `name` (the account's id; an address that has none) with this password hash
 * ("": none). 0, or whole seconds until the name is forgotten: then it was not counted. */
unsigned fl_guesses_take(struct fl_guesses *guesses, struct fl_slice name,
                         const char *password_hash, struct fl_slice network,
                         struct fl_guess *guess);

/* It was neither right nor wrong: nothing was compared, or more is to come. */
void fl_guesses_give_back(struct fl_guesses *guesses, const struct fl_guess *guess);

/* It was right: the account begins anew, and its network is known from here on. */
void fl_guesses_succeed(struct fl_guesses *guesses, const struct fl_guess *guess);

/* What was counted so far outlives a power cut. FL_IO, also of an earlier write: the process ends.
 */
enum fl_error fl_guesses_sync(struct fl_guesses *guesses) FL_MUST_USE;
