/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/checkout.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"

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

const struct fl_checkout *fl_checkout_of(const struct fl_config *config)
{
    return fl_config_number(config, FL_SETTING_CHECKOUT_STAND_IN) != 0 ? &fl_checkout_stand_in
                                                                       : &fl_checkout_stripe;
}

enum fl_error fl_checkout_check(const struct fl_config *config, char detail[256])
{
    const char *rule = NULL;
    if (fl_checkout_of(config) != &fl_checkout_stand_in)
        return FL_OK;
    if (fl_config_text(config, FL_SETTING_CHECKOUT_URL)[0] != '\0')
        rule = "there is a provider's page already (checkout_url)";
    else if (fl_config_text(config, FL_SETTING_CHECKOUT_SECRET_FILE)[0] == '\0')
        rule = "it signs with a secret, too (checkout_secret_file)";
    if (rule != NULL)
        snprintf(detail, 256, "[gateway] checkout_stand_in: %s", rule);
    return rule == NULL ? FL_OK : FL_USAGE;
}

struct fl_slice fl_checkout_secret(const struct fl_config *config,
                                   char secret[FL_CHECKOUT_SECRET_MAX])
{
    size_t size = 0;
    const char *path = fl_config_text(config, FL_SETTING_CHECKOUT_SECRET_FILE);
    if (path[0] == '\0' || fl_file_read(path, secret, FL_CHECKOUT_SECRET_MAX, &size) != FL_OK)
        return FL_SLICE_LITERAL("");
    while (size > 0 && (secret[size - 1] == '\n' || secret[size - 1] == '\r'))
        size--;
    return fl_slice_of(secret, size);
}
