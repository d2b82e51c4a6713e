/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The table of who may do what with which topic on Kafka, from `acls.def`.
 *
 * Roles are those of core/kafka_roles.def. Names are the short ones; whoever writes commands adds
 * the configured prefix.
 *
 * Threading: constant data. Allocation: none.
 */
#include "schemas/topics.h"

enum fl_acl_operations {
    FL_ACL_READ = 1,   /* Read (and with it Describe) */
    FL_ACL_WRITE = 2,  /* Write (and with it Describe) */
    FL_ACL_CHECK = 4,  /* DescribeConfigs: what the log's safety rests on is looked at */
    FL_ACL_SET_UP = 8, /* Create and DescribeConfigs */
    FL_ACL_ALTER = 16, /* AlterConfigs: a compacted topic that forgets too late is mended */
};

struct fl_acl {
    const char *role;
    enum fl_topic topic;
    unsigned operations; /* set of fl_acl_operations */
};

struct fl_acl_group {
    const char *role;
    const char *group;
};

/* Sorted by role. */
const struct fl_acl *fl_acl_table(size_t *count);
const struct fl_acl_group *fl_acl_groups(size_t *count);

/* Names of Kafka's operations for a set, each once; `out` receives at most 4 and the count is
 * returned. */
size_t fl_acl_operation_names(unsigned operations, const char *out[4]);
