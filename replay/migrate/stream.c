/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/migrate/stream.h"

#include "core/assert.h"
#include "core/port.h"

static int64_t now_ms(void)
{
    return fl_port_monotonic_ms(fl_port_system());
}

enum fl_error fl_stream_open(struct fl_stream *stream, struct fl_journal *journal,
                             const char *topic, uint32_t partition, bool (*stopped)(void *context),
                             void *context)
{
    *stream = (struct fl_stream){.stopped = stopped, .context = context, .progress_ms = now_ms()};
    enum fl_error error =
        fl_journal_offsets(journal, topic, partition, &stream->begin, &stream->end);
    stream->next = stream->begin;
    if (error != FL_OK || stream->begin == stream->end)
        return error;
    struct fl_source source = {topic, partition, stream->begin};
    return fl_reader_open(journal, &source, 1, &stream->reader);
}

enum fl_error fl_stream_peek(struct fl_stream *stream, const struct fl_entry **entry)
{
    *entry = NULL;
    while (stream->reader != NULL && stream->next < stream->end) {
        if (stream->index < stream->batch.count) {
            /* What came after the opening belongs to nobody here. */
            if (stream->batch.entries[stream->index].offset < stream->end)
                *entry = &stream->batch.entries[stream->index];
            return FL_OK;
        }
        if (stream->stopped != NULL && stream->stopped(stream->context))
            return FL_INTERRUPTED;
        /* Of a compacted partition the last records may be gone. */
        if (stream->batch.at_end)
            return FL_OK;
        stream->index = 0;
        enum fl_error error =
            fl_reader_poll(stream->reader, FL_STREAM_POLL_MS, FL_STREAM_POLL_SIZE, &stream->batch);
        if (error != FL_OK)
            return error;
        if (stream->batch.count > 0)
            stream->progress_ms = now_ms();
        else if (now_ms() - stream->progress_ms > FL_STREAM_WAIT_MS)
            return FL_TIMEOUT;
    }
    return FL_OK;
}

void fl_stream_take(struct fl_stream *stream, size_t count)
{
    fl_assert(count > 0 && stream->index + count <= stream->batch.count);
    stream->index += count;
    stream->rank += count;
    stream->next = stream->batch.entries[stream->index - 1].offset + 1;
}

size_t fl_stream_buffered(const struct fl_stream *stream, const struct fl_entry **entries)
{
    size_t count = 0;
    *entries = stream->batch.entries + stream->index;
    while (stream->index + count < stream->batch.count && (*entries)[count].offset < stream->end)
        count++;
    return count;
}

void fl_stream_close(struct fl_stream *stream)
{
    fl_reader_close(&stream->reader);
}
