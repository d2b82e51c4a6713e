/* SPDX-License-Identifier: Apache-2.0 */
/* One stream of live changes: what one asker may see, from where it left off. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "producers/gateway/live.h"
#include "producers/gateway/operator.h"
#include "producers/gateway/session.h"
#include "projections/registry/rights.h"

enum {
    LOOK_COUNT = 256, /* entries looked at before something is sent */
    SHARE_LOOK_COUNT = 100,
    ARENA_SIZE = 4 * 1024 * 1024,
    BEGIN_MS = 5000,
    DIGEST_SIZE = 16
};

/* One of ?devices=. */
struct watched_device {
    char device_id[FL_ID_TEXT_SIZE];
    uint8_t sent[DIGEST_SIZE]; /* of what was sent last; zeros: nothing */
};

struct stream {
    struct call call;    /* without request and answer; its arenas live as long as a look */
    struct fl_arena own; /* as long as the stream: who asks */
    char account_id[FL_ID_TEXT_SIZE]; /* "" for an operator in his own name */
    int64_t expires_at_ms;            /* of the session; 0: never */
    uint64_t next;                    /* sequence to look at next */
    struct fl_live_seen seen;
    int64_t heartbeat_ms; /* monotonic: when the next one is due */
    uint8_t shares[DIGEST_SIZE];
    struct watched_device *devices;
    size_t device_count;
    char *line; /* what is being sent */
    size_t line_size;
    size_t sent;
    bool ended;
};

static struct gateway *gateway_of(const struct stream *stream)
{
    return stream->call.gateway;
}

/* --- lines --- */

/* Puts an event behind what waits to be sent. id may be NULL; takes `data`. */
static void put(struct stream *s, const char *event, const uint64_t *id, json_t *take_data)
{
    char *data = json_dumps(take_data, JSON_COMPACT);
    char *line = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&line, &size);
    json_decref(take_data);
    if (data == NULL || out == NULL) {
        s->ended = true; /* no memory: the client comes again */
    } else {
        fwrite(s->line == NULL ? "" : s->line, 1, s->line_size, out);
        if (id != NULL)
            fprintf(out, "id: %llu\n", (unsigned long long)*id);
        fprintf(out, "event: %s\ndata: %s\n\n", event, data);
    }
    free(data);
    if (out != NULL && fclose(out) != 0)
        s->ended = true;
    free(s->line);
    s->line = line;
    s->line_size = size;
}

static void put_end(struct stream *s, const char *reason)
{
    put(s, "end", NULL, json_pack("{s:s}", "reason", reason));
    s->ended = true;
}

/* Where somebody goes on who knows everything up to here. */
static void put_position(struct stream *s, const char *event, uint64_t applied)
{
    uint64_t id = applied == 0 ? 0 : applied - 1;
    s->next = applied;
    put(s, event, &id, json_pack("{s:I}", "sequence", (json_int_t)id));
}

/* --- rights, at the newest sequence applied --- */

static bool has_account(const struct stream *s)
{
    return s->account_id[0] != '\0';
}

/* Whether the session, token or account still stands, in the company that it was opened in. */
static bool still_stands(struct stream *s, struct fl_kv *registry)
{
    struct call *call = &s->call;
    struct fl_session session;
    if (!has_account(s))
        return true;
    const fl_account_row *account =
        fl_registry_account(registry, &call->arena, fl_slice_text(s->account_id));
    if (account == NULL || !fl_slice_is(call->identity.company_id, account->company_id))
        return false;
    return !call->identity.is_account ||
           fl_session_by_id(registry, &call->arena, call->identity.session_id,
                            call->identity.is_token, fl_port_wall_ms(gateway_of(s)->duty->port),
                            &session);
}

struct place_look {
    struct stream *stream;
    struct fl_kv *registry;
    bool is_owner_only;
    char company_id[FL_ID_TEXT_SIZE]; /* in whose log it may be seen */
};

/* The own company's log, or that of a device that the account may see. */
static bool may_see_place(void *context, const char *company_id, const char *device_id)
{
    struct place_look *look = context;
    struct call *call = &look->stream->call;
    bool may =
        device_id[0] == '\0'
            ? !has_account(look->stream) || fl_slice_is(call->identity.company_id, company_id)
            : !look->is_owner_only &&
                  fl_registry_may(look->registry, &call->arena,
                                  fl_slice_text(look->stream->account_id), fl_slice_text(device_id),
                                  FL_RIGHT_VIEW,
                                  fl_port_wall_ms(gateway_of(look->stream)->duty->port));
    if (may)
        snprintf(look->company_id, sizeof(look->company_id), "%s", company_id);
    return may;
}

static void digest_shares(struct stream *s, struct fl_kv *registry, uint8_t out[DIGEST_SIZE])
{
    struct fl_page page = {.limit = SHARE_LOOK_COUNT};
    struct fl_rows rows = {.count = 0};
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, DIGEST_SIZE);
    if (fl_registry_list(registry, &s->call.arena, FL_LIST_PERSON_SHARES,
                         fl_slice_text(s->account_id), &page, &rows) != FL_OK)
        rows.count = 0; /* the kv has failed, which the end of the read says */
    for (size_t i = 0; i < rows.count; i++) {
        const fl_share_row *row = rows.rows[i];
        uint32_t facts[] = {row->state, row->device_count};
        crypto_generichash_update(&state, (const uint8_t *)row->share_id, strlen(row->share_id));
        crypto_generichash_update(&state, (const uint8_t *)facts, sizeof(facts));
    }
    crypto_generichash_final(&state, out, DIGEST_SIZE);
}

/* --- what is new --- */

static void put_entries(struct stream *s, const struct fl_entry_reads *reads)
{
    struct call *call = &s->call;
    for (int looked = 0; looked < LOOK_COUNT && s->next < s->seen.applied; looked++) {
        const fl_entry_row *row = fl_eventlog_next(reads->eventlog, &call->arena, s->next);
        if (row == NULL || row->sequence >= s->seen.applied) {
            s->next = s->seen.applied;
            return;
        }
        struct place_look look = {
            .stream = s, .registry = reads->registry, .is_owner_only = row->owner_only};
        s->next = row->sequence + 1;
        if (fl_eventlog_stands_in(reads->eventlog, row->sequence, may_see_place, &look))
            put(s, "entry", &row->sequence, fl_call_entry_json(call, reads, look.company_id, row));
        fl_arena_reset(&call->arena);
    }
}

static void put_shares(struct stream *s, struct fl_kv *registry)
{
    uint8_t digest[DIGEST_SIZE];
    if (!has_account(s))
        return;
    digest_shares(s, registry, digest);
    if (memcmp(digest, s->shares, DIGEST_SIZE) != 0)
        put(s, "shares", NULL, json_object());
    memcpy(s->shares, digest, DIGEST_SIZE);
}

/* Each device that has changed since it was sent; one that may not be seen any more is let alone:
 * the entry or the change of shares has said so. */
static void put_devices(struct stream *s, struct fl_kv *registry, struct fl_kv *devices)
{
    for (size_t i = 0; devices != NULL && i < s->device_count; i++) {
        struct watched_device *watched = &s->devices[i];
        uint8_t digest[DIGEST_SIZE];
        json_t *device = fl_call_device_json(&s->call, registry, devices, watched->device_id);
        char *text = device == NULL ? NULL : json_dumps(device, JSON_COMPACT);
        if (text != NULL) {
            crypto_generichash(digest, sizeof(digest), (const uint8_t *)text, strlen(text), NULL,
                               0);
            if (memcmp(digest, watched->sent, DIGEST_SIZE) != 0)
                put(s, "device", NULL, json_incref(device));
            memcpy(watched->sent, digest, DIGEST_SIZE);
        }
        free(text);
        json_decref(device);
        fl_arena_reset(&s->call.arena);
        fl_arena_reset(&s->call.scratch);
    }
}

/* Views that cannot be read just now are read with the next change. The Event Log is read before
 * the registry, so that the registry knows all that the lines rest on. */
static void put_news(struct stream *s, bool devices_changed)
{
    struct gateway *gateway = gateway_of(s);
    struct fl_store_read eventlog = {.kv = NULL};
    struct fl_store_read registry = {.kv = NULL};
    struct fl_store_read people = {.kv = NULL};
    struct fl_store_read devices = {.kv = NULL};
    if (fl_store_read_begin(gateway->eventlog, &eventlog) == FL_OK &&
        fl_store_read_begin(gateway->registry, &registry) == FL_OK) {
        bool has_people = fl_store_read_begin(gateway->people, &people) == FL_OK;
        struct fl_entry_reads reads = {registry.kv, eventlog.kv, has_people ? people.kv : NULL};
        if (!still_stands(s, registry.kv)) {
            put_end(s, "signed-out");
        } else {
            if (s->seen.applied - s->next > FL_LIVE_BEHIND_MAX || s->next > s->seen.applied)
                put_position(s, "reset", s->seen.applied);
            put_entries(s, &reads);
            put_shares(s, registry.kv);
            if (devices_changed && s->device_count > 0 &&
                fl_store_read_begin(gateway->devices, &devices) == FL_OK)
                put_devices(s, registry.kv, devices.kv);
        }
    }
    bool failed = fl_store_read_end(&eventlog) != FL_OK;
    failed = fl_store_read_end(&registry) != FL_OK || failed;
    failed = fl_store_read_end(&people) != FL_OK || failed;
    failed = fl_store_read_end(&devices) != FL_OK || failed;
    s->ended = s->ended || failed;
    fl_arena_reset(&s->call.arena);
    fl_arena_reset(&s->call.scratch);
}

/* Waits until there is something to say. */
static void fill(struct stream *s)
{
    const struct fl_port *port = gateway_of(s)->duty->port;
    struct fl_live *live = gateway_of(s)->live;
    int64_t now_ms = fl_port_monotonic_ms(port);
    int64_t deadline_ms = s->heartbeat_ms;
    if (s->expires_at_ms != 0) {
        int64_t left_ms = s->expires_at_ms - fl_port_wall_ms(port);
        if (now_ms + left_ms < deadline_ms)
            deadline_ms = now_ms + left_ms;
    }
    uint64_t commits = s->seen.commits;
    if (s->next >= s->seen.applied)
        s->seen = fl_live_wait(live, &s->seen, deadline_ms);
    if (s->seen.stopping)
        put_end(s, "stopping");
    else
        put_news(s, commits != s->seen.commits);
    if (s->line_size == 0 && !s->ended && fl_port_monotonic_ms(port) >= s->heartbeat_ms) {
        s->line = strdup(":\n\n");
        s->line_size = s->line == NULL ? 0 : 3;
    }
    if (s->line_size > 0)
        s->heartbeat_ms = fl_port_monotonic_ms(port) + FL_LIVE_HEARTBEAT_MS;
}

static size_t next(void *context, char *out, size_t size)
{
    struct stream *s = context;
    while (s->sent == s->line_size) {
        free(s->line);
        s->line = NULL;
        s->line_size = s->sent = 0;
        if (s->ended)
            return 0;
        fill(s);
    }
    size_t count = s->line_size - s->sent < size ? s->line_size - s->sent : size;
    memcpy(out, s->line + s->sent, count);
    s->sent += count;
    return count;
}

static void end(void *context)
{
    struct stream *s = context;
    fl_live_leave(gateway_of(s)->live, s->account_id);
    fl_arena_fini(&s->call.arena);
    fl_arena_fini(&s->call.scratch);
    fl_arena_fini(&s->own);
    free(s->devices);
    free(s->line);
    free(s);
}

/* --- opening --- */

/* ?devices=a,b by id or name, those that may be seen now. False after answering. */
static bool read_devices(struct call *call, struct stream *s)
{
    struct fl_store_read read = {.kv = NULL};
    const char *list = fl_http_query(call->request, "devices");
    char *rest = list == NULL ? NULL : fl_arena_text(&call->arena, fl_slice_text(list));
    bool good = true;
    if (rest == NULL)
        return true;
    s->devices = calloc(FL_LIVE_DEVICE_COUNT_MAX, sizeof(*s->devices));
    if (s->devices == NULL || !fl_call_read_begin(call, call->gateway->registry, &read))
        return false;
    for (char *name = strsep(&rest, ","); good && name != NULL; name = strsep(&rest, ",")) {
        if (s->device_count == FL_LIVE_DEVICE_COUNT_MAX) {
            fl_call_problem(call, 400, "devices must name at most 100 devices", NULL, "devices");
            good = false;
            break;
        }
        const fl_device_row *row = fl_call_find_device(call, read.kv, name);
        good = row != NULL;
        if (good)
            snprintf(s->devices[s->device_count++].device_id, FL_ID_TEXT_SIZE, "%s",
                     row->device_id);
    }
    return fl_call_read_end(call, &read) && good;
}

/* Last-Event-ID or ?after=: the sequence that the client has seen last. False after answering. */
static bool read_position(struct call *call, struct stream *s)
{
    uint64_t last = 0;
    const char *text = fl_http_header(call->request, "Last-Event-ID");
    if (text == NULL || text[0] == '\0')
        text = fl_http_query(call->request, "after");
    if (text == NULL) {
        put_position(s, "ready", s->seen.applied);
        return true;
    }
    if (!fl_slice_to_u64(fl_slice_text(text), &last) || last == UINT64_MAX) {
        fl_call_problem(call, 400, "Last-Event-ID must be a sequence", NULL, "Last-Event-ID");
        return false;
    }
    s->next = last + 1;
    return true;
}

/* Who asks, kept as long as the stream: the call's own memory ends with the answer's beginning. */
static bool take_identity(struct stream *s, const struct call *call)
{
    const struct identity *from = &call->identity;
    struct identity *to = &s->call.identity;
    *to = *from;
    to->actor = fl_arena_copy(&s->own, from->actor);
    to->on_behalf_of = fl_arena_copy(&s->own, from->on_behalf_of);
    to->company_id = fl_arena_copy(&s->own, from->company_id);
    to->session_id = fl_arena_copy(&s->own, from->session_id);
    s->expires_at_ms = from->expires_at_ms;
    if (from->on_behalf_of.data != NULL)
        (void)fl_slice_to_text(from->on_behalf_of, s->account_id, sizeof(s->account_id));
    return !s->own.exhausted;
}

static struct stream *open_stream(struct call *call)
{
    struct gateway *gateway = call->gateway;
    struct stream *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        fl_call_error(call, FL_NO_MEMORY);
        return NULL;
    }
    s->call.gateway = gateway;
    s->call.door = call->door;
    fl_arena_init(&s->own, ARENA_SIZE);
    fl_arena_init(&s->call.arena, ARENA_SIZE);
    fl_arena_init(&s->call.scratch, ARENA_SIZE);
    s->heartbeat_ms = fl_port_monotonic_ms(gateway->duty->port) + FL_LIVE_HEARTBEAT_MS;
    if (take_identity(s, call) && fl_live_enter(gateway->live, s->account_id))
        return s;
    fl_arena_fini(&s->own);
    free(s);
    fl_call_problem(call, 429, "Too many live streams", "an account has eight at most", NULL);
    call->answer->retry_after_s = FL_LIVE_HEARTBEAT_MS / 1000;
    return NULL;
}

void fl_route_get_live(struct call *call)
{
    struct gateway *gateway = call->gateway;
    struct fl_live_seen nothing = {.applied = 0};
    struct fl_store_read read = {.kv = NULL};
    struct stream *s = open_stream(call);
    if (s == NULL)
        return;
    /* Right after a start the views have not been seen yet; every log has a first event. */
    s->seen =
        fl_live_wait(gateway->live, &nothing, fl_port_monotonic_ms(gateway->duty->port) + BEGIN_MS);
    bool good = read_position(call, s) && read_devices(call, s) &&
                fl_call_read_begin(call, gateway->registry, &read);
    if (good) {
        digest_shares(s, read.kv, s->shares);
        good = fl_call_read_end(call, &read);
    }
    if (!good) {
        end(s);
        if (call->answer->status == 0)
            fl_call_error(call, FL_NO_MEMORY);
        return;
    }
    s->seen.commits = 0; /* the devices are sent first */
    call->answer->status = 200;
    call->answer->content_type = "text/event-stream";
    call->answer->stream = (struct fl_http_stream){next, end, s};
    fl_http_add_field(call->answer, "X-Accel-Buffering", "no");
}
