"""Resumes: who a person is, what they did and what they know."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Position(BaseModel):
    """One post held. Two posts at one employer are two entries."""

    employer: str = Field(description="Company or institution; name only.")
    position: str | None = Field(default=None, description="Job title as written.")
    start_date: str | None = Field(default=None, description="Start as written: 03/2019, March 2019.")
    end_date: str | None = Field(default=None, description="End as written, also present or heute.")


class Degree(BaseModel):
    """One course of study or training. Skip single courses and certificates."""

    institution: str = Field(description="School or university; name only.")
    degree: str | None = Field(default=None, description="Degree and subject as written: BSc Physics.")
    year: int | None = Field(
        default=None,
        ge=1900,
        le=2100,
        description="Year it was finished, four digits; for a span, the last year.",
    )


class Resume(BaseModel):
    """A resume or curriculum vitae: one person's account of their working life."""

    name: str = Field(description="Full name of the person, without titles.")
    email: str | None = Field(default=None, description="First e-mail address.")
    phone: str | None = Field(default=None, description="First telephone number as written.")
    location: str | None = Field(
        default=None, description="Where the person lives, as written; not where they worked."
    )
    headline: str | None = Field(
        default=None, description="Line below the name that says what they do; not a whole profile text."
    )
    skills: list[str] = Field(
        description="Skills listed as such, each on its own; none drawn from the job descriptions."
    )
    experience: list[Position] = Field(description="Posts held, in printed order.")
    education: list[Degree] = Field(description="Studies and training, in printed order.")
