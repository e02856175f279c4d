"""Answers: a mark is found whatever its file is called, and a figure holds when a page or the rows give it."""

from __future__ import annotations

import pytest

from octavo.processors.check.answer_citations import cited_answer, cited_names, figures_in, marks, unproved

ODD = [
    "invoice [final].pdf",
    "a [b] [c].pdf",
    "[draft].pdf",
    "x].pdf",
    "y[.pdf",
    "June (copy), 2.pdf",
    "scan p. 3.pdf",
    "x p. 1].txt",
    "Счёт №5.pdf",
    "发票【终】.pdf",
    "فاتورة ١.pdf",
    "[click](www.evil.example).md",
    "a; b p. 2.pdf",
    'it\'s "so" & <so>.pdf',
]


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize(
    "form", ["It is so [{} p. 2].", "- [{}, page 2]", "So [{} pp. 2], [{} p. 2] 【{} 第2页】"]
)
def test_a_mark_is_found_whatever_the_file_is_called(name: str, form: str) -> None:
    """Every mark in an answer names the file, and nothing else."""
    answer = form.replace("{}", name)
    known = {one: one for one in cited_names(answer) if one == name}
    assert known
    found = marks(answer, known)
    assert [mark.places for mark in found] == [((name, 2),)] * form.count("{}")
    assert all(answer[mark.start] in "[【" and answer[mark.end - 1] in "]】" for mark in found)


@pytest.mark.parametrize(
    ("answer", "places"),
    [
        ("So [a.txt p. 1; b.txt pp. 2-3].", [("a.txt", 1), ("b.txt", 2), ("b.txt", 3)]),
        ("So [a.txt p. 1, b.txt p. 2].", [("a.txt", 1), ("b.txt", 2)]),
        ("So [`a.txt` p. 1] [b\\.txt p. 1]", [("a.txt", 1), ("b\\.txt", 1)]),
        ("So [no [one].pdf p. 4] here", [("no [one].pdf", 4)]),
        ("See [1] and [no.pdf p. 4]", [("no.pdf", 4)]),
        ("See a.txt p. 1] and [b.txt]", []),
        ("[a.txt\np. 1]", []),
        ("[ p. 1]", []),
    ],
)
def test_marks_of_several_and_of_none(answer: str, places: list[tuple[str, int]]) -> None:
    """A mark may name several documents; one that names none is found too, so that it can be struck out."""
    known = {name: name for name in cited_names(answer) if name in ("a.txt", "b.txt")}
    assert [place for mark in marks(answer, known) for place in mark.places] == places


def test_a_name_swallows_no_other_mark() -> None:
    """A file that is called like two marks takes none of them: the first end counts."""
    answer = "Paid [a.txt p. 1] and [b.txt p. 1]."
    known = {name: name for name in cited_names(answer)}
    assert "a.txt p. 1] and [b.txt" in known
    assert [mark.places for mark in marks(answer, known)] == [(("a.txt", 1),), (("b.txt", 1),)]


@pytest.mark.parametrize(
    ("claim", "rows", "missing"),
    [
        ("The sum is 1,234.50 EUR", "1234.5", []),
        ("Die Summe ist 1.234,50 EUR", "1234.5", []),
        ("La somme est 1 234,50", "1234.5", []),
        ("The sum is 1,234.51", "1234.5", ["1,234.51"]),
        ("It rose by 33.3 %", "0.33333333", []),
        ("It rose by 33 percent", "0.33333333", []),
        ("It rose by 30 %", "0.3", []),
        ("On average 12.35", "12.345678", []),
        ("On average 12.3", "12.36", ["12.3"]),
        ("It costs 100", "99.6", ["100"]),
        ("Am 04.05.2026 und 4.5.26", "2026-05-04", []),
        ("On 2026-05-04", "04.05.2026", []),
        ("On 17.05.2026", "2026-05-04", ["17.05.2026"]),
        ("On 05.05.2026", "2026-06-05 and 2026-05-06", ["05.05.2026"]),
        ("On 5 May 2026", "2026-06-05 and 2026-05-06", ["5 May 2026"]),
        ("On May 5th, 2026", "due 05/05/2026", []),
        ("In May 2026", "2026-05-06", []),
        ("Le total est 1 250,00", "1 chaise, 250,00 EUR", ["1 250,00"]),
        ("Le total est 1 250,00", "Total 1 250,00 EUR", []),
        ("1. In Q2 it was 80", "80", []),
        ("المبلغ ١٣٠", "130", []),
        ("EUR130 and 131", "130", ["131"]),
    ],
)
def test_a_figure_is_read_as_people_write_it(claim: str, rows: str, missing: list[str]) -> None:
    """Thousands, decimals, dates, percentages and rounded quotients are those of the rows; money is not rounded."""
    assert unproved(claim, figures_in(rows), figures_in(rows)) == missing


def test_figures_without_a_mark_are_told() -> None:
    """A figure that neither rows nor pages give is told also where a sentence cites nothing."""
    answer = "Brandt charged 130 [a.txt p. 1]. Together they charged 210. In all 9999."
    own = marks(answer, {"a.txt": "a.txt"})
    found, invented = cited_answer(answer, own, {("a.txt", 1): "Total: 130 EUR"}, set(), {"210"}, set())
    assert [mark.holds for mark in found] == [True]
    assert invented == ["9999"]
