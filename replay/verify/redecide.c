/* SPDX-License-Identifier: Apache-2.0 */
/* Deciding an action again; one on which a decider crashed, in a process of its own. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fleetlog/v1/events.pb-c.h"
#include "replay/verify/decided.h"

enum { CHILD_MS_MAX = 60000 };

/* What the child says: the type of the event that decide() gave, 0 none, and its code. */
struct verdict {
    int32_t type; /* of the catalogue, + 1 */
    int32_t code; /* of a rejection */
};

enum fl_error fl_verify_expect(struct fl_verify_deciding *d, const struct fl_chain_head *head,
                               const struct fl_entry *found, struct fl_verify_expected *expected)
{
    const struct fl_record *action = NULL;
    const char *build = NULL;
    expected->is_known = false;
    enum fl_error error = fl_verify_action(d, head->action, &action);
    if (error != FL_OK || action == NULL)
        return error;
    fl_record_hash(d->run->sha, action, d->action_hash);
    struct fl_decide_input input = {.offset = head->action,
                                    .record = action,
                                    .hash = d->action_hash,
                                    .rules = d->run->options->rules};
    fl_arena_reset(&d->decide_arena);
    if (found != NULL)
        error = fl_verify_internal(d, head, &input, found, &build);
    if (error == FL_OK && build != NULL)
        error =
            fl_decide_internal(d->kv, head, &input, build, &d->decide_arena, &expected->decision);
    else if (error == FL_OK)
        error = fl_decide(d->kv, head, &input, &d->decide_arena, &expected->decision);
    if (error == FL_VERSION)
        return fl_verify_fail(d->run, error,
                              "actions-0@%llu was decided by rules that this program does not know",
                              (unsigned long long)head->action);
    if (error != FL_OK)
        return d->run->detail[0] != '\0'
                   ? error
                   : fl_verify_fail(d->run, error, "actions-0@%llu: %s",
                                    (unsigned long long)head->action, fl_error_text(error));
    fl_record_hash(d->run->sha, &expected->decision.event, expected->hash);
    expected->is_known = true;
    return FL_OK;
}

/* The build named by an INTERNAL answer, in the arena; NULL if the event is none. */
static const char *build_of(struct fl_verify_deciding *d, const struct fl_entry *found)
{
    static const char before[] = "(build ";
    struct fl_envelope envelope;
    const char *what = NULL;
    ProtobufCMessage *message = NULL;
    fl_arena_reset(&d->decode_arena);
    if (fl_envelope_read(&found->record, &envelope, &what) != FL_OK || envelope.row == NULL ||
        envelope.row->type != FL_MESSAGE_ActionRejected ||
        fl_message_decode(&d->decode_arena, envelope.row->descriptor, found->record.value,
                          &message) != FL_OK)
        return NULL;
    const Fleetlog__V1__ActionRejected *rejected = (const Fleetlog__V1__ActionRejected *)message;
    if (rejected->code != FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_INTERNAL)
        return NULL;
    const char *begin = strstr(rejected->sentence, before);
    const char *end = begin == NULL ? NULL : strrchr(begin, ')');
    if (end == NULL)
        return "";
    begin += sizeof(before) - 1;
    return fl_arena_text(&d->decide_arena, fl_slice_of(begin, (size_t)(end - begin)));
}

/* In the child: nothing of the parent's is changed, and nothing is cleaned up. decide() reads the
 * transaction's pages, which are this process's own copy or the shared map. */
_Noreturn static void decide_in_child(struct fl_verify_deciding *d,
                                      const struct fl_chain_head *head,
                                      const struct fl_decide_input *input, int to)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    struct fl_decision decision;
    struct verdict verdict = {0, 0};
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
        signal(crashes[i], SIG_DFL);
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (nowhere >= 0)
        dup2(nowhere, STDERR_FILENO);
    if (fl_decide(d->kv, head, input, &d->decide_arena, &decision) == FL_OK) {
        verdict.type = (int32_t)decision.envelope.row->type + 1;
        if (decision.envelope.row->type == FL_MESSAGE_ActionRejected)
            verdict.code = (int32_t)((const Fleetlog__V1__ActionRejected *)decision.message)->code;
    }
    _exit(write(to, &verdict, sizeof(verdict)) == (ssize_t)sizeof(verdict) ? 0 : 1);
}

/* Waits for the child's word; a type of 0 if it crashed or did not answer in time. */
static struct verdict hear(pid_t child, int from)
{
    struct verdict verdict = {0, 0};
    struct pollfd word = {.fd = from, .events = POLLIN};
    int ready = poll(&word, 1, CHILD_MS_MAX);
    if (ready <= 0 || read(from, &verdict, sizeof(verdict)) != (ssize_t)sizeof(verdict))
        verdict = (struct verdict){0, 0};
    if (ready <= 0)
        kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
    return verdict;
}

static void report(struct fl_verify_deciding *d, const struct fl_entry *found,
                   const struct verdict *verdict, const char *build)
{
    struct fl_verify_finding finding;
    const char *type = fl_catalogue_row((enum fl_message_type)(verdict->type - 1))->name;
    const ProtobufCEnumValue *code = protobuf_c_enum_descriptor_get_value(
        &fleetlog__v1__rejection_code__descriptor, verdict->code);
    fl_verify_find(&finding, FL_VERIFY_INTERNAL, FL_TOPIC_EVENTS, 0, found->offset, found->offset);
    snprintf(finding.expected, sizeof(finding.expected), "%s%s%s, decided now", type,
             verdict->code == 0 || code == NULL ? "" : " ",
             verdict->code == 0 || code == NULL ? "" : code->name);
    snprintf(finding.found, sizeof(finding.found), "INTERNAL: build %s crashed on this action",
             build);
    fl_verify_report(d->run, FL_TOPIC_EVENTS, &finding);
}

enum fl_error fl_verify_internal(struct fl_verify_deciding *d, const struct fl_chain_head *head,
                                 const struct fl_decide_input *input, const struct fl_entry *found,
                                 const char **build)
{
    int ends[2];
    *build = build_of(d, found);
    if (*build == NULL)
        return FL_OK;
    d->run->result->internal_count++;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fl_verify_fail(d->run, FL_IO, "pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0)
        decide_in_child(d, head, input, ends[1]);
    close(ends[1]);
    struct verdict verdict = {0, 0};
    if (child > 0)
        verdict = hear(child, ends[0]);
    close(ends[0]);
    if (child < 0)
        return fl_verify_fail(d->run, FL_IO, "fork: %s", strerror(errno));
    if (verdict.type != 0)
        report(d, found, &verdict, *build);
    return FL_OK;
}
