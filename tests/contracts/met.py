# SPDX-License-Identifier: Apache-2.0
"""Which documented answers of schemas/openapi.json no test has met.

usage: met.py DIRECTORY   (files that tests left there with FLEETLOG_MET=DIRECTORY)

Every route must have been met with its success and with each refusal that a door gives by itself. What rules refuse
(404, 409, 410, 422 of a kind of thing) is listed where it was not met, with how much of it was.
"""
import json
import pathlib
import sys

STRICT = {"200", "201", "401", "413", "415", "429"}
# Met by other means than a recorded answer, or by a command of the command line.
ELSEWHERE = {
    "GET /v1/live 200": "live_test reads the stream itself",
    "DELETE /v1/firmware/{firmwareId} 200": "firmware_test, through `fleetlog firmware withdraw`",
    "GET /agent/v1/firmware/{firmwareId} 200": "firmware_test, through the agent",
    "GET /agent/v1/firmware/{firmwareId}/image 200": "firmware_test, through the agent",
    "GET /v1/erasures/{subjectId} 200": "privacy_test, through `fleetlog erase`",
    "PATCH /v1/account 200": "accounts_test, on a connection of its own",
    "POST /v1/account/password 200": "accounts_test, on a connection of its own",
    "POST /v1/account/totp/confirm 200": "accounts_test, on a connection of its own",
    "POST /v1/account/totp/disable 200": "accounts_test, on a connection of its own",
    "POST /v1/erasures 200": "privacy_test, through `fleetlog erase`",
    "POST /v1/firmware 200": "firmware_test and two_nodes_test, at a node without the image",
    "POST /v1/firmware 201": "firmware_test, through `fleetlog firmware publish`",
    "POST /v1/firmware/images/{sha256} 200": "firmware_test, through `fleetlog firmware publish`",
    "POST /v1/licenses/{licenseId}/withdraw 200": "licenses_test, through `fleetlog license withdraw`",
    "POST /v1/reseller-links/decline 200": "whitelist_test, through `fleetlog reseller decline`",
    "POST /v1/reseller-links/disconnect 200": "resellers_test, through `fleetlog reseller disconnect`",
    "PUT /v1/notifications 200": "mail_test, through `fleetlog notify set`",
    "PUT /v1/prices 200": "licenses_test, through `fleetlog prices set`",
    "POST /v1/clock/accept 200": "held_test, through `fleetlog clock accept`",
    "POST /v1/rules 201": "there is one version of the rules",
}


def main():
    document = json.loads((pathlib.Path(__file__).parents[2] / "schemas" / "openapi.json").read_text())
    met = set()
    for path in pathlib.Path(sys.argv[1]).glob("*.json"):
        met |= {f"{operation} {status}" for operation, status in json.loads(path.read_text())}
    documented = {
        f"{method.upper()} {path} {status}"
        for path, item in document["paths"].items()
        for method, operation in item.items()
        for status in operation["responses"]
    }
    missing = sorted(documented - met)
    wanted = [line for line in missing if line.rsplit(" ", 1)[1] in STRICT and line not in ELSEWHERE]
    by_status = {}
    for line in missing:
        by_status.setdefault(line.rsplit(" ", 1)[1], []).append(line.rsplit(" ", 1)[0])
    for status, operations in sorted(by_status.items()):
        print(f"{status} not met: {', '.join(operations)}")
    print(f"{len(documented & met)} of {len(documented)} documented answers met")
    for line in wanted:
        print(f"no test has met: {line}", file=sys.stderr)
    return 1 if wanted or not met else 0


if __name__ == "__main__":
    sys.exit(main())
