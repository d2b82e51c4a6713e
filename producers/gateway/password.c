/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/password.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/assert.h"
#include "core/wait.h"

struct fl_passwords {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    unsigned running;
    unsigned waiting;
    char nobodys[FL_PASSWORD_HASH_SIZE];
};

_Static_assert(FL_PASSWORD_HASH_SIZE == crypto_pwhash_STRBYTES, "the size of libsodium's hashes");

/* What people type when fifteen characters are asked for. Shorter ones never come this far. */
static const char *const common[] = {
    "passwordpassword",
    "password12345678",
    "passwort12345678",
    "123456789012345",
    "1234567890123456",
    "12345678901234567890",
    "qwertyuiopasdfgh",
    "qwertyuiopasdfghjkl",
    "qwertyuiop[]asdf",
    "1q2w3e4r5t6y7u8i",
    "1qaz2wsx3edc4rfv",
    "1qaz2wsx3edc4rfv5tgb",
    "qwerty123456789",
    "qwertyqwertyqwerty",
    "abcdefghijklmno",
    "abcdefghijklmnop",
    "iloveyouiloveyou",
    "letmeinletmein1",
    "letmeinletmeinletmein",
    "administrator",
    "administrator1",
    "administrator123",
    "administratoradministrator",
    "adminadminadmin",
    "changemechangeme",
    "welcomewelcome1",
    "welcome123456789",
    "trustno1trustno1",
    "correcthorsebatterystaple",
    "correct horse battery staple",
    "thequickbrownfox",
    "the quick brown fox",
    "monkeymonkeymonkey",
    "dragondragondragon",
    "footballfootball",
    "baseballbaseball",
    "sunshinesunshine",
    "princessprincess",
    "supermansuperman",
    "batmanbatmanbatman",
    "starwarsstarwars",
    "asdfghjklasdfghjkl",
    "zxcvbnmzxcvbnm1",
    "zxcvbnmasdfghjkl",
    "q1w2e3r4t5y6u7i8",
    "a1b2c3d4e5f6g7h8",
    "password123456789",
    "mypasswordispassword",
    "thisismypassword",
    "thisisapassword",
    "notmypassword123",
    "passw0rdpassw0rd",
    "p@ssw0rdp@ssw0rd",
    "uninterruptible",
    "fleetlogfleetlog",
    "111111111111111",
    "000000000000000",
};

enum fl_error fl_passwords_open(const struct fl_port *port, struct fl_passwords **passwords)
{
    char random[crypto_pwhash_SALTBYTES * 2 + 1];
    uint8_t bytes[crypto_pwhash_SALTBYTES];
    struct fl_passwords *made = calloc(1, sizeof(*made));
    if (made == NULL || sodium_init() < 0) {
        free(made);
        return FL_NO_MEMORY;
    }
    fl_assert(pthread_mutex_init(&made->lock, NULL) == 0);
    fl_condition_init(&made->freed);
    fl_port_random(port, bytes, sizeof(bytes));
    sodium_bin2hex(random, sizeof(random), bytes, sizeof(bytes));
    *passwords = made;
    enum fl_error error = fl_password_hash(made, random, made->nobodys);
    if (error != FL_OK)
        fl_passwords_close(passwords);
    return error;
}

void fl_passwords_close(struct fl_passwords **passwords)
{
    if (*passwords == NULL)
        return;
    fl_assert((*passwords)->running == 0 && (*passwords)->waiting == 0);
    pthread_cond_destroy(&(*passwords)->freed);
    pthread_mutex_destroy(&(*passwords)->lock);
    free(*passwords);
    *passwords = NULL;
}

static size_t count_characters(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/* "aaaaaaaaaaaaaaa", "abababababababab". */
static bool is_repeated(const char *password)
{
    size_t size = strlen(password);
    for (size_t i = 2; i < size; i++)
        if (password[i] != password[i % 2])
            return false;
    return true;
}

const char *fl_password_refusal(const char *password, const char *address, const char *company)
{
    if (strlen(password) > FL_PASSWORD_SIZE_MAX)
        return "password: at most 1024 bytes";
    if (count_characters(password) < FL_PASSWORD_CHARACTERS_MIN)
        return "password: at least 15 characters";
    if (is_repeated(password))
        return "password: not one or two characters repeated";
    if (strcasecmp(password, address) == 0 || strcasecmp(password, company) == 0)
        return "password: not the address or the company's name";
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
        if (strcasecmp(password, common[i]) == 0)
            return "password: this one is among the first that anybody tries";
    return NULL;
}

bool fl_passwords_take_turn(struct fl_passwords *passwords)
{
    bool is_mine = true;
    pthread_mutex_lock(&passwords->lock);
    if (passwords->running == FL_PASSWORD_AT_ONCE_MAX) {
        is_mine = passwords->waiting < FL_PASSWORD_WAITING_MAX;
        passwords->waiting += is_mine;
        while (is_mine && passwords->running == FL_PASSWORD_AT_ONCE_MAX)
            fl_condition_wait(&passwords->freed, &passwords->lock);
        passwords->waiting -= is_mine;
    }
    passwords->running += is_mine;
    pthread_mutex_unlock(&passwords->lock);
    return is_mine;
}

void fl_passwords_end_turn(struct fl_passwords *passwords)
{
    pthread_mutex_lock(&passwords->lock);
    passwords->running--;
    pthread_cond_signal(&passwords->freed);
    pthread_mutex_unlock(&passwords->lock);
}

unsigned fl_passwords_waiting(struct fl_passwords *passwords)
{
    pthread_mutex_lock(&passwords->lock);
    unsigned waiting = passwords->waiting;
    pthread_mutex_unlock(&passwords->lock);
    return waiting;
}

enum fl_error fl_password_hash(struct fl_passwords *passwords, const char *password,
                               char hash[FL_PASSWORD_HASH_SIZE])
{
    if (!fl_passwords_take_turn(passwords))
        return FL_FULL;
    int code =
        crypto_pwhash_str(hash, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE);
    fl_passwords_end_turn(passwords);
    return code == 0 ? FL_OK : FL_NO_MEMORY;
}

enum fl_error fl_password_check(struct fl_passwords *passwords, const char *password,
                                const char *hash, bool *is_right)
{
    bool is_nobody = hash[0] == '\0';
    if (!fl_passwords_take_turn(passwords))
        return FL_FULL;
    int code =
        crypto_pwhash_str_verify(is_nobody ? passwords->nobodys : hash, password, strlen(password));
    fl_passwords_end_turn(passwords);
    *is_right = code == 0 && !is_nobody;
    return FL_OK;
}
