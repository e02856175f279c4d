"""Word files that are made to cost: small ones that claim much, deep ones, and ones that say the same a thousand times."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from octavo.processors.read.content import ReadLimits, Source
from octavo.processors.read.pages import FoundFile, Reader, discover
from octavo.processors.read.word.document import read
from octavo.processors.read.word.package import Package
from octavo.schemas.errors import DocumentError
from tests.documents import hostile
from tests.documents.make import docx, listed, p, table
from tests.documents.word import (
    deep_controls,
    deep_fractions,
    level,
    levels,
    run,
    unclosed_fields,
    with_files,
)


def text(data: bytes) -> str:
    """All the text of a file."""
    return "\n".join(leaf.text for leaf in read(Source(data, ReadLimits())).leaves)


def test_claims_of_size_make_nothing() -> None:
    """A list mark of a hundred thousand characters and a span over a hundred million stay small."""
    long = level("decimal", "%1" * 50_000)
    assert len(text(docx(listed("x", 1) * 100, parts={"n.xml": levels(long)}))) < 40_000
    span = '<w:tcPr><w:gridSpan w:val="100000000"/></w:tcPr>' + p("a")
    assert len(text(docx(table([span, "b"])))) < 300


def test_letters_end_somewhere() -> None:
    """A count that would take megabytes of one letter is written in digits; one that no list reaches counts as none."""
    start = level("lowerLetter", "%1").replace('w:val="1"', 'w:val="{}"', 1)
    assert text(docx(listed("x", 1), parts={"n.xml": levels(start.format(99_999_999))})) == "99999999 x"
    assert text(docx(listed("x", 1), parts={"n.xml": levels(start.format("9" * 5000))})) == "a x"


@pytest.mark.parametrize(
    "make", [deep_controls, deep_fractions, unclosed_fields], ids=lambda make: make.__name__
)
def test_depth_and_disorder_lose_nothing(make: object, tmp_path: Path) -> None:
    """Deep nesting and fields without end are read in a worker within its limits, with what stands innermost or last."""
    assert callable(make)
    (tmp_path / "a.docx").write_bytes(make())
    with Reader(ReadLimits(workers=1, memory_bytes=600 << 20)) as reader:
        entries = [entry for entry in discover(tmp_path, ReadLimits()) if isinstance(entry, FoundFile)]
        (reading,) = asyncio.run(reader.read(entries))
    assert reading.document.status == "ok", reading.document.detail
    assert any(word in reading.pages[0].text for word in ("core", "1/1", "after all"))


def test_the_same_part_is_not_taken_in_twice() -> None:
    """A part of a megabyte that is asked for ten thousand times comes once: text parts, charts and notes alike."""
    part = b"word " * 200_000
    data = with_files(docx('<w:altChunk r:id="a.txt"/>' * 10_000), {"a.txt": ("aFChunk", part)})
    assert len(text(data)) < 1_100_000
    notes = f'<w:footnotes><w:footnote w:id="2">{p("word " * 200_000)}</w:footnote></w:footnotes>'
    calls = '<w:r><w:footnoteReference w:id="2"/></w:r>' * 10_000
    assert len(text(docx(f"<w:p>{calls}</w:p>", parts={"f.xml": ("footnotes", notes)}))) < 1_100_000


def test_word_files_in_word_files_end() -> None:
    """Word files that are taken in by Word files are one text to a bounded depth; what lies deeper is a document of its own, not lost."""
    data = docx(p("level 0"))
    for number in range(1, 6):
        data = with_files(
            docx(p(f"level {number}") + '<w:altChunk r:id="a.docx"/>'), {"a.docx": ("aFChunk", data)}
        )
    assert text(data).split("\n") == ["level 5", "level 4", "level 3"]
    (inner,) = read(Source(data, ReadLimits())).inner
    assert text(inner.data).split("\n") == ["level 2", "level 1", "level 0"]


def test_the_body_is_a_stream() -> None:
    """The tree of a long body is never whole in memory: what was handed out is dropped, and nothing is left out."""
    package = Package(Source(docx(f"<w:p>{run('x' * 20)}</w:p>" * 40_000), ReadLimits()))
    sizes = [len(item.getparent()) if number % 1000 == 0 else 0 for number, item in enumerate(package.body())]
    assert len(sizes) == 40_000
    assert max(sizes) < 8_000


def test_no_entity_and_no_bomb_gets_through_a_side_door() -> None:
    """A document type in a note, a list, a style sheet or a header is refused as it is in the body."""
    bomb = b'<!DOCTYPE d [<!ENTITY a "lol">]><notes/>'
    for kind in ("footnotes", "numbering", "styles", "header"):
        with pytest.raises(DocumentError, match="document type"):
            text(with_files(docx(p("x")), {"f.xml": (kind, bomb)}))
    assert text(hostile.wide_table()) == "wide"
