"""What running text says: sentences, title, abstract, authors and lists. A sheet in, texts of it out, word for word.

It imports `sheet`, since every rule asks a sheet where labels stand.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from octavo.processors.ask.offline.text_sheet import CELLS, Sheet

SHORTEST_PROSE = 30  # characters of a line that is no label or heading
MOST_SENTENCES = 400  # of a document are weighed: its beginning says what it is about
_STOPS = (".", "!", "?", "。", "！", "？")
_END = re.compile(r"[.!?]+[\"”’)]*(?=\s|$)|[。！？]+[\"”’)]*")
_ABBREVIATED = re.compile(
    r"\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|No|Nr|Inc|Ltd|Corp|Co|St|vs|etc|e\.g|i\.e|bzw|ca|z\.B|Art|Abs|vgl|U\.S|Fig|al|approx|pp?)\.$"
)
_HEADING_NOISE = re.compile(
    r"^(?:exhibit|ex-|annex|page|seite|logo|execution|arxiv|doi|http|www|published|received|accepted|vol|issn|isbn|draft|confidential|"
    r"preprint|copyright|©|stylesheet)\b|@|https?:|^\W*\d[\d\s./:-]*$|\.html?\b|\bdoi\b|\(\d{4}\)|^journal of\b",
    re.IGNORECASE,
)
_AGREEMENT = re.compile(
    r"\b(?:agreement|contract|covenant|lease|licen[cs]e|contrat|accord|overeenkomst|contrato|acuerdo|contratto|accordo|deed|terms)\w*\b"
    r"|(?:vertrag|vereinbarung)\b|合同|协议",
    re.IGNORECASE,
)
_PAGE_MARK = re.compile(r"\s*\[p\. [\d, ]+\]")
_DOI = re.compile(r"\b10\.\d{4,9}/[^\s\"<>{}|]+")
_BULLET = re.compile(r"^\s*(?:[-–—•●▪◦*·○■]|\d{1,2}[.)])\s+")


def sentences(sheet: Sheet) -> list[str]:
    """The sentences of the document's prose, in order; lines of one paragraph are joined by a space."""
    found: dict[str, None] = {}
    for paragraph in _paragraphs(sheet.lines):
        found |= dict.fromkeys(one for one in _split(paragraph) if _is_sentence(one))
        if len(found) >= MOST_SENTENCES:
            break
    return list(found)[:MOST_SENTENCES]


def leading(sheet: Sheet, count: int) -> list[str]:
    """The weightiest sentences, in the order of the document: those that stand early and use its frequent words."""
    every = sentences(sheet)
    frequent = Counter(word for one in every for word in set(_content_words(one)))
    ranked = sorted(range(len(every)), key=lambda n: -_weight(every[n], n, frequent))
    return [every[n] for n in sorted(ranked[:count])]


def marked(sentence: str, pages: Sequence[tuple[int, str]]) -> str:
    """A sentence with the page on which it stands, before its full stop: `It rains [p. 3].` One that has a mark, or no page, stays."""
    if _PAGE_MARK.search(sentence):
        return sentence
    wanted = "".join(sentence.split())
    found = next((number for number, text in pages if wanted in "".join(text.split())), None)
    body = sentence.rstrip(" .!?。！？")
    return f"{body} [p. {found}]{sentence[len(body) :].strip() or '.'}" if found else sentence


def unmarked(sentence: str) -> str:
    """A sentence without the marks of pages."""
    return _PAGE_MARK.sub("", sentence)


def title(sheet: Sheet) -> str | None:
    """The first line that looks like a heading; one that names an agreement goes before others. Capitals may go on in the next line."""
    if not sheet.opens:
        return None
    head = [n for n, line in enumerate(sheet.lines[:25]) if _is_heading(line)][:12]
    named = [
        n
        for n in head
        if _AGREEMENT.search(sheet.lines[n])
        and len(sheet.lines[n]) < 120
        and not sheet.lines[n].endswith(".")
    ]
    first = next(iter(named or head), None)
    return _with_next_lines(sheet.lines, first) if first is not None else None


def abstract(sheet: Sheet) -> str | None:
    """The paragraph behind the word "Abstract", up to an empty line, keywords or the introduction."""
    for _, hit in sheet.of("abstract"):
        if not sheet.begins(hit):
            continue
        body = re.split(
            r"\n\s*\n(?=\S)|\n\s*(?:key ?words|index terms|schlagw|mots.cl|ccs concepts|(?:1|I)?[.\s]*(?:introduction|einleitung)\b)",
            sheet.text[sheet.value_start(hit) : sheet.value_start(hit) + 4000].lstrip(),
            maxsplit=1,
            flags=re.IGNORECASE,
        )[0]
        if len(body.split()) > 8:
            return " ".join(body.split())
    return None


def authors(sheet: Sheet, heading: str | None) -> list[str]:
    """Names in the lines below the title: words with capitals, between commas or "and"."""
    start = next(
        (n for n, line in enumerate(sheet.lines[:30]) if heading and line and heading.endswith(line)), None
    )
    if start is None:
        return []
    for line in sheet.lines[start + 1 : start + 4]:
        names = [
            re.sub(r"[\d*†‡§∗,]+$|^\d+", "", name).strip()
            for name in re.split(r",|;|\band\b|\bund\b|\s{2,}", line)
        ]
        names = [
            name
            for name in names
            if re.fullmatch(r"(?:[A-ZÀ-Þ][\w.'’-]*)(?: (?:[A-ZÀ-Þ][\w.'’-]*|van|von|de|der|la)){1,3}", name)
        ]
        if names:
            return names
    return []


def doi(sheet: Sheet) -> str | None:
    """The first DOI, without an address before it."""
    match = _DOI.search(sheet.text)
    return match.group().rstrip(".,;)]") if match else None


def listed(sheet: Sheet, concept: str) -> list[str]:
    """The entries behind a label or below a heading: between commas, semicolons or bullets."""
    for _, hit in sheet.of(concept):
        if not sheet.begins(hit) or not (sheet.announces(hit) or sheet.rest(hit)):
            continue
        rest = sheet.text[sheet.value_start(hit) : sheet.ends(hit.line)].strip()
        entries = _entries([rest] if rest else _while_bulleted(sheet, hit.line))
        if entries:
            return entries
    return []


def _paragraphs(lines: Sequence[str]) -> Iterator[str]:
    """Runs of lines that are prose: long, or with a full stop, or a short line in which a sentence goes on. What is between ends a run."""
    kept: list[str] = []
    for line in [*lines, ""]:
        goes_on = bool(kept) and not kept[-1].endswith(_STOPS) and line[:1].islower()
        if len(line) > SHORTEST_PROSE or line.endswith(_STOPS) or goes_on:
            kept.append(line)
        elif kept:
            yield " ".join(kept)
            kept = []


def _split(prose: str) -> list[str]:
    """Prose cut behind its full stops; an abbreviation ends no sentence, and what has no full stop is none."""
    found: list[str] = []
    start = 0
    for end in _END.finditer(prose):
        if not _ABBREVIATED.search(prose, max(start, end.end() - 12), end.end()):
            found.append(prose[start : end.end()].strip())
            start = end.end()
    return found


def _is_sentence(text: str) -> bool:
    letters = sum(char.isalpha() for char in text)
    wide = sum(char >= "\u2e80" for char in text)
    return (
        (25 <= len(text) <= 500 or wide > 8)
        and len(text) <= 500
        and letters > 0.6 * len(text.replace(" ", ""))
    )


def _content_words(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", text.lower()) if len(word) > 4]


def _weight(sentence: str, place: int, frequent: Counter[str]) -> float:
    known = _content_words(sentence)
    return sum(frequent[word] for word in known) / (len(known) + 8) + 6 / (place + 2)


def _is_heading(line: str) -> bool:
    return (
        2 < len(line) <= 160
        and bool(re.search(r"[^\W\d_]{3}|[\u4e00-\u9fff]{2}", line))
        and not _HEADING_NOISE.search(line)
    )


def _with_next_lines(lines: Sequence[str], first: int) -> str:
    """A heading with the lines in which it goes on: both in capitals, or a line that ends in a joining word."""
    parts = [lines[first]]
    for line in lines[first + 1 : first + 3]:
        joined = bool(
            re.search(
                r"(?:\b(?:and|of|for|the|und|der|et|de|with|in|on|to)|[,:-])$", parts[-1], re.IGNORECASE
            )
        )
        if not (
            _is_heading(line) and (joined or (line.isupper() and parts[-1].isupper() and len(parts[-1]) > 20))
        ):
            break
        parts.append(line)
    return " ".join(parts)


def _while_bulleted(sheet: Sheet, line: int) -> list[str]:
    """The lines below a heading that are bullets, lists or a few words, up to an empty line, prose or the next heading in capitals."""
    found: list[str] = []
    for text in sheet.lines[line + 1 : line + 40]:
        listed = _BULLET.match(text) or "," in text or (len(text.split()) < 6 and not text.endswith("."))
        heading = len(text) > 4 and text.isalpha() and text.isupper() and sheet.lines[line].isupper()
        if not text or heading or not listed or len(text) > 300:
            break
        found.append(text)
    return found


def _entries(lines: Sequence[str]) -> list[str]:
    parts = [
        part.strip(" .\t") for line in lines for part in re.split(r"[,;•●·、，；|]", _BULLET.sub("", line))
    ]
    return list(dict.fromkeys(part for part in parts if 0 < len(part) <= 80))


def cells(line: str) -> list[str]:
    """The cells of a row: between tabs, bars, or two spaces."""
    return [cell.strip() for cell in CELLS.split(line.strip(" |")) if cell.strip()]
