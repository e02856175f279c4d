"""A reading and what OCR saw on its pages in; the reading with the better text of each page, and what could not be read, out.

Of two texts of a page the one wins of which more can be read out; what the file itself says stays where OCR says the same. Imports
`legible`, which judges texts, and `worker` for the noun.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from octavo.processors.read import legible
from octavo.processors.read.ocr_script import SeenPage
from octavo.processors.read.workers.worker import Reading, failed
from octavo.schemas.errors import DocumentError
from octavo.schemas.pipeline import Document, Page

UNREAD = "ocr_unread"  # flag: some lines or pages could not be read
UNSURE = "ocr_unsure"  # flag: many words may be misread
_SAME = 0.6  # share of the words of a page that OCR sees too: both say the same
_MUCH_MORE = (
    1.5  # times as many characters as the text of the file: the picture says more than the text beside it
)
_LAYER = 0.8  # what another's OCR is worth beside ours ...
_READABLE = 0.5  # ... where so many of its words are some
_MANY = 0.1  # share of the lines or words of a page that is told ...
_SOME = 2  # ... from so many on
_KNOWN = "OCR here reads Latin, Chinese and Japanese letters, in print"


def seen_pages(
    reading: Reading, seen: Mapping[int, SeenPage], trouble: Mapping[int, DocumentError]
) -> Reading:
    """The document as OCR leaves it: read, in part or whole; empty; or in trouble, when that is all that came out."""
    pages = tuple(better(page, seen.get(page.number)) for page in reading.pages)
    document = _flagged(reading.document, pages, seen)
    detail = " ".join(
        filter(
            None,
            [document.detail, *(f"OCR stopped at page {page}: {error}" for page, error in trouble.items())],
        )
    )
    if any(page.text.strip() for page in pages):
        return Reading(replace(document, detail=detail), pages)
    if trouble:
        reason = next(iter(trouble.values())).reason
        return Reading(replace(document, status="error", reason=reason, detail=detail))
    if noise := [number for number, one in seen.items() if one.is_noise]:
        return Reading(replace(failed(document, _unreadable(noise)), flags=()))
    detail = f"OCR found no text on its {len(pages)} page(s). {detail}".strip()
    return Reading(replace(document, status="empty", reason="no_text", detail=detail), pages)


def better(page: Page, seen: SeenPage | None) -> Page:
    """The page with the text of its picture, where more of that can be read out; without text where both are noise."""
    if seen is None or page.image_px is None:
        return page
    if seen.is_noise:
        return replace(page, text="", repeated=(), hidden_chars=0) if _is_noise(page) else page
    own, ours = legible.worth(page.text), legible.worth(seen.text)
    if page.text_from == "layer":
        share = legible.readable_share(page.text)
        own = int(own * share * _LAYER) if share > _READABLE else 0
    elif _agree(page.text, seen.text) and len(seen.text) <= _MUCH_MORE * len(page.text):
        return page
    if ours <= own and page.text.strip():
        return page
    return replace(page, text=seen.text, text_from="ocr", repeated=(), hidden_chars=0, ocr_words=seen.words)


def _is_noise(page: Page) -> bool:
    """Whether the text of a page in a script that OCR does not know is no text either."""
    if legible.is_junk(page.text) or legible.is_garbled(page.text):
        return True
    return page.text_from == "layer" and legible.is_wordless(page.text)


def _agree(text: str, seen: str) -> bool:
    """Whether most words of a text stand in the other one too."""
    words, others = text.split(), set(seen.split())
    return sum(word in others for word in words) > _SAME * len(words)


def _unreadable(pages: Sequence[int]) -> DocumentError:
    numbers = ", ".join(map(str, pages))
    message = f"OCR cannot read the script, or the hand, on page(s) {numbers}. {_KNOWN}."
    return DocumentError(
        "unreadable", message, next_step="Ask a model with vision, which looks at the pictures."
    )


def _flagged(document: Document, pages: Sequence[Page], seen: Mapping[int, SeenPage]) -> Document:
    """The document with what is doubtful in it: text that is noise, what OCR left out, and words of which it is unsure."""
    used = {page.number: seen[page.number] for page in pages if page.text_from == "ocr"}
    left = {number: one for number, one in seen.items() if one.is_noise or number in used}
    garbled = [page.number for page in pages if page.text_from == "file" and _is_noise(page)]
    garbled = garbled if legible.GARBLED in document.flags else []
    doubts = {UNREAD: list(_unread(left)), UNSURE: list(_unsure(used))}
    flags = [flag for flag in document.flags if flag != legible.GARBLED or garbled]
    detail = document.detail.replace(legible.sentence(_numbers_told(document.detail)), "").strip()
    told = [detail, legible.sentence(garbled), *(line for lines in doubts.values() for line in lines)]
    return replace(
        document,
        flags=(*flags, *(flag for flag, lines in doubts.items() if lines)),
        detail=" ".join(filter(None, told)),
    )


def _numbers_told(detail: str) -> list[int]:
    """The pages of which the sentence in a detail says that their text is noise."""
    _, found, rest = detail.partition(legible.sentence([0]).partition("0")[0])
    return [int(number) for number in rest.partition(":")[0].split(", ")] if found else []


def _unread(seen: Mapping[int, SeenPage]) -> Iterator[str]:
    for number, page in seen.items():
        if page.is_noise:
            yield f"OCR cannot read the script, or the hand, on page {number}; a model with vision can."
        elif page.unread >= _SOME and page.unread > _MANY * page.lines:
            yield f"OCR left out {page.unread} of {page.lines} lines on page {number}."


def _unsure(seen: Mapping[int, SeenPage]) -> Iterator[str]:
    for number, page in seen.items():
        if page.unsure > _SOME and page.unsure > _MANY * len(page.words):
            yield f"OCR is unsure of {page.unsure} of {len(page.words)} words on page {number}."
