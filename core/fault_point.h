/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Marked places where a test may kill the process: FLEETLOG_FAULT_POINT=name[:N] raises SIGKILL at
 * the N-th passing (default the first) of `fl_fault_point("name")`.
 *
 * Why: a crash between two named instructions is what a random kill seldom hits. Other builds than
 * those of tests (FL_TEST_BUILD) contain nothing of it.
 *
 * Threading: any thread; counting is exact for points passed by one thread. Allocation: none.
 */
#ifdef FL_TEST_BUILD
void fl_fault_point(const char *name);
#else
#define fl_fault_point(name) ((void)0)
#endif
