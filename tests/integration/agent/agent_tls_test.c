/* SPDX-License-Identifier: Apache-2.0 */
/* The agent and Debian's upsd over TLS: trusted, not trusted, not offered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/integration/agent/agent_process.h"
#include "tests/integration/agent/fake_gateway.h"
#include "tests/integration/agent/fake_upsd.h"
#include "tests/integration/upsd.h"
#include "tests/unit/scratch.h"

enum { SKIPPED = 77, REPORT_COUNT = 20, PATH_SIZE = 512 };

struct fixture {
    struct fl_test_upsd upsd;
    struct fl_scratch certificates;
};

static char *path_of(const struct fixture *f, const char *name, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/%s", f->certificates.path, name);
    return out;
}

static bool has_reports(struct fl_fake_gateway *gateway, void *context)
{
    (void)context;
    return fl_fake_gateway_report_count(gateway) >= REPORT_COUNT;
}

static bool has_outcome(struct fl_fake_gateway *gateway, void *context)
{
    return fl_fake_gateway_command_at(gateway, *(const size_t *)context).outcome_count > 0;
}

/* An agent with a gateway of its own. */
struct side {
    struct fl_scratch scratch;
    struct fl_fake_gateway *gateway;
    pid_t agent;
};

static void open_side(struct side *side, const struct fixture *f, const char *upsd, const char *ca)
{
    fl_scratch_make(&side->scratch);
    side->gateway = fl_fake_gateway_open();
    struct fl_agent_process_options options = {.state = side->scratch.path,
                                               .gateway = fl_fake_gateway_url(side->gateway),
                                               .upsd = upsd,
                                               .claim = "GOOD-CLAIM",
                                               .user = f->upsd.user,
                                               .password = f->upsd.password,
                                               .tls = "required",
                                               .ca = ca,
                                               .poll_ms = "100",
                                               .full_ms = "100",
                                               .watch_ms = "20000"};
    side->agent = fl_agent_process_start(&options);
}

static void close_side(struct side *side)
{
    assert_true(fl_agent_process_stop(side->agent));
    fl_fake_gateway_close(&side->gateway);
    fl_scratch_remove(&side->scratch);
}

static void a_trusted_upsd_is_read_and_commanded(void **state)
{
    struct fixture *f = *state;
    struct side side;
    char ca[PATH_SIZE];
    open_side(&side, f, f->upsd.host_port, path_of(f, "ca.pem", ca));
    assert_true(fl_fake_gateway_wait(side.gateway, has_reports, NULL));
    size_t index =
        fl_fake_gateway_command(side.gateway, "alpha", "COMMAND_KIND_SENSITIVITY", "low", 60000);
    assert_true(fl_fake_gateway_wait(side.gateway, has_outcome, &index));
    struct fl_fake_command command = fl_fake_gateway_command_at(side.gateway, index);
    assert_string_equal(command.outcome, "SUCCEEDED");
    close_side(&side);
}

/* Each distrusting agent starts before a trusting one, and has learnt nothing when that one has
 * reported a lot. */
static void a_upsd_that_cannot_be_trusted_is_not_read(void **state)
{
    struct fixture *f = *state;
    struct side other_ca;
    struct side other_name;
    struct side good;
    char ca[PATH_SIZE];
    char other[PATH_SIZE];
    char name[64];
    snprintf(name, sizeof(name), "localhost:%u", f->upsd.port);
    open_side(&other_ca, f, f->upsd.host_port, path_of(f, "other.pem", other));
    open_side(&other_name, f, name, path_of(f, "ca.pem", ca));
    open_side(&good, f, f->upsd.host_port, ca);
    assert_true(fl_fake_gateway_wait(good.gateway, has_reports, NULL));
    assert_int_equal(fl_fake_gateway_device(other_ca.gateway, "alpha"), 0);
    assert_int_equal(fl_fake_gateway_device(other_name.gateway, "alpha"), 0);
    close_side(&good);
    close_side(&other_name);
    close_side(&other_ca);
}

static void required_means_that_plain_is_not_read(void **state)
{
    struct fixture *f = *state;
    struct side plain;
    struct side good;
    char ca[PATH_SIZE];
    struct fl_fake_upsd *upsd = fl_fake_upsd_open(); /* knows no STARTTLS */
    fl_fake_upsd_set(upsd, "alpha", "ups.status", FL_SLICE_LITERAL("OL"));
    open_side(&plain, f, fl_fake_upsd_address(upsd), NULL);
    open_side(&good, f, f->upsd.host_port, path_of(f, "ca.pem", ca));
    assert_true(fl_fake_gateway_wait(good.gateway, has_reports, NULL));
    assert_int_equal(fl_fake_gateway_device(plain.gateway, "alpha"), 0);
    close_side(&good);
    close_side(&plain);
    fl_fake_upsd_close(&upsd);
}

/* True if there is all that an upsd with TLS needs. */
static bool make_certificates(struct fixture *f)
{
    char command[PATH_SIZE + 64];
    char database[PATH_SIZE];
    fl_scratch_make(&f->certificates);
    snprintf(command, sizeof(command), "tests/integration/agent/certificates.sh %s",
             f->certificates.path);
    if (system(command) != 0)
        return false;
    setenv("FLEETLOG_UPSD_CERTS", path_of(f, "db", database), 1);
    return fl_test_upsd_start(&f->upsd, "producers/simulator/fleets/test.fleet", "10", "4", false);
}

int main(int argc, char **argv)
{
    int code;
    static struct fixture f;
    if (fl_agent_process_main(argc, argv, &code))
        return code;
    if (!make_certificates(&f)) {
        printf("skipped: no upsd, openssl or certutil on this machine (Debian packages nut-server, "
               "libnss3-tools)\n");
        fl_scratch_remove(&f.certificates);
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(a_trusted_upsd_is_read_and_commanded, &f),
        cmocka_unit_test_prestate(a_upsd_that_cannot_be_trusted_is_not_read, &f),
        cmocka_unit_test_prestate(required_means_that_plain_is_not_read, &f),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fl_test_upsd_stop(&f.upsd);
    fl_scratch_remove(&f.certificates);
    return failed;
}
