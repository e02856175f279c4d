"""HTML in; leaves out: its text block by block, a table row on one line with " | " between the cells, the title first.

What a browser does not show is left out, counted and flagged. A link gives its target where that is short and
its words do not say it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from octavo.processors.read import text
from octavo.processors.read.content import Content, Source
from octavo.schemas.pipeline import Properties

_CHARSET = re.compile(
    rb"<(?:meta[^>]{0,200}?charset|\?xml[^>]{0,100}?encoding)\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE
)
_DROPPED = frozenset(
    {
        "script",
        "style",
        "noscript",
        "template",
        "head",
        "svg",
        "math",
        "iframe",
        "object",
        "select",
        "-comment",
    }
)
_BLOCKS = frozenset(
    re.findall(
        r"\w+",
        "address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure footer form"
        " h1 h2 h3 h4 h5 h6 header hr legend li main nav ol option p pre section summary table tbody tfoot thead tr ul",
    ),
)
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_TARGET = re.compile(r"mailto:[^?\s]+|tel:[^?\s]+|https?://[^?#\s]+")
_LONGEST_TARGET = 80  # characters; longer ones are for machines
_CELLS = frozenset({"td", "th"})
_DEEPEST = 10_000  # elements in one another; the time of the parser grows with the square of it: 0.2 s here, measured 2026-11
_TAG = re.compile(r"<(/?)([a-z][^\s/<>]*)[^<>]*>", re.IGNORECASE)
_NEVER_DEEP = frozenset(  # elements that others close, that hold nothing, or whose words are not for people
    re.findall(
        r"\w+",
        "p li dt dd tr td th thead tbody tfoot colgroup option optgroup rp rt area base br col embed hr img input link meta source track"
        " wbr a nobr button h1 h2 h3 h4 h5 h6 script style title textarea iframe noscript",
    ),
)


def read(source: Source) -> Content:
    """The visible text, in pages as plain text has them. Raises DocumentError: too_many_pages."""
    markup = decode(source.data)
    shallow = flattened(markup)
    parser = LexborHTMLParser(shallow)
    lines = _walked(parser)
    found = text.paged(lines.joined(), source.limits, _told(lines.hidden_chars, cut=shallow != markup))
    flags = ("hidden_text",) if lines.hidden_chars else ()
    return Content(found.leaves, found.detail, flags, Properties(_title(parser), _author(parser)))


def _told(hidden_chars: int, *, cut: bool) -> str:
    hidden = (
        f"{hidden_chars:,} characters in it are hidden from the eye and were left out."
        if hidden_chars
        else ""
    )
    deep = (
        f"Its elements lie more than {_DEEPEST:,} deep in one another; what lies deeper was read without its tags."
        if cut
        else ""
    )
    return " ".join(filter(None, [hidden, deep]))


def flattened(markup: str) -> str:
    """The markup without the tags that lie too deep; their words stay, on lines of their own. Nearly all markup comes back as it is."""
    if markup.count("<") <= _DEEPEST:
        return markup
    depth = 0

    def shallow(tag: re.Match[str]) -> str:
        nonlocal depth
        if tag[2].lower() in _NEVER_DEEP or tag[0].endswith("/>"):
            return tag[0]
        depth = max(0, depth + (-1 if tag[1] else 1))
        return tag[0] if depth + bool(tag[1]) <= _DEEPEST else "<br>"

    return _TAG.sub(shallow, markup)


def decode(data: bytes) -> str:
    """The markup of HTML bytes: the page's own charset where it names one that fits, else as any text."""
    named = _CHARSET.search(data[:4096])
    if named and not data.startswith(
        (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")
    ):  # a mark says more than a name
        try:
            return data.decode(_web_name(named[1].decode("ascii")))
        except (UnicodeDecodeError, LookupError):
            pass  # the page names a charset it is not in: judge by its bytes
    return text.decode(data)


def plain(markup: str) -> str:
    r"""The visible text of HTML, its title first.

    >>> plain("<title>Bill</title><table><tr><td>Total<td><p>12.00</table>")
    'Bill\nTotal | 12.00'
    """
    return _walked(LexborHTMLParser(flattened(markup))).joined()


def _walked(parser: LexborHTMLParser) -> _Lines:
    """The lines of a page, its title first."""
    lines = _Lines()
    lines.say(_title(parser))
    lines.end()
    for node, entering in _steps(parser.body):
        _step(lines, node, entering=entering)
    return lines


def _title(parser: LexborHTMLParser) -> str:
    title = parser.css_first("title")
    return " ".join(title.text().split()) if title is not None else ""


def _author(parser: LexborHTMLParser) -> str:
    meta = parser.css_first('meta[name="author" i]')
    return " ".join((meta.attributes.get("content") or "").split()) if meta is not None else ""


def _web_name(charset: str) -> str:
    """Browsers read the labels latin-1 and gb2312 as their supersets (WHATWG Encoding Standard, 2026-11)."""
    wider = {"iso-8859-1": "cp1252", "latin-1": "cp1252", "ascii": "cp1252", "us-ascii": "cp1252"}
    wider |= {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932"}
    return wider.get(charset.lower(), charset)


def _steps(root: LexborNode | None) -> Iterator[tuple[LexborNode, bool]]:
    """Every node at its start (True) and its end (False). No recursion: pages nest 20,000 deep."""
    node = root
    end = root.mem_id if root is not None else 0  # subtle: == between nodes compares their HTML
    while node is not None:
        yield node, True
        inner = None if node.tag in _DROPPED else node.child
        while inner is None:
            yield node, False
            if node.mem_id == end:
                return
            inner, parent = node.next, node.parent
            if inner is None and parent is None:
                return
            node = node if inner is not None or parent is None else parent
        node = inner


def _hides(node: LexborNode) -> bool:
    """Whether a browser shows nothing of this node and what it holds, by its own attributes."""
    attributes = node.attributes if node.is_element_node else {}
    return "hidden" in attributes or bool(_HIDDEN.search(attributes.get("style") or ""))


def _target(node: LexborNode) -> str:
    """Where a link leads, as its reader would note it down; "" where its words say that, or it leads on within the site."""
    href = (node.attributes.get("href") or "").strip()
    short = href.removeprefix("mailto:").removeprefix("tel:")
    if not _TARGET.fullmatch(href) or len(short) > _LONGEST_TARGET:
        return ""
    plain = short.removeprefix("http://").removeprefix("https://").removeprefix("www.").rstrip("/")
    return "" if plain in node.text() else f" <{short}>"


def _step(lines: _Lines, node: LexborNode, *, entering: bool) -> None:
    """What one end of a node does to the lines."""
    tag = node.tag or ""
    if tag == "-text":
        if entering:
            lines.say(node.text_content or "", keep=lines.preformatted > 0)
        return
    if _hides(node):
        lines.hiding += 1 if entering else -1
    if tag == "pre":
        lines.preformatted += 1 if entering else -1
        lines.end()
    elif tag in _CELLS:
        lines.cell(entering=entering, loose=entering and node.css_first("table") is not None)
    elif tag in _BLOCKS:
        _block(lines, tag, entering=entering)
    elif tag == "br" and entering:
        lines.end()
    elif tag == "a" and not entering and not lines.hiding:
        lines.say(_target(node))


def _block(lines: _Lines, tag: str, *, entering: bool) -> None:
    if tag == "tr":
        lines.row()
    lines.end()
    if tag == "li" and entering and not lines.hiding:
        lines.say("- ")


class _Lines:
    """Lines under construction. Inside a table cell a block ends with a space, unless the cell holds a whole table (layout)."""

    def __init__(self) -> None:
        self.preformatted = 0
        self.hiding = 0  # open elements that hide what they hold
        self.hidden_chars = 0
        self._done: list[str] = []
        self._line: list[str] = []
        self._cells: list[bool] = []  # open cells, True where the cell is loose
        self._fresh_row = True

    def say(self, words: str, *, keep: bool = False) -> None:
        """Add words to the line; white space is one space unless it is to be kept. Hidden words are only counted."""
        if self.hiding:
            self.hidden_chars += len(" ".join(words.split()))
        elif keep and not self._tight:
            first, *rest = words.split("\n")
            self._line.append(first)
            for line in rest:
                self.end()
                self._line.append(line)
        else:
            self._line.append(re.sub(r"[ \t\r\n\f]+", " ", words))

    def end(self) -> None:
        """End the line, or inside a cell only the word."""
        if self._tight:
            self._line.append(" ")
            return
        line = "".join(self._line).rstrip()
        if line.strip(" |"):
            self._done.append(line if self.preformatted else re.sub(" {2,}", " ", line).strip())
        self._line = []

    def row(self) -> None:
        """A row begins or ends: the next cell is the first of its row."""
        self._fresh_row = True

    def cell(self, *, entering: bool, loose: bool) -> None:
        """Open or close a cell; all but the first of a row stand after a bar."""
        if not entering:
            if self._cells:
                self._cells.pop()
            return
        if not self._fresh_row:
            self._line.append(" | ")
        self._fresh_row = False
        self._cells.append(loose)

    def joined(self) -> str:
        """All lines as one text."""
        self._cells = []
        self.end()
        return "\n".join(self._done)

    @property
    def _tight(self) -> bool:
        return bool(self._cells) and not self._cells[-1]
