/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks of a hosted checkout: signature, tolerance, kinds, and what is never kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "producers/gateway/checkout.h"

#define PURCHASE "01890a5d-ac96-774b-bcce-b302099a8057"
#define STATE(name) FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_##name

enum { NOW_S = 1767225600 };
static const struct fl_slice secret = FL_SLICE_LITERAL("whsec_test");
static const struct fl_slice body = FL_SLICE_LITERAL("{\"id\":\"evt_1\"}");

static enum fl_error verify(const char *signature, int64_t now_s)
{
    return fl_checkout_verify(secret, signature, body, now_s * 1000);
}

static void a_signature_holds_for_its_body_secret_and_time(void **state)
{
    char good[128];
    char two[256];
    (void)state;
    fl_checkout_sign(secret, NOW_S, body, good);
    assert_int_equal(verify(good, NOW_S), FL_OK);
    assert_int_equal(verify(good, NOW_S + FL_CHECKOUT_TOLERANCE_S), FL_OK);
    assert_int_equal(verify(good, NOW_S + FL_CHECKOUT_TOLERANCE_S + 1), FL_DENIED);
    assert_int_equal(verify(good, NOW_S - FL_CHECKOUT_TOLERANCE_S - 1), FL_DENIED);
    assert_int_equal(
        fl_checkout_verify(FL_SLICE_LITERAL("other"), good, body, NOW_S * INT64_C(1000)),
        FL_UNAUTHENTIC);
    assert_int_equal(fl_checkout_verify(FL_SLICE_LITERAL(""), good, body, NOW_S * INT64_C(1000)),
                     FL_UNAUTHENTIC);
    assert_int_equal(
        fl_checkout_verify(secret, good, FL_SLICE_LITERAL("{}"), NOW_S * INT64_C(1000)),
        FL_UNAUTHENTIC);
    /* A secret that is being changed: one of several fits. */
    snprintf(two, sizeof(two), "t=%d,v1=%064d%s", NOW_S, 0, strchr(good, ','));
    assert_int_equal(verify(two, NOW_S), FL_OK);
}

static void junk_is_no_signature(void **state)
{
    static const char *const texts[] = {NULL,
                                        "",
                                        "t",
                                        "t=",
                                        "t=1",
                                        "v1=00",
                                        "t=x,v1=00",
                                        "t=-5,v1=00",
                                        "t=1767225600,v0=00",
                                        "t=1767225600,v1=",
                                        ",,,",
                                        "t=1767225600,v1=zz",
                                        "t=99999999999999999999,v1=00"};
    char good[128];
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(verify(texts[i], NOW_S), FL_UNAUTHENTIC);
    fl_checkout_sign(secret, NOW_S, body, good);
    for (size_t i = strlen(good) - 64; good[i] != '\0'; i++) {
        char right = good[i];
        good[i] = right == '0' ? '1' : '0';
        assert_int_equal(verify(good, NOW_S), FL_UNAUTHENTIC);
        good[i] = right;
    }
}

static enum fl_error read_text(const char *text, struct fl_checkout_event *event)
{
    return fl_checkout_stripe.read(fl_slice_text(text), event);
}

static void payments_and_refunds_are_read(void **state)
{
    struct fl_checkout_event event;
    (void)state;
    assert_int_equal(
        read_text("{\"id\":\"evt_1\",\"type\":\"checkout.session.completed\",\"data\":{\"object\":{"
                  "\"client_reference_id\":\"" PURCHASE "\",\"payment_status\":\"paid\","
                  "\"amount_total\":17846,\"currency\":\"eur\",\"card\":\"4242424242424242\"}}}",
                  &event),
        FL_OK);
    assert_int_equal(event.state, STATE(PAID));
    assert_string_equal(event.id, "evt_1");
    assert_string_equal(event.purchase_id, PURCHASE);
    assert_string_equal(event.currency, "EUR");
    assert_int_equal(event.amount_minor, 17846);
    for (size_t i = 0; i + 16 <= sizeof(event); i++)
        assert_memory_not_equal((const char *)&event + i, "4242424242424242", 16);
    assert_int_equal(
        read_text("{\"id\":\"evt_2\",\"type\":\"charge.refunded\",\"data\":{\"object\":{"
                  "\"metadata\":{\"purchase_id\":\"" PURCHASE
                  "\"},\"amount_refunded\":5,\"currency\":\"EUR\"}}}",
                  &event),
        FL_OK);
    assert_int_equal(event.state, STATE(REFUNDED));
    assert_int_equal(event.amount_minor, 5);
}

static void what_is_not_ours_is_let_be(void **state)
{
    static const char *const texts[] = {
        "{\"id\":\"evt_1\",\"type\":\"invoice.paid\"}",
        "{\"id\":\"evt_1\"}",
        "{\"id\":\"evt_1\",\"type\":\"checkout.session.completed\"}",
        "{\"id\":\"evt_1\",\"type\":\"checkout.session.completed\",\"data\":{\"object\":{"
        "\"client_reference_id\":\"" PURCHASE "\",\"payment_status\":\"unpaid\"}}}",
    };
    struct fl_checkout_event event;
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(read_text(texts[i], &event), FL_OK);
        assert_int_equal(event.state, STATE(UNSPECIFIED));
    }
}

static void bad_bodies_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"id\":1}",
        "{\"id\":\"evt_1\",\"type\":\"checkout.session.expired\",\"data\":{\"object\":{"
        "\"client_reference_id\":\"x\",\"amount_total\":1,\"currency\":\"eur\"}}}",
        "{\"id\":\"evt_1\",\"type\":\"checkout.session.expired\",\"data\":{\"object\":{"
        "\"client_reference_id\":\"" PURCHASE "\",\"amount_total\":-1,\"currency\":\"eur\"}}}",
        "{\"id\":\"evt_1\",\"type\":\"checkout.session.expired\",\"data\":{\"object\":{"
        "\"client_reference_id\":\"" PURCHASE "\",\"amount_total\":1.5,\"currency\":\"eur\"}}}",
        "{\"id\":\"evt_1\",\"type\":\"checkout.session.expired\",\"data\":{\"object\":{"
        "\"client_reference_id\":\"" PURCHASE "\",\"amount_total\":1,\"currency\":\"euro\"}}}",
    };
    struct fl_checkout_event event;
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(read_text(texts[i], &event), FL_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_holds_for_its_body_secret_and_time),
        cmocka_unit_test(junk_is_no_signature),
        cmocka_unit_test(payments_and_refunds_are_read),
        cmocka_unit_test(what_is_not_ours_is_let_be),
        cmocka_unit_test(bad_bodies_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
