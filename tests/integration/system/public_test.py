# SPDX-License-Identifier: Apache-2.0
"""The API's door before anybody is known: headers, other origins, forged addresses, limits, slow and ambiguous requests."""
import http.client
import json
import pathlib
import socket
import unittest

from doors import at, metrics, operator, public
from harness import DEADLINE_S, SystemTest, wait_until
from junk_test import answer, exchange, request

ORIGIN = "https://fleet.example.org"
OPENAPI = json.loads(pathlib.Path("schemas/openapi.json").read_text())
OWN = {"Fleetlog-Csrf": "1"}
RATE = 30
FREE = 5  # wrong passwords, or mails asked for, of one name from one place before the first delay


def operations(audience):
    """(method, path with ids in it) of every route that is for one of these."""
    for path, item in OPENAPI["paths"].items():
        for method, operation in item.items():
            if set(operation["x-for"]) & set(audience):
                parts = ["x" if part.startswith("{") else part for part in path.split("/")]
                yield method.upper(), "/".join(parts), operation


class Public(SystemTest):
    def start(self, **settings):
        environment = {"FLEETLOG_GATEWAY_PUBLIC_URL": ORIGIN + "/portal"}
        environment.update({f"FLEETLOG_GATEWAY_{name.upper()}": str(value) for name, value in settings.items()})
        self.node_ = self.node(environment=environment).start()
        return self.node_

    def test_headers(self):
        node = self.start()
        for path, status in (("/healthz", 200), ("/nowhere", 404), ("/v1/devices", 401)):
            found = public(node, "GET", path)
            self.assertEqual(found.status, status, found)
            for name, value in (
                ("Strict-Transport-Security", "max-age=63072000; includeSubDomains"),
                ("X-Content-Type-Options", "nosniff"),
                ("Referrer-Policy", "no-referrer"),
                ("Cross-Origin-Opener-Policy", "same-origin"),
                ("Cross-Origin-Resource-Policy", "same-origin"),
                ("Cache-Control", "no-store"),
            ):
                self.assertEqual(found.headers[name], value, name)
            self.assertTrue(found.headers["Content-Security-Policy"].startswith("default-src 'none'"))
            for name in ("Server", "X-Powered-By", "Access-Control-Allow-Origin", "Set-Cookie"):
                self.assertIsNone(found.headers[name], name)

    def test_nobody_gets_nothing(self):
        """Every route without a session, with cookies and tokens that are none."""
        node = self.start(requests_per_minute_per_address=0)
        hidden = known = 0
        for method, path, operation in operations(("operator", "administrator", "member", "shared", "agent")):
            if "anyone" in operation["x-for"]:
                continue
            is_public = set(operation["x-for"]) & {"administrator", "member", "shared"}
            for headers in ({}, {"Cookie": "__Host-fleetlog=" + "A" * 43}, {"Authorization": "Bearer " + "A" * 43}):
                found = public(node, method, path, None, {**OWN, **headers})
                self.assertEqual(found.status, 401 if is_public else found.status, (method, path, found))
                self.assertIn(found.status, (401,) if is_public else (404, 405), (method, path, found))
                if found.status == 401:
                    self.assertTrue(found.headers["WWW-Authenticate"].startswith("Bearer"))
                    self.assertEqual(found.headers["Content-Type"], "application/problem+json")
                    known += 1
                hidden += found.status == 404
        self.assertGreater(known, 50)
        self.assertGreater(hidden, 10)
        for value in ("Basic YTpi", "Bearer", "bearer x y", "Bearer " + "A" * 42, "Bearer " + "A" * 2000, "Bearer \xff"):
            self.assertEqual(public(node, "GET", "/v1/devices", headers={"Authorization": value}).status, 401, value)
        both = {"Authorization": "Bearer x", "Cookie": "__Host-fleetlog=x"}
        self.assertEqual(public(node, "GET", "/v1/devices", headers=both).status, 400)
        twice = {"Cookie": "__Host-fleetlog=x; a=b; __Host-fleetlog=y"}
        self.assertEqual(public(node, "GET", "/v1/devices", headers=twice).status, 400)
        # Names of another account are the operators' to give.
        self.assertEqual(public(node, "GET", "/v1/devices", headers={"Fleetlog-As": "owner@example.org"}).status, 401)
        names = [line["name"] for line in node.run("company", "list")]
        self.assertEqual(names, [])

    def test_other_origins(self):
        node = self.start()
        path, body = "/v1/invitations/accept", {"token": "x"}
        for headers, status in (
            ({}, 403),
            ({"Fleetlog-Csrf": ""}, 403),
            (OWN, 403),  # the door lets it in, the token is none
            ({**OWN, "Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}, 403),
            ({**OWN, "Origin": "https://evil.example"}, 403),
            ({**OWN, "Origin": "null"}, 403),
            ({**OWN, "Origin": ORIGIN + ":444"}, 403),
            ({**OWN, "Origin": ORIGIN.replace("https", "http")}, 403),
            ({**OWN, "Origin": ORIGIN + ".evil.example"}, 403),
            ({**OWN, "Sec-Fetch-Site": "cross-site"}, 403),
            ({**OWN, "Sec-Fetch-Site": "same-site"}, 403),
            ({**OWN, "Sec-Fetch-Site": "none"}, 403),
        ):
            found = public(node, "POST", path, body, headers)
            self.assertEqual(found.status, status, (headers, found))
            is_own = headers == OWN or headers.get("Sec-Fetch-Site") == "same-origin"
            self.assertEqual(found.body.get("field") == "token", is_own, (headers, found))
        for site, status in (("none", 200), ("same-origin", 200), ("same-site", 403), ("cross-site", 403), ("x", 403)):
            self.assertEqual(public(node, "GET", "/healthz", headers={"Sec-Fetch-Site": site}).status, status, site)
        for method in ("OPTIONS", "PUT", "TRACE", "CONNECT", "FOO"):
            raw = exchange(node.address("api"), request(method, "/v1/devices"))
            self.assertIn(answer(raw)[0], (405, 501, 400), (method, raw))

    def limited(self, node, headers=None):
        return public(node, "GET", "/healthz", headers=headers).status == 429

    def test_rates(self):
        node = self.start(requests_per_minute_per_address=RATE, trusted_proxy="127.0.0.1, ::1")
        for number in range(RATE):
            self.assertEqual(public(node, "GET", "/healthz").status, 200, number)
        found = public(node, "GET", "/healthz")
        self.assertEqual(found.status, 429, found)
        self.assertIn(int(found.headers["Retry-After"]), range(1, 61))
        self.assertEqual(found.headers["Content-Type"], "application/problem+json")
        # Another address, which a proxy that is trusted has seen; what its client wrote before it counts for nothing.
        other = {"X-Forwarded-For": "198.51.100.7"}
        for number in range(RATE):
            forged = {"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.7"} if number % 2 else other
            self.assertEqual(public(node, "GET", "/healthz", headers=forged).status, 200, number)
        self.assertTrue(self.limited(node, other))
        self.assertTrue(self.limited(node, {"X-Forwarded-For": "8.8.8.8, 198.51.100.7, 127.0.0.1"}))
        self.assertFalse(self.limited(node, {"X-Forwarded-For": "8.8.8.8"}))
        # A secret that is none costs its address twenty requests.
        guess = {"X-Forwarded-For": "192.0.2.1", "Authorization": "Bearer " + "A" * 43}
        self.assertEqual(public(node, "GET", "/v1/devices", headers=guess).status, 401)
        passed = 0
        while passed <= RATE and not self.limited(node, {"X-Forwarded-For": "192.0.2.1"}):
            passed += 1
        self.assertIn(passed, (RATE - 21, RATE - 20))
        # The addresses of one IPv6 network count together.
        for number in range(RATE):
            self.assertFalse(self.limited(node, {"X-Forwarded-For": f"2001:db8:1:2::{number + 1:x}"}), number)
        self.assertTrue(self.limited(node, {"X-Forwarded-For": "2001:db8:1:2:ffff::1"}))
        self.assertFalse(self.limited(node, {"X-Forwarded-For": "2001:db8:1:3::1"}))
        # Health is read at the other doors, and operators are not limited.
        self.assertEqual(at(node, "metrics", "GET", "/healthz").status, 200)
        for _ in range(RATE + 1):
            self.assertEqual(operator(node, "GET", "/v1/companies").status, 200)
        self.assertIn('status="4xx"', metrics(node).body)

    def test_guesses_of_one_network_count_together(self):
        node = self.start(trusted_proxy="127.0.0.1")
        guess = {"address": "anna@example.org", "password": "wrong password here"}
        asked = {"address": "anna@example.org"}
        for path, body, first in (("/v1/sign-in", guess, 403), ("/v1/password-reset", asked, 200)):
            for number in range(FREE):
                headers = {**OWN, "X-Forwarded-For": f"2001:db8:1:2::{number + 1:x}"}
                self.assertEqual(public(node, "POST", path, body, headers).status, first, (path, number))
            for address, status in (("2001:db8:1:2:ffff::1", 429), ("2001:db8:1:3::1", first)):
                found = public(node, "POST", path, body, {**OWN, "X-Forwarded-For": address})
                self.assertEqual(found.status, status, (path, address, found))

    def test_forwarded_headers_are_nobodys_word(self):
        node = self.start(requests_per_minute_per_address=RATE)
        for number in range(RATE):
            headers = {name: f"198.51.100.{number}" for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded")}
            self.assertEqual(public(node, "GET", "/healthz", headers=headers).status, 200)
        self.assertTrue(self.limited(node, {"X-Forwarded-For": "203.0.113.9"}))

    def test_ambiguous_requests(self):
        node = self.start()
        ok = "GET /healthz HTTP/1.1\r\nHost: x\r\n{}Connection: close\r\n\r\n"
        for extra, status in (
            ("", 200),
            ("Content-Length: 0\r\n", 200),
            ("Content-Length: 0\r\nContent-Length: 0\r\n", 400),
            ("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Transfer-Encoding: gzip\r\n", 400),
            ("Transfer-Encoding: identity\r\n", 400),
            ("Content-Length: -1\r\n", 400),
            ("Content-Length: +5\r\n", 400),
            ("Host: y\r\n", 400),
            ("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n", 400),
            ("Cookie: a=b\r\ncookie: c=d\r\n", 400),
            ("Origin: https://a.example\r\nOrigin: https://fleet.example.org\r\n", 400),
        ):
            for door in ("api", "agents"):
                raw = exchange(node.address(door), ok.format(extra).encode(), half_close=False)
                self.assertEqual(answer(raw)[0], status, (door, extra, raw))

    def test_slow_senders(self):
        """Who drips is shut, and meanwhile keeps nobody out."""
        node = self.start(connection_count_max=16, connection_per_address_max=16)
        slow = []
        for _ in range(8):
            s = socket.create_connection(node.address("api"), DEADLINE_S)
            s.sendall(b"POST /v1/invitations/accept HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n")
            slow.append(s)
        self.assertEqual(public(node, "GET", "/healthz").status, 200)
        open_ = set(slow)

        def all_shut():
            for s in list(open_):
                try:
                    s.sendall(b"X: y\r\n")
                    s.settimeout(0.01)
                    if s.recv(1) == b"":
                        open_.discard(s)
                except TimeoutError:
                    pass
                except OSError:
                    open_.discard(s)
            return not open_

        wait_until(all_shut, "every slow sender is shut", 50)
        self.assertIn("event=HTTP_SLOW", node.tail())
        for s in slow:
            s.close()
        self.assertEqual(public(node, "GET", "/healthz").status, 200)

    def test_addresses_and_settings(self):
        node = self.start(api_listen="", metrics_listen="")
        self.assertFalse((node.directory / "run" / "api.address").exists())
        self.assertEqual(at(node, "agents", "GET", "/healthz").status, 200)
        node.stop()
        for name, value, word in (
            ("TRUSTED_PROXY", "10.0.0.0/8", "trusted_proxy"),
            ("TRUSTED_PROXY", "localhost", "trusted_proxy"),
            ("PUBLIC_URL", "ftp://x", "public_url"),
            ("API_LISTEN", "nonsense", "host:port"),
            ("API_LISTEN", "/tmp/x.sock", "host:port"),
        ):
            node.environment[f"FLEETLOG_GATEWAY_{name}"] = value
            done = node.run("serve", code=None, parse=False)
            del node.environment[f"FLEETLOG_GATEWAY_{name}"]
            self.assertEqual(done.returncode, 2, (name, value, done.stderr))
            self.assertIn(word, done.stderr.decode())

    def test_a_kept_connection(self):
        node = self.start()
        connection = http.client.HTTPConnection(*node.address("api"), timeout=DEADLINE_S)
        for _ in range(3):
            connection.request("GET", "/healthz")
            found = connection.getresponse()
            tag = found.headers["ETag"]
            self.assertEqual((found.status, found.read()), (200, b'{"status":"alive"}'))
            connection.request("GET", "/healthz", headers={"If-None-Match": tag})
            found = connection.getresponse()
            self.assertEqual((found.status, found.read(), found.headers["ETag"]), (304, b"", tag))
        connection.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
