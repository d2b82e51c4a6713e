# SPDX-License-Identifier: Apache-2.0
"""The life of a license over HTTP and the command line: issued, entered by its code, extended, taken off, withdrawn, bought."""
import hashlib
import hmac
import json
import pathlib
import time
import unittest

from doors import enrolled_agent, operator
from harness import SystemTest

DAY_MS = 86400000
SECRET = "whsec_for_tests"
CARD = "4242424242424242"


class Licenses(SystemTest):
    def setUp(self):
        super().setUp()
        self.secret_file = self.directory / "secret"
        self.secret_file.write_text(SECRET + "\n")
        self.secret_file.chmod(0o600)
        self.one = self.node(environment={"FLEETLOG_GATEWAY_CHECKOUT_SECRET_FILE": str(self.secret_file),
                                          "FLEETLOG_GATEWAY_CHECKOUT_URL": "https://pay.example/session"}).start()
        self.two_companies(self.one)
        self.agent = enrolled_agent(self.one, self.one.owner)
        self.racks = [self.agent.register(f"rack-{number}")[0] for number in (1, 2, 3)]

    def mint(self, **more):
        body = {"company": "MSP GmbH", "plan": "advanced", "installer": "fitter@example.net", "nodes": 2, "days": 100,
                "netMinor": 9800, "purchaseOrder": "PO-4711", **more}
        return operator(self.one, "POST", "/v1/licenses", body)

    def apply(self, account, *devices, **which):
        body = {"devices": list(devices), **which}
        return operator(self.one, "POST", "/v1/licenses/apply", body, account=account)

    def device(self, name):
        return operator(self.one, "GET", f"/v1/devices/{name}", account=self.one.owner).body

    def counts(self, license_id):
        found = operator(self.one, "GET", f"/v1/licenses/{license_id}", account=self.one.provider).body
        return [found[name] for name in ("unused", "applied", "returned", "used")]

    def test_the_life_of_a_license(self):
        node = self.one
        self.assertEqual(self.device("rack-1")["plan"], "Standard")  # the trial
        minted = self.mint()
        self.assertEqual(minted.status, 201, minted)
        code, license_id = minted.body["code"], minted.body["licenseId"]
        self.assertEqual(len(code), 34)
        self.assertNotIn("codeHash", minted.body)

        # All or nothing, by whoever holds the code; small letters and blanks do not matter.
        answer = self.apply(node.owner, "rack-1", "rack-2", "rack-3", code=code)
        self.assertEqual((answer.status, answer.body["code"]), (409, "NO_NODES"))
        answer = self.apply(node.owner, "rack-1", code=code.lower().replace("-", " "))
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.device("rack-1")["plan"], "Advanced")
        self.assertEqual(self.counts(license_id), [1, 1, 0, 0])
        lines = [item["text"] for item in operator(node, "GET", "/v1/events", account=node.owner).body["items"]]
        self.assertTrue(any("applied a license (Advanced) to rack-1" in line for line in lines), lines)

        # The buyer applies by id, to what is shared with him; the ledger says where, by whom, until when.
        self.assertEqual(self.apply(node.provider, self.racks[1], license=license_id).status, 404)
        body = {"devices": ["rack-2"], "address": node.provider}
        token = operator(node, "POST", "/v1/shares", body, account=node.owner).body["token"]
        operator(node, "POST", "/v1/shares/accept", {"token": token}, account=node.provider)
        applied = node.one("license", "apply", license_id, "rack-2", account=node.provider)
        self.assertEqual(applied["deviceIds"], [self.racks[1]])
        ledger = node.run("license", "ledger", account=node.provider)
        self.assertEqual([item["number"] for item in ledger], [1, 2])
        self.assertEqual([item.get("device") for item in ledger], [None, "rack-2"])  # rack-1 is not shared with him
        self.assertEqual({item["owner"] for item in ledger}, {"Example Ltd"})
        self.assertTrue(all(item["endsAtMs"] - item["appliedAtMs"] == 100 * DAY_MS for item in ledger), ledger)
        listed = node.one("license", "list", account=node.provider)
        self.assertEqual((listed["netMinor"], listed["currency"], listed["purchaseOrder"]), (9800, "EUR", "PO-4711"))
        self.assertEqual(node.run("license", "list", account=node.owner), [])
        self.assertEqual(operator(node, "GET", f"/v1/licenses/{license_id}", account=node.owner).status, 404)

        # A node comes back from a device that is taken off, or removed.
        node.one("license", "release", license_id, "rack-1", account=node.owner)
        self.assertEqual(self.counts(license_id), [0, 1, 1, 0])
        self.assertEqual(self.device("rack-1")["plan"], "Standard")
        operator(node, "DELETE", "/v1/devices/rack-2", account=node.owner)
        self.assertEqual(self.counts(license_id), [0, 0, 2, 0])
        self.assertEqual(self.apply(node.owner, "rack-3", code=code).status, 200)

        node.one("license", "withdraw", license_id, "Never paid")
        self.assertEqual(self.counts(license_id), [0, 0, 0, 2])
        self.assertEqual(self.device("rack-3")["plan"], "Standard")
        self.assertEqual(self.apply(node.owner, "rack-3", code=code).body["code"], "WRONG_STATE")
        self.assertIn("withdrawn", {item["end"] for item in node.run("license", "show", license_id)})
        node.run("verify")

    def test_a_ledger_of_more_than_a_page_is_whole(self):
        for _ in range(101):
            self.assertEqual(self.mint(nodes=1).status, 201)
        answer = operator(self.one, "GET", "/v1/ledger?format=csv", account=self.one.provider)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(len(answer.raw.decode().splitlines()), 1 + 101)

    def test_codes_and_bodies_that_are_none(self):
        minted = self.mint().body
        code = minted["code"]
        swapped = code[1] + code[0] + code[2:] if code[0] != code[1] else code[:2] + code[3] + code[2] + code[4:]
        other = "3" if code[5] != "3" else "4"
        wrong = (code[:5] + other + code[6:], code[:-1], code + "2", "0" + code[1:], "x", "ÄÖ", "%s", swapped)
        for text in wrong:
            answer = self.apply(self.one.owner, "rack-1", code=text)
            if text != swapped or swapped != code:
                self.assertEqual((answer.status, answer.body.get("field")), (422, "code"), (text, answer))
        for which in ({}, {"code": code, "license": minted["licenseId"]}):
            self.assertEqual(self.apply(self.one.owner, "rack-1", **which).status, 422, which)
        self.assertEqual(self.apply(self.one.owner, code=code).status, 422)
        for more in ({"plan": "basic"}, {"nodes": 0}, {"nodes": 10001}, {"days": 0}, {"days": 3661}, {"netMinor": -1},
                     {"currency": "euro"}, {"currency": "eur"}, {"installer": "nobody"}, {"purchaseOrder": "x" * 65}):
            self.assertEqual(self.mint(**more).status, 422, more)
        self.assertEqual(self.mint(company="Nobody").status, 404)

    def deliver(self, event, secret=SECRET, age_s=0):
        body = json.dumps(event).encode()
        seconds = str(int(time.time()) - age_s)
        mac = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={seconds},v1={mac}", "Content-Type": "application/json"}
        return operator(self.one, "POST", "/v1/checkout/stripe", body, headers=headers)

    def test_a_purchase(self):
        node = self.one
        price = {"region": "DE", "currency": "EUR", "plan": "standard", "termDays": 365, "netMinor": 4999, "taxBasisPoints": 1900}
        path = self.directory / "prices.json"
        path.write_text(json.dumps([price]))
        self.assertEqual(node.one("prices", "set", path)["version"], 1)
        self.assertEqual(operator(node, "GET", "/v1/prices", account=node.owner).body["items"][0]["netMinor"], 4999)
        order = {"region": "DE", "plan": "standard", "nodes": 3, "days": 365, "installer": "it@example.org", "priceListVersion": 1}
        self.assertEqual(operator(node, "POST", "/v1/purchases", {**order, "priceListVersion": 2}, account=node.owner).body["code"], "STALE")
        started = operator(node, "POST", "/v1/purchases", order, account=node.owner)
        self.assertEqual(started.status, 201, started)
        purchase = started.body["purchaseId"]
        self.assertEqual(started.body["checkout"], f"https://pay.example/session?client_reference_id={purchase}")

        paid = {"client_reference_id": purchase, "payment_status": "paid", "amount_total": 17846, "currency": "eur",
                "payment_method_details": {"card": {"number": CARD}}}
        event = {"id": "evt_1", "type": "checkout.session.completed", "data": {"object": paid}}
        for answer in (self.deliver(event, secret="wrong"), self.deliver(event, age_s=301), self.deliver(event, age_s=-301)):
            self.assertEqual(answer.status, 403, answer)
        wrong = {**event, "id": "evt_0", "data": {"object": {**paid, "amount_total": 1}}}
        self.assertEqual(self.deliver(wrong).body, {"result": "refused"})
        self.assertEqual(self.deliver({"id": "evt_9", "type": "invoice.paid"}).body, {"result": "ignored"})
        self.assertEqual(self.deliver({"id": 1}).status, 422)
        for _ in range(2):  # the second is the first's
            self.assertEqual(self.deliver(event).body, {"result": "recorded"})
        self.assertEqual(self.deliver({**event, "id": "evt_2"}).body, {"result": "refused"})
        bought = operator(node, "GET", "/v1/purchases", account=node.owner).body["items"][0]
        self.assertEqual((bought["state"], bought["netMinor"], bought["taxMinor"]), ("paid", 14997, 2849))
        self.assertEqual(self.apply(node.owner, "rack-1", license=bought["licenseId"]).status, 200)

        refund = {"metadata": {"purchase_id": purchase}, "amount_refunded": 17846, "currency": "eur"}
        self.assertEqual(self.deliver({"id": "evt_3", "type": "charge.refunded", "data": {"object": refund}}).body, {"result": "recorded"})
        self.assertEqual(operator(node, "GET", "/v1/purchases", account=node.owner).body["items"][0]["state"], "refunded")
        node.run("verify")
        for file in node.directory.rglob("*"):
            if file.is_file():
                self.assertNotIn(CARD.encode(), file.read_bytes(), file)


if __name__ == "__main__":
    unittest.main()
