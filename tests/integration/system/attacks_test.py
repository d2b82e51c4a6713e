# SPDX-License-Identifier: Apache-2.0
"""What somebody tries who wants another's account: guessing, codes used again, sessions offered, secrets left lying."""
import base64
import binascii
import pathlib
import re
import threading
import time
import unittest

from accounts import CSRF, OTHER, PASSWORD, AccountTest, code
from doors import Live, operator, public

GUESSES = 80  # wrong passwords of an account in a row, from networks that are new to it
WRONG = "not the right password"
AT_ONCE, WAITING = 2, 16  # password hashes


def at_once(count, one):
    """Answers of `count` calls of one(number) that start together."""
    gate = threading.Barrier(count)
    answers = [None] * count

    def run(number):
        gate.wait()
        answers[number] = one(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


class Attacks(AccountTest):
    environment = {
        "FLEETLOG_GATEWAY_PUBLIC_URL": "https://fleet.example",
        "FLEETLOG_GATEWAY_TRUSTED_PROXY": "127.0.0.1",
        "FLEETLOG_GATEWAY_WAIT": "30s",  # however busy the machine is
        "FLEETLOG_LOG_LEVEL": "debug",
    }

    def from_(self, network, address, password=PASSWORD):
        """A sign-in from anywhere on the net."""
        headers = {**CSRF, "X-Forwarded-For": network}
        return public(self.node_, "POST", "/v1/sign-in", {"address": address, "password": password}, headers)

    def test_guessing_from_many_networks_ends_and_outlives_a_kill(self):
        self.sign_up()
        home = "198.51.100.7"
        self.cookie(self.from_(home, "anna@example.org"))
        for first, address in ((1, "anna@example.org"), (2, "nobody@example.org")):
            for number in range(GUESSES - 1):
                answer = self.from_(f"2001:db8:{first}:{number:x}::1", address, WRONG)
                self.assertEqual((answer.status, answer.body["title"]), (403, "Address and password do not fit"))
        self.node_.kill()
        self.node_.start()
        locked = []
        for address in ("anna@example.org", "nobody@example.org"):
            self.assertEqual(self.from_("192.0.2.1", address, WRONG).status, 403)
            answer = self.from_("192.0.2.2", address)
            self.assertEqual(answer.status, 429, answer)
            self.assertGreater(int(answer.headers["Retry-After"]), 24 * 3600)
            locked.append(answer.body)
        self.assertEqual(*locked)
        # The owner gets in from where he has been before, and that begins anew.
        self.cookie(self.from_(home, "anna@example.org"))
        self.assertEqual(self.from_("192.0.2.2", "anna@example.org", WRONG).status, 403)

    def test_a_new_password_opens_what_guessing_has_closed(self):
        self.sign_up()
        for number in range(GUESSES):
            self.assertEqual(self.from_(f"2001:db8::{number:x}:0:0:0:1", "anna@example.org", WRONG).status, 403)
        self.assertEqual(self.from_("192.0.2.2", "anna@example.org").status, 429)
        token = self.mailed_link("/v1/password-reset", {"address": "anna@example.org"})
        self.good(self.post("/v1/password-reset/confirm", {"token": token, "password": OTHER}))
        self.cookie(self.from_("192.0.2.2", "anna@example.org", OTHER))

    def test_too_many_sign_ins_at_once_are_put_off(self):
        self.sign_up()
        gateway = self.node_.duty("serve")
        body = {"address": "anna@example.org", "password": PASSWORD}

        def sign_in(_):
            return operator(self.node_, "POST", "/v1/sign-in", body)

        self.assertEqual([one.status for one in at_once(AT_ONCE + 1, sign_in)], [201] * (AT_ONCE + 1))
        answers = at_once(4 * (AT_ONCE + WAITING), sign_in)
        put_off = [one for one in answers if one.status == 503]
        self.assertGreaterEqual(len(answers) - len(put_off), AT_ONCE + WAITING, answers)
        self.assertGreater(len(put_off), 0)
        self.assertEqual({one.status for one in answers}, {201, 503})
        for one in put_off:
            self.assertGreater(int(one.headers["Retry-After"]), 0)
        # Nobody's password was wrong, so nobody waits for that, and it is the same process still.
        self.good(sign_in(0), 201)
        self.assertEqual(self.node_.duty("serve"), gateway)

    def second_factor(self):
        """Signed up with one: (cookie, secret, step of the code that was used, recovery codes)."""
        self.sign_up()
        cookie = self.cookie(self.sign_in("anna@example.org"))
        begun = self.good(self.post("/v1/account/totp", {"password": PASSWORD}, cookie=cookie))
        step = int(time.time()) // 30 - 1
        confirm = {"password": PASSWORD, "enrolmentId": begun["enrolmentId"], "code": code(begun["secret"], step)}
        done = self.post("/v1/account/totp/confirm", confirm, cookie=cookie)
        return self.cookie(done), begun["secret"], step, done.body["recoveryCodes"]

    def test_a_code_counts_once(self):
        cookie, secret, used, recovery = self.second_factor()

        def with_code(step):
            return self.sign_in("anna@example.org", code=code(secret, step)).status

        # Within its step: of those who send it together one gets in, and nobody afterwards.
        self.assertEqual(sorted(at_once(3, lambda _: with_code(used + 1))), [201, 409, 409])
        self.assertEqual(with_code(used + 1), 409)
        # Across steps: the next one is good, an older one never again, wherever it is sent.
        self.assertEqual(with_code(used + 2), 201)
        for step in (used, used + 1, used + 2):
            self.assertIn(with_code(step), (403, 409), step)
        off = {"password": PASSWORD, "code": code(secret, used + 2)}
        self.assertEqual(self.post("/v1/account/totp/disable", off, cookie=cookie).status, 409)
        self.assertTrue(self.good(self.get("/v1/account", cookie=cookie))["secondFactor"])
        # A recovery code of those sent together, too.
        answers = at_once(3, lambda _: self.sign_in("anna@example.org", code=recovery[0]))
        (fresh,) = [self.cookie(answer) for answer in answers if answer.status == 201]
        self.assertEqual(self.sign_in("anna@example.org", code=recovery[0]).status, 403)
        self.assertEqual(self.good(self.get("/v1/account", cookie=fresh))["recoveryCodesLeft"], 9)

    def test_a_session_that_the_client_offers_is_never_taken(self):
        self.sign_up()
        self.sign_up("eve@example.net", "Elsewhere")
        name, eves = self.cookie(self.sign_in("eve@example.net")).split("=", 1)
        known = {eves}
        body = {"address": "anna@example.org", "password": PASSWORD}
        for offered in (eves, "A" * 43, "x", ""):
            answer = self.post("/v1/sign-in", {**body, "sessionId": offered, "token": offered}, cookie=f"{name}={offered}")
            fresh = self.cookie(answer).split("=", 1)[1]
            self.assertNotIn(fresh, known)
            known.add(fresh)
            if offered != eves:
                self.assertEqual(self.get("/v1/account", cookie=f"{name}={offered}").status, 401)
        # Eve is herself still: what she planted in Anna's browser did not become Anna.
        self.assertEqual(self.good(self.get("/v1/account", cookie=f"{name}={eves}"))["address"], "eve@example.net")
        self.assertEqual(self.get(f"/v1/account?{name}={fresh}").status, 401)

    def test_a_session_changes_with_what_it_proves(self):
        cookie, secret, used, _ = self.second_factor()
        change = {"password": PASSWORD, "newPassword": OTHER}
        changed = self.cookie(self.post("/v1/account/password", change, cookie=cookie))
        off = {"password": OTHER, "code": code(secret, used + 1)}
        without = self.cookie(self.post("/v1/account/totp/disable", off, cookie=changed))
        self.assertEqual(len({cookie, changed, without}), 3)
        for old in (cookie, changed):
            self.assertEqual(self.get("/v1/account", cookie=old).status, 401)
        self.good(self.get("/v1/account", cookie=without))

    def watch(self, **headers):
        stream = Live(self.node_, headers=headers, door="api")
        self.addCleanup(stream.close)
        self.assertEqual((stream.status, stream.next()[1]), (200, "ready"))
        return stream

    def assert_cut_off(self, stream):
        self.assertEqual(stream.until("end")[-1][2], {"reason": "signed-out"})
        self.assertIsNone(stream.next())

    def test_live_streams_end_with_what_they_rest_on(self):
        self.sign_up()
        cookies = [self.cookie(self.sign_in("anna@example.org")) for _ in range(3)]
        made = self.good(self.post("/v1/api-tokens", {"name": "n", "scopes": ["read"]}, cookie=cookies[0]), 201)
        streams = [self.watch(Cookie=cookie) for cookie in cookies]
        by_token = self.watch(Authorization="Bearer " + made["token"])
        # Signing out ends its own session's stream, and that one alone.
        self.good(self.post("/v1/sign-out", cookie=cookies[0]))
        self.assert_cut_off(streams[0])
        self.good(self.post("/v1/sessions?keep=current", cookie=cookies[1], method="DELETE"))
        self.assert_cut_off(streams[2])
        self.good(self.get("/v1/account", cookie=cookies[1]))
        # A reset ends all sessions, and what they watch; a program's token is not a session.
        again = self.watch(Cookie=cookies[1])
        token = self.mailed_link("/v1/password-reset", {"address": "anna@example.org"})
        self.good(self.post("/v1/password-reset/confirm", {"token": token, "password": OTHER}))
        self.assert_cut_off(streams[1])
        self.assert_cut_off(again)
        for cookie in cookies:
            self.assertEqual(self.get("/v1/account", cookie=cookie).status, 401)
        self.good(self.get("/v1/companies", token=made["token"]))
        fresh = self.cookie(self.sign_in("anna@example.org", OTHER))
        self.good(self.post(f"/v1/api-tokens/{made['tokenId']}", method="DELETE", cookie=fresh))
        self.assert_cut_off(by_token)

    def test_nothing_secret_lies_about(self):
        cookie, secret, used, recovery = self.second_factor()
        token = self.good(self.post("/v1/api-tokens", {"name": "n", "scopes": ["read"]}, cookie=cookie), 201)["token"]
        self.assertEqual(self.sign_in("anna@example.org", WRONG).status, 403)
        self.cookie(self.sign_in("anna@example.org", code=recovery[0]))
        self.cookie(self.sign_in("anna@example.org", code=code(secret, used + 1)))
        reset = self.mailed_link("/v1/password-reset", {"address": "anna@example.org"})
        self.good(self.post("/v1/password-reset/confirm", {"token": reset, "password": OTHER}))
        secrets = {
            "password": PASSWORD,
            "next password": OTHER,
            "wrong password": WRONG,
            "cookie": cookie.split("=", 1)[1],
            "API token": token,
            "reset": reset.split(".")[1],
            "TOTP secret": secret,
            "address": "anna@example.org",
            "password hash": "$argon2id$",
        }
        secrets.update({f"recovery code {index}": text for index, text in enumerate(recovery)})
        needles = {}
        for what, text in secrets.items():
            for form in forms(text):
                needles[form] = what
        self.search(needles)
        self.assertEqual(self.node_.stop(), 0)
        self.search(needles)
        self.node_.start()

    def search(self, needles):
        """No file of the node, nor what its processes said, holds one of these."""
        pattern = re.compile(b"|".join(re.escape(needle) for needle in sorted(needles)))
        files = [path for path in self.node_.directory.rglob("*") if path.is_file()]
        files.append(pathlib.Path(str(self.node_.directory) + ".log"))
        self.assertGreater(len(files), 10)
        for path in files:
            found = pattern.search(path.read_bytes())
            self.assertIsNone(found, f"{path}: {needles.get(found.group()) if found else ''}")


def forms(text):
    """A secret as it could stand in a file: as it is, as bytes behind it, in hexadecimal, in base64."""
    yield text.encode()
    raw = [text.encode(), text.replace("-", "").encode()]
    for decode in (base64.b32decode, base64.urlsafe_b64decode):
        try:
            raw.append(decode(text.replace("-", "" if decode is base64.b32decode else "-") + "=" * (-len(text) % 4)))
        except (binascii.Error, ValueError):
            pass
    for one in raw:
        if len(one) >= 9:
            yield one
            yield binascii.hexlify(one)
            yield base64.b64encode(one).rstrip(b"=")


if __name__ == "__main__":
    unittest.main(verbosity=2)
