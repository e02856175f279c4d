"""Contracts and agreements: who agreed on what, from when to when, under which law."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, Field

from octavo.schemas.fields import IMPLIED, Money


class Contract(BaseModel):
    """A contract or agreement between two or more parties, signed or not.

    Answer from this contract's own clauses, not from agreements it cites, replaces or attaches as forms.
    """

    title: str = Field(description="Title as printed at the head.")
    contract_type: str | None = Field(
        default=None,
        description="Kind in a few words: non-disclosure, lease, employment, services.",
        json_schema_extra=IMPLIED,
    )
    parties: list[str] = Field(
        description="Full names of the companies or persons bound by it, each once; not roles, addresses, signatories or witnesses."
    )
    effective_date: date | None = Field(
        default=None, description="Day it takes effect; if none is named, the day it is dated."
    )
    expiration_date: date | None = Field(
        default=None, description="Day it ends, only if a date is printed; not computed from the term."
    )
    term: str | None = Field(
        default=None, description="How long it lasts, as written: 2 years, until terminated."
    )
    governing_law: str | None = Field(
        default=None, description="State or country whose law governs; name only: Delaware, Germany."
    )
    termination_notice: str | None = Field(
        default=None, description="Notice period to end it, as written: 30 days' written notice."
    )
    contract_value: Money | None = Field(
        default=None, description="Total price if one is agreed; not a rate, fee per unit, cap or penalty."
    )
    currency: str | None = Field(
        default=None,
        min_length=3,
        max_length=3,
        description="ISO 4217 code of contract_value, from code or sign.",
        json_schema_extra=IMPLIED,
    )
