"""Single values of a known form beside their labels: a sheet and a concept in, a value of the text out, or None.

It imports `sheet`, since every rule asks a sheet where labels stand, and `labels` to tell known concepts from a user's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

from octavo.processors.ask.offline.field_labels import CONCEPTS, words
from octavo.processors.ask.offline.text_sheet import Sheet, SheetHit, folded
from octavo.schemas.text.values import FoundValue, currency_in

DATE_REACH = 60  # characters behind a label in which its date begins
HEAD = 3000  # characters in which the date of a contract or a letter stands
LONGEST_TEXT = 200
LONGEST_MEANS = 40  # characters of a way to pay; more is a sentence in which it is named
MOST_NAMES = 50  # places of a name that are compared
SHORTEST_PHONE = 8  # digits of a number that no label calls a telephone

_SIGN = r"(?:(?:nr|no|num|number|nummer|numero|n°|nº|id|idnr|reg|#|№)(?![^\W\d_])[.:°]*[\s:#.|]*)"
_ID = r"#?\s?((?:[A-Za-z]{2,3} (?=\d))?\w[\w./-]*)"
_TAX_ID = re.compile(
    rf"{_SIGN}*((?:[A-Za-z]{{2,3}}[ -]?)?[A-Z]{{0,2}}\d[\w./]*(?:[ .-]\d[\dA-Z]*)*(?: (?:MWST|TVA|IVA|MVA)\b)?)",
    re.IGNORECASE,
)
_IDENTIFIER = re.compile(rf"{_SIGN}*{_ID}", re.IGNORECASE)
_LONG_TOKEN = re.compile(r"((?=[\w./-]*\d)\w[\w./-]{3,})")
_NUMBERED = re.compile(rf"[^\d:\n]{{0,40}}?(?<![^\W\d_]){_SIGN}{_ID}", re.IGNORECASE)
_PATTERNS = {
    "email": re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}"),
    "url": re.compile(r"(?:https?://|www\.)[^\s<>\"|]{3,200}"),
    "iban": re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
    "phone": re.compile(
        r"(?<![\w/.-])(?:\+|00)?\(?\d{1,4}\)?(?:[ ./()-]{1,2}\d{2,7}){1,6}(?!\w)|(?<![\w/.-])\+?\d{6,15}(?!\w)"
    ),
    "time": re.compile(r"(?<![\d:])(?:[01]?\d|2[0-3]) ?: ?[0-5]\d(?: ?: ?[0-5]\d)?(?: ?[AaPp]\.?[Mm]\b\.?)?"),
}
_PAYMENTS = re.compile(
    r"\b(?:visa|master ?card|amex|american express|maestro|ec-karte|girocard|kreditkarte|credit card|debit card|paypal|apple pay|"
    r"google pay|cash|bargeld|espèces|contant|efectivo|contanti|überweisung|bank transfer|carte bancaire|alipay|wechat)\b|支付宝|微信|现金",
    re.IGNORECASE,
)
_YES = re.compile(r"(?:yes|ja|oui|sí|si|true|y|x|☒|☑|✓|是)(?!\w)", re.IGNORECASE)
_NO = re.compile(r"(?:no|nein|non|nee|false|n|☐|否)(?!\w)", re.IGNORECASE)


def dated(sheet: Sheet, concept: str) -> FoundValue[date] | None:
    """The first date behind, below or beside a label of the concept."""
    return next((found for _, hit in sheet.of(concept) if (found := _date_at(sheet, hit))), None)


def issued(sheet: Sheet) -> FoundValue[date] | None:
    """The date of a document: behind its own label; else after the document's number; else behind "Date"; else the first in the text."""
    for rank, hit in sheet.of("issue_date"):
        if rank == 0 and (found := _date_at(sheet, hit)):
            return found
    numbered = _identifier_at(sheet, "invoice_number")
    after = sheet.within(sheet.dates, numbered[1], numbered[1] + DATE_REACH) if numbered else ()
    return (
        next(iter(after), None)
        or dated(sheet, "issue_date")
        or (next(iter(sheet.dates), None) if sheet.opens else None)
    )


def in_force(sheet: Sheet) -> FoundValue[date] | None:
    """The day from which a contract holds: behind its label, else the first date at its head."""
    first = next(iter(sheet.within(sheet.dates, 0, HEAD)), None) if sheet.opens else None
    return dated(sheet, "effective_date") or first


def identifier(sheet: Sheet, concept: str) -> str | None:
    """The number behind a label of the concept: a token with a digit in it that is no date."""
    found = _identifier_at(sheet, concept)
    return found[0] if found else None


def tax_id(sheet: Sheet, owner: str | None) -> str | None:
    """The tax number whose label stands nearest to the name of its owner; without one the first. It has six letters and digits or more."""
    found = [
        (rank, hit.start, one)
        for rank, hit in sheet.of("seller_tax_id")
        if (one := _token_at(sheet, hit, _TAX_ID))
    ]
    long = [(rank, start, token) for rank, start, (token, _) in found if len(re.sub(r"\W", "", token)) > 5]
    names = (
        [match.start() for match in re.finditer(re.escape(owner), sheet.text)][:MOST_NAMES] if owner else []
    )
    nearest = min(
        long, key=lambda one: (one[0], min((abs(one[1] - name) for name in names), default=0)), default=None
    )
    return nearest[2] if nearest else None


def shaped(sheet: Sheet, concept: str, form: str) -> str | None:
    """A value of a fixed shape, such as an e-mail address: behind its label, else the first in the text for a concept that is known."""
    pattern = _PATTERNS[form]
    for start, end in _spans(sheet, concept):
        if match := pattern.search(sheet.text, start, min(end, start + LONGEST_TEXT)):
            return match.group().strip(" .,;")
    if concept not in CONCEPTS:
        return None
    matches = (match.group() for match in pattern.finditer(sheet.text))
    return next(
        (
            one.strip(" .,;")
            for one in matches
            if form != "phone" or sum(map(str.isdigit, one)) >= SHORTEST_PHONE
        ),
        None,
    )


def currency_behind(sheet: Sheet, concept: str) -> str | None:
    """ISO 4217 code of the currency that stands behind a label."""
    return next(
        (code for start, end in _spans(sheet, concept) if (code := currency_in(sheet.text[start:end]))), None
    )


def truth(sheet: Sheet, concept: str) -> bool | None:
    """Yes or no behind a label; anything else is None."""
    for _, hit in sheet.of(concept):
        rest = sheet.rest(hit)
        if _YES.match(rest) or _NO.match(rest):
            return bool(_YES.match(rest))
    return None


def written(sheet: Sheet, concept: str) -> str | None:
    """The text behind a label that a colon announces or that opens a short line; else in its column or the next line."""
    for _, hit in sheet.of(concept):
        if not sheet.announces(hit) and not (
            sheet.begins(hit) and len(sheet.lines[hit.line]) < LONGEST_TEXT / 2
        ):
            continue
        for start, end in sheet.places(hit):
            text = sheet.rest(hit) if start == hit.end else sheet.text[start:end].strip()
            if re.search(r"\w", text) and len(text) <= LONGEST_TEXT:
                return text
    return None


def payment(sheet: Sheet) -> str | None:
    """How it was paid: the means that is named behind the label, else anywhere."""
    said = re.sub(
        r"\s+\d[\d ]*[.,]\d\d$", "", written(sheet, "payment_method") or ""
    )  # the sum that was paid may follow
    if said and len(said) <= LONGEST_MEANS:
        return said
    means = _PAYMENTS.search(said or sheet.text)
    return means.group() if means else None


def choice(sheet: Sheet, concept: str, choices: Sequence[str]) -> str | None:
    """The choice behind the field's label, else the one whose words stand in the text most often; None when no one does."""
    said = folded(written(sheet, concept) or "")
    for text in (said, sheet.folded):
        counts = {
            one: len(re.findall(rf"(?<!\w){re.escape(folded(words(one)))}(?!\w)", text))
            for one in choices
            if one.strip()
        }
        best = max(counts, key=counts.__getitem__, default="")
        if counts.get(best):
            return best
    return None


def _spans(sheet: Sheet, concept: str) -> Iterator[tuple[int, int]]:
    """Every place where a value of a concept may stand, the likeliest first."""
    return (place for _, hit in sheet.of(concept) for place in sheet.places(hit))


def _date_at(sheet: Sheet, hit: SheetHit) -> FoundValue[date] | None:
    for start, end in sheet.places(hit):
        found = sheet.within(sheet.dates, start, min(end, start + DATE_REACH))
        if found:
            return found[0]
    return None


def _identifier_at(sheet: Sheet, concept: str) -> tuple[str, int] | None:
    """An identifier and where it ends. Behind a label of the second tier the sign of a number or a colon must stand before it."""
    for rank, hit in sheet.of(concept):
        found = _token_at(sheet, hit, _IDENTIFIER if rank == 0 or sheet.announces(hit) else _NUMBERED)
        if not found and sheet.begins(
            hit
        ):  # `INVOICE 26-104388`: no sign of a number, but the token is long enough
            found = _token_at(sheet, hit, _LONG_TOKEN)
        if found:
            return found
    return None


def _token_at(sheet: Sheet, hit: SheetHit, pattern: re.Pattern[str]) -> tuple[str, int] | None:
    for start, end in sheet.places(hit):
        begin = sheet.value_start(hit) if start == hit.end else start
        match = pattern.match(sheet.text, begin, end) if begin < end else None
        token = match.group(1).rstrip(".,;:/-") if match else ""
        if (
            match
            and re.search(r"\d", token)
            and not sheet.within(sheet.dates, match.start(1), match.start(1) + 1)
        ):
            return token, match.end()
    return None
