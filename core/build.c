/* SPDX-License-Identifier: Apache-2.0 */
#include "core/build.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/version.h"

enum { ID_SIZE_MAX = 16 };

struct id {
    const unsigned char *data;
    size_t size;
};

/* Notes are padded to four bytes (ELF, "Note Section"). */
static size_t padded(size_t size)
{
    return (size + 3) & ~(size_t)3;
}

static bool find_in_notes(const unsigned char *notes, size_t size, struct id *id)
{
    while (size >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) note;
        memcpy(&note, notes, sizeof(note));
        size_t name = sizeof(note);
        size_t content = name + padded(note.n_namesz);
        size_t end = content + padded(note.n_descsz);
        if (end > size)
            return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof(ELF_NOTE_GNU) &&
            memcmp(notes + name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) == 0) {
            *id = (struct id){notes + content, note.n_descsz};
            return true;
        }
        notes += end;
        size -= end;
    }
    return false;
}

/* The program itself is the first that is shown: the walk ends with it. */
static int look_at_program(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t address = info->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_NOTE &&
            find_in_notes((const unsigned char *)address, part->p_memsz, context))
            break;
    }
    return 1;
}

void fl_build_text(char out[FL_BUILD_TEXT_SIZE])
{
    struct id id = {.size = 0};
    char text[2 * ID_SIZE_MAX + 1] = "without id";
    dl_iterate_phdr(look_at_program, &id);
    for (size_t i = 0; i < id.size && i < ID_SIZE_MAX; i++)
        snprintf(text + 2 * i, 3, "%02x", id.data[i]);
    snprintf(out, FL_BUILD_TEXT_SIZE, "fleetlog %s, build %s", FL_VERSION_TEXT, text);
}
