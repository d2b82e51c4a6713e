/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The agent as a process of its own, which a test may kill: the test program started again.
 *
 * main() of each test begins with fl_agent_process_main, so that the child becomes the agent.
 *
 * Threading: one thread.
 */
#include <stdbool.h>
#include <sys/types.h>

struct fl_agent_process_options {
    const char *state; /* directory */
    const char *gateway;
    const char *upsd;
    const char *claim;      /* NULL: none */
    const char *user;       /* NULL: none */
    const char *password;   /* */
    const char *tls;        /* "off", "offered", "required"; NULL: off */
    const char *ca;         /* NULL: none */
    const char *poll_ms;    /* NULL: "50" */
    const char *full_ms;    /* NULL: "300000" */
    const char *queue_size; /* bytes; NULL: "16777216" */
    const char *watch_ms;   /* NULL: "5000" */
    const char *skew_ms;    /* of the agent's clock; NULL: "0" */
    const char *readmit;    /* "1"; NULL: "0" */
    const char *fault;      /* FLEETLOG_FAULT_POINT; NULL: none */
};

/* Runs the agent and sets the exit code if this process was started as one; else false. */
bool fl_agent_process_main(int argc, char **argv, int *code);

pid_t fl_agent_process_start(const struct fl_agent_process_options *options);

/* Waits for its end; the signal that killed it as a negative number, else its exit code. -1000
 * after 30 s (it is killed then). */
int fl_agent_process_wait(pid_t pid);

/* kill -9 and wait. */
void fl_agent_process_kill(pid_t pid);

/* SIGTERM and wait; true if it ended in order. */
bool fl_agent_process_stop(pid_t pid);
