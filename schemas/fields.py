"""Words that a schema may use beside pydantic's own: nothing comes in, types and marks for fields go out.

    total: Money | None = Field(default=None, description="Amount to pay.")
    currency: str = Field(description="ISO 4217 code.", json_schema_extra=IMPLIED)

In a JSON Schema file the same is `"multipleOf": 0.01`, `"grounded": false` and
`"required_evidence": true`. Fields of one record are proved or exempt one by
one at the top level only, because evidence is required by column.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field
from pydantic.config import JsonDict

Money = Annotated[Decimal, Field(decimal_places=2)]
"""An amount of money: DECIMAL with two digits after the point. More digits are an error, never rounded away."""

IMPLIED: JsonDict = {"grounded": False}
"""Marks a field whose value may be implied by the document (EUR by the sign) and so need not stand in it word for word."""


PROVED: JsonDict = {"required_evidence": True}
"""Marks a field whose value is refused when it does not stand in the document; it is asked again, and null in the end."""


def lengthy(tokens: int) -> JsonDict:
    """Marks a text that is longer than a name or a line: about `tokens` tokens are expected in the reply."""
    return {"expected_tokens": tokens}


def rules(*lines: str) -> JsonDict:
    """Comparisons between the fields of a model, for its `ConfigDict(json_schema_extra=...)`: what does not hold is doubted.

    See `octavo.schemas.arithmetic` for what a line may say. In a JSON Schema file the same is `"rules": [...]` at the root.
    """
    return {"rules": list(lines)}
