/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/node/test.h"

static enum fl_error load(const char *directory, const char *content, struct fl_config *config,
                          char detail[FL_CONFIG_DETAIL_SIZE])
{
    char path[4200];
    snprintf(path, sizeof(path), "%s/fleetlog.conf", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
    return fl_config_load_file(config, path, detail);
}

static void expect_refused(const char *directory, const char *content, const char *message)
{
    char detail[FL_CONFIG_DETAIL_SIZE] = "";
    struct fl_config *config = fl_config_open();
    assert_int_equal(load(directory, content, config, detail), FL_USAGE);
    if (strstr(detail, message) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", message, detail);
    fl_config_close(&config);
}

static void test_bad_lines_are_named(void **state)
{
    expect_refused(*state, "[node]\ndata = /x\nfoo = 1\n", "fleetlog.conf:3: unknown key \"foo\"");
    expect_refused(*state, "[nodes]\n", ":1: unknown section [nodes]");
    expect_refused(*state, "data = /x\n", ":1: a key before the first [section]");
    expect_refused(*state, "[node\n", ":1: a section header ends with ]");
    expect_refused(*state, "[node]\ndata\n", ":2: expected key = value");
    expect_refused(*state, "[node]\n= 3\n", ":2: expected key = value");
    expect_refused(*state, "[node]\ndata = a\ndata = b\n", ":3: [node] data is set twice");
    expect_refused(*state, "[kafka]\na.b = 1\na.b = 2\n", ":3: [kafka] a.b is set twice");
    expect_refused(*state, "[kafka.decider]\na.b = 1\na.b = 2\n",
                   ":3: [kafka.decider] a.b is set twice");
    expect_refused(*state, "[kafka.nobody]\n", ":1: unknown section [kafka.nobody]");
    expect_refused(*state, "[kafka.]\n", ":1: unknown section [kafka.]");
    expect_refused(*state, "[node]\ndisk_reserve = many\n", "is not a size such as 256MiB");
    expect_refused(*state, "[gateway]\nwait = 5\n", "is not a duration");
    expect_refused(*state, "[gateway]\nconnection_count_max = -1\n", "is not a whole number");
    expect_refused(*state, "[views]\nmap_size = 99999999999TiB\n", "is not a size");
}

static void test_line_length_limit(void **state)
{
    char *content = malloc(9000);
    char detail[FL_CONFIG_DETAIL_SIZE] = "";
    for (int over = -1; over <= 1; over++) {
        /* "data = " and the value and the line feed make 4096 + over bytes. */
        size_t value_size = (size_t)(4096 + over - 8);
        size_t size = (size_t)snprintf(content, 9000, "[node]\ndata = ");
        memset(content + size, 'x', value_size);
        snprintf(content + size + value_size, 9000 - size - value_size, "\n");
        struct fl_config *config = fl_config_open();
        enum fl_error error = load(*state, content, config, detail);
        assert_int_equal(error, over <= 0 ? FL_OK : FL_USAGE);
        if (error == FL_OK)
            assert_int_equal(strlen(fl_config_text(config, FL_SETTING_DATA)), value_size);
        fl_config_close(&config);
    }
    free(content);
}

static void test_precedence(void **state)
{
    char detail[FL_CONFIG_DETAIL_SIZE] = "";
    struct fl_config *config = fl_config_open();
    assert_string_equal(fl_config_text(config, FL_SETTING_JOURNAL), "embedded");
    assert_int_equal(fl_config_source(config, FL_SETTING_JOURNAL), FL_FROM_DEFAULT);
    assert_int_equal(load(*state, "; c\n# c\n\n[journal]\nengine = kafka://a:1\n", config, detail),
                     FL_OK);
    assert_string_equal(fl_config_text(config, FL_SETTING_JOURNAL), "kafka://a:1");
    setenv("FLEETLOG_JOURNAL", "kafka://b:2", 1);
    setenv("FLEETLOG_GATEWAY_WAIT", "7s", 1);
    assert_int_equal(fl_config_load_environment(config, detail), FL_OK);
    assert_string_equal(fl_config_text(config, FL_SETTING_JOURNAL), "kafka://b:2");
    assert_int_equal(fl_config_number(config, FL_SETTING_WAIT), 7000);
    assert_int_equal(fl_config_set(config, FL_SETTING_JOURNAL, "kafka://c:3", FL_FROM_FLAG, detail),
                     FL_OK);
    assert_int_equal(fl_config_load_environment(config, detail), FL_OK);
    assert_string_equal(fl_config_text(config, FL_SETTING_JOURNAL), "kafka://c:3");
    assert_int_equal(fl_config_source(config, FL_SETTING_JOURNAL), FL_FROM_FLAG);
    unsetenv("FLEETLOG_JOURNAL");
    setenv("FLEETLOG_GATEWAY_WAIT", "soon", 1);
    assert_int_equal(fl_config_load_environment(config, detail), FL_USAGE);
    unsetenv("FLEETLOG_GATEWAY_WAIT");
    fl_config_close(&config);
}

static void test_kafka_is_passed_through_and_secrets_are_hidden(void **state)
{
    char detail[FL_CONFIG_DETAIL_SIZE] = "";
    char *text = NULL;
    size_t size = 0;
    struct fl_config *config = fl_config_open();
    assert_int_equal(load(*state, "[kafka]\nsasl.password = hush\nlinger.ms = 5\n", config, detail),
                     FL_OK);
    const char *kafka[FL_CONFIG_KAFKA_PAIRS_SIZE];
    fl_config_kafka(config, NULL, kafka);
    assert_string_equal(kafka[0], "sasl.password");
    assert_string_equal(kafka[1], "hush");
    assert_string_equal(kafka[3], "5");
    assert_null(kafka[4]);
    FILE *out = open_memstream(&text, &size);
    fl_config_print(config, out);
    fclose(out);
    assert_null(strstr(text, "hush"));
    assert_non_null(strstr(text, "linger.ms = 5  # file"));
    assert_non_null(strstr(text, "engine = embedded  # default"));
    free(text);
    fl_config_close(&config);
}

static void test_kafka_by_role(void **state)
{
    char detail[FL_CONFIG_DETAIL_SIZE] = "";
    const char *pairs[FL_CONFIG_KAFKA_PAIRS_SIZE];
    char *text = NULL;
    size_t size = 0;
    struct fl_config *config = fl_config_open();
    assert_int_equal(load(*state,
                          "[kafka.decider]\nsasl.username = decider\nsasl.password = hush\n"
                          "[kafka]\nsasl.username = anybody\n",
                          config, detail),
                     FL_OK);
    fl_config_kafka(config, "decider", pairs);
    assert_string_equal(pairs[1], "anybody");
    assert_string_equal(pairs[2], "sasl.username"); /* the later one counts */
    assert_string_equal(pairs[3], "decider");
    assert_string_equal(pairs[4], "sasl.password");
    assert_null(pairs[6]);
    fl_config_kafka(config, "gateway", pairs);
    assert_string_equal(pairs[1], "anybody");
    assert_null(pairs[2]);
    FILE *out = open_memstream(&text, &size);
    fl_config_print(config, out);
    fclose(out);
    assert_non_null(strstr(text, "[kafka.decider]\nsasl.username = decider  # file"));
    assert_null(strstr(text, "hush"));
    free(text);
    fl_config_close(&config);
    config = fl_config_open();
    char many[8192] = "[kafka.gateway]\n";
    for (int i = 0; i < FL_CONFIG_KAFKA_COUNT_MAX; i++)
        snprintf(many + strlen(many), 32, "k%d = v\n", i);
    assert_int_equal(load(*state, many, config, detail), FL_OK);
    fl_config_close(&config);
    config = fl_config_open();
    snprintf(many + strlen(many), 32, "[kafka]\none.more = v\n");
    assert_int_equal(load(*state, many, config, detail), FL_USAGE);
    assert_non_null(strstr(detail, "more than 64 keys"));
    fl_config_close(&config);
}

static void test_units(void **state)
{
    uint64_t value = 0;
    (void)state;
    assert_true(fl_parse_size("0", &value) && value == 0);
    assert_true(fl_parse_size("3 KiB", &value) && value == 3072);
    assert_true(fl_parse_size("18446744073709551615", &value) && value == UINT64_MAX);
    assert_false(fl_parse_size("18446744073709551616", &value));
    assert_false(fl_parse_size("16777216TiB", &value)); /* 2^64 */
    assert_true(fl_parse_size("16777215TiB", &value));
    assert_false(fl_parse_size("1kb", &value));
    assert_false(fl_parse_size("", &value));
    assert_true(fl_parse_duration_ms("400d", &value) && value == UINT64_C(34560000000));
    assert_false(fl_parse_duration_ms("4", &value));
    assert_false(fl_parse_duration_ms("1.5s", &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bad_lines_are_named, test_make_directory,
                                        test_remove_directory),
        cmocka_unit_test_setup_teardown(test_line_length_limit, test_make_directory,
                                        test_remove_directory),
        cmocka_unit_test_setup_teardown(test_precedence, test_make_directory,
                                        test_remove_directory),
        cmocka_unit_test_setup_teardown(test_kafka_by_role, test_make_directory,
                                        test_remove_directory),
        cmocka_unit_test_setup_teardown(test_kafka_is_passed_through_and_secrets_are_hidden,
                                        test_make_directory, test_remove_directory),
        cmocka_unit_test(test_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
