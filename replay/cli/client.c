/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/cli/client.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/assert.h"
#include "replay/cli/table.h"

enum { ANSWER_SIZE_MAX = 64 * 1024 * 1024, LIST_URL_SIZE = 4096, PATH_SIZE = 4096 };

struct answer {
    char *data;
    size_t size;
};

static size_t collect(char *data, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    size_t more = size * count;
    if (more > ANSWER_SIZE_MAX - answer->size)
        return 0;
    char *grown = realloc(answer->data, answer->size + more + 1);
    if (grown == NULL)
        return 0;
    memcpy(grown + answer->size, data, more);
    answer->data = grown;
    answer->size += more;
    answer->data[answer->size] = '\0';
    return more;
}

bool fl_client_path(char *out, size_t out_size, const char *format, const char *const *arguments,
                    size_t argument_count)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t used = 0;
    size_t next = 0;
    for (const char *f = format; *f != '\0'; f++) {
        if (f[0] != '%' || f[1] != 's') {
            if (used + 1 >= out_size)
                return false;
            out[used++] = *f;
            continue;
        }
        fl_assert(next < argument_count);
        f++;
        for (const unsigned char *c = (const unsigned char *)arguments[next++]; *c != '\0'; c++) {
            bool plain = isalnum(*c) || strchr("-_.~", *c) != NULL;
            if (used + 3 >= out_size)
                return false;
            if (plain) {
                out[used++] = (char)*c;
            } else {
                out[used++] = '%';
                out[used++] = hex[*c >> 4];
                out[used++] = hex[*c & 15];
            }
        }
    }
    out[used] = '\0';
    return true;
}

static int exit_code_of(long status)
{
    if (status == 404)
        return FL_EXIT_NOT_FOUND;
    if (status == 429 || status == 503 || status == 504 || status == 202)
        return FL_EXIT_TEMPORARY;
    return FL_EXIT_FAILED;
}

/* RFC 9457: title and detail are for people. The messages are ours, but may quote what somebody
 * typed. */
static void print_problem(long status, const json_t *problem)
{
    const char *title = json_string_value(json_object_get(problem, "title"));
    const char *message = json_string_value(json_object_get(problem, "message"));
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *text = message != NULL ? message : detail != NULL ? detail : title;
    fputs("fleetlog: ", stderr);
    if (status == 503 && detail != NULL && text == detail &&
        title != NULL) { /* the detail says what helps */
        fl_print_safe(title, strlen(title), stderr);
        fputs("; ", stderr);
    }
    if (text == NULL)
        fprintf(stderr, "the gateway answered %ld", status);
    else
        fl_print_safe(text, strlen(text), stderr);
    fputc('\n', stderr);
    const json_t *items = json_object_get(problem, "items");
    for (size_t i = 0; i < json_array_size(items); i++) {
        const char *id = json_string_value(json_object_get(json_array_get(items, i), "id"));
        const char *why = json_string_value(json_object_get(json_array_get(items, i), "sentence"));
        fprintf(stderr, "  %s: ", id != NULL ? id : "?");
        fl_print_safe(why != NULL ? why : "", why != NULL ? strlen(why) : 0, stderr);
        fputc('\n', stderr);
    }
}

/* A body of two-hundred goes into the file, any other is collected: it says what is wrong. */
struct download {
    CURL *curl;
    FILE *out;
    struct answer problem;
    bool shows; /* how much has come */
};

static size_t take_file(char *data, size_t size, size_t count, void *context)
{
    struct download *download = context;
    long status = 0;
    curl_easy_getinfo(download->curl, CURLINFO_RESPONSE_CODE, &status);
    return status == 200 ? size * fwrite(data, size, count, download->out)
                         : collect(data, size, count, &download->problem);
}

static int show_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total,
                         curl_off_t up_now)
{
    const struct download *download = context;
    (void)up_total;
    (void)up_now;
    if (download->shows)
        fprintf(stderr, now == 0 ? "\rthe report is being made \033[K" : "\r%lld of %lld KiB\033[K",
                (long long)now / 1024, (long long)total / 1024);
    return 0;
}

/* download may be NULL: then the whole body goes into `answer`. */
static CURLcode perform(struct fl_cli *cli, const char *socket_path, const char *method,
                        const char *path, const char *body, struct answer *answer,
                        struct download *download, long *status)
{
    char url[4096];
    char as[512];
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    CURL *curl = curl_easy_init();
    fl_assert(curl != NULL && headers != NULL);
    snprintf(url, sizeof(url), "http://localhost%s", path);
    snprintf(as, sizeof(as), "Fleetlog-As: %.400s", cli->as != NULL ? cli->as : "");
    if (cli->as != NULL)
        headers = curl_slist_append(headers, as);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)FL_CLIENT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (download != NULL) {
        download->curl = curl;
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)FL_CLIENT_DOWNLOAD_TIMEOUT_S);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_file);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, download);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, show_progress);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, download);
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, download->shows ? 0L : 1L);
    }
    if (body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return code;
}

/* --as becomes a header: no control characters. */
static bool is_clean(const char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        if (iscntrl((unsigned char)*text))
            return false;
    return true;
}

/* Path of the gateway's socket; an exit code. */
static int find_socket(struct fl_cli *cli, char socket_path[PATH_MAX])
{
    if (!is_clean(cli->as))
        return fl_cli_usage("--as holds a control character");
    int code = cli->datadir.path[0] == '\0' ? fl_cli_open_datadir(cli, false) : FL_EXIT_DONE;
    if (code != FL_EXIT_DONE)
        return code;
    enum fl_error error = fl_datadir_socket(&cli->datadir, "operator.sock", socket_path);
    if (error == FL_OK)
        return FL_EXIT_DONE;
    fl_cli_error("the operator socket: %s", fl_error_text(error));
    return fl_error_exit_code(error);
}

static int no_answer(const struct fl_cli *cli, CURLcode failed)
{
    fl_cli_error("the gateway does not answer (%s): is `fleetlog up` running on %s?",
                 curl_easy_strerror(failed), cli->datadir.path);
    return FL_EXIT_TEMPORARY;
}

int fl_client_call(struct fl_cli *cli, const char *method, const char *path, json_t *body,
                   json_t **answer)
{
    char socket_path[PATH_MAX];
    struct answer received = {NULL, 0};
    long status = 0;
    *answer = NULL;
    int code = find_socket(cli, socket_path);
    if (code != FL_EXIT_DONE)
        return code;
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    CURLcode failed = perform(cli, socket_path, method, path, text, &received, NULL, &status);
    free(text);
    if (failed != CURLE_OK) {
        free(received.data);
        return no_answer(cli, failed);
    }
    json_t *parsed =
        received.size == 0 ? json_object() : json_loadb(received.data, received.size, 0, NULL);
    free(received.data);
    if (status >= 200 && status < 300 && status != 202 && parsed != NULL) {
        *answer = parsed;
        return FL_EXIT_DONE;
    }
    print_problem(status, parsed);
    json_decref(parsed);
    return exit_code_of(status);
}

int fl_client_download(struct fl_cli *cli, const char *path, FILE *out)
{
    char socket_path[PATH_MAX];
    long status = 0;
    struct download download = {.out = out, .shows = !cli->quiet && isatty(STDERR_FILENO) == 1};
    int code = find_socket(cli, socket_path);
    if (code != FL_EXIT_DONE)
        return code;
    CURLcode failed = perform(cli, socket_path, "GET", path, NULL, NULL, &download, &status);
    if (download.shows)
        fputs("\r\033[K", stderr);
    if (failed == CURLE_WRITE_ERROR) {
        fl_cli_error("the report cannot be written: %s", strerror(errno));
        code = FL_EXIT_FAILED;
    } else if (failed != CURLE_OK) {
        code = no_answer(cli, failed);
    } else if (status != 200) {
        json_t *problem = json_loadb(download.problem.data == NULL ? "" : download.problem.data,
                                     download.problem.size, 0, NULL);
        print_problem(status, problem);
        json_decref(problem);
        code = exit_code_of(status);
    }
    free(download.problem.data);
    return code;
}

int fl_client_list(struct fl_cli *cli, const char *path, void (*each)(void *, const json_t *),
                   void *context)
{
    char url[LIST_URL_SIZE];
    char next[512] = "";
    do {
        json_t *answer = NULL;
        const char *arguments[] = {next};
        const char *separator = strchr(path, '?') != NULL ? "&" : "?";
        int size = snprintf(url, sizeof(url), "%s%slimit=1000", path, separator);
        if (size < 0 || (size_t)size >= sizeof(url) ||
            (next[0] != '\0' &&
             !fl_client_path(url + size, sizeof(url) - (size_t)size, "&cursor=%s", arguments, 1)))
            return fl_cli_usage("an argument is too long");
        int code = fl_client_call(cli, "GET", url, NULL, &answer);
        if (code != FL_EXIT_DONE)
            return code;
        const json_t *items = json_object_get(answer, "items");
        for (size_t i = 0; i < json_array_size(items); i++)
            each(context, json_array_get(items, i));
        const char *more = json_string_value(json_object_get(answer, "next"));
        snprintf(next, sizeof(next), "%s", more != NULL ? more : "");
        json_decref(answer);
    } while (next[0] != '\0');
    return FL_EXIT_DONE;
}

const char *fl_json_cell(const json_t *object, const char *name, char *scratch, size_t scratch_size)
{
    const json_t *value = json_object_get(object, name);
    if (json_is_string(value))
        return json_string_length(value) > 0 ? json_string_value(value) : NULL;
    if (json_is_integer(value))
        snprintf(scratch, scratch_size, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(scratch, scratch_size, "%.1f", json_real_value(value));
    else if (json_is_boolean(value))
        snprintf(scratch, scratch_size, "%s", json_is_true(value) ? "yes" : "no");
    else
        return NULL;
    return scratch;
}

const char *fl_json_member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

const char *fl_json_person(const json_t *item, const char *id)
{
    const char *person = fl_json_cell(item, "person", NULL, 0);
    return person != NULL ? person : fl_json_cell(item, id, NULL, 0);
}

void fl_json_time_cell(const json_t *object, const char *name, char text[FL_TIMESTAMP_TEXT_SIZE])
{
    const json_t *value = json_object_get(object, name);
    uint64_t time_ms = (uint64_t)json_integer_value(value);
    text[0] = '\0';
    if (json_is_string(value) &&
        !fl_slice_to_u64(fl_slice_text(json_string_value(value)), &time_ms))
        return;
    if (time_ms > 0 && time_ms <= FL_TIMESTAMP_MS_MAX)
        fl_timestamp_format((int64_t)time_ms, text);
}

int fl_client_change(struct fl_cli *cli, const char *method, const char *pattern,
                     const char *argument, json_t *take_body, void (*print)(const json_t *answer))
{
    char path[PATH_SIZE];
    json_t *answer = NULL;
    if (take_body == NULL)
        return fl_cli_usage("an argument is no valid UTF-8");
    if (!fl_client_path(path, sizeof(path), pattern, &argument, argument == NULL ? 0 : 1)) {
        json_decref(take_body);
        return fl_cli_usage("the argument is too long");
    }
    json_t *body = json_is_null(take_body) ? NULL : take_body;
    int code = fl_client_call(cli, method, path, body, &answer);
    json_decref(take_body);
    if (code == FL_EXIT_DONE && cli->json)
        fl_print_json(answer);
    else if (code == FL_EXIT_DONE)
        print(answer);
    json_decref(answer);
    return code;
}

void fl_print_json(const json_t *value)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_is_array(value) ? json_array_get(value, i) : value;
        json_dumpf(one, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
        fputc('\n', stdout);
    }
}

static void print_each(void *context, const json_t *item)
{
    (void)context;
    fl_print_json(item);
}

int fl_client_table(struct fl_cli *cli, const char *path, const char *const *headings,
                    size_t heading_count, void (*add)(void *table, const json_t *item))
{
    if (cli->json)
        return fl_client_list(cli, path, print_each, NULL);
    struct fl_table *table = fl_table_open(headings, heading_count);
    int code = fl_client_list(cli, path, add, table);
    if (code == FL_EXIT_DONE)
        fl_table_print(table, cli->color, stdout);
    fl_table_close(&table);
    return code;
}
