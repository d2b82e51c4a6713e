/* SPDX-License-Identifier: Apache-2.0 */
/* Links of mails at the door: shown to who made the thing, checked when somebody comes with one. */
#include "producers/gateway/gateway_internal.h"

void fl_call_add_link(struct call *call, json_t *json, enum fl_link link, const char *id,
                      uint32_t generation)
{
    char secret[FL_LINK_SECRET_SIZE];
    char url[FL_LINK_SIZE_MAX];
    const struct gateway *gateway = call->gateway;
    /* Who holds the link has the mailbox: nobody else may see it. A share's is for handing on. */
    if (call->door != FL_DOOR_OPERATOR && link != FL_LINK_SHARE)
        return;
    const char *base = fl_config_text(gateway->duty->config, FL_SETTING_PUBLIC_URL);
    /* Made by a node with other keys: the thing stands, and its mail has the link. */
    if (fl_link_secret(gateway->keyring, link, fl_slice_text(id), generation, secret) != FL_OK ||
        fl_link_url(gateway->keyring, link, fl_slice_text(id), generation, base, url) != FL_OK)
        return;
    json_object_set_new(json, "token", json_string(secret));
    json_object_set_new(json, "link", json_string(url));
}

const char *fl_call_check_link(struct call *call, enum fl_link link, const char *text,
                               fl_link_generation_fn *generation)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_slice secret = fl_slice_text(text);
    struct fl_slice id = fl_link_id(secret);
    uint32_t found = 0;
    if (id.data != NULL) {
        if (!fl_call_read_begin(call, call->gateway->registry, &read))
            return NULL;
        found = generation(read.kv, &call->arena, id);
        if (!fl_call_read_end(call, &read))
            return NULL;
    }
    const char *copy = id.data == NULL ? NULL : fl_arena_text(&call->arena, id);
    if (found != 0 && copy != NULL && fl_link_fits(call->gateway->keyring, link, found, secret))
        return copy;
    fl_call_problem(call, 403, "This link is not valid", NULL, "token");
    return NULL;
}
