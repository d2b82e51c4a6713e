/* SPDX-License-Identifier: Apache-2.0 */
/* What an account is told by mail. */
#include <string.h>

#include "replay/cli/client.h"
#include "replay/cli/commands.h"

enum { LIST_SIZE = 1024 };

static const char path[] = "/v1/notifications";

/* "a, b"; "all" for an empty list. */
static const char *join(const json_t *list, char out[LIST_SIZE])
{
    size_t used = 0;
    size_t i;
    json_t *item;
    out[0] = '\0';
    json_array_foreach(list, i, item)
    {
        int wrote = snprintf(out + used, LIST_SIZE - used, "%s%s", i == 0 ? "" : ", ",
                             json_string_value(item));
        if (wrote < 0 || (size_t)wrote >= LIST_SIZE - used)
            break;
        used += (size_t)wrote;
    }
    return out[0] == '\0' ? "all" : out;
}

static void print_policy(const json_t *policy)
{
    char devices[LIST_SIZE];
    char conditions[LIST_SIZE];
    const char *set = fl_json_member(policy, "set");
    bool listed = strcmp(set, "listed") == 0;
    printf("mail        %s\nseverity    %s and above\ndevices     %s\nconditions  %s\nrenewals    "
           "%s\n",
           json_is_true(json_object_get(policy, "paused")) ? "paused" : "on",
           fl_json_member(policy, "severity"),
           listed ? join(json_object_get(policy, "devices"), devices) : set,
           join(json_object_get(policy, "conditions"), conditions),
           json_is_true(json_object_get(policy, "renewals")) ? "on" : "off");
}

static int show_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    json_t *policy = NULL;
    (void)arguments;
    int code = fl_client_call(cli, "GET", path, NULL, &policy);
    if (code == FL_EXIT_DONE && cli->json)
        fl_print_json(policy);
    else if (code == FL_EXIT_DONE)
        print_policy(policy);
    json_decref(policy);
    return code;
}

const struct fl_command fl_command_notify_show = {
    .name = "notify show",
    .operands = "",
    .summary = "show what the account is told by mail",
    .examples = "  fleetlog --as owner@example.org notify show\n",
    .run = show_command,
};

static json_t *given_list(const struct fl_arguments *arguments, const char *option)
{
    json_t *list = json_array();
    const char *value;
    for (size_t i = 0; (value = fl_argument_at(arguments, option, i)) != NULL; i++)
        json_array_append_new(list, json_string(value));
    return list;
}

/* What is given replaces what was chosen before; the rest stays. */
static json_t *changed_policy(const struct fl_arguments *arguments, const json_t *before)
{
    const char *severity = fl_argument(arguments, "severity");
    const char *set = fl_argument(arguments, "devices");
    const char *renewals = fl_argument(arguments, "renewals");
    bool paused = json_is_true(json_object_get(before, "paused"));
    bool names_devices = fl_argument(arguments, "device") != NULL;
    json_t *body = json_object();
    json_object_set_new(
        body, "severity",
        json_string(severity != NULL ? severity : fl_json_member(before, "severity")));
    if (names_devices)
        set = "listed";
    json_object_set_new(body, "set",
                        json_string(set != NULL ? set : fl_json_member(before, "set")));
    if (names_devices)
        json_object_set_new(body, "devices", given_list(arguments, "device"));
    else if (set == NULL)
        json_object_set(body, "devices", json_object_get(before, "devices"));
    if (fl_argument(arguments, "all-conditions") == NULL)
        json_object_set(body, "conditions", json_object_get(before, "conditions"));
    if (fl_argument(arguments, "condition") != NULL)
        json_object_set_new(body, "conditions", given_list(arguments, "condition"));
    paused = fl_argument(arguments, "pause") != NULL ||
             (paused && fl_argument(arguments, "resume") == NULL);
    json_object_set_new(body, "paused", json_string(paused ? "yes" : "no"));
    if (renewals == NULL)
        renewals = json_is_true(json_object_get(before, "renewals")) ? "yes" : "no";
    json_object_set_new(body, "renewals", json_string(renewals));
    return body;
}

static void print_set(const json_t *answer)
{
    (void)answer;
    printf("Saved.\n");
}

static int set_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    json_t *before = NULL;
    int code = fl_client_call(cli, "GET", path, NULL, &before);
    if (code == FL_EXIT_DONE)
        code =
            fl_client_change(cli, "PUT", path, NULL, changed_policy(arguments, before), print_set);
    json_decref(before);
    return code;
}

static const struct fl_option set_options[] = {
    {"severity", 's', "SEVERITY", "informational, warning or critical: mail from there on"},
    {"devices", 'd', "SET", "all, own or shared"},
    {"device", 'D', "DEVICE", "only this device (name or id); may be repeated"},
    {"condition", 'c', "CONDITION", "only this condition, such as on-battery; may be repeated"},
    {"all-conditions", 0, NULL, "every condition again"},
    {"renewals", 'r', "YES|NO",
     "mail to administrators about dates of devices and ends of licenses"},
    {"pause", 0, NULL, "no mail about any of it for now"},
    {"resume", 0, NULL, "mail again"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_notify_set = {
    .name = "notify set",
    .operands = "",
    .summary = "choose what the account is told by mail; what is not given stays as it is",
    .examples = "  fleetlog --as owner@example.org notify set --severity warning\n"
                "  fleetlog --as msp@example.net notify set --devices shared\n"
                "  fleetlog --as owner@example.org notify set --device rack-1 -c on-battery\n",
    .options = set_options,
    .run = set_command,
};
