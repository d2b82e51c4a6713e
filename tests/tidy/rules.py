# SPDX-License-Identifier: Apache-2.0
"""The rules. Each takes a File and yields (line, text, size): size is what the ratchet compares, 1 where it counts."""
import posixpath
import re

import csource

FILE_LINES, FUNCTION_LINES, HEADER_LINES = 600, 70, 150

# Folder -> the folders that it may include from. What is not named here (tests, cmake) may include anything.
# `fleetlog/v1/` is what protoc-c generates from schemas/proto.
LAYERS = {
    "core": {"core"},
    "schemas": {"core", "schemas", "fleetlog"},
    "projections": {"core", "schemas", "projections", "fleetlog"},
    "consumers": {"core", "schemas", "projections", "consumers", "fleetlog"},
    "producers": {"core", "schemas", "projections", "producers", "fleetlog"},
    "replay": {"core", "schemas", "projections", "consumers", "producers", "replay", "fleetlog"},
}

# First part of a generated header's path -> the folder that makes it.
GENERATED = {"fleetlog": "schemas"}

# Outside library -> where its header may be seen: one translation function per library, and folds stay pure.
LIBRARIES = {
    "lmdb.h": ("core/",),
    "librdkafka/": ("core/journal/",),
    "nanomsg/": ("consumers/bus/",),
    "microhttpd.h": ("producers/",),
    "cmocka.h": (),
}

_INSTEAD = {
    "a bounded write (snprintf, memcpy with a checked size)": "strcpy strcat strncpy strncat stpcpy sprintf vsprintf gets",
    "strtol and a check of its end": "atoi atol atoll atof sscanf",
    "fl_slice": "strtok strtok_r",
    "posix_spawn with an argument vector": "system popen",
    "an error that main turns into an exit code": "exit quick_exit",
    "a wait on a condition with a deadline": "sleep usleep nanosleep clock_nanosleep pthread_cond_wait",
    "fl_port's random": "rand srand random srandom drand48 rand_r",
    "the _r function": "localtime gmtime asctime ctime",
    "mkstemp or mkdtemp": "tmpnam tempnam mktemp",
    "sigaction": "signal",
    "fl_assert, which is always on": "assert",
    "the arena or the heap": "alloca",
}
BANNED = {name: instead for instead, names in _INSTEAD.items() for name in names.split()}
# What main alone may call, by the file's functions.
MAIN_ONLY = {"exit"}
# Allowed in tests: they stand outside the program.
TESTS_MAY = {"system", "popen", "signal", "sscanf"}

# The outside world comes in through a port, so that tests and replay can stand in for it.
PORTED = {"time", "clock_gettime", "gettimeofday", "randombytes_buf", "getrandom"}

MARKERS = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]


class File:
    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.top = path.split("/")[0]
        self.name = posixpath.basename(path)
        self.is_c = path.endswith((".c", ".h"))
        self.is_header = path.endswith(".h")
        self.is_test = self.top == "tests"
        self.code = csource.blank(text) if self.is_c else ""
        self.plain = csource.without_directives(self.code)
        self.functions = csource.functions(self.plain) if self.is_c else []

    def function_at(self, line):
        return next((f.name for f in self.functions if f.first <= line <= f.last), None)


def _line(text, position):
    return text.count("\n", 0, position) + 1


def spdx(file):
    if file.path.endswith((".c", ".h", ".def", ".proto", ".py", ".sh", ".cmake", "CMakeLists.txt", ".js", ".jsx")) or (
        file.text.startswith("#!")
    ):
        if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(file.text.split("\n")[:3]):
            yield 1, "no SPDX line in the first three lines", 1


def pragma_once(file):
    if file.is_header and not re.search(r"^#pragma once$", file.text, re.M):
        yield 1, "a header without #pragma once", 1


def length(file):
    lines = file.text.count("\n")
    if file.path.endswith((".c", ".h", ".py", ".sh", ".js", ".jsx", ".proto", ".def")) and lines > FILE_LINES:
        yield lines, f"{lines} lines, at most {FILE_LINES}", lines


def header_length(file):
    lines = file.text.count("\n")
    if file.is_header and lines > HEADER_LINES:
        yield lines, f"{lines} lines, a header has at most {HEADER_LINES}", lines


def function_length(file):
    for function in file.functions:
        if function.lines > FUNCTION_LINES:
            yield function.first, f"{function.name} has {function.lines} lines, at most {FUNCTION_LINES}", function.lines


def include(file):
    if not file.is_c:
        return
    code = csource.blank(file.text, keep_strings=True)
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', code, re.M):
        line, quote, target = _line(code, match.start()), match.group(1), match.group(2)
        if target.endswith(".c"):
            yield line, f"includes the source file {target}", 1
        folder = GENERATED.get(target.split("/")[0], target.split("/")[0])
        if quote == '"':
            if "/" not in target or target.startswith("."):
                yield line, f"{target}: name the path from the top of the tree", 1
            elif folder not in LAYERS.get(file.top, {folder}):
                yield line, f"{file.top}/ may not include {target}", 1
        for library, places in LIBRARIES.items():
            if target.startswith(library) and not file.is_test and not file.path.startswith(places):
                yield line, f"<{target}> belongs into {' '.join(places) or 'tests/'} only", 1


def banned_call(file):
    for match in re.finditer(r"(?<![\w.>])(\w+)\s*\(", file.code):
        name = match.group(1)
        line = _line(file.code, match.start())
        if name not in BANNED or (file.is_test and name in TESTS_MAY):
            continue
        if name == "signal" and re.match(r"[^;]*\bSIG_(DFL|IGN)\s*\)", file.code[match.end() :]):
            continue
        if name in MAIN_ONLY and file.function_at(line) == "main":
            continue
        yield line, f"{name}(): use {BANNED[name]}", 1
    for match in re.finditer(r"^[ \t]*#[ \t]*include[ \t]*<assert\.h>", file.code, re.M):
        yield _line(file.code, match.start()), "<assert.h>: use core/assert.h", 1
    for match in re.finditer(r"\bpoll\s*\(\s*NULL", file.code):
        yield _line(file.code, match.start()), "poll() of nothing is a sleep", 1


def port(file):
    if file.is_test or file.path == "core/port.c":
        return
    for match in re.finditer(r"(?<![\w.>])(\w+)\s*\(", file.plain):
        if match.group(1) in PORTED:
            yield _line(file.plain, match.start()), f"{match.group(1)}(): time and chance come from core/port.h", 1


def prefix(file):
    for function in file.functions:
        if not (file.is_test or function.static or re.match(r"fl_|main$|LLVMFuzzer|__lsan_", function.name)):
            yield function.first, f"{function.name}: a function seen by others is called fl_<module>_<verb>", 1


_VARIABLE = re.compile(r"^(?P<indent>[ \t]*)(?P<static>static\s+)?(?P<type>(?:\w+[\s*]+)+)\**\w+(?:\[[^\]]*\])*\s*(?:=|;)", re.M)
_NO_VARIABLE = re.compile(r"\b(const|typedef|return|extern|goto|volatile|struct\s+\w+\s*;|enum\s+\w+\s*;)\b|^_Static")

_BLOCK_VARIABLE = re.compile(r"^(?P<head>[\w ]*\b(?:struct|union)\b[\w \t]*)\{[^{}]*\}\s*\*?\w+\s*(?:\[|=|;)", re.M)


def global_state(file):
    """A variable at file scope, or a static one in a function, unless constant or volatile: what a signal handler sees."""
    if file.is_test or not file.path.endswith(".c"):
        return
    for match in _VARIABLE.finditer(file.plain):
        if (match.group("indent") == "" or match.group("static")) and not _NO_VARIABLE.search(match.group()):
            yield _line(file.plain, match.start("type")), "state that belongs to the whole program", 1
    for match in _BLOCK_VARIABLE.finditer(file.plain):
        if not _NO_VARIABLE.search(match.group("head")):
            yield _line(file.plain, match.start()), "state that belongs to the whole program", 1


def macro_return(file):
    if file.is_test:
        return
    for line, text in csource.macros(file.code):
        if re.search(r"\b(return|goto)\b", text):
            yield line, "a macro hides a return", 1


def marker(file):
    for match in re.finditer(r"\b(" + "|".join(MARKERS) + r")\b", file.text):
        yield _line(file.text, match.start()), f"{match.group()}: do it, or leave it out", 1


def machine_path(file):
    for match in re.finditer(r"(?<![\w.}/])/(home|root|work|Users)/[\w.]", file.text):
        yield _line(file.text, match.start()), "the path of somebody's machine", 1


def glob(file):
    if file.name == "CMakeLists.txt" or file.path.endswith(".cmake"):
        for match in re.finditer(r"\bfile\s*\(\s*GLOB|\baux_source_directory\s*\(", file.text, re.I):
            yield _line(file.text, match.start()), "sources are listed, never globbed", 1


def whitespace(file):
    if file.text and not file.text.endswith("\n"):
        yield _line(file.text, len(file.text)), "no newline at the end", 1
    for match in re.finditer(r"[ \t]+$|\r$", file.text, re.M):
        yield _line(file.text, match.start()), "white space at the end of the line", 1


RULES = {
    "spdx": spdx,
    "pragma-once": pragma_once,
    "file-length": length,
    "header-length": header_length,
    "function-length": function_length,
    "include": include,
    "banned-call": banned_call,
    "port": port,
    "prefix": prefix,
    "global-state": global_state,
    "macro-return": macro_return,
    "marker": marker,
    "machine-path": machine_path,
    "glob": glob,
    "whitespace": whitespace,
}


_LOOP = re.compile(r"\bforeach\s*\(\s*(\w+)\s+(?:IN\s+ITEMS\s+)?([^)]*)\)(.*?)\bendforeach\s*\(", re.S)


def _unrolled(text):
    """A list of sources may be a loop over names that stand there one by one."""
    return _LOOP.sub(lambda m: "\n".join(m[3].replace("${" + m[1] + "}", item) for item in m[2].split()), text)


def unlisted(files):
    """C sources that no CMakeLists.txt on the way up names: code that nobody compiles."""
    lists = {posixpath.dirname(f.path): _unrolled(f.text) for f in files if f.name == "CMakeLists.txt"}
    for file in files:
        if not file.path.endswith(".c"):
            continue
        folder = posixpath.dirname(file.path)
        while True:
            relative = posixpath.relpath(file.path, folder or ".")
            if re.search(r"(?<![\w/.-])" + re.escape(relative) + r"(?![\w-])", lists.get(folder, "")):
                break
            if not folder:
                yield file.path, "no CMakeLists.txt names it"
                break
            folder = posixpath.dirname(folder)
