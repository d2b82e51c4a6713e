# SPDX-License-Identifier: Apache-2.0
"""An action travels from a person's command to a view, through real processes that are killed on the way."""
import os
import random
import shutil
import signal
import subprocess
import unittest

from harness import BINARY, SystemTest, wait_until


class People(SystemTest):
    def test_commands_and_refusals(self):
        node = self.node().start()
        self.two_companies(node)
        done = node.run("invite", code=1, account=node.owner, parse=False)
        self.assertIn("Please enter email address", done.stderr.decode())
        done = node.run("invite", "not an address", code=1, account=node.owner, parse=False)
        self.assertIn(
            "You have entered an invalid email address. Please re-enter the email address.", done.stderr.decode()
        )
        answer = node.one("invite", "co@example.org", account=node.owner)
        self.assertEqual(answer["title"], "Invitation Sent")
        self.assertEqual(
            answer["message"], "Your invitation was sent. Thanks for sharing Exchange with your co-worker."
        )
        done = node.run("invite", "CO@EXAMPLE.ORG".lower(), code=1, account=node.owner, parse=False)
        self.assertIn(
            "This co-worker has already been invited to the Exchange portal. Please invite another co-worker.",
            done.stderr.decode(),
        )
        node.run("invite", "x@example.org", code=3, account="nobody@example.org", parse=False)
        node.run("device", "show", "nowhere", code=3, parse=False)
        node.run("command", "self-test", "nowhere", code=3, account=node.owner, parse=False)
        node.run("share", "nowhere", "--with", "a@example.net", code=3, account=node.owner, parse=False)
        texts = [entry["text"] for entry in node.run("events", account=node.owner)]
        self.assertTrue(any("invited co@example.org" in text for text in texts), texts)
        self.assertTrue(any("was refused" in text for text in texts), texts)
        severities = [entry["severity"] for entry in node.run("events", account=node.owner)]
        order = ["critical", "warning", "informational"]
        self.assertEqual(severities, sorted(severities, key=order.index))

    def test_co_workers_come_and_go(self):
        node = self.node().start()
        self.two_companies(node)
        sent = node.one("invite", "co@example.org", account=node.owner)
        again = node.one("invitation", "resend", sent["invitationId"], account=node.owner)
        self.assertGreater(int(again["expiresAtMs"]), int(sent["expiresAtMs"]))
        self.assertIn("/invitation#", again["link"])
        done = node.run("invitation", "accept", again["token"][:-1] + "!", code=1, parse=False)
        self.assertIn("This link is not valid", done.stderr.decode())
        node.run("invitation", "accept", again["token"], code=3, account=node.provider, parse=False)
        joined = node.one("invitation", "accept", again["token"])
        self.assertEqual(joined["event"], "InvitationAccepted")
        done = node.run("invitation", "accept", again["token"], code=1, parse=False)
        self.assertIn("has been accepted already", done.stderr.decode())
        rows = node.run("account", "list", account=node.owner)
        self.assertIn("co@example.org", [row.get("person") for row in rows])
        roles = {row["accountId"]: row["role"] for row in rows}
        self.assertEqual(roles[joined["accountId"]], "member")
        done = node.run("account", "close", code=1, account=node.owner, parse=False)
        self.assertIn("keeps at least one administrator", done.stderr.decode())
        node.one("account", "role", "co@example.org", "administrator", account=node.owner)
        node.run("account", "remove", node.provider, code=3, account=node.owner, parse=False)
        self.assertEqual(node.one("account", "remove", "co@example.org", account=node.owner)["event"], "CoworkerRemoved")
        self.assertEqual(len(node.run("account", "list", account=node.owner)), len(roles) - 1)
        self.assertEqual(node.one("account", "close", account=node.owner)["event"], "AccountClosed")

    def test_invitations_are_cancelled_and_people_move(self):
        node = self.node().start()
        self.two_companies(node)
        first = node.one("invite", "co@example.org", account=node.owner)
        node.one("invitation", "cancel", first["invitationId"], account=node.owner)
        states = [row["state"] for row in node.run("invitation", "list", account=node.owner)]
        self.assertEqual(states, ["cancelled"])
        done = node.run("invitation", "accept", first["token"], code=1, parse=False)
        self.assertIn("has been cancelled", done.stderr.decode())
        move = node.one("invite", node.provider, account=node.owner)
        done = node.run("invitation", "accept", move["token"], code=1, parse=False)
        self.assertIn("accept the invitation signed in", done.stderr.decode())
        done = node.run("invitation", "accept", move["token"], code=1, account=node.provider, parse=False)
        self.assertIn("means leaving it", done.stderr.decode())
        moved = node.one("invitation", "accept", "--move", move["token"], account=node.provider)
        self.assertNotEqual(moved["companyIdBefore"], moved["companyId"])

    def test_no_address_reaches_the_log(self):
        node = self.node().start()
        self.two_companies(node)
        node.one("invite", "secret.person@example.org", account=node.owner)
        self.assertEqual(node.stop(), 0)
        for name in ("actions", "events", "subjects"):
            for path in (node.directory / "journal" / f"fleetlog.{name}").iterdir():
                if path.is_file():
                    content = path.read_bytes()
                    self.assertNotIn(b"secret.person", content, f"in {path}")
                    self.assertNotIn(b"example.net", content, f"in {path}")
        self.assertNotIn("secret.person", node.tail())

    def test_a_second_up_is_refused(self):
        node = self.node().start()
        done = subprocess.run(
            [BINARY, "up"], env=node.env(), capture_output=True, timeout=60, stdin=subprocess.DEVNULL, check=False
        )
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(b"another `fleetlog up`", done.stderr)
        self.assertIn(str(node.process.pid).encode(), done.stderr)

    def test_a_keyring_of_another_log_is_refused(self):
        node = self.node().start()
        other = self.node("other").start()
        node.stop()
        other.stop()
        for name in ("keyring", "wrap.key"):
            (node.directory / name).write_bytes((other.directory / name).read_bytes())
        done = subprocess.run(
            [BINARY, "up"], env=node.env(), capture_output=True, timeout=60, stdin=subprocess.DEVNULL, check=False
        )
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(b"keys admit-node", done.stderr)

    def test_without_up_commands_say_so(self):
        node = self.node()
        done = node.run("device", "list", code=3, parse=False)
        self.assertIn("has `fleetlog up` ever run here?", done.stderr.decode())
        node.start()
        node.stop()
        done = node.run("device", "list", code=75, parse=False)
        self.assertIn("is `fleetlog up` running", done.stderr.decode())


    def test_a_log_that_lost_its_actions_gets_no_second_beginning(self):
        node = self.node().start()
        node.one("company", "create", "Example Ltd")
        node.stop()
        shutil.rmtree(node.directory / "journal" / "fleetlog.actions")
        done = subprocess.run([BINARY, "up"], env=node.env(), capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 4)
        self.assertIn("`actions` is empty although `events` is not", done.stderr.decode())
        self.assertEqual(node.run("tail", "-t", "actions", "-o", "beginning", "-e"), [])

    def test_a_damaged_view_says_what_helps(self):
        node = self.node().start()
        node.one("company", "create", "Example Ltd")
        node.stop()
        (node.directory / "views" / "people" / "1-1" / "data.mdb").write_bytes(b"junk" * 4096)
        (node.directory / "views" / "eventlog" / "CURRENT").write_text("")
        done = node.run("rebuild", "people", code=4, parse=False)
        self.assertIn("--accept", done.stderr.decode())
        node.run("rebuild", "people", "--accept", parse=False)
        done = node.run("rebuild", "eventlog", code=4, parse=False)
        self.assertIn("CURRENT names no version: remove it", done.stderr.decode())
        (node.directory / "views" / "eventlog" / "CURRENT").unlink()
        node.start()
        node.one("company", "create", "Another Ltd")
        node.run("verify", parse=False)


class Killed(SystemTest):
    def check_log(self, node, companies):
        """Nothing acknowledged is lost, each action has one outcome, in order."""
        names = [row["name"] for row in node.run("company", "list")]
        self.assertEqual(sorted(names), sorted(companies))
        events = node.run("tail", "-t", "events", "-o", "beginning", "-e")
        actions = node.run("tail", "-t", "actions", "-o", "beginning", "-e")
        self.assertEqual(len(events), len(actions))
        node.run("verify", parse=False)
        node.run("check", parse=False)

    def test_every_duty_killed_at_random(self):
        seed = int(os.environ.get("FLEETLOG_SEED", random.randrange(1 << 32)))
        print(f"FLEETLOG_SEED={seed}", flush=True)
        chance = random.Random(seed)
        node = self.node().start()
        companies = []
        duties = ["decide", "project devices", "project eventlog", "project people", "serve", "keep"]
        for round_number in range(12):
            victim = chance.choice(duties)
            pid = node.duty(victim)
            os.kill(pid, signal.SIGKILL)
            name = f"Company {round_number}"

            def create(name=name):
                """Repeated until an answer came; an answer that got lost leaves the company behind."""
                if name in [row["name"] for row in node.run("company", "list", code=None)]:
                    return True
                return node.run("company", "create", name, code=None, parse=False).returncode == 0

            wait_until(create, f"{name} is created after {victim} was killed\n{node.tail()}")
            companies.append(name)
        self.check_log(node, companies)

    def test_up_killed_and_started_again(self):
        node = self.node().start()
        for round_number in range(3):
            node.one("company", "create", f"Company {round_number}")
            os.kill(node.duty(("decide", "project eventlog", "keep")[round_number]), signal.SIGSTOP)
            node.kill()  # a stopped duty goes with it, else it would keep its locks
            node.start()
        self.check_log(node, [f"Company {n}" for n in range(3)])

    def test_decider_killed_at_each_marked_point(self):
        for point in ("decider-appended", "decider-committed"):
            with self.subTest(point=point):
                node = self.node(point, environment={"FLEETLOG_FAULT_POINT": point})
                # With the fault every start dies at its first batch; what had landed is taken over each time.
                node.directory.mkdir(parents=True)
                died = subprocess.Popen(
                    [BINARY, "up"], env=node.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                events = node.directory / "journal" / "fleetlog.events" / "data.mdb"
                wait_until(events.exists, "the decider has begun")
                wait_until(
                    lambda: len(node.run("tail", "-t", "events", "-o", "beginning", "-e", code=None)) > 0,
                    "an event has landed before a crash",
                )
                died.send_signal(signal.SIGTERM)
                died.wait(60)
                node.environment = {}
                node.start()
                node.one("company", "create", "Alive")
                self.check_log(node, ["Alive"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
