/* SPDX-License-Identifier: Apache-2.0
 * Rates the reading rules on real dumps (NUT's .dev files): of the values that their reporters
 * labelled as bad, how many are found; of those of units on mains without a label, how many are
 * blamed.
 *
 * Usage: fleetlog-score [-v] FILE... Exit code 1: a bound is missed; 2: cannot read a file.
 * Labelled lines that hold no value (commands, settings) are counted apart: nothing can be read
 * from them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "projections/telemetry/meaning.h"
#include "projections/telemetry/words.h"

enum { FILE_SIZE_MAX = 1 << 20, RULE_COUNT_MAX = 64, FOUND_PERMILLE = 950, BLAMED_PERMILLE = 10 };

/* A unit that says one of these is not healthy, whatever else it says. */
#define TROUBLE                                                                                    \
    (unsigned)(FL_STATUS_OB | FL_STATUS_LB | FL_STATUS_RB | FL_STATUS_OVER | FL_STATUS_OFF |       \
               FL_STATUS_FSD | FL_STATUS_ALARM)

struct rule_count {
    const char *rule;
    unsigned found;
    unsigned blamed;
};

struct score {
    struct rule_count rules[RULE_COUNT_MAX];
    size_t rule_count;
    unsigned files;
    unsigned labelled;
    unsigned found;
    unsigned unlabelled;
    unsigned blamed;
    unsigned valueless;
    bool verbose;
};

struct dump {
    struct fl_judged values[FL_READING_COUNT_MAX];
    bool labelled[FL_READING_COUNT_MAX];
    size_t count;
};

static char content[FILE_SIZE_MAX];
static struct dump dump;

static bool has_text(struct fl_slice text, const char *word)
{
    return fl_text_holds(text, word);
}

/* "name: value  #BAD: reason"; values end at the first '#' behind a blank. */
static void take_line(struct score *score, struct fl_slice line)
{
    const uint8_t *colon = memchr(line.data, ':', line.size);
    bool labelled = has_text(line, "#BAD");
    if (line.size == 0 || line.data[0] == '#' || line.data[0] == ' ' || colon == NULL ||
        dump.count == FL_READING_COUNT_MAX) {
        score->valueless += labelled;
        return;
    }
    size_t name_size = (size_t)(colon - line.data);
    struct fl_slice value = fl_slice_of(colon + 1, line.size - name_size - 1);
    for (size_t i = 1; i < value.size; i++)
        if (value.data[i] == '#' && (value.data[i - 1] == ' ' || value.data[i - 1] == '\t'))
            value.size = i;
    if (value.size > 0 && value.data[0] == ' ')
        value = fl_slice_of(value.data + 1, value.size - 1);
    while (value.size > 0 && value.data[value.size - 1] == '\t')
        value.size--;
    dump.values[dump.count] =
        (struct fl_judged){.name = fl_slice_of(line.data, name_size), .text = value};
    dump.labelled[dump.count++] = labelled;
}

static struct rule_count *count_of(struct score *score, const char *rule)
{
    for (size_t i = 0; i < score->rule_count; i++)
        if (strcmp(score->rules[i].rule, rule) == 0)
            return &score->rules[i];
    fl_assert(score->rule_count < RULE_COUNT_MAX);
    struct rule_count *count = &score->rules[score->rule_count++];
    count->rule = rule;
    return count;
}

static void tell(const char *what, const char *path, const struct fl_judged *v)
{
    const char *slash = strrchr(path, '/');
    printf("%s  %s  %.*s: %.*s  (%s)\n", what, slash == NULL ? path : slash + 1, (int)v->name.size,
           (const char *)v->name.data, (int)v->text.size, (const char *)v->text.data,
           v->rule == NULL ? "no rule" : v->rule);
}

static void rate(struct score *score, const char *path)
{
    uint32_t status = 0;
    fl_meaning_judge(dump.values, dump.count, 0);
    for (size_t i = 0; i < dump.count; i++)
        if (fl_slice_is(dump.values[i].name, "ups.status"))
            status = (uint32_t)dump.values[i].value;
    for (size_t i = 0; i < dump.count; i++) {
        const struct fl_judged *v = &dump.values[i];
        bool faulty = v->quality != FL_QUALITY_OK;
        if (dump.labelled[i]) {
            score->labelled++;
            score->found += faulty;
            if (faulty)
                count_of(score, v->rule)->found++;
            else if (score->verbose)
                tell("missed", path, v);
        } else if ((status & FL_STATUS_OL) != 0 && (status & TROUBLE) == 0) {
            score->unlabelled++;
            score->blamed += faulty;
            if (faulty)
                count_of(score, v->rule)->blamed++;
            if (faulty && score->verbose)
                tell("blamed", path, v);
        }
    }
}

static bool rate_file(struct score *score, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t size = fread(content, 1, sizeof(content), file);
    bool read = ferror(file) == 0 && size < sizeof(content);
    (void)fclose(file);
    dump.count = 0;
    for (size_t from = 0; read && from < size;) {
        const char *end = memchr(content + from, '\n', size - from);
        size_t line_size = end == NULL ? size - from : (size_t)(end - content) - from;
        take_line(score, fl_slice_of(content + from, line_size));
        from += line_size + 1;
    }
    if (read)
        rate(score, path);
    score->files += read;
    return read;
}

static double percent(unsigned part, unsigned whole)
{
    return whole == 0 ? 0 : 100.0 * part / whole;
}

int main(int argc, char **argv)
{
    static struct score score;
    int first = 1;
    if (argc > 1 && strcmp(argv[1], "-v") == 0) {
        score.verbose = true;
        first = 2;
    }
    for (int i = first; i < argc; i++)
        if (!rate_file(&score, argv[i])) {
            fprintf(stderr, "fleetlog-score: cannot read %s\n", argv[i]);
            return 2;
        }
    printf("%-40s %9s %9s\n", "rule", "labelled", "unlabelled");
    for (size_t i = 0; i < score.rule_count; i++)
        printf("%-40s %9u %9u\n", score.rules[i].rule, score.rules[i].found, score.rules[i].blamed);
    bool finds = score.found * 1000ull >= score.labelled * (unsigned long long)FOUND_PERMILLE;
    bool blames = score.blamed * 1000ull > score.unlabelled * (unsigned long long)BLAMED_PERMILLE;
    printf("\n%u dumps, table version %d; %u labelled lines hold no value and are not counted\n",
           score.files, FL_MEANING_VERSION, score.valueless);
    printf("labelled bad and found:      %5u of %5u  %6.2f %%  (at least 95) %s\n", score.found,
           score.labelled, percent(score.found, score.labelled), finds ? "ok" : "MISSED");
    printf("on mains, blamed, no label:  %5u of %5u  %6.2f %%  (at most 1)   %s\n", score.blamed,
           score.unlabelled, percent(score.blamed, score.unlabelled), blames ? "MISSED" : "ok");
    return finds && !blames ? 0 : 1;
}
