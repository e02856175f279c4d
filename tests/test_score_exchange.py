"""What other scorers read: the labelled fields alone, in one form on both sides."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from octavo.processors.score.answers import exchanged
from octavo.schemas.pipeline import Field

LINE = Field("line", "record", fields=(Field("what", "text"), Field("amount", "decimal")))
LINES = Field("lines", "list", item=LINE)
FIELDS = (
    Field("number", "text"),
    Field("day", "date"),
    Field("total", "decimal"),
    Field("paid", "boolean"),
    LINES,
)


def test_labels_and_answer_have_one_form() -> None:
    """Numbers are numbers, dates are texts, of several right values the first is told, and what a label leaves out is null."""
    labels = {"day": "2026-03-05", "total": {"any_of": ["9.50", "9.5"]}, "lines": [{"what": "ink"}]}
    lines = [{"what": "ink", "amount": Decimal(3)}]
    found = {"number": "R-1", "day": date(2026, 3, 5), "total": Decimal("9.50"), "paid": True, "lines": lines}
    schema, gold, answer = exchanged(FIELDS, labels, found)
    assert (
        list(schema["properties"])
        == schema["required"]
        == list(gold)
        == list(answer)
        == ["day", "total", "lines"]
    )
    assert gold == {"day": "2026-03-05", "total": 9.5, "lines": [{"what": "ink", "amount": None}]}
    assert answer == {"day": "2026-03-05", "total": 9.5, "lines": [{"what": "ink", "amount": 3}]}


def test_a_field_that_may_be_null_names_its_metric() -> None:
    """ExtractBench passes over a field of several types that names none."""
    schema, *_ = exchanged(FIELDS, None, None)
    metrics = {name: node.get("evaluation_config") for name, node in schema["properties"].items()}
    assert metrics == {
        "number": "string_case_insensitive",
        "day": "string_exact",
        "total": "number_tolerance",
        "paid": "boolean_exact",
        "lines": None,
    }


def test_no_answer_is_null_in_every_field() -> None:
    """A document without an answer, or of another kind than the question, has a record to compare all the same."""
    _, gold, answer = exchanged(FIELDS, None, None)
    assert gold == answer == {"number": None, "day": None, "total": None, "paid": None, "lines": []}


@pytest.mark.parametrize("label", ["unreadable", "1e400", ["9.50"], {"amount": 9}])
def test_a_label_that_is_no_number_stays(label: object) -> None:
    """It is wrong in the scores, and no error."""
    _, gold, _ = exchanged(FIELDS, {"total": label}, None)
    assert gold == {"total": label}


def test_whole_numbers_keep_their_last_digit() -> None:
    """A number that a float would round is told as it is."""
    _, gold, _ = exchanged(FIELDS, {"total": "12345678901234567"}, None)
    assert gold == {"total": 12345678901234567}
