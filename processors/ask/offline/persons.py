"""What letters and resumes say about persons: who wrote to whom about what, who applies, and the stations of a life. A sheet in, texts out.

It imports `sheet`, since every rule asks a sheet where labels stand, `names` for names behind labels and in addresses, and
`firms`, which knows what a name looks like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from octavo.processors.ask.offline.firms import companies, is_name, is_person
from octavo.processors.ask.offline.names import addressees, person
from octavo.processors.ask.offline.text_sheet import Sheet

LONGEST_LINE = 160  # characters of a line that tells a station

_CLOSING = re.compile(
    r"^(?:(?:yours )?(?:sincerely|faithfully|truly)|sincerely yours|(?:best|kind|warm)? ?regards|best wishes|respectfully|cordially|"
    r"mit (?:freundlichen|besten|herzlichen) grüßen|hochachtungsvoll|viele grüße|cordialement|salutations|met vriendelijke groet|"
    r"atentamente|cordiali saluti|distinti saluti)\b",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"^(?:dear|hello|hi|liebe[r]?|sehr geehrte[rs]?|cher|chère|geachte|beste|estimad[oa]|gentile|egregio) ([^,:;!]{2,60})[,:;!]?$",
    re.IGNORECASE,
)
_PLACE = re.compile(r"[A-ZÀ-Þ][^\W\d]*(?:[ '-][^\W\d]+){0,3}, [A-ZÀ-Þ][^\W\d]*(?:[ '-][^\W\d]+){0,3}")
_CONTACT = re.compile(r"@|\+?\(?\d[\d ()/-]{6,}")
_MONTH_YEAR = r"(?:\d{1,2}[/.]\d{4}|(?:[^\W\d_]{3,10}\.?\s)?\d{4})"
_PERIOD = re.compile(
    rf"\(?\b({_MONTH_YEAR})\s*(?:-|–|—|to|bis|until|à)\s*({_MONTH_YEAR}|present|current|now|today|heute|aktuell|ongoing)\)?",
    re.IGNORECASE,
)
_BULLET = re.compile(r"\s*(?:[-–—•●▪◦*·○■]|\d{1,2}[.)])\s+")
_DEGREE = re.compile(
    r"\b(?:B\.?Sc|M\.?Sc|B\.?A|M\.?A|Ph\.?D|MBA|Bachelor|Master|Diplom|Doctor|Doktor|Licen[cs]e|Magister|Abitur|Associate|Degree|B\.?Eng|"
    r"M\.?Eng|LL\.?[BM])\b",
    re.IGNORECASE,
)
_SCHOOL = re.compile(
    r"universit|college|school|hochschule|institut|academy|akademie|école|ecole|polytechn|gymnasium|大学",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


def sender(sheet: Sheet) -> str | None:
    """Who wrote a letter: behind "From", else the line below the closing words, else the letterhead."""
    closing = next((n for n in range(len(sheet.lines) - 1, -1, -1) if _CLOSING.match(sheet.lines[n])), None)
    signed = (
        (line for line in sheet.lines[closing + 1 : closing + 6] if is_name(line))
        if closing is not None
        else iter(())
    )
    return person(sheet, "sender") or next(signed, None) or next(companies(sheet.lines[:5]), None)


def recipient(sheet: Sheet) -> str | None:
    """To whom a letter is addressed: behind "To", else above the address, else after "Dear"."""
    greeting = _greeting(sheet)
    return person(sheet, "recipient") or next(addressees(sheet), None) or (greeting[1] if greeting else None)


def subject(sheet: Sheet) -> str | None:
    """The line above the greeting of a letter, when it is a few words and no sentence."""
    greeting = _greeting(sheet)
    above = [line for line in sheet.lines[: greeting[0]] if line][-1:] if greeting else []
    line = above[0] if above else ""
    return line if 2 < len(line.split()) < 20 and ":" not in line and not line.endswith((".", ",")) else None


def applicant(sheet: Sheet) -> str | None:
    """Whose resume it is: behind "Name", else the first line of the first page that is a person's name."""
    return person(sheet, "person") or next(
        (line for line in sheet.lines[:60] if sheet.opens and is_person(line)), None
    )


def headline(sheet: Sheet) -> str | None:
    """The line below the name in a resume, when it is a few words."""
    name = applicant(sheet)
    start = sheet.lines.index(name) if name in sheet.lines else None
    below = [line for line in sheet.lines[start + 1 : start + 4] if line] if start is not None else []
    line = below[0] if below else ""
    return (
        line
        if re.search(r"[^\W\d_]{3}", line) and not re.search(r"[@\d:]", line) and len(line.split()) < 12
        else None
    )


def location(sheet: Sheet) -> str | None:
    """Where a person lives: a line "Place, Country" beside a line with telephone or e-mail."""
    for number, line in enumerate(sheet.lines[:60]):
        around = sheet.lines[max(0, number - 2) : number + 3]
        if (
            len(line) < 60
            and _PLACE.fullmatch(line)
            and any(_CONTACT.search(other[:LONGEST_LINE]) for other in around)
        ):
            return line
    return None


def stations(sheet: Sheet) -> Iterator[dict[str, str | None]]:
    """Posts held: each line with a period, and beside it or around it what was done for whom."""
    for number, line in enumerate(sheet.lines):
        match = _PERIOD.search(line) if len(line) < LONGEST_LINE else None
        if match is None:
            continue
        parts = _parts_beside(sheet.lines, number, match)
        if parts:
            position = parts[0] if len(parts) > 1 else None
            yield {
                "employer": parts[min(1, len(parts) - 1)],
                "position": position,
                "start_date": match.group(1),
                "end_date": match.group(2),
            }


def degrees(sheet: Sheet) -> Iterator[dict[str, str | int | None]]:
    """Courses of study: lines that name a school, with degree and last year beside or next to it."""
    for number, line in enumerate(sheet.lines):
        if len(line) > LONGEST_LINE or not _SCHOOL.search(line):
            continue
        around = [line, *sheet.lines[number + 1 : number + 2], *sheet.lines[max(0, number - 1) : number]]
        years = next((found for text in around if (found := _YEAR.findall(text))), [])
        named = next(
            (
                part
                for text in around
                for part in _parts(text)
                if _DEGREE.search(part) and not _SCHOOL.search(part)
            ),
            None,
        )
        degree = re.sub(rf"^\W*{_YEAR.pattern}\W*|\W*{_YEAR.pattern}\W*$", "", named) if named else None
        school = next((part for part in _parts(line) if _SCHOOL.search(part)), None)
        if school and (degree or years):
            yield {"institution": school, "degree": degree, "year": int(years[-1]) if years else None}


def _greeting(sheet: Sheet) -> tuple[int, str] | None:
    """Number of the line that greets, and who is greeted."""
    return next(
        (
            (n, match.group(1).strip())
            for n, line in enumerate(sheet.lines[:60])
            if (match := _GREETING.match(line))
        ),
        None,
    )


def _parts_beside(lines: Sequence[str], number: int, period: re.Match[str]) -> list[str]:
    """What stands in the line of a period beside it, else in the line above or below."""
    line = lines[number]
    beside = _parts(line[: period.start()]) + _parts(line[period.end() :])
    if len(beside) > 1:
        return beside
    above = lines[number - 1] if number and not _PERIOD.search(lines[number - 1]) else ""
    below = lines[number + 1] if number + 1 < len(lines) else ""
    near = (
        text
        for text in ((below,) if beside else (above, below))
        if len(text) < 90 and not _BULLET.match(text) and not text.endswith(".")
    )
    return beside + [part for text in near for part in _parts(text)]


def _parts(text: str) -> list[str]:
    text = _PERIOD.sub(" | ", text)
    parts = re.split(r",| \| | at | bei | chez |[–—•|\t]| - |\s{2,}", text)
    return [part.strip(" ,;:()-–|") for part in parts if re.search(r"[^\W\d_]{2}", part)]
