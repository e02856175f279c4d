"""One answer as it stands: what the model said, with what people said laid over it, also before it is in the tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from octavo.flows.corrections.answer_below import answer_below, fields_of, fills_in
from octavo.processors.check import records as check
from octavo.processors.store.warehouse import CorrectionStore, WarehouseReader
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.corrections import PERSON, Correction
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Evidence, Field, Question, Record


@dataclass(frozen=True, slots=True)
class Current:
    """An answer as people left it, the fields of its table, and its schema where that can be had."""

    record: Record
    fields: tuple[Field, ...]
    question: Question | None
    answer: Mapping[str, Any]  # as it is kept, for who corrects it first
    corrections: Sequence[Correction]

    @property
    def by_person(self) -> bool:
        """Whether no model gave it, and people fill it in."""
        return bool(self.answer["engine"] == PERSON)

    @property
    def form_fields(self) -> tuple[Field, ...]:
        """The fields as a form has them: with what the schema says of each, where it is at hand."""
        return (*self.question.fields, *self.question.computed) if self.question else self.fields

    @property
    def fills_in(self) -> bool:
        """Whether people fill in what no model gave, or what the latest one gave no accepted answer to."""
        return fills_in(self.answer)

    def unfilled(self) -> list[str]:
        """The plain fields without a value about which nobody has said anything."""
        return [
            one
            for one, value in plain_paths(self.fields, self.record.value)
            if value is None and one not in self._said()
        ]

    def _said(self) -> set[str]:
        return {item.field for item in self.record.evidence if item.state == "corrected"}

    def proofs(self) -> dict[str, Evidence]:
        """The evidence by field."""
        return {item.field: item for item in self.record.evidence}


def current(
    reader: WarehouseReader,
    store: CorrectionStore,
    document: str,
    question: str,
    known: Question | None = None,
) -> Current | None:
    """The answer to a question about a document, an empty one where none was accepted; None where there is none to correct."""
    table = reader.answer_table(question)
    row = reader.answers_of(question, [document]).get(document) if table else None
    answer = answer_below(reader, store, table, document, row) if table else None
    if table is None or answer is None:
        return None
    corrections = store.in_force(document, question)
    fields = fields_of(table)
    known = with_columns(known, fields)
    record = laid_over(fields, known, document, question, answer, corrections)
    return Current(record, fields, known, answer, corrections)


def plain_paths(
    fields: Sequence[Field], value: Mapping[str, Any], path: str = ""
) -> Iterator[tuple[str, Any]]:
    """Every field that holds one value, and every item of a list, with what stands there, in the order of the schema."""
    for one in fields:
        own, inner = f"{path}.{one.name}".lstrip("."), value.get(one.name)
        if one.kind == "record":
            yield from plain_paths(one.fields, inner or {}, own)
        elif one.kind != "list":
            yield own, inner
        elif one.item is not None:
            for number, row in enumerate(inner or []):
                place = f"{own}[{number}]"
                yield from (
                    plain_paths(one.item.fields, row or {}, place)
                    if one.item.kind == "record"
                    else [(place, row)]
                )


def laid_over(
    fields: Sequence[Field],
    known: Question | None,
    document: str,
    question: str,
    answer: Mapping[str, Any],
    corrections: Sequence[Correction],
) -> Record:
    """A kept answer in the form of today's columns, with corrections laid over it, and what its schema makes of them.

    What fits no column any more is null. `known` is the schema of these columns, None where it is not at hand.
    """
    value, _ = check.fitted(Field("record", "record", fields=tuple(fields)), answer["value"])
    evidence = tuple(Evidence(**{**item, "notes": tuple(item["notes"])}) for item in answer["evidence"])
    record = Record(document, question, value or {}, evidence, answer["request"], tuple(answer["conflicts"]))
    left = check.corrected(fields, record, corrections)
    if known is None:
        return check.outdated(left) if corrections else left
    return check.reconsidered(known, record, left)


@dataclass(frozen=True, slots=True)
class KnownSchemas:
    """The schemas of the tables by name, and how `--extract` names each."""

    questions: Mapping[str, Question]
    specs: Mapping[str, str]

    def table_of(self, word: str) -> str:
        """The table that is meant by its name, or by what `--extract` was given."""
        if word in self.questions or not word:
            return word
        try:
            return compile_question(word).name
        except SchemaError:  # a table whose schema is not here any more goes by its name
            return next((name for name, spec in self.specs.items() if word == spec), word)


def schemas_of(reader: WarehouseReader) -> KnownSchemas:
    """The schemas as the latest runs named them; without those whose file is not here any more."""
    specs: dict[str, None] = {}
    rows = reader.rows("runs", ["started_at", "job"])
    for row in sorted(rows, key=lambda row: row["started_at"], reverse=True):
        job = json.loads(row["job"])
        specs.update(
            dict.fromkeys([*(job.get("extract") or ()), *(["summary"] if job.get("summarize") else [])])
        )
    found: dict[str, Question] = {}
    named: dict[str, str] = {}
    for spec in specs:
        try:
            question = compile_question(spec, base=Path())
        except SchemaError:  # its columns tell the types, and the app says that no more is checked
            continue
        found.setdefault(question.name, question)
        named.setdefault(question.name, spec)
    return KnownSchemas(found, named)


def with_columns(known: Question | None, fields: Sequence[Field]) -> Question | None:
    """A schema, if it is the one of these columns; an edited one that has not been asked yet validates nothing."""
    if known is None:
        return None
    columns = {one.name for one in (*known.fields, *known.computed)}
    return replace(known) if columns == {one.name for one in fields} else None
