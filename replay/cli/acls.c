/* SPDX-License-Identifier: Apache-2.0 */
/* `fleetlog topics acls`: the commands that give each role on Kafka what it needs and nothing else.
 */
#include <stdio.h>
#include <string.h>

#include "replay/cli/commands.h"
#include "schemas/acls.h"

struct printing {
    const char *principals; /* prefix of each role's principal */
    const char *admin;      /* --command-config */
    const char *brokers;
    const char *topic_prefix;
    bool json;
};

static void print_json(const struct printing *p, const char *role, const char *kind,
                       const char *name, const char *const *operations, size_t count)
{
    printf("{\"principal\":\"%s%s\",\"%s\":\"%s%s\",\"operations\":[", p->principals, role, kind,
           p->topic_prefix, name);
    for (size_t i = 0; i < count; i++)
        printf("%s\"%s\"", i == 0 ? "" : ",", operations[i]);
    printf("]}\n");
}

static void begin_command(const struct printing *p, const char *role)
{
    printf("kafka-acls.sh --bootstrap-server '%s' --command-config '%s' --add --allow-principal "
           "'%s%s'",
           p->brokers, p->admin, p->principals, role);
}

/* One command for all topics of a role that take the same operations. */
static void print_topics(const struct printing *p, const struct fl_acl *acls, size_t count,
                         size_t first)
{
    const char *operations[4];
    size_t operation_count = fl_acl_operation_names(acls[first].operations, operations);
    for (size_t i = 0; i < first; i++)
        if (strcmp(acls[i].role, acls[first].role) == 0 &&
            acls[i].operations == acls[first].operations)
            return; /* said with that one */
    begin_command(p, acls[first].role);
    for (size_t i = 0; i < operation_count; i++)
        printf(" --operation %s", operations[i]);
    for (size_t i = first; i < count; i++)
        if (strcmp(acls[i].role, acls[first].role) == 0 &&
            acls[i].operations == acls[first].operations)
            printf(" --topic '%s%s'", p->topic_prefix, fl_topic_row(acls[i].topic)->spec.name);
    printf("\n");
}

static void print_all(const struct printing *p)
{
    size_t count = 0;
    size_t group_count = 0;
    const struct fl_acl *acls = fl_acl_table(&count);
    const struct fl_acl_group *groups = fl_acl_groups(&group_count);
    for (size_t i = 0; i < count; i++) {
        const char *operations[4];
        if (p->json)
            print_json(p, acls[i].role, "topic", fl_topic_row(acls[i].topic)->spec.name, operations,
                       fl_acl_operation_names(acls[i].operations, operations));
        else
            print_topics(p, acls, count, i);
    }
    for (size_t i = 0; i < group_count; i++) {
        static const char *const read[] = {"Read"};
        if (p->json) {
            print_json(p, groups[i].role, "group", groups[i].group, read, 1);
            continue;
        }
        begin_command(p, groups[i].role);
        printf(" --operation Read --group '%s%s'\n", p->topic_prefix, groups[i].group);
    }
}

/* What stands between quotes of a shell must not end them. */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '\'' || *text == '"' || *text == '\\' || (unsigned char)*text < ' ')
            return false;
    return true;
}

static int acls_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char scheme[] = "kafka://";
    const char *engine = fl_config_text(cli->config, FL_SETTING_JOURNAL);
    const char *principals = fl_argument(arguments, "principals");
    const char *admin = fl_argument(arguments, "admin");
    struct printing p = {
        .principals = principals != NULL ? principals : "User:fleetlog-",
        .admin = admin != NULL ? admin : "admin.properties",
        .brokers = engine + sizeof(scheme) - 1,
        .topic_prefix = fl_config_text(cli->config, FL_SETTING_TOPIC_PREFIX),
        .json = cli->json,
    };
    if (strncmp(engine, scheme, sizeof(scheme) - 1) != 0)
        return fl_cli_usage("topics acls: the journal is \"%s\"; only Kafka has access control "
                            "(--journal kafka://HOST:PORT)",
                            engine);
    if (!is_plain(p.principals) || !is_plain(p.admin) || !is_plain(p.brokers))
        return fl_cli_usage("topics acls: quotes, backslashes and control characters cannot stand "
                            "in a name");
    print_all(&p);
    return FL_EXIT_DONE;
}

static const struct fl_option acls_options[] = {
    {"principals", 0, "PREFIX", "what goes before each role's name (default User:fleetlog-)"},
    {"admin", 0, "FILE", "properties of who may change access (default admin.properties)"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_topics_acls = {
    .name = "topics acls",
    .operands = "",
    .summary = "print the commands that give each duty on Kafka what it needs, and nothing else",
    .examples = "  fleetlog --journal kafka://db1:9093 topics acls | sh\n"
                "  fleetlog topics acls --json\n",
    .options = acls_options,
    .run = acls_command,
};
