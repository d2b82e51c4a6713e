# SPDX-License-Identifier: Apache-2.0
"""A real mail server for tests (aiosmtpd): keeps what it takes, refuses as it is told, with STARTTLS and AUTH if asked."""
import asyncio
import email
import email.policy
import os
import ssl
import subprocess
import sys
import threading

# Debian's module may belong to Debian's Python only.
try:
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult
except ImportError:
    if sys.executable != "/usr/bin/python3" and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    print("skipped: no python3-aiosmtpd (./dev setup test installs it)")
    sys.exit(77)


def certificate(directory):
    """A self-signed certificate for localhost: (key file, certificate file)."""
    key, cert = directory / "mail.key", directory / "mail.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )
    return key, cert


class Peer:
    """Listens on localhost. `answers` maps a recipient to replies that are given first, one per attempt; `data` holds
    replies to the ends of DATA; None in either means: take it."""

    def __init__(self, tls=None, login=None, port=0):
        self.mails = []
        self.attempts = []
        self.answers = {}
        self.data = []
        self.hold = None  # threading.Event: DATA is answered once it is set
        self.arrived = threading.Event()
        self.lock = threading.Lock()
        self.tls = tls
        self.login = login
        self.port = port
        self.controller = None

    def start(self):
        options = {}
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.tls[1], self.tls[0])
            options.update(tls_context=context, require_starttls=True)
        if self.login:
            options.update(authenticator=self.authenticate, auth_required=True, auth_require_tls=bool(self.tls))
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port or free_port(), **options)
        self.controller.start()
        self.port = self.controller.port
        return self

    def stop(self):
        if self.controller:
            self.controller.stop()
            self.controller = None

    def authenticate(self, server, session, envelope, mechanism, data):
        good = (data.login.decode(), data.password.decode()) == self.login
        return AuthResult(success=good, handled=not good, message=None if good else "535 5.7.8 no")

    async def handle_RCPT(self, server, session, envelope, address, options):
        with self.lock:
            self.attempts.append(address)
            queue = self.answers.get(address)
            reply = queue.pop(0) if queue else None
        if reply:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        self.arrived.set()
        while self.hold is not None and not self.hold.is_set():
            await asyncio.sleep(0.02)
        with self.lock:
            reply = self.data.pop(0) if self.data else None
            if reply:
                return reply
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            mail.recipients = list(envelope.rcpt_tos)
            mail.raw = envelope.content
            self.mails.append(mail)
        return "250 2.0.0 taken"

    def to(self, address):
        with self.lock:
            return [mail for mail in self.mails if address in mail.recipients]


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
