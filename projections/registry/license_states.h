/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* States of licenses, purchases and applications; part of machines.h. */

enum fl_license_state {
    FL_LICENSE_NONE,
    FL_LICENSE_ACTIVE,
    FL_LICENSE_WITHDRAWN,
    FL_LICENSE_STATE_COUNT
};

enum fl_purchase_state {
    FL_PURCHASE_NONE,
    FL_PURCHASE_STARTED,
    FL_PURCHASE_FAILED,
    FL_PURCHASE_PAID,
    FL_PURCHASE_REFUNDED,
    FL_PURCHASE_EXPIRED,
    FL_PURCHASE_STATE_COUNT
};

/* Why a node is on a device no longer. */
enum fl_application_end {
    FL_APPLICATION_IN_FORCE,
    FL_APPLICATION_USED_UP,
    FL_APPLICATION_RELEASED,
    FL_APPLICATION_REMOVED, /* with the device */
    FL_APPLICATION_WITHDRAWN
};
