/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/agent/nut_session.h"

#include <string.h>

#include "core/assert.h"

static const struct {
    const char *verb;
    const char *list; /* word after BEGIN LIST; NULL: answered by one line */
} asks[] = {
    [FL_NUT_VERSION] = {"VER", NULL},        [FL_NUT_PROTOCOL] = {"PROTVER", NULL},
    [FL_NUT_STARTTLS] = {"STARTTLS", NULL},  [FL_NUT_USERNAME] = {"USERNAME", NULL},
    [FL_NUT_PASSWORD] = {"PASSWORD", NULL},  [FL_NUT_TRACKING_ON] = {"SET TRACKING ON", NULL},
    [FL_NUT_LIST_UPS] = {"LIST UPS", "UPS"}, [FL_NUT_LIST_VAR] = {"LIST VAR", "VAR"},
    [FL_NUT_LIST_RW] = {"LIST RW", "RW"},    [FL_NUT_LIST_CMD] = {"LIST CMD", "CMD"},
    [FL_NUT_COMMAND] = {NULL, NULL},         [FL_NUT_TRACKING] = {"GET TRACKING", NULL},
};

void fl_nut_session_init(struct fl_nut_session *session)
{
    *session = (struct fl_nut_session){0};
    fl_nut_list_init(&session->list);
}

void fl_nut_session_fini(struct fl_nut_session *session)
{
    fl_nut_list_fini(&session->list);
}

void fl_nut_session_reset(struct fl_nut_session *session)
{
    session->ask = FL_NUT_NOTHING;
    session->ups = FL_SLICE_NULL;
    session->listing = false;
}

static void open_request(struct fl_nut_session *session, enum fl_nut_ask ask)
{
    session->ask = ask;
    session->listing = false;
    session->junk_count = 0;
    session->dropped_count = 0;
    session->answer = (struct fl_nut_answer){.ask = ask};
    fl_nut_list_reset(&session->list);
}

enum fl_error fl_nut_session_ask(struct fl_nut_session *session, enum fl_nut_ask ask,
                                 struct fl_slice argument, struct fl_nut_request *request)
{
    fl_assert(session->ask == FL_NUT_NOTHING && asks[ask].verb != NULL);
    fl_nut_request_begin(request, asks[ask].verb);
    if (argument.data != NULL)
        fl_nut_request_word(request, argument);
    enum fl_error error = fl_nut_request_end(request);
    if (error != FL_OK)
        return error;
    open_request(session, ask);
    session->ups = argument;
    return FL_OK;
}

void fl_nut_session_ask_command(struct fl_nut_session *session)
{
    fl_assert(session->ask == FL_NUT_NOTHING);
    open_request(session, FL_NUT_COMMAND);
}

static enum fl_nut_progress answered(struct fl_nut_session *session, enum fl_nut_result result)
{
    session->answer.result = result;
    session->answer.dropped_count = session->dropped_count;
    fl_nut_list_seal(&session->list);
    fl_nut_session_reset(session);
    return FL_NUT_ANSWERED;
}

static enum fl_nut_progress drop(struct fl_nut_session *session)
{
    session->dropped_count++;
    return ++session->junk_count > FL_NUT_JUNK_MAX ? FL_NUT_BROKEN : FL_NUT_MORE;
}

/* Copies a word as text; leaves the text empty if it has other bytes than printable ASCII. */
static void copy_text(struct fl_slice word, char out[FL_NUT_TEXT_SIZE])
{
    for (size_t i = 0; i < word.size; i++)
        if (word.data[i] < ' ' || word.data[i] >= 0x7f)
            return;
    if (!fl_slice_to_text(word, out, FL_NUT_TEXT_SIZE))
        out[0] = '\0';
}

static bool names_this_ups(const struct fl_nut_session *session, size_t index)
{
    return index < session->words.count && fl_slice_equal(session->words.word[index], session->ups);
}

/* "VAR ups name value", "RW ups name value", "CMD ups name", "UPS name description". */
static enum fl_nut_progress take_row(struct fl_nut_session *session)
{
    const struct fl_nut_words *words = &session->words;
    bool of_server = session->ask == FL_NUT_LIST_UPS;
    size_t name = of_server ? 1 : 2;
    bool bare = session->ask == FL_NUT_LIST_CMD || (of_server && words->count == 2);
    if (!fl_nut_word_is(words, 0, asks[session->ask].list) ||
        words->count != name + (bare ? 1 : 2) || (!of_server && !names_this_ups(session, 1)))
        return drop(session);
    struct fl_slice value = bare ? FL_SLICE_LITERAL("") : words->word[name + 1];
    if (fl_nut_list_add(&session->list, words->word[name], value) != FL_OK)
        session->dropped_count++;
    return FL_NUT_MORE;
}

static enum fl_nut_progress take_list_line(struct fl_nut_session *session)
{
    const struct fl_nut_words *words = &session->words;
    const char *list = asks[session->ask].list;
    if (fl_nut_word_is(words, 0, "BEGIN") && fl_nut_word_is(words, 1, "LIST") &&
        fl_nut_word_is(words, 2, list)) {
        session->listing = true;
        fl_nut_list_reset(&session->list);
        return FL_NUT_MORE;
    }
    if (!session->listing)
        return drop(session);
    if (fl_nut_word_is(words, 0, "END") && fl_nut_word_is(words, 1, "LIST") &&
        fl_nut_word_is(words, 2, list))
        return answered(session, FL_NUT_DONE);
    return take_row(session);
}

/* A version is free text, or a number; a line that looks like anything else belongs to something
 * else, and taking it would put every later answer to the wrong request. */
static enum fl_nut_progress take_version(struct fl_nut_session *session)
{
    static const char *const verbs[] = {"OK", "BEGIN", "END", "VAR", "RW", "CMD", "UPS"};
    const struct fl_nut_words *words = &session->words;
    char text[FL_NUT_TEXT_SIZE];
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (fl_nut_word_is(words, 0, verbs[i]))
            return drop(session);
    for (size_t i = 0; i < words->count; i++) {
        text[0] = '\0';
        copy_text(words->word[i], text);
        if (text[0] == '\0')
            return drop(session);
    }
    bool is_number = words->count == 1 && text[0] >= '0' && text[0] <= '9';
    if (session->ask == FL_NUT_PROTOCOL && !is_number)
        return drop(session);
    memcpy(session->answer.text, text, sizeof(text));
    return answered(session, FL_NUT_DONE);
}

static enum fl_nut_progress take_line(struct fl_nut_session *session)
{
    const struct fl_nut_words *words = &session->words;
    struct fl_nut_answer *answer = &session->answer;
    switch (session->ask) {
    case FL_NUT_VERSION:
    case FL_NUT_PROTOCOL:
        return take_version(session);
    case FL_NUT_TRACKING:
        if (fl_nut_word_is(words, 0, "PENDING"))
            return answered(session, FL_NUT_PENDING);
        if (fl_nut_word_is(words, 0, "SUCCESS"))
            return answered(session, FL_NUT_DONE);
        return drop(session);
    case FL_NUT_COMMAND:
        if (fl_nut_word_is(words, 0, "OK") && fl_nut_word_is(words, 1, "TRACKING") &&
            words->count == 3)
            copy_text(words->word[2], answer->tracking);
        break;
    case FL_NUT_STARTTLS:
    case FL_NUT_USERNAME:
    case FL_NUT_PASSWORD:
    case FL_NUT_TRACKING_ON:
        break;
    case FL_NUT_LIST_UPS:
    case FL_NUT_LIST_VAR:
    case FL_NUT_LIST_RW:
    case FL_NUT_LIST_CMD:
        return take_list_line(session);
    case FL_NUT_NOTHING:
        return drop(session);
    }
    return fl_nut_word_is(words, 0, "OK") ? answered(session, FL_NUT_DONE) : drop(session);
}

enum fl_nut_progress fl_nut_session_line(struct fl_nut_session *session, struct fl_slice line)
{
    struct fl_nut_words *words = &session->words;
    if (line.data == NULL || fl_nut_split(line, words) != FL_OK || words->count == 0)
        return drop(session);
    if (session->ask != FL_NUT_NOTHING && fl_nut_word_is(words, 0, "ERR")) {
        if (words->count > 1)
            copy_text(words->word[1], session->answer.text);
        return answered(session, FL_NUT_REFUSED);
    }
    return take_line(session);
}
