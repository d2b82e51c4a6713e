/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/timestamp.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"
#include "schemas/topics.h"

enum {
    SOURCE_COUNT_MAX = 1024,
    POLL_MS = 500,
    POLL_SIZE_MAX = 4 * 1024 * 1024,
    ARENA_BOUND = 64 * 1024 * 1024
};

struct tail {
    struct fl_cli *cli;
    struct fl_journal *journal;
    struct fl_duty stop;
    struct fl_source sources[SOURCE_COUNT_MAX];
    size_t source_count;
    uint64_t count_max; /* 0: no end */
    uint64_t count;
    bool exit_at_end;
    bool full_json;
    struct fl_arena arena;
};

/* kcat's words for where to begin: beginning, end, N, -N, s@MS (first record at or after that
 * time). */
static enum fl_error parse_offset(struct fl_journal *journal, const char *topic, uint32_t partition,
                                  const char *text, uint64_t *offset)
{
    uint64_t begin = 0;
    uint64_t end = 0;
    uint64_t number = 0;
    enum fl_error error = fl_journal_offsets(journal, topic, partition, &begin, &end);
    if (error != FL_OK)
        return error;
    if (strcmp(text, "beginning") == 0)
        *offset = begin;
    else if (strcmp(text, "end") == 0)
        *offset = end;
    else if (text[0] == '-' && fl_slice_to_u64(fl_slice_text(text + 1), &number))
        *offset = end - begin > number ? end - number : begin;
    else if (strncmp(text, "s@", 2) == 0 && fl_slice_to_u64(fl_slice_text(text + 2), &number))
        return fl_journal_offset_at(journal, topic, partition, (int64_t)number, offset);
    else if (fl_slice_to_u64(fl_slice_text(text), &number))
        *offset = number < begin ? begin : number > end ? end : number;
    else
        return FL_USAGE;
    return FL_OK;
}

static int add_topic(struct tail *tail, const char *topic, const char *partition_text,
                     const char *offset_text)
{
    struct fl_topic_info info;
    uint64_t only = 0;
    enum fl_error error = fl_journal_describe_topic(tail->journal, topic, &info);
    if (error == FL_NOT_FOUND) {
        fl_cli_error("there is no topic \"%s\"; `fleetlog topics` lists them", topic);
        return FL_EXIT_NOT_FOUND;
    }
    if (partition_text != NULL && !fl_slice_to_u64(fl_slice_text(partition_text), &only))
        return fl_cli_usage("-p: \"%s\" is not a partition", partition_text);
    if (error == FL_OK && partition_text != NULL && only >= info.partition_count) {
        fl_cli_error("topic %s has the partitions 0 to %u", topic, info.partition_count - 1);
        return FL_EXIT_NOT_FOUND;
    }
    for (uint32_t p = 0; error == FL_OK && p < info.partition_count; p++) {
        struct fl_source *source = &tail->sources[tail->source_count];
        if (partition_text != NULL && p != only)
            continue;
        if (tail->source_count == SOURCE_COUNT_MAX)
            return fl_cli_usage("more than %d partitions", SOURCE_COUNT_MAX);
        *source = (struct fl_source){.topic = topic, .partition = p};
        error = parse_offset(tail->journal, topic, p, offset_text, &source->offset);
        if (error == FL_USAGE)
            return fl_cli_usage("-o: \"%s\" is none of beginning, end, N, -N, s@MS", offset_text);
        tail->source_count++;
    }
    if (error != FL_OK)
        fl_cli_error("topic %s: %s", topic, fl_journal_detail(tail->journal));
    return fl_error_exit_code(error);
}

/* One line for people: where, when, what, by whom, and the payload. */
static enum fl_error print_line(struct tail *tail, const struct fl_entry *entry)
{
    const struct fl_source *source = &tail->sources[entry->source];
    struct fl_envelope envelope;
    char time_text[FL_TIMESTAMP_TEXT_SIZE] = "-";
    const char *what = NULL;
    char *json = NULL;
    ProtobufCMessage *message = NULL;
    const struct fl_header *type = fl_record_header(&entry->record, "ce_type");
    if (entry->record.timestamp_ms >= 0 && entry->record.timestamp_ms <= FL_TIMESTAMP_MS_MAX)
        fl_timestamp_format(entry->record.timestamp_ms, time_text);
    printf("%s[%u]@%llu  %s  ", source->topic, source->partition, (unsigned long long)entry->offset,
           time_text);
    if (type != NULL && type->value.data != NULL)
        fl_print_safe((const char *)type->value.data, type->value.size, stdout);
    else
        fputs(entry->record.value.data == NULL ? "(tombstone)" : "(no type)", stdout);
    if (fl_envelope_read(&entry->record, &envelope, &what) == FL_OK && envelope.row != NULL &&
        fl_message_decode(&tail->arena, envelope.row->descriptor, entry->record.value, &message) ==
            FL_OK &&
        fl_message_to_json(&tail->arena, message, &json) == FL_OK) {
        fputs("  ", stdout);
        fl_print_safe((const char *)envelope.actor.data, envelope.actor.size, stdout);
        fputs("  ", stdout);
        fl_print_safe(json, strlen(json), stdout);
    } else if (fl_record_to_json(&tail->arena, &entry->record, source->topic, source->partition,
                                 entry->offset, &json) == FL_OK) {
        fputs("  ", stdout);
        fl_print_safe(json, strlen(json), stdout);
    } else {
        printf("  (%zu bytes)", entry->record.value.size);
    }
    fputc('\n', stdout);
    return FL_OK;
}

static enum fl_error print_entry(struct tail *tail, const struct fl_entry *entry)
{
    const struct fl_source *source = &tail->sources[entry->source];
    char *json = NULL;
    fl_arena_reset(&tail->arena);
    if (!tail->full_json)
        return print_line(tail, entry);
    enum fl_error error = fl_record_to_json(&tail->arena, &entry->record, source->topic,
                                            source->partition, entry->offset, &json);
    if (error == FL_OK)
        puts(json);
    return error;
}

static enum fl_error follow(struct tail *tail, struct fl_reader *reader)
{
    enum fl_error error = FL_OK;
    int timeout_ms = tail->exit_at_end ? 0 : POLL_MS;
    while (error == FL_OK && !fl_duty_stopping(&tail->stop)) {
        struct fl_batch batch;
        error = fl_reader_poll(reader, timeout_ms, POLL_SIZE_MAX, &batch);
        if (error == FL_INTERRUPTED)
            error = FL_OK;
        for (size_t i = 0; error == FL_OK && i < batch.count; i++) {
            error = print_entry(tail, &batch.entries[i]);
            if (tail->count_max != 0 && ++tail->count == tail->count_max)
                return fflush(stdout) == 0 ? error : FL_OK;
        }
        /* Whoever closes the pipe has seen enough: no error. */
        if (fflush(stdout) != 0 && errno == EPIPE)
            return FL_OK;
        if (error == FL_OK && tail->exit_at_end && batch.at_end)
            return FL_OK;
        /* A broker's answer is still under way after the first look. */
        timeout_ms = POLL_MS;
    }
    return error == FL_OK && fl_duty_stopping(&tail->stop) ? FL_INTERRUPTED : error;
}

static void wake(void *reader)
{
    fl_reader_wake(reader);
}

static int run_tail(struct tail *tail)
{
    struct fl_reader *reader = NULL;
    enum fl_error error = fl_duty_init(&tail->stop, "tail");
    tail->stop.port = tail->cli->port;
    if (error == FL_OK)
        error = fl_reader_open(tail->journal, tail->sources, tail->source_count, &reader);
    if (error == FL_OK)
        error = fl_duty_watch(&tail->stop, wake, reader);
    if (error == FL_OK)
        error = follow(tail, reader);
    fl_duty_unwatch(&tail->stop);
    if (error != FL_OK && error != FL_INTERRUPTED)
        fl_cli_error("%s: %s", fl_error_text(error), fl_journal_detail(tail->journal));
    fl_reader_close(&reader);
    fl_duty_fini(&tail->stop);
    return fl_error_exit_code(error);
}

static int tail_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    const char *topics = fl_argument(arguments, "topic");
    const char *offset = fl_argument(arguments, "offset");
    char names[512];
    struct tail tail = {.cli = cli};
    tail.exit_at_end = fl_argument(arguments, "exit") != NULL;
    tail.full_json = cli->json || fl_argument(arguments, "envelope") != NULL;
    if (!fl_argument_number(arguments, "count", 0, &tail.count_max))
        return FL_EXIT_USAGE;
    int code = fl_cli_open_journal(cli, &tail.journal);
    if (code != FL_EXIT_DONE)
        return code;
    fl_arena_init(&tail.arena, ARENA_BOUND);
    snprintf(names, sizeof(names), "%s", topics != NULL ? topics : "events");
    for (char *rest = names, *name = strsep(&rest, ","); code == FL_EXIT_DONE && name != NULL;
         name = strsep(&rest, ","))
        code = add_topic(&tail, name, fl_argument(arguments, "partition"),
                         offset != NULL ? offset : "-10");
    if (code == FL_EXIT_DONE)
        code = run_tail(&tail);
    fl_arena_fini(&tail.arena);
    fl_journal_close(&tail.journal);
    return code;
}

static const struct fl_option tail_options[] = {
    {"topic", 't', "NAME,…",
     "topics: actions, events (default), telemetry, subjects, parked, history"},
    {"partition", 'p', "N", "only this partition"},
    {"offset", 'o', "WHERE", "beginning, end, N, -N (default -10) or s@MS (time)"},
    {"count", 'c', "N", "end after N records"},
    {"exit", 'e', NULL, "end at the end of the log instead of following it"},
    {"envelope", 'J', NULL, "whole records as JSON, one a line (as --json)"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_tail = {
    .name = "tail",
    .operands = "",
    .summary = "print records of the log as they arrive",
    .examples = "  fleetlog tail                              the last ten events, then live\n"
                "  fleetlog tail -t actions -o beginning -e   every action there is\n"
                "  fleetlog tail -t telemetry -p 3 -J | jq .\n",
    .options = tail_options,
    .run = tail_command,
};

static int topics_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"TOPIC", "PARTITIONS", "BEGIN",
                                           "END",   "RETENTION",  "WHAT"};
    struct fl_journal *journal = NULL;
    size_t count = 0;
    const struct fl_topic_row *rows = fl_topic_table(&count);
    (void)arguments;
    int code = fl_cli_open_journal(cli, &journal);
    if (code != FL_EXIT_DONE)
        return code;
    struct fl_table *table = fl_table_open(headings, 6);
    for (size_t i = 0; i < count; i++) {
        struct fl_topic_info info;
        uint64_t first = 0;
        uint64_t records = 0;
        enum fl_error error = fl_journal_describe_topic(journal, rows[i].spec.name, &info);
        for (uint32_t p = 0; error == FL_OK && p < info.partition_count; p++) {
            uint64_t begin = 0;
            uint64_t end = 0;
            error = fl_journal_offsets(journal, rows[i].spec.name, p, &begin, &end);
            first += begin;
            records += end;
        }
        if (error == FL_NOT_FOUND)
            continue;
        if (error != FL_OK) {
            fl_cli_error("topic %s: %s", rows[i].spec.name, fl_journal_detail(journal));
            code = fl_error_exit_code(error);
            break;
        }
        char numbers[4][32];
        snprintf(numbers[0], 32, "%u", info.partition_count);
        snprintf(numbers[1], 32, "%llu", (unsigned long long)first);
        snprintf(numbers[2], 32, "%llu", (unsigned long long)records);
        if (info.compacted)
            snprintf(numbers[3], 32, "newest per key");
        else if (info.retention_ms < 0)
            snprintf(numbers[3], 32, "for ever");
        else
            snprintf(numbers[3], 32, "%lld days", (long long)(info.retention_ms / 86400000));
        if (cli->json)
            printf("{\"topic\":\"%s\",\"partitions\":%s,\"begin\":%s,\"end\":%s,\"compacted\":%s,"
                   "\"retentionMs\":%lld}\n",
                   rows[i].spec.name, numbers[0], numbers[1], numbers[2],
                   info.compacted ? "true" : "false", (long long)info.retention_ms);
        const char *cells[] = {rows[i].spec.name, numbers[0], numbers[1],
                               numbers[2],        numbers[3], rows[i].description};
        fl_table_add(table, cells);
    }
    if (!cli->json && code == FL_EXIT_DONE)
        fl_table_print(table, cli->color, stdout);
    fl_table_close(&table);
    fl_journal_close(&journal);
    return code;
}

const struct fl_command fl_command_topics = {
    .name = "topics",
    .operands = "",
    .summary = "list the topics of the log; begin and end summed over partitions",
    .examples = "  fleetlog topics\n  fleetlog topics --json\n",
    .run = topics_command,
};
