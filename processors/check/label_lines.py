"""The fields of a record and the text of a document come in; the lines on which the label of each field stands go out.

A label is what the name of a field says (`due_date`), or an example in brackets in its description (`subtotal, Nettobetrag`). A line that
has more of the label of another field is that one's: `Due date` is no line of `issue_date`. Where a line holds no figure, the value may
stand in the next.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from octavo.processors.check.hints import phrases
from octavo.processors.check.hits import Span
from octavo.schemas.pipeline import Field

LEAST_SHARE = 0.5  # of the words of a label that have to stand on its line
MOST_LINES = 12  # of one field that are looked at
_ENDING = r"[^\W\d_]{0,2}"  # of a word in another form: totals
Phrase = frozenset[str]


def label_spans(fields: Sequence[Field], text: str, within: Span) -> dict[str, list[Span]]:
    """By field, the lines in a part of the text in which its label stands, as spans, with the next line where that holds the value."""
    wanted = {field.name: phrases(field.name, field.description) for field in fields}
    lines = _words_by_line(
        {word for own in wanted.values() for phrase in own for word in phrase}, text, within
    )
    found: dict[str, list[tuple[int, int]]] = {name: [] for name in wanted}
    for start, words in lines.items():
        shown = {
            name: max((phrase & words for phrase in own), key=len, default=Phrase())
            for name, own in wanted.items()
        }
        for name, own in wanted.items():
            share = max((len(phrase & words) / len(phrase) for phrase in own), default=0)
            if share >= LEAST_SHARE and not any(shown[name] < other for other in shown.values()):
                found[name].append((len(shown[name]), start))
    return {name: [_span(text, start, within) for start in _best(ranked)] for name, ranked in found.items()}


def _best(ranked: Sequence[tuple[int, int]]) -> list[int]:
    """The lines with most of the label."""
    most = max((words for words, _ in ranked), default=0)
    return [start for words, start in ranked if words == most][:MOST_LINES]


def _words_by_line(words: set[str], text: str, within: Span) -> Mapping[int, Phrase]:
    """By where a line begins, which of these words stand on it."""
    if not words:
        return {}
    any_word = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    form = re.compile(rf"(?<![^\W\d_])({any_word}){_ENDING}(?![^\W\d_])", re.IGNORECASE)
    lines: dict[int, Phrase] = {}
    for match in form.finditer(text, *within):
        start = max(text.rfind("\n", 0, match.start()) + 1, within[0])
        lines[start] = lines.get(start, Phrase()) | {match[1].casefold()}
    return lines


def _span(text: str, start: int, within: Span) -> Span:
    """A line; with the next one that is not empty, where it has no figure itself."""
    end = _line_end(text, start, within)
    if any(map(str.isdigit, text[start:end])):
        return start, end
    following = end
    while following < within[1] and text[following].isspace():
        following += 1
    return start, _line_end(text, following, within)


def _line_end(text: str, start: int, within: Span) -> int:
    end = text.find("\n", start, within[1])
    return within[1] if end < 0 else end
