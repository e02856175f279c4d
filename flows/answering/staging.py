"""Checked answers that wait for the next commit, as rows of the tables they go to."""

from __future__ import annotations

import asyncio
import pickle
import time
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Self

import pyarrow as pa

from octavo.flows.answering.window_answers import PASSING, Answers
from octavo.flows.context import RunContext
from octavo.flows.tally import WAITING, Tally
from octavo.processors.check import records as check
from octavo.processors.store.warehouse import Asked, Change
from octavo.schemas import tables
from octavo.schemas.columns import Waiting
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import NOT_APPLICABLE, Question, Record, Reject

COMMIT_EVERY_S = (
    600.0  # the longest that answers wait: at a million documents a commit takes some ten seconds
)
COMMIT_EVERY_ANSWERS = 5_000  # that wait in memory: their rows are there once more while they are stored
COMMIT_FIRST_S, COMMIT_SHARE = 5.0, 0.05  # the shortest, and the share of the time that may go into commits

Row = dict[str, Any]
Key = tuple[str, str]  # question and document


@dataclass(frozen=True, slots=True)
class PackedRecord:
    """A record as it came, in a tenth of its memory; nearly all are never looked at again."""

    data: bytes
    question: Question
    made_by: tuple[str, str, str]  # engine, model and run

    @classmethod
    def of(cls, record: Record, question: Question, made_by: tuple[str, str, str]) -> Self:
        """Pack a record."""
        return cls(zlib.compress(pickle.dumps(record), 1), question, made_by)

    @property
    def record(self) -> Record:
        """The same record again."""
        record: Record = pickle.loads(zlib.decompress(self.data))  # noqa: S301 - bytes of this very process
        return record


class StagedAnswers:
    """Answers since the last commit.

    A document has a record or a reject for each question; both where the answer so far is kept, and the rest waits for a later run.
    """

    def __init__(self, run: RunContext, tally: Tally, answered: Mapping[str, Collection[str]]) -> None:
        """Start with what has become of earlier rejects; `tally` counts what is put.

        Answers are stored under the words of the last pass. `answered` has the documents that the tables answer already, as each question
        is asked now: what earlier questions or models left open about them is of no concern any more.
        """
        self.settled = 0
        self.changed = False
        self.tally = tally
        self._warehouse, self._asker = run.warehouse, run.asker
        readings = {question.name: run.passes(question) for question in run.questions}
        self._once = {name: passes[0] for name, passes in readings.items()}
        self._questions = {
            name: replace(passes[0], fingerprint=passes[-1].fingerprint) for name, passes in readings.items()
        }
        self._tables = {name: tables.question_table(one) for name, one in self._questions.items()}
        self._rows = {name: Waiting(table) for name, table in self._tables.items()}
        self._evidence = Waiting(tables.EVIDENCE)
        self._done: dict[str, set[str]] = {name: set() for name in self._questions}  # documents with a row
        self._rejects: list[Reject] = []
        self._as_it_came: dict[
            tuple[str, str], PackedRecord
        ] = {}  # by document and question, nothing was said of it
        self._answered = {name for name, documents in answered.items() if documents}
        self._settled_since = {
            key for name, documents in answered.items() for key in self._outdated(name, documents)
        }
        self._requests: set[str] = set()
        self._committed_at = time.monotonic()
        self._took_s = 0.0  # for the last commit
        self._committing = asyncio.Lock()  # batches overlap
        self._overlay = run.corrections

    def put(self, answers: Answers, bought: Collection[str] = ()) -> None:
        """Take answers: the pieces of a long document are merged, and half an answer is none: all that failed is named.

        `bought` has the requests whose replies came by batch in this run.
        """
        failed, lost = _failed(answers)
        for key in [
            key
            for key, reject in failed.items()
            if reject.reason == NOT_APPLICABLE and self._overlay.holds(key[1], key[0])
        ]:
            answers.records.append((0, _silent(self._questions[key[0]], failed.pop(key))))
        left_to_people = self._leave_to_people(failed)
        ordered = sorted(answers.records, key=lambda item: (item[1].question, item[1].document, item[0]))
        for key, group in groupby(ordered, key=lambda item: (item[1].question, item[1].document)):
            question = (self._once if key in answers.single_pass else self._questions)[key[0]]
            if key not in lost:
                whole = check.merge(list(group))
                record = _certain(whole) if answers.by else _doubted(question, whole)
                record = self._as_people_left(record, question, answers.by)
                if misfit := self._take(check.filled(question, record), question, answers.by):
                    failed[key] = misfit
                else:
                    self.tally.put_record(record, question, waits=key in failed)
        said = left_to_people | {(record.question, record.document) for _, record in answers.records}
        self.settled += len(said | {key for key, reject in failed.items() if reject.reason != WAITING})
        self._rejects += failed.values()
        for reject in failed.values():
            self.tally.put_reject(reject)
        self._requests.update(answers.requests)
        self.tally.recalled += (
            len(answers.requests) - answers.asked - len(set(bought).intersection(answers.requests))
        )
        self.tally.unrequested += len(answers.unrequested)
        self.tally.single_pass += len(answers.single_pass)
        self.tally.repaired |= answers.repaired

    def _leave_to_people(self, failed: dict[Key, Reject]) -> set[Key]:
        """Take out the rejects of answers that people filled in, and give their keys: those stand, and are asked for no more."""
        account = self._asker.account
        found = {
            key: reject
            for key, reject in failed.items()
            if reject.reason not in PASSING and not reject.kept and self._overlay.fills(key[1], key[0])
        }
        for (name, document), reject in found.items():
            question = self._questions[name]
            row = tables.reject_row(reject, question, account.engine, account.model.id, self._asker.run)
            self._overlay.refused(question, row)
            self._answered.add(name)
            self.tally.documents.add(document)
            del failed[name, document]
        return set(found)

    def _as_people_left(self, record: Record, question: Question, by: tuple[str, str] | None) -> Record:
        """The record with what people said about it laid over."""
        made_by = (*self._answered_by(by), self._asker.run)
        left = self._overlay.over(question, record, *made_by)
        if left is record:
            self._as_it_came[record.document, record.question] = PackedRecord.of(record, question, made_by)
        return left

    def _answered_by(self, by: tuple[str, str] | None) -> tuple[str, str]:
        """Engine and model of an answer."""
        account = self._asker.account
        return by or (account.engine, account.model.id)

    def _take(self, record: Record, question: Question, by: tuple[str, str] | None) -> Reject | None:
        """Keep a record as the row it will be; a value that its column cannot hold makes it a reject."""
        try:
            row = tables.record_row(record, question, *self._answered_by(by), self._asker.run)
        except SchemaError as error:
            return Reject(record.document, record.question, record.request, "invalid", error.message)
        self._rows[question.name].put([row])
        self._evidence.put(tables.evidence_rows(record))
        self._done[question.name].add(record.document)
        return None

    async def commit_when_due(self) -> None:
        """Commit when the last one is long ago, so that a long run can be read while it goes on, and little is to be seen after a kill."""
        waited_s = time.monotonic() - self._committed_at
        is_due = waited_s > min(COMMIT_EVERY_S, max(COMMIT_FIRST_S, self._took_s / COMMIT_SHARE))
        is_much = sum(map(len, self._done.values())) > COMMIT_EVERY_ANSWERS
        if (is_due or is_much) and not self._committing.locked():
            await self.commit()

    async def commit(self) -> None:
        """Commit all rows in one step."""
        async with self._committing:
            started = time.monotonic()
            self.changed |= await asyncio.to_thread(self._warehouse.commit, *self._taken())
            self.changed |= await asyncio.to_thread(self._overlay.settle, self._warehouse)
            self._committed_at = time.monotonic()
            self._took_s = self._committed_at - started

    def commit_now(self) -> None:
        """The same without awaiting anything, for who has no time left."""
        self.changed |= self._warehouse.commit(*self._taken())

    def _outdated(self, question: str, answered: Collection[str]) -> Iterator[tuple[str, str]]:
        """The keys of rejects of documents that have an answer of today, which are of another question or model."""
        account = self._asker.account
        today = [
            (fingerprint, account.model.id, account.engine) for fingerprint in _of_today(self._once[question])
        ]
        for row in self._warehouse.rows(
            tables.REJECTS.name, ["document", "question", "question_fingerprint", "model", "engine"]
        ):
            asked = (row["question_fingerprint"], row["model"], row["engine"])
            if row["question"] == question and row["document"] in answered and asked not in today:
                yield row["document"], question

    def _taken(self) -> tuple[list[Change], dict[str, Asked]]:
        """What waits, as changes, and the questions that were asked; nothing waits any more."""
        self._overlay.catch_up(self._as_it_came)
        self._as_it_came = {}
        other = {name: {one.document for one in self._rejects if _is_other(one, name)} for name in self._done}
        changes = [
            Change(self._tables[name], self._taken_rows(self._rows[name]), {(one,) for one in other[name]})
            for name, done in self._done.items()
            if done or other[name] or not self._warehouse.has(name)
        ]  # else its columns stay too, as of a question that was answered
        done = {(document, name) for name, documents in self._done.items() for document in documents}
        untold = done | {(document, name) for name, documents in other.items() for document in documents}
        changes.append(Change(tables.EVIDENCE, self._taken_rows(self._evidence), untold))
        changes.append(Change(tables.REJECTS, list(map(self._reject_row, self._rejects)), done))
        changes.append(Change(tables.REQUESTS, list(self._asker.bills(sorted(self._requests)))))
        if self._settled_since:
            changes.append(Change(tables.REJECTS, (), self._settled_since))
        account = self._asker.account
        self._answered |= {name for name, documents in self._done.items() if documents}
        self._answered |= {reject.question for reject in self._rejects if reject.reason not in PASSING}
        self._rejects, self._requests, self._settled_since = [], set(), set()
        self._done = {name: set() for name in self._questions}
        return changes, {
            name: (_of_today(self._once[name]), account.model.id, account.engine)
            for name in sorted(self._answered)
        }

    def _taken_rows(self, waiting: Waiting) -> pa.Table:
        """All rows that wait for a table. Raises SchemaError for one that it cannot hold."""
        rows = waiting.taken()
        if waiting.misfits:
            raise waiting.misfits[0][1]
        return rows

    def _reject_row(self, reject: Reject) -> Row:
        account = self._asker.account
        question = self._questions[reject.question]
        return tables.reject_row(reject, question, account.engine, account.model.id, self._asker.run)


def _is_other(reject: Reject, question: str) -> bool:
    """Whether a document is known to have no such thing to answer: the one kind of reject that takes the place of an answer."""
    return reject.question == question and reject.reason == NOT_APPLICABLE


def _silent(question: Question, reject: Reject) -> Record:
    """What a model has no answer for as an answer that says nothing, where people have said something."""
    return Record(
        reject.document, question.name, {one.name: None for one in question.fields}, (), reject.request
    )


def _doubted(question: Question, whole: Record) -> Record:
    """A record with how likely each of its values is right."""
    held = check.checked(question, check.balanced(question, whole))
    return check.rated(check.counted(question, held))


def _certain(whole: Record) -> Record:
    """A record of what its document states word by word, whatever else would make a value doubtful."""
    evidence = (
        replace(one, confidence=1.0 if one.state == "given" else None, notes=()) for one in whole.evidence
    )
    return replace(whole, evidence=tuple(evidence))


def _of_today(question: Question) -> list[str]:
    """The fingerprints of answers to a question, of one pass or of two."""
    return [question.fingerprint, check.rephrased(question).fingerprint]


def _failed(answers: Answers) -> tuple[dict[Key, Reject], set[Key]]:
    """The rejects of answers, one for each question and document, and of these the ones of which nothing is kept."""
    said = {(record.question, record.document) for _, record in answers.records}
    failed: dict[Key, Reject] = {}
    lost: set[Key] = set()
    for reject in answers.rejects:
        key = (reject.question, reject.document)
        if reject.reason != NOT_APPLICABLE:
            failed[key] = _joined(failed.get(key), reject)
            lost |= set() if reject.kept else {key}
        elif key not in said:  # a part without an answer is no trouble when another part has one
            failed.setdefault(key, reject)
    return failed, lost


def _joined(one: Reject | None, other: Reject) -> Reject:
    """Two rejects of a document as one; a reason that a later run need not meet again steps back."""
    if one is None or one.reason == NOT_APPLICABLE or one.detail == other.detail:
        return other
    first, second = (other, one) if one.reason in PASSING and other.reason not in PASSING else (one, other)
    return replace(first, detail=f"{first.detail} {second.detail}")
