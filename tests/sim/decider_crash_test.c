/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An action on which decide() itself crashes: after three crashes it is answered INTERNAL with the
 * build named, and the world goes on. A crash elsewhere, or a kill, does not count.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "core/journal_engine.h"
#include "fleetlog/v1/events.pb-c.h"
#include "projections/registry/deciding.h"
#include "schemas/codec.h"
#include "tests/sim/decider_support.h"
#include "tests/unit/node/test.h"

static fl_decide_fn *true_decide;

/* What a bug would do, for one name only. */
static const ProtobufCMessage *decide_or_crash(struct fl_deciding *d)
{
    const Fleetlog__V1__CreateCompany *action = (const void *)d->message;
    if (strcmp(action->name, "crash") == 0)
        abort();
    return true_decide(d);
}

static struct fl_journal *open_journal(const char *directory)
{
    char path[4200];
    struct fl_journal *journal = NULL;
    struct fl_embedded_options options = {.directory = path, .topic_prefix = ""};
    snprintf(path, sizeof(path), "%s/journal", directory);
    assert_int_equal(fl_journal_open_embedded(&options, &journal), FL_OK);
    return journal;
}

/* The decider with the buggy rule, in this process, until everything is answered or it crashes. */
static int run_buggy(const char *directory, uint64_t wanted)
{
    struct sim_decider sim;
    fl_decide_fn *actions[FL_MESSAGE_COUNT];
    struct fl_rules rules = *fl_rules_find(fl_rules_production(), 1);
    struct fl_rules_set set = {&rules, 1};
    struct fl_decider_options options = {.rules = &set};
    struct fl_journal *journal = open_journal(directory);
    uint64_t voids = 0;
    memcpy(actions, rules.actions, sizeof(actions));
    true_decide = actions[FL_MESSAGE_CreateCompany];
    actions[FL_MESSAGE_CreateCompany] = decide_or_crash;
    rules.actions = actions;
    sim_prepare(&sim, directory, journal, &options);
    sim_run_until(&sim, journal, wanted);
    int code = sim_count_valid(journal, &voids) == wanted ? 0 : 1;
    sim_dispose(&sim);
    fl_journal_close(&journal);
    return code;
}

static Fleetlog__V1__RejectionCode rejection_of_last(const char *directory, char sentence[256])
{
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    struct fl_arena arena;
    struct fl_envelope envelope;
    ProtobufCMessage *message = NULL;
    const char *what = NULL;
    struct fl_source source = {.topic = "events", .offset = 2};
    struct fl_journal *journal = open_journal(directory);
    fl_arena_init(&arena, 1 << 20);
    assert_int_equal(fl_reader_open(journal, &source, 1, &reader), FL_OK);
    assert_int_equal(fl_reader_poll(reader, 1000, 1, &batch), FL_OK);
    assert_true(batch.count > 0);
    assert_int_equal(fl_envelope_read(&batch.entries[0].record, &envelope, &what), FL_OK);
    assert_int_equal(envelope.row->type, FL_MESSAGE_ActionRejected);
    assert_int_equal(fl_message_decode(&arena, envelope.row->descriptor,
                                       batch.entries[0].record.value, &message),
                     FL_OK);
    const Fleetlog__V1__ActionRejected *rejected = (const void *)message;
    Fleetlog__V1__RejectionCode code = rejected->code;
    snprintf(sentence, 256, "%s", rejected->sentence);
    fl_reader_close(&reader);
    fl_journal_close(&journal);
    fl_arena_fini(&arena);
    return code;
}

static int run_child(const char *directory, uint64_t wanted)
{
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(run_buggy(directory, wanted));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void test_three_crashes_then_internal(void **state)
{
    char sentence[256];
    struct fl_journal *journal = open_journal(*state);
    sim_topics(journal);
    sim_append_genesis(journal);
    sim_append_company(journal, "good", 1);
    sim_append_company(journal, "crash", 2);
    sim_append_company(journal, "good too", 3);
    fl_journal_close(&journal);
    for (unsigned n = 0; n < 3; n++) {
        int status = run_child(*state, 4);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
    }
    int status = run_child(*state, 4);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(rejection_of_last(*state, sentence),
                     FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_INTERNAL);
    assert_non_null(strstr(sentence, "fleetlog"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_three_crashes_then_internal, test_make_directory,
                                        test_remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
