"""PDF in; a leaf a page out: its text, or the size of its picture when text alone would not do; on demand pages as JPEG, or boxes.

The order of the work; how each step is done stands in `open`, `marks` (what is worth a closer look),
`chars` (PDFium's boxes), `layout` (rows of tables), `hidden`, `scan` (pictures and layers of
OCR) and `extras` (forms, outline, attachments), `comments`; `furniture` finds running headers.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby

import pypdfium2
import pypdfium2.raw as pdfium

from octavo.processors.read import legible
from octavo.processors.read.content import (
    JPEG_QUALITY,
    Content,
    Inner,
    PageContent,
    PlacedWords,
    Source,
    over,
)
from octavo.processors.read.legible import GARBLED
from octavo.processors.read.pdf import (
    chars,
    check_boxes,
    comments,
    extras,
    furniture,
    hidden,
    hyphens,
    layout,
    marks,
    regions,
    ruled_lines,
    scan,
    seams,
    vertical,
    written,
    xfa,
)
from octavo.processors.read.pdf.chars import PageChars
from octavo.processors.read.pdf.comments import PageComments
from octavo.processors.read.pdf.open import OpenedPdf, opened
from octavo.schemas.errors import DocumentError

_FEW_PAGES = (
    9  # up to so many, each page is looked at object by object, for up to half of what its text takes
)
_FEW_DRAWN = 1_000  # objects of such a page that are asked whether they are seen; with more, a look for marks in the streams costs less
_ENOUGH_TEXT = 1_500  # characters: a page with as many is not looked at further when nothing is marked
_FEW_OBJECTS = 100  # a page under a picture with little text has fewer; one with more is drawn or set
_BLANK = frozenset(
    " \t\u3000\n\r\x0b\x0c\x85\u2028\u2029"
)  # what cleaning may take away; all else stays, in its order


@dataclass
class _Task:
    """One document while it is read: what is known of it, and what is found on the way."""

    file: OpenedPdf
    count: int  # of pages
    has_form: bool
    told: set[str] = field(default_factory=set)  # names of form fields
    lost: list[int] = field(default_factory=list)  # pages that cannot be loaded
    garbled: list[int] = field(default_factory=list)  # pages whose letters make no words
    unseen: list[int] = field(default_factory=list)  # pages without text whose pictures cannot be decoded
    forms: list[list[str]] = field(default_factory=list)
    notes: list[PageComments] = field(default_factory=list)
    broken: dict[int, tuple[str, str]] = field(
        default_factory=dict
    )  # by page: raw and read, where words are broken at line ends
    raw: list[str] = field(default_factory=list)  # text of each page, as PDFium gives it

    @property
    def is_short(self) -> bool:
        """Whether each page is looked at object by object."""
        return self.count <= _FEW_PAGES

    @cached_property
    def _marked(self) -> frozenset[int] | None:
        return marks.may_hide_text(self.file.data, self.file.password, self.count)

    def is_marked(self, index: int) -> bool:
        """Whether a page may have text without ink."""
        return self._marked is None or index in self._marked


def read(source: Source) -> Content:
    """All pages, with what lies beside them. Raises DocumentError: encrypted, corrupt, too_many_pages."""
    with opened(source) as file:
        count = len(file.document)
        if count > source.limits.max_pages:
            over("max_pages", count, source.limits.max_pages, "too_many_pages")
        task = _Task(file, count, _has_form(file.document))
        leaves = _with_furniture(
            _with_compounds(task, [_leaf_or_lost(task, index) for index in range(count)])
        )
        filled = xfa.form(file.document, is_told=bool(task.told)) if task.has_form else xfa.XfaForm()
        task.forms[0] += filled.lines
        leaves = list(map(_with_extras, leaves, task.forms, task.notes))
        inner, left_out = _attachments(task, source)
        properties = extras.properties(file.document)
        flags = (*_flags(file, task, leaves), *(["xfa_form"] if filled.detail else []))
        detail = _detail(file, task, filled.detail, extras.cut(properties), left_out)
        if (
            (task.lost or task.unseen)
            and not inner
            and not any(leaf.text or leaf.image_px for leaf in leaves)
        ):
            raise DocumentError(
                "corrupt",
                f"None of its pages can be shown. {detail}",
                next_step="Export it again from its source.",
            )
        return Content(tuple(leaves), detail, flags, properties, inner)


def render(source: Source, numbers: Sequence[int]) -> dict[int, bytes]:
    """Pages (from 1) as JPEG at 150 dpi with form values, the longest side bounded."""
    with opened(source) as file:
        _has_form(file.document)
        return {
            number: _jpeg(file.document, number - 1) for number in numbers if 0 < number <= len(file.document)
        }


def boxes(source: Source, number: int, start: int, end: int) -> list[chars.Box]:
    """Where characters `start` to `end` of the text of page `number` (from 1) stand: a box (left, bottom, right, top) a line.

    In points from the lower left corner of the page as it is shown. Values of form fields have none. Raises DocumentError as reading does.
    """
    with opened(source) as file:
        if not 0 < number <= len(file.document):
            return []
        with closing(file.document[number - 1]) as page, closing(PageChars(page)) as sheet:
            text, origins = _text_of(file, sheet)
            places = [(text.count("\n", 0, at), origin) for at, origin in origins if start <= at < end]
            rows = [[origin for _, origin in row] for _, row in groupby(places, key=lambda place: place[0])]
            return [box for row in rows for box in _merged(list(zip(*chars.shown(sheet, row), strict=True)))]


def words(source: Source, number: int) -> PlacedWords:
    """Where every word of page `number` (from 1) stands, a word that is broken at a line end as one box a line. Raises as reading does."""
    with opened(source) as file:
        if not 0 < number <= len(file.document):
            return PlacedWords(0, 0)
        with closing(file.document[number - 1]) as page, closing(PageChars(page)) as sheet:
            text, origins = _text_of(file, sheet)
            placed = _placed(sheet, dict(origins), chars.word_spans(text))
            return PlacedWords(*sheet.size, tuple(placed))


def _text_of(file: OpenedPdf, sheet: PageChars) -> tuple[str, Iterator[tuple[int, int]]]:
    """The text of a page as reading gives it, and the origins of its characters."""
    parts = _parts(sheet)
    known = hyphens.compounds(map(_raw_text, file.document)) if "\ufffe" in sheet.text else frozenset()
    text = hyphens.cleaned(written.joined(sheet.text, parts), known)
    return text, _origins(sheet.text, parts, text, known)


def _placed(
    sheet: PageChars, origins: Mapping[int, int], spans: Iterable[tuple[int, int]]
) -> Iterator[tuple[int, int, float, float, float, float]]:
    """Words with their boxes: characters of a word that go on in the next line, or stand far apart, make boxes of their own."""
    for start, end in spans:
        places = [origins[at] for at in range(start, end) if at in origins]
        if not places:
            continue
        every = list(zip(*chars.shown(sheet, places), strict=True))
        for row in _lines_of(every):
            for box in _merged(row):
                yield (start, end, *box)


def _lines_of(boxes: Sequence[chars.Box]) -> Iterator[list[chars.Box]]:
    """Boxes of characters in runs that share a line, whichever way the line runs."""
    row: list[chars.Box] = []
    for box in boxes:
        if (
            row
            and (box[1] > row[-1][3] or box[3] < row[-1][1])
            and (box[0] > row[-1][2] or box[2] < row[-1][0])
        ):
            yield row
            row = []
        row.append(box)
    if row:
        yield row


def _has_form(document: pypdfium2.PdfDocument) -> bool:
    """Whether there is a form. It is made ready, which must be before any page is loaded: the fields are drawn too."""
    if document.get_formtype() == pdfium.FORMTYPE_NONE:
        return False
    document.init_forms()
    return True


def _leaf_or_lost(task: _Task, index: int) -> PageContent:
    """A leaf; an empty one for a page that PDFium counts but cannot load."""
    try:
        with closing(task.file.document[index]) as page:
            leaf = _leaf(task, page, index)
            if not leaf.text and not leaf.image_px and scan.is_undecodable(page):
                task.unseen.append(index + 1)
            task.forms.append(extras.fields(page, task.told) if task.has_form else [])
            task.notes.append(comments.of_page(page))
            return leaf
    except pypdfium2.PdfiumError:
        task.lost.append(index + 1)
        task.forms.append([])
        task.notes.append(PageComments())
        return PageContent("")


def _leaf(task: _Task, page: pypdfium2.PdfPage, index: int) -> PageContent:
    with closing(PageChars(page)) as sheet:
        joined = written.joined(sheet.text, _parts(sheet))
        text = hyphens.cleaned(joined)
        task.raw.append(sheet.text)
        if "\ufffe" in joined:
            task.broken[index] = (joined, text)
        if not text:
            return PageContent("", scan.size_px(page) if scan.is_drawn(sheet) else None)
        if legible.is_junk(text) or legible.is_garbled(text):
            task.garbled.append(index + 1)
            return PageContent(text, scan.size_px(page))
        if (
            task.is_short
            or task.is_marked(index)
            or (len(text) < _ENOUGH_TEXT and chars.count(sheet) < _FEW_OBJECTS)
        ):
            return _looked_at(task, sheet, index, PageContent(text))
        return PageContent(text, hidden_chars=_characters(hidden.strays(sheet)))


def _looked_at(task: _Task, sheet: PageChars, index: int, leaf: PageContent) -> PageContent:
    """The leaf with what the page's objects tell: whether it is a scan, with a layer that is good or poor, and what is hidden."""
    drawn = chars.objects(sheet)
    share = scan.picture_share(sheet, drawn)
    if share >= scan.WHOLE_PAGE and scan.is_layer(drawn):
        return replace(
            leaf, image_px=scan.size_px(sheet.page) if legible.is_poor(leaf.text) else None, text_from="layer"
        )
    hidden = _hidden(task, sheet, index, drawn)
    picture = scan.size_px(sheet.page) if scan.needs_sight(share, leaf.text) else None
    return replace(leaf, image_px=picture, hidden_chars=_characters(hidden))


def _hidden(task: _Task, sheet: PageChars, index: int, drawn: chars.Drawn) -> set[tuple[int, int]]:
    """Spans of the words that nobody sees; the page is drawn only for those of which nothing else tells."""
    found = set(hidden.strays(sheet))
    is_asked = (task.is_short and len(drawn.kinds) <= _FEW_DRAWN) or task.is_marked(index)
    sure, unsure = hidden.without_ink(sheet, drawn) if is_asked else ([], [])
    found.update(chars.spans_of(sheet, set(sure)) if sure else ())
    suspects = {*unsure, *(hidden.covered(drawn) if task.is_short else ())} - set(sure)
    doubtful = [span for span in chars.spans_of(sheet, suspects) if span not in found] if suspects else []
    return found.union(hidden.unseen(sheet, doubtful, suspects))


def _characters(hidden: Iterable[tuple[int, int]]) -> int:
    """Of words that nobody sees. To drop them, leave their spans out of the pieces."""
    return sum(end - start for start, end in hidden)


def _parts(sheet: PageChars) -> list[written.Piece]:
    """The text in reading order, with the states of its check boxes."""
    glyphs = check_boxes.of_glyphs(sheet.text)
    drawn = vertical.pieces(sheet) or _ordered(sheet)
    return check_boxes.applied(drawn, glyphs) if glyphs else drawn


def _ordered(sheet: PageChars) -> list[written.Piece]:
    """The text in reading order; only a page that looks like a table pays for the boxes of its words."""
    text = sheet.text
    by_space, may_be_ruled = layout.looks_tabular(text), layout.may_be_ruled(text)
    if not (by_space or may_be_ruled or _is_small(sheet)):
        return [(0, len(text))]
    ruled = ruled_lines.of_page(sheet) if by_space or may_be_ruled else ruled_lines.NONE
    parts = regions.regions(ruled)
    is_table = by_space or any(map(regions.is_promising, parts))
    squares = check_boxes.of_page(sheet)
    if not is_table and not squares:
        return [(0, len(text))]
    words = chars.words(sheet, chars.word_spans(text))
    changes = check_boxes.changes(sheet, words) if squares else []
    if not is_table:
        return check_boxes.applied([(0, len(text))], changes)
    pieces = layout.pieces(text, seams.parted(sheet, words), ruled, parts, by_space=by_space)
    return check_boxes.applied(pieces, changes)


def _is_small(sheet: PageChars) -> bool:
    """Whether a page draws so little that a look for check boxes costs next to nothing; not in scripts whose labels stand elsewhere."""
    return chars.count(sheet) < _FEW_OBJECTS and not layout.RIGHT_TO_LEFT.search(sheet.text)


def _raw_text(page: pypdfium2.PdfPage) -> str:
    with closing(page), closing(PageChars(page)) as sheet:
        return sheet.text


def _with_compounds(task: _Task, leaves: list[PageContent]) -> list[PageContent]:
    """The leaves with the hyphens of words that are broken at a line end and have one elsewhere in the document too."""
    known = hyphens.compounds(task.raw) if task.broken else frozenset()
    for index, (joined, text) in task.broken.items() if known else ():
        leaves[index] = replace(
            leaves[index], text=leaves[index].text.replace(text, hyphens.cleaned(joined, known))
        )
    return leaves


def _origins(
    raw: str, parts: Sequence[written.Piece], text: str, compounds: frozenset[str]
) -> Iterator[tuple[int, int]]:
    """For each character of the cleaned text but white space and bars: its place there and in PDFium's text.

    Cleaning takes away white space and soft hyphens and replaces others one by one, so what is left pairs up in order.
    """
    places = [
        place for part in parts for place in ([-1] * len(part) if isinstance(part, str) else range(*part))
    ]
    whole = written.joined(raw, parts)
    soft = set(hyphens.places(whole, compounds))
    before = (place for at, place in enumerate(places) if whole[at] not in _BLANK and at not in soft)
    after = (at for at, char in enumerate(text) if char not in _BLANK)
    return ((at, place) for at, place in zip(after, before, strict=True) if place >= 0)


def _merged(row: Sequence[chars.Box]) -> list[chars.Box]:
    """One box around those of a line; none where all are empty."""
    inked = [box for box in row if box[2] > box[0] and box[3] > box[1]]
    lefts, bottoms, rights, tops = zip(*inked, strict=True) if inked else ((), (), (), ())
    return [(min(lefts), min(bottoms), max(rights), max(tops))] if inked else []


def _with_furniture(leaves: Sequence[PageContent]) -> list[PageContent]:
    spans = furniture.repeated([leaf.text for leaf in leaves])
    return [replace(leaf, repeated=span) if span else leaf for leaf, span in zip(leaves, spans, strict=True)]


def _with_extras(leaf: PageContent, lines: Sequence[str], notes: PageComments) -> PageContent:
    """The leaf with the values of its form under a heading, and with what people wrote on it."""
    fields = ["Form fields:", *lines] if lines else []
    if not fields and not notes.lines:
        return leaf
    return replace(leaf, text="\n".join([leaf.text, *fields, *notes.lines]).lstrip("\n"))


def _attachments(task: _Task, source: Source) -> tuple[tuple[Inner, ...], str]:
    file, pages = task.file, [index for index, notes in enumerate(task.notes) if notes.has_files]
    if not pages and not pdfium.FPDFDoc_GetAttachmentCount(file.document.raw):
        return (), ""
    return extras.attachments(file.data, file.password, source.limits, pages)


def _flags(file: OpenedPdf, task: _Task, leaves: Sequence[PageContent]) -> tuple[str, ...]:
    """What a careful reader should know."""
    hidden = any(leaf.hidden_chars for leaf in leaves)
    damaged = task.lost or task.unseen
    signs = {
        "repaired": file.repaired,
        "hidden_text": hidden,
        "javascript": marks.has_javascript(file.data),
        "damaged_pages": damaged,
        GARBLED: task.garbled,
    }
    return tuple(name for name, holds in signs.items() if holds)


def _detail(file: OpenedPdf, task: _Task, *left_out: str) -> str:
    repaired = "It was damaged and was repaired before reading." if file.repaired else ""
    lost = f"Damaged and not read: page(s) {', '.join(map(str, task.lost))}." if task.lost else ""
    unseen = (
        f"Damaged and not seen: the pictures on page(s) {', '.join(map(str, task.unseen))}."
        if task.unseen
        else ""
    )
    cut = [str(number) for number, notes in enumerate(task.notes, start=1) if notes.is_cut]
    first = f"Not all comments were taken of page(s) {', '.join(cut)}, which have too many." if cut else ""
    return " ".join(filter(None, [repaired, lost, unseen, legible.sentence(task.garbled), first, *left_out]))


def _jpeg(document: pypdfium2.PdfDocument, index: int) -> bytes:
    with (
        closing(document[index]) as page,
        closing(page.render(scale=scan.scale(page))) as bitmap,
        io.BytesIO() as file,
    ):
        bitmap.to_pil().convert("RGB").save(file, "JPEG", quality=JPEG_QUALITY)
        return file.getvalue()
