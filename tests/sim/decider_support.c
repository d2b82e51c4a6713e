/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/decider_support.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/chain.h"
#include "fleetlog/v1/actions.pb-c.h"
#include "projections/registry/registry.h"
#include "projections/store/digest.h"
#include "projections/store/store_reader.h"
#include "schemas/envelope.h"
#include "schemas/topics.h"

enum { TIME_MS_BEGIN = 1000, POLL_MS = 200, ARENA_BOUND = 1 << 20, CATCH_UP_MS = 60000 };

static void must(enum fl_error error)
{
    if (error != FL_OK)
        fprintf(stderr, "%s\n", fl_error_name(error));
    fl_assert(error == FL_OK);
}

static void note_commit(void *context, uint64_t sequence)
{
    struct sim_decider *sim = context;
    sim->sequence = sequence;
}

void sim_prepare(struct sim_decider *sim, const char *directory, struct fl_journal *journal,
                 const struct fl_decider_options *options)
{
    memset(sim, 0, sizeof(*sim));
    sim->config = fl_config_open();
    sim->options = *options;
    sim->options.on_commit = note_commit;
    sim->options.context = sim;
    must(fl_datadir_open(&sim->datadir, directory, true, fl_port_system()));
    sim->duty = (struct fl_duty){.name = "decider",
                                 .config = sim->config,
                                 .datadir = &sim->datadir,
                                 .journal = journal,
                                 .port = fl_port_system(),
                                 .supervisor_fd = -1,
                                 .watch_fd = -1};
    sim->duty.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    fl_assert(sim->duty.stop_fd >= 0);
}

static void *run(void *context)
{
    struct sim_decider *sim = context;
    sim->error = fl_decider_run(&sim->duty, &sim->options);
    sim->done = true;
    return NULL;
}

void sim_start(struct sim_decider *sim)
{
    int failed = pthread_create(&sim->thread, NULL, run, sim);
    fl_assert(failed == 0);
}

enum fl_error sim_stop(struct sim_decider *sim)
{
    uint64_t one = 1;
    ssize_t written = write(sim->duty.stop_fd, &one, sizeof(one));
    fl_assert(written == sizeof(one));
    pthread_join(sim->thread, NULL);
    return sim->error;
}

void sim_dispose(struct sim_decider *sim)
{
    close(sim->duty.stop_fd);
    fl_config_close(&sim->config);
    fl_datadir_close(&sim->datadir);
}

void sim_topics(struct fl_journal *journal)
{
    size_t count = 0;
    const struct fl_topic_row *rows = fl_topic_table(&count);
    for (size_t i = 0; i < count; i++)
        must(fl_journal_ensure_topic(journal, &rows[i].spec));
}

static void append(struct fl_journal *journal, const ProtobufCMessage *message, const char *actor,
                   unsigned number)
{
    char id[FL_ID_TEXT_SIZE];
    uint64_t offset = 0;
    struct fl_arena arena;
    struct fl_record record;
    struct fl_slice part = fl_slice_of(&number, sizeof(number));
    fl_arena_init(&arena, ARENA_BOUND);
    fl_id_derive("sim", &part, 1, id);
    struct fl_envelope envelope = {.id = fl_slice_text(id),
                                   .source = FL_SLICE_LITERAL("/fleetlog/sim"),
                                   .actor = fl_slice_text(actor),
                                   .time_ms = TIME_MS_BEGIN + number};
    must(fl_action_encode(&arena, &envelope, message, &record));
    struct fl_append batch = {.topic = "actions",
                              .count = 1,
                              .records = &record,
                              .expected_offset = FL_OFFSET_NONE,
                              .offsets = &offset};
    must(fl_journal_append(journal, &batch, 1));
    fl_arena_fini(&arena);
}

void sim_append_genesis(struct fl_journal *journal)
{
    uint8_t zeros[FL_HASH_SIZE] = {1};
    Fleetlog__V1__CreateLog message = FLEETLOG__V1__CREATE_LOG__INIT;
    message.log_id = "0198c0de-0000-7000-8000-00000000000a";
    message.format_version = 1;
    message.telemetry_partition_count = 12;
    message.keyring_fingerprint = (ProtobufCBinaryData){sizeof(zeros), zeros};
    message.checkpoint_key = (ProtobufCBinaryData){sizeof(zeros), zeros};
    message.rules_version = 1;
    append(journal, &message.base, "node:0198c0de-0000-7000-8000-00000000000b", 0);
}

void sim_append_company(struct fl_journal *journal, const char *name, unsigned number)
{
    char id[FL_ID_TEXT_SIZE];
    struct fl_slice part = fl_slice_of(&number, sizeof(number));
    Fleetlog__V1__CreateCompany message = FLEETLOG__V1__CREATE_COMPANY__INIT;
    fl_id_derive("sim-company", &part, 1, id);
    message.company_id = id;
    message.name = name;
    append(journal, &message.base, "operator:sim", number);
}

uint64_t sim_count_valid(struct fl_journal *journal, uint64_t *voids)
{
    struct fl_reader *reader = NULL;
    struct fl_chain_head head;
    struct fl_sha256 *sha = fl_sha256_open();
    struct fl_source source = {.topic = "events"};
    uint64_t begin = 0;
    uint64_t end = 0;
    uint64_t next = 0;
    uint8_t hash[FL_HASH_SIZE];
    *voids = 0;
    fl_chain_init(&head);
    must(fl_journal_offsets(journal, "events", 0, &begin, &end));
    must(fl_reader_open(journal, &source, 1, &reader));
    while (next < end) {
        struct fl_batch batch;
        must(fl_reader_poll(reader, POLL_MS, 1 << 20, &batch));
        for (size_t i = 0; i < batch.count && next < end; i++) {
            const struct fl_entry *entry = &batch.entries[i];
            next = entry->offset + 1;
            if (fl_chain_judge(&head, sha, &entry->record, hash) == FL_CHAIN_VALID)
                fl_chain_advance(&head, &entry->record, entry->offset, hash);
            else
                (*voids)++;
        }
    }
    fl_reader_close(&reader);
    fl_sha256_close(&sha);
    return head.sequence;
}

static void drain(int fd)
{
    uint64_t count = 0;
    ssize_t size = read(fd, &count, sizeof(count));
    (void)size; /* empty is as good */
}

/* Waits until `wanted` events are applied; an environment is opened once per process, so the
 * decider itself tells. */
static bool wait_for_sequence(struct sim_decider *sim, uint64_t wanted)
{
    struct fl_duty nobody = {.port = fl_port_system(), .stop_fd = -1, .supervisor_fd = -1};
    int64_t end_ms = fl_port_monotonic_ms(fl_port_system()) + CATCH_UP_MS;
    while (sim->sequence < wanted && !sim->done && fl_port_monotonic_ms(fl_port_system()) < end_ms)
        (void)fl_duty_wait(&nobody, POLL_MS / 10);
    return sim->sequence >= wanted;
}

void sim_run_until(struct sim_decider *sim, struct fl_journal *journal, uint64_t wanted)
{
    drain(sim->duty.stop_fd);
    sim->duty.journal = journal;
    sim->done = false;
    sim_start(sim);
    bool applied = wait_for_sequence(sim, wanted);
    must(sim_stop(sim));
    fl_assert(applied);
}

void sim_catch_up(struct sim_decider *sim, struct fl_journal *journal, uint8_t out[FL_HASH_SIZE])
{
    char views[PATH_MAX];
    struct fl_store_reader *reader = NULL;
    struct fl_store_read view;
    struct fl_digest digest;
    uint64_t voids = 0;
    sim_run_until(sim, journal, sim_count_valid(journal, &voids));
    fl_datadir_path(&sim->datadir, "views", views);
    must(fl_store_open_reader(views, fl_registry_view(), fl_port_system(), &reader));
    must(fl_store_read_begin(reader, &view));
    fl_store_digest(view.kv, fl_registry_view(), &digest);
    must(fl_store_read_end(&view));
    fl_store_reader_close(&reader);
    memcpy(out, digest.total, FL_HASH_SIZE);
}
