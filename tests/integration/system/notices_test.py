# SPDX-License-Identifier: Apache-2.0
"""Mails that nobody's click has caused: dates of devices to their owner, and the last mail to somebody who is erased."""
import datetime
import unittest

from mail_peer import Peer  # first: it may start this program again

from doors import enrolled_agent, operator, public
from harness import SystemTest, wait_until

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def days_from_now(days):
    return (datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=days)).isoformat()


class Notices(SystemTest):
    def begin(self, **more):
        self.peer = Peer().start()
        self.addCleanup(self.peer.stop)
        environment = {
            "FLEETLOG_MAIL_SMTP": f"smtp://localhost:{self.peer.port}",
            "FLEETLOG_MAIL_FROM": "no-reply@fleetlog.example",
            "FLEETLOG_MAIL_STARTTLS": "never",
            "FLEETLOG_GATEWAY_PUBLIC_URL": "https://fleet.example",
            "FLEETLOG_KEYS_ERASURE_INTERVAL": "0s",
        }
        node = self.node(environment={**environment, **more}).start()
        self.two_companies(node)
        return node

    def mails(self, address, count=1):
        wait_until(lambda: len(self.peer.to(address)) >= count, f"{count} mails to {address}")
        return self.peer.to(address)

    def events(self, node, name):
        return [e for e in node.run("tail", "-t", "events", "-o", "beginning", "-e") if e["type"].endswith(f".{name}")]

    def sent(self, node):
        return self.events(node, "NotificationSent")

    def test_an_owner_hears_of_dates_until_he_stops_it(self):
        node = self.begin()
        agent = enrolled_agent(node, node.owner)
        agent.register('rack "1" <b>')
        agent.register("rack-2")
        due = days_from_now(20)
        node.one("lifecycle", "set", 'rack "1" <b>', "battery-replacement", due, account=node.owner)
        mail = self.mails(node.owner)[0]
        self.assertEqual(mail["Subject"], '[fleetlog] Battery replacement due: rack "1" <b>')
        text = mail.get_body(("plain",)).get_content()
        self.assertIn(f"Date:      {due}", text)
        self.assertIn("because you are an administrator of Example Ltd", text)
        self.assertNotIn("<b>", mail.get_body(("html",)).get_content().replace(f"<b>{due}</b>", ""))
        wait_until(lambda: len(self.sent(node)) == 1, "it is recorded")
        # Neither a rebuilt view nor another start of the mailer sends it again.
        node.run("rebuild", "registry", parse=False)
        self.assertEqual(node.stop(), 0)
        node.start()
        node.one("lifecycle", "set", "rack-2", "warranty-end", due, account=node.owner)
        self.assertEqual(self.mails(node.owner, 2)[1]["Subject"], "[fleetlog] Warranty ends: rack-2")
        # One click ends them, and choosing brings them back.
        link = mail["List-Unsubscribe"].strip("<>")
        path = link[len("https://fleet.example") :]
        self.assertTrue(node.one("notify", "show", account=node.owner)["renewals"])
        answer = public(node, "POST", path, b"List-Unsubscribe=One-Click", FORM)
        self.assertEqual(answer.status, 200, answer)
        policy = node.one("notify", "show", account=node.owner)
        self.assertEqual((policy["renewals"], policy["paused"]), (False, False))
        node.one("lifecycle", "set", "rack-2", "battery-replacement", due, account=node.owner)
        wait_until(lambda: len(self.events(node, "RenewalNoticeDue")) == 3, "it is due while nobody wants it")
        node.run("notify", "set", "--renewals", "maybe", code=1, account=node.owner, parse=False)
        node.one("notify", "set", "--renewals", "yes", account=node.owner)
        node.one("lifecycle", "set", "rack-2", "warranty-end", days_from_now(25), account=node.owner)
        subjects = [one["Subject"] for one in self.mails(node.owner, 3)]
        self.assertEqual(subjects[2:], ["[fleetlog] Warranty ends: rack-2"])
        node.run("verify", parse=False)

    def test_the_last_mail_of_somebody_who_is_erased(self):
        node = self.begin()
        node.one("account", "create", "gone@example.org", "--company", "Example Ltd", "--role", "member")
        self.assertTrue(node.one("erase", "gone@example.org")["erased"])
        mail = self.mails("gone@example.org")[0]
        self.assertEqual(mail["Subject"], "[fleetlog] Your data is being erased")
        self.assertIn("This is the last mail", mail.get_body(("plain",)).get_content())
        self.assertIsNone(mail["List-Unsubscribe"])
        wait_until(lambda: len(self.sent(node)) == 1, "it is recorded")
        self.assertNotIn("gone@example.org", node.tail())
        node.run("verify", parse=False)
        node.run("check", parse=False)

    def test_an_erasure_waits_for_its_mail(self):
        node = self.begin()
        self.peer.data = ["451 4.3.0 try again"]
        node.one("account", "create", "late@example.org", "--company", "Example Ltd", "--role", "member")
        self.assertTrue(node.one("erase", "late@example.org")["erased"])
        self.assertEqual(len(self.mails("late@example.org")), 1)

    def test_who_waits_is_told_why(self):
        node = self.begin()
        self.peer.stop()
        person = node.one("account", "create", "wait@example.org", "--company", "Example Ltd", "--role", "member")
        node.one("erase", "wait@example.org", "--no-wait")
        answer = operator(node, "GET", f"/v1/erasures/{person['accountId']}")
        self.assertEqual((answer.body["erased"], answer.body["stage"]), (False, "waits for new keys"))
        self.assertIn("the mail that tells of it", answer.body["waitsFor"])
        self.peer.start()
        wait_until(lambda: operator(node, "GET", f"/v1/erasures/{person['accountId']}").body["erased"], "it goes on")
        self.assertEqual(len(self.mails("wait@example.org")), 1)

    def test_an_erasure_does_not_wait_for_ever(self):
        node = self.begin(FLEETLOG_KEYS_ERASURE_MAIL_WAIT="2s")
        node.one("account", "create", "never@example.org", "--company", "Example Ltd", "--role", "member")
        self.peer.stop()
        self.assertTrue(node.one("erase", "never@example.org")["erased"])
        self.assertEqual(self.peer.to("never@example.org"), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
