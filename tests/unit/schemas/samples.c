/* SPDX-License-Identifier: Apache-2.0
 * samples write DIR SEED: one random message of each type as TYPE.bin and TYPE.json.
 * samples read TYPE < JSON > protobuf: through our own reader.
 * For the oracle test, which compares both with other people's tools.
 * samples asyncapi: the document that schemas/asyncapi.yaml has to be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "schemas/asyncapi.h"
#include "schemas/codec.h"
#include "schemas/fields.h"
#include "tests/unit/schemas/maker.h"

static void write_file(const char *folder, const char *name, const char *suffix,
                       struct fl_slice bytes)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s.%s", folder, name, suffix);
    FILE *file = fopen(path, "wb");
    fl_assert(file != NULL);
    fl_assert(fwrite(bytes.data, 1, bytes.size, file) == bytes.size);
    fl_assert(fclose(file) == 0);
}

static int write_samples(struct fl_arena *arena, const char *folder, const char *seed)
{
    struct maker maker = {arena, strtoull(seed, NULL, 10), false};
    for (size_t n = 0; fl_field_message(n) != NULL; n++) {
        fl_arena_reset(arena);
        ProtobufCMessage *message = maker_message(&maker, fl_field_message(n));
        struct fl_slice bytes;
        char *json;
        fl_assert(fl_message_encode(arena, message, &bytes) == FL_OK);
        fl_assert(fl_message_to_json(arena, message, &json) == FL_OK);
        write_file(folder, message->descriptor->name, "bin", bytes);
        write_file(folder, message->descriptor->name, "json", fl_slice_text(json));
    }
    return 0;
}

static int read_sample(struct fl_arena *arena, const char *type)
{
    static char json[FL_RECORD_SIZE_MAX];
    size_t size = fread(json, 1, sizeof(json), stdin);
    const ProtobufCMessageDescriptor *descriptor = fl_message_descriptor(fl_slice_text(type));
    ProtobufCMessage *message;
    struct fl_slice bytes;
    char detail[FL_DETAIL_SIZE];
    fl_assert(descriptor != NULL);
    if (fl_message_from_json(arena, descriptor, fl_slice_of(json, size), true, &message, detail) !=
        FL_OK) {
        fprintf(stderr, "%s: %s\n", type, detail);
        return 1;
    }
    fl_assert(fl_message_encode(arena, message, &bytes) == FL_OK);
    return fwrite(bytes.data, 1, bytes.size, stdout) == bytes.size ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct fl_arena arena;
    int code = 2;
    fl_arena_init(&arena, 16 << 20);
    if (argc == 4 && strcmp(argv[1], "write") == 0)
        code = write_samples(&arena, argv[2], argv[3]);
    else if (argc == 3 && strcmp(argv[1], "read") == 0)
        code = read_sample(&arena, argv[2]);
    else if (argc == 2 && strcmp(argv[1], "asyncapi") == 0)
        code = fl_asyncapi_write(stdout) == FL_OK ? 0 : 1;
    else
        fprintf(stderr, "usage: samples write DIR SEED | samples read TYPE | samples asyncapi\n");
    fl_arena_fini(&arena);
    return code;
}
