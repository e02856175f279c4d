"""HTML in; leaves out: its text block by block, a table row on one line with " | " between the cells, the title first.

What a browser does not show is left out, counted and flagged. A link gives its target where that is short and
its words do not say it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

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
_ROW_GROUPS = frozenset({"thead", "tbody", "tfoot"})
_STRUCK = frozenset({"s", "strike", "del"})
_LINE_THROUGH = re.compile(r"text-decoration(?:-line)?\s*:[^;]*line-through", re.IGNORECASE)
STRIKE = "~~"  # on both sides of words that are struck out, as Markdown has it
_MOST_SPANNED = 1_000  # columns of a cell; rows are as many as come (HTML Standard, 4.9.11, 2026-11)
_TARGET = re.compile(r"mailto:[^?\s]+|tel:[^?\s]+|https?://[^?#\s]+")
_LONGEST_TARGET = 80  # characters; longer ones are for machines
_BLANKS = re.compile(r" {2,}(?!\|)|(?<!\|) {2,}")  # not those of an empty cell between its bars
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
    decoded = decode(source.data)
    markup = decoded.text
    shallow = flattened(markup)
    parser = LexborHTMLParser(shallow)
    lines = _walked(parser)
    found = text.paged(lines.joined(), source.limits, _told(lines.hidden_chars, cut=shallow != markup))
    flags = (*(["hidden_text"] if lines.hidden_chars else []), *decoded.flags)
    detail = " ".join(filter(None, [found.detail, decoded.note if decoded.flags else ""]))
    return Content(found.leaves, detail, flags, Properties(_title(parser), _author(parser)))


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


def decode(data: bytes) -> text.Decoded:
    """The markup of HTML bytes: the page's own charset where it names one that fits, else as any text."""
    named = _CHARSET.search(data[:4096])
    if named and not data.startswith(
        (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")
    ):  # a mark says more than a name
        with suppress(UnicodeDecodeError, LookupError):  # of a page in another charset than it names
            charset = _web_name(named[1].decode("ascii"))
            return text.Decoded(data.decode(charset), charset)
    return text.decoded(data)


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
    if tag in _STRUCK or _LINE_THROUGH.search(_style(node)):
        lines.struck += 1 if entering else -1
    if tag == "pre":
        lines.preformatted += 1 if entering else -1
        lines.end()
    elif tag in _CELLS:
        _cell(lines, node, entering=entering)
    elif tag in _BLOCKS:
        _block(lines, tag, entering=entering)
    elif tag == "br" and entering:
        lines.end()
    elif tag == "a" and not entering and not lines.hiding:
        lines.say(_target(node))


def _cell(lines: _Lines, node: LexborNode, *, entering: bool) -> None:
    if entering:
        lines.cell(_span(node, "colspan"), _span(node, "rowspan"), loose=node.css_first("table") is not None)
    else:
        lines.end_cell()


def _span(node: LexborNode, name: str) -> int:
    """How many columns or rows a cell takes; rowspan 0 is all that follow."""
    words = (node.attributes.get(name) or "").strip()
    return min(int(words) or _MOST_SPANNED, _MOST_SPANNED) if words.isdecimal() else 1


def _style(node: LexborNode) -> str:
    return (node.attributes.get("style") or "") if node.is_element_node else ""


def _block(lines: _Lines, tag: str, *, entering: bool) -> None:
    if tag == "tr":
        lines.row()
    elif tag == "table":
        lines.table(entering=entering)
    elif tag in _ROW_GROUPS:
        lines.row_group()
    lines.end()
    if tag == "li" and entering and not lines.hiding:
        lines.say("- ")


class _Columns:
    """The columns of a table as its rows are read: which of them cells of rows above take."""

    def __init__(self) -> None:
        self.first = True  # no cell of the row yet
        self._at = 0
        self._taken: dict[int, int] = {}  # column -> rows for which it is still taken, this one included

    def row(self) -> None:
        """A row ends; a second call before a cell says nothing new."""
        if not self.first:
            self._taken = {column: rows - 1 for column, rows in self._taken.items() if rows > 1}
        self.first, self._at = True, 0

    def row_group(self) -> None:
        """The head, the body or the foot begins or ends; no cell reaches over that."""
        self.row()
        self._taken = {}

    def place(self, columns: int, rows: int) -> int:
        """How many columns lie between the last cell and the place of the next one, which takes so many columns and rows."""
        start = self._at
        while self._taken.get(self._at):
            self._at += 1
        gap = self._at - start
        if rows > 1:
            self._taken.update(dict.fromkeys(range(self._at, min(self._at + columns, _MOST_SPANNED)), rows))
        self._at += columns
        self.first = False
        return gap


class _Lines:
    """Lines under construction. Inside a table cell a block ends with a space, unless the cell holds a whole table (layout)."""

    def __init__(self) -> None:
        self.preformatted = 0
        self.struck = 0  # open elements that strike out what they hold
        self.hiding = 0  # open elements that hide what they hold
        self.hidden_chars = 0
        self._done: list[str] = []
        self._line: list[str] = []
        self._cells: list[bool] = []  # open cells, True where the cell is loose
        self._tables = [_Columns()]  # open tables, the innermost last; rows without one have the first
        self._bars = 0  # columns that wait for a cell behind them

    def say(self, words: str, *, keep: bool = False) -> None:
        """Add words to the line; white space is one space unless it is to be kept. Hidden words are only counted."""
        if self.hiding:
            self.hidden_chars += len(" ".join(words.split()))
            return
        if self.struck and words.strip():
            inside = words.strip()
            words = words.replace(inside, f"{STRIKE}{inside}{STRIKE}", 1)
        if keep and not self._tight:
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
        line = (
            "".join(self._line).replace(f"{STRIKE}{STRIKE}", "").replace(f"{STRIKE} {STRIKE}", " ").rstrip()
        )
        if line.strip(" |"):
            self._done.append(line if self.preformatted else _BLANKS.sub(" ", line).strip())
        self._line = []

    def table(self, *, entering: bool) -> None:
        """A table begins or ends; the columns of the one around it go on."""
        if entering:
            self._tables.append(_Columns())
        elif len(self._tables) > 1:
            self._tables.pop()

    def row(self) -> None:
        """A row begins or ends: the next cell is the first of its row."""
        self._tables[-1].row()
        self._bars = 0

    def row_group(self) -> None:
        """A group of rows begins or ends."""
        self._tables[-1].row_group()
        self._bars = 0

    def cell(self, columns: int, rows: int, *, loose: bool) -> None:
        """Open a cell that takes so many columns and rows. A bar stands before all but the first column, also before empty ones."""
        self._cells.append(loose)
        if self.hiding:
            return
        table = self._tables[-1]
        bars = self._bars + table.place(columns, rows)
        if bars:
            self._line.append(" | " * bars)
        self._bars = columns

    def end_cell(self) -> None:
        """Close the cell that was opened last."""
        if self._cells:
            self._cells.pop()

    def joined(self) -> str:
        """All lines as one text."""
        self._cells = []
        self.end()
        return "\n".join(self._done)

    @property
    def _tight(self) -> bool:
        return bool(self._cells) and not self._cells[-1]
