/* SPDX-License-Identifier: Apache-2.0 */
/* The checkout in Stripe's form: https://docs.stripe.com/webhooks, …/api/checkout/sessions. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "producers/gateway/checkout.h"

static const struct {
    const char *type;
    Fleetlog__V1__PaymentState state;
    const char *amount;
} kinds[] = {
    {"checkout.session.completed", FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_PAID, "amount_total"},
    {"checkout.session.async_payment_succeeded", FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_PAID,
     "amount_total"},
    {"checkout.session.async_payment_failed", FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_FAILED,
     "amount_total"},
    {"checkout.session.expired", FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_FAILED, "amount_total"},
    {"charge.refunded", FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_REFUNDED, "amount_refunded"},
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

/* "eur" to "EUR"; false: three letters it is not. */
static bool read_currency(const char *text, char out[4])
{
    if (strlen(text) != 3)
        return false;
    for (size_t i = 0; i < 3; i++) {
        char letter = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
        if (letter < 'A' || letter > 'Z')
            return false;
        out[i] = letter;
    }
    out[3] = '\0';
    return true;
}

/* What one of our kinds says; a session that is completed but not paid yet is none. */
static enum fl_error read_object(const json_t *object, size_t kind, struct fl_checkout_event *event)
{
    bool is_refund = kinds[kind].state == FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_REFUNDED;
    const char *purchase = is_refund ? text_of(json_object_get(object, "metadata"), "purchase_id")
                                     : text_of(object, "client_reference_id");
    const json_t *amount = json_object_get(object, kinds[kind].amount);
    if (purchase[0] == '\0' ||
        (kind == 0 && strcmp(text_of(object, "payment_status"), "paid") != 0))
        return FL_OK;
    if (!fl_id_is_valid(fl_slice_text(purchase)) || !json_is_integer(amount) ||
        json_integer_value(amount) < 0 ||
        !read_currency(text_of(object, "currency"), event->currency))
        return FL_INVALID;
    snprintf(event->purchase_id, sizeof(event->purchase_id), "%s", purchase);
    event->amount_minor = json_integer_value(amount);
    event->state = kinds[kind].state;
    return FL_OK;
}

static enum fl_error read_event(struct fl_slice body, struct fl_checkout_event *event)
{
    json_t *json = json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, NULL);
    const char *id = text_of(json, "id");
    const char *type = text_of(json, "type");
    enum fl_error error = id[0] == '\0' || strlen(id) >= sizeof(event->id) ? FL_INVALID : FL_OK;
    *event = (struct fl_checkout_event){.amount_minor = 0};
    if (error == FL_OK)
        snprintf(event->id, sizeof(event->id), "%s", id);
    for (size_t i = 0; error == FL_OK && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(type, kinds[i].type) == 0)
            error = read_object(json_object_get(json_object_get(json, "data"), "object"), i, event);
    json_decref(json);
    return error;
}

/* The operator's page makes the session: it has the key to the provider, and we do not. */
static const char *start(const struct fl_checkout_order *order, struct fl_arena *arena)
{
    const char *page = fl_config_text(order->config, FL_SETTING_CHECKOUT_URL);
    if (page[0] == '\0')
        return NULL;
    return fl_arena_printf(arena, "%s%cclient_reference_id=%s", page,
                           strchr(page, '?') == NULL ? '?' : '&', order->purchase_id);
}

const struct fl_checkout fl_checkout_stripe = {"stripe", "Stripe-Signature", start, read_event};
