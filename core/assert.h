/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Assertions for programmer errors; always on, because a supervisor restarts the process.
 * Input, I/O and memory are never asserted.
 */
_Noreturn void fl_assert_failed(const char *expression, const char *file, int line);

#define fl_assert(expression)                                                                      \
    ((expression) ? (void)0 : fl_assert_failed(#expression, __FILE__, __LINE__))
