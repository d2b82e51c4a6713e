/* SPDX-License-Identifier: Apache-2.0 */
/* Whether anything may be taken in: not on a disk that is nearly full, not by a clock that cannot
 * be right. Reads go on. */
#include "core/diag.h"
#include "core/file.h"
#include "producers/gateway/gateway_internal.h"

static const struct {
    const char *name;
    const char *title;
    const char *detail;
} words[] = {
    {"open", "", ""},
    {"disk", "The disk is nearly full: nothing is taken in until there is room",
     "see [node] disk_reserve"},
    {"clock", "The clock of this node cannot be right: nothing is taken in until it is",
     "set the clock; if it is right and ahead of the log, say `fleetlog clock accept`"},
};

const char *fl_intake_name(enum fl_intake intake)
{
    return words[intake].name;
}

static bool disk_is_short(const struct gateway *gateway)
{
    uint64_t reserve = fl_config_number(gateway->duty->config, FL_SETTING_RESERVE);
    uint64_t free_bytes = 0;
    return reserve != 0 &&
           fl_file_system_free(gateway->duty->datadir->path, &free_bytes) == FL_OK &&
           free_bytes < reserve;
}

/* The head that the registry stands at; without one there is nothing to compare with. */
static struct fl_clock_look look(const struct gateway *gateway)
{
    struct fl_chain_head head;
    struct fl_clock_look look = {
        .wall_ms = fl_port_wall_ms(gateway->duty->port),
        .monotonic_ms = fl_port_monotonic_ms(gateway->duty->port),
        .is_synchronised = fl_clock_is_synchronised,
    };
    if (fl_store_reader_head(gateway->registry, &head) == FL_OK)
        look.head_ms = head.time_ms;
    return look;
}

void fl_gateway_intake_start(struct gateway *gateway)
{
    struct fl_clock_look now = look(gateway);
    fl_clock_guard_start(&gateway->clock, &now);
    fl_gateway_intake(gateway);
}

void fl_gateway_accept_clock(struct gateway *gateway)
{
    struct fl_clock_look now = look(gateway);
    pthread_mutex_lock(&gateway->intake_lock);
    fl_clock_guard_accept(&gateway->clock, &now);
    pthread_mutex_unlock(&gateway->intake_lock);
}

static void say(enum fl_intake intake)
{
    if (intake == FL_INTAKE_DISK)
        fl_diag(STORE_FULL, FL_TEXT("intake", "held"));
    else if (intake == FL_INTAKE_CLOCK)
        fl_diag(CLOCK, FL_TEXT("intake", "held"));
    else
        fl_diag(INTAKE, FL_TEXT("intake", "open"));
}

enum fl_intake fl_gateway_intake(struct gateway *gateway)
{
    bool is_short = disk_is_short(gateway);
    struct fl_clock_look now = look(gateway);
    pthread_mutex_lock(&gateway->intake_lock);
    enum fl_intake intake = fl_clock_guard_is_held(&gateway->clock, &now) ? FL_INTAKE_CLOCK
                            : is_short                                    ? FL_INTAKE_DISK
                                                                          : FL_INTAKE_OPEN;
    bool changed = intake != gateway->intake;
    gateway->intake = intake;
    pthread_mutex_unlock(&gateway->intake_lock);
    if (changed)
        say(intake);
    return intake;
}

bool fl_call_intake_is_open(struct call *call)
{
    enum fl_intake intake = fl_gateway_intake(call->gateway);
    if (intake != FL_INTAKE_OPEN)
        fl_call_problem(call, 503, words[intake].title, words[intake].detail, NULL);
    return intake == FL_INTAKE_OPEN;
}
