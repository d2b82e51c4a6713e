# SPDX-License-Identifier: Apache-2.0
"""A firmware upgrade, an outlet's restart and a refused calibration on a UPS behind a real upsd, with a real agent.

The UPS is played by the demo driver; the installer is a shell script that tells the driver its new version, as a
vendor's tool would put an image into the UPS. Skipped where there is no upsd.
"""
import os
import pathlib
import signal
import subprocess
import sys
import unittest

from doors import operator
from harness import BINARY, BUILD, SKIP, SystemTest, wait_until

DRIVER = BUILD / "fleetlog-demo-driver"
UPSD_RUN = pathlib.Path("producers/simulator/upsd-run")
MODEL = "Smart-UPS 1500"

INSTALLER = """#!/bin/sh
# Says what it was given, then does as the test has written into `mode`.
dir={dir}
printf '%s|%s|%s|%s|%s\\n' "$FLEETLOG_UPS" "$FLEETLOG_MODEL" "$FLEETLOG_FIRMWARE_BEFORE" \\
  "$FLEETLOG_FIRMWARE_VERSION" "$(cksum <"$1")" >>"$dir/runs"
mode=$(cat "$dir/mode")
case $mode in
  install) {driver} --ask {control} set rack ups.firmware "UPS $FLEETLOG_FIRMWARE_VERSION (ID18)" >/dev/null ;;
  hang) while [ ! -e "$dir/go" ]; do read -r _ <"$dir/fifo"; done
    {driver} --ask {control} set rack ups.firmware "UPS $FLEETLOG_FIRMWARE_VERSION (ID18)" >/dev/null ;;
  *) exit "$mode" ;;
esac
"""


class Firmware(SystemTest):
    def setUp(self):
        super().setUp()
        fleet = self.directory / "one.fleet"
        fleet.write_text(f'ups rack smart-ups ups.model = "{MODEL}" device.model = "{MODEL}" ups.firmware = "UPS 09.3 (ID18)"\n')
        self.upsd = subprocess.Popen(
            [UPSD_RUN, "--driver", DRIVER.resolve(), "--fleet", fleet, "--no-dummy", "--until-eof", "--tick-ms", "100"]
            + ["--speed", "10"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.upsd.stdout.readline()
        if not line:
            self.assertEqual(self.upsd.wait(60), SKIP)
            self.skipTest("there is no upsd")
        self.site = dict(word.split("=", 1) for word in line.split())
        self.publisher = self.directory / "publisher.key"
        self.key = self.fleetlog("firmware", "key", self.publisher)
        self.node_ = self.node(environment={"FLEETLOG_FIRMWARE_KEY": self.key}).start()
        self.two_companies(self.node_)
        self.image = self.directory / "image.bin"
        self.image.write_bytes(bytes(range(256)) * 4000)  # four pieces
        self.installer = self.directory / "installer"
        self.installer.write_text(
            INSTALLER.format(dir=self.directory, driver=DRIVER.resolve(), control=self.site["control"])
        )
        self.installer.chmod(0o700)
        (self.directory / "runs").touch()
        os.mkfifo(self.directory / "fifo")
        self.password = self.directory / "password"
        self.password.write_text(self.site["password"])
        self.password.chmod(0o600)
        self.agent = None
        code = self.node_.one("claim", "issue", account=self.node_.owner)["code"]
        self.start_agent("--claim", code)
        wait_until(lambda: self.node_.run("device", "list", account=self.node_.owner), "the UPS is registered")
        self.wait_for_offer()

    def tearDown(self):
        if self.agent is not None and self.agent.poll() is None:
            self.agent.terminate()
            self.agent.wait(60)
        self.upsd.stdin.close()
        self.upsd.wait(60)
        self.upsd.stdout.close()
        super().tearDown()

    def fleetlog(self, *words):
        done = subprocess.run([BINARY, *map(str, words)], capture_output=True, timeout=60, check=True)
        return done.stdout.decode().strip()

    def start_agent(self, *options, key=None, environment=None):
        host, port = self.node_.agents_address()
        words = [BINARY, "agent", "run", "--upsd", self.site["upsd"], "--gateway", f"http://{host}:{port}"]
        words += ["--state", self.directory / "agent", "--poll", "1", "--user", self.site["user"]]
        words += ["--password-file", self.password, "--plain-password", "--firmware-installer", self.installer]
        words += ["--firmware-key", key or self.key, *options]
        env = {**self.node_.env(), **(environment or {})}
        self.agent = subprocess.Popen(words, env=env, stderr=self.node_.log)

    def device(self):
        return self.node_.one("device", "show", "rack", account=self.node_.owner)

    def wait_for_offer(self):
        wait_until(
            lambda: "fleetlog.firmware.install" in self.device()["commands"] and self.device().get("reportCounter"),
            "the agent says that it installs firmware",
        )

    def mode(self, word):
        (self.directory / "mode").write_text(word)

    def runs(self):
        return (self.directory / "runs").read_text().splitlines()

    def publish(self, version="09.8", stones=("09.3",)):
        words = ["firmware", "publish", self.image, "--key", self.publisher, "--model", MODEL, "--version", version]
        for stone in stones:
            words += ["--from", stone]
        return self.node_.one(*words)["firmwareId"]

    def request(self, kind, parameter="", ttl_ms=3600000):
        body = {"device": "rack", "kind": kind, "parameter": parameter, "ttlMs": ttl_ms}
        answer = operator(self.node_, "POST", "/v1/commands", body, account=self.node_.owner)
        self.assertEqual(answer.status, 201, answer)
        return answer.body["commandId"]

    def command(self, command_id):
        return operator(self.node_, "GET", f"/v1/commands/{command_id}", account=self.node_.owner).body

    def end_of(self, command_id):
        wait_until(lambda: not self.command(command_id)["open"], f"the command ends\n{self.node_.tail()}")
        return self.command(command_id)

    def test_an_upgrade_is_installed_once_and_read_back(self):
        self.mode("install")
        firmware = self.publish()
        command = self.end_of(self.request("firmware-upgrade", firmware))
        self.assertEqual((command["state"], command["variable"]), ("succeeded", "ups.firmware"), command)
        self.assertEqual(command["value"], "UPS 09.8 (ID18)")
        (run,) = self.runs()
        self.assertTrue(run.startswith(f"rack@{self.site['upsd']}|{MODEL}|UPS 09.3 (ID18)|09.8|"), run)
        wait_until(lambda: self.device()["firmware"] == "UPS 09.8 (ID18)", "the platform knows the new version")
        answer = operator(
            self.node_,
            "POST",
            "/v1/commands",
            {"device": "rack", "kind": "firmware-upgrade", "parameter": firmware},
            account=self.node_.owner,
        )
        self.assertEqual((answer.status, answer.body["code"]), (409, "WRONG_STATE"), answer)
        self.assertEqual(list((self.directory / "agent" / "firmware").iterdir()), [])
        self.node_.run("check", parse=False)
        self.node_.run("verify", parse=False)

    def test_a_failed_installer_is_not_run_again(self):
        firmware = self.publish()
        for word, reason in (("10", "INSTALLER_REFUSED"), ("3", "INSTALLER_FAILED_3")):
            self.mode(word)
            command = self.end_of(self.request("firmware-upgrade", firmware))
            self.assertEqual((command["state"], command["reason"]), ("failed", reason), command)
        self.assertEqual(len(self.runs()), 2)

    def test_an_agent_that_dies_meanwhile_only_looks_afterwards(self):
        self.mode("hang")
        command_id = self.request("firmware-upgrade", self.publish())
        wait_until(self.runs, "the installer runs")
        self.agent.send_signal(signal.SIGKILL)
        self.agent.wait(60)
        self.start_agent()
        (self.directory / "go").touch()
        with open(self.directory / "fifo", "w", encoding="ascii") as fifo:
            fifo.write("\n")
        command = self.end_of(command_id)
        self.assertEqual(command["state"], "succeeded", command)
        self.assertEqual(len(self.runs()), 1)

    def dies_at(self, point):
        """An upgrade whose agent is killed at a point, and the agent after it."""
        self.agent.terminate()
        self.assertEqual(self.agent.wait(60), 0)
        command_id = self.request("firmware-upgrade", self.publish())
        self.start_agent(environment={"FLEETLOG_FAULT_POINT": point})
        self.assertEqual(self.agent.wait(60), -signal.SIGKILL)
        self.start_agent()
        return command_id

    def test_an_agent_that_dies_before_the_installer_begins_says_so(self):
        self.mode("install")
        command = self.end_of(self.dies_at("agent_intended"))
        self.assertEqual((command["state"], command["reason"]), ("failed", "INSTALLER_NOT_STARTED"), command)
        self.assertEqual(self.runs(), [])
        # People ask again, and nothing is in the way.
        firmware = self.node_.run("firmware", "list")[0]["firmwareId"]
        self.assertEqual(self.end_of(self.request("firmware-upgrade", firmware))["state"], "succeeded")
        self.assertEqual(len(self.runs()), 1)

    def test_an_agent_that_dies_behind_the_installers_start_watches(self):
        self.mode("install")
        self.assertEqual(self.end_of(self.dies_at("agent_installing"))["state"], "succeeded")
        self.assertEqual(len(self.runs()), 1)

    def test_notes_of_another_boot_prove_nothing(self):
        """The machine went down as well: the note of a start may be lost, so the agent only watches."""
        self.mode("install")
        self.agent.terminate()
        self.assertEqual(self.agent.wait(60), 0)
        command_id = self.request("firmware-upgrade", self.publish())
        self.start_agent(environment={"FLEETLOG_FAULT_POINT": "agent_intended"})
        self.assertEqual(self.agent.wait(60), -signal.SIGKILL)
        (note,) = (self.directory / "agent" / "firmware").glob("*.boot")
        note.write_text("00000000-0000-0000-0000-000000000000\n")
        self.start_agent()
        subprocess.run(
            [DRIVER, "--ask", self.site["control"], "set", "rack", "ups.firmware", "UPS 09.8 (ID18)"],
            check=True,
            capture_output=True,
        )
        self.assertEqual(self.end_of(command_id)["state"], "succeeded")
        self.assertEqual(self.runs(), [])

    def test_a_fetch_goes_on_where_it_was_cut(self):
        self.agent.terminate()
        self.assertEqual(self.agent.wait(60), 0)
        self.mode("install")
        firmware = self.publish()
        command_id = self.request("firmware-upgrade", firmware)
        self.start_agent(environment={"FLEETLOG_FAULT_POINT": "agent_fetched"})
        self.assertEqual(self.agent.wait(60), -signal.SIGKILL)
        part = self.directory / "agent" / "firmware" / firmware
        self.assertEqual(part.stat().st_size, 256 * 1024)
        self.start_agent()
        self.assertEqual(self.end_of(command_id)["state"], "succeeded")
        self.assertEqual(len(self.runs()), 1)

    def test_an_image_of_another_publisher_is_not_touched(self):
        self.agent.terminate()
        self.assertEqual(self.agent.wait(60), 0)
        other = self.fleetlog("firmware", "key", self.directory / "other.key")
        self.start_agent(key=other)
        self.mode("install")
        command = self.end_of(self.request("firmware-upgrade", self.publish()))
        self.assertEqual((command["state"], command["reason"]), ("failed", "SIGNATURE_INVALID"), command)
        self.assertEqual(self.runs(), [])

    def test_a_spoilt_image_is_not_installed(self):
        self.mode("install")
        firmware = self.publish()
        (stored,) = (self.node_.directory / "firmware").iterdir()
        content = bytearray(stored.read_bytes())
        content[300000] ^= 1
        stored.write_bytes(bytes(content))
        command = self.end_of(self.request("firmware-upgrade", firmware))
        self.assertEqual((command["state"], command["reason"]), ("failed", "HASH_MISMATCH"), command)
        self.assertEqual(self.runs(), [])

    def test_a_node_without_the_image_holds_up_nothing_else(self):
        self.mode("install")
        firmware = self.publish()
        (stored,) = (self.node_.directory / "firmware").iterdir()
        hidden = stored.with_name("hidden")
        stored.rename(hidden)
        upgrade = self.request("firmware-upgrade", firmware)
        wait_until(lambda: self.command(upgrade)["state"] == "delivered", "the upgrade is delivered")
        command = self.end_of(self.request("beeper", "disable"))
        self.assertEqual(command["state"], "succeeded", command)
        self.assertEqual(self.command(upgrade)["state"], "delivered")
        hidden.rename(stored)
        self.assertEqual(self.end_of(upgrade)["state"], "succeeded")

    def test_published_again_at_a_node_without_it_the_image_is_added(self):
        self.mode("install")
        firmware = self.publish()
        (stored,) = (self.node_.directory / "firmware").iterdir()
        stored.unlink()
        upgrade = self.request("firmware-upgrade", firmware)
        node_id = (self.node_.directory / "node.id").read_text().strip()
        words = ["firmware", "publish", self.image, "--key", self.publisher, "--model", MODEL, "--from", "09.3"]
        added = self.node_.one(*words, "--version", "09.8")
        self.assertEqual((added["firmwareId"], added["addedToNode"]), (firmware, node_id))
        self.assertEqual(len(self.node_.run("firmware", "list")), 1)
        self.node_.run(*words, "--version", "09.8", code=1, parse=False)
        self.assertEqual(self.end_of(upgrade)["state"], "succeeded")

    def test_bad_publications_are_named(self):
        node = self.node_
        wrong = self.directory / "wrong.key"
        self.fleetlog("firmware", "key", wrong)
        words = ["firmware", "publish", self.image, "--model", MODEL, "--version", "09.8", "--from", "09.3"]
        done = node.run(*words, "--key", wrong, code=1, parse=False)
        self.assertIn(b"signature", done.stderr)
        self.publish()
        node.run(*words, "--key", self.publisher, code=1, parse=False)
        good = {"offset": 0, "piece": "AAAA"}
        digest = "0" * 64
        for body, status in (
            ({"piece": "?"}, 422),
            ({}, 422),
            ({"piece": ""}, 422),
            ({**good, "offset": 1}, 409),
            ({**good, "offset": -1}, 422),
            ({**good, "offset": 64 << 20}, 422),
        ):
            answer = operator(node, "POST", f"/v1/firmware/images/{digest}", body)
            self.assertEqual(answer.status, status, (body, answer))
        self.assertEqual(operator(node, "POST", "/v1/firmware/images/..%2Fx", good).status, 404)
        self.assertEqual(operator(node, "POST", f"/v1/firmware/images/{digest}", good, account=node.owner).status, 403)

    def life_of(self, command_id):
        """The events of one command, in order."""
        events = self.node_.run("tail", "-t", "events", "-o", "beginning", "-e")
        names = [event["type"].rsplit(".", 1)[-1] for event in events if (event.get("data") or {}).get("commandId") == command_id]
        return [name for name in names if name.startswith("Command")]

    def ask_driver(self, *words):
        command = [DRIVER, "--ask", self.site["control"], *words]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def test_each_command_succeeds_by_what_is_read_back(self):
        for kind, parameter, variable, value in (
            ("beeper", "disable", "ups.beeper.status", "disabled"),
            ("sensitivity", "low", "input.sensitivity", "low"),
            ("battery-install-date", "2024-05-06", "battery.date", None),
            ("self-test", "", "ups.test.result", None),
            ("calibration", "", "ups.status", None),
        ):
            with self.subTest(kind=kind):
                command_id = self.request(kind, parameter)
                command = self.end_of(command_id)
                self.assertEqual((command["state"], command["variable"]), ("succeeded", variable), command)
                if value is not None:
                    self.assertEqual(command["value"], value)
                self.assertEqual(
                    self.life_of(command_id),
                    ["CommandRequested", "CommandDelivered", "CommandAcknowledged", "CommandSucceeded"],
                )

    def test_what_keeps_a_calibration_from_running_is_said(self):
        for words, reason, undo in (
            (("do", "rack", "load", "5"), "LOAD_BELOW_10", ("do", "rack", "load", "40")),
            (("outage", "begin", "rack"), "NOT_ON_LINE", ("outage", "end", "rack")),
        ):
            with self.subTest(reason=reason):
                self.ask_driver(*words)

                def seen():
                    device = self.device()
                    is_light = device["values"]["ups.load"]["value"] < 10
                    return is_light if reason == "LOAD_BELOW_10" else "OB" in device["status"]

                wait_until(seen, f"{words} is reported")
                command_id = self.request("calibration")
                command = self.end_of(command_id)
                self.assertEqual((command["state"], command["reason"]), ("failed", reason), command)
                self.assertNotIn("CommandAcknowledged", self.life_of(command_id))
                self.ask_driver(*undo)

    def test_an_outlet_needs_a_plan_and_a_calibration_a_full_battery(self):
        node = self.node_
        body = {"device": "rack", "kind": "outlet-reboot", "parameter": "1"}
        answer = operator(node, "POST", "/v1/commands", body, account=node.owner)
        self.assertEqual((answer.status, answer.body["code"]), (409, "PLAN"), answer)
        words = ["license", "mint", "--company", "Example Ltd", "--plan", "advanced", "--installer", "lena@example.org"]
        code = node.one(*words)["code"]
        node.one("license", "apply", code, "rack", account=node.owner)
        command = self.end_of(self.request("outlet-reboot", "1"))
        self.assertEqual((command["state"], command["variable"]), ("succeeded", "outlet.1.status"), command)
        subprocess.run(
            [DRIVER, "--ask", self.site["control"], "do", "rack", "charge", "60"], check=True, capture_output=True
        )
        wait_until(lambda: self.device()["values"]["battery.charge"]["value"] < 95, "the charge is reported")
        command = self.end_of(self.request("calibration"))
        self.assertEqual((command["state"], command["reason"]), ("failed", "CHARGE_BELOW_100"), command)


if __name__ == "__main__":
    if not pathlib.Path("/lib/nut/upsd").exists():
        print("skipped: there is no /lib/nut/upsd")
        sys.exit(SKIP)
    unittest.main(verbosity=2)
