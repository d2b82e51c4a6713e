/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/cli/report_at.h"

#include <stdlib.h>
#include <string.h>

#include "consumers/runner/fold.h"
#include "core/timestamp.h"
#include "projections/devices/devices.h"
#include "projections/eventlog/eventlog.h"
#include "projections/registry/lifecycle.h"
#include "projections/reports/render.h"
#include "projections/reports/source.h"
#include "projections/store/meta.h"

enum { ARENA_SIZE = 64 * 1024 * 1024, COMPANY_PAGE = 100, BLOCK_SIZE = 64 * 1024 };

/* Views of the past, in memory. */
struct past {
    struct fl_cli *cli;
    struct fl_journal *journal;
    struct fl_kv *registry;
    struct fl_kv *eventlog;
    struct fl_kv *devices;
    struct fl_arena arena;
    int64_t time_ms; /* up to when; 0: up to `sequence` */
    uint64_t sequence;
    uint64_t next; /* offset of the first event that is not in it */
    char company_id[FL_ID_TEXT_SIZE];
    char detail[FL_DETAIL_SIZE];
};

static int fail(const struct past *past, enum fl_error error)
{
    fl_cli_error("the log cannot be folded: %s",
                 past->detail[0] != '\0' ? past->detail : fl_error_text(error));
    return fl_error_exit_code(error);
}

/* Folds a view to the given event, and its telemetry to the time of that one. */
static enum fl_error fold(struct past *past, const struct fl_view *view, struct fl_kv *kv)
{
    struct fl_fold_target *targets = NULL;
    size_t count = 0;
    enum fl_error error = fl_fold_target_end(view, past->journal, &targets, &count);
    for (size_t i = 0; error == FL_OK && i < count; i++) {
        if (targets[i].topic == FL_TOPIC_EVENTS)
            targets[i].next = past->next;
        else if (targets[i].topic == FL_TOPIC_TELEMETRY)
            error = fl_journal_offset_at(past->journal, fl_topic_row(FL_TOPIC_TELEMETRY)->spec.name,
                                         targets[i].partition, past->time_ms + 1, &targets[i].next);
    }
    const struct fl_fold_options options = {
        .view = view,
        .journal = past->journal,
        .sink = fl_fold_sink_kv(kv),
        .targets = targets,
        .target_count = count,
        .detail = past->detail,
    };
    if (error == FL_OK)
        error = fl_fold_run(&options);
    free(targets);
    return error;
}

/* Void records have offsets and no sequence, so the offset of a sequence is found by folding on:
 * each record adds one at most. */
static enum fl_error fold_to_sequence(struct past *past, uint64_t end)
{
    struct fl_chain_head head = {.sequence = 0};
    enum fl_error error = FL_OK;
    past->next = past->sequence + 1;
    while (error == FL_OK) {
        if (past->next > end)
            return FL_NOT_FOUND;
        error = fold(past, fl_registry_view(), past->registry);
        fl_meta_head(past->registry, &head);
        if (head.sequence > past->sequence)
            break;
        past->next += past->sequence + 1 - head.sequence;
    }
    past->time_ms = head.time_ms;
    return error;
}

static int fold_all(struct past *past)
{
    const char *events = fl_topic_row(FL_TOPIC_EVENTS)->spec.name;
    uint64_t begin = 0;
    uint64_t end = 0;
    enum fl_error error = fl_journal_offsets(past->journal, events, 0, &begin, &end);
    if (error == FL_OK && past->time_ms != 0) {
        error = fl_journal_offset_at(past->journal, events, 0, past->time_ms + 1, &past->next);
        if (error == FL_OK && past->next == 0)
            error = FL_NOT_FOUND;
        if (error == FL_OK)
            error = fold(past, fl_registry_view(), past->registry);
    } else if (error == FL_OK) {
        error = fold_to_sequence(past, end);
    }
    if (error == FL_NOT_FOUND) {
        fl_cli_error("--at: the log has no event there; it has %llu", (unsigned long long)end);
        return FL_EXIT_NOT_FOUND;
    }
    if (error == FL_OK)
        error = fold(past, fl_eventlog_view(), past->eventlog);
    if (error == FL_OK)
        error = fold(past, fl_devices_view(), past->devices);
    return error == FL_OK ? FL_EXIT_DONE : fail(past, error);
}

/* A sequence, a day, or a time. */
static bool read_at(struct past *past, const char *at)
{
    if (fl_slice_to_u64(fl_slice_text(at), &past->sequence))
        return past->sequence < UINT64_MAX / 2;
    return (fl_date_parse(at, &past->time_ms) ||
            fl_timestamp_parse(fl_slice_text(at), &past->time_ms)) &&
           past->time_ms > 0;
}

/* By id, or by its name if only one had it. */
static int find_company(struct past *past, const char *name)
{
    struct fl_page page = {.limit = COMPANY_PAGE};
    struct fl_rows rows = {.count = 0};
    char cursor[FL_CURSOR_SIZE];
    size_t count = 0;
    do {
        fl_arena_reset(&past->arena);
        enum fl_error error = fl_registry_list(past->registry, &past->arena, FL_LIST_COMPANIES,
                                               FL_SLICE_NULL, &page, &rows);
        if (error != FL_OK)
            return fail(past, error);
        for (size_t i = 0; i < rows.count; i++) {
            const fl_company_row *row = rows.rows[i];
            if (strcmp(row->name, name) != 0 && strcmp(row->company_id, name) != 0)
                continue;
            snprintf(past->company_id, sizeof(past->company_id), "%s", row->company_id);
            count++;
        }
        memcpy(cursor, rows.next, sizeof(cursor));
        page.after = fl_slice_text(cursor);
    } while (cursor[0] != '\0');
    if (count == 1)
        return FL_EXIT_DONE;
    fl_cli_error(count == 0 ? "there was no such company"
                            : "several companies had this name; give its id");
    return count == 0 ? FL_EXIT_NOT_FOUND : FL_EXIT_FAILED;
}

static enum fl_error copy(FILE *from, FILE *to)
{
    static const size_t size = BLOCK_SIZE;
    char *block = malloc(size);
    size_t count = 0;
    enum fl_error error = block == NULL ? FL_NO_MEMORY : FL_OK;
    rewind(from);
    while (error == FL_OK && (count = fread(block, 1, size, from)) > 0)
        if (fwrite(block, 1, count, to) != count)
            error = FL_IO;
    free(block);
    return error != FL_OK || ferror(from) ? FL_IO : FL_OK;
}

/* The chart's number; false: there is none of that name. */
static bool find_chart(const struct fl_document *document, const char *name, size_t *chart)
{
    for (*chart = 0; *chart < document->chart_count; ++*chart)
        if (name == NULL || strcmp(document->charts[*chart].name, name) == 0)
            return true;
    return false;
}

static int write_document(struct past *past, struct fl_document *document,
                          enum fl_document_format format, const char *chart_name, FILE *out)
{
    const char *directory = past->cli->datadir.path;
    FILE *file = NULL;
    size_t chart = 0;
    if (format == FL_DOCUMENT_SVG && !find_chart(document, chart_name, &chart))
        return fl_cli_usage("--chart: the report has no chart of this name");
    enum fl_error error = fl_document_open_file(directory, &file);
    if (error == FL_OK)
        error = fl_document_render(document, format, chart, directory, file);
    if (error == FL_OK)
        error = copy(file, out);
    if (file != NULL)
        fclose(file);
    if (error == FL_OK)
        return FL_EXIT_DONE;
    fl_cli_error("the report cannot be written: %s", fl_error_text(error));
    return fl_error_exit_code(error);
}

static int make(struct past *past, const struct fl_arguments *arguments, enum fl_document_kind kind,
                enum fl_document_format format, FILE *out)
{
    struct fl_document *document = calloc(1, sizeof(*document));
    const struct fl_document_source source = {
        .registry = past->registry,
        .devices = past->devices,
        .eventlog = past->eventlog,
        .arena = &past->arena,
        .scope = FL_DOCUMENT_OF_COMPANY,
        .company_id = fl_slice_text(past->company_id),
        .region = fl_argument(arguments, "region"),
        .location = fl_argument(arguments, "location"),
        .is_operators = true,
    };
    enum fl_error error =
        document == NULL ? FL_NO_MEMORY : fl_document_open(past->cli->datadir.path, document);
    if (error == FL_OK)
        error = fl_document_fill(document, kind, &source);
    int code = error == FL_OK
                   ? write_document(past, document, format, fl_argument(arguments, "chart"), out)
                   : fail(past, error);
    if (document != NULL)
        fl_document_close(document);
    free(document);
    return code;
}

static int check(const struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const others[] = {"device", "shared", "severity"};
    if (cli->as != NULL)
        return fl_cli_usage("--at reads the log itself, which is the operators': without --as");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (fl_argument(arguments, others[i]) != NULL)
            return fl_cli_usage("--at goes with --company, not with --%s", others[i]);
    if (fl_argument(arguments, "company") == NULL)
        return fl_cli_usage("--at needs --company");
    return FL_EXIT_DONE;
}

int fl_report_at(struct fl_cli *cli, const struct fl_arguments *arguments, const char *at,
                 FILE *out)
{
    struct past past = {.cli = cli};
    enum fl_document_kind kind;
    enum fl_document_format format = FL_DOCUMENT_JSON;
    const char *form = fl_argument(arguments, "format");
    int code = check(cli, arguments);
    if (code != FL_EXIT_DONE)
        return code;
    if (!read_at(&past, at))
        return fl_cli_usage("--at: \"%s\" is no sequence, day or time "
                            "(17, 2026-11-25, 2026-11-25T12:00:00.000Z)",
                            at);
    if (!fl_document_kind_of(arguments->positional[0], &kind))
        return fl_cli_usage("there is no report \"%s\"", arguments->positional[0]);
    if (form != NULL && !fl_document_format_of(form, &format))
        return fl_cli_usage("--format: \"%s\" is none of json, csv, xlsx, pdf, svg", form);
    code = fl_cli_open_journal(cli, &past.journal);
    if (code != FL_EXIT_DONE)
        return code;
    fl_arena_init(&past.arena, ARENA_SIZE);
    past.registry = fl_kv_memory_open();
    past.eventlog = fl_kv_memory_open();
    past.devices = fl_kv_memory_open();
    code = fold_all(&past);
    if (code == FL_EXIT_DONE)
        code = find_company(&past, fl_argument(arguments, "company"));
    if (code == FL_EXIT_DONE)
        code = make(&past, arguments, kind, format, out);
    fl_kv_memory_close(&past.registry);
    fl_kv_memory_close(&past.eventlog);
    fl_kv_memory_close(&past.devices);
    fl_arena_fini(&past.arena);
    fl_journal_close(&past.journal);
    return code;
}
