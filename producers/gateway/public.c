/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/public.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/assert.h"
#include "core/diag.h"
#include "producers/gateway/account.h"
#include "producers/gateway/rate.h"
#include "producers/gateway/session.h"

enum { ORIGIN_SIZE = 300, COOKIE_SIZE = 300, ADDRESS_LIST_SIZE = 1024 };

struct fl_public {
    struct fl_rate *addresses;
    struct fl_rate *accounts;
    char origin[ORIGIN_SIZE]; /* scheme, host and port of public_url */
    bool is_https;
    char proxies[FL_TRUSTED_PROXY_COUNT_MAX][FL_HTTP_ADDRESS_SIZE];
    size_t proxy_count;
};

/* The API serves data, never a page: nothing of an answer may run or be framed. */
const struct fl_http_field fl_public_fields[] = {
    {"Strict-Transport-Security", "max-age=63072000; includeSubDomains"},
    {"Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; "
                                "frame-ancestors 'none'; sandbox"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"X-Frame-Options", "DENY"},
    {NULL, NULL},
};

/* An address in the one form that inet_ntop writes; an IPv4 one inside IPv6 as itself. */
static bool normalise(const char *text, char out[FL_HTTP_ADDRESS_SIZE])
{
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, text, &four) == 1)
        return inet_ntop(AF_INET, &four, out, FL_HTTP_ADDRESS_SIZE) != NULL;
    if (inet_pton(AF_INET6, text, &six) != 1)
        return false;
    if (IN6_IS_ADDR_V4MAPPED(&six))
        return inet_ntop(AF_INET, &six.s6_addr[12], out, FL_HTTP_ADDRESS_SIZE) != NULL;
    return inet_ntop(AF_INET6, &six, out, FL_HTTP_ADDRESS_SIZE) != NULL;
}

static bool is_trusted(const struct fl_public *door, const char *address)
{
    for (size_t i = 0; i < door->proxy_count; i++)
        if (strcmp(door->proxies[i], address) == 0)
            return true;
    return false;
}

/* Takes the next word of a list separated by commas; NULL behind the last. */
static char *next_word(char **rest)
{
    char *word = strsep(rest, ",");
    if (word == NULL)
        return NULL;
    word += strspn(word, " \t");
    size_t size = strlen(word);
    while (size > 0 && (word[size - 1] == ' ' || word[size - 1] == '\t'))
        word[--size] = '\0';
    return word;
}

static enum fl_error read_proxies(struct fl_public *door, const char *list, char detail[256])
{
    char copy[ADDRESS_LIST_SIZE];
    if (list[0] == '\0')
        return FL_OK;
    if (strlen(list) >= sizeof(copy)) {
        snprintf(detail, 256, "[gateway] trusted_proxy is longer than %d bytes",
                 ADDRESS_LIST_SIZE - 1);
        return FL_USAGE;
    }
    snprintf(copy, sizeof(copy), "%s", list);
    char *rest = copy;
    for (char *word = next_word(&rest); word != NULL; word = next_word(&rest)) {
        if (door->proxy_count == FL_TRUSTED_PROXY_COUNT_MAX ||
            !normalise(word, door->proxies[door->proxy_count])) {
            snprintf(detail, 256,
                     "[gateway] trusted_proxy: \"%.60s\" is no address, or above %d of them", word,
                     FL_TRUSTED_PROXY_COUNT_MAX);
            return FL_USAGE;
        }
        door->proxy_count++;
    }
    return FL_OK;
}

static enum fl_error read_origin(struct fl_public *door, const char *url, char detail[256])
{
    const char *authority = strstr(url, "://");
    door->is_https = strncmp(url, "https://", 8) == 0;
    size_t size =
        authority == NULL ? 0 : (size_t)(authority - url) + 3 + strcspn(authority + 3, "/");
    if (size == 0 || size >= sizeof(door->origin) ||
        (!door->is_https && strncmp(url, "http://", 7) != 0)) {
        snprintf(detail, 256, "[gateway] public_url: \"%.100s\" is no http or https URL", url);
        return FL_USAGE;
    }
    snprintf(door->origin, sizeof(door->origin), "%.*s", (int)size, url);
    return FL_OK;
}

enum fl_error fl_public_open(struct gateway *gateway, struct fl_public **public_door,
                             char detail[256])
{
    const struct fl_config *config = gateway->duty->config;
    const struct fl_port *port = gateway->duty->port;
    const char *listen = fl_config_text(config, FL_SETTING_API_LISTEN);
    struct fl_public *door = calloc(1, sizeof(*door));
    if (door == NULL)
        return FL_NO_MEMORY;
    *public_door = door;
    door->addresses = fl_rate_open(port, fl_config_number(config, FL_SETTING_ADDRESS_RATE));
    door->accounts = fl_rate_open(port, fl_config_number(config, FL_SETTING_REQUEST_RATE));
    enum fl_error error =
        read_proxies(door, fl_config_text(config, FL_SETTING_TRUSTED_PROXY), detail);
    if (error == FL_OK)
        error = read_origin(door, fl_config_text(config, FL_SETTING_PUBLIC_URL), detail);
    if (error == FL_OK && !door->is_https && listen[0] != '\0' && strncmp(listen, "127.", 4) != 0 &&
        strncmp(listen, "[::1]", 5) != 0)
        fl_diag(CONFIG_WARNING, FL_TEXT("setting", "gateway.public_url"),
                FL_TEXT("detail", "plain http beyond this machine: nobody can sign in with a "
                                  "browser, and API tokens can be read on the way"));
    return error;
}

void fl_public_close(struct fl_public **public_door)
{
    if (*public_door == NULL)
        return;
    fl_rate_close(&(*public_door)->addresses);
    fl_rate_close(&(*public_door)->accounts);
    free(*public_door);
    *public_door = NULL;
}

const char *fl_call_client_address(struct call *call)
{
    const struct fl_public *door = call->gateway->public;
    char peer[FL_HTTP_ADDRESS_SIZE];
    char address[FL_HTTP_ADDRESS_SIZE] = "";
    fl_http_peer_address(call->request, peer);
    if (!normalise(peer, address))
        return "";
    const char *forwarded = fl_http_header(call->request, "X-Forwarded-For");
    char *list = forwarded == NULL || !is_trusted(door, address)
                     ? NULL
                     : fl_arena_text(&call->arena, fl_slice_text(forwarded));
    /* The last that is no proxy of ours; what stands before it anybody may have written. */
    while (list != NULL && is_trusted(door, address)) {
        char *comma = strrchr(list, ',');
        char *word = comma == NULL ? list : comma + 1;
        if (!normalise(next_word(&word), address))
            break;
        if (comma == NULL)
            break;
        *comma = '\0';
    }
    return fl_arena_text(&call->arena, fl_slice_text(address));
}

struct fl_slice fl_call_client_network(struct call *call)
{
    struct in6_addr six;
    const char *address = fl_call_client_address(call);
    if (inet_pton(AF_INET6, address, &six) != 1)
        return fl_slice_text(address);
    uint8_t *network = fl_arena_alloc(&call->arena, 8);
    fl_assert(network != NULL); /* the arena holds several requests */
    memcpy(network, six.s6_addr, 8);
    return fl_slice_of(network, 8);
}

static bool is_within(struct call *call, struct fl_rate *rate, struct fl_slice key)
{
    unsigned wait_s = fl_rate_take(rate, key, 1);
    if (wait_s == 0)
        return true;
    fl_call_problem(call, 429, "Too many requests", "wait as long as Retry-After says", NULL);
    call->answer->retry_after_s = wait_s;
    return false;
}

bool fl_public_admit(struct call *call)
{
    return is_within(call, call->gateway->public->addresses, fl_call_client_network(call));
}

void fl_call_charge_secret(struct call *call)
{
    struct fl_public *door = call->gateway->public;
    if (call->door != FL_DOOR_PUBLIC)
        return;
    fl_rate_charge(door->addresses, fl_call_client_network(call), FL_WRONG_SECRET_COST);
    if (call->identity.on_behalf_of.data != NULL)
        fl_rate_charge(door->accounts, call->identity.on_behalf_of, FL_WRONG_SECRET_COST);
}

static bool is_safe(const struct call *call)
{
    const char *method = fl_http_method(call->request);
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

/* Nothing is answered to another origin's page, and nothing is changed by one. */
static bool is_own_page(struct call *call, bool is_token)
{
    const char *site = fl_http_header(call->request, "Sec-Fetch-Site");
    const char *origin = fl_http_header(call->request, "Origin");
    const char *csrf = fl_http_header(call->request, "Fleetlog-Csrf");
    const char *field = NULL;
    if (site != NULL && strcmp(site, "same-origin") != 0 &&
        (strcmp(site, "none") != 0 || !is_safe(call)))
        field = "Sec-Fetch-Site";
    else if (origin != NULL && strcmp(origin, call->gateway->public->origin) != 0)
        field = "Origin";
    else if (!is_token && !is_safe(call) && (csrf == NULL || csrf[0] == '\0'))
        field = "Fleetlog-Csrf";
    if (field == NULL)
        return true;
    fl_call_problem(call, 403, "Only pages of this installation may ask this",
                    "Sec-Fetch-Site and Origin must be this origin's; a change without an API "
                    "token needs the header Fleetlog-Csrf, with any value",
                    field);
    return false;
}

static const char *cookie_name(const struct call *call)
{
    return call->gateway->public->is_https ? "__Host-fleetlog" : "fleetlog-development";
}

/* Over plain http a cookie is for this machine alone. */
static bool may_have_cookie(const struct call *call)
{
    return call->gateway->public->is_https || fl_http_is_local(call->request);
}

/* The secret of the session's cookie; NULL: none. `is_twice`: which of them is meant? */
static const char *cookie_secret(struct call *call, bool *is_twice)
{
    const char *header = fl_http_header(call->request, "Cookie");
    const char *name = cookie_name(call);
    const char *found = NULL;
    size_t size = strlen(name);
    char *rest = header == NULL || !may_have_cookie(call)
                     ? NULL
                     : fl_arena_text(&call->arena, fl_slice_text(header));
    *is_twice = false;
    for (char *pair = strsep(&rest, ";"); pair != NULL; pair = strsep(&rest, ";")) {
        pair += strspn(pair, " \t");
        if (strncmp(pair, name, size) != 0 || pair[size] != '=')
            continue;
        *is_twice |= found != NULL;
        found = pair + size + 1;
    }
    return found;
}

/* The token of "Authorization: Bearer"; NULL after answering. */
static const char *bearer_secret(struct call *call, const char *header)
{
    static const char scheme[] = "Bearer ";
    if (strncasecmp(header, scheme, strlen(scheme)) == 0)
        return header + strlen(scheme) + strspn(header + strlen(scheme), " ");
    fl_http_add_field(call->answer, "WWW-Authenticate", "Bearer realm=\"fleetlog\"");
    fl_call_problem(call, 401, "Authorization must be Bearer and an API token", NULL,
                    "Authorization");
    return NULL;
}

static void answer_unknown_token(struct call *call)
{
    fl_rate_charge(call->gateway->public->addresses, fl_call_client_network(call),
                   FL_WRONG_SECRET_COST);
    fl_http_add_field(call->answer, "WWW-Authenticate",
                      "Bearer realm=\"fleetlog\", error=\"invalid_token\"");
    fl_call_problem(call, 401, "This API token is not valid (any more)", NULL, "Authorization");
}

static void take_session(struct call *call, const struct fl_session *session)
{
    struct identity *identity = &call->identity;
    identity->actor =
        fl_slice_text(fl_arena_printf(&call->arena, "account:%s", session->account_id));
    identity->on_behalf_of = fl_slice_text(session->account_id);
    identity->company_id = fl_slice_text(session->company_id);
    identity->is_account = true;
    identity->is_administrator = session->is_administrator;
    identity->is_token = session->is_token;
    identity->scopes = session->scopes;
    identity->session_id = fl_slice_text(session->session_id);
    identity->expires_at_ms = session->expires_at_ms;
}

/* False after answering: a token that is none. A cookie that is none (any more) is nobody. */
static bool look_up(struct call *call, const char *secret, bool is_token)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_session session;
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return false;
    bool found = fl_session_find(read.kv, &call->arena, fl_slice_text(secret), is_token,
                                 fl_port_wall_ms(call->gateway->duty->port), &session);
    if (!fl_call_read_end(call, &read))
        return false;
    if (found) {
        take_session(call, &session);
        if (session.is_use_due)
            fl_call_record_use(call, session.session_id);
    } else if (is_token)
        answer_unknown_token(call);
    else
        fl_rate_charge(call->gateway->public->addresses, fl_call_client_network(call),
                       FL_WRONG_SECRET_COST);
    return found || !is_token;
}

bool fl_public_identify(struct call *call)
{
    bool is_twice = false;
    const char *header = fl_http_header(call->request, "Authorization");
    const char *cookie = cookie_secret(call, &is_twice);
    if (!is_own_page(call, header != NULL))
        return false;
    if (is_twice || (header != NULL && cookie != NULL)) {
        fl_call_problem(call, 400, "Either an API token or one session's cookie", NULL,
                        header != NULL ? "Authorization" : "Cookie");
        return false;
    }
    const char *token = header == NULL ? NULL : bearer_secret(call, header);
    if (header != NULL && token == NULL)
        return false;
    call->identity.actor = FL_SLICE_LITERAL("visitor");
    if ((token != NULL || cookie != NULL) &&
        !look_up(call, token != NULL ? token : cookie, token != NULL))
        return false;
    return !call->identity.is_account ||
           is_within(call, call->gateway->public->accounts, call->identity.on_behalf_of);
}

bool fl_call_set_cookie(struct call *call, const char *secret, int64_t seconds)
{
    char text[COOKIE_SIZE];
    if (!may_have_cookie(call)) {
        fl_call_problem(call, 403, "Over plain http nobody signs in from another machine",
                        "[gateway] public_url must be https", NULL);
        return false;
    }
    snprintf(text, sizeof(text), "%s=%.100s; Path=/; %sHttpOnly; SameSite=Strict; Max-Age=%lld",
             cookie_name(call), secret == NULL ? "" : secret,
             call->gateway->public->is_https ? "Secure; " : "",
             secret == NULL ? 0LL : (long long)seconds);
    fl_http_add_field(call->answer, "Set-Cookie", text);
    return true;
}
