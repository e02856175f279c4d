"""Summaries: a document in short, with the sentences it rests on. The style decides the shape, never the columns."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel, Field

from octavo.schemas.fields import IMPLIED


class Summary(BaseModel):
    """A summary of the document, in the language of the document.

    Say only what the document says: no opinion, no outside knowledge, no "this document". Keep names, numbers and dates exact.
    End every sentence of text and every point with the pages it rests on, before the full stop: [p. 3] or [p. 3, 7].
    """

    text: str = Field(description="The summary itself, with marks of pages.", json_schema_extra=IMPLIED)
    points: list[str] = Field(
        description="The points, each with its pages, without a bullet sign; empty if the style has none.",
        json_schema_extra=IMPLIED,
    )
    quotes: list[str] = Field(
        max_length=3,
        description="Up to three whole sentences copied word for word from the document, on which the summary rests.",
    )


class Style(NamedTuple):
    """One shape of summary: what is added to the instruction, and how many tokens a reply is expected to have."""

    words: str
    reply_tokens: int
    aliases: tuple[str, ...] = ()


STYLES = {
    "paragraph": Style(
        "Style: text is one paragraph of three to five sentences; points is empty.",
        reply_tokens=260,
        aliases=("one-paragraph", "short"),
    ),
    "bullets": Style(
        "Style: text is one sentence; points are three to seven facts of at most 25 words, the weightiest first.",
        reply_tokens=300,
        aliases=("bullet", "bullet-points", "points"),
    ),
    "executive": Style(
        "Style: for a reader who has to decide. text is two or three short paragraphs: what it is about, what matters and why, "
        "what follows; points are the decisions, amounts, deadlines and risks it names.",
        reply_tokens=520,
        aliases=("exec", "executive-summary"),
    ),
}
