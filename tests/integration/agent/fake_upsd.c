/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/agent/fake_upsd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/assert.h"
#include "producers/agent/nut_line.h"

enum { CLIENT_COUNT_MAX = 16, DEADLINE_S = 20 };

struct pair {
    struct pair *next;
    char *name;
    uint8_t *value;
    size_t size;
};

struct ups {
    struct ups *next;
    char *name;
    struct pair *variables;
    struct pair *writable;
    struct pair *commands;
    const char *error;
};

struct client {
    int fd;
    struct fl_nut_lines lines;
};

struct fl_fake_upsd {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int listener;
    int stop;
    char address[32];
    enum fl_fake_upsd_mode mode;
    struct ups *upses;
    unsigned command_count;
    unsigned poll_count;
    struct client clients[CLIENT_COUNT_MAX];
    FILE *out; /* the answer that is being written */
};

static struct pair *find_pair(struct pair *pairs, struct fl_slice name)
{
    while (pairs != NULL && !fl_slice_is(name, pairs->name))
        pairs = pairs->next;
    return pairs;
}

static void set_pair(struct pair **pairs, const char *name, struct fl_slice value)
{
    struct pair *pair = find_pair(*pairs, fl_slice_text(name));
    if (pair == NULL) {
        while (*pairs != NULL)
            pairs = &(*pairs)->next;
        pair = *pairs = calloc(1, sizeof(*pair));
        pair->name = strdup(name);
    }
    free(pair->value);
    pair->size = value.size;
    pair->value = malloc(value.size + 1);
    if (value.size > 0)
        memcpy(pair->value, value.data, value.size);
}

static void remove_pair(struct pair **pairs, struct pair *pair)
{
    while (*pairs != pair)
        pairs = &(*pairs)->next;
    *pairs = pair->next;
    free(pair->name);
    free(pair->value);
    free(pair);
}

static struct ups *find_ups(struct fl_fake_upsd *upsd, struct fl_slice name, bool make)
{
    struct ups **at = &upsd->upses;
    while (*at != NULL && !fl_slice_is(name, (*at)->name))
        at = &(*at)->next;
    if (*at == NULL && make) {
        *at = calloc(1, sizeof(**at));
        (*at)->name = strndup((const char *)name.data, name.size);
    }
    return *at;
}

/* A word in quotes, as upsd writes values. */
static void put_quoted(FILE *out, struct fl_slice word)
{
    fputc('"', out);
    for (size_t i = 0; i < word.size; i++) {
        if (strchr("\"\\#", word.data[i]) != NULL && word.data[i] != '\0')
            fputc('\\', out);
        fputc(word.data[i], out);
    }
    fputc('"', out);
}

static void list(FILE *out, const char *kind, const struct ups *ups, const struct pair *pairs,
                 bool with_values)
{
    fprintf(out, "BEGIN LIST %s %s\n", kind, ups->name);
    for (; pairs != NULL; pairs = pairs->next) {
        fprintf(out, "%s %s %s", kind, ups->name, pairs->name);
        if (with_values) {
            fputc(' ', out);
            put_quoted(out, fl_slice_of(pairs->value, pairs->size));
        }
        fputc('\n', out);
    }
    fprintf(out, "END LIST %s %s\n", kind, ups->name);
}

static void answer_list(struct fl_fake_upsd *upsd, const struct fl_nut_words *words)
{
    FILE *out = upsd->out;
    if (fl_nut_word_is(words, 1, "UPS")) {
        fprintf(out, "BEGIN LIST UPS\n");
        for (const struct ups *ups = upsd->upses; ups != NULL; ups = ups->next)
            fprintf(out, "UPS %s \"Description unavailable\"\n", ups->name);
        fprintf(out, "END LIST UPS\n");
        return;
    }
    struct ups *ups = words->count > 2 ? find_ups(upsd, words->word[2], false) : NULL;
    if (ups == NULL) {
        fprintf(out, "ERR UNKNOWN-UPS\n");
    } else if (fl_nut_word_is(words, 1, "VAR")) {
        upsd->poll_count++;
        pthread_cond_broadcast(&upsd->changed);
        if (ups->error != NULL)
            fprintf(out, "ERR %s\n", ups->error);
        else
            list(out, "VAR", ups, ups->variables, true);
    } else if (fl_nut_word_is(words, 1, "RW")) {
        list(out, "RW", ups, ups->writable, true);
    } else {
        list(out, "CMD", ups, ups->commands, false);
    }
}

static void obey(struct ups *ups, const struct fl_nut_words *words, bool is_set)
{
    char name[128];
    if (is_set) {
        fl_slice_to_text(words->word[3], name, sizeof(name));
        set_pair(&ups->variables, name, words->word[4]);
    } else if (fl_slice_starts_with(words->word[2], FL_SLICE_LITERAL("test.battery.start"))) {
        set_pair(&ups->variables, "ups.test.result", FL_SLICE_LITERAL("Done and passed"));
    } else if (fl_nut_word_is(words, 2, "beeper.mute")) {
        set_pair(&ups->variables, "ups.beeper.status", FL_SLICE_LITERAL("muted"));
    }
}

/* False: hang up. */
static bool answer_command(struct fl_fake_upsd *upsd, const struct fl_nut_words *words, bool is_set)
{
    struct ups *ups = find_ups(upsd, words->word[is_set ? 2 : 1], false);
    upsd->command_count++;
    pthread_cond_broadcast(&upsd->changed);
    if (upsd->mode == FL_FAKE_HANGS_UP)
        return false;
    if (upsd->mode == FL_FAKE_REFUSES || ups == NULL) {
        fprintf(upsd->out, "ERR ACCESS-DENIED\n");
        return true;
    }
    if (upsd->mode != FL_FAKE_DISOBEYS)
        obey(ups, words, is_set);
    fprintf(upsd->out, "OK\n");
    return true;
}

static void put_junk(FILE *out)
{
    for (int i = 1; i < 256; i++)
        fputc(i, out);
    fprintf(out, "\nVAR \"unterminated\nVAR nobody ups.status \"OB LB\"\n");
    for (int i = 0; i < 1000; i++)
        fputs("arg ", out);
    fputc('\n', out);
    for (int i = 0; i < 70000; i++)
        fputc('x', out);
    fputc('\0', out);
    fputc('\n', out);
}

static bool answer(struct fl_fake_upsd *upsd, const struct fl_nut_words *words)
{
    FILE *out = upsd->out;
    if (upsd->mode == FL_FAKE_JUNK || upsd->mode == FL_FAKE_BROKEN)
        put_junk(out);
    if (upsd->mode == FL_FAKE_BROKEN)
        return true;
    if (fl_nut_word_is(words, 0, "LIST"))
        answer_list(upsd, words);
    else if (fl_nut_word_is(words, 0, "INSTCMD") && words->count >= 3)
        return answer_command(upsd, words, false);
    else if (fl_nut_word_is(words, 0, "SET") && fl_nut_word_is(words, 1, "VAR") &&
             words->count == 5)
        return answer_command(upsd, words, true);
    else if (fl_nut_word_is(words, 0, "VER"))
        fprintf(out, "A scripted upsd 2.8.0\n");
    else if (fl_nut_word_is(words, 0, "USERNAME") || fl_nut_word_is(words, 0, "PASSWORD"))
        fprintf(out, "OK\n");
    else
        fprintf(out, "ERR UNKNOWN-COMMAND\n");
    return true;
}

static bool send_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool serve_line(struct fl_fake_upsd *upsd, struct client *client, struct fl_slice line)
{
    struct fl_nut_words words;
    char *data = NULL;
    size_t size = 0;
    if (line.data == NULL || fl_nut_split(line, &words) != FL_OK || words.count == 0)
        return true;
    upsd->out = open_memstream(&data, &size);
    pthread_mutex_lock(&upsd->mutex);
    bool stays = answer(upsd, &words);
    pthread_mutex_unlock(&upsd->mutex);
    fclose(upsd->out);
    stays = stays && send_all(client->fd, data, size);
    free(data);
    return stays;
}

static void serve(struct fl_fake_upsd *upsd, struct client *client)
{
    uint8_t bytes[4096];
    struct fl_slice line;
    ssize_t got = recv(client->fd, bytes, sizeof(bytes), 0);
    bool stays = got > 0;
    struct fl_slice input = fl_slice_of(bytes, got > 0 ? (size_t)got : 0);
    while (stays && fl_nut_lines_next(&client->lines, &input, &line))
        stays = serve_line(upsd, client, line);
    if (!stays) {
        close(client->fd);
        client->fd = -1;
    }
}

static void take_client(struct fl_fake_upsd *upsd)
{
    int fd = accept4(upsd->listener, NULL, NULL, SOCK_CLOEXEC);
    for (size_t i = 0; i < CLIENT_COUNT_MAX && fd >= 0; i++)
        if (upsd->clients[i].fd < 0) {
            upsd->clients[i].fd = fd;
            fl_nut_lines_init(&upsd->clients[i].lines);
            return;
        }
    if (fd >= 0)
        close(fd);
}

static void *run(void *context)
{
    struct fl_fake_upsd *upsd = context;
    for (;;) {
        struct pollfd fds[CLIENT_COUNT_MAX + 2];
        fds[0] = (struct pollfd){.fd = upsd->stop, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = upsd->listener, .events = POLLIN};
        for (size_t i = 0; i < CLIENT_COUNT_MAX; i++)
            fds[i + 2] = (struct pollfd){.fd = upsd->clients[i].fd, .events = POLLIN};
        if (poll(fds, CLIENT_COUNT_MAX + 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (fds[0].revents != 0)
            return NULL;
        for (size_t i = 0; i < CLIENT_COUNT_MAX; i++)
            if (upsd->clients[i].fd >= 0 && fds[i + 2].revents != 0)
                serve(upsd, &upsd->clients[i]);
        if (fds[1].revents != 0)
            take_client(upsd);
    }
}

struct fl_fake_upsd *fl_fake_upsd_open(void)
{
    struct fl_fake_upsd *upsd = calloc(1, sizeof(*upsd));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    pthread_mutex_init(&upsd->mutex, NULL);
    pthread_cond_init(&upsd->changed, NULL);
    for (size_t i = 0; i < CLIENT_COUNT_MAX; i++)
        upsd->clients[i].fd = -1;
    upsd->stop = eventfd(0, EFD_CLOEXEC);
    upsd->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = bind(upsd->listener, (const struct sockaddr *)&address, size) == 0 &&
                listen(upsd->listener, CLIENT_COUNT_MAX) == 0 &&
                getsockname(upsd->listener, (struct sockaddr *)&address, &size) == 0;
    fl_assert(good);
    snprintf(upsd->address, sizeof(upsd->address), "127.0.0.1:%u",
             (unsigned)ntohs(address.sin_port));
    int code = pthread_create(&upsd->thread, NULL, run, upsd);
    fl_assert(code == 0);
    return upsd;
}

static void free_pairs(struct pair **pairs)
{
    while (*pairs != NULL)
        remove_pair(pairs, *pairs);
}

void fl_fake_upsd_close(struct fl_fake_upsd **upsd_at)
{
    struct fl_fake_upsd *upsd = *upsd_at;
    uint64_t one = 1;
    if (upsd == NULL)
        return;
    ssize_t written = write(upsd->stop, &one, sizeof(one));
    fl_assert(written == sizeof(one));
    pthread_join(upsd->thread, NULL);
    for (size_t i = 0; i < CLIENT_COUNT_MAX; i++)
        if (upsd->clients[i].fd >= 0)
            close(upsd->clients[i].fd);
    close(upsd->listener);
    close(upsd->stop);
    while (upsd->upses != NULL) {
        struct ups *ups = upsd->upses;
        upsd->upses = ups->next;
        free_pairs(&ups->variables);
        free_pairs(&ups->writable);
        free_pairs(&ups->commands);
        free(ups->name);
        free(ups);
    }
    free(upsd);
    *upsd_at = NULL;
}

const char *fl_fake_upsd_address(const struct fl_fake_upsd *upsd)
{
    return upsd->address;
}

void fl_fake_upsd_set_mode(struct fl_fake_upsd *upsd, enum fl_fake_upsd_mode mode)
{
    pthread_mutex_lock(&upsd->mutex);
    upsd->mode = mode;
    pthread_mutex_unlock(&upsd->mutex);
}

void fl_fake_upsd_set(struct fl_fake_upsd *upsd, const char *ups_name, const char *name,
                      struct fl_slice value)
{
    pthread_mutex_lock(&upsd->mutex);
    struct ups *ups = find_ups(upsd, fl_slice_text(ups_name), true);
    struct pair *pair = find_pair(ups->variables, fl_slice_text(name));
    if (value.data != NULL)
        set_pair(&ups->variables, name, value);
    else if (pair != NULL)
        remove_pair(&ups->variables, pair);
    pthread_mutex_unlock(&upsd->mutex);
}

void fl_fake_upsd_offer(struct fl_fake_upsd *upsd, const char *ups, const char *command)
{
    pthread_mutex_lock(&upsd->mutex);
    set_pair(&find_ups(upsd, fl_slice_text(ups), true)->commands, command, FL_SLICE_LITERAL(""));
    pthread_mutex_unlock(&upsd->mutex);
}

void fl_fake_upsd_let_write(struct fl_fake_upsd *upsd, const char *ups, const char *name)
{
    pthread_mutex_lock(&upsd->mutex);
    set_pair(&find_ups(upsd, fl_slice_text(ups), true)->writable, name, FL_SLICE_LITERAL("x"));
    pthread_mutex_unlock(&upsd->mutex);
}

void fl_fake_upsd_fail(struct fl_fake_upsd *upsd, const char *ups, const char *error)
{
    pthread_mutex_lock(&upsd->mutex);
    find_ups(upsd, fl_slice_text(ups), true)->error = error;
    pthread_mutex_unlock(&upsd->mutex);
}

unsigned fl_fake_upsd_command_count(struct fl_fake_upsd *upsd)
{
    pthread_mutex_lock(&upsd->mutex);
    unsigned count = upsd->command_count;
    pthread_mutex_unlock(&upsd->mutex);
    return count;
}

bool fl_fake_upsd_wait_polls(struct fl_fake_upsd *upsd, unsigned count)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += DEADLINE_S;
    pthread_mutex_lock(&upsd->mutex);
    unsigned goal = upsd->poll_count + count;
    int code = 0;
    while (upsd->poll_count < goal && code == 0)
        code = pthread_cond_timedwait(&upsd->changed, &upsd->mutex, &deadline);
    pthread_mutex_unlock(&upsd->mutex);
    return code == 0;
}
