"""One answer as it stands: what the model said, with what people said laid over it, also before it is in the tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from octavo.flows.corrections.answer_below import answer_below, fields_of
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
    record = laid_over(fields, document, question, answer, corrections)
    return Current(record, fields, known, answer, corrections)


def laid_over(
    fields: Sequence[Field],
    document: str,
    question: str,
    answer: Mapping[str, Any],
    corrections: Sequence[Correction],
) -> Record:
    """A kept answer in the form of today's columns, with corrections laid over it. What fits no column any more is null."""
    value, _ = check.fitted(Field("record", "record", fields=tuple(fields)), answer["value"])
    evidence = tuple(Evidence(**{**item, "notes": tuple(item["notes"])}) for item in answer["evidence"])
    record = Record(document, question, value or {}, evidence, answer["request"], tuple(answer["conflicts"]))
    return check.corrected(fields, record, corrections)


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
    if known is None or {one.name for one in known.fields} != {one.name for one in fields}:
        return None
    return replace(known)
