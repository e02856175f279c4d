"""Merging: the records of a long document's windows become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.processors.check.merge import merge
from octavo.processors.check.merge_lists import plain
from octavo.processors.check.records import rated
from octavo.schemas.pipeline import Evidence, Grade, Record


def record(
    value: dict[str, Any],
    evidence: Sequence[Evidence] = (),
    *,
    request: str = "r1",
    question: str = "invoice",
) -> Record:
    """What one window said about document d1."""
    return Record("d1", question, value, tuple(evidence), request)


def proof(field: str, page: int, start: int = 0) -> Evidence:
    """Evidence of a value that is one character long."""
    return Evidence(field, "x", "exact", page, start, start + 1, "x")


def row(what: str, amount: str = "1.00") -> dict[str, Any]:
    """One line item."""
    return {"what": what, "amount": Decimal(amount)}


def test_scalars_come_from_the_first_part_that_has_them() -> None:
    """Of values without proof the first wins, null never does, and the others are named; case and white space are no disagreement."""
    first = record(
        {"number": None, "seller": "ACME  Inc.", "total": Decimal(5), "buyer": {"name": "Bob", "city": None}}
    )
    second = record(
        {"number": "7", "seller": "Acme Inc.", "total": Decimal(6), "buyer": {"name": "Bib", "city": "Ulm"}},
        request="r2",
    )
    merged = merge([(9, second), (1, first)])
    assert merged.value == {
        "number": "7",
        "seller": "ACME  Inc.",
        "total": Decimal(5),
        "buyer": {"name": "Bob", "city": "Ulm"},
    }
    assert merged.conflicts == (
        "total: '5' (missing) was kept, not '6' (missing)",
        "buyer.name: 'Bob' (missing) was kept, not 'Bib' (missing)",
    )
    assert merged.request == "r1"


def test_evidence_names_the_request_that_gave_it() -> None:
    """Values of later windows carry their window's request, unless they came from another one already; those of the first need none."""
    again = replace(proof("lines[1].what", 2, 9), request="r9")
    first = record({"lines": [row("a")]}, [proof("lines[0].what", 1)])
    second = record({"lines": [row("b"), row("c")]}, [proof("lines[0].what", 2), again], request="r2")
    assert [item.request for item in merge([(1, first), (2, second)]).evidence] == ["", "r2", "r9"]


def test_lists_are_joined_and_renumbered() -> None:
    """Items stand in reading order, and the evidence of each follows it to its new number; evidence of a value that lost is left behind."""
    first = record(
        {"total": 5, "lines": [row("a"), row("b")]},
        [proof("total", 1, 50), proof("lines[0].what", 1), proof("lines[1].what", 1, 9)],
    )
    second = record(
        {"total": 6, "lines": [row("c")]},
        [proof("total", 2, 50), proof("lines[0].what", 2), proof("lines[0].amount", 2, 5)],
    )
    merged = merge([(1, first), (2, second)])
    assert [line["what"] for line in merged.value["lines"]] == ["a", "b", "c"]
    assert [(item.field, item.page) for item in merged.evidence] == [
        ("total", 1),
        ("lines[0].what", 1),
        ("lines[1].what", 1),
        ("lines[2].what", 2),
        ("lines[2].amount", 2),
    ]


def test_what_failed_in_any_part_is_told() -> None:
    """A field that failed in one part and is null in another has failed; a value makes up for it, and half a list does not."""
    silent = [Evidence("total", "", "missing", state="null"), Evidence("day", "", "missing", state="null")]
    proofs = [proof("lines[0].what", 1), proof("number", 1), *silent]
    broken = [
        Evidence(name, "", "missing", state="failed", detail="wrong") for name in ("total", "lines", "number")
    ]
    first = record({"total": None, "day": None, "number": "7", "lines": [row("a")]}, proofs)
    second = record({"total": None, "day": None, "number": None, "lines": []}, broken, request="r2")
    for parts in ([(1, first), (2, second)], [(2, first), (1, second)]):
        told = {(item.field, item.state) for item in rated(merge(parts)).evidence}
        assert told - {("day", "null")} == {
            ("total", "failed"),
            ("lines", "failed"),
            ("lines[0].what", "given"),
            ("number", "given"),
        }


def test_items_doubled_at_the_seam_are_taken_once() -> None:
    """What one list ends with and the next begins with is one thing, when nothing or the same place proves it."""
    first = record({"lines": [row("a"), row("b"), row("c")]}, [proof("lines[2].what", 2, 30)])
    second = record(
        {"lines": [row("b"), row("c"), row("d")]},
        [proof("lines[1].what", 2, 30), proof("lines[2].what", 2, 60)],
    )
    merged = merge([(1, first), (2, second)])
    assert [line["what"] for line in merged.value["lines"]] == ["a", "b", "c", "d"]
    assert [(item.field, item.start) for item in merged.evidence] == [
        ("lines[2].what", 30),
        ("lines[3].what", 60),
    ]


def test_equal_items_of_different_pieces_are_one() -> None:
    """What two pieces say alike is one item, also where each found it at a place of its own, such as a fact that is printed twice."""
    first, second = (
        record(
            {"lines": [row("a"), row(other)]}, [proof("lines[0].what", page), proof("lines[1].what", page, 9)]
        )
        for page, other in ((1, "b"), (2, "c"))
    )
    merged = merge([(1, first), (2, second)])
    assert [line["what"] for line in merged.value["lines"]] == ["a", "b", "c"]
    assert [(item.field, item.page) for item in merged.evidence] == [
        ("lines[0].what", 1),
        ("lines[1].what", 1),
        ("lines[2].what", 2),
    ]


def test_equal_items_of_one_piece_stay() -> None:
    """Where a piece gives equal items they are printed alike, so those of other pieces count too, but for those at the same place."""
    proofs = [proof("lines[0].what", 1, 10), proof("lines[1].what", 1, 20)]
    first = record({"lines": [row("a"), row("a")]}, proofs)
    again = record(
        {"lines": [row("a"), row("b")]}, [proof("lines[0].what", 1, 20), proof("lines[1].what", 2)]
    )
    apart = record({"lines": [row("a"), row("b")]}, [proof("lines[0].what", 2), proof("lines[1].what", 2, 9)])
    for second, count in ((again, 2), (apart, 3)):
        lines = merge([(1, first), (2, second)]).value["lines"]
        assert [line["what"] for line in lines] == [*"a" * count, "b"]


def test_of_items_without_a_place_the_largest_count_holds() -> None:
    """Where nobody knows where items stand, as on a picture, there are as many equal ones as one piece gives."""
    some, more = (
        record({"lines": [row("a"), row("b")]}),
        record({"lines": [row("b"), row("b")]}, request="r2"),
    )
    assert [line["what"] for line in merge([(1, some), (2, more)]).value["lines"]] == ["a", "b", "b"]


def test_the_order_of_a_reply_is_kept() -> None:
    """A value that is proved where it is mentioned, before or behind its row, does not move its item."""
    first = record(
        {"lines": [row("c"), row("a"), row("b")]},
        [proof("lines[0].what", 1, 80), proof("lines[1].what", 1, 10), proof("lines[2].what", 1, 20)],
    )
    second = record(
        {"lines": [row("d"), row("e")]}, [proof("lines[0].what", 1, 5), proof("lines[1].what", 2, 9)]
    )
    merged = merge([((1 << 32), first), ((2 << 32), second)])
    assert [line["what"] for line in merged.value["lines"]] == ["c", "a", "b", "d", "e"]


def test_items_that_share_a_word_are_two() -> None:
    """Two items at a seam whose only proof is the same word of a choice stay two, since another field differs."""
    first, second = (
        record(
            {"lines": [{"kind": "actual", "amount": amount}]},
            [proof("lines[0].kind", 1, 30)],
            request=request,
        )
        for amount, request in ((1, "r1"), (2, "r2"))
    )
    assert [line["amount"] for line in merge([(1, first), (2, second)]).value["lines"]] == [1, 2]


def test_a_text_that_the_seam_cuts_is_put_together() -> None:
    """A text of which one piece saw the beginning and the next the end is whole, without a conflict."""
    text = "The lender may end this agreement at any time."
    parts = [
        (
            n,
            record(
                {"clause": text[start:end]},
                [Evidence("clause", text[start:end], "exact", 1, start, end, text[start:end])],
            ),
        )
        for n, (start, end) in enumerate([(0, 30), (17, len(text))])
    ]
    merged = merge(parts)
    assert (merged.value, merged.conflicts) == ({"clause": text}, ())
    assert [(item.start, item.end, item.quote) for item in merged.evidence] == [(0, len(text), text)]


@pytest.mark.parametrize(
    ("proofs", "kept"),
    [
        ([("A", "missing"), ("B", "loose"), ("C", "exact")], "C"),
        ([("A", "missing"), ("B", "loose"), ("A", "missing")], "B"),
        ([("A", "exact"), ("B", "exact"), ("B", "exact")], "B"),
        ([("A", "exact"), ("B", "exact")], "A"),
    ],
)
def test_evidence_decides_then_the_majority_then_the_first(
    proofs: list[tuple[str, Grade]], kept: str
) -> None:
    """Exact beats loose beats missing, then more pieces, then the first; every value that lost is named with its grade and page."""
    parts = [
        (
            page,
            record(
                {"number": value}, [Evidence("number", value, grade, page, 0, 1, value)], request=f"r{page}"
            ),
        )
        for page, (value, grade) in enumerate(proofs, 1)
    ]
    merged = merge(parts)
    assert merged.value == {"number": kept}
    assert [proof.value for proof in merged.evidence] == [kept]
    (conflict,) = merged.conflicts
    assert conflict.startswith("number: ")
    assert all(f"'{value}'" in conflict for value, _ in proofs)


def test_an_item_that_was_cut_at_the_seam_is_made_whole() -> None:
    """What one piece saw of an item and what the next saw of it, proved at the same place, is one item with all values."""
    first = record({"lines": [{"what": "bolt", "amount": None}]}, [proof("lines[0].what", 2, 30)])
    second = record(
        {"lines": [{"what": "bolt", "amount": Decimal(4)}, row("nut")]},
        [proof("lines[0].what", 2, 30), proof("lines[0].amount", 3, 0), proof("lines[1].what", 3, 9)],
        request="r2",
    )
    merged = merge([(2, first), (3, second)])
    assert merged.value == {"lines": [{"what": "bolt", "amount": Decimal(4)}, row("nut")]}
    assert {item.field for item in merged.evidence} == {"lines[0].what", "lines[0].amount", "lines[1].what"}
    assert not merged.conflicts


def test_rows_that_were_asked_for_again_go_where_they_stand() -> None:
    """Items stand in the order of the document, also when some of them came in a later answer."""
    first = record(
        {"lines": [row("a"), row("d")]}, [proof("lines[0].what", 1, 10), proof("lines[1].what", 1, 40)]
    )
    again = record(
        {"lines": [row("b"), row("c")]},
        [proof("lines[0].what", 1, 20), proof("lines[1].what", 1, 30)],
        request="r2",
    )
    assert [line["what"] for line in merge([(1, first), (1, again)]).value["lines"]] == ["a", "b", "c", "d"]


def test_texts_of_a_summary_are_joined() -> None:
    """The parts of a summary continue one another: texts by an empty line, points and quotes as lists."""
    parts = [
        (
            n,
            record(
                {"text": f"Part {n}.", "points": [f"p{n}"], "quotes": None},
                [proof("text", n)],
                question="summary",
            ),
        )
        for n in (2, 1)
    ]
    merged = merge(parts)
    assert merged.value == {"text": "Part 1.\n\nPart 2.", "points": ["p1", "p2"], "quotes": None}
    assert not merged.conflicts
    assert [item.page for item in merged.evidence] == [1, 2]


def test_windows_that_begin_on_one_page_are_told_apart_by_their_evidence() -> None:
    """A page that was cut in two gives two parts with the same position; what is proved first stands first."""
    upper, lower = (
        record({"number": "A"}, [proof("number", 3, 10)], request="z"),
        record({"number": "B"}, [proof("number", 3, 900)], request="a"),
    )
    assert merge([(3, lower), (3, upper)]).value == {"number": "A"}


scalars = st.none() | st.integers(0, 3) | st.sampled_from(["a", "A ", "b"])
record_values: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "number": scalars,
        "buyer": st.none() | st.fixed_dictionaries({"name": scalars}),
        "lines": st.none() | st.lists(st.fixed_dictionaries({"what": scalars}), max_size=3),
    }
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """A record with evidence for some of its items."""
    value = draw(record_values)
    lines = value["lines"] or []
    chosen = [number for number in range(len(lines)) if draw(st.booleans())]
    evidence = [
        proof(f"lines[{number}].what", draw(st.integers(1, 3)), draw(st.integers(0, 9))) for number in chosen
    ]
    return record(value, evidence, request=draw(st.sampled_from(["r1", "r2", "r3"])))


@given(
    st.lists(st.tuples(st.integers(1, 3), records()), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
)
def test_merging_is_order_free_and_idempotent(parts: list[tuple[int, Record]], random: Any) -> None:
    """The order in which windows came back changes nothing, and merging what is merged changes nothing."""
    merged = merge(parts)
    shuffled = list(parts)
    random.shuffle(shuffled)
    assert merge(shuffled) == merged
    assert merge([(1, merged)]) == merged


@given(st.lists(st.tuples(st.integers(1, 3), records()), min_size=1, max_size=4))
def test_merging_invents_and_loses_nothing(parts: list[tuple[int, Record]]) -> None:
    """Every value comes from a part, what an item of a part says is in the whole or lost a conflict, and evidence is of items there are."""
    merged = merge(parts)
    lines = merged.value["lines"] or []
    given_lines = [line for _, part in parts for line in part.value["lines"] or []]
    assert all(line in given_lines for line in lines)
    assert merged.conflicts or all(
        any(plain(line["what"]) in (None, plain(whole["what"])) for whole in lines) for line in given_lines
    )
    assert merged.value["number"] in [part.value["number"] for _, part in parts]
    assert merge([*parts, *parts]) == merged
    assert all(int(item.field[6:].partition("]")[0]) < len(lines) for item in merged.evidence)
