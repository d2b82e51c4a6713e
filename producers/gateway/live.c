/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/live.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/diag.h"
#include "core/wait.h"

enum { LOOK_MS = 3600 * 1000, TOGETHER_MS = 5000 };

struct fl_live {
    struct gateway *gateway;
    pthread_t events_thread;
    pthread_t devices_thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct fl_live_seen seen;
    char accounts[FL_LIVE_TOTAL_MAX][FL_ID_TEXT_SIZE]; /* of each stream, the first `count` */
    size_t count;
};

static bool is_stopping(struct fl_live *live)
{
    pthread_mutex_lock(&live->lock);
    bool stopping = live->seen.stopping;
    pthread_mutex_unlock(&live->lock);
    return stopping;
}

/* A view that cannot be read just now (it is being rebuilt) is looked at again. */
static void wait_a_little(struct fl_live *live)
{
    pthread_mutex_lock(&live->lock);
    if (!live->seen.stopping)
        fl_condition_wait(&live->changed, &live->lock);
    pthread_mutex_unlock(&live->lock);
}

/* One step of the Event Log and, behind it, of the registry: a stream asks nothing of one that the
 * other does not know yet. */
static enum fl_error follow_events(struct fl_live *live)
{
    struct gateway *gateway = live->gateway;
    const struct fl_port *port = gateway->duty->port;
    struct fl_chain_head head = {.sequence = 0};
    uint64_t applied = live->seen.applied; /* this thread alone writes it */
    enum fl_error error =
        fl_store_wait(gateway->eventlog, applied, fl_port_monotonic_ms(port) + LOOK_MS);
    if (error == FL_OK)
        error = fl_store_reader_head(gateway->eventlog, &head);
    if (error == FL_OK && head.sequence > 0)
        error = fl_store_wait(gateway->registry, head.sequence - 1,
                              fl_port_monotonic_ms(port) + TOGETHER_MS);
    if (error != FL_OK)
        return error;
    pthread_mutex_lock(&live->lock);
    live->seen.applied = head.sequence;
    pthread_cond_broadcast(&live->changed);
    pthread_mutex_unlock(&live->lock);
    return FL_OK;
}

static enum fl_error follow_devices(struct fl_live *live)
{
    struct gateway *gateway = live->gateway;
    uint64_t commit = live->seen.commits; /* this thread alone writes it */
    enum fl_error error = fl_store_wait_commit(gateway->devices, &commit,
                                               fl_port_monotonic_ms(gateway->duty->port) + LOOK_MS);
    if (error != FL_OK)
        return error;
    pthread_mutex_lock(&live->lock);
    live->seen.commits = commit;
    pthread_cond_broadcast(&live->changed);
    pthread_mutex_unlock(&live->lock);
    return FL_OK;
}

static void run(struct fl_live *live, enum fl_error (*follow)(struct fl_live *live))
{
    while (!is_stopping(live)) {
        enum fl_error error = follow(live);
        if (error != FL_OK && error != FL_TIMEOUT)
            wait_a_little(live);
    }
}

static void *run_events(void *context)
{
    run(context, follow_events);
    return NULL;
}

static void *run_devices(void *context)
{
    run(context, follow_devices);
    return NULL;
}

enum fl_error fl_live_open(struct gateway *gateway, struct fl_live **live)
{
    struct fl_live *opened = calloc(1, sizeof(*opened));
    if (opened == NULL)
        return FL_NO_MEMORY;
    opened->gateway = gateway;
    pthread_mutex_init(&opened->lock, NULL);
    fl_condition_init(&opened->changed);
    /* Without threads there is no gateway: it takes one per connection. */
    fl_assert(pthread_create(&opened->events_thread, NULL, run_events, opened) == 0);
    fl_assert(pthread_create(&opened->devices_thread, NULL, run_devices, opened) == 0);
    *live = opened;
    return FL_OK;
}

void fl_live_stop(struct fl_live *live)
{
    if (live == NULL)
        return;
    pthread_mutex_lock(&live->lock);
    live->seen.stopping = true;
    pthread_cond_broadcast(&live->changed);
    pthread_mutex_unlock(&live->lock);
}

void fl_live_close(struct fl_live **live)
{
    struct fl_live *l = *live;
    if (l == NULL)
        return;
    fl_live_stop(l);
    pthread_join(l->events_thread, NULL);
    pthread_join(l->devices_thread, NULL);
    fl_assert(l->count == 0);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    free(l);
    *live = NULL;
}

struct fl_live_seen fl_live_wait(struct fl_live *live, const struct fl_live_seen *seen,
                                 int64_t deadline_ms)
{
    pthread_mutex_lock(&live->lock);
    bool in_time = true;
    while (in_time && !live->seen.stopping && live->seen.applied <= seen->applied &&
           (live->seen.commits == seen->commits || live->seen.applied == 0))
        in_time = fl_condition_wait_until(&live->changed, &live->lock, deadline_ms);
    struct fl_live_seen now = live->seen;
    pthread_mutex_unlock(&live->lock);
    return now;
}

bool fl_live_enter(struct fl_live *live, const char *account_id)
{
    size_t own = 0;
    pthread_mutex_lock(&live->lock);
    for (size_t i = 0; i < live->count; i++)
        own += strcmp(live->accounts[i], account_id) == 0;
    bool may = !live->seen.stopping && live->count < FL_LIVE_TOTAL_MAX &&
               (own < FL_LIVE_PER_ACCOUNT_MAX || account_id[0] == '\0');
    if (may)
        memcpy(live->accounts[live->count++], account_id, strlen(account_id) + 1);
    pthread_mutex_unlock(&live->lock);
    return may;
}

void fl_live_leave(struct fl_live *live, const char *account_id)
{
    pthread_mutex_lock(&live->lock);
    size_t i = 0;
    while (i < live->count && strcmp(live->accounts[i], account_id) != 0)
        i++;
    fl_assert(i < live->count);
    memmove(live->accounts[i], live->accounts[--live->count], FL_ID_TEXT_SIZE);
    pthread_mutex_unlock(&live->lock);
}

size_t fl_live_count(struct fl_live *live)
{
    pthread_mutex_lock(&live->lock);
    size_t count = live->count;
    pthread_mutex_unlock(&live->lock);
    return count;
}
