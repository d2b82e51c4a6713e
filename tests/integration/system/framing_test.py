# SPDX-License-Identifier: Apache-2.0
"""Requests as bytes: what two readers could read in two ways is refused with the connection, at each door alike.

An API behind a proxy is as safe as the two agree where a request ends, so each shape that is known to part them is sent.
"""
import json
import socket
import unittest

from doors import public
from harness import DEADLINE_S, SystemTest, wait_until
from junk_test import exchange

TARGET_SIZE_MAX = 8000
HEAD_SIZE_MAX = 16 * 1024
GET = b"GET /healthz HTTP/1.1\r\n"
POST = b"POST /v1/sign-out HTTP/1.1\r\n"
HOST = b"Host: x\r\n"
CLOSE = b"Connection: close\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"  # what somebody wants to be taken for a request


def answers(raw):
    """(status, header fields, body) of each answer in a row."""
    found = []
    while raw:
        head, _, rest = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        size = int(fields["content-length"])
        found.append((int(first.split()[1]), fields, rest[:size]))
        raw = rest[size:]
    return found


def statuses(raw):
    """Of all answers, the library's own among them."""
    return {int(part.split(b" ")[1]) for part in raw.split(b"HTTP/1.1")[1:]}


class Framing(SystemTest):
    def setUp(self):
        super().setUp()
        self.node_ = self.node(environment={"FLEETLOG_GATEWAY_REQUESTS_PER_MINUTE_PER_ADDRESS": "0"})
        self.node_.start()
        self.doors = [self.node_.address(door) for door in ("api", "agents", "metrics")]
        self.doors.append(str(self.node_.directory / "run" / "operator.sock"))

    def refused(self, raw, status, door, word=None):
        """One problem document, and the end of the connection."""
        got = answers(exchange(door, raw, half_close=False))
        self.assertEqual([found[0] for found in got], [status], (door, raw[:200], got))
        _, fields, body = got[0]
        self.assertEqual(fields["content-type"], "application/problem+json", raw[:200])
        self.assertEqual(fields["connection"].lower(), "close", raw[:200])
        problem = json.loads(body)
        self.assertEqual(problem["status"], status)
        if word:
            self.assertIn(word, problem["title"])

    def test_lines(self):
        for door in self.doors:
            for head in (
                GET + b"Host : x\r\n" + CLOSE,
                GET + HOST + b"Content-Length : 3\r\n" + CLOSE,
                GET + HOST + b"Content-Length\t: 3\r\n" + CLOSE,
                GET + HOST + b"X\x0b: a\r\n" + CLOSE,
                GET + HOST + b"X(: a\r\n" + CLOSE,
                GET + HOST + b": a\r\n" + CLOSE,
                GET + HOST + b"X: a\0b\r\n" + CLOSE,
                GET + HOST + b"X: a\rContent-Length: 3\r\n" + CLOSE,
                GET + HOST + b"X: a\x01\r\n" + CLOSE,
                GET + HOST + b"X: a\x7f\r\n" + CLOSE,
                GET + HOST + b"X: a\nContent-Length: 0\r\n" + CLOSE,
                GET + b" Host: x\r\n" + CLOSE,
                GET + HOST + b"X: a\r\n b\r\n" + CLOSE,
                GET + HOST + b"X: a\r\n\tb\r\n" + CLOSE,
                GET + HOST + b"Content-Lengt: 3\r\n h\r\n" + CLOSE,
                GET + HOST + b"Transfer-Encodin: chunked\r\n g\r\n" + CLOSE,
                GET + HOST + b"X:  a\r\n" + CLOSE,
                GET + HOST + b"X:\r\n" + CLOSE,
                GET + HOST + b"Y: \r\nX: a\nContent-Length: 0\r\n" + CLOSE,
                GET + HOST + b"Y: \r\nZ: \r\nX: a\nContent-Length: 0\n" + CLOSE,
                (GET + HOST + CLOSE).replace(b"\r\n", b"\n"),
                b"GET /healthz?a b HTTP/1.1\r\n" + HOST + CLOSE,
                b"GET /healthz\0x HTTP/1.1\r\n" + HOST + CLOSE,
                b"GET /healthz?\xc3\xa4 HTTP/1.1\r\n" + HOST + CLOSE,
            ):
                self.refused(head, 400, door)
            self.refused(GET + CLOSE, 400, door, "Host")
            for good in (
                GET + HOST + CLOSE,
                GET + HOST + b"Y: \r\n" + CLOSE,
                GET + HOST + b"X: a\tb \xc3\xa4\r\n" + CLOSE,
                b"\r\n" + GET + HOST + CLOSE,
                b"GET /healthz HTTP/1.0\r\n" + CLOSE,
            ):
                status = 404 if isinstance(door, str) else 200
                found = answers(exchange(door, good, half_close=False))
                self.assertIn(found[0][0], (status, 200), (door, good, found))

    def test_lengths(self):
        for door in self.doors:
            for lines in (
                b"Content-Length: 0\r\nContent-Length: 0\r\n",
                b"Content-Length: 0\r\ncontent-length: 34\r\n",
                b"Content-Length: 0\r\n" + CHUNKED,
                CHUNKED + b"Content-Length: 34\r\n",
                CHUNKED + CHUNKED,
                b"Transfer-Encoding: gzip, chunked\r\n",
                b"Transfer-Encoding: identity\r\n",
                b"Transfer-Encoding: chunked \r\n",
                b"Transfer-Encoding: xchunked\r\n",
                b"Content-Length: -1\r\n",
                b"Content-Length: +3\r\n",
                b"Content-Length: 0x3\r\n",
            ):
                got = exchange(door, POST + HOST + lines + b"\r\n" + HIDDEN, half_close=False)
                self.assertEqual(statuses(got), {400}, (door, lines, got))
            for body in (
                b"3\r\nabc\r\n0\r\n\r\n",
                b"3\nabc\n0\n\n",
                b"3;a=b\r\nabc\r\n0\r\n\r\n",
                b"10000000000000003\r\nabc\r\n0\r\n\r\n",
                b"-1\r\n\r\n",
                b"0\r\nContent-Length: 34\r\n\r\n",
            ):
                self.refused(POST + HOST + CHUNKED + b"\r\n" + body + HIDDEN, 411, door, "Content-Length")
            self.refused(b"POST /x HTTP/1.0\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN, 411, door)

    def test_what_the_library_refuses(self):
        """No HTTP, or no end of it in sight: refused and shut, though not with a problem document."""
        for door in self.doors:
            for raw, expected in (
                (POST + HOST + b"Content-Length: 3, 3\r\n\r\n" + HIDDEN, {400}),
                (POST + HOST + b"Content-Length: 18446744073709551616\r\n\r\n" + HIDDEN, {413}),
                (b"GET /healthz HTTP/2.0\r\n" + HOST + CLOSE, {505}),
                (b"GET /healthz\r\n\r\n" + HIDDEN, {400}),
                (GET + HOST + b"no colon\r\n\r\n" + HIDDEN, {400}),
                (b"GET /" + b"a" * (1 << 20), {414}),
                (GET + HOST + b"X: " + b"a" * (1 << 20), {431}),
            ):
                got = exchange(door, raw, half_close=False)
                # Bytes that nobody read may cost the sender the answer.
                self.assertLessEqual(statuses(got), expected, (door, raw[:100], got[:300]))
                self.assertNotIn(b"Server:", got)
        self.assertEqual(public(self.node_, "GET", "/healthz").status, 200)

    def test_sizes(self):
        door = self.doors[0]
        for size, status in ((TARGET_SIZE_MAX - 1, 200), (TARGET_SIZE_MAX, 200), (TARGET_SIZE_MAX + 1, 414)):
            target = b"/healthz?" + b"a" * (size - len("/healthz?"))
            raw = b"GET " + target + b" HTTP/1.1\r\n" + HOST + CLOSE
            if status == 200:
                self.assertEqual(answers(exchange(door, raw))[0][0], status, size)
            else:
                self.refused(raw, status, door)
        fixed = len(GET + HOST + b"X: \r\n" + CLOSE)
        for size, status in ((HEAD_SIZE_MAX - 1, 200), (HEAD_SIZE_MAX, 200), (HEAD_SIZE_MAX + 1, 431)):
            raw = GET + HOST + b"X: " + b"a" * (size - fixed) + b"\r\n" + CLOSE
            self.assertEqual(len(raw), size)
            if status == 200:
                self.assertEqual(answers(exchange(door, raw))[0][0], status, size)
            else:
                self.refused(raw, status, door)

    def test_one_after_the_other(self):
        """Requests that are sent in one go are answered in their order, each as if it were alone."""
        door = self.doors[0]
        body = b'{"address":"x@example.org"}'
        post = b"POST /v1/sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        row = GET + HOST + b"\r\n", post + body, b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", GET + HOST + CLOSE
        found = answers(exchange(door, b"".join(row), half_close=False))
        self.assertEqual([status for status, _, _ in found], [200, 403, 404, 200], found)
        # What stands behind a request that is refused, or that closes, is nobody's.
        found = answers(exchange(door, GET + HOST + b"X : a\r\n\r\n" + HIDDEN, half_close=False))
        self.assertEqual([status for status, _, _ in found], [400])
        found = answers(exchange(door, GET + HOST + CLOSE + HIDDEN, half_close=False))
        self.assertEqual([status for status, _, _ in found], [200])
        # Byte by byte it is the same request.
        with socket.create_connection(door, DEADLINE_S) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in GET + HOST + CLOSE:
                s.sendall(bytes([byte]))
            received = b""
            while more := s.recv(65536):
                received += more
        self.assertEqual(answers(received)[0][0], 200)


class Crowded(SystemTest):
    def test_every_connection_is_taken(self):
        """Who only holds connections keeps others out no longer than a request may take to arrive."""
        limits = {"CONNECTION_COUNT_MAX": "16", "CONNECTION_PER_ADDRESS_MAX": "16"}
        node = self.node(environment={f"FLEETLOG_GATEWAY_{name}": value for name, value in limits.items()}).start()
        slow = [socket.create_connection(node.address("api"), DEADLINE_S) for _ in range(16)]
        for s in slow:
            s.sendall(b"GET / HTTP/1.1\r\nX")

        def is_served():
            try:
                return public(node, "GET", "/healthz").status == 200
            except OSError:
                return False

        # Operators and agents come through doors of their own.
        self.assertEqual(node.run("company", "list"), [])
        wait_until(is_served, "somebody else is served", 50)
        for s in slow:
            s.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
