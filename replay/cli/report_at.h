/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A report of the past: the log is folded once more, in memory, up to a sequence or a time, and the
 * report is made of those rows instead of the gateway's.
 *
 * It reads the journal itself, so it is for operators. Names of people are not opened: who they
 * were stands sealed beside the log. Readings are there as far as telemetry's retention reaches.
 *
 * Threading: one thread. Allocation: the folded rows, all in memory.
 */
#include "replay/cli/cli.h"

/* Writes the report that the command's arguments ask for, as it was at `at`. The exit code. */
int fl_report_at(struct fl_cli *cli, const struct fl_arguments *arguments, const char *at,
                 FILE *out);
