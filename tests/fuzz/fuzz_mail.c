/* SPDX-License-Identifier: Apache-2.0
 * Mails of any words to any address: whatever names, places and readings hold, the header has the
 * lines that it must have and no other, and the HTML part has the template's marks and no other.
 *
 * Byte 0: which template. Then texts that end with a zero byte: address, Message-ID, link to
 * unsubscribe (empty: none), and the values of the template's words in their order, the last one
 * for all that are left. */
#include <string.h>

#include "consumers/mailer/message.h"
#include "consumers/mailer/template.h"
#include "core/assert.h"
#include "tests/fuzz/fuzz.h"

enum { ARENA_SIZE = 64 * 1024 * 1024, WORD_COUNT_MAX = 32, LINE_SIZE_MAX = 998 };

/* Template number `index` modulo their count: files come in pairs behind layout.html. */
static const char *template_name(struct fl_arena *arena, unsigned index)
{
    size_t pair_count = (fl_template_file_count - 1) / 2;
    const char *file = fl_template_files[1 + index % pair_count * 2].name;
    const char *dot = strrchr(file, '.');
    fl_assert(dot != NULL && strcmp(dot, ".txt") == 0);
    return fl_arena_text(arena, fl_slice_of(file, (size_t)(dot - file)));
}

static bool has_word(const struct fl_template_values *words, struct fl_slice word)
{
    for (size_t i = 0; i < words->count; i++)
        if (fl_slice_is(word, words->values[i].name))
            return true;
    return false;
}

/* Words of all templates, each once. */
static void find_words(struct fl_arena *arena, struct fl_template_value out[WORD_COUNT_MAX],
                       struct fl_template_values *words)
{
    *words = (struct fl_template_values){out, 0};
    for (size_t i = 0; i < fl_template_file_count; i++) {
        const char *at = fl_template_files[i].text;
        while ((at = strstr(at, "{{")) != NULL) {
            at += strchr("?!/", at[2]) == NULL ? 2 : 3;
            struct fl_slice word = fl_slice_of(at, (size_t)(strstr(at, "}}") - at));
            if (has_word(words, word) || fl_slice_is(word, "content"))
                continue;
            fl_assert(words->count < WORD_COUNT_MAX);
            out[words->count++].name = fl_arena_text(arena, word);
        }
    }
}

/* The next text of the input; "" behind its end. */
static const char *take(struct fl_arena *arena, struct fl_slice *input)
{
    const uint8_t *end = input->size == 0 ? NULL : memchr(input->data, 0, input->size);
    size_t size = end == NULL ? input->size : (size_t)(end - input->data);
    const char *text = size == 0 ? "" : fl_arena_text(arena, fl_slice_of(input->data, size));
    size_t step = end == NULL ? size : size + 1;
    *input = fl_slice_of(input->data + step, input->size - step);
    return text;
}

/* How often a byte stands in a page; line breaks of values and of templates do not count. */
static size_t count_of(const char *html, char mark)
{
    size_t count = 0;
    for (const char *at = html; *at != '\0'; at++) {
        if (strncmp(at, "<br>", 4) == 0)
            at += 3;
        else if (*at == mark)
            count++;
    }
    return count;
}

/* The same marks as with harmless values, whatever the values hold. */
static void check_html(struct fl_arena *arena, const char *name, const char *html,
                       const struct fl_template_values *words)
{
    struct fl_template_value harmless[WORD_COUNT_MAX];
    struct fl_rendered plain;
    for (size_t i = 0; i < words->count; i++)
        harmless[i] = (struct fl_template_value){words->values[i].name,
                                                 words->values[i].value[0] == '\0' ? "" : "x"};
    const struct fl_template_values same = {harmless, words->count};
    fl_assert(fl_template_render(arena, name, &same, &plain));
    for (const char *mark = "<>\"'"; *mark != '\0'; mark++)
        fl_assert(count_of(html, *mark) == count_of(plain.html, *mark));
}

/* No control character but line ends, and nothing that turns the direction of text. */
static void check_text(const char *text, bool is_line)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
        fl_assert((*at >= ' ' || (*at == '\n' && !is_line)) && *at != 0x7f);
    fl_assert(strstr(text, "\xe2\x80\xae") == NULL && strstr(text, "\xe2\x81\xa6") == NULL);
    fl_assert(strstr(text, "\xe2\x80\xa8") == NULL && strstr(text, "\xd8\x9c") == NULL);
}

/* The lines of the header, in their order; a mail without a link to unsubscribe skips two. */
static void check_header(struct fl_slice mail, bool unsubscribes)
{
    static const char *const lines[] = {
        "Date: ",
        "From: ",
        "To: ",
        "Subject: ",
        "Message-ID: ",
        "List-Unsubscribe: ",
        "List-Unsubscribe-Post: ",
        "Auto-Submitted: ",
        "X-Auto-Response-Suppress: ",
        "MIME-Version: ",
        "Content-Type: ",
    };
    const char *at = (const char *)mail.data;
    const char *end = at + mail.size;
    size_t line = 0;
    while (strncmp(at, "\r\n", 2) != 0) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        fl_assert(next != NULL && next[-1] == '\r' && next - at <= LINE_SIZE_MAX);
        if (*at != ' ') {
            if (!unsubscribes && line == 5)
                line = 7;
            fl_assert(line < sizeof(lines) / sizeof(lines[0]));
            fl_assert(strncmp(at, lines[line], strlen(lines[line])) == 0);
            line++;
        }
        at = next + 1;
    }
    fl_assert(line == sizeof(lines) / sizeof(lines[0]));
}

/* ASCII without zero bytes, every line end CRLF. */
static void check_bytes(struct fl_slice mail)
{
    for (size_t i = 0; i < mail.size; i++) {
        uint8_t c = mail.data[i];
        fl_assert(c != 0 && c < 0x80);
        fl_assert(c != '\r' || (i + 1 < mail.size && mail.data[i + 1] == '\n'));
        fl_assert(c != '\n' || (i > 0 && mail.data[i - 1] == '\r'));
    }
}

static void try_one(struct fl_arena *arena, struct fl_slice input)
{
    struct fl_template_value storage[WORD_COUNT_MAX];
    struct fl_template_values words;
    struct fl_rendered rendered;
    struct fl_slice mail;
    const char *name = template_name(arena, input.data[0]);
    input = fl_slice_of(input.data + 1, input.size - 1);
    struct fl_message message = {
        .from = "no-reply@fleetlog.example",
        .to = take(arena, &input),
        .message_id = take(arena, &input),
        .list_unsubscribe = take(arena, &input),
        .date_ms = INT64_C(1764072000000),
    };
    bool unsubscribes = message.list_unsubscribe[0] != '\0';
    find_words(arena, storage, &words);
    const char *last = "";
    for (size_t i = 0; i < words.count; i++)
        storage[i].value = last = input.size == 0 ? last : take(arena, &input);
    fl_assert(fl_template_render(arena, name, &words, &rendered));
    check_html(arena, name, rendered.html, &words);
    check_text(rendered.subject, true);
    check_text(rendered.text, false);
    check_text(rendered.html, false);
    message.subject = rendered.subject;
    message.text = rendered.text;
    message.html = rendered.html;
    if (!unsubscribes)
        message.list_unsubscribe = NULL;
    enum fl_error error = fl_message_build(arena, &message, &mail);
    fl_assert(error == FL_OK || error == FL_INVALID);
    if (error != FL_OK)
        return;
    check_bytes(mail);
    check_header(mail, unsubscribes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fl_arena arena;
    if (size < 1 || size > 64 * 1024)
        return 0;
    fl_arena_init(&arena, ARENA_SIZE);
    try_one(&arena, fl_slice_of(data, size));
    fl_arena_fini(&arena);
    return 0;
}
