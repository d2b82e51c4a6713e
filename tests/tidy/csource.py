# SPDX-License-Identifier: Apache-2.0
"""Just enough of C to judge style: text without comments and strings, functions, statements at file scope.

It relies on clang-format's layout (a function's braces stand in column 1), which the tidy test checks as well.
"""
import re

_HIDDEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
_NAME = re.compile(r"(\w+)\s*\(")


def blank(text, keep_strings=False):
    """The text with comments and literals emptied, line numbers unchanged."""

    def empty(match):
        token = match.group()
        if token[0] in "\"'":
            return token if keep_strings else token[0] * 2
        return "\n" * token.count("\n") or " "

    return _HIDDEN.sub(empty, text)


class Function:
    def __init__(self, name, static, first, last):
        self.name = name
        self.static = static
        self.first = first  # line of the signature's beginning, from 1
        self.last = last  # line of the closing brace

    @property
    def lines(self):
        return self.last - self.first + 1


def _signature(lines, brace):
    """The first line of the declaration that ends above line index `brace`."""
    first = brace
    while first > 0 and lines[first - 1].strip() and not re.match(r"[}#]|.*[;{]\s*$", lines[first - 1]):
        first -= 1
    return first


def functions(code):
    """The functions that `code` (blanked) defines."""
    found = []
    lines = code.split("\n")
    index = 0
    while index < len(lines):
        if lines[index].rstrip() == "{":
            first = _signature(lines, index)
            head = " ".join(lines[first:index])
            last = index
            while last + 1 < len(lines) and not lines[last].startswith("}"):
                last += 1
            name = _NAME.search(re.sub(r"__attribute__\s*\(\(.*?\)\)", "", head))
            if name and lines[last].rstrip() == "}":
                found.append(Function(name.group(1), bool(re.search(r"\bstatic\b", head)), first + 1, last + 1))
                index = last
        index += 1
    return found


def macros(code):
    """(line, text) of each macro definition, its continuation lines joined."""
    for match in re.finditer(r"^[ \t]*#[ \t]*define\b(?:[^\n]*\\\n)*[^\n]*", code, re.M):
        yield code.count("\n", 0, match.start()) + 1, match.group()


def without_directives(code):
    """The blanked code with preprocessor lines emptied as well."""
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: "\n" * m.group().count("\n"), code, flags=re.M)
