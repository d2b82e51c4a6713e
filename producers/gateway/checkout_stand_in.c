/* SPDX-License-Identifier: Apache-2.0 */
/* The stand-in of a payment provider: what it reports, and where its page is. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/link.h"
#include "producers/gateway/checkout.h"

static const struct {
    const char *name;
    Fleetlog__V1__PaymentState state;
} states[] = {
    {"paid", FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_PAID},
    {"failed", FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_FAILED},
    {"refunded", FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_REFUNDED},
};
enum { STATE_COUNT = sizeof(states) / sizeof(states[0]) };

static const char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text == NULL ? "" : text;
}

/* A state that it does not know is not ours, as with every provider. */
static enum fl_error read_event(struct fl_slice body, struct fl_checkout_event *event)
{
    json_t *json = json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *amount = json_object_get(json, "amountMinor");
    const char *id = text_of(json, "id");
    const char *purchase_id = text_of(json, "purchaseId");
    const char *currency = text_of(json, "currency");
    bool good = id[0] != '\0' && strlen(id) < sizeof(event->id) &&
                fl_id_is_valid(fl_slice_text(purchase_id)) && json_is_integer(amount) &&
                json_integer_value(amount) >= 0 && strlen(currency) == 3 &&
                strspn(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
    *event = (struct fl_checkout_event){.amount_minor = 0};
    for (size_t i = 0; good && i < STATE_COUNT; i++)
        if (strcmp(text_of(json, "state"), states[i].name) == 0)
            event->state = states[i].state;
    if (good) {
        snprintf(event->id, sizeof(event->id), "%s", id);
        snprintf(event->purchase_id, sizeof(event->purchase_id), "%s", purchase_id);
        snprintf(event->currency, sizeof(event->currency), "%s", currency);
        event->amount_minor = json_integer_value(amount);
    }
    json_decref(json);
    return good ? FL_OK : FL_INVALID;
}

const char *fl_checkout_stand_in_body(struct fl_arena *arena, const struct fl_checkout_event *event)
{
    const char *state = "";
    for (size_t i = 0; i < STATE_COUNT; i++)
        if (states[i].state == event->state)
            state = states[i].name;
    return fl_arena_printf(arena,
                           "{\"id\":\"%s\",\"purchaseId\":\"%s\",\"state\":\"%s\","
                           "\"amountMinor\":%lld,\"currency\":\"%s\"}",
                           event->id, event->purchase_id, state, (long long)event->amount_minor,
                           event->currency);
}

/* Who has the address may pay, as at any provider; nobody finds one by trying. */
static const char *start(const struct fl_checkout_order *order, struct fl_arena *arena)
{
    char secret[FL_LINK_SECRET_SIZE];
    if (fl_link_secret(order->keyring, FL_LINK_CHECKOUT, fl_slice_text(order->purchase_id),
                       order->link_key_generation, secret) != FL_OK)
        return NULL;
    return fl_arena_printf(arena, "%s/checkout?token=%s",
                           fl_config_text(order->config, FL_SETTING_PUBLIC_URL), secret);
}

const struct fl_checkout fl_checkout_stand_in = {"stand-in", "Fleetlog-Checkout-Signature", start,
                                                 read_event};
