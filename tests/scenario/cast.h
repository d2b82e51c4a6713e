/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Ready-made requests for tests in C: who, what, and the answer's type.
 *
 * Things are named by small numbers; the same number is the same id in every test. Each function
 * sends one action and returns the type of its answer.
 *
 * Threading: one thread. Allocation: the world's.
 */
#include "fleetlog/v1/licenses.pb-c.h"
#include "fleetlog/v1/purchases.pb-c.h"
#include "projections/registry/due.h"
#include "tests/scenario/world.h"

enum { CAST_ID_COUNT_MAX = 4000 };

/* Id of thing `number` of a kind ("device"); static storage, stays. */
const char *cast_id(const char *kind, unsigned number);

/* Sends as an account, the operator, an agent, the detector. `id` NULL: a fresh one. */
enum fl_message_type cast_account(struct world *world, unsigned account, const char *id,
                                  const ProtobufCMessage *message);
enum fl_message_type cast_operator(struct world *world, const char *id,
                                   const ProtobufCMessage *message);
enum fl_message_type cast_agent(struct world *world, unsigned agent, const char *id,
                                const ProtobufCMessage *message);
enum fl_message_type cast_detector(struct world *world, const ProtobufCMessage *message);

/* A person of the given number with his address index under epoch 1 and, if asked, epoch 2. */
struct cast_person {
    Fleetlog__V1__PersonRef ref;
    Fleetlog__V1__AddressIndex index[2];
    Fleetlog__V1__AddressIndex *indexes[2];
    uint8_t bytes[2][FL_ID_SIZE];
};
Fleetlog__V1__PersonRef *cast_person(struct world *world, struct cast_person *person,
                                     unsigned number, unsigned epochs);

enum { CAST_EPOCH_1 = 1, CAST_EPOCH_2 = 2 };

enum fl_message_type cast_create_log(struct world *world);
enum fl_message_type cast_create_company(struct world *world, unsigned company);
enum fl_message_type cast_create_account(struct world *world, unsigned account, unsigned company,
                                         Fleetlog__V1__Role role);
enum fl_message_type cast_invite(struct world *world, unsigned account, unsigned person,
                                 unsigned invitation);
enum fl_message_type cast_cancel_invitation(struct world *world, unsigned account,
                                            unsigned invitation);
enum fl_message_type cast_resend_invitation(struct world *world, unsigned account,
                                            unsigned invitation);
enum fl_message_type cast_accept_invitation(struct world *world, unsigned account,
                                            unsigned invitation, bool move);
enum fl_message_type cast_change_role(struct world *world, unsigned account, unsigned coworker,
                                      Fleetlog__V1__Role role);
enum fl_message_type cast_remove_coworker(struct world *world, unsigned account, unsigned coworker);
enum fl_message_type cast_close_account(struct world *world, unsigned account);
enum fl_message_type cast_remove_shared(struct world *world, unsigned account, unsigned company);
enum fl_message_type cast_issue_claim(struct world *world, unsigned account, unsigned claim);
enum fl_message_type cast_enrol(struct world *world, unsigned agent, unsigned claim);
enum fl_message_type cast_register(struct world *world, unsigned agent, unsigned device,
                                   unsigned ups);
enum fl_message_type cast_rename(struct world *world, unsigned account, unsigned device,
                                 const char *name);
enum fl_message_type cast_remove(struct world *world, unsigned account, unsigned device);
enum fl_message_type cast_share(struct world *world, unsigned account, const unsigned *devices,
                                size_t device_count, unsigned person, unsigned share);
enum fl_message_type cast_accept(struct world *world, unsigned account, unsigned share);
enum fl_message_type cast_revoke(struct world *world, unsigned account, unsigned share);
enum fl_message_type cast_move(struct world *world, unsigned account, unsigned device,
                               unsigned agent, unsigned ups);
enum fl_message_type cast_describe(struct world *world, unsigned agent, unsigned device,
                                   const char *serial);
enum fl_message_type cast_publish(struct world *world, unsigned firmware, const char *version);
enum fl_message_type cast_withdraw(struct world *world, unsigned firmware);
enum fl_message_type cast_offer(struct world *world, unsigned account, unsigned device,
                                unsigned person, unsigned transfer);
enum fl_message_type cast_take_over(struct world *world, unsigned account, unsigned transfer);
enum fl_message_type cast_decline_offer(struct world *world, unsigned account, unsigned transfer);
enum fl_message_type cast_cancel_offer(struct world *world, unsigned account, unsigned transfer);
enum fl_message_type cast_request(struct world *world, unsigned account, unsigned device,
                                  unsigned command, int64_t ttl_ms);
enum fl_message_type cast_cancel(struct world *world, unsigned account, unsigned command);
enum fl_message_type cast_deliver(struct world *world, unsigned agent, unsigned command);
enum fl_message_type cast_acknowledge(struct world *world, unsigned agent, unsigned command);
enum fl_message_type cast_outcome(struct world *world, unsigned agent, unsigned command,
                                  Fleetlog__V1__CommandOutcome outcome);
enum fl_message_type cast_condition(struct world *world, unsigned device,
                                    Fleetlog__V1__ConditionKind kind, bool raised,
                                    uint64_t counter);
/* The company's first person is the installer; a term has 100 days. */
enum fl_message_type cast_mint(struct world *world, unsigned company, unsigned license,
                               uint32_t node_count, Fleetlog__V1__Plan plan);
enum fl_message_type cast_apply(struct world *world, unsigned account, unsigned license,
                                const unsigned *devices, size_t device_count);
enum fl_message_type cast_release(struct world *world, unsigned account, unsigned license,
                                  unsigned device);
enum { CAST_PRICE_MINOR = 4900, CAST_BOUGHT = 500 /* license of purchase n: 500 + n */ };
enum fl_message_type cast_set_prices(struct world *world);
enum fl_message_type cast_buy(struct world *world, unsigned account, unsigned purchase);
enum fl_message_type cast_payment(struct world *world, unsigned purchase,
                                  Fleetlog__V1__PaymentState state);
enum fl_message_type cast_withdraw_license(struct world *world, unsigned license);

/* The timekeeper says that this is due; and all that is due at the world's time, in order. */
enum fl_message_type cast_fire(struct world *world, const struct fl_due *due);
void cast_fire_all(struct world *world);

/* Log, companies 1 and 2 with administrators 1 and 2, agent 1 of company 1 with devices 1 and 2. */
void cast_begin(struct world *world);

/* Code of the last answer; 0 if it was accepted. */
int cast_code(const struct world *world);
