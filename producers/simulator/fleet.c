/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/simulator/fleet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producers/simulator/scenario_internal.h"

static bool is_name(const char *text)
{
    return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "-_") == strlen(text);
}

static bool is_taken(const struct fl_fleet *fleet, const char *name)
{
    for (unsigned i = 0; i < fleet->count; i++)
        if (!strcmp(fleet->members[i].name, name))
            return true;
    return false;
}

/* NAME = VALUE from words[at]; a variable that the scenario does not have is added, fixed. */
static const char * override(struct fl_scenario *scenario, const struct fl_words *words,
                             unsigned at)
{
    struct fl_variable_spec *spec = NULL;
    for (unsigned i = 0; i < scenario->variable_count; i++)
        if (!strcmp(scenario->variables[i].name, words->word[at]))
            spec = &scenario->variables[i];
    if (!spec) {
        if (scenario->variable_count == FL_SCENARIO_VARIABLE_COUNT_MAX)
            return "too many variables";
        spec = &scenario->variables[scenario->variable_count];
        memset(spec, 0, sizeof(*spec));
        if (!fl_scenario_copy(spec->name, sizeof(spec->name), words->word[at]))
            return "the name of the variable is too long";
        scenario->variable_count++;
    }
    return fl_scenario_copy(spec->value, sizeof(spec->value), words->word[at + 2])
               ? NULL
               : "the value is too long";
}

static const char *options(struct fl_fleet_member *member, const struct fl_words *words)
{
    unsigned at = 3;
    while (at < words->count) {
        if (!strcmp(words->word[at], "delay") && at + 1 < words->count) {
            if (!fl_scenario_number(words->word[at + 1], 1e7, &member->delay_s))
                return "delay takes seconds";
            at += 2;
        } else if (at + 2 < words->count && !strcmp(words->word[at + 1], "=")) {
            const char *wrong = override(member->scenario, words, at);
            if (wrong)
                return wrong;
            at += 3;
        } else {
            return "behind the scenario stand: delay SECONDS, VARIABLE = VALUE";
        }
    }
    return NULL;
}

/* A sentence on failure; `inner` keeps the scenario's own, which says more. */
static const char *add(struct fl_fleet *fleet, const struct fl_words *words, const char *directory,
                       char *inner, size_t inner_size)
{
    if (words->count < 3 || strcmp(words->word[0], "ups"))
        return "a line is: ups NAME SCENARIO [delay SECONDS] [VARIABLE = VALUE]...";
    if (fleet->count == FL_FLEET_MEMBER_COUNT_MAX)
        return "too many UPSes";
    struct fl_fleet_member *member = &fleet->members[fleet->count];
    if (!is_name(words->word[1]) ||
        !fl_scenario_copy(member->name, sizeof(member->name), words->word[1]))
        return "a name is made of letters, digits, - and _";
    if (is_taken(fleet, member->name))
        return "the name is taken";
    if (!is_name(words->word[2]))
        return "the scenario's name is none";
    if (fl_scenario_load(directory, words->word[2], &member->scenario, inner, inner_size))
        return *inner ? inner : "the scenario cannot be read";
    fleet->count++;
    return options(member, words);
}

enum fl_error fl_fleet_parse(const char *text, size_t size, const char *name, const char *directory,
                             struct fl_fleet **fleet, char *message, size_t message_size)
{
    struct fl_fleet *made = calloc(1, sizeof(*made));
    struct fl_words *words = malloc(sizeof(*words));
    enum fl_error error = made && words ? FL_OK : FL_NO_MEMORY;
    char inner[512];
    unsigned line = 1;
    message[0] = '\0';
    if (words)
        fl_words_init(words);
    for (size_t i = 0; i <= size && !error; i++) {
        char byte = i < size ? text[i] : '\n';
        enum fl_words_result result = fl_words_feed(words, byte);
        const char *wrong = NULL;
        if (result == FL_WORDS_BAD || (result == FL_WORDS_LINE && words->cut))
            wrong = "the line is too long or has a bare # in quotes";
        else if (result == FL_WORDS_LINE && words->count)
            wrong = add(made, words, directory, inner, sizeof(inner));
        if (wrong) {
            snprintf(message, message_size, "%s:%u: %s", name, line, wrong);
            error = FL_INVALID;
        }
        line += byte == '\n';
    }
    if (!error && !words->complete) {
        snprintf(message, message_size, "%s:%u: the file ends within quotes", name, line);
        error = FL_INVALID;
    }
    free(words);
    if (error)
        fl_fleet_free(&made);
    else
        *fleet = made;
    return error;
}

enum fl_error fl_fleet_load(const char *path, const char *directory, struct fl_fleet **fleet,
                            char *message, size_t message_size)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        snprintf(message, message_size, "%s: %s", path, strerrordesc_np(errno));
        return fl_error_from_errno(errno);
    }
    enum fl_error error = FL_OK;
    size_t size = 0;
    char *text = malloc(FL_SCENARIO_FILE_SIZE_MAX);
    if (!text)
        error = FL_NO_MEMORY;
    else
        size = fread(text, 1, FL_SCENARIO_FILE_SIZE_MAX, file);
    if (!error && (ferror(file) || size == FL_SCENARIO_FILE_SIZE_MAX)) {
        snprintf(message, message_size, "%s: cannot be read whole", path);
        error = ferror(file) ? FL_IO : FL_TOO_LARGE;
    }
    fclose(file);
    if (!error)
        error = fl_fleet_parse(text, size, path, directory, fleet, message, message_size);
    free(text);
    return error;
}

void fl_fleet_free(struct fl_fleet **fleet)
{
    if (!*fleet)
        return;
    for (unsigned i = 0; i < (*fleet)->count; i++)
        fl_scenario_free(&(*fleet)->members[i].scenario);
    free(*fleet);
    *fleet = NULL;
}
