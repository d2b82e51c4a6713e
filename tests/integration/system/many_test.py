# SPDX-License-Identifier: Apache-2.0
"""A thousand devices with everything that a device may say of itself: one page, one share by names, bounded look-ups."""
import http.client
import threading
import unittest

from doors import enrolled_agent, operator
from harness import DEADLINE_S, SystemTest

DEVICE_COUNT = 1000
THREAD_COUNT = 8
COMMANDS = [f"vendor.command.number.{n:03}.{'x' * 60}" for n in range(256)]


class Many(SystemTest):
    def register(self, node):
        """Names; every device offers a lot."""
        agents = [enrolled_agent(node, node.owner) for _ in range(THREAD_COUNT)]
        names = [f"ups {n:04}" for n in range(DEVICE_COUNT)]
        failures = []

        def work(number):
            connection = http.client.HTTPConnection(*node.agents_address(), timeout=DEADLINE_S)
            try:
                for name in names[number::THREAD_COUNT]:
                    agents[number].register(name, COMMANDS, connection)
            except Exception as error:  # pylint: disable=broad-except
                failures.append(repr(error))
            finally:
                connection.close()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(THREAD_COUNT)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5 * DEADLINE_S)
        self.assertEqual(failures, [])
        return names

    def test_a_thousand(self):
        node = self.node().start()
        self.two_companies(node)
        names = self.register(node)
        for account in (None, node.owner):
            page = operator(node, "GET", "/v1/devices?limit=1000", account=account)
            self.assertEqual(page.status, 200, page.raw[:300])
            self.assertEqual(sorted(item["name"] for item in page.body["items"]), names)
            self.assertTrue(all(item["model"] == "U1" for item in page.body["items"]))
            walked, cursor = [], ""
            while cursor is not None:
                page = operator(node, "GET", f"/v1/devices?limit=333{cursor}", account=account)
                walked += [item["name"] for item in page.body["items"]]
                cursor = f"&cursor={page.body['next']}" if "next" in page.body else None
            self.assertEqual(sorted(walked), names)
        one = operator(node, "GET", "/v1/devices/ups%200999", account=node.owner)
        self.assertEqual(len(one.body["commands"]), len(COMMANDS), one.raw[:300])

        def share(devices, address="all@example.net"):
            return operator(node, "POST", "/v1/shares", {"devices": devices, "address": address}, node.owner)

        shared = share(names)
        self.assertEqual(shared.status, 201, shared.raw[:300])
        self.assertEqual(len(shared.body["deviceIds"]), DEVICE_COUNT)
        self.assertEqual(share(names + ["one more"]).status, 422)
        self.assertEqual(share(["nowhere"]).status, 404)
        self.assertEqual(share([]).status, 422)
        self.assertGreaterEqual(share([names[0], names[0]], "twice@example.net").status, 400)
        page = operator(node, "GET", "/v1/events?limit=1000", account=node.owner)
        self.assertEqual(page.status, 200)
        self.assertGreaterEqual(len(page.body["items"]), DEVICE_COUNT)


if __name__ == "__main__":
    unittest.main(verbosity=2)
