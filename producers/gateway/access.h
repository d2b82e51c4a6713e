/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who may use which route: the words of the one table of authorisation, whose rows are the routes
 * (fl_operator_routes, fl_agent_routes).
 *
 * A row says for whom a route is and which scope an API token needs for it. Both doors and
 * schemas/openapi.json (x-for, x-scope) speak from it, and a test asks every route as everybody and
 * compares. The door settles what does not depend on a thing: whether somebody is known, whether a
 * token's scopes suffice, what is the operators' alone, and what an account's role keeps from its
 * reading. What depends on a thing is for the rules to decide (rights.h), so that a refused change
 * stands in the log.
 *
 * Threading: pure. Allocation: none.
 */
#include <stddef.h>

#include "core/slice.h"

/* For whom a route is. What an account is to the thing that the route is about: of its owner
 * company, or a holder of its share. */
enum fl_for {
    FL_FOR_OPERATOR = 1, /* at the socket, in his own name */
    FL_FOR_ADMINISTRATOR = 2,
    FL_FOR_MEMBER = 4,
    FL_FOR_SHARED = 8,
    FL_FOR_ANYONE = 16, /* also who is not signed in */
    FL_FOR_AGENT = 32,  /* signed by an agent's key */
    FL_FOR_LOCAL = 64,  /* programs on this machine, at the door for measurements */
};
#define FL_FOR_COMPANY (FL_FOR_ADMINISTRATOR | FL_FOR_MEMBER)
#define FL_FOR_ACCOUNTS (FL_FOR_COMPANY | FL_FOR_SHARED)

/* The scope that an API token needs. A session has all of them and what is no token's: passwords,
 * sessions, tokens. */
enum fl_needs {
    FL_NEEDS_READ = 1,      /* every list and thing that the account may see */
    FL_NEEDS_WRITE = 2,     /* devices: names, places, claims, removal, shares */
    FL_NEEDS_COMMANDS = 4,  /* commands to devices */
    FL_NEEDS_PEOPLE = 8,    /* co-workers, invitations, resellers */
    FL_NEEDS_LICENSES = 16, /* buying and applying */
};
enum { FL_NEEDS_ALL = 31, FL_NEEDS_COUNT = 5, FL_FOR_COUNT = 7 };

/* "read", "write" …; the bit of a name, 0 for one that is none. */
const char *fl_needs_name(size_t index);
unsigned fl_needs_of(struct fl_slice name);

/* "operator", "administrator" …: the name of bit `index`. */
const char *fl_for_name(size_t index);

/* Who asks, as far as a door can know. */
struct fl_asker {
    bool is_operator; /* at the socket, in his own name or for an account */
    bool has_account;
    bool is_administrator; /* of his own company */
    bool is_token;
    unsigned scopes; /* of the token */
};

enum fl_access {
    FL_ACCESS_GRANTED, /* the rules may still refuse */
    FL_ACCESS_HIDDEN,  /* as if the route were not there */
    FL_ACCESS_UNKNOWN, /* he must say who he is */
    FL_ACCESS_SCOPE,   /* the token was not made for this */
    FL_ACCESS_ROLE,    /* another role reads this */
};

/* The row's answer. `is_read`: no rule of the log decides on it. */
enum fl_access fl_access_check(unsigned who, unsigned scope, bool is_read,
                               const struct fl_asker *asker);
