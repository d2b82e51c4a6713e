/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/acls.h"

#define FL_ACL(role, topic, operations) {#role, FL_TOPIC_##topic, operations},
#define FL_ACL_GROUP(role, group)
static const struct fl_acl acls[] = {
#include "schemas/acls.def"
};
#undef FL_ACL
#undef FL_ACL_GROUP

#define FL_ACL(role, topic, operations)
#define FL_ACL_GROUP(role, group) {#role, group},
static const struct fl_acl_group groups[] = {
#include "schemas/acls.def"
};
#undef FL_ACL
#undef FL_ACL_GROUP

const struct fl_acl *fl_acl_table(size_t *count)
{
    *count = sizeof(acls) / sizeof(acls[0]);
    return acls;
}

const struct fl_acl_group *fl_acl_groups(size_t *count)
{
    *count = sizeof(groups) / sizeof(groups[0]);
    return groups;
}

size_t fl_acl_operation_names(unsigned operations, const char *out[4])
{
    size_t count = 0;
    if ((operations & FL_ACL_READ) != 0)
        out[count++] = "Read";
    if ((operations & FL_ACL_WRITE) != 0)
        out[count++] = "Write";
    if ((operations & FL_ACL_SET_UP) != 0)
        out[count++] = "Create";
    if ((operations & (FL_ACL_CHECK | FL_ACL_SET_UP)) != 0)
        out[count++] = "DescribeConfigs";
    if ((operations & FL_ACL_ALTER) != 0)
        out[count++] = "AlterConfigs";
    return count;
}
