/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a program says when a mapped file turns out to be shorter than its own pages claim.
 *
 * LMDB reads through a memory map and has no way to tell beforehand that a file was cut: the tail
 * may rightly be missing where its last pages are free. The kernel then ends the program by SIGBUS.
 *
 * Threading: process-wide, once. Allocation: none.
 */

/* From here on such a read prints one line on stderr that names the file, and exits with the code
 * of FL_CORRUPT. */
void fl_short_file_watch(void);
