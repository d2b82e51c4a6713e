# SPDX-License-Identifier: Apache-2.0
"""People who sign up and in at the doors: what tests of accounts share."""
import base64
import hashlib
import hmac
import struct

from doors import operator, public
from harness import SystemTest

CSRF = {"Fleetlog-Csrf": "1"}
PASSWORD = "blue kettle 424 on the hob"
OTHER = "green bucket 17 in the shed"
MAILED = {"title", "message"}


def code(secret, step):
    """RFC 6238, written down once more."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7FFFFFFF) % 1000000:06d}"


class AccountTest(SystemTest):
    """One node, and requests to it as a browser's."""

    environment = {}

    def setUp(self):
        super().setUp()
        self.node_ = self.node(environment=self.environment).start()

    def post(self, path, body=None, cookie=None, method="POST", token=None, key=None):
        headers = dict(CSRF)
        if key:
            headers["Idempotency-Key"] = key
        if cookie:
            headers["Cookie"] = cookie
        if token:
            headers["Authorization"] = "Bearer " + token
        return public(self.node_, method, path, body, headers)

    def get(self, path, **who):
        return self.post(path, method="GET", **who)

    def good(self, answer, status=200):
        self.assertEqual(answer.status, status, answer)
        return answer.body

    def mailed_link(self, path, body, account=None):
        """The token that the mail would carry: operators are shown it."""
        return self.good(operator(self.node_, "POST", path, body, account))["token"]

    def cookie(self, answer, status=201):
        self.good(answer, status)
        text = answer.headers["Set-Cookie"]
        for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
            self.assertIn(word, text)
        self.assertNotIn("token", answer.body)
        return text.split(";")[0]

    def sign_in(self, address, password=PASSWORD, **more):
        return self.post("/v1/sign-in", {"address": address, "password": password, **more})

    def sign_up(self, address="anna@example.org", company="Acme"):
        token = self.mailed_link("/v1/sign-up", {"address": address, "companyName": company})
        return self.good(self.post("/v1/sign-up/confirm", {"token": token, "password": PASSWORD, "name": "Anna"}), 201)
