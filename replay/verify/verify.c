/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/verify/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/file.h"
#include "core/timestamp.h"
#include "replay/verify/verify_internal.h"

enum { STEPS_PER_LOOK = 512, PROGRESS_MS = 200, OPEN_DIRECTORY_COUNT_MAX = 16 };

const char *fl_verify_check_word(enum fl_verify_check check)
{
    static const char *const words[] = {
#define FL_VERIFY_CHECK(name, word, explanation) word,
#include "replay/verify/checks.def"
#undef FL_VERIFY_CHECK
    };
    return words[check];
}

const char *fl_verify_check_explanation(enum fl_verify_check check)
{
    static const char *const sentences[] = {
#define FL_VERIFY_CHECK(name, word, explanation) explanation,
#include "replay/verify/checks.def"
#undef FL_VERIFY_CHECK
    };
    return sentences[check];
}

enum fl_error fl_verify_fail(struct fl_verify_run *run, enum fl_error error, const char *format,
                             ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->detail, FL_DETAIL_SIZE, format, arguments);
    va_end(arguments);
    return error;
}

enum fl_error fl_verify_fail_topic(struct fl_verify_run *run, enum fl_error error,
                                   const char *topic)
{
    if (run->detail[0] != '\0')
        return error; /* said already */
    return fl_verify_fail(run, error, "%s: %s: %.160s", topic, fl_error_text(error),
                          fl_journal_detail(run->options->journal));
}

void fl_verify_find(struct fl_verify_finding *finding, enum fl_verify_check check,
                    enum fl_topic topic, uint32_t partition, uint64_t first, uint64_t last)
{
    const char *name = fl_topic_row(topic)->spec.name;
    finding->check = check;
    finding->expected[0] = finding->found[0] = '\0';
    if (first == last)
        snprintf(finding->where, sizeof(finding->where), "%s-%u@%llu", name, partition,
                 (unsigned long long)first);
    else
        snprintf(finding->where, sizeof(finding->where), "%s-%u@%llu..%llu", name, partition,
                 (unsigned long long)first, (unsigned long long)last);
}

void fl_verify_report(struct fl_verify_run *run, enum fl_topic topic,
                      const struct fl_verify_finding *finding)
{
    run->result->finding_count++;
    if (topic != FL_TOPIC_COUNT)
        run->topic_findings[topic]++;
    run->options->finding(run->options->context, finding);
}

void fl_verify_report_at(struct fl_verify_run *run, enum fl_verify_check check, enum fl_topic topic,
                         uint32_t partition, uint64_t offset, const char *expected,
                         const char *found)
{
    struct fl_verify_finding finding;
    fl_verify_find(&finding, check, topic, partition, offset, offset);
    snprintf(finding.expected, sizeof(finding.expected), "%s", expected);
    snprintf(finding.found, sizeof(finding.found), "%s", found);
    fl_verify_report(run, topic, &finding);
}

enum fl_error fl_verify_step(struct fl_verify_run *run, double work)
{
    run->work_done += work;
    run->progress.record_count += work > 0;
    if (run->options->progress == NULL || (work > 0 && ++run->steps < STEPS_PER_LOOK))
        return FL_OK;
    run->steps = 0;
    int64_t now_ms = fl_port_monotonic_ms(run->options->port);
    if (now_ms - run->reported_ms < PROGRESS_MS)
        return FL_OK;
    run->reported_ms = now_ms;
    struct fl_verify_progress *progress = &run->progress;
    progress->part = run->work_total > run->work_done ? run->work_done / run->work_total : 1;
    progress->eta_ms = -1;
    if (progress->part > 0)
        progress->eta_ms =
            (int64_t)((double)(now_ms - run->started_ms) * (1 - progress->part) / progress->part);
    return run->options->progress(run->options->context, progress) ? FL_OK : FL_INTERRUPTED;
}

void fl_verify_time(struct fl_verify_run *run, enum fl_topic topic, uint32_t partition,
                    const struct fl_entry *entry)
{
    const struct fl_header *header = fl_record_header(&entry->record, "ce_time");
    char found[64];
    char expected[FL_TIMESTAMP_TEXT_SIZE];
    int64_t time_ms = 0;
    int64_t stamp_ms = entry->record.timestamp_ms;
    if (header == NULL || header->value.data == NULL ||
        !fl_timestamp_parse(header->value, &time_ms) || time_ms == stamp_ms)
        return;
    fl_timestamp_format(time_ms, expected);
    if (stamp_ms >= 0 && stamp_ms <= FL_TIMESTAMP_MS_MAX)
        fl_timestamp_format(stamp_ms, found);
    else
        snprintf(found, sizeof(found), "%lld ms", (long long)stamp_ms);
    fl_verify_report_at(run, FL_VERIFY_TIME, topic, partition, entry->offset, expected, found);
}

void fl_verify_plain(struct fl_verify_run *run, enum fl_topic topic, uint32_t partition,
                     const struct fl_entry *entry)
{
    const struct fl_header *type = fl_record_header(&entry->record, "ce_type");
    const struct fl_header *time = fl_record_header(&entry->record, "ce_time");
    const char *expected = fl_topic_row(topic)->type;
    int64_t time_ms = 0;
    if (type == NULL || type->value.data == NULL || !fl_slice_is(type->value, expected))
        fl_verify_report_at(run, FL_VERIFY_FORM, topic, partition, entry->offset, expected,
                            "another ce_type, or none");
    else if (time == NULL || time->value.data == NULL || !fl_timestamp_parse(time->value, &time_ms))
        fl_verify_report_at(run, FL_VERIFY_FORM, topic, partition, entry->offset, "a ce_time",
                            "none that can be read");
    fl_verify_time(run, topic, partition, entry);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_tree(const char *path)
{
    (void)nftw(path, remove_one, OPEN_DIRECTORY_COUNT_MAX, FTW_DEPTH | FTW_PHYS);
}

/* What a run that was killed has left is removed; the lock lies beside, so that it stays. */
static enum fl_error make_scratch(struct fl_verify_run *run)
{
    char lock[PATH_MAX];
    const char *scratch = run->options->scratch;
    if (snprintf(run->scratch, sizeof(run->scratch), "%s", scratch) >= (int)sizeof(run->scratch) ||
        snprintf(lock, sizeof(lock), "%s.lock", scratch) >= (int)sizeof(lock))
        return fl_verify_fail(run, FL_INVALID, "the path %.100s is too long", scratch);
    run->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (run->lock_fd < 0)
        return fl_verify_fail(run, fl_error_from_errno(errno), "%.100s: %s", lock, strerror(errno));
    if (flock(run->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return fl_verify_fail(run, FL_LOCKED, "another verify runs here");
    remove_tree(run->scratch);
    enum fl_error error = fl_directory_ensure(run->scratch, 0700);
    return error == FL_OK ? FL_OK
                          : fl_verify_fail(run, error, "%.100s: %s", scratch, fl_error_text(error));
}

/* A partition whose own rows cannot be read is a finding, and nothing of it is read. */
static enum fl_error read_range(struct fl_verify_run *run, enum fl_topic topic, uint32_t partition,
                                struct fl_verify_range *range)
{
    const char *name = fl_topic_row(topic)->spec.name;
    enum fl_error error =
        fl_journal_offsets(run->options->journal, name, partition, &range->begin, &range->end);
    if (error == FL_CORRUPT) {
        *range = (struct fl_verify_range){0, 0};
        fl_verify_report_at(run, FL_VERIFY_JOURNAL, topic, partition, 0, "a partition",
                            fl_journal_detail(run->options->journal));
        return FL_OK;
    }
    if (error == FL_NOT_FOUND)
        return fl_verify_fail(run, error, "there is no log: topic %s is missing", name);
    return error == FL_OK ? FL_OK : fl_verify_fail_topic(run, error, name);
}

/* In this order, whatever is written meanwhile: what a report or an event rests on was appended
 * before it, so it lies within the ends that are read later. */
static enum fl_error read_ranges(struct fl_verify_run *run)
{
    static const enum fl_topic order[] = {FL_TOPIC_EVENTS, FL_TOPIC_ACTIONS, FL_TOPIC_SUBJECTS,
                                          FL_TOPIC_PARKED, FL_TOPIC_HISTORY};
    struct fl_topic_info info = {0};
    enum fl_error error = fl_journal_describe_topic(run->options->journal, "telemetry", &info);
    if (error == FL_NOT_FOUND)
        return fl_verify_fail(run, error, "there is no log: topic telemetry is missing");
    if (error != FL_OK)
        return fl_verify_fail_topic(run, error, "telemetry");
    run->partition_count = info.partition_count;
    run->telemetry = calloc(run->partition_count, sizeof(*run->telemetry));
    if (run->telemetry == NULL)
        return fl_verify_fail(run, FL_NO_MEMORY, "no memory");
    for (uint32_t i = 0; error == FL_OK && i < run->partition_count; i++)
        error = read_range(run, FL_TOPIC_TELEMETRY, i, &run->telemetry[i]);
    for (size_t i = 0; error == FL_OK && i < sizeof(order) / sizeof(order[0]); i++)
        error = read_range(run, order[i], 0, &run->ranges[order[i]]);
    return error;
}

static double records_of(const struct fl_verify_run *run, enum fl_topic topic)
{
    double count = 0;
    for (uint32_t i = 0; topic == FL_TOPIC_TELEMETRY && i < run->partition_count; i++)
        count += (double)(run->telemetry[i].end - run->telemetry[i].begin);
    return topic == FL_TOPIC_TELEMETRY
               ? count
               : (double)(run->ranges[topic].end - run->ranges[topic].begin);
}

static void estimate(struct fl_verify_run *run)
{
    const struct fl_verify_options *options = run->options;
    double events = records_of(run, FL_TOPIC_EVENTS);
    double reports = records_of(run, FL_TOPIC_TELEMETRY);
    run->work_total =
        events * FL_VERIFY_WORK_DECIDE +
        reports * (options->without_signatures ? FL_VERIFY_WORK_RECORD : FL_VERIFY_WORK_SIGNATURE) +
        records_of(run, FL_TOPIC_SUBJECTS) * FL_VERIFY_WORK_RECORD +
        records_of(run, FL_TOPIC_PARKED) * FL_VERIFY_WORK_RECORD +
        records_of(run, FL_TOPIC_HISTORY) * FL_VERIFY_WORK_RECORD;
    for (size_t i = 0; options->views_directory != NULL && i < options->view_count; i++) {
        unsigned inputs = options->views[i]->inputs;
        if ((inputs & FL_READS_EVENTS) != 0)
            run->work_total += events * FL_VERIFY_WORK_FOLD_EVENT;
        if ((inputs & FL_READS_TELEMETRY) != 0)
            run->work_total += reports * FL_VERIFY_WORK_FOLD_REPORT;
    }
    run->started_ms = fl_port_monotonic_ms(options->port);
}

/* The engine's own invariants, of topics that could be read. */
static enum fl_error check_topics(struct fl_verify_run *run)
{
    size_t count = 0;
    const struct fl_topic_row *rows = fl_topic_table(&count);
    if (run->options->check_topic == NULL)
        return FL_OK;
    for (size_t i = 0; i < count; i++) {
        const char *name = rows[i].spec.name;
        struct fl_verify_finding finding = {.check = FL_VERIFY_JOURNAL};
        enum fl_error error = run->topic_findings[rows[i].topic] != 0
                                  ? FL_OK
                                  : run->options->check_topic(run->options->journal, name);
        if (error == FL_OK)
            error = fl_verify_step(run, 0);
        if (error == FL_CORRUPT) {
            snprintf(finding.where, sizeof(finding.where), "topic %s", name);
            snprintf(finding.expected, sizeof(finding.expected), "the journal's invariants");
            snprintf(finding.found, sizeof(finding.found), "%s",
                     fl_journal_detail(run->options->journal));
            fl_verify_report(run, rows[i].topic, &finding);
        } else if (error != FL_OK) {
            return fl_verify_fail_topic(run, error, name);
        }
    }
    return FL_OK;
}

static enum fl_error verify_all(struct fl_verify_run *run)
{
    enum fl_error error = make_scratch(run);
    if (error == FL_OK)
        error = read_ranges(run);
    if (error != FL_OK)
        return error;
    estimate(run);
    error = fl_verify_decided(run);
    if (error == FL_OK)
        error = fl_verify_telemetry(run);
    if (error == FL_OK)
        error = fl_verify_subjects(run);
    if (error == FL_OK)
        error = fl_verify_parked(run);
    if (error == FL_OK)
        error = fl_verify_history(run);
    if (error == FL_OK)
        error = check_topics(run);
    fl_store_close(&run->registry);
    if (error == FL_OK && run->options->views_directory != NULL)
        error = fl_verify_views(run);
    return error;
}

enum fl_error fl_verify(const struct fl_verify_options *options, struct fl_verify_result *result,
                        char *detail)
{
    struct fl_verify_run run = {
        .options = options, .result = result, .detail = detail, .lock_fd = -1};
    memset(result, 0, sizeof(*result));
    detail[0] = '\0';
    run.progress.what = "log";
    run.sha = fl_sha256_open();
    enum fl_error error = verify_all(&run);
    if (error == FL_INTERRUPTED)
        (void)fl_verify_fail(&run, error, "broken off");
    else if (error != FL_OK && detail[0] == '\0')
        (void)fl_verify_fail(&run, error, "%s", fl_error_text(error));
    fl_store_close(&run.registry);
    free(run.telemetry);
    fl_sha256_close(&run.sha);
    if (run.lock_fd >= 0) {
        if (error != FL_LOCKED)
            remove_tree(run.scratch);
        close(run.lock_fd);
    }
    return error;
}
