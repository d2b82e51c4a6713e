/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The detector's fold over a store in memory, fed by hand, with its changes as a line of text:
 * "+on battery@3 -on battery@5" (raised by report 3, cleared by report 5).
 */
#include "projections/detector/detector.h"
#include "tests/unit/devices/build_report.h"
#include "tests/unit/node/test.h"

enum { DEVICE = 7, GATEWAY = 1, PARTITION = 7, MINUTE = 60 * 1000, TEXT_SIZE = 2048 };

struct watched {
    const struct fl_view *view;
    void *fold;
    struct fl_kv *kv;
    struct fl_arena arena;
    uint64_t offset;
    uint64_t counter;  /* of the last report */
    int64_t now_ms;    /* sampling time of the next report */
    uint64_t sequence; /* of the last tick */
    uint64_t boot;
    char detail[FL_DETAIL_SIZE];
};

void watched_open(struct watched *w);
void watched_close(struct watched *w);

/* Collects changes, with a silence of 90 s and a step of 30 s. */
void watched_collect(struct watched *w);

/* A value of telemetry. */
void watched_value(struct watched *w, uint32_t partition, struct fl_slice value);

/* The next report of DEVICE: readings as "ups.status=OL DISCHRG;battery.charge=100" (NULL: none).
 */
void watched_full(struct watched *w, const char *readings);
void watched_changes(struct watched *w, const char *readings);
void watched_stale(struct watched *w);

/* Any report. */
void watched_report(struct watched *w, uint32_t number, uint32_t generation, uint64_t counter,
                    Fleetlog__V1__ReportKind kind, const char *readings);

/* A tick of `gateway` at the current time. */
void watched_tick(struct watched *w, uint32_t gateway);

/* Writes the rows, checks them, and compares the changes since the last call with `text`. */
void watched_expect(struct watched *w, const char *text);

/* The same without a check of the evidence's words: this is the evidence of the next change. */
void watched_expect_evidence(struct watched *w, const char *text);
