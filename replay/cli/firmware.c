/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware images: signed here, uploaded in pieces, published. */
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/file.h"
#include "core/hash.h"
#include "producers/firmware_manifest.h"
#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"

enum { PATH_SIZE = 256, BASE64_SIZE = 128 };

static const char *base64(const uint8_t *bytes, size_t size, char out[BASE64_SIZE])
{
    return sodium_bin2base64(out, BASE64_SIZE, bytes, size, sodium_base64_VARIANT_ORIGINAL);
}

/* The seed of a key file, which nobody else may read; false after saying so. */
static bool read_seed(const char *path, uint8_t seed[FL_FIRMWARE_KEY_SIZE])
{
    size_t size = 0;
    if (fl_file_check_private(path) == FL_OK &&
        fl_file_read(path, seed, FL_FIRMWARE_KEY_SIZE, &size) == FL_OK &&
        size == FL_FIRMWARE_KEY_SIZE)
        return true;
    fl_cli_error(
        "%s is no key of 32 bytes that only you can read; `fleetlog firmware key` makes one", path);
    return false;
}

static int key_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    uint8_t seed[FL_FIRMWARE_KEY_SIZE];
    uint8_t public_key[FL_FIRMWARE_KEY_SIZE];
    char text[BASE64_SIZE];
    const char *path = arguments->positional[0];
    if (access(path, F_OK) != 0) {
        fl_port_random(cli->port, seed, sizeof(seed));
        enum fl_error error = fl_file_create(path, fl_slice_of(seed, sizeof(seed)), 0600);
        if (error != FL_OK) {
            fl_cli_error("%s: %s", path, fl_error_text(error));
            return fl_error_exit_code(error);
        }
    } else if (!read_seed(path, seed)) {
        return FL_EXIT_FAILED;
    }
    fl_firmware_public_key(seed, public_key);
    sodium_memzero(seed, sizeof(seed));
    printf("%s\n", base64(public_key, sizeof(public_key), text));
    return FL_EXIT_DONE;
}

const struct fl_command fl_command_firmware_key = {
    .name = "firmware key",
    .operands = "FILE",
    .summary = "make a publisher's key, or show its public half: for [firmware] key and for agents",
    .examples = "  fleetlog firmware key ./publisher.key\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = key_command,
};

/* The whole image in memory; NULL after saying why not. */
static uint8_t *read_image(const char *path, size_t *size)
{
    uint8_t *image = malloc(FL_FIRMWARE_SIZE_MAX);
    enum fl_error error =
        image == NULL ? FL_NO_MEMORY : fl_file_read(path, image, FL_FIRMWARE_SIZE_MAX, size);
    if (error == FL_OK && *size > 0)
        return image;
    fl_cli_error("%s: %s", path, error == FL_OK ? "the image is empty" : fl_error_text(error));
    free(image);
    return NULL;
}

static int upload(struct fl_cli *cli, const uint8_t *image, size_t size, const char *hex)
{
    char path[PATH_SIZE];
    char *text = malloc(2 * FL_FIRMWARE_CHUNK_SIZE);
    int code = text == NULL ? FL_EXIT_FAILED : FL_EXIT_DONE;
    snprintf(path, sizeof(path), "/v1/firmware/images/%s", hex);
    for (size_t at = 0; code == FL_EXIT_DONE && at < size; at += FL_FIRMWARE_CHUNK_SIZE) {
        json_t *answer = NULL;
        size_t piece = size - at < FL_FIRMWARE_CHUNK_SIZE ? size - at : FL_FIRMWARE_CHUNK_SIZE;
        sodium_bin2base64(text, 2 * FL_FIRMWARE_CHUNK_SIZE, image + at, piece,
                          sodium_base64_VARIANT_ORIGINAL);
        json_t *body = json_pack("{s:I, s:s}", "offset", (json_int_t)at, "piece", text);
        code = fl_client_call(cli, "POST", path, body, &answer);
        json_decref(body);
        json_decref(answer);
    }
    free(text);
    return code;
}

static void print_published(const json_t *answer)
{
    const char *node = fl_json_member(answer, "addedToNode");
    printf("%s %s for %s as %s.\n", node[0] != '\0' ? "Added to this node:" : "Published",
           fl_json_member(answer, "version"), fl_json_member(answer, "model"),
           fl_json_member(answer, "firmwareId"));
}

static int publish(struct fl_cli *cli, const struct fl_firmware_manifest *manifest,
                   const uint8_t seed[FL_FIRMWARE_KEY_SIZE])
{
    uint8_t signature[FL_FIRMWARE_SIGNATURE_SIZE];
    char texts[2][BASE64_SIZE];
    if (!fl_firmware_sign(manifest, seed, signature))
        return fl_cli_usage("model, versions and ids are too long to be signed");
    json_t *stones = json_array();
    for (size_t i = 0; i < manifest->stone_count; i++)
        json_array_append_new(stones, json_string(manifest->stones[i]));
    return fl_client_change(cli, "POST", "/v1/firmware", NULL,
                            json_pack("{s:s, s:s, s:s, s:o, s:I, s:s, s:s}", "model",
                                      manifest->model, "version", manifest->version, "internalId",
                                      manifest->internal_id, "fromVersions", stones, "size",
                                      (json_int_t)manifest->size, "sha256",
                                      base64(manifest->sha256, sizeof(manifest->sha256), texts[0]),
                                      "signature", base64(signature, sizeof(signature), texts[1])),
                            print_published);
}

static int publish_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    uint8_t seed[FL_FIRMWARE_KEY_SIZE];
    char hex[FL_HASH_TEXT_SIZE];
    size_t size = 0;
    const char *stones[FL_FIRMWARE_STONE_COUNT_MAX];
    const char *key = fl_argument(arguments, "key");
    const char *internal_id = fl_argument(arguments, "internal-id");
    struct fl_firmware_manifest manifest = {.model = fl_argument(arguments, "model"),
                                            .version = fl_argument(arguments, "version"),
                                            .internal_id = internal_id == NULL ? "" : internal_id,
                                            .stones = stones};
    const char *stone;
    while (manifest.stone_count < FL_FIRMWARE_STONE_COUNT_MAX &&
           (stone = fl_argument_at(arguments, "from", manifest.stone_count)) != NULL)
        stones[manifest.stone_count++] = stone;
    if (key == NULL || manifest.model == NULL || manifest.version == NULL ||
        manifest.stone_count == 0)
        return fl_cli_usage("--key, --model, --version and at least one --from are needed");
    if (!read_seed(key, seed))
        return FL_EXIT_FAILED;
    uint8_t *image = read_image(arguments->positional[0], &size);
    if (image == NULL)
        return FL_EXIT_FAILED;
    manifest.size = size;
    fl_sha256(fl_slice_of(image, size), manifest.sha256);
    fl_hex_encode(manifest.sha256, sizeof(manifest.sha256), hex);
    int code = upload(cli, image, size, hex);
    if (code == FL_EXIT_DONE)
        code = publish(cli, &manifest, seed);
    sodium_memzero(seed, sizeof(seed));
    free(image);
    return code;
}

static const struct fl_option publish_options[] = {
    {"key", 'k', "FILE", "the publisher's key"},
    {"model", 'm', "MODEL", "as the device reports it"},
    {"version", 'v', "VERSION", "as the device will report it, such as 09.8"},
    {"internal-id", 'i', "ID", "the internal id that it will report, if it has one"},
    {"from", 'f', "VERSION", "a version that it may follow, 09.3 or 09.3/18; several times"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_firmware_publish = {
    .name = "firmware publish",
    .operands = "IMAGE --key FILE --model MODEL --version VERSION --from VERSION…",
    .summary = "sign a firmware image and offer it to the devices that it is for",
    .examples = "  (with several nodes: once on each; the others then only add the image)\n"
                "  fleetlog firmware publish SMT_09.8.enc --key ./publisher.key \\\n"
                "      --model 'Smart-UPS 1500' --version 09.8 --from 09.3 --from 09.5\n",
    .options = publish_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = publish_command,
};

static void add_firmware(void *table, const json_t *item)
{
    char stones[256] = "";
    const json_t *from = json_object_get(item, "fromVersions");
    for (size_t i = 0; i < json_array_size(from); i++) {
        const char *one = json_string_value(json_array_get(from, i));
        size_t used = strlen(stones);
        snprintf(stones + used, sizeof(stones) - used, "%s%s", i == 0 ? "" : " ",
                 one == NULL ? "" : one);
    }
    const char *cells[] = {fl_json_member(item, "firmwareId"), fl_json_member(item, "state"),
                           fl_json_member(item, "model"), fl_json_member(item, "version"), stones};
    fl_table_add(table, cells);
}

static int list_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"FIRMWARE", "STATE", "MODEL", "VERSION", "FROM"};
    (void)arguments;
    return fl_client_table(cli, "/v1/firmware", headings, 5, add_firmware);
}

const struct fl_command fl_command_firmware_list = {
    .name = "firmware list",
    .operands = "",
    .summary = "list firmware images, published and withdrawn",
    .run = list_command,
};

static void print_withdrawn(const json_t *answer)
{
    printf("Withdrawn: %s for %s.\n", fl_json_member(answer, "version"),
           fl_json_member(answer, "model"));
}

static int withdraw_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return fl_client_change(cli, "DELETE", "/v1/firmware/%s", arguments->positional[0], json_null(),
                            print_withdrawn);
}

const struct fl_command fl_command_firmware_withdraw = {
    .name = "firmware withdraw",
    .operands = "FIRMWARE",
    .summary = "offer an image no longer; what has not begun with it does not begin",
    .positional_min = 1,
    .positional_max = 1,
    .run = withdraw_command,
};
