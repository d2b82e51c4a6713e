/* SPDX-License-Identifier: Apache-2.0 */
/* What has to be replaced or renewed, the nearest first, by quarter and with a budget. Nothing here
 * says how a device runs; for a reseller it does not say its name or place either. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/timestamp.h"
#include "fleetlog/v1/resellers.pb-c.h"
#include "projections/reports/filling.h"
#include "projections/reports/text.h"

/* Overdue, this quarter and the eleven that follow, later. */
enum { QUARTER_COUNT = 12, BUCKET_COUNT = QUARTER_COUNT + 2, CURRENCY_COUNT_MAX = 4 };

enum column {
    NAME,
    LOCATION,
    MODEL,
    SKU,
    WHAT,
    DUE,
    QUARTER,
    DAYS,
    BASIS,
    AGE,
    PART,
    PRICE,
    CURRENCY,
    COLUMN_COUNT
};

static const struct fl_document_column columns[COLUMN_COUNT] = {
    [NAME] = {"name", "Device", FL_DOCUMENT_TEXT, "", 0, 20},
    [LOCATION] = {"location", "Location", FL_DOCUMENT_TEXT, "", 0, 15},
    [MODEL] = {"model", "Model", FL_DOCUMENT_TEXT, "", 0, 19},
    [SKU] = {"sku", "SKU", FL_DOCUMENT_TEXT, "", 0, 13},
    [WHAT] = {"what", "What", FL_DOCUMENT_TEXT, "", 0, 19},
    [DUE] = {"due", "Due", FL_DOCUMENT_DATE, "", 0, 11},
    [QUARTER] = {"quarter", "Quarter", FL_DOCUMENT_TEXT, "", 0, 10},
    [DAYS] = {"daysLeft", "Days left", FL_DOCUMENT_NUMBER, "", 0, 9},
    [BASIS] = {"basis", "Basis", FL_DOCUMENT_TEXT, "", 0, 20},
    [AGE] = {"age", "Device age", FL_DOCUMENT_NUMBER, "years", 1, 10},
    [PART] = {"part", "Replacement part", FL_DOCUMENT_TEXT, "", 0, 14},
    [PRICE] = {"price", "Price", FL_DOCUMENT_NUMBER, "", 2, 10},
    [CURRENCY] = {"currency", "Currency", FL_DOCUMENT_TEXT, "", 0, 11},
};

enum budget_column {
    BUDGET_QUARTER,
    BATTERIES,
    WARRANTIES,
    PLANS,
    BUDGET,
    PRICELESS,
    BUDGET_COUNT
};
static const struct fl_document_column budget_columns[BUDGET_COUNT] = {
    [BUDGET_QUARTER] = {"quarter", "Quarter", FL_DOCUMENT_TEXT, "", 0, 14},
    [BATTERIES] = {"batteries", "Batteries", FL_DOCUMENT_NUMBER, "", 0, 12},
    [WARRANTIES] = {"warranties", "Warranties", FL_DOCUMENT_NUMBER, "", 0, 12},
    [PLANS] = {"plans", "Plans", FL_DOCUMENT_NUMBER, "", 0, 12},
    [BUDGET] = {"budget", "Budget for batteries", FL_DOCUMENT_TEXT, "", 0, 30},
    [PRICELESS] = {"withoutPrice", "Batteries without a known price", FL_DOCUMENT_NUMBER, "", 0,
                   20},
};

enum what { BATTERY, WARRANTY, PLAN_END, WHAT_COUNT };

struct bucket {
    char label[FL_CHART_LABEL_SIZE];
    uint64_t counts[WHAT_COUNT];
    uint64_t priceless_count;
    char currencies[CURRENCY_COUNT_MAX][8];
    int64_t sums[CURRENCY_COUNT_MAX]; /* hundredths */
};

struct renewals {
    struct filling *f;
    size_t table;
    size_t budget;
    struct bucket buckets[BUCKET_COUNT];
    uint64_t device_count;
    uint64_t unknown_count;
};

/* Quarters since year 0; its name is "2026 Q4". */
static int64_t quarter_of(int64_t ms, char label[FL_CHART_LABEL_SIZE])
{
    char stamp[FL_TIMESTAMP_TEXT_SIZE]; /* "2026-11-25T…" */
    fl_timestamp_format(ms, stamp);
    int month = (stamp[5] - '0') * 10 + stamp[6] - '0';
    int quarter = (month - 1) / 3;
    int64_t year = 0;
    for (size_t i = 0; i < 4; i++)
        year = year * 10 + stamp[i] - '0';
    if (label != NULL)
        snprintf(label, FL_CHART_LABEL_SIZE, "%.4s Q%d", stamp, quarter + 1);
    return year * 4 + quarter;
}

static void name_buckets(struct renewals *r)
{
    int64_t now = quarter_of(r->f->now_ms, NULL);
    snprintf(r->buckets[0].label, FL_CHART_LABEL_SIZE, "overdue");
    for (int i = 0; i < QUARTER_COUNT; i++)
        snprintf(r->buckets[i + 1].label, FL_CHART_LABEL_SIZE, "%04d Q%d", (int)((now + i) / 4),
                 (int)((now + i) % 4) + 1);
    snprintf(r->buckets[BUCKET_COUNT - 1].label, FL_CHART_LABEL_SIZE, "later");
}

static struct bucket *bucket_of(struct renewals *r, int64_t due_ms)
{
    int64_t ahead = quarter_of(due_ms, NULL) - quarter_of(r->f->now_ms, NULL);
    if (due_ms <= r->f->now_ms)
        return &r->buckets[0];
    return &r->buckets[ahead < QUARTER_COUNT ? ahead + 1 : BUCKET_COUNT - 1];
}

static void add_price(struct bucket *bucket, const struct fl_document_outlook *outlook)
{
    for (size_t i = 0; outlook->currency[0] != '\0' && i < CURRENCY_COUNT_MAX; i++) {
        if (bucket->currencies[i][0] == '\0')
            snprintf(bucket->currencies[i], sizeof(bucket->currencies[i]), "%s", outlook->currency);
        if (strcmp(bucket->currencies[i], outlook->currency) != 0)
            continue;
        bucket->sums[i] += outlook->price_minor;
        return;
    }
    bucket->priceless_count++;
}

struct need {
    enum what what;
    int64_t due_ms;
    const char *basis;
};

static void add_need(struct renewals *r, const struct filling_device *device,
                     const struct fl_document_outlook *outlook, const struct need *need)
{
    static const char *const words[WHAT_COUNT] = {"battery replacement", "warranty ends",
                                                  "plan ends"};
    static const int64_t day_thousandths = FL_DOCUMENT_DAY_MS / 1000;
    struct fl_document_cell cells[COLUMN_COUNT];
    char quarter[FL_CHART_LABEL_SIZE];
    bool is_battery = need->what == BATTERY;
    bool has_price = is_battery && outlook->currency[0] != '\0';
    int64_t age_ms = r->f->now_ms - outlook->made_ms;
    struct bucket *bucket = bucket_of(r, need->due_ms);
    quarter_of(need->due_ms, quarter);
    cells[NAME] = fl_cell_text(device->row->name);
    cells[LOCATION] = fl_cell_text(device->row->location);
    cells[MODEL] = fl_filling_text_cell(device->identity.model);
    cells[SKU] = fl_filling_text_cell(outlook->sku);
    cells[WHAT] = fl_cell_text(words[need->what]);
    cells[DUE] = fl_cell_number(need->due_ms);
    cells[QUARTER] = fl_cell_text(quarter);
    cells[DAYS] = fl_cell_number(
        (need->due_ms - r->f->now_ms / FL_DOCUMENT_DAY_MS * FL_DOCUMENT_DAY_MS) / day_thousandths);
    cells[BASIS] = fl_cell_text(need->basis);
    cells[AGE] =
        outlook->made_ms == 0 || age_ms < 0 ? fl_cell_unknown() : fl_cell_number(age_ms / 31557600);
    cells[PART] = is_battery ? fl_filling_text_cell(outlook->battery_part) : fl_cell_text("");
    cells[PRICE] = has_price    ? fl_cell_number(outlook->price_minor * 10)
                   : is_battery ? fl_cell_unknown()
                                : fl_cell_text("");
    cells[CURRENCY] = has_price ? fl_cell_text(outlook->currency) : fl_cell_text("");
    bucket->counts[need->what]++;
    if (is_battery)
        add_price(bucket, outlook);
    fl_document_add_row(r->f->report, r->table, need->due_ms,
                        cells + (r->f->source->is_for_others ? MODEL : NAME));
}

static void add_device(void *context, const struct filling_device *device)
{
    struct renewals *r = context;
    struct fl_document_outlook outlook;
    struct need needs[WHAT_COUNT];
    fl_filling_outlook(r->f, device, &outlook);
    needs[BATTERY] = (struct need){BATTERY, outlook.battery_due_ms, outlook.battery_basis};
    needs[WARRANTY].what = WARRANTY;
    needs[WARRANTY].due_ms =
        fl_filling_date(r->f, device, FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_WARRANTY_END,
                        &needs[WARRANTY].basis);
    if (needs[WARRANTY].due_ms == 0 && outlook.warranty_ms != 0) {
        needs[WARRANTY].due_ms = outlook.warranty_ms;
        needs[WARRANTY].basis = "catalogue";
    }
    needs[PLAN_END].what = PLAN_END;
    needs[PLAN_END].due_ms =
        fl_filling_date(r->f, device, FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_PLAN_END,
                        &needs[PLAN_END].basis);
    r->device_count++;
    r->unknown_count += outlook.battery_due_ms == 0;
    for (size_t i = 0; i < WHAT_COUNT; i++)
        if (needs[i].due_ms != 0)
            add_need(r, device, &outlook, &needs[i]);
}

/* "EUR 1234.50, USD 80.00"; unknown if no battery of the quarter has a price. */
static struct fl_document_cell budget_cell(const struct bucket *bucket,
                                           char text[FL_DOCUMENT_LINE_SIZE])
{
    static const struct fl_document_column money = {.type = FL_DOCUMENT_NUMBER, .decimals = 2};
    char number[FL_DOCUMENT_CELL_TEXT_SIZE];
    text[0] = '\0';
    for (size_t i = 0; i < CURRENCY_COUNT_MAX && bucket->currencies[i][0] != '\0'; i++) {
        size_t used = strlen(text);
        fl_document_format(&money, bucket->sums[i] * 10, number);
        snprintf(text + used, FL_DOCUMENT_LINE_SIZE - used, "%s%s %s", i == 0 ? "" : ", ",
                 bucket->currencies[i], number);
    }
    if (text[0] == '\0' && bucket->counts[BATTERY] > 0)
        return fl_cell_unknown();
    return fl_cell_text(text);
}

static void add_budget(struct renewals *r)
{
    static const struct fl_document_chart head = {
        .kind = FL_CHART_BARS,
        .name = "due-by-quarter",
        .title = "Due by quarter",
        .x_title = "quarter",
        .y_title = "dates",
        .series = {"batteries", "warranties", "plans"},
        .series_count = WHAT_COUNT,
    };
    char text[FL_DOCUMENT_LINE_SIZE];
    struct fl_document_chart *chart = fl_document_add_chart(r->f->report, &head);
    for (size_t b = 0; b < BUCKET_COUNT; b++) {
        const struct bucket *bucket = &r->buckets[b];
        struct fl_document_cell cells[BUDGET_COUNT];
        fl_chart_add_bar(chart, bucket->label);
        for (size_t w = 0; w < WHAT_COUNT; w++)
            chart->bars[b].values[w] = (int64_t)bucket->counts[w];
        cells[BUDGET_QUARTER] = fl_cell_text(bucket->label);
        cells[BATTERIES] = fl_cell_number((int64_t)bucket->counts[BATTERY] * 1000);
        cells[WARRANTIES] = fl_cell_number((int64_t)bucket->counts[WARRANTY] * 1000);
        cells[PLANS] = fl_cell_number((int64_t)bucket->counts[PLAN_END] * 1000);
        cells[BUDGET] = budget_cell(bucket, text);
        cells[PRICELESS] = fl_cell_number((int64_t)bucket->priceless_count * 1000);
        fl_document_add_row(r->f->report, r->budget, (int64_t)b, cells);
    }
}

void fl_fill_renewals(struct filling *f)
{
    struct renewals r = {.f = f};
    size_t first = f->source->is_for_others ? MODEL : NAME;
    r.table = fl_document_add_table(f->report, "renewals", "Replacements and renewals",
                                    columns + first, COLUMN_COUNT - first);
    r.budget =
        fl_document_add_table(f->report, "budget", "By quarter", budget_columns, BUDGET_COUNT);
    name_buckets(&r);
    fl_filling_each(f, add_device, &r);
    add_budget(&r);
    fl_document_add_fact(f->report, "Devices", "%" PRIu64, r.device_count);
    fl_document_add_fact(f->report, "Battery date not known", "%" PRIu64, r.unknown_count);
    fl_document_add_fact(f->report, "Prices", "%s",
                         "of the catalogue where the exact part is known; never estimated");
}
