"""Scoring: what counts as right, and what precision and recall make of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.processors.score import match
from octavo.processors.score.answers import FieldCounts, compare, tally
from octavo.processors.score.match import pairs, same
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Field

TEXT, DAY = Field("name", "text"), Field("day", "date")
AMOUNT = Field("amount", "decimal", scale=2)
LINES = Field("lines", "list", item=Field("line", "record", fields=(Field("what", "text"), AMOUNT)))
FIELDS = (TEXT, DAY, AMOUNT, LINES, Field("tags", "list", item=Field("tag", "text")))
PROSE = "The parties agree that the term of this agreement is two years from the day of signature."


@pytest.mark.parametrize(
    ("field", "gold", "found", "right"),
    [
        (TEXT, "Bei-Spiel GmbH", "BEI SPIEL GmbH.", True),
        (TEXT, "R-117", "R-118", False),
        (TEXT, "２０２４", "2024", True),
        (TEXT, PROSE, PROSE.replace("two", "2"), True),
        (TEXT, PROSE, PROSE[:40], False),
        (TEXT, {"any_of": ["Acme", "Acme Inc."]}, "Acme, Inc", True),
        (DAY, "2024-05-03", date(2024, 5, 3), True),
        (DAY, "2024-05-03", date(2024, 3, 5), False),
        (AMOUNT, "9.5", Decimal("9.50"), True),
        (AMOUNT, 9.5, Decimal("9.51"), False),
        (AMOUNT, "9.50", None, False),
        (Field("paid", "boolean"), False, False, True),
    ],
)
def test_same_goes_by_type(field: Field, gold: Any, found: Any, *, right: bool) -> None:
    """Texts agree in letters and digits, long ones nearly, numbers in value, dates exactly, and nothing agrees with null."""
    assert same(field, gold, found) is right


def test_each_kind_of_mistake_counts_where_it_should() -> None:
    """A wrong value costs precision and recall, one too many only precision, one too few only recall; unlabelled fields cost nothing."""
    assert tally(compare(FIELDS, {"name": "Acme"}, {"name": "Bolt", "day": date(2024, 1, 1)})) == FieldCounts(
        gold=1, found=1, right=0
    )
    assert tally(compare(FIELDS, {"name": None}, {"name": "Bolt"})) == FieldCounts(gold=0, found=1, right=0)
    assert tally(compare(FIELDS, {"name": "Acme"}, None)) == FieldCounts(gold=1, found=0, right=0)
    assert tally(compare(FIELDS, {"name": None}, {"name": None})) == FieldCounts(gold=0, found=0, right=0)
    mixed = tally(
        compare(
            FIELDS,
            {"name": "Acme", "day": "2024-01-01", "amount": "1"},
            {"name": "acme", "day": date(2024, 1, 2)},
        )
    )
    assert (mixed.precision, round(mixed.recall, 3), mixed.f1) == (0.5, 0.333, 0.4)


def test_a_record_about_a_document_of_another_kind_is_all_wrong() -> None:
    """Labels of null say that the document is not of this kind: every value that was found is one too many."""
    assert tally(compare(FIELDS, None, {"name": "Acme", "tags": ["a", "b"]})) == FieldCounts(
        gold=0, found=3, right=0
    )


def test_items_of_lists_are_matched_in_any_order() -> None:
    """The items of a list are paired so that most values agree; what is too few or too many stands alone, with its own number."""
    gold = [{"what": "paper", "amount": "2.00"}, {"what": "ink", "amount": "3.00"}]
    found = [
        {"what": "glue", "amount": Decimal(9)},
        {"what": "ink", "amount": Decimal(3)},
        {"what": "paper", "amount": Decimal(7)},
    ]
    marks = compare(FIELDS, {"lines": gold}, {"lines": found})
    assert {mark.path: mark.right for mark in marks if mark.gold_path} == {
        "lines[2].what": True, "lines[2].amount": False, "lines[1].what": True, "lines[1].amount": True,
    }  # fmt: skip
    assert [mark.path for mark in marks if mark.gold is None] == ["lines[0].what", "lines[0].amount"]
    assert {mark.field for mark in marks} == {"lines[].what", "lines[].amount"}


@given(st.lists(st.text("ab", min_size=1, max_size=3), max_size=6), st.randoms(use_true_random=False))
def test_order_does_not_matter(tags: list[str], random: Any) -> None:
    """A list in another order is as right as the same list."""
    shuffled = random.sample(tags, len(tags))
    assert tally(compare(FIELDS, {"tags": tags}, {"tags": shuffled})) == FieldCounts(
        len(tags), len(tags), len(tags)
    )


@given(st.lists(st.integers(0, 5), max_size=6), st.lists(st.integers(0, 5), max_size=6))
def test_pairs_are_one_to_one_and_as_many_as_agree(gold: list[int], found: list[int]) -> None:
    """No item is in two pairs, only agreeing items are paired, and no pairing has more of them."""
    made = pairs(Field("n", "integer"), gold, found)
    assert len({row for row, _ in made}) == len({column for _, column in made}) == len(made)
    assert all(gold[row] == found[column] for row, column in made)
    assert len(made) == sum(min(gold.count(value), found.count(value)) for value in set(gold))


INSIDE = Field("tags", "list", item=Field("tag", "integer")), Field("deep", "record", fields=(DAY,))
ITEM = Field("line", "record", fields=(TEXT, AMOUNT, *INSIDE))
labelled = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from([None, "Acme", "A.C.M.E.", "Bolt", PROSE, {"any_of": ["Acme", "Bolt"]}]),
        "amount": st.sampled_from([None, "1.00", 2]),
        "tags": st.lists(st.integers(0, 2), max_size=2),
        "deep": st.fixed_dictionaries({"day": st.sampled_from([None, "2024-05-03"])}),
    },
)
answered = st.fixed_dictionaries(
    {
        "name": st.sampled_from([None, "acme", "bolt", PROSE.replace("two", "2")]),
        "amount": st.sampled_from([None, Decimal(1), Decimal("2.00")]),
        "tags": st.sampled_from([None, [0], [1, 2]]),
        "deep": st.sampled_from([None, {"day": date(2024, 5, 3)}]),
    }
)


@pytest.mark.parametrize("item", [ITEM, replace(ITEM, fields=ITEM.fields[:2])], ids=["deep", "plain"])
@given(st.lists(labelled, max_size=4), st.lists(answered, max_size=4))
def test_no_other_pairs_agree_in_more(
    item: Field, gold: list[dict[str, Any]], found: list[dict[str, Any]]
) -> None:
    """Of all ways to pair two lists of records one with the most right values is taken, however the labels differ in what they say."""
    gold = [{field.name: label[field.name] for field in item.fields if field.name in label} for label in gold]

    def right(wanted: Any, given: Any) -> int:
        return tally(compare(item.fields, wanted, given)).right

    shorter, longer = sorted([range(len(gold)), range(len(found))], key=len)
    ways = permutations(longer, len(shorter))
    pairings = (
        [(a, b) if shorter == range(len(gold)) else (b, a) for a, b in zip(shorter, way, strict=True)]
        for way in ways
    )
    most = max(sum(right(gold[row], found[column]) for row, column in pairing) for pairing in pairings)
    made = pairs(item, gold, found)
    assert sum(right(gold[row], found[column]) for row, column in made) == most
    assert all(right(gold[row], found[column]) for row, column in made)


@pytest.mark.parametrize("wrong_every", [1, 10])
def test_long_lists_are_matched_with_little_work(monkeypatch: pytest.MonkeyPatch, wrong_every: int) -> None:
    """Two lists of 1,000 rows have a million pairs, but each row is looked at a few times only, and what is equal is never compared."""
    gold = [{"what": f"paper {n}", "amount": f"{n}.25"} for n in range(1_000)]
    found = [
        {"what": f"Paper {n}", "amount": Decimal(n if n % wrong_every == 0 else f"{n}.25")}
        for n in reversed(range(1_000))
    ]
    looks: Counter[str] = Counter()

    def counted(name: str) -> None:
        real = getattr(match, name)

        def wrapper(*values: Any) -> Any:
            looks[name] += 1
            return real(*values)

        monkeypatch.setattr(match, name, wrapper)

    for name in ("_wanted", "_found"):
        counted(name)
    marks = compare(FIELDS, {"lines": gold}, {"lines": found})
    assert tally(marks).right == 2_000 - 1_000 // wrong_every
    assert looks["_wanted"] <= 6 * 1_000
    assert looks["_found"] <= 6 * 1_000


@pytest.mark.parametrize(
    "labels", [{"nmae": "Acme"}, {"day": "3rd of May"}, {"amount": "much"}, {"lines": [{"price": 1}]}]
)
def test_labels_that_do_not_fit_are_refused(labels: dict[str, Any]) -> None:
    """A label with a wrong name or of a wrong kind is an error that names it, and not a wrong answer."""
    found = {"day": date(2024, 1, 1), "amount": Decimal(1), "lines": [{"what": "a"}]}
    with pytest.raises(SchemaError, match=r"nmae|day|amount|price"):
        compare(FIELDS, labels, found)
