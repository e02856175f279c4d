"""A corrected answer is judged anew by its schema: what adds up by now, what does not any more, and what is computed from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, computed_field

from octavo.processors.check.records import balanced, checked, corrected, filled, rated, reconsidered
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.corrections import Correction, Verdict
from octavo.schemas.fields import Money, rules
from octavo.schemas.pipeline import Evidence, Question, Record

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
NAMES = ("net", "tax", "total")


class Bill(BaseModel):
    """A bill."""

    model_config = ConfigDict(json_schema_extra=rules("net + tax == total"))
    net: Money | None = None
    tax: Money | None = None
    total: Money | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def rate(self) -> Decimal | None:
        """Tax as a share of the net amount."""
        return round(self.tax / self.net, 4) if self.tax and self.net else None


@pytest.fixture(scope="module")
def bill() -> Question:
    """The question of that schema."""
    return compile_question(f"{Path(__file__).name}:Bill", base=Path(__file__).parent)


def answer(question: Question, **value: str) -> Record:
    """An answer as a run leaves it: judged, rated, and with its computed field."""
    given = {name: Decimal(one) for name, one in value.items()}
    proofs = tuple(
        Evidence(name, str(one), "exact", 1, 0, 3, str(one), by="row") for name, one in given.items()
    )
    record = Record("d", "bill", given, proofs, "request-1")
    return filled(question, rated(checked(question, balanced(question, record))))


def left(question: Question, record: Record, *said: tuple[str, Any, Verdict]) -> Record:
    """The answer with what Ann says laid over."""
    told = [Correction("d", "bill", field, verdict, None, after, "Ann", AT) for field, after, verdict in said]
    return reconsidered(question, record, corrected((*question.fields, *question.computed), record, told))


def proof(record: Record, field: str) -> Evidence:
    """The one evidence of a field."""
    (found,) = (item for item in record.evidence if item.field == field)
    return found


def doubted(record: Record) -> set[str]:
    """The fields that do not add up."""
    return {item.field for item in record.evidence if "unbalanced" in item.notes}


def test_what_adds_up_by_now_is_doubted_no_more(bill: Question) -> None:
    """A corrected total makes the neighbours as sure as they would have been had the model read it right."""
    wrong, right = (
        answer(bill, net="100", tax="19", total="191"),
        answer(bill, net="100", tax="19", total="119"),
    )
    assert doubted(wrong) == set(NAMES)
    fixed = left(bill, wrong, ("total", "119.00", "changed"))
    assert doubted(fixed) == set()
    for name in ("net", "tax"):
        assert (proof(fixed, name).confidence, proof(fixed, name).detail) == (
            proof(right, name).confidence,
            "",
        )


def test_what_does_not_add_up_any_more_is_doubted(bill: Question) -> None:
    """A correction that breaks a rule marks the values that nobody corrected, with the sentence, and never the person's own."""
    broken = left(bill, answer(bill, net="100", tax="19", total="119"), ("total", "129.00", "changed"))
    assert doubted(broken) == {"net", "tax"}
    assert "net + tax == total does not hold" in proof(broken, "net").detail
    assert proof(broken, "net").confidence == pytest.approx(0.485)
    assert proof(broken, "total").state == "corrected"


def test_a_rule_that_still_does_not_hold_says_so_once(bill: Question) -> None:
    """Where it does not add up before and after, the value is doubted once, with the numbers of now."""
    still = left(bill, answer(bill, net="100", tax="19", total="191"), ("total", "129.00", "changed"))
    net = proof(still, "net")
    assert net.notes.count("unbalanced") == 1
    assert ("129" in net.detail, "191" in net.detail) == (True, False)
    assert net.confidence == pytest.approx(0.485)


def test_other_doubts_stay(bill: Question) -> None:
    """A value that is doubted for something else, too, is so still, and less sure for that alone."""
    wrong = answer(bill, net="100", tax="19", total="191")
    noted = [
        replace(item, notes=("conflict", *item.notes), detail=f"Two parts; {item.detail}")
        if item.field == "net"
        else item
        for item in wrong.evidence
    ]
    fixed = left(bill, replace(wrong, evidence=tuple(noted)), ("total", "119.00", "changed"))
    assert (proof(fixed, "net").notes, proof(fixed, "net").detail) == (("conflict",), "Two parts")


def test_computed_fields_follow(bill: Question) -> None:
    """A computed field is computed from what people said; one that a person corrected is theirs, and null with what it needs gone."""
    record = answer(bill, net="100", tax="19", total="119")
    assert Decimal(record.value["rate"]) == Decimal("0.19")
    fixed = left(bill, record, ("net", "200.00", "changed"))
    assert Decimal(fixed.value["rate"]) == Decimal("0.095")
    assert Decimal(proof(fixed, "rate").value) == Decimal("0.095")
    own = left(bill, record, ("net", "200.00", "changed"), ("rate", "0.2", "changed"))
    assert (Decimal(own.value["rate"]), proof(own, "rate").state) == (Decimal("0.2"), "corrected")
    gone = left(bill, record, ("net", None, "absent"))
    assert gone.value["rate"] is None
    assert [item for item in gone.evidence if item.field == "rate"] == []
