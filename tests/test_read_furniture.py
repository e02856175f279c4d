"""Running headers and footers: what is marked, and what never is."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from octavo.processors.read.pdf.furniture import EDGE_LINES, LARGEST_SHARE, repeated

BODY = "Some {0} words of this page alone, enough of them that a header is a small part of it.\nAnd a second line on {0}, as long."


def pages(*lines: str, count: int = 4) -> list[str]:
    """Pages with a line on top; `{n}` in it is the page's number."""
    return [
        "\n".join([*(line.format(n=n) for line in lines), BODY.format("abcdefgh"[n])]) for n in range(count)
    ]


def marked(texts: list[str]) -> list[str]:
    """What is marked on each page."""
    return [
        "".join(text[start:end] for start, end in spans)
        for text, spans in zip(texts, repeated(texts), strict=True)
    ]


def test_header_is_marked_but_for_its_first_page() -> None:
    """A line that stands on top of every page counts once."""
    assert marked(pages("Annual report")) == ["", *["Annual report\n"] * 3]


def test_number_of_the_page_may_change() -> None:
    """A footer that counts pages is furniture although no two are the same."""
    texts = ["\n".join([BODY.format("abcd"[n]), f"Page {n + 7} of 90"]) for n in range(4)]
    assert marked(texts) == ["", "Page 8 of 90", "Page 9 of 90", "Page 10 of 90"]


def test_amounts_are_no_furniture() -> None:
    """A line whose numbers neither stay nor count pages says something on each page."""
    texts = [
        "\n".join([BODY.format("abcd"[n]), f"Carried forward {amount}"])
        for n, amount in enumerate((120, 95, 300, 20))
    ]
    assert marked(texts) == [""] * 4


def test_a_line_on_two_pages_of_many_is_no_furniture() -> None:
    """Only what stands on three pages runs; in a document of two pages both are enough."""
    texts = pages("Annual report", count=5)
    others = [
        "\n".join([f"Chapter of {'xyz'[n]}", text.split("\n", 1)[1]]) if n < 3 else text
        for n, text in enumerate(texts)
    ]
    assert marked(others) == [""] * 5
    assert marked(texts[:2]) == ["", "Annual report\n"]


def test_a_bare_number_must_count_pages() -> None:
    """The same number under every page may be a piece of a formula; one that counts is the page's."""
    assert marked([f"{BODY.format('abcd'[n])}\n2" for n in range(4)]) == [""] * 4
    assert marked([f"{BODY.format('abcd'[n])}\n- {n + 2} -" for n in range(4)]) == [
        "",
        "- 3 -",
        "- 4 -",
        "- 5 -",
    ]


def test_header_of_a_chapter_is_marked_within_it() -> None:
    """Headers that change by chapter are marked from the second page of each."""
    texts = [f"Part {'one' if n < 3 else 'two'}\n{BODY.format('abcdef'[n])}" for n in range(6)]
    assert marked(texts) == ["", "Part one\n", "Part one\n", "", "Part two\n", "Part two\n"]


LINES = st.lists(
    st.sampled_from(
        ["Header", "Page 1", "Page 2", "Page 3", "7", "", "Total 12", "Words and words of one page"]
    ),
    max_size=12,
)


@given(st.lists(LINES.map("\n".join), max_size=8))
def test_spans_are_sound(texts: list[str]) -> None:
    """Spans lie in their page, in order and apart, hold whole lines, stay within the share, and stand on an earlier page too."""
    spans = repeated(texts)
    assert len(spans) == len(texts)
    for number, (text, found) in enumerate(zip(texts, spans, strict=True)):
        places = [place for span in found for place in span]
        assert places == sorted(places)
        assert all(0 <= start < end <= len(text) for start, end in found)
        assert all(one[1] < two[0] for one, two in pairwise(found))
        assert all(
            (start == 0 or text[start - 1] == "\n") and (end == len(text) or text[end - 1] == "\n")
            for start, end in found
        )
        assert sum(end - start for start, end in found) <= len(text) * LARGEST_SHARE
        earlier = {shape(line) for other in texts[:number] for line in other.split("\n")}
        lines = [line for start, end in found for line in text[start:end].split("\n") if line.strip()]
        assert len(lines) <= 2 * EDGE_LINES
        assert {shape(line) for line in lines} <= earlier


def shape(line: str) -> str:
    """A line without the value of its numbers."""
    return "".join("0" if char.isdigit() else char for char in line)
