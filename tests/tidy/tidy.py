#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the source tree's conventions; prints `file:line: rule: what` for each finding and exits 1 if there is one.

usage: tidy.py [--root DIR] [--no-format]

tests/tidy/ratchet.txt lists what was there before a rule was (`rule path number`). A number may only shrink: more is a
finding, and so is less, until the file is brought down to it.
"""
import argparse
import collections
import os
import subprocess
import sys

import rules

HERE = os.path.dirname(os.path.abspath(__file__))
NO_TEXT = (".png", ".jpg", ".gif", ".ico", ".pdf", ".bin", ".binpb", ".woff2", ".gz", ".zst", ".seed")
FORMATTER = "clang-format-14"

Finding = collections.namedtuple("Finding", "path line rule text size")


def listed_files(root):
    out = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, stdout=subprocess.PIPE,
    ).stdout
    return sorted({name for name in out.decode().split("\0") if name})


def read_files(root, names):
    files = []
    for name in names:
        path = os.path.join(root, name)
        if name.endswith(NO_TEXT) or os.path.islink(path) or not os.path.isfile(path):
            continue
        with open(path, "rb") as stream:
            data = stream.read()
        if b"\0" not in data:  # corpora hold bytes of all kinds
            files.append(rules.File(name, data.decode("utf-8", "replace")))
    return files


def is_corpus(file):
    """Inputs of tests are what they are: only their place is ours."""
    return "/corpus/" in file.path or "/golden/" in file.path


def style_findings(files):
    for file in files:
        if is_corpus(file):
            continue
        for name, rule in rules.RULES.items():
            for line, text, size in rule(file):
                yield Finding(file.path, line, name, text, size)
    for path, text in rules.unlisted(files):
        yield Finding(path, 1, "unlisted", text, 1)


def format_findings(root, files):
    names = [f.path for f in files if f.is_c and not is_corpus(f)]
    if not names:
        return
    ran = subprocess.run(
        [FORMATTER, "--dry-run", "-Werror", "--style=file", "--ferror-limit=1", *names],
        cwd=root, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, errors="replace",
    )
    for line in ran.stderr.splitlines():
        if ": error: " in line:
            path, number = line.split(":")[:2]
            yield Finding(path, int(number), "format", f"run {FORMATTER} -i on it", 1)


def read_ratchet(text):
    allowed = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            rule, path, number = line.split()
            allowed[rule, path] = int(number)
    return allowed


def apply_ratchet(findings, allowed, source="tests/tidy/ratchet.txt"):
    """What is left of the findings once the listed exceptions are taken away, and what the list has too much of."""
    groups = collections.defaultdict(list)
    for finding in findings:
        groups[finding.rule, finding.path].append(finding)
    left = []
    for key, group in groups.items():
        size = sum(finding.size for finding in group)
        if size > allowed.get(key, 0):
            left.extend(group)
    for (rule, path), number in allowed.items():
        size = sum(finding.size for finding in groups.get((rule, path), []))
        if size < number:
            left.append(Finding(source, 1, "ratchet", f"{rule} {path} is down to {size}: say so", 1))
    return sorted(left)


def check(root, ratchet, with_format):
    files = read_files(root, listed_files(root))
    findings = list(style_findings(files))
    if with_format:
        findings.extend(format_findings(root, files))
    return len(files), apply_ratchet(findings, read_ratchet(ratchet))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=os.path.join(HERE, "..", ".."))
    parser.add_argument("--no-format", action="store_true", help=f"leave {FORMATTER} out")
    options = parser.parse_args()
    with open(os.path.join(HERE, "ratchet.txt"), encoding="utf-8") as stream:
        ratchet = stream.read()
    count, findings = check(options.root, ratchet, not options.no_format)
    for finding in findings:
        print(f"{finding.path}:{finding.line}: {finding.rule}: {finding.text}")
    print(f"{count} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
