"""Who: seller, buyer and shop of a bill, the names behind labels, and addresses. A sheet in, texts of it out.

It imports `sheet`, since every rule asks a sheet where labels stand, and `firms`, which knows what a name looks like.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from octavo.processors.ask.offline.firms import (
    companies,
    company_at_start,
    is_name,
    name_in,
    unsaluted,
    whole,
)
from octavo.processors.ask.offline.text_sheet import Sheet, SheetHit, folded

PARTY_LINES = 5  # below a label such as "Sold by": numbers of the party may stand before its name
HEAD_LINES = 12  # of a document: where a letterhead stands
ADDRESS_LINES = 6
ABOVE_STREET = 3  # lines of a postal address above its street: name, department, person

_NAME_LABEL = re.compile(
    r"(?:company |full )?(?:name|nom|naam|nombre|nome|名称|firma)\s*[:：]\s*", re.IGNORECASE
)
_POSTCODE = re.compile(
    r"\b(?:[A-Z]{1,2}[- ])?\d{4,6}(?![\da-z])(?: ?[A-Z]{2}\b)?,? *[^\W\d_]{2}|[^\d\n]{0,40}[A-Z]{2},? \d{5}\b|"
    r"[^\d\n]{0,40}\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b"
)
_POSTAL = re.compile(
    r"^\d+[\w/-]* [^\W\d_]{3}[^:]*,|^[^\W\d_]{3}[^:\d]* \d+\w?, "
)  # a number and a street, and more behind a comma
_NO_ADDRESS = re.compile(
    r"\b(?:tel|tlf|fax|gst|invoice|taxinvoice|receipt|kvittering|tax|cash|co\.? ?reg|reg|org|date|dato|datum|rechnung|beleg|facture|bill|"
    r"table|phone|check|guest|sales?|welcome)\b",
    re.IGNORECASE,
)


def seller(sheet: Sheet) -> str | None:
    """Who issues a bill: behind its label; else the company named most often that is no other's name; else the name at the head."""
    others = {folded(name) for name in (buyer_by_label(sheet), *_named(sheet, "delivery")) if name}
    first = next((name for line in sheet.lines[:3] if sheet.opens and (name := name_in(line))), None)
    head = first if first and folded(first) not in others else None
    counts = Counter(name for name in companies(sheet.lines) if folded(name) not in others)
    for name in addressees(sheet):
        if (
            counts[name] == 1 and name != head
        ):  # who is written to is named once, who writes also at head or foot
            del counts[name]
    return (
        next(_named(sheet, "seller", 1), None)
        or (_fullest(counts) if counts else None)
        or head
        or person(sheet, "seller")
    )


def merchant(sheet: Sheet) -> str | None:
    """The shop of a receipt: who sent it as a mail; else the company at its head, else a name above an address, else the first."""
    if not sheet.opens:
        return None
    head = [line for line in sheet.lines if line][:8]
    if any(line.startswith("From:") for line in head):
        return person(sheet, "sender")
    found = [line for line in head if is_name(line) and ":" not in line and not line.endswith(",")]
    above = (
        line for line, below in pairwise(sheet.lines[:HEAD_LINES]) if line in found and _POSTAL.search(below)
    )
    return next(companies(whole(head[:6])), None) or next(above, None) or next(iter(found), None)


def buyer(sheet: Sheet) -> str | None:
    """Who is billed: behind its label, else the name above the first postal address that is not the seller's or of a delivery."""
    others = {folded(name) for name in (seller(sheet), *_named(sheet, "delivery")) if name}
    apart = (
        name
        for name in addressees(sheet)
        if not any(one in folded(name) or folded(name) in one for one in others)
    )
    return buyer_by_label(sheet) or next(apart, None)


def buyer_by_label(sheet: Sheet) -> str | None:
    """Who is billed, as a label such as "Bill to" says."""
    return person(sheet, "buyer")


def person(sheet: Sheet, concept: str) -> str | None:
    """The name behind any label of a concept, such as `sender` or a user's own."""
    return next(_named(sheet, concept), None)


def addressees(sheet: Sheet) -> Iterator[str]:
    """The first line of each postal address: up to three lines above street and place."""
    for number in range(2, len(sheet.lines)):
        place, street = sheet.lines[number], sheet.lines[number - 1]
        if len(place) < 60 and _POSTCODE.match(place) and re.search(r"\d", street) and len(street) < 60:
            names = []
            for above in range(number - 2, max(-1, number - 2 - ABOVE_STREET), -1):
                line = unsaluted(sheet.lines[above])
                is_label = above in sheet.labelled and not company_at_start(line)
                if not line or is_label or len(line) > 50 or re.search(r"[\d:]", line) or not is_name(line):
                    break
                names.append(line)
            if names:
                yield names[-1]


def merchant_address(sheet: Sheet) -> str | None:
    """The address of a shop: the lines below its name that make one, joined by spaces."""
    name = merchant(sheet) or ""
    for start, line in enumerate(sheet.lines):
        if (
            line
            and name
            and (line.startswith(name) or name.endswith(line))
            and (address := _address_below(sheet, start))
        ):
            return address
    return None


def _fullest(counts: Counter[str]) -> str:
    """The commonest name; a longer name that ends with it and stands there too is the whole of it."""
    best = max(counts, key=counts.__getitem__)
    return max((name for name in counts if name.endswith(best)), key=len)


def _named(sheet: Sheet, concept: str, tiers: int = 2) -> Iterator[str]:
    """The names behind the labels of a concept, those of the surest tiers first."""
    for rank, hit in sheet.of(concept):
        clear = sheet.announces(hit) or (sheet.begins(hit) and company_at_start(sheet.rest(hit)))
        if rank < tiers and clear and (name := _name_at(sheet, hit)):
            yield name


def _name_at(sheet: Sheet, hit: SheetHit) -> str | None:
    """The name of a label: behind it, else in its column below, else in the lines below, past numbers and salutations."""
    if rest := sheet.rest(hit):
        return name_in(rest) if re.search(r"[^\W\d_]{2}", rest) else None
    if cell := sheet.below(hit):
        return name_in(sheet.text[slice(*cell)])
    for number in range(hit.line + 1, min(hit.line + 1 + PARTY_LINES, len(sheet.lines))):
        line = _NAME_LABEL.sub("", sheet.lines[number], count=1)
        if line and (company_at_start(line) or (":" not in line and is_name(unsaluted(line)))):
            return f"{line} {sheet.lines[number + 1]}" if _goes_on(sheet, number) else name_in(line)
    return None


def _goes_on(sheet: Sheet, number: int) -> bool:
    """Whether the next line is nothing but a company with which a name goes on: `Bei` above `Spiel GmbH`."""
    below = sheet.lines[number + 1] if number + 1 < len(sheet.lines) else ""
    line = sheet.lines[number]
    return (
        bool(below)
        and company_at_start(below) == below
        and not company_at_start(line)
        and not re.search(r"\d", line)
    )


def _address_below(sheet: Sheet, start: int) -> str | None:
    lines: list[str] = []
    for line in sheet.lines[start + 1 : start + 3 + ADDRESS_LINES]:
        if _is_address(line, first=not lines):
            lines.append(line)
        elif lines:
            break
    text = " ".join(lines[:ADDRESS_LINES])
    return text if re.search(r"\d", text) else None


def _is_address(line: str, *, first: bool) -> bool:
    """Whether a line can be part of an address: words, in the first line with a number or comma, and no word of another line."""
    if (
        len(line) > 90
        or ":" in line
        or not re.search(r"[^\W\d_]{2}", line)
        or re.search(r"@|www\.|\d{1,2}:\d{2}", line)
    ):
        return False
    if first and not re.search(r"\w.*\d.* |,|\w \d", line.strip("()")):
        return False
    return not _NO_ADDRESS.search(line)
