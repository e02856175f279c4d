"""An answer in words and the pages it cites come in; which citations hold, and the answer without those that do not, go out.

    Brandt charged 130.00 in June [june/brandt.txt p. 1], 30 % more than in May [may/brandt.txt p. 1].

A citation holds when there is such a page, the page has to do with the sentence (a figure of it, most of its telling words, or it was
shown to who answered), and every figure of the sentence stands on a page that it cites or in the rows that the answer rests on. A figure
that the model worked out by itself is in neither, and its citation does not hold.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

LEAST_SHARE = 0.5  # of the telling words of a sentence without figures that have to stand on the page
MOST_PAGES = 20  # of one mark that are looked at
_MARK = re.compile(r"\[(?P<path>[^\[\]\n]{1,400}?),? +pp?\. ?(?P<pages>\d[\d ,;\u2013-]*)\]")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")
_NUMBER = re.compile(r"\d[\d.,'’\u00a0\u202f]*\d|\d")
_WORD = re.compile(r"[^\W\d_]{4,}|[\u3400-\u9fff]")

Place = tuple[str, int]  # path of a document, page from 1


@dataclass(frozen=True, slots=True)
class AnswerCitation:
    """A mark of an answer: the page that it names, and why it does not hold ("" when it does)."""

    path: str
    page: int
    trouble: str = ""


def marks(answer: str) -> list[Place]:
    """The pages that an answer cites, each once, in order."""
    return list(
        dict.fromkeys(
            (mark["path"], page) for mark in _MARK.finditer(answer) for page in _pages(mark["pages"])
        )
    )


def cited_answer(
    answer: str, pages: Mapping[Place, str], shown: Collection[Place], figures: Collection[str]
) -> tuple[str, list[AnswerCitation]]:
    """The answer with the marks that do not hold struck out, and every citation.

    `pages` are the texts of the pages that there are, `shown` those that the answer was given, `figures` those in its rows (`figures_in`).
    """
    found: list[AnswerCitation] = []
    struck: list[str] = []
    at = 0
    for start, end in _sentences(answer):
        own = list(_MARK.finditer(answer, start, end))
        claim = " ".join(_MARK.split(answer[start:end])[::3])
        behind = [(mark["path"], page) for mark in own for page in _pages(mark["pages"])]
        loose = _loose(claim, behind, pages, figures)
        for mark in own:
            checked = [
                AnswerCitation(*place, _trouble(claim, place, pages, shown) or loose)
                for place in ((mark["path"], page) for page in _pages(mark["pages"]))
            ]
            found += checked
            bad = any(one.trouble for one in checked)
            struck += [answer[at : mark.start()], f"~~{mark.group()}~~" if bad else mark.group()]
            at = mark.end()
    return "".join([*struck, answer[at:]]), list(dict.fromkeys(found))


def figures_in(text: str) -> set[str]:
    """All numbers of a text, in each way in which they may be read, without zeros that say nothing.

    >>> sorted(figures_in("1.234,50 EUR, 1,234 pieces, 100.00"))
    ['1.234', '100', '1234', '1234.5']
    """
    return {reading for number in _NUMBER.findall(text) for reading in _readings(number)}


def _readings(number: str) -> set[str]:
    """A last point or comma is that of decimals, or parts thousands where three digits follow it and no other mark stands before."""
    whole, mark, rest = re.fullmatch(r"(.*?)(?:([.,])(\d+))?", number).groups()  # type: ignore[union-attr] # it fits all
    digits = re.sub(r"\D", "", whole)
    together = (digits + (rest or "")).lstrip("0") or "0"
    if not mark or mark in whole:
        return {together}
    decimals = rest.rstrip("0")
    read = (digits.lstrip("0") or "0") + (f".{decimals}" if decimals else "")
    return {read, together} if len(rest) == 3 else {read}


def _sentences(answer: str) -> Iterator[tuple[int, int]]:
    """Where sentences begin and end, each with the marks behind it: a mark after a full stop belongs to what it follows."""
    masked = _MARK.sub(lambda mark: "\0" * len(mark.group()), answer)
    start = 0
    for gap in _SENTENCE_END.finditer(masked):
        if not masked.startswith("\0", gap.end()):
            yield start, gap.end()
            start = gap.end()
    yield start, len(answer)


def _pages(written: str) -> list[int]:
    """The pages of a mark: `3, 5-7` is 3, 5, 6, 7."""
    found: list[int] = []
    for piece in re.split(r"[,; ]+", re.sub(r" *[\u2013-] *", "-", written.strip())):
        first, _, last = piece.partition("-")
        if first.isdigit():
            end = int(last) if last.isdigit() else int(first)
            found += range(int(first), min(end, int(first) + MOST_PAGES) + 1)
    return list(dict.fromkeys(found))[:MOST_PAGES]


def _loose(
    claim: str, behind: Collection[Place], pages: Mapping[Place, str], figures: Collection[str]
) -> str:
    """A figure of a claim that stands neither on its pages nor in the rows, as a sentence; "" when there is none."""
    proved = set(figures).union(*(figures_in(pages.get(place, "")) for place in behind))
    for number in _NUMBER.findall(claim):
        if not _readings(number) & proved:
            return f"{number} stands neither on the page nor in the rows"
    return ""


def _trouble(claim: str, place: Place, pages: Mapping[Place, str], shown: Collection[Place]) -> str:
    """Why a page has nothing to do with a claim; "" when it has. A page that the answer was given may be what was computed from."""
    if place not in pages:
        return "there is no such page"
    if place in shown or figures_in(claim) & figures_in(pages[place]):
        return ""
    wanted = {word.casefold() for word in _WORD.findall(claim)}
    known = {word.casefold() for word in _WORD.findall(pages[place])}
    share = len(wanted & known) / max(1, len(wanted))
    return "" if share >= LEAST_SHARE else "neither its figures nor most of its words are on that page"
