# SPDX-License-Identifier: Apache-2.0
"""Every real device dump goes through agent, gateway, log and view, and every string comes back exactly as received.

The dumps lie beside the checkout (../shared/nut-ddl), for developers and CI; without them this is skipped. upsd's side
of the protocol (RFC 9271) is played here, because hundreds of drivers at once are not what is tried.
"""
import pathlib
import re
import socketserver
import subprocess
import sys
import threading
import unittest

from harness import BINARY, SKIP, SystemTest, wait_until

DUMPS = pathlib.Path("../shared/nut-ddl")
LINE_MAX = 512


def read_dump(path):
    """name -> value of a .dev file, with what stood in the value kept: blanks at its end, colons, quotes."""
    values = {}
    for line in path.read_bytes().split(b"\n"):
        match = re.match(rb"([A-Za-z][\w.-]*):(?: (.*))?$", line.rstrip(b"\r"), re.S)
        if match:
            values[match[1].decode()] = match[2] or b""
    return values


def quoted(value):
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


class Upsd(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, devices):
        super().__init__(("127.0.0.1", 0), Session)
        self.devices = devices

    def reply(self, words):
        if words[:2] == ["LIST", "UPS"]:
            lines = [b"UPS " + name.encode() + b' "a dump"' for name in self.devices]
            return [b"BEGIN LIST UPS", *lines, b"END LIST UPS"]
        if len(words) == 3 and words[0] == "LIST" and words[2] in self.devices:
            what, name = words[1], words[2].encode()
            lines = []
            if what == "VAR":
                for variable, value in self.devices[words[2]].items():
                    lines.append(b"VAR " + name + b" " + variable.encode() + b" " + quoted(value))
            head = what.encode() + b" " + name
            return [b"BEGIN LIST " + head, *lines, b"END LIST " + head]
        if words in (["VER"], ["NETVER"], ["PROTVER"]):
            return [b"1.3"]
        if words == ["LOGOUT"]:
            return [b"OK Goodbye"]
        return [b"ERR UNKNOWN-COMMAND"]


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(b"".join(x + b"\n" for x in self.server.reply(line.decode(errors="replace").split())))
            self.wfile.flush()


class Dumps(SystemTest):
    def test_every_dump_comes_back(self):
        devices = {}
        for path in sorted(DUMPS.rglob("*.dev")):
            values = read_dump(path)
            # What upsd itself could not send in one line is not on any wire.
            values = {k: v for k, v in values.items() if len(quoted(v)) + len(k) + 30 < LINE_MAX}
            if values:
                devices[f"ups{len(devices)}"] = values
        self.assertGreater(len(devices), 400)
        node = self.node().start()
        self.two_companies(node)
        code = node.one("claim", "issue", account=node.owner)["code"]
        upsd = Upsd(devices)
        threading.Thread(target=upsd.serve_forever, daemon=True).start()
        host, port = node.agents_address()
        agent = subprocess.Popen(
            [BINARY, "agent", "run", "--claim", code, "--upsd", f"127.0.0.1:{upsd.server_address[1]}"]
            + ["--gateway", f"http://{host}:{port}", "--state", self.directory / "agent", "--poll", "5"],
            env=node.env(),
            stderr=node.log,
        )
        try:
            seen = {}

            def all_reported():
                if agent.poll() is not None:
                    raise AssertionError(f"the agent ended with {agent.returncode}\n{node.tail()}")
                seen.update({row["upsName"]: row for row in node.run("device", "list") if row.get("reportCounter")})
                return len(seen) == len(devices)

            wait_until(all_reported, "every device has reported", 180)
            for name, values in devices.items():
                raw = node.one("device", "show", seen[name]["deviceId"])["raw"]
                got = {
                    k: v["text"].encode() if "text" in v else bytes.fromhex(v["hex"]) for k, v in raw.items()
                }
                self.assertEqual(got, values, name)
        finally:
            agent.terminate()
            self.assertEqual(agent.wait(60), 0)
            upsd.shutdown()
            upsd.server_close()
        node.run("check", parse=False)
        node.run("verify", parse=False)


if __name__ == "__main__":
    if not DUMPS.is_dir():
        print(f"skipped: no device dumps at {DUMPS}")
        sys.exit(SKIP)
    unittest.main(verbosity=2)
