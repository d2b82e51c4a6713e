/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The command line's side of the operator API: HTTP over DATA/run/operator.sock.
 *
 * Threading: one thread. Allocation: answers are jansson's; the caller releases them with
 * json_decref.
 */
#include <jansson.h>

#include "core/timestamp.h"
#include "replay/cli/cli.h"

enum { FL_CLIENT_TIMEOUT_S = 60, FL_CLIENT_DOWNLOAD_TIMEOUT_S = 1800 };

/* Sends `body` (NULL: none) and waits. FL_EXIT_DONE and the parsed answer for 2xx; otherwise prints
 * the problem's sentence and returns the exit code that fits (404: 3, 503 and no connection: 75,
 * 400 and 422: 1 …). 202 (the outcome is not known yet) is FL_EXIT_TEMPORARY after a remark with
 * the status URL. `path` begins with "/v1/"; build it with fl_client_path. */
int fl_client_call(struct fl_cli *cli, const char *method, const char *path, json_t *body,
                   json_t **answer);

/* Fetches a file into `out`; the same exit codes. On a terminal it shows on stderr how far it is.
 */
int fl_client_download(struct fl_cli *cli, const char *path, FILE *out);

/* A path with printf-like text; "%s" arguments are percent-encoded. Lives in `out`. False if it
 * does not fit. */
bool fl_client_path(char *out, size_t out_size, const char *format, const char *const *arguments,
                    size_t argument_count);

/* Fetches every page of the list at `path` and calls `each` for every item; the first exit code
 * that is not FL_EXIT_DONE ends it. */
int fl_client_list(struct fl_cli *cli, const char *path, void (*each)(void *, const json_t *),
                   void *context);

/* Text of a member, or NULL; numbers and booleans are written into `scratch`. */
const char *fl_json_cell(const json_t *object, const char *name, char *scratch,
                         size_t scratch_size);

/* Text of a member; "" if there is none. */
const char *fl_json_member(const json_t *object, const char *name);

/* Name of the person of an item, else his id, which is the member `id`; NULL if there is none. */
const char *fl_json_person(const json_t *item, const char *id);

/* A member in ms as RFC 3339; "" if there is none. Events have 64-bit numbers as texts. */
void fl_json_time_cell(const json_t *object, const char *name, char text[FL_TIMESTAMP_TEXT_SIZE]);

/* Sends a change; `pattern` takes `argument` (NULL: none), `take_body` is released: json_null()
 * for none, NULL (jansson could not make it) is a usage error. Prints the answer as JSON with
 * --json, else `print` says it for people. The exit code. */
int fl_client_change(struct fl_cli *cli, const char *method, const char *pattern,
                     const char *argument, json_t *take_body, void (*print)(const json_t *answer));

/* Every item of a list: with --json one a line, else as a table that `add` fills. The exit code. */
int fl_client_table(struct fl_cli *cli, const char *path, const char *const *headings,
                    size_t heading_count, void (*add)(void *table, const json_t *item));

/* Prints an answer as JSON: an object on one line, an array one element per line. */
void fl_print_json(const json_t *value);
