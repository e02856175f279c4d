"""Names made to fit: a key of a user's schema or the name of its file comes in; a name that a column or table can have goes out.

fitted("Invoice Number", taken)   Invoice_Number
fitted("größe", taken)            grosse
fitted("2nd line", taken)         n2nd_line
fitted("json", taken)             json_       since pydantic has it
"""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import count
from unicodedata import normalize

from pydantic import BaseModel

LONGEST = 63  # characters of a name in SQL
OWN_COLUMNS = frozenset(  # of every table of answers
    (
        "document",
        "path",
        "engine",
        "model",
        "question",
        "question_fingerprint",
        "run",
        "former",
        "inbox",
        "request",
        "conflicts",
    )
)
_TAKEN = {"anyOf", "required", "additionalProperties"}  # MFJS takes no property of these names
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d"})


def fitted(name: str, taken: Collection[str] = (), *, own: Collection[str] = ()) -> str:
    """The name itself where it can be a column; else the nearest that can, and that is none of `taken`. `own` are columns of ours."""
    plain = normalize("NFKD", name.translate(_LETTERS))
    base = re.sub(r"[^A-Za-z0-9_]+", "_", "".join(one for one in plain if one.isascii() or one.isalnum()))
    base = base if name == base else base.strip("_")
    if not base.strip("_"):
        base = "field"
    if not base[0].isalpha():
        base = f"n{base}" if base[0].isdigit() else base.lstrip("_") or "field"
        base = base if base[0].isalpha() else f"n{base}"
    used = {one.casefold() for one in (*taken, *own)}
    for number in count():
        made = base[: LONGEST - 4 * bool(number)] + ("_" if number == 1 else f"_{number}" if number else "")
        if made.casefold() not in used and not hasattr(BaseModel, made) and made not in _TAKEN:
            return made
    raise AssertionError  # there is always another number


def table_name(name: str) -> str:
    """The name of a table in snake case: `PurchaseOrder` becomes purchase_order, `2024 Größen` t_2024_grossen."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    plain = normalize("NFKD", spaced.translate(_LETTERS))
    made = re.sub(
        r"[^a-z0-9_]+", "_", "".join(one for one in plain if one.isascii() or one.isalnum()).lower()
    )
    made = made.strip("_") if made.strip("_") != made and made != spaced.lower() else made
    made = f"t_{made}" if made[:1].isdigit() else made or "answers"
    return made[:LONGEST]
