/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/throttle.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"

enum { KEY_SIZE = 16, PLACES_PER_ROW = 8 };

struct place {
    uint8_t key[KEY_SIZE];
    unsigned count; /* of failures; 0: free */
    int64_t failed_at_ms;
};

struct fl_throttle {
    const struct fl_port *port;
    pthread_mutex_t lock;
    uint8_t secret[crypto_generichash_KEYBYTES]; /* nobody chooses who shares his row */
    struct place names[FL_THROTTLE_PLACES];
    struct place sources[FL_THROTTLE_PLACES];
};

struct fl_throttle *fl_throttle_open(const struct fl_port *port)
{
    struct fl_throttle *throttle = calloc(1, sizeof(*throttle));
    fl_assert(throttle != NULL && pthread_mutex_init(&throttle->lock, NULL) == 0);
    throttle->port = port;
    fl_port_random(port, throttle->secret, sizeof(throttle->secret));
    return throttle;
}

void fl_throttle_close(struct fl_throttle **throttle)
{
    if (*throttle == NULL)
        return;
    pthread_mutex_destroy(&(*throttle)->lock);
    free(*throttle);
    *throttle = NULL;
}

static void make_key(const struct fl_throttle *throttle, struct fl_slice name,
                     struct fl_slice source, uint8_t key[KEY_SIZE])
{
    crypto_generichash_state state;
    uint64_t size = name.size;
    crypto_generichash_init(&state, throttle->secret, sizeof(throttle->secret), KEY_SIZE);
    crypto_generichash_update(&state, (const uint8_t *)&size, sizeof(size));
    crypto_generichash_update(&state, name.data, name.size);
    crypto_generichash_update(&state, source.data, source.size);
    crypto_generichash_final(&state, key, KEY_SIZE);
}

/* The key's place; `takes`: one is made, of whoever failed longest ago. NULL: there is none. */
static struct place *find(struct fl_throttle *throttle, struct place *places,
                          const uint8_t key[KEY_SIZE], bool takes)
{
    size_t row = (key[0] | (size_t)key[1] << 8) % (FL_THROTTLE_PLACES / PLACES_PER_ROW);
    struct place *first = &places[row * PLACES_PER_ROW];
    struct place *oldest = first;
    int64_t now_ms = fl_port_monotonic_ms(throttle->port);
    for (struct place *place = first; place < first + PLACES_PER_ROW; place++) {
        if (place->count != 0 && now_ms - place->failed_at_ms >= FL_THROTTLE_FORGET_MS)
            place->count = 0;
        if (place->count != 0 && memcmp(place->key, key, KEY_SIZE) == 0)
            return place;
        if (oldest->count != 0 && (place->count == 0 || place->failed_at_ms < oldest->failed_at_ms))
            oldest = place;
    }
    if (!takes)
        return NULL;
    memcpy(oldest->key, key, KEY_SIZE);
    oldest->count = 0;
    return oldest;
}

static unsigned wait_s(const struct fl_throttle *throttle, const struct place *place, unsigned free)
{
    int64_t delay_s = FL_THROTTLE_DELAY_S_MIN;
    if (place == NULL || place->count < free)
        return 0;
    for (unsigned i = free; i < place->count && delay_s < FL_THROTTLE_DELAY_S_MAX; i++)
        delay_s *= 2;
    if (delay_s > FL_THROTTLE_DELAY_S_MAX)
        delay_s = FL_THROTTLE_DELAY_S_MAX;
    int64_t rest_ms = place->failed_at_ms + delay_s * 1000 - fl_port_monotonic_ms(throttle->port);
    return rest_ms <= 0 ? 0 : (unsigned)((rest_ms + 999) / 1000);
}

unsigned fl_throttle_wait_s(struct fl_throttle *throttle, struct fl_slice name,
                            struct fl_slice source)
{
    uint8_t keys[2][KEY_SIZE];
    make_key(throttle, name, source, keys[0]);
    make_key(throttle, FL_SLICE_LITERAL(""), source, keys[1]);
    pthread_mutex_lock(&throttle->lock);
    unsigned by_name =
        wait_s(throttle, find(throttle, throttle->names, keys[0], false), FL_THROTTLE_NAME_FREE);
    unsigned by_source = wait_s(throttle, find(throttle, throttle->sources, keys[1], false),
                                FL_THROTTLE_SOURCE_FREE);
    pthread_mutex_unlock(&throttle->lock);
    return by_name > by_source ? by_name : by_source;
}

static void add(struct fl_throttle *throttle, struct place *places, const uint8_t key[KEY_SIZE])
{
    struct place *place = find(throttle, places, key, true);
    place->count++;
    place->failed_at_ms = fl_port_monotonic_ms(throttle->port);
}

void fl_throttle_fail(struct fl_throttle *throttle, struct fl_slice name, struct fl_slice source)
{
    uint8_t keys[2][KEY_SIZE];
    make_key(throttle, name, source, keys[0]);
    make_key(throttle, FL_SLICE_LITERAL(""), source, keys[1]);
    pthread_mutex_lock(&throttle->lock);
    add(throttle, throttle->names, keys[0]);
    add(throttle, throttle->sources, keys[1]);
    pthread_mutex_unlock(&throttle->lock);
}

void fl_throttle_succeed(struct fl_throttle *throttle, struct fl_slice name, struct fl_slice source)
{
    uint8_t key[KEY_SIZE];
    make_key(throttle, name, source, key);
    pthread_mutex_lock(&throttle->lock);
    struct place *place = find(throttle, throttle->names, key, false);
    if (place != NULL)
        place->count = 0;
    pthread_mutex_unlock(&throttle->lock);
}
