/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The gateway's side of producers/agent_protocol.h for tests: it takes reports by the same rules
 * and can be away, overloaded, or lose its answers.
 *
 * It checks every signature, nonce and counter; what is wrong is counted in bad_count, which a test
 * expects to be 0.
 *
 * Threading: any thread. Allocation: freed at close.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ids.h"
#include "core/slice.h"

enum { FL_FAKE_DEADLINE_S = 30 };

enum fl_fake_gateway_mode {
    FL_FAKE_ANSWERS,
    FL_FAKE_OVERLOADED,   /* 503 */
    FL_FAKE_FORGETFUL,    /* does what a POST asks and answers 500 */
    FL_FAKE_SIZE_LIMITED, /* 413 for more than one report */
    FL_FAKE_PROXY         /* 404 to everything, as a proxy that leads nowhere */
};

struct fl_fake_report {
    uint32_t device_number;
    uint32_t generation;
    uint64_t counter;
    uint64_t thinned_count;
    int64_t sampled_at_ms;
    unsigned kind;         /* enum fl_report_kind */
    struct fl_slice bytes; /* the signed report */
};

struct fl_fake_command {
    char id[FL_ID_TEXT_SIZE];
    char device_id[FL_ID_TEXT_SIZE];
    const char *kind;
    const char *parameter;
    int64_t expires_at_ms;
    bool cancelled; /* its delivery is refused */
    unsigned delivery_count;
    unsigned acknowledgement_count;
    unsigned outcome_count;
    char outcome[16];
    char reason[65];
    char variable[128];
    char value[257];
    uint64_t report_counter;
};

struct fl_fake_gateway;

struct fl_fake_gateway *fl_fake_gateway_open(void);
void fl_fake_gateway_close(struct fl_fake_gateway **gateway);
const char *fl_fake_gateway_url(const struct fl_fake_gateway *gateway);

/* Stops listening, and listens again on the same port. */
void fl_fake_gateway_leave(struct fl_fake_gateway *gateway);
void fl_fake_gateway_return(struct fl_fake_gateway *gateway);
void fl_fake_gateway_set_mode(struct fl_fake_gateway *gateway, enum fl_fake_gateway_mode mode);

/* From now on the device of that UPS is unknown. */
void fl_fake_gateway_remove(struct fl_fake_gateway *gateway, const char *ups_name);

/* Number of a registered device; 0: none. */
uint32_t fl_fake_gateway_device(struct fl_fake_gateway *gateway, const char *ups_name);

/* Hands out a command for a registered device; its index. */
size_t fl_fake_gateway_command(struct fl_fake_gateway *gateway, const char *ups_name,
                               const char *kind, const char *parameter, int64_t ttl_ms);
struct fl_fake_command fl_fake_gateway_command_at(struct fl_fake_gateway *gateway, size_t index);
void fl_fake_gateway_cancel(struct fl_fake_gateway *gateway, size_t index);

/* Accepted reports so far; one of them (its bytes live until close). */
size_t fl_fake_gateway_report_count(struct fl_fake_gateway *gateway);
struct fl_fake_report fl_fake_gateway_report(struct fl_fake_gateway *gateway, size_t index);
unsigned fl_fake_gateway_replayed_count(struct fl_fake_gateway *gateway);

/* Descriptions of devices that were removed: how often the agent was told so. */
unsigned fl_fake_gateway_gone_count(struct fl_fake_gateway *gateway);
unsigned fl_fake_gateway_bad_count(struct fl_fake_gateway *gateway);

/* Waits until `holds` (called with the lock released) is true; looks after each request. False
 * after FL_FAKE_DEADLINE_S. */
typedef bool fl_fake_condition(struct fl_fake_gateway *gateway, void *context);
bool fl_fake_gateway_wait(struct fl_fake_gateway *gateway, fl_fake_condition *holds, void *context);
