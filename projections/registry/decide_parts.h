/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Rules of the catalogue of UPSes and their parts; for rules_vN.c alone. */
#include "projections/registry/deciding.h"

fl_decide_fn fl_decide_import_catalogue;
