/* SPDX-License-Identifier: Apache-2.0
 * What an upsd may send: bytes to lines, lines to answers, over a whole series of requests. Nothing
 * may crash, no request stay open behind its answer, and every list keep its limits and its order.
 *
 * Byte 0: how many bytes arrive at once; the rest is the stream. */
#include <string.h>

#include "core/assert.h"
#include "producers/agent/nut_session.h"
#include "projections/telemetry/report.h"
#include "tests/fuzz/fuzz.h"

static const enum fl_nut_ask series[] = {
    FL_NUT_VERSION,     FL_NUT_PROTOCOL, FL_NUT_STARTTLS, FL_NUT_USERNAME, FL_NUT_PASSWORD,
    FL_NUT_TRACKING_ON, FL_NUT_LIST_UPS, FL_NUT_LIST_RW,  FL_NUT_LIST_CMD, FL_NUT_LIST_VAR,
    FL_NUT_COMMAND,     FL_NUT_TRACKING, FL_NUT_LIST_VAR};
enum { SERIES_COUNT = sizeof(series) / sizeof(series[0]) };

static void ask(struct fl_nut_session *session, enum fl_nut_ask what)
{
    struct fl_nut_request request;
    if (what == FL_NUT_COMMAND) {
        fl_nut_session_ask_command(session);
        return;
    }
    bool of_server = what == FL_NUT_VERSION || what == FL_NUT_PROTOCOL || what == FL_NUT_STARTTLS ||
                     what == FL_NUT_TRACKING_ON || what == FL_NUT_LIST_UPS;
    enum fl_error error = fl_nut_session_ask(
        session, what, of_server ? FL_SLICE_NULL : FL_SLICE_LITERAL("u"), &request);
    fl_assert(error == FL_OK);
}

static void check_list(const struct fl_nut_list *list)
{
    fl_assert(list->count <= FL_READING_COUNT_MAX);
    for (size_t i = 0; i < list->count; i++) {
        struct fl_slice name = fl_nut_list_name(list, i);
        fl_assert(name.size > 0 && name.size <= FL_READING_NAME_SIZE_MAX);
        fl_assert(fl_nut_list_value(list, i).size <= FL_READING_VALUE_SIZE_MAX);
        fl_assert(i == 0 || fl_slice_compare(fl_nut_list_name(list, i - 1), name) < 0);
    }
}

/* A line that splits can be put together again. */
static void check_words(struct fl_slice line)
{
    struct fl_nut_words words;
    struct fl_nut_words again;
    struct fl_nut_request request;
    if (line.data == NULL || fl_nut_split(line, &words) != FL_OK || words.count == 0)
        return;
    fl_nut_request_begin(&request, "X");
    for (size_t i = 0; i < words.count; i++)
        fl_nut_request_word(&request, words.word[i]);
    if (fl_nut_request_end(&request) != FL_OK || words.count == FL_NUT_WORD_COUNT_MAX)
        return;
    enum fl_error error = fl_nut_split(fl_slice_of(request.text, request.size - 1), &again);
    fl_assert(error == FL_OK && again.count == words.count + 1);
    for (size_t i = 0; i < words.count; i++)
        fl_assert(fl_slice_compare(words.word[i], again.word[i + 1]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fl_nut_session session;
    struct fl_nut_lines lines;
    struct fl_slice line;
    size_t step = 0;
    bool broken = false;
    if (size < 1)
        return 0;
    fl_nut_session_init(&session);
    fl_nut_lines_init(&lines);
    ask(&session, series[step]);
    for (size_t at = 1, piece = (size_t)data[0] + 1; !broken && at < size; at += piece) {
        struct fl_slice input = fl_slice_of(data + at, size - at < piece ? size - at : piece);
        while (!broken && fl_nut_lines_next(&lines, &input, &line)) {
            check_words(line);
            enum fl_nut_progress progress = fl_nut_session_line(&session, line);
            broken = progress == FL_NUT_BROKEN;
            if (progress != FL_NUT_ANSWERED)
                continue;
            fl_assert(session.ask == FL_NUT_NOTHING && session.answer.ask == series[step]);
            fl_assert(memchr(session.answer.text, 0, FL_NUT_TEXT_SIZE) != NULL);
            check_list(&session.list);
            step = (step + 1) % SERIES_COUNT;
            ask(&session, series[step]);
        }
    }
    fl_nut_session_fini(&session);
    return 0;
}
