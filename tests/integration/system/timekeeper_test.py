# SPDX-License-Identifier: Apache-2.0
"""What falls due in whole nodes: in time, after an outage, by a killed timekeeper, by one of two, never by a wrong clock."""
import collections
import os
import shutil
import signal
import unittest

from doors import enrolled_agent, operator
from harness import SystemTest, wait_until

BROKER = os.environ.get("FLEETLOG_TEST_KAFKA")
MINUTE_MS = 60 * 1000
DAY_MS = 24 * 60 * MINUTE_MS


def records(node, topic):
    return node.run("tail", "-t", topic, "-o", "beginning", "-e")


def types(node, topic="events"):
    return collections.Counter(record["type"].rsplit(".", 1)[1] for record in records(node, topic))


class Timekeeper(SystemTest):
    def with_claims(self, count):
        node = self.node().start()
        self.two_companies(node)
        for _ in range(count):
            node.one("claim", "issue", account=node.owner)
        return node

    def later(self, node, ahead_ms, fault=None):
        node.stop()
        node.environment["FLEETLOG_TEST_CLOCK_AHEAD_MS"] = str(ahead_ms)
        node.environment.pop("FLEETLOG_FAULT_POINT", None)
        if fault:
            node.environment["FLEETLOG_FAULT_POINT"] = fault
        return node.start()

    def is_quiet(self, node):
        """Nothing is said twice, refused or lost; views and log are what they should be."""
        node.run("check", parse=False)
        node.run("verify", parse=False)
        self.assertEqual(types(node)["ActionRejected"], types(node, "actions")["FireDue"] - self.fired(node))

    def fired(self, node):
        return sum(count for name, count in types(node).items() if name.endswith("Expired"))

    def test_an_outage_is_made_up_for_and_everyone_reads_of_it(self):
        node = self.with_claims(12)
        node.one("invite", "late@example.com", account=node.owner)
        self.later(node, 11 * MINUTE_MS)
        wait_until(lambda: types(node)["ClaimExpired"] == 12, f"the claims expire\n{node.tail()}")
        times = [record["time"] for record in records(node, "events") if record["type"].endswith("ClaimExpired")]
        self.assertEqual(times, sorted(times))
        lines = node.run("events", account=node.owner)
        self.assertEqual(sum("claim code expired" in line["text"] for line in lines), 12)
        self.assertEqual(types(node)["InvitationExpired"], 0)
        self.assertEqual(types(node, "actions")["FireDue"], 12)
        self.is_quiet(node)

    def test_killed_around_its_append_it_fires_nothing_twice(self):
        node = self.with_claims(6)
        self.later(node, 11 * MINUTE_MS, fault="timekeeper.before_append")
        wait_until(lambda: node.tail().count("child=timekeeper") >= 3, "the timekeeper dies before it appends")
        self.assertEqual(types(node)["ClaimExpired"], 0)
        self.later(node, 11 * MINUTE_MS, fault="timekeeper.appended")
        wait_until(lambda: types(node)["ClaimExpired"] == 6, f"what it appended counts\n{node.tail()}")
        for _ in range(3):
            node.one("claim", "issue", account=node.owner)
        self.later(node, 22 * MINUTE_MS, fault="timekeeper.appended")
        wait_until(lambda: types(node)["ClaimExpired"] == 9, f"and once more\n{node.tail()}")
        # Whoever comes next lets the registry answer first: nothing is said twice.
        self.assertEqual(types(node, "actions")["FireDue"], 9)
        self.is_quiet(node)

    def test_killed_at_any_moment_everything_ends_once(self):
        node = self.with_claims(20)
        self.later(node, 11 * MINUTE_MS)
        for _ in range(5):
            os.kill(node.duty("timekeep"), signal.SIGKILL)
        wait_until(lambda: types(node)["ClaimExpired"] == 20, f"all of them expire\n{node.tail()}")
        self.assertEqual(types(node)["ClaimExpired"], 20)
        self.is_quiet(node)

    def test_a_clock_that_cannot_be_right_fires_nothing(self):
        node = self.with_claims(2)
        self.later(node, 2 * DAY_MS)
        wait_until(lambda: "timekeeper=held" in node.tail(), f"it says that it is held\n{node.tail()}")
        self.assertEqual(operator(node, "POST", "/v1/companies", {"name": "Held"}).status, 503)
        self.assertEqual(types(node, "actions")["FireDue"], 0)
        node.one("clock", "accept")
        # The log's time comes to that of the accepted clock; then the timekeeper goes on, too.
        node.one("company", "create", "Accepted")
        wait_until(lambda: types(node)["ClaimExpired"] == 2, f"it goes on\n{node.tail()}")
        self.is_quiet(node)

    def test_a_command_that_nobody_fetches(self):
        node = self.node().start()
        self.two_companies(node)
        agent = enrolled_agent(node, node.owner)
        agent.register("ups")
        # The command waits for the outcome, whatever it is.
        lines = node.run("command", "self-test", "ups", "--ttl", "10s", account=node.owner, code=1)
        self.assertEqual([line["state"] for line in lines], ["requested", "expired"])
        self.assertEqual(types(node)["CommandExpired"], 1)
        self.is_quiet(node)


@unittest.skipUnless(BROKER, "no Kafka (FLEETLOG_TEST_KAFKA)")
class TwoNodes(SystemTest):
    def request(self, node, device):
        body = {"device": device, "kind": "self-test", "ttlMs": 10000}
        answer = operator(node, "POST", "/v1/commands", body, account=node.owner)
        self.assertEqual(answer.status, 201, answer)

    def test_one_of_two_fires(self):
        environment = {
            "FLEETLOG_JOURNAL_TOPIC_PREFIX": f"t{os.getpid()}.due.",
            "FLEETLOG_JOURNAL_TELEMETRY_PARTITIONS": "3",
        }
        first = self.node("first", journal=f"kafka://{BROKER}", environment=environment).start()
        second = self.node("second", journal=f"kafka://{BROKER}", environment=environment)
        second.directory.mkdir(parents=True)
        for name in ("keyring", "wrap.key"):
            shutil.copy(first.directory / name, second.directory / name)
        second.start()
        self.two_companies(first)
        agent = enrolled_agent(first, first.owner)
        for number in range(3):
            agent.register(f"ups{number}")
            self.request(first, f"ups{number}")
        wait_until(lambda: types(first)["CommandExpired"] == 3, f"all of them expire\n{first.tail()}{second.tail()}")
        self.assertEqual(types(second, "actions")["FireDue"], 3)
        # The node that fires goes; the other one takes over.
        agent.register("ups3")
        self.request(first, "ups3")
        first.kill()
        wait_until(lambda: types(second)["CommandExpired"] == 4, f"the other node fires\n{second.tail()}", 120)
        second.run("verify", parse=False)
        self.assertEqual(types(second)["ActionRejected"], types(second, "actions")["FireDue"] - 4)


if __name__ == "__main__":
    unittest.main(verbosity=2)
