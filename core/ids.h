/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * UUIDs (RFC 9562): version 7 for what is minted, version 8 for what is derived from a cause.
 *
 * Text is the lower-case 36-character form everywhere (keys, headers, protos). A derived id is
 * SHA-256(purpose 0x00 part…) cut to 16 bytes with version 8 and the variant set, so that the same
 * cause gives the same id on every node and in every replay.
 *
 * Threading: fl_id_source belongs to one thread. Allocation: none.
 */
#include "core/port.h"
#include "core/slice.h"

enum { FL_ID_SIZE = 16, FL_ID_TEXT_SIZE = 37 };

/* Keeps version 7 ids of one process in order within a millisecond and when the clock goes back. */
struct fl_id_source {
    const struct fl_port *port;
    int64_t last_ms;
    uint32_t counter;
};

void fl_id_source_init(struct fl_id_source *source, const struct fl_port *port);

/* A new version 7 id: 48 bits of time, 12+14 bits of counter, the rest random; strictly increasing
 * per source. */
void fl_id_mint(struct fl_id_source *source, char out[FL_ID_TEXT_SIZE]);

/* Version 8 id of a purpose ("event", "condition" …) and up to 8 parts. Each part is hashed with
 * its length. */
void fl_id_derive(const char *purpose, const struct fl_slice *parts, size_t part_count,
                  char out[FL_ID_TEXT_SIZE]);

/* Exactly the canonical form with a version 1-8 and the RFC variant. */
bool fl_id_is_valid(struct fl_slice text);

/* 16 bytes of a canonical id; false if it is none. */
bool fl_id_to_bytes(struct fl_slice text, uint8_t out[FL_ID_SIZE]);
void fl_id_from_bytes(const uint8_t bytes[FL_ID_SIZE], char out[FL_ID_TEXT_SIZE]);
