/* SPDX-License-Identifier: Apache-2.0 */
#include "core/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pages.h"

enum { CHUNK_SIZE_MIN = 64 * 1024, CHUNK_SIZE_GROWN = 4 * 1024 * 1024, ALIGNMENT = 16 };

struct fl_arena_chunk {
    struct fl_arena_chunk *next;
    size_t size;
    size_t used;
    _Alignas(ALIGNMENT) unsigned char data[];
};

/* A chunk as large as a huge page lies in such. */
static bool has_pages(size_t chunk_size)
{
    return sizeof(struct fl_arena_chunk) + chunk_size >= FL_PAGES_HUGE;
}

static struct fl_arena_chunk *new_chunk(size_t size)
{
    size_t whole = sizeof(struct fl_arena_chunk) + size;
    struct fl_arena_chunk *chunk = has_pages(size) ? fl_pages_alloc(whole) : malloc(whole);
    if (chunk != NULL)
        *chunk = (struct fl_arena_chunk){.size = size};
    return chunk;
}

static void free_chunk(struct fl_arena_chunk *chunk)
{
    if (has_pages(chunk->size))
        fl_pages_free(chunk, sizeof(*chunk) + chunk->size);
    else
        free(chunk);
}

void fl_arena_init(struct fl_arena *arena, size_t bound)
{
    *arena = (struct fl_arena){.bound = bound};
}

void fl_arena_fini(struct fl_arena *arena)
{
    struct fl_arena_chunk *chunk = arena->first;
    while (chunk != NULL) {
        struct fl_arena_chunk *next = chunk->next;
        free_chunk(chunk);
        chunk = next;
    }
    *arena = (struct fl_arena){.bound = arena->bound};
}

void fl_arena_reset(struct fl_arena *arena)
{
    for (struct fl_arena_chunk *chunk = arena->first; chunk != NULL; chunk = chunk->next)
        chunk->used = 0;
    arena->current = arena->first;
    arena->used = 0;
    arena->exhausted = false;
}

/* The chunk with room for `size`: the current one, a kept one behind it, or a new one. */
static struct fl_arena_chunk *chunk_for(struct fl_arena *arena, size_t size)
{
    struct fl_arena_chunk *last = NULL;
    for (struct fl_arena_chunk *chunk = arena->current; chunk != NULL; chunk = chunk->next) {
        if (chunk->size - chunk->used >= size)
            return chunk;
        last = chunk;
    }
    size_t grown = arena->used < CHUNK_SIZE_GROWN ? arena->used : CHUNK_SIZE_GROWN;
    size_t chunk_size = grown < CHUNK_SIZE_MIN ? CHUNK_SIZE_MIN : grown;
    struct fl_arena_chunk *chunk = new_chunk(chunk_size < size ? size : chunk_size);
    if (chunk == NULL)
        return NULL;
    if (last == NULL)
        arena->first = chunk;
    else
        last->next = chunk;
    return chunk;
}

static size_t round_up(size_t size)
{
    size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    return rounded == 0 ? ALIGNMENT : rounded;
}

void *fl_arena_alloc(struct fl_arena *arena, size_t size)
{
    if (size > SIZE_MAX - ALIGNMENT) {
        arena->exhausted = true;
        return NULL;
    }
    size_t rounded = round_up(size);
    if (rounded > arena->bound - arena->used) {
        arena->exhausted = true;
        return NULL;
    }
    struct fl_arena_chunk *chunk = chunk_for(arena, rounded);
    if (chunk == NULL) {
        arena->exhausted = true;
        return NULL;
    }
    arena->current = chunk;
    void *block = chunk->data + chunk->used;
    chunk->used += rounded;
    arena->used += rounded;
#ifdef FL_TEST_BUILD
    memset(block, 0xff, rounded);
#endif
    return block;
}

bool fl_arena_extend(struct fl_arena *arena, const void *block, size_t size, size_t wanted)
{
    struct fl_arena_chunk *chunk = arena->current;
    if (chunk == NULL || size > wanted || wanted > SIZE_MAX - ALIGNMENT)
        return false;
    size_t more = round_up(wanted) - round_up(size);
    const unsigned char *end = (const unsigned char *)block + round_up(size);
    if (end != chunk->data + chunk->used || more > chunk->size - chunk->used ||
        more > arena->bound - arena->used)
        return false;
#ifdef FL_TEST_BUILD
    memset(chunk->data + chunk->used, 0xff, more);
#endif
    chunk->used += more;
    arena->used += more;
    return true;
}

void *fl_arena_calloc(struct fl_arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        arena->exhausted = true;
        return NULL;
    }
    void *block = fl_arena_alloc(arena, count * size);
    if (block != NULL)
        memset(block, 0, count * size);
    return block;
}

struct fl_slice fl_arena_copy(struct fl_arena *arena, struct fl_slice slice)
{
    if (slice.data == NULL)
        return FL_SLICE_NULL;
    uint8_t *copy = fl_arena_alloc(arena, slice.size);
    if (copy == NULL)
        return FL_SLICE_NULL;
    memcpy(copy, slice.data, slice.size);
    return fl_slice_of(copy, slice.size);
}

char *fl_arena_text(struct fl_arena *arena, struct fl_slice slice)
{
    char *copy = fl_arena_alloc(arena, slice.size + 1);
    if (copy == NULL)
        return NULL;
    if (slice.size != 0)
        memcpy(copy, slice.data, slice.size);
    copy[slice.size] = '\0';
    return copy;
}

char *fl_arena_printf(struct fl_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = size < 0 ? NULL : fl_arena_alloc(arena, (size_t)size + 1);
    if (text != NULL)
        vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return text;
}
