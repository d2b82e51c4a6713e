# SPDX-License-Identifier: Apache-2.0
"""The running server against schemas/openapi.json: every route is asked in every way that asks for a documented refusal.

What a route answers when all is well, and what its rules refuse, is asked by the tests of its family; every answer of
every test is held against the document (openapi.py).
"""
import contextlib
import http.client
import os
import signal
import unittest
import uuid

import openapi
from doors import OperatorConnection, agents, call, enrolled_agent, operator, public
from harness import DEADLINE_S, SystemTest, wait_until

# By whoever holds the link, from any page or program; by the provider, whose signature says who it is.
LINKS = ("/unsubscribe", "/checkout", "/v1/checkout/{provider}")
CSRF = {"Fleetlog-Csrf": "1"}
JUNK_TOKEN = {"Authorization": "Bearer " + "A" * 43}
ACCOUNTS = {"administrator", "member", "shared"}
RATE = 5
SIZE = 4096


def operations():
    """(method, path of the document, a target with ids that are nobody's, operation)"""
    for path, item in openapi.DOCUMENT["paths"].items():
        for method, operation in item.items():
            parts = [str(uuid.uuid4()) if part.startswith("{") else part for part in path.split("/")]
            yield method.upper(), path, "/".join(parts), operation


def takes_json(operation):
    return "application/json" in operation.get("requestBody", {}).get("content", {})


# They change nothing in the log, so they go on while intake is held and take no condition.
READING_POSTS = {"/v1/clock/accept", "/v1/reseller-links/show"}


class Contract(SystemTest):
    def start(self, **settings):
        environment = {f"FLEETLOG_{name.upper()}": str(value) for name, value in settings.items()}
        node = self.node(environment=environment).start()
        self.two_companies(node)
        return node

    def documented(self, status, audience=None):
        """The operations that say they may answer so, and are for one of these."""
        found = [
            (method, path, target, operation)
            for method, path, target, operation in operations()
            if status in operation["responses"] and (audience is None or audience & set(operation["x-for"]))
        ]
        self.assertTrue(found, status)
        return found

    def test_not_signed_in(self):
        node = self.start(gateway_requests_per_minute_per_address=0)
        for method, path, target, operation in self.documented("401", ACCOUNTS):
            is_open = "anyone" in operation["x-for"]
            headers = JUNK_TOKEN if is_open else {}
            found = public(node, method, target, {} if takes_json(operation) else None, {**CSRF, **headers})
            self.assertEqual(found.status, 401, (method, path, found))
        for method, path, target, operation in self.documented("401", {"agent"}):
            if path != "/agent/v1/enrol":  # proves possession in its body
                found = agents(node, method, target, {} if takes_json(operation) else None)
                self.assertEqual(found.status, 401, (method, path, found))

    def test_other_pages(self):
        node = self.start()
        for method, path, target, operation in self.documented("403", ACCOUNTS | {"anyone"}):
            if path in LINKS:
                continue
            headers = {**CSRF, "Sec-Fetch-Site": "cross-site"}
            found = public(node, method, target, {} if takes_json(operation) else None, headers)
            self.assertEqual((found.status, found.body["field"]), (403, "Sec-Fetch-Site"), (method, path, found))

    def test_two_ways_to_say_who(self):
        node = self.start()
        for method, path, target, operation in self.documented("400", ACCOUNTS | {"anyone"}):
            if path in LINKS:  # asks nobody who he is
                continue
            headers = {**CSRF, **JUNK_TOKEN, "Cookie": "fleetlog-development=x"}
            found = public(node, method, target, {} if takes_json(operation) else None, headers)
            self.assertEqual(found.status, 400, (method, path, found))

    def test_too_often(self):
        node = self.start(gateway_requests_per_minute_per_address=RATE)
        while public(node, "GET", "/healthz").status == 200:
            pass
        for method, path, target, operation in self.documented("429", ACCOUNTS | {"anyone"}):
            found = public(node, method, target, {} if takes_json(operation) else None, CSRF)
            # One is given back every twelve seconds.
            if found.status != 429:
                found = public(node, method, target, {} if takes_json(operation) else None, CSRF)
            self.assertEqual(found.status, 429, (method, path, found))
            self.assertGreater(int(found.headers["Retry-After"]), 0)

    def test_bodies(self):
        """Too large, of another kind, no JSON, no object, empty: at the door where the route is."""
        node = self.start(gateway_request_size_max=SIZE, gateway_requests_per_minute_per_address=0)
        socket_path = str(node.directory / "run" / "operator.sock")
        for method, path, target, operation in operations():
            if method == "GET" or not takes_json(operation):
                continue
            is_agents = "agent" in operation["x-for"]

            def ask(body, headers=None, method=method, target=target, is_agents=is_agents):
                connection = (
                    http.client.HTTPConnection(*node.agents_address(), timeout=DEADLINE_S)
                    if is_agents
                    else OperatorConnection(socket_path)
                )
                with contextlib.closing(connection):
                    return call(connection, method, target, body, {"Content-Type": "application/json", **(headers or {})})

            self.assertEqual(ask(b'"' + b"x" * SIZE + b'"').status, 413, path)
            self.assertEqual(ask(b"a=b", {"Content-Type": "text/plain"}).status, 415, path)
            for body in (b"", b"{", b"[]", b'{"a":1,"a":2}', b'{"a":"\xff"}'):
                self.assertEqual(ask(body).status, 400, (path, body))
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            for name in openapi.resolve(schema).get("required", []) if not is_agents else ():
                found = ask(b"{}")
                self.assertIn(found.status, (400, 403, 404, 422), (path, name, found))
            for name, described in openapi.resolve(schema).get("properties", {}).items():
                wrong = b"5" if openapi.resolve(described).get("type") != "integer" else b'"5"'
                found = ask(b'{"%s":%s}' % (name.encode(), wrong), {"Fleetlog-As": node.owner})
                self.assertIn(found.status, (400, 401, 403, 404, 422), (path, name, found))

    def test_nothing_there(self):
        """Ids that are nobody's: 404, never more."""
        node = self.start()
        for method, path, target, operation in operations():
            if "{" not in path or "agent" in operation["x-for"] or takes_json(operation):
                continue
            for account in (None, node.owner):
                found = operator(node, method, target, account=account)
                self.assertIn(found.status, (400, 403, 404, 422), (method, path, account, found))

    def test_bodies_that_are_not_asked_for(self):
        node = self.start(gateway_request_size_max=SIZE)
        for method, path, target, operation in self.documented("413"):
            ask = agents if "agent" in operation["x-for"] else operator
            for size, status in ((SIZE, None), (SIZE + 1, 413)):
                found = ask(node, method, target, b"x" * size, headers={"Content-Type": "application/json"})
                self.assertEqual(found.status == 413, status == 413, (method, path, size, found))

    def test_nobody_of_that_name(self):
        node = self.start()
        for method, path, target, operation in self.documented("404", {"operator"}):
            if any(p.get("$ref", "").endswith("/onBehalfOf") for p in operation.get("parameters", [])):
                found = operator(node, method, target, {} if takes_json(operation) else None, "nobody@example.org")
                self.assertEqual((found.status, found.body["field"]), (404, "Fleetlog-As"), (method, path, found))

    def test_a_key_that_was_used(self):
        """What gets past the door with a key of another request is refused by the rules, whatever it is."""
        node = self.start()
        key = {"Idempotency-Key": "used"}
        self.assertEqual(operator(node, "POST", "/v1/claims", None, node.owner, key).status, 201)
        reused = 0
        for method, path, target, operation in self.documented("422", {"operator"}):
            if method == "GET" or "anyone" in operation["x-for"]:  # a visitor's keys are not an account's
                continue
            body = {"name": "x", "address": "x@example.org"} if takes_json(operation) else None
            if path in ("/v1/claims", "/v1/account/close"):
                continue
            found = operator(node, method, target, body, node.owner, key)
            self.assertIn(found.status, (400, 403, 404, 422), (method, path, found))
            reused += found.body.get("code") == "ID_REUSED"
        self.assertGreater(reused, 5)

    def test_what_commands_do_elsewhere(self):
        """Successes that other tests reach through the command line only."""
        node = self.start()
        agent, other = enrolled_agent(node, node.owner), enrolled_agent(node, node.owner)
        device = agent.register("rack")[0]

        def done(method, path, body=None, account=None):
            found = operator(node, method, path, body, account)
            self.assertLess(found.status, 202, (method, path, found))
            return found.body

        done("POST", "/v1/accounts", {"address": "one@example.org", "company": "Example Ltd", "role": "member"})
        invited = done("POST", "/v1/invitations", {"address": "two@example.org"}, node.owner)
        done("POST", "/v1/invitations/accept", {"token": invited["token"]})
        shared = done("POST", "/v1/shares", {"devices": [device], "address": node.provider}, node.owner)
        done("POST", "/v1/shares/accept", {"token": shared["token"]}, node.provider)
        done("DELETE", "/v1/shared-devices?owner=Example%20Ltd", None, node.provider)
        place = {"agent": other.id, "upsdAddress": "127.0.0.1:3493", "upsName": "rack"}
        done("POST", f"/v1/devices/{device}/move", place, node.owner)
        done("POST", "/v1/account/close", None, node.provider)
        done("DELETE", f"/v1/nodes/{done('GET', '/v1/status')['nodeId']}")

    def test_conditions_on_changes(self):
        """A condition that would not be kept is refused, not passed over."""
        node = self.start()
        for name in ("If-Match", "If-Unmodified-Since"):
            for method, path, target, operation in operations():
                if method == "GET" or "agent" in operation["x-for"] or path in READING_POSTS:
                    continue
                found = operator(node, method, target, {} if takes_json(operation) else None, node.owner, {name: '"1"'})
                self.assertEqual((found.status, found.body["field"]), (400, name), (method, path, found))
        self.assertEqual(operator(node, "GET", "/v1/companies", None, node.owner, {"If-Match": '"1"'}).status, 200)

    def test_held(self):
        """No change is taken in while intake is held, whatever stands in it; reads are answered."""
        node = self.start()
        node.stop()
        node.environment["FLEETLOG_NODE_DISK_RESERVE"] = "1000000GiB"
        node.start()
        for method, path, target, operation in self.documented("503"):
            if path in READING_POSTS or (method == "GET" and path != "/readyz"):
                continue
            body = {} if takes_json(operation) else None
            ask = agents if "agent" in operation["x-for"] else operator
            found = ask(node, method, target, body)
            self.assertEqual((found.status, found.headers["Retry-After"]), (503, "1"), (method, path, found))
        self.assertEqual(operator(node, "GET", "/v1/companies").status, 200)

    def test_not_known_yet(self):
        """While nothing is decided, who waits for an outcome is told where to ask for it."""
        node = self.start(gateway_wait="200ms")
        decider = node.duty("decide")
        os.kill(decider, signal.SIGSTOP)
        try:
            later = []
            for method, path, target, operation in self.documented("202", {"operator"}):
                found = operator(node, method, target, {"name": "Later"} if takes_json(operation) else None, node.owner)
                self.assertIn(found.status, (202, 400, 403, 404, 422), (method, path, found))
                if found.status == 202:
                    self.assertEqual(found.headers["Location"], found.body["status"])
                    self.assertEqual(operator(node, "GET", found.body["status"]).status, 202)
                    later.append(found.body["status"])
        finally:
            os.kill(decider, signal.SIGCONT)
        self.assertGreater(len(later), 5)
        for status in later:
            wait_until(lambda status=status: operator(node, "GET", status).status != 202, "an outcome")

    def test_the_same_again(self):
        node = self.start()
        for method, path, target, operation in self.documented("304"):
            if "{" in path or path in LINKS:
                continue
            account = None if set(operation["x-for"]) <= {"operator", "local"} else node.owner
            first = operator(node, method, target, account=account)
            self.assertEqual(first.status, 200, (path, first))
            again = operator(node, method, target, account=account, headers={"If-None-Match": first.headers["ETag"]})
            self.assertIn(again.status, (200, 304) if path == "/metrics" else (304,), (path, again))


if __name__ == "__main__":
    unittest.main(verbosity=2)
