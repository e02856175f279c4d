"""One record by rules: the JSON Schema of a record and a document's text in, a record with every property out, null where nothing is found.

A field is answered by the concept that its name means, else by the label that its name is; its type decides what may stand there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from octavo.processors.ask.offline import clauses, field_values, money, names, persons, prose
from octavo.processors.ask.offline.field_labels import CONCEPTS, concept_of, words
from octavo.processors.ask.offline.text_sheet import Sheet, folded
from octavo.schemas.text.values import FoundValue, parse_amount, parse_date

Schema = Mapping[str, Any]

DEEPEST = 16  # levels of references and objects that are followed
_AS_WRITTEN = re.compile(r"\bas (?:written|printed)\b", re.IGNORECASE)
_LAST_WORDS = {
    "date": "date", "datum": "date", "deadline": "date", "day": "date", "email": "email", "mail": "email", "phone": "phone",
    "telephone": "phone", "mobile": "phone", "fax": "phone", "url": "url", "website": "url", "link": "url", "iban": "iban",
    "currency": "currency", "time": "time", "number": "identifier", "no": "identifier", "nr": "identifier", "id": "identifier",
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """One document and what is asked about it. What several fields need is found once."""

    sheet: Sheet
    root: Schema
    pointed: bool = True  # whether a summary is wanted with points
    pages: Sequence[tuple[int, str]] = ()  # numbers and texts

    @cached_property
    def totals(self) -> money.Totals:
        """Net, tax and grand total."""
        return money.totals(self.sheet)

    @cached_property
    def title(self) -> str | None:
        """The document's heading."""
        return prose.title(self.sheet)


def record(
    root: Schema,
    text: str,
    *,
    opens: bool = True,
    pointed: bool = True,
    pages: Sequence[tuple[int, str]] = (),
) -> dict[str, Any]:
    """The answer about one document. `opens` is true when the text begins on its first page; `pointed` when a summary wants points.

    A summary marks the `pages`, numbers and texts, on which its sentences stand.
    """
    sheet = Sheet(
        text, opens=opens, extra={folded(words(name)) for name in _names(root, root) if not concept_of(name)}
    )
    return _object(Asked(sheet, root, pointed, pages), _resolved(root, root))


def _object(asked: Asked, schema: Schema) -> dict[str, Any]:
    properties = schema.get("properties", {})
    return {
        name: _fitted(asked, properties[name], _value(asked, name, properties[name])) for name in properties
    }


def _value(asked: Asked, name: str, schema: Schema) -> Any:
    """What the document says for a field: by choice, by concept, else by label."""
    plain = _resolved(asked.root, schema)
    kind, concept = _kind(plain), concept_of(name)
    label = concept or folded(words(name))
    if choices := plain.get("enum", [plain["const"]] if "const" in plain else None):
        return field_values.choice(asked.sheet, label, [one for one in choices if isinstance(one, str)])
    if kind == "array":
        return _array(asked, name, plain)
    if kind == "object":
        return _object(asked, plain)
    if concept in _RULES:
        return _RULES[concept](asked)
    return _behind_label(asked.sheet, label, _form(concept, name, plain))


def _form(concept: str, name: str, plain: Schema) -> str:
    """The form of a value: from type and format, else from the concept, else from the last word of the name (`support_email`)."""
    kind, written = _kind(plain), str(plain.get("format", ""))
    if kind in {"number", "integer", "boolean"}:
        return "boolean" if kind == "boolean" else "amount"
    known = {
        "date": "date",
        "date-time": "date",
        "email": "email",
        "uri": "url",
        "time": "time",
        "decimal": "amount",
    }.get(written)
    form = (
        CONCEPTS[concept].form
        if concept in CONCEPTS
        else _LAST_WORDS.get(words(name).rpartition(" ")[2], "text")
    )
    return known or form


def _behind_label(sheet: Sheet, label: str, form: str) -> Any:
    if form in {"email", "url", "iban", "phone", "time"}:
        return field_values.shaped(sheet, label, form)
    readers: dict[str, Callable[[Sheet, str], Any]] = {
        "date": field_values.dated, "name": names.person, "identifier": field_values.identifier,
        "amount": money.labelled_amount, "currency": field_values.currency_behind, "boolean": field_values.truth,
    }  # fmt: skip
    return readers.get(form, field_values.written)(sheet, label)


# --- lists ---------------------------------------------------------------------------------------------------------


def _array(asked: Asked, name: str, schema: Schema) -> list[Any]:
    """The entries of a list: by its concept, else the rows of a table with the item's columns, else what stands behind the label."""
    concept, item = concept_of(name), _resolved(asked.root, schema.get("items", {}))
    entries: list[Any]
    if concept in _LISTS:
        entries = _LISTS[concept](asked)
    elif _kind(item) == "object":
        entries = _table(asked.sheet, list(item.get("properties", {})))
    else:
        entries = prose.listed(asked.sheet, concept or folded(words(name)))
    fitted = (_fitted(asked, item, entry) for entry in entries)
    return [one for one in fitted if one is not None and (not isinstance(one, dict) or any(one.values()))][
        : schema.get("maxItems")
    ]


def _table(sheet: Sheet, names: list[str]) -> list[dict[str, str]]:
    """Rows of cells below a line of cells in which at least two columns of the item are named."""
    wanted = {folded(words(name)): name for name in names}
    for number, line in enumerate(sheet.lines):
        header = (
            [wanted.get(folded(cell).strip(" :")) for cell in prose.cells(line)] if len(line) < 1000 else []
        )
        if sum(map(bool, header)) < min(2, len(names)):
            continue
        rows: list[dict[str, str]] = []
        for below in sheet.lines[number + 1 :]:
            row = prose.cells(below)
            if len(row) != len(header):
                break
            if any(char.isalnum() for char in below):  # a line of dashes below the header is no row
                rows.append({column: cell for column, cell in zip(header, row, strict=True) if column})
        return rows
    return []


_LISTS: Mapping[str, Callable[[Asked], list[Any]]] = {
    "line_items": lambda asked: [asdict(row) for row in money.line_items(asked.sheet)],
    "experience": lambda asked: list(persons.stations(asked.sheet)),
    "education": lambda asked: list(persons.degrees(asked.sheet)),
    "parties": lambda asked: clauses.parties(asked.sheet),
    "authors": lambda asked: prose.authors(asked.sheet, asked.title),
    "quotes": lambda asked: [prose.unmarked(one) for one in prose.leading(asked.sheet, 3)],
    "points": lambda asked: (
        [prose.marked(one, asked.pages) for one in prose.leading(asked.sheet, 5)] if asked.pointed else []
    ),
}

_RULES: Mapping[str, Callable[[Asked], Any]] = {
    "issue_date": lambda asked: field_values.issued(asked.sheet),
    "effective_date": lambda asked: field_values.in_force(asked.sheet),
    "seller_tax_id": lambda asked: field_values.tax_id(asked.sheet, names.seller(asked.sheet)),
    "seller": lambda asked: names.seller(asked.sheet),
    "buyer": lambda asked: names.buyer(asked.sheet),
    "merchant": lambda asked: names.merchant(asked.sheet),
    "merchant_address": lambda asked: names.merchant_address(asked.sheet),
    "sender": lambda asked: persons.sender(asked.sheet),
    "recipient": lambda asked: persons.recipient(asked.sheet),
    "person": lambda asked: persons.applicant(asked.sheet),
    "location": lambda asked: field_values.written(asked.sheet, "location") or persons.location(asked.sheet),
    "subject": lambda asked: field_values.written(asked.sheet, "subject") or persons.subject(asked.sheet),
    "headline": lambda asked: persons.headline(asked.sheet),
    "net_total": lambda asked: asked.totals.net,
    "tax_total": lambda asked: asked.totals.tax,
    "grand_total": lambda asked: asked.totals.grand,
    "currency": lambda asked: money.currency(asked.sheet),
    "payment_method": lambda asked: field_values.payment(asked.sheet),
    "title": lambda asked: asked.title,
    "abstract": lambda asked: prose.abstract(asked.sheet),
    "doi": lambda asked: prose.doi(asked.sheet),
    "contract_type": lambda asked: clauses.kind(asked.title),
    "governing_law": lambda asked: clauses.governing_law(asked.sheet),
    "term": lambda asked: clauses.term(asked.sheet),
    "termination_notice": lambda asked: clauses.notice(asked.sheet),
    "summary": lambda asked: (
        " ".join(
            prose.marked(one, asked.pages) for one in prose.leading(asked.sheet, 1 if asked.pointed else 4)
        )
        or None
    ),
}


# --- schemas -------------------------------------------------------------------------------------------------------


def _resolved(root: Schema, schema: Schema) -> Schema:
    """The schema behind references and beside null; the words outside count more than those inside."""
    for _ in range(DEEPEST):
        if "$ref" in schema:
            inner: Any = root
            for step in str(schema["$ref"]).removeprefix("#").strip("/").split("/"):
                inner = inner.get(step, {}) if isinstance(inner, Mapping) else {}
        elif "anyOf" in schema:
            inner = next((one for one in schema["anyOf"] if one.get("type") != "null"), {})
        else:
            break
        schema = {**inner, **{key: value for key, value in schema.items() if key not in {"$ref", "anyOf"}}}
    return schema


def _kind(plain: Schema) -> str:
    """The JSON type that is not null; what has properties is an object and what has items an array."""
    declared = plain.get("type")
    kinds = [one for one in (declared if isinstance(declared, list) else [declared]) if one and one != "null"]
    return (
        str(kinds[0])
        if kinds
        else "object"
        if "properties" in plain
        else "array"
        if "items" in plain
        else "string"
    )


def _names(root: Schema, schema: Schema, depth: int = 0) -> Iterator[str]:
    """Every property name, at every depth."""
    plain = _resolved(root, schema)
    if depth > DEEPEST:
        return
    for name, inner in plain.get("properties", {}).items():
        yield name
        yield from _names(root, inner, depth + 1)
    if "items" in plain:
        yield from _names(root, plain["items"], depth + 1)


def _fitted(asked: Asked, schema: Schema, value: Any) -> Any:
    """A value as its type wants it: dates as YYYY-MM-DD unless they are wanted as written. What does not fit is null, never bent."""
    plain = _resolved(asked.root, schema)
    kind = _kind(plain)
    if kind == "array":
        return value if isinstance(value, list) else []
    if value is None or kind == "boolean":
        return value if isinstance(value, bool) else None
    if kind == "object":
        inner = plain.get("properties", {})
        return (
            {name: _fitted(asked, inner[name], value.get(name)) for name in inner}
            if isinstance(value, Mapping)
            else None
        )
    if kind in {"number", "integer"}:
        return _number(plain, value, whole=kind == "integer")
    return _string(plain, value)


def _number(plain: Schema, value: Any, *, whole: bool) -> Decimal | int | None:
    number = (
        parse_amount(value)
        if isinstance(value, str)
        else Decimal(value)
        if isinstance(value, int | Decimal)
        else None
    )
    step = plain.get("multipleOf")
    if number is None or (step and number % Decimal(str(step))) or (whole and number % 1):
        return None
    below, above = plain.get("minimum", number), plain.get("maximum", number)
    return (int(number) if whole else number) if below <= number <= above else None


def _string(plain: Schema, value: Any) -> str | None:
    if isinstance(value, FoundValue):
        wanted = plain.get("format") not in {"date", "date-time"} and _AS_WRITTEN.search(
            str(plain.get("description", ""))
        )
        value = value.text.strip() if wanted else value.value.isoformat()
    elif plain.get("format") == "date":
        day: date | None = parse_date(value) if isinstance(value, str) else None
        value = day.isoformat() if day else None
    text = format(value, "f") if isinstance(value, Decimal) else value
    fits = (
        isinstance(text, str)
        and text
        and plain.get("minLength", 0) <= len(text) <= plain.get("maxLength", len(text))
    )
    return text if fits else None
