#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves the tidy test: every bad snippet is found, at its line and by its rule, and nothing else is.

In a snippet, `@rule` at the end of a line says that a finding of that rule is expected there; the mark itself is taken
out before the file is written.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

import analysis
import rules
import tidy

HERE = os.path.dirname(os.path.abspath(__file__))
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
HEADER = SPDX + "#pragma once\n"
HASH_SPDX = "# SPDX-License-Identifier: Apache-2.0\n"
LONG_BODY = "    use();\n" * 68


def c(body):
    return SPDX + body


def void(body):
    return c("void fl_x_do(void)\n{\n" + body + "}\n")


# path -> text
SNIPPETS = [
    # What is good must stay unfound.
    ("core/good.c", c('#include "core/good.h"\n\n#include <stdio.h>\n\nstatic const int limit = 3;\n'
                      "static int fl_good_inner(void);\n/* exit(1), strcpy(a, b) and time(NULL) in a comment */\n"
                      'int fl_good_run(struct thing *t)\n{\n    puts("system(1)");\n    return t->sleep(limit);\n}\n')),
    ("core/limit.c", c("void fl_limit_do(void)\n{\n" + "    use();\n" * 67 + "}\n")),
    ("core/main.c", c("int main(void)\n{\n    exit(2);\n}\n")),
    ("core/signal.c", c("static volatile sig_atomic_t stop;\nstatic struct guard *volatile active;\n"
                       "static void quiet(void)\n{\n    signal(SIGPIPE, SIG_IGN);\n}\n")),
    ("core/port.c", c("long fl_port_now(void)\n{\n    return time(NULL);\n}\n")),
    ("core/lmdb/env.c", c("#include <lmdb.h>\n")),
    ("core/full.h", HEADER + "int x;\n" * 148),
    ("tests/unit/t.c", c("#include <cmocka.h>\n#include <lmdb.h>\nstatic int count;\nvoid helper(void)\n{\n"
                         "    system(0);\n}\n")),
    ("replay/all.c", c('#include "consumers/a.h"\n#include "producers/a.h"\n')),
    ("tests/fuzz/corpus/junk.c", "whatever  \n\nint x; exit(1);"),
    # include directions
    ("core/up.c", c('#include "schemas/a.h" @include\n')),
    ("core/made.c", c('#include "fleetlog/v1/a.pb-c.h" @include\n')),
    ("schemas/made.c", c('#include "fleetlog/v1/a.pb-c.h"\n')),
    ("schemas/up.c", c('#include "core/a.h"\n#include "projections/a.h" @include\n')),
    ("projections/up.c", c('#include "consumers/a.h" @include\n#include "replay/a.h" @include\n')),
    ("consumers/side.c", c('#include "projections/a.h"\n#include "producers/a.h" @include\n')),
    ("producers/side.c", c('#include "consumers/a.h" @include\n')),
    ("core/test.c", c('#include "tests/a.h" @include\n')),
    ("core/near.c", c('#include "near.h" @include\n#include "../core/near.h" @include\n')),
    ("core/source.c", c('#include "core/other.c" @include\n')),
    ("projections/dirty.c", c("#include <lmdb.h> @include\n#include <librdkafka/rdkafka.h> @include\n")),
    ("consumers/web.c", c("#include <microhttpd.h> @include\n")),
    # calls
    ("core/strings.c", void("    strcpy(a, b); @banned-call\n    strncat (a, b, 3); @banned-call\n"
                            "    sprintf(a, b); @banned-call\n    strtok(a, b); @banned-call\n"
                            "    n = atoi(a); @banned-call\n")),
    ("core/leave.c", void("    exit(1); @banned-call\n    system(a); @banned-call\n")),
    ("core/handler.c", void("    signal(SIGTERM, on_term); @banned-call\n")),
    ("core/wait.c", void("    sleep(1); @banned-call\n    usleep(1); @banned-call\n    nanosleep(a, b); @banned-call\n"
                         "    poll(NULL, 0, 5); @banned-call\n    pthread_cond_wait(a, b); @banned-call\n")),
    ("core/asserting.c", c("#include <assert.h> @banned-call\nvoid fl_x_do(void)\n{\n    assert(a); @banned-call\n"
                           "    fl_assert(a);\n}\n")),
    ("core/hidden.c", c("#define STOP exit(1) @banned-call\n")),
    ("core/clock.c", void("    t = time(NULL); @port\n    clock_gettime(a, b); @port\n    randombytes_buf(a, 3); @port\n")),
    ("tests/unit/wait.c", void("    sleep(1); @banned-call\n    exit(1); @banned-call\n")),
    # shape
    ("core/longer.c", c("void fl_longer_do(void) @function-length\n{\n" + LONG_BODY + "}\n")),
    ("core/prefix.c", c("void other_name(int a) @prefix\n{\n}\nstatic void mine(void)\n{\n}\n")),
    ("core/state.c", c("static int count; @global-state\nint shared = 3; @global-state\nstatic struct { @global-state\n"
                       "    int a;\n} all;\nstatic struct thing *last = NULL; @global-state\n")),
    ("core/local.c", void("    static int calls; @global-state\n    static const char *const names[] = {0};\n"
                          "    int fine = 0;\n")),
    ("core/macro.c", c("#define TRY(x) \\ @macro-return\n    if (x)     \\\n        return 1\n")),
    ("core/once.h", SPDX + "@pragma-once\nint x;\n"),
    ("core/bare.c", "int fl_bare_x(void); @spdx\n"),
    ("tests/bare.sh", "#!/bin/sh @spdx\n"),
    ("core/tall.h", HEADER + "int x;\n" * 148 + "int y; @header-length\n"),
    ("core/tall.c", SPDX + "int fl_x(void);\n" * 599 + "int fl_y(void); @file-length\n"),
    ("core/marks.c", c("".join(f"/* {word}: later */ @marker\n" for word in rules.MARKERS))),
    ("docs/path.md", "see /home" + "/me/fleetlog @machine-path\n"),
    ("core/space.c", c("int fl_x(void);  @whitespace\n")),
    ("core/end.c", c("int fl_x(void); @whitespace").rstrip("\n")),
    ("replay/CMakeLists.txt", HASH_SPDX + "file(GLOB sources *.c) @glob\n"),
    ("schemas/CMakeLists.txt", HASH_SPDX + "foreach(name IN ITEMS looped other)\n    x(${name}_a.c)\nendforeach()\n"),
    ("schemas/looped_a.c", SPDX),
    ("schemas/missed_a.c", SPDX.replace("\n", " @unlisted\n")),
    ("core/unlisted_source.c", SPDX.replace("\n", " @unlisted\n")),
]
MARK = re.compile(r" ?@([a-z-]+)(?=\n|$)")
UNLISTED = {"core/unlisted_source.c", "schemas/looped_a.c", "schemas/missed_a.c"}


def plant(root):
    """Writes the snippets and returns the findings that they must give."""
    expected = set()
    sources = []
    for path, text in SNIPPETS:
        for number, line in enumerate(text.split("\n"), 1):
            for rule in MARK.findall(line):
                # A missing pragma or SPDX line has no line of its own.
                expected.add((path, 1 if rule in ("pragma-once", "spdx") else number, rule))
        target = os.path.join(root, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as stream:
            stream.write(MARK.sub("", text))
        if path.endswith(".c") and path not in UNLISTED:
            sources.append(path)
    with open(os.path.join(root, "CMakeLists.txt"), "w", encoding="utf-8") as stream:
        stream.write(HASH_SPDX + "".join(f"# {path}\n" for path in sources))
    subprocess.run(["git", "-C", root, "init", "-q"], check=True)
    return expected


def compare(what, expected, found):
    for item in sorted(expected - found):
        print(f"not found ({what}): {item}")
    for item in sorted(found - expected):
        print(f"found but not expected ({what}): {item}")
    return len(expected ^ found)


def bare(findings):
    return {(f.path, f.line, f.rule) for f in findings}


def snippets_are_found(root):
    expected = plant(root)
    _, findings = tidy.check(root, "", with_format=False)
    wrong = compare("snippets", expected, bare(findings))
    unproven = set(rules.RULES) - {rule for _, _, rule in expected}
    if unproven:
        print(f"rules without a snippet: {sorted(unproven)}")
    return wrong + len(unproven), findings


def ratchet_holds(root):
    """A listed number hides exactly that much: one less is a finding again, one more is one about the list."""
    wrong = 0
    path, rule = "core/leave.c", "banned-call"
    for number, visible, complaint in ((2, 0, 0), (1, 2, 0), (3, 0, 1)):
        _, findings = tidy.check(root, f"# text\n{rule} {path} {number}\n", with_format=False)
        seen = sum(f.path == path for f in findings)
        stale = sum(f.rule == "ratchet" for f in findings)
        if (seen, stale) != (visible, complaint):
            print(f"ratchet at {number}: {seen} findings and {stale} complaints, not {visible} and {complaint}")
            wrong += 1
    return wrong


def format_is_checked(root):
    folder = os.path.join(root, "format")
    os.makedirs(os.path.join(folder, "core"))
    shutil.copy(os.path.join(HERE, "..", "..", ".clang-format"), folder)
    names = {"core/neat.c": "int fl_neat(void);\n", "core/ragged.c": "int   fl_ragged( void );\n"}
    for name, text in names.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as stream:
            stream.write(SPDX + text)
    files = tidy.read_files(folder, sorted(names))
    return compare("format", {("core/ragged.c", 2, "format")}, bare(tidy.format_findings(folder, files)))


def headers_are_compiled(root):
    folder = os.path.join(root, "headers")
    os.makedirs(folder)
    for name, text in {"whole.h": "#include <stdint.h>\nint32_t fl_whole(void);\n", "needy.h": "int32_t fl_needy(void);\n"}.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as stream:
            stream.write("#pragma once\n" + text)
    subprocess.run(["git", "-C", folder, "init", "-q"], check=True)
    ran = subprocess.run(["bash", os.path.join(HERE, "headers.sh"), folder, folder], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True)
    good = ran.returncode != 0 and ran.stdout.startswith("needy.h:1: header:") and "2 headers, 1 findings" in ran.stdout
    if not good:
        print(f"headers.sh: exit {ran.returncode}: {ran.stdout}")
    return 0 if good else 1


def analysers_are_read():
    log = [
        "/tree/core/a.c:7:3: warning: leak of 'x' [CWE-401] [-Wanalyzer-malloc-leak]\n",
        "/tree/core/a.c:7:3: warning: leak of 'x' [CWE-401] [-Wanalyzer-malloc-leak]\n",  # once per configuration
        "/tree/core/b.c:9:1: error: odd [bugprone-x,-warnings-as-errors]\n",
        "/tree/core/b.c:9:1: note: because [bugprone-x]\n",
        "/tree/build/dev/made.c:1:1: warning: odd [bugprone-x]\n",
        "error: unknown argument '-fx' [clang-diagnostic-error]\n",
    ]
    expected = {("core/a.c", 7, "-Wanalyzer-malloc-leak"), ("core/b.c", 9, "bugprone-x"),
                ("-", 1, "clang-diagnostic-error")}
    return compare("analysis", expected, bare(analysis.findings("/tree", log)))


def main():
    with tempfile.TemporaryDirectory(prefix="fleetlog-tidy.") as root:
        os.makedirs(os.path.join(root, "tree"))
        tree = os.path.join(root, "tree")
        wrong, findings = snippets_are_found(tree)
        wrong += ratchet_holds(tree)
        wrong += format_is_checked(root)
        wrong += headers_are_compiled(root)
        wrong += analysers_are_read()
    print(f"{len(SNIPPETS)} snippets, {len(findings)} findings, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
