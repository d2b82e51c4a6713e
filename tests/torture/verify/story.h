/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What has happened on the node of the tests of verify.
 *
 * Threading: one thread. Allocation: the node's world.
 */
#include "tests/torture/verify/node.h"

/* Decides the story in the node's world and writes topics, log, telemetry and profiles. */
void story_write(struct node *node, struct fl_journal *journal);
