"""Rules between the fields of a record: what they say, what they take, and what they do to an answer."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from octavo.processors.check.records import balanced, rated
from octavo.schemas.arithmetic import broken_rules, refuse_rule
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Evidence, Field, Record

INVOICE = compile_question("invoice")
RIGHT: dict[str, Any] = {
    "net_total": Decimal("100.00"),
    "tax_total": Decimal("19.00"),
    "grand_total": Decimal("119.00"),
    "issue_date": date(2026, 3, 5),
    "due_date": date(2026, 4, 4),
    "line_items": [{"amount": Decimal("60.00")}, {"amount": Decimal("40.00")}],
}


def broken(*rules: str, **record: Any) -> list[str]:
    """The paths of the first rule that does not hold."""
    return next((list(one.paths) for one in broken_rules(rules, record)), [])


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ({}, []),
        ({"tax_total": None}, []),
        ({"line_items": []}, []),
        ({"due_date": None}, []),
        ({"net_total": Decimal("100.01")}, []),
        ({"grand_total": Decimal("120.00")}, ["net_total", "tax_total", "grand_total"]),
        ({"due_date": date(2026, 3, 4)}, ["issue_date", "due_date"]),
        ({"line_items": [{"amount": Decimal("119.00")}]}, []),
        (
            {"line_items": [{"amount": Decimal("60.00")}]},
            ["line_items[0].amount", "net_total", "grand_total"],
        ),
    ],
)
def test_the_shipped_invoice_adds_up(change: dict[str, Any], paths: list[str]) -> None:
    """Net and tax are the total, the lines are one of both, and nothing is due before it is issued; null is not compared."""
    assert broken(*INVOICE.rules, **(RIGHT | change)) == paths


@pytest.mark.parametrize(
    ("total", "tax", "fine"),
    [("9.00", None, True), ("9.90", "0.90", True), ("9.90", "0.50", False), ("8.00", None, False)],
)
def test_the_shipped_receipt_adds_up(total: str, tax: str | None, *, fine: bool) -> None:
    """What was bought is the total, or that without the tax."""
    rules = compile_question("receipt").rules
    items = [{"amount": Decimal("4.50")}, {"amount": Decimal("4.50")}]
    assert (
        broken(*rules, total=Decimal(total), tax_total=tax and Decimal(tax), line_items=items) == []
    ) is fine


@pytest.mark.parametrize(
    ("rule", "record", "paths"),
    [
        ("a.b * 2 == c", {"a": {"b": 2}, "c": 5}, ["a.b", "c"]),
        ("count(jobs) == n", {"jobs": [{}, {}], "n": 3}, ["jobs", "n"]),
        (
            "jobs.start <= jobs.end",
            {"jobs": [{"start": 1, "end": 2}, {"start": 3, "end": 2}, {"start": 3, "end": None}]},
            ["jobs[1].start", "jobs[1].end"],
        ),
        ("a - b > 0", {"a": 1, "b": 2}, ["a", "b"]),
        ("a < 10", {"a": 11}, ["a"]),
        ("a in (b, c)", {"a": 1, "b": None, "c": 2}, ["a", "c"]),
        ("a in (b, c)", {"a": 1, "b": None, "c": None}, []),
    ],
)
def test_what_a_line_may_say(rule: str, record: dict[str, Any], paths: list[str]) -> None:
    """Fields in records, sums, counts, products, orders, one of several, and the items of a list one by one."""
    assert broken(rule, **record) == paths


@pytest.mark.parametrize(
    "rule",
    [
        "a",
        "a = b",
        "a == ",
        "1 < a < 3",
        "a == unknown",
        "__import__('os') == a",
        "a[0] == b",
        "a == 'x'.y",
        7,
    ],
)
def test_what_is_no_rule_is_refused(rule: object) -> None:
    """A line that is no comparison of fields is refused when the schema is compiled, and nothing of it is run."""
    with pytest.raises(SchemaError, match="rule"):
        refuse_rule(rule, (Field("a", "decimal"), Field("b", "decimal")), "bill")


def record_of(value: dict[str, Any], **notes: str) -> Record:
    """A record with an evidence for each value at its top; `notes` are what makes one doubtful, with its sentence."""
    evidence = tuple(
        Evidence(
            name, str(one), "loose", notes=("ambiguous",) if name in notes else (), detail=notes.get(name, "")
        )
        for name, one in value.items()
    )
    return Record("d", "invoice", value, evidence, "r")


def test_what_does_not_add_up_is_doubted() -> None:
    """Each value of a rule that does not hold says so and is less sure; the others are as before."""
    done = rated(balanced(INVOICE, record_of(RIGHT | {"grand_total": Decimal(120)})))
    doubted = {item.field: item for item in done.evidence if "unbalanced" in item.notes}
    assert set(doubted) == {"net_total", "tax_total", "grand_total"}
    assert all(
        "119.00 beside 120" in item.detail and (item.confidence or 1) < 0.9 for item in doubted.values()
    )


@pytest.mark.parametrize(
    ("issued", "due", "settled"),
    [
        (date(2026, 3, 5), date(2026, 4, 4), True),
        (date(2026, 3, 4), date(2026, 5, 5), False),
        (date(2026, 5, 3), date(2026, 4, 4), False),
    ],
)
def test_a_rule_settles_two_readings(issued: date, due: date, *, settled: bool) -> None:
    """A date with two readings is sure where the other reading breaks a rule, and its own breaks none."""
    other = issued.replace(month=issued.day, day=issued.month)
    doubted = record_of(RIGHT | {"issue_date": issued, "due_date": due}, issue_date=f"may be {other} as well")
    (item,) = (one for one in balanced(INVOICE, doubted).evidence if one.field == "issue_date")
    assert ("ambiguous" not in item.notes) is settled


def test_a_number_with_two_readings_is_settled_by_a_sum() -> None:
    """A number that adds up is the one that was meant; a doubt of another kind stays."""
    doubted = record_of(
        RIGHT, net_total="may be 0.1 as well", tax_total="goes on with 'k', so it is a multiple"
    )
    notes = {item.field: item.notes for item in balanced(INVOICE, doubted).evidence}
    assert (notes["net_total"], notes["tax_total"]) == ((), ("ambiguous",))
