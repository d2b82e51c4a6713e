# SPDX-License-Identifier: Apache-2.0
"""Devices that change hands over HTTP and the command line: who sees what afterwards, and that one of two wins."""
import subprocess
import threading
import unittest

from doors import enrolled_agent, operator
from harness import BINARY, SystemTest


def lines(node, account, query=""):
    answer = operator(node, "GET", f"/v1/events{query}", account=account)
    assert answer.status == 200, answer
    return [item["text"] for item in answer.body["items"]]


def at_once(*calls):
    """Answers of calls that start together."""
    gate = threading.Barrier(len(calls))
    answers = [None] * len(calls)

    def run(index, one):
        gate.wait()
        answers[index] = one()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


class Transfers(SystemTest):
    def setUp(self):
        super().setUp()
        self.one = self.node().start()
        self.two_companies(self.one)
        self.agent = enrolled_agent(self.one, self.one.owner)

    def offer(self, *devices, to=None):
        body = {"devices": list(devices), "address": to or self.one.provider}
        answer = operator(self.one, "POST", "/v1/transfers", body, account=self.one.owner)
        self.assertEqual(answer.status, 201, answer)
        return answer.body

    def accept(self, token):
        return operator(self.one, "POST", "/v1/transfers/accept", {"token": token}, account=self.one.provider)

    def test_what_was_before_stays_with_the_former_owner(self):
        node = self.one
        rack = self.agent.register("rack-1")
        self.agent.send([self.agent.report(rack, 1)])
        node.one("device", "rename", rack[0], "Cellar", account=node.owner)
        body = {"device": rack[0], "kind": "self-test"}
        old = operator(node, "POST", "/v1/commands", body, account=node.owner).body["commandId"]
        offered = self.offer("Cellar")
        self.assertIn("/transfer#", offered["link"])
        received = node.one("transfer", "list", "--received", account=node.provider)
        self.assertEqual(received["owner"], "Example Ltd")
        self.assertEqual([device["name"] for device in received["devices"]], ["Cellar"])
        self.assertEqual(operator(node, "GET", f"/v1/devices/{rack[0]}", account=node.provider).status, 404)

        answer = self.accept(offered["token"])
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.body["cancelledCommandIds"], [old])
        self.assertEqual(operator(node, "GET", f"/v1/devices/{rack[0]}", account=node.owner).status, 404)
        device = operator(node, "GET", f"/v1/devices/{rack[0]}", account=node.provider).body
        self.assertEqual((device["owner"], device["name"]), ("MSP GmbH", "Cellar"))

        # Each has the lines and commands of his own time.
        theirs = lines(node, node.provider, f"?device={rack[0]}")
        self.assertEqual(theirs, ["msp@example.net took over Cellar; MSP GmbH owns them now"])
        ours = lines(node, node.owner)
        self.assertTrue(any(line.endswith("owner@example.org renamed rack-1 to Cellar") for line in ours), ours)
        self.assertIn("msp@example.net took over Cellar; MSP GmbH owns them now", ours)
        self.assertEqual(operator(node, "GET", f"/v1/events?device={rack[0]}", account=node.owner).status, 404)
        self.assertEqual(operator(node, "GET", f"/v1/commands/{old}", account=node.owner).body["state"], "cancelled")
        self.assertEqual(operator(node, "GET", f"/v1/commands/{old}", account=node.provider).status, 404)

        # A new name is the new owner's.
        node.one("device", "rename", rack[0], "Secret", account=node.provider)
        self.assertNotIn("Secret", " ".join(lines(node, node.owner)))
        self.assertIn("Secret", " ".join(lines(node, node.provider)))

        # The agent serves two owners now.
        sent = self.agent.send([self.agent.report(rack, 2)])
        self.assertEqual(sent.body["accepted"], 1, sent)
        other = self.agent.register("rack-2")
        self.assertEqual(operator(node, "GET", f"/v1/devices/{other[0]}", account=node.owner).status, 200)
        self.assertEqual(operator(node, "GET", f"/v1/devices/{other[0]}", account=node.provider).status, 404)
        node.run("check", parse=False)
        node.run("verify", parse=False)

    def test_a_grant_opens_the_present_owners_time_only(self):
        node = self.one
        rack = self.agent.register("rack-1")
        node.one("device", "rename", rack[0], "First", account=node.owner)
        node.one("company", "create", "Third AG")
        node.one("account", "create", "third@example.com", "--company", "Third AG")
        self.accept(self.offer(rack[0])["token"])
        node.one("device", "rename", rack[0], "Second", account=node.provider)
        body = {"devices": [rack[0]], "address": "third@example.com"}
        token = operator(node, "POST", "/v1/shares", body, account=node.provider).body["token"]
        accepted = operator(node, "POST", "/v1/shares/accept", {"token": token}, account="third@example.com")
        self.assertEqual(accepted.status, 200, accepted)
        (line,) = lines(node, "third@example.com", f"?device={rack[0]}")
        self.assertTrue(line.endswith("msp@example.net renamed First to Second"), line)

    def test_an_offer_is_declined_by_its_link_once(self):
        token = self.offer(self.agent.register("rack-1")[0])["token"]
        for status in (200, 409):
            declined = operator(self.one, "POST", "/v1/transfers/decline", {"token": token})
            self.assertEqual(declined.status, status, declined)
        self.assertEqual(self.accept(token).status, 409)

    def test_one_of_two_who_answer_at_once_wins(self):
        node = self.one
        for round_number in range(4):
            rack = self.agent.register(f"rack-{round_number}")
            token = self.offer(rack[0])["token"]
            answers = at_once(
                lambda: self.accept(token),
                lambda: self.accept(token),
                lambda: operator(node, "POST", "/v1/transfers/decline", {"token": token}),
            )
            self.assertEqual(sorted(answer.status for answer in answers), [200, 409, 409], answers)
        for round_number in range(4):
            rack = self.agent.register(f"shelf-{round_number}")
            body = {"devices": [rack[0]], "address": node.provider}
            token = operator(node, "POST", "/v1/shares", body, account=node.owner).body["token"]
            answers = at_once(
                *[
                    lambda: operator(node, "POST", "/v1/shares/accept", {"token": token}, account=node.provider)
                    for _ in range(2)
                ]
            )
            self.assertEqual(sorted(answer.status for answer in answers), [200, 409], answers)

    def test_a_device_is_moved_to_another_agent_and_stays_the_same(self):
        node = self.one
        rack = self.agent.register("rack-1")
        body = {
            "identity": {"manufacturer": "Example", "model": "U1", "serial": "2", "firmware": "1"},
            "commands": [],
            "variables": [],
        }
        self.assertEqual(self.agent.call("POST", f"/agent/v1/devices/{rack[0]}/capabilities", body).status, 200)
        other = enrolled_agent(node, node.owner)
        agents = {line["agentId"] for line in node.run("agent", "list", account=node.owner)}
        self.assertEqual(agents, {self.agent.id, other.id})
        node.one(
            "device", "move", "rack-1", "--agent", other.id, "--upsd", "nas:3493", "--ups", "rack", account=node.owner
        )
        device = node.one("device", "show", "rack-1", account=node.owner)
        self.assertEqual((device["deviceId"], device["agentId"], device["generation"]), (rack[0], other.id, 2))
        self.assertEqual([alias.get("serial") for alias in device["aliases"]], [None, "1"])
        self.assertEqual(device["aliases"][0]["upsName"], "rack-1")
        sent = self.agent.send([self.agent.report(rack, 1)])
        self.assertEqual(sent.body["refused"][0]["reason"], "UNKNOWN_DEVICE", sent)
        moved = (rack[0], rack[1], 2)
        self.assertEqual(other.send([other.report(moved, 1)]).body["accepted"], 1)
        # What the former owner reached it by is not the next one's to know.
        self.accept(self.offer(rack[0])["token"])
        seen = operator(node, "GET", f"/v1/devices/{rack[0]}", account=node.provider).body
        self.assertEqual([alias.get("serial") for alias in seen["aliases"]], ["1"])

    def test_bad_requests_are_named(self):
        node = self.one
        rack = self.agent.register("rack-1")
        cases = [
            ({"devices": [], "address": node.provider}, 422),
            ({"devices": [rack[0]] * 2, "address": node.provider}, 422),
            ({"devices": [rack[0]], "address": "nonsense"}, 422),
            ({"devices": "rack-1", "address": node.provider}, 422),
            ({"address": node.provider}, 422),
            ({"devices": ["nowhere"], "address": node.provider}, 404),
            ({"devices": [rack[0]], "address": node.owner}, 409),
        ]
        for body, status in cases:
            answer = operator(node, "POST", "/v1/transfers", body, account=node.owner)
            self.assertEqual(answer.status, status, (body, answer))
        token = self.offer(rack[0])["token"]
        for bad in ("x", token[:-1], token + "x", token[:37] + "A" * 43):
            self.assertEqual(self.accept(bad).status, 403, bad)
        self.assertEqual(operator(node, "GET", "/v1/transfers").status, 400)
        node.one("transfer", "cancel", token[:36], account=node.owner)
        words = [BINARY, "transfer", "offer", "rack-1", "--to", node.provider, "--as", node.owner]
        said = subprocess.run(words, env=node.env(), capture_output=True, timeout=60, check=True).stdout.decode()
        self.assertRegex(said, r"transfer [0-9a-f-]{36}\ntoken    \S+\nlink     \S+\nexpires  20\d\d-\S+Z\n")
        self.assertEqual(self.accept(token).status, 409)


if __name__ == "__main__":
    unittest.main()
