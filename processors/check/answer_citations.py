"""An answer in words and the pages it cites come in; which citations hold, and where its marks stand, go out.

    Brandt charged 130.00 in June [june/brandt.txt p. 1], 30 % more than in May [may/brandt.txt p. 1].

A citation holds when there is such a page, the page has to do with the sentence (a figure of it, most of its telling words, or it was
shown to who answered), and every figure of the sentence stands on a page that it cites or in the rows that the answer rests on. A figure
that the model worked out by itself is in neither, and its citation does not hold; without a citation it is told.

Names of files may have brackets, commas and whatever else: a mark is what names a path that there is. So the names that may be meant
(`cited_names`) are looked up first. It imports `answer_figures`, which knows what numbers mean, and `answer_marks`, which finds marks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from octavo.processors.check.answer_figures import figures_in, unproved
from octavo.processors.check.answer_marks import CitationMark, Place, cited_names, marks

__all__ = ["AnswerCitation", "CheckedMark", "cited_answer", "cited_names", "figures_in", "marks", "unproved"]

LEAST_SHARE = 0.5  # of the telling words of a sentence without figures that have to stand on the page
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")
_WORD = re.compile(r"[^\W\d_]{4,}|[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class AnswerCitation:
    """A mark of an answer: the page that it names, and why it does not hold ("" when it does)."""

    path: str
    page: int
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class CheckedMark:
    """Where a mark stands in the answer (end excluded), and what became of its pages."""

    start: int
    end: int
    citations: tuple[AnswerCitation, ...]

    @property
    def holds(self) -> bool:
        """Whether all its pages do."""
        return not any(one.trouble for one in self.citations)


def cited_answer(
    answer: str,
    own: Sequence[CitationMark],
    pages: Mapping[Place, str],
    shown: Collection[Place],
    figures: Collection[str],
    seen: Collection[str],
) -> tuple[list[CheckedMark], list[str]]:
    """What became of each mark (`marks`), and the figures of sentences without one that nothing gives.

    `pages` are the texts of the pages that there are, `shown` those that the answer was given, `figures` those in its rows (`figures_in`),
    `seen` those of everything else that proves a sentence without a mark: words of pages, the question.
    """
    checked: list[CheckedMark] = []
    invented: list[str] = []
    everything = set(figures).union(seen, *(figures_in(text) for text in pages.values()))
    for start, end in _sentences(answer, own):
        inside = [mark for mark in own if start <= mark.start < end]
        claim = _without(answer, start, end, inside)
        if not inside:
            invented += unproved(claim, everything, figures)
            continue
        behind = [place for mark in inside for place in mark.places]
        loose = _loose(claim, behind, pages, figures)
        for mark in inside:
            judged = (
                AnswerCitation(*place, _trouble(claim, place, pages, shown) or loose) for place in mark.places
            )
            checked.append(CheckedMark(mark.start, mark.end, tuple(judged)))
    return checked, list(dict.fromkeys(invented))


def _sentences(answer: str, own: Sequence[CitationMark]) -> Iterator[tuple[int, int]]:
    """Where sentences begin and end, each with the marks behind it: a mark after a full stop belongs to what it follows."""
    masked = _without(answer, 0, len(answer), own, "\0")
    start = 0
    for gap in _SENTENCE_END.finditer(masked):
        if not masked.startswith("\0", gap.end()):
            yield start, gap.end()
            start = gap.end()
    yield start, len(answer)


def _without(answer: str, start: int, end: int, own: Sequence[CitationMark], fill: str = " ") -> str:
    """A piece of an answer with its marks filled up."""
    pieces, at = [], start
    for mark in own:
        pieces += [answer[at : mark.start], fill * (mark.end - mark.start)]
        at = mark.end
    return "".join([*pieces, answer[at:end]])


def _loose(
    claim: str, behind: Collection[Place], pages: Mapping[Place, str], figures: Collection[str]
) -> str:
    """A figure of a claim that stands neither on its pages nor in the rows, as a sentence; "" when there is none."""
    names = (figures_in(path) for path, _ in behind)
    proved = set(figures).union(*names, *(figures_in(pages.get(place, "")) for place in behind))
    missing = unproved(claim, proved, figures)
    return f"{missing[0]} stands neither on the page nor in the rows" if missing else ""


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
