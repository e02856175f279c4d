"""Scholarly papers: what is needed to cite them, and the abstract."""

from __future__ import annotations

from pydantic import BaseModel, Field

from octavo.schemas.fields import lengthy


class Paper(BaseModel):
    """A scholarly paper, preprint or thesis. Answer about the paper itself, never about the works it cites."""

    title: str = Field(description="Title with subtitle, on one line; not the name of the journal.")
    authors: list[str] = Field(
        description="Authors in printed order, names only, without titles, marks and affiliations."
    )
    abstract: str | None = Field(
        default=None,
        description="The abstract, copied whole and word for word; null if there is none.",
        json_schema_extra=lengthy(260),
    )
    keywords: list[str] = Field(description="Keywords listed as such; empty if there is no such list.")
    publication_date: str | None = Field(
        default=None, description="Day, month or year of publication as written; not of submission."
    )
    doi: str | None = Field(
        default=None, description="DOI of this paper, starting with 10., without an address before it."
    )
