"""What a name looks like: lines in; the names of companies, shops and persons that stand in them out, cut from what is around them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

LONGEST_NAME = 100  # characters
LONGEST_LINE = 400  # characters; a longer line is prose, in which no letterhead stands

# Forms of companies as they are registered: letters count, since "AG" is one and "ag" none.
_FORMS = (
    r"GmbH(?: ?& ?Co\.? ?KG(?:aA)?)?|GMBH(?: ?& ?CO\.? ?KG)?|mbH|AG|KGaA|KG|OHG|UG|eG|e\.K\.|e\.V\.|a\.G\.|SE|Ltd\.?|LTD\.?|Limited|"
    r"LIMITED|LLC|L\.L\.C\.|LLP|L\.L\.P\.|L\.P\.|LP|Inc\.?|INC\.?|Incorporated|Corp\.?|CORP\.?|Corporation|CORPORATION|Company|PLC|plc|Oy|AB|"
    r"AS|S\.?A\.?S\.?U?\.?|SARL|Sarl|S\.à\.? ?r\.l\.|EURL|S\.A\.|SA|S\.p\.A\.|SpA|SPA|S\.r\.l\.|Srl|SRL|B\.V\.|BV|N\.V\.|NV|V\.O\.F\.|VOF|"
    r"S\.L\.U?\.?|SL|SLU|C\.V\.|Pty|Pte|Pvt|S[Dd][Nn]\.? ?B[Hh][Dd]\.?|S/B|BHD|Bhd|A/S|ApS|Asa|ASA|Kft\.?|s\.r\.o\.|a\.s\.|z o\.o\."
)
_FORM = re.compile(rf"(?<![^\s,])(?:{_FORMS})(?!\w)(?:,? (?:{_FORMS})(?!\w))*\.?")
_JOINING = re.compile(r"&|\+|-|and|und|et|of|de|der|des|du|für|la|le|van|den|y|e")
_BREAK = re.compile(r"[:●•·|;–\t]|  | - |, (?!(?:Inc|INC|LLC|Ltd|LTD|L\.P|Limited|Corp|LLP|S\.)\b)|[”\"“]")
_NO_NAME = re.compile(
    r"@|www\.|https?:|^\W*$|^\(|\b(?:details|information|gln|iban|bic|gst|vat|tel|fax|phone|page|seite|nr|no|number|nummer|date|datum|"
    r"invoice|rechnung|facture|factuur|receipt|quittung|kvittering|bill|statement|copy|original|total|tax|stylesheet|subject|thank|welcome|"
    r"server|cashier|faktura|fattura|factura)\b[ .:#]?",
    re.IGNORECASE,
)
_SALUTATION = re.compile(
    r"^(?:herrn?|frau|mr|mrs|ms|monsieur|madame|m|mme|attn|z\. ?hd|c/o|attention|firma|messrs)\b[.:]?\s*",
    re.IGNORECASE,
)
_PERSON = re.compile(
    r"(?:[A-ZÀ-Þ][\w.'’-]*)(?: (?:[A-ZÀ-Þ][\w.'’-]*|van|von|de|der|la|di)){1,4}|[\u4e00-\u9fff]{2,4}"
)


def companies(lines: Iterable[str]) -> Iterator[str]:
    """The names with a company's form, in lines that are no long prose: "Bei Spiel GmbH ● Ecke 12" holds "Bei Spiel GmbH"."""
    for line in lines:
        if len(line) > LONGEST_LINE:
            continue
        begin = 0
        for form in _FORM.finditer(line):
            start = max(
                (
                    mark.end()
                    for mark in _BREAK.finditer(line, begin, form.end())
                    if mark.end() <= form.start()
                ),
                default=begin,
            )
            begin = form.end()
            name = _capitalised(line[start : form.start()])
            kind = re.search(
                rf"\ban? {re.escape(name)}$", line[start : form.start()].rstrip()
            )  # "a Delaware corporation" is no name
            if name and not kind and len(name) <= LONGEST_NAME:
                yield line[line.index(name, start) : form.end()]


def company_at_start(line: str) -> str | None:
    """The company that a line begins with: "Kite Pharma, Inc., a Delaware corporation" begins with "Kite Pharma, Inc."."""
    name = next(companies([line]), None)
    return name if name and line.startswith(name) else None


def whole(lines: Iterable[str]) -> Iterator[str]:
    """Lines, with a company's form that stands in a line of its own put behind the name above it."""
    for line, below in pairwise([*lines, ""]):
        if not _FORM.fullmatch(line):
            yield f"{line} {below}" if below and _FORM.fullmatch(below) else line


def name_in(line: str) -> str | None:
    """The name with which a line begins: up to the form of a company, else up to a separator; without a salutation."""
    line = unsaluted(line.strip(" \t,;:*|-"))
    company = company_at_start(line)
    if company and not re.fullmatch(r"(?: [^\W\d_][\w.&-]*){1,3}", line[len(company) :]):
        return company
    name = re.split(r"\s{2,}|\t| [|●•·–] | - |[;:<]|, (?=\d)", line)[0].strip(' ,("')
    return name if is_name(name) else None


def is_name(text: str) -> bool:
    """Whether a text can be a name: mostly letters, short, and no word of a form such as "Page" unless a company has it."""
    letters = sum(char.isalpha() for char in text)
    shaped = letters > 1 and text[0] not in "#(-" and letters * 2 > len(text) and len(text) <= LONGEST_NAME
    return shaped and (not _NO_NAME.search(text) or company_at_start(text) is not None)


def is_person(text: str) -> bool:
    """Whether a text is two to five words with capitals and nothing else."""
    return bool(_PERSON.fullmatch(text)) and is_name(text)


def unsaluted(text: str) -> str:
    """A text without the salutation at its start: "Herrn Max Mustermann" becomes "Max Mustermann"."""
    return _SALUTATION.sub("", text)


def _capitalised(text: str) -> str:
    """The words at the end of a text that belong to a name: "an associate of Ann Taylor," ends in the name "Ann Taylor,"."""
    kept: list[str] = []
    for word in reversed(text.split(" ")):
        if word and (
            not (any(map(str.isupper, word)) or word[0].isdigit() or _JOINING.fullmatch(word))
            or word.startswith(")")
        ):
            break
        kept.insert(0, word)
        if word.startswith("(") and ")" not in " ".join(kept):
            kept.pop(0)
            break
    while kept and (not kept[0] or _JOINING.fullmatch(kept[0])):
        kept.pop(0)
    name = " ".join(kept).rstrip()
    return name if any(map(str.isalpha, name)) else ""
