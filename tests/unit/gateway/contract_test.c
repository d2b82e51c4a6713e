/* SPDX-License-Identifier: Apache-2.0 */
/* The route tables and schemas/openapi.json name the same routes, methods, bodies and rights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "producers/gateway/gateway_internal.h"

enum { PATTERN_SIZE = 256 };

static const struct route *const tables[] = {fl_operator_routes, fl_agent_routes};

static int load(void **state)
{
    json_error_t error;
    json_t *document = json_load_file(OPENAPI_PATH, JSON_REJECT_DUPLICATES, &error);
    if (document == NULL)
        fail_msg("%s:%d: %s", OPENAPI_PATH, error.line, error.text);
    *state = document;
    return 0;
}

static int unload(void **state)
{
    json_decref(*state);
    return 0;
}

/* "/v1/devices/{device}" to "/v1/devices/{}". */
static void strip_names(const char *path, char out[PATTERN_SIZE])
{
    size_t used = 0;
    bool inside = false;
    for (; *path != '\0'; path++) {
        inside = inside && *path != '}';
        assert_true(used + 1 < PATTERN_SIZE);
        if (!inside)
            out[used++] = *path;
        inside = inside || *path == '{';
    }
    out[used] = '\0';
}

/* The operation of the document; NULL if it does not name it. */
static json_t *find_operation(json_t *document, const struct route *route)
{
    const char *path;
    const char *method;
    json_t *item;
    json_t *operation;
    json_object_foreach(json_object_get(document, "paths"), path, item)
    {
        char pattern[PATTERN_SIZE];
        strip_names(path, pattern);
        if (strcmp(pattern, route->pattern) != 0)
            continue;
        json_object_foreach(item, method, operation)
        {
            if (strcasecmp(method, route->method) == 0)
                return operation;
        }
    }
    return NULL;
}

static const struct route *find_route(const char *pattern, const char *method)
{
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (const struct route *route = tables[t]; route->method != NULL; route++)
            if (strcmp(route->pattern, pattern) == 0 && strcasecmp(route->method, method) == 0)
                return route;
    return NULL;
}

static void every_route_is_in_the_document(void **state)
{
    size_t count = 0;
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (const struct route *route = tables[t]; route->method != NULL; route++, count++) {
            json_t *operation = find_operation(*state, route);
            if (operation == NULL)
                fail_msg("%s %s is not in the document", route->method, route->pattern);
            json_t *content = json_object_get(json_object_get(operation, "requestBody"), "content");
            bool takes_json = json_object_get(content, "application/json") != NULL;
            if (takes_json != ((route->flags & FL_ROUTE_JSON) != 0))
                fail_msg("%s %s: its body", route->method, route->pattern);
        }
    }
    assert_true(count > 30);
}

static void the_document_names_nothing_else(void **state)
{
    const char *path;
    const char *method;
    json_t *item;
    json_t *operation;
    json_object_foreach(json_object_get(*state, "paths"), path, item)
    {
        char pattern[PATTERN_SIZE];
        strip_names(path, pattern);
        json_object_foreach(item, method, operation)
        {
            if (find_route(pattern, method) == NULL)
                fail_msg("there is no %s %s", method, path);
        }
    }
}

/* A change can always be held. */
static void every_change_may_be_held(void **state)
{
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (const struct route *route = tables[t]; route->method != NULL; route++) {
            if (strcmp(route->method, "GET") == 0 || (route->flags & FL_ROUTE_READ) != 0)
                continue;
            json_t *responses = json_object_get(find_operation(*state, route), "responses");
            if (json_object_get(responses, "503") == NULL)
                fail_msg("%s %s: 503", route->method, route->pattern);
        }
    }
}

static bool names(const json_t *list, const char *name)
{
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        if (strcmp(json_string_value(item), name) == 0)
            return true;
    }
    return false;
}

/* x-for and x-scope are what the tables say. */
static void the_rights_are_the_tables(void **state)
{
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (const struct route *route = tables[t]; route->method != NULL; route++) {
            json_t *operation = find_operation(*state, route);
            const char *scope = json_string_value(json_object_get(operation, "x-scope"));
            if (route->who == 0)
                fail_msg("%s %s: the row does not say for whom it is", route->method,
                         route->pattern);
            if ((scope == NULL ? 0 : fl_needs_of(fl_slice_text(scope))) != route->scope)
                fail_msg("%s %s: x-scope", route->method, route->pattern);
            /* What both tables have, the first describes. */
            if (route != find_route(route->pattern, route->method))
                continue;
            for (size_t i = 0; i < FL_FOR_COUNT; i++)
                if (names(json_object_get(operation, "x-for"), fl_for_name(i)) !=
                    ((route->who & 1u << i) != 0))
                    fail_msg("%s %s: x-for and \"%s\"", route->method, route->pattern,
                             fl_for_name(i));
        }
    }
}

/* What is not for everybody can say so, and whoever asks too often is told. */
static void the_api_may_refuse(void **state)
{
    for (const struct route *route = fl_operator_routes; route->method != NULL; route++) {
        json_t *responses = json_object_get(find_operation(*state, route), "responses");
        if ((route->who & (FL_FOR_ACCOUNTS | FL_FOR_ANYONE)) == 0)
            continue;
        if (json_object_get(responses, "429") == NULL || json_object_get(responses, "403") == NULL)
            fail_msg("%s %s: 403 and 429", route->method, route->pattern);
        if ((route->who & FL_FOR_ANYONE) == 0 && json_object_get(responses, "401") == NULL)
            fail_msg("%s %s: 401", route->method, route->pattern);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_in_the_document),
        cmocka_unit_test(the_document_names_nothing_else),
        cmocka_unit_test(every_change_may_be_held),
        cmocka_unit_test(the_rights_are_the_tables),
        cmocka_unit_test(the_api_may_refuse),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
