/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/submit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/wait.h"

enum { GROUP_COUNT_MAX = 64, TOPIC_COUNT = 3 };

static const char *const topics[TOPIC_COUNT] = {"actions", "subjects", "telemetry"};

/* Submissions of a caller who may leave: copies. */
struct job {
    struct job *next; /* among those that were left */
    struct fl_arena arena;
    struct fl_submission *submissions;
    size_t count;
    bool is_known; /* has a key */
    struct fl_later_key key;
};

struct fl_submitter {
    struct fl_journal *journal;
    struct fl_later *later;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct fl_submission *first;
    struct fl_submission *last;
    uint32_t record_count; /* in the queue */
    struct job *left;
    unsigned left_count;
    bool closing;
    _Atomic uint64_t appended[TOPIC_COUNT];
    /* Used by the sending thread alone. */
    struct fl_record records[FL_SUBMIT_COUNT_MAX];
    uint64_t offsets[FL_SUBMIT_COUNT_MAX];
    struct fl_append groups[GROUP_COUNT_MAX];
    struct fl_submission *taken[FL_SUBMIT_COUNT_MAX];
    uint32_t places[FL_SUBMIT_COUNT_MAX]; /* where the records of taken[i] stand */
};

/* Takes from the queue what fits into one call: up to GROUP_COUNT_MAX partitions, each as one
 * batch. */
static uint32_t take(struct fl_submitter *s)
{
    uint32_t taken_count = 0;
    uint32_t record_count = 0;
    while (s->first != NULL && record_count + s->first->count <= FL_SUBMIT_COUNT_MAX) {
        struct fl_submission *w = s->first;
        s->first = w->next;
        if (s->first == NULL)
            s->last = NULL;
        s->taken[taken_count++] = w;
        record_count += w->count;
        s->record_count -= w->count;
    }
    return taken_count;
}

static bool same_place(const struct fl_submission *a, const struct fl_submission *b)
{
    return a->partition == b->partition && strcmp(a->topic, b->topic) == 0;
}

/* Copies all of `taken` that goes to the place of `lead` behind `at`, up to an append's limits. */
static uint32_t fill_group(struct fl_submitter *s, const struct fl_submission *lead,
                           uint32_t taken_count, uint32_t at, struct fl_append *group)
{
    uint32_t count = 0;
    size_t size = 0;
    for (uint32_t i = 0; i < taken_count; i++) {
        struct fl_submission *w = s->taken[i];
        if (w->done || !same_place(w, lead))
            continue;
        for (uint32_t k = 0; k < w->count; k++)
            size += fl_record_size(&w->records[k]);
        if (count > 0 && (size > FL_BATCH_SIZE_MAX || count + w->count > FL_BATCH_RECORD_COUNT_MAX))
            break;
        memcpy(&s->records[at + count], w->records, w->count * sizeof(*w->records));
        s->places[i] = at + count;
        count += w->count;
        w->done = true;
    }
    /* Whatever the journal does not get to say of a record is unknown. */
    memset(&s->offsets[at], 0xff, count * sizeof(s->offsets[0]));
    *group = (struct fl_append){.topic = lead->topic,
                                .partition = lead->partition,
                                .count = count,
                                .records = &s->records[at],
                                .expected_offset = FL_OFFSET_NONE,
                                .offsets = &s->offsets[at]};
    return count;
}

static size_t topic_index(const char *topic)
{
    size_t i = 0;
    while (i < TOPIC_COUNT && strcmp(topics[i], topic) != 0)
        i++;
    fl_assert(i < TOPIC_COUNT);
    return i;
}

uint64_t fl_submitter_appended(const struct fl_submitter *submitter, const char *topic)
{
    return submitter->appended[topic_index(topic)];
}

static void settle(struct fl_submitter *s, struct fl_submission *w, uint32_t at,
                   enum fl_error error)
{
    w->error = FL_OK;
    uint32_t landed = 0;
    for (uint32_t k = 0; k < w->count; k++)
        if (s->offsets[at + k] == FL_OFFSET_NONE)
            w->error = error == FL_OK ? FL_UNKNOWN_OUTCOME : error;
        else
            landed++;
    s->appended[topic_index(w->topic)] += landed;
    if (w->offsets != NULL)
        memcpy(w->offsets, &s->offsets[at], w->count * sizeof(*w->offsets));
}

/* Sends what is taken, all places in one call, in as many calls as limits ask for. */
static void send_all(struct fl_submitter *s, uint32_t taken_count)
{
    uint32_t settled = 0;
    while (settled < taken_count) {
        uint32_t group_count = 0;
        uint32_t at = 0;
        for (uint32_t i = 0; i < taken_count; i++)
            s->places[i] = UINT32_MAX;
        for (uint32_t i = 0; i < taken_count && group_count < GROUP_COUNT_MAX; i++)
            if (!s->taken[i]->done)
                at += fill_group(s, s->taken[i], taken_count, at, &s->groups[group_count++]);
        enum fl_error error = fl_journal_append(s->journal, s->groups, group_count);
        for (uint32_t i = 0; i < taken_count; i++) {
            if (s->places[i] == UINT32_MAX)
                continue;
            settle(s, s->taken[i], s->places[i], error);
            settled++;
        }
    }
}

/* A submission that links to itself is finished. */
static bool all_finished(const struct fl_submission *submissions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (submissions[i].next != &submissions[i])
            return false;
    return true;
}

static enum fl_error first_error(const struct fl_submission *submissions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (submissions[i].error != FL_OK)
            return submissions[i].error;
    return FL_OK;
}

static void job_free(struct job *job)
{
    fl_arena_fini(&job->arena);
    free(job);
}

/* With the lock held: tells what became of jobs that nobody waits for. */
static void end_left(struct fl_submitter *s)
{
    struct job **link = &s->left;
    while (*link != NULL) {
        struct job *job = *link;
        if (!all_finished(job->submissions, job->count)) {
            link = &job->next;
            continue;
        }
        *link = job->next;
        s->left_count--;
        if (job->is_known)
            fl_later_end(s->later, &job->key, first_error(job->submissions, job->count),
                         job->submissions[0].offsets[0]);
        job_free(job);
    }
}

static void *run(void *context)
{
    struct fl_submitter *s = context;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (s->first == NULL && !s->closing)
            fl_condition_wait(&s->changed, &s->lock);
        if (s->first == NULL)
            break;
        uint32_t taken_count = take(s);
        pthread_cond_broadcast(&s->changed); /* there is room */
        pthread_mutex_unlock(&s->lock);
        send_all(s, taken_count);
        pthread_mutex_lock(&s->lock);
        for (uint32_t i = 0; i < taken_count; i++)
            s->taken[i]->next = s->taken[i]; /* finished */
        end_left(s);
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

enum fl_error fl_submitter_open(struct fl_journal *journal, struct fl_later *later,
                                struct fl_submitter **submitter)
{
    struct fl_submitter *opened = calloc(1, sizeof(*opened));
    if (opened == NULL)
        return FL_NO_MEMORY;
    opened->journal = journal;
    opened->later = later;
    pthread_mutex_init(&opened->lock, NULL);
    fl_condition_init(&opened->changed);
    int failed = pthread_create(&opened->thread, NULL, run, opened);
    fl_assert(failed == 0);
    *submitter = opened;
    return FL_OK;
}

void fl_submitter_close(struct fl_submitter **submitter)
{
    struct fl_submitter *s = *submitter;
    if (s == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
    *submitter = NULL;
}

static void enqueue(struct fl_submitter *s, struct fl_submission *submission)
{
    if (s->last == NULL)
        s->first = submission;
    else
        s->last->next = submission;
    s->last = submission;
    s->record_count += submission->count;
}

/* With the lock held: queues all of them. */
static void enqueue_all(struct fl_submitter *s, struct fl_submission *submissions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        submissions[i].next = NULL;
        submissions[i].done = false;
        submissions[i].error = FL_INTERRUPTED;
        enqueue(s, &submissions[i]);
    }
    pthread_cond_broadcast(&s->changed);
}

static uint32_t record_count_of(const struct fl_submission *submissions, size_t count)
{
    uint32_t record_count = 0;
    for (size_t i = 0; i < count; i++) {
        fl_assert(submissions[i].count > 0);
        record_count += submissions[i].count;
    }
    fl_assert(record_count <= FL_SUBMIT_COUNT_MAX);
    return record_count;
}

static bool has_room(const struct fl_submitter *s, uint32_t record_count)
{
    return s->record_count + record_count <= FL_SUBMIT_COUNT_MAX;
}

enum fl_error fl_submit(struct fl_submitter *s, struct fl_submission *submissions, size_t count)
{
    uint32_t record_count = record_count_of(submissions, count);
    enum fl_error error = FL_INTERRUPTED;
    pthread_mutex_lock(&s->lock);
    while (!s->closing && !has_room(s, record_count))
        fl_condition_wait(&s->changed, &s->lock);
    if (!s->closing) {
        enqueue_all(s, submissions, count);
        while (!all_finished(submissions, count))
            fl_condition_wait(&s->changed, &s->lock);
        error = first_error(submissions, count);
    }
    pthread_mutex_unlock(&s->lock);
    return error;
}

static enum fl_error job_new(const struct fl_submission *submissions, size_t count,
                             const struct fl_later_key *key, struct job **made)
{
    struct job *job = calloc(1, sizeof(*job));
    if (job == NULL)
        return FL_NO_MEMORY;
    fl_arena_init(&job->arena, SIZE_MAX);
    job->count = count;
    job->is_known = key != NULL;
    if (key != NULL)
        job->key = *key;
    job->submissions = fl_arena_calloc(&job->arena, count, sizeof(*job->submissions));
    bool good = job->submissions != NULL;
    for (size_t i = 0; good && i < count; i++) {
        struct fl_submission *to = &job->submissions[i];
        uint32_t records = submissions[i].count;
        struct fl_record *copies = fl_arena_alloc(&job->arena, records * sizeof(*copies));
        *to = submissions[i];
        to->offsets = fl_arena_alloc(&job->arena, records * sizeof(*to->offsets));
        to->records = copies;
        good = copies != NULL && to->offsets != NULL;
        for (uint32_t k = 0; good && k < records; k++)
            good = fl_record_copy(&job->arena, &submissions[i].records[k], &copies[k]);
    }
    if (good) {
        *made = job;
        return FL_OK;
    }
    job_free(job);
    return FL_NO_MEMORY;
}

/* With the lock held: true once the job may be queued. */
static bool await_room(struct fl_submitter *s, uint32_t record_count, int64_t deadline_ms)
{
    bool in_time = true;
    while (in_time && !s->closing && !has_room(s, record_count))
        in_time = fl_condition_wait_until(&s->changed, &s->lock, deadline_ms);
    return has_room(s, record_count) && !s->closing && s->left_count < FL_SUBMIT_LEFT_COUNT_MAX;
}

/* With the lock held: the caller goes; false if nobody would remember how it ends. */
static bool leave(struct fl_submitter *s, struct job *job)
{
    if (job->is_known && !fl_later_begin(s->later, &job->key))
        return false;
    job->next = s->left;
    s->left = job;
    s->left_count++;
    return true;
}

static void give_offsets(const struct job *job, struct fl_submission *submissions)
{
    for (size_t i = 0; i < job->count; i++)
        if (submissions[i].offsets != NULL)
            memcpy(submissions[i].offsets, job->submissions[i].offsets,
                   submissions[i].count * sizeof(uint64_t));
}

/* With the lock held: true when the job has ended, false when the caller has left it. */
static bool await_job(struct fl_submitter *s, struct job *job, int64_t deadline_ms)
{
    bool in_time = true;
    while (!all_finished(job->submissions, job->count)) {
        if (in_time)
            in_time = fl_condition_wait_until(&s->changed, &s->lock, deadline_ms);
        else if (leave(s, job))
            return false;
        else
            fl_condition_wait(&s->changed, &s->lock);
    }
    return true;
}

enum fl_error fl_submit_until(struct fl_submitter *s, struct fl_submission *submissions,
                              size_t count, const struct fl_later_key *key, int64_t deadline_ms)
{
    uint32_t record_count = record_count_of(submissions, count);
    struct job *job = NULL;
    bool is_ours = true;
    enum fl_error error = job_new(submissions, count, key, &job);
    if (error != FL_OK)
        return error;
    pthread_mutex_lock(&s->lock);
    error = FL_UNAVAILABLE;
    if (await_room(s, record_count, deadline_ms)) {
        enqueue_all(s, job->submissions, count);
        is_ours = await_job(s, job, deadline_ms);
        error = is_ours ? first_error(job->submissions, count) : FL_TIMEOUT;
        if (is_ours && error == FL_TIMEOUT) /* the journal's own: nothing was sent */
            error = FL_UNAVAILABLE;
    }
    pthread_mutex_unlock(&s->lock);
    if (error == FL_OK)
        give_offsets(job, submissions);
    if (is_ours)
        job_free(job);
    return error;
}
