/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The fake gateway's halves: fake_gateway.c (what it answers, what tests ask it) and
 * fake_gateway_http.c (libmicrohttpd). Everything under the one mutex.
 */
#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>

#include "tests/integration/agent/fake_gateway.h"

enum { FL_FAKE_DEVICE_COUNT_MAX = 1024, FL_FAKE_COMMAND_COUNT_MAX = 64 };

struct fl_fake_device {
    char name[129];
    char id[FL_ID_TEXT_SIZE];
    uint32_t number;
    uint64_t counter; /* of the last report accepted */
    bool removed;
};

struct fl_fake_gateway {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* a request was served, a command was added */
    struct MHD_Daemon *daemon;
    uint16_t port;
    char url[64];
    bool leaving;
    enum fl_fake_gateway_mode mode;
    uint8_t key[32];
    uint64_t nonce;
    uint64_t served_count;
    unsigned bad_count;
    unsigned replayed_count;
    unsigned gone_count;
    struct fl_fake_device devices[FL_FAKE_DEVICE_COUNT_MAX];
    size_t device_count;
    struct fl_fake_command commands[FL_FAKE_COMMAND_COUNT_MAX];
    size_t command_count;
    struct fl_fake_report *reports;
    size_t report_count;
};

struct fl_fake_call {
    struct MHD_Connection *connection;
    const char *method;
    const char *path;
    char target[512]; /* path with query */
    struct fl_slice body;
    json_t *json;
    json_t *answer;
};

/* Serves one request with the mutex held; the status. */
unsigned fl_fake_gateway_serve(struct fl_fake_gateway *gateway, struct fl_fake_call *call);
