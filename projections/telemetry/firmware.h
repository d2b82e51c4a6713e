/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A firmware version as devices write it: a version and, where the maker tells streams of one model
 * apart, an internal id.
 *
 * Known forms: "UPS 09.3 (ID18)", "UPS 08.8 / ID=18", "COM 03.8 / UPS 03.8" (the UPS's part
 * counts), "652.18.I" (version, internal id, region). Anything else is a version as a whole,
 * without blanks at its ends. Versions of two ids have no order, so nothing here compares them but
 * for equality.
 *
 * Threading: pure. Allocation: none. Limits: the sizes below; what is longer is no version.
 */
#include "core/slice.h"

enum { FL_FIRMWARE_VERSION_SIZE = 65, FL_FIRMWARE_ID_SIZE = 17 };

struct fl_firmware_version {
    char version[FL_FIRMWARE_VERSION_SIZE];
    char internal_id[FL_FIRMWARE_ID_SIZE]; /* "": not told */
};

/* False: there is no version in it. */
bool fl_firmware_parse(struct fl_slice text, struct fl_firmware_version *version);

/* True if a stepping stone ("09.3", or "09.3/18" for one internal id only) is this version. */
bool fl_firmware_is_stone(const struct fl_firmware_version *version, const char *stone);

/* True if the device shows what was to be installed; `internal_id` "": whichever. */
bool fl_firmware_is(const struct fl_firmware_version *seen, const char *version,
                    const char *internal_id);
