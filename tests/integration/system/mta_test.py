# SPDX-License-Identifier: Apache-2.0
"""Mail to a mail server that people run: Exim, with a configuration, a spool and a port of its own, STARTTLS and AUTH.

Debian's exim4-daemon-light brings a daemon that takes port 25 and replaces other mail servers, so ./dev setup does not
install it; the test runs where it is installed, as root, because Exim serves a private configuration for root only.
"""
import mailbox
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

from mail_peer import certificate  # first: it may start this program again

from harness import SystemTest, wait_until

EXIM = "/usr/sbin/exim4"
USER = "Debian-exim"
SECRET = "a secret of the mail server"

CONFIGURATION = """
primary_hostname = localhost
spool_directory = {here}/spool
log_file_path = {here}/log/%slog
pid_file_path = {here}/pid
keep_environment =
local_interfaces = 127.0.0.1
message_size_limit = 1M
tls_advertise_hosts = *
tls_certificate = {here}/mail.crt
tls_privatekey = {here}/mail.key
acl_smtp_rcpt = rcpt
acl_smtp_data = data
begin acl
rcpt:
  require message = authentication required
          authenticated = *
  deny    message = 5.1.1 no such user
          local_parts = gone
  accept
data:
  require message = 5.6.0 the header is broken
          verify = header_syntax
  accept
begin routers
keep:
  driver = accept
  transport = keep
begin transports
keep:
  driver = appendfile
  file = {here}/mail/mbox
  user = {user}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{fleetlog}}}}{{eq{{$auth3}}{{{secret}}}}}}}}}
  server_set_id = $auth2
  server_advertise_condition = ${{if def:tls_in_cipher}}
"""


def skip_reason():
    if not os.access(EXIM, os.X_OK):
        return f"no {EXIM} (Debian: exim4-daemon-light, which ./dev setup leaves out: its daemon takes port 25)"
    return "" if os.geteuid() == 0 else "Exim serves a private configuration for root only"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Exim:
    def __init__(self):
        self.here = pathlib.Path(tempfile.mkdtemp(prefix="fleetlog-exim-"))
        self.here.chmod(0o755)
        self.key, self.cert = certificate(self.here)
        user = pwd.getpwnam(USER)
        for name in ("spool", "log", "mail"):
            (self.here / name).mkdir()
        for path in (self.here / "spool", self.here / "log", self.here / "mail", self.key):
            os.chown(path, user.pw_uid, user.pw_gid)
        (self.here / "exim.conf").write_text(CONFIGURATION.format(here=self.here, user=USER, secret=SECRET))
        self.port = free_port()
        arguments = [EXIM, "-C", str(self.here / "exim.conf"), "-bdf", "-oX", f"127.0.0.1.{self.port}"]
        self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
        wait_until(self.listens, "Exim listens")

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            if self.process.poll() is not None:
                raise AssertionError(self.process.stderr.read().decode())
            return False

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()
        self.process.stderr.close()
        shutil.rmtree(self.here)

    def to(self, address):
        path = self.here / "mail" / "mbox"
        return [mail for mail in mailbox.mbox(path) if mail["To"] == f"<{address}>"] if path.exists() else []

    def log(self):
        return (self.here / "log" / "mainlog").read_text(errors="replace")


class Mta(SystemTest):
    def begin(self, secret=SECRET):
        exim = Exim()
        self.addCleanup(exim.stop)
        password = pathlib.Path(tempfile.mkdtemp(prefix="fleetlog-mta-"))
        self.addCleanup(shutil.rmtree, password)
        (password / "password").write_text(secret + "\n")
        node = self.node(environment={
            "FLEETLOG_MAIL_SMTP": f"smtp://localhost:{exim.port}",
            "FLEETLOG_MAIL_FROM": "no-reply@fleetlog.example",
            "FLEETLOG_MAIL_CA_FILE": str(exim.cert),
            "FLEETLOG_MAIL_USER": "fleetlog",
            "FLEETLOG_MAIL_PASSWORD_FILE": str(password / "password"),
            "FLEETLOG_GATEWAY_PUBLIC_URL": "https://fleet.example",
        }).start()
        return exim, node

    def test_exim_takes_mail_over_tls_and_delivers_it_once(self):
        exim, node = self.begin()
        name = 'Söhne & "Töchter" <b>'
        node.one("company", "create", name)
        node.one("account", "create", "a@example.org", "--company", name)
        sent = node.one("invite", "b@example.org", account="a@example.org")
        wait_until(lambda: exim.to("b@example.org"), "the mail is delivered")
        mails = exim.to("b@example.org")
        self.assertEqual(len(mails), 1, exim.log())
        html = [p for p in mails[0].walk() if p.get_content_type() == "text/html"][0].get_payload(decode=True).decode()
        self.assertIn("Söhne &amp; &quot;Töchter&quot; &lt;b&gt;", html)
        text = [p for p in mails[0].walk() if p.get_content_type() == "text/plain"][0].get_payload(decode=True).decode()
        self.assertIn(sent["token"], text)
        self.assertRegex(mails[0]["Message-ID"], r"^<[0-9a-f-]{36}@fleetlog\.example>$")
        self.assertRegex(exim.log(), r"P=esmtpsa X=TLS1\.[23].* A=plain:fleetlog")
        # A refusal for good is recorded with Exim's code.
        node.one("invite", "gone@example.org", account="a@example.org")

        def refused():
            events = node.run("tail", "-t", "events", "-o", "beginning", "-e")
            return [e for e in events if e["type"].endswith(".NotificationFailed")]

        wait_until(refused, "the refusal is recorded")
        self.assertEqual(refused()[0]["data"]["failure"], "MAIL_FAILURE_REFUSED")
        self.assertTrue(refused()[0]["data"]["reply"].startswith("550 5.1.1"), refused())

    def test_a_wrong_password_sends_nothing_and_loses_nothing(self):
        exim, node = self.begin(secret="another")
        self.two_companies(node)
        node.one("invite", "b@example.org", account=node.owner)
        wait_until(lambda: "MAIL_UNREACHABLE" in node.tail(), "the refusal is noticed")
        self.assertEqual(exim.to("b@example.org"), [])
        events = node.run("tail", "-t", "events", "-o", "beginning", "-e")
        self.assertFalse([e for e in events if "Notification" in e["type"]])


if __name__ == "__main__":
    if skip_reason():
        print("skipped: " + skip_reason())
        sys.exit(77)
    unittest.main(verbosity=2)
