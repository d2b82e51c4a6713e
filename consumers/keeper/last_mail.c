/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody who is erased hears of it by mail, and by then his profile must still open. The mailer
 * takes a moment; a mail server that takes longer than [keys] erasure_mail_wait has been waited
 * for. */
#include "consumers/keeper/keeper_internal.h"
#include "projections/registry/outbox.h"

bool fl_privacy_awaits_mail(const struct fl_privacy *keeper, struct fl_kv *registry,
                            struct fl_arena *arena, const char *subject_id)
{
    if (fl_config_text(keeper->duty->config, FL_SETTING_MAIL_SMTP)[0] == '\0')
        return false;
    const fl_erasure_row *row = fl_registry_erasure(registry, arena, fl_slice_text(subject_id));
    if (row == NULL)
        return true; /* the people view is ahead */
    int64_t wait_ms = (int64_t)fl_config_number(keeper->duty->config, FL_SETTING_ERASURE_MAIL_WAIT);
    if (fl_port_wall_ms(keeper->duty->port) - row->requested_at_ms >= wait_ms)
        return false;
    return fl_outbox_get(registry, arena, row->sequence,
                         FLEETLOG__V1__MAIL_KIND__MAIL_KIND_ERASURE_REQUESTED, subject_id) != NULL;
}
