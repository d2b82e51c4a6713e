/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What every fuzz target defines (libFuzzer's name); replay.c calls it with each seed. */
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
