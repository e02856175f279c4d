"""Views of the lists in answers: a row an item, with its values as columns, and where each of them stands.

In: the name and the fields of a question. Out: a `View` a list, at any depth.

    invoice.line_items            invoice_line_items: document, path, item, description, ..., description_page, description_quote, ...
    order.lines[].serial_numbers  order_lines_serial_numbers: document, path, lines_item, item, value, value_page, ...

Items are counted from 1. A list of plain values has them as `value`. A record in an item is one column, with the evidence of each of its
fields; a list in an item is a column too, without evidence, since it has a view of its own. Fields keep their names: a column or view
of ours whose name is taken gets a `_` behind it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from string import Template

from octavo.schemas.columns import View
from octavo.schemas.pipeline import Field
from octavo.schemas.sql_names import literal, quoted

_ITEMS = "SELECT a.document, a.path, ${numbers}unnest($steps) AS one, generate_subscripts($steps, 1) AS n$at FROM $around AS a"
_PROOFS = """SELECT $columns FROM (
    SELECT document, regexp_extract(field, $pattern) AS place, regexp_replace(field, $pattern, '') AS leaf, page, quote, grade, proved_by,
        confidence
    FROM evidence WHERE question = $question AND state IN ('given', 'corrected') AND regexp_matches(field, $pattern)
) GROUP BY document, place"""
_PROOF = {
    "page": "Page on which {} stands, from 1",
    "quote": "The characters of {} on its page",
    "grade": "How {} is proved: exact, loose, or missing",
    "proved_by": "What proves {}: row of its item or label, page, document (elsewhere), or meaning",
    "confidence": "How likely {} is right, 0 to 1",
}


@dataclass(frozen=True, slots=True)
class _ListField:
    """A list in an answer. `hops` leads to it: the names from the answer, or from an item of the list around it, to the next list."""

    hops: tuple[tuple[str, ...], ...]
    field: Field
    item: Field


def list_views(question: str, fields: Sequence[Field], taken: Collection[str] = ()) -> tuple[View, ...]:
    """A view for every list in the fields of a question. `taken` are names that no view may have."""
    return tuple(view for view, _ in _made(question, fields, taken))


def renamed(question: str, fields: Sequence[Field], taken: Collection[str] = ()) -> list[str]:
    """A sentence for each view, or column of ours in one, that is called otherwise than one would guess, since a name is taken."""
    return [sentence for _, sentences in _made(question, fields, taken) for sentence in sentences]


def _made(question: str, fields: Sequence[Field], taken: Collection[str]) -> Iterator[tuple[View, list[str]]]:
    names = _Names({question, *taken})
    for found in _lists(fields, ((),)):
        wanted = "_".join([question, *(name for hop in found.hops for name in hop)])
        name = names.free(wanted)
        view, columns = _view(name, question, found)
        told = (
            [f"The view {wanted} is called {name}, since another table or view has that name."]
            if name != wanted
            else []
        )
        told += [
            f"The column {old} of the view {name} is called {new}, since a field has that name."
            for old, new in columns.renamed
        ]
        yield view, told


def _lists(fields: Sequence[Field], hops: tuple[tuple[str, ...], ...]) -> Iterator[_ListField]:
    for field in fields:
        yield from _inside(field, (*hops[:-1], (*hops[-1], field.name)))


def _inside(field: Field, hops: tuple[tuple[str, ...], ...]) -> Iterator[_ListField]:
    if field.item:
        yield _ListField(hops, field, field.item)
        yield from (
            _inside(field.item, (*hops, ())) if field.item.item else _lists(field.item.fields, (*hops, ()))
        )
    else:
        yield from _lists(field.fields, hops)


class _Names:
    """Names of views or columns, none twice; SQL does not tell case apart."""

    def __init__(self, used: Iterable[str]) -> None:
        """These are in use already."""
        self.renamed: list[tuple[str, str]] = []
        self._used = {name.lower() for name in used}

    def free(self, wanted: str) -> str:
        """The name, with as many `_` behind it as it takes to be nobody else's; it is in use from now on."""
        name = wanted
        while name.lower() in self._used:
            name += "_"
        self._used.add(name.lower())
        if name != wanted:
            self.renamed.append((wanted, name))
        return name


def _view(name: str, question: str, found: _ListField) -> tuple[View, _Names]:
    values = [(field.name, f"i.one.{quoted(field.name)}", field.description) for field in found.item.fields]
    values = values or [("value", "i.one", found.item.description or found.field.description)]
    names = _Names(column for column, _, _ in values)
    numbers = [names.free("_".join((*hop, "item"))) for hop in found.hops[:-1]]
    numbers.append(names.free("item"))
    columns = [
        (names.free("document"), "i.document", "SHA-256 of the document's bytes"),
        (names.free("path"), "i.path", "Path below the inbox, the first of those that hold these bytes"),
        *(
            (number, f"i.n{at}", "Number of the item around it, from 1")
            for at, number in enumerate(numbers[:-1], 1)
        ),
        (numbers[-1], f"i.n{len(numbers)}", "Number of the item in its list, from 1"),
        *values,
    ]
    leaves = list(_leaves(found.item))
    for at, path in enumerate(leaves):
        what = "_".join(path) or "value"
        columns += [
            (names.free(f"{what}_{part}"), f"e.l{at}.{part}", words.format(what))
            for part, words in _PROOF.items()
        ]
    select = ",\n    ".join(f"{expression} AS {quoted(column)}" for column, expression, _ in columns)
    place = " || ".join(
        f"{literal(prefix)} || (i.n{at} - 1) || ']'" for at, prefix in enumerate(_prefixes(found), 1)
    )
    statement = (
        f"SELECT {select}\nFROM ({_items(question, found)}) AS i\n"
        f"LEFT JOIN ({_proofs(question, found, leaves)}) AS e\n    ON e.document = i.document AND e.place = {place}\n"
        f"ORDER BY i.path, i.document, {', '.join(f'i.n{at}' for at in range(1, len(numbers) + 1))}"
    )
    meaning = f"{'.'.join(name for hop in found.hops for name in hop)} of {question}, a row an item, and where its values stand"
    return View(name, statement, meaning, tuple((column, words) for column, _, words in columns)), names


def _leaves(item: Field, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of the values in an item; () for a plain one. Lists are left out."""
    if item.kind == "record":
        for field in item.fields:
            yield from _leaves(field, (*path, field.name))
    elif item.kind != "list":
        yield path


def _prefixes(found: _ListField) -> list[str]:
    """What stands before each number in the path of an item in `evidence`: `lines[`, `.taxes[`."""
    return [("." if at and hop else "") + ".".join(hop) + "[" for at, hop in enumerate(found.hops)]


def _items(question: str, found: _ListField) -> str:
    """The items with their numbers, list by list. DuckDB 1.2 has no WITH ORDINALITY."""
    query, numbers = quoted(question), ""
    for at, hop in enumerate(found.hops, 1):
        steps = ".".join(["a", *(["one"] if at > 1 else []), *map(quoted, hop)])
        around = query if at == 1 else f"({query})"
        query = _fill(_ITEMS, numbers=numbers, steps=steps, at=str(at), around=around)
        numbers += f"a.n{at}, "
    return query


def _proofs(question: str, found: _ListField, leaves: Sequence[tuple[str, ...]]) -> str:
    """A row an item: its place in the answer, and the proof of each value."""
    pattern = "^" + r"\d+\]".join(re.escape(prefix) for prefix in _prefixes(found)) + r"\d+\]"
    packed = "any_value(struct_pack(page := page, quote := quote, grade := grade, proved_by := proved_by, confidence := confidence))"
    named = [
        f"{packed} FILTER (leaf = {literal('.' * bool(path) + '.'.join(path))}) AS l{at}"
        for at, path in enumerate(leaves)
    ]
    columns = ", ".join(["document", "place", *named])
    return _fill(_PROOFS, columns=columns, pattern=literal(pattern), question=literal(question))


def _fill(query: str, **parts: str) -> str:
    return Template(query).substitute(parts)
