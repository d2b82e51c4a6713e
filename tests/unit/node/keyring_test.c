/* SPDX-License-Identifier: Apache-2.0 */
#include "core/keyring.h"
#include "core/link.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/file.h"
#include "tests/unit/node/test.h"

enum { TIME_MS = 1764000000 };

static struct fl_keyring *seeded(uint64_t seed)
{
    struct fl_port_virtual port;
    fl_port_virtual_init(&port, seed, TIME_MS);
    return fl_keyring_create(&port.port);
}

static void path_in(const char *directory, const char *name, char out[4200])
{
    snprintf(out, 4200, "%s/%s", directory, name);
}

static void test_round_trip(void **state)
{
    char path[4200];
    uint8_t wrap[FL_KEY_BYTES] = {1};
    uint8_t a[FL_HASH_SIZE];
    uint8_t b[FL_HASH_SIZE];
    struct fl_keyring *made = seeded(1);
    struct fl_keyring *loaded = NULL;
    struct stat info;
    path_in(*state, "keyring", path);
    assert_int_equal(fl_keyring_load(path, wrap, &loaded), FL_NOT_FOUND);
    assert_int_equal(fl_keyring_save(made, path, wrap), FL_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(fl_keyring_load(path, wrap, &loaded), FL_OK);
    fl_keyring_fingerprint(made, a);
    fl_keyring_fingerprint(loaded, b);
    assert_memory_equal(a, b, sizeof(a));
    assert_int_equal(fl_keyring_epoch(loaded), 1);
    assert_int_equal(fl_keyring_link_generation(loaded), 1);
    fl_keyring_close(&loaded);
    wrap[31] ^= 1;
    assert_int_equal(fl_keyring_load(path, wrap, &loaded), FL_KEYRING);
    assert_null(loaded);
    fl_keyring_close(&made);
}

/* Every single flipped byte and every truncation of the file is refused. */
static void test_damage_is_refused(void **state)
{
    char path[4200];
    uint8_t wrap[FL_KEY_BYTES] = {9};
    uint8_t file[8192];
    size_t size = 0;
    struct fl_keyring *made = seeded(2);
    struct fl_keyring *loaded = NULL;
    path_in(*state, "keyring", path);
    assert_int_equal(fl_keyring_save(made, path, wrap), FL_OK);
    assert_int_equal(fl_file_read(path, file, sizeof(file), &size), FL_OK);
    for (size_t i = 0; i < size; i += 3) {
        file[i] ^= 0x40;
        assert_int_equal(fl_file_replace(path, fl_slice_of(file, size), 0600), FL_OK);
        assert_int_equal(fl_keyring_load(path, wrap, &loaded), FL_KEYRING);
        file[i] ^= 0x40;
        assert_int_equal(fl_file_replace(path, fl_slice_of(file, i), 0600), FL_OK);
        assert_int_equal(fl_keyring_load(path, wrap, &loaded), FL_KEYRING);
    }
    assert_int_equal(fl_file_replace(path, fl_slice_of(file, size), 0600), FL_OK);
    assert_int_equal(fl_keyring_load(path, wrap, &loaded), FL_OK);
    fl_keyring_close(&loaded);
    fl_keyring_close(&made);
}

static void test_seal(void **state)
{
    uint8_t nonce[FL_SEAL_NONCE_SIZE];
    uint8_t sealed[64];
    uint8_t plain[64];
    struct fl_slice key = FL_SLICE_LITERAL("subject/1");
    struct fl_slice text = FL_SLICE_LITERAL("ada@example.org");
    size_t sealed_size = text.size + FL_SEAL_TAG_SIZE;
    struct fl_keyring *keyring = seeded(3);
    (void)state;
    assert_int_equal(fl_keyring_seal(keyring, fl_port_system(), 1, key, text, nonce, sealed),
                     FL_OK);
    assert_int_equal(
        fl_keyring_open_sealed(keyring, 1, key, nonce, fl_slice_of(sealed, sealed_size), plain),
        FL_OK);
    assert_memory_equal(plain, text.data, text.size);
    /* Moved under another key, another epoch, altered, cut. */
    assert_int_equal(fl_keyring_open_sealed(keyring, 1, FL_SLICE_LITERAL("subject/2"), nonce,
                                            fl_slice_of(sealed, sealed_size), plain),
                     FL_UNAUTHENTIC);
    assert_int_equal(
        fl_keyring_open_sealed(keyring, 2, key, nonce, fl_slice_of(sealed, sealed_size), plain),
        FL_KEYRING);
    assert_int_equal(fl_keyring_open_sealed(keyring, 1, key, nonce, fl_slice_of(sealed, 15), plain),
                     FL_UNAUTHENTIC);
    sealed[0] ^= 1;
    assert_int_equal(
        fl_keyring_open_sealed(keyring, 1, key, nonce, fl_slice_of(sealed, sealed_size), plain),
        FL_UNAUTHENTIC);
    assert_int_equal(fl_keyring_seal(keyring, fl_port_system(), 7, key, text, nonce, sealed),
                     FL_KEYRING);
    fl_keyring_close(&keyring);
}

static void test_links_and_indexes(void **state)
{
    char token[FL_LINK_TOKEN_TEXT_SIZE];
    uint8_t a[FL_ADDRESS_INDEX_SIZE];
    uint8_t b[FL_ADDRESS_INDEX_SIZE];
    struct fl_slice id = FL_SLICE_LITERAL("0198c0de-0000-7000-8000-000000000001");
    struct fl_keyring *keyring = seeded(4);
    struct fl_keyring *other = seeded(5);
    (void)state;
    assert_int_equal(fl_keyring_link_token(keyring, 1, "share", id, token), FL_OK);
    assert_int_equal(strlen(token), FL_LINK_TOKEN_TEXT_SIZE - 1);
    assert_true(fl_keyring_link_token_fits(keyring, 1, "share", id, fl_slice_text(token)));
    assert_false(fl_keyring_link_token_fits(keyring, 1, "invite", id, fl_slice_text(token)));
    assert_false(fl_keyring_link_token_fits(keyring, 2, "share", id, fl_slice_text(token)));
    assert_false(fl_keyring_link_token_fits(other, 1, "share", id, fl_slice_text(token)));
    assert_false(fl_keyring_link_token_fits(keyring, 1, "share", id, fl_slice_of(token, 42)));
    assert_int_equal(fl_keyring_address_index(keyring, 1, FL_SLICE_LITERAL("a@b.example"), a),
                     FL_OK);
    assert_int_equal(fl_keyring_address_index(other, 1, FL_SLICE_LITERAL("a@b.example"), b), FL_OK);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_int_equal(fl_keyring_address_index(keyring, 2, FL_SLICE_LITERAL("a@b.example"), a),
                     FL_KEYRING);
    fl_keyring_close(&keyring);
    fl_keyring_close(&other);
}

static void test_links_of_mails(void **state)
{
    char secret[FL_LINK_SECRET_SIZE];
    char url[FL_LINK_SIZE_MAX];
    char expected[FL_LINK_SIZE_MAX];
    char base[FL_LINK_SIZE_MAX] = "https://fleet.example";
    struct fl_slice id = FL_SLICE_LITERAL("0198c0de-0000-7000-8000-000000000001");
    struct fl_keyring *keyring = seeded(4);
    (void)state;
    assert_int_equal(fl_link_secret(keyring, FL_LINK_SHARE, id, 1, secret), FL_OK);
    assert_int_equal(strlen(secret), FL_LINK_SECRET_SIZE - 1);
    struct fl_slice whole = fl_slice_text(secret);
    assert_true(fl_slice_equal(fl_link_id(whole), id));
    assert_true(fl_link_fits(keyring, FL_LINK_SHARE, 1, whole));
    assert_false(fl_link_fits(keyring, FL_LINK_INVITATION, 1, whole));
    assert_false(fl_link_fits(keyring, FL_LINK_SHARE, 2, whole));
    for (size_t size = 0; size < whole.size; size++)
        assert_false(fl_link_fits(keyring, FL_LINK_SHARE, 1, fl_slice_of(secret, size)));
    assert_null(fl_link_id(FL_SLICE_NULL).data);
    assert_int_equal(fl_link_secret(keyring, FL_LINK_SHARE, id, 2, secret), FL_KEYRING);
    assert_int_equal(fl_link_secret(keyring, FL_LINK_SHARE, FL_SLICE_NULL, 1, secret), FL_INVALID);
    assert_int_equal(fl_link_url(keyring, FL_LINK_SHARE, id, 1, base, url), FL_OK);
    snprintf(expected, sizeof(expected), "https://fleet.example/share#%s", secret);
    assert_string_equal(url, expected);
    memset(base, 'a', sizeof(base) - 1);
    base[sizeof(base) - 1] = '\0';
    assert_int_equal(fl_link_url(keyring, FL_LINK_SHARE, id, 1, base, url), FL_TOO_LARGE);
    fl_keyring_close(&keyring);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    unlink(path);
    assert_int_equal(fl_file_create(path, fl_slice_text(text), mode), FL_OK);
}

static void test_wrap_key_files(void **state)
{
    char path[4200];
    uint8_t made[FL_KEY_BYTES];
    uint8_t key[FL_KEY_BYTES];
    static const char hex[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    char text[80];
    path_in(*state, "wrap.key", path);
    assert_int_equal(fl_wrap_key_load(path, key), FL_NOT_FOUND);
    assert_int_equal(fl_wrap_key_create(path, fl_port_system(), made), FL_OK);
    assert_int_equal(fl_wrap_key_load(path, key), FL_OK);
    assert_memory_equal(made, key, sizeof(key));
    assert_int_equal(fl_wrap_key_create(path, fl_port_system(), made), FL_EXISTS);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(fl_wrap_key_load(path, key), FL_DENIED);
    write_file(path, hex, 0600);
    assert_int_equal(fl_wrap_key_load(path, key), FL_OK);
    assert_int_equal(key[1], 0x11);
    write_file(path, hex + 1, 0600);
    assert_int_equal(fl_wrap_key_load(path, key), FL_INVALID);
    snprintf(text, sizeof(text), "%s\n\n", hex);
    write_file(path, text, 0600);
    assert_int_equal(fl_wrap_key_load(path, key), FL_INVALID);
    write_file(path, "0123456789abcdef0123456789abcdef", 0600);
    assert_int_equal(fl_wrap_key_load(path, key), FL_OK);
    assert_int_equal(key[0], '0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, test_make_directory,
                                        test_remove_directory),
        cmocka_unit_test_setup_teardown(test_damage_is_refused, test_make_directory,
                                        test_remove_directory),
        cmocka_unit_test(test_seal),
        cmocka_unit_test(test_links_and_indexes),
        cmocka_unit_test(test_links_of_mails),
        cmocka_unit_test_setup_teardown(test_wrap_key_files, test_make_directory,
                                        test_remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
