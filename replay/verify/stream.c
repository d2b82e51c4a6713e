/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/verify/stream.h"

#include <stdio.h>
#include <string.h>

#include "core/port.h"

static const char *name_of(const struct fl_verify_stream *stream)
{
    return fl_topic_row(stream->topic)->spec.name;
}

static enum fl_error open_reader(struct fl_verify_stream *stream)
{
    struct fl_source source = {name_of(stream), stream->partition, stream->next};
    fl_reader_close(&stream->reader);
    stream->batch = (struct fl_batch){0};
    stream->at = 0;
    return fl_reader_open(stream->run->options->journal, &source, 1, &stream->reader);
}

static void report(struct fl_verify_stream *stream, enum fl_verify_check check, uint64_t first,
                   uint64_t last, const char *expected, const char *found)
{
    struct fl_verify_finding finding;
    if (stream->silent)
        return;
    fl_verify_find(&finding, check, stream->topic, stream->partition, first, last);
    snprintf(finding.expected, sizeof(finding.expected), "%s", expected);
    snprintf(finding.found, sizeof(finding.found), "%s", found);
    fl_verify_report(stream->run, stream->topic, &finding);
}

/* Retention went on since the range was read. */
static enum fl_error begin_later(struct fl_verify_stream *stream)
{
    uint64_t begin = 0;
    uint64_t end = 0;
    enum fl_error error = fl_journal_offsets(stream->run->options->journal, name_of(stream),
                                             stream->partition, &begin, &end);
    if (error != FL_OK || begin <= stream->next)
        return error != FL_OK ? error : FL_LOG_BEHIND;
    stream->next = begin < stream->end ? begin : stream->end;
    return stream->next < stream->end ? open_reader(stream) : FL_OK;
}

enum fl_error fl_verify_stream_open(struct fl_verify_stream *stream, struct fl_verify_run *run,
                                    enum fl_topic topic, uint32_t partition,
                                    struct fl_verify_range range)
{
    struct fl_topic_info info = {0};
    *stream = (struct fl_verify_stream){
        .run = run, .topic = topic, .partition = partition, .next = range.begin, .end = range.end};
    enum fl_error error = fl_journal_describe_topic(run->options->journal, name_of(stream), &info);
    stream->may_lack = info.compacted;
    stream->may_begin = info.compacted || info.retention_ms >= 0 || info.retention_bytes >= 0;
    if (error == FL_OK && stream->next < stream->end)
        error = open_reader(stream);
    if (error == FL_LOG_BEHIND && stream->may_begin)
        error = begin_later(stream);
    return error == FL_OK ? FL_OK : fl_verify_fail_topic(run, error, name_of(stream));
}

void fl_verify_stream_close(struct fl_verify_stream *stream)
{
    fl_reader_close(&stream->reader);
}

size_t fl_verify_stream_left(const struct fl_verify_stream *stream)
{
    return stream->batch.count - stream->at;
}

/* One block from `offset` on. */
static enum fl_error read_one(struct fl_verify_stream *stream, uint64_t offset)
{
    enum fl_error error = fl_reader_seek(stream->reader, 0, offset);
    stream->batch = (struct fl_batch){0};
    stream->at = 0;
    if (error == FL_OK)
        error = fl_reader_poll(stream->reader, FL_VERIFY_POLL_MS, 1, &stream->batch);
    return error;
}

/* The engine refuses what comes next: finds the first offset behind it that can be read. */
static enum fl_error step_over(struct fl_verify_stream *stream)
{
    char why[FL_VERIFY_TEXT_SIZE];
    snprintf(why, sizeof(why), "%s", fl_journal_detail(stream->run->options->journal));
    enum fl_error error = read_one(stream, stream->next);
    if (error != FL_CORRUPT)
        return error; /* it was a later block */
    uint64_t first = stream->next;
    uint64_t offset = first;
    while (error == FL_CORRUPT && ++offset < stream->end) {
        error = read_one(stream, offset);
        if (error == FL_CORRUPT)
            error = fl_verify_step(stream->run, 0) != FL_OK ? FL_INTERRUPTED : FL_CORRUPT;
    }
    if (error != FL_CORRUPT && error != FL_OK)
        return error;
    stream->next = stream->batch.count != 0 && stream->batch.entries[0].offset < stream->end
                       ? stream->batch.entries[0].offset
                       : stream->end;
    report(stream, FL_VERIFY_CRC, first, stream->next - 1, "records that pass the journal's check",
           why);
    return FL_OK;
}

/* No record came although the range is not at its end. */
static enum fl_error at_end(struct fl_verify_stream *stream)
{
    uint64_t first = stream->next;
    stream->next = stream->end;
    if (!stream->may_lack)
        report(stream, FL_VERIFY_MISSING, first, stream->end - 1, "a record at each offset",
               "nothing");
    return FL_OK;
}

static enum fl_error read_on(struct fl_verify_stream *stream)
{
    int64_t deadline_ms =
        fl_port_monotonic_ms(stream->run->options->port) + FL_VERIFY_SILENCE_MS_MAX;
    while (stream->at == stream->batch.count && stream->next < stream->end) {
        stream->at = 0;
        stream->batch = (struct fl_batch){0};
        enum fl_error error =
            fl_reader_poll(stream->reader, FL_VERIFY_POLL_MS, FL_VERIFY_READ_SIZE, &stream->batch);
        if (error == FL_CORRUPT)
            error = step_over(stream);
        else if (error == FL_LOG_BEHIND && stream->may_begin)
            error = begin_later(stream);
        else if (error == FL_OK && stream->batch.count == 0 && stream->batch.at_end)
            error = at_end(stream);
        if (error == FL_OK && stream->batch.count == 0 && stream->next < stream->end &&
            fl_port_monotonic_ms(stream->run->options->port) > deadline_ms)
            return fl_verify_fail(stream->run, FL_UNAVAILABLE, "%s-%u@%llu cannot be read now",
                                  name_of(stream), stream->partition,
                                  (unsigned long long)stream->next);
        if (error != FL_OK)
            return fl_verify_fail_topic(stream->run, error, name_of(stream));
    }
    return FL_OK;
}

enum fl_error fl_verify_stream_next(struct fl_verify_stream *stream, const struct fl_entry **entry)
{
    *entry = NULL;
    for (;;) {
        if (stream->next >= stream->end)
            return FL_OK;
        enum fl_error error = read_on(stream);
        if (error != FL_OK)
            return error;
        if (stream->at == stream->batch.count)
            return FL_OK;
        const struct fl_entry *found = &stream->batch.entries[stream->at++];
        if (found->offset < stream->next) /* not above the one before it */
            continue;
        if (found->offset >= stream->end) {
            stream->at = stream->batch.count;
            return at_end(stream);
        }
        if (found->offset > stream->next && !stream->may_lack)
            report(stream, FL_VERIFY_MISSING, stream->next, found->offset - 1,
                   "a record at each offset", "nothing");
        stream->next = found->offset + 1;
        *entry = found;
        return FL_OK;
    }
}
