/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/codec.h"

#include <string.h>

#include "core/assert.h"
#include "schemas/wire.h"

static void *arena_alloc(void *data, size_t size)
{
    return fl_arena_alloc(data, size);
}

/* The arena frees nothing one by one. */
static void arena_free(void *data, void *pointer)
{
    (void)data;
    (void)pointer;
}

enum fl_error fl_message_decode(struct fl_arena *arena,
                                const ProtobufCMessageDescriptor *descriptor, struct fl_slice value,
                                ProtobufCMessage **message)
{
    if (value.data == NULL || value.size > FL_RECORD_SIZE_MAX || !fl_wire_check(descriptor, value))
        return FL_INVALID;
    ProtobufCAllocator allocator = {arena_alloc, arena_free, arena};
    bool exhausted_before = arena->exhausted;
    arena->exhausted = false;
    ProtobufCMessage *decoded =
        protobuf_c_message_unpack(descriptor, &allocator, value.size, value.data);
    bool exhausted = arena->exhausted;
    arena->exhausted = exhausted || exhausted_before;
    if (decoded == NULL)
        return exhausted ? FL_NO_MEMORY : FL_INVALID;
    *message = decoded;
    return FL_OK;
}

enum fl_error fl_message_encode(struct fl_arena *arena, const ProtobufCMessage *message,
                                struct fl_slice *value)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = fl_arena_alloc(arena, size);
    if (bytes == NULL)
        return FL_NO_MEMORY;
    size_t packed = protobuf_c_message_pack(message, bytes);
    fl_assert(packed == size);
    *value = fl_slice_of(bytes, size);
    return FL_OK;
}
