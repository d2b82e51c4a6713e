# SPDX-License-Identifier: Apache-2.0
"""Mail through real processes to a real mail server: once, in order, again when it has to be, never after a replay."""
import datetime
import os
import re
import shutil
import signal
import sys
import threading
import unittest

from mail_peer import Peer, certificate  # first: it may start this program again

from doors import enrolled_agent, operator, public
from harness import SystemTest, wait_until

BROKER = os.environ.get("FLEETLOG_TEST_KAFKA")


def settings(peer, **more):
    environment = {
        "FLEETLOG_MAIL_SMTP": f"smtp://localhost:{peer.port}",
        "FLEETLOG_MAIL_FROM": "no-reply@fleetlog.example",
        "FLEETLOG_MAIL_STARTTLS": "never",
        "FLEETLOG_GATEWAY_PUBLIC_URL": "https://fleet.example",
    }
    environment.update(more)
    return environment


class Mail(SystemTest):
    def peer(self, **options):
        peer = Peer(**options).start()
        self.addCleanup(peer.stop)
        return peer

    def mails(self, peer, address, count=1):
        wait_until(lambda: len(peer.to(address)) >= count, f"{count} mails to {address}: {peer.attempts}")
        return peer.to(address)

    def events(self, node, name):
        return [e for e in node.run("tail", "-t", "events", "-o", "beginning", "-e") if e["type"].endswith(f".{name}")]

    def nothing_owed(self, node, sent):
        wait_until(lambda: len(self.events(node, "NotificationSent")) >= sent, f"{sent} mails are recorded")

    def test_an_invitation_arrives_and_its_link_works(self):
        peer = self.peer()
        node = self.node(environment=settings(peer)).start()
        self.two_companies(node)
        answer = node.one("invite", "co@example.org", account=node.owner)
        mail = self.mails(peer, "co@example.org")[0]
        self.assertEqual(mail["Subject"], "[fleetlog] Invitation to join Example Ltd")
        self.assertEqual(mail["From"], "fleetlog <no-reply@fleetlog.example>")
        self.assertEqual(mail["Auto-Submitted"], "auto-generated")
        self.assertIsNone(mail["List-Unsubscribe"])
        self.assertRegex(mail["Message-ID"], r"^<[0-9a-f-]{36}@fleetlog\.example>$")
        self.assertIsNotNone(mail["Date"].datetime)
        text = mail.get_body(("plain",)).get_content()
        html = mail.get_body(("html",)).get_content()
        link = f"https://fleet.example/invitation#{answer['token']}"
        self.assertIn(link, text)
        self.assertIn(f'href="{link}"', html)
        self.nothing_owed(node, 1)
        again = node.one("invitation", "resend", answer["invitationId"], account=node.owner)
        second = self.mails(peer, "co@example.org", 2)[1]
        self.assertNotEqual(second["Message-ID"], mail["Message-ID"])
        self.assertIn(again["token"], second.get_body(("plain",)).get_content())
        node.one("invitation", "accept", again["token"])

    def test_an_activation_code_reaches_the_installer(self):
        peer = self.peer()
        node = self.node(environment=settings(peer)).start()
        self.two_companies(node)
        order = ("--company", "Example Ltd", "--plan", "standard", "--nodes", "3", "--installer", "it@example.org")
        minted = node.one("license", "mint", *order)
        mail = self.mails(peer, "it@example.org")[0]
        self.assertEqual(mail["Subject"], "[fleetlog] Your activation code")
        for kind in ("plain", "html"):
            self.assertIn(minted["code"], mail.get_body((kind,)).get_content())
        self.assertNotIn(minted["code"], node.tail())

    def test_sign_up_and_reset_go_by_the_links_of_mails(self):
        peer = self.peer()
        node = self.node(environment=settings(peer)).start()
        here = {"Fleetlog-Csrf": "1"}
        secret, next_secret = "a long enough pass phrase", "another long pass phrase"

        def token_of(address, subject, purpose, count=1):
            mail = self.mails(peer, address, count)[-1]
            self.assertEqual(mail["Subject"], subject)
            text = mail.get_body(("plain",)).get_content()
            return re.search(rf"https://fleet\.example/{purpose}#(\S+)", text).group(1)

        asked = {"address": "anna@example.org", "companyName": "Acme"}
        self.assertEqual(public(node, "POST", "/v1/sign-up", asked, here).status, 200)
        token = token_of("anna@example.org", "[fleetlog] Confirm your e-mail address", "sign-up")
        confirm = {"token": token, "password": secret, "name": "Anna"}
        self.assertEqual(public(node, "POST", "/v1/sign-up/confirm", confirm, here).status, 201)
        # Whoever tries the same address learns nothing; its owner does.
        self.assertEqual(public(node, "POST", "/v1/sign-up", asked, here).status, 200)
        self.assertEqual(
            self.mails(peer, "anna@example.org", 2)[-1]["Subject"], "[fleetlog] You have an account already"
        )
        for address in ("anna@example.org", "nobody@example.org"):
            self.assertEqual(public(node, "POST", "/v1/password-reset", {"address": address}, here).status, 200)
        token = token_of("anna@example.org", "[fleetlog] Reset your password", "password-reset", 3)
        reset = {"token": token, "password": next_secret}
        self.assertEqual(public(node, "POST", "/v1/password-reset/confirm", reset, here).status, 200)
        self.assertEqual(peer.to("nobody@example.org"), [])
        self.assertNotIn(token, node.tail())
        # The new address proves itself, the old one is told.
        wanted = {"address": "anna@new.example", "password": next_secret}
        self.assertEqual(operator(node, "POST", "/v1/account/address", wanted, "anna@example.org").status, 200)
        token = token_of("anna@new.example", "[fleetlog] Confirm your new e-mail address", "address-change")
        self.assertEqual(public(node, "POST", "/v1/account/address/confirm", {"token": token}, here).status, 200)
        self.assertEqual(
            self.mails(peer, "anna@example.org", 4)[-1]["Subject"], "[fleetlog] Your e-mail address was changed"
        )

    def test_a_reseller_reads_dates_and_nothing_operational(self):
        peer = self.peer()
        node = self.node(environment=settings(peer)).start()
        self.two_companies(node)
        agent = enrolled_agent(node, node.owner)
        device = agent.register("marker-ups")
        node.one("device", "rename", "marker-ups", "marker-name", account=node.owner)
        node.one("device", "locate", "marker-name", "marker-place", account=node.owner)
        readings = [("ups.status", b"OL"), ("battery.charge", b"77"), ("ups.serial", b"marker-serial")]
        self.assertEqual(agent.send([agent.report(device, 1, readings)]).status, 200)
        offered = node.one("reseller", "link", "rita@reseller.example", account=node.owner)
        mail = self.mails(peer, "rita@reseller.example")[0]
        self.assertEqual(mail["Subject"], "[fleetlog] Example Ltd names you its reseller")
        link = f"https://fleet.example/reseller#{offered['token']}"
        self.assertIn(link, mail.get_body(("plain",)).get_content())
        self.assertNotIn(node.owner, mail.raw.decode())
        node.one("reseller", "accept", offered["token"])
        today = datetime.datetime.now(datetime.timezone.utc).date()
        due = (today + datetime.timedelta(days=20)).isoformat()
        node.one("lifecycle", "set", "marker-name", "battery-replacement", due, account=node.owner)
        notice = self.mails(peer, "rita@reseller.example", 2)[1]
        self.assertEqual(notice["Subject"], "[fleetlog] Battery replacement due: Example Ltd")
        text = notice.get_body(("plain",)).get_content()
        for part in ("Model: U1", f"Date:  {due}", f"Contact: {node.owner}", link):
            self.assertIn(part, text)
        self.assertIn("/unsubscribe?kind=8&", notice["List-Unsubscribe"])
        node.one("reseller", "remind", offered["linkId"], "marker-name", account=node.owner)
        reminder = self.mails(peer, "rita@reseller.example", 3)[2]
        self.assertIn(f"U1: Battery replacement due {due}", reminder.get_body(("plain",)).get_content())
        for one in peer.to("rita@reseller.example"):
            for kind in ("plain", "html"):
                self.assertNotIn("marker", one.get_body((kind,)).get_content())
            self.assertNotIn("marker", one["Subject"])

    def test_names_stay_text(self):
        peer = self.peer()
        node = self.node(environment=settings(peer)).start()
        name = 'Söhne & <b onload="x">{{link}}</b>'
        node.one("company", "create", name)
        node.one("account", "create", "a@example.org", "--company", name)
        node.one("invite", "b@example.org", account="a@example.org")
        mail = self.mails(peer, "b@example.org")[0]
        self.assertEqual(mail["Subject"], f"[fleetlog] Invitation to join {name}")
        html = mail.get_body(("html",)).get_content()
        self.assertIn("Söhne &amp; &lt;b onload=&quot;x&quot;&gt;{{link}}&lt;/b&gt;", html)
        self.assertNotIn("<b onload", html)
        self.assertIn(name, mail.get_body(("plain",)).get_content())
        self.assertTrue(all(len(line) <= 998 for line in mail.raw.split(b"\r\n")))
        self.assertEqual(mail.raw.count(b"\n"), mail.raw.count(b"\r\n"))

    def test_a_refused_mail_is_recorded_and_a_deferred_one_tried_again(self):
        peer = self.peer()
        peer.answers["gone@example.org"] = ["550 5.1.1 <gone@example.org> no such user"]
        peer.data = ["452 4.2.2 mailbox full"]
        node = self.node(environment=settings(peer)).start()
        self.two_companies(node)
        node.one("invite", "gone@example.org", account=node.owner)
        failed = wait_until(lambda: self.events(node, "NotificationFailed"), "the refusal is recorded")[0]
        self.assertEqual(failed["data"]["failure"], "MAIL_FAILURE_REFUSED")
        self.assertEqual(failed["data"]["reply"], "550 5.1.1")
        texts = [entry["text"] for entry in node.run("events", account=node.owner)]
        self.assertIn("A mail to gone@example.org was not sent: the mail server refused it", texts)
        node.one("invite", "full@example.org", account=node.owner)
        node.one("invite", "other@example.org", account=node.owner)
        self.mails(peer, "other@example.org")  # is not held up
        self.mails(peer, "full@example.org")
        self.assertEqual(peer.attempts.count("gone@example.org"), 1)
        self.assertGreaterEqual(peer.attempts.count("full@example.org"), 2)
        self.assertNotIn("gone@example.org", node.tail())

    def test_what_has_ended_meanwhile_is_not_sent(self):
        peer = self.peer()
        peer.stop()
        node = self.node(environment=settings(peer)).start()
        self.two_companies(node)
        sent = node.one("invite", "late@example.org", account=node.owner)
        wait_until(lambda: "MAIL_UNREACHABLE" in node.tail(), "the server is missed")
        node.one("invitation", "cancel", sent["invitationId"], account=node.owner)
        node.one("invite", "next@example.org", account=node.owner)
        peer.start()
        self.mails(peer, "next@example.org")
        failed = wait_until(lambda: self.events(node, "NotificationFailed"), "it is recorded")[0]
        self.assertEqual(failed["data"]["failure"], "MAIL_FAILURE_WITHDRAWN")
        self.assertEqual(peer.to("late@example.org"), [])

    def test_starttls_and_a_password(self):
        tls = certificate(self.directory)
        peer = self.peer(tls=tls, login=("fleet", "s3cret word"))
        password = self.directory / "password"
        password.write_text("s3cret word\n")
        node = self.node(
            environment=settings(
                peer,
                FLEETLOG_MAIL_STARTTLS="required",
                FLEETLOG_MAIL_CA_FILE=str(tls[1]),
                FLEETLOG_MAIL_USER="fleet",
                FLEETLOG_MAIL_PASSWORD_FILE=str(password),
            )
        ).start()
        self.two_companies(node)
        node.one("invite", "co@example.org", account=node.owner)
        self.mails(peer, "co@example.org")
        self.assertNotIn("s3cret", node.tail())

    def test_a_wrong_password_and_a_foreign_certificate_lose_no_mail(self):
        tls = certificate(self.directory)
        peer = self.peer(tls=tls, login=("fleet", "right"))
        password = self.directory / "password"
        password.write_text("wrong")
        environment = settings(
            peer,
            FLEETLOG_MAIL_STARTTLS="required",
            FLEETLOG_MAIL_CA_FILE=str(tls[1]),
            FLEETLOG_MAIL_USER="fleet",
            FLEETLOG_MAIL_PASSWORD_FILE=str(password),
        )
        node = self.node(environment=environment).start()
        self.two_companies(node)
        node.one("invite", "co@example.org", account=node.owner)
        wait_until(lambda: "MAIL_UNREACHABLE" in node.tail(), "the server refuses the password")
        self.assertEqual(node.stop(), 0)
        password.write_text("right")
        node.environment = dict(environment, FLEETLOG_MAIL_CA_FILE="/etc/hostname")
        node.start()
        wait_until(lambda: node.tail().count("MAIL_UNREACHABLE") >= 2, "the certificate is nobody's")
        self.assertEqual(peer.mails, [])
        self.assertEqual(node.stop(), 0)
        node.environment = environment
        node.start()
        self.mails(peer, "co@example.org")

    def test_a_kill_around_data_repeats_one_mail_at_most(self):
        peer = self.peer()
        peer.hold = threading.Event()
        node = self.node(environment=settings(peer)).start()
        self.two_companies(node)
        node.one("invite", "co@example.org", account=node.owner)
        self.assertTrue(peer.arrived.wait(60))
        os.kill(node.duty("mail"), signal.SIGKILL)
        peer.hold.set()
        self.mails(peer, "co@example.org")
        self.nothing_owed(node, 1)
        self.assertLessEqual(len(peer.to("co@example.org")), 2)
        self.assertEqual(len({mail["Message-ID"] for mail in peer.to("co@example.org")}), 1)
        self.assertEqual(len(self.events(node, "NotificationSent")), 1)

    def test_a_crash_between_mail_and_record(self):
        peer = self.peer()
        node = self.node(environment=settings(peer, FLEETLOG_FAULT_POINT="mailer.before_append")).start()
        self.two_companies(node)
        node.one("invite", "co@example.org", account=node.owner)
        mails = self.mails(peer, "co@example.org", 2)
        self.assertEqual(len({mail["Message-ID"] for mail in mails}), 1)
        node.stop()
        node.environment = settings(peer)
        node.start()
        self.nothing_owed(node, 1)

    def test_a_replay_and_a_rebuild_send_nothing(self):
        peer = self.peer()
        node = self.node(environment=settings(peer)).start()
        self.two_companies(node)
        node.one("invite", "co@example.org", account=node.owner)
        self.nothing_owed(node, 1)
        node.run("rebuild", "registry", parse=False)
        node.run("rebuild", "people", parse=False)
        self.assertEqual(node.stop(), 0)
        shutil.rmtree(node.directory / "views")
        node.start()
        node.one("invite", "next@example.org", account=node.owner)
        self.mails(peer, "next@example.org")
        self.assertEqual(len(peer.to("co@example.org")), 1)

    def test_a_slow_server_delays_nobody_else(self):
        peer = self.peer()
        peer.hold = threading.Event()
        node = self.node(environment=settings(peer)).start()
        self.two_companies(node)
        node.one("invite", "one@example.org", account=node.owner)
        self.assertTrue(peer.arrived.wait(60))
        for number in range(5):
            node.one("invite", f"p{number}@example.org", account=node.owner)
        self.assertEqual(peer.mails, [])
        peer.hold.set()
        for number in range(5):
            self.mails(peer, f"p{number}@example.org")
        order = [mail.recipients[0] for mail in peer.mails]
        self.assertEqual(order, ["one@example.org"] + [f"p{n}@example.org" for n in range(5)])

    def report(self, agent, device, status, charge):
        self.counter = getattr(self, "counter", 0) + 1
        readings = (("ups.status", status), ("battery.charge", charge), ("battery.charge.low", b"10"))
        self.assertEqual(agent.send([agent.report(device, self.counter, readings)]).status, 200)

    def test_a_flapping_condition_is_one_mail_and_a_click_ends_them(self):
        peer = self.peer()
        node = self.node(environment=settings(peer)).start()
        self.two_companies(node)
        agent = enrolled_agent(node, node.owner)
        device = agent.register('rack "1" <b>')
        # Power comes and goes: two raises of LOW_BATTERY within the time that a mail is held back.
        self.report(agent, device, b"OL", b"90")
        for _ in range(2):
            before = len([e for e in self.events(node, "ConditionRaised")])
            self.report(agent, device, b"OB LB DISCHRG", b"5")
            wait_until(lambda n=before: len(self.events(node, "ConditionRaised")) > n, "raised")
            cleared = len(self.events(node, "ConditionCleared"))
            self.report(agent, device, b"OL CHRG", b"90")
            wait_until(lambda n=cleared: len(self.events(node, "ConditionCleared")) > n, "cleared")
        mail = self.mails(peer, node.owner)[0]
        self.assertEqual(mail["Subject"], '[fleetlog] Low battery: rack "1" <b>')
        text = mail.get_body(("plain",)).get_content()
        self.assertIn("2 times", text)
        self.assertIn("Now:       it is over", text)
        link = mail["List-Unsubscribe"].strip("<>")
        self.assertEqual(mail["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click")
        self.assertTrue(link.startswith("https://fleet.example/unsubscribe?"))
        path = link[len("https://fleet.example") :]
        provider = {"Content-Type": "application/x-www-form-urlencoded"}
        click = b"List-Unsubscribe=One-Click"
        self.assertFalse(node.one("notify", "show", account=node.owner)["paused"])
        for method, target, status in (
            ("GET", path, 200),
            ("POST", path + "x", 403),
            ("POST", path.replace("kind=13", "kind=5"), 403),
            ("POST", "/unsubscribe", 403),
            ("POST", path, 200),
            ("POST", path, 200),
        ):
            answer = public(node, method, target, click if method == "POST" else None, provider)
            self.assertEqual(answer.status, status, (method, target, answer))
            paused = node.one("notify", "show", account=node.owner)["paused"]
            self.assertEqual(paused, method == "POST" and status == 200)
        self.assertEqual(len(peer.to(node.owner)), 1)
        self.assertEqual(len(self.events(node, "Unsubscribed")), 1)

    def test_people_choose(self):
        node = self.node().start()
        self.two_companies(node)
        agent = enrolled_agent(node, node.owner)
        agent.register("rack")
        default = node.one("notify", "show", account=node.owner)
        self.assertEqual((default["severity"], default["set"], default["paused"]), ("critical", "all", False))
        for wrong in (["--severity", "loud"], ["--devices", "some"], ["--condition", "hunger"], ["--devices", "listed"]):
            node.run("notify", "set", *wrong, code=1, account=node.owner, parse=False)
        node.run("notify", "set", "--device", "cellar", code=3, account=node.owner, parse=False)
        node.run("notify", "show", code=1, parse=False)
        node.one("notify", "set", "--severity", "warning", "-c", "on-battery", "-c", "overload", account=node.owner)
        node.one("notify", "set", "--device", "rack", account=node.owner)
        policy = node.one("notify", "show", account=node.owner)
        self.assertEqual((policy["severity"], policy["set"]), ("warning", "listed"))
        self.assertEqual(policy["conditions"], ["on-battery", "overload"])
        self.assertEqual(len(policy["devices"]), 1)
        node.one("notify", "set", "--devices", "own", "--all-conditions", account=node.owner)
        policy = node.one("notify", "show", account=node.owner)
        self.assertEqual((policy["set"], policy["devices"], policy["conditions"]), ("own", [], []))
        node.one("notify", "set", "--pause", account=node.owner)
        self.assertTrue(node.one("notify", "show", account=node.owner)["paused"])
        node.one("notify", "set", "--resume", account=node.owner)
        self.assertFalse(node.one("notify", "show", account=node.owner)["paused"])

    def test_settings_that_cannot_work_are_named(self):
        peer = self.peer()
        for key, value, words in (
            ("FLEETLOG_MAIL_SMTP", "http://localhost", "must begin with smtp://"),
            ("FLEETLOG_MAIL_SMTP", "smtp://user:word@localhost", "must hold no user or password"),
            ("FLEETLOG_MAIL_FROM", "nobody", "must be the address that mail comes from"),
            ("FLEETLOG_MAIL_STARTTLS", "perhaps", "required, offered or never"),
            ("FLEETLOG_MAIL_USER", "fleet", "belong together"),
        ):
            node = self.node(f"n{len(self.nodes)}", environment=settings(peer, **{key: value}))
            node.directory.mkdir(parents=True)
            done = node.run("mail", code=2, parse=False)
            self.assertIn(words, done.stderr.decode())
        self.nodes.clear()

    def test_without_a_server_it_says_so_once(self):
        node = self.node().start()
        self.two_companies(node)
        node.one("invite", "co@example.org", account=node.owner)
        self.assertEqual(node.tail().count("MAIL_OFF"), 1)
        self.assertFalse(any(command.endswith(" mail") for command in node.children().values()))


@unittest.skipUnless(BROKER, "no Kafka broker")
class TwoNodes(Mail):
    def test_two_nodes_send_once(self):
        peer = self.peer()
        prefix = f"m{os.getpid()}."
        environment = settings(
            peer, FLEETLOG_JOURNAL_TOPIC_PREFIX=prefix, FLEETLOG_JOURNAL_TELEMETRY_PARTITIONS="3"
        )
        first = self.node("first", journal=f"kafka://{BROKER}", environment=environment).start()
        second = self.node("second", journal=f"kafka://{BROKER}", environment=environment)
        second.directory.mkdir(parents=True)
        for name in ("keyring", "wrap.key"):
            shutil.copy(first.directory / name, second.directory / name)
        second.start()
        self.two_companies(first)
        for number in range(6):
            (first if number % 2 else second).one("invite", f"p{number}@example.org", account=first.owner)
        for number in range(6):
            self.mails(peer, f"p{number}@example.org")
        self.nothing_owed(first, 6)
        first.kill()
        self.nodes.remove(first)
        # Until the lease is the second's, an outcome may be later than the wait: accepted all the same.
        done = second.run("invite", "after@example.org", account="owner@example.org", code=None, parse=False)
        self.assertIn(done.returncode, (0, 75), done.stderr)
        self.mails(peer, "after@example.org")
        self.nothing_owed(second, 7)
        self.assertEqual(len(peer.mails), 7)


def load_tests(loader, standard, pattern):
    """The second class has the first one's tests too; they run once."""
    suite = loader.loadTestsFromTestCase(Mail)
    suite.addTest(TwoNodes("test_two_nodes_send_once"))
    return suite


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv)
