"""A summary and the pages of its document come in; the evidence of each of its passages goes out, page by page.

    The bridge closes in June [p. 3]. A ferry runs [p. 3, 7].      is two passages, the second of which rests on two pages

A passage is what ends with a mark of pages. It stands on them `exact` word for word, `loose` when most of its words are there, and is
`missing` when they are not, when there are no such pages, or when it has no mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from octavo.schemas.pipeline import Evidence, Part

LEAST_SHARE = 0.5  # of the telling words of a passage that have to stand on its pages
MOST_PAGES = 20  # of one mark that are looked at
FIELDS = ("text", "points")  # of a summary, which are said in its own words; quotes are proved like any value
_MARK = re.compile(r"\s*[\[(（【]pp?\.\s*(?P<pages>\d[\d\s,;–-]*)[\])）】]\s*[.!?。！？]?", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{4,}|\d[\d.,]*|[\u3400-\u9fff]")


def cited(value: Mapping[str, Any], parts: Sequence[Part]) -> list[Evidence]:
    """Evidence of the passages of a summary. Their paths are numbered: `text[0]`, `points[2]`."""
    pages: dict[int, str] = {}
    for part in parts:
        pages[part.page] = pages.get(part.page, "") + part.text
    words = {page: set(map(_plain, _WORD.findall(text))) for page, text in pages.items()}
    passages = list(_passages(value.get("text") or ""))
    named = [(f"text[{n}]", *passage) for n, passage in enumerate(passages)]
    for n, point in enumerate(value.get("points") or []):
        named += [(f"points[{n}]", *passage) for passage in _passages(point or "")]
    return list(
        chain.from_iterable(_evidence(path, said, numbers, pages, words) for path, said, numbers in named)
    )


def _passages(text: str) -> Iterator[tuple[str, list[int]]]:
    """The passages of a text without their marks, each with its pages."""
    at = 0
    for mark in _MARK.finditer(text):
        if said := text[at : mark.start()].strip():
            yield said, _numbers(mark["pages"])
        at = mark.end()
    if re.search(r"\w", text[at:]):
        yield text[at:].strip(), []


def _numbers(written: str) -> list[int]:
    """The pages of a mark: `3, 5-7` is 3, 5, 6, 7."""
    found: list[int] = []
    for piece in re.split(r"[,;\s]+", re.sub(r"\s*[–-]\s*", "-", written.strip())):
        first, _, last = piece.partition("-")
        if first.isdigit():
            found += range(
                int(first), min(int(last) if last.isdigit() else int(first), int(first) + MOST_PAGES) + 1
            )
    return list(dict.fromkeys(found))[:MOST_PAGES]


def _evidence(
    path: str, said: str, numbers: Sequence[int], pages: Mapping[int, str], words: Mapping[int, set[str]]
) -> Iterator[Evidence]:
    """One row a page that is there; one without a page when there is none."""
    wanted = set(map(_plain, _WORD.findall(said)))
    there = [number for number in numbers if number in pages]
    known = set[str]().union(*(words[number] for number in there))
    share = len(wanted & known) / max(1, len(wanted))
    for number in there:
        if found := _found(said, pages[number]):
            quote = found.group()
            yield Evidence(path, said, "exact" if quote in said else "loose", number, *found.span(), quote)
        else:
            yield Evidence(path, said, "loose" if share >= LEAST_SHARE else "missing", number)
    if not there:
        yield Evidence(path, said, "missing")


def _found(said: str, text: str) -> re.Match[str] | None:
    """A passage word for word, with line breaks where the page has them."""
    return re.search(r"\s+".join(map(re.escape, said.rstrip(".!?。！？").split())), text)


def _plain(word: str) -> str:
    return word.casefold().rstrip(".,")
