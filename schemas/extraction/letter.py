"""Letters and e-mails: from whom, to whom, when and about what."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, Field


class Letter(BaseModel):
    """A letter or e-mail. With replies quoted below, answer about the newest message only."""

    sender: str = Field(
        description="Person who wrote it, else the organisation on the letterhead; name only."
    )
    recipient: str = Field(description="Person it is addressed to, else the organisation; name only.")
    letter_date: date | None = Field(default=None, description="Date of the letter; not a date it speaks of.")
    subject: str | None = Field(
        default=None, description="Subject line as written, without Re: or Betreff:; null if there is none."
    )
