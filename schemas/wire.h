/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What protobuf-c does not look at: a walk over the bytes of a payload before they are unpacked.
 *
 * Why: protobuf-c gives a string as a `char *`, so a NUL inside it silently cuts it, and it takes
 * what does not fit: a number cut to 32 bits, a field number 0, a length that belongs to another
 * wire type. It takes no decision about meaning (validate.c) and keeps nothing.
 *
 * Threading: pure. Allocation: none. Limits: messages nested FL_WIRE_DEPTH_MAX deep.
 */
#include <protobuf-c/protobuf-c.h>

#include "core/slice.h"

enum { FL_WIRE_DEPTH_MAX = 8 };

/* True if `value` is well-formed as `descriptor`: whole tags and lengths, no groups, known fields
 * with their wire type, no NUL inside a string, 32-bit numbers that fit, messages not too deep. */
bool fl_wire_check(const ProtobufCMessageDescriptor *descriptor, struct fl_slice value);
