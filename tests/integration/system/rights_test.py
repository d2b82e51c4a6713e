# SPDX-License-Identifier: Apache-2.0
"""Who may read what: every read route by everybody who could ask, and what the same request asked twice answers."""
import unittest

from doors import at, enrolled_agent, metrics, new_key, operator, quote
from harness import SystemTest, wait_until

NOBODY, OWNER, MEMBER, SHARED, STRANGER = "nobody", "owner", "member", "shared user", "stranger"


class Rights(SystemTest):
    def setUp(self):
        super().setUp()
        node = self.node_ = self.node().start()
        self.two_companies(node)
        node.one("company", "create", "Stranger Inc")
        node.one("account", "create", "member@example.org", "--company", "Example Ltd", "--role", "member")
        node.one("account", "create", "stranger@example.com", "--company", "Stranger Inc")
        self.accounts = {
            NOBODY: None,
            OWNER: node.owner,
            MEMBER: "member@example.org",
            SHARED: node.provider,
            STRANGER: "stranger@example.com",
        }
        self.agent = enrolled_agent(node, node.owner)
        self.device = self.agent.register("rack")[0]
        self.unshared = self.agent.register("cellar")[0]
        shared = self.ask(OWNER, "POST", "/v1/shares", {"devices": ["rack"], "address": node.provider})
        self.assertEqual(shared.status, 201, shared)
        self.share = shared.body["shareId"]
        taken = self.ask(SHARED, "POST", "/v1/shares/accept", {"token": shared.body["token"]})
        self.assertEqual(taken.status, 200, taken)
        key = {"Idempotency-Key": new_key()}
        command = self.ask(OWNER, "POST", "/v1/commands", {"device": "rack", "kind": "self-test"}, headers=key)
        self.assertEqual(command.status, 201, command)
        self.command = command.body["commandId"]
        hidden = self.ask(OWNER, "POST", "/v1/commands", {"device": "cellar", "kind": "self-test"})
        self.hidden_command = hidden.body["commandId"]

    def ask(self, who, method, path, body=None, headers=None):
        return operator(self.node_, method, path, body, self.accounts[who], headers)

    def names(self, answer, key="name"):
        self.assertEqual(answer.status, 200, answer)
        return sorted(item[key] for item in answer.body["items"])

    def check_statuses(self, table):
        for path, expected in table.items():
            for who, status in expected.items():
                answer = self.ask(who, "GET", path)
                self.assertEqual(answer.status, status, f"GET {path} by {who}: {answer}")
                head = self.ask(who, "HEAD", path)
                self.assertEqual((head.status, head.raw), (status, b""), f"HEAD {path} by {who}")

    def test_single_things(self):
        may_all = {NOBODY: 200, OWNER: 200, MEMBER: 200, SHARED: 200, STRANGER: 404}
        owners_only = {NOBODY: 200, OWNER: 200, MEMBER: 200, SHARED: 404, STRANGER: 404}
        operators_only = {NOBODY: 200, OWNER: 403, MEMBER: 403, SHARED: 403, STRANGER: 403}
        everybody = dict.fromkeys(may_all, 200)
        own_company = {NOBODY: 200, OWNER: 200, MEMBER: 200, SHARED: 403, STRANGER: 403}
        of_owners = {NOBODY: 200, OWNER: 200, MEMBER: 200, SHARED: 404, STRANGER: 404}
        self.check_statuses(
            {
                f"/v1/devices/{self.device}": may_all,
                "/v1/devices/rack": may_all,
                f"/v1/devices/{self.unshared}": owners_only,
                "/v1/devices/cellar": owners_only,
                f"/v1/commands/{self.command}": may_all,
                f"/v1/commands/{self.hidden_command}": owners_only,
                f"/v1/events?device={self.device}": may_all,
                "/v1/events?device=rack": may_all,
                f"/v1/events?device={self.unshared}": owners_only,
                f"/v1/events?company={self.node_.company}": own_company,
                f"/v1/accounts?company={self.node_.company}": of_owners,
                "/v1/accounts?company=Example%20Ltd": of_owners,
                "/v1/nodes": operators_only,
                "/v1/status": everybody,
                "/v1/companies": everybody,
                "/v1/devices": everybody,
                "/v1/events": everybody,
                "/metrics": operators_only,
                "/v1/shares": {NOBODY: 400, OWNER: 200, MEMBER: 200, SHARED: 200, STRANGER: 200},
                "/v1/devices?shared=true": {NOBODY: 400, OWNER: 200, SHARED: 200, STRANGER: 200},
            }
        )

    def test_lists_hold_what_one_may_see(self):
        both, one = ["cellar", "rack"], ["rack"]
        for who, own, shared in ((NOBODY, both, None), (OWNER, both, []), (MEMBER, both, []), (SHARED, [], one), (STRANGER, [], [])):
            self.assertEqual(self.names(self.ask(who, "GET", "/v1/devices")), own, who)
            if shared is not None:
                self.assertEqual(self.names(self.ask(who, "GET", "/v1/devices?shared=true")), shared, who)
        every = ["Example Ltd", "MSP GmbH", "Stranger Inc"]
        for who, companies in ((NOBODY, every), (OWNER, every[:1]), (MEMBER, every[:1]), (SHARED, every[1:2]), (STRANGER, every[2:])):
            self.assertEqual(self.names(self.ask(who, "GET", "/v1/companies")), companies, who)
        for who, sent, held in ((OWNER, 1, 0), (MEMBER, 1, 0), (SHARED, 0, 1), (STRANGER, 0, 0)):
            self.assertEqual(len(self.ask(who, "GET", "/v1/shares").body["items"]), sent, who)
            self.assertEqual(len(self.ask(who, "GET", "/v1/shares?held=true").body["items"]), held, who)
        texts = {who: " ".join(self.names(self.ask(who, "GET", "/v1/events"), "text")) for who in self.accounts}
        self.assertIn("cellar", texts[OWNER])
        for who in (SHARED, STRANGER):
            self.assertNotIn("cellar", texts[who], who)
            self.assertNotIn("owner@example.org", texts[who], who)

    def test_outcomes_are_their_authors(self):
        key = {"Idempotency-Key": new_key()}
        rename = self.ask(OWNER, "PATCH", f"/v1/devices/{self.device}", {"name": "rack"}, headers=key)
        self.assertEqual(rename.status, 200, rename)
        found = None
        for line in self.node_.run("tail", "-t", "actions", "-o", "beginning", "-e"):
            if line.get("type", "").endswith("RenameDevice"):
                found = line["id"]
        self.assertIsNotNone(found)
        for who, status in ((NOBODY, 200), (OWNER, 200), (MEMBER, 404), (SHARED, 404), (STRANGER, 404)):
            self.assertEqual(self.ask(who, "GET", f"/v1/actions/{found}").status, status, who)

    def test_changes_by_those_who_may_not(self):
        for who in (SHARED, STRANGER):
            for method, path, body in (
                ("DELETE", f"/v1/devices/{self.device}", None),
                ("POST", "/v1/shares", {"devices": [self.device], "address": "x@example.org"}),
                ("POST", "/v1/shares", {"devices": ["cellar"], "address": "x@example.org"}),
                ("POST", "/v1/commands", {"device": self.unshared, "kind": "self-test"}),
                ("POST", "/v1/accounts", {"company": "Example Ltd", "address": "y@example.org"}),
                ("PATCH", f"/v1/devices/{self.unshared}", {"name": "mine"}),
            ):
                answer = self.ask(who, method, path, body)
                self.assertIn(answer.status, (403, 404, 422), f"{method} {path} by {who}: {answer}")
        self.assertEqual(self.ask(OWNER, "POST", "/v1/clock/accept").status, 403)
        self.assertEqual(self.names(self.ask(OWNER, "GET", "/v1/devices")), ["cellar", "rack"])

    def test_the_same_key_gives_the_same_outcome(self):
        def twice(who, method, path, body, other, minted):
            key = {"Idempotency-Key": new_key()}
            first = self.ask(who, method, path, body, key)
            again = self.ask(who, method, path, body, key)
            self.assertLess(first.status, 300, first)
            self.assertEqual(first.body, again.body, path)
            self.assertTrue(first.body[minted])
            if other is not None:
                reused = self.ask(who, method, path, other, key)
                self.assertEqual((reused.status, reused.body["code"]), (422, "ID_REUSED"), reused)
            return first

        twice(NOBODY, "POST", "/v1/companies", {"name": "Once"}, {"name": "Twice"}, "companyId")
        self.assertEqual(self.names(self.ask(NOBODY, "GET", "/v1/companies")).count("Once"), 1)
        twice(OWNER, "POST", "/v1/claims", None, None, "code")
        address = {"devices": ["cellar"], "address": "new@example.org"}
        twice(OWNER, "POST", "/v1/shares", address, dict(address, devices=["rack"]), "token")
        twice(OWNER, "POST", "/v1/invitations", {"address": "a@example.org"}, {"address": "b@example.org"}, "invitationId")
        # Keys are one's own: another account's same key is another action.
        key = {"Idempotency-Key": "shared-key"}
        for who, name in ((OWNER, "rack"), (MEMBER, "cellar")):
            answer = self.ask(who, "PATCH", f"/v1/devices/{quote(name)}", {"location": f"by {who}"}, key)
            self.assertEqual(answer.status, 200, answer)
        for key, status in (("x" * 128, 201), ("x" * 129, 400)):
            answer = self.ask(NOBODY, "POST", "/v1/companies", {"name": "K"}, {"Idempotency-Key": key})
            self.assertEqual(answer.status, status, answer)

    def test_cursors_are_sealed(self):
        """Walked one by one a list is whole; a cursor is good for its list and its account, and for nothing else."""
        for path in ("/v1/devices", "/v1/events", "/v1/accounts"):
            whole = self.ask(OWNER, "GET", f"{path}?limit=1000").body["items"]
            walked, cursors, query = [], [], ""
            while query is not None:
                page = self.ask(OWNER, "GET", f"{path}?limit=1{query}")
                self.assertEqual((page.status, len(page.body["items"])), (200, 1), page)
                walked += page.body["items"]
                cursors += [page.body["next"]] if "next" in page.body else []
                query = f"&cursor={quote(page.body['next'])}" if "next" in page.body else None
            self.assertEqual(walked, whole, path)
            self.assertEqual(len(set(cursors)), len(whole) - 1)
            cursor = cursors[0]
            for who, where, text in (
                (MEMBER, path, cursor),
                (NOBODY, path, cursor),
                (OWNER, "/v1/shares", cursor),
                (OWNER, path, cursor[:-1]),
                (OWNER, path, ("B" if cursor[0] == "A" else "A") + cursor[1:]),
                (OWNER, path, cursor + "A"),
                (OWNER, path, cursor[:16]),
                (OWNER, path, ""),
                (OWNER, path, "A" * 5000),
            ):
                query = "&company=Example%20Ltd" if who == NOBODY and path == "/v1/accounts" else ""
                page = self.ask(who, "GET", f"{where}?cursor={quote(text)}{query}")
                self.assertEqual((page.status, page.body.get("field")), (400, "cursor"), (who, where, text, page))

    def test_tags(self):
        """A tag is good while the answer is the same, whatever else has happened."""
        path = f"/v1/devices/{self.unshared}"

        def tagged(who, tag=None):
            return self.ask(who, "GET", path, headers={"If-None-Match": tag} if tag else {})

        first = tagged(OWNER)
        tag = first.headers["ETag"]
        self.assertRegex(tag, r'^"[0-9]+-[0-9a-f]{16}"$')
        for known in (tag, f'"0-{"0" * 16}", {tag}', "W/" + tag, "*"):
            self.assertEqual((tagged(OWNER, known).status, tagged(OWNER, known).raw), (304, b""), known)
        self.assertEqual(tagged(SHARED, tag).status, 404)
        self.node_.one("company", "create", "Elsewhere")
        again = tagged(OWNER, tag)
        self.assertEqual(again.status, 304)
        self.assertGreater(int(again.headers["ETag"][1:].split("-")[0]), int(tag[1:].split("-")[0]))
        moved = self.ask(OWNER, "PATCH", path, {"location": "moved"})
        changed = tagged(OWNER, tag)
        self.assertEqual(int(changed.headers["ETag"][1:].split("-")[0]), moved.body["sequence"])
        self.assertEqual((changed.status, changed.body["location"]), (200, "moved"))

    def test_methods(self):
        for path, allow in (
            ("/v1/devices", "GET, HEAD"),
            ("/v1/companies", "POST, GET, HEAD"),
            ("/v1/devices/x", "GET, HEAD, PATCH, DELETE"),
            ("/v1/clock/accept", "POST"),
        ):
            answer = self.ask(NOBODY, "PUT", path)
            self.assertEqual((answer.status, answer.headers["Allow"]), (405, allow), path)
            self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
            self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertIsNone(self.ask(NOBODY, "GET", "/v1/devices").headers["Allow"])

    def test_metrics(self):
        self.ask(NOBODY, "GET", "/v1/devices")
        self.ask(NOBODY, "GET", "/nowhere")
        text = self.ask(NOBODY, "GET", "/metrics")
        self.assertEqual(text.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        samples = {}
        for line in text.body.splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                self.assertNotIn(name, samples)
                samples[name] = float(value)
        count = 'fleetlog_http_requests_total{method="%s",route="%s",status="%dxx"}'
        self.assertGreaterEqual(samples[count % ("GET", "/v1/devices", 2)], 1)
        self.assertGreaterEqual(samples[count % ("", "none", 4)], 1)
        self.assertGreater(samples['fleetlog_appended_records_total{topic="actions"}'], 5)
        self.assertEqual(samples['fleetlog_intake_held{reason="clock"}'], 0)
        self.assertGreater(samples["process_resident_memory_bytes"], 1 << 20)
        name = "fleetlog_http_request_duration_seconds"
        labels = 'method="GET",route="/v1/devices"'
        bounds = [samples[f'{name}_bucket{{{labels},le="{le}"}}'] for le in ("0.001", "0.005", "0.01", "0.05", "0.1", "0.5", "1", "5", "+Inf")]
        self.assertEqual(bounds, sorted(bounds))
        self.assertEqual(bounds[-1], samples[f"{name}_count{{{labels}}}"])
        views = {view: samples[f'fleetlog_view_sequence{{view="{view}"}}'] for view in ("registry", "devices", "eventlog", "people")}

        def all_equal():
            text = self.ask(NOBODY, "GET", "/metrics").body
            found = {line.rsplit(" ", 1)[1] for line in text.splitlines() if line.startswith("fleetlog_view_sequence{")}
            return len(found) == 1

        self.assertTrue(all(views.values()))
        wait_until(all_equal, "every view has applied every event")
        # At its own door too, and at no other.
        self.assertEqual(metrics(self.node_).status, 200)
        for door in ("agents", "api"):
            self.assertEqual(at(self.node_, door, "GET", "/metrics").status, 404, door)
        for door in ("agents", "api", "metrics"):
            for path in ("/healthz", "/readyz"):
                self.assertEqual(at(self.node_, door, "GET", path).status, 200, (door, path))
        self.assertEqual(metrics(self.node_, "/v1/devices").status, 404)


if __name__ == "__main__":
    unittest.main(verbosity=2)
