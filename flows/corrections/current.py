"""One answer as it stands: what the model said, with what people said laid over it, also before it is in the tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from octavo.processors.check import records as check
from octavo.processors.store.warehouse import CorrectionStore, WarehouseReader
from octavo.schemas import tables
from octavo.schemas.columns import Table, field_of
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.corrections import Correction, as_json
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Evidence, Field, Question, Record
from octavo.schemas.rows import evidence_of

MADE_BY = ("engine", "model", "run", "question_fingerprint")


@dataclass(frozen=True, slots=True)
class Current:
    """An answer as people left it, the fields of its table, and its schema where that can be had."""

    record: Record
    fields: tuple[Field, ...]
    question: Question | None
    answer: Mapping[str, Any]  # as it is kept, for who corrects it first
    corrections: Sequence[Correction]

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
    """The answer to a question about a document; None where there is none."""
    table = reader.answer_table(question)
    row = reader.answers_of(question, [document]).get(document) if table else None
    if table is None or row is None:
        return None
    answer = store.answer(document, question) or answer_of(
        row, reader.evidence_of(question, [document]), table
    )
    corrections = store.in_force(document, question)
    fields = fields_of(table)
    record = laid_over(fields, document, question, answer, corrections)
    return Current(record, fields, known, answer, corrections)


def fields_of(table: Table) -> tuple[Field, ...]:
    """The fields of a table of answers, as its columns tell them."""
    return tuple(
        field_of(column.name, column.type, column.meaning)
        for column in table.columns
        if column.name not in tables.META
    )


def as_answer(record: Record, made_by: Mapping[str, str]) -> dict[str, Any]:
    """An answer as it is kept: JSON."""
    evidence = [{**asdict(item), "corrected_at": None} for item in record.evidence]
    own = {"value": as_json(record.value), "evidence": evidence, "conflicts": list(record.conflicts)}
    return {**own, **{name: made_by[name] for name in MADE_BY}, "request": record.request}


def answer_of(row: Mapping[str, Any], evidence: Sequence[Mapping[str, Any]], table: Table) -> dict[str, Any]:
    """The same of a row that nobody has corrected yet."""
    names = [one.name for one in fields_of(table)]
    proofs = tuple(map(evidence_of, evidence))
    record = Record(
        row["document"],
        table.name,
        {name: row[name] for name in names},
        proofs,
        row["request"] or "",
        tuple(row["conflicts"] or ()),
    )
    return as_answer(record, {name: row[name] or "" for name in MADE_BY})


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
