# SPDX-License-Identifier: Apache-2.0
"""The gateway's doors for tests: requests over TCP and the operator's socket, and an agent that signs for itself.

The agent is written anew here, from the words of producers/agent_protocol.h, so that a fault of the C one and of the
gateway cannot cancel out. Signing is libsodium's.
"""
import base64
import ctypes
import ctypes.util
import hashlib
import http.client
import itertools
import json
import secrets
import socket
import struct
import time
import urllib.parse
import uuid

import openapi
from harness import DEADLINE_S

SODIUM = ctypes.CDLL(ctypes.util.find_library("sodium"))
assert SODIUM.sodium_init() >= 0

FULL, CHANGES, STALE = 1, 2, 3


class OperatorConnection(http.client.HTTPConnection):
    """HTTP on a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.raw = response.read()
        kind = response.headers.get("Content-Type", "")
        self.body = json.loads(self.raw) if self.raw and "json" in kind else self.raw.decode(errors="replace")

    def __repr__(self):
        return f"{self.status} {self.body}"


def call(connection, method, path, body=None, headers=None):
    headers = dict(headers or {})
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    try:
        connection.request(method, path, body, headers)
    except (BrokenPipeError, ConnectionResetError):
        pass  # refused before all of it was sent: the answer is there to be read, if it was not overtaken
    answer = Answer(connection.getresponse())
    openapi.check(method, path, answer)
    return answer


def operator(node, method, path, body=None, account=None, headers=None):
    """One request on the operator's socket."""
    headers = dict(headers or {})
    if account:
        headers["Fleetlog-As"] = account
    connection = OperatorConnection(str(node.directory / "run" / "operator.sock"))
    try:
        return call(connection, method, path, body, headers)
    finally:
        connection.close()


def at(node, door, method, path, body=None, headers=None):
    """One request at a door over TCP."""
    connection = http.client.HTTPConnection(*node.address(door), timeout=DEADLINE_S)
    try:
        return call(connection, method, path, body, headers)
    finally:
        connection.close()


def bearer(token):
    return {"Authorization": "Bearer " + token}


def api_token(node, account, *scopes):
    """(id, headers) of a new API token."""
    made = operator(node, "POST", "/v1/api-tokens", {"name": "a test's", "scopes": list(scopes)}, account)
    assert made.status == 201, made
    return made.body["tokenId"], bearer(made.body["token"])


PASSWORD = "correct horse battery staple 1"


def signed_in(node, address):
    """Headers of a browser that has signed in at the API; the password is set by a link first."""
    link = operator(node, "POST", "/v1/password-reset", {"address": address})
    assert link.status < 300, link
    done = operator(node, "POST", "/v1/password-reset/confirm", {"token": link.body["token"], "password": PASSWORD})
    assert done.status < 300, done
    answer = public(node, "POST", "/v1/sign-in", {"address": address, "password": PASSWORD}, {"Fleetlog-Csrf": "1"})
    assert answer.status == 201, answer
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie, cookie
    return {"Cookie": cookie.split(";")[0], "Fleetlog-Csrf": "1"}


class Live:
    """A stream of live changes: what has come, as (id, event, data)."""

    def __init__(self, node, account=None, query="", headers=None, door=None):
        self.connection = (
            http.client.HTTPConnection(*node.address(door), timeout=DEADLINE_S)
            if door
            else OperatorConnection(str(node.directory / "run" / "operator.sock"))
        )
        headers = dict(headers or {})
        if account:
            headers["Fleetlog-As"] = account
        self.connection.request("GET", "/v1/live" + query, headers=headers)
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def line(self):
        return self.response.readline().decode().rstrip("\n")

    def next(self):
        """The next event; None at the end of the answer. Comments are passed over."""
        found = {"id": None}
        while True:
            raw = self.response.readline()
            if not raw:
                return None
            line = raw.decode().rstrip("\n")
            if line == "" and "event" in found:
                return found["id"], found["event"], json.loads(found["data"])
            name, colon, value = line.partition(":")
            if name and colon:
                found[name] = value.strip()

    def until(self, event):
        """Everything up to the first such event, that one last."""
        found = []
        while not found or found[-1][1] != event:
            found.append(self.next())
            assert found[-1] is not None, found
        return found

    def until_sequence(self, sequence):
        """Everything up to the event with this id, that one last."""
        found = []
        while not found or found[-1][0] != str(sequence):
            found.append(self.next())
            assert found[-1] is not None, found
        return found

    def close(self):
        self.response.close()
        self.connection.close()


def agents(node, method, path, body=None, headers=None):
    return at(node, "agents", method, path, body, headers)


def public(node, method, path, body=None, headers=None):
    return at(node, "api", method, path, body, headers)


def metrics(node, path="/metrics"):
    return at(node, "metrics", "GET", path)


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


class Agent:
    """One enrolled agent."""

    nonces = itertools.count(time.time_ns())

    def __init__(self, node):
        self.node = node
        self.id = str(uuid.uuid4())
        self.public = ctypes.create_string_buffer(32)
        self.secret = ctypes.create_string_buffer(64)
        SODIUM.crypto_sign_keypair(self.public, self.secret)

    def sign(self, message):
        signature = ctypes.create_string_buffer(64)
        SODIUM.crypto_sign_detached(signature, None, message, ctypes.c_ulonglong(len(message)), self.secret)
        return signature.raw

    def enrol(self, claim):
        proof = self.sign(f"fleetlog-enrol-v1\n{claim}\n{self.id}".encode())
        body = {
            "claim": claim,
            "agentId": self.id,
            "publicKey": base64.b64encode(self.public.raw).decode(),
            "proof": base64.b64encode(proof).decode(),
        }
        return agents(self.node, "POST", "/agent/v1/enrol", body)

    def headers(self, method, path, body=b"", now_ms=None, nonce=None):
        now_ms = int(time.time() * 1000) if now_ms is None else now_ms
        nonce = next(self.nonces) if nonce is None else nonce
        text = f"fleetlog-request-v1\n{method}\n{path}\n{now_ms}\n{nonce}\n{hashlib.sha256(body).hexdigest()}"
        return {
            "Fleetlog-Agent": self.id,
            "Fleetlog-Time": str(now_ms),
            "Fleetlog-Nonce": str(nonce),
            "Fleetlog-Signature": base64.b64encode(self.sign(text.encode())).decode(),
        }

    def call(self, method, path, body=None, connection=None, **options):
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        headers = self.headers(method, path, body or b"", **options)
        if connection is not None:
            return call(connection, method, path, body, headers)
        return agents(self.node, method, path, body, headers)

    def register(self, name, commands=("test.battery.start.quick",), connection=None):
        """A device: (id, number, generation)."""
        body = {
            "upsdAddress": "127.0.0.1:3493",
            "upsName": name,
            "name": name,
            "identity": {"manufacturer": "Example", "model": "U1", "serial": "1", "firmware": "1"},
            "commands": list(commands),
            "variables": [],
        }
        answer = self.call("POST", "/agent/v1/devices", body, connection=connection)
        assert answer.status == 200, answer
        return answer.body["deviceId"], answer.body["deviceNumber"], answer.body["generation"]

    def report(
        self, device, counter, readings=(("ups.status", b"OL"),), kind=FULL, generation=None, signature=None, age_ms=0
    ):
        """One report as it stands in a request: number, size, bytes, signature; sampled `age_ms` ago."""
        device_id, number, own_generation = device
        now_ms = int(time.time() * 1000)
        content = (
            field(1, uuid.UUID(device_id).bytes)
            + field(2, own_generation if generation is None else generation)
            + field(3, counter)
            + field(4, now_ms - age_ms)
            + field(5, now_ms)
            + field(6, kind)
        )
        for name, value in readings:
            content += field(7, field(1, name.encode()) + field(2, value))
        signature = self.sign(b"fleetlog-report-v1\n" + content) if signature is None else signature
        return struct.pack(">II", number, len(content)) + content + signature

    def send(self, reports, count=None, **options):
        body = struct.pack(">I", len(reports) if count is None else count) + b"".join(reports)
        return self.call("POST", "/agent/v1/reports", body, **options)


def enrolled_agent(node, owner):
    claim = operator(node, "POST", "/v1/claims", account=owner)
    assert claim.status == 201, claim
    agent = Agent(node)
    answer = agent.enrol(claim.body["code"])
    assert answer.status == 200, answer
    return agent


def quote(text):
    return urllib.parse.quote(text, safe="")


def new_key():
    return secrets.token_hex(8)
