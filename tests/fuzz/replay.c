/* SPDX-License-Identifier: Apache-2.0
 * Without libFuzzer: feeds every file of the given folders to the target, and each also cut short
 * at every byte and with every byte changed, so that the seeds are worth more. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_SIZE_MAX = 1 << 20, VARIANT_SIZE_MAX = 2048 };

/* A block of its own size, so that ASan sees one byte too far. */
static void feed(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    fl_assert(copy != NULL);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void feed_variants(uint8_t *data, size_t size)
{
    for (size_t cut = 0; cut < size && cut < VARIANT_SIZE_MAX; cut++)
        feed(data, cut);
    for (size_t at = 0; at < size && at < VARIANT_SIZE_MAX; at++) {
        uint8_t kept = data[at];
        data[at] = (uint8_t)(kept ^ 0xff);
        feed(data, size);
        data[at] = (uint8_t)(kept + 1);
        feed(data, size);
        data[at] = kept;
    }
}

static unsigned replay_folder(const char *folder)
{
    static uint8_t data[INPUT_SIZE_MAX];
    unsigned count = 0;
    DIR *open = opendir(folder);
    fl_assert(open != NULL);
    for (struct dirent *entry; (entry = readdir(open)) != NULL;) {
        char path[1024];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        FILE *file = fopen(path, "rb");
        fl_assert(file != NULL);
        size_t size = fread(data, 1, sizeof(data), file);
        fclose(file);
        feed(data, size);
        feed_variants(data, size);
        count++;
    }
    closedir(open);
    return count;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    for (int i = 1; i < argc; i++)
        count += replay_folder(argv[i]);
    printf("%u seeds\n", count);
    return count == 0;
}
