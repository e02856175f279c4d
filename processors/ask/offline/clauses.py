"""What a contract says: its parties, kind, law, term and notice. A sheet in, texts of it out, as they are written.

It imports `sheet`, which holds the text, and `firms`, which knows what a name looks like.
"""

from __future__ import annotations

import re

from octavo.processors.ask.offline.firms import LONGEST_NAME
from octavo.processors.ask.offline.text_sheet import Sheet

LONGEST_OPENING = 6000  # characters at the head of a contract in which its parties are named
LONGEST_LIST = 900  # characters in which the parties follow the word "between"
BEFORE_CLAUSE = 200  # characters before a phrase that tell what it is about

_BETWEEN = re.compile(
    r"\b(?:by and between|by and among|between|among|zwischen|entre|tussen|tra)\b\s*:?\s*", re.IGNORECASE
)
_AND = re.compile(r"\s*(?:[,;]\s*)?\b(?:and|und|et|en|y)\b\s+", re.IGNORECASE)
_APPOSITION = re.compile(
    r",?\s*\(|,\s+(?:an?|the|having|with|whose|located|acting|incorporated|organi[sz]ed|on behalf|its|duly|vertreten|mit|une?|een|"
    r"gevestigd|dont|represented|for itself|divisions|and its|individually|d/b/a|geschäftsansässig|hereinafter|solely)\b|"
    r"\s+(?:d/b/a|hereinafter|whose|located|having|with (?:its|offices|an)|dated)\b|,\s*\d|\s+-\s+|\.\s+(?:[A-Z]\w+\s){2}|\.\s*$|;|:",
    re.IGNORECASE,
)
_KIND = re.compile(
    r"(?:[\w-]+ )?(?:agreement|contract|lease|licen[cs]e|deed|vertrag|vereinbarung)\b|\w+(?:vertrag|vereinbarung)\b",
    re.IGNORECASE,
)
_LAW = re.compile(
    r"\blaws?\s+(?:and\s+\w+\s+)?(?:of|in)\s+(?:the\s+)?"
    r"(?:(?:[Ss]tate|[Cc]ommonwealth|[Pp]rovince|[Rr]epublic|[Kk]ingdom|[Ff]ederal [Rr]epublic)\s+of\s+)?(?:the\s+)?"
    r"((?:[A-Z][\w'-]+)(?:\s+(?:of\s+|and\s+)?[A-Z][\w'-]+){0,3})"
    r"|\bRecht\s+(?:der|des)\s+([A-ZÄÖÜ][\w-]+(?:\s+[A-ZÄÖÜ][\w-]+){0,2})|\b([A-Z][a-z]+) law\b(?= (?:shall|will|governs|applies))"
    r"|\b(deutsche[sm]|österreichische[sm]|schweizerische[sm]) Recht\b|\bdroit ([a-zç]+ais|suisse|belge)\b"
)
_GOVERNS = re.compile(r"govern|constru|interpret|unterlieg|Anwendung|régi", re.IGNORECASE)
_ENDS = re.compile(r"terminat|cancel|withdraw|kündig|résili|opzeg", re.IGNORECASE)
_LENGTH = (
    r"(?:[\w-]+\s*\(\d+\)|\d+|one|two|three|four|five|six|seven|ten|twelve|eighteen|thirty|sixty|ninety)[\s-]*(?:business |calendar )?"
    r"(?:days?|weeks?|months?|years?|Tagen?|Wochen?|Monaten?|Jahren?|mois|ans?|jours?)\b"
)
_TERM = re.compile(
    rf"\b(?:term|period|duration|effect|force|expire|remain|terminate|Laufzeit|Dauer|durée)\b[^.;]{{0,120}}?\b({_LENGTH})",
    re.IGNORECASE,
)
_NOTICE = re.compile(
    rf"\b({_LENGTH}[’']?s?\s+(?:prior\s+)?(?:written\s+)?(?:prior\s+)?notice)\b|\bFrist von ({_LENGTH})",
    re.IGNORECASE,
)


def parties(sheet: Sheet) -> list[str]:
    """The parties of a contract: the two names after "between", else none."""
    head = " ".join(sheet.text[:LONGEST_OPENING].split())
    lists = (
        _listed(head[opening.end() : opening.end() + LONGEST_LIST]) for opening in _BETWEEN.finditer(head)
    )
    return next((names for names in lists if len(names) > 1), [])


def kind(heading: str | None) -> str | None:
    """The kind of a contract in a few words of its heading: "Non-Disclosure Agreement" of "Mutual Non-Disclosure Agreement"."""
    found = _KIND.findall(heading or "")
    return str(found[-1]) if found else None


def governing_law(sheet: Sheet) -> str | None:
    """The state or country in "governed by the laws of ..."; a clause that speaks of governing goes first."""
    found = list(_LAW.finditer(sheet.text))
    match = _spoken_of(sheet, found, _GOVERNS)
    return " ".join(next(filter(None, match.groups())).split()) if match else None


def term(sheet: Sheet) -> str | None:
    """How long a contract lasts, as "two (2) years"."""
    match = _TERM.search(sheet.text)
    return " ".join(match.group(1).split()) if match else None


def notice(sheet: Sheet) -> str | None:
    """The period of notice, as "30 days' written notice"; a clause that speaks of an end goes first."""
    match = _spoken_of(sheet, list(_NOTICE.finditer(sheet.text)), _ENDS)
    return " ".join(next(filter(None, match.groups())).split()) if match else None


def _spoken_of(sheet: Sheet, found: list[re.Match[str]], about: re.Pattern[str]) -> re.Match[str] | None:
    """The first phrase before which a pattern stands, else the first."""
    told = (
        match
        for match in found
        if about.search(sheet.text, max(0, match.start() - BEFORE_CLAUSE), match.start() + 20)
    )
    return next(told, None) or next(iter(found), None)


def _listed(text: str) -> list[str]:
    """The names of "A, Inc., a Delaware corporation (“A”), and B (“B”)", up to the end of the sentence."""
    names: list[str] = []
    for piece in _AND.split(re.sub(r"\([^()]*\)", " (", text))[:6]:
        cut = _APPOSITION.search(piece)
        name = piece[: cut.start() if cut else len(piece)].strip(" ,.:;“”'\"")
        if 2 < len(name) <= LONGEST_NAME and re.match(r"[A-ZÀ-Þ]|\d.*[A-Z]", name) and name not in names:
            names.append(name)
        if len(names) > 1:
            break
    return names
