"""Long documents of our own making with lists in them, where every value stands, and a perfect reader of what a window shows of them."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from octavo.schemas.pipeline import Page, Part

Path = tuple[str | int, ...]
ROWS_A_PAGE = 45
WORDS = re.findall(
    r"\w+", "bolt nut washer blue steel small zinc plated hinge plate rod long brass cap joint ring seal pipe"
)
NAMES = re.findall(
    r"\w+", "Ann Bo Cleo Dan Eve Finn Gus Hal Ida Jon Kim Lou Max Nia Ole Pia Quin Ray Sue Tom"
)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value: its path in the record, how it is printed, and where, in characters of its page."""

    path: Path
    value: Any
    page: int
    start: int
    end: int


@dataclass(slots=True)
class Sheet:
    """A document that is being written: lines go to pages, each under the same header and above its number."""

    name: str
    schema: dict[str, Any]
    header: str = "Acme Ltd, Elm Road 1"
    pages: list[str] = field(default_factory=lambda: [""])
    leaves: list[Leaf] = field(default_factory=list)

    def line(self, *pieces: str | tuple[Path, Any]) -> None:
        """One line of words and of values with their paths."""
        if self.pages[-1].count("\n") >= ROWS_A_PAGE:
            self.pages[-1] += f"Page {len(self.pages)}\n"
            self.pages.append(f"{self.header}\n")
        for piece in pieces:
            if isinstance(piece, str):
                self.pages[-1] += piece
            else:
                path, value = piece
                text = format(value, ".2f") if isinstance(value, float) else str(value)
                start = len(self.pages[-1])
                self.leaves.append(Leaf(path, value, len(self.pages), start, start + len(text)))
                self.pages[-1] += text
        self.pages[-1] += "\n"

    def read(self) -> list[Page]:
        """The pages as reading gives them."""
        return [Page(self.name, number, text) for number, text in enumerate(self.pages, 1)]

    def record(self) -> dict[str, Any]:
        """All that it says."""
        record: dict[str, Any] = assembled(self.schema, [(leaf.path, leaf.value) for leaf in self.leaves])
        return record


def assembled(schema: Mapping[str, Any], values: Sequence[tuple[Path, Any]]) -> Any:
    """The record that has these values, and null or nothing for all others. Items stand in the order of their first value."""
    if schema["type"] == "object":
        return {
            name: assembled(node, [(path[1:], value) for path, value in values if path[0] == name])
            for name, node in schema["properties"].items()
        }
    if schema["type"] == "array":
        numbers = dict.fromkeys(path[0] for path, _ in values)
        own = [[(path[1:], value) for path, value in values if path[0] == number] for number in numbers]
        return [assembled(schema["items"], one) for one in own]
    return values[0][1] if values else None


def seen(sheet: Sheet, parts: Sequence[Part], left_out: Collection[Path] = ()) -> dict[str, Any]:
    """What a perfect reader says of the parts that are asked about or shown again, without items that are left out."""
    values: list[tuple[Path, Any]] = []
    own = [part for part in parts if part.role in ("whole", "piece", "again")]
    for leaf in sheet.leaves:
        if not any(leaf.path[: len(path)] == path for path in left_out):
            shown = [
                (max(leaf.start, one.start), min(leaf.end, one.end)) for one in own if one.page == leaf.page
            ]
            spans = [span for span in shown if span[0] < span[1]]
            whole = sum(end - start for start, end in spans) >= leaf.end - leaf.start
            if whole:
                values.append((leaf.path, leaf.value))
            elif spans and isinstance(leaf.value, str):
                text = sheet.pages[leaf.page - 1][spans[0][0] : spans[-1][1]].strip()
                values += [(leaf.path, text)] if text else []
    record: dict[str, Any] = assembled(sheet.schema, values)
    return record


def items(sheet: Sheet) -> list[Path]:
    """The items of all lists of records, by their paths, in order."""
    found = (
        leaf.path[:at]
        for leaf in sheet.leaves
        for at in range(2, len(leaf.path))
        if isinstance(leaf.path[at - 1], int)
    )
    return list(dict.fromkeys(found))


def _list(name: str, /, **fields: Any) -> dict[str, Any]:
    return {name: {"type": "array", "items": _record(**fields)}}


def _record(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields}


TEXT, WHOLE, AMOUNT, DAY = (
    {"type": "string"},
    {"type": "integer"},
    {"type": "number", "multipleOf": 0.01},
    {"type": "string", "format": "date"},
)


def numbered_rows(size: int, chance: random.Random) -> Sheet:
    """An order whose rows are numbered, some with a second line that has numerals."""
    sheet = Sheet("rows", _record(number=TEXT, **_list("rows", article=TEXT, quantity=WHOLE, amount=AMOUNT)))
    sheet.line("Order ", (("number",), "R-2026-77"))
    sheet.line("No  Article  Quantity  Amount")
    for n in range(size):
        at: Path = ("rows", n)
        article = f"{chance.choice(WORDS)} {chance.choice(WORDS)} {chance.randrange(99)}"
        sheet.line(f"{n + 1}   ", ((*at, "article"), article), "   ", ((*at, "quantity"), chance.randrange(1, 9)), "   ",
                   ((*at, "amount"), chance.randrange(1, 900) / 4))  # fmt: skip
        if chance.random() < 0.2:
            sheet.line(f"    pack of {chance.randrange(20)}, EAN {chance.randrange(10**9)} 7")
    return sheet


def statement(size: int, chance: random.Random) -> Sheet:
    """A bank statement with equal rows and a balance on each page."""
    sheet = Sheet("statement", _record(**_list("bookings", day=DAY, text=TEXT, amount=AMOUNT)))
    day = 0
    for n in range(size):
        at: Path = ("bookings", n)
        day += chance.random() < 0.4
        text = "Fee" if chance.random() < 0.3 else f"Payment {chance.choice(NAMES)} {chance.choice(NAMES)}"
        amount = 1.5 if text == "Fee" else chance.randrange(1, 9000) / 4
        sheet.line(
            ((*at, "day"), f"2026-{1 + day // 28 % 12:02d}-{1 + day % 28:02d}"),
            " | ",
            ((*at, "text"), text),
            " | ",
            ((*at, "amount"), amount),
        )
    return sheet


def addresses(size: int, chance: random.Random) -> Sheet:
    """Entries of three to five lines with a blank line between."""
    fields = {"name": TEXT, "street": TEXT, "city": TEXT, "phone": TEXT}
    sheet = Sheet("addresses", _record(**_list("people", **fields)))
    for n in range(size):
        at: Path = ("people", n)
        sheet.line("Name: ", ((*at, "name"), f"{chance.choice(NAMES)} {chance.choice(WORDS).title()}{n}"))
        sheet.line(
            "Street: ", ((*at, "street"), f"{chance.choice(WORDS).title()} Road {chance.randrange(200)}")
        )
        sheet.line("City: ", ((*at, "city"), f"{10_000 + n} {chance.choice(WORDS).title()}ham"))
        if chance.random() < 0.5:
            sheet.line(
                "Phone: ",
                ((*at, "phone"), f"+49 {chance.randrange(100, 999)} {chance.randrange(10_000, 99_999)}"),
            )
        sheet.line("")
    return sheet


def orders(size: int, chance: random.Random) -> Sheet:
    """Orders, each with rows of its own: seams go through orders."""
    rows = _list("rows", article=TEXT, quantity=WHOLE, amount=AMOUNT)
    sheet = Sheet("orders", _record(**_list("orders", order=TEXT, customer=TEXT, **rows)))
    for n in range(size):
        at: Path = ("orders", n)
        sheet.line(
            "Order ",
            ((*at, "order"), f"O-{1000 + n}"),
            " of ",
            ((*at, "customer"), f"{chance.choice(NAMES)} Ltd"),
        )
        for m in range(chance.randrange(3, 40)):
            row = (*at, "rows", m)
            sheet.line("   ", ((*row, "article"), f"{chance.choice(WORDS)} {chance.choice(WORDS)}"), "  ",
                       ((*row, "quantity"), chance.randrange(1, 9)), "  ", ((*row, "amount"), chance.randrange(1, 900) / 4))  # fmt: skip
    return sheet


def authors(size: int, chance: random.Random) -> Sheet:
    """A list of people with bullets, and no number in it."""
    sheet = Sheet("authors", _record(**_list("authors", name=TEXT, place=TEXT)))
    for n in range(size):
        at: Path = ("authors", n)
        name = f"{chance.choice(NAMES)} {chance.choice(NAMES)}{chance.choice('abcdefgh')}{chance.choice('klmnop')}{chance.choice('aeiou')}"
        sheet.line(
            "- ",
            ((*at, "name"), name),
            ", ",
            ((*at, "place"), f"University of {chance.choice(WORDS).title()}ham"),
        )
    return sheet


def references(size: int, chance: random.Random) -> Sheet:
    """Numbered references of which most are wrapped."""
    sheet = Sheet("references", _record(**_list("references", authors=TEXT, title=TEXT, year=WHOLE)))
    for n in range(size):
        at: Path = ("references", n)
        title = " ".join(chance.choice(WORDS) for _ in range(chance.randrange(4, 9))).capitalize()
        sheet.line(
            f"[{n + 1}] ",
            ((*at, "authors"), f"{chance.choice(NAMES)}, {chance.choice('ABCDEF')}."),
            ": ",
            ((*at, "title"), f"{title} {n}"),
            ".",
        )
        sheet.line(f"     Journal of things {chance.randrange(40)}, pp. {chance.randrange(90)}-{chance.randrange(100, 200)}, ",
                   ((*at, "year"), 1990 + chance.randrange(35)), ".")  # fmt: skip
    return sheet


def form(size: int, chance: random.Random) -> Sheet:
    """A form of more than 300 labelled fields, and rows behind it."""
    names = [f"field_{n}" for n in range(320)]
    rows = _list("assets", asset=TEXT, amount=AMOUNT)
    sheet = Sheet("form", _record(**dict.fromkeys(names, TEXT), **rows))
    for n, name in enumerate(names):
        sheet.line(f"Field {n}: ", ((name,), f"{chance.choice(WORDS)} {chance.randrange(10**6)}"))
    for n in range(size):
        at: Path = ("assets", n)
        sheet.line(
            ((*at, "asset"), f"{chance.choice(WORDS)} {chance.choice(WORDS)} {n}"),
            "   ",
            ((*at, "amount"), chance.randrange(1, 10**6) / 4),
        )
    return sheet


def clauses(size: int, chance: random.Random) -> Sheet:
    """A contract whose clauses are paragraphs on one line each, wanted word by word."""
    sheet = Sheet("clauses", _record(**_list("clauses", number=TEXT, text=TEXT)))
    for n in range(size):
        at: Path = ("clauses", n)
        text = ". ".join(
            " ".join(chance.choice(WORDS) for _ in range(14)).capitalize()
            for _ in range(chance.randrange(2, 9))
        )
        sheet.line(((*at, "number"), f"§ {n + 1}"))
        sheet.line(((*at, "text"), f"{text} {n}."))
        sheet.line("")
    return sheet


def facts(size: int, chance: random.Random) -> Sheet:
    """A report in whose prose facts stand, of which some are printed twice and wanted once."""
    sheet = Sheet("facts", _record(**_list("facts", what=TEXT, year=WHOLE, amount=AMOUNT)))
    for n in range(size):
        at: Path = ("facts", n)
        what = f"{chance.choice(WORDS)} {chance.choice(WORDS)} sales {n}"
        sheet.line(" ".join(chance.choice(WORDS) for _ in range(12)) + ".")
        sheet.line("In ", ((*at, "year"), 2015 + chance.randrange(10)), " the ", ((*at, "what"), what), " came to ",
                   ((*at, "amount"), chance.randrange(1, 10**6) / 4), " in all.")  # fmt: skip
    return sheet


def contents(size: int, chance: random.Random) -> Sheet:
    """A catalogue with sections, each with a title, a remark on more lines, and keywords as a list of words."""
    words = {"keywords": {"type": "array", "items": TEXT}}
    sheet = Sheet("contents", _record(**_list("sections", title=TEXT, remark=TEXT, **words)))
    for n in range(size):
        at: Path = ("sections", n)
        sheet.line(
            "SECTION ", ((*at, "title"), f"{chance.choice(WORDS).title()} and {chance.choice(WORDS)} {n}")
        )
        sheet.line("Remark: ", ((*at, "remark"), " ".join(chance.choice(WORDS) for _ in range(10))))
        chosen = chance.sample(WORDS, chance.randrange(1, 12))
        for m, word in enumerate(chosen):
            sheet.line("* ", ((*at, "keywords", m), word))
    return sheet


MADE = {numbered_rows: 900, statement: 1200, addresses: 400, orders: 60, authors: 900, references: 500, form: 600, clauses: 120,
        facts: 500, contents: 150}  # fmt: skip


def made(share: float = 1.0) -> Iterator[Sheet]:
    """The ten documents, each of so large a share of its usual size."""
    for write, size in MADE.items():
        yield write(max(8, int(size * share)), random.Random(write.__name__))


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """The values of a record by their paths, as text."""
    pairs = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else None
    )
    if pairs is not None:
        for name, inner in pairs:
            yield from leaves(inner, (*path, name))
    elif value is not None:
        yield path, re.sub(r"\.?0+$", "", f"{value:.4f}") if isinstance(value, float) else str(value)
