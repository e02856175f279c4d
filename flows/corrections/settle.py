"""Corrections, to the tables: those of an answer that comes now, and those that were said since the last commit.

    answer of a model --> kept in `corrections.sqlite` --> with what people said laid over it --> row, evidence, `corrections`

A run lays corrections over each answer that it stages (`Overlay`), and whoever holds the folder brings the tables up to what was said
meanwhile (`settle`): a run at its start, its commits and its end, and `octavo review` whenever nobody else holds the folder.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from octavo.flows.corrections.answer_below import answer_below, as_answer, by_person, fields_of, fills_in
from octavo.flows.corrections.current import laid_over, schemas_of, with_columns
from octavo.processors.check import records as check
from octavo.processors.store.warehouse import Change, CorrectionStore, Warehouse, corrections_of
from octavo.schemas import tables
from octavo.schemas.columns import Table, native_record
from octavo.schemas.corrections import PERSON, Correction, correction_row
from octavo.schemas.pipeline import Question, Record

AT_ONCE = 1_000  # answers of one commit

Row = dict[str, Any]
Key = tuple[str, str]  # document and question


class StagedAnswer(Protocol):
    """An answer that waits to be stored: what is in it, to what question, and by which engine, model and run."""

    @property
    def record(self) -> Record:
        """The answer."""
        ...

    @property
    def question(self) -> Question:
        """What was asked."""
        ...

    @property
    def made_by(self) -> tuple[str, str, str]:
        """Engine, model and run."""
        ...


class Overlay:
    """The corrections of one output folder, for a run that stages answers. It is looked for each time: a person may begin at any."""

    def __init__(self, folder: Path) -> None:
        """Nothing is opened before there is something."""
        self._folder = folder
        self._store: CorrectionStore | None = None
        self._known: dict[str, Question] = {}  # of this run, whose schemas no row of `runs` names yet

    @property
    def store(self) -> CorrectionStore | None:
        """The open file; None as long as nobody has corrected anything."""
        self._store = self._store or corrections_of(self._folder, often=True)
        return self._store

    def over(self, question: Question, record: Record, engine: str, model: str, run: str) -> Record:
        """The record as people left it; what the model says is kept for when a correction is taken back."""
        if self.store is None:
            return record
        key = (record.document, record.question)
        self._known[question.name] = question
        corrections = self.store.in_force(*key)
        if corrections or self.store.answer(*key):  # also one that was corrected once, and may be again
            self.keep({key: _made(question, record, engine, model, run)})
        left = check.corrected((*question.fields, *question.computed), record, corrections)
        return check.reconsidered(question, record, left) if corrections else left

    def keep(self, answers: Mapping[Key, Mapping[str, Any]]) -> None:
        """Later answers take the place of those that lie below corrections."""
        if self.store:
            self.store.put_answers(answers)

    def catch_up(self, staged: Mapping[Key, StagedAnswer]) -> None:
        """Of answers that were staged as they came, lay over what was said since: they are kept, and the next `settle` does the rest."""
        if self.store is None or not (said := self.store.corrected()):
            return
        self._known |= {one.question.name: one.question for one in staged.values()}
        late = {
            key: _made(one.question, one.record, *one.made_by) for key, one in staged.items() if key in said
        }
        self.store.put_answers(late)
        self.store.unsettle(late)

    def holds(self, document: str, question: str) -> bool:
        """Whether something is said about an answer."""
        return bool(self.store and self.store.in_force(document, question))

    def fills(self, document: str, question: str) -> bool:
        """Whether people filled in an answer that no model gave, or the latest one did not."""
        answer = self.store.answer(document, question) if self.store else None
        return fills_in(answer) and self.holds(document, question)

    def filled(self, question: str, fingerprints: Collection[str], model: str, engine: str) -> set[str]:
        """The documents whose answer people filled in after it was asked for in this way, so that it need not be asked for again."""
        asked = {(fingerprint, model, engine) for fingerprint in fingerprints}
        found = self.store.filled() if self.store else {}
        return {
            document
            for (document, name), answer in found.items()
            if name == question and _asked_as(answer.get("rejected") or {}) in asked
        }

    def refused(self, question: Question, rejected: Row) -> None:
        """Another model or question has no answer either to what people filled in: theirs stands, and remembers this reject."""
        key = (rejected["document"], rejected["question"])
        if self.store is None:
            return
        kept = self.store.answer(*key)
        is_former = kept is not None and kept["engine"] != PERSON
        by_people = (
            {**(kept or {}), "rejected": dict(rejected)}
            if is_former
            else by_person(question.fields, *key, rejected)
        )
        self.keep({key: by_people})
        self.store.unsettle([key])

    def settle(self, warehouse: Warehouse) -> bool:
        """Bring the tables up to what was said; gives whether that changed them."""
        return bool(self.store and self._settle(warehouse, self.store))

    def look_over(self, warehouse: Warehouse) -> bool:
        """The same after comparing all, also where the tables were made anew."""
        if self.store is None:
            return False
        _unsettle_missing(warehouse, self.store)
        return self._settle(warehouse, self.store)

    def _settle(self, warehouse: Warehouse, store: CorrectionStore) -> bool:
        named = schemas_of(warehouse).questions if store.unsettled() else {}
        return settle(warehouse, store, {**named, **self._known})

    def close(self) -> None:
        """Close the file, if it was opened."""
        if self._store:
            self._store.close()


def settle(warehouse: Warehouse, store: CorrectionStore, known: Mapping[str, Question] | None = None) -> bool:
    """Make the rows of all answers about which something was said or taken back since the last time. The folder must be held.

    `known` has the schemas of the tables by name; without, they are those that the runs name.
    Gives whether the tables changed. Raises StorageError; what was said stays in the file then.
    """
    changed = False
    stamps = store.unsettled()
    keys = sorted(stamps)
    if keys and known is None:
        known = schemas_of(warehouse).questions
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        by_question: dict[str, list[str]] = defaultdict(list)
        for document, question in some:
            by_question[question].append(document)
        changes = [
            change
            for question, documents in by_question.items()
            for change in _changes(warehouse, store, question, documents, (known or {}).get(question))
        ]
        changed |= warehouse.commit(changes)
        store.settled({key: stamps[key] for key in some})
    return changed


def _changes(
    warehouse: Warehouse,
    store: CorrectionStore,
    question: str,
    documents: Sequence[str],
    known: Question | None,
) -> Iterator[Change]:
    """What the corrections in force make of the answers to a question."""
    said = {document: store.in_force(document, question) for document in documents}
    rows = [correction_row(one) for corrections in said.values() for one in corrections]
    yield Change(tables.CORRECTIONS, rows, {(document, question) for document in documents})
    table = warehouse.answer_table(question)
    if table is None:
        return
    stored = warehouse.answers_of(question, documents)
    found = {one: answer_below(warehouse, store, table, one, stored.get(one)) for one in documents}
    answers = {one: answer for one, answer in found.items() if answer is not None}
    yield from _instead_of_rejects(warehouse, table, answers, said)
    store.put_answers(
        {(one, question): answer for one, answer in answers.items() if answer != store.answer(one, question)}
    )
    made: list[tuple[Row, Record]] = []
    fields = fields_of(table)
    known = with_columns(known, fields)
    for document, answer in answers.items():
        if said[document] or answer["engine"] != PERSON:
            record = laid_over(fields, known, document, question, answer, said[document])
            before = stored.get(document) or _placeless(table, document)
            made.append((_row(table, before, answer, record), record))
    if made:
        yield Change(table, [row for row, _ in made])
        proofs = [proof for _, record in made for proof in tables.evidence_rows(record)]
        yield Change(tables.EVIDENCE, proofs, {(record.document, question) for _, record in made})


def _instead_of_rejects(
    warehouse: Warehouse,
    table: Table,
    answers: Mapping[str, Mapping[str, Any]],
    said: Mapping[str, Sequence[Correction]],
) -> Iterator[Change]:
    """Answers that people filled in stand instead of their rejects; who takes back all that was said has the reject again."""
    filled = {document: answer for document, answer in answers.items() if fills_in(answer)}
    if not filled:
        return
    empty = {document for document in filled if not said[document]}
    back = [
        filled[one]["rejected"]
        for one in sorted(empty)
        if filled[one]["rejected"] and not warehouse.reject_of(table.name, one)
    ]
    yield Change(tables.REJECTS, back, {(one, table.name) for one in filled.keys() - empty})
    if empty := {one for one in empty if filled[one]["engine"] == PERSON}:  # a former answer stays
        yield Change(table, (), {(one,) for one in empty})
        yield Change(tables.EVIDENCE, (), {(one, table.name) for one in empty})


def _placeless(table: Table, document: str) -> Row:
    """What every row of an answer has, of one that is not stored yet; the store finds its path."""
    return {"document": document, "path": "", "inbox": "", "question": table.name, "former": False}


def _row(table: Table, stored: Row, answer: Mapping[str, Any], record: Record) -> Row:
    """The row of a corrected answer; where it lies is as it is stored."""
    values = native_record(fields_of(table), record.value, "")
    own = {name: answer[name] for name in ("engine", "model", "question_fingerprint", "run", "request")}
    return {**stored, **values, **own, "conflicts": list(record.conflicts)}


def _unsettle_missing(warehouse: Warehouse, store: CorrectionStore) -> None:
    """Find answers of which the tables say something else than the file, as when the tables were made anew or are those of a backup."""
    _unsettle_filled(warehouse, store)
    stored = warehouse.rows(tables.CORRECTIONS.name, ["document", "question", "number"])
    there = {(row["document"], row["question"], row["number"]) for row in stored}
    wanted = {(one.document, one.question, one.number) for one in store.each()}
    store.unsettle(sorted({key[:2] for key in there ^ wanted}))


def _unsettle_filled(warehouse: Warehouse, store: CorrectionStore) -> None:
    """Find what people filled in that has no row, as when its document was gone and is back."""
    by_question: dict[str, list[str]] = defaultdict(list)
    for document, question in store.filled():
        by_question[question].append(document)
    for question, documents in by_question.items():
        there = warehouse.answers_of(question, documents) if warehouse.has(question) else {}
        store.unsettle((document, question) for document in documents if document not in there)


def _made(question: Question, record: Record, engine: str, model: str, run: str) -> dict[str, Any]:
    made_by = {"engine": engine, "model": model, "run": run, "question_fingerprint": question.fingerprint}
    return as_answer(record, made_by)


def _asked_as(rejected: Row) -> tuple[str, str, str]:
    fingerprint, model, engine = (
        rejected.get(name) or "" for name in ("question_fingerprint", "model", "engine")
    )
    return fingerprint, model, engine
