/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Configuration: a strict INI file, the environment and flags, each value with its source.
 *
 * Precedence: flag > environment > file > default. Unknown sections and keys, bad values and
 * repeated keys are refused with `file:line: message`. `[kafka]` is passed through to librdkafka;
 * `[kafka.ROLE]` adds to it or overrides it for the processes of one role (core/kafka_roles.def).
 * Secrets are never values: only names of files.
 *
 * Threading: read-only after loading. Allocation: owned by the config. Limits: lines up to 4 096
 * bytes, 64 keys of [kafka] and [kafka.ROLE].
 */
#include <stdio.h>

#include "core/error.h"
#include "core/slice.h"

enum fl_setting {
#define FL_SETTING(id, section, key, type, fallback, explanation) FL_SETTING_##id,
#include "core/config.def"
#undef FL_SETTING
    FL_SETTING_COUNT
};

enum fl_config_source {
    FL_FROM_DEFAULT,
    FL_FROM_FILE,
    FL_FROM_ENVIRONMENT,
    FL_FROM_FLAG,
};

enum {
    FL_CONFIG_DETAIL_SIZE = 512,
    FL_CONFIG_KAFKA_COUNT_MAX = 64,
    FL_CONFIG_KAFKA_PAIRS_SIZE = 2 * FL_CONFIG_KAFKA_COUNT_MAX + 1,
};

struct fl_config;

/* All defaults. */
struct fl_config *fl_config_open(void);
void fl_config_close(struct fl_config **config);

/* FL_USAGE with "file:line: message" in `detail`; FL_NOT_FOUND if there is no such file. */
enum fl_error fl_config_load_file(struct fl_config *config, const char *path,
                                  char detail[FL_CONFIG_DETAIL_SIZE]) FL_MUST_USE;

/* Takes every FLEETLOG_* variable that names a setting. An unknown FLEETLOG_* name is no error:
 * other programs and tests use the prefix too. */
enum fl_error fl_config_load_environment(struct fl_config *config,
                                         char detail[FL_CONFIG_DETAIL_SIZE]) FL_MUST_USE;

/* Sets one value from a flag; FL_USAGE if it breaks the type's form. */
enum fl_error fl_config_set(struct fl_config *config, enum fl_setting setting, const char *value,
                            enum fl_config_source source,
                            char detail[FL_CONFIG_DETAIL_SIZE]) FL_MUST_USE;

/* TEXT and PATH; lives as long as the config or until the next set. */
const char *fl_config_text(const struct fl_config *config, enum fl_setting setting);

/* COUNT, SIZE (bytes), DURATION (ms), BOOL (0 or 1). */
uint64_t fl_config_number(const struct fl_config *config, enum fl_setting setting);

enum fl_config_source fl_config_source(const struct fl_config *config, enum fl_setting setting);

/* Names and values of [kafka], then of [kafka.ROLE] (NULL: none), NULL-terminated pairs that live
 * as long as the config. */
void fl_config_kafka(const struct fl_config *config, const char *role,
                     const char *pairs[FL_CONFIG_KAFKA_PAIRS_SIZE]);

/* True for the names in core/kafka_roles.def. */
bool fl_config_is_kafka_role(const char *name);

/* Every setting with value, source and explanation; [kafka] values whose names hold password,
 * secret or key are shown as "(hidden)". */
void fl_config_print(const struct fl_config *config, FILE *out);

/* Parsers of the value types, for flags elsewhere. False if the form is wrong or the value too
 * large. */
bool fl_parse_size(const char *text, uint64_t *bytes);
bool fl_parse_duration_ms(const char *text, uint64_t *ms);
