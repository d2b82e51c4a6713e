/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/asyncapi.h"

#include <inttypes.h>

#include "core/assert.h"
#include "core/json.h"
#include "fleetlog/v1/telemetry.pb-c.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"
#include "schemas/fields.h"
#include "schemas/json_schema.h"
#include "schemas/proto_text.h"
#include "schemas/topics.h"

enum { SCALAR_SIZE = 1024, SCHEMA_INDENT = 6, PROTO_INDENT = 8 };

static const char preface[] =
    "# Generated from the catalogue (fleetlog contract); a test compares it. Do not edit.\n"
    "asyncapi: 3.0.0\n"
    "info:\n"
    "  title: fleetlog\n"
    "  version: 0.1.0\n"
    "  description: >-\n"
    "    The log as a program beside fleetlog reads it. Records are CloudEvents 1.0 in Kafka "
    "binary\n"
    "    mode: attributes in headers, protobuf in the value. Topics may have a prefix of the\n"
    "    installation's own. Every action is answered by exactly one event. An event is valid if\n"
    "    and only if its ce_previous is the hash of the valid event before it; all others are "
    "void.\n"
    "    Only fleetlog's own duties append. A payload's schema is that of its ProtoJSON form; its\n"
    "    definition on the wire stands in x-protobuf.\n"
    "  license:\n"
    "    name: Apache-2.0\n"
    "    url: https://www.apache.org/licenses/LICENSE-2.0\n"
    "defaultContentType: application/protobuf\n";

/* A JSON string is a YAML scalar. */
static void write_scalar(FILE *file, const char *before, const char *text)
{
    char scalar[SCALAR_SIZE];
    struct fl_json json;
    fl_json_init(&json, scalar, sizeof(scalar));
    fl_json_text(&json, text);
    bool fits = fl_json_finish(&json);
    fl_assert(fits);
    fprintf(file, "%s%s\n", before, scalar);
}

static enum fl_message_kind kind_of(const struct fl_topic_row *topic)
{
    return topic->topic == FL_TOPIC_ACTIONS ? FL_KIND_ACTION : FL_KIND_EVENT;
}

/* The part of a full name behind the package. */
static const char *short_name(const char *full_name)
{
    return full_name + sizeof("fleetlog.v1.") - 1;
}

static void write_channel_messages(FILE *file, const struct fl_topic_row *topic)
{
    static const char line[] = "      %s:\n        $ref: \"#/components/messages/%s\"\n";
    fputs("    messages:\n", file);
    if (topic->type[0] != '\0')
        fprintf(file, line, short_name(topic->type), short_name(topic->type));
    for (int i = 0; topic->type[0] == '\0' && i < FL_MESSAGE_COUNT; i++) {
        const struct fl_catalogue_row *row = fl_catalogue_row((enum fl_message_type)i);
        if (row->kind == kind_of(topic))
            fprintf(file, line, row->name, row->name);
    }
}

static void write_channel(FILE *file, const struct fl_topic_row *topic)
{
    fprintf(file, "  %s:\n    address: fleetlog.%s\n", topic->spec.name, topic->spec.name);
    write_scalar(file, "    description: ", topic->description);
    write_channel_messages(file, topic);
    fprintf(file,
            "    bindings:\n"
            "      kafka:\n"
            "        partitions: %" PRIu32 "\n"
            "        topicConfiguration:\n"
            "          cleanup.policy:\n"
            "            - %s\n"
            "          retention.ms: %" PRId64 "\n"
            "        bindingVersion: 0.4.0\n",
            topic->spec.partition_count, topic->spec.compacted ? "compact" : "delete",
            topic->spec.retention_ms);
}

static void write_operation(FILE *file, const struct fl_topic_row *topic)
{
    fprintf(file,
            "  read_%s:\n"
            "    action: receive\n"
            "    channel:\n"
            "      $ref: \"#/channels/%s\"\n",
            topic->spec.name, topic->spec.name);
}

static void write_headers(FILE *file, const char *name, bool events, bool plain)
{
    struct fl_attribute_info info;
    fprintf(file, "    %s:\n      type: object\n      required:\n", name);
    for (size_t n = 0; fl_envelope_attribute(n, &info); n++)
        if (info.required && (events || info.on_actions) && (!plain || info.on_plain))
            fprintf(file, "        - %s\n", info.header);
    if (!events && !plain)
        fputs("        - ce_actor\n", file);
    fputs("      properties:\n", file);
    for (size_t n = 0; fl_envelope_attribute(n, &info); n++) {
        if ((!events && !info.on_actions) || (plain && !info.on_plain))
            continue;
        fprintf(file, "        %s:\n          type: string\n", info.header);
        write_scalar(file, info.pattern[0] == '^' ? "          pattern: " : "          const: ",
                     info.pattern);
    }
}

static void write_actors(FILE *file, unsigned actors)
{
    static const struct {
        unsigned kind;
        const char *name;
    } names[] = {{FL_ACTOR_ACCOUNT, "account"},   {FL_ACTOR_OPERATOR, "operator"},
                 {FL_ACTOR_AGENT, "agent"},       {FL_ACTOR_DETECTOR, "detector"},
                 {FL_ACTOR_NODE, "node"},         {FL_ACTOR_TIMEKEEPER, "timekeeper"},
                 {FL_ACTOR_MAILER, "mailer"},     {FL_ACTOR_KEEPER, "keeper"},
                 {FL_ACTOR_CHECKOUT, "checkout"}, {FL_ACTOR_VISITOR, "visitor"},
                 {FL_ACTOR_LINK, "link"}};
    fputs("      x-actors:\n", file);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if ((actors & names[i].kind) != 0)
            fprintf(file, "        - %s\n", names[i].name);
}

/* Common to all messages; `key` says what the record's key is. */
static void write_message(FILE *file, const char *full_name, const char *headers, const char *key)
{
    const ProtobufCMessageDescriptor *descriptors[2] = {
        fl_message_descriptor(fl_slice_text(full_name)), &fleetlog__v1__report__descriptor};
    bool telemetry = descriptors[0] == &fleetlog__v1__telemetry__descriptor;
    fl_assert(descriptors[0] != NULL);
    fprintf(file,
            "    %s:\n"
            "      name: %s\n"
            "      contentType: application/protobuf\n"
            "      headers:\n"
            "        $ref: \"#/components/schemas/%s\"\n"
            "      bindings:\n"
            "        kafka:\n"
            "          key:\n"
            "            type: string\n",
            short_name(full_name), full_name, headers);
    write_scalar(file, "            description: ", key);
    fprintf(file,
            "          bindingVersion: 0.4.0\n"
            "      payload:\n"
            "        $ref: \"#/components/schemas/%s\"\n"
            "      x-protobuf: |\n",
            short_name(full_name));
    fl_proto_text_write(file, PROTO_INDENT, descriptors, telemetry ? 2 : 1);
}

static void write_catalogued(FILE *file, const struct fl_catalogue_row *row)
{
    static const char *const severities[] = {
        [FL_SEVERITY_INFORMATIONAL] = "informational",
        [FL_SEVERITY_WARNING] = "warning",
        [FL_SEVERITY_CRITICAL] = "critical",
    };
    bool event = row->kind == FL_KIND_EVENT;
    const char *key = row->key_field;
    if (key[0] == '\0')
        key = fl_topic_row(event ? FL_TOPIC_EVENTS : FL_TOPIC_ACTIONS)->key;
    if (event && row->key_field[0] == '\0')
        key = "company id, or `log`";
    write_message(file, row->full_name, event ? "eventHeaders" : "actionHeaders", key);
    fprintf(file, "      x-since-rules-version: %" PRIu32 "\n", row->since);
    if (!event) {
        write_actors(file, row->actors);
        return;
    }
    fprintf(file, "      x-min-reader: %" PRIu32 "\n", row->min_reader);
    if (row->severity == FL_SEVERITY_NONE)
        return;
    fprintf(file, "      x-severity: %s\n", severities[row->severity]);
    write_scalar(file, "      x-event-log-text: ", row->text);
}

enum fl_error fl_asyncapi_write(FILE *file)
{
    size_t count;
    const struct fl_topic_row *topics = fl_topic_table(&count);
    fputs(preface, file);
    fputs("channels:\n", file);
    for (size_t i = 0; i < count; i++)
        write_channel(file, &topics[i]);
    fputs("operations:\n", file);
    for (size_t i = 0; i < count; i++)
        write_operation(file, &topics[i]);
    fputs("components:\n  schemas:\n", file);
    write_headers(file, "actionHeaders", false, false);
    write_headers(file, "eventHeaders", true, false);
    write_headers(file, "plainHeaders", false, true);
    for (size_t i = 0; fl_field_message(i) != NULL; i++) {
        fprintf(file, "    %s:\n", fl_field_message(i)->short_name);
        fl_json_schema_write(file, SCHEMA_INDENT, fl_field_message(i));
    }
    fputs("  messages:\n", file);
    for (int i = 0; i < FL_MESSAGE_COUNT; i++)
        write_catalogued(file, fl_catalogue_row((enum fl_message_type)i));
    for (size_t i = 0; i < count; i++)
        if (topics[i].type[0] != '\0')
            write_message(file, topics[i].type, "plainHeaders", topics[i].key);
    return ferror(file) ? FL_IO : FL_OK;
}
