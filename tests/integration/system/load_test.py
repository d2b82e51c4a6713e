# SPDX-License-Identifier: Apache-2.0
"""Many clients at once: nothing acknowledged is lost, nothing is done twice, and a stop answers or refuses everybody."""
import collections
import http.client
import json
import threading
import unittest

from doors import OperatorConnection, call, enrolled_agent, operator
from harness import DEADLINE_S, SystemTest, wait_until

CLIENT_COUNT = 200
ROUND_COUNT = 6  # more than a page of companies


class Load(SystemTest):
    def clients(self, work, count=CLIENT_COUNT):
        """Runs work(number) in as many threads, started together; what they raised fails the test."""
        failures = []
        gate = threading.Barrier(count)

        def run(number):
            try:
                gate.wait(DEADLINE_S)
                work(number)
            except Exception as error:  # pylint: disable=broad-except
                failures.append(f"client {number}: {error!r}")

        threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(4 * DEADLINE_S)
        self.assertFalse(any(thread.is_alive() for thread in threads))
        self.assertEqual(failures, [])

    def connect(self, node):
        return OperatorConnection(str(node.directory / "run" / "operator.sock"))

    def companies(self, node):
        """name -> how many there are."""
        names = collections.Counter()
        cursor = ""
        while cursor is not None:
            page = operator(node, "GET", f"/v1/companies?limit=1000&cursor={cursor}" if cursor else "/v1/companies?limit=1000")
            names.update(item["name"] for item in page.body["items"])
            cursor = page.body.get("next")
        return names

    def check_log(self, node):
        actions = node.run("tail", "-t", "actions", "-o", "beginning", "-e")
        events = node.run("tail", "-t", "events", "-o", "beginning", "-e")
        self.assertEqual(len(actions), len(events))
        node.run("verify", parse=False)

    def test_two_hundred_clients(self):
        node = self.node().start()

        def work(number):
            connection = self.connect(node)
            for round_number in range(ROUND_COUNT):
                name = f"Company {number}-{round_number}"
                key = {"Idempotency-Key": name}
                # Every other client sends each request twice, as one does after a lost answer.
                for _ in range(1 + number % 2):
                    while True:
                        answer = call(connection, "POST", "/v1/companies", {"name": name}, key)
                        if answer.status not in (202, 503):
                            break
                    assert answer.status == 201, answer
                    assert answer.body["name"] == name, answer
            connection.close()

        self.clients(work)
        expected = {f"Company {n}-{r}" for n in range(CLIENT_COUNT) for r in range(ROUND_COUNT)}
        names = self.companies(node)
        self.assertEqual(set(names), expected)
        self.assertEqual(set(names.values()), {1})
        self.assertEqual(collections.Counter(row["name"] for row in node.run("company", "list")), names)
        self.check_log(node)

    def test_a_stop_under_load(self):
        node = self.node().start()
        lock = threading.Lock()
        done, unknown, refused = set(), set(), set()
        counts = collections.Counter()
        stopping = threading.Event()

        def work(number):
            for round_number in range(1000):
                name = f"Company {number}-{round_number}"
                connection = self.connect(node)
                try:
                    answer = call(connection, "POST", "/v1/companies", {"name": name})
                except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected) as error:
                    with lock:
                        counts[type(error).__name__] += 1
                        refused.add(name)
                    return
                finally:
                    connection.close()
                with lock:
                    counts[answer.status] += 1
                    if answer.status == 201:
                        done.add(name)
                    elif answer.status == 202:
                        unknown.add(name)
                    if len(done) > 100:
                        stopping.set()
                if answer.status == 503:
                    return

        def stop():
            assert stopping.wait(DEADLINE_S)
            assert node.stop() == 0

        stopper = threading.Thread(target=stop)
        stopper.start()
        self.clients(work, 64)
        stopper.join(DEADLINE_S)
        self.assertFalse(stopper.is_alive())
        self.assertIsNone(node.process)
        print(dict(counts), flush=True)
        self.assertNotIn(500, counts)
        # No request that had been taken up was left without an answer.
        self.assertNotIn("calls are cut off", node.tail())
        node.start()
        names = self.companies(node)
        self.assertEqual(set(names.values()), {1})
        self.assertEqual(done - set(names), set())
        # Whoever got no answer was refused: nothing of it was taken up.
        self.assertEqual(refused & set(names), set())
        self.assertEqual(set(names) - done - unknown, set())
        self.check_log(node)

    def test_reports_of_many_agents(self):
        node = self.node().start()
        self.two_companies(node)
        agents = [enrolled_agent(node, node.owner) for _ in range(8)]
        devices = [[agent.register(f"ups {number}-{n}") for n in range(4)] for number, agent in enumerate(agents)]
        counters = 50

        def work(number):
            """Four threads per agent send the same reports at once, each until all are settled."""
            agent, own = agents[number % len(agents)], devices[number % len(agents)]
            for counter in range(1, counters + 1, 10):
                reports = [agent.report(device, counter + n) for n in range(10) for device in own]
                while True:
                    answer = agent.send(reports)
                    if answer.status == 200:
                        break
                    assert answer.status in (401, 503), answer
                assert answer.body["refused"] == [], answer
                assert answer.body["accepted"] + answer.body["replayed"] == len(reports), answer

        self.clients(work, 4 * len(agents))
        seen = collections.Counter()
        for line in node.run("tail", "-t", "telemetry", "-o", "beginning", "-e"):
            report = (line.get("data") or {}).get("report")
            if report:
                seen[report["deviceNumber"]] += 1
        self.assertEqual(len(seen), 8 * 4)
        self.assertEqual(set(seen.values()), {counters}, json.dumps(seen))

        def all_there():
            page = operator(node, "GET", "/v1/devices")
            return all(device.get("reportCounter") == counters for device in page.body["items"])

        wait_until(all_there, "the view has the last reports")
        self.check_log(node)


if __name__ == "__main__":
    unittest.main(verbosity=2)
