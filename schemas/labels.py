"""Labels: what people read in a document, which is what answers are measured by. Foreign text, so pydantic checks it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Labels(BaseModel):
    """The right answer to one question about one document."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)

    document: str = Field(description="Path below the inbox.")
    question: str | None = Field(
        alias="schema",
        description="The schema, as --extract names it; null for a document that no question is about.",
    )
    values: dict[str, Any] | None = Field(
        default=None,
        description="Field to value as JSON; null for no such value, {'any_of': [...]} for several spellings. "
        "Null for a document that is not of this kind.",
    )
    pages: dict[str, int] = Field(
        default_factory=dict, description="Path of a field, such as total, to the page it stands on, from 1."
    )
