/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which build runs: the version and the linker's build id (NT_GNU_BUILD_ID of the program).
 *
 * Why not the time of compilation: the same source would never be built twice to the same bytes,
 * and a file that was not compiled again would tell an old time.
 *
 * Threading: any. Allocation: none.
 */
enum { FL_BUILD_TEXT_SIZE = 64 };

/* "fleetlog 0.1.0, build 8458a420768ce73c9a07014db45ca090"; the first 16 bytes of the id. "without
 * id" if the linker gave the program none. */
void fl_build_text(char out[FL_BUILD_TEXT_SIZE]);
