# SPDX-License-Identifier: Apache-2.0
"""History of whole nodes: charts over HTTP and the command line, closed days on the log, rebuilt rows, who may see which."""
import os
import signal
import time
import unittest

from doors import enrolled_agent, operator
from harness import SystemTest, wait_until

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS


class History(SystemTest):
    def setUp(self):
        super().setUp()
        self.one = self.node().start()
        self.two_companies(self.one)
        self.agent = enrolled_agent(self.one, self.one.owner)
        self.rack = self.agent.register("rack-1")
        self.counter = 0

    def say(self, charge, age_ms=0):
        self.counter += 1
        readings = (("battery.charge", str(charge).encode()), ("ups.load", b"20"))
        answer = self.agent.send([self.agent.report(self.rack, self.counter, readings, age_ms=age_ms)])
        self.assertEqual(answer.status, 200, answer)

    def ask(self, account, query="", status=200):
        path = f"/v1/devices/{self.rack[0]}/history?quantity=battery.charge{query}"
        answer = operator(self.one, "GET", path, account=account)
        self.assertEqual(answer.status, status, answer)
        return answer.body

    def has(self, account, query, count):
        """The answer, once that many readings are in it."""

        def look():
            body = self.ask(account, query)
            return body if sum(point["count"] for point in body["points"]) == count else None

        return wait_until(look, f"{count} readings in {query}\n{self.ask(account, query)}")

    def closed(self, count):
        wait_until(
            lambda: len(self.one.run("tail", "--topic", "history", "--exit", "--offset", "beginning")) >= count
            and not [lag for lag in self.one.run("lag") if lag["view"] == "history"][0]["behindRecords"],
            f"{count} closed days\n{self.one.tail()}",
        )

    def test_charts(self):
        node = self.one
        self.say(90)
        self.say(70)
        self.say(80, age_ms=3 * DAY_MS)
        now = self.has(node.owner, "", 2)
        self.assertEqual((now["source"], now["unit"], now["quantity"]), ("readings", "%", "battery.charge"))
        self.assertEqual({point["last"] for point in now["points"]}, {90.0, 70.0} if len(now["points"]) == 2 else {70.0})
        since = int(time.time() * 1000) - 10 * DAY_MS
        days = self.has(node.owner, f"&fromMs={since}&stepMs={DAY_MS}", 3)
        self.assertEqual(days["source"], "days")
        self.assertEqual(days["points"][0]["mean"], 80.0)
        hours = self.has(node.owner, f"&fromMs={since}&stepMs=1000&points=5000", 3)
        self.assertEqual((hours["source"], hours["stepMs"]), ("hours", HOUR_MS))
        shown = node.one("history", "rack-1", "--from", "10d", "--step", "1d", account=node.owner)
        self.assertEqual(shown["points"], days["points"])

    def test_bad_questions_are_answered_with_the_field(self):
        for query, field in (
            ("&fromMs=-1", "fromMs"),
            ("&fromMs=5&toMs=5", "fromMs"),
            ("&toMs=0", "toMs"),
            ("&toMs=253402300800000", "toMs"),
            ("&stepMs=999", "stepMs"),
            ("&points=0", "points"),
            ("&points=5001", "points"),
            ("&points=many", "points"),
        ):
            self.assertEqual(self.ask(self.one.owner, query, status=400)["field"], field, query)
        self.ask(self.one.owner, "&points=5000")
        self.say(90)
        self.has(self.one.owner, "", 1)
        self.assertEqual(self.ask(self.one.owner, "&stepMs=1000&points=1", status=422)["field"], "stepMs")
        for name in ("", "battery", "ups.status", "battery.temperature"):
            path = f"/v1/devices/{self.rack[0]}/history?quantity={name}"
            self.assertEqual(operator(self.one, "GET", path, account=self.one.owner).status, 400, name)
        self.one.run("history", "rack-1", "--from", "yesterday", account=self.one.owner, code=2)
        self.one.run("history", "rack-1", "--step", "1 day", account=self.one.owner, code=2)
        self.ask(self.one.provider, status=404)

    def test_a_closed_day_goes_to_the_log_once_and_survives_a_rebuild(self):
        node = self.one
        self.say(60, age_ms=2 * DAY_MS)
        self.say(80, age_ms=5 * DAY_MS)
        self.closed(2)
        self.say(50, age_ms=5 * DAY_MS)
        self.closed(3)
        records = node.run("tail", "--topic", "history", "--exit", "--offset", "beginning")
        self.assertEqual([int(record["data"]["revision"]) for record in records], [2, 2, 4])
        self.assertEqual({record["key"] for record in records}, {self.rack[1]})
        since = int(time.time() * 1000) - 10 * DAY_MS
        before = self.ask(node.owner, f"&fromMs={since}&stepMs={DAY_MS}")["points"]
        os.kill(node.duty("archive"), signal.SIGKILL)
        node.run("rebuild", "history", parse=False)
        self.assertEqual(self.ask(node.owner, f"&fromMs={since}&stepMs={DAY_MS}")["points"], before)
        node.run("check", "history", parse=False)
        node.run("verify", parse=False)
        self.say(50, age_ms=7 * DAY_MS)
        self.closed(4)
        self.assertEqual(len(node.run("tail", "--topic", "history", "--exit", "--offset", "beginning")), 4)

    def test_a_new_owner_sees_his_own_time_alone(self):
        node = self.one
        self.say(60, age_ms=3 * DAY_MS)
        self.say(70)
        since = int(time.time() * 1000) - 10 * DAY_MS
        self.has(node.owner, f"&fromMs={since}&stepMs={DAY_MS}", 2)
        offered = operator(
            node, "POST", "/v1/transfers", {"devices": ["rack-1"], "address": node.provider}, account=node.owner
        )
        token = {"token": offered.body["token"]}
        self.assertEqual(operator(node, "POST", "/v1/transfers/accept", token, account=node.provider).status, 200)
        self.say(80)
        self.has(None, f"&fromMs={since}&stepMs={DAY_MS}", 3)
        for step in (1000, HOUR_MS, DAY_MS):
            for point in self.ask(node.provider, f"&stepMs={step}&points=5000&fromMs=1")["points"]:
                self.assertEqual((point["min"], point["max"]), (80.0, 80.0), step)
        self.has(node.provider, "&stepMs=1000&points=5000&fromMs=" + str(int(time.time() * 1000) - HOUR_MS), 1)
        self.ask(node.owner, status=404)


if __name__ == "__main__":
    unittest.main(verbosity=2)
