# SPDX-License-Identifier: Apache-2.0
"""A node on a real broker that is killed, paused and started again under load: what was acknowledged is there, once."""
import os
import pathlib
import subprocess
import sys
import threading
import time
import unittest

from doors import operator
from harness import SKIP, SystemTest, wait_until

BROKER = os.environ.get("FLEETLOG_TEST_KAFKA")
CONTROL = pathlib.Path(os.environ.get("FLEETLOG_TEST_KAFKA_DIR", "/nonexistent")) / "ctl"


class Broker(SystemTest):
    def control(self, word):
        subprocess.run([CONTROL, word], check=True, timeout=120, stdout=subprocess.DEVNULL)

    def test_killed_and_paused_under_load(self):
        environment = {"FLEETLOG_JOURNAL_TOPIC_PREFIX": f"b{os.getpid()}.", "FLEETLOG_JOURNAL_TELEMETRY_PARTITIONS": "3"}
        node = self.node(journal=f"kafka://{BROKER}", environment=environment).start()
        acknowledged = []
        stop = threading.Event()

        def load():
            number = 0
            while not stop.is_set():
                name = f"Company {number}"
                if node.run("company", "create", name, code=None, parse=False).returncode == 0:
                    acknowledged.append(name)
                number += 1

        worker = threading.Thread(target=load)
        worker.start()
        try:
            for fault, cure in (("kill", "restart"), ("pause", "resume"), ("kill", "restart")):
                before = len(acknowledged)
                wait_until(lambda before=before: len(acknowledged) >= before + 3, "changes are acknowledged", 90)
                self.control(fault)
                threading.Event().wait(2)  # how long it is away, not something that is waited for
                self.control(cure)
            before = len(acknowledged)
            wait_until(lambda: len(acknowledged) >= before + 3, f"work goes on afterwards\n{node.tail()}", 120)
        finally:
            stop.set()
            worker.join()
        names = [row["name"] for row in node.run("company", "list")]
        self.assertEqual(len(names), len(set(names)), "nothing is there twice")
        self.assertEqual(set(acknowledged) - set(names), set(), "nothing acknowledged is lost")
        node.run("verify", parse=False)

    def test_a_change_is_answered_by_its_deadline(self):
        """While the broker is away: 202 and where to ask, and there, in the end, whether it was taken."""
        wait_s, timeout_ms = 1, 5000
        configuration = self.directory / "fleetlog.conf"
        configuration.write_text(f"[gateway]\nwait = {wait_s}s\n[kafka]\nmessage.timeout.ms = {timeout_ms}\n")
        environment = {"FLEETLOG_JOURNAL_TOPIC_PREFIX": f"d{os.getpid()}.", "FLEETLOG_CONFIG": str(configuration)}
        node = self.node(journal=f"kafka://{BROKER}", environment=environment).start()
        node.one("company", "create", "Before")

        def create(name, key):
            begun = time.monotonic()
            answer = operator(node, "POST", "/v1/companies", {"name": name}, headers={"Idempotency-Key": key})
            return answer, time.monotonic() - begun

        def outcome(url):
            return operator(node, "GET", url)

        for fault, cure in (("pause", "resume"), ("kill", "restart")):
            self.control(fault)
            try:
                answer, spent_s = create(f"During {fault}", f"during-{fault}")
                self.assertEqual(answer.status, 202, answer)
                self.assertLess(spent_s, wait_s + 3, "the deadline holds for the append too")
                self.assertEqual(outcome(answer.body["status"]).status, 202, "it is on its way")
                # The message time-out: the broker has answered nothing at all, so it is certain or in doubt.
                ended = wait_until(
                    lambda url=answer.body["status"]: (
                        lambda found: found if "on its way" not in found.body["title"] else None
                    )(outcome(url)),
                    f"the append ends\n{node.tail()}",
                    90,
                )
                self.assertIn(ended.status, (202, 503), ended)
                self.assertIn("not", ended.body["title"], "not taken, or not known")
                if fault == "kill":
                    self.assertEqual(ended.status, 503, f"nothing was sent to a broker that is gone: {ended}")
            finally:
                self.control(cure)
            again = wait_until(
                lambda fault=fault: (
                    lambda found: found if found.status not in (202, 503) else None
                )(create(f"During {fault}", f"during-{fault}")[0]),
                f"asked for again it is done\n{node.tail()}",
                120,
            )
            self.assertIn(again.status, (200, 201), again)
            final = outcome(answer.body["status"])
            self.assertEqual((final.status, final.body["companyId"]), (200, again.body["companyId"]))
        names = [row["name"] for row in node.run("company", "list")]
        self.assertEqual(sorted(names), sorted({"Before", "During kill", "During pause"}), "each is there once")
        node.run("verify", parse=False)


if __name__ == "__main__":
    if not BROKER:
        print("skipped: no Kafka (FLEETLOG_TEST_KAFKA); `./dev test` starts one")
        sys.exit(SKIP)
    unittest.main(verbosity=2)
