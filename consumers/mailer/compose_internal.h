/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files that compose mails share; nobody else includes it. */
#include "consumers/mailer/compose.h"
#include "consumers/mailer/message.h"
#include "consumers/mailer/template.h"
#include "core/link.h"
#include "core/timestamp.h"

enum { TIME_SIZE = 32, VALUE_COUNT_MAX = 32 };

/* Values by name; a later one of the same name is not looked at. */
struct values {
    struct fl_template_value values[VALUE_COUNT_MAX];
    size_t count;
    const struct fl_attachment *attachments; /* of the mail */
    size_t attachment_count;
};
void fl_values_add(struct values *values, const char *name, const char *value);

/* "2026-11-25 12:00 UTC"; "" for 0. */
const char *fl_mail_time(struct fl_arena *arena, int64_t time_ms);

/* Finds the address, of a revision of the profile (0: the one in force); COMPOSED, LATER,
 * NO_ADDRESS or FAILED. */
enum fl_composed fl_compose_address(const struct fl_composer *composer, const char *subject_id,
                                    uint64_t revision, const char **address);

/* The link by which this person ends mail of this kind; NULL: no memory or no key. */
const char *fl_compose_unsubscribe(const struct fl_composer *composer, const char *subject_id,
                                   Fleetlog__V1__MailKind kind);

/* Renders the template and builds the message. */
enum fl_composed fl_compose_finish(const struct fl_composer *composer, const char *name,
                                   const struct values *values, const char *unsubscribe,
                                   struct fl_mail *mail);
