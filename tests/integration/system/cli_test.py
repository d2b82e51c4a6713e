# SPDX-License-Identifier: Apache-2.0
"""The command line's conventions: data on stdout, exit codes, options before or behind, tail's vocabulary."""
import json
import os
import re
import select
import subprocess
import unittest

from harness import BINARY, DEADLINE_S, SystemTest, wait_until


class Cli(SystemTest):
    def raw(self, *words, env=None, **options):
        return subprocess.run(
            [BINARY, *words],
            env=env or self.environment,
            capture_output=True,
            timeout=DEADLINE_S,
            stdin=subprocess.DEVNULL,
            check=False,
            **options,
        )

    def setUp(self):
        super().setUp()
        self.quiet = self.node("quiet")
        self.environment = self.quiet.env()

    def test_help_and_version(self):
        for words in (("--help",), ("help",), ("-h",)):
            done = self.raw(*words)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertIn(b"fleetlog up", done.stdout)
        listed = re.findall(rb"^  ([a-z][a-z -]*[a-z])  +\S", self.raw("--help").stdout, re.M)
        commands = [line for line in listed if not line.startswith(b"fleetlog")]
        self.assertGreater(len(commands), 30)
        for command in commands:
            done = self.raw(*command.decode().split(), "--help")
            self.assertEqual((done.returncode, done.stderr), (0, b""), command)
            self.assertIn(b"Usage: fleetlog " + command, done.stdout)
        self.assertRegex(self.raw("--version").stdout, rb"^fleetlog \d+\.\d+\.\d+\n$")

    def test_usage_errors(self):
        for words in (
            (),
            ("nonsense",),
            ("device",),
            ("device", "show"),
            ("device", "show", "a", "b"),
            ("device", "list", "--nonsense"),
            ("--data",),
            ("--data", "", "topics"),
            ("--data=", "topics"),
            ("--as", "", "device", "list"),
            ("--config", "", "topics"),
            ("--config", "/dev/zero", "topics"),
            ("--journal", "", "topics"),
            ("tail", "-c", "many"),
            ("tail", "-o"),
            ("tail", "--exit=yes"),
            ("events", "--limit", "-1"),
            ("events", "--limit", "0"),
            ("events", "--limit", "1001"),
            ("--journal", "carrier-pigeon", "topics"),
            ("--journal", "kafka://", "topics"),
            ("--journal", "kafka://localhost:99999999", "topics"),
            ("--journal", "kafka://a:9092,b:x", "topics"),
            ("--journal", "kafka://a:", "topics"),
            ("--config", "/nonexistent.conf", "topics"),
            ("command", "self-test", "x", "--ttl", "soon"),
            ("account", "create", "a@b.example"),
            ("share", "x"),
        ):
            (self.quiet.directory / "run").mkdir(parents=True, exist_ok=True)
            done = self.raw(*words)
            self.assertEqual(done.returncode, 2, (words, done.stderr))
            self.assertEqual(done.stdout, b"", words)
            self.assertIn(b"fleetlog: ", done.stderr, words)

    def test_configuration(self):
        path = self.directory / "fleetlog.conf"
        path.write_text("[gateway]\nwait = 7s\n[kafka]\nsasl.password = hush\n")
        done = self.raw("--config", str(path), "--print-config")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"wait = 7s  # file", done.stdout)
        self.assertNotIn(b"hush", done.stdout)
        self.assertEqual(self.raw("--check-config", "--config", str(path)).returncode, 0)
        path.write_text("[gateway]\nwait = 7s\nwiat = 8s\n")
        done = self.raw("--check-config", "--config", str(path))
        self.assertEqual(done.returncode, 2)
        self.assertIn(b'fleetlog.conf:3: unknown key "wiat"', done.stderr)
        for value in ("[log]\nlevel = loud\n", "[log]\nformat = xml\n"):
            path.write_text(value)
            self.assertEqual(self.raw("--check-config", "--config", str(path)).returncode, 2, value)

    def test_files_that_were_cut(self):
        """A map has no end of file: who reads behind one is told which file is short, and ends with 4."""
        node = self.node().start()
        for number in range(200):
            node.one("company", "create", f"Company {number}")
        node.stop()
        log = node.directory / "journal" / "fleetlog.events" / "data.mdb"
        view = next((node.directory / "views" / "registry").glob("*-*/data.mdb"))
        for cut, words in ((log, ("verify",)), (view, ("check",))):
            whole = cut.read_bytes()
            os.truncate(cut, 3 * 4096)
            done = self.raw("--data", str(node.directory), *words)
            self.assertEqual(done.returncode, 4, (words, done.stdout, done.stderr))
            self.assertIn(str(cut).encode(), done.stdout + done.stderr, words)
            cut.write_bytes(whole)
            self.assertEqual(self.raw("--data", str(node.directory), *words).returncode, 0, words)

    def test_a_missing_wrapping_key(self):
        node = self.node().start()
        node.stop()
        key = node.directory / "wrap.key"
        key.rename(key.with_suffix(".away"))
        done = self.raw("--data", str(node.directory), "up")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(b"wrap.key", done.stderr)
        self.assertFalse(key.exists(), "no key that opens nothing is made")

    def test_tail(self):
        node = self.node().start()
        for number in range(5):
            node.one("company", "create", f"Company {number}")
        everything = node.run("tail", "-e", "-o", "beginning")
        count = len(everything)
        self.assertEqual([line["offset"] for line in everything], list(range(count)))
        self.assertEqual([line["sequence"] for line in everything], list(range(count)))

        def offsets(*words):
            return [line["offset"] for line in node.run("tail", "-e", *words)]

        self.assertEqual(offsets("-o", "end"), [])
        self.assertEqual(offsets("-o", "3"), list(range(3, count)))
        self.assertEqual(offsets("-o", "-2"), [count - 2, count - 1])
        self.assertEqual(offsets("-o", "-999"), list(range(count)))
        self.assertEqual(offsets("-o", "999"), [])
        self.assertEqual(offsets("-o", "beginning", "-c", "2"), [0, 1])
        self.assertEqual(offsets("-o", "beginning", "-p", "0"), list(range(count)))
        self.assertEqual(offsets("-o", "s@0"), list(range(count)))
        self.assertEqual(offsets("-o", "s@99999999999999"), [])
        both = node.run("tail", "-e", "-o", "beginning", "-t", "actions,events")
        self.assertEqual(len(both), 2 * count)
        node.run("tail", "-e", "-p", "7", code=3, parse=False)
        node.run("tail", "-e", "-t", "nonsense", code=3, parse=False)
        node.run("tail", "-e", "-o", "yesterday", code=2, parse=False)
        envelope = self.raw("tail", "-e", "-o", "0", "-c", "1", "-J", env=node.env())
        self.assertEqual(json.loads(envelope.stdout)["type"], "fleetlog.v1.LogCreated")
        line = self.raw("tail", "-e", "-o", "0", "-c", "1", env=node.env())
        self.assertRegex(line.stdout.decode(), r"^events\[0\]@0  \S+Z  fleetlog\.v1\.LogCreated  node:\S+  \{")

    def test_tail_follows_and_a_closed_pipe_is_no_error(self):
        node = self.node().start()
        tail = subprocess.Popen(
            [BINARY, "tail", "-o", "end", "--json"], env=node.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

        def seen():
            # What came before the tail had looked for the end is none of its.
            node.one("company", "create", "Seen live")
            return select.select([tail.stdout], [], [], 1)[0]

        wait_until(seen, "something is seen live")
        first = json.loads(tail.stdout.readline())
        self.assertEqual(first["data"]["name"], "Seen live")
        tail.stdout.close()

        def ended():
            node.run("company", "create", "More", code=None, parse=False)
            return tail.poll() is not None

        wait_until(ended, "tail ends when nobody reads it")
        self.assertEqual((tail.returncode, tail.stderr.read()), (0, b""))
        tail.stderr.close()

    def test_interrupted(self):
        node = self.node().start()
        tail = subprocess.Popen([BINARY, "tail"], env=node.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        tail.stdout.readline()
        tail.send_signal(2)
        self.assertEqual(tail.wait(DEADLINE_S), 130)
        tail.stdout.close()
        tail.stderr.close()

    def test_json_is_data_and_nothing_else(self):
        node = self.node().start()
        self.two_companies(node)
        for words in (
            ("device", "list"),
            ("events",),
            ("company", "list"),
            ("topics",),
            ("lag",),
            ("check",),
            ("verify",),
            ("parked", "list"),
        ):
            done = self.raw(*words, "--json", env=node.env())
            self.assertEqual(done.returncode, 0, (words, done.stderr))
            for line in done.stdout.decode().splitlines():
                json.loads(line)
            table = self.raw(*words, env=node.env())
            self.assertEqual(table.returncode, 0, words)
            self.assertNotIn(b"\x1b", table.stdout, words)

    def test_names_cannot_move_the_cursor(self):
        node = self.node().start()
        for name in ("Evil \u202e name", "Evil \x1b[2J", "Evil\nname", "Evil \u2028"):
            done = node.run("company", "create", name, code=1, parse=False)
            self.assertIn(b"name: ", done.stderr)
        self.assertEqual(node.run("company", "list"), [])


if __name__ == "__main__":
    os.environ.pop("FLEETLOG_AS", None)
    unittest.main(verbosity=2)
