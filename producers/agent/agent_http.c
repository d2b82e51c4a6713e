/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/agent/agent_http.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/assert.h"
#include "core/hash.h"
#include "producers/agent_protocol.h"

enum { URL_SIZE = 1024, HEADER_SIZE = 256, CONNECT_MS = 5000, WAIT_COUNT_MAX = 512 };

struct lane {
    struct fl_agent_http *client;
    CURL *easy;
    struct curl_slist *headers;
    uint8_t *body;
    char *answer;
    size_t answer_size;
    bool busy;
    bool overflow;
    fl_agent_on_answer *on_answer;
    void *context;
    char error[CURL_ERROR_SIZE];
};

struct fl_agent_http {
    CURLM *multi;
    struct lane lanes[FL_AGENT_LANE_COUNT];
    struct fl_agent_state *state;
    const struct fl_port *port;
    const char *ca_path;
    uint32_t request_count; /* of this start: low half of the nonce */
    int64_t gateway_ms;     /* its clock … */
    int64_t gateway_at_ms;  /* … at this monotonic time; 0: unknown */
    char url[URL_SIZE];
};

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct lane *lane = context;
    size_t added = size * count;
    if (added > FL_AGENT_ANSWER_SIZE_MAX - lane->answer_size) {
        lane->overflow = true;
        return 0;
    }
    char *answer = realloc(lane->answer, lane->answer_size + added + 1);
    if (answer == NULL)
        return 0;
    memcpy(answer + lane->answer_size, data, added);
    lane->answer = answer;
    lane->answer_size += added;
    answer[lane->answer_size] = '\0';
    return added;
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    static const char name[] = "Date:";
    struct lane *lane = context;
    struct fl_agent_http *client = lane->client;
    char text[64];
    size_t used = size * count;
    if (used > sizeof(name) && used < sizeof(text) && strncasecmp(data, name, strlen(name)) == 0) {
        memcpy(text, data + strlen(name), used - strlen(name));
        text[used - strlen(name)] = '\0';
        time_t seconds = curl_getdate(text, NULL);
        if (seconds > 0) {
            client->gateway_ms = (int64_t)seconds * 1000 + 500; /* the header has whole seconds */
            client->gateway_at_ms = fl_port_monotonic_ms(client->port);
        }
    }
    return used;
}

int64_t fl_agent_http_gateway_ms(const struct fl_agent_http *client)
{
    if (client->gateway_at_ms == 0)
        return fl_port_wall_ms(client->port);
    return client->gateway_ms + fl_port_monotonic_ms(client->port) - client->gateway_at_ms;
}

enum fl_error fl_agent_http_open(const char *url, const char *ca_path, struct fl_agent_state *state,
                                 const struct fl_port *port, struct fl_agent_http **client)
{
    size_t size = strlen(url);
    if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) || size >= URL_SIZE)
        return FL_USAGE;
    while (size > 0 && url[size - 1] == '/')
        size--;
    struct fl_agent_http *made = calloc(1, sizeof(*made));
    if (made == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(made);
        return FL_NO_MEMORY;
    }
    snprintf(made->url, sizeof(made->url), "%.*s", (int)size, url);
    made->state = state;
    made->port = port;
    made->ca_path = ca_path;
    made->multi = curl_multi_init();
    bool good = made->multi != NULL;
    for (unsigned i = 0; i < FL_AGENT_LANE_COUNT; i++) {
        made->lanes[i].client = made;
        made->lanes[i].easy = curl_easy_init();
        good = good && made->lanes[i].easy != NULL;
    }
    *client = made;
    if (!good)
        fl_agent_http_close(client);
    return good ? FL_OK : FL_NO_MEMORY;
}

static void clear_lane(struct lane *lane)
{
    curl_slist_free_all(lane->headers);
    free(lane->body);
    free(lane->answer);
    lane->headers = NULL;
    lane->body = NULL;
    lane->answer = NULL;
    lane->answer_size = 0;
    lane->busy = lane->overflow = false;
}

void fl_agent_http_close(struct fl_agent_http **client)
{
    struct fl_agent_http *closing = *client;
    if (closing == NULL)
        return;
    for (unsigned i = 0; i < FL_AGENT_LANE_COUNT; i++) {
        struct lane *lane = &closing->lanes[i];
        if (lane->busy)
            curl_multi_remove_handle(closing->multi, lane->easy);
        clear_lane(lane);
        curl_easy_cleanup(lane->easy);
    }
    curl_multi_cleanup(closing->multi);
    curl_global_cleanup();
    free(closing);
    *client = NULL;
}

bool fl_agent_http_busy(const struct fl_agent_http *client, enum fl_agent_lane lane)
{
    return client->lanes[lane].busy;
}

static bool add_header(struct lane *lane, const char *name, const char *value)
{
    char header[HEADER_SIZE];
    int size =
        snprintf(header, sizeof(header), "%s:%s%s", name, value[0] != '\0' ? " " : "", value);
    fl_assert(size > 0 && (size_t)size < sizeof(header));
    struct curl_slist *headers = curl_slist_append(lane->headers, header);
    if (headers == NULL)
        return false;
    lane->headers = headers;
    return true;
}

static bool add_signature(struct lane *lane, const struct fl_agent_request *request)
{
    struct fl_agent_http *client = lane->client;
    const struct fl_agent_state *state = client->state;
    uint8_t hash[FL_HASH_SIZE];
    uint8_t signature[crypto_sign_BYTES];
    char hash_text[FL_HASH_TEXT_SIZE];
    char time_text[24];
    char nonce_text[24];
    char signature_text[sodium_base64_ENCODED_LEN(crypto_sign_BYTES,
                                                  sodium_base64_VARIANT_ORIGINAL)];
    char message[FL_AGENT_PATH_SIZE + 256];
    /* The boot count is durable, so the nonce grows over restarts without the clock's help. */
    uint64_t nonce = state->boot << 32 | ++client->request_count;
    /* In the gateway's time: a site without a clock is not locked out by its own. */
    snprintf(time_text, sizeof(time_text), "%" PRId64, fl_agent_http_gateway_ms(client));
    snprintf(nonce_text, sizeof(nonce_text), "%" PRIu64, nonce);
    fl_sha256(request->body.data != NULL ? request->body : FL_SLICE_LITERAL(""), hash);
    fl_hex_encode(hash, sizeof(hash), hash_text);
    int size = snprintf(message, sizeof(message), FL_AGENT_REQUEST_LABEL "%s\n%s\n%s\n%s\n%s",
                        request->method, request->path, time_text, nonce_text, hash_text);
    fl_assert(size > 0 && (size_t)size < sizeof(message));
    crypto_sign_detached(signature, NULL, (const uint8_t *)message, (size_t)size,
                         state->secret_key);
    sodium_bin2base64(signature_text, sizeof(signature_text), signature, sizeof(signature),
                      sodium_base64_VARIANT_ORIGINAL);
    return add_header(lane, FL_AGENT_HEADER_AGENT, state->agent_id) &&
           add_header(lane, FL_AGENT_HEADER_TIME, time_text) &&
           add_header(lane, FL_AGENT_HEADER_NONCE, nonce_text) &&
           add_header(lane, FL_AGENT_HEADER_SIGNATURE, signature_text);
}

static bool set_options(struct lane *lane, const struct fl_agent_request *request)
{
    CURL *easy = lane->easy;
    char url[URL_SIZE + FL_AGENT_PATH_SIZE];
    snprintf(url, sizeof(url), "%s%s", lane->client->url, request->path);
    curl_easy_reset(easy); /* keeps the connection */
    bool good = curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_HTTPHEADER, lane->headers) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_WRITEDATA, lane) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_HEADERDATA, lane) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, lane->error) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_PRIVATE, lane) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, request->timeout_ms) == CURLE_OK;
    if (good && lane->client->ca_path != NULL)
        good = curl_easy_setopt(easy, CURLOPT_CAINFO, lane->client->ca_path) == CURLE_OK;
    if (good && request->body.data != NULL)
        good = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, lane->body) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                (curl_off_t)request->body.size) == CURLE_OK;
    return good;
}

enum fl_error fl_agent_http_start(struct fl_agent_http *client, enum fl_agent_lane lane_number,
                                  const struct fl_agent_request *request)
{
    struct lane *lane = &client->lanes[lane_number];
    fl_assert(!lane->busy && strlen(request->path) < FL_AGENT_PATH_SIZE);
    clear_lane(lane);
    lane->error[0] = '\0';
    lane->on_answer = request->on_answer;
    lane->context = request->context;
    bool good = add_header(lane, "Expect", "");
    if (request->body.data != NULL) {
        lane->body = malloc(request->body.size + 1);
        good =
            good && lane->body != NULL && add_header(lane, "Content-Type", request->content_type);
        if (lane->body != NULL)
            memcpy(lane->body, request->body.data, request->body.size);
    }
    if (good && request->idempotency_key != NULL)
        good = add_header(lane, "Idempotency-Key", request->idempotency_key);
    if (good && request->is_signed)
        good = add_signature(lane, request);
    if (!good || !set_options(lane, request) ||
        curl_multi_add_handle(client->multi, lane->easy) != CURLM_OK)
        return FL_NO_MEMORY;
    lane->busy = true;
    return FL_OK;
}

static void finish(struct fl_agent_http *client, struct lane *lane, CURLcode result)
{
    long status = 0;
    struct fl_slice body = FL_SLICE_LITERAL("");
    char why[CURL_ERROR_SIZE];
    curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(client->multi, lane->easy);
    if (result != CURLE_OK)
        status = 0;
    snprintf(why, sizeof(why), "%s",
             lane->overflow           ? "the answer is over the limit"
             : lane->error[0] != '\0' ? lane->error
                                      : curl_easy_strerror(result));
    /* The lane is free before the answer is told: the next request may start from there. */
    char *answer = lane->answer;
    if (status != 0 && answer != NULL)
        body = fl_slice_of(answer, lane->answer_size);
    lane->answer = NULL;
    clear_lane(lane);
    lane->on_answer(lane->context, status, body, why);
    free(answer);
}

enum fl_error fl_agent_http_step(struct fl_agent_http *client, const struct fl_agent_wait *waits,
                                 unsigned wait_count, int timeout_ms)
{
    struct curl_waitfd extra[WAIT_COUNT_MAX];
    int running;
    int left;
    fl_assert(wait_count <= WAIT_COUNT_MAX);
    for (unsigned i = 0; i < wait_count; i++)
        extra[i] = (struct curl_waitfd){
            .fd = waits[i].fd,
            .events = (short)((waits[i].events & POLLIN ? CURL_WAIT_POLLIN : 0) |
                              (waits[i].events & POLLOUT ? CURL_WAIT_POLLOUT : 0))};
    if (curl_multi_perform(client->multi, &running) != CURLM_OK ||
        curl_multi_poll(client->multi, extra, wait_count, timeout_ms, NULL) != CURLM_OK ||
        curl_multi_perform(client->multi, &running) != CURLM_OK)
        return FL_NO_MEMORY;
    CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        char *private = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        finish(client, (struct lane *)(void *)private, result);
    }
    return FL_OK;
}
