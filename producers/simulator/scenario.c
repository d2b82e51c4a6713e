/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/simulator/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "producers/simulator/scenario_internal.h"

struct reader {
    struct fl_scenario *scenario;
    const char *directory;
    unsigned depth;
    char *message;
    size_t message_size;
};

/* Statements answer NULL, or what is wrong as a sentence. */
typedef const char *statement_fn(struct reader *reader, const struct fl_words *words);

static enum fl_error read_text(struct reader *reader, const char *name, const char *text,
                               size_t size);
static enum fl_error read_file(struct reader *reader, const char *name);

/* Model numbers: word, where, most. The least is 0. */
static const struct {
    const char *word;
    size_t at;
    double max;
    bool least_one; /* 0 or at least 1, because a step is made each time */
} numbers[] = {
    {"mains", offsetof(struct fl_scenario_model, mains), 1000, false},
    {"load", offsetof(struct fl_scenario_model, load), 500, false},
    {"runtime", offsetof(struct fl_scenario_model, runtime), 1e7, false},
    {"recharge", offsetof(struct fl_scenario_model, recharge), 1e7, false},
    {"cells", offsetof(struct fl_scenario_model, cells), 1000, false},
    {"quick", offsetof(struct fl_scenario_model, quick), 1e6, false},
    {"deep", offsetof(struct fl_scenario_model, deep), 1e6, false},
    {"settle", offsetof(struct fl_scenario_model, settle), 1e6, false},
    {"jitter", offsetof(struct fl_scenario_model, jitter), 1e6, true},
    {"toggle", offsetof(struct fl_scenario_model, toggle), 1, false},
    {"repeat", offsetof(struct fl_scenario_model, repeat), 1e7, true},
};

const struct fl_variable_spec *fl_scenario_variable(const struct fl_scenario *scenario,
                                                    const char *name)
{
    for (unsigned i = 0; i < scenario->variable_count; i++)
        if (!strcmp(scenario->variables[i].name, name))
            return &scenario->variables[i];
    return NULL;
}

static struct fl_variable_spec *find(struct fl_scenario *scenario, const char *name)
{
    return (struct fl_variable_spec *)fl_scenario_variable(scenario, name);
}

static const char *title(struct reader *reader, const struct fl_words *words)
{
    if (words->count != 2)
        return "a title is one text in quotes";
    return fl_scenario_copy(reader->scenario->title, sizeof(reader->scenario->title),
                            words->word[1])
               ? NULL
               : "the title is too long";
}

static const char *like(struct reader *reader, const struct fl_words *words)
{
    const char *name = words->count == 2 ? words->word[1] : "";
    if (!*name || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name))
        return "like takes the name of another scenario";
    if (!reader->directory)
        return "there is no directory to look for other scenarios in";
    if (reader->depth == FL_SCENARIO_LIKE_DEPTH_MAX)
        return "scenarios are like each other too deeply";
    reader->depth++;
    enum fl_error error = read_file(reader, name);
    reader->depth--;
    if (error && !reader->message[0])
        return "the scenario that it is like cannot be read";
    return error ? "" : NULL;
}

static const char *var(struct reader *reader, const struct fl_words *words)
{
    struct fl_scenario *scenario = reader->scenario;
    if (words->count != 3)
        return "a variable has a name and a value";
    struct fl_variable_spec *spec = find(scenario, words->word[1]);
    if (!spec) {
        if (scenario->variable_count == FL_SCENARIO_VARIABLE_COUNT_MAX)
            return "too many variables";
        spec = &scenario->variables[scenario->variable_count];
        memset(spec, 0, sizeof(*spec));
        if (!words->word[1][0] || !fl_scenario_copy(spec->name, sizeof(spec->name), words->word[1]))
            return "the name is empty or too long";
        scenario->variable_count++;
    }
    return fl_scenario_copy(spec->value, sizeof(spec->value), words->word[2])
               ? NULL
               : "the value is too long";
}

static const char *without(struct reader *reader, const struct fl_words *words)
{
    struct fl_scenario *scenario = reader->scenario;
    if (words->count != 2)
        return "without takes the name of a variable or command";
    struct fl_variable_spec *spec = find(scenario, words->word[1]);
    if (spec) {
        *spec = scenario->variables[--scenario->variable_count];
        return NULL;
    }
    for (unsigned i = 0; i < scenario->command_count; i++)
        if (!strcmp(scenario->commands[i], words->word[1])) {
            scenario->command_count--;
            memcpy(scenario->commands[i], scenario->commands[scenario->command_count],
                   sizeof(scenario->commands[i]));
            return NULL;
        }
    return "no variable or command has this name";
}

static bool whole(const char *text, long *value)
{
    char *end = NULL;
    errno = 0;
    *value = strtol(text, &end, 10);
    return end != text && !*end && !errno;
}

static const char *choices(struct fl_variable_spec *spec, const struct fl_words *words)
{
    spec->choice_count = 0;
    for (unsigned i = 3; i < words->count; i++) {
        if (spec->choice_count == FL_SCENARIO_CHOICE_COUNT_MAX)
            return "too many choices";
        if (!fl_scenario_copy(spec->choices[spec->choice_count], sizeof(spec->choices[0]),
                              words->word[i]))
            return "the choice is too long";
        spec->choice_count++;
    }
    spec->kind = FL_VARIABLE_ENUM;
    return spec->choice_count ? NULL : "an enum needs choices";
}

static const char *writable(struct reader *reader, const struct fl_words *words)
{
    if (words->count < 4)
        return "writable takes a variable and: text LENGTH, enum CHOICE…, or range MIN MAX";
    struct fl_variable_spec *spec = find(reader->scenario, words->word[1]);
    if (!spec)
        return "the variable must be declared before it is made writable";
    if (!strcmp(words->word[2], "enum"))
        return choices(spec, words);
    if (!strcmp(words->word[2], "text") && words->count == 4 &&
        whole(words->word[3], &spec->length) && spec->length > 0 &&
        spec->length < FL_SCENARIO_VALUE_SIZE) {
        spec->kind = FL_VARIABLE_TEXT;
        return NULL;
    }
    if (!strcmp(words->word[2], "range") && words->count == 5 &&
        whole(words->word[3], &spec->min) && whole(words->word[4], &spec->max) &&
        spec->min <= spec->max) {
        spec->kind = FL_VARIABLE_RANGE;
        return NULL;
    }
    return "writable takes a variable and: text LENGTH, enum CHOICE…, or range MIN MAX";
}

static const char *command(struct reader *reader, const struct fl_words *words)
{
    struct fl_scenario *scenario = reader->scenario;
    if (words->count < 2)
        return "command takes one or more names";
    for (unsigned i = 1; i < words->count; i++) {
        bool known = false;
        for (unsigned k = 0; k < scenario->command_count; k++)
            known = known || !strcmp(scenario->commands[k], words->word[i]);
        if (known)
            continue;
        if (scenario->command_count == FL_SCENARIO_COMMAND_COUNT_MAX)
            return "too many commands";
        if (!fl_scenario_copy(scenario->commands[scenario->command_count],
                              sizeof(scenario->commands[0]), words->word[i]))
            return "the name is too long";
        scenario->command_count++;
    }
    return NULL;
}

static const char *model(struct reader *reader, const struct fl_words *words)
{
    if (words->count != 3)
        return "model takes a name and a number";
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strcmp(words->word[1], numbers[i].word))
            continue;
        double value = 0;
        if (!fl_scenario_number(words->word[2], numbers[i].max, &value))
            return "the number is out of range";
        if (numbers[i].least_one && value > 0 && value < 1)
            return "0, or at least one second";
        memcpy((char *)&reader->scenario->model + numbers[i].at, &value, sizeof(value));
        return NULL;
    }
    return "the model has no number of this name";
}

static const char *add_step(struct reader *reader, const struct fl_words *words, unsigned from,
                            double next_s, double period_s)
{
    struct fl_scenario *scenario = reader->scenario;
    if (scenario->step_count == FL_SCENARIO_STEP_COUNT_MAX)
        return "too many steps";
    struct fl_scenario_step *step = &scenario->steps[scenario->step_count];
    const char *wrong = fl_act_parse(words, from, &step->act);
    if (wrong)
        return wrong;
    step->next_s = next_s;
    step->period_s = period_s;
    scenario->step_count++;
    return NULL;
}

static const char *at(struct reader *reader, const struct fl_words *words)
{
    double next_s = 0;
    if (words->count < 3 || !fl_scenario_number(words->word[1], 1e7, &next_s))
        return "at takes seconds and what happens then";
    return add_step(reader, words, 2, next_s, 0);
}

static const char *every(struct reader *reader, const struct fl_words *words)
{
    double period_s = 0;
    if (words->count < 3 || !fl_scenario_number(words->word[1], 1e7, &period_s) || period_s < 1)
        return "every takes at least one second and what happens then";
    if (strcmp(words->word[2], "from"))
        return add_step(reader, words, 2, period_s, period_s);
    double next_s = 0;
    if (words->count < 5 || !fl_scenario_number(words->word[3], 1e7, &next_s))
        return "from takes seconds";
    return add_step(reader, words, 4, next_s, period_s);
}

static const char *dispatch(struct reader *reader, const struct fl_words *words)
{
    static const struct {
        const char *word;
        statement_fn *read;
    } statements[] = {
        {"title", title},       {"like", like},       {"var", var},     {"without", without},
        {"writable", writable}, {"command", command}, {"model", model}, {"at", at},
        {"every", every},
    };
    for (unsigned i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
        if (!strcmp(words->word[0], statements[i].word))
            return statements[i].read(reader, words);
    return "no statement has this name";
}

static enum fl_error refuse(struct reader *reader, const char *name, unsigned line,
                            const char *wrong)
{
    if (*wrong) /* an empty sentence: an inner file has already said it */
        snprintf(reader->message, reader->message_size, "%s.ups:%u: %s", name, line, wrong);
    return FL_INVALID;
}

static enum fl_error read_text(struct reader *reader, const char *name, const char *text,
                               size_t size)
{
    struct fl_words *words = malloc(sizeof(*words));
    enum fl_error error = FL_OK;
    unsigned line = 1;
    if (!words)
        return FL_NO_MEMORY;
    fl_words_init(words);
    for (size_t i = 0; i <= size && !error; i++) {
        char byte = i < size ? text[i] : '\n';
        if (i == size && size && text[size - 1] == '\n')
            break;
        enum fl_words_result result = fl_words_feed(words, byte);
        if (result == FL_WORDS_BAD || (result == FL_WORDS_LINE && words->cut)) {
            error = refuse(reader, name, line, "the line is too long or has a bare # in quotes");
        } else if (result == FL_WORDS_LINE && words->count) {
            const char *wrong = dispatch(reader, words);
            if (wrong)
                error = refuse(reader, name, line, wrong);
        }
        line += byte == '\n';
    }
    if (!error && !words->complete && size)
        error = refuse(reader, name, line, "the file ends within quotes");
    free(words);
    return error;
}

static enum fl_error read_file(struct reader *reader, const char *name)
{
    char path[1024];
    enum fl_error error = FL_OK;
    size_t size = 0;
    if ((size_t)snprintf(path, sizeof(path), "%s/%s.ups", reader->directory, name) >= sizeof(path))
        return FL_INVALID;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(reader->message, reader->message_size, "%s: %s", path, strerrordesc_np(errno));
        return fl_error_from_errno(errno);
    }
    char *text = malloc(FL_SCENARIO_FILE_SIZE_MAX);
    if (!text)
        error = FL_NO_MEMORY;
    while (!error && size < FL_SCENARIO_FILE_SIZE_MAX) {
        ssize_t got = read(fd, text + size, FL_SCENARIO_FILE_SIZE_MAX - size);
        if (got < 0 && errno != EINTR)
            error = fl_error_from_errno(errno);
        if (got == 0)
            break;
        size += got > 0 ? (size_t)got : 0;
    }
    if (!error && size == FL_SCENARIO_FILE_SIZE_MAX)
        error = refuse(reader, name, 1, "the file is too large");
    if (!error)
        error = read_text(reader, name, text, size);
    free(text);
    close(fd);
    return error;
}

static struct fl_scenario *blank(const char *name)
{
    struct fl_scenario *scenario = calloc(1, sizeof(*scenario));
    if (!scenario)
        return NULL;
    snprintf(scenario->name, sizeof(scenario->name), "%s", name);
    scenario->model = (struct fl_scenario_model){.mains = 230,
                                                 .load = 30,
                                                 .runtime = 1800,
                                                 .recharge = 10800,
                                                 .cells = 24,
                                                 .quick = 10,
                                                 .deep = 300,
                                                 .settle = 2,
                                                 .jitter = 15};
    return scenario;
}

/* `at` steps come again after `repeat`, which may stand anywhere in the file. */
static void finish(struct fl_scenario *scenario)
{
    for (unsigned i = 0; i < scenario->step_count; i++)
        if (scenario->steps[i].period_s <= 0)
            scenario->steps[i].period_s = scenario->model.repeat;
}

static enum fl_error read_whole(const char *directory, const char *name, const char *text,
                                size_t size, struct fl_scenario **scenario, char *message,
                                size_t message_size)
{
    struct reader reader = {.scenario = blank(name),
                            .directory = directory,
                            .message = message,
                            .message_size = message_size};
    message[0] = '\0';
    if (!reader.scenario)
        return FL_NO_MEMORY;
    enum fl_error error = text ? read_text(&reader, name, text, size) : read_file(&reader, name);
    if (error) {
        fl_scenario_free(&reader.scenario);
        return error;
    }
    finish(reader.scenario);
    *scenario = reader.scenario;
    return FL_OK;
}

enum fl_error fl_scenario_load(const char *directory, const char *name,
                               struct fl_scenario **scenario, char *message, size_t message_size)
{
    return read_whole(directory, name, NULL, 0, scenario, message, message_size);
}

enum fl_error fl_scenario_parse(const char *text, size_t size, const char *name,
                                const char *directory, struct fl_scenario **scenario, char *message,
                                size_t message_size)
{
    return read_whole(directory, name, text, size, scenario, message, message_size);
}

void fl_scenario_free(struct fl_scenario **scenario)
{
    free(*scenario);
    *scenario = NULL;
}
