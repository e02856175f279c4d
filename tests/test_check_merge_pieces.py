"""Merging: whatever a document is cut into, its lists come back whole, once, in order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from octavo.processors.check.merge import merge
from octavo.schemas.pipeline import Evidence, Record

WIDTH = 10  # characters that a printed value takes
PAGE = 120  # characters of a page

Entry = dict[str, Any]


class Printed(NamedTuple):
    """One value of the document: of which entry and field, and where it stands."""

    entry: int
    field: str
    value: str
    page: int
    start: int


def printed(entries: Sequence[Entry]) -> list[Printed]:
    """The values of a list as a document prints them, one behind the other."""
    values = [
        (number, name, value)
        for number, entry in enumerate(entries)
        for name, held in entry.items()
        for value in (held if isinstance(held, list) else [held])
    ]
    return [Printed(*value, 1 + at * WIDTH // PAGE, at * WIDTH % PAGE) for at, value in enumerate(values)]


def answer(values: Sequence[Printed], request: str) -> Record:
    """What a perfect reader says of the values that a piece shows: an entry that is cut has what can be seen of it."""
    items: dict[int, Entry] = {}
    evidence = []
    for one in values:
        item = items.setdefault(one.entry, {"name": None, "kind": None, "marks": []})
        path = f"items[{list(items).index(one.entry)}].{one.field}"
        if one.field == "marks":
            path += f"[{len(item['marks'])}]"
            item["marks"].append(one.value)
        else:
            item[one.field] = one.value
        evidence.append(
            Evidence(path, one.value, "exact", one.page, one.start, one.start + len(one.value), one.value)
        )
    return Record("d", "list", {"items": list(items.values())}, tuple(evidence), request)


def pieces(values: Sequence[Printed], edges: Sequence[int], again: int) -> list[tuple[int, Record]]:
    """The answers about pieces between these edges; each piece shows some values of the one before once more."""
    return [
        (
            (values[first].page << 32) + values[first].start,
            answer(values[max(0, first - again) : last], f"r{n}"),
        )
        for n, (first, last) in enumerate(pairwise(edges))
    ]


kinds = st.sampled_from(["actual", "plan"])
marks = st.lists(st.sampled_from(["a", "b", "c"]), max_size=5, unique=True)
names = st.integers(0, 99).map("name {}".format)
entries = st.fixed_dictionaries({"name": names, "kind": kinds, "marks": marks})


@st.composite
def documents(
    draw: st.DrawFn, lists: st.SearchStrategy[list[Entry]]
) -> tuple[list[Entry], list[tuple[int, Record]]]:
    """A list, and the answers about the pieces of a document that prints it, cut anywhere."""
    found = draw(lists)
    values = printed(found)
    cuts = draw(st.sets(st.integers(1, len(values) - 1), max_size=5))
    return found, pieces(values, [0, *sorted(cuts), len(values)], draw(st.integers(1, 6)))


@given(documents(st.lists(entries, min_size=1, max_size=8, unique_by=lambda entry: entry["name"])))
def test_a_list_comes_back_whole_once_and_in_order(cut: tuple[list[Entry], list[tuple[int, Record]]]) -> None:
    """A list of unlike entries with lists inside, cut anywhere into pieces that overlap, is the same list, without a conflict."""
    found, answers = cut
    merged = merge(answers)
    assert merged.value == {"items": found}
    assert merged.conflicts == ()
    assert {(proof.field, proof.value) for proof in merged.evidence} == {
        (proof.field, proof.value) for proof in answer(printed(found), "r").evidence
    }


@given(documents(st.lists(st.tuples(entries, st.integers(1, 3)), min_size=1, max_size=5, unique_by=lambda one: one[0]["name"]).map(
    lambda runs: [dict(entry) for entry, count in runs for _ in range(count)])))  # fmt: skip
def test_equal_entries_of_one_piece_stay(cut: tuple[list[Entry], list[tuple[int, Record]]]) -> None:
    """Equal entries that stand one below the other are counted, also where a seam goes through them."""
    found, answers = cut
    assert merge(answers).value == {"items": found}


@given(
    documents(
        st.lists(entries, min_size=2, max_size=6).map(lambda found: [*found, {**found[0], "kind": "other"}])
    )
)
def test_entries_with_a_field_that_differs_are_never_one(
    cut: tuple[list[Entry], list[tuple[int, Record]]],
) -> None:
    """An entry that differs from another in a single field is in the whole list, wherever both stand."""
    found, answers = cut
    assert all(entry in merge(answers).value["items"] for entry in found)
