# SPDX-License-Identifier: Apache-2.0
"""Every operational field that there is holds a mark of its own; nothing that reaches a reseller, and no log line, has one."""
import datetime
import json
import subprocess
import unittest

from mail_peer import Peer  # first: it may start this program again

from doors import enrolled_agent, operator, public
from harness import SystemTest, wait_until

CSRF = {"Fleetlog-Csrf": "1"}
RITA = "rita@reseller.example"
DAY_MS = 24 * 60 * 60 * 1000
MODEL = "Smart-UPS 1500"
READINGS = {
    "ups.alarm": "markalarm", "ups.serial": "markserialread", "ups.mfr": "markmaker", "ups.firmware": "markrevision",
    "ups.load": "41.7318", "ups.temperature": "29.4617", "ups.test.result": "marktest", "ups.id": "markid",
    "battery.charge": "3.9174", "battery.charge.low": "10.2846", "battery.runtime": "118.5273",
    "battery.voltage": "23.6481", "battery.date": "markbatterydate", "battery.type": "markchemistry",
    "input.voltage": "0.1937", "input.frequency": "49.8152", "input.transfer.reason": "markreason",
    "output.voltage": "227.3964", "output.current": "1.7352", "outlet.1.desc": "markoutlet",
    "ambient.temperature": "31.2758", "ambient.humidity": "57.1934", "device.location": "markdevicelocation",
    "device.contact": "markdevicecontact", "driver.parameter.port": "markport",
}
CUT = "OB LB DISCHRG"
PEOPLE = ("mia-markcoworker@example.org", "sam-markshared@example.net")
OUTCOME = "markoutcome"
INSTALLED = "2019-02-17"
NAMES = ("markupsname", "markfirstname", "markdevicename", "markplace", "marklocalhost", "markpersonname")
IDENTITY = {"manufacturer": "markbrand", "model": MODEL, "serial": "markserial", "firmware": "markfirmware"}
MARKS = [*READINGS.values(), CUT, *PEOPLE, OUTCOME, INSTALLED, *NAMES, "markbrand", "markserial", "markfirmware"]
# Kinds of commands and of conditions, and what the Event Log says of them.
WORDS = ["self-test", "SELF_TEST", "Low battery", "LOW_BATTERY", "On battery", "ON_BATTERY", "battery-install-date"]


def days_from_now(days):
    return (datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=days)).isoformat()


def attached(mail):
    """What the files of a mail say, by name."""
    found = {}
    for part in mail.iter_attachments():
        content = part.get_content()
        if part.get_content_type() == "application/pdf":
            done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=content, capture_output=True, check=True)
            content = done.stdout.decode()
        found[part.get_filename()] = content
    return found


class Whitelist(SystemTest):
    def setUp(self):
        super().setUp()
        self.peer = Peer().start()
        self.addCleanup(self.peer.stop)
        self.node_ = self.node(
            environment={
                "FLEETLOG_MAIL_SMTP": f"smtp://localhost:{self.peer.port}",
                "FLEETLOG_MAIL_FROM": "no-reply@fleetlog.example",
                "FLEETLOG_MAIL_STARTTLS": "never",
                "FLEETLOG_GATEWAY_PUBLIC_URL": "https://fleet.example",
            }
        ).start()
        self.two_companies(self.node_)
        self.answers = []

    def log(self):
        return (self.directory / "node.log").read_text(errors="replace")

    def events(self, *names):
        found = self.node_.run("tail", "-t", "events", "-o", "beginning", "-e")
        return [event for event in found if event["type"].rsplit(".", 1)[1].startswith(names)]

    def mails(self, count):
        wait_until(lambda: len(self.peer.to(RITA)) >= count, f"{count} mails: {self.peer.attempts}\n{self.node_.tail()}")
        return self.peer.to(RITA)

    def route(self, verb, token, status=200):
        """A route of the reseller's link, at either door; what it answers is kept."""
        for door in (operator, public) if verb == "show" else (public,):
            answer = door(self.node_, "POST", f"/v1/reseller-links/{verb}", {"token": token}, headers=CSRF)
            self.assertEqual(answer.status, status, (verb, answer))
            self.answers.append(answer.raw.decode() + str(answer.headers))

    def run_a_command(self, kind, parameter=""):
        node = self.node_
        body = {"device": "markdevicename", "kind": kind, "parameter": parameter}
        asked = operator(node, "POST", "/v1/commands", body, node.owner)
        self.assertEqual(asked.status, 201, asked)
        command = asked.body["commandId"]
        self.assertEqual(len(self.agent.call("GET", "/agent/v1/commands?wait=5").body["commands"]), 1)
        outcome = {"outcome": "SUCCEEDED", "variable": "ups.test.result", "value": OUTCOME, "reportCounter": 2}
        for tail, told in (("delivery", {}), ("acknowledgement", {}), ("outcome", outcome)):
            self.assertEqual(self.agent.call("POST", f"/agent/v1/commands/{command}/{tail}", told).status, 200)
        done = operator(node, "GET", f"/v1/commands/{command}?wait=5", account=node.owner)
        self.assertEqual((done.body["state"], done.body["value"]), ("succeeded", OUTCOME), done)

    def fill(self):
        """Marks in all that is known of how a device runs and of who looks after it."""
        node = self.node_
        self.agent = enrolled_agent(node, node.owner)
        body = {
            "upsdAddress": "marklocalhost:3493", "upsName": "markupsname", "name": "markfirstname", "identity": IDENTITY,
            "commands": ["test.battery.start.quick"], "variables": ["battery.date"],
        }
        made = self.agent.call("POST", "/agent/v1/devices", body)
        self.assertEqual(made.status, 200, made)
        device = made.body["deviceId"], made.body["deviceNumber"], made.body["generation"]
        node.one("device", "rename", "markfirstname", "markdevicename", account=node.owner)
        node.one("device", "locate", "markdevicename", "markplace", account=node.owner)
        node.one("account", "create", PEOPLE[0], "--company", "Example Ltd")
        named = operator(node, "PATCH", "/v1/account", {"name": "markpersonname"}, PEOPLE[0])
        self.assertEqual(named.status, 200, named)
        node.one("share", "markdevicename", "--with", PEOPLE[1], account=PEOPLE[0])
        for counter, status in ((1, "OL"), (2, CUT)):
            readings = [("ups.status", status.encode()), *((name, value.encode()) for name, value in READINGS.items())]
            answer = self.agent.send([self.agent.report(device, counter, readings)])
            self.assertEqual((answer.status, answer.body["accepted"]), (200, 1), answer)
        wait_until(lambda: self.events("ConditionRaised"), "a condition is raised")
        self.run_a_command("self-test")
        self.run_a_command("battery-install-date", INSTALLED)

    def assert_marks_are_known(self):
        """The marks are where the owner sees them: what is looked for could be found."""
        node = self.node_
        told = node.run("device", "show", "markdevicename", account=node.owner, parse=False).stdout.decode()
        told += json.dumps(node.run("tail", "-t", "events", "-o", "beginning", "-e"), ensure_ascii=False)
        told += " ".join(line["text"] for line in node.run("events", account=node.owner))
        told += operator(node, "GET", "/v1/account", account=PEOPLE[0]).raw.decode()
        self.assertEqual([mark for mark in MARKS if mark not in told], [])

    def assert_clean(self, where, text, more=()):
        self.assertEqual([mark for mark in (*MARKS, *more) if mark in text], [], f"{where}:\n{text}")

    def a_month_later(self):
        """A report comes due; clocks are accepted as the operator would."""
        node = self.node_
        self.assertEqual(node.stop(), 0)
        node.environment["FLEETLOG_TEST_CLOCK_AHEAD_MS"] = str(32 * DAY_MS)
        node.start()
        node.one("clock", "accept")
        node.one("company", "create", "Later Ltd")

    def test_no_mark_reaches_a_reseller(self):
        node = self.node_
        self.fill()
        self.assert_marks_are_known()
        declined = node.one("reseller", "link", RITA, account=node.owner)["token"]
        self.mails(1)  # an offer that has ended is not sent any more
        self.route("show", declined)
        self.route("decline", declined)
        self.route("accept", declined, 409)
        offered = node.one("reseller", "link", RITA, account=node.owner)
        self.mails(2)
        token = offered["token"]
        self.route("show", token)
        self.route("accept", token)
        self.route("decline", token, 409)
        self.route("accept", token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), 403)
        due = days_from_now(60)
        node.one("lifecycle", "set", "markdevicename", "battery-replacement", due, account=node.owner)
        self.mails(3)
        node.one("reseller", "remind", offered["linkId"], "markdevicename", account=node.owner)
        self.mails(4)
        self.a_month_later()
        wait_until(lambda: any(m["Subject"] == "[fleetlog] Renewals of Example Ltd" for m in self.peer.to(RITA)), "a report")
        self.route("show", token)
        self.route("disconnect", token)
        self.route("disconnect", token, 409)
        self.look_at_all(due)

    def look_at_all(self, due):
        mails = self.peer.to(RITA)
        subjects = {mail["Subject"] for mail in mails}
        for subject in ("Example Ltd names you its reseller", "Battery replacement due: Example Ltd",
                        "Reminder of Example Ltd", "Renewals of Example Ltd"):
            self.assertIn(f"[fleetlog] {subject}", subjects)
        for mail in mails:
            for kind in ("plain", "html"):
                self.assert_clean(mail["Subject"], mail.get_body((kind,)).get_content(), WORDS)
            for name, text in attached(mail).items():
                self.assert_clean(name, text, WORDS)
                for part in (MODEL, due, "battery replacement"):
                    self.assertIn(part, text, name)
            is_report = "Renewals of" in mail["Subject"]
            self.assertEqual(set(attached(mail)), {"renewals.pdf", "renewals.csv"} if is_report else set())
            self.assert_clean("headers", "".join(f"{name}: {value}\n" for name, value in mail.items()), WORDS)
            if "names you" not in mail["Subject"]:
                for part in (MODEL, due, self.node_.owner):
                    self.assertIn(part, mail.get_body(("plain",)).get_content())
        for answer in self.answers:
            self.assert_clean("an answer", answer, WORDS)
        wait_until(lambda: len(self.events("NotificationSent")) >= len(mails), "mails are recorded")
        told = self.events("Reseller", "Renewal", "NotificationSent", "NotificationFailed", "Unsubscribed")
        self.assertGreaterEqual(len({event["type"] for event in told}), 7)
        for event in told:
            self.assert_clean(event["type"], json.dumps(event, ensure_ascii=False))
        self.assertIn("MAIL_SENT", self.log())
        for line in self.log().splitlines():
            self.assert_clean("a log line", line)


if __name__ == "__main__":
    unittest.main(verbosity=2)
