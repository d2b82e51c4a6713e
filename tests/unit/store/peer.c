/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store/peer.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/assert.h"

void peer_start(struct peer *peer, int (*step)(void *context, int number), void *context)
{
    int steps[2];
    int answers[2];
    fl_assert(pipe(steps) == 0 && pipe(answers) == 0);
    peer->process = fork();
    fl_assert(peer->process >= 0);
    if (peer->process == 0) {
        int number = 0;
        close(steps[1]);
        close(answers[0]);
        while (read(steps[0], &number, sizeof(number)) == sizeof(number)) {
            int result = step(context, number);
            fl_assert(write(answers[1], &result, sizeof(result)) == sizeof(result));
        }
        _exit(0);
    }
    close(steps[0]);
    close(answers[1]);
    peer->steps = steps[1];
    peer->answers = answers[0];
}

void peer_send(struct peer *peer, int number)
{
    fl_assert(write(peer->steps, &number, sizeof(number)) == sizeof(number));
}

int peer_answer(struct peer *peer)
{
    int result = 0;
    return read(peer->answers, &result, sizeof(result)) == sizeof(result) ? result : -1;
}

int peer_do(struct peer *peer, int number)
{
    peer_send(peer, number);
    return peer_answer(peer);
}

int peer_stop(struct peer *peer)
{
    int status = 0;
    close(peer->steps);
    close(peer->answers);
    fl_assert(waitpid(peer->process, &status, 0) == peer->process);
    return status;
}
