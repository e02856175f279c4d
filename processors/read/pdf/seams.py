"""The words of a page in; the same words out, parted where PDFium runs together what stands in different cells.

    Qty 257   ->   Qty 2 5 7        (digits of a column that stand over each other)
    08.01.2026Incoming   ->   08.01.2026 Incoming        (what is drawn so close that no space is seen)

Imports `chars`, which holds PDFium's calls.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Sequence
from itertools import pairwise

from octavo.processors.read.pdf.chars import Box, PageChars, Word, shown

_SEAM = re.compile(
    r"\d[^\W\d_]{2}|[^\W\d_]{2}\d|\d[.,]\d\d-?[\d(]"
)  # where a number may meet what is not part of it
_SEAM_GAP = 0.08  # heights of a line
_HIGH = 1.6  # times the usual height: not of one line
_UPRIGHT = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # scripts that are set from the top down


def parted(sheet: PageChars, words: Sequence[Word]) -> list[Word]:
    """The words, those that PDFium runs together parted."""
    usual = statistics.median([word.top - word.bottom for word in words]) if words else 0.0
    return [part for word in words for part in _parts_of(sheet, word, usual)]


def _parts_of(sheet: PageChars, word: Word, usual: float) -> Iterable[Word]:
    own = sheet.text[word.start : word.end]
    is_high = len(own) > 1 and word.top - word.bottom > _HIGH * usual
    if not (is_high and not _UPRIGHT.search(own)) and not _SEAM.search(own):
        return [word]
    letters = [Word(at, at + 1, *box) for at, box in _boxes_of(sheet, range(word.start, word.end))]
    lying = sum(letter.right - letter.left > letter.top - letter.bottom for letter in letters)
    if lying * 2 > len(letters):  # turned text, whose letters follow each other up or down the page
        return [word]
    ends = [
        number
        for number, (one, two) in enumerate(pairwise(letters), start=1)
        if (one.bottom >= two.top if is_high else two.left - one.right > _SEAM_GAP * (one.top - one.bottom))
    ]
    return [
        Word(letters[first].start, letters[end - 1].end, *_around(letters[first:end]))
        for first, end in pairwise([0, *ends, len(letters)])
    ]


def _boxes_of(sheet: PageChars, places: Sequence[int]) -> Iterable[tuple[int, Box]]:
    return zip(places, zip(*shown(sheet, places), strict=True), strict=True)


def _around(words: Sequence[Word]) -> Box:
    """The box around some words."""
    return (
        min(word.left for word in words),
        min(word.bottom for word in words),
        max(word.right for word in words),
        max(word.top for word in words),
    )
