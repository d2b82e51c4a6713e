/* SPDX-License-Identifier: Apache-2.0 */
/* Resellers, and the dates of devices that they are told of. */
#include <string.h>

#include "core/timestamp.h"
#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"

static void print_offered(const json_t *answer)
{
    char expires[FL_TIMESTAMP_TEXT_SIZE];
    fl_json_time_cell(answer, "expiresAtMs", expires);
    printf("link     %s\ntoken    %s\nurl      %s\nexpires  %s\n", fl_json_member(answer, "linkId"),
           fl_json_member(answer, "token"), fl_json_member(answer, "link"), expires);
}

static int link_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    const char *reports = fl_argument(arguments, "reports");
    return fl_client_change(cli, "POST", "/v1/reseller-links", NULL,
                            json_pack("{s:s, s:s}", "address", arguments->positional[0],
                                      "reportPeriod", reports == NULL ? "monthly" : reports),
                            print_offered);
}

static const struct fl_option link_options[] = {
    {"reports", 'r', "PERIOD", "how often he gets a renewals report: monthly or quarterly"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_reseller_link = {
    .name = "reseller link",
    .operands = "EMAIL",
    .summary = "invite a reseller; he sees the company's name only until he accepts",
    .examples = "  fleetlog --as owner@example.org reseller link sales@example.com\n",
    .options = link_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = link_command,
};

static void add_link(void *table, const json_t *item)
{
    char expires[FL_TIMESTAMP_TEXT_SIZE];
    char report[FL_TIMESTAMP_TEXT_SIZE];
    fl_json_time_cell(item, "expiresAtMs", expires);
    fl_json_time_cell(item, "nextReportAtMs", report);
    const char *state = fl_json_member(item, "state");
    bool is_offer = state != NULL && strcmp(state, "offered") == 0;
    const char *cells[] = {fl_json_member(item, "linkId"),
                           fl_json_person(item, "subjectId"),
                           state,
                           fl_json_member(item, "reportPeriod"),
                           report,
                           is_offer ? expires : NULL};
    fl_table_add(table, cells);
}

static int list_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"LINK",    "RESELLER",    "STATE",
                                           "REPORTS", "NEXT REPORT", "EXPIRES"};
    (void)arguments;
    return fl_client_table(cli, "/v1/reseller-links", headings, 6, add_link);
}

const struct fl_command fl_command_reseller_list = {
    .name = "reseller list",
    .operands = "",
    .summary = "show the company's reseller, invited or linked",
    .run = list_command,
};

static void print_event(const json_t *answer)
{
    static const char *const sentences[][2] = {
        {"ResellerUnlinked", "The reseller is unlinked."},
        {"ResellerReminded", "The reseller gets a reminder by mail."},
        {"ResellerLinkAccepted", "You are the company's reseller now."},
        {"ResellerLinkDeclined", "Declined."},
        {"ResellerDisconnected", "You are the company's reseller no longer."},
    };
    const char *event = fl_json_member(answer, "event");
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
        if (strcmp(event, sentences[i][0]) == 0)
            event = sentences[i][1];
    printf("%s\n", event);
}

static int unlink_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return fl_client_change(cli, "DELETE", "/v1/reseller-links/%s", arguments->positional[0],
                            json_null(), print_event);
}

const struct fl_command fl_command_reseller_unlink = {
    .name = "reseller unlink",
    .operands = "LINK",
    .summary = "unlink the reseller, or withdraw his invitation",
    .positional_min = 1,
    .positional_max = 1,
    .run = unlink_command,
};

static int resend_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return fl_client_change(cli, "POST", "/v1/reseller-links/%s/resend", arguments->positional[0],
                            json_object(), print_offered);
}

const struct fl_command fl_command_reseller_resend = {
    .name = "reseller resend",
    .operands = "LINK",
    .summary = "send a reseller his invitation again: good for another seven days",
    .examples = "  fleetlog --as owner@example.org reseller resend 0198…\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = resend_command,
};

static int remind_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    json_t *devices = json_array();
    for (size_t i = 1; i < arguments->positional_count; i++)
        json_array_append_new(devices, json_string(arguments->positional[i]));
    return fl_client_change(cli, "POST", "/v1/reseller-links/%s/remind", arguments->positional[0],
                            json_pack("{s:o}", "devices", devices), print_event);
}

const struct fl_command fl_command_reseller_remind = {
    .name = "reseller remind",
    .operands = "LINK DEVICE…",
    .summary = "remind the reseller of devices (names or ids) of which something is due",
    .positional_min = 2,
    .positional_max = 1001,
    .run = remind_command,
};

static int by_token(struct fl_cli *cli, const struct fl_arguments *arguments, const char *path)
{
    return fl_client_change(cli, "POST", path, NULL,
                            json_pack("{s:s}", "token", arguments->positional[0]), print_event);
}

static int accept_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return by_token(cli, arguments, "/v1/reseller-links/accept");
}

static int decline_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return by_token(cli, arguments, "/v1/reseller-links/decline");
}

static int disconnect_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return by_token(cli, arguments, "/v1/reseller-links/disconnect");
}

const struct fl_command fl_command_reseller_accept = {
    .name = "reseller accept",
    .operands = "TOKEN",
    .summary = "become a company's reseller, by the link alone",
    .examples = "  fleetlog reseller accept 0198….kX3…\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = accept_command,
};

const struct fl_command fl_command_reseller_decline = {
    .name = "reseller decline",
    .operands = "TOKEN",
    .summary = "decline to be a company's reseller, by the link alone",
    .positional_min = 1,
    .positional_max = 1,
    .run = decline_command,
};

const struct fl_command fl_command_reseller_disconnect = {
    .name = "reseller disconnect",
    .operands = "TOKEN",
    .summary = "be a company's reseller no longer, by the link alone",
    .positional_min = 1,
    .positional_max = 1,
    .run = disconnect_command,
};

static void print_date(const json_t *answer)
{
    const char *date = fl_json_member(answer, "dueDate");
    if (date == NULL || date[0] == '\0')
        printf("The date is taken back.\n");
    else
        printf("The date is %s.\n", date);
}

static int set_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    const char *date = arguments->positional[2];
    return fl_client_change(cli, "PUT", "/v1/devices/%s/lifecycle", arguments->positional[0],
                            json_pack("{s:s, s:s}", "fact", arguments->positional[1], "dueDate",
                                      strcmp(date, "none") == 0 ? "" : date),
                            print_date);
}

const struct fl_command fl_command_lifecycle_set = {
    .name = "lifecycle set",
    .operands = "DEVICE FACT DATE",
    .summary = "set a device's battery-replacement or warranty-end (YYYY-MM-DD or none)",
    .examples = "  fleetlog --as owner@example.org lifecycle set rack-1 warranty-end 2027-06-30\n",
    .positional_min = 3,
    .positional_max = 3,
    .run = set_command,
};

static void add_date(void *table, const json_t *item)
{
    char next[FL_TIMESTAMP_TEXT_SIZE];
    fl_json_time_cell(item, "nextNoticeAtMs", next);
    const char *cells[] = {fl_json_member(item, "fact"), fl_json_member(item, "dueDate"),
                           fl_json_member(item, "basis"), next};
    fl_table_add(table, cells);
}

static int dates_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"FACT", "DATE", "FROM", "NEXT NOTICE"};
    char path[1024];
    const char *device = arguments->positional[0];
    if (!fl_client_path(path, sizeof(path), "/v1/devices/%s/lifecycle", &device, 1))
        return fl_cli_usage("\"%s\" is too long for a device", arguments->positional[0]);
    return fl_client_table(cli, path, headings, 4, add_date);
}

const struct fl_command fl_command_lifecycle_list = {
    .name = "lifecycle list",
    .operands = "DEVICE",
    .summary = "list a device's dates and when notices of them come",
    .positional_min = 1,
    .positional_max = 1,
    .run = dates_command,
};
