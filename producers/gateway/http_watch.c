/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/http_watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/assert.h"
#include "core/diag.h"
#include "core/port.h"
#include "core/wait.h"

enum { FAR_MS = 3600 * 1000 };

struct fl_http_watched {
    struct fl_http_watched *next;
    struct fl_http_watched **link; /* what points here */
    int fd;
    int64_t deadline_ms; /* 0: none */
};

struct fl_http_watch {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct fl_http_watched *first;
    int64_t wakes_at_ms; /* when the thread looks next */
    bool stopping;
};

static int64_t now_ms(void)
{
    return fl_port_monotonic_ms(fl_port_system());
}

/* Shuts what is late; when the next one is. Called with the lock. */
static int64_t fire(struct fl_http_watch *watch)
{
    int64_t now = now_ms();
    int64_t earliest_ms = now + FAR_MS;
    unsigned count = 0;
    for (struct fl_http_watched *c = watch->first; c != NULL; c = c->next) {
        if (c->deadline_ms == 0)
            continue;
        if (c->deadline_ms <= now) {
            c->deadline_ms = 0;
            shutdown(c->fd, SHUT_RDWR);
            count++;
        } else if (c->deadline_ms < earliest_ms) {
            earliest_ms = c->deadline_ms;
        }
    }
    if (count > 0)
        fl_diag(HTTP_SLOW, FL_UINT("connections", count));
    return earliest_ms;
}

static void *run(void *context)
{
    struct fl_http_watch *watch = context;
    pthread_mutex_lock(&watch->lock);
    while (!watch->stopping) {
        watch->wakes_at_ms = fire(watch);
        fl_condition_wait_until(&watch->changed, &watch->lock, watch->wakes_at_ms);
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

enum fl_error fl_http_watch_open(struct fl_http_watch **watch)
{
    struct fl_http_watch *opened = calloc(1, sizeof(*opened));
    if (opened == NULL)
        return FL_NO_MEMORY;
    pthread_mutex_init(&opened->lock, NULL);
    fl_condition_init(&opened->changed);
    if (pthread_create(&opened->thread, NULL, run, opened) != 0) {
        pthread_cond_destroy(&opened->changed);
        pthread_mutex_destroy(&opened->lock);
        free(opened);
        return FL_NO_MEMORY;
    }
    *watch = opened;
    return FL_OK;
}

void fl_http_watch_close(struct fl_http_watch **watch)
{
    struct fl_http_watch *w = *watch;
    if (w == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    fl_assert(w->first == NULL);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    free(w);
    *watch = NULL;
}

struct fl_http_watched *fl_http_watch_add(struct fl_http_watch *watch, int fd)
{
    struct fl_http_watched *added = calloc(1, sizeof(*added));
    if (added == NULL)
        return NULL;
    added->fd = fd;
    pthread_mutex_lock(&watch->lock);
    added->next = watch->first;
    added->link = &watch->first;
    if (added->next != NULL)
        added->next->link = &added->next;
    watch->first = added;
    pthread_mutex_unlock(&watch->lock);
    return added;
}

void fl_http_watch_remove(struct fl_http_watch *watch, struct fl_http_watched *connection)
{
    if (connection == NULL)
        return;
    pthread_mutex_lock(&watch->lock);
    *connection->link = connection->next;
    if (connection->next != NULL)
        connection->next->link = connection->link;
    pthread_mutex_unlock(&watch->lock);
    free(connection);
}

void fl_http_watch_set(struct fl_http_watch *watch, struct fl_http_watched *connection,
                       int64_t in_ms)
{
    if (connection == NULL)
        return;
    pthread_mutex_lock(&watch->lock);
    connection->deadline_ms = in_ms == 0 ? 0 : now_ms() + in_ms;
    if (in_ms != 0 && connection->deadline_ms < watch->wakes_at_ms)
        pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
}
