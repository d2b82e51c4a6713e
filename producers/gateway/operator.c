/* SPDX-License-Identifier: Apache-2.0 */
/* The operator API: companies, accounts, claims, invitations, nodes, the log itself. */
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "fleetlog/v1/actions.pb-c.h"
#include "fleetlog/v1/events.pb-c.h"
#include "producers/gateway/account.h"
#include "producers/gateway/health.h"
#include "producers/gateway/live.h"
#include "producers/gateway/metrics.h"
#include "producers/gateway/operator.h"
#include "producers/gateway/operator_names.h"

enum {
    CLAIM_MS = 10 * 60 * 1000,
    CLAIM_CODE_GROUPS = 5,
    CLAIM_GROUP_SIZE = 5,
    CLAIM_CODE_SIZE = CLAIM_CODE_GROUPS * (CLAIM_GROUP_SIZE + 1)
};

/* Who is at the other end of the socket, and on whose behalf: "operator:<unix user>", Fleetlog-As.
 */
bool fl_call_identify_operator(struct call *call)
{
    uid_t user = 0;
    char buffer[4096];
    struct passwd entry;
    struct passwd *found = NULL;
    struct fl_store_read read = {.kv = NULL};
    if (!fl_http_peer(call->request, &user)) {
        fl_call_problem(call, 403, "Operators come over the socket", NULL, NULL);
        return false;
    }
    bool is_named = getpwuid_r(user, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL;
    call->identity.actor =
        fl_slice_text(is_named ? fl_arena_printf(&call->arena, "operator:%s", entry.pw_name)
                               : fl_arena_printf(&call->arena, "operator:%u", (unsigned)user));
    const char *as = fl_http_header(call->request, "Fleetlog-As");
    if (as == NULL || as[0] == '\0')
        return true;
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return false;
    const fl_account_row *account = fl_call_find_account(call, read.kv, as);
    if (!fl_call_read_end(call, &read))
        return false;
    if (account == NULL) {
        fl_call_problem(call, 404, "There is no such account", NULL, "Fleetlog-As");
        return false;
    }
    call->identity.on_behalf_of = fl_slice_text(account->account_id);
    call->identity.company_id = fl_slice_text(account->company_id);
    call->identity.is_administrator = account->role == FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR;
    return true;
}

static void post_company(struct call *call)
{
    Fleetlog__V1__CreateCompany action = FLEETLOG__V1__CREATE_COMPANY__INIT;
    action.company_id = fl_call_mint(call);
    action.name = fl_body_text(call, "name");
    if (fl_call_body_is_good(call))
        fl_call_act_and_answer(call, &action.base, 201);
}

static json_t *company_json(const fl_company_row *row)
{
    return json_pack("{s:s, s:o, s:I}", "companyId", row->company_id, "name",
                     fl_text_json(row->name), "createdAtMs", (json_int_t)row->created_at_ms);
}

/* An account sees its own company, an operator all of them. */
static enum fl_error list_companies(struct call *call, struct fl_kv *kv, const struct fl_page *page,
                                    json_t *items, struct fl_rows *rows)
{
    if (fl_call_is_for_account(call)) {
        const fl_company_row *own =
            fl_registry_company(kv, &call->arena, call->identity.company_id);
        if (own != NULL)
            json_array_append_new(items, company_json(own));
        return FL_OK;
    }
    enum fl_error error =
        fl_registry_list(kv, &call->arena, FL_LIST_COMPANIES, FL_SLICE_NULL, page, rows);
    for (size_t i = 0; error == FL_OK && i < rows->count; i++)
        json_array_append_new(items, company_json(rows->rows[i]));
    return error;
}

static void get_companies(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_page page;
    struct fl_rows rows = {.count = 0};
    if (!fl_call_page(call, &page) || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    json_t *items = json_array();
    enum fl_error error = list_companies(call, read.kv, &page, items, &rows);
    fl_call_answer_list(call, &read, error, items, rows.next);
}

struct company_search {
    const char *name;
    const char *found; /* id, in the call's arena */
    bool is_twice;
};

/* Looks at every company, FL_NAME_LOOK_COUNT_MAX at most (FL_TOO_LARGE behind that). */
static enum fl_error search_companies(struct call *call, struct fl_kv *kv,
                                      struct company_search *search)
{
    struct fl_page page = {.limit = FL_PAGE_LIMIT_MAX};
    struct fl_rows rows = {.count = 0};
    char cursor[FL_CURSOR_SIZE];
    do {
        fl_arena_reset(&call->scratch);
        enum fl_error error =
            fl_registry_list(kv, &call->scratch, FL_LIST_COMPANIES, FL_SLICE_NULL, &page, &rows);
        if (error != FL_OK)
            return error;
        for (size_t i = 0; i < rows.count; i++) {
            const fl_company_row *row = rows.rows[i];
            if (strcmp(row->name, search->name) != 0)
                continue;
            search->is_twice = search->found != NULL;
            search->found = fl_arena_text(&call->arena, fl_slice_text(row->company_id));
        }
        call->name_look_count += rows.count;
        if (rows.next[0] != '\0' && call->name_look_count >= FL_NAME_LOOK_COUNT_MAX)
            return FL_TOO_LARGE;
        memcpy(cursor, rows.next, sizeof(cursor));
        page.after = fl_slice_text(cursor);
    } while (rows.next[0] != '\0' && !search->is_twice);
    return FL_OK;
}

const char *fl_call_find_company(struct call *call, const char *name)
{
    struct fl_store_read read = {.kv = NULL};
    struct company_search search = {.name = name};
    enum fl_error error = FL_OK;
    if (!fl_call_is_for_account(call) && fl_id_is_valid(fl_slice_text(name)))
        return name;
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return NULL;
    if (fl_call_is_for_account(call)) {
        const fl_company_row *own =
            fl_registry_company(read.kv, &call->arena, call->identity.company_id);
        if (own != NULL && (strcmp(own->company_id, name) == 0 || strcmp(own->name, name) == 0))
            search.found = own->company_id;
    } else {
        error = search_companies(call, read.kv, &search);
    }
    if (error != FL_OK && error != FL_TOO_LARGE && read.kv->error == FL_OK)
        fl_kv_fail(read.kv, error);
    if (!fl_call_read_end(call, &read))
        return NULL;
    if (error == FL_TOO_LARGE)
        fl_call_problem(call, 422,
                        "There are too many companies to find one by its name; give "
                        "its id",
                        NULL, "company");
    else if (search.found == NULL)
        fl_call_problem(call, 404, "There is no such company", NULL, "company");
    else if (search.is_twice)
        fl_call_problem(call, 409, "Several companies have this name; give its id", NULL,
                        "company");
    return error != FL_OK || search.is_twice ? NULL : search.found;
}

static void post_account(struct call *call)
{
    Fleetlog__V1__CreateAccount action = FLEETLOG__V1__CREATE_ACCOUNT__INIT;
    const char *role = fl_body_text_or(call, "role", "administrator");
    const char *address = fl_body_text_or(call, "address", "");
    const char *company = fl_body_text(call, "company");
    if (!fl_call_body_is_good(call))
        return;
    if (strcmp(role, "administrator") == 0) {
        action.role = FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR;
    } else if (strcmp(role, "member") == 0) {
        action.role = FLEETLOG__V1__ROLE__ROLE_MEMBER;
    } else {
        fl_call_problem(call, 422, "role must be administrator or member", NULL, "role");
        return;
    }
    action.company_id = fl_call_find_company(call, company);
    if (action.company_id != NULL && fl_call_person(call, address, &action.person))
        fl_call_act_and_answer(call, &action.base, 201);
}

static void get_accounts(struct call *call)
{
    static const char *const roles[] = {"unspecified", "administrator", "member"};
    struct fl_store_read read = {.kv = NULL};
    struct fl_page page;
    struct fl_rows rows = {.count = 0};
    const char *company = fl_http_query(call->request, "company");
    if (company == NULL && call->identity.company_id.data == NULL) {
        fl_call_problem(call, 400, "company is missing", NULL, "company");
        return;
    }
    company = company != NULL ? fl_call_find_company(call, company)
                              : fl_arena_text(&call->arena, call->identity.company_id);
    if (company == NULL || !fl_call_page(call, &page) ||
        !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    json_t *items = json_array();
    enum fl_error error = fl_registry_list(read.kv, &call->arena, FL_LIST_ACCOUNTS,
                                           fl_slice_text(company), &page, &rows);
    for (size_t i = 0; error == FL_OK && i < rows.count; i++) {
        const fl_account_row *row = rows.rows[i];
        json_array_append_new(items, json_pack("{s:s, s:s, s:s, s:I}", "accountId", row->account_id,
                                               "companyId", row->company_id, "role",
                                               row->role <= 2 ? roles[row->role] : "unknown",
                                               "createdAtMs", (json_int_t)row->created_at_ms));
    }
    if (error == FL_OK)
        error = fl_call_add_persons(call, read.kv, items, "accountId");
    fl_call_answer_list(call, &read, error, items, rows.next);
}

/* The exact answers of "Send Invite" (DESIGN.md section 6). */
static void post_invitation(struct call *call)
{
    struct outcome outcome;
    Fleetlog__V1__InviteCoworker action = FLEETLOG__V1__INVITE_COWORKER__INIT;
    const char *address = fl_body_text_or(call, "address", "");
    if (!fl_call_body_is_good(call) || !fl_call_person(call, address, &action.person))
        return;
    action.invitation_id = fl_call_mint(call);
    action.link_key_generation = fl_keyring_link_generation(call->gateway->keyring);
    if (!fl_call_act(call, &action.base, &outcome))
        return;
    const Fleetlog__V1__CoworkerInvited *event = (const void *)outcome.event;
    json_t *json = fl_outcome_json(call, &outcome);
    fl_call_add_link(call, json, FL_LINK_INVITATION, event->invitation_id,
                     event->link_key_generation);
    json_object_set_new(json, "title", json_string("Invitation Sent"));
    json_object_set_new(json, "message",
                        json_string("Your invitation was sent. Thanks for sharing Exchange with "
                                    "your co-worker."));
    fl_call_answer(call, 201, json);
}

/* 25 characters of 32 (no 0, 1, I, O), in groups: 125 bits, read out over the telephone. It comes
 * from the link key and the claim's id, so that a repeated request shows the same code. */
static enum fl_error make_code(struct call *call, const char *claim_id, char code[CLAIM_CODE_SIZE])
{
    static const char alphabet[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    char token[FL_LINK_TOKEN_TEXT_SIZE];
    uint8_t random[FL_HASH_SIZE];
    size_t at = 0;
    struct fl_keyring *keyring = call->gateway->keyring;
    enum fl_error error = fl_keyring_link_token(keyring, fl_keyring_link_generation(keyring),
                                                "claim", fl_slice_text(claim_id), token);
    fl_sha256(fl_slice_text(token), random);
    for (size_t i = 0; error == FL_OK && i < CLAIM_CODE_GROUPS * CLAIM_GROUP_SIZE; i++) {
        if (i > 0 && i % CLAIM_GROUP_SIZE == 0)
            code[at++] = '-';
        code[at++] = alphabet[random[i] & 31];
    }
    code[at] = '\0';
    return error;
}

static void post_claim(struct call *call)
{
    char code[CLAIM_CODE_SIZE];
    uint8_t hash[FL_HASH_SIZE];
    struct outcome outcome;
    Fleetlog__V1__IssueClaim action = FLEETLOG__V1__ISSUE_CLAIM__INIT;
    action.claim_id = fl_call_mint(call);
    enum fl_error error = make_code(call, action.claim_id, code);
    if (error != FL_OK) {
        fl_call_error(call, error);
        return;
    }
    fl_sha256(fl_slice_text(code), hash);
    action.code_hash = (ProtobufCBinaryData){sizeof(hash), hash};
    action.expires_at_ms = fl_port_wall_ms(call->gateway->duty->port) + CLAIM_MS;
    if (!fl_call_act(call, &action.base, &outcome))
        return;
    const Fleetlog__V1__ClaimIssued *event = (const void *)outcome.event;
    json_t *json = fl_outcome_json(call, &outcome);
    json_object_del(json, "codeHash");
    /* Not after a change of the link key: then nobody can show it again. */
    if (make_code(call, event->claim_id, code) == FL_OK) {
        fl_sha256(fl_slice_text(code), hash);
        if (event->code_hash.len == sizeof(hash) &&
            memcmp(event->code_hash.data, hash, sizeof(hash)) == 0)
            json_object_set_new(json, "code", json_string(code));
    }
    fl_call_answer(call, 201, json);
}

static void post_clock_accept(struct call *call)
{
    fl_gateway_accept_clock(call->gateway);
    fl_call_answer(call, 200,
                   json_pack("{s:s}", "intake", fl_intake_name(fl_gateway_intake(call->gateway))));
}

static void get_nodes(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_page page;
    struct fl_rows rows = {.count = 0};
    if (!fl_call_page(call, &page) || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    json_t *items = json_array();
    enum fl_error error =
        fl_registry_list(read.kv, &call->arena, FL_LIST_NODES, FL_SLICE_NULL, &page, &rows);
    for (size_t i = 0; error == FL_OK && i < rows.count; i++) {
        const fl_node_row *row = rows.rows[i];
        json_array_append_new(items, json_pack("{s:s, s:i, s:s, s:I}", "nodeId", row->node_id,
                                               "rulesVersionNewest", (int)row->rules_version_newest,
                                               "softwareVersion", row->software_version,
                                               "announcedAtMs", (json_int_t)row->announced_at_ms));
    }
    fl_call_answer_list(call, &read, error, items, rows.next);
}

static void post_rules(struct call *call)
{
    Fleetlog__V1__ActivateRules action = FLEETLOG__V1__ACTIVATE_RULES__INIT;
    int64_t version = fl_body_integer_or(call, "version", 0);
    action.rules_version = version > 0 && version < UINT32_MAX ? (uint32_t)version : 0;
    if (fl_call_body_is_good(call))
        fl_call_act_and_answer(call, &action.base, 201);
}

static void delete_node(struct call *call)
{
    Fleetlog__V1__RemoveNode action = FLEETLOG__V1__REMOVE_NODE__INIT;
    action.node_id = call->parameters[0];
    fl_call_act_and_answer(call, &action.base, 200);
}

static void get_status(struct call *call)
{
    struct gateway *gateway = call->gateway;
    json_t *views = json_object();
    for (size_t i = 0; i < gateway->view_count; i++) {
        struct fl_chain_head head;
        struct fl_store_reader *reader = gateway->views[i];
        if (fl_store_reader_head(reader, &head) == FL_OK)
            json_object_set_new(views, fl_gateway_view_name(gateway, i),
                                json_integer((json_int_t)head.sequence));
    }
    fl_call_answer(call, 200,
                   json_pack("{s:s, s:s, s:s, s:o}", "logId", gateway->log_id, "nodeId",
                             gateway->duty->datadir->node_id, "intake",
                             fl_intake_name(fl_gateway_intake(gateway)), "sequences", views));
}

/* What became of an action, by its id: 202 while it is not decided. */
static void get_action(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    uint64_t offset = 0;
    struct outcome outcome;
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    bool known = fl_registry_action_offset(read.kv, fl_slice_text(call->parameters[0]), &offset);
    if (!fl_call_read_end(call, &read))
        return;
    if (!known)
        fl_call_answer_undecided(call, call->parameters[0]);
    else
        fl_call_answer_outcome(call, offset, &outcome);
}

/* For whom each route is: enum fl_for and enum fl_needs say what the words mean. */
#define OPERATOR FL_FOR_OPERATOR
#define ADMINISTRATOR (FL_FOR_OPERATOR | FL_FOR_ADMINISTRATOR)
#define COMPANY (FL_FOR_OPERATOR | FL_FOR_COMPANY)
#define ACCOUNTS (FL_FOR_OPERATOR | FL_FOR_ACCOUNTS)
#define ANYONE (FL_FOR_OPERATOR | FL_FOR_ACCOUNTS | FL_FOR_ANYONE)
#define HEALTH (ANYONE | FL_FOR_LOCAL)

const struct route fl_operator_routes[] = {
#define ROUTE(method, pattern, handler, flags, who, scope)                                         \
    {method, pattern, handler, flags, who, scope},
#include "producers/gateway/operator_routes.def"
#undef ROUTE
    {NULL, NULL, NULL, 0, 0, 0},
};
