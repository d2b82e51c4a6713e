/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/runner/fold_store.h"
#include "core/journal_engine.h"
#include "replay/views.h"
#include "tests/torture/verify/node.h"
#include "tests/torture/verify/story.h"

enum { MAP_SIZE = 64 * 1024 * 1024 };

static struct fl_journal *open_journal(const char *directory)
{
    char path[NODE_PATH_SIZE + 16];
    struct fl_journal *journal = NULL;
    snprintf(path, sizeof(path), "%s/journal", directory);
    struct fl_embedded_options options = {
        .directory = path, .topic_prefix = "", .map_size = MAP_SIZE};
    assert_int_equal(fl_journal_open_embedded(&options, &journal), FL_OK);
    return journal;
}

struct fl_journal *node_journal(const struct node *node)
{
    return open_journal(node->copy);
}

static void fold_view(const struct fl_view *view, struct fl_journal *journal, const char *directory)
{
    char views[NODE_PATH_SIZE + 16];
    char detail[FL_DETAIL_SIZE] = "";
    struct fl_store *store = NULL;
    struct fl_fold_target *targets = NULL;
    size_t count = 0;
    snprintf(views, sizeof(views), "%s/views", directory);
    struct fl_store_options options = {.views_directory = views,
                                       .view = view,
                                       .map_size = MAP_SIZE,
                                       .port = fl_port_system(),
                                       .detail = detail};
    assert_int_equal(fl_store_open_writer(&options, &store), FL_OK);
    assert_int_equal(fl_fold_target_end(view, journal, &targets, &count), FL_OK);
    struct fl_fold_options fold = {.view = view,
                                   .journal = journal,
                                   .sink = fl_fold_sink_store(store),
                                   .targets = targets,
                                   .target_count = count,
                                   .detail = detail};
    enum fl_error error = fl_fold_run(&fold);
    if (error != FL_OK)
        fail_msg("view %s: %s %s", view->name, fl_error_name(error), detail);
    free(targets);
    fl_store_close(&store);
}

void node_make(struct node *node)
{
    size_t count = 0;
    const struct fl_view *const *views = fl_views_all(&count);
    fl_scratch_make(&node->scratch);
    snprintf(node->base, sizeof(node->base), "%s/base", node->scratch.path);
    snprintf(node->copy, sizeof(node->copy), "%s/copy", node->scratch.path);
    struct fl_journal *journal = open_journal(node->base);
    story_write(node, journal);
    for (size_t i = 0; i < count; i++)
        fold_view(views[i], journal, node->base);
    fl_journal_close(&journal);
}

void node_remove(struct node *node)
{
    world_fini(&node->world);
    fl_scratch_remove(&node->scratch);
}

void node_copy(struct node *node)
{
    char command[4 * NODE_PATH_SIZE];
    snprintf(command, sizeof(command), "rm -rf '%s' && cp -r '%s' '%s'", node->copy, node->base,
             node->copy);
    assert_int_equal(system(command), 0);
}

static void keep(void *context, const struct fl_verify_finding *finding)
{
    struct node_findings *findings = context;
    if (findings->count < NODE_FINDING_COUNT_MAX)
        findings->all[findings->count++] = *finding;
}

static bool stop(void *context, const struct fl_verify_progress *progress)
{
    (void)context;
    (void)progress;
    return false;
}

struct node_findings *node_verify(struct node *node, bool with_views,
                                  const struct fl_rules_set *rules)
{
    static struct node_findings findings;
    char views[NODE_PATH_SIZE + 16];
    char scratch[NODE_PATH_SIZE + 16];
    size_t count = 0;
    snprintf(views, sizeof(views), "%s/views", node->copy);
    snprintf(scratch, sizeof(scratch), "%s/verify", node->copy);
    struct fl_journal *journal = node_journal(node);
    struct fl_verify_options options = {
        .journal = journal,
        .views_directory = with_views ? views : NULL,
        .views = fl_views_all(&count),
        .view_count = count,
        .scratch = scratch,
        .rules = rules,
        .port = fl_port_system(),
        .map_size = MAP_SIZE,
        .check_topic = fl_journal_check_embedded,
        .finding = keep,
        .progress = node->interrupt ? stop : NULL,
        .context = &findings,
    };
    options.view_count = count;
    memset(&findings, 0, sizeof(findings));
    findings.error = fl_verify(&options, &findings.result, findings.detail);
    fl_journal_close(&journal);
    return &findings;
}

bool node_names(const struct node_findings *findings, const char *where, const char *check)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct fl_verify_finding *finding = &findings->all[i];
        if (strncmp(finding->where, where, strlen(where)) == 0 &&
            (check[0] == '\0' || strcmp(fl_verify_check_word(finding->check), check) == 0))
            return true;
    }
    return false;
}

void node_fail(const struct node_findings *findings, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    for (size_t i = 0; i < findings->count; i++)
        print_error("%s  %s  expected %s  found %s\n", findings->all[i].where,
                    fl_verify_check_word(findings->all[i].check), findings->all[i].expected,
                    findings->all[i].found);
    fail_msg("%s (%zu findings, error %s %s)", text, findings->count,
             fl_error_name(findings->error), findings->detail);
    abort();
}

void node_is_clean(struct node *node, const char *what)
{
    const struct node_findings *findings = node_verify(node, true, NULL);
    if (findings->error != FL_OK || findings->count != 0)
        node_fail(findings, "%s", what);
    for (size_t i = 0; i < findings->result.view_count; i++)
        if (findings->result.views[i].state != FL_VERIFY_VIEW_COMPARED)
            node_fail(findings, "%s: view %s was not compared", what,
                      findings->result.views[i].view->name);
}
