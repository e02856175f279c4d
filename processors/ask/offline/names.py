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
    is_person,
    name_in,
    traders,
    unsaluted,
    whole,
)
from octavo.processors.ask.offline.text_sheet import Sheet, SheetHit, folded

HEAD_LINES = 12  # of a document: where a letterhead stands
PARTY_LINES = 5  # below a label such as "Sold by": numbers of the party may stand before its name
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
    """Who issues a bill: behind its label; else the company that is named most often and is not the buyer; else the account's holder."""
    if labelled := _labelled(sheet, "seller", 0):
        return labelled
    other = folded(buyer_by_label(sheet) or "")
    named = [name for name in companies(sheet.lines) if folded(name) != other]
    if named:
        return _fullest(Counter(named))
    head = [line for line in sheet.lines[:HEAD_LINES] if line] if sheet.opens else []
    trader = next((name for name in traders(head[:5]) if folded(name) != other), None)
    return trader or _labelled(sheet, "seller", 1) or _unlabelled(sheet, other)


def merchant(sheet: Sheet) -> str | None:
    """The shop of a receipt: who sent it as a mail; else the first line like a firm, above an address, or like a name."""
    if not sheet.opens:
        return None
    head = [line for line in sheet.lines if line][:8]
    if any(line.startswith("From:") for line in head):
        return person(sheet, "sender")
    named = next(companies(whole(head[:6])), None) or next(traders(head[:4]), None)
    above = (
        line
        for line, below in pairwise(sheet.lines[:HEAD_LINES])
        if is_name(line) and not line.endswith(",") and _POSTAL.search(below)
    )
    return (
        named or next(above, None) or next((line for line in head if is_name(line) and ":" not in line), None)
    )


def buyer(sheet: Sheet) -> str | None:
    """Who is billed: behind its label, else the name above the first postal address that is not the seller's."""
    if labelled := buyer_by_label(sheet):
        return labelled
    other = folded(seller(sheet) or "")
    apart = (
        name
        for name in addressees(sheet)
        if not other or (folded(name) not in other and other not in folded(name))
    )
    return next(apart, None)


def buyer_by_label(sheet: Sheet) -> str | None:
    """Who is billed, as a label such as "Bill to" says."""
    return person(sheet, "buyer")


def person(sheet: Sheet, concept: str) -> str | None:
    """The name behind any label of a concept, such as `sender` or a user's own."""
    return _labelled(sheet, concept, 0) or _labelled(sheet, concept, 1)


def addressees(sheet: Sheet) -> Iterator[str]:
    """The first line of each postal address: up to three lines above street and place."""
    for number in range(2, len(sheet.lines)):
        place, street = sheet.lines[number], sheet.lines[number - 1]
        if len(place) < 60 and _POSTCODE.match(place) and re.search(r"\d", street) and len(street) < 60:
            names = []
            for line in reversed(sheet.lines[max(0, number - 1 - ABOVE_STREET) : number - 1]):
                if not line or len(line) > 50 or re.search(r"[\d:]", line) or not is_name(unsaluted(line)):
                    break
                names.append(unsaluted(line))
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


def _unlabelled(sheet: Sheet, other: str) -> str | None:
    """A person's name at the head of a bill that is neither the buyer nor part of an address."""
    name = next((line for line in sheet.lines[:8] if sheet.opens and is_person(line)), None)
    return name if name and folded(name) != other and name not in addressees(sheet) else None


def _labelled(sheet: Sheet, concept: str, tier: int) -> str | None:
    for rank, hit in sheet.of(concept):
        clear = sheet.announces(hit) or (sheet.begins(hit) and company_at_start(sheet.rest(hit)))
        if rank == tier and clear and (name := _name_at(sheet, hit)):
            return name
    return None


def _name_at(sheet: Sheet, hit: SheetHit) -> str | None:
    """The name of a label: behind it, else in the lines below, past numbers, notes and salutations."""
    if rest := sheet.rest(hit):
        return name_in(rest) if re.search(r"[^\W\d_]{2}", rest) else None
    below = [
        _NAME_LABEL.sub("", line, count=1)
        for line in sheet.lines[hit.line + 1 : hit.line + 1 + PARTY_LINES]
        if line
    ]
    for line, following in pairwise([*below, ""]):
        company = company_at_start(line)
        if not company and (":" in line or not is_name(unsaluted(line))):
            continue
        if (
            not company
            and following
            and company_at_start(following) == following
            and not re.search(r"\d", line)
        ):
            return f"{line} {following}"
        return name_in(line)
    return None


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
