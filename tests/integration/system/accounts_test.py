# SPDX-License-Identifier: Apache-2.0
"""The whole life of an account, through the doors: signed up, confirmed, signed in, slowed down, reset, closed."""
import json
import os
import pty
import re
import statistics
import time
import unittest

from accounts import MAILED, OTHER, PASSWORD, AccountTest, code
from doors import enrolled_agent, metrics, operator
from harness import BINARY

STRANGERS = ("anna@example.org", "nobody@example.org", "noone@example.org")  # one has an account
FREE = 5  # wrong passwords of one name from one place before the first delay


def plain(thing, address):
    """An answer without what is of this request alone: times, sequences, ids and links minted by it, the address itself."""
    text = json.dumps(thing, sort_keys=True).replace(address, "ADDRESS")
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    text = re.sub(r"ID\.[\w-]{43}", "TOKEN", text)
    text = re.sub(r"rack-\d", "RACK", text)
    return re.sub(r'"(\w*Ms|sequence)": "?\d+"?', r'"\1": 0', text)


class Accounts(AccountTest):
    def test_signing_up(self):
        asked = {"address": "anna@example.org", "companyName": "Acme"}
        self.assertEqual(set(self.good(self.post("/v1/sign-up", asked))), MAILED)
        self.assertEqual(self.sign_in("anna@example.org").status, 403)
        token = self.mailed_link("/v1/sign-up", asked)
        confirm = {"token": token, "password": "too short", "name": "Anna"}
        self.assertEqual(self.post("/v1/sign-up/confirm", confirm).status, 422)
        confirm["password"] = "anna@example.org"
        self.assertEqual(self.post("/v1/sign-up/confirm", confirm).status, 422)
        confirm["password"] = PASSWORD
        self.assertEqual(self.post("/v1/sign-up/confirm", {**confirm, "token": token[:-1] + "!"}).status, 403)
        made = self.good(self.post("/v1/sign-up/confirm", confirm), 201)
        self.assertEqual(made["event"], "SignUpConfirmed")
        self.assertEqual(self.post("/v1/sign-up/confirm", confirm).status, 403)
        # Who has an account is answered as anybody is, and operators see that no link went out.
        self.assertEqual(set(self.good(self.post("/v1/sign-up", asked))), MAILED)
        again = self.good(operator(self.node_, "POST", "/v1/sign-up", asked))
        self.assertNotIn("token", again)
        cookie = self.cookie(self.sign_in("anna@EXAMPLE.org"))
        own = self.good(self.get("/v1/account", cookie=cookie))
        self.assertEqual((own["name"], own["address"], own["hasPassword"]), ("Anna", "anna@example.org", True))
        self.assertEqual(self.good(self.get("/v1/companies", cookie=cookie))["items"][0]["name"], "Acme")

    def test_an_invitation_brings_a_co_worker_with_a_password(self):
        self.sign_up()
        cookie = self.cookie(self.sign_in("anna@example.org"))
        shown = self.good(self.post("/v1/invitations", {"address": "ben@example.org"}, cookie=cookie), 201)
        self.assertNotIn("token", shown)
        self.assertNotIn("link", shown)
        again = operator(self.node_, "POST", f"/v1/invitations/{shown['invitationId']}/resend", None, "anna@example.org")
        accept = {"token": self.good(again)["token"], "password": PASSWORD}
        joined = self.good(self.post("/v1/invitations/accept", accept))
        self.assertEqual(joined["event"], "InvitationAccepted")
        ben = self.cookie(self.sign_in("ben@example.org"))
        self.assertEqual(self.good(self.get("/v1/companies", cookie=ben))["items"][0]["name"], "Acme")

    def test_nobody_learns_who_has_an_account_from_what_he_offers(self):
        """Everything that the one who invites and offers can read, for an address with an account and one without."""
        node = self.node_
        self.sign_up()  # Anna has a name
        self.sign_up("eve@example.net", "Elsewhere")
        cookie = self.cookie(self.sign_in("eve@example.net"))
        agent = enrolled_agent(node, "eve@example.net")
        racks = {address: agent.register(f"rack-{number}")[0] for number, address in enumerate(STRANGERS)}
        offers = {
            "/v1/invitations": lambda address: {"address": address},
            "/v1/shares": lambda address: {"devices": [racks[address]], "address": address},
            "/v1/transfers": lambda address: {"devices": [racks[address]], "address": address},
            "/v1/reseller-links": lambda address: {"address": address},
        }
        ends = {"/v1/invitations": "invitationId", "/v1/reseller-links": "linkId"}
        for path, body in offers.items():
            seen = {}
            for address in STRANGERS:
                made = self.good(self.post(path, body(address), cookie=cookie, key=path + address), 201)
                again = self.good(self.post(path, body(address), cookie=cookie, key=path + address), 201)
                self.assertEqual(made, again)
                listed = self.good(self.get(path, cookie=cookie))["items"]
                own = [row for row in listed if row["person"] == address]
                self.assertEqual(len(own), 1, listed)
                lines = self.good(self.get("/v1/events", cookie=cookie))["items"]
                text = next(line["text"] for line in lines if line["sequence"] == made["sequence"])
                self.assertIn(address, text)
                seen[address] = [plain(one, address) for one in (made, own[0], {"text": text})]
                if path in ends:  # of a company there is one reseller at most
                    self.good(self.post(f"{path}/{made[ends[path]]}", cookie=cookie, method="DELETE"))
            known, *others = seen.values()
            for one in others:
                self.assertEqual(known, one, path)
            self.assertNotIn("subjectId", str(seen))

    def test_an_offer_of_devices_brings_somebody_new(self):
        node = self.node_
        self.two_companies(node)
        agent = enrolled_agent(node, node.owner)
        rack = agent.register("rack-1")
        offer = {"devices": [rack[0]], "address": "new@example.org"}
        offered = self.good(operator(node, "POST", "/v1/transfers", offer, node.owner), 201)
        asked = {"companyName": "Newcomers", "transferToken": offered["token"]}
        self.assertEqual(self.post("/v1/sign-up", {**asked, "shareToken": "x"}).body["field"], "transferToken")
        forged = offered["token"][:-2] + "AA"
        self.assertEqual(self.post("/v1/sign-up", {**asked, "transferToken": forged}).status, 403)
        # The link is for its own address alone, whatever else the request says.
        self.assertEqual(set(self.good(self.post("/v1/sign-up", {**asked, "address": "eve@example.org"}))), MAILED)
        sign_up = self.mailed_link("/v1/sign-up", asked)
        made = self.good(self.post("/v1/sign-up/confirm", {"token": sign_up, "password": PASSWORD}), 201)
        self.assertEqual(made["transferId"], offered["transferId"])
        cookie = self.cookie(self.sign_in("new@example.org"))
        received = self.good(self.get("/v1/transfers?received=true", cookie=cookie))["items"]
        self.assertEqual([row["transferId"] for row in received], [offered["transferId"]])
        self.good(self.post("/v1/transfers/accept", {"token": offered["token"]}, cookie=cookie))
        self.assertEqual(self.good(self.get(f"/v1/devices/{rack[0]}", cookie=cookie))["owner"], "Newcomers")
        self.assertEqual(self.post("/v1/sign-up", asked).status, 409)

    def test_sessions(self):
        self.sign_up()
        first = self.cookie(self.sign_in("anna@example.org"))
        second = self.cookie(self.sign_in("anna@example.org"))
        rows = self.good(self.get("/v1/sessions", cookie=first))["items"]
        self.assertEqual([row["current"] for row in rows].count(True), 1)
        other = next(row for row in rows if not row["current"])
        self.good(self.post(f"/v1/sessions/{other['sessionId']}", cookie=first, method="DELETE"))
        self.assertEqual(self.get("/v1/account", cookie=second).status, 401)
        third = self.cookie(self.sign_in("anna@example.org"))
        self.good(self.post("/v1/sessions?keep=current", cookie=third, method="DELETE"))
        self.assertEqual(self.get("/v1/account", cookie=first).status, 401)
        gone = self.post("/v1/sign-out", cookie=third)
        self.good(gone)
        self.assertIn("Max-Age=0", gone.headers["Set-Cookie"])
        self.assertEqual(self.get("/v1/account", cookie=third).status, 401)

    def test_a_new_password_ends_every_session_but_gives_the_asker_a_new_one(self):
        self.sign_up()
        first = self.cookie(self.sign_in("anna@example.org"))
        second = self.cookie(self.sign_in("anna@example.org"))
        change = {"password": OTHER, "newPassword": OTHER}
        self.assertEqual(self.post("/v1/account/password", change, cookie=first).status, 403)
        change["password"] = PASSWORD
        third = self.cookie(self.post("/v1/account/password", change, cookie=first))
        for old in (first, second):
            self.assertEqual(self.get("/v1/account", cookie=old).status, 401)
        self.good(self.get("/v1/account", cookie=third))
        self.assertEqual(self.sign_in("anna@example.org").status, 403)
        self.cookie(self.sign_in("anna@example.org", OTHER))

    def test_a_reset_works_once_and_signs_nobody_in(self):
        self.sign_up()
        cookie = self.cookie(self.sign_in("anna@example.org"))
        self.assertEqual(set(self.good(self.post("/v1/password-reset", {"address": "anna@example.org"}))), MAILED)
        self.assertEqual(set(self.good(self.post("/v1/password-reset", {"address": "nobody@example.org"}))), MAILED)
        token = self.mailed_link("/v1/password-reset", {"address": "anna@example.org"})
        reset = self.post("/v1/password-reset/confirm", {"token": token, "password": OTHER})
        self.good(reset)
        self.assertNotIn("Set-Cookie", reset.headers)
        self.assertEqual(self.get("/v1/account", cookie=cookie).status, 401)
        self.assertEqual(self.post("/v1/password-reset/confirm", {"token": token, "password": OTHER}).status, 403)
        self.cookie(self.sign_in("anna@example.org", OTHER))

    def test_a_second_factor(self):
        self.sign_up()
        cookie = self.cookie(self.sign_in("anna@example.org"))
        begun = self.good(self.post("/v1/account/totp", {"password": PASSWORD}, cookie=cookie))
        step = int(time.time()) // 30
        confirm = {"password": PASSWORD, "enrolmentId": begun["enrolmentId"], "code": code(begun["secret"], step - 9)}
        self.assertEqual(self.post("/v1/account/totp/confirm", confirm, cookie=cookie).status, 403)
        confirm["code"] = code(begun["secret"], step)
        done = self.post("/v1/account/totp/confirm", confirm, cookie=cookie)
        fresh = self.cookie(done)
        recovery = done.body["recoveryCodes"]
        self.assertEqual(len(set(recovery)), 10)
        self.assertEqual(self.get("/v1/account", cookie=cookie).status, 401)
        self.assertEqual(self.good(self.get("/v1/account", cookie=fresh))["secondFactor"], True)
        asked = self.sign_in("anna@example.org")
        self.assertEqual((asked.status, asked.body["field"]), (403, "code"))
        used = self.sign_in("anna@example.org", code=code(begun["secret"], step))
        self.assertEqual(used.status, 409, used)  # the enrolment has used it
        self.cookie(self.sign_in("anna@example.org", code=code(begun["secret"], step + 1)))
        self.cookie(self.sign_in("anna@example.org", code=recovery[0].lower()))
        self.assertEqual(self.sign_in("anna@example.org", code=recovery[0]).status, 403)
        last = self.cookie(self.sign_in("anna@example.org", code=recovery[1]))
        self.assertEqual(self.good(self.get("/v1/account", cookie=last))["recoveryCodesLeft"], 8)
        off = {"password": PASSWORD, "code": recovery[2]}
        self.cookie(self.post("/v1/account/totp/disable", off, cookie=last))
        self.cookie(self.sign_in("anna@example.org"))

    def test_api_tokens(self):
        self.sign_up()
        cookie = self.cookie(self.sign_in("anna@example.org"))
        wanted = {"name": "nightly", "scopes": ["read"]}
        made = self.good(self.post("/v1/api-tokens", wanted, cookie=cookie), 201)
        self.assertNotIn("tokenHash", made)
        token = made["token"]
        self.assertEqual(self.good(self.get("/v1/companies", token=token))["items"][0]["name"], "Acme")
        denied = self.post("/v1/invitations", {"address": "x@example.org"}, token=token)
        self.assertEqual(denied.status, 403, denied)
        self.assertEqual(self.post("/v1/api-tokens", wanted, token=token).status, 403)
        self.assertEqual(self.post("/v1/api-tokens", {**wanted, "scopes": ["all"]}, cookie=cookie).status, 422)
        for days, status in ((0, 422), (1, 201), (366, 201), (367, 422)):
            self.assertEqual(self.post("/v1/api-tokens", {**wanted, "days": days}, cookie=cookie).status, status)
        listed = self.good(self.get("/v1/api-tokens", cookie=cookie))["items"]
        self.assertTrue(all("token" not in row for row in listed))
        self.good(self.post(f"/v1/api-tokens/{made['tokenId']}", cookie=cookie, method="DELETE"))
        self.assertEqual(self.get("/v1/companies", token=token).status, 401)

    def test_another_address(self):
        self.sign_up()
        cookie = self.cookie(self.sign_in("anna@example.org"))
        wanted = {"password": PASSWORD, "address": "anna@example.net"}
        self.assertEqual(set(self.good(self.post("/v1/account/address", wanted, cookie=cookie))), MAILED)
        operators = operator(self.node_, "POST", "/v1/account/address", wanted, "anna@example.org")
        token = self.good(operators)["token"]
        self.good(self.post("/v1/account/address/confirm", {"token": token}))
        self.assertEqual(self.good(self.get("/v1/account", cookie=cookie))["address"], "anna@example.net")
        self.assertEqual(self.sign_in("anna@example.org").status, 403)
        self.cookie(self.sign_in("anna@example.net"))
        self.sign_up("anna@example.org", "Somebody new")

    def test_guessing_is_slowed_and_tells_nothing(self):
        self.sign_up()
        answers = [self.sign_in("anna@example.org", "wrong password here") for _ in range(FREE)]
        answers += [self.sign_in("nobody@example.org", "wrong password here") for _ in range(FREE)]
        for one in answers:
            self.assertEqual((one.status, one.body["title"]), (403, "Address and password do not fit"))
        for address in ("anna@example.org", "nobody@example.org"):
            slowed = self.sign_in(address)
            self.assertEqual(slowed.status, 429, slowed)
            self.assertGreater(int(slowed.headers["Retry-After"]), 0)
        # From another place the owner gets in.
        self.good(operator(self.node_, "POST", "/v1/sign-in", {"address": "anna@example.org", "password": PASSWORD}), 201)
        text = metrics(self.node_).raw.decode()
        self.assertIn(f'fleetlog_sign_ins_total{{result="refused"}} {2 * FREE}', text)

    def test_unknown_addresses_take_as_long(self):
        self.sign_up()
        times = {"anna@example.org": [], "nobody@example.org": []}
        for _ in range(FREE - 1):
            for address, taken in times.items():
                begin = time.monotonic()
                self.assertEqual(self.sign_in(address, "wrong password here").status, 403)
                taken.append(time.monotonic() - begin)
        known, unknown = (statistics.median(taken) for taken in times.values())
        self.assertLess(max(known, unknown) / min(known, unknown), 2, times)

    def test_operators_help(self):
        node = self.node_
        shown = node.one("sign-up", "anna@example.org", "--company", "Acme")
        self.good(self.post("/v1/sign-up/confirm", {"token": shown["token"], "password": PASSWORD}), 201)
        cookie = self.cookie(self.sign_in("anna@example.org"))
        anna = {"account": "anna@example.org"}
        made = node.one("token", "create", "nightly", "--scopes", "read,commands", "--days", "7", **anna)
        self.good(self.get("/v1/companies", token=made["token"]))
        listed = node.run("token", "list", **anna)
        self.assertEqual([row["scopes"] for row in listed], [["read", "commands"]])
        node.run("token", "revoke", made["tokenId"], **anna)
        self.assertEqual(self.get("/v1/companies", token=made["token"]).status, 401)
        session = node.one("session", "list", **anna)
        node.run("session", "end", code=2, parse=False, **anna)
        node.run("session", "end", session["sessionId"], **anna)
        self.assertEqual(self.get("/v1/account", cookie=cookie).status, 401)
        node.run("session", "end", "--all", **anna)
        self.assertIn("/password-reset#", node.one("password", "reset", "anna@example.org")["link"])
        self.assertNotIn("link", node.one("password", "reset", "nobody@example.org"))

    def test_everything_by_commands(self):
        node = self.node_
        anna = {"account": "anna@example.org"}
        shown = node.one("sign-up", "anna@example.org", "--company", "Acme")
        node.run("sign-up", "confirm", shown["token"], code=2, parse=False)
        node.run("sign-up", "confirm", shown["token"], lines=["too short"], code=1, parse=False)
        made = node.one("sign-up", "confirm", shown["token"], "--name", "Anna", lines=[PASSWORD])
        self.assertEqual(node.one("account", "show", **anna)["name"], "Anna")
        node.run("account", "change", code=2, parse=False, **anna)
        node.one("account", "change", "--name", "Anna Long", "--language", "de", **anna)
        own = node.one("account", "show", **anna)
        self.assertEqual((own["accountId"], own["name"], own["language"]), (made["accountId"], "Anna Long", "de"))
        # Passwords come from a file that is nobody else's.
        both = self.directory / "both"
        both.write_text(f"{PASSWORD}\n{OTHER}\n")
        both.chmod(0o640)
        said = node.run("password", "change", "--password-file", both, code=2, parse=False, **anna)
        self.assertIn(b"chmod 600", said.stderr)
        both.chmod(0o600)
        node.one("password", "change", "--password-file", both, **anna)
        node.run("password", "change", lines=[PASSWORD, OTHER], code=1, parse=False, **anna)
        node.run("password", "change", lines=[OTHER], code=2, parse=False, **anna)
        node.run("password", "change", lines=["x" * 1025, OTHER], code=2, parse=False, **anna)
        node.run("password", "change", "--password-file", self.directory / "none", code=2, parse=False, **anna)
        self.cookie(self.sign_in("anna@example.org", OTHER))
        begun = node.one("totp", "enable", lines=[OTHER], **anna)
        self.assertTrue(begun["uri"].startswith("otpauth://totp/fleetlog:"), begun)
        step = int(time.time()) // 30
        first = [OTHER, code(begun["secret"], step)]
        recovery = node.one("totp", "confirm", begun["enrolmentId"], lines=first, **anna)["recoveryCodes"]
        self.assertEqual(node.one("account", "show", **anna)["recoveryCodesLeft"], len(recovery))
        node.run("totp", "disable", lines=[OTHER, "000000x"], code=1, parse=False, **anna)
        node.one("totp", "disable", lines=[OTHER, recovery[0]], **anna)
        self.assertFalse(node.one("account", "show", **anna)["secondFactor"])
        reset = node.one("password", "reset", "anna@example.org")
        node.one("password", "confirm", reset["token"], lines=[PASSWORD])
        moved = node.one("account", "address", "anna@example.net", lines=[PASSWORD], **anna)
        node.one("account", "address", "confirm", moved["token"])
        self.cookie(self.sign_in("anna@example.net"))
        node.run("sign-up", "x@example.org", "--transfer", "t", "--company", "X", code=2, parse=False)
        node.run("sign-up", "--company", "X", code=2, parse=False)
        node.run("sign-up", "--share", "t", "--company", "X", code=1, parse=False)

    def test_a_terminal_asks_without_echo(self):
        self.sign_up()
        command = [str(BINARY), "password", "change", "--as", "anna@example.org"]

        def typed(*lines):
            """What the terminal shows while these are typed, each when it is asked for, and the exit code."""
            child, terminal = pty.fork()
            if child == 0:
                os.execve(command[0], command, self.node_.env())
            shown = b""
            for line in lines:
                while not shown.endswith(b": "):
                    shown += os.read(terminal, 1024)
                os.write(terminal, line)
                shown += b"|"
            try:
                while more := os.read(terminal, 1024):
                    shown += more
            except OSError:  # the other end is closed
                pass
            os.close(terminal)
            return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

        old, new = (f"{text}\n".encode() for text in (PASSWORD, OTHER))
        shown, status = typed(old, new, PASSWORD.encode() + b"\n")
        self.assertEqual(status, 2, shown)
        self.assertIn("not the same", shown)
        shown, status = typed(b"half a pass\x03")
        self.assertEqual(status, 130, shown)
        shown, status = typed(old, new, new)
        self.assertEqual(status, 0, shown)
        self.assertIn("Password: ", shown)
        for secret in (PASSWORD, OTHER, "half"):
            self.assertNotIn(secret, shown)
        self.cookie(self.sign_in("anna@example.org", OTHER))

    def test_a_closed_account_leaves_nothing_open(self):
        self.sign_up()
        cookie = self.cookie(self.sign_in("anna@example.org"))
        token = self.good(self.post("/v1/api-tokens", {"name": "n", "scopes": ["read"]}, cookie=cookie), 201)["token"]
        reset = self.mailed_link("/v1/password-reset", {"address": "anna@example.org"})
        self.good(self.post("/v1/account/close", cookie=cookie))
        self.assertEqual(self.get("/v1/account", cookie=cookie).status, 401)
        self.assertEqual(self.get("/v1/companies", token=token).status, 401)
        self.assertEqual(self.post("/v1/password-reset/confirm", {"token": reset, "password": OTHER}).status, 403)
        self.assertEqual(self.sign_in("anna@example.org").status, 403)
        self.sign_up()
        self.cookie(self.sign_in("anna@example.org"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
