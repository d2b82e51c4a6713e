/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The language of the scenario files; README.md is its manual.
 *
 * A line is a keyword (given, when, then, and) and a sentence; a sentence is matched against
 * patterns, word by word. In a pattern: a word stands for itself, `$w` for one word, `$q` for a
 * text in quotes, `$t` for a duration ("6 days 23 hours"), `$l` for a list of words up to the next
 * word of the pattern. A sentence that begins with an actor is a request.
 *
 * Threading: one thread. Allocation: fixed buffers.
 */
#include "tests/scenario/world.h"

enum { WORD_COUNT_MAX = 64, WORD_SIZE_MAX = 640, ARGUMENT_COUNT_MAX = 8, LIST_COUNT_MAX = 1200 };

struct sentence {
    char words[WORD_COUNT_MAX][WORD_SIZE_MAX];
    bool quoted[WORD_COUNT_MAX];
    size_t count;
};

struct arguments {
    char texts[ARGUMENT_COUNT_MAX][WORD_SIZE_MAX];
    int64_t duration_ms;
    size_t count;
};

/* What goes with the next request only. */
struct modifiers {
    bool same_id;              /* as the request before */
    int64_t profile_age_ms;    /* of the person that it names */
    bool late_profile;         /* made from a revision that is no longer in force */
    const char *other_subject; /* the gateway minted another subject for the person */
};

struct scenario {
    struct world world;
    const char *file;
    int line;
    struct world_actor actor;
    char actor_texts[3][128];
    struct modifiers modifiers;
    char last_id[FL_ID_TEXT_SIZE]; /* of the last request */
    struct fl_record last_action;
    bool has_action;
    bool must_succeed;  /* a given */
    uint32_t epochs[2]; /* under which addresses are indexed, from and to; 0: epoch 1 */
    struct fl_rules rules[2];
    struct fl_rules_set set;
};

typedef void sentence_fn(struct scenario *s, const struct arguments *arguments);

struct pattern {
    const char *text;
    sentence_fn *run;
};

extern const struct pattern request_patterns[];      /* what follows an actor */
extern const struct pattern device_patterns[];       /* the same, about devices */
extern const struct pattern transfer_patterns[];     /* the same, about ownership */
extern const struct pattern notification_patterns[]; /* the same, about mail */
extern const struct pattern firmware_patterns[];     /* the same, about firmware */
extern const struct pattern login_patterns[];        /* the same, about signing up and in */
extern const struct pattern plain_patterns[];        /* whole sentences, not requests */
extern const struct pattern expect_patterns[];       /* after then */
extern const struct pattern mail_patterns[];         /* the same, about mail */
extern const struct pattern login_expectations[];    /* the same, about signing in */
extern const struct pattern license_patterns[];      /* the same, about licenses */
extern const struct pattern payment_patterns[];      /* whole sentences about payments */
extern const struct pattern license_expectations[];  /* the same, about licenses and plans */
extern const struct pattern parts_patterns[];        /* after an actor, about the catalogue */
extern const struct pattern parts_expectations[];    /* after then, the same */
extern const struct pattern log_patterns[];          /* the same, about the Event Log */
extern const struct pattern reseller_patterns[];     /* after an actor, about resellers */
extern const struct pattern reseller_expectations[]; /* after then, the same */
extern const struct pattern privacy_expectations[];
extern const struct pattern due_patterns[];     /* whole, about what falls due */
extern const struct pattern due_requests[];     /* after an actor, the same */
extern const struct pattern due_expectations[]; /* after then, the same */
extern const struct pattern privacy_patterns[]; /* the same, about personal data */

/* Ends the test: file, line, why. */
_Noreturn void fail(const struct scenario *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sends a request of the present actor. */
void request(struct scenario *s, const ProtobufCMessage *message);

/* Sends bytes as they are. */
void send_record(struct scenario *s, const struct fl_record *record);

/* Splits "a,b,U1..U9" into names; returns how many. */
size_t split_list(struct scenario *s, const char *list, char (*names)[32]);

/* Ids of listed devices, in static storage; returns how many. */
size_t device_ids(struct scenario *s, const char *list, const char **ids);

/* Id of a thing by its name; static storage, stays. */
const char *id_of(const char *kind, const char *name);

/* The name that an id was made of; NULL: none. */
const char *name_of(const char *id);

/* A message on the stack, initialised. */
#define INIT(type, name, descriptor)                                                               \
    Fleetlog__V1__##type name;                                                                     \
    protobuf_c_message_init(&fleetlog__v1__##descriptor##__descriptor, &name)

/* A person by name: the same address in every scenario, as the gateway would index it. */
struct person {
    Fleetlog__V1__PersonRef ref;
    Fleetlog__V1__AddressIndex index[2];
    Fleetlog__V1__AddressIndex *indexes[2];
    uint8_t bytes[2][FL_ID_SIZE];
    char subject[FL_ID_TEXT_SIZE];
};

/* Index of a person's address under an epoch. */
void address_index(const char *name, uint32_t epoch, uint8_t out[FL_ID_SIZE]);

Fleetlog__V1__PersonRef *person_ref(struct scenario *s, const char *name, struct person *person);
