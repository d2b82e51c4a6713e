/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal_open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/journal_engine.h"

static const char kafka_scheme[] = "kafka://";

static enum fl_error open_embedded(const struct fl_config *config, const struct fl_datadir *datadir,
                                   bool read_only, struct fl_journal **journal)
{
    char directory[PATH_MAX];
    fl_datadir_path(datadir, "journal", directory);
    struct fl_embedded_options options = {
        .directory = directory,
        .topic_prefix = fl_config_text(config, FL_SETTING_TOPIC_PREFIX),
        .map_size = fl_config_number(config, FL_SETTING_JOURNAL_MAP),
        .reserve_size = fl_config_number(config, FL_SETTING_RESERVE),
        .read_only = read_only,
    };
    return fl_journal_open_embedded(&options, journal);
}

static enum fl_error open_kafka(const struct fl_config *config, const char *role,
                                const char *brokers, struct fl_journal **journal,
                                char detail[FL_CONFIG_DETAIL_SIZE])
{
    const char *pairs[FL_CONFIG_KAFKA_PAIRS_SIZE];
    fl_config_kafka(config, role, pairs);
    struct fl_kafka_options options = {
        .brokers = brokers,
        .topic_prefix = fl_config_text(config, FL_SETTING_TOPIC_PREFIX),
        .properties = pairs,
        .replication_factor = (uint32_t)fl_config_number(config, FL_SETTING_REPLICATION),
        .detail = detail,
        .detail_size = FL_CONFIG_DETAIL_SIZE,
    };
    return fl_journal_open_kafka(&options, journal);
}

/* librdkafka takes the low 16 bits of a port that is too large, and so reaches another one. */
static bool ports_fit(const char *brokers)
{
    for (const char *at = brokers; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        const char *end = at + strcspn(at, ",");
        const char *colon = memrchr(at, ':', (size_t)(end - at));
        if (colon == NULL || memchr(colon, ']', (size_t)(end - colon)) != NULL)
            continue; /* no port: the default one */
        size_t digits = strspn(colon + 1, "0123456789");
        unsigned long port = strtoul(colon + 1, NULL, 10);
        if (digits == 0 || digits > 5 || colon + 1 + digits != end || port == 0 || port > 65535)
            return false;
    }
    return true;
}

enum fl_error fl_journal_open(const struct fl_config *config, const struct fl_datadir *datadir,
                              const char *url, const char *role, bool read_only,
                              struct fl_journal **journal, char detail[FL_CONFIG_DETAIL_SIZE])
{
    enum fl_error error = FL_USAGE;
    const char *name = url != NULL ? url : fl_config_text(config, FL_SETTING_JOURNAL);
    detail[0] = '\0';
    if (strcmp(name, "embedded") == 0) {
        error = open_embedded(config, datadir, read_only, journal);
    } else if (strncmp(name, kafka_scheme, sizeof(kafka_scheme) - 1) == 0 &&
               name[sizeof(kafka_scheme) - 1] != '\0' &&
               ports_fit(name + sizeof(kafka_scheme) - 1)) {
        error = open_kafka(config, role, name + sizeof(kafka_scheme) - 1, journal, detail);
    } else {
        snprintf(detail, FL_CONFIG_DETAIL_SIZE,
                 "\"%.200s\" is no journal: embedded, or kafka://host:port,host:port", name);
        return FL_USAGE;
    }
    if (error != FL_OK && detail[0] == '\0')
        snprintf(detail, FL_CONFIG_DETAIL_SIZE, "%.200s: %s", name, fl_error_text(error));
    return error;
}
