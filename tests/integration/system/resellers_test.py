# SPDX-License-Identifier: Apache-2.0
"""A reseller from his invitation to his leaving, over HTTP and the command line, with nothing but the link of a mail."""
import datetime
import unittest

from doors import enrolled_agent, operator, public
from harness import SystemTest, wait_until

CSRF = {"Fleetlog-Csrf": "1"}
RESELLER = "sales@reseller.example"


def days_from_now(days):
    return (datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=days)).isoformat()


class Resellers(SystemTest):
    def setUp(self):
        super().setUp()
        self.one_ = self.node().start()
        self.two_companies(self.one_)
        enrolled_agent(self.one_, self.one_.owner).register("ups-marker")

    def lines(self):
        return [line["text"] for line in self.one_.run("events", account=self.one_.owner)]

    def test_a_life(self):
        node = self.one_
        offered = node.one("reseller", "link", RESELLER, account=node.owner)
        self.assertEqual(node.one("reseller", "list", account=node.owner)["state"], "offered")
        again = node.run("reseller", "link", RESELLER, account=node.owner, code=1, parse=False)
        self.assertIn("unlink him first", again.stderr.decode())
        resent = node.one("reseller", "resend", offered["linkId"], account=node.owner)
        self.assertEqual((resent["linkId"], resent["token"]), (offered["linkId"], offered["token"]))
        self.assertGreater(resent["expiresAtMs"], offered["expiresAtMs"])
        # Who holds the link sees the company's name, at either door, and nothing else.
        body = {"token": offered["token"]}
        for door in (operator, public):
            shown = door(node, "POST", "/v1/reseller-links/show", body, headers=CSRF)
            self.assertEqual(shown.body, {"company": "Example Ltd", "state": "offered"}, shown)
        self.assertIn(offered["token"], offered["link"])
        forged = {"token": offered["token"][:-1] + ("A" if offered["token"][-1] != "A" else "B")}
        self.assertEqual(public(node, "POST", "/v1/reseller-links/accept", forged, headers=CSRF).status, 403)
        accepted = public(node, "POST", "/v1/reseller-links/accept", body, headers=CSRF)
        self.assertEqual(accepted.status, 200, accepted)
        self.assertEqual(public(node, "POST", "/v1/reseller-links/accept", body, headers=CSRF).status, 409)
        self.assertEqual(node.one("reseller", "list", account=node.owner)["state"], "linked")
        late = node.run("reseller", "resend", offered["linkId"], account=node.owner, code=1, parse=False)
        self.assertIn("not open any more: linked", late.stderr.decode())
        node.one("lifecycle", "set", "ups-marker", "battery-replacement", days_from_now(20), account=node.owner)
        wait_until(lambda: any("battery replacement of ups-marker is due" in text for text in self.lines()), "a notice")
        dates = node.one("lifecycle", "list", "ups-marker", account=node.owner)
        self.assertEqual((dates["fact"], dates["dueDate"]), ("battery-replacement", days_from_now(20)))
        self.assertGreater(dates["nextNoticeAtMs"], 0)
        node.one("reseller", "remind", offered["linkId"], "ups-marker", account=node.owner)
        soon = node.run("reseller", "remind", offered["linkId"], "ups-marker", account=node.owner, code=1, parse=False)
        self.assertIn("within the last 24 hours", soon.stderr.decode())
        node.one("reseller", "disconnect", offered["token"])
        self.assertEqual(node.run("reseller", "list", account=node.owner), [])
        text = "\n".join(self.lines())
        for part in ("invited " + RESELLER, RESELLER + " is the reseller of Example Ltd now", "as he asked"):
            self.assertIn(part, text)
        self.assertEqual(sum("is due on" in line for line in self.lines()), 1)
        node.run("check", parse=False)
        node.run("verify", parse=False)

    def test_only_the_owner_has_one(self):
        node = self.one_
        self.assertEqual(operator(node, "GET", "/v1/reseller-links").status, 400)
        for body, field in (
            ({"address": ""}, "address"),
            ({"address": "x y"}, "address"),
            ({"address": RESELLER, "reportPeriod": "daily"}, "reportPeriod"),
        ):
            answer = operator(node, "POST", "/v1/reseller-links", body, account=node.owner)
            self.assertEqual((answer.status, answer.body.get("field")), (422, field), answer)
        answer = operator(node, "PUT", "/v1/devices/ups-marker/lifecycle", {"fact": "birthday"}, account=node.owner)
        self.assertEqual((answer.status, answer.body.get("field")), (422, "fact"), answer)
        body = {"fact": "warranty-end", "dueDate": "2027-02-30"}
        self.assertEqual(operator(node, "PUT", "/v1/devices/ups-marker/lifecycle", body, account=node.owner).status, 422)
        self.assertEqual(operator(node, "PUT", "/v1/devices/ups-marker/lifecycle", body, account=node.provider).status, 404)
        offered = node.one("reseller", "link", RESELLER, "--reports", "quarterly", account=node.owner)
        node.run("reseller", "unlink", offered["linkId"], account=node.provider, code=3, parse=False)
        node.one("reseller", "unlink", offered["linkId"], account=node.owner)
        node.run("reseller", "accept", offered["token"], code=1, parse=False)
        self.assertEqual(node.run("reseller", "list", account=node.owner), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
