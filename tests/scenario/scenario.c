/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the scenario files named on the command line. */
#include "tests/scenario/scenario.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "projections/eventlog/eventlog.h"

enum { THING_COUNT_MAX = 4096 };

static const struct {
    const char *unit;
    int64_t ms;
} units[] = {
    {"ms", 1},          {"second", 1000},   {"seconds", 1000},
    {"minute", 60000},  {"minutes", 60000}, {"hour", 3600000},
    {"hours", 3600000}, {"day", 86400000},  {"days", 86400000},
};

void fail(const struct scenario *s, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s:%d: ", s->file, s->line);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

/* Every thing that a file names, by kind and name. */
static struct thing {
    char id[FL_ID_TEXT_SIZE];
    char kind[16];
    char name[WORD_SIZE_MAX];
} things[THING_COUNT_MAX];
static size_t thing_count;

const char *id_of(const char *kind, const char *name)
{
    for (size_t i = 0; i < thing_count; i++)
        if (strcmp(things[i].name, name) == 0 && strcmp(things[i].kind, kind) == 0)
            return things[i].id;
    if (thing_count == THING_COUNT_MAX)
        world_fail("too many names");
    struct thing *thing = &things[thing_count++];
    snprintf(thing->kind, sizeof(thing->kind), "%s", kind);
    snprintf(thing->name, sizeof(thing->name), "%s", name);
    world_id(kind, name, thing->id);
    return thing->id;
}

const char *name_of(const char *id)
{
    for (size_t i = 0; i < thing_count; i++)
        if (strcmp(things[i].id, id) == 0)
            return things[i].name;
    return NULL;
}

/* "U1..U9" */
static size_t expand_range(struct scenario *s, const char *text, const char *dots,
                           char (*names)[32], size_t count)
{
    char prefix[24] = "";
    size_t letters = 0;
    while (letters < sizeof(prefix) - 1 && (text[letters] < '0' || text[letters] > '9'))
        prefix[letters] = text[letters], letters++;
    long first = strtol(text + letters, NULL, 10);
    long last = strtol(dots + 2 + letters, NULL, 10);
    for (long i = first; i <= last; i++) {
        if (count == LIST_COUNT_MAX)
            fail(s, "the list is too long");
        snprintf(names[count++], 32, "%s%ld", prefix, i);
    }
    return count;
}

size_t split_list(struct scenario *s, const char *list, char (*names)[32])
{
    size_t count = 0;
    while (*list != '\0') {
        char one[64];
        size_t size = strcspn(list, ",");
        if (size >= sizeof(one) || count == LIST_COUNT_MAX)
            fail(s, "the list is too long");
        memcpy(one, list, size);
        one[size] = '\0';
        list += size + (list[size] == ',');
        const char *dots = strstr(one, "..");
        if (dots != NULL)
            count = expand_range(s, one, dots, names, count);
        else if (strcmp(one, "and") != 0 &&
                 !fl_slice_to_text(fl_slice_text(one), names[count++], 32))
            fail(s, "%s is too long", one);
    }
    return count;
}

/* Splits a line into words; commas at their ends separate only. */
static void parse(struct scenario *s, const char *line, struct sentence *sentence)
{
    sentence->count = 0;
    while (*line != '\0') {
        size_t size = 0;
        line += strspn(line, " \t\n");
        if (*line == '\0' || *line == '#')
            return;
        if (sentence->count == WORD_COUNT_MAX)
            fail(s, "too many words");
        char *word = sentence->words[sentence->count];
        bool quoted = *line == '"';
        line += quoted;
        const char *stop = quoted ? "\"" : " \t\n";
        while (*line != '\0' && strchr(stop, *line) == NULL && size < WORD_SIZE_MAX - 1)
            word[size++] = *line++;
        line += quoted && *line == '"';
        if (!quoted && size > 0 && word[size - 1] == ',')
            size--;
        word[size] = '\0';
        sentence->quoted[sentence->count++] = quoted;
    }
}

static int64_t unit_ms(const char *unit)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(units[i].unit, unit) == 0)
            return units[i].ms;
    return 0;
}

/* "6 days 23 hours"; returns the index behind it, or `from` when there is none. */
static size_t read_duration(const struct sentence *sentence, size_t from, int64_t *ms)
{
    *ms = 0;
    while (from + 1 < sentence->count && unit_ms(sentence->words[from + 1]) != 0) {
        char *end;
        long number = strtol(sentence->words[from], &end, 10);
        if (*end != '\0' || end == sentence->words[from])
            break;
        *ms += number * unit_ms(sentence->words[from + 1]);
        from += 2;
    }
    return from;
}

/* The next word of a pattern; false at its end. */
static bool next_word(const char **pattern, char *word, size_t size)
{
    *pattern += strspn(*pattern, " ");
    size_t length = strcspn(*pattern, " ");
    fl_assert(length < size);
    memcpy(word, *pattern, length);
    word[length] = '\0';
    *pattern += length;
    return length != 0;
}

static bool match_list(const struct sentence *sentence, size_t *at, const char *rest, char *text)
{
    char stop[WORD_SIZE_MAX];
    size_t used = 0;
    bool has_stop = next_word(&rest, stop, sizeof(stop));
    text[0] = '\0';
    while (*at < sentence->count && !sentence->quoted[*at] &&
           !(has_stop && strcmp(sentence->words[*at], stop) == 0)) {
        int wrote = snprintf(text + used, WORD_SIZE_MAX - used, "%s%s", used == 0 ? "" : ",",
                             sentence->words[(*at)++]);
        used += (size_t)wrote;
        if (used >= WORD_SIZE_MAX)
            return false;
    }
    return used != 0;
}

static bool matches(const struct sentence *sentence, size_t at, const char *pattern,
                    struct arguments *arguments)
{
    char word[WORD_SIZE_MAX];
    memset(arguments, 0, sizeof(*arguments));
    while (next_word(&pattern, word, sizeof(word))) {
        char *text = arguments->texts[arguments->count];
        if (at >= sentence->count)
            return false;
        if (strcmp(word, "$t") == 0) {
            size_t behind = read_duration(sentence, at, &arguments->duration_ms);
            if (behind == at)
                return false;
            at = behind;
        } else if (strcmp(word, "$l") == 0) {
            if (!match_list(sentence, &at, pattern, text))
                return false;
            arguments->count++;
        } else if (word[0] == '$') {
            if (sentence->quoted[at] != (word[1] == 'q'))
                return false;
            snprintf(text, WORD_SIZE_MAX, "%s", sentence->words[at++]);
            arguments->count++;
        } else if (sentence->quoted[at] || strcmp(word, sentence->words[at++]) != 0) {
            return false;
        }
    }
    return at == sentence->count;
}

static bool run_pattern(struct scenario *s, const struct pattern *patterns,
                        const struct sentence *sentence, size_t at)
{
    static struct arguments arguments;
    for (; patterns->text != NULL; patterns++) {
        if (!matches(sentence, at, patterns->text, &arguments))
            continue;
        patterns->run(s, &arguments);
        return true;
    }
    return false;
}

static bool is(const struct sentence *sentence, size_t at, const char *word)
{
    return at < sentence->count && !sentence->quoted[at] && strcmp(sentence->words[at], word) == 0;
}

/* Company of an account or agent in the registry; NULL: none yet. */
static const char *company_of(struct scenario *s, const char *id)
{
    struct fl_kv *kv = s->world.views[0].kv;
    const fl_account_row *account =
        fl_registry_account(kv, &s->world.other_arena, fl_slice_text(id));
    const fl_agent_row *agent = fl_registry_agent(kv, &s->world.other_arena, fl_slice_text(id));
    return account != NULL ? account->company_id : agent != NULL ? agent->company_id : NULL;
}

static void set_actor(struct scenario *s, const char *prefix, const char *id, const char *account)
{
    char *actor = s->actor_texts[0];
    snprintf(actor, sizeof(s->actor_texts[0]), "%s%s", prefix, id);
    s->actor = (struct world_actor){.actor = actor};
    if (account != NULL) {
        snprintf(s->actor_texts[1], sizeof(s->actor_texts[1]), "%s", account);
        s->actor.on_behalf_of = s->actor_texts[1];
    }
    const char *company = company_of(s, account != NULL ? account : id);
    if (company != NULL) {
        snprintf(s->actor_texts[2], sizeof(s->actor_texts[2]), "%s", company);
        s->actor.company_id = s->actor_texts[2];
    }
}

/* "the link of sign-up s1"; without a kind it is a transfer's. */
static size_t read_link(struct scenario *s, const struct sentence *sentence, size_t at)
{
    static const char *const kinds[] = {"sign-up", "reset", "change", "invitation", "share"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && at + 1 < sentence->count; i++)
        if (is(sentence, at, kinds[i])) {
            set_actor(s, "link:", id_of(kinds[i], sentence->words[at + 1]), NULL);
            return at + 2;
        }
    set_actor(s, "link:", id_of("transfer", sentence->words[at]), NULL);
    return at + 1;
}

/* Reads who acts; returns the index of the verb. */
static size_t read_actor(struct scenario *s, const struct sentence *sentence, size_t at)
{
    if (is(sentence, at, "the") && is(sentence, at + 1, "operator")) {
        bool for_account = is(sentence, at + 2, "for") && at + 3 < sentence->count;
        set_actor(s, "operator:", "root",
                  for_account ? id_of("subject", sentence->words[at + 3]) : NULL);
        return at + (for_account ? 4 : 2);
    }
    if (is(sentence, at, "the") && is(sentence, at + 1, "link") && is(sentence, at + 2, "of") &&
        at + 3 < sentence->count)
        return read_link(s, sentence, at + 3);
    if (is(sentence, at, "a") && is(sentence, at + 1, "visitor")) {
        set_actor(s, "visitor", "", NULL);
        return at + 2;
    }
    if (is(sentence, at, "the") && is(sentence, at + 1, "detector")) {
        set_actor(s, "detector", "", NULL);
        return at + 2;
    }
    if (is(sentence, at, "the") && is(sentence, at + 1, "mailer")) {
        set_actor(s, "mailer", "", NULL);
        return at + 2;
    }
    if (is(sentence, at, "the") && is(sentence, at + 1, "mail") && at + 3 < sentence->count) {
        set_actor(s, "link:", id_of("subject", sentence->words[at + 3]), NULL);
        s->actor.company_id = NULL;
        return at + 4;
    }
    if (is(sentence, at, "the") && is(sentence, at + 1, "reseller") &&
        is(sentence, at + 2, "link") && at + 3 < sentence->count) {
        set_actor(s, "link:", id_of("link", sentence->words[at + 3]), NULL);
        return at + 4;
    }
    if (is(sentence, at, "the") && is(sentence, at + 1, "timekeeper")) {
        set_actor(s, "timekeeper", "", NULL);
        return at + 2;
    }
    if (is(sentence, at, "the") && is(sentence, at + 1, "keeper")) {
        set_actor(s, "keeper", "", NULL);
        return at + 2;
    }
    if (at + 1 >= sentence->count)
        return at;
    if (is(sentence, at, "agent") || is(sentence, at, "node")) {
        bool agent = is(sentence, at, "agent");
        set_actor(s, agent ? "agent:" : "node:",
                  id_of(agent ? "agent" : "node", sentence->words[at + 1]), NULL);
        return at + 2;
    }
    set_actor(s, "account:", id_of("subject", sentence->words[at]), NULL);
    return at + 1;
}

void send_record(struct scenario *s, const struct fl_record *record)
{
    memset(&s->modifiers, 0, sizeof(s->modifiers));
    s->last_action = *record;
    s->has_action = true;
    if (!world_step(&s->world, record)) {
        if (s->must_succeed)
            fail(s, "decide gave %s", fl_error_name(s->world.last_error));
        return;
    }
    const Fleetlog__V1__ActionRejected *rejection = world_rejection(&s->world);
    if (s->must_succeed && rejection != NULL)
        fail(s, "a given was refused: %s", rejection->sentence);
}

void request(struct scenario *s, const ProtobufCMessage *message)
{
    char name[32];
    if (!s->modifiers.same_id) {
        snprintf(name, sizeof(name), "%zu", s->world.entry_count);
        world_id("action", name, s->last_id);
    }
    struct fl_record record = world_action(&s->world, &s->actor, s->last_id, message);
    send_record(s, &record);
}

/* Sentences of all families, by what they may stand for. */
static const struct pattern *const plain_tables[] = {plain_patterns, due_patterns, payment_patterns,
                                                     NULL};
static const struct pattern *const request_tables[] = {
    reseller_patterns, request_patterns,      login_patterns, device_patterns,
    transfer_patterns, notification_patterns, due_requests,   firmware_patterns,
    privacy_patterns,  license_patterns,      parts_patterns, NULL};
static const struct pattern *const expect_tables[] = {
    reseller_expectations, login_expectations, license_expectations, log_patterns,    mail_patterns,
    privacy_expectations,  due_expectations,   parts_expectations,   expect_patterns, NULL};

static bool run_tables(struct scenario *s, const struct pattern *const *tables,
                       const struct sentence *sentence, size_t at)
{
    for (; *tables != NULL; tables++)
        if (run_pattern(s, *tables, sentence, at))
            return true;
    return false;
}

static void run_line(struct scenario *s, const char *keyword, const struct sentence *sentence)
{
    if (strcmp(keyword, "then") == 0) {
        if (!run_tables(s, expect_tables, sentence, 1))
            fail(s, "no such expectation");
        return;
    }
    s->must_succeed = strcmp(keyword, "given") == 0;
    if (run_tables(s, plain_tables, sentence, 1))
        return;
    size_t verb = read_actor(s, sentence, 1);
    if (!run_tables(s, request_tables, sentence, verb))
        fail(s, "no such sentence");
}

static bool is_keyword(const char *word)
{
    return strcmp(word, "given") == 0 || strcmp(word, "when") == 0 || strcmp(word, "then") == 0;
}

static void begin(struct scenario *s, const char *file)
{
    memset(s, 0, sizeof(*s));
    s->file = file;
    world_init(&s->world);
    world_add_view(&s->world, fl_eventlog_view());
    s->rules[0] = *fl_rules_find(fl_rules_production(), 1);
    s->rules[1] = s->rules[0];
    s->rules[1].version = 2;
    s->rules[1].limits.shares_per_device_max = 2;
    s->set = (struct fl_rules_set){s->rules, 2};
    s->world.rules = &s->set;
}

static void end(struct scenario *s)
{
    world_refold(&s->world);
    world_fini(&s->world);
}

/* One file holds several scenarios; each begins with an empty log. */
static int run_file(const char *file)
{
    static struct scenario s;
    static struct sentence sentence;
    char line[4096];
    char keyword[16] = "";
    int count = 0;
    int number = 0;
    FILE *stream = fopen(file, "r");
    if (stream == NULL)
        world_fail("%s cannot be read", file);
    while (fgets(line, sizeof(line), stream) != NULL) {
        number++;
        s.file = file;
        s.line = number;
        parse(&s, line, &sentence);
        if (sentence.count == 0)
            continue;
        if (strcmp(sentence.words[0], "scenario:") == 0) {
            if (count++ > 0)
                end(&s);
            begin(&s, file);
            keyword[0] = '\0';
            continue;
        }
        s.line = number;
        if (is_keyword(sentence.words[0]))
            memcpy(keyword, sentence.words[0], strlen(sentence.words[0]) + 1);
        else if (strcmp(sentence.words[0], "and") != 0 || keyword[0] == '\0')
            fail(&s, "a line begins with scenario:, given, when, then or and");
        if (count == 0)
            fail(&s, "a file begins with scenario:");
        run_line(&s, keyword, &sentence);
    }
    fclose(stream);
    if (count > 0)
        end(&s);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++)
        count += run_file(argv[i]);
    printf("%d scenarios\n", count);
    return count == 0 ? 1 : 0;
}
