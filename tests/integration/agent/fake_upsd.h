/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An upsd that a test scripts: values, offers, errors, and misbehaviour that a real one does not
 * show on demand.
 *
 * It serves NUT's network protocol (RFC 9271) from a thread of its own. An instant command or a SET
 * VAR is counted and, unless it disobeys, takes effect at once: SET VAR writes the variable,
 * test.battery.start* sets ups.test.result to "Done and passed", beeper.* the beeper's status.
 *
 * Threading: any thread. Allocation: freed at close. Limits: 16 connections.
 */
#include <stdbool.h>

#include "core/slice.h"

struct fl_fake_upsd;

enum fl_fake_upsd_mode {
    FL_FAKE_OBEYS,
    FL_FAKE_DISOBEYS, /* says OK to a command and does nothing */
    FL_FAKE_HANGS_UP, /* closes the connection instead of answering a command */
    FL_FAKE_REFUSES,  /* answers a command ERR ACCESS-DENIED */
    FL_FAKE_JUNK,     /* sends junk in front of every answer */
    FL_FAKE_BROKEN,   /* sends nothing but junk */
};

struct fl_fake_upsd *fl_fake_upsd_open(void);
void fl_fake_upsd_close(struct fl_fake_upsd **upsd);

/* "127.0.0.1:PORT"; lives as long as the upsd. */
const char *fl_fake_upsd_address(const struct fl_fake_upsd *upsd);

void fl_fake_upsd_set_mode(struct fl_fake_upsd *upsd, enum fl_fake_upsd_mode mode);

/* Makes UPS and variable where they are missing; NULL data: the variable goes. */
void fl_fake_upsd_set(struct fl_fake_upsd *upsd, const char *ups, const char *name,
                      struct fl_slice value);
void fl_fake_upsd_offer(struct fl_fake_upsd *upsd, const char *ups, const char *command);
void fl_fake_upsd_let_write(struct fl_fake_upsd *upsd, const char *ups, const char *name);

/* LIST VAR is answered with that error; NULL: with the values again. */
void fl_fake_upsd_fail(struct fl_fake_upsd *upsd, const char *ups, const char *error);

/* Commands that have arrived, whatever was answered. */
unsigned fl_fake_upsd_command_count(struct fl_fake_upsd *upsd);

/* Waits until LIST VAR has been asked `count` times from now on; false after 20 s. */
bool fl_fake_upsd_wait_polls(struct fl_fake_upsd *upsd, unsigned count);
