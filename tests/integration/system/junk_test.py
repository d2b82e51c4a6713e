# SPDX-License-Identifier: Apache-2.0
"""Junk at every door: a clear answer that names field and rule, the process lives, the log stays valid."""
import base64
import json
import os
import random
import socket
import unittest

from harness import DEADLINE_S, SystemTest

LIMIT = 64 * 1024


def exchange(address, raw, half_close=True):
    """Sends bytes, returns what comes back until the other side closes (or a bound)."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as s:
        s.settimeout(DEADLINE_S)
        s.connect(address)
        try:
            s.sendall(raw)
            if half_close:
                s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before everything was sent
        received = b""
        try:
            while len(received) < 1 << 20:
                more = s.recv(65536)
                if not more:
                    break
                received += more
        except ConnectionResetError:
            pass
        return received


def request(method, path, body=b"", headers=()):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answer(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1]) if head.startswith(b"HTTP/1.1 ") else 0
    try:
        return status, json.loads(body) if body else None
    except ValueError:
        return status, body


class Junk(SystemTest):
    def setUp(self):
        super().setUp()
        self.node_ = self.node(environment={"FLEETLOG_GATEWAY_REQUEST_SIZE_MAX": str(LIMIT)}).start()
        self.agents = self.node_.agents_address()
        self.operator = str(self.node_.directory / "run" / "operator.sock")

    def call(self, address, method, path, body=b"", headers=()):
        return answer(exchange(address, request(method, path, body, headers)))

    def still_alive(self):
        pid = self.node_.duty("serve")
        self.assertEqual(self.call(self.agents, "GET", "/healthz")[0], 200)
        self.node_.one("company", "create", "Still here")
        self.assertEqual(pid, self.node_.duty("serve"))
        self.assertEqual(self.node_.run("verify", parse=False).returncode, 0)

    def test_bodies(self):
        post = lambda body, path="/v1/companies": self.call(self.operator, "POST", path, body)  # noqa: E731
        for body, status, word in (
            (b"", 400, "not valid JSON"),
            (b"{", 400, "not valid JSON"),
            (b"[]", 400, "must be a JSON object"),
            (b'"x"', 400, "JSON"),
            (b'{"name":"a","name":"b"}', 400, "not valid JSON"),
            (b'{"name":"\xff"}', 400, "not valid JSON"),
            (b'{"name":"\\u0000"}', 400, "not valid JSON"),
            (b'{"name":"\\ud800"}', 400, "not valid JSON"),
            (b"[" * 5000, 400, "nested too deeply"),
            (b"{}", 422, "name: is missing"),
            (b'{"name":5}', 422, "name: must be a text"),
            (b'{"name":""}', 422, "name"),
            (b'{"name":"a\\nb"}', 422, "name"),
            (json.dumps({"name": "x" * 257}).encode(), 422, "name"),
            (json.dumps({"name": "x" * LIMIT}).encode(), 413, "too large"),
        ):
            got, problem = post(body)
            self.assertEqual(got, status, (body[:60], problem))
            self.assertIn(word, json.dumps(problem), body[:60])
        for size, status in ((255, 201), (256, 201), (257, 422)):
            self.assertEqual(post(json.dumps({"name": "y" * size}).encode())[0], status, size)
        got, _ = self.call(self.operator, "POST", "/v1/companies", b"{}", ["Content-Type: text/plain"])
        self.assertEqual(got, 415)
        self.still_alive()

    def test_routes(self):
        for method, path, status in (
            ("GET", "/", 404),
            ("GET", "/v1", 404),
            ("GET", "/v1/devices/", 404),
            ("GET", "/v1/devices/%00", 404),
            ("GET", "/v1/devices/" + "x" * 2000, 404),
            ("PUT", "/v1/devices", 405),
            ("TRACE", "/v1/devices", 405),
            ("GET", "/v1/devices?limit=0", 400),
            ("GET", "/v1/devices?limit=1001", 400),
            ("GET", "/v1/devices?limit=1000", 200),
            ("GET", "/v1/devices?limit=1", 200),
            ("GET", "/v1/devices?limit=-1", 400),
            ("GET", "/v1/devices?cursor=zz", 400),
            ("GET", "/v1/events?severity=bad", 400),
            ("GET", "/v1/commands/x?wait=51", 400),
            ("GET", "/v1/commands/x", 404),
            ("GET", "/v1/actions/x", 404),
            ("DELETE", "/v1/shares/x", 422),
        ):
            got, body = self.call(self.operator, method, path)
            self.assertEqual(got, status, (method, path[:60], body))
        self.still_alive()

    def test_operators_do_not_come_over_tcp(self):
        self.assertEqual(self.call(self.agents, "GET", "/v1/devices")[0], 404)
        self.assertEqual(os.stat(self.operator).st_mode & 0o777, 0o600)

    def test_agents_doors(self):
        key = base64.b64encode(b"k" * 32).decode()
        proof = base64.b64encode(b"p" * 64).decode()
        agent = "0198c0de-0000-7000-8000-000000000001"
        enrol = lambda **body: self.call(self.agents, "POST", "/agent/v1/enrol", json.dumps(body).encode())  # noqa: E731
        self.assertEqual(enrol()[0], 422)
        self.assertEqual(enrol(claim="x", agentId="y", publicKey="!!", proof=proof)[0], 422)
        self.assertEqual(enrol(claim="x", agentId="y", publicKey=key, proof=proof)[0], 401)
        self.assertEqual(enrol(claim="x", agentId=agent, publicKey=key, proof=proof)[0], 401)
        sign = [
            f"Fleetlog-Agent: {agent}",
            "Fleetlog-Time: 1",
            "Fleetlog-Nonce: 1",
            f"Fleetlog-Signature: {proof}",
        ]
        for path in ("/agent/v1/reports", "/agent/v1/devices", "/agent/v1/commands/x/delivery"):
            body = b"{}" if path.endswith("devices") else b""
            self.assertEqual(self.call(self.agents, "POST", path, body)[0], 401, path)
            for left_out in range(4):
                some = [line for i, line in enumerate(sign) if i != left_out]
                self.assertEqual(self.call(self.agents, "POST", path, body, some)[0], 401, path)
            self.assertEqual(self.call(self.agents, "POST", path, body, sign)[0], 401, path)
        self.assertEqual(self.call(self.agents, "GET", "/agent/v1/commands")[0], 401)
        got, _ = self.call(self.agents, "POST", "/agent/v1/reports", b"x" * (LIMIT + 1))
        self.assertEqual(got, 413)
        self.still_alive()

    def test_bytes_that_are_no_http(self):
        seed = int(os.environ.get("FLEETLOG_SEED", random.randrange(1 << 32)))
        print(f"FLEETLOG_SEED={seed}", flush=True)
        chance = random.Random(seed)
        for _ in range(60):
            raw = chance.randbytes(chance.randrange(1, 3000))
            if chance.random() < 0.5:
                raw = b"POST /v1/companies HTTP/1.1\r\nContent-Length: " + raw
            for address in (self.agents, self.operator):
                exchange(address, raw)
        big = b"GET / HTTP/1.1\r\nX: " + b"y" * (1 << 20) + b"\r\n\r\n"
        exchange(self.agents, big)
        # Two bodies lengths, and a body that ends early.
        exchange(self.agents, b"POST /agent/v1/reports HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        exchange(self.agents, b"POST /agent/v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nabc")
        self.still_alive()


if __name__ == "__main__":
    unittest.main(verbosity=2)
