"""Summaries: every passage is proved on the pages that it names."""

from __future__ import annotations

import pytest

from octavo.processors.check.citations import cited
from octavo.schemas.pipeline import Part

TEXTS = [
    "The bridge closes in June.\nIt was built 1911.",
    "A ferry carries walkers across\nthe river Elm until August.",
    "Costs: 45,000 euros.",
]
PAGES = [Part("d", number, 3, 0, len(text), text, 0) for number, text in enumerate(TEXTS, 1)]


@pytest.mark.parametrize(
    ("text", "proofs"),
    [
        ("The bridge closes in June [p. 1].", [("exact", 1, "The bridge closes in June")]),
        (
            "A ferry carries walkers across the river Elm [p. 2].",
            [("loose", 2, "A ferry carries walkers across\nthe river Elm")],
        ),
        ("Walkers cross the river by ferry until August. [p. 2]", [("loose", 2, "")]),
        ("Dragons burned the palace yesterday [p. 2].", [("missing", 2, "")]),
        ("The bridge closes in June [p. 9].", [("missing", None, "")]),
        ("The bridge closes in June.", [("missing", None, "")]),
        ("Bridge closes, ferry carries walkers [pp. 1-2].", [("loose", 1, ""), ("loose", 2, "")]),
        (
            "It was built 1911 [p. 1]. Costs: 45,000 euros [p. 3].",
            [("exact", 1, "It was built 1911"), ("exact", 3, "Costs: 45,000 euros")],
        ),
    ],
)
def test_a_passage_is_proved_where_it_says(text: str, proofs: list[tuple[str, int | None, str]]) -> None:
    """Word for word is exact, most of its words loose; other words, other pages and no mark are missing."""
    found = cited({"text": text, "points": []}, PAGES)
    assert [(one.grade, one.page, one.quote) for one in found] == proofs
    assert all(
        PAGES[(one.page or 1) - 1].text[one.start : one.end] == one.quote for one in found if one.quote
    )


def test_points_are_numbered() -> None:
    """The evidence of a point has its number in its path, that of a text the number of the passage."""
    found = cited(
        {"text": "It was built 1911 [p. 1]. It is old.", "points": ["Costs: 45,000 euros [p. 3]", "Nothing"]},
        PAGES,
    )
    assert [one.field for one in found] == ["text[0]", "text[1]", "points[0]", "points[1]"]
    assert cited({"text": None, "points": None}, PAGES) == []
