"""Grounded values of one document come in; those that stand in a neighbour of the window, and not in their own document, go out.

Only the text of other documents is looked at, so that with one document in the window there are none. A number that follows from the
document, as its sums do, is nobody's. A short value stands in many documents: it tells something only where the neighbour's is its only
place in the window, and a short number only beside the label of its field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from octavo.processors.check.derived import NUMBERS, is_derived, is_sum_of
from octavo.processors.check.ground import FieldValue
from octavo.processors.check.hits import Hit, Span
from octavo.processors.check.label_lines import label_spans
from octavo.processors.check.validate import shown
from octavo.processors.check.window_text import WindowText
from octavo.schemas.columns import written

COMMON_CHARACTERS = 4  # shorter values stand in many documents


def crossed_values(
    leaves: Iterable[FieldValue], record: Mapping[str, Any], source: WindowText, document: str
) -> dict[str, str]:
    """By path, why a value is refused. A document that is seen as a picture may say more than its text, so none of its values is."""
    own = source.spans[document]
    others = [span for span in ((0, own[0]), (own[1], len(source.text))) if span[0] < span[1]]
    if source.is_seen(document) or len(source.spans) < 2:
        return {}
    missing = (leaf for leaf in leaves if not leaf.is_proved or (leaf.hit and leaf.hit.noisy))
    return {
        leaf.path: f"{quoted(leaf)} does not stand in this document, only in another"
        for leaf in missing
        if _is_of_neighbour(leaf, record, source, document, others)
    }


def quoted(leaf: FieldValue) -> str:
    """A value for a sentence."""
    return shown(leaf.value if leaf.kind == "text" else written(leaf.value))


def _is_of_neighbour(
    leaf: FieldValue, record: Mapping[str, Any], source: WindowText, document: str, others: list[Span]
) -> bool:
    if leaf.kind in NUMBERS:
        number = Decimal(str(leaf.value))
        is_own = number == 0 or leaf.hit is not None or is_derived(leaf.field, leaf.value, record)
        return (
            not is_own
            and _is_telling(leaf, source, others)
            and not is_sum_of(number, source.figures.last_column(source.spans[document]))
        )
    return _is_telling(leaf, source, others)


def _is_telling(leaf: FieldValue, source: WindowText, others: list[Span]) -> bool:
    """Whether a neighbour has a value in a way that shows where it came from."""
    if leaf.kind == "text" and len(leaf.value.strip()) >= COMMON_CHARACTERS:
        return source.finds_plainly(leaf.value, *others)
    places = [
        (hit, span) for span in others for hit in source.places(leaf.field, leaf.value, span) if hit.proves
    ]
    if leaf.kind not in NUMBERS and leaf.kind != "text":
        return bool(places)
    if any(_is_long(source.quote(hit)) for hit, _ in places if leaf.kind != "text"):
        return True
    is_only = len(places) == 1
    return is_only and (_is_word(leaf) or _is_labelled(leaf, source, *places[0]))


def _is_long(quote: str) -> bool:
    return len(re.sub(r"[^\d.,]", "", quote)) >= COMMON_CHARACTERS


def _is_word(leaf: FieldValue) -> bool:
    """Whether a short value is a text of two characters or more."""
    return leaf.kind == "text" and len(leaf.value.strip()) > 1


def _is_labelled(leaf: FieldValue, source: WindowText, hit: Hit, span: Span) -> bool:
    """Whether a place stands beside the label of its field."""
    lines = label_spans([leaf.field], source.text, span).get(leaf.field.name, ())
    return any(start <= hit.start and hit.end <= end for start, end in lines)
