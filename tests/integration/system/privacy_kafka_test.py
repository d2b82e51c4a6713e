# SPDX-License-Identifier: Apache-2.0
"""The same on a real broker: the erasure is done when the broker's segments give nothing back."""
import os
import pathlib
import subprocess
import sys
import unittest

from harness import SKIP, SystemTest, wait_until
from privacy_test import OWNER, VICTIM, files_with, sealed_profiles

BROKER = os.environ.get("FLEETLOG_TEST_KAFKA")
CLUSTER = pathlib.Path(os.environ.get("FLEETLOG_TEST_KAFKA_DIR", "/nonexistent"))


class PrivacyOnKafka(SystemTest):
    def test_erased_from_segments(self):
        # Uncompressed, so that a look at the broker's files finds what is there.
        config = self.directory / "plain.conf"
        config.write_text("[kafka]\ncompression.codec = none\n")
        environment = {
            "FLEETLOG_CONFIG": str(config),
            "FLEETLOG_JOURNAL_TOPIC_PREFIX": f"p{os.getpid()}.",
            "FLEETLOG_JOURNAL_TELEMETRY_PARTITIONS": "2",
            "FLEETLOG_JOURNAL_SUBJECTS_COMPACTION": "2s",
            "FLEETLOG_KEYS_ERASURE_INTERVAL": "0s",
        }
        node = self.node(journal=f"kafka://{BROKER}", environment=environment).start()
        company = node.run("company", "create", "Acme")[0]["companyId"]
        node.run("account", "create", OWNER, "--company", company)
        victim = node.run("account", "create", VICTIM, "--company", company, "--role", "member")[0]["accountId"]
        ciphertexts = sealed_profiles(node, victim)
        self.assertTrue(ciphertexts)
        self.assertTrue(files_with(CLUSTER, *ciphertexts))
        node.run("erase", VICTIM, "--no-wait")

        def is_done():
            try:
                return node.run("erase", victim)[0]["erased"]
            except subprocess.TimeoutExpired:
                return False

        wait_until(is_done, "the erasure is done", 240)
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
