"""What came of asking: checked records, rejects, and the replies that they are from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from octavo.processors.pack import windows as pack
from octavo.schemas.pipeline import NOT_APPLICABLE, Record, Reject, Request

PASSING = ("not_asked", "unavailable")  # reasons of rejects that a later run need not meet again


@dataclass(slots=True)
class Answers:
    """What came of one request, of a window, or of all windows of a document: they are added up on the way."""

    records: list[tuple[int, Record]] = field(
        default_factory=list
    )  # where in its document an answer begins, and the answer
    rejects: list[Reject] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)  # fingerprints of the replies that were used
    unrequested: list[str] = field(
        default_factory=list
    )  # answers about documents that nobody asked about, which are dropped
    repaired: dict[tuple[str, str], str] = field(
        default_factory=dict
    )  # question, document -> how it came to its record when not at once
    single_pass: set[tuple[str, str]] = field(
        default_factory=set
    )  # question, document of answers whose second pass could not be asked
    asked: int = 0
    by: tuple[str, str] | None = None  # engine and model, where these are not the account's

    def add(self, other: Answers) -> None:
        """Take in what came of another part."""
        self.records += other.records
        self.rejects += other.rejects
        self.requests += other.requests
        self.unrequested += other.unrequested
        self.repaired |= other.repaired
        self.single_pass |= other.single_pass
        self.asked += other.asked

    @classmethod
    def of(cls, request: Request, records: Iterable[Record], rejects: Iterable[Reject]) -> Answers:
        """What came of a request: each record with its place, each reject with the pages that it is about."""
        placed = [(pack.position(request.window.parts, record.document), record) for record in records]
        return cls(placed, [_with_pages(request, reject) for reject in rejects])

    def by_document(self) -> dict[str, list[tuple[int, Record]]]:
        """The records of each document with their places: more than one when its pages were asked in halves."""
        found: dict[str, list[tuple[int, Record]]] = {}
        for place, record in self.records:
            found.setdefault(record.document, []).append((place, record))
        return found


def together(parts: Iterable[Answers]) -> Answers:
    """What came of several parts as one."""
    whole = Answers()
    for part in parts:
        whole.add(part)
    return whole


def _with_pages(request: Request, reject: Reject) -> Reject:
    """A reject that says which pages it is about, where its document was cut."""
    place = pack.place(request.window.parts, reject.document) if reject.reason != NOT_APPLICABLE else ""
    return replace(reject, detail=f"{place.capitalize()}: {reject.detail}") if place else reject
