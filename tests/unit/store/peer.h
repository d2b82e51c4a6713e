/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A second process of a test, driven step by step: LMDB refuses one environment twice in a process,
 * so a view's writer and its readers need one each.
 */
#include <stdbool.h>
#include <sys/types.h>

struct peer {
    pid_t process;
    int steps;
    int answers;
};

/* Starts a child that runs `step(context, number)` for every peer_do and answers with its result.
 * Start it before this process opens an environment. */
void peer_start(struct peer *peer, int (*step)(void *context, int number), void *context);

/* Runs one step and returns its result; -1 if the child died. */
int peer_do(struct peer *peer, int number);

/* Runs one step without waiting for its end. */
void peer_send(struct peer *peer, int number);
int peer_answer(struct peer *peer);

/* Ends the child; returns its wait status. */
int peer_stop(struct peer *peer);
