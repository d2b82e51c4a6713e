/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The operator's program that puts firmware into a UPS: what it is given, and what its end means.
 *
 * It is run as PROGRAM IMAGE, in a session of its own, with standard input from /dev/null, its
 * output where the agent's goes, and nothing but PATH and these in its environment:
 *
 *     FLEETLOG_COMMAND           id of the command, the same if a person looks again
 *     FLEETLOG_UPS               the UPS as upsd is asked for it: name@host:port
 *     FLEETLOG_MODEL             as the device reports it
 *     FLEETLOG_SERIAL            as the device reports it
 *     FLEETLOG_FIRMWARE_BEFORE   as the device reports it
 *     FLEETLOG_FIRMWARE_VERSION  what the image holds
 *
 * It ends with 0 when the UPS has taken the image. That alone is no success: the agent waits until
 * the UPS reports the new version. 10: it refuses, and nothing was changed. Any other code, a
 * signal, or no end within the time-out (its whole session is then killed): it failed, and what
 * state the UPS is in is for people to see. It is never run twice for one command. When the agent
 * dies meanwhile, the program goes on, and the next agent only looks at what the UPS reports. When
 * it dies before the program begins, the next one knows that from `started_path`, which only one of
 * both can make: the program does not begin without making it.
 *
 * Threading: one thread. Allocation: none. Limits: one program at a time.
 */
#include <sys/types.h>

#include "core/error.h"

struct fl_installer_run {
    const char *program;
    const char *image;
    const char *command_id;
    const char *ups;
    const char *model;
    const char *serial;
    const char *firmware_before;
    const char *version;
    const char *started_path; /* a file that the child makes just before it becomes the program */
};

/* FL_NOT_FOUND, FL_DENIED, FL_IO: it did not start. */
enum fl_error fl_installer_start(const struct fl_installer_run *run, pid_t *pid) FL_MUST_USE;

/* The word that its end amounts to ("" for success); NULL while it runs. */
const char *fl_installer_poll(pid_t pid, char out[32]);

/* Kills its session and waits for it. */
void fl_installer_kill(pid_t pid);
