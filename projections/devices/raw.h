/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Raw strings of a device, exactly as received: a few rows per device, each with the variables of
 * 64 numbers.
 *
 * A row (key: chunk u8, device number u32: the chunk that most reports change lies together) is a
 * sequence of {name number u16, counter u32, size u16, bytes}, by number; variables without a
 * number stand in the last chunk as {0xffff, counter, size, name size u8, name, value}, by name. In
 * memory a chunk is that row with room to grow.
 *
 * Threading: one thread. Allocation: the arena; nothing is freed before it is reset.
 * Limits: FL_RAW_OTHER_COUNT_MAX variables without a number per device; further ones are refused (a
 * report is bounded).
 */
#include "core/arena.h"
#include "core/kv.h"
#include "projections/devices/names.h"
#include "projections/telemetry/report.h"

enum {
    FL_RAW_NUMBERS_PER_CHUNK = 64,
    FL_RAW_CHUNK_OTHER = 31, /* chunk of the names without a number */
    FL_RAW_CHUNK_COUNT = 32,
    FL_RAW_KEY_SIZE = 5,
    FL_RAW_OTHER_COUNT_MAX = FL_READING_COUNT_MAX,
};

/* A row in memory, encoded: what the flush writes as it stands. */
struct fl_raw_chunk {
    struct fl_raw_chunk *next; /* the owner's list */
    uint8_t *bytes;
    uint32_t size;
    uint32_t capacity;
    uint32_t hint; /* where the last value set begins: readings mostly come in order */
    uint16_t count;
    uint8_t index;
    bool dirty;
};

/* Reads the stored row into the arena; an empty one if there is none or `kv` is NULL. False: the
 * arena is exhausted, or FL_CORRUPT in the kv. */
bool fl_raw_chunk_open(struct fl_raw_chunk *chunk, struct fl_arena *arena, struct fl_kv *kv,
                       unsigned table, uint32_t device_number, uint8_t index);

/* Empties it and keeps its memory. */
void fl_raw_chunk_clear(struct fl_raw_chunk *chunk);

/* Chunk of a name number (FL_NAME_NONE: the last). */
uint8_t fl_raw_chunk_of(uint16_t number);

/* Sets one value; false: the arena is exhausted. `name` is used for FL_NAME_NONE alone. */
bool fl_raw_set(struct fl_arena *arena, struct fl_raw_chunk *chunk, uint16_t number,
                struct fl_slice name, struct fl_slice value, uint32_t counter);

void fl_raw_key(uint32_t device_number, uint8_t index, uint8_t out[FL_RAW_KEY_SIZE]);

/* The device of a key; 0 if it is none. */
uint32_t fl_raw_key_number(struct fl_slice key);

/* Walks a stored row. */
struct fl_raw_walk {
    struct fl_slice rest;
    struct fl_slice name;
    struct fl_slice value;
    uint32_t counter;
    uint16_t number;
    bool corrupt;
};
struct fl_raw_walk fl_raw_walk(struct fl_slice row);
bool fl_raw_next(struct fl_raw_walk *walk);
