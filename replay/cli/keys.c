/* SPDX-License-Identifier: Apache-2.0 */
/* The node's keyring: what is in it, new keys, copies, and another node's admission. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/keyring_backup.h"
#include "core/keyring_change.h"
#include "core/node_keyring.h"
#include "replay/cli/client.h"
#include "replay/cli/commands.h"

static const char admission_file[] = "admission.key";

/* The node's keyring; an exit code. */
static int open_keyring(struct fl_cli *cli, struct fl_keyring **keyring)
{
    char detail[FL_KEYRING_DETAIL_SIZE] = "";
    int code = fl_cli_open_datadir(cli, false);
    if (code != FL_EXIT_DONE)
        return code;
    enum fl_error error = fl_node_keyring_load(cli->config, &cli->datadir, keyring, detail);
    if (error != FL_OK)
        fl_cli_error("%s", detail);
    return fl_error_exit_code(error);
}

static int failed(enum fl_error error, const char *path)
{
    if (error == FL_EXISTS)
        fl_cli_error("%s is there already and is not written over; name another file, or remove it",
                     path);
    else if (error == FL_NOT_FOUND)
        fl_cli_error("there is no %s, or no directory for it", path);
    else if (error != FL_OK)
        fl_cli_error("%s: %s", path, fl_error_text(error));
    return fl_error_exit_code(error);
}

/* The same for a file that is to be opened with a passphrase, or with the secret half of a request:
 * `with` names it. */
static int not_opened(enum fl_error error, const char *path, const char *with)
{
    if (error == FL_UNAUTHENTIC)
        fl_cli_error("%s does not open with %s: it was made for another, or was changed", path,
                     with);
    else if (error == FL_INVALID || error == FL_KEYRING || error == FL_CORRUPT)
        fl_cli_error("%s is no copy of a keyring that opens with %s", path, with);
    else
        return failed(error, path);
    return fl_error_exit_code(error);
}

static json_t *numbers(const uint32_t *list, uint32_t count)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(array, json_integer(list[i]));
    return array;
}

static void print_numbers(const char *what, const uint32_t *list, uint32_t count)
{
    printf("%s", what);
    for (uint32_t i = 0; i < count; i++)
        printf("%s%u", i == 0 ? "" : ", ", list[i]);
    printf("\n");
}

static int list_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    struct fl_keyring *keyring = NULL;
    uint8_t fingerprint[FL_HASH_SIZE];
    uint8_t public_key[FL_KEY_BYTES];
    char hex[2][2 * FL_HASH_SIZE + 1];
    uint32_t epochs[FL_KEYRING_EPOCH_COUNT_MAX];
    uint32_t links[FL_KEYRING_LINK_COUNT_MAX];
    (void)arguments;
    int code = open_keyring(cli, &keyring);
    if (code != FL_EXIT_DONE)
        return code;
    fl_keyring_fingerprint(keyring, fingerprint);
    fl_keyring_checkpoint_key(keyring, public_key);
    fl_hex_encode(fingerprint, sizeof(fingerprint), hex[0]);
    fl_hex_encode(public_key, sizeof(public_key), hex[1]);
    uint32_t epoch_count = fl_keyring_list_epochs(keyring, epochs);
    uint32_t link_count = fl_keyring_list_links(keyring, links);
    fl_keyring_close(&keyring);
    if (cli->json) {
        json_t *json = json_pack("{s:s, s:s, s:o, s:o}", "fingerprint", hex[0], "checkpointKey",
                                 hex[1], "epochs", numbers(epochs, epoch_count), "linkKeys",
                                 numbers(links, link_count));
        fl_print_json(json);
        json_decref(json);
        return FL_EXIT_DONE;
    }
    printf("keyring         %s\ncheckpoint key  %s\n", hex[0], hex[1]);
    print_numbers("profile epochs  ", epochs, epoch_count);
    print_numbers("link keys       ", links, link_count);
    return FL_EXIT_DONE;
}

const struct fl_command fl_command_keys_list = {
    .name = "keys list",
    .operands = "",
    .summary = "say which keys this node's keyring holds, never the keys themselves",
    .run = list_command,
};

static int rotate_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    const char *what = arguments->positional[0];
    json_t *answer = NULL;
    bool is_links = strcmp(what, "links") == 0;
    if (!is_links && strcmp(what, "profiles") != 0)
        return fl_cli_usage("keys rotate takes links or profiles, not \"%s\"", what);
    int code =
        fl_client_call(cli, "POST", is_links ? "/v1/keys/links" : "/v1/keys/epochs", NULL, &answer);
    if (code == FL_EXIT_DONE && cli->json)
        fl_print_json(answer);
    else if (code == FL_EXIT_DONE)
        printf("%s %lld\n", is_links ? "link key" : "epoch",
               (long long)json_integer_value(
                   json_object_get(answer, is_links ? "generation" : "epoch")));
    json_decref(answer);
    return code;
}

const struct fl_command fl_command_keys_rotate = {
    .name = "keys rotate",
    .operands = "links|profiles",
    .summary = "make new keys, on every node: for links to come, or for everybody's profile",
    .examples = "  fleetlog keys rotate links      links that are out keep their worth\n"
                "  fleetlog keys rotate profiles   the old keys are destroyed when all is moved\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = rotate_command,
};

static const struct fl_option passphrase_options[] = {
    {.name = "passphrase-file",
     .argument = "FILE",
     .help = "its first line is the passphrase, 15 characters or more"},
    {.name = NULL},
};

/* The first line of the file; an exit code. */
static int read_passphrase(const char *path, char out[FL_PASSPHRASE_SIZE_MAX + 2],
                           struct fl_slice *passphrase)
{
    size_t size = 0;
    enum fl_error error = fl_file_check_private(path);
    if (error == FL_DENIED) {
        fl_cli_error("%s: others than its owner may read it; chmod 600 it", path);
        return fl_error_exit_code(error);
    }
    if (error == FL_OK)
        error = fl_file_read(path, (uint8_t *)out, FL_PASSPHRASE_SIZE_MAX + 1, &size);
    if (error == FL_TOO_LARGE)
        return fl_cli_usage("%s: a passphrase has %d characters at most", path,
                            FL_PASSPHRASE_SIZE_MAX);
    if (error != FL_OK)
        return failed(error, path);
    out[size] = '\0';
    *passphrase = fl_slice_of(out, strcspn(out, "\r\n"));
    if (passphrase->size < FL_PASSPHRASE_SIZE_MIN)
        return fl_cli_usage("%s: a passphrase has %d characters or more", path,
                            FL_PASSPHRASE_SIZE_MIN);
    return FL_EXIT_DONE;
}

static int backup_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    char text[FL_PASSPHRASE_SIZE_MAX + 2];
    struct fl_slice passphrase = FL_SLICE_NULL;
    struct fl_keyring *keyring = NULL;
    const char *path = arguments->positional[0];
    const char *from = fl_argument(arguments, "passphrase-file");
    if (from == NULL)
        return fl_cli_usage("keys backup needs --passphrase-file FILE");
    int code = read_passphrase(from, text, &passphrase);
    if (code == FL_EXIT_DONE)
        code = open_keyring(cli, &keyring);
    if (code == FL_EXIT_DONE)
        code = failed(fl_keyring_backup(keyring, cli->port, path, passphrase), path);
    sodium_memzero(text, sizeof(text));
    fl_keyring_close(&keyring);
    if (code == FL_EXIT_DONE && !cli->quiet)
        printf("%s: keep it apart from the data; make it anew after each erasure, and destroy the "
               "old one\n",
               path);
    return code;
}

const struct fl_command fl_command_keys_backup = {
    .name = "keys backup",
    .operands = "FILE",
    .summary = "copy the keyring into a file that only a passphrase opens",
    .options = passphrase_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = backup_command,
};

static int request_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    char path[PATH_MAX];
    char text[FL_RECIPIENT_TEXT_SIZE];
    char fingerprint[FL_RECIPIENT_FINGERPRINT_SIZE];
    (void)arguments;
    int code = fl_cli_open_datadir(cli, true);
    if (code != FL_EXIT_DONE)
        return code;
    fl_datadir_path(&cli->datadir, admission_file, path);
    enum fl_error error = fl_recipient_create(path, text);
    if (error == FL_EXISTS)
        error = fl_recipient_load(path, text);
    if (error == FL_OK)
        error = fl_recipient_fingerprint(text, fingerprint);
    if (error != FL_OK)
        return failed(error, path);
    if (cli->json)
        printf("{\"node\":\"%s\",\"fingerprint\":\"%s\"}\n", text, fingerprint);
    else
        printf("node         %s\nfingerprint  %s\n", text, fingerprint);
    return FL_EXIT_DONE;
}

const struct fl_command fl_command_keys_request = {
    .name = "keys request",
    .operands = "",
    .summary = "on a new node: say what another node's `keys admit-node` needs",
    .run = request_command,
};

static const struct fl_option admit_options[] = {
    {.name = "fingerprint",
     .argument = "TEXT",
     .help = "as the new node shows it; read it there yourself"},
    {.name = NULL},
};

static int admit_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    struct fl_keyring *keyring = NULL;
    char fingerprint[FL_RECIPIENT_FINGERPRINT_SIZE];
    const char *node = arguments->positional[0];
    const char *path = arguments->positional[1];
    const char *given = fl_argument(arguments, "fingerprint");
    if (given == NULL)
        return fl_cli_usage("keys admit-node needs --fingerprint, as the new node shows it");
    if (fl_recipient_fingerprint(node, fingerprint) != FL_OK)
        return fl_cli_usage("\"%.80s\" is no node's request; see `fleetlog keys request`", node);
    if (strcmp(given, fingerprint) != 0) {
        fl_cli_error("the fingerprint of this request is %s: it is not from the node that you "
                     "have looked at",
                     fingerprint);
        return FL_EXIT_USAGE;
    }
    int code = open_keyring(cli, &keyring);
    if (code == FL_EXIT_DONE)
        code = failed(fl_keyring_send(keyring, path, node), path);
    fl_keyring_close(&keyring);
    if (code == FL_EXIT_DONE && !cli->quiet)
        printf("%s: only that node can open it; there: fleetlog keys restore FILE\n", path);
    return code;
}

const struct fl_command fl_command_keys_admit_node = {
    .name = "keys admit-node",
    .operands = "NODE FILE",
    .summary = "seal this node's keyring into FILE, for the node that asked",
    .examples = "  fleetlog keys request                                  on the new node\n"
                "  fleetlog keys admit-node fleetlog-node-1:… for-b.keys --fingerprint 12ab-…\n"
                "  fleetlog keys restore for-b.keys                       on the new node\n",
    .options = admit_options,
    .positional_min = 2,
    .positional_max = 2,
    .run = admit_command,
};

/* Writes the keyring where there is none. */
static int install(struct fl_cli *cli, const struct fl_keyring *keyring)
{
    char path[PATH_MAX];
    char detail[FL_KEYRING_DETAIL_SIZE] = "";
    uint8_t wrap_key[FL_KEY_BYTES];
    bool made = false;
    fl_datadir_path(&cli->datadir, "keyring", path);
    if (access(path, F_OK) == 0) {
        fl_cli_error("this node has a keyring, %s, which is not written over", path);
        return fl_error_exit_code(FL_EXISTS);
    }
    enum fl_error error =
        fl_node_wrap_key(cli->config, &cli->datadir, cli->port, true, wrap_key, &made, detail);
    if (error != FL_OK) {
        fl_cli_error("%s", detail);
        return fl_error_exit_code(error);
    }
    error = fl_keyring_save(keyring, path, wrap_key);
    sodium_memzero(wrap_key, sizeof(wrap_key));
    return failed(error, path);
}

static int restore_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    char secret[PATH_MAX];
    char text[FL_PASSPHRASE_SIZE_MAX + 2];
    struct fl_slice passphrase = FL_SLICE_NULL;
    struct fl_keyring *keyring = NULL;
    const char *path = arguments->positional[0];
    const char *from = fl_argument(arguments, "passphrase-file");
    int code = fl_cli_open_datadir(cli, true);
    if (code == FL_EXIT_DONE && from != NULL)
        code = read_passphrase(from, text, &passphrase);
    if (code != FL_EXIT_DONE)
        return code;
    fl_datadir_path(&cli->datadir, admission_file, secret);
    if (from == NULL && access(secret, F_OK) != 0) {
        fl_cli_error("this node has asked for no admission (`fleetlog keys request`); a copy of "
                     "`keys backup` opens with --passphrase-file");
        return FL_EXIT_FAILED;
    }
    code = not_opened(from != NULL ? fl_keyring_restore(path, passphrase, &keyring)
                                   : fl_keyring_receive(path, secret, &keyring),
                      path, from != NULL ? "this passphrase" : "this node's request");
    if (from != NULL)
        sodium_memzero(text, sizeof(text));
    if (code == FL_EXIT_DONE)
        code = install(cli, keyring);
    fl_keyring_close(&keyring);
    if (code == FL_EXIT_DONE && from == NULL)
        (void)unlink(secret);
    return code;
}

const struct fl_command fl_command_keys_restore = {
    .name = "keys restore",
    .operands = "FILE",
    .summary = "put a keyring from `keys backup` or `keys admit-node` into a node that has none",
    .options = passphrase_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = restore_command,
};
