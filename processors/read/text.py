"""Plain text in any encoding in (Markdown, JSON, XML, logs too); leaves out: one page for a short text, pages for a long one."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from charset_normalizer import from_bytes

from octavo.processors.read.content import Content, PageContent, ReadLimits, Source, clean, over
from octavo.processors.read.kinds import wide

LONG_TEXT = 12_000  # characters above which a text without form feeds is cut into pages
PAGE_TEXT = 4_000  # characters of such a page: about a printed one
_SAMPLE = 200_000  # bytes the encoding is judged by
_DAMAGED_UTF8 = "utf-8 with damaged characters"
_SHORT_SAMPLE = 40  # bytes, some twenty characters; below it Chinese is taken for likelier than Korean
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# First bytes of common characters and punctuation: level 1 of GB 2312, Big5, JIS X 0208 (two encodings) and KS X 1001.
_COMMON_LEADS = {
    "gb18030": frozenset((0xA1, 0xA3, *range(0xB0, 0xD8))),
    "big5": frozenset(range(0xA1, 0xC7)),
    "cp932": frozenset((0x81, 0x82, 0x83, *range(0x88, 0x99))),
    "euc_jp": frozenset((0xA1, 0xA3, 0xA4, 0xA5, *range(0xB0, 0xD0))),
    "euc_kr": frozenset((0xA1, 0xA3, *range(0xB0, 0xC9))),
}


def read(source: Source) -> Content:
    """The text in pages. Raises DocumentError: too_many_pages."""
    words, note = decoded(source.data)
    return paged(words, source.limits, note)


def paged(words: str, limits: ReadLimits, detail: str = "") -> Content:
    """A text as leaves: at its form feeds, or cut at good places when it is long. Raises DocumentError: too_many_pages."""
    pages = tuple(PageContent(clean(page)) for page in split(words))
    if len(pages) > limits.max_pages:
        over("max_pages", len(pages), limits.max_pages, "too_many_pages")
    return Content(pages, detail)


def decoded(data: bytes) -> tuple[str, str]:
    """The text, and the sentence that says which encoding was guessed; "" for one that proves itself by its mark or its form."""
    text, encoding = decode(data)
    return text, "" if _marked(
        data
    ) or encoding == "utf-8" else f"It names no encoding and was read as {encoding}."


def decode(data: bytes) -> tuple[str, str]:
    """The text of bytes in any encoding, and the encoding: mark, wide by its NULs, UTF-8, East Asian by frequency, statistics.

    >>> decode("发票号码".encode("gb18030"))
    ('发票号码', 'gb18030')
    """
    if marked := _marked(data):
        return data.decode(marked, "replace"), marked
    for encoding in _candidates(data):
        if encoding == _DAMAGED_UTF8:
            return data.decode("utf-8", "replace"), encoding
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return data.decode("cp1252", "replace"), "cp1252"


def _candidates(data: bytes) -> Iterator[str]:
    """Encodings that the bytes may be in, best first. What costs time is asked only when those before do not fit."""
    yield from wide(data)
    yield "utf-8"
    for judge in (_nearly_utf8, _east_asian, _statistical):
        yield from judge(data)
    yield "gb18030"


def split(text: str) -> Iterator[str]:
    """Pages at form feeds where there are some; else a long text is cut at paragraph, line or word edges."""
    if "\f" in text.strip("\f"):
        yield from text.strip("\f").split("\f")
    elif len(text) <= LONG_TEXT:
        yield text.strip("\f")
    else:
        yield from _cut(text)


def _cut(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > PAGE_TEXT * 3 // 2:
        end = _edge(text, start + PAGE_TEXT // 2, start + PAGE_TEXT)
        yield text[start:end]
        start = end
    yield text[start:]


def _edge(text: str, low: int, high: int) -> int:
    """The last good place to cut between two offsets: a blank line, a line end, a space, else `high`."""
    piece = text[low:high]
    for pattern in (r"\n[ \t\r]*\n\s*", r"[\n\r]+", r"\s+", r"[。！？；]"):
        ends = [match.end() for match in re.finditer(pattern, piece)]
        if ends:
            return low + ends[-1]
    return high


def _marked(data: bytes) -> str:
    """The encoding that the byte order mark names, "" without a mark."""
    return next((encoding for mark, encoding in _BOMS if data.startswith(mark)), "")


def _nearly_utf8(data: bytes) -> list[str]:
    """UTF-8 but for a few places, as programs leave it that cut characters in two or write halves of pairs."""
    words = data.decode("utf-8", "replace")
    places = len(re.findall("\ufffd+", words))
    whole = len(words) - words.count("\ufffd") - sum(map((128).__gt__, data))
    return [_DAMAGED_UTF8] if whole >= 4 * places else []


def _east_asian(data: bytes) -> list[str]:
    """East Asian encodings in which nearly all characters are common ones, best first; none when few bytes are high."""
    sample = data[:_SAMPLE]
    if _high_share(sample) < 0.25:
        return []
    scores = {encoding: _common_share(sample, encoding, leads) for encoding, leads in _COMMON_LEADS.items()}
    fitting = [encoding for encoding, score in scores.items() if score > 0.9]
    if (
        len(sample) > _SHORT_SAMPLE
    ):  # to fit a narrower area says more, but chance does it with a few characters
        fitting.sort(key=lambda encoding: len(_COMMON_LEADS[encoding]))
    return sorted(fitting, key=scores.__getitem__, reverse=True)


def _common_share(sample: bytes, encoding: str, leads: frozenset[int]) -> float:
    """Share of the two-byte characters that stand in the standard's area for common ones; 0 when the bytes do not decode."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return 0.0
    pairs = [pair[0] for pair in (character.encode(encoding) for character in text) if len(pair) > 1]
    return sum(lead in leads for lead in pairs) / max(1, len(pairs))


def _statistical(data: bytes) -> list[str]:
    """What charset-normalizer makes of a sample; western texts with few accents are too little for it and mean Windows-1252."""
    best = from_bytes(data[:_SAMPLE]).best()
    if best is None:
        return []
    return ["cp1252", best.encoding] if _high_share(data[:_SAMPLE]) < 0.05 else [best.encoding]


def _high_share(sample: bytes) -> float:
    return sum(map((127).__lt__, sample)) / max(1, len(sample))
