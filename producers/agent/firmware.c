/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/agent/firmware.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/diag.h"
#include "core/fault_point.h"
#include "core/file.h"
#include "core/hash.h"
#include "producers/agent/agent_internal.h"
#include "producers/agent/installer.h"
#include "projections/telemetry/firmware.h"

enum { ANSWER_MS = 60000, AGAIN_MS = 10000, IMAGE_PATH_SIZE = 4096, BOOT_SIZE = 64 };

enum phase { PHASE_MANIFEST, PHASE_IMAGE, PHASE_CHECKED, PHASE_RUNNING };

struct fl_firmware_job {
    char command_id[FL_ID_TEXT_SIZE];
    enum phase phase;
    json_t *answer; /* the manifest's texts live in it */
    struct fl_firmware_manifest manifest;
    const char *stones[FL_FIRMWARE_STONE_COUNT_MAX];
    char path[IMAGE_PATH_SIZE];
    uint64_t have;     /* bytes of the image */
    int64_t ask_at_ms; /* not before */
    pid_t pid;
    int64_t kill_at_ms;
};

static struct fl_agent_command *command_of(struct fl_agent *agent)
{
    struct fl_agent_command *command = agent->commands;
    while (command != NULL && strcmp(command->id, agent->firmware->command_id) != 0)
        command = command->next;
    return command;
}

static void drop_job(struct fl_agent *agent)
{
    json_decref(agent->firmware->answer);
    free(agent->firmware);
    agent->firmware = NULL;
}

void fl_firmware_free(struct fl_agent *agent)
{
    if (agent->firmware != NULL)
        drop_job(agent);
}

/* Ends the upgrade as failed. */
static void give_up(struct fl_agent *agent, const char *reason)
{
    struct fl_agent_command *command = command_of(agent);
    drop_job(agent);
    if (command == NULL)
        return;
    fl_command_end(agent, command, "FAILED", reason);
    fl_agent_commit(agent);
}

static bool read_manifest(struct fl_firmware_job *job)
{
    size_t size = 0;
    size_t i;
    const json_t *stone;
    struct fl_firmware_manifest *manifest = &job->manifest;
    const char *hash = json_string_value(json_object_get(job->answer, "sha256"));
    manifest->model = json_string_value(json_object_get(job->answer, "model"));
    manifest->version = json_string_value(json_object_get(job->answer, "version"));
    manifest->internal_id = json_string_value(json_object_get(job->answer, "internalId"));
    manifest->stones = job->stones;
    manifest->stone_count = 0;
    manifest->size = (uint64_t)json_integer_value(json_object_get(job->answer, "size"));
    json_array_foreach(json_object_get(job->answer, "fromVersions"), i, stone)
    {
        if (i == FL_FIRMWARE_STONE_COUNT_MAX || !json_is_string(stone))
            return false;
        job->stones[manifest->stone_count++] = json_string_value(stone);
    }
    return manifest->model != NULL && manifest->version != NULL && manifest->internal_id != NULL &&
           hash != NULL && manifest->size > 0 && manifest->size <= FL_FIRMWARE_SIZE_MAX &&
           strlen(manifest->version) < FL_FIRMWARE_VERSION_SIZE &&
           strlen(manifest->internal_id) < FL_FIRMWARE_ID_SIZE &&
           sodium_base642bin(manifest->sha256, sizeof(manifest->sha256), hash, strlen(hash), NULL,
                             &size, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
           size == sizeof(manifest->sha256);
}

static bool is_signed(const struct fl_agent *agent, const struct fl_firmware_job *job)
{
    uint8_t signature[FL_FIRMWARE_SIGNATURE_SIZE];
    size_t size = 0;
    const char *text = json_string_value(json_object_get(job->answer, "signature"));
    return text != NULL &&
           sodium_base642bin(signature, sizeof(signature), text, strlen(text), NULL, &size, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           size == sizeof(signature) &&
           fl_firmware_signature_fits(&job->manifest, signature, agent->options->firmware_key);
}

static struct fl_slice trimmed(struct fl_slice text)
{
    while (text.size > 0 && text.data[text.size - 1] == ' ')
        text.size--;
    return text;
}

static struct fl_slice value_of(const struct fl_agent_device *device, const char *first,
                                const char *second)
{
    struct fl_slice value = fl_nut_list_find(&device->values, fl_slice_text(first));
    return value.size > 0 ? value : fl_nut_list_find(&device->values, fl_slice_text(second));
}

/* Why the image is not for the device as it reports itself now; NULL: it is. */
static const char *misfit(const struct fl_agent_device *device,
                          const struct fl_firmware_manifest *manifest)
{
    struct fl_firmware_version present;
    if (!fl_slice_is(trimmed(value_of(device, "device.model", "ups.model")), manifest->model))
        return "WRONG_MODEL";
    if (!fl_firmware_parse(value_of(device, "ups.firmware", "ups.firmware.aux"), &present))
        return "NOT_ON_PATH";
    for (size_t i = 0; i < manifest->stone_count; i++)
        if (fl_firmware_is_stone(&present, manifest->stones[i]))
            return NULL;
    return "NOT_ON_PATH";
}

/* Goes on behind what an earlier attempt has fetched. */
static void find_image(struct fl_agent *agent, struct fl_firmware_job *job, const char *firmware_id)
{
    struct stat status;
    char directory[IMAGE_PATH_SIZE - 64];
    snprintf(directory, sizeof(directory), "%s/firmware", agent->options->state_directory);
    if (fl_directory_ensure(directory, 0700) != FL_OK)
        fl_diag(RETRY, FL_TEXT("lane", "control"), FL_TEXT("why", "DIR/firmware cannot be made"));
    snprintf(job->path, sizeof(job->path), "%s/%s", directory, firmware_id);
    job->have = stat(job->path, &status) == 0 ? (uint64_t)status.st_size : 0;
    if (job->have > job->manifest.size) {
        unlink(job->path);
        job->have = 0;
    }
}

/* Size and hash of what lies there are those that were signed. */
static bool is_whole(const struct fl_firmware_job *job)
{
    uint8_t piece[16 * 1024];
    uint8_t hash[FL_HASH_SIZE];
    ssize_t got = -1;
    int fd = open(job->path, O_RDONLY | O_CLOEXEC);
    struct fl_sha256 *state = fl_sha256_open();
    fl_sha256_begin(state);
    while (fd >= 0 && (got = read(fd, piece, sizeof(piece))) > 0)
        fl_sha256_update(state, piece, (size_t)got);
    fl_sha256_end(state, hash);
    fl_sha256_close(&state);
    if (fd >= 0)
        close(fd);
    return got == 0 && memcmp(hash, job->manifest.sha256, sizeof(hash)) == 0;
}

static void check_image(struct fl_agent *agent)
{
    struct fl_firmware_job *job = agent->firmware;
    if (job->have < job->manifest.size)
        return;
    if (is_whole(job)) {
        job->phase = PHASE_CHECKED;
        return;
    }
    unlink(job->path);
    give_up(agent, "HASH_MISMATCH");
}

/* True for an answer that is one. Otherwise this upgrade waits: a node without the image is no
 * reason to keep the lane from everything else. */
static bool is_answered(struct fl_agent *agent, long status, const char *why)
{
    struct fl_firmware_job *job = agent->firmware;
    bool again = status == 0 || status == 429 || status >= 500;
    if (!again)
        return fl_lane_settled(agent, FL_AGENT_LANE_CONTROL, status, why) && job != NULL;
    if (job != NULL)
        job->ask_at_ms = fl_port_monotonic_ms(agent->port) + AGAIN_MS;
    return false;
}

static void on_manifest(void *context, long status, struct fl_slice body, const char *why)
{
    struct fl_agent *agent = context;
    struct fl_firmware_job *job = agent->firmware;
    status = fl_control_status(status, body);
    if (!is_answered(agent, status, why))
        return;
    const struct fl_agent_command *command = command_of(agent);
    const struct fl_agent_device *device =
        command == NULL ? NULL : fl_devices_by_id(agent, command->device_id);
    if (command == NULL || command->state != FL_COMMAND_READY || device == NULL) {
        drop_job(agent);
        return;
    }
    job->answer = status == 200 ? json_loadb((const char *)body.data, body.size, 0, NULL) : NULL;
    if (status != 200) {
        give_up(agent, "IMAGE_GONE");
        return;
    }
    if (job->answer == NULL || !read_manifest(job) || !is_signed(agent, job)) {
        give_up(agent, "SIGNATURE_INVALID");
        return;
    }
    const char *reason = misfit(device, &job->manifest);
    if (reason != NULL) {
        give_up(agent, reason);
        return;
    }
    job->phase = PHASE_IMAGE;
    find_image(agent, job, command->parameter);
    check_image(agent);
}

static bool append(const struct fl_firmware_job *job, struct fl_slice piece)
{
    int fd = open(job->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    bool good = fd >= 0 &&
                pwrite(fd, piece.data, piece.size, (off_t)job->have) == (ssize_t)piece.size &&
                fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

static void on_image(void *context, long status, struct fl_slice body, const char *why)
{
    struct fl_agent *agent = context;
    struct fl_firmware_job *job = agent->firmware;
    status = fl_control_status(status, body);
    if (!is_answered(agent, status, why))
        return;
    if (status != 200) {
        give_up(agent, "IMAGE_GONE");
    } else if (body.size == 0 || body.size > job->manifest.size - job->have) {
        unlink(job->path);
        give_up(agent, "HASH_MISMATCH");
    } else if (!append(job, body)) {
        give_up(agent, "NO_ROOM");
    } else {
        job->have += body.size;
        fl_fault_point("agent_fetched");
        check_image(agent);
    }
}

static void get(struct fl_agent *agent, const char *path, fl_agent_on_answer *on_answer)
{
    struct fl_agent_request request = {.method = "GET",
                                       .path = path,
                                       .is_signed = true,
                                       .timeout_ms = ANSWER_MS,
                                       .on_answer = on_answer,
                                       .context = agent};
    if (fl_agent_http_start(agent->http, FL_AGENT_LANE_CONTROL, &request) != FL_OK)
        fl_agent_fail(agent, FL_NO_MEMORY, "a request cannot be made");
}

/* The next upgrade to begin with; NULL: none. */
static struct fl_agent_command *next_upgrade(struct fl_agent *agent)
{
    int64_t gateway_ms = fl_agent_http_gateway_ms(agent->http);
    for (struct fl_agent_command *at = agent->commands; at != NULL; at = at->next) {
        const struct fl_agent_device *device = fl_devices_by_id(agent, at->device_id);
        if (at->kind == FL_AGENT_COMMAND_FIRMWARE_UPGRADE && at->state == FL_COMMAND_READY &&
            gateway_ms < at->expires_at_ms && device != NULL && device->ups != NULL &&
            device->has_values && !device->stale)
            return at;
    }
    return NULL;
}

bool fl_firmware_ask(struct fl_agent *agent)
{
    char path[FL_AGENT_PATH_SIZE];
    struct fl_firmware_job *job = agent->firmware;
    if (job == NULL) {
        struct fl_agent_command *command = next_upgrade(agent);
        if (command == NULL)
            return false;
        bool is_id = fl_id_is_valid(fl_slice_text(command->parameter)); /* it names a file */
        if (agent->options->installer == NULL || !is_id) {
            fl_command_end(agent, command, "FAILED", is_id ? "NOT_CONFIGURED" : "IMAGE_GONE");
            return false;
        }
        agent->firmware = calloc(1, sizeof(*agent->firmware));
        if (agent->firmware == NULL)
            return false;
        job = agent->firmware;
        memcpy(job->command_id, command->id, sizeof(job->command_id));
    }
    const struct fl_agent_command *command = command_of(agent);
    if (command == NULL || command->state == FL_COMMAND_ENDED) {
        drop_job(agent);
        return false;
    }
    if (fl_port_monotonic_ms(agent->port) < job->ask_at_ms)
        return false;
    if (job->phase == PHASE_MANIFEST) {
        snprintf(path, sizeof(path), FL_AGENT_PATH_FIRMWARE "/%.36s", command->parameter);
        get(agent, path, on_manifest);
        return true;
    }
    if (job->phase == PHASE_IMAGE) {
        snprintf(path, sizeof(path),
                 FL_AGENT_PATH_FIRMWARE "/%.36s" FL_AGENT_TAIL_IMAGE "?offset=%llu",
                 command->parameter, (unsigned long long)job->have);
        get(agent, path, on_image);
        return true;
    }
    return false;
}

/* DIR/firmware/<command><tail>: notes of one start, for the agent after this one. */
static bool note_path(const struct fl_agent *agent, const char *command_id, const char *tail,
                      char out[IMAGE_PATH_SIZE])
{
    int size = snprintf(out, IMAGE_PATH_SIZE, "%s/firmware/%s%s", agent->options->state_directory,
                        command_id, tail);
    return size > 0 && size < IMAGE_PATH_SIZE;
}

static void drop_notes(const struct fl_agent *agent, const char *command_id)
{
    char path[IMAGE_PATH_SIZE];
    if (note_path(agent, command_id, ".boot", path))
        unlink(path);
    if (note_path(agent, command_id, ".started", path))
        unlink(path);
}

/* Which start of this machine it is; "" if that is not known. */
static void read_boot(char out[BOOT_SIZE])
{
    size_t size = 0;
    if (fl_file_read("/proc/sys/kernel/random/boot_id", out, BOOT_SIZE - 1, &size) != FL_OK)
        size = 0;
    out[size] = '\0';
}

/* A power cut may take the note of the installer's start: its absence counts in this boot only. */
static bool mark_intent(const struct fl_agent *agent, const char *command_id)
{
    char path[IMAGE_PATH_SIZE];
    char boot[BOOT_SIZE];
    drop_notes(agent, command_id);
    read_boot(boot);
    return note_path(agent, command_id, ".boot", path) &&
           fl_file_replace(path, fl_slice_text(boot), 0600) == FL_OK;
}

bool fl_firmware_was_started(const struct fl_agent *agent, const char *command_id)
{
    char path[IMAGE_PATH_SIZE];
    char boot[2][BOOT_SIZE];
    size_t size = 0;
    read_boot(boot[0]);
    if (boot[0][0] == '\0' || !note_path(agent, command_id, ".boot", path) ||
        fl_file_read(path, boot[1], BOOT_SIZE - 1, &size) != FL_OK)
        return true;
    boot[1][size] = '\0';
    if (strcmp(boot[0], boot[1]) != 0 || !note_path(agent, command_id, ".started", path))
        return true;
    /* Who makes it has it: a child that is still on its way will not become the installer. It stays
     * for that one; the next agent removes it. */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return true;
    close(fd);
    return false;
}

void fl_firmware_sweep(const struct fl_agent *agent)
{
    char path[IMAGE_PATH_SIZE];
    snprintf(path, sizeof(path), "%s/firmware", agent->options->state_directory);
    DIR *directory = opendir(path);
    const struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char id[FL_ID_TEXT_SIZE];
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || dot - entry->d_name != FL_ID_TEXT_SIZE - 1)
            continue;
        snprintf(id, sizeof(id), "%.36s", entry->d_name);
        const struct fl_agent_command *command = agent->commands;
        while (command != NULL &&
               (command->state != FL_COMMAND_INTENDED || strcmp(command->id, id) != 0))
            command = command->next;
        if (command == NULL)
            drop_notes(agent, id);
    }
    if (directory != NULL)
        closedir(directory);
}

/* Writes down that it is done, then does it. */
static void start(struct fl_agent *agent, struct fl_agent_command *command,
                  const struct fl_agent_device *device, int64_t now_ms)
{
    struct fl_firmware_job *job = agent->firmware;
    char texts[3][FL_COMMAND_TEXT_SIZE];
    char ups[2 * FL_COMMAND_TEXT_SIZE];
    char started[IMAGE_PATH_SIZE];
    const char *obstacle = fl_agent_command_obstacle(command->kind, &device->values);
    const char *reason = obstacle != NULL ? obstacle : misfit(device, &job->manifest);
    if (reason != NULL) {
        give_up(agent, reason);
        return;
    }
    fl_agent_text(value_of(device, "device.model", "ups.model"), texts[0], sizeof(texts[0]));
    fl_agent_text(value_of(device, "device.serial", "ups.serial"), texts[1], sizeof(texts[1]));
    fl_agent_text(value_of(device, "ups.firmware", "ups.firmware.aux"), texts[2], sizeof(texts[2]));
    snprintf(ups, sizeof(ups), "%s@%s", device->ups_name, device->upsd_address);
    struct fl_installer_run run = {.program = agent->options->installer,
                                   .image = job->path,
                                   .command_id = command->id,
                                   .ups = ups,
                                   .model = texts[0],
                                   .serial = texts[1],
                                   .firmware_before = texts[2],
                                   .version = job->manifest.version};
    snprintf(command->notes.result, sizeof(command->notes.result), "%s/%s", job->manifest.version,
             job->manifest.internal_id);
    if (!mark_intent(agent, command->id) || !note_path(agent, command->id, ".started", started)) {
        give_up(agent, "NO_ROOM");
        return;
    }
    run.started_path = started;
    fl_command_move(agent, command, FL_COMMAND_INTENDED);
    if (!fl_agent_commit(agent))
        return;
    fl_fault_point("agent_intended");
    if (fl_installer_start(&run, &job->pid) != FL_OK) {
        drop_notes(agent, command->id);
        give_up(agent, "INSTALLER_MISSING");
        return;
    }
    job->phase = PHASE_RUNNING;
    job->kill_at_ms = now_ms + agent->options->installer_ms;
    fl_fault_point("agent_installing");
}

static void look_at_installer(struct fl_agent *agent, struct fl_agent_command *command,
                              int64_t now_ms)
{
    char word[32];
    struct fl_firmware_job *job = agent->firmware;
    const char *end = fl_installer_poll(job->pid, word);
    if (end == NULL && now_ms < job->kill_at_ms)
        return;
    if (end == NULL) {
        fl_installer_kill(job->pid);
        end = "INSTALLER_TIMEOUT";
    }
    unlink(job->path);
    drop_notes(agent, command->id);
    if (end[0] != '\0') {
        give_up(agent, end);
        return;
    }
    drop_job(agent);
    command->owes_acknowledgement = true;
    fl_command_watch(agent, command);
    fl_agent_commit(agent);
}

static bool is_busy_otherwise(const struct fl_agent *agent, const struct fl_agent_command *command)
{
    for (const struct fl_agent_command *at = agent->commands; at != NULL; at = at->next)
        if (at != command &&
            (at->state == FL_COMMAND_INTENDED || at->state == FL_COMMAND_WATCHED) &&
            strcmp(at->device_id, command->device_id) == 0)
            return true;
    return false;
}

void fl_firmware_step(struct fl_agent *agent, int64_t now_ms)
{
    struct fl_firmware_job *job = agent->firmware;
    if (job == NULL || job->phase < PHASE_CHECKED)
        return;
    struct fl_agent_command *command = command_of(agent);
    if (job->phase == PHASE_RUNNING) {
        if (command != NULL)
            look_at_installer(agent, command, now_ms);
        return;
    }
    const struct fl_agent_device *device =
        command == NULL ? NULL : fl_devices_by_id(agent, command->device_id);
    if (device == NULL || command->state != FL_COMMAND_READY)
        drop_job(agent);
    else if (device->ups != NULL && device->has_values && !device->stale &&
             !is_busy_otherwise(agent, command))
        start(agent, command, device, now_ms);
}
