/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/outcomes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { READ_MS = 5000, READ_SIZE = 256 * 1024 };

/* One kept record: the headers' array and all bytes in one block behind it. */
struct kept {
    uint64_t offset;
    struct fl_record *record; /* NULL: none */
};

struct fl_outcomes {
    pthread_mutex_t lock;
    struct fl_reader *reader;
    uint64_t next; /* what the reader comes to next */
    struct kept kept[FL_OUTCOMES_KEPT_COUNT];
};

enum fl_error fl_outcomes_open(struct fl_journal *journal, struct fl_outcomes **outcomes)
{
    struct fl_source source = {.topic = "events"};
    struct fl_outcomes *opened = calloc(1, sizeof(*opened));
    uint64_t begin = 0;
    if (opened == NULL)
        return FL_NO_MEMORY;
    enum fl_error error = fl_journal_offsets(journal, "events", 0, &begin, &source.offset);
    if (error == FL_OK)
        error = fl_reader_open(journal, &source, 1, &opened->reader);
    if (error != FL_OK) {
        free(opened);
        return error;
    }
    opened->next = source.offset;
    pthread_mutex_init(&opened->lock, NULL);
    *outcomes = opened;
    return FL_OK;
}

void fl_outcomes_close(struct fl_outcomes **outcomes)
{
    struct fl_outcomes *o = *outcomes;
    if (o == NULL)
        return;
    fl_reader_close(&o->reader);
    for (size_t i = 0; i < FL_OUTCOMES_KEPT_COUNT; i++)
        free(o->kept[i].record);
    pthread_mutex_destroy(&o->lock);
    free(o);
    *outcomes = NULL;
}

static struct fl_slice put(uint8_t **at, struct fl_slice from)
{
    if (from.data == NULL)
        return from;
    struct fl_slice slice = fl_slice_of(*at, from.size);
    memcpy(*at, from.data, from.size);
    *at += from.size;
    return slice;
}

/* One block with everything in it; NULL: no memory. */
static struct fl_record *clone_record(const struct fl_record *from)
{
    size_t headers_size = from->header_count * sizeof(struct fl_header);
    struct fl_record *record = malloc(sizeof(*record) + headers_size + fl_record_size(from));
    if (record == NULL)
        return NULL;
    struct fl_header *headers = (struct fl_header *)(record + 1);
    uint8_t *at = (uint8_t *)(record + 1) + headers_size;
    *record = *from;
    record->key = put(&at, from->key);
    record->value = put(&at, from->value);
    for (uint32_t i = 0; i < from->header_count; i++) {
        headers[i].name = put(&at, from->headers[i].name);
        headers[i].value = put(&at, from->headers[i].value);
    }
    record->headers = headers;
    return record;
}

static void keep(struct fl_outcomes *o, const struct fl_entry *entry)
{
    struct kept *place = &o->kept[entry->offset % FL_OUTCOMES_KEPT_COUNT];
    if (fl_record_size(&entry->record) > FL_OUTCOMES_KEPT_SIZE_MAX)
        return;
    free(place->record);
    *place = (struct kept){entry->offset, clone_record(&entry->record)};
}

/* Reads on to the offset, or goes there if it is not just ahead; keeps what it passes. */
static enum fl_error read_to(struct fl_outcomes *o, uint64_t offset, struct fl_arena *arena,
                             struct fl_record *record)
{
    enum fl_error error = FL_OK;
    bool is_ahead = offset >= o->next && offset - o->next < FL_OUTCOMES_KEPT_COUNT;
    if (!is_ahead) {
        error = fl_reader_seek(o->reader, 0, offset);
        o->next = offset;
    }
    while (error == FL_OK && o->next <= offset) {
        struct fl_batch batch = {.count = 0};
        error = fl_reader_poll(o->reader, READ_MS, READ_SIZE, &batch);
        if (error == FL_OK && batch.count == 0)
            error = FL_TIMEOUT;
        for (size_t i = 0; error == FL_OK && i < batch.count; i++) {
            const struct fl_entry *entry = &batch.entries[i];
            keep(o, entry);
            if (entry->offset == offset)
                error = fl_record_copy(arena, &entry->record, record) ? FL_OK : FL_NO_MEMORY;
            else if (entry->offset > offset && o->next <= offset)
                error = FL_LOG_CHANGED;
            o->next = entry->offset + 1;
        }
    }
    /* Where the reader stands after an error is not known: the next one goes to its place. */
    if (error != FL_OK)
        o->next = UINT64_MAX;
    return error;
}

enum fl_error fl_outcomes_fetch(struct fl_outcomes *o, uint64_t offset, struct fl_arena *arena,
                                struct fl_record *record)
{
    pthread_mutex_lock(&o->lock);
    const struct kept *place = &o->kept[offset % FL_OUTCOMES_KEPT_COUNT];
    bool is_kept = place->record != NULL && place->offset == offset;
    enum fl_error error = FL_OK;
    if (!is_kept)
        error = read_to(o, offset, arena, record);
    else if (!fl_record_copy(arena, place->record, record))
        error = FL_NO_MEMORY;
    pthread_mutex_unlock(&o->lock);
    return error;
}
