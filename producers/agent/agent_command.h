/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A command on its way through the agent: stored before it is confirmed, its intent written before
 * it is sent, sent once, its effect watched, its outcome told after the report that shows it.
 *
 * Threading: the agent's one thread. Allocation: one block per live command. A command that was
 * told keeps its row for two days after its end of life, so that nothing can make it run again.
 */
#include "core/sm.h"
#include "producers/agent/agent.h"
#include "producers/agent/agent_device.h"
#include "producers/agent/command_rules.h"

enum { FL_AGENT_COMMAND_COUNT_MAX = 1000 };

enum fl_agent_command_state {
    FL_COMMAND_STORED,
    FL_COMMAND_READY,
    FL_COMMAND_INTENDED,
    FL_COMMAND_WATCHED,
    FL_COMMAND_ENDED,
    FL_COMMAND_TOLD,
    FL_AGENT_COMMAND_STATE_COUNT
};
extern const struct fl_sm fl_agent_command_machine;

struct fl_agent_command {
    struct fl_agent_command *next;
    /* Its row. */
    char id[FL_ID_TEXT_SIZE];
    char device_id[FL_ID_TEXT_SIZE];
    unsigned state; /* enum fl_agent_command_state */
    enum fl_agent_command_kind kind;
    int64_t expires_at_ms; /* the gateway's clock */
    char parameter[FL_COMMAND_TEXT_SIZE];
    struct fl_agent_command_notes notes;
    bool owes_acknowledgement;
    char outcome[16]; /* SUCCEEDED, FAILED, EXPIRED */
    char reason[FL_COMMAND_WORD_SIZE];
    char value[FL_COMMAND_TEXT_SIZE];
    uint64_t report_counter;
    uint64_t queue_number; /* the outcome waits until this row of the queue is settled */
    /* Of this run. */
    char tracking[FL_NUT_TEXT_SIZE]; /* empty: nothing to ask upsd for */
    int64_t ask_at_ms;
    int64_t watch_until_ms;
    struct fl_upsd *asked; /* whose answer it waits for */
};

void fl_commands_load(struct fl_agent *agent);
void fl_commands_free(struct fl_agent *agent);
/* Stores what the gateway hands out, durably; false: nothing was new. */
bool fl_commands_take(struct fl_agent *agent, const struct fl_agent_command *given);
bool fl_commands_next(struct fl_agent *agent, struct fl_upsd *upsd,
                      struct fl_upsd_command *command);
void fl_commands_answered(struct fl_agent *agent, struct fl_upsd *upsd,
                          const struct fl_nut_answer *answer);
/* The command of a device whose effect these readings show (or rule out), NULL: none. */
struct fl_agent_command *fl_commands_look(struct fl_agent *agent, struct fl_agent_device *device,
                                          const struct fl_nut_list *values);
/* After the report with `counter`, row `queue_number`, has been queued. */
void fl_commands_seen(struct fl_agent *agent, struct fl_agent_command *command, uint64_t counter,
                      uint64_t queue_number);
void fl_commands_expire(struct fl_agent *agent, int64_t now_ms);
/* Makes the move durable at the next commit. */
void fl_command_move(struct fl_agent *agent, struct fl_agent_command *command,
                     enum fl_agent_command_state state);
/* From now on its effect is looked for. */
void fl_command_watch(struct fl_agent *agent, struct fl_agent_command *command);
void fl_command_end(struct fl_agent *agent, struct fl_agent_command *command, const char *outcome,
                    const char *reason);
void fl_command_save(struct fl_agent *agent, const struct fl_agent_command *command);
