# SPDX-License-Identifier: Apache-2.0
"""Two nodes on one real broker: whoever decides, every action has exactly one valid outcome, and nothing is lost."""
import os
import shutil
import signal
import sys
import unittest

from harness import SKIP, Node, SystemTest, wait_until

BROKER = os.environ.get("FLEETLOG_TEST_KAFKA")


class TwoNodes(SystemTest):
    def pair(self):
        prefix = f"t{os.getpid()}.{self._testMethodName[:20]}."
        environment = {"FLEETLOG_JOURNAL_TOPIC_PREFIX": prefix, "FLEETLOG_JOURNAL_TELEMETRY_PARTITIONS": "3"}
        first = self.node("first", journal=f"kafka://{BROKER}", environment=environment).start()
        second = self.node("second", journal=f"kafka://{BROKER}", environment=environment)
        second.directory.mkdir(parents=True)
        for name in ("keyring", "wrap.key"):
            shutil.copy(first.directory / name, second.directory / name)
        second.start()
        return first, second

    def same_answers(self, first, second):
        def sequences():
            # The detector reads telemetry alone: it has no sequence.
            rows = [
                {row["view"]: row["sequence"] for row in node.run("lag", code=None) if row["view"] != "detector"}
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


if __name__ == "__main__":
    if not BROKER:
        print("skipped: no Kafka (FLEETLOG_TEST_KAFKA); `./dev test` starts one")
        sys.exit(SKIP)
    unittest.main(verbosity=2)
