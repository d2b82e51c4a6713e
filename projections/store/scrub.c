/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/store/scrub.h"

#include "core/lmdb/env.h"
#include "projections/store/versions.h"

enum fl_error fl_store_scrub(const char *views_directory, const char *view_name, uint64_t map_size)
{
    struct fl_versions versions;
    struct fl_env *env = NULL;
    char current[FL_VERSION_NAME_SIZE];
    char directory[PATH_MAX];
    enum fl_error error = fl_versions_open(&versions, views_directory, view_name, false);
    if (error == FL_OK)
        error = fl_versions_clear(&versions, FL_LINK_PREVIOUS);
    if (error == FL_OK)
        error = fl_versions_prune(&versions);
    if (error == FL_OK)
        error = fl_versions_read(&versions, FL_LINK_CURRENT, current);
    if (error == FL_OK)
        error = fl_versions_path(&versions, current, directory);
    struct fl_env_options options = {.directory = directory, .map_size = map_size};
    if (error == FL_OK)
        error = fl_env_open(&options, &env);
    if (error == FL_OK)
        error = fl_env_sweep(env, NULL);
    if (error == FL_OK)
        error = fl_env_scrub(env);
    fl_env_close(&env);
    return error;
}
