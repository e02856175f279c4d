"""Plain text in any encoding in (Markdown, JSON, XML, logs too); leaves out: one page for a short text, pages for a long one."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from octavo.processors.read import charsets
from octavo.processors.read.content import Content, PageContent, ReadLimits, Source, clean, over
from octavo.processors.read.kinds import wide

LONG_TEXT = 12_000  # characters above which a text without form feeds is cut into pages
PAGE_TEXT = 4_000  # characters of such a page: about a printed one
_SHORT_SAMPLE = 40  # bytes, some twenty characters; below it statistics say little, and Chinese is taken for likelier than Korean
_MAIL_OF_JAPAN = re.compile(
    rb"\x1b\$[@B]"
)  # how ISO-2022-JP, all of whose bytes are ASCII, begins with two-byte characters
_LEAST_BASE64 = 600  # characters of a run that is no word, no key and no number
_BASE64 = re.compile(
    r"[A-Za-z0-9+/]{600,}+={0,2}|(?:[A-Za-z0-9+/]{60,}+(?:\r?\n|&#xD;)[ \t]*+){8,}+[A-Za-z0-9+/]*+={0,2}"
)
UNCERTAIN = "uncertain_encoding"  # flag: another encoding fits nearly as well
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


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text, the encoding it was read in, and what a careful reader should know about that: a sentence and flags."""

    text: str
    encoding: str
    note: str = ""  # "" for an encoding that proves itself by its mark or its form
    flags: tuple[str, ...] = ()


def read(source: Source) -> Content:
    """The text in pages, without the files in Base64 that lie in it. Raises DocumentError: too_many_pages."""
    found = decoded(source.data)
    words, left_out = without_base64(found.text)
    note = f"{left_out:,} characters of Base64 in it, which no one reads, were left out." if left_out else ""
    return paged(words, source.limits, " ".join(filter(None, [found.note, note])), found.flags)


def without_base64(words: str) -> tuple[str, int]:
    """A text without long runs of Base64, which are pictures and files, and how many characters these had."""
    left_out = 0

    def told(match: re.Match[str]) -> str:
        nonlocal left_out
        if not all(re.search(kind, match[0]) for kind in ("[0-9]", "[a-z]", "[A-Z]")):
            return match[0]
        left_out += len(match[0])
        return "[Base64]"

    return (_BASE64.sub(told, words), left_out) if len(words) > _LEAST_BASE64 else (words, 0)


def paged(words: str, limits: ReadLimits, detail: str = "", flags: tuple[str, ...] = ()) -> Content:
    """A text as leaves: at its form feeds, or cut at good places when it is long. Raises DocumentError: too_many_pages."""
    pages = tuple(PageContent(clean(page)) for page in split(words))
    if len(pages) > limits.max_pages:
        over("max_pages", len(pages), limits.max_pages, "too_many_pages")
    return Content(pages, detail, flags)


def decoded(data: bytes) -> Decoded:
    """The text of bytes in any encoding: by their mark, wide by their NULs, UTF-8, else as the letters make a language.

    >>> decoded("发票号码".encode("gb18030")).encoding
    'gb18030'
    """
    if marked := _marked(data):
        return Decoded(data.decode(marked, "replace"), marked)
    for encoding in _formed(data):
        with suppress(UnicodeDecodeError):
            text = data.decode(encoding)
            return Decoded(text, encoding, "" if encoding == "utf-8" else _named(encoding))
    if _is_nearly_utf8(data):
        return Decoded(data.decode("utf-8", "replace"), "utf-8", _named("utf-8 with damaged characters"))
    return _guessed(data)


def decode(data: bytes) -> str:
    """The text alone, where there is no place for a doubt about it."""
    return decoded(data).text


def _formed(data: bytes) -> Iterator[str]:
    """Encodings that only bytes of their form fit."""
    yield from wide(data)
    if _MAIL_OF_JAPAN.search(data):
        yield "iso2022_jp"
    yield "utf-8"


def _named(encoding: str, rival: str = "") -> str:
    also = f", though {rival} fits nearly as well: look at its letters" if rival else ""
    return f"It names no encoding and was read as {encoding}{also}."


def _guessed(data: bytes) -> Decoded:
    """The text in the likeliest encoding, flagged where another one is as likely, or where not all of it fits."""
    if len(data) < _SHORT_SAMPLE:
        for encoding in _east_asian(data):
            return Decoded(data.decode(encoding, "replace"), encoding, _named(encoding), (UNCERTAIN,))
    ranked = charsets.guesses(data)
    best = ranked[0].encoding if ranked else "cp1252"
    text = data.decode(best, "replace")
    if not ranked or "\ufffd" in text:
        return Decoded(text, best, _named(f"{best}, which not all of it fits"), (UNCERTAIN,))
    other = charsets.rival(ranked)
    return Decoded(text, best, _named(best, other), (UNCERTAIN,) if other else ())


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


def _is_nearly_utf8(data: bytes) -> bool:
    """UTF-8 but for a few places, as programs leave it that cut characters in two or write halves of pairs."""
    words = data.decode("utf-8", "replace")
    places = len(re.findall("\ufffd+", words))
    whole = len(words) - words.count("\ufffd") - sum(map((128).__gt__, data))
    return whole >= 4 * places


def _east_asian(sample: bytes) -> list[str]:
    """East Asian encodings in which nearly all characters of a few are common ones, best first; none when few bytes are high."""
    if _high_share(sample) < 0.25:
        return []
    scores = {encoding: _common_share(sample, encoding, leads) for encoding, leads in _COMMON_LEADS.items()}
    fitting = [encoding for encoding, score in scores.items() if score > 0.9]
    return sorted(fitting, key=scores.__getitem__, reverse=True)


def _common_share(sample: bytes, encoding: str, leads: frozenset[int]) -> float:
    """Share of the two-byte characters that stand in the standard's area for common ones; 0 when the bytes do not decode."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return 0.0
    pairs = [pair[0] for pair in (character.encode(encoding) for character in text) if len(pair) > 1]
    return sum(lead in leads for lead in pairs) / max(1, len(pairs))


def _high_share(sample: bytes) -> float:
    return sum(map((127).__lt__, sample)) / max(1, len(sample))
