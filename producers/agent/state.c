/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/agent/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cursor.h"
#include "core/file.h"

static const char *const tables[FL_AGENT_TABLE_TABLE_COUNT] = {"meta", "devices", "queue",
                                                               "commands"};
static const struct fl_slice boot_key = {(const uint8_t *)"boot", 4};
static const struct fl_slice company_key = {(const uint8_t *)"company", 7};

enum { SEED_SIZE = 32, PLACE_SIZE = PATH_MAX };
#define MAP_SIZE_MIN (UINT64_C(256) << 20)

static enum fl_error fail(struct fl_agent_state *state, const char *what, enum fl_error error)
{
    snprintf(state->detail, sizeof(state->detail), "%s: %s", what, fl_error_text(error));
    return error;
}

static bool place(char out[PLACE_SIZE], const char *directory, const char *name)
{
    int size = snprintf(out, PLACE_SIZE, "%s/%s", directory, name);
    return size > 0 && size < PLACE_SIZE;
}

static enum fl_error take_lock(struct fl_agent_state *state, const char *directory)
{
    char path[PLACE_SIZE];
    if (!place(path, directory, "lock"))
        return fail(state, "the state directory's name is too long", FL_USAGE);
    state->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (state->lock_fd < 0)
        return fail(state, "lock", fl_error_from_errno(errno));
    if (flock(state->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return FL_OK;
    return errno == EWOULDBLOCK ? fail(state, "another agent works on this state", FL_LOCKED)
                                : fail(state, "lock", fl_error_from_errno(errno));
}

static enum fl_error load_key(struct fl_agent_state *state, const char *path)
{
    uint8_t seed[SEED_SIZE];
    size_t size;
    enum fl_error error = fl_file_read(path, seed, sizeof(seed), &size);
    if (error == FL_NOT_FOUND) {
        fl_port_random(state->port, seed, sizeof(seed));
        size = sizeof(seed);
        error = fl_file_replace(path, fl_slice_of(seed, size), 0600);
    } else if (error == FL_OK) {
        error = fl_file_check_private(path);
    }
    if (error == FL_OK && size != sizeof(seed))
        error = FL_CORRUPT;
    if (error == FL_OK)
        crypto_sign_seed_keypair(state->public_key, state->secret_key, seed);
    sodium_memzero(seed, sizeof(seed));
    return error;
}

static enum fl_error load_id(struct fl_agent_state *state, const char *path)
{
    struct fl_id_source source;
    size_t size;
    enum fl_error error = fl_file_read(path, state->agent_id, FL_ID_TEXT_SIZE - 1, &size);
    if (error == FL_NOT_FOUND) {
        fl_id_source_init(&source, state->port);
        fl_id_mint(&source, state->agent_id);
        return fl_file_replace(path, fl_slice_text(state->agent_id), 0644);
    }
    if (error != FL_OK)
        return error;
    return fl_id_is_valid(fl_slice_of(state->agent_id, size)) ? FL_OK : FL_CORRUPT;
}

/* What the tables say about the agent itself; counts this start. */
static enum fl_error load_rows(struct fl_agent_state *state, uint64_t queue_size_max)
{
    struct fl_slice value;
    struct fl_read_cursor reader;
    struct fl_write_cursor writer;
    uint8_t boot[8];
    struct fl_kv *kv = fl_agent_state_write(state);
    if (fl_kv_get(kv, FL_AGENT_TABLE_META, boot_key, &value)) {
        fl_read_init(&reader, value);
        state->boot = fl_read_u64(&reader);
    }
    state->boot++;
    if (fl_kv_get(kv, FL_AGENT_TABLE_META, company_key, &value) &&
        !fl_slice_to_text(value, state->company_id, sizeof(state->company_id)))
        fl_kv_fail(kv, FL_CORRUPT);
    fl_queue_load(&state->queue, kv, FL_AGENT_TABLE_QUEUE, FL_AGENT_TABLE_META, queue_size_max);
    fl_write_init(&writer, boot, sizeof(boot));
    fl_write_u64(&writer, state->boot);
    fl_kv_put(kv, FL_AGENT_TABLE_META, boot_key, fl_written(&writer));
    return fl_agent_state_commit(state);
}

enum fl_error fl_agent_state_open(struct fl_agent_state *state, const char *directory,
                                  uint64_t queue_size_max, const struct fl_port *port)
{
    char key_path[PLACE_SIZE];
    char id_path[PLACE_SIZE];
    char env_path[PLACE_SIZE];
    *state = (struct fl_agent_state){.port = port, .lock_fd = -1};
    if (sodium_init() < 0)
        return fail(state, "libsodium", FL_INTERNAL);
    enum fl_error error = fl_directory_ensure(directory, 0700);
    if (error != FL_OK)
        return fail(state, "the state directory", error);
    error = take_lock(state, directory);
    if (error != FL_OK)
        return error;
    if (!place(key_path, directory, "key") || !place(id_path, directory, "agent.id") ||
        !place(env_path, directory, "queue"))
        return fail(state, "the state directory's name is too long", FL_USAGE);
    error = load_key(state, key_path);
    if (error != FL_OK)
        return fail(state, "key", error);
    error = load_id(state, id_path);
    if (error != FL_OK)
        return fail(state, "agent.id", error);
    /* Thinning keeps the queue below its bound; copy-on-write pages need room beside it. */
    uint64_t map_size = 4 * queue_size_max > MAP_SIZE_MIN ? 4 * queue_size_max : MAP_SIZE_MIN;
    struct fl_env_options options = {.directory = env_path,
                                     .tables = tables,
                                     .table_count = FL_AGENT_TABLE_TABLE_COUNT,
                                     .map_size = map_size};
    error = fl_env_open(&options, &state->env);
    if (error == FL_OK)
        error = load_rows(state, queue_size_max);
    return error == FL_OK ? FL_OK : fail(state, "queue", error);
}

void fl_agent_state_close(struct fl_agent_state *state)
{
    fl_txn_abort(&state->txn);
    state->writing = false;
    fl_env_close(&state->env);
    sodium_memzero(state->secret_key, sizeof(state->secret_key));
    if (state->lock_fd >= 0)
        close(state->lock_fd);
    state->lock_fd = -1;
}

struct fl_kv *fl_agent_state_write(struct fl_agent_state *state)
{
    if (!state->writing) {
        enum fl_error error = fl_txn_begin_write(&state->txn, state->env);
        if (error != FL_OK)
            fl_kv_fail(&state->txn.kv, error);
        state->writing = true;
        state->began_at_ms = fl_port_monotonic_ms(state->port);
    }
    return &state->txn.kv;
}

enum fl_error fl_agent_state_commit(struct fl_agent_state *state)
{
    if (!state->writing)
        return FL_OK;
    state->writing = false;
    enum fl_error error = fl_txn_commit(&state->txn);
    if (error != FL_OK)
        snprintf(state->detail, sizeof(state->detail), "queue: %s", fl_env_detail(state->env));
    return error;
}

enum fl_error fl_agent_state_read(struct fl_agent_state *state, struct fl_txn *txn)
{
    return fl_txn_begin_read(txn, state->env);
}

void fl_agent_state_enrolled(struct fl_agent_state *state, const char *company_id)
{
    snprintf(state->company_id, sizeof(state->company_id), "%s", company_id);
    fl_kv_put(fl_agent_state_write(state), FL_AGENT_TABLE_META, company_key,
              fl_slice_text(company_id));
}
