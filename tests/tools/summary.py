#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Closes a test run: which tests failed or were skipped and why, then `N passed, N failed, N skipped`."""
import os
import sys
import xml.etree.ElementTree as ET


def last_words(case):
    """A skipped test says why in the last line that it prints."""
    lines = [line.strip() for line in (case.findtext("system-out") or "").splitlines() if line.strip()]
    return lines[-1].removeprefix("skipped: ") if lines else "it gave no reason"


def main(path):
    passed = 0
    failed, skipped = [], []
    for case in ET.parse(path).getroot().iter("testcase"):
        status = case.get("status")
        if status == "run":
            passed += 1
        elif status == "fail":
            failed.append(case)
        else:  # notrun, disabled
            skipped.append(case)
    for case in skipped:
        print(f"skipped: {case.get('name')}: {last_words(case)}")
    why = os.environ.get("FLEETLOG_WHY_NO_KAFKA")
    if why:
        print(f"no Kafka: {why}")
    for case in failed:
        print(f"failed: {case.get('name')}")
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed else 0


sys.exit(main(sys.argv[1]))
