/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A firmware upgrade on its way through the agent: told what the image is, fetched in pieces,
 * checked, handed to the operator's installer once, read back.
 *
 *     command ready ──► manifest ──► image ──► checked ──► intended, installer runs ──► watched
 *                          │           │          │             │ failed, timed out
 *                          ▼           ▼          ▼             ▼
 *                        ended: SIGNATURE_INVALID, WRONG_MODEL, NOT_ON_PATH, HASH_MISMATCH,
 * NOT_ON_LINE, INSTALLER_…
 *
 * Nothing is done with an image whose signature is not the configured publisher's, or whose hash is
 * another. What was fetched lies in DIR/firmware and is gone on with after a restart. It is never
 * run twice: a restart while the installer runs (or ran, or the machine went down meanwhile) leads
 * straight to watching; one before it began ends the command as INSTALLER_NOT_STARTED, so that
 * people may ask again at once. One upgrade at a time.
 *
 * Threading: the agent's one thread. Allocation: one block per upgrade.
 */
#include "producers/agent/agent_command.h"
#include "producers/firmware_manifest.h"

struct fl_firmware_job;

/* The next thing to ask the gateway for on the control lane; false: nothing. */
bool fl_firmware_ask(struct fl_agent *agent);

/* Starts, watches over and ends the installer. */
void fl_firmware_step(struct fl_agent *agent, int64_t now_ms);
void fl_firmware_free(struct fl_agent *agent);

/* Whether the installer of a command that was intended by the agent before may have begun. False:
 * it has not, and will not. */
bool fl_firmware_was_started(const struct fl_agent *agent, const char *command_id);

/* Removes notes of starts that nothing rests on, once commands are loaded and before they are
 * settled. */
void fl_firmware_sweep(const struct fl_agent *agent);
