"""The answer that lies below what people said: the one that was kept, a later one of a model, or an empty one where no model gave any.

row and what is kept are of one answer     what is kept, as it was before anybody corrected it
row of another answer, not corrected yet   the row: it came while somebody was correcting the one before
former row, and a reject since             the row or what is kept, which remembers the reject: people fill in what it lacks
no row, a reject or an unread document     an empty answer by `person`, which remembers the reject
no row, an answer by `person` is kept      that one: the tables were made anew
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from octavo.processors.store.warehouse import TRANSIENT, CorrectionStore, WarehouseReader
from octavo.schemas import tables
from octavo.schemas.columns import Table, field_of
from octavo.schemas.corrections import PERSON, as_json
from octavo.schemas.pipeline import Evidence, Field, Record
from octavo.schemas.rows import evidence_of

MADE_BY = ("engine", "model", "run", "question_fingerprint")
_TELLS_APART = ("engine", "model", "question_fingerprint", "request")

Row = Mapping[str, Any]


def answer_below(
    reader: WarehouseReader, store: CorrectionStore, table: Table, document: str, row: Row | None
) -> dict[str, Any] | None:
    """The answer, as JSON; None where there is nothing that a person could correct or fill in. `row` is its row, if it has one."""
    kept = store.answer(document, table.name)
    rejected = reader.reject_of(table.name, document)
    if row is not None:
        if kept and (_are_one(kept, row) or reader.is_corrected(table.name, document)):
            below = kept
        else:
            below = answer_of(row, reader.evidence_of(table.name, [document]), table)
        # what another run may not meet, such as `not_asked`, is no word of the model about it: it is asked yet
        if rejected and row.get("former") and rejected["reason"] not in TRANSIENT:
            return {**below, "rejected": dict(rejected)}
        return below
    if rejected or reader.is_unread(document):
        return by_person(fields_of(table), document, table.name, rejected or {})
    return kept if kept and kept["engine"] == PERSON and document in reader.paths_of([document]) else None


def _are_one(kept: Mapping[str, Any], row: Row) -> bool:
    return all(kept[name] == (row[name] or "") for name in _TELLS_APART)


def by_person(fields: Sequence[Field], document: str, question: str, rejected: Row) -> dict[str, Any]:
    """An answer without a value, for people to fill in; `rejected` is the row of `rejects` whose place it takes, if there is one."""
    evidence = tuple(Evidence(one.name, "", "missing", state="missing") for one in fields)
    empty = Record(document, question, {one.name: None for one in fields}, evidence, "")
    fingerprint = rejected.get("question_fingerprint") or ""
    made_by = {"engine": PERSON, "model": "", "run": "", "question_fingerprint": fingerprint}
    return {**as_answer(empty, made_by), "rejected": dict(rejected)}


def fills_in(answer: Mapping[str, Any] | None) -> bool:
    """Whether an answer that is kept stands in the place of a reject or of nothing, and people fill it in."""
    return bool(answer and (answer["engine"] == PERSON or answer.get("rejected")))


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
