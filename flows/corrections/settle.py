"""Corrections, to the tables: those of an answer that comes now, and those that were said since the last commit.

    answer of a model --> kept in `corrections.sqlite` --> with what people said laid over it --> row, evidence, `corrections`

A run lays corrections over each answer that it stages (`Overlay`), and whoever holds the folder brings the tables up to what was said
meanwhile (`settle`): a run at its start, its commits and its end, and `octavo review` whenever nobody else holds the folder.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from octavo.flows.corrections.current import answer_of, as_answer, fields_of, laid_over
from octavo.processors.check import records as check
from octavo.processors.store.warehouse import Change, CorrectionStore, Warehouse, corrections_of
from octavo.schemas import tables
from octavo.schemas.columns import Table, native_record
from octavo.schemas.corrections import correction_row
from octavo.schemas.pipeline import Question, Record

AT_ONCE = 1_000  # answers of one commit

Row = dict[str, Any]


class Overlay:
    """The corrections of one output folder, for a run that stages answers. It is looked for each time: a person may begin at any."""

    def __init__(self, folder: Path) -> None:
        """Nothing is opened before there is something."""
        self._folder = folder
        self._store: CorrectionStore | None = None

    @property
    def store(self) -> CorrectionStore | None:
        """The open file; None as long as nobody has corrected anything."""
        self._store = self._store or corrections_of(self._folder, often=True)
        return self._store

    def over(self, question: Question, record: Record, engine: str, model: str, run: str) -> Record:
        """The record as people left it; what the model says is kept for when a correction is taken back."""
        corrections = self.store.in_force(record.document, record.question) if self.store else []
        if not corrections or self.store is None:
            return record
        made_by = {"engine": engine, "model": model, "run": run, "question_fingerprint": question.fingerprint}
        self.store.put_answers({(record.document, record.question): as_answer(record, made_by)})
        return check.corrected(question.fields, record, corrections)

    def holds(self, document: str, question: str) -> bool:
        """Whether something is said about an answer."""
        return bool(self.store and self.store.in_force(document, question))

    def settle(self, warehouse: Warehouse) -> bool:
        """Bring the tables up to what was said; gives whether that changed them."""
        return bool(self.store and settle(warehouse, self.store))

    def look_over(self, warehouse: Warehouse) -> bool:
        """The same after comparing all, also where the tables were made anew."""
        if self.store is None:
            return False
        _unsettle_missing(warehouse, self.store)
        return settle(warehouse, self.store)

    def close(self) -> None:
        """Close the file, if it was opened."""
        if self._store:
            self._store.close()


def settle(warehouse: Warehouse, store: CorrectionStore) -> bool:
    """Make the rows of all answers about which something was said or taken back since the last time. The folder must be held.

    Gives whether the tables changed. Raises StorageError; what was said stays in the file then.
    """
    changed = False
    stamps = store.unsettled()
    keys = sorted(stamps)
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        by_question: dict[str, list[str]] = defaultdict(list)
        for document, question in some:
            by_question[question].append(document)
        changes = [
            change
            for question, documents in by_question.items()
            for change in _changes(warehouse, store, question, documents)
        ]
        changed |= warehouse.commit(changes)
        store.settled({key: stamps[key] for key in some})
    return changed


def _changes(
    warehouse: Warehouse, store: CorrectionStore, question: str, documents: Sequence[str]
) -> Iterator[Change]:
    """What the corrections in force make of the answers to a question."""
    said = {document: store.in_force(document, question) for document in documents}
    rows = [correction_row(one) for corrections in said.values() for one in corrections]
    yield Change(tables.CORRECTIONS, rows, {(document, question) for document in documents})
    table = warehouse.answer_table(question)
    if table is None:
        return
    fields = fields_of(table)
    made: list[tuple[Row, Record]] = []
    for document, row in warehouse.answers_of(question, documents).items():
        answer = store.answer(document, question) or answer_of(
            row, warehouse.evidence_of(question, [document]), table
        )
        record = laid_over(fields, document, question, answer, said[document])
        made.append((_row(table, row, answer, record), record))
    if made:
        yield Change(table, [row for row, _ in made])
        proofs = [proof for _, record in made for proof in tables.evidence_rows(record)]
        yield Change(tables.EVIDENCE, proofs, {(record.document, question) for _, record in made})


def _row(table: Table, stored: Row, answer: Mapping[str, Any], record: Record) -> Row:
    """The row of a corrected answer; where it lies is as it is stored."""
    values = native_record(fields_of(table), record.value, "")
    own = {name: answer[name] for name in ("engine", "model", "question_fingerprint", "run", "request")}
    return {**stored, **values, **own, "conflicts": list(record.conflicts)}


def _unsettle_missing(warehouse: Warehouse, store: CorrectionStore) -> None:
    """Find answers of which the tables say something else than the file, as when the tables were made anew or are those of a backup."""
    stored = warehouse.rows(tables.CORRECTIONS.name, ["document", "question", "number"])
    there = {(row["document"], row["question"], row["number"]) for row in stored}
    wanted = {(one.document, one.question, one.number) for one in store.each()}
    store.unsettle(sorted({key[:2] for key in there ^ wanted}))
