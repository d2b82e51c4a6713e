/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"

enum { LINE_SIZE_MAX = 4096, ENVIRONMENT_NAME_SIZE = 96 };

enum value_type { TYPE_TEXT, TYPE_COUNT, TYPE_SIZE, TYPE_DURATION, TYPE_BOOL, TYPE_PATH };

static const struct {
    const char *section;
    const char *key;
    enum value_type type;
    const char *fallback;
    const char *explanation;
} table[FL_SETTING_COUNT] = {
#define FL_SETTING(id, section, key, type, fallback, explanation)                                  \
    {#section, #key, TYPE_##type, fallback, explanation},
#include "core/config.def"
#undef FL_SETTING
};

struct value {
    char *text;
    uint64_t number;
    enum fl_config_source source;
};

struct kafka_property {
    char *role; /* NULL: of every process */
    char *name;
    char *value;
};

struct fl_config {
    struct value values[FL_SETTING_COUNT];
    struct kafka_property kafka[FL_CONFIG_KAFKA_COUNT_MAX];
    size_t kafka_count;
    unsigned char seen_in_file[FL_SETTING_COUNT];
};

static char *copy_text(const char *text)
{
    char *copy = strdup(text);
    fl_assert(copy != NULL);
    return copy;
}

struct unit {
    const char *name;
    uint64_t factor;
};

static bool parse_with_units(const char *text, const struct unit *units, size_t unit_count,
                             uint64_t *value)
{
    size_t digits = strspn(text, "0123456789");
    uint64_t number = 0;
    if (!fl_slice_to_u64(fl_slice_of(text, digits), &number))
        return false;
    const char *suffix = text + digits;
    while (*suffix == ' ')
        suffix++;
    for (size_t i = 0; i < unit_count; i++) {
        if (strcmp(suffix, units[i].name) != 0)
            continue;
        if (number > UINT64_MAX / units[i].factor)
            return false;
        *value = number * units[i].factor;
        return true;
    }
    return false;
}

bool fl_parse_size(const char *text, uint64_t *bytes)
{
    static const struct unit units[] = {{"", 1},          {"B", 1},
                                        {"KiB", 1 << 10}, {"MiB", 1 << 20},
                                        {"GiB", 1 << 30}, {"TiB", UINT64_C(1) << 40}};
    return parse_with_units(text, units, sizeof(units) / sizeof(units[0]), bytes);
}

bool fl_parse_duration_ms(const char *text, uint64_t *ms)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
    return parse_with_units(text, units, sizeof(units) / sizeof(units[0]), ms);
}

static bool parse_bool(const char *text, uint64_t *value)
{
    if (strcmp(text, "yes") == 0 || strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
        *value = 1;
    else if (strcmp(text, "no") == 0 || strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
        *value = 0;
    else
        return false;
    return true;
}

static const char *parse_value(enum value_type type, const char *text, uint64_t *number)
{
    *number = 0;
    switch (type) {
    case TYPE_TEXT:
    case TYPE_PATH:
        return NULL;
    case TYPE_COUNT:
        return fl_slice_to_u64(fl_slice_text(text), number) ? NULL : "a whole number";
    case TYPE_SIZE:
        return fl_parse_size(text, number) ? NULL : "a size such as 256MiB";
    case TYPE_DURATION:
        return fl_parse_duration_ms(text, number) ? NULL : "a duration such as 250ms, 15s or 400d";
    case TYPE_BOOL:
        return parse_bool(text, number) ? NULL : "yes or no";
    }
    return "a value";
}

struct fl_config *fl_config_open(void)
{
    struct fl_config *config = calloc(1, sizeof(*config));
    fl_assert(config != NULL);
    for (size_t i = 0; i < FL_SETTING_COUNT; i++) {
        const char *wrong =
            parse_value(table[i].type, table[i].fallback, &config->values[i].number);
        fl_assert(wrong == NULL);
        config->values[i].text = copy_text(table[i].fallback);
    }
    return config;
}

void fl_config_close(struct fl_config **config)
{
    if (*config == NULL)
        return;
    for (size_t i = 0; i < FL_SETTING_COUNT; i++)
        free((*config)->values[i].text);
    for (size_t i = 0; i < (*config)->kafka_count; i++) {
        free((*config)->kafka[i].role);
        free((*config)->kafka[i].name);
        free((*config)->kafka[i].value);
    }
    free(*config);
    *config = NULL;
}

enum fl_error fl_config_set(struct fl_config *config, enum fl_setting setting, const char *value,
                            enum fl_config_source source, char detail[FL_CONFIG_DETAIL_SIZE])
{
    uint64_t number = 0;
    fl_assert(setting < FL_SETTING_COUNT);
    struct value *slot = &config->values[setting];
    const char *wanted = parse_value(table[setting].type, value, &number);
    if (wanted != NULL) {
        snprintf(detail, FL_CONFIG_DETAIL_SIZE, "[%s] %s: \"%.80s\" is not %s",
                 table[setting].section, table[setting].key, value, wanted);
        return FL_USAGE;
    }
    if (source < slot->source)
        return FL_OK;
    free(slot->text);
    slot->text = copy_text(value);
    slot->number = number;
    slot->source = source;
    return FL_OK;
}

static const char *const kafka_roles[] = {
#define FL_ROLE(name) #name,
#include "core/kafka_roles.def"
#undef FL_ROLE
};

bool fl_config_is_kafka_role(const char *name)
{
    for (size_t i = 0; i < sizeof(kafka_roles) / sizeof(kafka_roles[0]); i++)
        if (strcmp(kafka_roles[i], name) == 0)
            return true;
    return false;
}

/* The role of a section "kafka.ROLE"; NULL for "kafka" and for what is neither. */
static const char *role_of(const char *section)
{
    return strncmp(section, "kafka.", 6) == 0 ? section + 6 : NULL;
}

static bool is_of_role(const struct kafka_property *property, const char *role)
{
    if (property->role == NULL || role == NULL)
        return property->role == role;
    return strcmp(property->role, role) == 0;
}

static enum fl_error set_kafka(struct fl_config *config, const char *section, const char *key,
                               const char *value, char *message, size_t message_size)
{
    const char *role = role_of(section);
    for (size_t i = 0; i < config->kafka_count; i++) {
        const struct kafka_property *property = &config->kafka[i];
        if (is_of_role(property, role) && strcmp(property->name, key) == 0) {
            snprintf(message, message_size, "[%s] %s is set twice", section, key);
            return FL_USAGE;
        }
    }
    if (config->kafka_count == FL_CONFIG_KAFKA_COUNT_MAX) {
        snprintf(message, message_size, "[kafka] and [kafka.…] have more than %d keys",
                 FL_CONFIG_KAFKA_COUNT_MAX);
        return FL_USAGE;
    }
    config->kafka[config->kafka_count++] = (struct kafka_property){
        .role = role == NULL ? NULL : copy_text(role),
        .name = copy_text(key),
        .value = copy_text(value),
    };
    return FL_OK;
}

static bool is_kafka_section(const char *name)
{
    const char *role = role_of(name);
    return role == NULL ? strcmp(name, "kafka") == 0 : fl_config_is_kafka_role(role);
}

static bool is_section(const char *name)
{
    if (is_kafka_section(name))
        return true;
    for (size_t i = 0; i < FL_SETTING_COUNT; i++)
        if (strcmp(table[i].section, name) == 0)
            return true;
    return false;
}

static enum fl_error set_from_file(struct fl_config *config, const char *section, const char *key,
                                   const char *value, char *message, size_t message_size)
{
    if (is_kafka_section(section))
        return set_kafka(config, section, key, value, message, message_size);
    for (size_t i = 0; i < FL_SETTING_COUNT; i++) {
        if (strcmp(table[i].section, section) != 0 || strcmp(table[i].key, key) != 0)
            continue;
        if (config->seen_in_file[i]) {
            snprintf(message, message_size, "[%s] %s is set twice", section, key);
            return FL_USAGE;
        }
        config->seen_in_file[i] = 1;
        return fl_config_set(config, (enum fl_setting)i, value, FL_FROM_FILE, message);
    }
    snprintf(message, message_size, "unknown key \"%.80s\" in section [%s]", key, section);
    return FL_USAGE;
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t size = strlen(text);
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        text[--size] = '\0';
    return text;
}

/* One line; `section` is replaced by a header line. */
static enum fl_error parse_line(struct fl_config *config, char *line, char section[64],
                                char message[FL_CONFIG_DETAIL_SIZE])
{
    char *text = trim(line);
    if (*text == '\0' || *text == '#' || *text == ';')
        return FL_OK;
    size_t size = strlen(text);
    if (*text == '[') {
        if (text[size - 1] != ']' || size < 3 || size > 60) {
            snprintf(message, FL_CONFIG_DETAIL_SIZE, "a section header ends with ]");
            return FL_USAGE;
        }
        text[size - 1] = '\0';
        if (!is_section(text + 1)) {
            snprintf(message, FL_CONFIG_DETAIL_SIZE, "unknown section [%s]", text + 1);
            return FL_USAGE;
        }
        snprintf(section, 64, "%s", text + 1);
        return FL_OK;
    }
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text) {
        snprintf(message, FL_CONFIG_DETAIL_SIZE, "expected key = value");
        return FL_USAGE;
    }
    if (section[0] == '\0') {
        snprintf(message, FL_CONFIG_DETAIL_SIZE, "a key before the first [section]");
        return FL_USAGE;
    }
    *equals = '\0';
    return set_from_file(config, section, trim(text), trim(equals + 1), message,
                         FL_CONFIG_DETAIL_SIZE);
}

enum fl_error fl_config_load_file(struct fl_config *config, const char *path,
                                  char detail[FL_CONFIG_DETAIL_SIZE])
{
    char line[LINE_SIZE_MAX + 2];
    char section[64] = "";
    char message[FL_CONFIG_DETAIL_SIZE] = "";
    unsigned number = 0;
    enum fl_error error = FL_OK;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        error = fl_error_from_errno(errno);
        snprintf(detail, FL_CONFIG_DETAIL_SIZE, "%.200s: %s", path, strerror(errno));
        return error;
    }
    while (error == FL_OK && fgets(line, sizeof(line), file) != NULL) {
        size_t size = strlen(line);
        number++;
        if (size == 0 || size > LINE_SIZE_MAX || (line[size - 1] != '\n' && !feof(file))) {
            snprintf(message, sizeof(message), "longer than %d bytes, or holds a NUL",
                     LINE_SIZE_MAX);
            error = FL_USAGE;
        } else {
            error = parse_line(config, line, section, message);
        }
    }
    if (error == FL_OK && ferror(file)) {
        snprintf(message, sizeof(message), "%s", strerror(errno));
        error = FL_USAGE;
    }
    fclose(file);
    if (error != FL_OK)
        snprintf(detail, FL_CONFIG_DETAIL_SIZE, "%.180s:%u: %.300s", path, number, message);
    return error;
}

static void environment_name(size_t setting, char out[ENVIRONMENT_NAME_SIZE])
{
    snprintf(out, ENVIRONMENT_NAME_SIZE, "FLEETLOG_%s_%s", table[setting].section,
             table[setting].key);
    for (char *c = out; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
}

enum fl_error fl_config_load_environment(struct fl_config *config,
                                         char detail[FL_CONFIG_DETAIL_SIZE])
{
    static const struct {
        const char *name;
        enum fl_setting setting;
    } twins[] = {{"FLEETLOG_DATA", FL_SETTING_DATA}, {"FLEETLOG_JOURNAL", FL_SETTING_JOURNAL}};
    enum fl_error error = FL_OK;
    for (size_t i = 0; error == FL_OK && i < FL_SETTING_COUNT; i++) {
        char name[ENVIRONMENT_NAME_SIZE];
        environment_name(i, name);
        const char *value = getenv(name);
        if (value != NULL)
            error = fl_config_set(config, (enum fl_setting)i, value, FL_FROM_ENVIRONMENT, detail);
    }
    for (size_t i = 0; error == FL_OK && i < sizeof(twins) / sizeof(twins[0]); i++) {
        const char *value = getenv(twins[i].name);
        if (value != NULL)
            error = fl_config_set(config, twins[i].setting, value, FL_FROM_ENVIRONMENT, detail);
    }
    return error;
}

const char *fl_config_text(const struct fl_config *config, enum fl_setting setting)
{
    fl_assert(setting < FL_SETTING_COUNT &&
              (table[setting].type == TYPE_TEXT || table[setting].type == TYPE_PATH));
    return config->values[setting].text;
}

uint64_t fl_config_number(const struct fl_config *config, enum fl_setting setting)
{
    fl_assert(setting < FL_SETTING_COUNT && table[setting].type != TYPE_TEXT &&
              table[setting].type != TYPE_PATH);
    return config->values[setting].number;
}

enum fl_config_source fl_config_source(const struct fl_config *config, enum fl_setting setting)
{
    fl_assert(setting < FL_SETTING_COUNT);
    return config->values[setting].source;
}

void fl_config_kafka(const struct fl_config *config, const char *role,
                     const char *pairs[FL_CONFIG_KAFKA_PAIRS_SIZE])
{
    size_t count = 0;
    /* Those of the role behind the common ones: librdkafka takes the last. */
    for (int pass = 0; pass < (role == NULL ? 1 : 2); pass++) {
        for (size_t i = 0; i < config->kafka_count; i++) {
            if (!is_of_role(&config->kafka[i], pass == 0 ? NULL : role))
                continue;
            pairs[count++] = config->kafka[i].name;
            pairs[count++] = config->kafka[i].value;
        }
    }
    pairs[count] = NULL;
}

static bool is_secret(const char *name)
{
    return strstr(name, "password") != NULL || strstr(name, "secret") != NULL ||
           strstr(name, "key") != NULL;
}

static void print_kafka(const struct fl_config *config, const char *role, FILE *out)
{
    bool has_header = false;
    for (size_t i = 0; i < config->kafka_count; i++) {
        const struct kafka_property *property = &config->kafka[i];
        if (!is_of_role(property, role))
            continue;
        if (!has_header)
            fprintf(out, "\n[kafka%s%s]\n", role == NULL ? "" : ".", role == NULL ? "" : role);
        has_header = true;
        fprintf(out, "%s = %s  # file\n", property->name,
                is_secret(property->name) ? "(hidden)" : property->value);
    }
}

void fl_config_print(const struct fl_config *config, FILE *out)
{
    static const char *const sources[] = {"default", "file", "environment", "flag"};
    const char *section = "";
    for (size_t i = 0; i < FL_SETTING_COUNT; i++) {
        if (strcmp(section, table[i].section) != 0)
            fprintf(out, "%s[%s]\n", i == 0 ? "" : "\n", table[i].section);
        section = table[i].section;
        fprintf(out, "# %s\n%s = %s  # %s\n", table[i].explanation, table[i].key,
                config->values[i].text, sources[config->values[i].source]);
    }
    print_kafka(config, NULL, out);
    for (size_t i = 0; i < sizeof(kafka_roles) / sizeof(kafka_roles[0]); i++)
        print_kafka(config, kafka_roles[i], out);
}
