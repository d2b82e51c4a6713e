/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The renewals report as files that go with a reseller's mail: a PDF for people, a CSV for
 * programs.
 *
 * It is the report for others than the owner: what devices are and when something of them ends. The
 * devices view, history and Event Log are not even open here. A fleet with more dates than
 * FL_ATTACHED_ROW_COUNT_MAX, or a file above FL_ATTACHED_SIZE_MAX, goes without: the mail itself
 * then says that there is more.
 *
 * Threading: one thread. Allocation: the composer's arena for the files, one of its own while they
 * are made.
 */
#include "consumers/mailer/compose.h"
#include "consumers/mailer/message.h"

enum { FL_ATTACHED_COUNT = 2, FL_ATTACHED_ROW_COUNT_MAX = 2000, FL_ATTACHED_SIZE_MAX = 512 * 1024 };

/* How many there are; 0 too where one cannot be made. */
size_t fl_attach_renewals(const struct fl_composer *composer, const char *company_id,
                          struct fl_attachment files[FL_ATTACHED_COUNT]);
