/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * JSON Schema (in YAML) of a message's ProtoJSON form, from its descriptor and the rules of
 * fields.def.
 *
 * Lengths of texts count bytes in fields.def and characters in JSON Schema: an upper limit here is
 * necessary, not sufficient.
 *
 * Threading: pure. Allocation: none.
 */
#include <stdio.h>

#include <protobuf-c/protobuf-c.h>

/* Writes the members of the schema object, each line after `indent` blanks. Other messages are
 * referred to as #/components/schemas/NAME. */
void fl_json_schema_write(FILE *file, unsigned indent,
                          const ProtobufCMessageDescriptor *descriptor);
