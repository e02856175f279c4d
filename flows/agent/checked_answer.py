"""What a model answered and what its tools have shown come in; the answer that is shown to a person goes out, checked.

Citations that do not hold are struck out, links that no tool has shown are left out, marks that steer a terminal or a browser are taken
away; each of it is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from octavo.flows.agent.toolbox import ToolFindings
from octavo.flows.lookups import Lookups
from octavo.processors.check import records as check
from octavo.schemas.errors import SettingsError

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_LABELLED = re.compile(r"!?\[([^\]\n]*)\]\(([^)\n]*)\)")  # links and pictures of Markdown
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]*>|<!--.*?-->", re.DOTALL)
_ADDRESS = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,20}://|\b(?:mailto|data|javascript):|\bwww\.)[^\s<>\"'`|]+", re.IGNORECASE
)
LEFT_OUT = "(link left out)"


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
    text, left_out = without_links(said, shown.texts)
    pages = await _texts(lookups, check.marks(text))
    text, citations = check.cited_answer(text, pages, shown.pages, shown.figures)
    notices = (
        [f"{left_out} links or pictures were left out of the answer: no tool has shown them."]
        if left_out
        else []
    )
    notices += [
        f"A citation does not hold and is struck out: [{one.path} p. {one.page}] ({one.trouble})."
        for one in citations
        if one.trouble
    ]
    notices += [f"The model tried what failed or is not allowed: {sentence}" for sentence in shown.failed]
    rows = shown.rows
    return AgentAnswer(
        question,
        text,
        shown.statements,
        rows.columns if rows else [],
        rows.rows if rows else [],
        citations,
        shown.charts,
        notices,
    )


def without_links(said: str, texts: Sequence[str]) -> tuple[str, int]:
    """An answer in which nothing is fetched or followed: labels instead of links, and only addresses that stand in `texts`.

    An address that a model puts together may carry what it has read to whoever owns it.
    """
    left_out = 0

    def label(match: re.Match[str]) -> str:
        nonlocal left_out
        left_out += 1
        name = match.group(1)
        return f"[{name}]" if check.marks(f"[{name}]") else name

    def address(match: re.Match[str]) -> str:
        nonlocal left_out
        written = match.group().rstrip(".,;:!?)")
        if any(written in text for text in texts):
            return match.group()
        left_out += 1
        return LEFT_OUT + match.group()[len(written) :]

    plain = _TAG.sub(lambda _: "", _LABELLED.sub(label, _CONTROLS.sub("", said)))
    left_out += len(_TAG.findall(said))
    return _ADDRESS.sub(address, plain), left_out


async def _texts(lookups: Lookups, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """The texts of the pages that are cited, as far as there are such pages."""
    found: dict[tuple[str, int], str] = {}
    for path, page in places:
        try:
            found[path, page] = await lookups.page_text(path, page)
        except SettingsError:
            continue  # there is no such page, which is what the check says
    return found


def remarks(answer: AgentAnswer) -> Iterator[str]:
    """What to say below an answer: what it rests on, what was found wrong, and what it cost."""
    for statement in answer.statements:
        yield f"SQL: {statement}"
    yield from answer.notices
    paid = "from the ledger, free" if answer.from_ledger else f"${answer.cost_usd:.4f}"
    yield f"{answer.calls} calls of tools; {paid}."
