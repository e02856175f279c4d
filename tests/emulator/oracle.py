"""What the model would say: a request body comes in, an answer (an object, a text, or None for no opinion) goes out.

`schema_filler` fills the response schema with values that depend on the messages alone; `labelled_lines` reads lines of the form
"field name: value" in each document; `gold` answers from known records. A document begins with <<ID>>, its pages with <<ID page 1/2>>,
and <<end>> ends the last; a prompt without such marks is one document, and its answer has no
envelope. Where the question asks for rows or short keys, answers have them, and the kinds of their fields are taken from its words.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from tests.emulator.config import Oracle

Body = dict[str, Any]
_PAGE = re.compile(r"<<(?!end>>)(\w+)(?: page \d+/\d+(?:, \w+)?)?>>\n?(.*?)(?=<<)", re.DOTALL)
_LEGEND = re.compile(r"^RECORD (?:is a row|has the short keys)[^:\n]*(?:: (.+)|\.)$", re.MULTILINE)
_ALONE, _KEYED = (
    '{"record":RECORD}',
    '{"ID":RECORD,...}',
)  # how the reply is to be written, in the first message
_FIELD = re.compile(r"^( *)(\w+) \((list of )?(one of: [^)]*|[\w:-]+)", re.MULTILINE)
_KINDS = {"number": "number", "integer": "integer", "boolean": "boolean"}
_NUMBER = re.compile(r"-?\d[\d,.' ]*")
_TRUE = frozenset({"true", "yes", "y", "ja", "oui", "是"})


@dataclass(frozen=True, slots=True)
class Shown:
    """One document of a prompt: its short id ("" when the prompt has no marks) and its text without marks."""

    short: str
    text: str


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message, its parts joined."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content)
    return str(content or "")


def documents(body: Mapping[str, Any]) -> list[Shown]:
    """The marked documents of a prompt; the words of the user as one document when nothing is marked."""
    said = [text_of(message) for message in body["messages"] if message.get("role") == "user"]
    pages = [
        (match[1], match[2].removesuffix("\n") + "\n") for text in said for match in _PAGE.finditer(text)
    ]
    found = [
        Shown(short, "".join(text for _, text in group))
        for short, group in groupby(pages, key=lambda page: page[0])
    ]
    return found or [Shown("", "\n".join(said))]


def legend(body: Mapping[str, Any]) -> Any:
    """The legend of rows or short keys that the question gives, all its fields in order where it gives no names; {} when it gives none."""
    found = [match[1] for message in body["messages"] for match in _LEGEND.finditer(text_of(message))]
    if not found:
        return {}
    return json.loads(found[-1]) if found[-1] else list(told_schema(body)["properties"])


def record_schema(body: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of one record: from response_format, else the first schema written in a message, last message first."""
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return _record_part(wanted["json_schema"]["schema"])
    for message in reversed(body["messages"]):
        for found in _objects(text_of(message)):
            if isinstance(found.get("properties"), dict):
                return _record_part(found)
    return {}


def told_schema(body: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of one record in plain form, by the words of the question: a line for each field, fields of records indented below."""
    words = text_of(next(message for message in reversed(body["messages"]) if message.get("role") == "user"))
    levels: list[dict[str, Any]] = [{"type": "object", "properties": {}}]
    for match in _FIELD.finditer(words.partition("\nRECORD ")[0]):
        kind = match[4]
        node: dict[str, Any] = {
            "type": ["object" if kind == "record" else _KINDS.get(kind, "string"), "null"]
        }
        if kind == "record":
            node = {"type": "object", "properties": {}}
        if kind.startswith("one of: "):
            node = {
                "anyOf": [
                    {"type": "string", "enum": kind.removeprefix("one of: ").split("; ")},
                    {"type": "null"},
                ]
            }
        depth = len(match[1]) // 2
        levels[depth]["properties"][match[2]] = {"type": "array", "items": node} if match[3] else node
        levels[depth + 1 :] = [node]
    return levels[0]


def written(known: Any, record: Mapping[str, Any]) -> Any:
    """A record in the form of a legend: a list stands for a row, a mapping for short keys without what is null."""
    if isinstance(known, list):
        return [_written(entry, record) for entry in known]
    values = {key: _written(entry, record) for key, entry in known.items()}
    return {key: value for key, value in values.items() if value is not None}


def _written(entry: Any, record: Mapping[str, Any]) -> Any:
    """The value of an entry of a legend: a name, or {name: legend} with [] behind the name of a list."""
    if isinstance(entry, str):
        return record.get(entry)
    ((name, inner),) = entry.items()
    value = record.get(name.removesuffix("[]"))
    if value is None:
        return None
    return [written(inner, item) for item in value] if name.endswith("[]") else written(inner, value)


def enveloped(body: Body, records: Mapping[str, Any]) -> Any:
    """Plain records by short id as one reply: in the envelope, in the short form where the question asks for it, or bare without marks."""
    if list(records) == [""]:
        return records[""]
    if known := legend(body):
        return {"documents": [[short, written(known, record)] for short, record in records.items()]}
    wanted = text_of(body["messages"][0])
    if _ALONE in wanted and len(records) == 1:
        return {"record": next(iter(records.values()))}
    if _KEYED in wanted:
        return dict(records)
    return {"documents": [{"id": short, "record": record} for short, record in records.items()]}


def schema_filler(body: Body) -> Any:
    """An instance of the schema for each document, the same for the same messages; None when no schema is given."""
    schema = _plain_schema(body)
    if not schema:
        return None
    said = json.dumps(body["messages"], sort_keys=True)
    seed = hashlib.sha256(said.encode()).hexdigest()
    return enveloped(
        body, {shown.short: _fill(schema, schema, f"{seed}{shown.short}") for shown in documents(body)}
    )


def labelled_lines(body: Body) -> Any:
    """Each field gets the value of the document's line "field name: value"; null when there is none."""
    schema = _plain_schema(body)
    if not schema:
        return None
    return enveloped(body, {shown.short: _read(schema, schema, shown.text, "") for shown in documents(body)})


def gold(labels: Mapping[str, Mapping[str, Any]]) -> Oracle:
    """An oracle that knows the records. A label is a text that the document contains, or the SHA-256 of its stripped text."""

    def answer(body: Body) -> Any:
        schema = _plain_schema(body)
        blank = _read(schema, schema, "", "") if schema else {}
        return enveloped(
            body, {shown.short: {**blank, **(_known(shown.text, labels) or {})} for shown in documents(body)}
        )

    return answer


def _plain_schema(body: Mapping[str, Any]) -> dict[str, Any]:
    return told_schema(body) if legend(body) else record_schema(body)


def _known(text: str, labels: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    digest = hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).hexdigest()
    return labels.get(digest) or next((record for marker, record in labels.items() if marker in text), None)


def _record_part(schema: dict[str, Any]) -> dict[str, Any]:
    """The record's schema out of an envelope's, whose entries are objects, pairs or records by id; definitions of the root stay known."""
    properties, known = schema.get("properties") or {}, schema.get("$defs") or {}
    entry = (properties.get("documents") or {}).get("items") or {}
    pair = (entry.get("items") or {}).get("anyOf") if entry.get("type") == "array" else None
    record = pair[-1] if pair else (entry.get("properties") or {}).get("record")
    if record is None and list(properties) == ["record"]:
        record = properties["record"]
    if record is None and "RECORD" in known:  # of each of the documents whose ids are the keys
        record = known["RECORD"]
    return {**record, "$defs": schema.get("$defs") or record.get("$defs") or {}} if record else schema


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """JSON objects written in a text."""
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(text, at)
        except ValueError:
            end = at + 1
        else:
            yield found
        at = text.find("{", end)


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """A subschema without $ref and anyOf, and whether null is allowed."""
    if "$ref" in schema:
        return _resolved((root.get("$defs") or {}).get(str(schema["$ref"]).rpartition("/")[2], {}), root)
    if "anyOf" in schema:
        branches = [branch for branch in schema["anyOf"] if branch.get("type") != "null"]
        return _resolved(branches[0] if branches else {}, root)[0], len(branches) < len(schema["anyOf"])
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return {**schema, "type": next((kind for kind in kinds if kind != "null"), "null")}, "null" in kinds
    return schema, kinds == "null"


def _fill(schema: Mapping[str, Any], root: Mapping[str, Any], seed: str) -> Any:
    plain, _ = _resolved(schema, root)
    number = int.from_bytes(hashlib.sha256(seed.encode("utf-8", "surrogatepass")).digest()[:4], "big")
    if plain.get("enum"):
        return plain["enum"][number % len(plain["enum"])]
    kind = plain.get("type")
    if kind == "object":
        return {
            name: _fill(child, root, f"{number}{name}")
            for name, child in (plain.get("properties") or {}).items()
        }
    if kind == "array":
        return [
            _fill(plain.get("items") or {"type": "string"}, root, f"{number}{at}")
            for at in range(max(2, plain.get("minItems", 0)))
        ]
    return _scalar(plain, kind, number)


def _scalar(plain: Mapping[str, Any], kind: Any, number: int) -> Any:
    if kind in ("integer", "number"):
        low, high = plain.get("minimum", 0), plain.get("maximum", 10_000)
        return (
            low + number % max(1, int(high - low))
            if kind == "integer"
            else round(low + (number % 10_007) / 10_007 * (high - low), 2)
        )
    if kind in ("boolean", "null"):
        return bool(number % 2) if kind == "boolean" else None
    longest, shortest = plain.get("maxLength", 1_000), plain.get("minLength", 0)
    return f"value {number:08x}".ljust(shortest, ".")[:longest]


def _read(schema: Mapping[str, Any], root: Mapping[str, Any], text: str, name: str) -> Any:
    """The value of a field in a text, by its label; an object by the labels of its fields."""
    plain, nullable = _resolved(schema, root)
    if plain.get("type") == "object" and plain.get("properties"):
        record = {}
        for child, part in plain["properties"].items():
            value = _read(part, root, text, child)
            if child in plain.get("required", plain["properties"]) or _line(text, child) is not None:
                record[child] = value
        return None if nullable and name and not any(record.values()) else record
    found = _line(text, name)
    value = None if found is None else _typed(found, plain)
    return value if value is not None or nullable else _nothing(plain)


def _line(text: str, name: str) -> str | None:
    words = r"[ _-]+".join(re.escape(word) for word in name.split("_") if word)
    match = (
        re.search(
            rf"^[ \t*#|-]*{words}[ \t*|]*[:：][ \t*|]*(\S[^\n]*?)[ \t|]*$", text, re.IGNORECASE | re.MULTILINE
        )
        if words
        else None
    )
    return match[1] if match else None


def _typed(found: str, plain: Mapping[str, Any]) -> Any:
    """A label's text as the schema's type; None when it cannot be that."""
    if plain.get("enum"):
        return next((choice for choice in plain["enum"] if str(choice).lower() == found.lower()), None)
    kind = plain.get("type")
    if kind in ("integer", "number"):
        return _amount(found, whole=kind == "integer")
    if kind == "boolean":
        return found.lower() in _TRUE
    if kind == "array":
        items = plain.get("items") or {}
        plain_items = items.get("type") not in ("object", "array")
        return (
            [_typed(part.strip(), items) for part in found.split(";") if part.strip()] if plain_items else []
        )
    return found


def _amount(found: str, *, whole: bool) -> float | int | None:
    match = _NUMBER.search(found)
    if match is None:
        return None
    digits = re.sub(r"[,' ]", "", match[0]).rstrip(".")
    try:
        return int(float(digits)) if whole else float(digits)
    except ValueError:
        return None


def _nothing(plain: Mapping[str, Any]) -> Any:
    """What stands for nothing where null is not allowed."""
    if plain.get("enum"):
        return plain["enum"][0]
    return {"array": [], "object": {}, "integer": 0, "number": 0, "boolean": False, "string": ""}.get(
        str(plain.get("type"))
    )
