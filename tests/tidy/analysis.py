#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges what the analysers said: reads gcc's and clang-tidy's output, prints each finding once, exits 1 if one is new.

usage: analysis.py [--root DIR] [--list] LOG...

Both analysers are wrong at times (gcc 12 loses track of a pointer kept in a struct). tests/tidy/analysis.txt lists what
was looked at and found harmless, `check path number`; like the tidy test's list it may only shrink.
"""
import argparse
import collections
import os
import re
import sys

import tidy

LINE = re.compile(r"^(?P<path>[^\s:][^:]*):(?P<line>\d+):\d+: (?:warning|error): (?P<text>.*) \[(?P<check>[^\]]+)\]$")
OURS = ("core/", "schemas/", "projections/", "consumers/", "producers/", "replay/")


def findings(root, lines):
    found = set()
    for line in lines:
        match = LINE.match(line.rstrip("\n"))
        if not match:
            if "[clang-diagnostic-error]" in line:  # it could not read the file, so it judged nothing
                found.add(tidy.Finding("-", 1, "clang-diagnostic-error", line.strip(), 1))
            continue
        path = os.path.relpath(os.path.join(root, match["path"]), root)
        if path.startswith(OURS):
            check = match["check"].split(",")[0].replace("-Werror=", "-W")
            found.add(tidy.Finding(path, int(match["line"]), check, match["text"], 1))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=os.path.realpath(os.path.join(tidy.HERE, "..", "..")))
    parser.add_argument("--list", action="store_true", help="print the lines that would accept everything found")
    parser.add_argument("logs", nargs="+", metavar="LOG")
    options = parser.parse_args()
    found = set()
    for name in options.logs:
        with open(name, encoding="utf-8", errors="replace") as log:
            found |= findings(options.root, log)
    if options.list:
        for (check, path), number in sorted(collections.Counter((f.rule, f.path) for f in found).items()):
            print(check, path, number)
        return 0
    with open(os.path.join(tidy.HERE, "analysis.txt"), encoding="utf-8") as stream:
        left = tidy.apply_ratchet(found, tidy.read_ratchet(stream.read()), "tests/tidy/analysis.txt")
    for finding in left:
        print(f"{finding.path}:{finding.line}: {finding.rule}: {finding.text}")
    print(f"{len(found)} findings, {len(left)} of them not listed")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
