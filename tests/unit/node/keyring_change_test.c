/* SPDX-License-Identifier: Apache-2.0 */
/* A keyring that changes: keys that come, keys that go, copies. */
#include "core/keyring_change.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/keyring_backup.h"
#include "tests/unit/scratch.h"

static void new_keys_travel_sealed(void **state)
{
    (void)state;
    const struct fl_port *port = fl_port_system();
    uint8_t epoch[FL_SEALED_EPOCH_SIZE];
    uint8_t link[FL_SEALED_LINK_SIZE];
    uint8_t index[2][FL_ADDRESS_INDEX_SIZE];
    struct fl_slice address = FL_SLICE_LITERAL("a@example.org");
    struct fl_keyring *one = fl_keyring_create(port);
    struct fl_keyring *stranger = fl_keyring_create(port);
    assert_int_equal(fl_keyring_mint_epoch(one, port, 2, epoch), FL_OK);
    assert_int_equal(fl_keyring_mint_link(one, port, 2, 1, link), FL_OK);
    assert_int_equal(fl_keyring_mint_epoch(one, port, 9, epoch), FL_KEYRING);
    assert_int_equal(fl_keyring_mint_epoch(one, port, 2, epoch), FL_OK);
    struct fl_slice sealed = fl_slice_of(epoch, sizeof(epoch));
    assert_int_equal(fl_keyring_adopt_epoch(stranger, 2, sealed), FL_UNAUTHENTIC);
    assert_int_equal(fl_keyring_adopt_epoch(one, 3, sealed), FL_KEYRING);
    assert_int_equal(fl_keyring_adopt_epoch(one, 2, fl_slice_of(epoch, 5)), FL_UNAUTHENTIC);
    epoch[40] ^= 1;
    assert_int_equal(fl_keyring_adopt_epoch(one, 2, sealed), FL_UNAUTHENTIC);
    epoch[40] ^= 1;
    assert_int_equal(fl_keyring_adopt_epoch(one, 2, sealed), FL_OK);
    assert_int_equal(fl_keyring_adopt_epoch(one, 2, sealed), FL_EXISTS);
    assert_int_equal(fl_keyring_adopt_link(one, 2, 1, fl_slice_of(link, sizeof(link))), FL_OK);
    assert_true(fl_keyring_has_link(one, 2) && fl_keyring_has_epoch(one, 1));
    assert_int_equal(fl_keyring_epoch(one), 2);
    assert_int_equal(fl_keyring_address_index(one, 1, address, index[0]), FL_OK);
    assert_int_equal(fl_keyring_address_index(one, 2, address, index[1]), FL_OK);
    assert_memory_not_equal(index[0], index[1], FL_ADDRESS_INDEX_SIZE);
    assert_true(fl_keyring_drop_epoch(one, 1));
    assert_false(fl_keyring_drop_epoch(one, 1));
    assert_int_equal(fl_keyring_address_index(one, 1, address, index[0]), FL_KEYRING);
    fl_keyring_close(&one);
    fl_keyring_close(&stranger);
}

static void a_copy_needs_its_passphrase(void **state)
{
    (void)state;
    struct fl_scratch scratch;
    char path[1024];
    uint8_t before[FL_HASH_SIZE];
    uint8_t after[FL_HASH_SIZE];
    struct fl_keyring *restored = NULL;
    struct fl_slice good = FL_SLICE_LITERAL("fifteen letters");
    const struct fl_port *port = fl_port_system();
    struct fl_keyring *keyring = fl_keyring_create(port);
    fl_scratch_make(&scratch);
    snprintf(path, sizeof(path), "%s/copy", scratch.path);
    assert_int_equal(fl_keyring_backup(keyring, port, path, fl_slice_of(good.data, 14)),
                     FL_INVALID);
    assert_int_equal(fl_keyring_backup(keyring, port, path, good), FL_OK);
    assert_int_equal(fl_keyring_backup(keyring, port, path, good), FL_EXISTS);
    assert_int_equal(fl_keyring_restore(path, FL_SLICE_LITERAL("fifteen lettere"), &restored),
                     FL_UNAUTHENTIC);
    assert_int_equal(fl_keyring_restore(path, good, &restored), FL_OK);
    fl_keyring_fingerprint(keyring, before);
    fl_keyring_fingerprint(restored, after);
    assert_memory_equal(before, after, FL_HASH_SIZE);
    fl_keyring_close(&restored);
    fl_keyring_close(&keyring);
    fl_scratch_remove(&scratch);
}

static void a_node_is_admitted_by_its_own_key(void **state)
{
    (void)state;
    struct fl_scratch scratch;
    char secret[2][1024];
    char path[1024];
    char text[2][FL_RECIPIENT_TEXT_SIZE];
    char fingerprint[2][FL_RECIPIENT_FINGERPRINT_SIZE];
    struct fl_keyring *received = NULL;
    struct fl_keyring *keyring = fl_keyring_create(fl_port_system());
    fl_scratch_make(&scratch);
    snprintf(path, sizeof(path), "%s/sealed", scratch.path);
    for (int i = 0; i < 2; i++) {
        snprintf(secret[i], sizeof(secret[i]), "%s/secret%d", scratch.path, i);
        assert_int_equal(fl_recipient_create(secret[i], text[i]), FL_OK);
        assert_int_equal(fl_recipient_fingerprint(text[i], fingerprint[i]), FL_OK);
        assert_int_equal(strlen(fingerprint[i]), FL_RECIPIENT_FINGERPRINT_SIZE - 1);
    }
    assert_string_not_equal(fingerprint[0], fingerprint[1]);
    assert_int_equal(fl_recipient_fingerprint("fleetlog-node-1:AAAA", fingerprint[1]), FL_INVALID);
    assert_int_equal(fl_recipient_fingerprint("nothing", fingerprint[1]), FL_INVALID);
    assert_int_equal(fl_keyring_send(keyring, path, "nothing"), FL_INVALID);
    assert_int_equal(fl_keyring_send(keyring, path, text[0]), FL_OK);
    assert_int_equal(fl_keyring_receive(path, secret[1], &received), FL_UNAUTHENTIC);
    assert_int_equal(fl_keyring_receive(path, secret[0], &received), FL_OK);
    fl_keyring_close(&received);
    fl_keyring_close(&keyring);
    fl_scratch_remove(&scratch);
}

static void the_old_file_is_overwritten(void **state)
{
    (void)state;
    struct fl_scratch scratch;
    char path[1024];
    char kept[1024];
    uint8_t wrap[FL_KEY_BYTES] = {1};
    uint8_t bytes[64] = {1};
    struct fl_keyring *keyring = fl_keyring_create(fl_port_system());
    fl_scratch_make(&scratch);
    snprintf(path, sizeof(path), "%s/keyring", scratch.path);
    snprintf(kept, sizeof(kept), "%s/kept", scratch.path);
    assert_int_equal(fl_keyring_save(keyring, path, wrap), FL_OK);
    assert_int_equal(link(path, kept), 0); /* what a forensic look at the disk would find */
    assert_int_equal(fl_keyring_replace(keyring, path, wrap), FL_OK);
    FILE *file = fopen(kept, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    assert_int_equal(size, sizeof(bytes));
    for (size_t i = 0; i < size; i++)
        assert_int_equal(bytes[i], 0);
    fl_keyring_close(&keyring);
    assert_int_equal(fl_keyring_load(path, wrap, &keyring), FL_OK);
    fl_keyring_close(&keyring);
    fl_scratch_remove(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_keys_travel_sealed),
        cmocka_unit_test(a_copy_needs_its_passphrase),
        cmocka_unit_test(a_node_is_admitted_by_its_own_key),
        cmocka_unit_test(the_old_file_is_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
