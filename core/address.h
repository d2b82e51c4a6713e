/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * E-mail addresses: form and comparison.
 *
 * Form (the HTML standard's, which portals use): a local part of 1 to 64 bytes of ASCII letters,
 * digits and
 * .!#$%&'*+/=?^_`{|}~- , an @, a domain of labels by IDNA2008 (libidn2, non-transitional, STD3), at
 * least two labels, at most 254 bytes in all. Comparison policy, one everywhere: the domain
 * lower-cased and in ASCII form, the local part kept as given: dots, tags and case in it may mean
 * another mailbox. Letters that only look alike are other addresses. An address proves itself by a
 * confirmation mail, not here.
 *
 * Threading: pure. Allocation: libidn2's, freed before return.
 */
#include "core/error.h"
#include "core/slice.h"

enum { FL_ADDRESS_SIZE_MAX = 254, FL_ADDRESS_TEXT_SIZE = FL_ADDRESS_SIZE_MAX + 1 };

/* Normalises for comparison; surrounding blanks are dropped. FL_NOT_FOUND: empty; FL_INVALID: not
 * an address. */
enum fl_error fl_address_normalise(struct fl_slice input,
                                   char out[FL_ADDRESS_TEXT_SIZE]) FL_MUST_USE;
