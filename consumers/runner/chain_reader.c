/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/runner/chain_reader.h"

#include <stdio.h>
#include <stdlib.h>

enum { READ_SIZE_MAX = 4 * 1024 * 1024 };

struct fl_chain_reader {
    struct fl_journal *journal;
    struct fl_chain_check *check;
    struct fl_reader *events;
    struct fl_batch batch;
    size_t at;
    const char *journal_detail; /* the last failure was the journal's, not the check's */
};

enum fl_error fl_chain_reader_open(const struct fl_chain_options *options, uint64_t next_offset,
                                   char *detail, struct fl_chain_reader **out)
{
    struct fl_source source = {.topic = "events", .partition = 0, .offset = next_offset};
    struct fl_chain_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return FL_NO_MEMORY;
    reader->journal = options->journal;
    enum fl_error error = fl_chain_check_open(options, detail, &reader->check);
    if (error == FL_OK) {
        error = fl_reader_open(options->journal, &source, 1, &reader->events);
        if (error != FL_OK && detail != NULL)
            snprintf(detail, FL_DETAIL_SIZE, "events: %s", fl_journal_detail(options->journal));
    }
    if (error != FL_OK) {
        fl_chain_reader_close(&reader);
        return error;
    }
    *out = reader;
    return FL_OK;
}

void fl_chain_reader_close(struct fl_chain_reader **reader)
{
    if (*reader == NULL)
        return;
    fl_reader_close(&(*reader)->events);
    fl_chain_check_close(&(*reader)->check);
    free(*reader);
    *reader = NULL;
}

enum fl_error fl_chain_reader_next(struct fl_chain_reader *reader, int timeout_ms,
                                   struct fl_chain_item *item, bool *got)
{
    *got = false;
    reader->journal_detail = NULL;
    if (reader->at == reader->batch.count) {
        reader->at = 0;
        enum fl_error error =
            fl_reader_poll(reader->events, timeout_ms, READ_SIZE_MAX, &reader->batch);
        if (error != FL_OK) {
            reader->batch = (struct fl_batch){0};
            reader->journal_detail = fl_journal_detail(reader->journal);
            return error;
        }
        if (reader->batch.count == 0)
            return FL_OK;
    }
    const struct fl_entry *entry = &reader->batch.entries[reader->at];
    enum fl_error error = fl_chain_check_take(reader->check, entry->offset, &entry->record, item);
    if (error != FL_OK)
        return error;
    reader->at++;
    *got = true;
    return FL_OK;
}

const struct fl_chain_head *fl_chain_reader_head(const struct fl_chain_reader *reader)
{
    return fl_chain_check_head(reader->check);
}

const char *fl_chain_reader_detail(const struct fl_chain_reader *reader)
{
    return reader->journal_detail != NULL ? reader->journal_detail
                                          : fl_chain_check_detail(reader->check);
}
