/* SPDX-License-Identifier: Apache-2.0 */
/* What a faulty decider writes, what is still open, and how verify itself ends early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "projections/registry/deciding.h"
#include "tests/torture/verify/tamper.h"

#define CRASH_NAME "Crash me"

struct fixture {
    struct node node;
    struct tampered tampered;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->node.goes_on = true;
    node_make(&f->node);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    node_remove(&f->node);
    free(f);
    return 0;
}

static void append(struct node *node, const char *topic, const struct fl_record *record)
{
    uint64_t offset = 0;
    struct fl_journal *journal = node_journal(node);
    struct fl_append batch = {topic, 0, 1, record, FL_OFFSET_NONE, &offset};
    assert_int_equal(fl_journal_append(journal, &batch, 1), FL_OK);
    fl_journal_close(&journal);
}

/* An action that nobody has answered, in the copy. */
static struct fl_record ask(struct node *node)
{
    Fleetlog__V1__RenameDevice rename = FLEETLOG__V1__RENAME_DEVICE__INIT;
    char actor[64];
    snprintf(actor, sizeof(actor), "account:%s", cast_id("subject", 1));
    const struct world_actor who = {.actor = actor};
    rename.device_id = cast_id("device", 1);
    rename.name = CRASH_NAME;
    struct fl_record record = world_action(&node->world, &who, NULL, &rename.base);
    append(node, "actions", &record);
    return record;
}

/* What a decider answers that has crashed on it three times. */
static void answer_internal(struct node *node, const struct fl_record *action,
                            struct fl_decision *decision)
{
    static uint8_t hash[FL_HASH_SIZE];
    fl_record_hash(node->world.sha, action, hash);
    struct fl_decide_input input = {
        .offset = node->world.head.action, .record = action, .hash = hash};
    assert_int_equal(fl_decide_internal(node->world.views[0].kv, &node->world.head, &input,
                                        "0.0.9 (old)", &node->world.arena, decision),
                     FL_OK);
}

static const ProtobufCMessage *crash_by_name(struct fl_deciding *d)
{
    if (strcmp(((const Fleetlog__V1__RenameDevice *)d->message)->name, CRASH_NAME) == 0)
        abort();
    return fl_rules_production()->versions[0].actions[FL_MESSAGE_RenameDevice](d);
}

static void an_action_without_an_answer_is_counted(void **state)
{
    struct fixture *f = *state;
    node_copy(&f->node);
    ask(&f->node);
    const struct node_findings *findings = node_verify(&f->node, true, NULL);
    if (findings->error != FL_OK || findings->count != 0)
        node_fail(findings, "an open action");
    assert_int_equal(findings->result.unanswered_count, 1);
}

/* The rules have an answer now: a finding of its own kind. They still crash: none. */
static void an_internal_answer_is_decided_apart(void **state)
{
    struct fixture *f = *state;
    struct fl_decision decision;
    fl_decide_fn *actions[FL_MESSAGE_COUNT];
    struct fl_rules crashing = fl_rules_production()->versions[0];
    const struct fl_rules_set set = {&crashing, 1};
    memcpy(actions, crashing.actions, sizeof(actions));
    actions[FL_MESSAGE_RenameDevice] = crash_by_name;
    crashing.actions = actions;
    node_copy(&f->node);
    struct fl_record action = ask(&f->node);
    answer_internal(&f->node, &action, &decision);
    append(&f->node, "events", &decision.event);

    const struct node_findings *findings = node_verify(&f->node, true, NULL);
    if (findings->error != FL_OK || findings->count != 1 ||
        !node_names(findings, "events-0@", "internal") ||
        strncmp(findings->all[0].expected, "DeviceRenamed", 13) != 0 ||
        strstr(findings->all[0].found, "0.0.9 (old)") == NULL)
        node_fail(findings, "an INTERNAL answer with an outcome");
    assert_int_equal(findings->result.internal_count, 1);

    findings = node_verify(&f->node, true, &set);
    if (findings->error != FL_OK || findings->count != 0)
        node_fail(findings, "an INTERNAL answer that is still right");
    assert_int_equal(findings->result.internal_count, 1);
}

static void replace_header(struct tampered *t, struct fl_record *record, const char *name,
                           const char *value)
{
    struct fl_header *header = (struct fl_header *)(uintptr_t)fl_record_header(record, name);
    assert_non_null(header);
    header->value = fl_arena_copy(&t->arena, fl_slice_text(value));
}

/* One event says another name, and all behind it is chained anew: the chain is whole. */
static void a_forged_event_in_a_whole_chain_is_named(void **state)
{
    struct fixture *f = *state;
    struct tampered *t = &f->tampered;
    struct fl_chain_head head;
    struct fl_sha256 *sha = fl_sha256_open();
    char where[64] = "";
    node_copy(&f->node);
    tamper_open(&f->node, FL_TOPIC_EVENTS, t);
    bool *valid = calloc(t->counts[0], sizeof(*valid));
    uint8_t hash[FL_HASH_SIZE];
    fl_chain_init(&head);
    for (size_t i = 0; i < t->counts[0]; i++) {
        valid[i] = fl_chain_judge(&head, sha, &t->records[0][i], hash) == FL_CHAIN_VALID;
        if (valid[i])
            fl_chain_advance(&head, &t->records[0][i], i, hash);
    }
    fl_chain_init(&head);
    for (size_t i = 0; i < t->counts[0]; i++) {
        struct fl_record *record = &t->records[0][i];
        char text[FL_HASH_TEXT_SIZE];
        if (!valid[i])
            continue;
        fl_hex_encode(head.hash, FL_HASH_SIZE, text);
        replace_header(t, record, "ce_previous", text);
        char *name = memmem(record->value.data, record->value.size, "Twice", 5);
        if (name != NULL) {
            memcpy(name, "Other", 5);
            snprintf(where, sizeof(where), "events-0@%zu", i);
        }
        assert_int_equal(fl_chain_judge(&head, sha, record, hash), FL_CHAIN_VALID);
        fl_chain_advance(&head, record, i, hash);
    }
    free(valid);
    fl_sha256_close(&sha);
    assert_string_not_equal(where, "");
    tamper_close(&f->node, t);
    const struct node_findings *findings = node_verify(&f->node, false, NULL);
    if (findings->error != FL_OK || findings->count != 1 ||
        !node_names(findings, where, "decision") ||
        strstr(findings->all[0].expected, "Twice") == NULL ||
        strstr(findings->all[0].found, "Other") == NULL)
        node_fail(findings, "a forged event at %s", where);
}

/* An event that answers what nobody asked, and one that breaks the rule. */
static void events_without_an_action_and_alarms_are_named(void **state)
{
    struct fixture *f = *state;
    struct fl_decision decision;
    node_copy(&f->node);
    struct fl_record action = ask(&f->node);
    answer_internal(&f->node, &action, &decision);
    node_copy(&f->node); /* without the action */
    append(&f->node, "events", &decision.event);
    const struct node_findings *findings = node_verify(&f->node, false, NULL);
    if (findings->error != FL_OK || !node_names(findings, "events-0@", "action"))
        node_fail(findings, "an event that answers nothing");

    node_copy(&f->node);
    fl_arena_init(&f->tampered.arena, 1024 * 1024);
    replace_header(&f->tampered, &decision.event, "ce_sequence", "7");
    append(&f->node, "events", &decision.event);
    fl_arena_fini(&f->tampered.arena);
    findings = node_verify(&f->node, true, NULL);
    if (findings->error != FL_OK || findings->count != 1 ||
        !node_names(findings, "events-0@", "alarm"))
        node_fail(findings, "a void record with an alarm");
}

static void it_ends_when_asked_and_runs_once_at_a_time(void **state)
{
    struct fixture *f = *state;
    char path[NODE_PATH_SIZE + 32];
    node_copy(&f->node);
    f->node.interrupt = true;
    assert_int_equal(node_verify(&f->node, true, NULL)->error, FL_INTERRUPTED);
    f->node.interrupt = false;
    snprintf(path, sizeof(path), "%s/verify", f->node.copy);
    assert_int_not_equal(access(path, F_OK), 0);

    snprintf(path, sizeof(path), "%s/verify.lock", f->node.copy);
    int other = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(other >= 0);
    assert_int_equal(flock(other, LOCK_EX), 0);
    assert_int_equal(node_verify(&f->node, true, NULL)->error, FL_LOCKED);
    close(other);
    node_is_clean(&f->node, "afterwards");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_action_without_an_answer_is_counted),
        cmocka_unit_test(an_internal_answer_is_decided_apart),
        cmocka_unit_test(a_forged_event_in_a_whole_chain_is_named),
        cmocka_unit_test(events_without_an_action_and_alarms_are_named),
        cmocka_unit_test(it_ends_when_asked_and_runs_once_at_a_time),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
