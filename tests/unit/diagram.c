/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/diagram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Number of the state called `word`; state_count: none. */
static unsigned state_named(const struct fl_sm *machine, const char *word)
{
    for (unsigned i = 0; i < machine->state_count; i++)
        if (strcmp(machine->states[i].name, word) == 0)
            return i;
    return machine->state_count;
}

/* Adds the moves of one line of a diagram ("a -> b -> c"); false: it has none. */
static bool read_moves(const struct fl_sm *machine, const char *line, uint32_t *moves)
{
    unsigned before = machine->state_count;
    bool arrow = false;
    char word[32];
    if (strstr(line, "->") == NULL)
        return false;
    while (*(line += strspn(line, " *\t\n")) != '\0') {
        size_t size = strcspn(line, " *\t\n");
        snprintf(word, sizeof(word), "%.*s", (int)size, line);
        line += size;
        if (strcmp(word, "->") == 0) {
            arrow = true;
            continue;
        }
        unsigned state = state_named(machine, word);
        if (state == machine->state_count)
            fail_msg("machine %s has no state %s", machine->name, word);
        if (arrow)
            moves[before] |= FL_SM_BIT(state);
        before = state;
        arrow = false;
    }
    return true;
}

void fl_diagram_compare(const struct fl_sm *machine, const char *file)
{
    uint32_t moves[32] = {0};
    char title[64];
    char line[512];
    bool inside = false;
    bool found = false;
    FILE *stream = fopen(file, "r");
    assert_non_null(stream);
    snprintf(title, sizeof(title), "machine %s\n", machine->name);
    while (fgets(line, sizeof(line), stream) != NULL) {
        const char *at = strstr(line, title);
        if (at != NULL && strspn(line, " *") == (size_t)(at - line)) {
            inside = found = true;
            continue;
        }
        inside = inside && read_moves(machine, line, moves);
    }
    fclose(stream);
    if (!found)
        fail_msg("%s has no diagram of machine %s", file, machine->name);
    for (unsigned i = 0; i < machine->state_count; i++)
        if (moves[i] != machine->states[i].successors)
            fail_msg("%s: machine %s differs in what follows %s", file, machine->name,
                     machine->states[i].name);
}
