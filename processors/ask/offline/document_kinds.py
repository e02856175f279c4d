"""Whether a document is of the kind that a shipped schema is about, told by words that such documents carry. The name and text come in.

A name that is not known here comes from a schema of the user's; then every document counts, and its fields decide.
"""

from __future__ import annotations

import re
from collections.abc import Callable

HEAD_CHARACTERS = 3_000  # where a document says what it is
TITLE_CHARACTERS = 300
RECEIPT_CHARACTERS = 4_000  # a longer text is no till receipt

_I = re.IGNORECASE
_INVOICE_WORD = r"(?:invoice|rechnung|gutschrift|credit note|facture|avoir|factuur|factura|fattura)"
_INVOICE = re.compile(
    rf"^\W*(?:\S+\s){{0,2}}\w*{_INVOICE_WORD}\b[^\n]{{0,40}}$"
    rf"|{_INVOICE_WORD}\w*\W{{0,3}}(?:[\w ]{{0,20}}\s)?(?:no|nr|num|number|nummer|n°|nº|#|:)"
    r"|发\s*票",
    _I | re.MULTILINE,
)
_TOTAL = re.compile(
    r"\b(?:(?:sub)?totalt?|sum|\w*summe|\w*betrag|totaal|totale|amount due|å betale|betaald|paid)\b|合\s*计",
    _I,
)
_TILL = re.compile(
    r"\b(?:receipt|kvittering|quittung|kassenbon|bon|reçu|ticket|recibo|cash|change|tendered|card|visa|mastercard|gst|order confirm\w+)\b",
    _I,
)
_TERMS = re.compile(r"\b(?:due date|payment terms|iban|zahlbar|fällig|échéance|vervaldatum|bill to)\b", _I)
_AGREEMENT_WORD = r"(?:agreement|contract|vertrag|vereinbarung|contrat|overeenkomst|contrato|contratto)\b"
_AGREEMENT = re.compile(  # the number of a contract stands on bills too, if not at the beginning of a line
    rf"^\W*{_AGREEMENT_WORD}|\b{_AGREEMENT_WORD}(?!\W{{0,3}}(?:no|nr|num|number|nummer|n°|id)\b)|合同|协议",
    _I | re.MULTILINE,
)
_WORK = re.compile(r"^\W*(?:\w+ )?(?:experience|employment|berufserfahrung|expérience)\b", _I | re.MULTILINE)
_STUDY = re.compile(r"^\W*(?:education|ausbildung|formation|qualifications|studium)\b", _I | re.MULTILINE)
_ABSTRACT = re.compile(r"^\W*(?:abstract|summary|zusammenfassung|résumé)\b", _I | re.MULTILINE)
_REFERENCES = re.compile(r"^\W*(?:references|bibliography|literatur|références)\b|\bdoi\b", _I | re.MULTILINE)
_GREETING = re.compile(
    r"^\W*(?:dear|to whom it may concern|sehr geehrte|liebe[rs]?|madame|monsieur|geachte|estimad[oa]|gentile)\b",
    _I | re.MULTILINE,
)
_MAIL = re.compile(r"\A(?:from|to|date|subject):", _I)


def is_invoice(text: str) -> bool:
    """Calls itself an invoice or has the number of one, has a total, and is no agreement that speaks of invoices."""
    head = text[:HEAD_CHARACTERS]
    return bool(_INVOICE.search(head) and _TOTAL.search(text)) and not _AGREEMENT.search(
        head[:TITLE_CHARACTERS]
    )


def is_receipt(text: str) -> bool:
    """Short, with a total and the words of a till, and without the terms of an invoice."""
    found = _TOTAL.search(text) and _TILL.search(text)
    return bool(found) and len(text) <= RECEIPT_CHARACTERS and not _TERMS.search(text)


KINDS: dict[str, Callable[[str], bool]] = {
    "invoice": is_invoice,
    "receipt": is_receipt,
    "contract": lambda text: (
        bool(_AGREEMENT.search(text[:TITLE_CHARACTERS])) and len(text) > TITLE_CHARACTERS
    ),
    "resume": lambda text: bool(_WORK.search(text) and _STUDY.search(text)),
    "paper": lambda text: bool(_ABSTRACT.search(text[:HEAD_CHARACTERS]) and _REFERENCES.search(text)),
    "letter": lambda text: bool(_GREETING.search(text) or _MAIL.search(text)) and not is_invoice(text),
}


def is_of_kind(question: str, text: str) -> bool:
    """Whether a document with that text can be an answer to the question of that name."""
    judge = KINDS.get(question)
    return judge is None or judge(text)
