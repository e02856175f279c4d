"""What a person says about one value, checked as an answer of a model is, and put on disk: the way in for the app and for files.

    say(desk, Saying(document, "invoice", "grand_total", "changed", "1.234,50"), "Ann", now)

Raises SettingsError with the sentence for that person; then nothing is put down.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from octavo.flows.corrections.current import Current, KnownSchemas, current
from octavo.processors.check import records as check
from octavo.processors.pack import windows as pack
from octavo.processors.store.warehouse import CorrectionStore, WarehouseReader
from octavo.schemas.corrections import NOWHERE, Correction, ValuePlace, Verdict, as_json
from octavo.schemas.errors import SettingsError
from octavo.schemas.pipeline import Evidence, Field, Page, Part, Record

SEEN = "seen"  # what an error is about whose answer is another than the person saw
SEARCHED_PAGES = 200  # of a document in which what was typed is looked for


@dataclass(frozen=True, slots=True)
class Saying:
    """What a person says. `value` is what was typed, JSON for a row; `place` where the person marked it."""

    document: str
    question: str
    field: str
    verdict: Verdict | str
    value: Any = None
    place: ValuePlace | None = None
    note: str = ""
    seen: str = ""  # `state_of` the answer that the person looked at; "" for who looked at none


@dataclass(frozen=True, slots=True)
class Desk:
    """What corrections are made with: the tables, the file of corrections, and the schemas by name."""

    reader: WarehouseReader
    store: CorrectionStore
    schemas: KnownSchemas

    def current(self, document: str, question: str) -> Current:
        """The answer as it stands. Raises SettingsError where there is none."""
        found = current(self.reader, self.store, document, question, self.schemas.questions.get(question))
        if found is None:
            raise SettingsError(
                f"There is no answer to {question} about this document, and no reject in whose place one could be filled in.",
                about="document",
                next_step="A run makes one.",
            )
        return found


def user() -> str:
    """Who sits at this machine, as the system knows."""
    try:
        return getpass.getuser()
    except OSError:  # a container without an entry for its user
        return "unknown"


def say(desk: Desk, saying: Saying, who: str, now: datetime, batch: str = "") -> list[Correction]:
    """Put down what a person says; gives the corrections with their numbers. `batch` names what is taken back together."""
    stands = desk.current(saying.document, saying.question)
    if saying.seen and saying.seen != state_of(stands.record):
        raise SettingsError(
            "This answer has changed since it was shown here, so nothing was put down.",
            about=SEEN,
            next_step="Look at it as it is now, and say it again.",
        )
    made = list(_corrections(desk, stands, saying, who, now))
    numbers = desk.store.put(made, stands.answer, batch or secrets.token_hex(8))
    return [replace(one, number=number) for one, number in zip(made, numbers, strict=True)]


def state_of(record: Record) -> str:
    """What tells an answer from what becomes of it, so that nobody judges a value or a row that they have not seen.

    Without computed fields, which follow from the others or, as an age does, from the day.
    """
    computed = {item.field for item in record.evidence if "computed" in item.notes}
    value = {name: one for name, one in record.value.items() if name not in computed}
    return hashlib.sha256(json.dumps(as_json(value), sort_keys=True).encode()).hexdigest()[:16]


def _corrections(
    desk: Desk, stands: Current, saying: Saying, who: str, now: datetime
) -> Iterator[Correction]:
    if saying.verdict == "row_moved":
        yield from _moved(stands, saying, who, now)
        return
    makers = {
        "right": _right,
        "changed": _changed,
        "absent": _absent,
        "row_added": _row_added,
        "row_removed": _row_removed,
    }
    if saying.verdict not in makers:
        raise SettingsError(
            f"{saying.verdict!r} is no verdict.",
            about="verdict",
            next_step=f"Write one of {', '.join(makers)}.",
        )
    _field(stands, saying.field)
    yield replace(makers[saying.verdict](desk, stands, saying), who=who, at=now)


def _field(stands: Current, path: str) -> Field:
    way = check.steps(path)
    one = check.field_at(stands.fields, way)
    if one is None or not way:
        raise SettingsError(
            f"{stands.record.question} has no field {path!r}.",
            about="field",
            next_step=f"It has {', '.join(field.name for field in stands.fields)}.",
        )
    return one


def _bare(stands: Current, saying: Saying, verdict: Verdict) -> Correction:
    """A correction of a value as it stands, which says nothing new yet."""
    proof = stands.proofs().get(saying.field)
    before = value_at(stands.record.value, saying.field)
    return Correction(
        saying.document,
        saying.question,
        saying.field,
        verdict,
        before,
        before,
        "",
        datetime.min.replace(tzinfo=UTC),
        saying.note,
        stands.answer["question_fingerprint"],
        proof.confidence if proof and proof.state == "given" else None,
        place_of(proof) if proof else NOWHERE,
        tuple(anchors(stands.record.value, saying.field)),
    )


def _right(_: Desk, stands: Current, saying: Saying) -> Correction:
    if _field(stands, saying.field).kind in ("record", "list"):
        raise SettingsError(f"{saying.field} is no single value.", about="field", next_step="Name one in it.")
    if stands.by_person and value_at(stands.record.value, saying.field) is None:
        raise SettingsError(
            "No model gave a value here that could be right.",
            about="value",
            next_step="Write it, or say `absent` where the document has none.",
        )
    return _bare(stands, saying, "right")


def _absent(_: Desk, stands: Current, saying: Saying) -> Correction:
    return replace(_bare(stands, saying, "absent"), after=None, place=NOWHERE)


def _changed(desk: Desk, stands: Current, saying: Saying) -> Correction:
    parts = _parts(desk, saying)
    found = check.entered(
        stands.fields, stands.question, dict(stands.record.value), saying.field, saying.value, parts
    )
    if found.problem:
        raise SettingsError(found.problem, about="value")
    if found.value is None:
        raise SettingsError(
            "Nothing was typed.",
            about="value",
            next_step="Say `absent` where the document has no such value.",
        )
    place = saying.place if saying.place and saying.place.page else found.place
    return replace(_bare(stands, saying, "changed"), after=found.value, place=place)


def _row_added(_: Desk, stands: Current, saying: Saying) -> Correction:
    path, bracket, number = saying.field.rpartition("[")
    rows = value_at(stands.record.value, path) or []
    one = check.field_at(stands.fields, check.steps(saying.field))
    if one is None or not (bracket and number):
        raise SettingsError(
            f"{saying.field} names no row of a list.", about="field", next_step="Write LIST[NUMBER]."
        )
    row, problem = check.fitted(one, saying.value if saying.value is not None else {})
    if problem or row is None:
        raise SettingsError(f"The row {problem or 'is empty'}.", about="value")
    twins = sum(check.alike(row, other) for other in rows)
    bare = replace(_bare(stands, saying, "row_added"), before=None, after=row, place=saying.place or NOWHERE)
    return replace(bare, anchors=(*anchors(stands.record.value, path), twins))


def _row_removed(_: Desk | None, stands: Current, saying: Saying) -> Correction:
    if not saying.field.endswith("]") or value_at(stands.record.value, saying.field) is None:
        raise SettingsError(f"There is no row {saying.field}.", about="field")
    return replace(_bare(stands, saying, "row_removed"), after=None, place=NOWHERE)


def _moved(stands: Current, saying: Saying, who: str, now: datetime) -> Iterator[Correction]:
    """A row at another place of its list: taken out, and put in with its evidence."""
    taken = replace(_row_removed(None, stands, saying), who=who, at=now)
    path = saying.field.rpartition("[")[0]
    rows = list(value_at(stands.record.value, path) or [])
    to = int(saying.value)
    if not 0 <= to < len(rows):
        raise SettingsError("The row is at the end of its list.", about="value")
    twins = sum(check.alike(taken.before, other) for other in rows) - 1
    yield taken
    put = replace(taken, field=f"{path}[{to}]", verdict="row_added", before=None, after=taken.before)
    yield replace(put, anchors=(*anchors(stands.record.value, path), twins))


def value_at(value: Any, path: str) -> Any:
    """What stands at a path of a record; None for nothing."""
    for step in check.steps(path):
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def anchors(value: Any, path: str) -> Iterator[Any]:
    """Each item of a list on the way to a path, as it is."""
    for step in check.steps(path):
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return
        if isinstance(step, int):
            yield value


def place_of(proof: Evidence) -> ValuePlace:
    """Where a value stands."""
    return ValuePlace(proof.grade, proof.page, proof.start, proof.end, proof.quote)


def _parts(desk: Desk, saying: Saying) -> list[Part]:
    """The pages in which a typed value is looked for: none where the person marked it."""
    if saying.place and saying.place.page:
        return []
    pages: list[Page] = []
    for page in desk.reader.pages_of([saying.document]):
        if page.number > SEARCHED_PAGES:
            break
        pages.append(page)
    return pack.whole(pages, len)
