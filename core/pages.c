/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pages.h"

#include <stdint.h>
#include <sys/mman.h>

static size_t round_up(size_t size)
{
    return (size + FL_PAGES_HUGE - 1) & ~(size_t)(FL_PAGES_HUGE - 1);
}

void *fl_pages_alloc(size_t size)
{
    if (size == 0 || size > SIZE_MAX / 2)
        return NULL;
    /* One huge page more than asked for: the kernel aligns to small ones. */
    size_t whole = round_up(size) + FL_PAGES_HUGE;
    char *mapping = mmap(NULL, whole, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
        return NULL;
    size_t before = round_up((uintptr_t)mapping) - (uintptr_t)mapping;
    char *block = mapping + before;
    if (before != 0)
        (void)munmap(mapping, before);
    if (FL_PAGES_HUGE - before != 0)
        (void)munmap(block + round_up(size), FL_PAGES_HUGE - before);
    /* A kernel without huge pages refuses: then these are small ones. */
    (void)madvise(block, round_up(size), MADV_HUGEPAGE);
    return block;
}

void fl_pages_free(void *block, size_t size)
{
    if (block != NULL)
        (void)munmap(block, round_up(size));
}
