# SPDX-License-Identifier: Apache-2.0
"""schemas/openapi.json as an oracle: every answer that a test gets must be one that the document describes.

The validator knows the words of JSON Schema that the document uses, and fails on any other, so that nothing is passed
over. Which operations have answered with which status is kept, for who wants to know what was never met: with
FLEETLOG_MET a directory, each test leaves a file there (tests/contracts/met.py reads them).
"""
import atexit
import json
import os
import pathlib
import re

DOCUMENT = json.loads((pathlib.Path(__file__).parents[3] / "schemas" / "openapi.json").read_text())
PROBLEM = {"$ref": "#/components/schemas/Problem"}
KNOWN = {"$ref", "type", "properties", "required", "items", "enum", "const", "pattern", "format", "minimum", "maximum"}
KNOWN |= {"minItems", "maxItems", "additionalProperties", "allOf", "anyOf", "oneOf", "minLength", "maxLength"}
KNOWN |= {"description", "default", "contentEncoding", "examples", "title"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float), "null": type(None)}

met = set()


def pattern_of(path):
    return re.compile("^" + re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)) + "$")


# Paths without parameters first: /v1/shares/accept is no share's.
OPERATIONS = sorted(
    ((path.count("{"), path, pattern_of(path), item) for path, item in DOCUMENT["paths"].items()), key=lambda row: row[:2]
)


def find(method, target):
    """(path of the document, operation) of a request; None where there is none."""
    plain = target.split("?")[0]
    method = "get" if method == "HEAD" else method.lower()
    for _, path, pattern, item in OPERATIONS:
        if pattern.match(plain) and method in item:
            return path, item[method]
    return None


def resolve(thing):
    while "$ref" in thing:
        where = DOCUMENT
        for part in thing["$ref"].removeprefix("#/").split("/"):
            where = where[part]
        thing = where
    return thing


def has_type(value, name):
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])


def faults(value, schema, where="body"):
    """What is wrong with a value, as sentences."""
    unknown = set(schema) - KNOWN
    if unknown:
        yield f"the document uses {sorted(unknown)}, which this validator does not know"
    if "$ref" in schema:
        yield from faults(value, resolve(schema), where)
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(has_type(value, name) for name in types):
        yield f"{where} is no {types}: {value!r:.80}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} is none of {schema['enum']}: {value!r:.80}"
    if "const" in schema and value != schema["const"]:
        yield f"{where} is not {schema['const']!r}: {value!r:.80}"
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{where} is not like {schema['pattern']}: {value!r:.80}"
    if isinstance(value, str) and not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 1 << 30):
        yield f"{where} has {len(value)} characters"
    if isinstance(value, (int, float)) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{where} is out of its range: {value}"
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 1 << 30):
            yield f"{where} has {len(value)} items"
        for number, item in enumerate(value):
            yield from faults(item, schema.get("items", {}), f"{where}[{number}]")
    if isinstance(value, dict):
        yield from faults_of_object(value, schema, where)
    for part in schema.get("allOf", []):
        yield from faults(value, part, where)
    for word in ("anyOf", "oneOf"):
        good = [part for part in schema.get(word, []) if not list(faults(value, part, where))]
        if word in schema and (not good or (word == "oneOf" and len(good) > 1)):
            yield f"{where} fits {len(good)} of {word}: {value!r:.200}"


def faults_of_object(value, schema, where):
    for name in schema.get("required", []):
        if name not in value:
            yield f"{where} has no {name}: {sorted(value)}"
    more = schema.get("additionalProperties", True)
    for name, item in value.items():
        if name in schema.get("properties", {}):
            yield from faults(item, schema["properties"][name], f"{where}.{name}")
        elif more is False:
            yield f"{where} has {name}, of which the document says nothing"
        elif isinstance(more, dict):
            yield from faults(item, more, f"{where}.{name}")


def check(method, target, answer):
    """Fails unless the document describes the answer."""
    found = find(method, target)
    where = f"{method} {target.split('?')[0]}: {answer.status}"
    kind = answer.headers.get("Content-Type", "")
    if answer.status >= 400:
        assert kind == "application/problem+json" or found is None, f"{where}: {kind}"
    if found is None or answer.status == 405:
        assert answer.status in (401, 404, 405, 413, 429, 503, 400, 501), f"{where}: there is no such route"
        return
    path, operation = found
    responses = operation["responses"]
    # Every answer may be these, as the document's introduction says.
    if answer.status in (503, 413) and str(answer.status) not in responses:
        responses = {str(answer.status): {"content": {"application/problem+json": {"schema": PROBLEM}}}}
    assert str(answer.status) in responses, f"{where} is not documented: {answer.raw[:300]}"
    met.add((f"{method.replace('HEAD', 'GET')} {path}", str(answer.status)))
    described = resolve(responses[str(answer.status)]).get("content", {})
    if method == "HEAD" or answer.status == 304:
        assert answer.raw == b"", f"{where}: a body"
        return
    plain = kind.split(";")[0]
    kinds = [name for name in described if name.split(";")[0] == plain]
    assert kinds or (not described and not answer.raw), f"{where}: {kind} is not documented"
    if kinds and "json" in plain:
        wrong = list(faults(answer.body, described[kinds[0]]["schema"]))
        assert not wrong, f"{where}: {wrong[:5]} in {answer.raw[:300]}"


@atexit.register
def leave_what_was_met():
    directory = os.environ.get("FLEETLOG_MET")
    if directory and met:
        pathlib.Path(directory, f"{os.getpid()}.json").write_text(json.dumps(sorted(met)))
