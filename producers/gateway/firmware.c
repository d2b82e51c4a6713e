/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware images: uploaded in pieces and published by operators, fetched in pieces by agents.
 *
 * An image lies in DATA/firmware under its SHA-256, as "<hex>.part" until it is published. A node
 * that did not get it answers 503 and says who it is; its agents try again. Published once more,
 * there, the same image is checked and added, and nothing is decided anew. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/json.h"
#include "fleetlog/v1/firmware.pb-c.h"
#include "producers/agent_protocol.h"
#include "producers/firmware_manifest.h"
#include "producers/gateway/operator.h"
#include "projections/registry/machines.h"
#include "projections/registry/rows.h"

static bool is_hash(const char *text)
{
    uint8_t hash[FL_HASH_SIZE];
    return strlen(text) == 2 * FL_HASH_SIZE &&
           fl_hex_decode(fl_slice_text(text), hash, FL_HASH_SIZE);
}

/* Where an image lies, or is gathered. */
static const char *image_path(struct call *call, const char *hex, bool part)
{
    char directory[PATH_MAX];
    fl_datadir_path(call->gateway->duty->datadir, "firmware", directory);
    if (fl_directory_ensure(directory, 0700) != FL_OK)
        return NULL;
    return fl_arena_printf(&call->arena, "%s/%s%s", directory, hex, part ? ".part" : "");
}

static bool read_offset(struct call *call, uint64_t *offset)
{
    const char *text = fl_http_query(call->request, "offset");
    *offset = 0;
    if (text == NULL ||
        (fl_slice_to_u64(fl_slice_text(text), offset) && *offset <= FL_FIRMWARE_SIZE_MAX))
        return true;
    fl_call_problem(call, 400, "offset must be 0 to 64 MiB", NULL, "offset");
    return false;
}

/* Appends at the end of what is there; the answer's size says where to go on. */
static bool append(int fd, uint64_t offset, struct fl_slice body)
{
    size_t done = 0;
    while (done < body.size) {
        ssize_t wrote = pwrite(fd, body.data + done, body.size - done, (off_t)(offset + done));
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        done += (size_t)wrote;
    }
    return fsync(fd) == 0;
}

/* False after answering: images are the operators' affair, not that of an account they act for. */
static bool is_operators_own(struct call *call)
{
    if (fl_call_is_for_account(call))
        fl_call_problem(call, 403, "This is for operators, not for accounts", NULL, "Fleetlog-As");
    return !fl_call_is_for_account(call);
}

/* The piece of the body; a NULL slice after answering. */
static struct fl_slice read_piece(struct call *call)
{
    const char *text = fl_body_text(call, "piece");
    size_t size = 0;
    if (!fl_call_body_is_good(call))
        return FL_SLICE_NULL;
    uint8_t *piece = fl_arena_alloc(&call->arena, FL_FIRMWARE_CHUNK_SIZE);
    if (piece != NULL &&
        sodium_base642bin(piece, FL_FIRMWARE_CHUNK_SIZE, text, strlen(text), NULL, &size, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0 &&
        size > 0)
        return fl_slice_of(piece, size);
    fl_call_problem(call, 422, "piece must be base64 of 1 byte to 256 KiB", NULL, "piece");
    return FL_SLICE_NULL;
}

void fl_route_post_firmware_image(struct call *call)
{
    struct stat status;
    if (!is_operators_own(call))
        return;
    int64_t offset = fl_body_integer_or(call, "offset", 0);
    struct fl_slice piece = read_piece(call);
    if (piece.data == NULL)
        return;
    if (!is_hash(call->parameters[0])) {
        fl_call_problem(call, 404, "An image is named by its SHA-256 in hex", NULL, NULL);
        return;
    }
    if (offset < 0 || offset > FL_FIRMWARE_SIZE_MAX - (int64_t)piece.size) {
        fl_call_problem(call, 422, "An image may have 64 MiB", NULL, "offset");
        return;
    }
    const char *path = image_path(call, call->parameters[0], true);
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &status) != 0)
        fl_call_error(call, FL_IO);
    else if (status.st_size < offset)
        fl_call_problem(call, 409, "There is a gap before this piece", NULL, "offset");
    else if (!append(fd, (uint64_t)offset, piece))
        fl_call_error(call, FL_FULL);
    else
        fl_call_answer(call, 200,
                       json_pack("{s:I}", "size", (json_int_t)offset + (json_int_t)piece.size));
    if (fd >= 0)
        close(fd);
}

/* Size and hash of a file; false: it cannot be read. */
static bool measure(const char *path, uint64_t *size, uint8_t hash[FL_HASH_SIZE])
{
    uint8_t piece[16 * 1024];
    ssize_t got = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct fl_sha256 *state = fl_sha256_open();
    fl_sha256_begin(state);
    *size = 0;
    while (fd >= 0 && (got = read(fd, piece, sizeof(piece))) > 0) {
        fl_sha256_update(state, piece, (size_t)got);
        *size += (uint64_t)got;
    }
    fl_sha256_end(state, hash);
    fl_sha256_close(&state);
    if (fd >= 0)
        close(fd);
    return got == 0;
}

/* Moves an uploaded image to its place once it is whole; false after answering. `added`: it was not
 * there before. */
static bool take_image(struct call *call, const struct fl_firmware_manifest *manifest, bool *added)
{
    char hex[FL_HASH_TEXT_SIZE];
    uint8_t hash[FL_HASH_SIZE];
    uint64_t size = 0;
    fl_hex_encode(manifest->sha256, FL_HASH_SIZE, hex);
    const char *path = image_path(call, hex, false);
    const char *part = image_path(call, hex, true);
    if (path == NULL || part == NULL) {
        fl_call_error(call, FL_IO);
        return false;
    }
    bool is_there = access(path, F_OK) == 0;
    if (!measure(is_there ? path : part, &size, hash) || size != manifest->size ||
        memcmp(hash, manifest->sha256, sizeof(hash)) != 0) {
        fl_call_problem(call, 422, "The image is not uploaded, or not all of it",
                        "its size and SHA-256 must be those that are published", "sha256");
        return false;
    }
    if (!is_there && (rename(part, path) != 0 || fl_directory_sync_of(path) != FL_OK)) {
        fl_call_error(call, FL_IO);
        return false;
    }
    *added = !is_there;
    return true;
}

/* Answers, if the very same is published already: the signature covers all of a manifest. False:
 * it is not, and nothing is answered. */
static bool answer_added(struct call *call, const uint8_t signature[FL_FIRMWARE_SIGNATURE_SIZE])
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_kv_walk walk;
    const fl_firmware_row *found = NULL;
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return true;
    fl_kv_walk_begin(&walk, read.kv, FL_TABLE_FIRMWARES, FL_SLICE_NULL);
    while (found == NULL && fl_kv_walk_next(&walk)) {
        const fl_firmware_row *row =
            fl_row_decode(read.kv, &call->arena, FL_TABLE_FIRMWARES, walk.value);
        if (row != NULL && row->state == FL_FIRMWARE_PUBLISHED &&
            row->signature.len == FL_FIRMWARE_SIGNATURE_SIZE &&
            memcmp(row->signature.data, signature, FL_FIRMWARE_SIGNATURE_SIZE) == 0)
            found = row;
    }
    if (!fl_call_read_end(call, &read))
        return true;
    if (found != NULL)
        fl_call_answer(call, 200,
                       json_pack("{s:s, s:s, s:o, s:o, s:I, s:s}", "event", "FirmwarePublished",
                                 "firmwareId", found->firmware_id, "model",
                                 fl_text_json(found->model), "version",
                                 fl_text_json(found->version), "sequence", (json_int_t)0,
                                 "addedToNode", call->gateway->duty->datadir->node_id));
    return found != NULL;
}

/* The publisher's key of the configuration; false after answering. */
static bool read_key(struct call *call, uint8_t key[FL_FIRMWARE_KEY_SIZE])
{
    const char *text = fl_config_text(call->gateway->duty->config, FL_SETTING_FIRMWARE_KEY);
    if (text[0] != '\0' && fl_firmware_read_key(text, key))
        return true;
    fl_call_problem(call, 422, "No firmware can be published: [firmware] key is not set",
                    "it is the publisher's public key, as `fleetlog firmware key` prints it", NULL);
    return false;
}

void fl_route_post_firmware(struct call *call)
{
    uint8_t key[FL_FIRMWARE_KEY_SIZE];
    Fleetlog__V1__PublishFirmware action = FLEETLOG__V1__PUBLISH_FIRMWARE__INIT;
    struct fl_firmware_manifest manifest = {.model = NULL};
    if (!is_operators_own(call))
        return;
    action.model = fl_body_text(call, "model");
    action.version = fl_body_text(call, "version");
    action.internal_id = fl_body_text_or(call, "internalId", "");
    action.from_versions = fl_body_texts(call, "fromVersions", &action.n_from_versions);
    int64_t size = fl_body_integer_or(call, "size", 0);
    const uint8_t *hash = fl_body_base64(call, "sha256", FL_HASH_SIZE);
    const uint8_t *signature = fl_body_base64(call, "signature", FL_FIRMWARE_SIGNATURE_SIZE);
    if (!fl_call_body_is_good(call) || !read_key(call, key))
        return;
    action.size = size > 0 ? (uint64_t)size : 0;
    action.sha256 = (ProtobufCBinaryData){FL_HASH_SIZE, (uint8_t *)(uintptr_t)hash};
    action.signature =
        (ProtobufCBinaryData){FL_FIRMWARE_SIGNATURE_SIZE, (uint8_t *)(uintptr_t)signature};
    manifest.model = action.model;
    manifest.version = action.version;
    manifest.internal_id = action.internal_id;
    manifest.stones = (const char *const *)action.from_versions;
    manifest.stone_count = action.n_from_versions;
    manifest.size = action.size;
    memcpy(manifest.sha256, hash, FL_HASH_SIZE);
    if (!fl_firmware_signature_fits(&manifest, signature, key)) {
        fl_call_problem(call, 422, "The signature is not that of the configured key", NULL,
                        "signature");
        return;
    }
    action.firmware_id = fl_call_mint(call);
    bool added = false;
    if (!take_image(call, &manifest, &added) || (added && answer_added(call, signature)))
        return;
    fl_call_act_and_answer(call, &action.base, 201);
}

void fl_route_delete_firmware(struct call *call)
{
    Fleetlog__V1__WithdrawFirmware action = FLEETLOG__V1__WITHDRAW_FIRMWARE__INIT;
    action.firmware_id = call->parameters[0];
    fl_call_act_and_answer(call, &action.base, 200);
}

static json_t *base64_json(struct call *call, ProtobufCBinaryData bytes)
{
    enum { TEXT_SIZE = 128 };
    char *text = fl_arena_alloc(&call->arena, TEXT_SIZE);
    struct fl_json json;
    if (text == NULL)
        return NULL;
    fl_json_init(&json, text, TEXT_SIZE);
    fl_json_base64(&json, fl_slice_of(bytes.data, bytes.len));
    return fl_json_finish(&json) ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
}

static json_t *firmware_json(struct call *call, const fl_firmware_row *row)
{
    json_t *stones = json_array();
    for (size_t i = 0; i < row->n_from_versions; i++)
        json_array_append_new(stones, fl_text_json(row->from_versions[i]));
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:s, s:I}", "firmwareId",
                     row->firmware_id, "model", fl_text_json(row->model), "version",
                     fl_text_json(row->version), "internalId", fl_text_json(row->internal_id),
                     "fromVersions", stones, "size", (json_int_t)row->size, "sha256",
                     base64_json(call, row->sha256), "signature", base64_json(call, row->signature),
                     "state", fl_sm_name(&fl_firmware_machine, row->state), "publishedAtMs",
                     (json_int_t)row->published_at_ms);
}

void fl_route_get_firmware(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_page page;
    struct fl_rows rows = {.count = 0};
    if (!fl_call_page(call, &page) || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    json_t *items = json_array();
    enum fl_error error =
        fl_registry_list(read.kv, &call->arena, FL_LIST_FIRMWARES, FL_SLICE_NULL, &page, &rows);
    for (size_t i = 0; error == FL_OK && i < rows.count; i++)
        json_array_append_new(items, firmware_json(call, rows.rows[i]));
    fl_call_answer_list(call, &read, error, items, rows.next);
}

/* A published image for an agent; NULL after answering. */
static const fl_firmware_row *published(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    if (!fl_call_authenticate_agent(call) ||
        !fl_call_read_begin(call, call->gateway->registry, &read))
        return NULL;
    const fl_firmware_row *row =
        fl_registry_firmware(read.kv, &call->arena, fl_slice_text(call->parameters[0]));
    if (!fl_call_read_end(call, &read))
        return NULL;
    if (row != NULL && row->state == FL_FIRMWARE_PUBLISHED)
        return row;
    fl_call_answer(call, 410,
                   json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title",
                             "There is no such image, or it has been withdrawn", "status", 410,
                             "code", "NOT_FOUND"));
    return NULL;
}

void fl_route_get_agent_firmware(struct call *call)
{
    const fl_firmware_row *row = published(call);
    if (row != NULL)
        fl_call_answer(call, 200, firmware_json(call, row));
}

/* A piece from an offset on. */
void fl_route_get_agent_image(struct call *call)
{
    char hex[FL_HASH_TEXT_SIZE];
    uint64_t offset = 0;
    const fl_firmware_row *row = published(call);
    if (row == NULL || !read_offset(call, &offset))
        return;
    fl_hex_encode(row->sha256.data, FL_HASH_SIZE, hex);
    const char *path = image_path(call, hex, false);
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    char *piece = malloc(FL_FIRMWARE_CHUNK_SIZE);
    ssize_t got =
        fd < 0 || piece == NULL ? -1 : pread(fd, piece, FL_FIRMWARE_CHUNK_SIZE, (off_t)offset);
    if (fd >= 0)
        close(fd);
    if (got < 0) {
        free(piece);
        fl_call_problem(call, 503,
                        fl_arena_printf(&call->arena, "Node %s does not have the image",
                                        call->gateway->duty->datadir->node_id),
                        "publish it once more at that node: the same image is added there", NULL);
        return;
    }
    call->answer->status = 200;
    call->answer->content_type = "application/octet-stream";
    call->answer->body = piece;
    call->answer->body_size = (size_t)got;
}
