/* SPDX-License-Identifier: Apache-2.0 */
/* Commands and how actions were answered. */
#include <string.h>

#include "projections/registry/content.h"
#include "projections/registry/due.h"
#include "projections/registry/fold.h"

/* Longer than any version of the rules remembers an id: what is forgotten here no rule asks for. */
#define REMEMBER_MS (INT64_C(8) * 24 * 3600 * 1000)

enum { FORGET_EVERY = 8, FORGET_COUNT_MAX = 3 * FORGET_EVERY };

static void put_command(struct fl_folding *f, const fl_command_row *row)
{
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_COMMANDS, row->command_id, &row->base);
}

/* Lists in which a command stands while it is open. */
static void list_command(struct fl_folding *f, const fl_command_row *row, bool open)
{
    struct fl_key keys[2];
    fl_key_nth(&keys[0], FL_INDEX_AGENT_PENDING, row->agent_id, row->sequence, row->command_id);
    fl_key_nth(&keys[1], FL_INDEX_DEVICE_PENDING, row->device_id, row->sequence, row->command_id);
    for (size_t i = 0; i < 2; i++) {
        if (open)
            fl_index_put(f->kv, &keys[i], FL_SLICE_LITERAL(""));
        else
            fl_index_del(f->kv, &keys[i]);
    }
}

bool fl_fold_command_requested(struct fl_folding *f)
{
    const Fleetlog__V1__CommandRequested *event =
        (const Fleetlog__V1__CommandRequested *)f->input->message;
    fl_command_row row = FLEETLOG__ROWS__V1__COMMAND_ROW__INIT;
    struct fl_key key;
    struct fl_due due;
    const fl_device_row *device = fl_fold_row(f, FL_TABLE_DEVICES, event->device_id);
    if (device == NULL ||
        !fl_fold_move(f, &fl_command_machine, &row.state, FL_COMMAND_REQUESTED, event->command_id))
        return false;
    row.command_id = event->command_id;
    row.device_id = event->device_id;
    row.agent_id = event->agent_id;
    row.company_id = device->company_id;
    row.account_id = f->account_id;
    row.kind = event->kind;
    row.parameter = event->parameter;
    row.requested_at_ms = row.changed_at_ms = f->now_ms;
    row.expires_at_ms = event->expires_at_ms;
    row.sequence = f->sequence;
    put_command(f, &row);
    list_command(f, &row, true);
    fl_due_init(&due, row.expires_at_ms, FL_DUE(COMMAND), row.command_id, 0);
    fl_due_set(f->kv, &due);
    fl_key_nth(&key, FL_INDEX_DEVICE_COMMANDS, row.device_id, row.sequence, row.command_id);
    fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
    return true;
}

/* Moves a command; NULL: refused. The caller puts the row. */
static fl_command_row *move(struct fl_folding *f, const char *command_id, enum fl_command_state to)
{
    struct fl_due due;
    fl_command_row *row = fl_fold_row(f, FL_TABLE_COMMANDS, command_id);
    if (row == NULL || !fl_fold_move(f, &fl_command_machine, &row->state, to, command_id))
        return NULL;
    row->changed_at_ms = f->now_ms;
    /* Once it has been fetched, its agent answers for it. */
    fl_due_init(&due, row->expires_at_ms, FL_DUE(COMMAND), row->command_id, 0);
    fl_due_clear(f->kv, &due);
    if (!fl_command_is_open(row->state))
        list_command(f, row, false);
    return row;
}

static bool move_only(struct fl_folding *f, const char *command_id, enum fl_command_state to)
{
    fl_command_row *row = move(f, command_id, to);
    if (row == NULL)
        return false;
    put_command(f, row);
    return true;
}

bool fl_fold_cancel(struct fl_folding *f, const char *const *command_ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!move_only(f, command_ids[i], FL_COMMAND_CANCELLED))
            return false;
    return true;
}

bool fl_fold_command_cancelled(struct fl_folding *f)
{
    const Fleetlog__V1__CommandCancelled *event =
        (const Fleetlog__V1__CommandCancelled *)f->input->message;
    return move_only(f, event->command_id, FL_COMMAND_CANCELLED);
}

bool fl_fold_command_delivered(struct fl_folding *f)
{
    const Fleetlog__V1__CommandDelivered *event =
        (const Fleetlog__V1__CommandDelivered *)f->input->message;
    return move_only(f, event->command_id, FL_COMMAND_DELIVERED);
}

bool fl_fold_command_acknowledged(struct fl_folding *f)
{
    const Fleetlog__V1__CommandAcknowledged *event =
        (const Fleetlog__V1__CommandAcknowledged *)f->input->message;
    return move_only(f, event->command_id, FL_COMMAND_ACKNOWLEDGED);
}

bool fl_fold_command_succeeded(struct fl_folding *f)
{
    const Fleetlog__V1__CommandSucceeded *event =
        (const Fleetlog__V1__CommandSucceeded *)f->input->message;
    fl_command_row *row = move(f, event->command_id, FL_COMMAND_SUCCEEDED);
    if (row == NULL)
        return false;
    row->variable = event->variable;
    row->value = event->value;
    row->report_counter = event->report_counter;
    put_command(f, row);
    return true;
}

bool fl_fold_command_failed(struct fl_folding *f)
{
    const Fleetlog__V1__CommandFailed *event =
        (const Fleetlog__V1__CommandFailed *)f->input->message;
    fl_command_row *row = move(f, event->command_id, FL_COMMAND_FAILED);
    if (row == NULL)
        return false;
    row->reason = event->reason;
    row->variable = event->variable;
    row->value = event->value;
    put_command(f, row);
    return true;
}

bool fl_fold_command_expired(struct fl_folding *f)
{
    const Fleetlog__V1__CommandExpired *event =
        (const Fleetlog__V1__CommandExpired *)f->input->message;
    return move_only(f, event->command_id, FL_COMMAND_EXPIRED);
}

/* Answers that were given without a look at the id, or that point to the first one. */
static bool is_remembered(Fleetlog__V1__RejectionCode code)
{
    switch ((int)code) {
    case FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_MALFORMED:
    case FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_UNSUPPORTED:
    case FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_DUPLICATE:
    case FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_ID_REUSED:
    case FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_TOO_LARGE:
    case FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_INTERNAL:
    case FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_LOG_EXISTS:
    case FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_NO_LOG:
    case FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_INVALID:
        return false;
    default:
        return true;
    }
}

static void forget_some(struct fl_folding *f)
{
    struct fl_kv_walk walk;
    struct fl_slice value;
    struct fl_key key;
    if (f->sequence % FORGET_EVERY != 0)
        return;
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_OUTCOMES, FL_SLICE_NULL);
    for (int i = 0; i < FORGET_COUNT_MAX && fl_kv_walk_next(&walk); i++) {
        const fl_outcome_row *row = fl_row_decode(f->kv, f->arena, FL_TABLE_OUTCOMES, walk.value);
        if (row == NULL || f->now_ms - row->time_ms < REMEMBER_MS)
            return;
        fl_key_begin(&key);
        fl_key_id_text(&key, row->action_id);
        if (!key.bad && fl_kv_get(f->kv, FL_TABLE_ACTION_IDS, fl_key_slice(&key), &value) &&
            fl_slice_equal(value, walk.key))
            fl_kv_del(f->kv, FL_TABLE_ACTION_IDS, fl_key_slice(&key));
        fl_kv_del(f->kv, FL_TABLE_OUTCOMES, walk.key);
    }
}

void fl_fold_remember(struct fl_folding *f)
{
    const struct fl_view_input *input = f->input;
    fl_outcome_row row = FLEETLOG__ROWS__V1__OUTCOME_ROW__INIT;
    struct fl_slice actor_id;
    struct fl_key sequence;
    struct fl_key id;
    if (input->envelope->actor.data != NULL &&
        (fl_actor_parse(input->envelope->actor, &actor_id) & FL_ACTORS_WITH_CAUSE) != 0) {
        forget_some(f);
        return;
    }
    fl_key_begin(&sequence);
    fl_key_u64(&sequence, f->sequence);
    row.event_offset = input->offset;
    row.event_id = fl_arena_text(f->arena, input->envelope->id);
    row.time_ms = f->now_ms;
    if (input->envelope->row->type == FL_MESSAGE_ActionRejected)
        row.rejection_code = (uint32_t)((const Fleetlog__V1__ActionRejected *)input->message)->code;
    struct fl_content content;
    if (input->action_message != NULL &&
        is_remembered((Fleetlog__V1__RejectionCode)row.rejection_code)) {
        fl_content_of(input->action_envelope, input->action_message, &content);
        row.action_id = fl_arena_text(f->arena, input->action_envelope->id);
        row.content_hash = (ProtobufCBinaryData){sizeof(content.hash), content.hash};
        row.indexes = content.indexes;
        row.n_indexes = content.index_count;
        fl_key_begin(&id);
        fl_key_id_text(&id, row.action_id);
        if (id.bad)
            fl_kv_fail(f->kv, FL_CORRUPT);
        else
            fl_kv_put(f->kv, FL_TABLE_ACTION_IDS, fl_key_slice(&id), fl_key_slice(&sequence));
    }
    fl_row_append(f->kv, f->arena, FL_TABLE_OUTCOMES, &sequence, &row.base);
    forget_some(f);
}
