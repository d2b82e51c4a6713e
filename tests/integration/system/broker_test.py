# SPDX-License-Identifier: Apache-2.0
"""A node on a real broker that is killed, paused and started again under load: what was acknowledged is there, once."""
import os
import pathlib
import subprocess
import sys
import threading
import unittest

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


if __name__ == "__main__":
    if not BROKER:
        print("skipped: no Kafka (FLEETLOG_TEST_KAFKA); `./dev test` starts one")
        sys.exit(SKIP)
    unittest.main(verbosity=2)
