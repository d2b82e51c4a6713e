/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Large blocks of memory straight from the kernel, zeroed, in huge pages where it has them: tables
 * that are visited in no order wait for address translation more than for the bytes (a walk through
 * 300 000 devices of 4 KiB pages misses the TLB with every step, and in a virtual machine twice).
 *
 * A block takes no memory before it is touched; then up to FL_PAGES_HUGE bytes at once.
 * Threading: any. Allocation: that. Lifetime: until fl_pages_free with the same size.
 */
#include <stddef.h>

enum { FL_PAGES_HUGE = 2 * 1024 * 1024 };

/* NULL without memory. */
void *fl_pages_alloc(size_t size);

/* `block` may be NULL. */
void fl_pages_free(void *block, size_t size);
