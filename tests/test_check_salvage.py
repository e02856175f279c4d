"""Salvage: what stands whole in a reply is kept, and nothing else."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.processors.check.salvage import salvage

ONE, TWO = {"id": "k1", "record": {"a": "x"}}, {"id": "k2", "record": {"a": [1, {"b": "}]"}]}}
WHOLE = json.dumps({"documents": [ONE, TWO]})

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.just("documents"), inner, max_size=3)
    ),
    max_leaves=8,
)
replies = st.lists(
    st.fixed_dictionaries(
        {"id": st.text(max_size=4), "record": st.dictionaries(st.text(max_size=5), values, max_size=3)}
    ),
    max_size=4,
)


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        json.dumps({"documents": [ONE, TWO]}, indent=2),
        f"```json\n{WHOLE}\n```",
        f"Here is what {{I}} found [2 documents]: {WHOLE} I hope it helps.",
        json.dumps([ONE, TWO]),
        f"{json.dumps(ONE)}\n{json.dumps(TWO)}",
        f'First I thought {{"documents": [{json.dumps(ONE)}]}}, but it is {WHOLE}',
        '{"documents": [' + json.dumps(ONE) + ", " + json.dumps(TWO) + ",]}",
    ],
)
def test_entries_in_any_wrapping(text: str) -> None:
    """Fences, prose, drafts, a missing envelope and a comma too many do not hide the entries."""
    assert [entry.value for entry in salvage(text).entries] == [ONE, TWO]


PAIRS = json.dumps({"documents": [["285612", ["R-1", None]], ["042977", [[["]"]]]]]})


@pytest.mark.parametrize(
    "text",
    [
        PAIRS,
        f"```json\n{PAIRS}\n```",
        json.dumps(json.loads(PAIRS)["documents"]),
        '{"documents": [["285612", "R-1", null], {"id": "042977", "record": [[["]"]]]}]}',
        f'First {{"documents": [["285612", ["R-2", 3]]]}}, but then {PAIRS}',
    ],
)
def test_pairs_of_id_and_record(text: str) -> None:
    """Entries in the short form are found in any wrapping, beside plain ones, and when a row lost its brackets."""
    entries = [{"id": "285612", "record": ["R-1", None]}, {"id": "042977", "record": [[["]"]]]}]
    assert [entry.value for entry in salvage(text).entries] == entries


@pytest.mark.parametrize("key", ['"k285"', "285612"])
def test_ids_of_older_replies_and_ids_as_numbers(key: str) -> None:
    """A bare list is found by ids as they were written before, and by ids that a model took for numbers."""
    (entry,) = salvage(f'Here: [[{key}, ["R-1", null]]]').entries
    assert (str(entry.value["id"]), entry.value["record"]) == (key.strip('"'), ["R-1", None])


def test_a_cut_reply_keeps_whole_pairs() -> None:
    """Wherever a reply is cut, only pairs whose last bracket arrived are kept, and the list counts as not closed."""
    first, second = PAIRS.index("]]") + 2, PAIRS.index("]]}")
    for length in range(len(PAIRS) - 2):
        salvaged = salvage(PAIRS[:length])
        assert not salvaged.whole
        assert len(salvaged.entries) == (length >= first) + (length >= second + 1)


@pytest.mark.parametrize("text", ["", "I cannot read this.", "{}", "null", '{"answer": 5}', "[" * 100_000])
def test_a_reply_without_entries(text: str) -> None:
    """A reply without entries gives none, and says that there is no list."""
    assert not salvage(text).entries
    assert not salvage(text).found


KEYED = json.dumps({"285612": {"a": "x"}, "742977": None})
BY_ID = {"285612": {"a": "x"}, "742977": None}


@pytest.mark.parametrize(
    "text",
    [
        KEYED,
        f"```json\n{KEYED}\n```",
        f"Two documents {{both}} are answered: {KEYED}",
        '{"285612": {"a": "x"},, "742977": null,}',
        '{"285612": {"a": "x"}}\n{"742977": null}',
        f'First {{"285612": {{"a": "draft"}}}}, then {KEYED}',
        '{"documents": [{"id": "285612", "record": {"a": "x"}}]}\n{"documents": [{"id": "742977", "record": null}]}',
        '{"documents": [{"id": "285612", "record": {"a": "x"}}, ["742977", null]]}',
    ],
)
def test_records_by_id(text: str) -> None:
    """Records under the ids of their documents are found in any wrapping, in one object or in several, beside entries of other forms."""
    found = salvage(text, BY_ID)
    assert {entry.value["id"]: entry.value["record"] for entry in found.entries} == BY_ID


@pytest.mark.parametrize(
    "text",
    [
        '{"285612": {"a": "a "quoted" word"}, "742977": null}',
        '{"documents": [{"id": "285612", "record": {"a": "a "quoted" word"}}, {"id": "742977", "record": null}]}',
        '{"documents": [["285612", ["a "quoted" word"]], ["742977", null]]}',
        '{"documents": [{"id": "285612", "record": {"a":, "b": 1}}, {"id": "742977", "record": null}]}',
    ],
)
def test_what_is_no_json_costs_its_own_entry(text: str) -> None:
    """A stray quote or comma in one answer loses that one alone, and what is wrong is said with its place."""
    found = salvage(text, BY_ID)
    assert [entry.value["id"] for entry in found.entries] == ["742977"]
    assert "at character" in found.flaw


def test_a_cut_reply_keeps_whole_records_by_id() -> None:
    """Wherever a reply is cut, only records whose last brace arrived are kept, and nothing is called a flaw."""
    text = json.dumps({"285612": {"a": "x"}, "742977": {"b": [1]}})
    for length in range(len(text) - 1):
        found = salvage(text[:length], ("285612", "742977"))
        assert (found.whole, found.flaw) == (False, "")
        assert len(found.entries) == (length > text.index("}")) + (length >= len(text) - 1)


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ('{"number": "R-1", "id": 5}', {"number": "R-1", "id": 5}),
        ('{"id": 5, "number": "R-1"}', {"id": 5, "number": "R-1"}),
        ('{"record": {"number": "R-1"}}', {"number": "R-1"}),
        ('{"record": null}', None),
        ('{"invoice": {"number": "R-1"}}', {"number": "R-1"}),
        ('Sure: ```json\n{"number": "R-1"}\n```', {"number": "R-1"}),
        ('{"285612": {"number": "R-1"}}', {"number": "R-1"}),
        ('{"id": "285612", "record": {"number": "R-1"}}', {"number": "R-1"}),
        ('{"documents": [{"id": "R-1", "record": {"number": "R-1"}}]}', {"number": "R-1"}),
    ],
)
def test_the_record_of_one_document_needs_no_id(text: str, record: Any) -> None:
    """A reply about one document is its record, bare or in any envelope, also where a field is called as the envelope's parts are."""
    (entry,) = salvage(text, ["285612"], ["number", "id", "items"]).entries
    assert entry.value["record"] == record


def test_a_cut_record_alone_is_none() -> None:
    """Of a bare record that is cut nothing is taken, also not what looks like a record inside it."""
    text = json.dumps({"items": [{"number": "inner"}], "number": "R-1"})
    assert not any(
        salvage(text[:length], ["285612"], ["number", "items"]).entries for length in range(len(text))
    )


def test_a_cut_reply_keeps_whole_entries() -> None:
    """Wherever a reply is cut, the entries whose last brace arrived are kept and the list counts as not closed."""
    for length in range(len(WHOLE) - 2):
        salvaged = salvage(WHOLE[:length])
        assert not salvaged.whole
        assert [entry.value for entry in salvaged.entries] == [
            one for one in (ONE, TWO) if WHOLE.index(json.dumps(one)) + len(json.dumps(one)) <= length
        ]


def test_nothing_is_taken_from_inside_a_cut_entry() -> None:
    """What looks like a list of entries inside a cut record is a part of that record."""
    inner = json.dumps({"documents": [{"id": "k2", "record": {}}]})
    assert not salvage('{"documents": [{"id": "k1", "record": {"note": ' + inner + ', "x": ').entries


def test_numbers_are_exact() -> None:
    """Numbers arrive as they were written, not as the nearest float; what is no JSON number stays a word."""
    record = (
        salvage(
            '[{"id": "k1", "record": {"a": 0.10, "b": 12345678901234567.89, "c": NaN, "d": "two\nlines"}}]'
        )
        .entries[0]
        .value["record"]
    )
    assert record == {
        "a": Decimal("0.10"),
        "b": Decimal("12345678901234567.89"),
        "c": "NaN",
        "d": "two\nlines",
    }
    assert str(record["a"]) == "0.10"


@given(replies, st.text(max_size=20), st.integers(min_value=0), st.sampled_from([None, 1]))
def test_salvage_never_invents(
    entries: list[dict[str, Any]], around: str, cut: int, indent: int | None
) -> None:
    """Every entry stands whole at its span in the reply and is one that the model wrote, however the reply is cut."""
    text = around + json.dumps({"documents": entries}, indent=indent)
    text = text[: cut % (len(text) + 1)]
    for entry in salvage(text).entries:
        assert json.loads(text[entry.start : entry.end]) == entry.value
        assert entry.value in entries
