/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Opens the journal that the configuration names: `embedded` below the data directory, or
 * `kafka://…`.
 *
 * Allocation: the journal; close it with fl_journal_close.
 */
#include "core/config.h"
#include "core/datadir.h"
#include "core/journal.h"

/* `url` overrides [journal] engine when it is not NULL (`migrate --to`). `role`: as whom this
 * process speaks to Kafka (core/kafka_roles.def). FL_USAGE: no such engine or a refused property;
 * the sentence is in `detail`. */
enum fl_error fl_journal_open(const struct fl_config *config, const struct fl_datadir *datadir,
                              const char *url, const char *role, bool read_only,
                              struct fl_journal **journal,
                              char detail[FL_CONFIG_DETAIL_SIZE]) FL_MUST_USE;
