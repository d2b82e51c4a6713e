/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the keeper share; nobody else includes it. */
#include "consumers/keeper/keeper.h"
#include "core/arena.h"
#include "core/ids.h"
#include "core/keyring_change.h"
#include "core/node_keyring.h"
#include "projections/people/people.h"
#include "projections/registry/machines.h"
#include "projections/registry/privacy.h"
#include "projections/registry/rows.h"
#include "projections/store/store_reader.h"

enum {
    KEEPER_ARENA_SIZE = 64 * 1024 * 1024,
    KEEPER_REMOVAL_COUNT_MAX = 500,
    KEEPER_LOOK_COUNT = 20000, /* profiles looked at per step */
    KEEPER_PEOPLE_COUNT_MAX = 500,
    KEEPER_WAIT_MS = 5000, /* for the registry to apply what was appended */
};

struct fl_privacy {
    struct fl_duty *duty;
    struct fl_keyring *keyring;
    struct fl_store_reader *registry;
    struct fl_store_reader *people;
    struct fl_group *lease;
    bool held;
    struct fl_arena arena; /* of one step */
    struct fl_id_source ids;
    char views[PATH_MAX];
    char log_id[FL_ID_TEXT_SIZE];
    struct fl_people_walk walk;
    uint64_t removed_at; /* end of subjects behind the last removals */
    int64_t removed_again_ms;
    bool awaits_mail; /* a profile must open until it has been sent */
    char waits_for[FL_KEYRING_DETAIL_SIZE];
};

/* Where the epochs stand, in one look. */
struct epochs_now {
    struct fl_epochs epochs;
    bool is_on_record; /* this node */
    bool is_stored;    /* it has confirmed that it holds the newest epoch */
    bool is_destroyed; /* … that it holds nothing of the closed one */
    bool all_stored;   /* every node has */
    bool all_moved;    /* nobody living is of the older epoch */
    int64_t opened_at_ms;
};

/* Appends an action and waits until the registry has its answer. */
enum fl_error fl_privacy_act(struct fl_privacy *keeper, const char *actor,
                             const ProtobufCMessage *message) FL_MUST_USE;

/* Appends records to `subjects` under this duty's name. */
enum fl_error fl_privacy_append_subjects(struct fl_privacy *keeper, const struct fl_record *records,
                                         uint32_t count) FL_MUST_USE;

/* A removal of "<subject>/<revision>" in the arena. */
bool fl_privacy_removal(struct fl_privacy *keeper, const char *subject_id, uint64_t revision,
                        struct fl_record *record);

/* last_mail.c: whether the person has still to be told, of whose erasure the registry knows or will
 * know in a moment. */
bool fl_privacy_awaits_mail(const struct fl_privacy *keeper, struct fl_kv *registry,
                            struct fl_arena *arena, const char *subject_id);

/* keys.c: what every node does for itself. */
enum fl_error fl_privacy_look(struct fl_privacy *keeper, struct epochs_now *now) FL_MUST_USE;
enum fl_error fl_privacy_keys(struct fl_privacy *keeper) FL_MUST_USE;
enum fl_error fl_privacy_confirm(struct fl_privacy *keeper,
                                 const struct epochs_now *now) FL_MUST_USE;

/* erase.c: what the holder of the lease does for all. */
enum fl_error fl_privacy_erasures(struct fl_privacy *keeper, const struct epochs_now *now,
                                  bool *more) FL_MUST_USE;
