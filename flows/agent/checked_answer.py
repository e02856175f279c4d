"""What a model answered and what its tools have shown come in; the answer that is shown to a person goes out, checked.

Citations that do not hold are struck out, links that no page has shown are left out, marks that steer a terminal or a browser are taken
away, and figures that nobody gave are named; each of it is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from octavo.flows.agent.plain_words import inert, inert_name, visible, without_links
from octavo.flows.agent.toolbox import ToolFindings
from octavo.flows.lookups import Lookups
from octavo.processors.check import records as check

MOST_CITED = 200  # pages of an answer that are looked at
_HOLDER = "\ue000{}\ue001"  # stands for a mark while links are taken out; signs of private use, which an answer has no use for
_HELD = re.compile("\ue000(\\d+)\ue001")
_PRIVATE = re.compile("[\ue000\ue001]")
_YEAR_OR_SMALL = re.compile(r"(?:19|20)\d\d|[12]?\d|3[01]")  # figures of a question that an answer may repeat


@dataclass(slots=True)
class AgentAnswer:
    """An answer with all that it rests on. `notices` are sentences about what was struck, left out, tried or cut."""

    question: str
    text: str
    statements: list[str]
    columns: list[str]
    rows: list[list[Any]]
    citations: list[check.AnswerCitation]
    charts: list[str]
    notices: list[str] = field(default_factory=list)
    calls: int = 0
    cost_usd: float = 0.0
    from_ledger: bool = False


async def checked(question: str, said: str, shown: ToolFindings, lookups: Lookups) -> AgentAnswer:
    """The answer to show."""
    said = _PRIVATE.sub("", said)
    own = check.marks(said, await lookups.paths_meant(check.cited_names(said)))
    places = list(dict.fromkeys(place for mark in own for place in mark.places))
    pages = await lookups.page_texts(places[:MOST_CITED])
    asked = {one for one in check.figures_in(question) if _YEAR_OR_SMALL.fullmatch(one)}
    seen = asked.union(*map(check.figures_in, shown.words))
    found, invented = check.cited_answer(said, own, pages, shown.pages, shown.figures, seen)
    text, left_out = _shown(said, found, [*shown.words, *pages.values()])
    citations = list(dict.fromkeys(one for mark in found for one in mark.citations))
    rows = shown.rows
    return AgentAnswer(
        question,
        text,
        shown.statements,
        rows.columns if rows else [],
        rows.rows if rows else [],
        citations,
        shown.charts,
        [inert(one) for one in _notices(citations, invented, left_out, shown)],
    )


def _shown(said: str, found: list[check.CheckedMark], texts: list[str]) -> tuple[str, int]:
    """An answer with its marks in one form, those that do not hold struck out, without links; and how many links were left out."""
    pieces, at = [], 0
    for number, mark in enumerate(found):
        pieces += [said[at : mark.start], _HOLDER.format(number)]
        at = mark.end
    plain, left_out = without_links("".join([*pieces, said[at:]]), texts)
    return _HELD.sub(lambda held: _mark(found[int(held[1])]), plain), left_out


def _mark(mark: check.CheckedMark) -> str:
    """A mark as it is shown, with the whole path of each document."""
    pages: dict[str, list[int]] = {}
    for one in mark.citations:
        pages.setdefault(one.path, []).append(one.page)
    named = (
        f"{inert_name(path)} p{'p' * (len(own) > 1)}. {', '.join(map(str, own))}"
        for path, own in pages.items()
    )
    shown = f"[{'; '.join(named)}]"
    return shown if mark.holds else f"~~{shown}~~"


def _notices(
    citations: list[check.AnswerCitation], invented: list[str], left_out: int, shown: ToolFindings
) -> Iterator[str]:
    if left_out:
        yield f"{left_out} links or pictures were left out of the answer: no page has shown them."
    for one in citations:
        if one.trouble:
            yield f"A citation does not hold and is struck out: [{one.path} p. {one.page}] ({one.trouble})."
    if invented:
        yield f"Neither a row nor a page gives {', '.join(invented)}: the model has worked it out or made it up."
    if shown.rows and len(shown.rows.rows) < shown.rows.total_rows:
        yield f"The last statement gives {shown.rows.total_rows:,} rows; {len(shown.rows.rows)} of them were looked at."
    for sentence in shown.failed:
        yield f"The model tried what failed or is not allowed: {sentence}"


def remarks(answer: AgentAnswer) -> Iterator[str]:
    """What to say below an answer: what it rests on, what was found wrong, and what it cost."""
    for statement in answer.statements:
        yield f"SQL: {visible(statement)}"
    yield from answer.notices
    paid = "from the ledger, free" if answer.from_ledger else f"${answer.cost_usd:.4f}"
    yield f"{answer.calls} calls of tools; {paid}."
