# SPDX-License-Identifier: Apache-2.0
"""Whole nodes for tests: `fleetlog up` in a directory of its own, its commands, its processes.

Nothing here sleeps for a time: everything waits on a condition with a deadline. The binary is that of the build that
runs the test (FLEETLOG_BUILD), so that sanitizers watch it.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

BUILD = pathlib.Path(os.environ.get("FLEETLOG_BUILD", "build/dev"))
BINARY = BUILD / "fleetlog"
SKIP = 77
DEADLINE_S = 60


def wait_until(condition, what, deadline_s=DEADLINE_S):
    """The condition's first true value; fails with `what` after the deadline."""
    end = time.monotonic() + deadline_s
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        pause.wait(0.05)


class Node:
    """One data directory and the `up` that works on it."""

    def __init__(self, directory, journal="embedded", environment=None):
        self.directory = pathlib.Path(directory)
        self.journal = journal
        self.environment = environment or {}
        self.process = None
        self.output = None

    def env(self):
        env = dict(os.environ)
        for name in list(env):
            if name.startswith("FLEETLOG_") and not name.startswith("FLEETLOG_TEST"):
                del env[name]
        env.update(
            FLEETLOG_DATA=str(self.directory),
            FLEETLOG_JOURNAL=self.journal,
            FLEETLOG_GATEWAY_LISTEN="127.0.0.1:0",
            FLEETLOG_GATEWAY_API_LISTEN="127.0.0.1:0",
            FLEETLOG_GATEWAY_METRICS_LISTEN="127.0.0.1:0",
            FLEETLOG_NODE_DISK_RESERVE="0",
        )
        env.update(self.environment)
        return env

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log = open(self.directory.parent / (self.directory.name + ".log"), "ab")
        self.process = subprocess.Popen(
            [BINARY, "up"], env=self.env(), stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL
        )
        line = []
        reader = threading.Thread(target=lambda: line.append(self.process.stdout.readline()), daemon=True)
        reader.start()
        wait_until(lambda: line or self.process.poll() is not None, f"up on {self.directory} is ready\n{self.tail()}")
        if not line or not line[0].startswith(b"fleetlog is ready"):
            raise AssertionError(f"up did not become ready: {line} rc={self.process.poll()}\n{self.tail()}")
        return self

    def tail(self):
        path = self.directory.parent / (self.directory.name + ".log")
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""

    def stop(self):
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE_S)
        self.process.stdout.close()
        self.log.close()
        self.process = None
        return code

    def kill(self):
        """The supervisor dies with -9; its children die with it."""
        children = self.children()
        self.process.kill()
        self.process.wait(DEADLINE_S)
        self.process.stdout.close()
        self.log.close()
        self.process = None
        for pid in children:
            wait_until(lambda pid=pid: not alive(pid), f"child {pid} is gone")

    def address(self, door):
        """(host, port) of a door: agents, api, metrics."""
        host, port = (self.directory / "run" / f"{door}.address").read_text().strip().rsplit(":", 1)
        return host, int(port)

    def agents_address(self):
        return self.address("agents")

    def children(self):
        """pid -> its command words."""
        found = {}
        listing = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        for pid in listing.split():
            try:
                words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            found[int(pid)] = b" ".join(words).decode(errors="replace").strip()
        return found

    def duty(self, words):
        """Process id of the duty whose command ends with these words, once it runs."""

        def find():
            for pid, command in self.children().items():
                if command.endswith(words):
                    return pid
            return None

        return wait_until(find, f"duty {words} runs\n{self.tail()}")

    def run(self, *arguments, code=0, account=None, parse=True, lines=()):
        """One command with --json and `lines` to read; its parsed lines. Fails unless it ends with `code` (None: any)."""
        command = [str(BINARY), *map(str, arguments), "--json"]
        if account:
            command += ["--as", account]
        done = subprocess.run(
            command,
            env=self.env(),
            capture_output=True,
            timeout=DEADLINE_S,
            input="".join(f"{line}\n" for line in lines).encode(),
            check=False,
        )
        if code is not None and done.returncode != code:
            raise AssertionError(
                f"{' '.join(command)}: exit code {done.returncode}, expected {code}\n{done.stdout.decode()}\n"
                f"{done.stderr.decode()}\n{self.tail()}"
            )
        if not parse:
            return done
        return [json.loads(line) for line in done.stdout.decode().splitlines() if line.startswith("{")]

    def one(self, *arguments, **options):
        lines = self.run(*arguments, **options)
        assert len(lines) == 1, lines
        return lines[0]


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


class SystemTest(unittest.TestCase):
    """A directory per test; every node that was made is stopped, and must have stopped cleanly."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="fleetlog-system-"))
        self.nodes = []

    def tearDown(self):
        codes = [node.stop() for node in self.nodes]
        tails = "".join(node.tail() for node in self.nodes)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.assertTrue(all(code == 0 for code in codes), f"up ended with {codes}\n{tails}")
        self.assertNotIn("AddressSanitizer", tails)
        self.assertNotIn("runtime error:", tails)

    def node(self, name="node", **options):
        node = Node(self.directory / name, **options)
        self.nodes.append(node)
        return node

    def two_companies(self, node):
        """The cast of most tests."""
        node.owner = "owner@example.org"
        node.provider = "msp@example.net"
        node.company = node.one("company", "create", "Example Ltd")["companyId"]
        node.one("company", "create", "MSP GmbH")
        node.one("account", "create", node.owner, "--company", "Example Ltd")
        node.one("account", "create", node.provider, "--company", "MSP GmbH")
