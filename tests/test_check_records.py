"""Checking: a reply in, for each document of its window one record or one reject out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, create_model, field_validator

from octavo.processors.check.confidence import SURE, confidence, summed
from octavo.processors.check.normalise import normalise
from octavo.processors.check.reask import subset
from octavo.processors.check.records import agree, ask_again, check, close_rejects, rated, rephrased
from octavo.schemas.compile.row_codec import legend
from octavo.schemas.pipeline import (
    Evidence,
    Field,
    Grade,
    Part,
    ProvedBy,
    Purpose,
    Question,
    Record,
    Reject,
    Reply,
    Request,
    Usage,
    Window,
)


class Item(BaseModel):
    """One line of a bill."""

    what: str | None = None
    amount: Decimal | None = None


class Bill(BaseModel):
    """A bill."""

    model_config = ConfigDict(extra="forbid")

    number: str
    day: date | None = None
    moment: datetime | None = None
    total: Decimal | None = None
    count: int | None = None
    weight: float | None = None
    paid: bool | None = None
    way: str | None = None
    items: list[Item] = []

    @field_validator("number")
    @classmethod
    def _has_digits(cls, number: str) -> str:
        if not any(character.isdigit() for character in number):
            raise ValueError("a number has digits")
        return number


FIELDS = (
    Field("number", "text", nullable=False),
    Field("day", "date"),
    Field("moment", "datetime"),
    Field("total", "decimal", scale=2),
    Field("count", "integer"),
    Field("weight", "number"),
    Field("paid", "boolean"),
    Field("way", "choice", choices=("cash", "Card", "none")),
    Field(
        "items",
        "list",
        nullable=False,
        item=Field("item", "record", fields=(Field("what", "text"), Field("amount", "decimal", scale=2))),
    ),
)
SCHEMA = {"type": "object", "properties": {field.name: {} for field in FIELDS}}
QUESTION = Question("bill", "", FIELDS, SCHEMA, 100, "q", Bill)
TEXTS = {
    "d1": "Bill B-1001 of 05.03.2026\nTotal 12,50 EUR",
    "d2": "Bill B-2002 of 06.03.2026\nTotal 99,75 EUR",
    "d3": "Bill B-3003\nTotal 7,25 EUR",
}


def request_for(
    texts: Mapping[str, str] = TEXTS,
    *,
    question: Question = QUESTION,
    purpose: Purpose = "first",
    seen: bool = False,
) -> Request:
    """A request that shows one page a document, with the ids k1, k2, ...; its records may leave out what is null."""
    parts = tuple(
        Part(document, 1, 1, 0, len(text), text, 10, image_px=(9, 9) if seen else None)
        for document, text in texts.items()
    )
    ids = {f"k{number}": document for number, document in enumerate(texts, start=1)}
    same = {field.name: field.name for field in question.fields}
    return Request("f", question, Window(parts, 13 * len(texts)), ids, {}, 0, 0, purpose, same)


def reply_of(text: str, finish_reason: str = "stop") -> Reply:
    """A reply with this text."""
    return Reply("f", text, finish_reason, Usage(0, 0), "m", "e", 0.0)


def judged(
    records: Mapping[str, Any], request: Request | None = None
) -> tuple[dict[str, Record], dict[str, Reject]]:
    """Records and rejects by document, for a reply that answers these ids."""
    text = json.dumps({"documents": [{"id": key, "record": record} for key, record in records.items()]})
    accepted, rejected = check(request or request_for(), reply_of(text))
    return {record.document: record for record in accepted}, {reject.document: reject for reject in rejected}


def problem(record: Mapping[str, Any]) -> str:
    """What is said about one record; empty when it is accepted."""
    _, rejected = judged({"k1": record}, request_for({"d1": TEXTS["d1"]}))
    return f"{rejected['d1'].reason}: {rejected['d1'].detail}" if rejected else ""


def value_of(**record: Any) -> Mapping[str, Any]:
    """The accepted value of one record, pictures shown, so that nothing has to be proved."""
    accepted, _ = judged({"k1": {"number": "B-1001", **record}}, request_for({"d1": ""}, seen=True))
    return accepted["d1"].value


def test_a_good_reply_becomes_records_with_evidence() -> None:
    """Each document gets its record with native values, and each value its page, span and grade."""
    accepted, rejected = judged(
        {
            "k1": {"number": "B-1001", "day": "2026-03-05", "total": 12.50},
            "k2": {"number": "B-2002"},
            "k3": {"number": "B-3003"},
        }
    )
    assert not rejected
    assert accepted["d1"].value["day"] == date(2026, 3, 5)
    assert accepted["d1"].value["total"] == Decimal("12.5")
    given = [item for item in accepted["d1"].evidence if item.state == "given"]
    assert [(item.field, item.grade, item.page, item.quote) for item in given] == [
        ("number", "exact", 1, "B-1001"),
        ("day", "loose", 1, "05.03.2026"),
        ("total", "loose", 1, "12,50 EUR"),
    ]
    assert accepted["d1"].request == "f"
    assert accepted["d1"].question == "bill"


def test_rows_say_the_same_as_objects() -> None:
    """Where rows were asked for, a row and an object give equal records; a row of another length is no answer: values may have moved."""
    request = replace(request_for(), legend=legend(FIELDS))
    row = ["B-1001", "2026-03-05", None, 12.50, None, None, None, None, [["ink", 3], ["pens", None]]]
    text = json.dumps({"documents": [["k1", row], ["k2", None], ["k3", row[1:]]]})
    (by_row,), (other_kind, too_short) = check(request, reply_of(text))
    items = [{"what": "ink", "amount": 3}, {"what": "pens", "amount": None}]
    plain = {"number": "B-1001", "day": "2026-03-05", "total": 12.50, "items": items}
    whole = {field.name: plain.get(field.name) for field in FIELDS}
    assert judged({"k1": whole, "k2": None}, request)[0]["d1"] == by_row
    assert other_kind.reason == "not_applicable"
    assert (too_short.reason, too_short.document) == ("invalid", "d3")
    assert "a row of 9 values" in too_short.detail


@pytest.mark.parametrize(
    ("field", "given_value", "expected"),
    [
        ("day", "5. März 2026", date(2026, 3, 5)),
        ("moment", "2026-03-05T12:30:00", datetime(2026, 3, 5, 12, 30)),  # noqa: DTZ001 - documents name no time zone
        ("moment", "05.03.2026", datetime(2026, 3, 5)),  # noqa: DTZ001 - the same
        ("total", "1.234,56 €", Decimal("1234.56")),
        ("total", "(12.50)", Decimal("-12.50")),
        ("total", 12.5000, Decimal("12.5")),
        ("count", "1,200", 1200),
        ("count", 3.0, 3),
        ("weight", "0,5", 0.5),
        ("paid", "Yes", True),
        ("way", "CARD", "Card"),
        ("way", "none", "none"),
        ("number", 1001, "1001"),
        ("day", "N/A", None),
        ("total", "", None),
        ("count", "null", None),
        ("items", None, []),
        ("items", [None, {"what": "A"}], [{"what": "A", "amount": None}]),
    ],
)
def test_values_become_native(field: str, given_value: object, expected: object) -> None:
    """What a model writes for a kind is read as that kind; words for nothing become null."""
    assert value_of(**{field: given_value})[field] == expected


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"number": "B-1001", "day": "soon"}, "invalid: day: 'soon' is no full date"),
        ({"number": "B-1001", "total": 12.505}, "total: 12.505 has more than 2 digits after the point"),
        ({"number": "B-1001", "total": 1e30}, "more than 16 digits before the point"),
        ({"number": "B-1001", "total": "about ten"}, "total: 'about ten' is no number"),
        ({"number": "B-1001", "count": 2.5}, "count: 2.5 is no whole number"),
        ({"number": "B-1001", "count": 2**70}, "is no whole number that fits in 64 bits"),
        ({"number": "B-1001", "count": True}, "count: True is no number"),
        ({"number": "B-1001", "weight": float("nan")}, "weight: 'NaN' is no number"),
        ({"number": "B-1001", "paid": "perhaps"}, "paid: 'perhaps' is neither true nor false"),
        ({"number": "B-1001", "way": "cheque"}, "way: 'cheque' is none of cash, Card, none"),
        ({"number": "B-1001", "items": "none yet"}, "items: must be a list, not 'none yet'"),
        (
            {"number": "B-1001", "items": [{"what": "A"}, {"amount": "x"}]},
            "items[1].amount: 'x' is no number",
        ),
        ({"number": "B-1001", "items": [{"colour": "red"}]}, "items[0].colour: is no field of the schema"),
        ({"number": "B-1001", "secret": 1}, "secret: is no field of the schema"),
        ({"number": "B-\ud800"}, "is no text that can be stored"),
        ({"number": ["B-1001"]}, "is no text that can be stored"),
        ({"number": "none"}, "number: Field required"),
        ({"number": "one"}, "number: Value error, a number has digits, not 'one'"),
        ("B-1001", "record: must be an object, or a row with a value for each field, not 'B-1001'"),
    ],
)
def test_what_does_not_fit_is_named(record: Any, words: str) -> None:
    """A record that breaks the schema is rejected in words that name the field and say what is wrong with it."""
    assert words in problem(record)


def test_every_problem_is_named_once() -> None:
    """A reject names all fields that are wrong, each once, so that one more try can mend them all."""
    detail = problem({"number": "x", "day": "soon", "count": "many"})
    assert [detail.count(name) for name in ("number:", "day:", "count:")] == [1, 1, 1]


def test_one_bad_record_costs_only_its_document() -> None:
    """A reject of one document leaves the others' records alone."""
    accepted, rejected = judged(
        {"k1": {"number": "B-1001"}, "k2": {"number": "none"}, "k3": {"number": "B-3003"}}
    )
    assert (sorted(accepted), sorted(rejected)) == (["d1", "d3"], ["d2"])


def test_what_was_not_answered_is_rejected() -> None:
    """A document without an entry is missing, one with two is a conflict, and an id that was never given is told without a document."""
    entries = [
        {"id": "k1", "record": {"number": "B-1001"}},
        {"id": "k1", "record": {"number": "B-1002"}},
        {"id": "k9", "record": {}},
    ]
    accepted, rejected = check(request_for(), reply_of(json.dumps({"documents": entries})))
    assert not accepted
    assert [(reject.document, reject.reason) for reject in rejected] == [
        ("d1", "duplicate_in_reply"),
        ("d2", "missing_in_reply"),
        ("d3", "missing_in_reply"),
        ("", "unknown_id"),
    ]
    assert all("k9" in reject.detail for reject in rejected[1:])


def test_the_same_answer_twice_is_one_answer() -> None:
    """A document whose entry is repeated word for word is answered: nothing is to be asked again."""
    entries = [
        {"id": key, "record": {"number": number}}
        for key, number in (("k1", "B-1001"), ("k2", "B-2002"), ("k1", "B-1001"))
    ]
    accepted, rejected = check(request_for(), reply_of(json.dumps({"documents": entries})))
    assert [record.document for record in accepted] == ["d1", "d2"]
    assert [reject.document for reject in rejected] == ["d3"]


def test_a_filter_in_mid_reply_blames_one() -> None:
    """Documents that a reply had not come to when the filter stopped it are asked alone; what it stops alone is not asked again."""
    begun = '{"documents":[{"id":"k1","record":{"number":"B-1001"}},'
    accepted, rejected = check(request_for(), reply_of(begun, "content_filter"))
    assert [record.document for record in accepted] == ["d1"]
    assert {reject.reason for reject in rejected} == {"content_filter"}
    assert [again.window.documents for again in ask_again(request_for(), rejected)] == [("d2",), ("d3",)]
    alone = request_for({"d1": TEXTS["d1"]})
    _, rejected = check(alone, reply_of("", "content_filter"))
    assert [reject.reason for reject in rejected] == ["content_filter"]
    assert ask_again(alone, rejected) == []


def test_a_cut_reply_keeps_its_whole_records() -> None:
    """Records that arrived whole are accepted; the others are rejected as truncated, also the one that was cut."""
    text = '{"documents":[{"id":"k1","record":{"number":"B-1001"}},{"id":"k2","record":{"number":"B-20'
    accepted, rejected = check(request_for(), reply_of(text, "length"))
    assert [record.document for record in accepted] == ["d1"]
    assert [(reject.document, reject.reason) for reject in rejected] == [
        ("d2", "truncated"),
        ("d3", "truncated"),
    ]


@pytest.mark.parametrize(("finish_reason", "reason"), [("stop", "invalid_json"), ("length", "truncated")])
def test_a_reply_without_json(finish_reason: str, reason: str) -> None:
    """Prose alone is rejected for every document; when the reply was cut, that is the reason."""
    _, rejected = check(request_for(), reply_of("I am sorry, but", finish_reason))
    assert [reject.reason for reject in rejected] == [reason] * 3


@pytest.mark.parametrize(
    ("field", "neighbours", "own"),
    [
        ("number", "B-2002", "B-1001"),
        ("day", "2026-03-06", "2026-03-05"),
        ("total", 99.75, 12.5),
        ("moment", "2026-03-06", None),
    ],
)
def test_a_value_of_a_neighbour_is_contamination(field: str, neighbours: object, own: object) -> None:
    """A value that stands in another document of the window and not in its own is rejected, and named."""
    _, rejected = judged({"k1": {"number": "B-1001", field: neighbours}})
    assert rejected["d1"].reason == "contamination"
    assert rejected["d1"].detail.startswith(f"{field}: ")
    accepted, _ = judged({"k1": {"number": "B-1001", field: own}})
    assert "d1" in accepted


def test_a_value_of_a_neighbour_is_no_misreading_of_the_own() -> None:
    """A value that a neighbour prints in full is the neighbour's, though its own document has one that could be a misreading of it."""
    texts = {"d1": "Bill lNV-7OO1", "d2": "Bill INV-7001"}
    request = request_for(texts)
    parts = tuple(replace(part, text_from="ocr") for part in request.window.parts)
    _, rejected = judged(
        {"k1": {"number": "INV-7001"}}, replace(request, window=replace(request.window, parts=parts))
    )
    assert rejected["d1"].reason == "contamination"
    accepted, _ = judged(
        {"k1": {"number": "INV-7001"}}, replace(request, window=replace(request.window, parts=parts[:1]))
    )
    assert accepted["d1"].evidence[0].notes == ("noisy",)


def test_one_telling_place_is_enough() -> None:
    """An amount that a neighbour prints in full is telling, even where the same number stands there as a small count first."""
    texts = {"d1": "Bill B-1001", "d2": "Bill B-2002: 22 pieces, EUR 22,00"}
    _, rejected = judged(
        {"k1": {"number": "B-1001", "total": 22}, "k2": {"number": "B-2002"}}, request_for(texts)
    )
    assert rejected["d1"].reason == "contamination"


def test_common_values_are_no_contamination() -> None:
    """Short texts, zero, small numbers, choices and truths stand in many documents, so a neighbour proves nothing."""
    texts = {"d1": "Bill B-1001", "d2": "Bill B-2002 cash 12 pieces EUR 0.00 true"}
    accepted, _ = judged(
        {"k1": {"number": "B-1001", "total": 0.00, "count": 12, "way": "cash", "paid": True}},
        request_for(texts),
    )
    given = [item for item in accepted["d1"].evidence if item.state == "given"]
    assert {item.field: item.grade for item in given if item.field != "number"} == dict.fromkeys(
        ("total", "count", "paid", "way"), "missing"
    )


@pytest.mark.parametrize("field", ["number", "day", "total"])
def test_one_document_has_no_neighbour(field: str) -> None:
    """With one document in the window nothing is contamination, whatever its text is from and however near a misread place lies."""
    texts = {"d1": "Bill lNV-7OO1 of 05.03.2026\nTotal 12,50 EUR\nCopy of INV-7001"}
    values = {"number": "INV-7001", "day": "2026-03-09", "total": 99.75}
    request = request_for(texts)
    parts = tuple(replace(part, text_from="ocr") for part in request.window.parts)
    request = replace(request, window=replace(request.window, parts=parts))
    accepted, rejected = judged({"k1": {"number": "INV-7001", field: values[field]}}, request)
    assert not rejected
    assert "noisy" not in accepted["d1"].evidence[0].notes


def test_contamination_costs_its_fields_only() -> None:
    """A value of a neighbour is asked again by itself: what else was answered stays."""
    _, rejected = judged({"k1": {"number": "B-1001", "day": "2026-03-05", "total": 99.75}})
    reject = rejected["d1"]
    assert (reject.reason, reject.fields) == ("contamination", ("total",))
    assert reject.kept is not None
    assert (reject.kept.value["number"], reject.kept.value["total"]) == ("B-1001", None)
    (again,) = ask_again(request_for(), [reject])
    assert (again.window.documents, [field.name for field in again.question.fields]) == (("d1",), ["total"])


@pytest.mark.parametrize(
    ("neighbour", "caught"),
    [
        ("Bill XY7, Total 9,00 EUR", True),
        ("Bill XY7, copy of XY7", False),
        ("Bill xy7, Total 9,00 EUR", False),
    ],
)
def test_a_short_value_is_telling_in_its_only_place(neighbour: str, *, caught: bool) -> None:
    """A short text is a neighbour's where that is its only place in the window; elsewhere it is one that many have."""
    texts = {"d1": "Bill B-1001", "d2": neighbour}
    _, rejected = judged({"k1": {"number": "XY7"}, "k2": {"number": "XY7"}}, request_for(texts))
    assert ("d1" in rejected) is caught


def test_a_short_number_is_telling_beside_its_label() -> None:
    """A number of few figures is a neighbour's only where it stands beside the label of its field there, and nowhere else."""
    own = "Bill B-1001"
    labelled = {"d1": own, "d2": "Bill B-2002\nCount: 47"}
    assert (
        judged({"k1": {"number": "B-1001", "count": 47}}, request_for(labelled))[1]["d1"].reason
        == "contamination"
    )
    loose = {"d1": own, "d2": "Bill B-2002\nPieces: 47"}
    assert "d1" in judged({"k1": {"number": "B-1001", "count": 47}}, request_for(loose))[0]


@pytest.mark.parametrize(
    ("record", "by"),
    [
        (
            {"items": [{"what": "a", "amount": 40.5}, {"what": "b", "amount": 59.25}], "total": 99.75},
            "meaning",
        ),
        ({"weight": 40.5, "items": [{"what": "a", "amount": 40.5}], "total": 99.75}, ""),
    ],
)
def test_a_sum_is_nobodys(record: dict[str, Any], by: str) -> None:
    """A sum of what the document says is no value of the neighbour that prints it, and is meant where the record holds its addends."""
    texts = {"d1": "Bill B-1001\na 40,50\nb 59,25", "d2": "Bill B-2002\nTotal 99,75"}
    accepted, rejected = judged({"k1": {"number": "B-1001", **record}}, request_for(texts))
    assert not {key for key in rejected if key == "d1"}
    (total,) = (item for item in accepted["d1"].evidence if item.field == "total")
    assert (total.grade, total.by) == ("missing", by)


def test_booleans_and_choices_are_meant() -> None:
    """What has no place in a text is proved by meaning, which is no doubt; a value of any other kind is not."""
    accepted, _ = judged(
        {"k1": {"number": "B-9", "paid": True, "way": "cash"}}, request_for({"d1": "Bill B-1001"})
    )
    assert {item.field: item.by for item in accepted["d1"].evidence if item.state == "given"} == {
        "number": "",
        "paid": "meaning",
        "way": "meaning",
    }


def test_a_value_that_stands_nowhere_is_marked() -> None:
    """What stands in no document of the window is kept and marked missing: it may be wrong, but it came from no neighbour."""
    accepted, _ = judged({"k1": {"number": "B-7777"}})
    assert accepted["d1"].evidence[0].grade == "missing"


def test_only_required_evidence_is_compared() -> None:
    """Fields whose values need not stand in the document are never contaminated; a picture may say more than its text."""
    implied = Question("bill", "", FIELDS, {}, 100, "q", Bill, evidence=("day",))
    assert judged({"k1": {"number": "B-2002"}}, request_for(question=implied))[0]
    assert judged({"k1": {"number": "B-2002"}}, request_for(seen=True))[0]
    assert not judged({"k1": {"number": "B-2002"}})[0]


def test_asking_again() -> None:
    """Contaminated and doubled documents are asked alone, the others together, with what was wrong; accepted ones not at all."""
    request = request_for({f"d{number}": f"Bill B-{number}00{number}" for number in range(1, 7)})
    entries = [
        {"id": "k1", "record": {"number": "B-2002"}},
        {"id": "k2", "record": {"number": "B-2002"}},
        {"id": "k3", "record": {"number": "B-3003", "day": "soon"}},
        {"id": "k4", "record": {"number": "none"}},
        {"id": "k5", "record": {"number": "B-5005"}},
        {"id": "k5", "record": {"number": "B-5006"}},
        {"id": "k7", "record": {"number": "B-6006"}},
    ]
    _, rejected = check(request, reply_of(json.dumps({"documents": entries})))
    again = ask_again(request, reversed(rejected))
    assert [one.window.documents for one in again] == [("d1",), ("d5",), ("d3",), ("d4", "d6")]
    assert [one.window.tokens for one in again] == [13, 13, 13, 26]
    assert "'B-2002' does not stand in this document" in again[0].complaint
    assert "day: 'soon'" in again[2].complaint
    assert all(words in again[3].complaint for words in ("number: Field required", "no entry"))
    assert [[field.name for field in one.question.fields] for one in again[2:]] == [
        ["day"],
        [field.name for field in FIELDS],
    ]


def test_a_reply_without_room_is_asked_in_halves() -> None:
    """When not one document was answered before the reply was cut, the window is asked again in two; a single document as it is."""
    request = request_for()
    _, rejected = check(request, reply_of('{"documents":[{"id":"k1","rec', "length"))
    assert [one.window.documents for one in ask_again(request, rejected)] == [("d1",), ("d2", "d3")]
    alone = request_for({"d1": ""})
    assert [one.window.documents for one in ask_again(alone, check(alone, reply_of("", "length"))[1])] == [
        ("d1",)
    ]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["2026-03-05", "12,50", "B-1001", "N/A"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["what", "amount", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
names = st.sampled_from([field.name for field in FIELDS] + ["extra"])


@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": st.sampled_from(["k1", "k2", "k3", "k9"]), "record": st.dictionaries(names, json_values)}
        ),
        max_size=5,
    )
)
def test_every_document_has_one_outcome(entries: list[dict[str, Any]]) -> None:
    """Whatever comes back, each document of the window ends as exactly one record or reject, and every reject says why."""
    accepted, rejected = check(request_for(), reply_of(json.dumps({"documents": entries})))
    outcomes = [record.document for record in accepted] + [
        reject.document for reject in rejected if reject.document
    ]
    assert sorted(outcomes) == ["d1", "d2", "d3"]
    assert all(reject.reason and reject.detail for reject in rejected)


@pytest.mark.parametrize("record", [None, {}, {"number": None, "day": None}])
def test_a_document_of_another_kind_is_no_trouble(record: Any) -> None:
    """An answer that says nothing, or null for the whole record, is a reason of its own and is not asked again."""
    _, rejected = judged({"k1": record}, request_for({"d1": TEXTS["d1"]}))
    assert rejected["d1"].reason == "not_applicable"
    assert ask_again(request_for(), rejected.values()) == []


def failing(record: Mapping[str, Any] | Sequence[Any], request: Request) -> Reject:
    """The reject of an answer about the first document."""
    return judged({"k1": record}, request)[1]["d1"]


def test_only_the_failing_fields_are_asked_again_and_laid_over_the_rest() -> None:
    """Valid fields are kept, the failing ones make a smaller question, and its answer completes the record, each value with its request."""
    request = request_for({"d1": TEXTS["d1"]})
    reject = failing({"number": "B-1001", "day": "soon", "total": 12.5, "way": None}, request)
    others = {field.name: None for field in FIELDS if field.name != "day"}
    assert (reject.fields, reject.answer) == (
        ("day",),
        others | {"number": "B-1001", "total": Decimal("12.5")},
    )
    (again,) = ask_again(request, [reject])
    assert again.question.json_schema == {"type": "object", "properties": {"day": {}}, "required": ["day"]}
    assert again.question.fingerprint != QUESTION.fingerprint
    assert "day" in again.question.instruction
    smaller = replace(request, question=again.question, purpose="failed_fields", fingerprint="g")
    answer = json.dumps({"documents": [{"id": "k1", "record": {"day": "2026-03-05"}}]})
    (record,), rejects = check(smaller, reply_of(answer), again.rejects)
    assert not rejects
    assert (record.question, record.request) == ("bill", "f")
    assert (record.value["number"], record.value["day"], record.value["total"]) == (
        "B-1001",
        date(2026, 3, 5),
        Decimal("12.5"),
    )
    requests = {item.field: item.request for item in record.evidence if item.state == "given"}
    assert requests == {"number": "", "day": "g", "total": ""}
    assert {item.field: item.state for item in record.evidence}["way"] == "null"


def test_when_every_field_fails_the_whole_is_asked_again() -> None:
    """A reject names fields only where some of the record stands; else it is about the whole record."""
    number, day = FIELDS[:2]
    one = replace(QUESTION, fields=(day,), model=create_model("Day", day=(date | None, None)))
    assert failing({"day": "soon"}, request_for({"d1": "9 May"}, question=one)).fields == ()
    two = replace(QUESTION, fields=(number, day))
    assert failing({"number": "B-1", "day": "soon"}, request_for({"d1": "B-1"}, question=two)).fields == (
        "day",
    )


def test_the_ladder_ends_after_three_rounds() -> None:
    """What fails is asked together, then alone, then not any more; what was accepted of it is kept, and the rest says why it is null."""
    request = request_for()
    entries = {f"k{number}": {"number": f"B-{number}00{number}", "day": "soon"} for number in (1, 2)} | {
        "k3": {"number": "B-3003"}
    }
    _, rejects = judged(entries, request)
    (together,) = ask_again(request, rejects.values())
    assert together.window.documents == ("d1", "d2")
    alone = ask_again(replace(request, question=together.question, purpose="failed_fields"), rejects.values())
    assert [one.window.documents for one in alone] == [("d1",), ("d2",)]
    assert ask_again(replace(request, question=together.question, purpose="alone"), rejects.values()) == []
    records, left = close_rejects(rejects.values())
    assert (len(records), left) == (2, [])
    states = {item.field: (item.state, item.detail) for item in records[0].evidence}
    assert states["number"] == ("given", "")
    assert states["day"][0] == "failed"
    assert "no full date" in states["day"][1]
    assert states["total"] == ("null", "")


def test_a_key_that_is_missing_is_asked_for_again_and_is_no_null() -> None:
    """Where every key was asked for, those that a record lacks are asked for again; what stays away is missing, and not failed."""
    record: dict[str, Any] = {field.name: None for field in FIELDS} | {"number": "B-1001"}
    del record["day"]
    plain = replace(request_for({"d1": TEXTS["d1"]}), legend={})
    reject = failing(record, plain)
    assert (reject.reason, reject.fields, "day: is missing" in reject.detail) == ("invalid", ("day",), True)
    (kept,), _ = close_rejects([reject])
    assert {item.field: item.state for item in kept.evidence}["day"] == "missing"
    assert "d1" in judged({"k1": record | {"day": None}}, plain)[0]
    assert judged({"k1": record})[0]["d1"].value["day"] is None


ROW = ["B-1001", "2026-03-05", None, 12.5, None, None, None, None, [["Ink", 12.5]]]


@pytest.mark.parametrize("places", [range(8), range(1, 9), [*range(9), 8], [0], []])
def test_a_row_of_another_length_is_asked_for_again(places: Sequence[int]) -> None:
    """Nothing is taken from a row with too few or too many places, as each may stand for another field; the model is told the number."""
    request = replace(request_for({"d1": TEXTS["d1"]}), legend=legend(FIELDS))
    row = [ROW[place] for place in places]
    reject = failing(row, request)
    assert (reject.reason, reject.fields, reject.kept) == (("invalid" if row else "not_applicable"), (), None)
    if row:
        assert (
            "must be a row of 9 values (number, day, moment, total, count, weight, paid, way, items)"
            in reject.detail
        )
        assert f"and has {len(row)}" in reject.detail
        assert [again.window.documents for again in ask_again(request, [reject])] == [("d1",)]


@pytest.mark.parametrize("item", [["Ink"], ["Ink", 12.5, 3], [12.5], []])
def test_a_row_within_a_record_has_all_its_places(item: list[Any]) -> None:
    """A row of a list with another number of places fails its list, which is asked for again, and keeps the rest of the record."""
    request = replace(request_for({"d1": TEXTS["d1"]}), legend=legend(FIELDS))
    reject = failing([*ROW[:-1], [["Ink", 12.5], item]], request)
    assert (reject.fields, "items[1]: must be a row of 2 values" in reject.detail) == (("items",), True)
    assert reject.kept is not None
    assert reject.kept.value["total"] == Decimal("12.5")


def test_names_instead_of_a_row_are_no_nulls() -> None:
    """A model that writes names where a row was asked for is asked again for those that it lacks; letters may be left out."""
    request = replace(request_for({"d1": TEXTS["d1"]}), legend=legend(FIELDS))
    said = {field.name: value for field, value in zip(FIELDS, ROW, strict=True) if field.name != "day"}
    assert failing(said, request).fields == ("day",)
    letters = replace(request, legend=dict(zip("abcdefghi", legend(FIELDS), strict=True)))
    assert judged({"k1": {"a": "B-1001", "d": 12.5}}, letters)[0]["d1"].value["day"] is None


def test_an_answer_that_brings_nothing_keeps_what_was_accepted() -> None:
    """A smaller question without an answer leaves the accepted fields of the first one as they were."""
    request = request_for({"d1": TEXTS["d1"]})
    reject = failing({"number": "B-1001", "day": "soon"}, request)
    smaller = replace(request, question=subset(QUESTION, ["day"]), purpose="failed_fields")
    _, (again,) = check(smaller, reply_of("I cannot."), {"d1": reject})
    assert (again.reason, again.question, again.fields) == ("invalid_json", "bill", ("day",))
    assert again.kept == reject.kept


def test_a_record_that_its_model_refuses_without_a_field_is_rejected() -> None:
    """Where the model cannot do without the field that failed, nothing of the answer is kept."""
    reject = failing({"number": "one", "total": 12.5}, request_for({"d1": TEXTS["d1"]}))
    assert (reject.kept, reject.fields) == (None, ())
    assert close_rejects([reject]) == ([], [reject])


def test_one_bad_item_leaves_the_list_in_place() -> None:
    """A value deep in a list that fails is null in its place and named by its path; the column it lies in is asked again."""
    items = [{"what": "A", "amount": "12,50"}, {"what": "B", "amount": "much"}]
    reject = failing({"number": "B-1001", "items": items}, request_for({"d1": TEXTS["d1"]}, seen=True))
    assert reject.fields == ("items",)
    assert reject.kept is not None
    assert reject.kept.value["items"] == [
        {"what": "A", "amount": Decimal("12.50")},
        {"what": "B", "amount": None},
    ]
    assert {item.field for item in reject.kept.evidence if item.state == "failed"} == {"items[1].amount"}


def test_required_evidence_refuses_what_stands_nowhere() -> None:
    """A value that does not stand in the document is unproved where evidence is required, and marked where it is not."""
    question = replace(QUESTION, required_evidence=("total",))
    reject = failing({"number": "B-1001", "total": 77.77}, request_for(question=question))
    assert (reject.reason, reject.fields) == ("unproved", ("total",))
    assert "'77.77' does not stand in the document" in reject.detail
    assert reject.kept is not None
    assert reject.kept.value["total"] is None
    assert judged({"k1": {"number": "B-1001", "total": 12.5}}, request_for(question=question))[0]["d1"].value[
        "total"
    ] == Decimal("12.5")
    assert "d1" in judged({"k1": {"number": "B-1001", "total": 77.77}})[0]
    assert (
        "d1"
        in judged({"k1": {"number": "B-1001", "total": 77.77}}, request_for(question=question, seen=True))[0]
    )


def test_null_missing_and_failed_are_told_apart() -> None:
    """Each field without a value says why: the answer says null, does not speak of it, or was not accepted."""
    reject = failing(
        {"number": "B-1001", "day": None, "total": "much", "items": []},
        replace(request_for({"d1": TEXTS["d1"]}), legend={}),
    )
    assert reject.kept is not None
    states = {item.field: item.state for item in reject.kept.evidence}
    assert states == {
        "number": "given", "day": "null", "total": "failed", "items": "null",
        "moment": "missing", "count": "missing", "weight": "missing", "paid": "missing", "way": "missing",
    }  # fmt: skip


def test_what_a_short_reply_leaves_out_is_null() -> None:
    """In the short form nulls are left out as the question says, so silence is null there; the plain form keeps the two apart."""
    request = replace(
        request_for({"d1": TEXTS["d1"]}), legend=dict(zip("abcdefghi", legend(FIELDS), strict=True))
    )
    record = judged({"k1": {"a": "B-1001", "i": [["ink", None]]}}, request)[0]["d1"]
    states = {item.field: item.state for item in record.evidence}
    assert states.pop("number") == states.pop("items[0].what") == "given"
    assert states.pop("items[0].amount") == "null"
    assert set(states.values()) == {"null"}
    assert set(states) == {field.name for field in FIELDS} - {"number", "items"}


def confidences(record: Record) -> dict[str, float | None]:
    """The confidence in each field."""
    return {item.field: item.confidence for item in rated(record).evidence}


def test_confidence_follows_the_evidence() -> None:
    """Proved is more than unproved, copied more than rewritten, agreed more than alone, and a conflict halves; null has none."""
    request = request_for({"d1": TEXTS["d1"]})
    record = judged(
        {
            "k1": {
                "number": "B-1001",
                "day": "05.03.2026",
                "total": 12.5,
                "count": 77,
                "paid": True,
                "weight": None,
            }
        },
        request,
    )[0]["d1"]
    sure = confidences(record)
    number, day, total, count, paid = (
        sure[name] or 0 for name in ("number", "day", "total", "count", "paid")
    )
    assert 1 > total > day > paid > 0.5 > count > 0
    assert number > paid
    assert sure["weight"] is None
    assert (confidences(replace(record, conflicts=("total",)))["total"] or 0) == pytest.approx(total / 2)
    (both,) = agree([record], [record])
    assert (confidences(both)["total"] or 0) > total


def proof(field: str, value: str, by: ProvedBy, grade: Grade = "exact", *notes: str) -> Evidence:
    """Evidence of a value."""
    return Evidence(field, value, grade, 1, 0, len(value), value, notes=notes, by=by)


def test_confidence_follows_where_a_value_stands() -> None:
    """The line of its label counts more than the document, an amount elsewhere on the page less than both, and nowhere least."""
    places: tuple[ProvedBy, ...] = ("row", "document", "page")
    row, document, page = (confidence(proof("total", "12.50", by)) or 0 for by in places)
    nowhere = confidence(proof("total", "12.50", "", "missing")) or 0
    assert row > document >= SURE > page > nowhere


def test_a_name_is_sure_where_its_label_is_or_where_it_stands_twice() -> None:
    """A name that stands somewhere once is one to look at; by its label or printed again it is not, and neither is a number."""
    once, labelled, twice, number = (
        confidence(one) or 0
        for one in (
            proof("seller", "Ann Berg", "document"),
            proof("seller", "Ann Berg", "row"),
            proof("seller", "Ann Berg", "document", "exact", "repeated"),
            proof("number", "RE-17", "document"),
        )
    )
    assert once < SURE <= min(labelled, twice, number)


def test_amounts_that_add_up_are_sure() -> None:
    """Two fields that make a third, or a column that makes a field, prove it wherever they stand; items do not prove their order."""
    bill = {"net": Decimal(100), "tax": Decimal(19), "total": Decimal(119), "paid": Decimal(7)}
    rows = [{"amount": Decimal(60)}, {"amount": Decimal(40)}]
    evidence = [proof(name, str(amount), "page") for name, amount in bill.items()]
    items = [proof(f"rows[{n}].amount", str(row["amount"]), "page") for n, row in enumerate(rows)]
    sure = confidences(Record("d", "bill", {**bill, "rows": rows}, (*evidence, *items), "f"))
    assert [name for name, likely in sure.items() if (likely or 0) >= SURE] == ["net", "tax", "total"]
    assert summed({"total": Decimal(100), "rows": rows}) == {"total"}


def test_booleans_and_choices_are_not_doubted_for_being_what_they_are() -> None:
    """What need not be printed as it is answered is no value to look at; other values that stand nowhere are."""
    assert (confidence(proof("paid", "true", "meaning", "missing", "implied")) or 0) >= SURE
    assert (confidence(proof("seller", "Ann Berg", "", "missing")) or 1) < 0.5


def test_a_name_that_is_printed_twice_is_noted() -> None:
    """A text that its document has more than once says so in its evidence, and one that it has once does not."""
    twice = request_for({"d1": "Bill B-1001 of 12.50\nPay to B-1001"})
    for request, noted in ((twice, True), (request_for({"d1": "Bill B-1001 of 12.50"}), False)):
        record = judged({"k1": {"number": "B-1001"}}, request)[0]["d1"]
        assert [("repeated" in item.notes) for item in record.evidence if item.field == "number"] == [noted]


def test_two_passes_keep_what_is_proved() -> None:
    """Where passes differ the first value stays unless only the second is proved; the field is a conflict and its confidence low."""
    request = request_for({"d1": TEXTS["d1"]})
    first = judged({"k1": {"number": "B-1001", "total": 77.77, "day": "2026-03-05"}}, request)[0]["d1"]
    other = judged(
        {"k1": {"number": "B-1001", "total": 12.5, "day": "2026-04-05"}}, replace(request, fingerprint="g")
    )[0]["d1"]
    (both,) = agree([first], [other])
    assert (both.value["total"], both.value["day"]) == (Decimal("12.5"), date(2026, 3, 5))
    assert both.conflicts == ("day", "total")
    assert {item.field: item.request for item in both.evidence if item.field == "total"} == {"total": "g"}
    sure = confidences(both)
    assert (sure["day"] or 1) < 0.5 < (sure["number"] or 0)


def test_a_second_pass_without_an_answer_changes_nothing() -> None:
    """The answer of the first pass stands, and nothing is noted."""
    record = judged({"k1": {"number": "B-1001"}}, request_for({"d1": TEXTS["d1"]}))[0]["d1"]
    assert agree([record], []) == [record]


def test_the_second_pass_asks_in_other_words() -> None:
    """A second pass asks for the same fields in the opposite order and under another fingerprint, so that it is no copy of the first."""
    other = rephrased(QUESTION)
    assert list(other.json_schema["properties"]) == [field.name for field in reversed(FIELDS)]
    assert other.fingerprint != QUESTION.fingerprint
    assert other.table == "bill"


amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=2)


@given(
    amounts,
    st.dates(min_value=date(1970, 1, 1), max_value=date(2068, 12, 31)),
    st.sampled_from(["yes", "Ja", "nein", "no"]),
)
def test_written_values_come_back(amount: Decimal, day: date, word: str) -> None:
    """Amounts in the groupings of five countries, dates in their usual forms and words for truth are read as what they were written for."""
    grouped = f"{abs(amount):,.2f}"
    sign = "-" if amount < 0 else ""
    amounts = [
        f"{sign}{grouped}",
        f"{sign}€{grouped}",
        sign + grouped.translate(str.maketrans(",.", ".,")),
        sign + grouped.replace(",", "'"),
    ]
    days = [
        f"{day:%d.%m.%Y}",
        f"{day.day}. {day:%B} {day.year}",
        f"{day:%B} {day.day}, {day.year}",
        f"{day.year}年{day.month}月{day.day}日",
    ]
    for written, spelled in zip(amounts, [day.isoformat(), *days], strict=False):
        problems: list[str] = []
        read = normalise(FIELDS, {"total": written, "day": spelled, "paid": word}, problems)
        assert not problems
        assert (read["total"], read["day"], read["paid"]) == (amount, day, word in ("yes", "Ja"))
