"""CSV: whatever the delimiter, a row is a line."""

from __future__ import annotations

import pytest

from octavo.processors.read import delimited
from octavo.processors.read.content import ReadLimits, Source


def text(data: bytes) -> str:
    """The text of a file of one page."""
    (leaf,) = delimited.read(Source(data, ReadLimits())).leaves
    return leaf.text


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_delimiter_gives_the_same_rows(delimiter: str, end: str) -> None:
    """The delimiter is found by the rows it makes; quotes hold delimiters, quotes and line ends."""
    lines = [
        ["item", "price", "note"],
        ["bolts", '"1,5"', '"say ""hi"""'],
        ["nuts", "2", f'"two{end}lines; a, b"'],
    ]
    data = end.join(delimiter.join(line) for line in lines).encode()
    assert text(data) == 'item | price | note\nbolts | 1,5 | say "hi"\nnuts | 2 | two lines; a, b'


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"sep=;\r\na;b\r\n1;2\r\n", "a | b\n1 | 2"),
        (b"name\nAnna\nBob, the elder\nCleo\nDan\n", "name\nAnna\nBob, the elder\nCleo\nDan"),
        (b"Preis;Menge\n1,50;2\n2,75;3\n", "Preis | Menge\n1,50 | 2\n2,75 | 3"),
        ("item;count\r\nbolts;200\r\n".encode("utf-16"), "item | count\nbolts | 200"),
        (b"Report of May\n\na,b\n1,2\n3,4\n", "Report of May\n\na | b\n1 | 2\n3 | 4"),
        (b'a,"unclosed\n1,2', "a | unclosed 1,2"),
    ],
)
def test_odd_files(data: bytes, words: str) -> None:
    """Excel's line for the delimiter, one column, decimal commas, UTF-16, a title above the table, a quote left open."""
    assert text(data) == words


def test_long_files_are_cut_between_rows() -> None:
    """The pages of a long file together hold each row once and whole."""
    lines = [f"{number};item {number};{number}.50" for number in range(3000)]
    leaves = delimited.read(Source("\n".join(lines).encode(), ReadLimits())).leaves
    assert len(leaves) > 5
    assert "\n".join(leaf.text for leaf in leaves).splitlines() == [
        line.replace(";", " | ") for line in lines
    ]


def test_a_giant_cell_is_read() -> None:
    """A cell may be longer than the 131,072 characters that the csv module allows by itself."""
    leaves = delimited.read(Source(b'a,b\n1,"' + b"x" * 200_000 + b'"\n', ReadLimits())).leaves
    assert sum(leaf.text.count("x") for leaf in leaves) == 200_000
