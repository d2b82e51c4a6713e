/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/download.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/assert.h"

enum { BLOCK_SIZE = 64 * 1024, DIGEST_SIZE = 2 * 8 + 1, TAG_SIZE = 48 };

bool fl_range_parse(const char *header, uint64_t size, struct fl_range *range)
{
    static const char unit[] = "bytes=";
    uint64_t first = 0;
    uint64_t last = 0;
    if (strncmp(header, unit, sizeof(unit) - 1) != 0)
        return false;
    const char *at = header + sizeof(unit) - 1;
    const char *dash = strchr(at, '-');
    if (dash == NULL)
        return false;
    bool has_first = fl_slice_to_u64(fl_slice_of(at, (size_t)(dash - at)), &first);
    bool has_last = fl_slice_to_u64(fl_slice_text(dash + 1), &last);
    if ((!has_first && dash != at) || (!has_last && dash[1] != '\0') || (!has_first && !has_last) ||
        (has_first && has_last && last < first))
        return false;
    if (!has_first) { /* the last so many */
        range->first = last < size ? size - last : 0;
        range->count = last == 0 ? 0 : size - range->first;
        return true;
    }
    range->first = first;
    range->count = first >= size ? 0 : (has_last && last < size ? last + 1 : size) - first;
    return true;
}

static bool digest_of(int fd, char digest[DIGEST_SIZE])
{
    uint8_t hash[crypto_generichash_BYTES_MIN];
    crypto_generichash_state state;
    uint8_t *block = malloc(BLOCK_SIZE);
    off_t at = 0;
    ssize_t count = -1;
    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    while (block != NULL && (count = pread(fd, block, BLOCK_SIZE, at)) > 0) {
        crypto_generichash_update(&state, block, (size_t)count);
        at += count;
    }
    free(block);
    crypto_generichash_final(&state, hash, sizeof(hash));
    fl_hex_encode(hash, 8, digest);
    return count == 0;
}

/* The part that Range asks for, if If-Range still means this file. False after answering 416. */
static bool apply_range(struct call *call, const char *tag, uint64_t size)
{
    char text[80];
    struct fl_range range = {0, size};
    struct fl_http_answer *answer = call->answer;
    const char *header = fl_http_header(call->request, "Range");
    const char *condition = fl_http_header(call->request, "If-Range");
    if (header == NULL || (condition != NULL && strcmp(condition, tag) != 0) ||
        !fl_range_parse(header, size, &range))
        return true;
    if (range.count == 0) {
        snprintf(text, sizeof(text), "bytes */%llu", (unsigned long long)size);
        fl_http_add_field(answer, "Content-Range", text);
        fl_call_problem(call, 416, "The file has no such part", NULL, "Range");
        return false;
    }
    snprintf(text, sizeof(text), "bytes %llu-%llu/%llu", (unsigned long long)range.first,
             (unsigned long long)(range.first + range.count - 1), (unsigned long long)size);
    fl_http_add_field(answer, "Content-Range", text);
    answer->status = 206;
    answer->file_offset = range.first;
    answer->file_size = range.count;
    return true;
}

void fl_call_download(struct call *call, int take_fd, const struct fl_download *download)
{
    struct stat stat;
    char digest[DIGEST_SIZE];
    char tag[TAG_SIZE];
    char disposition[FL_DOWNLOAD_NAME_SIZE + 32];
    struct fl_http_answer *answer = call->answer;
    const char *known = fl_http_header(call->request, "If-None-Match");
    if (fstat(take_fd, &stat) != 0 || !digest_of(take_fd, digest)) {
        close(take_fd);
        fl_call_error(call, FL_IO);
        return;
    }
    snprintf(tag, sizeof(tag), "\"%llu-%s\"", (unsigned long long)download->sequence, digest);
    fl_http_add_field(answer, "ETag", tag);
    if (known != NULL && (strcmp(known, "*") == 0 || strstr(known, digest) != NULL)) {
        close(take_fd);
        answer->status = 304;
        return;
    }
    answer->status = 200;
    answer->file_size = (uint64_t)stat.st_size;
    if (!apply_range(call, tag, (uint64_t)stat.st_size)) {
        close(take_fd);
        return;
    }
    snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"", download->name);
    fl_http_add_field(answer, "Content-Disposition", disposition);
    fl_http_add_field(answer, "Accept-Ranges", "bytes");
    answer->content_type = download->media_type;
    answer->has_file = true;
    answer->file = take_fd;
}
