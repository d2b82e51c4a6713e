/* SPDX-License-Identifier: Apache-2.0 */
/* What projections could not fold, and what to do about it: a decision is a record of the log, so
 * that a rebuild repeats it. */
#include "projections/store/parked.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "core/json.h"
#include "fleetlog/v1/subjects.pb-c.h"
#include "projections/store/store.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"
#include "replay/views.h"

enum { PLACE_SIZE = 64, KEY_SHOWN_SIZE_MAX = 16, LINE_SIZE = 2048, DECISION_ARENA_SIZE = 65536 };

struct listing {
    const struct fl_cli *cli;
    struct fl_table *table;
    const char *view;
};

static void place_text(enum fl_topic topic, uint32_t partition, uint64_t offset,
                       char out[PLACE_SIZE])
{
    snprintf(out, PLACE_SIZE, "%s-%u-%" PRIu64, fl_topic_row(topic)->spec.name, partition, offset);
}

static void print_json(const char *view, const char *place, const char *key,
                       const struct fl_parked_entry *entry)
{
    char line[LINE_SIZE];
    struct fl_json json;
    fl_json_init(&json, line, sizeof(line));
    fl_json_object_begin(&json);
    fl_json_name(&json, "view");
    fl_json_text(&json, view);
    fl_json_name(&json, "record");
    fl_json_text(&json, place);
    fl_json_name(&json, "key");
    fl_json_text(&json, key);
    fl_json_name(&json, "failed");
    fl_json_bool(&json, entry->parked.failed);
    fl_json_name(&json, "attempts");
    fl_json_uint(&json, entry->attempts);
    fl_json_name(&json, "reason");
    fl_json_text(&json, entry->reason);
    fl_json_object_end(&json);
    if (fl_json_finish(&json))
        printf("%s\n", line);
}

static bool list_entry(void *context, const struct fl_parked_entry *entry)
{
    struct listing *listing = context;
    char place[PLACE_SIZE];
    char key[2 * KEY_SHOWN_SIZE_MAX + 1];
    size_t size =
        entry->key.key.size < KEY_SHOWN_SIZE_MAX ? entry->key.key.size : (size_t)KEY_SHOWN_SIZE_MAX;
    place_text(entry->key.topic, entry->key.partition, entry->parked.offset, place);
    fl_hex_encode(entry->key.key.data, size, key);
    if (listing->cli->json) {
        print_json(listing->view, place, key, entry);
        return true;
    }
    const char *cells[] = {listing->view, place, key, entry->parked.failed ? "failed" : "waits",
                           entry->reason[0] == '\0' ? NULL : entry->reason};
    fl_table_add(listing->table, cells);
    return true;
}

/* Looks into a view's rows; `look` may only read. */
static int look(struct fl_cli *cli, const char *view,
                bool (*each)(void *context, const struct fl_parked_entry *entry), void *context)
{
    char views[PATH_MAX];
    struct fl_versions versions;
    struct fl_store_peek peek;
    fl_datadir_path(&cli->datadir, "views", views);
    enum fl_error error = fl_versions_open(&versions, views, view, false);
    if (error == FL_OK)
        error = fl_store_peek(&versions, &peek, NULL);
    if (error == FL_NOT_FOUND)
        return FL_EXIT_NOT_FOUND;
    if (error == FL_OK) {
        fl_parked_each(&peek.txn.kv, each, context);
        error = peek.txn.kv.error;
        fl_store_peek_end(&peek);
    }
    if (error != FL_OK)
        fl_cli_error("%s: %s", view, fl_error_text(error));
    return fl_error_exit_code(error);
}

static int list_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"VIEW", "RECORD", "KEY", "STATE", "WHY"};
    size_t count = 0;
    const struct fl_view *const *views = fl_views_all(&count);
    struct listing listing = {.cli = cli};
    int worst = fl_cli_open_datadir(cli, false);
    if (worst != FL_EXIT_DONE)
        return worst;
    if (arguments->positional_count == 1 && fl_views_find(arguments->positional[0]) == NULL) {
        fl_cli_error("there is no view \"%s\"", arguments->positional[0]);
        return FL_EXIT_NOT_FOUND;
    }
    listing.table = fl_table_open(headings, 5);
    for (size_t i = 0; i < count; i++) {
        listing.view = views[i]->name;
        if (arguments->positional_count == 1 && strcmp(arguments->positional[0], listing.view) != 0)
            continue;
        int code = look(cli, listing.view, list_entry, &listing);
        if (code != FL_EXIT_DONE && code != FL_EXIT_NOT_FOUND)
            worst = code;
    }
    if (!cli->json && fl_table_row_count(listing.table) != 0)
        fl_table_print(listing.table, cli->color, stdout);
    else if (!cli->json && worst == FL_EXIT_DONE && !cli->quiet)
        printf("nothing is parked\n");
    fl_table_close(&listing.table);
    return worst;
}

const struct fl_command fl_command_parked = {
    .name = "parked list",
    .operands = "[VIEW]",
    .summary = "records that a projection could not fold, and those that wait for them",
    .examples = "  fleetlog parked list\n",
    .positional_max = 1,
    .run = list_command,
};

/* "telemetry-3-17". */
static bool parse_place(const char *text, enum fl_topic *topic, uint32_t *partition,
                        uint64_t *offset)
{
    const char *last = strrchr(text, '-');
    uint64_t number = 0;
    if (last == NULL || last == text || !fl_slice_to_u64(fl_slice_text(last + 1), offset))
        return false;
    const char *middle = memrchr(text, '-', (size_t)(last - text));
    if (middle == NULL ||
        !fl_slice_to_u64(fl_slice_of(middle + 1, (size_t)(last - middle - 1)), &number) ||
        number > UINT32_MAX)
        return false;
    const struct fl_topic_row *row = fl_topic_find(fl_slice_of(text, (size_t)(middle - text)));
    if (row == NULL)
        return false;
    *topic = row->topic;
    *partition = (uint32_t)number;
    return true;
}

struct sought {
    enum fl_topic topic;
    uint32_t partition;
    uint64_t offset;
    bool found;
    bool failed;
};

static bool seek_entry(void *context, const struct fl_parked_entry *entry)
{
    struct sought *sought = context;
    sought->found = entry->key.topic == sought->topic &&
                    entry->key.partition == sought->partition &&
                    entry->parked.offset == sought->offset;
    sought->failed = entry->parked.failed;
    return !sought->found;
}

static enum fl_error append(struct fl_duty *duty, const char *view, const struct sought *sought,
                            Fleetlog__V1__ParkChoice choice)
{
    char id[FL_ID_TEXT_SIZE];
    char actor[80] = "operator:";
    char source[160];
    char place[PLACE_SIZE];
    uint64_t offset = 0;
    struct fl_id_source ids;
    struct fl_arena arena;
    struct fl_record record;
    Fleetlog__V1__ParkDecision decision = FLEETLOG__V1__PARK_DECISION__INIT;
    int64_t now_ms = fl_port_wall_ms(duty->port);
    fl_id_source_init(&ids, duty->port);
    fl_id_mint(&ids, id);
    fl_cli_user_name(actor + strlen(actor), sizeof(actor) - strlen(actor));
    snprintf(source, sizeof(source), "/fleetlog/operator/%s", duty->datadir->node_id);
    place_text(sought->topic, sought->partition, sought->offset, place);
    decision.projection = (char *)view;
    decision.topic = (char *)fl_topic_row(sought->topic)->spec.name;
    decision.partition = sought->partition;
    decision.offset = sought->offset;
    decision.choice = choice;
    decision.actor = actor;
    fl_arena_init(&arena, DECISION_ARENA_SIZE);
    enum fl_error error = fl_plain_encode(&arena, fl_slice_text(id), "fleetlog.v1.ParkDecision",
                                          fl_slice_text(source), now_ms, fl_slice_text(place),
                                          &decision.base, &record);
    struct fl_append batch = {.topic = "parked",
                              .count = 1,
                              .records = &record,
                              .expected_offset = FL_OFFSET_NONE,
                              .offsets = &offset};
    if (error == FL_OK)
        error = fl_journal_append(duty->journal, &batch, 1);
    fl_arena_fini(&arena);
    return error;
}

static int decide(struct fl_cli *cli, const struct fl_arguments *arguments,
                  Fleetlog__V1__ParkChoice choice)
{
    const char *view = arguments->positional[0];
    const char *place = arguments->positional[1];
    struct sought sought = {.found = false};
    struct fl_duty duty;
    if (fl_views_find(view) == NULL) {
        fl_cli_error("there is no view \"%s\"", view);
        return FL_EXIT_NOT_FOUND;
    }
    if (!parse_place(place, &sought.topic, &sought.partition, &sought.offset))
        return fl_cli_usage("\"%s\" is no record: give TOPIC-PARTITION-OFFSET", place);
    int code = fl_cli_open_datadir(cli, false);
    if (code == FL_EXIT_DONE)
        code = look(cli, view, seek_entry, &sought);
    if (code == FL_EXIT_DONE && !sought.found) {
        fl_cli_error("%s: %s is not parked", view, place);
        code = FL_EXIT_NOT_FOUND;
    } else if (code == FL_EXIT_DONE && !sought.failed) {
        fl_cli_error("%s: %s only waits for a record of the same key that failed; decide on that",
                     view, place);
        code = FL_EXIT_FAILED;
    }
    if (code == FL_EXIT_DONE)
        code = fl_cli_open_duty(cli, "parked", &duty);
    if (code != FL_EXIT_DONE)
        return code;
    enum fl_error error = append(&duty, view, &sought, choice);
    if (error != FL_OK)
        fl_cli_error("parked: %s: %s", fl_error_text(error), fl_journal_detail(duty.journal));
    fl_cli_close_duty(&duty);
    return fl_error_exit_code(error);
}

static int retry_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return decide(cli, arguments, FLEETLOG__V1__PARK_CHOICE__PARK_CHOICE_RETRY);
}

static int skip_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return decide(cli, arguments, FLEETLOG__V1__PARK_CHOICE__PARK_CHOICE_SKIP);
}

const struct fl_command fl_command_parked_retry = {
    .name = "parked retry",
    .operands = "VIEW RECORD",
    .summary = "fold a parked record once more, and what waits for it",
    .examples = "  fleetlog parked retry devices telemetry-3-17\n",
    .positional_min = 2,
    .positional_max = 2,
    .run = retry_command,
};

const struct fl_command fl_command_parked_skip = {
    .name = "parked skip",
    .operands = "VIEW RECORD",
    .summary = "leave a parked record out, and fold what waits for it",
    .examples = "  fleetlog parked skip devices telemetry-3-17\n",
    .positional_min = 2,
    .positional_max = 2,
    .run = skip_command,
};
