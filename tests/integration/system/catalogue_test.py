# SPDX-License-Identifier: Apache-2.0
"""The catalogue of parts, and dates that the forecast sets, in whole nodes."""
import datetime
import json
import pathlib
import unittest

from doors import enrolled_agent, operator
from harness import SystemTest, wait_until

SAMPLE = pathlib.Path(__file__).parents[3] / "docs" / "catalogue.json"


def day(days):
    return (datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=days)).isoformat()


class Catalogue(SystemTest):
    def setUp(self):
        super().setUp()
        self.one = self.node().start()
        self.two_companies(self.one)

    def device(self, name):
        answer = operator(self.one, "GET", f"/v1/devices/{name}", account=self.one.owner)
        self.assertEqual(answer.status, 200, answer)
        return answer.body

    def test_the_sample_is_imported_listed_and_shown(self):
        node = self.one
        entries = json.loads(SAMPLE.read_text())["entries"]
        done = node.one("catalogue", "import", SAMPLE)
        self.assertEqual((int(done["version"]), int(done["changedCount"])), (1, len(entries)))
        again = node.one("catalogue", "import", SAMPLE)
        self.assertEqual((int(again["version"]), int(again.get("changedCount", 0))), (2, 0))
        listed = node.run("catalogue", "list", account=node.owner)
        self.assertEqual(len(listed), len(entries))
        self.assertEqual({item["version"] for item in listed}, {1})
        self.assertTrue(all(item["source"] for item in listed))
        self.assertEqual([item["sku"] for item in listed], sorted(item["sku"] for item in listed))
        shown = node.one("catalogue", "show", "SMT1500RM2UC")
        self.assertEqual((shown["kind"], shown["part"], shown["strength"]), ("battery", "APCRBC133", "strong"))
        for similar in ("SMT1500RM2U", "smt1500rm2uc", "SMT1500RM2UCX", "S"):
            node.run("catalogue", "show", similar, code=3)
        pages = []
        path = "/v1/catalogue?limit=5"
        while path:
            answer = operator(node, "GET", path, account=node.owner).body
            pages += answer["items"]
            path = f"/v1/catalogue?limit=5&cursor={answer['next']}" if "next" in answer else None
        self.assertEqual([item["sku"] for item in pages], [item["sku"] for item in listed])

    def test_bad_files_and_entries_are_refused(self):
        node = self.one
        bad = self.directory / "bad.json"
        for text in ("", "[]", "{}", '{"name":"x"}', '{"name":"x","entries":[]}', '{"name":1,"entries":[{}]}'):
            bad.write_text(text)
            node.run("catalogue", "import", bad, code=2)
        good = {"sku": "A", "kind": "battery", "part": "B", "source": "s", "strength": "weak"}
        for change in (
            {"sku": ""}, {"sku": "x" * 41}, {"sku": "two words"}, {"kind": "other"}, {"part": ""}, {"part": "x" * 33},
            {"source": ""}, {"source": 5}, {"strength": "sure"}, {"months": 12}, {"months": -1}, {"netMinor": 5},
            {"region": "DE"}, {"withdrawn": 1}, {"netMinor": "5"}, {"kind": "price"}, {"kind": "warranty"},
        ):
            body = {"name": "x", "entries": [{**good, **change}]}
            answer = operator(node, "POST", "/v1/catalogue", body)
            self.assertEqual(answer.status, 422, (change, answer))
        body = {"name": "x", "entries": [good] * 301}
        self.assertEqual(operator(node, "POST", "/v1/catalogue", body).status, 422)
        body = {"name": "x", "entries": [{**good, "sku": f"A{i}"} for i in range(300)]}
        self.assertEqual(operator(node, "POST", "/v1/catalogue", body).status, 200)
        self.assertEqual(operator(node, "POST", "/v1/catalogue", {"name": "x", "entries": [good]}).status, 200)
        large = self.directory / "large.json"
        large.write_text(json.dumps({"name": "x", "entries": [{**good, "sku": f"B{i}"} for i in range(301)]}))
        self.assertEqual(len(node.run("catalogue", "import", large)), 2)

    def test_the_forecast_sets_dates_and_the_owner_wins(self):
        node = self.one
        agent = enrolled_agent(node, node.owner)
        rack = agent.register("rack-1")
        bare = agent.register("rack-2")
        readings = (("battery.date", day(-365).replace("-", "/").encode()), ("ups.mfr.date", b"2001/09/25"))
        self.assertEqual(agent.send([agent.report(rack, 1, readings), agent.report(bare, 1)]).status, 200)
        node.stop()  # the walk over devices begins anew at a start
        node.start()

        def dates(name="rack-1"):
            found = node.run("lifecycle", "list", name, account=node.owner)
            return {item["fact"]: (item["dueDate"], item["basis"]) for item in found}

        due = day(-365 + 1461)
        wait_until(lambda: dates().get("battery-replacement") == (due, "forecast"), f"a date\n{node.tail()}")
        battery = self.device("rack-1")["battery"]
        self.assertEqual((battery["due"], battery["basis"], battery["confidence"]), (due, "battery-date", "low"))
        self.assertIn("an assumed 25", battery["because"])
        self.assertEqual(self.device("rack-2")["battery"]["basis"], "unknown")
        self.assertEqual(self.device("rack-2")["battery"]["due"], "")
        self.assertEqual(dates("rack-2"), {})
        node.run("lifecycle", "set", "rack-1", "battery-replacement", day(40), account=node.owner)
        node.stop()
        node.start()
        self.assertEqual(dates()["battery-replacement"], (day(40), "owner"))
        node.run("verify", parse=False)


if __name__ == "__main__":
    unittest.main(verbosity=2)
