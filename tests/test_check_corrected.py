"""What people said is laid over any later answer: plain fields, records, and items of lists that have moved."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from octavo.processors.check.records import corrected
from octavo.schemas.corrections import Correction, Verdict
from octavo.schemas.pipeline import Evidence, Field, Record

ROW = Field(
    "line",
    "record",
    fields=(Field("what", "text"), Field("count", "integer"), Field("amount", "decimal", scale=2)),
)
FIELDS = (
    Field("number", "text"),
    Field("total", "decimal", scale=2),
    Field("paid", "boolean"),
    Field("seller", "record", fields=(Field("name", "text"), Field("city", "text"))),
    Field("lines", "list", item=ROW),
    Field("tags", "list", item=Field("tag", "text")),
)
PAPER = {"what": "Paper, white, A4", "count": 1, "amount": "12.50"}
INK = {"what": "Ink for the printer", "count": 1, "amount": "8.00"}
PENS = {"what": "Pens, blue", "count": 3, "amount": "4.50"}
AT = datetime(2026, 11, 30, 12, tzinfo=UTC)


def answer(**value: Any) -> Record:
    """An answer with its evidence: each value stands on page 1."""
    value = {"number": None, "total": None, "paid": None, "seller": None, "lines": [], "tags": [], **value}
    proofs = [
        Evidence(path, str(one), "exact", 1, 0, 3, str(one), confidence=0.97) for path, one in leaves(value)
    ]
    silent = [Evidence(name, "", "missing", state="null") for name, one in value.items() if one in (None, [])]
    return Record("d", "invoice", value, (*proofs, *silent), "request-1")


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """Every value with its path."""
    if isinstance(value, dict):
        return [pair for name, one in value.items() for pair in leaves(one, f"{path}.{name}".lstrip("."))]
    if isinstance(value, list):
        return [pair for number, one in enumerate(value) for pair in leaves(one, f"{path}[{number}]")]
    return [] if value is None else [(path, value)]


def said(
    field: str, after: Any, *anchors: Any, verdict: Verdict = "changed", before: Any = None
) -> Correction:
    """What Ann says."""
    return Correction("d", "invoice", field, verdict, before, after, "Ann", AT, anchors=anchors)


def states(record: Record) -> dict[str, str]:
    """The state of each field."""
    return {item.field: item.state for item in record.evidence}


def test_a_value_is_what_a_person_says_and_who_and_when_stand_beside_it() -> None:
    """A corrected field has the person's value, one evidence that says who and when, and in `conflicts` what the answer says."""
    made = corrected(FIELDS, answer(total="8.00", number="R-1"), [said("total", "9.00")])
    assert made.value["total"] == "9.00"
    (proof,) = [item for item in made.evidence if item.field == "total"]
    assert (proof.state, proof.value, proof.who, proof.corrected_at) == ("corrected", "9.00", "Ann", AT)
    assert made.conflicts == ("total: '9.00' by Ann, the answer says '8.00'",)
    assert states(made)["number"] == "given"


def test_what_agrees_by_now_is_no_conflict() -> None:
    """An answer that says what the person said has no conflict, also where it writes the number otherwise."""
    assert corrected(FIELDS, answer(total="9.0"), [said("total", "9.00")]).conflicts == ()


def test_right_and_absent_hold_against_another_answer() -> None:
    """A value that was confirmed stays when a later answer has another, and one that is not in the document stays null."""
    verdicts = [said("number", "R-1", verdict="right"), said("total", None, verdict="absent")]
    made = corrected(FIELDS, answer(number="R-7", total="8.00"), verdicts)
    assert (made.value["number"], made.value["total"]) == ("R-1", None)
    assert states(made) | {"number": "corrected", "total": "corrected"} == states(made)
    assert len(made.conflicts) == 2


def test_a_record_that_the_answer_lacks_is_made() -> None:
    """A field of a record holds when a later answer has no such record at all."""
    made = corrected(FIELDS, answer(), [said("seller.city", "Oslo")])
    assert made.value["seller"] == {"city": "Oslo"}
    assert "seller" not in states(made)


@pytest.mark.parametrize(
    "lines",
    [
        [PAPER, INK],
        [INK, PAPER],
        [PENS, PAPER, INK],
        [{**INK, "amount": "3.00"}, PAPER],
        [{**INK, "count": None}],
    ],
)
def test_an_item_is_found_wherever_it_is_by_now(lines: list[Any]) -> None:
    """A correction of a row is about the row that said the same, whatever its number and amount are in a later answer."""
    made = corrected(FIELDS, answer(lines=lines), [said("lines[1].amount", "80.00", INK)])
    assert [row["amount"] for row in made.value["lines"] if row["what"] == INK["what"]] == ["80.00"]
    assert all(row in lines for row in made.value["lines"] if row["what"] != INK["what"])
    number = next(n for n, row in enumerate(made.value["lines"]) if row["what"] == INK["what"])
    assert states(made)[f"lines[{number}].amount"] == "corrected"


def test_an_item_that_is_gone_is_put_back_and_doubted() -> None:
    """Where a later answer lacks the row, it is there again; what nobody said of it is marked."""
    made = corrected(FIELDS, answer(lines=[PAPER]), [said("lines[1].amount", "80.00", INK)])
    assert made.value["lines"] == [PAPER, {**INK, "amount": "80.00"}]
    (doubted,) = [item for item in made.evidence if item.field == "lines[1].what"]
    assert (doubted.state, doubted.grade, doubted.notes) == ("given", "missing", ("conflict",))


def test_rows_added_are_there_once() -> None:
    """A row that a person added is put in, and not a second time when a later answer has it, which is then as the person has it."""
    adding = said("lines[1]", PENS, 0, verdict="row_added")
    assert corrected(FIELDS, answer(lines=[PAPER, INK]), [adding]).value["lines"] == [PAPER, PENS, INK]
    late = corrected(FIELDS, answer(lines=[PAPER, INK, {**PENS, "count": 4}]), [adding])
    assert late.value["lines"] == [PAPER, INK, PENS]
    assert states(late)["lines[2].count"] == "corrected"


def test_rows_that_are_twice_in_the_document_may_be_added_twice() -> None:
    """A person who adds a row like one that is there means a second one."""
    made = corrected(FIELDS, answer(lines=[PAPER]), [said("lines[1]", PAPER, 1, verdict="row_added")])
    assert made.value["lines"] == [PAPER, PAPER]


def test_a_removed_row_is_gone_wherever_it_stands() -> None:
    """A row that was removed is not in a later answer either, the rows behind it move up with their evidence, and `conflicts` tells."""
    removing = said("lines[0]", None, INK, verdict="row_removed", before=INK)
    made = corrected(FIELDS, answer(lines=[PAPER, INK, PENS]), [removing])
    assert made.value["lines"] == [PAPER, PENS]
    assert {item.field: item.value for item in made.evidence}["lines[1].what"] == PENS["what"]
    assert not any("lines[2]" in field for field in states(made))
    assert made.conflicts[0].startswith("lines[1]: removed by Ann")
    assert corrected(FIELDS, answer(lines=[PAPER]), [removing]).value["lines"] == [PAPER]


def test_a_moved_row_keeps_its_evidence() -> None:
    """Taken out and put elsewhere, a row is as proved as it was, and nobody is said to have corrected it."""
    moving = [
        said("lines[0]", None, PAPER, verdict="row_removed", before=PAPER),
        said("lines[1]", PAPER, 0, verdict="row_added"),
    ]
    made = corrected(FIELDS, answer(lines=[PAPER, INK]), moving)
    assert made.value["lines"] == [INK, PAPER]
    assert states(made)["lines[1].what"] == "given"


def test_later_words_win_and_earlier_ones_leave_no_trace() -> None:
    """Of two corrections of a field the later holds, and the conflict is with the answer, not with the first one."""
    made = corrected(FIELDS, answer(total="8.00"), [said("total", "9.00"), said("total", "10.00")])
    assert made.conflicts == ("total: '10.00' by Ann, the answer says '8.00'",)
    assert sum(item.field == "total" for item in made.evidence) == 1


def test_plain_items_are_known_by_either_spelling() -> None:
    """An item of plain texts that a later answer has right already is not put in again."""
    fixing = [said("tags[0]", "Python", "Pyhton")]
    assert corrected(FIELDS, answer(tags=["Pyhton", "SQL"]), fixing).value["tags"] == ["Python", "SQL"]
    assert corrected(FIELDS, answer(tags=["SQL", "Python"]), fixing).value["tags"] == ["SQL", "Python"]


def test_a_field_that_the_schema_lost_is_left_out_and_a_type_that_changed_is_told() -> None:
    """What has no field is left aside; what does not fit its field any more changes nothing and is said in `conflicts`."""
    fields = tuple(
        replace(one, kind="date") if one.name == "number" else one for one in FIELDS if one.name != "total"
    )
    made = corrected(fields, answer(), [said("total", "9.00"), said("number", "R-1")])
    assert "total" not in {item.field for item in made.evidence if item.state == "corrected"}
    assert made.value["number"] is None
    assert made.conflicts[0].startswith("number: 'R-1' by Ann does not fit any more")


def test_false_is_a_value() -> None:
    """A boolean that a person says is false is false, and not nothing."""
    made = corrected(FIELDS, answer(paid=True), [said("paid", False)])
    assert made.value["paid"] is False
    assert [item.value for item in made.evidence if item.field == "paid"] == ["false"]
