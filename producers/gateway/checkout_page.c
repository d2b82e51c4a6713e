/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of the stand-in: what is to be paid, and buttons for what a provider would report. A
 * press makes a signed webhook, which is taken the way that a provider's is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producers/gateway/operator.h"
#include "producers/gateway/webhook.h"
#include "projections/registry/machines.h"
#include "projections/registry/plan.h"

enum { PAGE_SIZE = 8192, AMOUNT_SIZE = 40, REGION_SIZE_MAX = 16 /* fields.def */ };

/* What does not fit is left out. */
static void escape(const char *text, char *out, size_t size)
{
    size_t at = 0;
    for (out[0] = '\0'; *text != '\0' && at + 6 < size; text++)
        at += (size_t)snprintf(out + at, size - at,
                               strchr("&<>\"'", *text) != NULL ? "&#%d;" : "%c", *text);
}

/* Digits behind the point, of the currencies that do not have two (ISO 4217). */
static unsigned digits_of(const char *currency)
{
    static const char none[] = "CLP ISK JPY KRW PYG UGX VND XAF XOF XPF";
    static const char three[] = "BHD IQD JOD KWD LYD OMR TND";
    return strstr(none, currency) != NULL ? 0 : strstr(three, currency) != NULL ? 3 : 2;
}

static void format_amount(char out[AMOUNT_SIZE], int64_t minor, const char *currency)
{
    unsigned digits = digits_of(currency);
    long long unit = digits == 0 ? 1 : digits == 2 ? 100 : 1000;
    if (digits == 0)
        snprintf(out, AMOUNT_SIZE, "%lld %.3s", (long long)minor, currency);
    else
        snprintf(out, AMOUNT_SIZE, "%lld.%0*lld %.3s", minor / unit, (int)digits, minor % unit,
                 currency);
}

/* The buttons that a purchase in this state has. */
static const char *buttons_of(unsigned state)
{
    if (state == FL_PURCHASE_PAID)
        return "<button name=\"do\" value=\"refund\">Refund</button>";
    if (state == FL_PURCHASE_REFUNDED)
        return "";
    return "<button name=\"do\" value=\"pay\">Pay</button>\n"
           "<button name=\"do\" value=\"fail\">Let the payment fail</button>";
}

static int print_page(char *page, const fl_purchase_row *row, const char *result)
{
    char region[6 * REGION_SIZE_MAX + 7];
    char total[AMOUNT_SIZE];
    char tax[AMOUNT_SIZE];
    escape(row->region, region, sizeof(region));
    format_amount(total, row->net_minor + row->tax_minor, row->currency);
    format_amount(tax, row->tax_minor, row->currency);
    return snprintf(
        page, PAGE_SIZE,
        "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width\"><title>Checkout</title>\n"
        "<h1>Stand-in checkout</h1>\n<p>No money is taken here: this page stands in for a "
        "payment provider's.</p>\n%s%s%s"
        "<dl><dt>License</dt><dd>%s, %u nodes, %u days</dd>\n<dt>Region</dt><dd>%s</dd>\n"
        "<dt>To pay</dt><dd>%s (%s of it tax)</dd>\n<dt>State</dt><dd>%s</dd></dl>\n"
        "<form method=\"post\">\n%s\n</form>\n</html>\n",
        result == NULL ? "" : "<p role=\"status\">The report of this is ",
        result == NULL ? "" : result, result == NULL ? "" : ".</p>\n",
        fl_plan_name((enum fl_plan)row->plan), row->node_count, row->term_days, region, total, tax,
        fl_sm_name(&fl_purchase_machine, row->state), buttons_of(row->state));
}

static void answer_page(struct call *call, const fl_purchase_row *row, const char *result)
{
    char *page = malloc(PAGE_SIZE);
    if (page == NULL) {
        fl_call_error(call, FL_NO_MEMORY);
        return;
    }
    int size = print_page(page, row, result);
    free(call->answer->body);
    call->answer->status = 200;
    call->answer->content_type = "text/html; charset=utf-8";
    call->answer->body = page;
    call->answer->body_size = (size_t)size;
    fl_http_add_field(call->answer, "Content-Security-Policy",
                      "default-src 'none'; base-uri 'none'; form-action 'self'; "
                      "frame-ancestors 'none'");
}

static uint32_t purchase_generation(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice id)
{
    const fl_purchase_row *row = fl_registry_purchase(kv, arena, id);
    return row == NULL ? 0 : row->link_key_generation;
}

/* The purchase whose page the address is; NULL after answering. */
static const char *page_purchase(struct call *call)
{
    const char *token = fl_http_query(call->request, "token");
    if (fl_checkout_of(call->gateway->duty->config) != &fl_checkout_stand_in) {
        fl_call_problem(call, 404, "There is nothing here", NULL, NULL);
        return NULL;
    }
    return fl_call_check_link(call, FL_LINK_CHECKOUT, token == NULL ? "" : token,
                              purchase_generation);
}

/* NULL after answering. */
static const fl_purchase_row *read_purchase(struct call *call, const char *id)
{
    struct fl_store_read read = {.kv = NULL};
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return NULL;
    const fl_purchase_row *row = fl_registry_purchase(read.kv, &call->arena, fl_slice_text(id));
    if (!fl_call_read_end(call, &read))
        return NULL;
    if (row == NULL)
        fl_call_problem(call, 404, "There is no such purchase", NULL, NULL);
    return row;
}

void fl_route_get_checkout_page(struct call *call)
{
    const char *id = page_purchase(call);
    const fl_purchase_row *row = id == NULL ? NULL : read_purchase(call, id);
    if (row != NULL)
        answer_page(call, row, NULL);
}

static Fleetlog__V1__PaymentState pressed(struct fl_slice body)
{
    if (fl_slice_is(body, "do=pay"))
        return FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_PAID;
    if (fl_slice_is(body, "do=fail"))
        return FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_FAILED;
    if (fl_slice_is(body, "do=refund"))
        return FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_REFUNDED;
    return FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_UNSPECIFIED;
}

void fl_route_post_checkout_page(struct call *call)
{
    char secret[FL_CHECKOUT_SECRET_MAX];
    char signature[128];
    struct fl_checkout_event event = {.state = pressed(fl_http_body(call->request))};
    const char *id = page_purchase(call);
    const fl_purchase_row *row = id == NULL ? NULL : read_purchase(call, id);
    if (row == NULL)
        return;
    if (event.state == FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_UNSPECIFIED) {
        fl_call_problem(call, 422, "do must be pay, fail or refund", NULL, "do");
        return;
    }
    snprintf(event.id, sizeof(event.id), "%s", fl_call_mint(call));
    snprintf(event.purchase_id, sizeof(event.purchase_id), "%s", id);
    snprintf(event.currency, sizeof(event.currency), "%.3s", row->currency);
    event.amount_minor = row->net_minor + row->tax_minor;
    const char *body = fl_checkout_stand_in_body(&call->arena, &event);
    if (body == NULL) {
        fl_call_error(call, FL_NO_MEMORY);
        return;
    }
    fl_checkout_sign(fl_checkout_secret(call->gateway->duty->config, secret),
                     fl_port_wall_ms(call->gateway->duty->port) / 1000, fl_slice_text(body),
                     signature);
    const char *result =
        fl_call_take_webhook(call, &fl_checkout_stand_in, signature, fl_slice_text(body));
    row = result == NULL ? NULL : read_purchase(call, id);
    if (row != NULL)
        answer_page(call, row, result);
}
