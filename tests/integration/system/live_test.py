# SPDX-License-Identifier: Apache-2.0
"""Live changes: who is sent what, that it ends with the right, and that nothing is missed or told twice."""
import unittest

from doors import Live, api_token, enrolled_agent, operator, public, quote, signed_in
from harness import SystemTest, wait_until

PER_ACCOUNT_MAX = 8
DEVICES_MAX = 100


class LiveChanges(SystemTest):
    def setUp(self):
        super().setUp()
        node = self.node_ = self.node().start()
        self.two_companies(node)
        node.one("account", "create", "member@example.org", "--company", "Example Ltd", "--role", "member")
        node.one("company", "create", "Stranger Inc")
        node.one("account", "create", "stranger@example.com", "--company", "Stranger Inc")
        self.agent = enrolled_agent(node, node.owner)
        self.rack = self.agent.register("rack")
        self.cellar = self.agent.register("cellar")
        self.streams = []

    def tearDown(self):
        for stream in self.streams:
            stream.close()
        super().tearDown()

    def open(self, account=None, query="", headers=None):
        stream = Live(self.node_, account, query, headers)
        self.streams.append(stream)
        self.assertEqual(stream.status, 200)
        self.assertEqual(stream.response.headers["Content-Type"], "text/event-stream")
        return stream

    def ready(self, *arguments, **options):
        stream = self.open(*arguments, **options)
        sequence, event, data = stream.next()
        self.assertEqual((event, data["sequence"]), ("ready", int(sequence)))
        return stream

    def ask(self, account, method, path, body=None):
        answer = operator(self.node_, method, path, body, account)
        self.assertLess(answer.status, 300, answer)
        return answer.body

    def place(self, device, place, account=None):
        """A change that everybody who sees the device is told of; its sequence."""
        path = f"/v1/devices/{quote(device)}"
        return self.ask(account or self.node_.owner, "PATCH", path, {"location": place})["sequence"]

    def share(self, *devices):
        shared = self.ask(self.node_.owner, "POST", "/v1/shares", {"devices": devices, "address": self.node_.provider})
        self.ask(self.node_.provider, "POST", "/v1/shares/accept", {"token": shared["token"]})
        return shared["shareId"]

    def own_change(self):
        """Something that only the provider's company is told of."""
        return self.ask(self.node_.provider, "POST", "/v1/claims")["sequence"]

    def test_each_is_sent_what_he_may_see(self):
        self.share("rack")
        who = (None, self.node_.owner, "member@example.org", self.node_.provider, "stranger@example.com")
        streams = {account: self.ready(account) for account in who}
        rack, cellar = self.place("rack", "Hall 1"), self.place("cellar", "Hall 2")
        self.ask(self.node_.owner, "POST", "/v1/invitations", {"address": "new@example.org"})
        last = {
            account: self.ask(account, "POST", "/v1/claims")["sequence"]
            for account in (self.node_.owner, self.node_.provider, "stranger@example.com")
        }
        all_of_owner = [rack, cellar, last[self.node_.owner] - 1, last[self.node_.owner]]
        expected = {
            None: [*all_of_owner, *sorted(last.values())[1:]],
            self.node_.owner: all_of_owner,
            "member@example.org": all_of_owner,
            self.node_.provider: [rack, last[self.node_.provider]],
            "stranger@example.com": [last["stranger@example.com"]],
        }
        for account, stream in streams.items():
            found = stream.until_sequence(expected[account][-1])
            # What happened just before may still come behind `ready`.
            found = [event for event in found if event[0] is None or int(event[0]) >= rack]
            self.assertEqual([int(sequence) for sequence, _, _ in found], expected[account], account)
            self.assertEqual({event for _, event, _ in found}, {"entry"})
            self.assertEqual([data["sequence"] for _, _, data in found], expected[account])
        lines = {item["sequence"]: item for item in self.ask(self.node_.owner, "GET", "/v1/events")["items"]}
        stream = self.open(self.node_.owner, headers={"Last-Event-ID": str(rack - 1)})
        self.assertEqual(stream.next()[2], lines[rack])

    def test_a_revoked_share_is_silent_at_once(self):
        share = self.share("rack", "cellar")
        stream = self.ready(self.node_.provider, query="?devices=rack,cellar")
        first = self.place("rack", "Hall 1")
        self.assertEqual(int(stream.until("entry")[-1][0]), first)
        # One of the two.
        self.ask(self.node_.owner, "DELETE", f"/v1/shares/{share}?devices=rack")
        self.assertEqual(stream.until("shares")[-1], (None, "shares", {}))
        self.place("rack", "Hall 2")
        self.report(self.rack, 1)
        seen = self.place("cellar", "Hall 3")
        found = stream.until("entry")
        self.assertEqual(int(found[-1][0]), seen)
        self.assertNotIn(self.rack[0], [data.get("deviceId") for _, event, data in found if event == "device"])
        # All of it.
        self.ask(self.node_.owner, "DELETE", f"/v1/shares/{share}")
        self.assertEqual(stream.until("shares")[-1], (None, "shares", {}))
        self.place("cellar", "Hall 4")
        self.report(self.cellar, 1)
        own = self.own_change()
        self.assertEqual(stream.until("entry"), [(str(own), "entry", self.line(own))])
        # Nor does it come later, from where the stream left off.
        again = self.open(self.node_.provider, headers={"Last-Event-ID": str(first - 1)})
        self.assertEqual(int(again.until("entry")[-1][0]), own)

    def line(self, sequence):
        items = self.ask(self.node_.provider, "GET", "/v1/events")["items"]
        return next(item for item in items if item["sequence"] == sequence)

    def test_an_offer_shows_at_once(self):
        stream = self.ready(self.node_.provider)
        self.share("rack")
        self.assertEqual([stream.until("shares")[-1][1] for _ in range(2)], ["shares"] * 2)
        seen = self.place("rack", "Hall 1")
        self.assertEqual(int(stream.until("entry")[-1][0]), seen)

    def test_who_is_removed_is_cut_off(self):
        member = self.ready("member@example.org")
        provider = self.ready(self.node_.provider)
        self.ask(self.node_.owner, "DELETE", "/v1/accounts/member%40example.org")
        self.assertEqual(member.next(), (None, "end", {"reason": "signed-out"}))
        self.assertIsNone(member.next())
        self.ask(self.node_.provider, "POST", "/v1/account/close")
        self.assertEqual(provider.next(), (None, "end", {"reason": "signed-out"}))
        self.assertIsNone(provider.next())
        gone = Live(self.node_, "member@example.org")
        self.streams.append(gone)
        self.assertEqual(gone.status, 404)

    def test_who_is_signed_out_is_cut_off(self):
        node = self.node_
        token_id, token = api_token(node, node.owner, "read")
        session = signed_in(node, node.owner)
        streams = [Live(node, headers=headers, door="api") for headers in (token, session)]
        self.streams += streams
        for stream in streams:
            self.assertEqual((stream.status, stream.next()[1]), (200, "ready"))
        seen = self.place("rack", "Hall 1")
        for stream in streams:
            self.assertEqual(int(stream.until("entry")[-1][0]), seen)
        operator(node, "DELETE", f"/v1/api-tokens/{token_id}", account=node.owner)
        self.assertEqual(streams[0].until("end")[-1][2], {"reason": "signed-out"})
        self.assertIsNone(streams[0].next())
        self.assertLess(public(node, "POST", "/v1/sign-out", None, session).status, 300)
        self.assertEqual(streams[1].until("end")[-1][2], {"reason": "signed-out"})
        self.assertIsNone(streams[1].next())

    def report(self, device, counter):
        answer = self.agent.send([self.agent.report(device, counter, [("ups.status", b"OL"), ("battery.charge", b"%d" % counter)])])
        self.assertEqual((answer.status, answer.body["accepted"]), (200, 1), answer)

    def test_readings(self):
        self.share("rack")
        stream = self.ready(self.node_.provider, query="?devices=rack")
        self.assertEqual(stream.until("device")[-1][2]["deviceId"], self.rack[0])
        for counter in (1, 2, 3):
            self.report(self.rack, counter)
            found = stream.until("device")[-1][2]
            self.assertEqual(found["reportCounter"], counter)
            self.assertEqual(found["values"]["battery.charge"]["value"], counter)
        listed = self.ask(self.node_.provider, "GET", "/v1/devices?shared=true")["items"][0]
        self.assertEqual({k: v for k, v in found.items() if k != "silenceMs"}, {k: v for k, v in listed.items() if k != "silenceMs"})
        for query, status in (
            ("?devices=cellar", 404),
            ("?devices=nothing", 404),
            ("?devices=" + ",".join(["rack"] * DEVICES_MAX), 200),
            ("?devices=" + ",".join(["rack"] * (DEVICES_MAX + 1)), 400),
        ):
            stream = Live(self.node_, self.node_.provider, query)
            self.streams.append(stream)
            self.assertEqual(stream.status, status, query[:40])

    def test_going_on(self):
        sequences = [self.place("rack", f"Hall {number}") for number in range(5)]
        for last in (sequences[0], sequences[3]):
            stream = self.open(self.node_.owner, headers={"Last-Event-ID": str(last)})
            missed = [s for s in sequences if s > last]
            self.assertEqual([int(stream.next()[0]) for _ in missed], missed)
        stream = self.open(self.node_.owner, query=f"?after={sequences[3]}")
        self.assertEqual(int(stream.next()[0]), sequences[4])
        # What this log never said: read your lists again, and go on from here.
        stream = self.open(self.node_.owner, headers={"Last-Event-ID": str(sequences[4] + 1000)})
        sequence, event, _ = stream.next()
        self.assertEqual((event, int(sequence) >= sequences[4]), ("reset", True))
        seen = self.place("rack", "Hall 9")
        self.assertEqual(int(stream.next()[0]), seen)
        for text in ("x", "-1", "1.5", "18446744073709551615", "99999999999999999999"):
            stream = Live(self.node_, self.node_.owner, headers={"Last-Event-ID": text})
            self.assertEqual(stream.status, 400, text)
            stream.close()

    def test_limits_and_heartbeats(self):
        streams = [self.ready(self.node_.owner) for _ in range(PER_ACCOUNT_MAX)]
        refused = Live(self.node_, self.node_.owner)
        self.assertEqual((refused.status, refused.response.headers["Retry-After"]), (429, "15"))
        refused.close()
        self.ready(self.node_.provider)
        lines = (streams[0].line() for _ in range(100))  # what is under way comes before the beat
        self.assertIn(":", lines)
        streams.pop().close()

        def one_more():
            stream = Live(self.node_, self.node_.owner)
            self.streams.append(stream)
            return stream.status == 200

        wait_until(one_more, "a stream that was closed counts no more", 40)

    def test_a_stop_ends_them(self):
        streams = [self.ready(account) for account in (None, self.node_.owner, self.node_.provider)]
        self.assertEqual(self.node_.stop(), 0)
        for stream in streams:
            self.assertEqual(stream.until("end")[-1][2], {"reason": "stopping"})
            self.assertIsNone(stream.next())


if __name__ == "__main__":
    unittest.main(verbosity=2)
