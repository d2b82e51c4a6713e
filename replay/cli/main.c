/* SPDX-License-Identifier: Apache-2.0 */
#include "core/short_file.h"
#include "replay/cli/cli.h"

int main(int argc, char **argv)
{
    fl_short_file_watch();
    return fl_cli_main(argc, argv);
}
