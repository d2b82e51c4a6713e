# SPDX-License-Identifier: Apache-2.0
"""A node on a broker with TLS, passwords and access control: each duty as a principal of its own, with the access that
`fleetlog topics acls` prints. Then every principal tries every topic, and may do what the table says and nothing else."""
import json
import os
import pathlib
import subprocess
import sys
import unittest

from doors import enrolled_agent
from harness import BINARY, DEADLINE_S, SKIP, SystemTest, wait_until

BROKER = os.environ.get("FLEETLOG_TEST_KAFKA")
SECURE = pathlib.Path(os.environ.get("FLEETLOG_TEST_KAFKA_DIR", "/nonexistent")) / "secure"
STRANGER = "fleetlog-stranger"


def passwords():
    return dict(line.split() for line in (SECURE / "passwords").read_text().splitlines())


def kcat(user, *words, password=None, stdin=b"", secure=True):
    """Exit code and what it said."""
    command = ["kcat", "-b", BROKER, "-X", "message.timeout.ms=10000", "-X", "log_level=0"]
    if secure:
        command += ["-X", "security.protocol=sasl_ssl", "-X", "sasl.mechanism=PLAIN"]
        command += ["-X", f"ssl.ca.location={SECURE / 'ca.pem'}", "-X", f"sasl.username={user}"]
        command += ["-X", f"sasl.password={password or passwords()[user]}"]
    done = subprocess.run(
        [*command, *words], input=stdin, capture_output=True, timeout=DEADLINE_S, check=False
    )
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


class Secure(SystemTest):
    def commands(self, *words):
        done = subprocess.run(
            [BINARY, "--journal", f"kafka://{BROKER}", "topics", "acls", *words],
            capture_output=True,
            timeout=DEADLINE_S,
            check=True,
        )
        return done.stdout.decode()

    def grant(self):
        """The printed commands, as an operator runs them."""
        for line in self.commands("--admin", str(SECURE / "admin.properties")).splitlines():
            self.administer(line)

    def administer(self, line):
        env = dict(os.environ, PATH=f"{SECURE / 'bin'}:{os.environ['PATH']}")
        if line:
            done = subprocess.run(["sh", "-c", line], env=env, capture_output=True, timeout=DEADLINE_S, check=False)
            self.assertEqual(done.returncode, 0, (line, done.stderr[-2000:]))

    def allowed(self):
        """(user, topic) -> operations."""
        table = {}
        for line in self.commands("--json").splitlines():
            row = json.loads(line)
            if "topic" in row:
                table[row["principal"].removeprefix("User:"), row["topic"]] = set(row["operations"])
        return table

    def test_each_duty_as_itself_and_no_more(self):
        self.grant()
        node = self.node(journal=f"kafka://{BROKER}", environment={"FLEETLOG_CONFIG": str(SECURE / "fleetlog.conf")})
        node.start()
        self.two_companies(node)
        agent = enrolled_agent(node, node.owner)
        device = agent.register("rack-1")
        self.assertEqual(agent.send([agent.report(device, 1)]).status, 200)
        wait_until(lambda: node.one("device", "show", "rack-1").get("status") == "OL", "the report is in the view")
        node.run("share", "rack-1", "--with", node.provider, account=node.owner)
        self.assertNotIn("authorization failed", node.tail())
        node.run("verify", parse=False)
        node.run("rebuild", "devices", parse=False)
        self.assertEqual(node.stop(), 0)
        self.every_principal_and_every_topic()
        self.nobody_else()
        self.topics_that_forget_late(node)

    def every_principal_and_every_topic(self):
        table = self.allowed()
        users = [user for user in passwords() if user != "admin"]
        topics = sorted({topic for _, topic in table})
        self.assertIn(("fleetlog-decider", "fleetlog.events"), table)
        writers = {user for (user, topic), what in table.items() if topic == "fleetlog.events" and "Write" in what}
        self.assertEqual(writers, {"fleetlog-decider"})
        for user in users:
            for topic in topics:
                may = table.get((user, topic), set())
                code, said = kcat(user, "-P", "-t", topic, "-p", "0", "-k", "junk", stdin=b"junk")
                self.assertEqual(code == 0, "Write" in may, (user, topic, "write", said))
                code, said = kcat(user, "-C", "-t", topic, "-p", "0", "-o", "-1", "-c", "1", "-e", "-q")
                self.assertEqual(code == 0, "Read" in may, (user, topic, "read", said))

    def topics_that_forget_late(self, node):
        """The operator's principal may mend the compaction of subjects; without that right it says what to set."""
        node.environment["FLEETLOG_JOURNAL_SUBJECTS_COMPACTION"] = "1800s"
        node.start()
        self.assertIn("event=TOPIC_ALTERED topic=fleetlog.subjects", (self.directory / "node.log").read_text())
        self.assertEqual(node.stop(), 0)
        (line,) = [line for line in self.commands("--admin", str(SECURE / "admin.properties")).splitlines()
                   if "AlterConfigs" in line]
        self.administer(f"{line.replace('--add', '--remove --force')}")
        self.administer(line.replace("--operation AlterConfigs ", ""))
        node.environment["FLEETLOG_JOURNAL_SUBJECTS_COMPACTION"] = "1200s"
        node.start()
        said = (self.directory / "node.log").read_text()
        self.assertIn("event=TOPIC_FORGETS_LATE topic=fleetlog.subjects", said)
        self.assertIn("max.compaction.lag.ms=1200000 (is 1800000)", said)
        self.assertEqual(node.stop(), 0)

    def nobody_else(self):
        self.assertNotEqual(kcat(STRANGER, "-L", "-m", "3", password="wrong")[0], 0)
        self.assertNotEqual(kcat(STRANGER, "-L", "-m", "3", secure=False)[0], 0)
        code, said = kcat(STRANGER, "-L", "-m", "5")
        self.assertEqual(code, 0, said)
        self.assertNotIn("fleetlog.", said, "a stranger does not even see the topics")

    def test_a_wrong_password_is_said(self):
        config = self.directory / "wrong.conf"
        text = (SECURE / "fleetlog.conf").read_text().replace(passwords()["fleetlog-operator"], "not-the-password")
        config.write_text(text)
        log = self.directory / "wrong.log"
        with open(log, "wb") as file:
            process = subprocess.Popen(
                [BINARY, "--data", str(self.directory / "wrong"), "--config", str(config)]
                + ["--journal", f"kafka://{BROKER}", "up"],
                stderr=file,
                stdin=subprocess.DEVNULL,
            )
        wait_until(lambda: "uthentication failed" in log.read_text(), "the log says why nothing goes on")
        process.terminate()
        self.assertNotEqual(process.wait(DEADLINE_S), 0)
        self.assertNotIn("not-the-password", log.read_text())


if __name__ == "__main__":
    if not BROKER or not SECURE.is_dir():
        print("skipped: no Kafka with access control; tests/tools/kafka.sh run --secure starts one")
        sys.exit(SKIP)
    unittest.main(verbosity=2)
