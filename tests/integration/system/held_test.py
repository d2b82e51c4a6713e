# SPDX-License-Identifier: Apache-2.0
"""Intake that is held: by a clock that cannot be right and by a disk that is nearly full; reads go on meanwhile."""
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

from doors import agents, enrolled_agent, metrics, operator
from harness import BINARY, SystemTest, wait_until

HOUR_MS = 3600 * 1000
TMPFS_MB = 256
RESERVE_MB = 64
BEHIND_MAX = 1000


class Held:
    def is_held(self, node, word):
        """Every door says 503 and why, and nothing was appended; reads are answered."""
        before = self.end_of_actions(node)
        answer = operator(node, "POST", "/v1/companies", {"name": "Held"})
        self.assertEqual(answer.status, 503, answer)
        self.assertIn(word, answer.body["title"])
        self.assertEqual(answer.headers["Retry-After"], "1")
        self.assertEqual(agents(node, "POST", "/agent/v1/reports", b"x").status, 503)
        ready = agents(node, "GET", "/readyz")
        self.assertEqual(ready.status, 503, ready)
        self.assertIn(word, ready.body["title"])
        self.assertEqual(agents(node, "GET", "/healthz").status, 200)
        self.assertEqual(node.run("company", "create", "Held", code=75, parse=False).returncode, 75)
        names = [item["name"] for item in operator(node, "GET", "/v1/companies").body["items"]]
        self.assertIn("Before", names)
        self.assertNotIn("Held", names)
        self.assertEqual(operator(node, "GET", "/v1/status").body["intake"], word)
        self.assertIn(f'fleetlog_intake_held{{reason="{word}"}} 1', metrics(node).body)
        self.assertEqual(self.end_of_actions(node), before)

    def end_of_actions(self, node):
        return len(node.run("tail", "-t", "actions", "-o", "beginning", "-e"))


class Clock(Held, SystemTest):
    def started_with_clock(self, node, ahead_ms):
        node.environment["FLEETLOG_TEST_CLOCK_AHEAD_MS"] = str(ahead_ms)
        return node.start()

    def test_a_start_a_day_ahead(self):
        node = self.node().start()
        node.one("company", "create", "Before")
        node.stop()
        self.started_with_clock(node, 23 * HOUR_MS)
        node.one("company", "create", "A weekend later")
        node.stop()
        self.started_with_clock(node, 48 * HOUR_MS)
        self.is_held(node, "clock")
        self.assertIn("event=CLOCK", node.tail())
        node.run("clock", "accept", code=2, account="x@example.org", parse=False)
        self.assertEqual(node.one("clock", "accept"), {"intake": "open"})
        node.one("company", "create", "Accepted")
        self.assertEqual(agents(node, "GET", "/readyz").status, 200)

    def test_a_start_behind(self):
        node = self.node().start()
        node.one("company", "create", "Before")
        node.stop()
        self.started_with_clock(node, -4 * 60 * 1000)
        node.one("company", "create", "Four minutes")
        node.stop()
        self.started_with_clock(node, -10 * 60 * 1000)
        self.is_held(node, "clock")
        # Nothing could be decided: the operator's word does not help, only a clock that has come up to the log's.
        self.assertEqual(node.one("clock", "accept"), {"intake": "clock"})
        self.is_held(node, "clock")
        node.stop()
        self.started_with_clock(node, -3 * 60 * 1000)
        node.one("company", "create", "Come up")


class Behind(SystemTest):
    def test_a_view_that_does_not_follow(self):
        """Ready at the limit, not above it; the answer names the view."""
        node = self.node(environment={"FLEETLOG_GATEWAY_WAIT": "0s"}).start()
        projector = node.duty("project eventlog")
        wait_until(lambda: self.behind(node) == 0, "the view has read everything")
        os.kill(projector, signal.SIGSTOP)
        try:
            for number in range(BEHIND_MAX):
                self.assertEqual(operator(node, "POST", "/v1/companies", {"name": f"C{number}"}).status, 202)
            wait_until(lambda: self.behind(node) == BEHIND_MAX, "all is decided")
            self.assertEqual(metrics(node, "/readyz").status, 200)
            operator(node, "POST", "/v1/companies", {"name": "One more"})
            wait_until(lambda: self.behind(node) == BEHIND_MAX + 1, "one more is decided")
            ready = metrics(node, "/readyz")
            self.assertEqual((ready.status, ready.body["detail"]), (503, "eventlog"), ready)
            self.assertEqual(metrics(node, "/healthz").status, 200)
        finally:
            os.kill(projector, signal.SIGCONT)
        wait_until(lambda: metrics(node, "/readyz").status == 200, "the view has caught up")

    def behind(self, node):
        lines = metrics(node).body.splitlines()
        name = 'fleetlog_view_behind_records{view="eventlog"} '
        return next(int(line.removeprefix(name)) for line in lines if line.startswith(name))


@unittest.skipUnless(os.geteuid() == 0, "mounting a small file system needs root")
class SmallDisk(Held, SystemTest):
    def setUp(self):
        super().setUp()
        self.mount = tempfile.mkdtemp(prefix="fleetlog-disk-")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={TMPFS_MB}m", "fleetlog", self.mount], check=False)
        if done.returncode != 0:
            os.rmdir(self.mount)
            self.skipTest("no file system can be mounted here")
        self.addCleanup(self.unmount)

    def unmount(self):
        subprocess.run(["umount", self.mount], check=True)
        os.rmdir(self.mount)

    def test_a_full_disk(self):
        environment = {"FLEETLOG_NODE_DISK_RESERVE": f"{RESERVE_MB}MiB"}
        node = self.node(environment=environment)
        node.directory = type(node.directory)(self.mount) / "node"
        node.start()
        node.one("company", "create", "Before")
        self.two_companies(node)
        agent = enrolled_agent(node, node.owner)
        device = agent.register("ups")
        self.assertEqual(agent.send([agent.report(device, 1)]).body["accepted"], 1)
        ballast = os.path.join(self.mount, "ballast")
        free = shutil.disk_usage(self.mount).free
        with open(ballast, "wb") as out:
            out.write(b"\0" * (free - (RESERVE_MB - 1) * 1024 * 1024))
        self.is_held(node, "disk")
        self.assertEqual(agent.send([agent.report(device, 2)]).status, 503)
        self.assertEqual(agent.call("GET", "/agent/v1/commands").status, 200)
        os.unlink(ballast)
        # What was held back is taken now, once.
        self.assertEqual(agent.send([agent.report(device, 1), agent.report(device, 2)]).body["replayed"], 1)
        node.one("company", "create", "Afterwards")
        wait_until(
            lambda: operator(node, "GET", "/v1/devices/ups").body.get("reportCounter") == 2, "the report is in the view"
        )
        node.run("verify", parse=False)
        self.assertEqual(node.stop(), 0)

    def test_a_start_on_a_full_disk(self):
        node = self.node(environment={"FLEETLOG_NODE_DISK_RESERVE": f"{RESERVE_MB}MiB"})
        node.directory = type(node.directory)(self.mount) / "node"
        node.start()
        node.one("company", "create", "Before")
        self.assertEqual(node.stop(), 0)
        ballast = os.path.join(self.mount, "ballast")
        with open(ballast, "wb") as out, contextlib.suppress(OSError):
            while True:
                out.write(b"\0" * 65536)
        # It is not ready, as nothing can be changed, but it answers.
        up = subprocess.Popen([BINARY, "up"], env=node.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: node.run("company", "list", code=None), "what is there can be read")
        refused = node.run("company", "create", "Held", code=75, parse=False)
        self.assertIn("disk is nearly full", refused.stderr.decode())
        self.assertFalse((node.directory / "run" / "agents.address").exists())
        os.unlink(ballast)
        wait_until(lambda: node.run("company", "create", "Afterwards", code=None), "there is room again")
        up.terminate()
        self.assertEqual(up.wait(60), 0)
        node.start()
        self.assertEqual(len(node.run("company", "list")), 2)
        node.run("verify", parse=False)


if __name__ == "__main__":
    unittest.main(verbosity=2)
