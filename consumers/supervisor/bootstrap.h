/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a node needs before its duties start: topics, keyring, genesis, its announcement.
 *
 * A keyring is made only while `actions` is empty, and it is on disk before the genesis record is
 * sent. A node whose keyring does not match the log's genesis refuses to start and says what to
 * copy. If another node's genesis came first, the keyring made here is removed again
 * (DETAILS.md section 3). Killed anywhere: run it again.
 *
 * Threading: one thread, before anything else works on the log. Allocation: freed before return.
 */
#include "core/duty.h"
#include "core/keyring.h"

enum { FL_BOOTSTRAP_DETAIL_SIZE = 512, FL_LOG_FORMAT_VERSION = 1 };

/* Ensures topics, keyring, genesis and appends AnnounceNode. FL_KEYRING, FL_USAGE, or what the
 * journal says; `detail` is a sentence for people. Waits, while the journal is away, until a stop
 * is asked for (FL_INTERRUPTED). */
enum fl_error fl_bootstrap(struct fl_duty *duty, char detail[FL_BOOTSTRAP_DETAIL_SIZE]) FL_MUST_USE;
