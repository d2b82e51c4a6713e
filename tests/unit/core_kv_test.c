/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/kv.h"
#include "core/lmdb/txn.h"
#include "core/port.h"
#include "tests/unit/scratch.h"

static struct fl_slice text(const char *bytes)
{
    return fl_slice_text(bytes);
}

static void tables_are_apart_and_errors_stick(void **state)
{
    (void)state;
    struct fl_kv *kv = fl_kv_memory_open();
    struct fl_slice key;
    struct fl_slice value;
    fl_kv_put(kv, 0, text("a"), text("1"));
    fl_kv_put(kv, FL_KV_TABLE_COUNT_MAX - 1, text("b"), text("2"));
    assert_false(fl_kv_get(kv, 0, text("b"), &value));
    assert_true(fl_kv_get(kv, 0, text("a"), &value));
    assert_false(fl_kv_seek(kv, 0, text("b"), &key, &value));
    fl_kv_fail(kv, FL_CORRUPT);
    fl_kv_fail(kv, FL_FULL);
    assert_int_equal(kv->error, FL_CORRUPT);
    assert_false(fl_kv_get(kv, 0, text("a"), &value));
    assert_false(fl_kv_del(kv, 0, text("a")));
    assert_false(fl_kv_before(kv, 0, text("z"), &key, &value));
    fl_kv_put(kv, 0, text("c"), text("3"));
    kv->error = FL_OK;
    assert_false(fl_kv_get(kv, 0, text("c"), &value));
    fl_kv_memory_close(&kv);
    assert_null(kv);
    fl_kv_memory_close(&kv);
}

/* Keys of full length have no successor of the form "key, 0". */
static void a_walk_passes_keys_of_full_length(void **state)
{
    (void)state;
    struct fl_kv *kv = fl_kv_memory_open();
    uint8_t key[FL_KV_KEY_SIZE_MAX];
    struct fl_kv_walk walk;
    memset(key, 0xff, sizeof(key));
    fl_kv_put(kv, 0, fl_slice_of(key, sizeof(key)), text("last"));
    key[FL_KV_KEY_SIZE_MAX - 1] = 0xfe;
    fl_kv_put(kv, 0, fl_slice_of(key, sizeof(key)), text("before"));
    fl_kv_put(kv, 0, fl_slice_of(key, sizeof(key) - 1), text("shorter"));
    fl_kv_walk_begin(&walk, kv, 0, fl_slice_of("\xff", 1));
    assert_true(fl_kv_walk_next(&walk) && fl_slice_is(walk.value, "shorter"));
    assert_true(fl_kv_walk_next(&walk) && fl_slice_is(walk.value, "before"));
    assert_true(fl_kv_walk_next(&walk) && fl_slice_is(walk.value, "last"));
    assert_false(fl_kv_walk_next(&walk));
    fl_kv_memory_close(&kv);
}

static void same(bool a_found, bool b_found, struct fl_slice a, struct fl_slice b)
{
    assert_int_equal(a_found, b_found);
    if (a_found)
        assert_true(fl_slice_equal(a, b));
}

/* One random operation on both stores, with equal answers. */
static void step(struct fl_kv *a, struct fl_kv *b, const uint8_t random[8])
{
    uint8_t bytes[4] = {random[1] % 4, random[2] % 4, 0xff, random[3]};
    struct fl_slice key = fl_slice_of(bytes, 1 + random[4] % 4);
    struct fl_slice value = fl_slice_of(random, random[5] % 9);
    struct fl_slice a_key = FL_SLICE_NULL;
    struct fl_slice b_key = FL_SLICE_NULL;
    struct fl_slice a_value = FL_SLICE_NULL;
    struct fl_slice b_value = FL_SLICE_NULL;
    bool a_found = false;
    bool b_found = false;
    switch (random[0] % 6) {
    case 0:
        fl_kv_put(a, 0, key, value);
        fl_kv_put(b, 0, key, value);
        return;
    case 1:
        fl_kv_append(a, 0, key, value);
        fl_kv_append(b, 0, key, value);
        return;
    case 2:
        assert_int_equal(fl_kv_del(a, 0, key), fl_kv_del(b, 0, key));
        return;
    case 3:
        a_found = fl_kv_get(a, 0, key, &a_value);
        b_found = fl_kv_get(b, 0, key, &b_value);
        break;
    case 4:
        a_found = fl_kv_seek(a, 0, key, &a_key, &a_value);
        b_found = fl_kv_seek(b, 0, key, &b_key, &b_value);
        break;
    default:
        a_found = fl_kv_before(a, 0, key, &a_key, &a_value);
        b_found = fl_kv_before(b, 0, key, &b_key, &b_value);
        break;
    }
    same(a_found, b_found, a_key, b_key);
    same(a_found, b_found, a_value, b_value);
}

static void lmdb_and_memory_answer_alike(void **state)
{
    (void)state;
    static const char *const tables[] = {"rows"};
    const char *given = getenv("FLEETLOG_SEED");
    uint64_t seed = given == NULL ? 1 : strtoull(given, NULL, 10);
    struct fl_port_virtual port;
    struct fl_scratch scratch;
    struct fl_env *env = NULL;
    struct fl_txn txn;
    print_message("FLEETLOG_SEED=%llu\n", (unsigned long long)seed);
    fl_port_virtual_init(&port, seed, 0);
    fl_scratch_make(&scratch);
    struct fl_env_options options = {.directory = scratch.path, .tables = tables, .table_count = 1};
    assert_int_equal(fl_env_open(&options, &env), FL_OK);
    struct fl_kv *memory = fl_kv_memory_open();
    for (int transaction = 0; transaction < 5; transaction++) {
        assert_int_equal(fl_txn_begin_write(&txn, env), FL_OK);
        for (int i = 0; i < 4000; i++) {
            uint8_t random[8];
            fl_port_random(&port.port, random, sizeof(random));
            step(&txn.kv, memory, random);
        }
        assert_int_equal(fl_txn_commit(&txn), FL_OK);
    }
    fl_kv_memory_close(&memory);
    fl_env_close(&env);
    fl_scratch_remove(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_apart_and_errors_stick),
        cmocka_unit_test(a_walk_passes_keys_of_full_length),
        cmocka_unit_test(lmdb_and_memory_answer_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
