# SPDX-License-Identifier: Apache-2.0
"""What an agent may do at its door, and what is refused: replays, old and wrong signatures, other agents' devices."""
import http.client
import os
import signal
import struct
import time
import unittest

from doors import CHANGES, FULL, Agent, agents, enrolled_agent, operator
from harness import SystemTest, wait_until

WINDOW_MS = 5 * 60 * 1000
COUNT_MAX = 1000
SIZE_MAX = 64 * 1024


class Agents(SystemTest):
    def setUp(self):
        super().setUp()
        environment = {"FLEETLOG_JOURNAL_TELEMETRY_PARTITIONS": "3"}
        self.node_ = self.node(environment=environment).start()
        self.two_companies(self.node_)
        self.agent = enrolled_agent(self.node_, self.node_.owner)

    def accepted(self, answer, accepted, replayed=0, refused=()):
        self.assertEqual(answer.status, 200, answer)
        expected = {
            "accepted": accepted,
            "replayed": replayed,
            "refused": [{"index": index, "reason": reason} for index, reason in refused],
        }
        self.assertEqual(answer.body, expected)

    def reports_in_the_log(self):
        """(device number, counter) of every report, as `tail` shows them."""
        found = []
        for line in self.node_.run("tail", "-t", "telemetry", "-o", "beginning", "-e"):
            report = (line.get("data") or {}).get("report")
            if report:
                found.append(int(report["deviceNumber"]))
        return found

    def counter_of(self, device):
        return operator(self.node_, "GET", f"/v1/devices/{device[0]}").body.get("reportCounter")

    def test_enrolment(self):
        claim = operator(self.node_, "POST", "/v1/claims", account=self.node_.owner).body["code"]
        agent = Agent(self.node_)
        self.assertEqual(agent.enrol("WRONG-WRONG-WRONG-WRONG-WRONG").status, 404)
        first = agent.enrol(claim)
        self.assertEqual((first.status, first.body["agentId"]), (200, agent.id), first)
        self.assertEqual(agent.enrol(claim).body, first.body)
        # The claim is used up for everybody else.
        self.assertGreaterEqual(Agent(self.node_).enrol(claim).status, 400)
        # Who knows id and public key but not the secret learns nothing.
        thief = Agent(self.node_)
        thief.id, thief.public = agent.id, agent.public
        stolen = thief.enrol(claim)
        self.assertEqual((stolen.status, "companyId" in stolen.body), (401, False), stolen)
        # Another key under the id of an agent.
        thief = Agent(self.node_)
        thief.id = agent.id
        fresh = operator(self.node_, "POST", "/v1/claims", account=self.node_.owner).body["code"]
        self.assertGreaterEqual(thief.enrol(fresh).status, 400)
        self.assertEqual(agent.call("GET", "/agent/v1/commands").status, 200)

    def test_signatures(self):
        path = "/agent/v1/commands"
        now_ms = int(time.time() * 1000)
        good = self.agent.headers("GET", path)
        self.assertEqual(agents(self.node_, "GET", path, headers=good).status, 200)
        again = agents(self.node_, "GET", path, headers=good)
        self.assertEqual((again.status, again.body["field"]), (401, "Fleetlog-Nonce"), again)
        # A time before the start of this gateway is taken from an agent that it knows already.
        for offset_ms, status in ((WINDOW_MS - 20000, 200), (WINDOW_MS + 20000, 401), (20000 - WINDOW_MS, 200), (-20000 - WINDOW_MS, 401)):
            answer = self.agent.call("GET", path, now_ms=now_ms + offset_ms)
            self.assertEqual(answer.status, status, (offset_ms, answer))
        lower = self.agent.call("GET", path, nonce=int(good["Fleetlog-Nonce"]) - 1)
        self.assertEqual((lower.status, lower.body["field"]), (401, "Fleetlog-Nonce"))
        for name, value in (
            ("Fleetlog-Nonce", "18446744073709551616"),
            ("Fleetlog-Nonce", "-1"),
            ("Fleetlog-Nonce", "1x"),
            ("Fleetlog-Time", "x"),
            ("Fleetlog-Time", "18446744073709551615"),
            ("Fleetlog-Signature", "AAAA"),
            ("Fleetlog-Signature", good["Fleetlog-Signature"]),
            ("Fleetlog-Agent", "0198c0de-0000-7000-8000-000000000001"),
            ("Fleetlog-Agent", "x"),
        ):
            headers = dict(self.agent.headers("GET", path), **{name: value})
            self.assertEqual(agents(self.node_, "GET", path, headers=headers).status, 401, (name, value))
        # What is signed is this method, this target, this body.
        for method, target, body in (("GET", path + "?wait=0", b""), ("POST", "/agent/v1/reports", b""), ("GET", path, b"x")):
            headers = self.agent.headers(method, target, body)
            self.assertEqual(agents(self.node_, "GET", path, headers=headers).status, 401)
        impostor = Agent(self.node_)
        impostor.id = self.agent.id
        self.assertEqual(impostor.call("GET", path).status, 401)

    def test_what_an_earlier_gateway_saw_is_not_taken_again(self):
        path = "/agent/v1/commands"
        seen = self.agent.headers("GET", path)
        self.assertEqual(agents(self.node_, "GET", path, headers=seen).status, 200)
        pid = self.node_.duty("serve")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.node_.duty("serve") != pid, "the gateway is started again")

        def answers():
            try:
                return agents(self.node_, "GET", "/readyz").status == 200
            except OSError:
                return False

        wait_until(answers, "the gateway answers again")
        replayed = agents(self.node_, "GET", path, headers=seen)
        self.assertEqual((replayed.status, replayed.body["field"]), (401, "Fleetlog-Nonce"), replayed)
        self.assertEqual(self.agent.call("GET", path).status, 200)

    def test_reports(self):
        agent = self.agent
        devices = [agent.register(f"ups{n}") for n in range(5)]
        first = devices[0]
        self.accepted(agent.send([agent.report(device, 1) for device in devices]), 5)
        self.accepted(agent.send([agent.report(first, 1)]), 0, 1)
        self.accepted(agent.send([agent.report(first, 3), agent.report(first, 2), agent.report(first, 3)]), 1, 2)
        # Counters may skip; only what is above the last one counts.
        self.accepted(agent.send([agent.report(first, n, kind=CHANGES) for n in (7, 9, 12)]), 3)
        other = enrolled_agent(self.node_, self.node_.owner)
        foreign = other.register("foreign")
        unknown = (first[0], 4000, first[2])
        swapped = (devices[1][0], first[1], first[2])
        answer = agent.send(
            [
                agent.report(first, 13),
                agent.report(first, 14, signature=b"s" * 64),
                agent.report(foreign, 1),
                agent.report(unknown, 1),
                agent.report(swapped, 15),
                agent.report(first, 16, generation=first[2] + 1),
                agent.report(first, 0),
                agent.report(first, 17, kind=9),
                agent.report(first, 18),
            ]
        )
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.body["accepted"], 2)
        reasons = {item["index"]: item["reason"] for item in answer.body["refused"]}
        self.assertEqual(
            reasons,
            {
                1: "BAD_SIGNATURE",
                2: "UNKNOWN_DEVICE",
                3: "UNKNOWN_DEVICE",
                4: "UNKNOWN_DEVICE",
                5: "WRONG_GENERATION",
                6: "MALFORMED",
                7: "MALFORMED",
            },
        )
        # A report refused for its signature has not used up its counter.
        wait_until(lambda: self.counter_of(first) == 18, "the view has the last report")
        self.assertEqual(sorted(self.reports_in_the_log()), sorted([d[1] for d in devices] + [first[1]] * 6))

    def test_counters_are_known_after_a_restart(self):
        device = self.agent.register("ups")
        self.accepted(self.agent.send([self.agent.report(device, 5)]), 1)
        wait_until(lambda: self.counter_of(device) == 5, "the view has the report")
        self.node_.stop()
        self.node_.start()
        self.accepted(self.agent.send([self.agent.report(device, 5), self.agent.report(device, 6)]), 1, 1)

    def test_a_gateway_killed_between_append_and_answer(self):
        """The agent cannot know that its report landed: it sends it again, and it counts once."""
        device = self.agent.register("ups")
        self.node_.stop()
        self.node_.environment["FLEETLOG_FAULT_POINT"] = "gateway-reports-appended"
        self.node_.start()
        report = self.agent.report(device, 1)
        with self.assertRaises((ConnectionError, http.client.HTTPException)):
            self.agent.send([report])
        wait_until(lambda: device[1] in self.reports_in_the_log(), "the report has landed")
        self.node_.stop()
        del self.node_.environment["FLEETLOG_FAULT_POINT"]
        self.node_.start()
        wait_until(lambda: self.counter_of(device) == 1, "the view has the report")
        self.accepted(self.agent.send([report, self.agent.report(device, 2)]), 1, 1)
        wait_until(lambda: self.counter_of(device) == 2, "the view has the next one")
        self.assertEqual(self.reports_in_the_log().count(device[1]), 2)
        self.node_.run("verify", parse=False)

    def test_sizes(self):
        agent = self.agent
        device = agent.register("ups")
        for body in (b"", b"\0", struct.pack(">I", 0), struct.pack(">I", 1), struct.pack(">II", 1, 1)):
            answer = agent.call("POST", "/agent/v1/reports", body)
            self.assertEqual(answer.status, 400, (body, answer))
        one = agent.report(device, 1)
        for reports, count in (([one], 2), ([one, one], 1), ([one[:-1]], 1), ([one + b"x"], 1)):
            self.assertEqual(agent.send(reports, count=count).status, 400)
        many = [agent.report(device, n + 1, kind=FULL if n == 0 else CHANGES) for n in range(COUNT_MAX)]
        self.assertEqual(agent.send(many + [agent.report(device, COUNT_MAX + 1)]).status, 400)
        self.accepted(agent.send(many[: COUNT_MAX - 1]), COUNT_MAX - 1)
        self.accepted(agent.send(many), 1, COUNT_MAX - 1)
        large = [("x.y", b"v" * SIZE_MAX)]
        answer = agent.send([agent.report(device, 2000, large), agent.report(device, 2001)])
        self.assertEqual(answer.body["refused"], [{"index": 0, "reason": "TOO_LARGE"}], answer)
        try:
            self.assertEqual(agent.send([b"x" * (1 << 20)]).status, 413)
        except (ConnectionError, http.client.HTTPException):
            pass  # the end of the connection overtook the answer; the junk test sees it
        self.accepted(agent.send([agent.report(device, 2002)]), 1)

    def test_removed_and_moved_devices(self):
        device = self.agent.register("ups")
        self.assertEqual(self.agent.register("ups"), device)
        self.accepted(self.agent.send([self.agent.report(device, 1)]), 1)
        gone = operator(self.node_, "DELETE", f"/v1/devices/{device[0]}", account=self.node_.owner)
        self.assertEqual(gone.status, 200, gone)
        self.accepted(self.agent.send([self.agent.report(device, 2)]), 0, 0, [(0, "UNKNOWN_DEVICE")])
        other = enrolled_agent(self.node_, self.node_.owner)
        body = {"identity": {"manufacturer": "x", "model": "x", "serial": "x", "firmware": "x"}, "commands": [], "variables": []}
        mine = self.agent.register("another")
        answer = other.call("POST", f"/agent/v1/devices/{mine[0]}/capabilities", body)
        self.assertIn(answer.status, (403, 404), answer)
        self.assertEqual(self.agent.call("POST", f"/agent/v1/devices/{mine[0]}/capabilities", body).status, 200)

    def test_commands_are_the_agents_own(self):
        device = self.agent.register("ups")
        asked = operator(self.node_, "POST", "/v1/commands", {"device": "ups", "kind": "self-test"}, self.node_.owner)
        self.assertEqual(asked.status, 201, asked)
        command = asked.body["commandId"]
        other = enrolled_agent(self.node_, self.node_.owner)
        self.assertEqual(other.call("GET", "/agent/v1/commands").body, {"commands": []})
        for tail, body in (("delivery", {}), ("acknowledgement", {}), ("outcome", {"outcome": "SUCCEEDED", "reportCounter": 1})):
            answer = other.call("POST", f"/agent/v1/commands/{command}/{tail}", body)
            self.assertIn(answer.status, (403, 404), (tail, answer))
        mine = self.agent.call("GET", "/agent/v1/commands?wait=5").body["commands"]
        self.assertEqual([(c["commandId"], c["deviceId"], c["kind"]) for c in mine], [(command, device[0], "COMMAND_KIND_SELF_TEST")])
        for tail, body in (("delivery", {}), ("acknowledgement", {}), ("outcome", {"outcome": "SUCCEEDED", "variable": "ups.test.result", "value": "Done", "reportCounter": 1})):
            answer = self.agent.call("POST", f"/agent/v1/commands/{command}/{tail}", body)
            self.assertEqual(answer.status, 200, (tail, answer))
        self.assertEqual(self.agent.call("GET", "/agent/v1/commands").body, {"commands": []})
        self.assertEqual(self.agent.call("GET", "/agent/v1/commands?wait=61").status, 400)
        done = operator(self.node_, "GET", f"/v1/commands/{command}?wait=5", account=self.node_.owner)
        self.assertEqual((done.body["state"], done.body["value"]), ("succeeded", "Done"), done)


if __name__ == "__main__":
    unittest.main(verbosity=2)
