"""Lists: rows of their table that no item is proved in are found, and nothing else is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.processors.check import records as check
from octavo.processors.check.validate import fit
from octavo.processors.pack import windows as pack
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.compile.piecewise import of_pieces
from octavo.schemas.pipeline import Evidence, Part, Record, Request, Window
from octavo.schemas.text.printed_rows import item_tokens, rows_in
from tests.benchmarks.long_lists import answered, count, planted, question_of
from tests.long_lists import Sheet, made
from tests.proofs import slow_but

INVOICE = compile_question("invoice")


def line(number: int) -> str:
    """A row of a table."""
    return f"{number:>3}  Bolt of kind {'abcdefghij'[number % 10] * (number // 10 + 1)}   4   1.50   6.00"


def part(texts: Sequence[str], page: int = 1) -> Part:
    """A page of lines."""
    text = "\n".join(texts)
    return Part("d", page, 2, 0, len(text), text, len(text) // 3)


def record(parts: Iterable[Part], numbers: Iterable[int]) -> Record:
    """A record that has the rows with these numbers, each with its evidence."""
    parts, proofs, items = list(parts), [], []
    for at, number in enumerate(numbers):
        quote = line(number)[5:].partition("   ")[0]
        page = next(one for one in parts if line(number) in one.text)
        start = page.start + page.text.index(line(number)) + 5
        proofs.append(
            Evidence(
                f"line_items[{at}].description", quote, "exact", page.page, start, start + len(quote), quote
            )
        )
        items.append({"description": quote})
    return Record("d", "invoice", {"line_items": items}, tuple(proofs), "r")


def request(parts: Sequence[Part]) -> Request:
    """The request that showed these parts."""
    return Request("r", INVOICE, Window(tuple(parts), 1_000), {"k1": "d"}, {}, 1_000, 1_000)


HEAD, FOOT = (
    ["ACME", "No  Article  Quantity  Price  Amount"],
    ["Sum 120.00 20.00 24.00 7", "VAT 20 % 100.00 20.00 4", "Page 1", "Acme Ltd"],
)


@given(st.sets(st.integers(0, 19), max_size=12))
def test_every_row_that_is_left_out_is_found(gone: set[int]) -> None:
    """Over two pages with headers and sums, exactly the rows without an item are found, and the windows show each of them."""
    parts = [part([*HEAD, *map(line, range(12)), *FOOT]), part(["ACME", *map(line, range(12, 20)), *FOOT], 2)]
    found = check.short_lists(INVOICE, record(parts, [n for n in range(20) if n not in gone]), parts)
    if not gone:
        assert found == []
        return
    (short,) = found
    assert [one.text for one in short.left_out] == [line(n) for n in sorted(gone)]
    assert short.sentence.startswith(f"line_items: incomplete_list, {20 - len(gone)} of 20 rows")
    windows = check.gaps(request(parts), short)
    shown = "\n".join(
        one.text for window, _ in windows for one in window.parts if one.role == "piece"
    ).splitlines()
    assert {line(n) for n in gone} <= set(shown)
    assert len(windows) > 8 or all(
        one in {line(n) for n in gone} or "ACME" in one or one in FOOT for one in shown
    )


def test_what_stands_below_the_last_row_does_not_prove_it() -> None:
    """A value that is found in the prose behind a table is no proof of the table's last row, which is left out all the same."""
    parts = [part([*HEAD, *map(line, range(12)), "Thank you for bolts of every kind."])]
    some = record(parts, range(11))
    start = parts[0].text.index("bolts of every")
    stray = Evidence(
        "line_items[11].description", "bolts of every", "exact", 1, start, start + 14, "bolts of every"
    )
    (short,) = check.short_lists(INVOICE, replace(some, evidence=(*some.evidence, stray)), parts)
    assert [one.text for one in short.left_out] == [line(11)]


def test_the_window_of_a_gap_has_the_column_headings() -> None:
    """Rows that are asked for alone stand below the headings of their columns and the row before them, at their place on the page."""
    parts = [replace(part([*HEAD, *map(line, range(12))]), start=100, end=900)]
    (short,) = check.short_lists(INVOICE, record(parts, [n for n in range(12) if n != 7]), parts)
    ((window, complaint),) = check.gaps(request(parts), short)
    assert [one.role for one in window.parts] == ["columns", "again", "piece"]
    assert "Quantity" in window.parts[0].text
    assert window.parts[1].text == line(6)
    assert window.parts[2].start == 100 + parts[0].text.index(line(7))
    assert " ".join(line(7).split()) in complaint


COUNTED = {
    "type": "object",
    "properties": {"lines": {"type": "array", "minItems": 2, "maxItems": 3, "items": {"type": "string"}}},
}


def test_items_are_counted_in_the_whole(tmp_path: Path) -> None:
    """A piece may have fewer items than the schema wants of a document; the whole that has too few, or too many, says so."""
    (tmp_path / "bill.json").write_text(json.dumps(COUNTED), encoding="utf-8")
    question = compile_question("bill.json", base=tmp_path)
    piece = of_pieces(question)
    assert "Items" not in json.dumps(piece.json_schema)
    assert (piece.name, piece.fingerprint) == (question.name, question.fingerprint)
    fitted = fit(piece, {"lines": []})
    assert (fitted.value, fitted.problems) == ({"lines": []}, [])
    assert fit(question, {"lines": []}).problems != []
    for number, words in (
        (1, "1 items, at least 2 are wanted"),
        (4, "4 items, at most 3 are wanted"),
        (2, ""),
    ):
        whole = check.counted(question, Record("d", "bill", {"lines": ["a"] * number}, (), "r"))
        assert whole.conflicts == ((f"lines: {words}",) if words else ())
        assert [(one.field, one.state, one.detail) for one in whole.evidence] == (
            [("lines", "missing", words)] if words else []
        )


def test_what_is_no_table_of_the_list_is_left_alone() -> None:
    """A few items, a list without places, and a table that no item is proved in are not judged."""
    parts = [part(list(map(line, range(20))))]
    assert check.short_lists(INVOICE, record(parts, range(3)), parts) == []
    assert check.short_lists(INVOICE, replace(record(parts, range(8)), evidence=()), parts) == []
    apart: list[Any] = [
        part([*map(line, range(8)), *["Prose that goes on and on."] * 12, *map(line, range(10, 18))])
    ]
    assert check.short_lists(INVOICE, record(apart, range(8)), apart) == []


def test_rows_and_prose_are_told_apart() -> None:
    """A row has numerals and few words; a sentence with a year or two is none."""
    text = "In 2019 the firm sold 30 more of them than in any of the years before.\n7  Bolt, blue  3  4.50  13.50\nA|1|2\n\nTotal 5\n"
    assert [text[row.start : row.end] for row in rows_in(text)] == ["7  Bolt, blue  3  4.50  13.50", "A|1|2"]
    assert item_tokens(INVOICE.fields) > 20
    assert item_tokens(compile_question("letter").fields) == 0


@pytest.mark.parametrize("sheet", slow_but(range(2), made(0.08)), ids=lambda sheet: sheet.name)
def test_what_a_reader_leaves_out_is_found_in_lists_of_all_kinds(sheet: Sheet) -> None:
    """A perfect reader is not asked again; of one in ten items left out, also in lists inside items, at least nine in ten are found."""
    question = question_of(sheet)
    parts = pack.whole(sheet.read(), count)
    window = Window(tuple(parts), 0)
    for gone in ((), planted(sheet, "10")):
        _, (found,) = answered(sheet, question, window, gone, "r")
        lines = [line for short in check.short_lists(question, found, parts) for line in short.left_out]
        first = {
            leaf.path[: len(path)]: leaf
            for path in gone
            for leaf in reversed(sheet.leaves)
            if leaf.path[: len(path)] == path
        }
        rows = Counter(sheet.pages[leaf.page - 1][leaf.start :].partition("\n")[0] for leaf in first.values())
        told = Counter(next((text for text in rows if line.text.endswith(text)), "") for line in lines)
        assert gone or not told
        assert (told & rows).total() >= 0.9 * rows.total()


def test_a_page_without_items_is_asked_about_and_not_marked() -> None:
    """Where lines say nothing of rows, a page between pages full of items that proves none is asked about; nobody says that it has some."""
    words = ["ann lee of ulm", "bo kay of bonn", "cleo may of rome", "dan roe of york"]
    texts = ["\n".join(f"{word} {page}" for word in words) for page in "abcde"]
    parts = [Part("d", number, 5, 0, len(text), text, 9) for number, text in enumerate(texts, 1)]
    quotes = [(one, line) for one in parts if one.page != 3 for line in one.text.splitlines()]
    proofs = [
        Evidence(
            f"line_items[{n}].description",
            line,
            "exact",
            one.page,
            one.text.index(line),
            one.text.index(line) + len(line),
            line,
        )
        for n, (one, line) in enumerate(quotes)
    ]
    said = Record(
        "d", "invoice", {"line_items": [{"description": line} for _, line in quotes]}, tuple(proofs), "r"
    )
    (short,) = check.short_lists(INVOICE, said, parts)
    assert {line.part.page for line in short.left_out} == {3}
    assert check.marked(said, [short]) == said


def test_a_part_of_an_entry_is_no_row() -> None:
    """A second line that most entries have is no row that was left out, though it looks like one."""
    names = [f"{'ABCDEFGHIJKL'[n]}{'abcdefghijkl'[n] * 3} bolt" for n in range(12)]
    parts = [part([text for name in names for text in (f"{name}  4   1.50   6.00", "Pack  5   2.50   7.00")])]
    starts = [parts[0].text.index(name) for name in names]
    proofs = [
        Evidence(f"line_items[{n}].description", name, "exact", 1, start, start + len(name), name)
        for n, (name, start) in enumerate(zip(names, starts, strict=True))
    ]
    items = [{"description": name} for name in names]
    assert (
        check.short_lists(INVOICE, Record("d", "invoice", {"line_items": items}, tuple(proofs), "r"), parts)
        == []
    )
