# SPDX-License-Identifier: Apache-2.0
"""Buying a license at the stand-in of a payment provider: start, page, payment, mail, code; and whatever else may come of it."""
import csv
import hashlib
import hmac
import io
import json
import re
import time
import unittest
import urllib.parse

from mail_peer import Peer  # first: it may start this program again

from doors import api_token, at, enrolled_agent, operator, public
from harness import SystemTest, wait_until

SECRET = "whsec_of_the_stand_in"
INSTALLER = "fitter@example.net"
HEADER = "Fleetlog-Checkout-Signature"


class Checkout(SystemTest):
    def setUp(self):
        super().setUp()
        self.peer = Peer().start()
        self.addCleanup(self.peer.stop)
        self.secret_file = self.directory / "secret"
        self.secret_file.write_text(SECRET + "\n")
        self.secret_file.chmod(0o600)

    def start(self, name="node", **more):
        environment = {
            "FLEETLOG_GATEWAY_CHECKOUT_STAND_IN": "yes",
            "FLEETLOG_GATEWAY_CHECKOUT_SECRET_FILE": str(self.secret_file),
            "FLEETLOG_MAIL_SMTP": f"smtp://localhost:{self.peer.port}",
            "FLEETLOG_MAIL_FROM": "no-reply@fleetlog.example",
            "FLEETLOG_MAIL_STARTTLS": "never",
            **more,
        }
        node = self.node(name, environment=environment).start()
        self.two_companies(node)
        return node

    def shop(self, node, region="DE"):
        price = {"region": region, "currency": "EUR", "plan": "advanced", "termDays": 365, "netMinor": 4999, "taxBasisPoints": 1900}
        version = operator(node, "PUT", "/v1/prices", {"items": [price]}).body["version"]
        return {"region": region, "plan": "advanced", "nodes": 2, "days": 365, "installer": INSTALLER, "priceListVersion": version}

    def buy(self, node, order):
        """(id of the purchase, its page's path)"""
        started = operator(node, "POST", "/v1/purchases", order, account=node.owner)
        self.assertEqual(started.status, 201, started)
        self.assertEqual([int(started.body[name]) for name in ("netMinor", "taxMinor")], [9998, 1900])
        address = urllib.parse.urlsplit(started.body["checkout"])
        self.assertEqual(address.path, "/checkout")
        return started.body["purchaseId"], f"{address.path}?{address.query}"

    def page(self, node, path, press=None):
        """The page, as a browser has it that is signed in to nothing; its buttons."""
        if press:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = public(node, "POST", path, f"do={press}", headers)
        else:
            answer = public(node, "GET", path)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.headers["Content-Type"], "text/html; charset=utf-8")
        self.assertIn("form-action 'self'", answer.headers["Content-Security-Policy"])
        return answer.body, re.findall(r'value="(\w+)"', answer.body)

    def purchase(self, node, purchase_id):
        items = operator(node, "GET", "/v1/purchases", account=node.owner).body["items"]
        return next(item for item in items if item["purchaseId"] == purchase_id)

    def deliver(self, node, purchase_id, event_id, state, amount=11898, secret=SECRET, age_s=0, provider="stand-in", **more):
        event = {"id": event_id, "purchaseId": purchase_id, "state": state, "amountMinor": amount, "currency": "EUR", **more}
        body = json.dumps(event).encode()
        seconds = str(int(time.time()) - age_s)
        mac = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
        return public(node, "POST", f"/v1/checkout/{provider}", body, {HEADER: f"t={seconds},v1={mac}"})

    def test_from_the_price_list_to_the_device(self):
        node = self.start()
        agent = enrolled_agent(node, node.owner)
        agent.register("rack-1")
        purchase, path = self.buy(node, self.shop(node))
        page, buttons = self.page(node, path)
        self.assertIn("Advanced, 2 nodes, 365 days", page)
        self.assertIn("118.98 EUR (19.00 EUR of it tax)", page)
        self.assertEqual(buttons, ["pay", "fail"])
        self.assertEqual(self.purchase(node, purchase)["state"], "started")
        self.assertEqual(self.peer.to(INSTALLER), [])

        page, buttons = self.page(node, path, "pay")
        self.assertIn("recorded", page)
        self.assertEqual(buttons, ["refund"])
        bought = self.purchase(node, purchase)
        self.assertEqual(bought["state"], "paid")
        page, _ = self.page(node, path, "pay")  # another payment, which the rules refuse
        self.assertIn("refused", page)

        wait_until(lambda: self.peer.to(INSTALLER), f"the code goes to the installer\n{node.tail()}")
        text = self.peer.to(INSTALLER)[0].get_body(("plain",)).get_content()
        code = re.search(r"\b(?:[2-9A-HJ-NP-Z]{4}-){6}[2-9A-HJ-NP-Z]{4}\b", text)
        self.assertIsNotNone(code, text)
        answer = operator(node, "POST", "/v1/licenses/apply", {"code": code[0], "devices": ["rack-1"]}, account=node.owner)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(operator(node, "GET", "/v1/devices/rack-1", account=node.owner).body["plan"], "Advanced")

        page, buttons = self.page(node, path, "refund")
        self.assertEqual(buttons, [])
        self.assertEqual(self.purchase(node, purchase)["state"], "refunded")
        self.assertEqual(operator(node, "GET", "/v1/devices/rack-1", account=node.owner).body["plan"], "Standard")
        node.run("verify")

    def test_a_payment_that_fails_and_is_tried_again(self):
        node = self.start()
        purchase, path = self.buy(node, self.shop(node))
        _, buttons = self.page(node, path, "fail")
        self.assertEqual((self.purchase(node, purchase)["state"], buttons), ("failed", ["pay", "fail"]))
        self.page(node, path, "pay")
        self.assertEqual(self.purchase(node, purchase)["state"], "paid")
        wait_until(lambda: self.peer.to(INSTALLER), "the code goes to the installer")

    def test_commands_and_the_ledger_as_a_file(self):
        node = self.start()
        agent = enrolled_agent(node, node.owner)
        device = agent.register("rack-1")[0]
        name = '=HYPERLINK("http://x","y"),1'
        operator(node, "PATCH", f"/v1/devices/{device}", {"name": "=1+1"}, account=node.owner)
        self.shop(node)
        order = ("license", "buy", "--region", "DE", "--plan", "advanced", "--nodes", "2", "--installer", INSTALLER)
        node.run(*order, "--list", "2", account=node.owner, code=None)
        self.assertEqual(node.run("license", "purchases", account=node.owner), [])
        bought = node.one(*order, account=node.owner)
        address = urllib.parse.urlsplit(bought["checkout"])
        self.page(node, f"{address.path}?{address.query}", "pay")
        listed = node.one("license", "purchases", account=node.owner)
        self.assertEqual((listed["purchaseId"], listed["state"]), (bought["purchaseId"], "paid"))
        node.one("license", "apply", listed["licenseId"], "=1+1", account=node.owner)
        mint = {"company": "Example Ltd", "plan": "standard", "installer": INSTALLER, "nodes": 1, "days": 10, "purchaseOrder": name}
        self.assertEqual(operator(node, "POST", "/v1/licenses", mint).status, 201)

        answer = operator(node, "GET", "/v1/ledger", account=node.owner)
        self.assertEqual((answer.status, answer.headers["Content-Disposition"]), (200, 'attachment; filename="fleetlog-ledger.csv"'))
        self.assertTrue(answer.headers["Content-Type"].startswith("text/csv"))
        text = answer.raw.decode()
        self.assertEqual(text.count("\r\n"), text.count("\n"))
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        self.assertEqual(sorted(row["Order"] for row in rows), ["", "'" + name])
        applied = next(row for row in rows if row["License"] == listed["licenseId"])
        self.assertEqual((applied["Device"], applied["Device id"], applied["Node"]), ("'=1+1", device, "1"))
        self.assertEqual((applied["Net of the license (smallest units)"], applied["End"]), ("9998", "in force"))
        self.assertEqual(node.run("license", "ledger", "--format", "csv", account=node.owner, parse=False).stdout.decode(), text)
        self.assertEqual(len(operator(node, "GET", "/v1/ledger", account=node.provider).raw.decode().splitlines()), 1)
        self.assertEqual(operator(node, "GET", "/v1/ledger?format=svg", account=node.owner).status, 400)

    def test_codes_are_not_to_be_guessed(self):
        """Well-formed ones: each costs what twenty requests cost, of the account and of the address."""
        other = self.start("other")
        order = ("license", "mint", "--company", "Example Ltd", "--plan", "standard", "--installer", INSTALLER)
        code = other.one(*order)["code"]
        other.stop()
        for limited, free in (("", "_PER_ADDRESS"), ("_PER_ADDRESS", "")):
            prefix = "FLEETLOG_GATEWAY_REQUESTS_PER_MINUTE"
            node = self.start(f"node{limited}", **{prefix + limited: "22", prefix + free: "0"})
            enrolled_agent(node, node.owner).register("rack-1")
            body = {"code": code, "devices": ["rack-1"]}
            _, owner = api_token(node, node.owner, "read", "licenses")
            _, provider = api_token(node, node.provider, "read", "licenses")
            good = {"code": node.one(*order)["code"], "devices": ["rack-1"]}
            answers = [public(node, "POST", "/v1/licenses/apply", body, owner) for _ in range(3)]
            self.assertEqual([answer.status for answer in answers], [404, 404, 429], answers)
            self.assertGreater(int(answers[2].headers["Retry-After"]), 1)
            self.assertEqual(public(node, "POST", "/v1/licenses/apply", good, owner).status, 429)
            others = 429 if limited else 200  # who shares the address waits with him, who does not goes on
            self.assertEqual(public(node, "GET", "/v1/prices", headers=provider).status, others)
            node.stop()

    def test_webhooks_of_every_kind(self):
        node = self.start(FLEETLOG_GATEWAY_REQUESTS_PER_MINUTE_PER_ADDRESS="0")
        order = self.shop(node)
        purchase, _ = self.buy(node, order)
        for wrong in ({"secret": "another"}, {"age_s": 301}, {"age_s": -310}):
            answer = self.deliver(node, purchase, "e0", "paid", **wrong)
            self.assertEqual((answer.status, answer.body["field"]), (403, HEADER), answer)
        self.assertEqual(public(node, "POST", "/v1/checkout/stand-in", "{}").status, 403)
        for wrong in ({"amount": "11898"}, {"amount": -1}, {"currency": "eur"}, {"purchase_id": "x"}, {"event_id": "i" * 129}):
            given = {"purchase_id": purchase, "event_id": "e0", "state": "paid", **wrong}
            self.assertEqual(self.deliver(node, **given).status, 422, wrong)
        self.assertEqual(self.deliver(node, purchase, "e1", "disputed").body, {"result": "ignored"})
        for amount in (11897, 11899):
            self.assertEqual(self.deliver(node, purchase, f"a{amount}", "paid", amount).body, {"result": "refused"})
        for provider in ("stripe", "other"):  # not the one that is configured
            self.assertEqual(self.deliver(node, purchase, "e2", "paid", provider=provider).status, 404)
        self.assertEqual(self.purchase(node, purchase)["state"], "started")

        for age_s in (0, 295, 0):  # twice more: the answer is the first's
            self.assertEqual(self.deliver(node, purchase, "e3", "paid", age_s=age_s).body, {"result": "recorded"})
        self.assertEqual(self.deliver(node, purchase, "e4", "failed").body, {"result": "refused"})  # overtaken by e3
        self.assertEqual(self.purchase(node, purchase)["state"], "paid")
        wait_until(lambda: self.peer.to(INSTALLER), "the code is mailed")  # before the refund: a license that ended has none to mail
        self.assertEqual(self.deliver(node, purchase, "e5", "refunded", 1000).body, {"result": "recorded"})
        self.assertEqual(self.deliver(node, purchase, "e6", "refunded").body, {"result": "recorded"})
        self.assertEqual(self.deliver(node, purchase, "e5", "refunded", 1000).body, {"result": "recorded"})
        self.assertEqual(self.purchase(node, purchase)["refundedMinor"], 11898)

        overtaken, _ = self.buy(node, order)  # its refund comes before its payment
        self.assertEqual(self.deliver(node, overtaken, "e7", "refunded").body, {"result": "recorded"})
        self.assertEqual(self.deliver(node, overtaken, "e8", "paid").body, {"result": "refused"})
        self.assertEqual(self.purchase(node, overtaken)["state"], "refunded")
        self.assertEqual(len(node.run("license", "list", account=node.owner)), 1)
        node.run("verify")

    def test_the_page_is_for_who_was_sent_to_it(self):
        node = self.start()
        purchase, path = self.buy(node, self.shop(node, region="<b>&\"'</b>"))
        page, _ = self.page(node, path)
        self.assertNotIn("<b>", page)
        self.assertIn("&#60;b&#62;&#38;&#34;&#39;&#60;/b&#62;", page)
        for token in ("", "x", purchase, path.split("token=")[1][:-1] + "_", "%3Cscript%3E"):
            self.assertEqual(public(node, "GET", f"/checkout?token={token}").status, 403, token)
        self.assertEqual(public(node, "GET", "/checkout").status, 403)
        for body in (None, "do=steal", "pay", "do=pay&do=refund", "<script>"):
            self.assertEqual(public(node, "POST", path, body).status, 422, body)
        self.assertEqual(at(node, "agents", "GET", path).status, 404)
        self.assertEqual(self.purchase(node, purchase)["state"], "started")

    def test_it_is_there_only_if_configured(self):
        node = self.start(FLEETLOG_GATEWAY_CHECKOUT_STAND_IN="no")
        started = operator(node, "POST", "/v1/purchases", self.shop(node), account=node.owner)
        self.assertNotIn("checkout", started.body)
        self.assertEqual(public(node, "GET", "/checkout?token=x").status, 404)
        self.assertEqual(public(node, "POST", "/checkout?token=x", "do=pay").status, 404)
        self.assertEqual(self.deliver(node, started.body["purchaseId"], "e1", "paid").status, 404)

    def test_what_cannot_be_configured(self):
        for more, word in (({"URL": "https://pay.example"}, "checkout_url"), ({"SECRET_FILE": ""}, "checkout_secret_file")):
            environment = {"FLEETLOG_GATEWAY_CHECKOUT_STAND_IN": "yes", "FLEETLOG_GATEWAY_CHECKOUT_SECRET_FILE": str(self.secret_file)}
            environment.update({f"FLEETLOG_GATEWAY_CHECKOUT_{name}": value for name, value in more.items()})
            node = self.node(f"refused-{word}", environment=environment)
            with self.assertRaises(AssertionError):
                node.start()
            self.assertIn(word, node.tail())
            self.assertEqual(node.process.wait(), 2)
            node.stop()


if __name__ == "__main__":
    unittest.main()
