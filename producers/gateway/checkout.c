/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/checkout.h"

#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAC_SIZE = crypto_auth_hmacsha256_BYTES, MAC_TEXT_SIZE = 2 * MAC_SIZE };

static void mac_of(struct fl_slice secret, const char *seconds, struct fl_slice body,
                   uint8_t mac[MAC_SIZE])
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, secret.data, secret.size);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)seconds, strlen(seconds));
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)".", 1);
    crypto_auth_hmacsha256_update(&state, body.data, body.size);
    crypto_auth_hmacsha256_final(&state, mac);
}

void fl_checkout_sign(struct fl_slice secret, int64_t seconds, struct fl_slice body, char out[128])
{
    char text[24];
    char hex[MAC_TEXT_SIZE + 1];
    uint8_t mac[MAC_SIZE];
    snprintf(text, sizeof(text), "%" PRId64, seconds);
    mac_of(secret, text, body, mac);
    fl_hex_encode(mac, sizeof(mac), hex);
    snprintf(out, 128, "t=%s,v1=%s", text, hex);
}

/* The value of the next "name=value" at *rest, its name in `name`; false: there is none. */
static bool next_part(const char **rest, char name[4], char *value, size_t value_size)
{
    size_t size = strcspn(*rest, ",");
    const char *equals = memchr(*rest, '=', size);
    if (size == 0 || equals == NULL || equals == *rest || equals - *rest > 3 ||
        size - (size_t)(equals - *rest) > value_size)
        return false;
    snprintf(name, 4, "%.*s", (int)(equals - *rest), *rest);
    snprintf(value, value_size, "%.*s", (int)(size - (size_t)(equals - *rest) - 1), equals + 1);
    *rest += size + ((*rest)[size] == ',' ? 1 : 0);
    return true;
}

enum fl_error fl_checkout_verify(struct fl_slice secret, const char *signature,
                                 struct fl_slice body, int64_t now_ms)
{
    char name[4];
    char value[MAC_TEXT_SIZE + 2];
    char seconds[24] = "";
    uint8_t right[MAC_SIZE];
    uint8_t given[MAC_SIZE];
    bool fits = false;
    const char *rest = signature == NULL ? "" : signature;
    if (secret.size == 0 || !next_part(&rest, name, seconds, sizeof(seconds)) ||
        strcmp(name, "t") != 0 || strspn(seconds, "0123456789") != strlen(seconds) ||
        strlen(seconds) > 12)
        return FL_UNAUTHENTIC;
    mac_of(secret, seconds, body, right);
    while (next_part(&rest, name, value, sizeof(value)))
        fits |= strcmp(name, "v1") == 0 && strlen(value) == MAC_TEXT_SIZE &&
                fl_hex_decode(fl_slice_text(value), given, sizeof(given)) &&
                sodium_memcmp(given, right, sizeof(right)) == 0;
    if (!fits)
        return FL_UNAUTHENTIC;
    int64_t age_s = now_ms / 1000 - strtoll(seconds, NULL, 10);
    return age_s > FL_CHECKOUT_TOLERANCE_S || age_s < -FL_CHECKOUT_TOLERANCE_S ? FL_DENIED : FL_OK;
}

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

enum fl_error fl_checkout_read(struct fl_slice body, struct fl_checkout_event *event)
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
