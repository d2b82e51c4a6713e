/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The contract of the topics for machines: an AsyncAPI 3.0 document (YAML) from catalogue, topic
 * table, envelope and field rules.
 *
 * schemas/asyncapi.yaml is this text; a test compares them.
 *
 * Threading: pure. Allocation: none.
 */
#include <stdio.h>

#include "core/error.h"

/* FL_IO if the stream reports an error. */
enum fl_error fl_asyncapi_write(FILE *file) FL_MUST_USE;
