"""What came of the answers of one run: checked records and rejects come in; counts, the first failures and shares by field go out.

Only what this run settled is in it, so that a run can be judged by what it did and not by what stood in the tables before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from octavo.schemas.pipeline import NOT_APPLICABLE, NOTHING_FOUND, SUMMARY, Question, Record, Reject

FIRST = 20  # failures that are named one by one
WAITING = "not_asked"  # the reason of rejects that are no failure: nothing was asked yet
PROVED = frozenset({"exact", "loose"})
FEWER = 1.5  # answers with a value that must be fewer than expected before a fall is said: one of two may well be chance


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that failed. `path` is filled in when it is shown; `field` is "" where a whole document or answer failed."""

    reason: str
    detail: str
    path: str = ""
    document: str = ""
    question: str = ""
    field: str = ""


@dataclass(slots=True)
class Share:
    """Of the answers to a question: in how many a field has a value, and of the values in it how many stand in their document."""

    answers: int = 0
    filled: int = 0
    values: int = 0
    proved: int = 0

    @property
    def filled_share(self) -> float:
        """0 to 1."""
        return self.filled / self.answers if self.answers else 0.0

    @property
    def proved_share(self) -> float | None:
        """0 to 1; None without values."""
        return self.proved / self.values if self.values else None


Shares = dict[tuple[str, str], Share]  # by question and top-level field


@dataclass(slots=True)
class Tally:
    """Counts of one run."""

    documents: set[str] = field(default_factory=set)  # that were answered or refused
    failed: set[str] = field(
        default_factory=set
    )  # of these, those of which an answer or a value was not accepted
    failures: list[Failure] = field(default_factory=list)  # the first of them
    failed_answers: int = 0
    failed_values: int = 0
    waiting: int = 0  # times a document was not asked
    empty: list[tuple[str, str]] = field(
        default_factory=list
    )  # document and question of answers in which nothing was found
    shares: Shares = field(default_factory=dict)
    recalled: int = 0  # replies taken from the ledger, free
    unrequested: int = 0  # replies that also spoke of documents nobody asked about
    single_pass: int = 0  # answers that were not asked a second time, where the job wants that
    repaired: dict[tuple[str, str], str] = field(
        default_factory=dict
    )  # question, document -> how it came to its record when not at once

    def put_record(self, record: Record, question: Question, *, waits: bool) -> None:
        """Count an answer; `waits` says that the rest of it is still to be asked, so that nothing of it has failed yet."""
        self.documents.add(record.document)
        if not waits:
            for proof in record.evidence:
                if proof.state == "failed":
                    self.failed_values += 1
                    self._fail(
                        Failure("failed", proof.detail, "", record.document, record.question, proof.field)
                    )
        names = [one.name for one in question.fields]
        found = {name for name in names if not _is_blank(record.value.get(name))}
        if not found and record.question != SUMMARY:
            self.empty.append((record.document, record.question))
        for name in names:
            share = self.shares.setdefault((record.question, name), Share())
            share.answers += 1
            share.filled += name in found
        for proof in record.evidence:
            of = self.shares.get((record.question, _top(proof.field)))
            if of and proof.state == "given":
                of.values += 1
                of.proved += proof.grade in PROVED

    def put_reject(self, reject: Reject) -> None:
        """Count an answer that is none."""
        if reject.reason == WAITING:
            self.waiting += 1
            return
        self.documents.add(reject.document)
        if reject.detail == NOTHING_FOUND:
            self.empty.append((reject.document, reject.question))
        if reject.reason != NOT_APPLICABLE:
            self.failed_answers += 1
            self._fail(Failure(reject.reason, reject.detail, "", reject.document, reject.question))

    def _fail(self, failure: Failure) -> None:
        self.failed.add(failure.document)
        if len(self.failures) < FIRST:
            self.failures.append(failure)


def _is_blank(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_blank, value.values()))
    if isinstance(value, str | list | tuple):
        return not value or (not isinstance(value, str) and all(map(_is_blank, value)))
    return value is None


def _top(place: str) -> str:
    """The top-level field of a path such as `line_items[0].amount`."""
    return place.partition(".")[0].partition("[")[0]


def as_rows(shares: Shares) -> list[dict[str, Any]]:
    """Shares as `runs` keeps them."""
    return [
        {
            "question": name,
            "field": one,
            "answers": share.answers,
            "filled": share.filled,
            "values": share.values,
            "proved": share.proved,
        }
        for (name, one), share in shares.items()
    ]


def of_rows(rows: Iterable[Mapping[str, Any]]) -> Shares:
    """Shares as they were kept."""
    return {
        (row["question"], row["field"]): Share(row["answers"], row["filled"], row["values"], row["proved"])
        for row in rows
    }


def together(many: Sequence[Shares]) -> Shares:
    """The shares of several runs as those of one."""
    whole: Shares = {}
    for shares in many:
        for key, one in shares.items():
            share = whole.setdefault(key, Share())
            share.answers += one.answers
            share.filled += one.filled
            share.values += one.values
            share.proved += one.proved
    return whole


def falls(now: Shares, earlier: Shares, most: float) -> Iterator[tuple[str, str, str]]:
    """Question and field of which fewer answers have a value than in earlier runs, by more than `most` of all, and a sentence."""
    for (question, name), share in now.items():
        before = earlier.get((question, name), Share()).filled_share
        if before - share.filled_share > most and before * share.answers - share.filled >= FEWER:
            now_filled = (
                f"Filled in {share.filled} of {share.answers} answers of this run ({share.filled_share:.0%})"
            )
            yield question, name, f"{now_filled}, before in {before:.0%}."
