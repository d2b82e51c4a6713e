/* SPDX-License-Identifier: Apache-2.0 */
/* The log, changed by somebody who knows its format: each change is named, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/torture/verify/tamper.h"

enum { ROUNDS = 5, FEW_ROUNDS = 2, EACH = 7 };

struct fixture {
    struct node node;
    struct tampered tampered;
    uint64_t random;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->random = tamper_seed();
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

static void place(enum fl_topic topic, uint32_t partition, uint64_t offset, char *out, size_t size)
{
    snprintf(out, size, "%s-%u@%llu", fl_topic_row(topic)->spec.name, partition,
             (unsigned long long)offset);
}

/* Exactly this place, not one that begins alike. */
static bool names_place(const struct node_findings *findings, const char *where)
{
    for (size_t i = 0; i < findings->count; i++)
        if (strcmp(findings->all[i].where, where) == 0)
            return true;
    return false;
}

static void untouched_is_clean(void **state)
{
    struct fixture *f = *state;
    node_copy(&f->node);
    node_is_clean(&f->node, "untouched");
    tamper_open(&f->node, FL_TOPIC_EVENTS, &f->tampered);
    tamper_close(&f->node, &f->tampered);
    node_is_clean(&f->node, "written anew");
    const struct node_findings *findings = node_verify(&f->node, true, NULL);
    assert_int_equal(findings->result.event_count, f->node.world.entry_count);
    assert_true(findings->result.void_count > 5);
    assert_int_equal(findings->result.report_count, NODE_DEVICES * (NODE_REPORTS + 1));
    assert_int_equal(findings->result.signature_count, findings->result.report_count);
    assert_int_equal(findings->result.repeated_count, NODE_DEVICES);
    assert_int_equal(findings->result.tick_count, 1);
    assert_int_equal(findings->result.day_count, 1);
    assert_int_equal(findings->result.profile_count, NODE_PROFILES);
}

/* Bytes of some records of a decided topic; all of them must be named, no other. */
static void flip_some(struct fixture *f, enum fl_topic topic)
{
    size_t indexes[TAMPER_RECORD_COUNT_MAX];
    bool flipped[TAMPER_RECORD_COUNT_MAX] = {false};
    char what[TAMPER_RECORD_COUNT_MAX][32];
    char where[64];
    node_copy(&f->node);
    tamper_open(&f->node, topic, &f->tampered);
    size_t count = f->tampered.counts[0];
    for (size_t i = 0; i < count; i++)
        indexes[i] = i;
    if (topic == FL_TOPIC_EVENTS)
        count = tamper_valid_events(&f->tampered, indexes);
    for (size_t i = 0; i < count; i++) {
        if (tamper_random(&f->random) % EACH != 0)
            continue;
        flipped[indexes[i]] = true;
        tamper_flip(&f->tampered, 0, indexes[i], &f->random, what[indexes[i]], sizeof(what[0]));
    }
    count = f->tampered.counts[0];
    tamper_close(&f->node, &f->tampered);
    const struct node_findings *findings = node_verify(&f->node, false, NULL);
    for (size_t i = 0; i < count; i++) {
        place(topic, 0, i, where, sizeof(where));
        if (names_place(findings, where) != flipped[i])
            node_fail(findings, "%s: %s", where,
                      flipped[i] ? what[i] : "was not changed and is named");
    }
    if (findings->error != FL_OK || findings->result.unverified_count != 0)
        node_fail(findings, "it did not go to the end");
}

static void each_changed_action_is_named(void **state)
{
    for (int i = 0; i < ROUNDS; i++)
        flip_some(*state, FL_TOPIC_ACTIONS);
}

static void each_changed_event_is_named(void **state)
{
    for (int i = 0; i < ROUNDS; i++)
        flip_some(*state, FL_TOPIC_EVENTS);
}

/* Changes to the order and number of records; the rest of the log moves. */
enum change { DELETE, INSERT, SWAP, TRUNCATE, CHANGE_COUNT };

static const char *const change_words[CHANGE_COUNT] = {"deleted", "inserted", "swapped",
                                                       "cut off from"};

static void change(struct fixture *f, enum change how, size_t index)
{
    struct tampered *t = &f->tampered;
    const struct fl_record other = t->records[0][(index + 1) % t->counts[0]];
    switch (how) {
    case DELETE:
        tamper_delete(t, 0, index);
        break;
    case INSERT:
        tamper_insert(t, 0, index, &other);
        break;
    case SWAP:
        tamper_swap(t, 0, index);
        break;
    case TRUNCATE:
        t->counts[0] = index;
        break;
    case CHANGE_COUNT:
        break;
    }
}

static void hash_all(const struct tampered *t,
                     uint8_t hashes[TAMPER_RECORD_COUNT_MAX][FL_HASH_SIZE])
{
    struct fl_sha256 *sha = fl_sha256_open();
    memset(hashes, 0, TAMPER_RECORD_COUNT_MAX * FL_HASH_SIZE);
    for (size_t i = 0; i < t->counts[0]; i++)
        fl_record_hash(sha, &t->records[0][i], hashes[i]);
    fl_sha256_close(&sha);
}

/* The first place where another record stands than before: two records may be the same. */
static size_t first_changed(const struct tampered *t,
                            uint8_t before[TAMPER_RECORD_COUNT_MAX][FL_HASH_SIZE])
{
    static uint8_t after[TAMPER_RECORD_COUNT_MAX][FL_HASH_SIZE];
    size_t i = 0;
    hash_all(t, after);
    while (i < TAMPER_RECORD_COUNT_MAX && memcmp(before[i], after[i], FL_HASH_SIZE) == 0)
        i++;
    return i;
}

/* Actions have no gaps: from the change on each is another than its event names; what is cut off
 * is missed by the events. */
static void moved_actions_are_named(void **state)
{
    struct fixture *f = *state;
    static uint8_t before[TAMPER_RECORD_COUNT_MAX][FL_HASH_SIZE];
    char where[64];
    for (int round = 0; round < ROUNDS; round++) {
        for (enum change how = DELETE; how < CHANGE_COUNT; how++) {
            node_copy(&f->node);
            tamper_open(&f->node, FL_TOPIC_ACTIONS, &f->tampered);
            size_t index = tamper_random(&f->random) % (f->tampered.counts[0] - 2);
            hash_all(&f->tampered, before);
            change(f, how, index);
            index = first_changed(&f->tampered, before);
            tamper_close(&f->node, &f->tampered);
            const struct node_findings *findings = node_verify(&f->node, false, NULL);
            place(FL_TOPIC_ACTIONS, 0, index, where, sizeof(where));
            bool is_named = how == TRUNCATE ? node_names(findings, "events-0@", "action")
                                            : names_place(findings, where);
            if (!is_named || findings->error != FL_OK)
                node_fail(findings, "action %zu was %s", index, change_words[how]);
            for (size_t i = 0; i < index; i++) {
                place(FL_TOPIC_ACTIONS, 0, i, where, sizeof(where));
                if (names_place(findings, where))
                    node_fail(findings, "%s stands where it stood", where);
            }
        }
    }
}

/* Events: the chain names what is missing or out of its place; a void record that was put in, and
 * what was cut off, the views miss. */
static void moved_events_are_named(void **state)
{
    struct fixture *f = *state;
    size_t indexes[TAMPER_RECORD_COUNT_MAX];
    char where[64];
    for (int round = 0; round < ROUNDS; round++) {
        for (enum change how = DELETE; how < CHANGE_COUNT; how++) {
            node_copy(&f->node);
            tamper_open(&f->node, FL_TOPIC_EVENTS, &f->tampered);
            size_t count = tamper_valid_events(&f->tampered, indexes);
            size_t nth = tamper_random(&f->random) % (count - 1);
            size_t index = indexes[nth];
            bool has_next = nth + 2 < count; /* behind it the chain goes on */
            bool chain_tells =
                has_next && (how == DELETE || (how == SWAP && indexes[nth + 1] == index + 1));
            change(f, how, index);
            tamper_close(&f->node, &f->tampered);
            const struct node_findings *findings = node_verify(&f->node, true, NULL);
            place(FL_TOPIC_EVENTS, 0, index, where, sizeof(where));
            bool is_named = chain_tells ? names_place(findings, where)
                                        : node_names(findings, "view registry", "position");
            if ((!is_named && how != SWAP) || (!is_named && chain_tells) ||
                findings->error != FL_OK)
                node_fail(findings, "event %zu was %s", index, change_words[how]);
        }
    }
}

/* Records that are gone without a trace in the offsets of the others. */
static void gaps_are_named(void **state)
{
    struct fixture *f = *state;
    static const enum fl_topic topics[] = {FL_TOPIC_ACTIONS, FL_TOPIC_EVENTS, FL_TOPIC_TELEMETRY};
    char where[64];
    for (int round = 0; round < FEW_ROUNDS; round++) {
        for (size_t i = 0; i < 3; i++) {
            const char *topic = fl_topic_row(topics[i])->spec.name;
            uint32_t partition = topics[i] == FL_TOPIC_TELEMETRY;
            node_copy(&f->node);
            tamper_open(&f->node, topics[i], &f->tampered);
            uint64_t offset = tamper_random(&f->random) % f->tampered.counts[partition];
            tamper_close(&f->node, &f->tampered);
            tamper_gap(f->node.copy, topic, partition, offset);
            const struct node_findings *findings = node_verify(&f->node, true, NULL);
            place(topics[i], partition, offset, where, sizeof(where));
            if (!names_place(findings, where) || !node_names(findings, where, "missing") ||
                findings->error != FL_OK)
                node_fail(findings, "%s is gone", where);
        }
    }
}

/* A bit that turned over on the disk. */
static void damaged_blocks_are_named(void **state)
{
    struct fixture *f = *state;
    static const char *const topics[] = {"actions", "events", "telemetry", "subjects"};
    char where[64];
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < 4; i++) {
            node_copy(&f->node);
            tamper_bit(f->node.copy, topics[i], &f->random, where, sizeof(where));
            const struct node_findings *findings = node_verify(&f->node, true, NULL);
            if (!node_names(findings, where, "crc") || findings->error != FL_OK)
                node_fail(findings, "a bit of the block at %s was changed", where);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(untouched_is_clean),
        cmocka_unit_test(each_changed_action_is_named),
        cmocka_unit_test(each_changed_event_is_named),
        cmocka_unit_test(moved_actions_are_named),
        cmocka_unit_test(moved_events_are_named),
        cmocka_unit_test(gaps_are_named),
        cmocka_unit_test(damaged_blocks_are_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
