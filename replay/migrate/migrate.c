/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/migrate/migrate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/fault_point.h"
#include "replay/migrate/copy.h"
#include "replay/migrate/stream.h"

enum fl_error fl_migrate_fail(const struct fl_migrate_job *job, enum fl_error error,
                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(job->detail, FL_MIGRATE_DETAIL_SIZE, format, arguments);
    va_end(arguments);
    return error;
}

/* What the source's topic is like. FL_NOT_FOUND: it has none of that name. */
static enum fl_error describe(const struct fl_migrate_job *job, const char *topic,
                              struct fl_topic_spec *spec)
{
    struct fl_topic_info info;
    enum fl_error error = fl_journal_describe_topic(job->options->source, topic, &info);
    if (error != FL_OK)
        return fl_migrate_fail(job, error, "source: %s", fl_journal_detail(job->options->source));
    *spec = (struct fl_topic_spec){
        .name = topic,
        .partition_count = info.partition_count,
        .retention_ms = info.retention_ms,
        .retention_bytes = info.retention_bytes,
        .compacted = info.compacted,
    };
    return FL_OK;
}

static enum fl_error each_topic(const struct fl_migrate_job *job,
                                enum fl_error (*step)(const struct fl_migrate_job *,
                                                      const struct fl_topic_spec *))
{
    for (const char *const *topic = job->options->topics; *topic != NULL; topic++) {
        struct fl_topic_spec spec;
        enum fl_error error = describe(job, *topic, &spec);
        if (error == FL_OK)
            error = step(job, &spec);
        else if (error == FL_NOT_FOUND)
            error = FL_OK;
        if (error != FL_OK)
            return error;
    }
    return FL_OK;
}

enum fl_error fl_migrate_run(const struct fl_migrate_options *options,
                             struct fl_migrate_result *result, char detail[FL_MIGRATE_DETAIL_SIZE])
{
    struct fl_migrate_job job = {.options = options, .result = result, .detail = detail};
    *result = (struct fl_migrate_result){.copied = 0};
    detail[0] = '\0';
    enum fl_error error = each_topic(&job, fl_migrate_topic);
    if (error == FL_OK && options->seal != NULL) {
        fl_fault_point("migrate.seal");
        error = options->seal(options->context, detail);
        fl_fault_point("migrate.sealed");
        job.tail = true;
        if (error == FL_OK) /* what the seal appended */
            error = each_topic(&job, fl_migrate_topic);
    }
    return error == FL_OK ? each_topic(&job, fl_migrate_compare) : error;
}

enum fl_error fl_migrate_rank(struct fl_journal *source, const char *topic, uint32_t partition,
                              uint64_t offset, uint64_t *rank, bool *there)
{
    struct fl_stream stream;
    struct fl_topic_info info;
    const struct fl_entry *entry = NULL;
    enum fl_error error = fl_journal_describe_topic(source, topic, &info);
    if (error == FL_OK)
        error = fl_stream_open(&stream, source, topic, partition, NULL, NULL);
    if (error != FL_OK)
        return error;
    if (!info.compacted) { /* no gaps */
        *rank = offset > stream.begin ? offset - stream.begin : 0;
        *there = offset >= stream.begin && offset < stream.end;
    } else {
        while ((error = fl_stream_peek(&stream, &entry)) == FL_OK && entry != NULL &&
               entry->offset < offset)
            fl_stream_take(&stream, 1);
        if (error == FL_OK) {
            *rank = stream.rank;
            *there = entry != NULL && entry->offset == offset;
        }
    }
    fl_stream_close(&stream);
    return error;
}
