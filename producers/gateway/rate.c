/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/rate.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#include "core/assert.h"
#include "core/bytes.h"

enum { MINUTE_US = 60 * 1000 * 1000 };

struct place {
    uint64_t key;     /* 0: free */
    int64_t whole_us; /* when its allowance is whole again */
};

struct fl_rate {
    pthread_mutex_t lock;
    const struct fl_port *port;
    uint64_t per_minute;
    uint8_t secret[crypto_shorthash_KEYBYTES];
    struct place places[FL_RATE_ROW_COUNT][FL_RATE_ROW_SIZE];
};

struct fl_rate *fl_rate_open(const struct fl_port *port, uint64_t per_minute)
{
    struct fl_rate *rate = calloc(1, sizeof(*rate));
    fl_assert(rate != NULL);
    rate->port = port;
    rate->per_minute = per_minute;
    fl_port_random(port, rate->secret, sizeof(rate->secret));
    pthread_mutex_init(&rate->lock, NULL);
    return rate;
}

void fl_rate_close(struct fl_rate **rate)
{
    if (*rate == NULL)
        return;
    pthread_mutex_destroy(&(*rate)->lock);
    free(*rate);
    *rate = NULL;
}

/* The key's place; one that was free or is nearest to its whole allowance becomes its own. */
static struct place *find(struct fl_rate *rate, struct fl_slice key)
{
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, key.data, key.size, rate->secret);
    uint64_t number = fl_get_u64(hash) | 1;
    struct place *row = rate->places[(number >> 8) % FL_RATE_ROW_COUNT];
    struct place *oldest = row;
    for (size_t i = 0; i < FL_RATE_ROW_SIZE; i++) {
        if (row[i].key == number)
            return &row[i];
        if (row[i].whole_us < oldest->whole_us)
            oldest = &row[i];
    }
    *oldest = (struct place){.key = number};
    return oldest;
}

/* Seconds to wait; takes if there is nothing to wait for, or in any case. */
static unsigned take(struct fl_rate *rate, struct fl_slice key, unsigned count, bool always)
{
    if (rate->per_minute == 0)
        return 0;
    pthread_mutex_lock(&rate->lock);
    int64_t now_us = fl_port_monotonic_ms(rate->port) * 1000;
    struct place *place = find(rate, key);
    int64_t from_us = place->whole_us > now_us ? place->whole_us : now_us;
    int64_t whole_us = from_us + (int64_t)count * MINUTE_US / (int64_t)rate->per_minute;
    int64_t late_us = whole_us - now_us - MINUTE_US;
    if (late_us <= 0 || always)
        place->whole_us = late_us <= 0 ? whole_us : now_us + MINUTE_US;
    pthread_mutex_unlock(&rate->lock);
    return late_us <= 0 ? 0 : (unsigned)((late_us + 999999) / 1000000);
}

unsigned fl_rate_take(struct fl_rate *rate, struct fl_slice key, unsigned count)
{
    return take(rate, key, count, false);
}

void fl_rate_charge(struct fl_rate *rate, struct fl_slice key, unsigned count)
{
    take(rate, key, count, true);
}
