# SPDX-License-Identifier: Apache-2.0
"""The table of authorisation, tried: every route, as everybody, on what is one's own, another's, no longer shared.

x-for of schemas/openapi.json is the table (a unit test holds it against the gateway's). Whoever it names gets through the
door and past the rules; everybody else is refused, and no refusal, list or line tells him of what he may not see.
"""
import datetime
import time
import unittest
import uuid

import openapi
from doors import PASSWORD, api_token, bearer, enrolled_agent, operator, public, quote, signed_in
from harness import SystemTest, wait_until

CSRF = {"Fleetlog-Csrf": "1"}
REFUSED = {401, 403, 404}
ADMINISTRATOR, MEMBER, SHARED, STRANGER = "administrator", "member", "shared", "stranger"
REVOKED, EXPIRED, PENDING = "revoked", "expired", "pending"
OUTSIDERS = (STRANGER, REVOKED, EXPIRED, PENDING)
SCOPES = ("read", "write", "commands", "people", "licenses")
SECRETS = ("marker-device", "Marker Ltd", "marker@example.org", "marker-place", "127.0.0.1:3493")


class World:
    """A company with a device and everything about it, and those who are something to it."""

    def __init__(self, test, node):
        self.test, self.node = test, node
        self.people = {
            ADMINISTRATOR: "marker@example.org",
            MEMBER: "member@example.org",
            **{who: f"{who}@example.net" for who in (SHARED, *OUTSIDERS)},
        }
        self.company = node.one("company", "create", "Marker Ltd")["companyId"]
        node.one("account", "create", self.people[ADMINISTRATOR], "--company", "Marker Ltd")
        node.one("account", "create", self.people[MEMBER], "--company", "Marker Ltd", "--role", "member")
        for who in (SHARED, *OUTSIDERS):
            node.one("company", "create", f"Company of {who}")
            node.one("account", "create", self.people[who], "--company", f"Company of {who}")
        self.agent = enrolled_agent(node, self.people[ADMINISTRATOR])
        self.serial = 0
        self.sign_in = None  # address to headers; without it everybody comes through the operators' socket
        self.headers = {}

    def ask(self, who, method, path, body=None):
        return operator(self.node, method, path, body, self.people.get(who))

    def try_(self, who, method, path, body=None):
        """What is tried: at the API where there are headers for it."""
        if who is None or self.sign_in is None:
            return self.ask(who, method, path, body)
        if who not in self.headers:
            self.headers[who] = self.sign_in(self.people[who])
        return public(self.node, method, path, body, self.headers[who])

    def done(self, who, method, path, body=None):
        answer = self.ask(who, method, path, body)
        self.test.assertLess(answer.status, 300, (who, method, path, answer))
        return answer.body

    def number(self):
        self.serial += 1
        return self.serial

    # Things that routes are about, each a new one.

    def device(self):
        """A device that everybody but the stranger is or was something to."""
        name = f"marker-device-{self.number()}"
        device = self.agent.register(name)[0]
        self.done(ADMINISTRATOR, "PATCH", f"/v1/devices/{device}", {"location": "marker-place"})
        for who in (SHARED, REVOKED, EXPIRED, PENDING):
            body = {"devices": [device], "address": self.people[who]}
            if who == EXPIRED:
                body["expiresAtMs"] = int(time.time() * 1000) + 2000
            shared = self.done(ADMINISTRATOR, "POST", "/v1/shares", body)
            if who != PENDING:
                self.done(who, "POST", "/v1/shares/accept", {"token": shared["token"]})
            if who == REVOKED:
                self.done(ADMINISTRATOR, "DELETE", f"/v1/shares/{shared['shareId']}")
        wait_until(lambda: self.ask(EXPIRED, "GET", f"/v1/devices/{device}").status == 404, "the share is over")
        return device

    def plain_device(self):
        return self.agent.register(f"marker-device-{self.number()}")[0]

    def command(self):
        body = {"device": self.device(), "kind": "self-test"}
        return self.done(SHARED, "POST", "/v1/commands", body)["commandId"]

    def invitation(self):
        return self.done(ADMINISTRATOR, "POST", "/v1/invitations", {"address": f"new{self.number()}@example.org"})["invitationId"]

    def offer(self):
        """A share that nobody has accepted."""
        body = {"devices": [self.plain_device()], "address": f"other{self.number()}@example.org"}
        return self.done(ADMINISTRATOR, "POST", "/v1/shares", body)["shareId"]

    def coworker(self):
        address = f"co{self.number()}@example.org"
        self.node.one("account", "create", address, "--company", "Marker Ltd", "--role", "member")
        return quote(address)

    def license(self):
        body = {"company": "Marker Ltd", "plan": "standard", "installer": "fitter@example.org", "nodes": 9, "days": 10}
        return self.done(None, "POST", "/v1/licenses", body)

    def licensed(self):
        """A license, and a device that has it."""
        minted, device = self.license(), self.device()
        self.done(ADMINISTRATOR, "POST", "/v1/licenses/apply", {"code": minted["code"], "devices": [device]})
        return minted["licenseId"], {"devices": [device]}

    def reseller(self, linked=False):
        """The company has one at a time: the one before goes."""
        for item in self.ask(ADMINISTRATOR, "GET", "/v1/reseller-links").body["items"]:
            self.ask(ADMINISTRATOR, "DELETE", f"/v1/reseller-links/{item['linkId']}")
        body = {"address": f"reseller{self.number()}@example.org"}
        offered = self.done(ADMINISTRATOR, "POST", "/v1/reseller-links", body)
        if linked:
            self.done(None, "POST", "/v1/reseller-links/accept", {"token": offered["token"]})
        return offered["linkId"]

    def reseller_of_due_device(self):
        device = self.plain_device()
        date = (datetime.date.today() + datetime.timedelta(days=20)).isoformat()
        self.done(ADMINISTRATOR, "PUT", f"/v1/devices/{device}/lifecycle", {"fact": "warranty-end", "dueDate": date})
        return self.reseller(linked=True), {"devices": [device]}

    def move(self):
        place = {"agent": self.agent.id, "upsdAddress": "192.0.2.7:3493", "upsName": f"moved-{self.number()}"}
        return self.plain_device(), place

    def session(self):
        """One of the administrator's; where he is signed in already that session stays."""
        address = self.people[ADMINISTRATOR]
        cookie = self.headers.get(ADMINISTRATOR, {}).get("Cookie")
        if cookie is None:
            signed_in(self.node, address)
        else:
            self.test.assertEqual(public(self.node, "POST", "/v1/sign-in", {"address": address, "password": PASSWORD}, CSRF).status, 201)
        return self.done(ADMINISTRATOR, "GET", "/v1/sessions")["items"][-1]["sessionId"]

    def api_token(self):
        return api_token(self.node, self.people[ADMINISTRATOR], "read")[0]

    def prices(self):
        """Version of a price list."""
        price = {"region": "DE", "currency": "EUR", "plan": "standard", "termDays": 365, "netMinor": 100, "taxBasisPoints": 0}
        return self.done(None, "PUT", "/v1/prices", {"items": [price]})["version"]

    def action(self):
        """The administrator's: outcomes are their authors'."""
        self.done(ADMINISTRATOR, "PATCH", f"/v1/devices/{self.plain_device()}", {"name": f"marker-device-{self.number()}"})
        lines = self.node.run("tail", "-t", "actions", "-o", "beginning", "-e")
        return [line["id"] for line in lines if line.get("type", "").endswith("RenameDevice")][-1]

    def transfer(self):
        body = {"devices": [self.plain_device()], "address": f"buyer{self.number()}@example.org"}
        return self.done(ADMINISTRATOR, "POST", "/v1/transfers", body)["transferId"]


# Route -> what is sent, to a new thing each time. What a role in the table may not do to the thing here is in EXCEPT.
ABOUT_A_THING = {
    "GET /v1/devices/{device}": lambda w: (w.device(), None),
    "PATCH /v1/devices/{device}": lambda w: (w.device(), {"location": "marker-place 2"}),
    "DELETE /v1/devices/{device}": lambda w: (w.device(), None),
    "GET /v1/commands/{commandId}": lambda w: (w.command(), None),
    "POST /v1/commands/{commandId}/cancel": lambda w: (w.command(), None),
    "DELETE /v1/invitations/{invitationId}": lambda w: (w.invitation(), None),
    "POST /v1/invitations/{invitationId}/resend": lambda w: (w.invitation(), None),
    "PATCH /v1/accounts/{account}": lambda w: (w.coworker(), {"role": "administrator"}),
    "DELETE /v1/accounts/{account}": lambda w: (w.coworker(), None),
    "DELETE /v1/shares/{shareId}": lambda w: (w.offer(), None),
    "DELETE /v1/transfers/{transferId}": lambda w: (w.transfer(), None),
    "DELETE /v1/reseller-links/{linkId}": lambda w: (w.reseller(), None),
    "POST /v1/reseller-links/{linkId}/resend": lambda w: (w.reseller(), None),
    "POST /v1/reseller-links/{linkId}/remind": lambda w: w.reseller_of_due_device(),
    "GET /v1/devices/{device}/lifecycle": lambda w: (w.device(), None),
    "PUT /v1/devices/{device}/lifecycle": lambda w: (w.device(), {"fact": "warranty-end", "dueDate": "2033-03-03"}),
    "GET /v1/licenses/{licenseId}": lambda w: (w.license()["licenseId"], None),
    "GET /v1/licenses/{licenseId}/applications": lambda w: (w.licensed()[0], None),
    "POST /v1/licenses/{licenseId}/release": lambda w: w.licensed(),
    "POST /v1/licenses/apply": lambda w: (None, {"code": w.license()["code"], "devices": [w.device()]}),
    "POST /v1/commands": lambda w: (None, {"device": w.device(), "kind": "self-test"}),
    "POST /v1/shares": lambda w: (None, {"devices": [w.device()], "address": f"x{w.number()}@example.org"}),
    "POST /v1/transfers": lambda w: (None, {"devices": [w.plain_device()], "address": f"y{w.number()}@example.org"}),
    "GET /v1/devices/{device}/history": lambda w: (w.device(), None),
    "POST /v1/devices/{device}/move": lambda w: w.move(),
    "GET /v1/actions/{actionId}": lambda w: (w.action(), None),
    "DELETE /v1/shared-devices": lambda w: (w.device(), None),
}
QUERY = {"GET /v1/devices/{device}/history": "?quantity=battery.charge", "DELETE /v1/shared-devices": "?owner=Marker%20Ltd"}
# The share here is another's: its holder may drop his own. An outcome is its author's.
EXCEPT = {("DELETE /v1/shares/{shareId}", SHARED), *(("GET /v1/actions/{actionId}", who) for who in (MEMBER, SHARED))}

# Routes about the asker's own company or account: everybody is at home in his own.
OWN = {
    "GET /v1/devices": "",
    "GET /v1/devices ?shared": "?shared=true",
    "GET /v1/events": "",
    "GET /v1/shares": "",
    "GET /v1/shares ?held": "?held=true",
    "GET /v1/companies": "",
    "GET /v1/accounts": "",
    "GET /v1/invitations": "",
    "GET /v1/transfers": "",
    "GET /v1/agents": "",
    "GET /v1/licenses": "",
    "GET /v1/ledger": "",
    "GET /v1/purchases": "",
    "GET /v1/prices": "",
    "GET /v1/catalogue": "",
    "GET /v1/reseller-links": "",
    "GET /v1/status": "",
    "GET /v1/account": "",
    "GET /v1/notifications": "",
    "GET /v1/firmware": "",
    "GET /v1/sessions": "",
    "GET /v1/api-tokens": "",
}

# What one adds to his own company or account: everybody but the member is administrator of his own.
OWN_CHANGES = {
    "POST /v1/invitations": lambda w: {"address": f"new{w.number()}@example.org"},
    "POST /v1/claims": lambda w: None,
    "POST /v1/reseller-links": lambda w: {"address": f"reseller{w.number()}@example.org"},
    "POST /v1/purchases": lambda w: {
        "region": "DE", "plan": "standard", "nodes": 1, "days": 365, "installer": "fitter@example.org", "priceListVersion": w.prices(),
    },
    "PUT /v1/notifications": lambda w: {"severity": "warning", "set": "all"},
    "POST /v1/api-tokens": lambda w: {"name": "mine", "scopes": ["read"]},
    "PATCH /v1/account": lambda w: {"name": f"Somebody {w.number()}"},
}

# Things of an account that are nobody else's, not even his co-workers'.
PERSONAL = {
    "DELETE /v1/sessions/{sessionId}": lambda w: w.session(),
    "DELETE /v1/api-tokens/{tokenId}": lambda w: w.api_token(),
}

# What is asked with a password, or with the token of a link: a wrong one is refused, whoever has it.
WRONG_SECRET = {
    "POST /v1/account/password": {"password": "none of his at all", "newPassword": "another one of his"},
    "POST /v1/account/totp": {"password": "none of his at all"},
    "POST /v1/account/totp/confirm": {"password": "none of his at all", "enrolmentId": str(uuid.UUID(int=1)), "code": "000000"},
    "POST /v1/account/totp/disable": {"password": "none of his at all", "code": "000000"},
    "POST /v1/account/address": {"password": "none of his at all", "address": "z@example.org"},
    "POST /v1/account/address/confirm": {"token": "A" * 64},
    "POST /v1/sign-in": {"address": "marker@example.org", "password": "none of his at all"},
    "POST /v1/sign-up": {"companyName": "Another", "shareToken": "A" * 64, "address": "new@example.net"},
    "POST /v1/sign-up/confirm": {"token": "A" * 64, "password": PASSWORD},
    "POST /v1/password-reset/confirm": {"token": "A" * 64, "password": PASSWORD},
    "POST /v1/invitations/accept": {"token": "A" * 64},
    "POST /v1/shares/accept": {"token": "A" * 64},
    "POST /v1/transfers/accept": {"token": "A" * 64},
    "POST /v1/transfers/decline": {"token": "A" * 64},
    "POST /v1/reseller-links/show": {"token": "A" * 64},
    "POST /v1/reseller-links/accept": {"token": "A" * 64},
    "POST /v1/reseller-links/decline": {"token": "A" * 64},
    "POST /v1/reseller-links/disconnect": {"token": "A" * 64},
    "GET /unsubscribe ?kind=renewals&generation=1&token=AAAA": None,
    "POST /unsubscribe ?kind=renewals&generation=1&token=AAAA": None,
}

# By which one leaves: test_leaving.
LEAVING = {"POST /v1/sign-out", "DELETE /v1/sessions", "POST /v1/account/close", "POST /v1/erasures"}

# Routes that are tried where their story is told.
TOLD_ELSEWHERE = {
    "GET /v1/live": "live_test: who sees which changes, and until when",
    "GET /v1/reports/{report}": "reports_test: whose devices are in it, and until when",
    "POST /v1/checkout/{provider}": "checkout_test: a report counts by its signature, whoever brings it",
    "GET /checkout": "checkout_test: the stand-in's page, for who has its link",
    "POST /checkout": "checkout_test: likewise",
    "POST /v1/password-reset": "accounts_test: nobody learns who has an account",
    "GET /healthz": "public_test",
    "GET /readyz": "held_test",
}


def route(name):
    method, path = name.split(" ")[:2]
    return method, path, openapi.DOCUMENT["paths"][path][method.lower()]


class Samples(unittest.TestCase):
    def test_no_route_is_left_out(self):
        families = (ABOUT_A_THING, OWN, OWN_CHANGES, PERSONAL, WRONG_SECRET, LEAVING, TOLD_ELSEWHERE)
        tried = {name.split(" ?")[0] for family in families for name in family}
        there = {
            f"{method.upper()} {path}"
            for path, item in openapi.DOCUMENT["paths"].items()
            for method, operation in item.items()
            if set(operation["x-for"]) & {ADMINISTRATOR, MEMBER, SHARED, "anyone"}
        }
        self.assertEqual(tried, there, "a route of the API has no sample here, or a sample no route")


class Roles(SystemTest):
    by_sessions = by_tokens = False

    def setUp(self):
        super().setUp()
        self.node_ = self.node(environment={"FLEETLOG_GATEWAY_REQUESTS_PER_MINUTE_PER_ADDRESS": "0"}).start()
        self.world = World(self, self.node_)

    def keeps_quiet(self, answer, sent, what):
        text = answer.raw.decode()
        for secret in SECRETS:
            self.assertTrue(secret not in text or secret in str(sent), (what, secret, text[:300]))

    def test_things(self):
        for name, make in ABOUT_A_THING.items():
            method, path, operation = route(name)
            self.assertTrue(set(operation["x-for"]) & {ADMINISTRATOR, MEMBER, SHARED}, name)

            def send(who, thing, body, method=method, path=path):
                parts = [thing if part.startswith("{") else part for part in path.split("/")]
                return self.world.try_(who, method, "/".join(parts) + QUERY.get(f"{method} {path}", ""), body)

            thing, body = make(self.world)
            insiders = (ADMINISTRATOR, MEMBER, SHARED)
            refused = [who for who in insiders if who not in operation["x-for"] or (name, who) in EXCEPT]
            for who in (*OUTSIDERS, *refused):
                found = send(who, thing, body)
                self.assertIn(found.status, REFUSED, (name, who, found))
                if who in OUTSIDERS:
                    self.keeps_quiet(found, (thing, body, QUERY.get(name)), (name, who))
            for who in (ADMINISTRATOR, MEMBER, SHARED):
                if who in operation["x-for"] and who not in refused:
                    found = send(who, *(make(self.world) if method != "GET" else (thing, body)))
                    self.assertLess(found.status, 300, (name, who, found))
            # An operator in his own name reads everything, and changes no company's things.
            found = send(None, *make(self.world))
            self.assertEqual(found.status < 300, method == "GET", (name, "operator", found))

    def test_own_lists(self):
        self.world.command()
        self.world.invitation()
        self.world.transfer()
        for name, query in OWN.items():
            method, path, operation = route(name)
            for who in (ADMINISTRATOR, MEMBER, SHARED, *OUTSIDERS):
                found = self.world.try_(who, method, path + query)
                if self.closed_to_tokens(operation):
                    self.assertEqual(found.status, 403, (name, who, found))
                    continue
                self.assertEqual(found.status, 200, (name, who, found))
                if who in OUTSIDERS and "held" not in name:
                    self.keeps_quiet(found, "", (name, who))
            self.assertIn(ADMINISTRATOR, operation["x-for"], name)

    def closed_to_tokens(self, operation):
        return self.by_tokens and "x-scope" not in operation

    def test_own_changes(self):
        for name, make in OWN_CHANGES.items():
            method, path, operation = route(name)
            for who in (ADMINISTRATOR, MEMBER, SHARED, *OUTSIDERS):
                found = self.world.try_(who, method, path, make(self.world))
                role = MEMBER if who == MEMBER else ADMINISTRATOR
                may = role in operation["x-for"] and not self.closed_to_tokens(operation)
                self.assertEqual(found.status < 300, may, (name, who, found))
                self.assertTrue(may or found.status == 403, (name, who, found))
                if who in OUTSIDERS:
                    self.keeps_quiet(found, "", (name, who))

    def test_personal_things(self):
        for name, make in PERSONAL.items():
            method, path, operation = route(name)
            self.world.try_(ADMINISTRATOR, "GET", "/v1/account")  # he is signed in before the thing is made
            target = "/".join(make(self.world) if part.startswith("{") else part for part in path.split("/"))
            for who in (MEMBER, SHARED, *OUTSIDERS):
                found = self.world.try_(who, method, target)
                self.assertIn(found.status, REFUSED, (name, who, found))
                self.keeps_quiet(found, "", (name, who))
            found = self.world.try_(ADMINISTRATOR, method, target)
            self.assertEqual(found.status, 403 if self.closed_to_tokens(operation) else 200, (name, found))

    def test_wrong_secrets(self):
        for name, body in WRONG_SECRET.items():
            method, path, _ = route(name)
            query = name.split(" ")[2] if name.count(" ") > 1 else ""
            for who in (ADMINISTRATOR, MEMBER, SHARED, *OUTSIDERS, None):
                found = self.world.try_(who, method, path + query, body)
                self.assertIn(found.status, (400, 401, 403, 404, 409, 422, 429), (name, who, found))
                self.keeps_quiet(found, body, (name, who))

    def newcomer(self):
        """Somebody of the company who is to leave it."""
        who = f"leaver {self.world.number()}"
        self.world.people[who] = f"leaver{self.world.serial}@example.org"
        self.node_.one("account", "create", self.world.people[who], "--company", "Marker Ltd", "--role", "member")
        return who

    def test_leaving(self):
        """Everybody leaves himself, and nobody is made to by somebody who is nothing to him."""
        who = self.newcomer()
        person = {"person": self.world.people[who]}
        for other in (MEMBER, SHARED, *OUTSIDERS):
            found = self.world.try_(other, "POST", "/v1/erasures", person)
            self.assertIn(found.status, REFUSED, (other, found))
            self.keeps_quiet(found, person, other)
        found = self.world.try_(MEMBER, "POST", "/v1/sign-out")
        self.assertEqual(found.status < 300, self.by_sessions, found)
        # The erasure comes last: all profiles are sealed anew meanwhile, and changes of them are to be tried again.
        for method, path in (("DELETE", "/v1/sessions"), ("POST", "/v1/account/close"), ("POST", "/v1/erasures")):
            body = {"person": self.world.people[who]} if path == "/v1/erasures" else None
            found = self.world.try_(who, method, path, body)
            if self.by_tokens:
                self.assertEqual(found.status, 403, (path, found))
                continue
            self.assertLess(found.status, 300, (path, found))
            self.world.headers.pop(who, None)
            if path == "/v1/account/close":
                self.assertIn(self.world.ask(who, "GET", "/v1/devices").status, (401, 403, 404))
                who = self.newcomer()
        if not self.by_tokens:
            self.assertIn(self.world.ask(who, "GET", "/v1/devices").status, (401, 403, 404))

    def test_operators_alone(self):
        count = 0
        for path, item in openapi.DOCUMENT["paths"].items():
            for method, operation in item.items():
                if set(operation["x-for"]) & {ADMINISTRATOR, MEMBER, SHARED, "anyone", "agent"}:
                    continue
                target = "/".join("x" if part.startswith("{") else part for part in path.split("/"))
                found = public(self.node_, method.upper(), target, headers=CSRF)
                # A method that others have there is 405; nothing is said of the route itself.
                self.assertIn(found.status, (404, 405), (method, path, found))
                for who in self.world.people:
                    found = self.world.try_(who, method.upper(), target, {} if "requestBody" in operation else None)
                    # At the socket it is an operator who asks, for whomever: keys he may change at once.
                    refused = (404, 405) if self.world.sign_in else (400, 403, 404, 422)
                    if self.world.sign_in or not path.startswith("/v1/keys/"):
                        self.assertIn(found.status, refused, (method, path, who, found))
                count += 1
        self.assertGreater(count, 5)


class RolesOfSessions(Roles):
    """The same through the API, signed in with a browser."""

    by_sessions = True

    def setUp(self):
        super().setUp()
        self.world.sign_in = lambda address: signed_in(self.node_, address)


class RolesOfTokens(Roles):
    """The same with API tokens."""

    by_tokens = True

    def setUp(self):
        super().setUp()
        self.world.sign_in = lambda address: api_token(self.node_, address, *SCOPES)[1]

    def routes(self):
        for path, item in openapi.DOCUMENT["paths"].items():
            for method, operation in item.items():
                if set(operation["x-for"]) & {ADMINISTRATOR, MEMBER, SHARED} and "anyone" not in operation["x-for"]:
                    target = "/".join(str(uuid.uuid4()) if part.startswith("{") else part for part in path.split("/"))
                    yield method.upper(), target, {} if "requestBody" in operation else None, operation

    def lacks_scope(self, answer):
        return answer.status == 403 and 'error="insufficient_scope"' in answer.headers.get("WWW-Authenticate", "")

    def test_scopes(self):
        """Each route with each token of one scope: only the scope that it names opens it, and none if it names none."""
        tokens = {scope: api_token(self.node_, self.world.people[ADMINISTRATOR], scope)[1] for scope in SCOPES}
        count = 0
        for method, target, body, operation in self.routes():
            if target == "/v1/live":
                continue
            for scope, headers in tokens.items():
                found = public(self.node_, method, target, body, headers)
                self.assertEqual(self.lacks_scope(found), operation.get("x-scope") != scope, (method, target, scope, found))
                count += 1
        self.assertGreater(count, 100)

    def refused_everywhere(self, headers, what):
        for method, target, body, _ in self.routes():
            found = public(self.node_, method, target, body, {**CSRF, **headers})
            self.assertEqual(found.status, 401, (what, method, target, found))
            self.keeps_quiet(found, "", what)

    def test_revoked_and_ended(self):
        member = self.world.people[MEMBER]
        token_id, token = api_token(self.node_, member, *SCOPES)
        other = api_token(self.node_, member, *SCOPES)[1]
        session = signed_in(self.node_, member)
        for headers in (token, other, session):
            self.assertEqual(public(self.node_, "GET", "/v1/devices", headers=headers).status, 200)
        revoked = operator(self.node_, "DELETE", f"/v1/api-tokens/{token_id}", account=member)
        self.assertEqual(revoked.status, 200, revoked)
        self.refused_everywhere(token, "a revoked token")
        self.assertLess(public(self.node_, "POST", "/v1/sign-out", None, session).status, 300)
        self.refused_everywhere(session, "an ended session")
        self.assertEqual(public(self.node_, "GET", "/v1/devices", headers=other).status, 200)
        # Each is what it is: a token is no cookie, a cookie's secret no token.
        session = signed_in(self.node_, member)
        secret = session["Cookie"].split("=", 1)[1]
        self.refused_everywhere(bearer(secret), "a session's secret as a token")
        self.refused_everywhere({"Cookie": "fleetlog-development=" + other["Authorization"].split()[1]}, "a token as a cookie")
        # Who is removed is signed out.
        self.world.done(ADMINISTRATOR, "DELETE", f"/v1/accounts/{quote(member)}")
        self.refused_everywhere(other, "the token of somebody who was removed")
        self.refused_everywhere(session, "the session of somebody who was removed")

    def test_over_by_time(self):
        node, member = self.node_, self.world.people[MEMBER]
        made = operator(node, "POST", "/v1/api-tokens", {"name": "short", "scopes": ["read"], "days": 1}, member)
        token = bearer(made.body["token"])
        for hours in (23, 25):
            self.assertEqual(public(node, "GET", "/v1/devices", headers=token).status, 200)
            node.stop()
            node.environment["FLEETLOG_TEST_CLOCK_AHEAD_MS"] = str(hours * 3600 * 1000)
            node.start()
            node.one("company", "create", f"{hours} hours later")
        self.refused_everywhere(token, "a token that is over")


if __name__ == "__main__":
    unittest.main(verbosity=2)
