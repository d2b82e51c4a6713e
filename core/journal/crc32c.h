/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * CRC-32C (Castagnoli; RFC 3720 section 12.1): guards each block of the embedded journal against
 * bytes that changed on the disk. It is no defence against a forger; the hash chain is.
 *
 * Uses the CPU's instruction where it has one (asked at run time), else tables.
 * Threading: pure. Allocation: none.
 */
#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 at the start) over `size` bytes. */
uint32_t fl_crc32c(uint32_t crc, const void *data, size_t size);

/* The same by tables only: the fallback, callable so that a test can compare. */
uint32_t fl_crc32c_by_table(uint32_t crc, const void *data, size_t size);
