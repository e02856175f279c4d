"""What the engine made of the lines of a picture in; out: the page's text with how sure each word is, and how much it could not read.

The engine's models know the letters of Latin alphabets (but for those of Vietnamese), Chinese and Japanese. Of any other it leaves
letters out or writes ones that look alike, and is sure of it: `Cro     or  one`, 0.96. So ink is counted where no letter was seen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from octavo.processors.read.legible import is_wordless
from octavo.processors.read.ocr_lines import Box

SURE = 0.8  # a word below it may be misread
_INK = 0.12  # share of a line's height that is dark where a letter stands; a rule has less
_REACH = 0.6  # of a line's height: as far from where it was seen a letter may reach
_LOST = 0.3  # share of a line's ink without letters, from which on the line was not read
_UNREAD = 0.4  # share of the length of all lines ...
_LEAST_UNREAD = 12  # ... and letters that must stand there, so that a spot on a photo is no text
_UNSURE_NOISE = 0.93  # less sure than this of what makes no words: it is noise
_ALL_UNSURE, _LEAST_WORDS = 0.8, 6  # share of the words that may be misread: look-alikes of another script
_FOREIGN = re.compile(
    "[\u0370-\u03ff\u1f00-\u1fff]"
)  # Greek, whose accented letters the engine does not know
_VIETNAMESE = re.compile(
    "[ơưƠƯ]"
)  # which no other language has; it needs 100 letters more than the engine knows
_MANY_FOREIGN = 0.3  # share of the letters


@dataclass(frozen=True, slots=True)
class SeenLine:
    """A line as the engine sees it: corners on the upright picture, and the share of its ink where no letter was seen."""

    text: str  # "" where it is not sure at all
    box: Box
    corners: Any
    sure: float
    unread: float

    @property
    def is_unread(self) -> bool:
        """Whether it was not read, or with many of its letters left out."""
        return not self.text or is_lost(self.unread)


@dataclass(frozen=True, slots=True)
class SeenPage:
    """The text of a page by OCR; `words` are start, end and how sure the engine is of each, 0 to 1."""

    text: str = ""
    words: tuple[tuple[int, int, float], ...] = field(default=(), repr=False)
    lines: int = 0  # that were seen ...
    unread: int = 0  # ... and of these not read
    is_noise: bool = False  # the script is not one that the engine reads, so the text is none
    quarters: int = 0  # by which the picture had to be turned to the left

    @property
    def unsure(self) -> int:
        """Words that may be misread."""
        return sum(sure < SURE for _, _, sure in self.words)


def page(rows: Sequence[Sequence[Box]], lines: Sequence[SeenLine], quarters: int = 0) -> SeenPage:
    """The page of boxes that are in reading order, one row a line."""
    texts: list[str] = []
    words: list[tuple[int, int, float]] = []
    at = 0
    for row in rows:
        for box in row:
            words += [(at + start, at + end, sure) for start, end, sure in box.words]
            at += len(box.text) + 1
        texts.append(" ".join(box.text for box in row))
    text = "\n".join(texts)
    unread = sum(line.is_unread for line in lines if _letters(line) > 1)
    return SeenPage(text, tuple(words), len(lines), unread, _is_noise(text, lines), quarters)


def words(text: str, sure: float, each: Sequence[float]) -> tuple[tuple[int, int, float], ...]:
    """The words of a line with how sure the engine is of the doubtfullest letter of each; of the line where it does not say.

    >>> words("To tal", 0.9, [1.0, 0.7, 1.0, 1.0, 1.0, 1.0])
    ((0, 2, 0.7), (3, 6, 1.0))
    """
    text, first = text.strip(), len(text) - len(text.lstrip())
    told = each[first:] if len(each) == len(text) + first or len(each) > len(text) + first else ()
    return tuple(
        (*one.span(), round(float(min(told[one.start() : one.end()], default=sure)), 3))
        for one in re.finditer(r"\S+", text)
    )


def is_lost(unread: float) -> bool:
    """Whether a line was read with many of its letters left out, by the share of its ink where none was seen."""
    return unread > _LOST


def is_ideographic(text: str) -> bool:
    """Whether most of a text is Chinese or Japanese."""
    return len(text) > 1 and sum(char >= "\u2e80" for char in text) * 2 > len(text)


def unread_share(cutout: Any, columns: Sequence[float]) -> float:
    """Share of a line's columns of ink that are far from any letter that was seen; `columns` say where across it, 0 to 1."""
    import cv2
    import numpy as np

    height, width = cutout.shape[:2]
    grey = cv2.cvtColor(cutout, cv2.COLOR_BGR2GRAY)
    _, dark = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
    if dark.mean() > 0.5:
        dark = 1 - dark
    inked = np.flatnonzero(dark.mean(axis=0) > _INK)
    if not len(inked):
        return 0.0
    if not len(columns):
        return 1.0
    places = np.asarray(columns) * width
    far = np.abs(inked[:, None] - places[None, :]).min(axis=1) > _REACH * height
    return float(far.mean())


def _letters(line: SeenLine) -> float:
    """How many letters a line may hold, by its shape."""
    return 2 * (line.box.right - line.box.left) / max(1.0, line.box.height)


def _is_noise(text: str, lines: Sequence[SeenLine]) -> bool:
    """Whether what was read is of a script that the engine does not know."""
    total = sum(map(_letters, lines))
    lost = sum(_letters(line) for line in lines if line.is_unread)
    if lost >= _LEAST_UNREAD and lost > _UNREAD * total:
        return True
    letters = sum(map(str.isalpha, text))
    if len(_FOREIGN.findall(text)) > _MANY_FOREIGN * letters or len(_VIETNAMESE.findall(text)) > 2:
        return True
    read = [line for line in lines if line.text]
    sure = sum(line.sure * _letters(line) for line in read) / max(1.0, sum(map(_letters, read)))
    if sure < _UNSURE_NOISE and is_wordless(text):
        return True
    words = [word for line in read for word in line.box.words]
    return len(words) >= _LEAST_WORDS and sum(one < SURE for *_, one in words) > _ALL_UNSURE * len(words)
