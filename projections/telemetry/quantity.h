/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a few NUT variables mean: the quantities that rows and conditions work with, and the status
 * as a set.
 *
 * Raw strings stay as they are; this only reads them. Values are integers in thousandths of the
 * unit. Each carries a quality, because devices say things that cannot be (sentinels such as a
 * runtime of 65535). Status is a set of blank-separated tokens in any order, unknown ones allowed
 * (NUT's docs/nut-names.txt).
 *
 * Threading: pure. Allocation: none. Source of the ranges: the project's field cases and NUT's
 * variable list.
 */
#include "core/slice.h"

enum fl_quantity {
    FL_QUANTITY_BATTERY_CHARGE,     /* battery.charge, percent */
    FL_QUANTITY_BATTERY_RUNTIME,    /* battery.runtime, seconds */
    FL_QUANTITY_BATTERY_VOLTAGE,    /* battery.voltage, volts */
    FL_QUANTITY_LOAD,               /* ups.load, percent */
    FL_QUANTITY_INPUT_VOLTAGE,      /* input.voltage, volts */
    FL_QUANTITY_INPUT_TRANSFER_LOW, /* input.transfer.low, volts */
    FL_QUANTITY_OUTPUT_VOLTAGE,     /* output.voltage, volts */
    FL_QUANTITY_TEMPERATURE,        /* ups.temperature, else battery.temperature; degrees Celsius */
    FL_QUANTITY_COUNT,
};

enum fl_quality {
    FL_QUALITY_NONE, /* never received */
    FL_QUALITY_OK,
    FL_QUALITY_SENTINEL,     /* a value that stands for "unknown" or "saturated" */
    FL_QUALITY_OUT_OF_RANGE, /* cannot be */
    FL_QUALITY_UNPARSED,     /* not a number */
    FL_QUALITY_STALE,        /* not repeated since a gap, or the source is silent */
    FL_QUALITY_IMPLAUSIBLE,  /* may be, but not of such a device */
    FL_QUALITY_CONFLICTING,  /* another value of the same report says otherwise */
};

enum fl_status_token {
    FL_STATUS_OL = 1 << 0,
    FL_STATUS_OB = 1 << 1,
    FL_STATUS_LB = 1 << 2,
    FL_STATUS_HB = 1 << 3,
    FL_STATUS_RB = 1 << 4,
    FL_STATUS_CHRG = 1 << 5,
    FL_STATUS_DISCHRG = 1 << 6,
    FL_STATUS_BYPASS = 1 << 7,
    FL_STATUS_CAL = 1 << 8,
    FL_STATUS_OFF = 1 << 9,
    FL_STATUS_OVER = 1 << 10,
    FL_STATUS_TRIM = 1 << 11,
    FL_STATUS_BOOST = 1 << 12,
    FL_STATUS_FSD = 1 << 13,
    FL_STATUS_ALARM = 1 << 14,
    FL_STATUS_WAIT = 1 << 15,
    FL_STATUS_ECO = 1 << 16,
    FL_STATUS_UNKNOWN = 1 << 30, /* at least one token that is none of these */
    FL_STATUS_KNOWN = 1 << 31,   /* ups.status was received at all */
};

/* Quantity of a variable, FL_QUANTITY_COUNT if it is none that rows keep. */
enum fl_quantity fl_quantity_of(struct fl_slice name);

/* "battery.charge", and its unit for people ("%", "s", "V", "°C"). */
const char *fl_quantity_name(enum fl_quantity quantity);
const char *fl_quantity_unit(enum fl_quantity quantity);

const char *fl_quality_name(enum fl_quality quality);

/* Reads a value; `thousandths` is 0 unless the quality is OK, SENTINEL or OUT_OF_RANGE. */
enum fl_quality fl_quantity_parse(enum fl_quantity quantity, struct fl_slice value,
                                  int64_t *thousandths);

/* The set of tokens of ups.status; FL_STATUS_KNOWN is always in it. */
uint32_t fl_status_parse(struct fl_slice value);

/* Name of the single known token of that bit; NULL for the two marks. */
const char *fl_status_name(enum fl_status_token token);

/* Plain decimal with sign and fraction, surrounding blanks allowed, up to 15 digits. False
 * otherwise. */
bool fl_decimal_parse(struct fl_slice text, int64_t *thousandths);
