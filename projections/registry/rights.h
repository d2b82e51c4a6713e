/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who may do what: one table, used by the rules and by whoever answers a reader.
 *
 * A right belongs to a relation: what an account is to a company or a device. It does not know
 * sessions, scopes or what an agent may do (that is: answer for its own devices).
 *
 * Threading: pure. Allocation: the arena, for the rows that are looked at.
 */
#include "core/arena.h"
#include "core/kv.h"
#include "projections/registry/row_types.h"

enum fl_relation {
    FL_RELATION_STRANGER,
    FL_RELATION_ADMINISTRATOR, /* of the owner company */
    FL_RELATION_MEMBER,        /* of the owner company */
    FL_RELATION_SHARED,        /* holds an accepted share of the device */
    FL_RELATION_COUNT
};

/* Rows of DESIGN.md section 6's table that this version has. */
enum fl_right {
    FL_RIGHT_INVITE,    /* invite a co-worker */
    FL_RIGHT_MANAGE,    /* cancel and re-send invitations, change roles, remove co-workers */
    FL_RIGHT_REGISTER,  /* let an agent enrol and register devices */
    FL_RIGHT_CONFIGURE, /* rename, set location */
    FL_RIGHT_DELETE,    /* delete a device */
    FL_RIGHT_TRANSFER,  /* hand a device over to another company */
    FL_RIGHT_SHARE,     /* share a device, revoke a share */
    FL_RIGHT_DROP,      /* drop a share of one's own */
    FL_RIGHT_VIEW,      /* device, history, event log */
    FL_RIGHT_COMMAND,   /* request a command */
    FL_RIGHT_LICENSE,   /* buy and apply licenses */
    FL_RIGHT_RESELLER,  /* link, unlink a reseller */
    FL_RIGHT_LIFECYCLE, /* set dates of devices, remind the reseller */
    FL_RIGHT_COUNT
};

/* The table. */
bool fl_relation_may(enum fl_relation relation, enum fl_right right);

/* Words for a right ("delete a device"); static storage. */
const char *fl_right_text(enum fl_right right);

/* What an account is to a company; STRANGER for NULL. */
enum fl_relation fl_relation_to_company(const fl_account_row *account, const char *company_id);

/* What an account is to a device, active or removed, at a time; STRANGER for NULL. */
enum fl_relation fl_relation_to_device(struct fl_kv *kv, struct fl_arena *arena,
                                       const fl_account_row *account, const fl_device_row *device,
                                       int64_t now_ms);

/* The question a reader asks: may this account do that with this device at this time? False for an
 * unknown account or a device that is not active. */
bool fl_registry_may(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice account_id,
                     struct fl_slice device_id, enum fl_right right, int64_t now_ms);
