/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/agent/upsd.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/diag.h"

enum {
    RETRY_MS_MIN = 500,
    RETRY_MS_MAX = 60000,
    URGENT_MS = 500,
    LOOKUP_MS = 50,
    LIST_AGAIN_MS = 2000
};

/* Before anything else is asked, in this order. */
static const enum fl_nut_ask setup_asks[] = {FL_NUT_VERSION,  FL_NUT_PROTOCOL, FL_NUT_STARTTLS,
                                             FL_NUT_USERNAME, FL_NUT_PASSWORD, FL_NUT_TRACKING_ON};
enum { SETUP_COUNT = sizeof(setup_asks) / sizeof(setup_asks[0]) };

static bool parse_address(struct fl_upsd *upsd, const char *address)
{
    const char *host = address;
    const char *port = "3493";
    size_t size = strcspn(address, ":");
    if (address[0] == '[') {
        host = address + 1;
        size = strcspn(host, "]");
        if (host[size] != ']')
            return false;
        if (host[size + 1] == ':')
            port = host + size + 2;
        else if (host[size + 1] != '\0')
            return false;
    } else if (address[size] == ':') {
        port = address + size + 1;
    }
    uint64_t number;
    if (size == 0 || size >= sizeof(upsd->host) || !fl_slice_to_u64(fl_slice_text(port), &number) ||
        number == 0 || number > UINT16_MAX)
        return false;
    memcpy(upsd->host, host, size);
    upsd->host[size] = '\0';
    snprintf(upsd->service, sizeof(upsd->service), "%u", (unsigned)number);
    return true;
}

enum fl_error fl_upsd_init(struct fl_upsd *upsd, const struct fl_upsd_options *options,
                           const struct fl_port *port, const struct fl_upsd_events *events)
{
    *upsd = (struct fl_upsd){.options = *options, .port = port, .events = *events};
    fl_nut_stream_init(&upsd->stream);
    fl_nut_session_init(&upsd->session);
    upsd->lost_at_ms = fl_port_monotonic_ms(port);
    return parse_address(upsd, options->address) ? FL_OK : FL_USAGE;
}

void fl_upsd_fini(struct fl_upsd *upsd)
{
    fl_nut_stream_fini(&upsd->stream);
    fl_nut_session_fini(&upsd->session);
    for (size_t i = 0; i < upsd->ups_count; i++) {
        fl_nut_list_fini(&upsd->ups[i]->description);
        fl_nut_list_fini(&upsd->ups[i]->variables);
        fl_nut_list_fini(&upsd->ups[i]->commands);
        free(upsd->ups[i]);
    }
    upsd->ups_count = 0;
}

/* Doubles up to a minute, and a random half of it, so that many agents do not come at once. */
static int64_t back_off(struct fl_upsd *upsd)
{
    uint16_t random;
    int64_t wait_ms = RETRY_MS_MAX;
    if (upsd->failure_count < 7)
        wait_ms = (int64_t)RETRY_MS_MIN << upsd->failure_count;
    if (wait_ms > RETRY_MS_MAX)
        wait_ms = RETRY_MS_MAX;
    upsd->failure_count++;
    fl_port_random(upsd->port, &random, sizeof(random));
    return wait_ms / 2 + wait_ms / 2 * random / UINT16_MAX;
}

static void disconnect(struct fl_upsd *upsd, const char *why)
{
    int64_t now_ms = fl_port_monotonic_ms(upsd->port);
    bool was_command = upsd->command_open;
    if (!upsd->warned)
        fl_diag(AGENT_UPSD, FL_TEXT("upsd", upsd->options.address), FL_TEXT("why", why));
    upsd->warned = true;
    fl_nut_stream_close(&upsd->stream);
    fl_nut_session_reset(&upsd->session);
    upsd->phase = FL_UPSD_CLOSED;
    upsd->asked = NULL;
    upsd->command_open = false;
    upsd->retry_at_ms = now_ms + back_off(upsd);
    if (upsd->lost_at_ms == 0)
        upsd->lost_at_ms = now_ms;
    if (was_command)
        upsd->events.answered(upsd->events.context, upsd, NULL);
}

static void send_request(struct fl_upsd *upsd, const struct fl_nut_request *request,
                         struct fl_ups *about)
{
    upsd->asked = about;
    upsd->deadline_ms = fl_port_monotonic_ms(upsd->port) + FL_UPSD_ANSWER_MS_MAX;
    fl_nut_stream_send(&upsd->stream, request);
}

/* Sends a request unless its words do not fit into a line: then it is as if it had been refused. */
static bool ask(struct fl_upsd *upsd, enum fl_nut_ask what, struct fl_slice argument,
                struct fl_ups *about)
{
    struct fl_nut_request request;
    if (fl_nut_session_ask(&upsd->session, what, argument, &request) != FL_OK)
        return false;
    send_request(upsd, &request, about);
    return true;
}

static bool may_send_password(const struct fl_upsd *upsd)
{
    return upsd->options.user != NULL && upsd->options.password != NULL &&
           (upsd->stream.encrypted || upsd->stream.loopback || upsd->options.plain_password);
}

/* The next step of setting up that applies; false: it is done. */
static bool ask_setup(struct fl_upsd *upsd)
{
    for (; upsd->setup_step < SETUP_COUNT; upsd->setup_step++) {
        enum fl_nut_ask what = setup_asks[upsd->setup_step];
        const char *word = NULL;
        if (what == FL_NUT_STARTTLS && upsd->options.tls == FL_UPSD_TLS_OFF)
            continue;
        if (what == FL_NUT_USERNAME || what == FL_NUT_PASSWORD) {
            if (!may_send_password(upsd))
                continue;
            word = what == FL_NUT_USERNAME ? upsd->options.user : upsd->options.password;
        }
        if (ask(upsd, what, fl_slice_text(word), NULL)) {
            upsd->setup_step++;
            return true;
        }
    }
    if (upsd->options.user != NULL && !may_send_password(upsd))
        fl_diag(CONFIG_WARNING, FL_TEXT("upsd", upsd->options.address),
                FL_TEXT("why", "no password is sent to another machine without TLS: commands will "
                               "be refused"));
    return false;
}

static void be_ready(struct fl_upsd *upsd)
{
    upsd->phase = FL_UPSD_READY;
    upsd->failure_count = 0;
    upsd->lost_at_ms = 0;
    upsd->list_at_ms = 0;
    if (upsd->warned)
        fl_diag(AGENT_UPSD, FL_TEXT("upsd", upsd->options.address), FL_TEXT("why", "back again"));
    upsd->warned = false;
    for (size_t i = 0; i < upsd->ups_count; i++)
        upsd->ups[i]->poll_at_ms = upsd->ups[i]->describe_at_ms = 0;
}

static bool ask_command(struct fl_upsd *upsd)
{
    struct fl_upsd_command command;
    if (!upsd->events.command(upsd->events.context, upsd, &command))
        return false;
    upsd->command_open = true;
    if (command.is_tracking) {
        if (ask(upsd, FL_NUT_TRACKING, fl_slice_text(command.tracking), NULL))
            return true;
        upsd->command_open = false;
        upsd->events.answered(upsd->events.context, upsd, NULL);
        return false;
    }
    fl_nut_session_ask_command(&upsd->session);
    send_request(upsd, &command.request, NULL);
    return true;
}

/* Asks about a UPS what is due: first what it offers, then its values. */
static bool ask_about(struct fl_upsd *upsd, struct fl_ups *ups, int64_t now_ms)
{
    struct fl_slice name = fl_slice_text(ups->name);
    if (!ups->listed)
        return false;
    if (ups->describe_at_ms <= now_ms) {
        if (!ups->knows_variables)
            return ask(upsd, FL_NUT_LIST_RW, name, ups);
        if (!ups->knows_commands)
            return ask(upsd, FL_NUT_LIST_CMD, name, ups);
        ups->describe_at_ms = now_ms + upsd->options.describe_ms;
        ups->knows_variables = ups->knows_commands = false; /* for the next look */
    }
    int64_t poll_ms = upsd->options.poll_ms;
    if (ups->poll_at_ms > now_ms)
        return false;
    if (ups->urgent && poll_ms > URGENT_MS)
        poll_ms = URGENT_MS;
    ups->poll_at_ms = now_ms + poll_ms;
    return ask(upsd, FL_NUT_LIST_VAR, name, ups);
}

static void ask_next(struct fl_upsd *upsd)
{
    int64_t now_ms = fl_port_monotonic_ms(upsd->port);
    if (upsd->session.ask != FL_NUT_NOTHING || upsd->stream.state != FL_NUT_OPEN ||
        upsd->stream.out_size > 0) /* answered before it was asked */
        return;
    if (upsd->phase == FL_UPSD_SETTING_UP) {
        if (ask_setup(upsd))
            return;
        be_ready(upsd);
    }
    if (upsd->phase != FL_UPSD_READY || ask_command(upsd))
        return;
    if (upsd->list_at_ms <= now_ms) {
        upsd->list_at_ms = now_ms + FL_UPSD_LIST_INTERVAL_MS;
        if (ask(upsd, FL_NUT_LIST_UPS, FL_SLICE_NULL, NULL))
            return;
    }
    /* In turn, so that the last one gets its share when there is more to ask than time. */
    for (size_t i = 0; i < upsd->ups_count; i++) {
        size_t turn = upsd->turn++ % upsd->ups_count;
        if (ask_about(upsd, upsd->ups[turn], now_ms)) {
            bool again = upsd->ups[turn]->describe_at_ms <= now_ms;
            upsd->turn = again ? turn : turn + 1; /* what it offers comes before its values */
            return;
        }
    }
}

static struct fl_ups *find_ups(struct fl_upsd *upsd, struct fl_slice name)
{
    for (size_t i = 0; i < upsd->ups_count; i++)
        if (fl_slice_is(name, upsd->ups[i]->name))
            return upsd->ups[i];
    if (upsd->ups_count == FL_UPSD_UPS_COUNT_MAX)
        return NULL;
    struct fl_ups *ups = calloc(1, sizeof(*ups));
    if (ups == NULL || !fl_slice_to_text(name, ups->name, sizeof(ups->name))) {
        free(ups);
        return NULL;
    }
    ups->upsd = upsd;
    fl_nut_list_init(&ups->description);
    fl_nut_list_init(&ups->variables);
    fl_nut_list_init(&ups->commands);
    upsd->ups[upsd->ups_count++] = ups;
    return ups;
}

static void take_list(struct fl_upsd *upsd)
{
    const struct fl_nut_list *list = &upsd->session.list;
    upsd->has_list = true;
    for (size_t i = 0; i < list->count; i++) {
        struct fl_slice name = fl_nut_list_name(list, i);
        struct fl_ups *ups = find_ups(upsd, name);
        if (ups == NULL)
            continue;
        ups->listed = true;
        fl_nut_list_reset(&ups->description);
        if (fl_nut_list_add(&ups->description, name, fl_nut_list_value(list, i)) != FL_OK)
            fl_nut_list_reset(&ups->description);
    }
    for (size_t i = 0; i < upsd->ups_count; i++) {
        struct fl_ups *ups = upsd->ups[i];
        if (ups->listed && fl_nut_list_find(list, fl_slice_text(ups->name)).data == NULL) {
            ups->listed = false;
            upsd->events.stale(upsd->events.context, ups, "GONE");
        }
    }
}

/* What a UPS offers; a refusal means that it offers nothing of the kind that can be known. */
static void take_description(struct fl_upsd *upsd, struct fl_ups *ups, bool is_variables)
{
    struct fl_nut_list *target = is_variables ? &ups->variables : &ups->commands;
    if (upsd->session.answer.result == FL_NUT_DONE)
        fl_nut_list_swap(target, &upsd->session.list);
    if (is_variables)
        ups->knows_variables = true;
    else
        ups->knows_commands = true;
    if (ups->knows_variables && ups->knows_commands) {
        ups->described = true;
        upsd->events.described(upsd->events.context, ups);
    }
}

static void take_values(struct fl_upsd *upsd, struct fl_ups *ups)
{
    const struct fl_nut_answer *answer = &upsd->session.answer;
    if (answer->dropped_count > 0 && !ups->warned)
        fl_diag(AGENT_UPSD, FL_TEXT("upsd", upsd->options.address), FL_TEXT("ups", ups->name),
                FL_UINT("dropped_rows", answer->dropped_count));
    ups->warned = answer->dropped_count > 0;
    if (answer->result == FL_NUT_DONE)
        upsd->events.values(upsd->events.context, ups, &upsd->session.list);
    else
        upsd->events.stale(upsd->events.context, ups, answer->text);
}

/* False: the connection is of no more use, or TLS begins. */
static bool take_setup(struct fl_upsd *upsd)
{
    const struct fl_nut_answer *answer = &upsd->session.answer;
    if (answer->ask == FL_NUT_VERSION && answer->result == FL_NUT_DONE)
        memcpy(upsd->version, answer->text, sizeof(upsd->version));
    if (answer->ask != FL_NUT_STARTTLS)
        return true;
    if (answer->result == FL_NUT_REFUSED) {
        if (upsd->options.tls == FL_UPSD_TLS_REQUIRED)
            disconnect(upsd, "upsd offers no TLS, which is required");
        return upsd->options.tls != FL_UPSD_TLS_REQUIRED;
    }
    if (fl_nut_stream_start_tls(&upsd->stream, upsd->host, upsd->options.ca_path) != FL_OK)
        disconnect(upsd, "TLS cannot be set up: can the CA file be read?");
    return false;
}

static bool take_answer(struct fl_upsd *upsd)
{
    const struct fl_nut_answer *answer = &upsd->session.answer;
    struct fl_ups *ups = upsd->asked;
    upsd->asked = NULL;
    switch (answer->ask) {
    case FL_NUT_LIST_UPS:
        if (answer->result == FL_NUT_DONE)
            take_list(upsd);
        else
            upsd->list_at_ms = fl_port_monotonic_ms(upsd->port) + LIST_AGAIN_MS;
        return true;
    case FL_NUT_LIST_VAR:
        take_values(upsd, ups);
        return true;
    case FL_NUT_LIST_RW:
    case FL_NUT_LIST_CMD:
        take_description(upsd, ups, answer->ask == FL_NUT_LIST_RW);
        return true;
    case FL_NUT_COMMAND:
    case FL_NUT_TRACKING:
        upsd->command_open = false;
        upsd->events.answered(upsd->events.context, upsd, answer);
        return true;
    case FL_NUT_VERSION:
    case FL_NUT_PROTOCOL:
    case FL_NUT_STARTTLS:
    case FL_NUT_USERNAME:
    case FL_NUT_PASSWORD:
    case FL_NUT_TRACKING_ON:
    case FL_NUT_NOTHING:
        break;
    }
    return take_setup(upsd);
}

static bool on_line(void *context, struct fl_slice line)
{
    struct fl_upsd *upsd = context;
    switch (fl_nut_session_line(&upsd->session, line)) {
    case FL_NUT_MORE:
        return true;
    case FL_NUT_BROKEN:
        disconnect(upsd, "what it sends is not NUT's protocol");
        return false;
    case FL_NUT_ANSWERED:
        break;
    }
    if (!take_answer(upsd))
        return false;
    ask_next(upsd);
    return true;
}

static void begin_connect(struct fl_upsd *upsd, int64_t now_ms)
{
    if (fl_nut_stream_open(&upsd->stream, upsd->host, upsd->service) != FL_OK) {
        disconnect(upsd, upsd->stream.detail);
        return;
    }
    upsd->phase = FL_UPSD_CONNECTING;
    upsd->deadline_ms = now_ms + FL_UPSD_ANSWER_MS_MAX;
}

void fl_upsd_step(struct fl_upsd *upsd)
{
    int64_t now_ms = fl_port_monotonic_ms(upsd->port);
    if (upsd->phase == FL_UPSD_CLOSED) {
        if (now_ms >= upsd->retry_at_ms)
            begin_connect(upsd, now_ms);
        return;
    }
    if (fl_nut_stream_step(&upsd->stream, on_line, upsd) != FL_OK) {
        char why[sizeof(upsd->stream.detail)];
        memcpy(why, upsd->stream.detail, sizeof(why));
        disconnect(upsd, why);
        return;
    }
    if (upsd->phase == FL_UPSD_CONNECTING && upsd->stream.state == FL_NUT_OPEN) {
        upsd->phase = FL_UPSD_SETTING_UP;
        upsd->setup_step = 0;
    }
    ask_next(upsd);
    bool waits = upsd->phase != FL_UPSD_READY || upsd->session.ask != FL_NUT_NOTHING;
    if (upsd->phase != FL_UPSD_CLOSED && waits && now_ms > upsd->deadline_ms)
        disconnect(upsd, "no answer in time");
}

int64_t fl_upsd_next_ms(const struct fl_upsd *upsd)
{
    if (upsd->phase == FL_UPSD_CLOSED)
        return upsd->retry_at_ms;
    if (upsd->stream.state == FL_NUT_RESOLVING)
        return fl_port_monotonic_ms(upsd->port) + LOOKUP_MS;
    if (upsd->phase != FL_UPSD_READY || upsd->session.ask != FL_NUT_NOTHING)
        return upsd->deadline_ms + 1;
    int64_t next_ms = upsd->list_at_ms;
    for (size_t i = 0; i < upsd->ups_count; i++)
        if (upsd->ups[i]->listed && upsd->ups[i]->poll_at_ms < next_ms)
            next_ms = upsd->ups[i]->poll_at_ms;
    return next_ms;
}
