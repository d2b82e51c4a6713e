/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A field's name in ProtoJSON: `expires_at_ms` is `expiresAtMs`.
 *
 * Descriptors of protobuf-c carry no json_name, so our protos must not set one (buf lint and the
 * oracle test would show it).
 *
 * Threading: pure. Allocation: none. Limits: names of FL_JSON_NAME_SIZE - 1 bytes (asserted).
 */
#include <protobuf-c/protobuf-c.h>

enum { FL_JSON_NAME_SIZE = 64 };

void fl_json_name_of(const ProtobufCFieldDescriptor *field, char out[FL_JSON_NAME_SIZE]);
