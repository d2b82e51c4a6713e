# SPDX-License-Identifier: Apache-2.0
"""Two nodes on one real broker: whoever decides, every action has exactly one valid outcome, and nothing is lost."""
import os
import shutil
import signal
import subprocess
import sys
import unittest

from doors import enrolled_agent
from harness import BINARY, SKIP, Node, SystemTest, wait_until

BROKER = os.environ.get("FLEETLOG_TEST_KAFKA")


class TwoNodes(SystemTest):
    def pair(self, **more):
        prefix = f"t{os.getpid()}.{self._testMethodName[:20]}."
        environment = {"FLEETLOG_JOURNAL_TOPIC_PREFIX": prefix, "FLEETLOG_JOURNAL_TELEMETRY_PARTITIONS": "3"}
        environment.update(more)
        first = self.node("first", journal=f"kafka://{BROKER}", environment=environment).start()
        second = self.node("second", journal=f"kafka://{BROKER}", environment=environment)
        second.directory.mkdir(parents=True)
        for name in ("keyring", "wrap.key"):
            shutil.copy(first.directory / name, second.directory / name)
        second.start()
        return first, second

    def same_answers(self, first, second):
        def sequences():
            # These read telemetry alone: they have no sequence.
            others = ("detector", "history")
            rows = [
                {row["view"]: row["sequence"] for row in node.run("lag", code=None) if row["view"] not in others}
                for node in (first, second)
            ]
            return rows[0] and rows[0] == rows[1] and len(set(rows[0].values())) == 1

        wait_until(sequences, "both nodes have applied everything")
        lists = [sorted(row["name"] for row in node.run("company", "list")) for node in (first, second)]
        self.assertEqual(lists[0], lists[1])
        return lists[0]

    def valid_outcomes(self, node):
        """Per action the events that answer it and extend the chain."""
        events = node.run("tail", "-t", "events", "-o", "beginning", "-e")
        actions = node.run("tail", "-t", "actions", "-o", "beginning", "-e")
        node.run("verify", parse=False)
        return events, actions

    def test_either_node_takes_changes_and_both_show_them(self):
        first, second = self.pair()
        for number in range(4):
            (first if number % 2 == 0 else second).one("company", "create", f"Company {number}")
        self.assertEqual(self.same_answers(first, second), [f"Company {n}" for n in range(4)])
        self.valid_outcomes(first)

    def test_a_killed_node_loses_nothing(self):
        first, second = self.pair()
        first.one("company", "create", "Before")
        first.kill()

        def create():
            return second.run("company", "create", "After", code=None, parse=False).returncode == 0

        wait_until(create, f"the second node takes over\n{second.tail()}", 90)
        first.start()
        self.assertIn("Before", self.same_answers(first, second))
        self.valid_outcomes(second)

    def test_a_paused_decider_comes_back_as_a_zombie(self):
        first, second = self.pair()
        first.one("company", "create", "Before")
        deciders = [node.duty("decide") for node in (first, second)]
        os.kill(deciders[0], signal.SIGSTOP)
        try:

            def create():
                return second.run("company", "create", "While paused", code=None, parse=False).returncode == 0

            wait_until(create, f"the second decider works\n{second.tail()}", 90)
        finally:
            try:
                os.kill(deciders[0], signal.SIGCONT)
            except ProcessLookupError:
                pass  # its supervisor has killed it for its silence
        second.one("company", "create", "Afterwards")
        names = self.same_answers(first, second)
        self.assertIn("Before", names)
        self.assertIn("Afterwards", names)
        self.valid_outcomes(first)

    def test_an_image_is_added_at_each_node_and_published_once(self):
        publisher, image = self.directory / "publisher.key", self.directory / "image.bin"
        image.write_bytes(bytes(range(256)) * 2000)
        made = subprocess.run([BINARY, "firmware", "key", publisher], capture_output=True, timeout=60, check=True)
        nodes = self.pair(FLEETLOG_FIRMWARE_KEY=made.stdout.decode().strip())
        words = ["firmware", "publish", image, "--key", publisher, "--model", "Smart-UPS 1500", "--version", "09.8"]
        published = nodes[0].one(*words, "--from", "09.3")
        self.assertNotIn("addedToNode", published)
        self.same_answers(*nodes)
        node_id = (nodes[1].directory / "node.id").read_text().strip()
        nodes[0].one("company", "create", "Acme")
        nodes[0].one("account", "create", "owner@example.org", "--company", "Acme")
        self.same_answers(*nodes)
        agent = enrolled_agent(nodes[1], "owner@example.org")
        path = f"/agent/v1/firmware/{published['firmwareId']}/image?offset=0"
        answer = agent.call("GET", path)
        self.assertEqual(answer.status, 503, answer)
        self.assertIn(node_id, answer.body["title"])
        added = nodes[1].one(*words, "--from", "09.3")
        self.assertEqual((added["firmwareId"], added["addedToNode"]), (published["firmwareId"], node_id))
        self.assertEqual(agent.call("GET", path).status, 200)
        # Another image under the same name is none that was published.
        image.write_bytes(b"another")
        nodes[1].run(*words, "--from", "09.3", code=1, parse=False)
        self.assertEqual(len(nodes[0].run("firmware", "list")), 1)
        self.valid_outcomes(nodes[1])


if __name__ == "__main__":
    if not BROKER:
        print("skipped: no Kafka (FLEETLOG_TEST_KAFKA); `./dev test` starts one")
        sys.exit(SKIP)
    unittest.main(verbosity=2)
