/* SPDX-License-Identifier: Apache-2.0 */
/* append_raw JOURNAL-DIRECTORY TOPIC PARTITION KEY-HEX VALUE: appends a record as no program of
 * ours would, and prints its offset. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/journal_engine.h"
#include "core/port.h"

int main(int argument_count, char **arguments)
{
    uint8_t key[64];
    uint64_t offset = 0;
    struct fl_journal *journal = NULL;
    if (argument_count != 6 || strlen(arguments[4]) > 2 * sizeof(key) ||
        !fl_hex_decode(fl_slice_text(arguments[4]), key, strlen(arguments[4]) / 2))
        return 2;
    struct fl_embedded_options options = {
        .directory = arguments[1], .topic_prefix = "fleetlog.", .map_size = UINT64_C(1) << 30};
    struct fl_record record = {.key = fl_slice_of(key, strlen(arguments[4]) / 2),
                               .value = fl_slice_text(arguments[5]),
                               .timestamp_ms = fl_port_wall_ms(fl_port_system())};
    struct fl_append batch = {.topic = arguments[2],
                              .partition = (uint32_t)strtoul(arguments[3], NULL, 10),
                              .count = 1,
                              .records = &record,
                              .expected_offset = FL_OFFSET_NONE,
                              .offsets = &offset};
    enum fl_error error = fl_journal_open_embedded(&options, &journal);
    if (error == FL_OK)
        error = fl_journal_append(journal, &batch, 1);
    fl_journal_close(&journal);
    if (error == FL_OK)
        printf("%llu\n", (unsigned long long)offset);
    return error == FL_OK ? 0 : 1;
}
