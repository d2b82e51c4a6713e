/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/chain.h"
#include "core/ids.h"
#include "core/record.h"

#define S(literal) FL_SLICE_LITERAL(literal)

static void hash_text(const struct fl_record *record, char out[FL_HASH_TEXT_SIZE])
{
    struct fl_sha256 *state = fl_sha256_open();
    uint8_t hash[FL_HASH_SIZE];
    fl_record_hash(state, record, hash);
    fl_sha256_close(&state);
    fl_hex_encode(hash, sizeof(hash), out);
}

/* Computed apart, by Python:
 *   def b(x): return b'\xff\xff\xff\xff' if x is None else struct.pack('>I', len(x)) + x
 *   sha256(b'\x01' + b(key) + struct.pack('>I', len(headers))
 *          + b''.join(b(n) + b(v) for n, v in headers) + b(value)).hexdigest()
 * for (None, [], None), ('', [], '') and ('key', [('ce_id', '1'), ('x', None), ('x', '')], 00 ff).
 */
static void the_hash_is_that_of_the_format(void **state)
{
    (void)state;
    char hash[FL_HASH_TEXT_SIZE];
    struct fl_record record = {.timestamp_ms = 1};
    hash_text(&record, hash);
    assert_string_equal(hash, "0e58c8d0e08438938f4691294364ec07759decd2dae04d7468f0d16398bdfa41");
    record.key = record.value = S("");
    hash_text(&record, hash);
    assert_string_equal(hash, "8150a65e854b9bbbd52eefd048eb025c76fe48f0475c0f942c9db9eda40a94c3");
    const struct fl_header headers[] = {
        {S("ce_id"), S("1")}, {S("x"), FL_SLICE_NULL}, {S("x"), S("")}};
    record = (struct fl_record){S("key"), fl_slice_of("\0\xff", 2), headers, 3, 99};
    hash_text(&record, hash);
    assert_string_equal(hash, "e8b7851e2fe4a55ceac0ba88bfd4f3184991c21ab03c9e501de1ad641b59b2d1");
}

static size_t put_part(uint8_t *out, struct fl_slice part)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(part.size >> (8 * (3 - i)));
    memcpy(out + 4, part.data, part.size);
    return 4 + part.size;
}

/* The hash is that of one run of bytes, however long its pieces are. */
static void pieces_of_any_length_are_hashed_as_one_run(void **state)
{
    (void)state;
    static uint8_t bytes[5000];
    static uint8_t run[20000];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 131 >> 3);
    for (size_t size = 0; size < 4000; size += size < 1100 ? 1 : 97) {
        const struct fl_header headers[] = {
            {fl_slice_of(bytes, 7), fl_slice_of(bytes + 3, size / 3)},
            {fl_slice_of(bytes, 5), fl_slice_of(bytes, size)}};
        struct fl_record record = {fl_slice_of(bytes, size / 2), fl_slice_of(bytes + 1, size),
                                   headers, 2, 0};
        uint8_t expected[FL_HASH_SIZE];
        char text[FL_HASH_TEXT_SIZE];
        char hash[FL_HASH_TEXT_SIZE];
        size_t used = 0;
        run[used++] = 1;
        used += put_part(run + used, record.key);
        memcpy(run + used, "\0\0\0\2", 4);
        used += 4;
        for (int i = 0; i < 2; i++) {
            used += put_part(run + used, headers[i].name);
            used += put_part(run + used, headers[i].value);
        }
        used += put_part(run + used, record.value);
        fl_sha256(fl_slice_of(run, used), expected);
        fl_hex_encode(expected, sizeof(expected), text);
        hash_text(&record, hash);
        assert_string_equal(hash, text);
    }
}

/* Anything that tells two records apart, the time aside, tells their hashes apart. */
static void each_part_counts_and_the_time_does_not(void **state)
{
    (void)state;
    const struct fl_header ab[] = {{S("a"), S("1")}, {S("b"), S("2")}};
    const struct fl_header ba[] = {{S("b"), S("2")}, {S("a"), S("1")}};
    const struct fl_header shifted[] = {{S("a1"), S("")}, {S("b"), S("2")}};
    const struct fl_record records[] = {
        {S("k"), S("v"), ab, 2, 0},         {S("k"), S("v"), ba, 2, 0},
        {S("k"), S("v"), shifted, 2, 0},    {S("k"), S("v"), ab, 1, 0},
        {S("kv"), S(""), ab, 2, 0},         {S(""), S("kv"), ab, 2, 0},
        {FL_SLICE_NULL, S("kv"), ab, 2, 0},
    };
    enum { COUNT = sizeof(records) / sizeof(records[0]) };
    char hashes[COUNT][FL_HASH_TEXT_SIZE];
    for (size_t i = 0; i < COUNT; i++) {
        hash_text(&records[i], hashes[i]);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(hashes[i], hashes[k]);
    }
    struct fl_record later = records[0];
    char hash[FL_HASH_TEXT_SIZE];
    later.timestamp_ms = 12345;
    hash_text(&later, hash);
    assert_string_equal(hash, hashes[0]);
}

static void headers_are_found_and_repeats_seen(void **state)
{
    (void)state;
    const struct fl_header headers[] = {{S("a"), S("1")}, {S("ab"), S("2")}, {S("a"), S("3")}};
    struct fl_record record = {S("k"), S("value"), headers, 3, 0};
    assert_true(fl_slice_is(fl_record_header(&record, "a")->value, "1"));
    assert_true(fl_slice_is(fl_record_header(&record, "ab")->value, "2"));
    assert_null(fl_record_header(&record, "b"));
    assert_true(fl_record_has_duplicate_header(&record));
    record.header_count = 2;
    assert_false(fl_record_has_duplicate_header(&record));
    assert_int_equal(fl_record_size(&record), 1 + 5 + 2 + 3);
}

/* Python: UUID(bytes=sha256(purpose + b'\0' + b''.join(pack('>I', len(p)) + p for p in parts))
 * .digest()[:16]) with version 8 and the RFC 9562 variant set. */
static void derived_ids_are_those_of_the_format(void **state)
{
    (void)state;
    char id[FL_ID_TEXT_SIZE];
    const struct fl_slice parts[] = {S("log"), S("7")};
    fl_id_derive("event", parts, 2, id);
    assert_string_equal(id, "c37703ff-ce2d-8568-ab14-fea9e4f39685");
    const struct fl_slice joined[] = {S("log7"), S("")};
    fl_id_derive("event", joined, 2, id);
    assert_string_equal(id, "44b71c69-c93f-81d7-a030-d911bd97a260");
    fl_id_derive("event", NULL, 0, id);
    assert_string_equal(id, "6a079a1e-5291-8b7b-8aaa-6666bd00b35d");
}

static void minted_ids_rise_whatever_the_clock_does(void **state)
{
    (void)state;
    struct fl_port_virtual port;
    struct fl_id_source source;
    char before[FL_ID_TEXT_SIZE] = "";
    char id[FL_ID_TEXT_SIZE];
    uint8_t bytes[FL_ID_SIZE];
    fl_port_virtual_init(&port, 1, 1700000000000);
    fl_id_source_init(&source, &port.port);
    for (int i = 0; i < 20000; i++) {
        if (i % 1000 == 0)
            fl_port_virtual_step(&port, i % 3000 == 0 ? -500 : 1);
        fl_id_mint(&source, id);
        assert_true(strcmp(before, id) < 0);
        assert_true(fl_id_is_valid(fl_slice_text(id)));
        assert_int_equal(id[14], '7');
        memcpy(before, id, sizeof(before));
    }
    source.counter = (1u << 26) - 1; /* the counter runs over into the time */
    for (int i = 0; i < 3; i++) {
        fl_id_mint(&source, id);
        assert_true(strcmp(before, id) < 0);
        memcpy(before, id, sizeof(before));
    }
    assert_true(fl_id_to_bytes(fl_slice_text(id), bytes));
    fl_id_from_bytes(bytes, before);
    assert_string_equal(before, id);
}

static void only_canonical_ids_are_valid(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "C37703FF-CE2D-8568-AB14-FEA9E4F39685",
        "c37703ffce2d8568ab14fea9e4f39685",
        "c37703ff-ce2d-8568-ab14-fea9e4f3968",
        "c37703ff-ce2d-8568-ab14-fea9e4f396855",
        "c37703ff-ce2d-9568-ab14-fea9e4f39685", /* version 9 */
        "c37703ff-ce2d-0568-ab14-fea9e4f39685", /* version 0 */
        "c37703ff-ce2d-8568-eb14-fea9e4f39685", /* another variant */
        "c37703ff+ce2d-8568-ab14-fea9e4f39685",
        "00000000-0000-0000-0000-000000000000",
        "{37703ff-ce2d-8568-ab14-fea9e4f3968}",
    };
    assert_true(fl_id_is_valid(S("c37703ff-ce2d-8568-ab14-fea9e4f39685")));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(fl_id_is_valid(fl_slice_text(bad[i])));
}

/* Absent, empty and present bytes stay what they are; the copy stands on its own. */
static void a_copy_is_the_same_record(void **state)
{
    (void)state;
    char value[] = "value";
    struct fl_header headers[] = {{S("a"), FL_SLICE_NULL}, {S("b"), S("")}, {S("c"), S("1")}};
    struct fl_record record = {FL_SLICE_NULL, fl_slice_text(value), headers, 3, 7};
    struct fl_record copy;
    struct fl_arena arena;
    uint8_t hashes[2][FL_HASH_SIZE];
    struct fl_sha256 *sha = fl_sha256_open();
    fl_arena_init(&arena, 4096);
    assert_true(fl_record_copy(&arena, &record, &copy));
    fl_record_hash(sha, &record, hashes[0]);
    memset(value, 'x', sizeof(value) - 1);
    headers[2].value = S("2");
    fl_record_hash(sha, &copy, hashes[1]);
    assert_memory_equal(hashes[0], hashes[1], FL_HASH_SIZE);
    assert_int_equal(copy.timestamp_ms, 7);
    fl_arena_fini(&arena);
    fl_arena_init(&arena, 64);
    assert_false(fl_record_copy(&arena, &record, &copy));
    fl_arena_fini(&arena);
    fl_sha256_close(&sha);
}

/* An event as the chain rule sees it; parts are changed one by one below. */
struct event {
    char previous[FL_HASH_TEXT_SIZE];
    char sequence[24];
    char action[24];
    struct fl_header headers[6];
    struct fl_record record;
};

static void event_after(const struct fl_chain_head *head, struct event *event)
{
    fl_hex_encode(head->hash, FL_HASH_SIZE, event->previous);
    snprintf(event->sequence, sizeof(event->sequence), "%llu", (unsigned long long)head->sequence);
    snprintf(event->action, sizeof(event->action), "%llu", (unsigned long long)head->action);
    event->headers[0] = (struct fl_header){S("ce_previous"), fl_slice_text(event->previous)};
    event->headers[1] = (struct fl_header){S("ce_sequence"), fl_slice_text(event->sequence)};
    event->headers[2] = (struct fl_header){S("ce_action"), fl_slice_text(event->action)};
    event->headers[3] = (struct fl_header){S("ce_time"), S("2024-02-29T00:00:00.123Z")};
    event->headers[4] = (struct fl_header){S("ce_type"), S("t")};
    event->headers[5] = event->headers[4];
    event->record = (struct fl_record){S("k"), S("v"), event->headers, 5, 0};
}

static enum fl_chain_verdict judge(const struct fl_chain_head *head, const struct event *event,
                                   uint8_t hash[FL_HASH_SIZE])
{
    struct fl_sha256 *state = fl_sha256_open();
    enum fl_chain_verdict verdict = fl_chain_judge(head, state, &event->record, hash);
    fl_sha256_close(&state);
    return verdict;
}

static void a_chain_grows_and_its_head_is_stored(void **state)
{
    (void)state;
    struct fl_chain_head head;
    struct fl_chain_head back;
    struct event event;
    uint8_t hash[FL_HASH_SIZE];
    uint8_t stored[FL_CHAIN_HEAD_SIZE];
    fl_chain_init(&head);
    assert_true(head.offset == FL_OFFSET_NONE);
    for (uint64_t i = 0; i < 10; i++) {
        event_after(&head, &event);
        assert_int_equal(judge(&head, &event, hash), FL_CHAIN_VALID);
        fl_chain_advance(&head, &event.record, 3 * i, hash);
        assert_int_equal(judge(&head, &event, hash), FL_CHAIN_VOID); /* the same once more */
        assert_int_equal(head.sequence, i + 1);
        assert_int_equal(head.action, i + 1);
        assert_int_equal(head.offset, 3 * i);
        assert_int_equal(head.time_ms, 1709164800123);
    }
    fl_chain_encode(&head, stored);
    assert_true(fl_chain_decode(fl_slice_of(stored, sizeof(stored)), &back));
    assert_memory_equal(&back, &head, sizeof(head));
    assert_false(fl_chain_decode(fl_slice_of(stored, sizeof(stored) - 1), &back));
}

static void what_extends_the_head_and_breaks_the_rule_raises_an_alarm(void **state)
{
    (void)state;
    struct fl_chain_head head;
    struct event good;
    uint8_t hash[FL_HASH_SIZE];
    static const char *const wrong_numbers[] = {"1", "00", "", "-0", "0 "};
    fl_chain_init(&head);
    event_after(&head, &good);
    for (size_t i = 0; i < sizeof(wrong_numbers) / sizeof(wrong_numbers[0]); i++) {
        struct fl_slice wrong = fl_slice_text(wrong_numbers[i]);
        struct fl_slice kept = good.headers[1].value;
        good.headers[1].value = wrong;
        assert_int_equal(judge(&head, &good, hash), FL_CHAIN_VOID_ALARM);
        good.headers[1].value = kept;
        good.headers[2].value = wrong;
        assert_int_equal(judge(&head, &good, hash), FL_CHAIN_VOID_ALARM);
        good.headers[2].value = kept;
    }
    good.record.header_count = 6; /* ce_type twice */
    assert_int_equal(judge(&head, &good, hash), FL_CHAIN_VOID_ALARM);
    good.record.header_count = 3; /* no ce_time */
    assert_int_equal(judge(&head, &good, hash), FL_CHAIN_VOID_ALARM);
    good.record.header_count = 5;
    good.record.value = FL_SLICE_NULL;
    assert_int_equal(judge(&head, &good, hash), FL_CHAIN_VOID_ALARM);
    good.record.value = S("v");
    good.headers[3].value = S("2024-02-30T00:00:00.123Z");
    assert_int_equal(judge(&head, &good, hash), FL_CHAIN_VOID_ALARM);
}

static void what_does_not_extend_the_head_is_void(void **state)
{
    (void)state;
    struct fl_chain_head head;
    struct event event;
    uint8_t hash[FL_HASH_SIZE];
    fl_chain_init(&head);
    event_after(&head, &event);
    event.previous[63] = '1';
    assert_int_equal(judge(&head, &event, hash), FL_CHAIN_VOID);
    event.headers[0].value.size = 63;
    assert_int_equal(judge(&head, &event, hash), FL_CHAIN_VOID);
    event.headers[0].value = FL_SLICE_NULL;
    assert_int_equal(judge(&head, &event, hash), FL_CHAIN_VOID);
    struct event junk = {.record = {.timestamp_ms = 0}};
    assert_int_equal(judge(&head, &junk, hash), FL_CHAIN_VOID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_that_of_the_format),
        cmocka_unit_test(a_copy_is_the_same_record),
        cmocka_unit_test(pieces_of_any_length_are_hashed_as_one_run),
        cmocka_unit_test(each_part_counts_and_the_time_does_not),
        cmocka_unit_test(headers_are_found_and_repeats_seen),
        cmocka_unit_test(derived_ids_are_those_of_the_format),
        cmocka_unit_test(minted_ids_rise_whatever_the_clock_does),
        cmocka_unit_test(only_canonical_ids_are_valid),
        cmocka_unit_test(a_chain_grows_and_its_head_is_stored),
        cmocka_unit_test(what_extends_the_head_and_breaks_the_rule_raises_an_alarm),
        cmocka_unit_test(what_does_not_extend_the_head_is_void),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
