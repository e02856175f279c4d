"""Names as SQL writes them, and which ones SQL keeps for itself.

In: names of tables and columns, a question. Out: quoted names, and sentences about those that need quotes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from octavo.schemas.pipeline import Field

# Words that no query can use as a bare name in one of DuckDB 1.2, 1.5 and 2.0, tried one by one (2026-11-30); other engines have more.
_KEPT = (
    "all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by case cast check collate collation "
    "column concurrently constraint create cross default deferrable desc describe distinct do else end except false fetch for foreign "
    "freeze from full glob grant group having ilike in initially inner intersect into is isnull join lambda lateral leading left like "
    "limit natural not notnull null offset on only or order outer overlaps pivot pivot_longer pivot_wider placing positional primary "
    "qualify references returning right select semi show similar some summarize symmetric table tablesample then to trailing true union "
    "unique unpack unpivot using variadic verbose when where window with"
)
RESERVED = frozenset(_KEPT.split())


def quoted(name: str) -> str:
    """A name as SQL always takes it: `due date` becomes `"due date"`."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def sql_name(name: str) -> str:
    """A name as a person has to write it: `total`, but `"at"`."""
    return quoted(name) if name.lower() in RESERVED else name


def reserved(table: str, fields: Iterable[Field]) -> list[str]:
    """The names of a table and of its fields at any depth that need quotes, each once, in order."""
    return [name for name in dict.fromkeys((table, *_names(fields))) if name.lower() in RESERVED]


def _names(fields: Iterable[Field]) -> Iterator[str]:
    for field in fields:
        yield field.name
        inner = field
        while inner.item:
            inner = inner.item
        yield from _names(inner.fields)
