/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/guesses.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "core/diag.h"
#include "core/file.h"

/* The file: a header (magic, secret, zeros), then the places in order, each
 * key 16 | stamp 8 | used_at_ms 8 | strange 2 | known 2 | networks 4 x 6 | zeros 4, big-endian. */
enum {
    MAGIC_SIZE = 16,
    HEADER_SIZE = 64,
    PLACE_SIZE = 64,
    PLACES_PER_ROW = 8,
    FILE_SIZE = HEADER_SIZE + FL_GUESSES_PLACE_COUNT * PLACE_SIZE,
    NETWORKS_SIZE = FL_GUESSES_NETWORK_COUNT * FL_GUESS_NETWORK_SIZE,
};
static const char magic[MAGIC_SIZE] = "fl guesses 1";

struct place {
    uint8_t key[FL_GUESS_KEY_SIZE];
    uint8_t stamp[FL_GUESS_STAMP_SIZE];
    int64_t used_at_ms; /* Unix time; 0: free */
    unsigned strange;
    unsigned known;
    uint8_t networks[NETWORKS_SIZE]; /* the latest first; zeros: none */
};

struct fl_guesses {
    const struct fl_port *port;
    pthread_mutex_t lock;
    int fd;
    bool is_dirty;
    bool has_failed;
    uint8_t secret[crypto_generichash_KEYBYTES];
    struct place places[FL_GUESSES_PLACE_COUNT];
};

_Static_assert(MAGIC_SIZE + crypto_generichash_KEYBYTES <= HEADER_SIZE, "the header's size");

static void read_place(const uint8_t *in, struct place *place)
{
    memcpy(place->key, in, FL_GUESS_KEY_SIZE);
    memcpy(place->stamp, in + 16, FL_GUESS_STAMP_SIZE);
    place->used_at_ms = (int64_t)fl_get_u64(in + 24);
    place->strange = (unsigned)in[32] << 8 | in[33];
    place->known = (unsigned)in[34] << 8 | in[35];
    memcpy(place->networks, in + 36, NETWORKS_SIZE);
}

static void write_place(const struct place *place, uint8_t out[PLACE_SIZE])
{
    memset(out, 0, PLACE_SIZE);
    memcpy(out, place->key, FL_GUESS_KEY_SIZE);
    memcpy(out + 16, place->stamp, FL_GUESS_STAMP_SIZE);
    fl_put_u64(out + 24, (uint64_t)place->used_at_ms);
    fl_put_u16(out + 32, (uint16_t)place->strange);
    fl_put_u16(out + 34, (uint16_t)place->known);
    memcpy(out + 36, place->networks, NETWORKS_SIZE);
}

/* The page cache has it: only a power cut could take it away before the next sync. */
static void store(struct fl_guesses *guesses, const struct place *place)
{
    uint8_t bytes[PLACE_SIZE];
    off_t at = HEADER_SIZE + (off_t)(place - guesses->places) * PLACE_SIZE;
    ssize_t wrote;
    write_place(place, bytes);
    do
        wrote = pwrite(guesses->fd, bytes, sizeof(bytes), at);
    while (wrote < 0 && errno == EINTR);
    guesses->is_dirty = true;
    guesses->has_failed |= wrote != PLACE_SIZE;
}

static bool is_forgotten(const struct place *place, int64_t now_ms)
{
    return place->used_at_ms != 0 && now_ms - place->used_at_ms >= FL_GUESSES_FORGET_MS;
}

/* False: this is no file of ours. */
static bool take_file(struct fl_guesses *guesses, const uint8_t *bytes, size_t size)
{
    if (size != FILE_SIZE || memcmp(bytes, magic, MAGIC_SIZE) != 0)
        return false;
    memcpy(guesses->secret, bytes + MAGIC_SIZE, sizeof(guesses->secret));
    for (size_t i = 0; i < FL_GUESSES_PLACE_COUNT; i++)
        read_place(bytes + HEADER_SIZE + i * PLACE_SIZE, &guesses->places[i]);
    return true;
}

static enum fl_error make_file(struct fl_guesses *guesses, const char *path, uint8_t *bytes)
{
    fl_port_random(guesses->port, guesses->secret, sizeof(guesses->secret));
    memset(bytes, 0, FILE_SIZE);
    memcpy(bytes, magic, MAGIC_SIZE);
    memcpy(bytes + MAGIC_SIZE, guesses->secret, sizeof(guesses->secret));
    return fl_file_replace(path, fl_slice_of(bytes, FILE_SIZE), 0600);
}

static enum fl_error load(struct fl_guesses *guesses, const char *path)
{
    size_t size = 0;
    uint8_t *bytes = malloc(FILE_SIZE);
    if (bytes == NULL)
        return FL_NO_MEMORY;
    enum fl_error error = fl_file_read(path, bytes, FILE_SIZE, &size);
    bool is_other = error == FL_TOO_LARGE || (error == FL_OK && !take_file(guesses, bytes, size));
    if (is_other)
        fl_diag(GUESSES_LOST, FL_TEXT("file", path));
    if (is_other || error == FL_NOT_FOUND)
        error = make_file(guesses, path, bytes);
    sodium_memzero(bytes, FILE_SIZE);
    free(bytes);
    if (error != FL_OK)
        return error;
    guesses->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    return guesses->fd >= 0 ? FL_OK : errno == EACCES ? FL_DENIED : FL_IO;
}

enum fl_error fl_guesses_open(const char *path, const struct fl_port *port,
                              struct fl_guesses **guesses)
{
    struct fl_guesses *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return FL_NO_MEMORY;
    fl_assert(pthread_mutex_init(&made->lock, NULL) == 0);
    made->port = port;
    made->fd = -1;
    *guesses = made;
    enum fl_error error = load(made, path);
    int64_t now_ms = fl_port_wall_ms(port);
    for (size_t i = 0; error == FL_OK && i < FL_GUESSES_PLACE_COUNT; i++)
        if (is_forgotten(&made->places[i], now_ms)) {
            made->places[i] = (struct place){.used_at_ms = 0};
            store(made, &made->places[i]);
        }
    if (error != FL_OK)
        fl_guesses_close(guesses);
    return error;
}

void fl_guesses_close(struct fl_guesses **guesses)
{
    if (*guesses == NULL)
        return;
    if ((*guesses)->fd >= 0)
        close((*guesses)->fd);
    pthread_mutex_destroy(&(*guesses)->lock);
    sodium_memzero((*guesses)->secret, sizeof((*guesses)->secret));
    free(*guesses);
    *guesses = NULL;
}

static void hash(const struct fl_guesses *guesses, const char *what, struct fl_slice value,
                 struct fl_slice of, uint8_t *out, size_t size)
{
    uint8_t full[crypto_generichash_BYTES];
    crypto_generichash_state state;
    uint8_t length[8];
    fl_put_u64(length, value.size);
    crypto_generichash_init(&state, guesses->secret, sizeof(guesses->secret), sizeof(full));
    crypto_generichash_update(&state, (const uint8_t *)what, strlen(what) + 1);
    crypto_generichash_update(&state, length, sizeof(length));
    crypto_generichash_update(&state, value.data, value.size);
    crypto_generichash_update(&state, of.data, of.size);
    crypto_generichash_final(&state, full, sizeof(full));
    memcpy(out, full, size);
}

static unsigned failures(const struct place *place)
{
    return place->strange + place->known;
}

/* Gives way to another: who has failed least, of those who did that longest ago. */
static bool is_lesser(const struct place *a, const struct place *b)
{
    if ((a->used_at_ms == 0) != (b->used_at_ms == 0))
        return a->used_at_ms == 0;
    return failures(a) != failures(b) ? failures(a) < failures(b) : a->used_at_ms < b->used_at_ms;
}

/* The guess's place; `takes`: one is made. NULL: there is none. */
static struct place *find(struct fl_guesses *guesses, const struct fl_guess *guess, bool takes)
{
    size_t row = fl_get_u32(guess->key) % (FL_GUESSES_PLACE_COUNT / PLACES_PER_ROW);
    struct place *first = &guesses->places[row * PLACES_PER_ROW];
    struct place *least = first;
    int64_t now_ms = fl_port_wall_ms(guesses->port);
    for (struct place *place = first; place < first + PLACES_PER_ROW; place++) {
        if (is_forgotten(place, now_ms))
            *place = (struct place){.used_at_ms = 0};
        if (place->used_at_ms != 0 && memcmp(place->key, guess->key, FL_GUESS_KEY_SIZE) == 0)
            return place;
        if (is_lesser(place, least))
            least = place;
    }
    if (!takes)
        return NULL;
    *least = (struct place){.used_at_ms = now_ms};
    memcpy(least->key, guess->key, FL_GUESS_KEY_SIZE);
    return least;
}

static uint8_t *find_network(struct place *place, const struct fl_guess *guess)
{
    for (size_t i = 0; i < NETWORKS_SIZE; i += FL_GUESS_NETWORK_SIZE)
        if (memcmp(place->networks + i, guess->network, FL_GUESS_NETWORK_SIZE) == 0)
            return place->networks + i;
    return NULL;
}

unsigned fl_guesses_take(struct fl_guesses *guesses, struct fl_slice name,
                         const char *password_hash, struct fl_slice network, struct fl_guess *guess)
{
    int64_t rest_ms = 0;
    hash(guesses, "name", name, FL_SLICE_NULL, guess->key, sizeof(guess->key));
    hash(guesses, "password", name, fl_slice_text(password_hash), guess->stamp,
         sizeof(guess->stamp));
    hash(guesses, "network", name, network, guess->network, sizeof(guess->network));
    pthread_mutex_lock(&guesses->lock);
    struct place *place = find(guesses, guess, true);
    if (memcmp(place->stamp, guess->stamp, sizeof(guess->stamp)) != 0) {
        memcpy(place->stamp, guess->stamp, sizeof(guess->stamp));
        place->strange = place->known = 0;
    }
    guess->is_known = find_network(place, guess) != NULL;
    if (place->strange < FL_GUESSES_STRANGE_MAX && !guess->is_known) {
        place->strange++;
    } else if (place->known < FL_GUESSES_KNOWN_MAX && guess->is_known) {
        place->known++;
    } else {
        rest_ms = place->used_at_ms + FL_GUESSES_FORGET_MS - fl_port_wall_ms(guesses->port);
        if (rest_ms > FL_GUESSES_FORGET_MS)
            rest_ms = FL_GUESSES_FORGET_MS; /* the clock was put back */
    }
    if (rest_ms == 0) {
        place->used_at_ms = fl_port_wall_ms(guesses->port);
        store(guesses, place);
    }
    pthread_mutex_unlock(&guesses->lock);
    return (unsigned)((rest_ms + 999) / 1000);
}

/* The place as it stands; NULL: it gave way, or has another password now. */
static struct place *find_again(struct fl_guesses *guesses, const struct fl_guess *guess)
{
    struct place *place = find(guesses, guess, false);
    bool is_same = place != NULL && memcmp(place->stamp, guess->stamp, sizeof(guess->stamp)) == 0;
    return is_same ? place : NULL;
}

void fl_guesses_give_back(struct fl_guesses *guesses, const struct fl_guess *guess)
{
    pthread_mutex_lock(&guesses->lock);
    struct place *place = find_again(guesses, guess);
    if (place != NULL) {
        if (guess->is_known)
            place->known -= place->known != 0;
        else
            place->strange -= place->strange != 0;
        store(guesses, place);
    }
    pthread_mutex_unlock(&guesses->lock);
}

void fl_guesses_succeed(struct fl_guesses *guesses, const struct fl_guess *guess)
{
    pthread_mutex_lock(&guesses->lock);
    struct place *place = find_again(guesses, guess);
    if (place != NULL) {
        uint8_t *last = place->networks + NETWORKS_SIZE - FL_GUESS_NETWORK_SIZE;
        uint8_t *network = find_network(place, guess);
        if (network == NULL)
            network = last;
        memmove(place->networks + FL_GUESS_NETWORK_SIZE, place->networks,
                (size_t)(network - place->networks));
        memcpy(place->networks, guess->network, FL_GUESS_NETWORK_SIZE);
        place->strange = place->known = 0;
        place->used_at_ms = fl_port_wall_ms(guesses->port);
        store(guesses, place);
    }
    pthread_mutex_unlock(&guesses->lock);
}

enum fl_error fl_guesses_sync(struct fl_guesses *guesses)
{
    pthread_mutex_lock(&guesses->lock);
    bool is_dirty = guesses->is_dirty;
    bool has_failed = guesses->has_failed;
    guesses->is_dirty = false;
    pthread_mutex_unlock(&guesses->lock);
    return has_failed || (is_dirty && fdatasync(guesses->fd) != 0) ? FL_IO : FL_OK;
}
