/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/agent/agent_internal.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/diag.h"

enum { TURN_MS_MAX = 1000, WATCH_TURN_MS = 200, CLAIM_SIZE_MAX = 256 };

void fl_agent_fail(struct fl_agent *agent, enum fl_error error, const char *why)
{
    if (agent->error != FL_OK)
        return;
    agent->error = error;
    if (why != agent->detail)
        snprintf(agent->detail, sizeof(agent->detail), "%s: %s", why, fl_error_text(error));
}

/* A commit that found no room has lost what it gathered: the rows are what counts, and what the
 * devices said last is told again in full. */
bool fl_agent_commit(struct fl_agent *agent)
{
    enum fl_error error = fl_agent_state_commit(&agent->state);
    if (error == FL_OK)
        return true;
    if (fl_error_class(error) != FL_CLASS_LIMIT) {
        fl_agent_fail(agent, error, agent->state.detail);
        return false;
    }
    fl_diag(STORE_FULL, FL_TEXT("what", "the agent's queue"));
    struct fl_queue *queue = &agent->state.queue;
    uint64_t busy_until = queue->busy_until;
    fl_commands_free(agent);
    fl_queue_load(queue, fl_agent_state_write(&agent->state), FL_AGENT_TABLE_QUEUE,
                  FL_AGENT_TABLE_META, agent->options->queue_size_max);
    queue->busy_until = busy_until;
    fl_devices_load(agent);
    agent->posted = NULL;
    fl_commands_load(agent);
    return false;
}

static void on_values(void *context, struct fl_ups *ups, struct fl_nut_list *values)
{
    struct fl_agent *agent = context;
    struct fl_agent_device *device = fl_devices_of(agent, ups);
    bool first = device != NULL && !device->has_values;
    if (device == NULL)
        return;
    fl_device_take_values(agent, device, values);
    if (first && ups->described)
        fl_device_take_description(agent, device);
}

static void on_stale(void *context, struct fl_ups *ups, const char *word)
{
    struct fl_agent *agent = context;
    struct fl_agent_device *device = fl_devices_of(agent, ups);
    if (device != NULL)
        fl_device_take_stale(agent, device, word);
}

static void on_described(void *context, struct fl_ups *ups)
{
    struct fl_agent *agent = context;
    struct fl_agent_device *device = fl_devices_of(agent, ups);
    if (device != NULL)
        fl_device_take_description(agent, device);
}

static bool next_command(void *context, struct fl_upsd *upsd, struct fl_upsd_command *command)
{
    return fl_commands_next(context, upsd, command);
}

static void on_answered(void *context, struct fl_upsd *upsd, const struct fl_nut_answer *answer)
{
    fl_commands_answered(context, upsd, answer);
}

static void open_upsds(struct fl_agent *agent)
{
    const struct fl_agent_options *options = agent->options;
    struct fl_upsd_events events = {.context = agent,
                                    .values = on_values,
                                    .stale = on_stale,
                                    .described = on_described,
                                    .command = next_command,
                                    .answered = on_answered};
    for (size_t i = 0; i < options->upsd_count; i++)
        if (fl_upsd_init(&agent->upsds[i], &options->upsds[i], agent->port, &events) != FL_OK) {
            snprintf(agent->detail, sizeof(agent->detail), "\"%.200s\" is no address of an upsd",
                     options->upsds[i].address);
            fl_agent_fail(agent, FL_USAGE, agent->detail);
        }
}

static void open_all(struct fl_agent *agent)
{
    const struct fl_agent_options *options = agent->options;
    enum fl_error error = fl_agent_state_open(&agent->state, options->state_directory,
                                              options->queue_size_max, agent->port);
    if (error != FL_OK) {
        snprintf(agent->detail, sizeof(agent->detail), "%.200s", agent->state.detail);
        fl_agent_fail(agent, error, agent->detail);
        return;
    }
    if (agent->state.company_id[0] == '\0' && options->claim == NULL) {
        fl_agent_fail(agent, FL_USAGE, "this agent is not enrolled yet and needs a claim code");
        return;
    }
    error = fl_agent_http_open(options->gateway_url, options->gateway_ca, &agent->state,
                               agent->port, &agent->http);
    if (error != FL_OK) {
        fl_agent_fail(agent, error, "the gateway's URL");
        return;
    }
    fl_devices_load(agent);
    fl_commands_load(agent);
    fl_agent_commit(agent);
    fl_uplink_init(agent);
}

static int turn_ms(const struct fl_agent *agent, int64_t now_ms)
{
    int64_t next_ms = fl_uplink_next_ms(agent);
    for (size_t i = 0; i < agent->options->upsd_count; i++) {
        int64_t upsd_ms = fl_upsd_next_ms(&agent->upsds[i]);
        next_ms = upsd_ms < next_ms ? upsd_ms : next_ms;
    }
    if (agent->state.writing && agent->state.began_at_ms + FL_AGENT_COMMIT_MS < next_ms)
        next_ms = agent->state.began_at_ms + FL_AGENT_COMMIT_MS;
    int64_t longest_ms = agent->commands != NULL ? WATCH_TURN_MS : TURN_MS_MAX;
    int64_t wait_ms = next_ms - now_ms;
    return wait_ms < 0 ? 0 : (int)(wait_ms < longest_ms ? wait_ms : longest_ms);
}

static void wait_for_something(struct fl_agent *agent, int timeout_ms)
{
    struct fl_agent_wait waits[FL_AGENT_UPSD_COUNT_MAX + 1];
    unsigned count = 0;
    waits[count++] = (struct fl_agent_wait){.fd = agent->duty->stop_fd, .events = POLLIN};
    for (size_t i = 0; i < agent->options->upsd_count; i++) {
        const struct fl_nut_stream *stream = &agent->upsds[i].stream;
        if (stream->fd >= 0)
            waits[count++] = (struct fl_agent_wait){.fd = stream->fd, .events = stream->events};
    }
    if (fl_agent_http_step(agent->http, waits, count, timeout_ms) != FL_OK)
        fl_agent_fail(agent, FL_NO_MEMORY, "waiting");
}

static void run(struct fl_agent *agent)
{
    while (agent->error == FL_OK && !fl_duty_stopping(agent->duty)) {
        fl_duty_beat(agent->duty);
        for (size_t i = 0; i < agent->options->upsd_count; i++)
            fl_upsd_step(&agent->upsds[i]);
        int64_t now_ms = fl_port_monotonic_ms(agent->port);
        fl_devices_look_after(agent, now_ms);
        fl_commands_expire(agent, now_ms);
        fl_firmware_step(agent, now_ms);
        if (agent->state.writing && now_ms - agent->state.began_at_ms >= FL_AGENT_COMMIT_MS)
            fl_agent_commit(agent);
        fl_uplink_step(agent);
        if (agent->error == FL_OK)
            wait_for_something(agent, turn_ms(agent, fl_port_monotonic_ms(agent->port)));
    }
    if (agent->error == FL_OK)
        fl_agent_commit(agent);
}

enum fl_error fl_agent_run(struct fl_duty *duty, const struct fl_agent_options *options,
                           char detail[FL_AGENT_DETAIL_SIZE])
{
    struct fl_agent *agent = calloc(1, sizeof(*agent));
    if (agent == NULL)
        return FL_NO_MEMORY;
    agent->options = options;
    agent->duty = duty;
    agent->port = duty->port;
    agent->state.lock_fd = -1;
    agent->upsds = calloc(options->upsd_count, sizeof(*agent->upsds));
    agent->scratch = malloc(FL_AGENT_BODY_SIZE_MAX);
    if (agent->upsds == NULL || agent->scratch == NULL)
        fl_agent_fail(agent, FL_NO_MEMORY, "start");
    else if (options->upsd_count == 0 || options->upsd_count > FL_AGENT_UPSD_COUNT_MAX)
        fl_agent_fail(agent, FL_USAGE, "between 1 and 128 upsds can be given");
    else if (options->claim != NULL && strlen(options->claim) > CLAIM_SIZE_MAX)
        fl_agent_fail(agent, FL_USAGE, "the claim code is too long");
    else
        open_upsds(agent);
    if (agent->error == FL_OK)
        open_all(agent);
    if (agent->error == FL_OK && agent->state.company_id[0] != '\0')
        fl_duty_ready(duty);
    run(agent);
    enum fl_error error = agent->error;
    memcpy(detail, agent->detail, FL_AGENT_DETAIL_SIZE);
    fl_agent_http_close(&agent->http);
    for (size_t i = 0; agent->upsds != NULL && i < options->upsd_count; i++)
        fl_upsd_fini(&agent->upsds[i]);
    fl_firmware_free(agent);
    fl_commands_free(agent);
    fl_devices_free(agent);
    fl_agent_state_close(&agent->state);
    free(agent->upsds);
    free(agent->scratch);
    free(agent);
    return error;
}
