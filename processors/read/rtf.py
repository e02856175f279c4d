r"""An RTF in; the same out in ASCII, each letter as its number, and without what was deleted under track changes.

Imports nothing of this room. In RTF a byte means what the charset of its font says: `\'e4` is `ä` in one font and `д` in the next. What
reads RTF here knows one charset a file, so letters are told apart before (Word 2007 RTF specification 1.9.1, read 2026-11).
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field, replace

_TOKEN = re.compile(
    rb"\\'([0-9a-fA-F]{2})|\\([a-zA-Z]{1,32})(-?[0-9]{1,10})? ?|(\\[^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)",
    re.DOTALL,
)
_CHARSETS = {  # \fcharset -> Python's codec
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "gb18030",
    136: "big5hkscs",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
    254: "cp437",
    255: "cp850",
}
_PAGES = {936: "gb18030", 950: "big5hkscs", 932: "cp932", 949: "cp949", 10000: "mac_roman", 65001: "utf-8"}
_BEYOND = 0xF000  # private letters that stand for those beyond U+FFFF meanwhile
_MOST_BEYOND = 0x800


@dataclass(frozen=True, slots=True)
class _Group:
    """What holds to the end of a group."""

    font: int = -1  # -1 for the default one
    skip: int = 1  # letters after each \u that say the same for old programs
    deleted: bool = False
    fonts: bool = False  # in the table of fonts
    defines: int = -1  # the font that is described


@dataclass(slots=True)
class _Document:
    """What is known of a file so far."""

    page: str = "cp1252"
    default: int = 0
    charsets: dict[int, str] = field(default_factory=dict)
    beyond: list[str] = field(default_factory=list)


def plain_letters(data: bytes) -> tuple[bytes, dict[int, str]]:
    """The file in ASCII, and what the private letters in it stand for, as `str.translate` takes it."""
    rewriter = _Rewriter()
    at = 0
    while match := _TOKEN.match(data, at):
        at = match.end() + rewriter.take(match)
    rewriter.flush()
    return b"".join(rewriter.out), {_BEYOND + at: one for at, one in enumerate(rewriter.document.beyond)}


class _Rewriter:
    def __init__(self) -> None:
        self.out: list[bytes] = []
        self.document = _Document()
        self._group = _Group()
        self._groups: list[_Group] = []
        self._pending = bytearray()  # of one charset
        self._left = 0  # letters still to be passed over
        self._high = 0  # first half of a pair

    def take(self, match: re.Match[bytes]) -> int:
        """Take one token; gives how many raw bytes follow it that are none."""
        code, word, number, symbol, brace, text = match.groups()
        if symbol in (b"\\\\", b"\\{", b"\\}"):  # letters, and the second bytes of some
            text = symbol[1:]
        if code or text:
            self._say(bytes([int(code, 16)]) if code else text)
        elif word:
            return self._word(word.decode(), int(number) if number else None, match[0])
        elif brace or symbol:
            self.flush()
            self._left = 0
            self._brace(brace)
            self.out.append(brace or symbol)
        return 0

    def _say(self, letters: bytes) -> None:
        passed = min(self._left, len(letters))
        self._left -= passed
        self._pending += letters[passed:]

    def _word(self, word: str, number: int | None, raw: bytes) -> int:
        if word == "u" and number is not None:
            self.flush(keep=True)
            self._unicode(number & 0xFFFF)
            self._left = self._group.skip
            return 0
        self.flush()
        self._left = 0
        if word == "bin":
            return max(0, number or 0)
        if word != "uc":
            self.out.append(raw)
        self._state(word, number)
        return 0

    def _state(self, word: str, number: int | None) -> None:
        group, document = self._group, self.document
        if word == "uc":
            self._group = replace(group, skip=max(0, number if number is not None else 1))
        elif word == "ansicpg" and number:
            document.page = _codec(number) or document.page
        elif word == "deff":
            document.default = number or 0
        elif word == "fonttbl":
            self._group = replace(group, fonts=True)
        elif word == "f" and number is not None:
            self._group = replace(group, defines=number) if group.fonts else replace(group, font=number)
        elif word in ("fcharset", "cpg") and group.fonts and number is not None:
            codec = _CHARSETS.get(number, "") if word == "fcharset" else _codec(number)
            if codec:
                document.charsets[group.defines] = codec
        elif word == "plain":
            self._group = replace(group, font=-1, deleted=False)
        elif word == "deleted":
            self._group = replace(group, deleted=number != 0)

    def _brace(self, brace: bytes | None) -> None:
        if brace == b"{":
            self._groups.append(self._group)
        elif brace == b"}" and self._groups:
            self._group = self._groups.pop()

    def _unicode(self, unit: int) -> None:
        if 0xD800 <= unit < 0xDC00:
            self._high = unit
            return
        if 0xDC00 <= unit < 0xE000 and self._high:
            unit = 0x10000 + ((self._high - 0xD800) << 10) + unit - 0xDC00
        self._high = 0
        self._write(chr(unit))

    def flush(self, *, keep: bool = False) -> None:
        """Write the letters that wait; half a pair waits on with `keep`."""
        if self._pending:
            font = self._group.defines if self._group.fonts else self._group.font
            codec = self.document.charsets.get(
                self.document.default if font < 0 else font, self.document.page
            )
            self._write(self._pending.decode(codec, "replace"))
            self._pending.clear()
        elif not keep:
            self._high = 0

    def _write(self, letters: str) -> None:
        if not self._group.deleted:
            self.out.append("".join(map(self._escaped, letters)).encode("ascii"))

    def _escaped(self, letter: str) -> str:
        if letter in "\\{}":
            return "\\" + letter
        if letter < "\x7f":
            return letter
        if letter > "\uffff":
            if len(self.document.beyond) == _MOST_BEYOND:
                return "?"
            self.document.beyond.append(letter)
            letter = chr(_BEYOND + len(self.document.beyond) - 1)
        number = ord(letter)
        return f"\\uc1\\u{number - 0x10000 if number > 0x7FFF else number}?"


def _codec(page: int) -> str:
    """The codec of a code page, "" for one that Python does not know."""
    name = _PAGES.get(page, f"cp{page}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return ""
