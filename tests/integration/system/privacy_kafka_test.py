# SPDX-License-Identifier: Apache-2.0
"""The same on a real broker: the erasure is done when the broker's segments give nothing back."""
import os
import pathlib
import shutil
import sys
import unittest

from harness import SKIP, SystemTest, wait_until
from privacy_test import OWNER, VICTIM, files_with, sealed_profiles

BROKER = os.environ.get("FLEETLOG_TEST_KAFKA")
CLUSTER = pathlib.Path(os.environ.get("FLEETLOG_TEST_KAFKA_DIR", "/nonexistent"))


class PrivacyOnKafka(SystemTest):
    def settings(self):
        # Uncompressed, so that a look at the broker's files finds what is there.
        config = self.directory / "plain.conf"
        config.write_text("[kafka]\ncompression.codec = none\n")
        return {
            "FLEETLOG_CONFIG": str(config),
            "FLEETLOG_JOURNAL_TOPIC_PREFIX": f"p{os.getpid()}.{self._testMethodName[5:20]}.",
            "FLEETLOG_JOURNAL_TELEMETRY_PARTITIONS": "2",
            "FLEETLOG_JOURNAL_SUBJECTS_COMPACTION": "2s",
            "FLEETLOG_KEYS_ERASURE_INTERVAL": "0s",
        }

    def pair(self):
        first = self.node("first", journal=f"kafka://{BROKER}", environment=self.settings()).start()
        second = self.node("second", journal=f"kafka://{BROKER}", environment=self.settings())
        second.directory.mkdir(parents=True)
        for name in ("keyring", "wrap.key"):
            shutil.copy(first.directory / name, second.directory / name)
        second.start()
        wait_until(lambda: len(first.run("node", "list")) == 2, "both nodes are on record")
        return first, second

    def waits(self, node, person, *words):
        """The erasure is not through in time, and says for whom it waits."""

        def named():
            done = node.run("erase", person, "--timeout", "1", code=75, parse=False)
            return all(word.encode() in done.stdout for word in words)

        wait_until(named, f"the erasure waits for {words}\n{node.tail()}", 120)

    def erased(self, node, person):
        def is_done():
            (answer,) = node.run("erase", person, "--timeout", "20", code=None) or [None]
            return answer and answer["erased"]

        wait_until(is_done, f"the erasure is done\n{node.tail()}", 300)

    def nothing_left(self, nodes, ciphertexts):
        needles = (VICTIM.encode(), *ciphertexts)
        wait_until(lambda: not files_with(CLUSTER, *needles), "segments are deleted", 120)
        for node in nodes:
            self.assertEqual(sealed_profiles(node, self.victim), [])
            self.assertEqual(files_with(node.directory, *needles), [])
            self.assertNotIn(VICTIM, (self.directory / f"{node.directory.name}.log").read_text(errors="replace"))

    def test_two_nodes_both_confirm(self):
        first, second = self.pair()
        company = first.run("company", "create", "Acme")[0]["companyId"]
        first.run("account", "create", OWNER, "--company", company)
        words = ("--company", company, "--role", "member")
        self.victim = first.run("account", "create", VICTIM, *words)[0]["accountId"]
        ciphertexts = sealed_profiles(first, self.victim)
        self.assertTrue(ciphertexts)
        self.assertTrue(files_with(CLUSTER, *ciphertexts))
        other = (second.directory / "node.id").read_text().strip()
        # Stopped before it has the new keys: the old epoch stays open.
        second.kill()
        self.waits(first, self.victim, other, "has not confirmed the new keys")
        self.assertEqual(first.run("keys", "list")[0]["epochs"], [1, 2])
        # There again, but dying before it has confirmed that nothing of the old ones is left.
        second.environment["FLEETLOG_FAULT_POINT"] = "keeper.cleaned"
        second.start()
        self.waits(first, self.victim, other, "has not confirmed that the old keys")
        second.stop()
        self.waits(first, self.victim, other, "has not confirmed that the old keys")
        del second.environment["FLEETLOG_FAULT_POINT"]
        second.start()
        self.erased(second, self.victim)
        self.erased(first, self.victim)
        for node in (first, second):
            self.assertEqual(node.run("keys", "list")[0]["epochs"], [2])
            texts = [line["text"] for line in node.run("events", account=OWNER)]
            self.assertTrue(any("*erased*" in text for text in texts), texts)
        self.nothing_left((first, second), ciphertexts)
        again = second.run("account", "create", VICTIM, *words)[0]["accountId"]
        self.assertNotEqual(again, self.victim)
        for node in (first, second):
            node.run("verify", parse=False)
            node.run("check", "registry", parse=False)
            node.run("check", "people", parse=False)
        self.erased(first, self.victim)

    def test_erased_from_segments(self):
        node = self.node(journal=f"kafka://{BROKER}", environment=self.settings()).start()
        company = node.run("company", "create", "Acme")[0]["companyId"]
        node.run("account", "create", OWNER, "--company", company)
        victim = node.run("account", "create", VICTIM, "--company", company, "--role", "member")[0]["accountId"]
        ciphertexts = sealed_profiles(node, victim)
        self.assertTrue(ciphertexts)
        self.assertTrue(files_with(CLUSTER, *ciphertexts))
        node.run("erase", VICTIM, "--no-wait")
        self.erased(node, victim)
        self.assertEqual(sealed_profiles(node, victim), [])
        wait_until(lambda: not files_with(CLUSTER, VICTIM.encode(), *ciphertexts), "segments are deleted", 120)
        self.assertEqual(files_with(node.directory, VICTIM.encode(), *ciphertexts), [])
        self.assertEqual(len(node.run("account", "list", account=OWNER)), 1)
        node.run("verify", parse=False)


if __name__ == "__main__":
    if not BROKER:
        print("skipped: no broker (FLEETLOG_TEST_KAFKA)")
        sys.exit(SKIP)
    unittest.main(verbosity=2)
