# SPDX-License-Identifier: Apache-2.0
"""A person is erased for good: nothing readable of him is left, and everything else goes on."""
import base64
import json
import os
import pathlib
import signal
import unittest

from harness import SystemTest, wait_until

OWNER = "owner@example.org"
VICTIM = "victim.of.forgetting@example.org"


def files_with(directory, *needles):
    """Files below `directory` that hold one of the byte strings."""
    found = []
    for path in sorted(pathlib.Path(directory).rglob("*")):
        if not path.is_file() or path.is_symlink() or path.stat().st_size == 0:
            continue
        content = path.read_bytes()
        if any(needle in content for needle in needles):
            found.append(str(path))
    return found


def sealed_profiles(node, subject):
    """Ciphertexts of a person's profiles, as the topic gives them."""
    found = []
    for record in node.run("tail", "-t", "subjects", "-o", "beginning", "-e"):
        key = record.get("key") or record.get("partitionkey") or ""
        data = record.get("data") or {}
        if str(key).startswith(subject) and "ciphertext" in data:
            found.append(base64.b64decode(data["ciphertext"]))
    return found


class PrivacyTest(SystemTest):
    def begin(self):
        node = self.node("a", environment={"FLEETLOG_KEYS_ERASURE_INTERVAL": "0s"})
        node.start()
        company = node.run("company", "create", "Acme")[0]["companyId"]
        owner = node.run("account", "create", OWNER, "--company", company)[0]["accountId"]
        victim = node.run("account", "create", VICTIM, "--company", company, "--role", "member")[0]["accountId"]
        return node, company, owner, victim

    def test_erased_for_good(self):
        node, company, owner, victim = self.begin()
        ciphertexts = sealed_profiles(node, victim)
        self.assertTrue(ciphertexts)
        self.assertTrue(files_with(node.directory, *ciphertexts))
        self.assertEqual(node.run("keys", "list")[0]["epochs"], [1])
        answer = node.run("erase", VICTIM)[0]
        self.assertTrue(answer["erased"])
        self.assertEqual(node.run("keys", "list")[0]["epochs"], [2])
        self.assertEqual(sealed_profiles(node, victim), [])
        self.assertEqual(files_with(node.directory, VICTIM.encode(), *ciphertexts), [])
        # Everybody else is known as before, and the log holds the person as erased.
        self.assertEqual(len(node.run("account", "list", account=OWNER)), 1)
        texts = [line["text"] for line in node.run("events", account=OWNER)]
        self.assertTrue(any("*erased*" in text for text in texts), texts)
        self.assertTrue(any(OWNER in text or "administrator" in text for text in texts), texts)
        again = node.run("account", "create", VICTIM, "--company", company)[0]["accountId"]
        self.assertNotEqual(again, victim)
        self.assertTrue(node.run("erase", victim)[0]["erased"])
        node.run("verify", parse=False)
        node.run("check", "registry", parse=False)
        node.run("check", "people", parse=False)
        self.assertEqual(node.stop(), 0)

    def test_whom_it_waits_for_is_said(self):
        node, _, _, _ = self.begin()
        refused = node.run("erase", VICTIM, account=OWNER, code=3, parse=False)
        self.assertIn(b"on behalf of owner@example.org only owner@example.org can be erased", refused.stderr)
        for wrong in ("0", "1000001", "soon"):
            node.run("erase", VICTIM, "--timeout", wrong, code=2, parse=False)
        keeper = node.duty(" keep")
        os.kill(keeper, signal.SIGSTOP)
        try:
            late = node.run("erase", VICTIM, "--timeout", "1", code=75, parse=False)
            self.assertIn("the node that holds the keeper's lease", json.loads(late.stdout)["waitsFor"])
            self.assertIn(b"not done within 1 s; it goes on by itself, and `fleetlog erase 0", late.stderr)
        finally:
            os.kill(keeper, signal.SIGCONT)
        self.assertTrue(node.run("erase", json.loads(late.stdout)["subjectId"])[0]["erased"])
        self.assertEqual(node.stop(), 0)

    def killed_at(self, point):
        node = self.node(
            point,
            environment={"FLEETLOG_KEYS_ERASURE_INTERVAL": "0s", "FLEETLOG_FAULT_POINT": f"keeper.{point}"},
        )
        node.start()
        company = node.run("company", "create", "Acme")[0]["companyId"]
        node.run("account", "create", OWNER, "--company", company)
        victim = node.run("account", "create", VICTIM, "--company", company, "--role", "member")[0]["accountId"]
        node.run("erase", VICTIM, "--no-wait")
        wait_until(lambda: "CHILD_DIED" in node.tail(), f"keep dies at {point}")
        node.stop()
        del node.environment["FLEETLOG_FAULT_POINT"]
        node.start()
        node.run("erase", victim)
        self.assertEqual(files_with(node.directory, VICTIM.encode()), [])
        self.assertEqual(sealed_profiles(node, victim), [])
        self.assertEqual(node.run("keys", "list")[0]["epochs"], [2])
        self.assertEqual(len(node.run("account", "list", account=OWNER)), 1)
        node.run("verify", parse=False)
        node.stop()

    def test_killed_before_the_new_keys(self):
        for point in ("removed", "opened", "keys", "saved"):
            with self.subTest(point=point):
                self.killed_at(point)

    def test_killed_behind_the_new_keys(self):
        for point in ("profiles", "moved", "closed", "cleaned", "destroyed", "finished"):
            with self.subTest(point=point):
                self.killed_at(point)

    def test_an_account_erases_itself_and_the_command_waits(self):
        node, _, _, _ = self.begin()
        self.assertTrue(node.run("erase", VICTIM, account=VICTIM)[0]["erased"])
        self.assertEqual(len(node.run("account", "list", account=OWNER)), 1)
        self.assertEqual(len(node.run("node", "list")), 1)
        node.run("node", "remove", "00000000-0000-7000-8000-000000000000", code=3, parse=False)

    def killed_while_rotating(self, point):
        """Keys of profiles are changed for all; a node that dies between two steps goes on."""
        node = self.node(f"rotate-{point}", environment={"FLEETLOG_FAULT_POINT": f"keeper.{point}"})
        node.start()
        company = node.run("company", "create", "Acme")[0]["companyId"]
        owner = node.run("account", "create", OWNER, "--company", company)[0]["accountId"]
        before = sealed_profiles(node, owner)
        self.assertEqual(node.run("keys", "rotate", "profiles")[0]["epoch"], 2)
        wait_until(lambda: "CHILD_DIED" in node.tail(), f"keep dies at {point}")
        node.stop()
        del node.environment["FLEETLOG_FAULT_POINT"]
        node.start()
        wait_until(lambda: node.run("keys", "list")[0]["epochs"] == [2], f"the old keys are gone\n{node.tail()}")
        self.assertEqual(len(node.run("account", "list", account=OWNER)), 1)
        self.assertTrue(set(sealed_profiles(node, owner)) - set(before), "the profile is sealed anew")
        node.run("verify", parse=False)
        node.run("check", "people", parse=False)
        node.stop()

    def test_a_rotation_goes_on_after_each_kill(self):
        for point in ("keys", "saved", "profiles", "moved", "closed", "cleaned", "destroyed"):
            with self.subTest(point=point):
                self.killed_while_rotating(point)

    def test_copies_made_before_and_after_a_rotation(self):
        node, _, _, _ = self.begin()
        secret = self.passphrase()
        copies = {name: self.directory / name for name in ("old", "new")}
        node.run("keys", "backup", copies["old"], "--passphrase-file", secret, parse=False)
        self.assertEqual(node.run("keys", "rotate", "profiles")[0]["epoch"], 2)
        self.assertEqual(node.run("keys", "rotate", "links")[0]["generation"], 2)
        wait_until(lambda: node.run("keys", "list")[0]["epochs"] == [2], "the old keys are gone")
        wait_until(lambda: node.run("keys", "list")[0]["linkKeys"] == [1, 2], "the new link key is there")
        node.run("keys", "backup", copies["new"], "--passphrase-file", secret, parse=False)
        mine = node.run("keys", "list")[0]
        # Either copy brings the node back: the log has each new key, sealed by the one before.
        for copy in copies.values():
            self.assertEqual(node.stop(), 0)
            (node.directory / "keyring").unlink()
            (node.directory / "wrap.key").unlink()
            node.run("keys", "restore", copy, "--passphrase-file", secret, parse=False)
            node.start()
            wait_until(lambda: node.run("keys", "list")[0] == mine, f"the keyring is as before\n{node.tail()}")
            self.assertEqual(len(node.run("account", "list", account=OWNER)), 2)
            node.run("verify", parse=False)
        self.assertTrue(node.run("erase", VICTIM)[0]["erased"])
        node.stop()

    def passphrase(self):
        secret = self.directory / "passphrase"
        secret.write_text("correct horse battery staple\n")
        secret.chmod(0o600)
        return secret

    def test_what_is_wrong_with_a_copy_is_said(self):
        node, _, _, _ = self.begin()
        secret = self.passphrase()
        copy = self.directory / "copy"

        def refused(*words, at=node, code=None):
            done = at.run("keys", *words, code=code, parse=False)
            self.assertNotEqual(done.returncode, 0, words)
            return done.stderr.decode()

        self.assertIn(f"there is no {self.directory}/none", refused("backup", copy, "--passphrase-file", self.directory / "none"))
        node.run("keys", "backup", copy, "--passphrase-file", secret, parse=False)
        self.assertIn(f"{copy} is there already", refused("backup", copy, "--passphrase-file", secret))
        self.assertIn("this node has a keyring", refused("restore", copy, "--passphrase-file", secret))
        other = self.node("b")
        wrong = self.directory / "wrong"
        wrong.write_text("another passphrase, long enough\n")
        wrong.chmod(0o600)
        said = refused("restore", copy, "--passphrase-file", wrong, at=other)
        self.assertIn(f"{copy} does not open with this passphrase", said)
        said = refused("restore", wrong, "--passphrase-file", secret, at=other)
        self.assertIn(f"{wrong} is no copy of a keyring", said)
        self.assertIn("asked for no admission", refused("restore", copy, at=other))
        wrong.write_text("x" * 1026)
        self.assertIn("1024 characters at most", refused("restore", copy, "--passphrase-file", wrong, at=other, code=2))
        self.assertIn("links or profiles", refused("rotate", "everything", code=2))

    def test_keys_travel(self):
        node, _, _, _ = self.begin()
        self.assertEqual(node.run("keys", "rotate", "links")[0]["generation"], 2)
        wait_until(lambda: node.run("keys", "list")[0]["linkKeys"] == [1, 2], "the node holds the new link key")
        mine = node.run("keys", "list")[0]
        secret = self.passphrase()
        copy = self.directory / "copy"
        node.run("keys", "backup", copy, "--passphrase-file", secret, parse=False)
        other = self.node("b")
        other.run("keys", "restore", copy, "--passphrase-file", secret, parse=False)
        self.assertEqual(other.run("keys", "list")[0], mine)
        other.run("keys", "restore", copy, "--passphrase-file", secret, code=None, parse=False)
        secret.chmod(0o640)
        refused = node.run("keys", "backup", self.directory / "none", "--passphrase-file", secret, code=1, parse=False)
        self.assertIn(b"passphrase: others than its owner may read it; chmod 600 it", refused.stderr)
        self.assertFalse((self.directory / "none").exists())
        third = self.node("c")
        asked = third.run("keys", "request")[0]
        sealed = self.directory / "sealed"
        wrong = node.run("keys", "admit-node", asked["node"], sealed, "--fingerprint", "0000", code=2, parse=False)
        self.assertIn(b"fingerprint", wrong.stderr)
        node.run("keys", "admit-node", asked["node"], sealed, "--fingerprint", asked["fingerprint"], parse=False)
        self.assertNotEqual(other.run("keys", "restore", sealed, code=None, parse=False).returncode, 0)
        third.run("keys", "restore", sealed, parse=False)
        self.assertEqual(third.run("keys", "list")[0], mine)
        self.assertFalse((third.directory / "admission.key").exists())
        node.stop()


if __name__ == "__main__":
    unittest.main(verbosity=2)
