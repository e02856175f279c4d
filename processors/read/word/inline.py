"""What stands in a paragraph of a Word file in (runs and what lies between them); its text out, and blocks that hang in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from octavo.processors.read.word.drawings import drawn
from octavo.processors.read.word.equations import linear
from octavo.processors.read.word.field_codes import Fields, link, ticked
from octavo.processors.read.word.notes import Notes
from octavo.processors.read.word.package import Package
from octavo.processors.read.word.page_breaks import hidden
from octavo.processors.read.word.styles import Styles
from octavo.processors.read.word.symbols import symbol
from octavo.processors.read.word.xml import Element, attribute, bare, child, children, switched

SKIPPED = frozenset(
    (
        "rPr",
        "pPr",
        "tblPr",
        "trPr",
        "tcPr",
        "sdtPr",
        "sectPr",
        "tblGrid",
        "delText",
        "delInstrText",
        "posOffset",
        "Fallback",
        "rt",
    ),
)
_PRINTED = {
    "tab": "\t",
    "ptab": "\t",
    "cr": "\n",
    "noBreakHyphen": "-",
    "softHyphen": "",
    "lastRenderedPageBreak": "\f",
}
_STRIKE = "~~"  # on both sides of words that are struck out
_OLD_EQUATIONS = ("Equation", "MathType")
_NEARBY = 20  # pieces of text before a link, in which its address may stand already


@dataclass(slots=True)
class Findings:
    """What a careful reader should know, counted on the way."""

    insertions: int = 0
    deletions: int = 0
    deleted_chars: int = 0
    moves: int = 0
    outside: int = 0  # parts that lie outside the file and are never fetched
    old_equations: int = 0  # drawn by an equation editor, without text
    pictures: dict[str, None] = field(default_factory=dict)  # parts, in order
    carried: dict[str, None] = field(default_factory=dict)  # parts that are files of their own, in order
    drawn: dict[str, None] = field(default_factory=dict)  # charts and diagrams whose words were taken

    def delete(self, element: Element) -> None:
        """Count a deletion and the characters in it."""
        self.deletions += 1
        self.deleted_chars += sum(len(item.text or "") for item in element.iter("{*}delText", "{*}t"))


class Inline:
    """Turns paragraphs into text. `part` is the part at hand, to which links and drawings relate."""

    def __init__(
        self, package: Package, styles: Styles, notes: Notes, blocks: Callable[[Element, list[str]], None]
    ) -> None:
        self.part = package.main
        self.findings = Findings()
        self._package, self._styles, self._notes, self._blocks = package, styles, notes, blocks
        self._fields = Fields()
        self._unseen = False  # the style of the paragraph hides it
        self._linked: set[str] = set()  # an address is said once
        self._handlers: dict[str, Callable[[Element, list[str], list[str]], None]] = {
            "br": lambda item, out, _: out.append("\f" if attribute(item, "type") == "page" else "\n"),
            "sym": lambda item, out, _: out.append(symbol(attribute(item, "char"), attribute(item, "font"))),
            **dict.fromkeys(("footnoteReference", "endnoteReference", "commentReference"), self._note),
            **dict.fromkeys(("oMath", "oMathPara"), self._equation),
            **dict.fromkeys(("del", "moveFrom"), lambda item, _, __: self.deleted(item)),
            **dict.fromkeys(("ins", "moveTo"), self._inserted),
            **dict.fromkeys(("txbxContent", "txBody"), lambda item, _, after: self._blocks(item, after)),
            **dict.fromkeys(("chart", "relIds"), self._drawing),
            **dict.fromkeys(("blip", "imagedata"), self._picture),
            "tbl": self._loose_table,
            "AlternateContent": self._alternative,
            "hyperlink": self._hyperlink,
            "sdt": self._control,
            "rubyBase": self._ruby,
            "textpath": lambda item, _, after: after.append(attribute(item, "string")),
            "OLEObject": self._object,
            "subDoc": lambda _, __, ___: self._outside(),
        }

    def text(self, paragraph: Element, after: list[str], *, unseen: bool = False) -> str:
        """The text of a paragraph; the lines of text boxes, tables and drawings that hang in it go to `after`."""
        before, self._unseen = self._unseen, unseen
        out: list[str] = []
        self._into(paragraph, out, after)
        if self._fields.muted:
            self._fields.settle()
        self._unseen = before
        return "".join(out).replace(f"{_STRIKE}{_STRIKE}", "").replace(f"{_STRIKE} {_STRIKE}", " ")

    def deleted(self, element: Element) -> None:
        """Count what was deleted, or moved away, under track changes."""
        if bare(element.tag) == "del":
            self.findings.delete(element)

    def inserted(self, element: Element) -> None:
        """Count what was inserted, or moved here, under track changes."""
        if bare(element.tag) == "ins":
            self.findings.insertions += 1
        else:
            self.findings.moves += 1

    def _into(self, parent: Element, out: list[str], after: list[str]) -> None:
        for item in parent:
            name = bare(item.tag)
            if name == "r":
                self._run(item, out, after)
            elif name not in SKIPPED:
                self._item(name, item, out, after)

    def _item(self, name: str, item: Element, out: list[str], after: list[str]) -> None:
        handler = self._handlers.get(name)
        if handler is not None:
            handler(item, out, after)
        else:
            self._into(item, out, after)

    def _run(self, run: Element, out: list[str], after: list[str]) -> None:
        unseen, mark = self._unseen, ""
        for item in run:
            name = bare(item.tag)
            if name == "rPr":
                unseen = unseen or self._styles.hides(item)
                mark = _STRIKE if switched(item, "strike") or switched(item, "dstrike") else ""
            elif name == "fldChar":
                out.append(self._once(self._fields.mark(item, out)))
            elif name == "instrText":
                self._fields.instruct(item.text or "")
            elif self._fields.muted:
                continue
            elif name == "t":
                text = f"{mark}{item.text}{mark}" if (item.text or "").strip() else item.text or ""
                out.append(hidden(text) if unseen else text)
            elif name in _PRINTED:
                out.append(_PRINTED[name])
            elif name not in SKIPPED:
                self._item(name, item, out, after)

    def _once(self, address: str) -> str:
        """An address, unless the document has said it before; other words as they are."""
        if address.startswith(" <"):
            if address in self._linked:
                return ""
            self._linked.add(address)
        return address

    def _note(self, item: Element, out: list[str], after: list[str]) -> None:
        del after
        out.append(self._notes.call(bare(item.tag), attribute(item, "id")))

    def _inserted(self, item: Element, out: list[str], after: list[str]) -> None:
        self.inserted(item)
        self._into(item, out, after)

    def _equation(self, item: Element, out: list[str], after: list[str]) -> None:
        """An equation, kept apart from words that touch it."""
        del after
        following = item.getnext()
        next_text = (
            next((found.text or "" for found in following.iter("{*}t")), "") if following is not None else ""
        )
        before = " " if out and out[-1][-1:].isalnum() else ""
        out.append(before + linear(item) + (" " if next_text[:1].isalnum() else ""))

    def _loose_table(self, table: Element, out: list[str], after: list[str]) -> None:
        """A table inside a run, which old producers write: it follows its paragraph."""
        del out
        self._blocks([table], after)

    def _alternative(self, item: Element, out: list[str], after: list[str]) -> None:
        """Content that Word writes twice, the second time for older readers: the first form that is there."""
        chosen = next(
            (found for name in ("Choice", "Fallback") if (found := child(item, name)) is not None), None
        )
        if chosen is not None:
            self._into(chosen, out, after)

    def _hyperlink(self, item: Element, out: list[str], after: list[str]) -> None:
        """The words of a link, and its address after them; Word splits a link where its looks change, so it waits for the last piece."""
        start = len(out)
        self._into(item, out, after)
        identity, following = attribute(item, "id"), item.getnext()
        related = self._package.related(self.part).get(identity)
        if related is None or not related.external:
            return
        if following is None or bare(following.tag) != "hyperlink" or attribute(following, "id") != identity:
            out.append(self._once(link(related.target, "".join(out[max(0, start - _NEARBY) :]))))

    def _control(self, item: Element, out: list[str], after: list[str]) -> None:
        """A content control: a check box as its state, a list as its choice, any other as what stands in it."""
        properties, content = child(item, "sdtPr"), child(item, "sdtContent")
        box = child(properties, "checkbox")
        if box is not None:
            out.append(ticked(checked=switched(box, "checked")))
            return
        start = len(out)
        if not switched(properties, "showingPlcHdr"):  # else it says what to write here, and nobody has
            self._into(content if content is not None else (), out, after)
        if not "".join(out[start:]).strip():
            out.append(_chosen(properties))

    def _ruby(self, item: Element, out: list[str], after: list[str]) -> None:
        """Characters with their reading in brackets after them."""
        self._into(item, out, after)
        reading: list[str] = []
        for small in children(item.getparent(), "rt"):
            self._into(small, reading, after)
        out.append(f"({''.join(reading)})" if reading else "")

    def _drawing(self, item: Element, out: list[str], after: list[str]) -> None:
        """A chart or a diagram, whose words stand in a part of their own; each is told once."""
        del out
        related = self._package.related(self.part).get(attribute(item, "dm") or attribute(item, "id"))
        if (
            related is not None
            and related.target not in self.findings.drawn
            and related.target in self._package
        ):
            self.findings.drawn[related.target] = None
            after.extend(drawn(self._package.xml(related.target)))

    def _picture(self, item: Element, out: list[str], after: list[str]) -> None:
        del out, after
        related = self._package.related(self.part).get(attribute(item, "embed") or attribute(item, "id"))
        if related is not None and related.target in self._package:
            self.findings.pictures[related.target] = None

    def _object(self, item: Element, out: list[str], after: list[str]) -> None:
        """A file that is carried along; an equation of the old editors has no text and is counted."""
        del out, after
        related = self._package.related(self.part).get(attribute(item, "id"))
        if attribute(item, "ProgID").startswith(_OLD_EQUATIONS):
            self.findings.old_equations += 1
        elif related is not None and related.external:
            self._outside()
        elif related is not None and related.target in self._package:
            self.findings.carried[related.target] = None

    def _outside(self) -> None:
        self.findings.outside += 1


def _chosen(properties: Element | None) -> str:
    """What a list was last set to, where its text is empty."""
    for kind in ("dropDownList", "comboBox"):
        choices = child(properties, kind)
        last = attribute(choices, "lastValue")
        if choices is not None and last:
            entries = (item for item in children(choices, "listItem") if attribute(item, "value") == last)
            return next((attribute(item, "displayText") for item in entries), "") or last
    return ""
