/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The definition of a message as .proto text, with each field's rule as a comment, written from the
 * descriptors: what is published is what is compiled in.
 *
 * Descriptors of protobuf-c keep no name of a oneof: it is called `one_of` here, which changes
 * nothing on the wire.
 *
 * Threading: pure. Allocation: none. Limits: 32 types per text (asserted).
 */
#include <stdio.h>

#include <protobuf-c/protobuf-c.h>

/* Writes `descriptors` and every type that they use, each once, each line after `indent` blanks. */
void fl_proto_text_write(FILE *file, unsigned indent,
                         const ProtobufCMessageDescriptor *const *descriptors, size_t count);
