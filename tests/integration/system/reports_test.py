# SPDX-License-Identifier: Apache-2.0
"""Reports by command line and API: who gets which devices, names of downloads, parts of files, the same bytes."""
import csv
import datetime
import io
import json
import pathlib
import unittest
import zipfile

from doors import CHANGES, api_token, enrolled_agent, operator, public, quote
from harness import SystemTest, wait_until

HOSTILE = '=cmd|"/c calc"!A1 <b>&amp;'
KINDS = ("inventory", "renewals", "operational", "events")
FORMATS = {
    "json": "application/json",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
READINGS = (
    ("ups.status", b"OL"),
    ("battery.charge", b"100"),
    ("battery.runtime", b"1500"),
    ("ups.load", b"90"),
    ("ups.temperature", b"31.5"),
    ("input.voltage", b"230"),
    ("experimental.battery.sku", b"APCRBC133"),
)


class Reports(SystemTest):
    def setUp(self):
        super().setUp()
        node = self.node_ = self.node().start()
        self.two_companies(node)
        node.one("company", "create", "Stranger Inc")
        node.one("account", "create", "stranger@example.com", "--company", "Stranger Inc")
        self.agent = enrolled_agent(node, node.owner)
        self.rack = self.agent.register("rack")
        self.cellar = self.agent.register("cellar")

    def get(self, target, account=None, headers=None):
        return operator(self.node_, "GET", target, None, account, headers)

    def rows(self, target, account=None, table=0):
        answer = self.get(target, account)
        self.assertEqual(answer.status, 200, answer)
        return answer.body["tables"][table]["rows"]

    def test_every_report_in_every_format(self):
        for kind in KINDS:
            for form, media in FORMATS.items():
                answer = self.get(f"/v1/reports/{kind}?format={form}", self.node_.owner)
                self.assertEqual((answer.status, answer.headers["Content-Type"].split(";")[0]), (200, media))
                name = answer.headers["Content-Disposition"]
                self.assertRegex(name, rf'^attachment; filename="fleetlog-{kind}-\d{{4}}-\d\d-\d\d\.{form}"$')
                again = self.get(f"/v1/reports/{kind}?format={form}", self.node_.owner)
                self.assertEqual(again.raw, answer.raw, (kind, form))
                self.assertEqual(again.headers["ETag"], answer.headers["ETag"])
            names = [chart["name"] for chart in self.get(f"/v1/reports/{kind}", self.node_.owner).body["charts"]]
            for name in names:
                svg = self.get(f"/v1/reports/{kind}?format=svg&chart={name}", self.node_.owner)
                self.assertEqual((svg.status, svg.headers["Content-Type"]), (200, "image/svg+xml"))

    def test_bad_questions(self):
        for target, status in (
            ("/v1/reports/nonsense", 404),
            ("/v1/reports/events?format=doc", 400),
            ("/v1/reports/events?severity=loud", 400),
            ("/v1/reports/events?format=svg&chart=nonsense", 400),
            ("/v1/reports/events?device=nonsense", 404),
            ("/v1/reports/events?device=" + ",".join(["a"] * 1001), 400),
        ):
            answer = self.get(target, self.node_.owner)
            self.assertEqual(answer.status, status, (target, answer))
        self.assertEqual(self.get("/v1/reports/events").status, 400, "of which company?")
        self.assertEqual(self.get("/v1/reports/events?shared=true").status, 400)

    def test_who_gets_what(self):
        node = self.node_
        target = "/v1/reports/operational"
        self.assertEqual(len(self.rows(target, node.owner)), 2)
        self.assertEqual(len(self.rows(target + "?company=" + quote("Example Ltd"))), 2)
        self.assertEqual(len(self.rows(target, "stranger@example.com")), 0)
        self.assertEqual(self.get(target + "?device=rack", "stranger@example.com").status, 404)
        self.assertEqual(self.get(f"{target}?device={self.rack[0]}", "stranger@example.com").status, 404)
        company = node.run("company", "list")[0]["companyId"]
        self.assertEqual(self.get(f"{target}?company={company}", "stranger@example.com").status, 403)
        self.assertEqual(self.rows(target + "?shared=true", node.provider), [])
        shared = operator(node, "POST", "/v1/shares", {"devices": ["rack"], "address": node.provider}, node.owner)
        operator(node, "POST", "/v1/shares/accept", {"token": shared.body["token"]}, node.provider)
        for kind in ("inventory", "renewals", "operational"):
            got = self.rows(f"/v1/reports/{kind}?shared=true", node.provider)
            self.assertLessEqual({row["name"] for row in got}, {"rack"}, kind)
        self.assertEqual(len(self.rows(target + "?shared=true", node.provider)), 1)
        self.assertEqual(len(self.rows(target + "?device=rack", node.provider)), 1)
        self.assertEqual(self.get(target + "?device=rack,cellar", node.provider).status, 404)
        texts = [row["text"] for row in self.rows("/v1/reports/events?shared=true", node.provider)]
        self.assertFalse([text for text in texts if "cellar" in text or "shared" in text], texts)
        operator(node, "DELETE", f"/v1/shares/{shared.body['shareId']}", None, node.owner)
        self.assertEqual(self.rows(target + "?shared=true", node.provider), [])

    def test_readings_and_sizing(self):
        self.agent.send([self.agent.report(self.rack, 1, READINGS)])
        wait_until(lambda: self.rows("/v1/reports/operational?device=rack")[0]["status"], "the report to count")
        row = self.rows("/v1/reports/operational?device=rack")[0]
        found = {name: row[name] for name in ("status", "charge", "runtime", "load", "temperature", "inputVoltage")}
        expected = {"status": "on line", "charge": 100, "runtime": 25.0, "load": 90, "temperature": 31.5, "inputVoltage": 230}
        self.assertEqual(found, expected)
        self.assertEqual((row["sizing"], row["sizingBasis"]), ("too small for its load", "load 90 %, above 80 %"))
        silent = self.rows("/v1/reports/operational?device=cellar")[0]
        self.assertEqual([silent[name] for name in ("status", "load", "sizing")], [None, None, None])
        part = self.rows("/v1/reports/inventory?device=rack")[0]
        self.assertEqual((part["batteryPart"], part["sku"], part["batteryDue"]), ("APCRBC133", None, None))
        self.agent.send([self.agent.report(self.rack, 2, (("battery.runtime", b"65535"), ("ups.load", b"30")), CHANGES)])
        wait_until(lambda: self.rows("/v1/reports/operational?device=rack")[0]["load"] == 30, "the next report")
        row = self.rows("/v1/reports/operational?device=rack")[0]
        self.assertEqual((row["runtime"], row["sizing"]), (None, None), "a sentinel is no run time")

    def test_dates_and_quarters(self):
        node = self.node_
        node.one("lifecycle", "set", "rack", "battery-replacement", "2031-02-03", account=node.owner)
        rows = self.rows("/v1/reports/renewals", node.owner)
        battery = [row for row in rows if row["what"] == "battery replacement"]
        self.assertEqual([(row["name"], row["due"], row["quarter"]) for row in battery], [("rack", "2031-02-03", "2031 Q1")])
        self.assertEqual((battery[0]["basis"], battery[0]["price"]), ("set by hand", None))
        for row in rows:
            self.assertFalse({"status", "load", "charge", "runtime", "temperature"} & set(row))
        budget = self.rows("/v1/reports/renewals", node.owner, table=1)
        self.assertEqual(sum(row["batteries"] for row in budget), 1)
        self.assertEqual([row["budget"] for row in budget if row["batteries"]], [None], "no price is guessed")

    def test_catalogue_and_forecast(self):
        node = self.node_
        fact = {"source": "a test", "strength": "strong"}
        price = {**fact, "sku": "P-1", "kind": "price", "currency": "EUR"}
        entries = [
            {**fact, "sku": "U1", "kind": "battery", "part": "P-1"},
            {**fact, "sku": "U1", "kind": "spare-part", "part": "FAN-9"},
            {**price, "region": "DE", "netMinor": 12950},
        ]
        answer = operator(node, "POST", "/v1/catalogue", {"name": "x", "entries": entries})
        self.assertEqual(answer.status, 200, answer)
        readings = (("ups.status", b"OL"), ("battery.date", b"2026/01/15"), ("ups.mfr.date", b"2024/03/01"))
        self.agent.send([self.agent.report(self.rack, 1, readings)])
        target = "/v1/reports/inventory?device=rack"
        wait_until(lambda: self.rows(target)[0]["batteryDue"], "the report to count")
        row = self.rows(target)[0]
        self.assertEqual((row["sku"], row["batteryPart"], row["otherParts"]), ("U1", "P-1", "FAN-9"))
        self.assertRegex(row["batteryDueBasis"], "2026-01-15.*confidence")
        self.assertGreater(row["age"], row["batteryAge"])
        self.assertEqual(row["ageBasis"], "ups.mfr.date")

        def battery(query=""):
            rows = self.rows("/v1/reports/renewals?device=rack" + query)
            return next(row for row in rows if row["what"] == "battery replacement")

        self.assertEqual((battery()["due"], battery()["part"]), (row["batteryDue"], "P-1"))
        self.assertEqual((battery()["price"], battery()["currency"]), (129.5, "EUR"))
        budget = self.rows("/v1/reports/renewals?device=rack", table=1)
        self.assertEqual([line["budget"] for line in budget if line["batteries"]], ["EUR 129.50"])
        more = {"name": "y", "entries": [{**price, "region": "US", "currency": "USD", "netMinor": 9900}]}
        self.assertEqual(operator(node, "POST", "/v1/catalogue", more).status, 200)
        self.assertIsNone(battery()["price"], "of which region?")
        self.assertEqual((battery("&region=US")["price"], battery("&region=DE")["price"]), (99, 129.5))
        self.assertIsNone(battery("&region=XX")["price"])

    def test_hostile_names(self):
        node = self.node_
        operator(node, "PATCH", f"/v1/devices/{self.rack[0]}", {"location": HOSTILE}, node.owner)
        where = self.rows("/v1/reports/inventory?device=rack")[0]["location"]
        self.assertEqual(where, HOSTILE)
        raw = self.get("/v1/reports/inventory?device=rack&format=csv").raw.decode()
        row = list(csv.DictReader(io.StringIO(raw, newline=""), strict=True))[0]
        self.assertEqual(row["Location"], "'" + where)
        book = self.get("/v1/reports/inventory?device=rack&format=xlsx").raw
        with zipfile.ZipFile(io.BytesIO(book)) as archive:
            sheets = b"".join(archive.read(name) for name in archive.namelist() if "sheets/" in name)
        self.assertNotIn(b"<f>", sheets)

    def test_parts_of_a_file(self):
        target = "/v1/reports/inventory?format=pdf"
        whole = self.get(target, self.node_.owner)
        size, tag = len(whole.raw), whole.headers["ETag"]
        for header, first, last in (
            ("bytes=0-99", 0, 99),
            ("bytes=100-", 100, size - 1),
            ("bytes=-10", size - 10, size - 1),
            (f"bytes={size - 1}-{size + 5}", size - 1, size - 1),
        ):
            part = self.get(target, self.node_.owner, {"Range": header, "If-Range": tag})
            self.assertEqual((part.status, part.raw), (206, whole.raw[first : last + 1]), header)
            self.assertEqual(part.headers["Content-Range"], f"bytes {first}-{last}/{size}")
        for header in ("bytes=5-4", "bytes=a-b", "lines=0-1", "bytes=0-1,5-6", "bytes=", "bytes=-"):
            self.assertEqual(self.get(target, self.node_.owner, {"Range": header}).status, 200, header)
        self.assertEqual(self.get(target, self.node_.owner, {"Range": "bytes=0-9", "If-Range": '"old"'}).status, 200)
        for header in (f"bytes={size}-", "bytes=-0"):
            beyond = self.get(target, self.node_.owner, {"Range": header})
            self.assertEqual((beyond.status, beyond.headers["Content-Range"]), (416, f"bytes */{size}"))
        self.assertEqual(self.get(target, self.node_.owner, {"If-None-Match": tag}).status, 304)

    def test_event_log(self):
        node = self.node_
        operator(node, "PATCH", f"/v1/devices/{self.rack[0]}", {"location": "Hall 3"}, node.owner)
        operator(node, "PATCH", f"/v1/devices/{self.rack[0]}", {"name": "rack one"}, node.owner)
        answer = self.get("/v1/reports/events", node.owner)
        events, devices, places = (table["rows"] for table in answer.body["tables"])
        renamed = [row for row in events if "rack one" in row["text"]]
        self.assertEqual({row["role"] for row in renamed}, {"operator"}, renamed)
        listed = operator(node, "GET", "/v1/events?limit=1000", None, node.owner).body["items"]
        self.assertEqual([row["text"] for row in events], [item["text"] for item in listed])
        own = operator(node, "GET", f"/v1/events?limit=1000&device={self.rack[0]}", None, node.owner).body["items"]
        self.assertEqual([row["total"] for row in devices if row["device"] == "rack one"], [len(own)])
        self.assertEqual([row["total"] for row in places if row["location"] == "Hall 3"], [len(own)])
        self.assertEqual(sum(sum(bar["values"]) for bar in answer.body["charts"][0]["bars"]), len(events))
        target = "/v1/events?limit=1000&location=" + quote("Hall 3")
        there = operator(node, "GET", target, None, node.owner).body["items"]
        self.assertGreater(len(there), 0)
        self.assertLess(len(there), len(own), "only since it stands there")
        counts = node.run("events", "--counts", account=node.owner)
        self.assertEqual(counts, devices + places)
        there = node.run("events", "--location", "Hall 3", account=node.owner)
        self.assertLess(0, len(there), "by the command line too")
        both = self.rows("/v1/reports/events?device=" + ",".join((self.rack[0], self.cellar[0])), node.owner)
        sequences = [(row["severity"], row["time"], row["text"]) for row in both]
        self.assertEqual(len(set(sequences)), len(sequences), "what two devices have in common is listed once")

    def test_command_line(self):
        node = self.node_
        out = pathlib.Path(self.directory) / "out.pdf"
        node.run("report", "operational", "--company", "Example Ltd", "--format", "pdf", "-o", str(out), parse=False)
        self.assertTrue(out.read_bytes().startswith(b"%PDF-"))
        self.assertFalse(out.with_suffix(".pdf.part").exists())
        printed = node.run("report", "inventory", "--device", "rack", "--device", "cellar", parse=False).stdout
        self.assertEqual(len(json.loads(printed)["tables"][0]["rows"]), 2)
        node.run("report", "nonsense", "--company", "Example Ltd", code=3, parse=False)
        node.run("report", "events", "--company", "nobody", code=3, parse=False)
        bad = pathlib.Path(self.directory) / "bad.pdf"
        node.run("report", "events", "--format", "pdf", "-o", str(bad), code=1, parse=False)
        self.assertFalse(bad.exists() or bad.with_suffix(".pdf.part").exists())

    def test_as_it_was(self):
        node = self.node_
        sequences = {}
        for place in ("Hall A", "Hall B"):
            answer = operator(node, "PATCH", f"/v1/devices/{self.rack[0]}", {"location": place}, node.owner)
            sequences[place] = int(answer.body["sequence"])
        self.agent.send([self.agent.report(self.rack, 1, READINGS)])
        wait_until(lambda: self.rows("/v1/reports/operational?device=rack")[0]["load"], "the report to count")

        def past(at, *words):
            words = ("report", "operational", "--company", "Example Ltd", "--at", at, *words)
            document = json.loads(node.run(*words, parse=False).stdout)
            return document, next(row for row in document["tables"][0]["rows"] if row["name"] == "rack")

        for place, sequence in sequences.items():
            document, row = past(sequence)
            self.assertEqual((document["sequence"], row["location"], row["load"]), (sequence + 1, place, None))
            later = datetime.datetime.fromtimestamp(document["asOfMs"] / 1000, datetime.timezone.utc)
            stamp = later.strftime("%Y-%m-%dT%H:%M:%S.") + f"{document['asOfMs'] % 1000:03}Z"
            self.assertEqual(past(stamp)[1]["location"], place)
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
        document, row = past(now.strftime("%Y-%m-%d"))
        self.assertEqual((row["location"], row["load"]), ("Hall B", 90), "readings up to that time too")
        words = ("--company", "Example Ltd", "--at", sequences["Hall A"])
        events = json.loads(node.run("report", "events", *words, parse=False).stdout)
        self.assertFalse([line for line in events["tables"][0]["rows"] if "Hall B" in line["text"]])
        book = node.run("report", "inventory", *words, "--format", "xlsx", parse=False)
        self.assertIn("xl/workbook.xml", zipfile.ZipFile(io.BytesIO(book.stdout)).namelist())
        for at, code in (("99999", 3), ("1970-01-02", 3), ("2026-13-01", 2), ("soon", 2), ("-1", 2), ("", 2)):
            node.run("report", "events", "--company", "Example Ltd", "--at", at, code=code, parse=False)
        node.run("report", "events", "--company", "nobody", "--at", sequences["Hall A"], code=3, parse=False)
        node.run("report", "events", "--at", 3, code=2, parse=False)
        node.run("report", "events", "--at", 3, "--company", "Example Ltd", account=node.owner, code=2, parse=False)

    def test_at_the_api(self):
        node = self.node_
        self.assertEqual(public(node, "GET", "/v1/reports/inventory").status, 401)
        _, reads = api_token(node, node.owner, "read")
        self.assertEqual(public(node, "GET", "/v1/reports/inventory?format=csv", None, reads).status, 200)
        _, writes = api_token(node, node.owner, "write")
        self.assertEqual(public(node, "GET", "/v1/reports/inventory", None, writes).status, 403)


if __name__ == "__main__":
    unittest.main()
