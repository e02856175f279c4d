"""Makes PDFs of tables whose cells are known: ruled or not, drawn in several orders, with empty, wrapped and merged cells.

A `Made` is one page or several with the grid that a reader should find. All content comes from a seed; the same seed gives the same bytes.
"""

from __future__ import annotations

import html
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, product

from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from tests.documents import make

RULES = ("ruled", "rows ruled", "columns ruled", "boxed", "striped", "white space")
ORDERS = ("by rows", "by columns", "numbers last")
WORDS = [
    "oak",
    "pine",
    "steel",
    "brass",
    "board",
    "panel",
    "hinge",
    "screw",
    "lamp",
    "chair",
    "table",
    "delivery",
    "of",
    "the",
    "with",
    "for",
    "insurance",
    "repair",
    "audit",
    "transfer",
    "direct",
    "debit",
    "card",
    "payment",
    "refund",
    "rent",
    "power",
    "water",
    "office",
    "travel",
    "training",
    "licence",
    "support",
    "annual",
    "monthly",
    "service",
    "north",
    "south",
]
NAMES = [
    "Anna Moser",
    "Jean Petit",
    "Li Wei",
    "Omar Haddad",
    "Eva Lindqvist",
    "Tom Byrne",
    "Rosa Diaz",
    "Ivo Kraus",
]
PROSE = (
    "The amounts below were agreed on by both parties in the meeting of the board",
    "All prices are in euros and hold until the end of the year unless it is said otherwise",
)
Grid = list[list[str]]


@dataclass(frozen=True)
class Column:
    """What a column holds: its head, how a cell of it is made, and whether it is set to the right."""

    head: str
    cell: Callable[[random.Random], str]
    is_right: bool = False
    may_be_empty: bool = True


@dataclass(frozen=True)
class Made:
    """A document with one table: its bytes, the grid of each page, and the style by which figures are told apart."""

    data: bytes
    pages: tuple[Grid, ...]
    style: str
    spans: tuple[tuple[int, int], ...] = ()  # columns of the first row that one head covers, half-open


def phrase(few: int, many: int) -> Callable[[random.Random], str]:
    """Cells of some words."""
    return lambda dice: " ".join(dice.choices(WORDS, k=dice.randint(few, many))).capitalize()


def money(dice: random.Random) -> str:
    """An amount with two decimals."""
    return f"{dice.choice([dice.uniform(1, 99), dice.uniform(100, 99_999)]):,.2f}"


def whole(low: int, high: int) -> Callable[[random.Random], str]:
    """Cells of whole numbers."""
    return lambda dice: f"{dice.randint(low, high):,}"


def day(dice: random.Random) -> str:
    """A date."""
    return f"{dice.randint(1, 28):02}.{dice.randint(1, 12):02}.2026"


def code(dice: random.Random) -> str:
    """An article's number."""
    return f"{dice.choice('ABK')}-{dice.randint(100, 9999)}"


LAYOUTS: dict[str, tuple[Column, ...]] = {
    "invoice": (
        Column("Item", phrase(1, 4), may_be_empty=False),
        Column("Code", code),
        Column("Qty", whole(1, 9), is_right=True),
        Column("Price", money, is_right=True),
        Column("Amount", money, is_right=True),
    ),
    "statement": (
        Column("Date", day, may_be_empty=False),
        Column("Text", phrase(2, 3), may_be_empty=False),
        Column("Debit", money, is_right=True),
        Column("Credit", money, is_right=True),
        Column("Balance", money, is_right=True),
    ),
    "years": (
        Column("", phrase(1, 3), may_be_empty=False),
        *(Column(str(year), whole(1, 99_999), is_right=True) for year in (2023, 2024, 2025, 2026)),
    ),
    "marks": (
        Column("Name", lambda dice: dice.choice(NAMES), may_be_empty=False),
        *(Column(head, whole(1, 6)) for head in ("Maths", "Art", "Music", "Sport")),
    ),
    "persons": (
        Column("Name", lambda dice: dice.choice(NAMES), may_be_empty=False),
        Column("Role", phrase(1, 2)),
        Column("Room", code),
        Column("Telephone", lambda dice: f"030 {dice.randint(1000, 99999)}"),
    ),
}
WRAPPED = {"invoice": (5, 9), "statement": (5, 8), "years": (5, 8), "persons": (1, 2), "marks": (1, 2)}


def grid(
    dice: random.Random, name: str, rows: int, empty: float, *, wraps: bool
) -> tuple[Grid, tuple[Column, ...]]:
    """Heads and rows of a table; so large a share of the cells that may be empty is."""
    columns = LAYOUTS[name]
    wordy = [number for number, column in enumerate(columns) if not column.may_be_empty][-1]
    out = [[column.head for column in columns]]
    for _ in range(rows):
        row = [
            "" if column.may_be_empty and dice.random() < empty else column.cell(dice) for column in columns
        ]
        if wraps and name in WRAPPED and dice.random() < 0.5:
            row[wordy] = phrase(*WRAPPED[name])(dice)
        out.append(row)
    return out, columns


@dataclass(frozen=True)
class Look:
    """How a table is set, in points."""

    rules: str
    order: str
    font: str
    size: float
    padding: float  # above and below the lines of a cell
    gap: float  # between columns
    is_middle: bool  # whether cells stand in the middle of their row's height


@dataclass(frozen=True)
class Set:
    """A table with its places: lines of each cell, and lefts and bottoms of the grid."""

    lines: list[list[list[str]]]
    lefts: list[float]
    tops: list[float]  # of rows, and the bottom of the last
    columns: tuple[Column, ...]
    look: Look
    spans: tuple[tuple[int, int], ...]


def wrapped(text: str, width: float, look: Look) -> list[str]:
    """The lines of a cell."""
    lines: list[str] = []
    for word in text.split():
        if lines and stringWidth(f"{lines[-1]} {word}", look.font, look.size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def placed(
    cells: Grid, columns: tuple[Column, ...], look: Look, top: float, spans: Sequence[tuple[int, int]]
) -> Set:
    """Columns as wide as what they hold, up to a bound at which cells wrap."""
    widths = []
    for number, column in enumerate(zip(*cells, strict=True)):
        longest = max(stringWidth(text, look.font, look.size) for text in column)
        widths.append(min(longest, 17 * look.size) + look.gap + (0 if columns[number].is_right else 1))
    lefts = list(accumulate(widths, initial=56.0))
    lines = [
        [wrapped(text, widths[number] - look.gap + 0.5, look) for number, text in enumerate(row)]
        for row in cells
    ]
    heights = [max(map(len, row)) * look.size * 1.15 + 2 * look.padding for row in lines]
    tops = list(accumulate(heights, lambda high, height: high - height, initial=top))
    return Set(lines, lefts, tops, columns, look, tuple(spans))


def draw_rules(canvas: Canvas, table: Set) -> None:
    """The lines of the table's style."""
    lefts, tops, rules = table.lefts, table.tops, table.look.rules
    canvas.setLineWidth(0.5)
    if rules in ("ruled", "rows ruled"):
        for y in tops:
            canvas.line(lefts[0], y, lefts[-1], y)
    if rules in ("ruled", "columns ruled"):
        inner = {x for first, last in table.spans for x in range(first + 1, last)}
        for number, x in enumerate(lefts):
            canvas.line(x, tops[1] if number in inner else tops[0], x, tops[-1])
    if rules == "boxed":
        canvas.rect(lefts[0], tops[-1], lefts[-1] - lefts[0], tops[0] - tops[-1])
        canvas.line(lefts[0], tops[1], lefts[-1], tops[1])
    if rules == "striped":
        canvas.setFillGray(0.9)
        for high, low in list(pairwise(tops))[::2]:
            canvas.rect(lefts[0], low, lefts[-1] - lefts[0], high - low, stroke=0, fill=1)
        canvas.setFillGray(0)


def draw_cell(canvas: Canvas, table: Set, row: int, column: int) -> None:
    """The lines of one cell, at its left, its right, or over the columns that its head covers."""
    look, lines = table.look, table.lines[row][column]
    span = next((span for span in table.spans if row == 0 and span[0] == column), (column, column + 1))
    left, right = table.lefts[span[0]] + look.gap / 2, table.lefts[span[1]] - look.gap / 2
    height = table.tops[row] - table.tops[row + 1]
    spare = height - len(lines) * look.size * 1.15 - 2 * look.padding
    y = table.tops[row] - look.padding - look.size * 0.9 - (spare / 2 if look.is_middle else 0)
    for line in lines:
        if span[1] - span[0] > 1:
            canvas.drawCentredString((left + right) / 2, y, line)
        elif table.columns[column].is_right:
            canvas.drawRightString(right, y, line)
        else:
            canvas.drawString(left, y, line)
        y -= look.size * 1.15


def order_of(table: Set) -> Iterator[list[tuple[int, int]]]:
    """Places of cells in runs; what follows the table on the page is drawn after the first run."""
    rows, columns = range(len(table.lines)), range(len(table.columns))
    if table.look.order == "by rows":
        yield list(product(rows, columns))
    elif table.look.order == "by columns":
        yield [(row, column) for column, row in product(columns, rows)]
    else:
        numbers = [number for number in columns if table.columns[number].is_right]
        yield [(row, column) for row, column in product(rows, columns) if column not in numbers]
        yield [(row, column) for row, column in product(rows, numbers)]


def draw(canvas: Canvas, table: Set, note: str) -> None:
    """Rules, cells, and a sentence after them."""
    draw_rules(canvas, table)
    canvas.setFont(table.look.font, table.look.size)
    for number, run in enumerate(order_of(table)):
        for row, column in run:
            draw_cell(canvas, table, row, column)
        if not number and note:
            canvas.drawString(56, table.tops[-1] - 40, note)


def with_span(cells: Grid, columns: tuple[Column, ...]) -> tuple[Grid, tuple[tuple[int, int], ...]]:
    """A row above the heads in which one head covers the last columns."""
    first = len(columns) - 3 if len(columns) > 4 else len(columns) - 2
    above = [""] * len(columns)
    above[first] = "Of this year"
    return [above, *cells], ((first, len(columns)),)


def drawn(
    seed: int, rules: str, order: str, empty: float, *, wraps: bool = False, merged: bool = False
) -> Made:
    """One table on one page, with prose around it."""
    dice = random.Random(f"{seed} {rules} {order} {empty} {wraps} {merged}")
    name = list(LAYOUTS)[seed % len(LAYOUTS)]
    cells, columns = grid(dice, name, dice.randint(4, 12), empty, wraps=wraps)
    cells, spans = with_span(cells, columns) if merged else (cells, ())
    tight = rules in ("white space", "striped", "boxed")
    look = Look(
        rules,
        order,
        dice.choice(["Helvetica", "Times-Roman", "Courier"]),
        dice.choice([7.0, 8.0, 9.0, 10.0]),
        dice.choice([1.0, 3.0, 5.0]) + (3.0 if wraps and tight else 0.0),
        dice.choice([8.0, 14.0, 24.0]),
        dice.random() < 0.4,
    )
    table = placed(cells, columns, look, 700.0, spans)

    def page(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 10)
        for number, line in enumerate(PROSE):
            canvas.drawString(56, 760 - 14 * number, line)
        draw(canvas, table, PROSE[0] if dice.random() < 0.7 else "")

    kinds = [kind for kind, holds in (("wrapped", wraps), ("merged head", merged)) if holds]
    style = ", ".join([rules, order, *kinds])
    return Made(make.pdf(page), (cells,), style, spans)


def over_pages(seed: int, rules: str, empty: float) -> Made:
    """One table over two pages, its head on both."""
    dice = random.Random(f"{seed} {rules} {empty} pages")
    name = list(LAYOUTS)[seed % len(LAYOUTS)]
    cells, columns = grid(dice, name, 60, empty, wraps=False)
    look = Look(rules, "by rows", "Helvetica", 8.0, 3.0, 14.0, is_middle=False)
    grids = (cells[:40], [cells[0], *cells[40:]])

    def page(canvas: Canvas) -> None:
        for part in grids:
            draw(canvas, placed(part, columns, look, A4[1] - 60, ()), "")
            canvas.showPage()

    return Made(make.pdf(page), grids, f"{rules}, over pages")


STYLES = {
    "lines": "table{border-collapse:collapse} td,th{border:1px solid #444;padding:3px 6px}",
    "rows": "table{border-collapse:collapse} tr{border-bottom:1px solid #999} td,th{padding:4px 8px}",
    "bare": "td,th{padding:2px 8px}",
    "apart": "table{border-spacing:3px} td,th{background:#eee;padding:3px}",
}


def as_html(seed: int, look: str, empty: float) -> tuple[str, Grid, str]:
    """A page of HTML with one table, and its grid; to be printed by a browser."""
    dice = random.Random(f"{seed} {look} {empty} html")
    name = list(LAYOUTS)[seed % len(LAYOUTS)]
    cells, columns = grid(dice, name, dice.randint(4, 12), empty, wraps=dice.random() < 0.5)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="text-align:{"right" if column.is_right else "left"};max-width:11em">{html.escape(text)}</td>'
            for text, column in zip(row, columns, strict=True)
        )
        + "</tr>"
        for row in cells
    )
    page = f"<section class={look}><p>{PROSE[0]}</p><table>{body}</table><p>{PROSE[1]}</p></section>"
    return page, cells, f"browser, {look}"


def sheet_of(sections: Sequence[str]) -> str:
    """All sections as one document, a page each."""
    css = "".join(
        ",".join(f".{name} {part}" for part in rule.split("{")[0].split(",")) + "{" + rule.split("{")[1] + "}"
        for name, style in STYLES.items()
        for rule in style.split("}")[:-1]
    )
    return (
        f"<!doctype html><meta charset=utf-8><style>section{{break-after:page;font:11pt sans-serif}}{css}</style>"
        + "".join(sections)
    )


def all_drawn(seeds: int = 1) -> Iterator[Made]:
    """Some hundred tables of every style but the browser's: 72 a seed and 12 over pages."""
    for seed in range(seeds):
        for number, (rules, order) in enumerate(product(RULES, ORDERS)):
            for other, empty in enumerate((0.0, 0.2, 0.4)):
                yield drawn(seed * 7 + number + other, rules, order, empty)
            yield drawn(seed * 7 + number, rules, order, 0.2, wraps=True)
            yield drawn(seed * 7 + number + 1, rules, order, 0.2, merged=True)
        for number, rules in enumerate(RULES):
            yield over_pages(seed * 7 + number, rules, 0.2)
