"""The lists that a document prints, and what a reply about them will have: pages and a question's fields in, entries and tokens out.

Entries of a list are printed alike. Each line has a shape, in which words are `w` and numerals `9`; the shape that comes most often says
how many entries there are, and the one of less than half as many how many they are grouped in:

    Order O-17 of Ann Ltd              w9w      60 times: orders
       bolt zinc  3  12.50             w9     1,300 times: their rows

A short document has no such shape: there all rows of tables count, but for those that are sums, dates and addresses. It is a guess, for a
price before anything is read; what was replied is known better.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from octavo.schemas.pipeline import SUMMARY, Field, Kind, Question
from octavo.schemas.text.printed_rows import (
    LIST_ITEMS,
    VALUE_TOKENS,
    likely_items,
    name_tokens,
    name_words,
    rows_in,
)

MANY = 12  # lines of one shape that are a list ...
MANY_PLAIN = 30  # ... and of the shape of any labelled amount
PLAIN_SHAPES = frozenset({"w9", "9w", "9", "w:9", "w:w9", "w:"})
USUAL_ENTRIES = 2  # of a list of records that no table shows, and of one whose length nobody knows
USUAL_VALUES = 3  # of a list of plain values (means over the labelled samples, 2026-11-30)
MEAN_TOKENS: dict[
    Kind, float
] = {  # of a value within an object, where VALUE_TOKENS is rounded up (same documents)
    "text": 7.5,
    "choice": 3.0,
    "date": 7.0,
    "datetime": 12.0,
    "instant": 14.0,
    "integer": 1.5,
    "number": 3.2,
    "decimal": 3.2,
    "boolean": 1.0,
}
FILLED = 0.8  # share of values that are not null, of the half of the labelled documents that constants are chosen by (2026-11-30)
CHARACTERS_A_TOKEN = 3.2  # of lines with numerals (Kimi's vocabulary over the made lists, 2026-11-30)
QUOTES = 1  # token of the quotes of a text
COPIED = 0.8  # share of what is printed of an entry that is no label, mark or number of its row
NAME_LESS = 0.5  # tokens that a name has less than `name_words` reckons, which is on the safe side
LEAST_TEXT = 3  # tokens of the shortest texts
LONG_NAMES = re.compile(
    r"(^|_)(text|body|content|clause|paragraph|wording|transcript|abstract|full_\w+)s?$", re.IGNORECASE
)
_TOKEN = re.compile(r"[^\W\d_]+(?:[-'’.][^\W\d_]+)*\.?|\d[\d.,:/-]*|[^\s\w|,.;()/–]")
_DIGITS = re.compile(r"\d+")
LONGEST_SHAPE = 10
LOOKED_AT = 200  # characters of a line


@dataclass(frozen=True, slots=True)
class PrintedList:
    """What a document prints: rows of tables, entries of its longest list, groups of these, and characters of an entry (0: not known)."""

    rows: int = 0
    entries: int = 0
    groups: int = 0
    characters: int = 0

    @property
    def likely(self) -> int:
        """How many items a list about it will have."""
        return self.entries or max(USUAL_ENTRIES, likely_items(self.rows))

    def part(self, number: int) -> PrintedList:
        """What one of so many pieces of the document prints."""
        parts = (self.rows // number, -(-self.entries // number), -(-self.groups // number))
        return PrintedList(*parts, self.characters) if number > 1 else self


def printed(pages: Iterable[str]) -> PrintedList:
    """What the pages of a document print."""
    shapes, same = Counter[str](), Counter[str]()
    rows = size = number = 0
    for page in pages:
        number += 1
        rows += sum(1 for _ in rows_in(page))
        size += len(page)
        for line in page.split("\n"):
            if shape := shape_of(line):
                shapes[shape] += 1
                same[_DIGITS.sub("", line)] += 1
    for words, times in same.items():  # running headers and footers
        if number > 2 and number * 0.8 <= times <= number * 1.1:
            shapes[shape_of(words) or ""] -= times
            shapes[shape_of(f"{words}1") or ""] -= times
    entries, groups = _counted(shapes)
    return PrintedList(rows, entries, groups, size // entries if entries else 0)


def _counted(shapes: Counter[str]) -> tuple[int, int]:
    """How often the commonest shape of a list comes, and the commonest that comes less than half as often."""
    often = [
        times
        for shape, times in shapes.most_common()
        if times >= (MANY_PLAIN if shape in PLAIN_SHAPES else MANY)
    ]
    entries = often[0] if often else 0
    return entries, next((times for times in often if 2 * times < entries), 0)


def shape_of(line: str) -> str:
    """The shape of a line that may be of a list; "" for blank lines and mere words.

    >>> shape_of("17   bolt nut 57   5   112.25"), shape_of("Street: Elm Road 12"), shape_of("- Ann Bo, Kiel"), shape_of("On the way")
    ('9w9', 'street:w9', '-w', '')
    """
    made: list[str] = []
    for at, token in enumerate(_TOKEN.findall(line[:LOOKED_AT])):
        kind = "9" if token[0].isdigit() else "w" if token[0].isalpha() else token
        if kind == ":" and at == 1 and made == ["w"]:
            made = [f"{_first_word(line)}:"]
        elif not (made and made[-1] == kind) and not (kind == "-" and at):
            made.append(kind)
    shape = "".join(made[:LONGEST_SHAPE])
    return "" if shape == "w" else shape


def _first_word(line: str) -> str:
    return line.strip().partition(":")[0].strip().lower()


# --- tokens ------------------------------------------------------------------------------------------------------------


def usual_tokens(fields: Sequence[Field], *, plain: bool) -> float:
    """Tokens of an answer that has values as often as answers do, without the items of lists of records."""
    return 2 + sum(_usual(field, plain=plain) for field in fields)


def list_tokens(fields: Sequence[Field], shown: PrintedList, *, plain: bool) -> float:
    """Tokens of the items of all lists of records about a document; 0 without such lists. The longest kind of item has its entries."""
    lists = [
        (field.item, _entry_tokens(field.item, 0, plain=plain))
        for field in fields
        if field.item and field.item.kind == "record"
    ]
    if not lists:
        return 0.0
    item, tokens = max(lists, key=lambda one: one[1])
    others = sum(each for _, each in lists) - tokens
    return USUAL_ENTRIES * others + _entries(item, shown, plain=plain)


def _entries(item: Field, shown: PrintedList, *, plain: bool) -> float:
    """The items of one list, and of the lists in them."""
    inner = [field.item for field in item.fields if field.item]
    room = COPIED * shown.characters / CHARACTERS_A_TOKEN
    if not inner or not shown.groups:
        return shown.likely * _entry_tokens(item, room, plain=plain)
    below = inner[0]
    each = _entry_tokens(below, room, plain=plain) if below.kind == "record" else _value(below, room)
    return shown.groups * _entry_tokens(item, 0, plain=plain) + shown.entries * each


def _entry_tokens(item: Field, room: float, *, plain: bool) -> float:
    """Tokens of one item, whose values are no longer than what is printed of it (`room`; 0 where that is not known)."""
    texts = [field for field in item.fields if field.kind == "text"]
    long = [field for field in texts if LONG_NAMES.search(field.name)]
    others = [field for field in item.fields if field.kind != "text"]
    names = sum(name_words(field) - NAME_LESS for field in item.fields) if plain else 0
    fixed = sum(_usual(field, plain=False) for field in others)
    spare = max(0.0, room - fixed)
    text = MEAN_TOKENS["text"]
    if texts and room:
        text = min(text, max(LEAST_TEXT, spare / len(texts) + QUOTES))
    more = max(0.0, spare - text * len(texts)) if long else 0.0
    return 2 + names + fixed + text * len(texts) * (1 if room else FILLED) + more


def _usual(field: Field, *, plain: bool) -> float:
    """Tokens of a field: its name, and its value or null."""
    name = name_words(field) - NAME_LESS if plain else 0
    if field.item:
        return name + 2 + (USUAL_VALUES * _value(field.item, 0) if field.item.kind != "record" else 0)
    if field.kind == "record":
        return name + usual_tokens(field.fields, plain=plain)
    return name + FILLED * _value(field, 0) + (1 - FILLED)


def _value(field: Field, room: float) -> float:
    usual = MEAN_TOKENS.get(field.kind, MEAN_TOKENS["text"])
    return min(usual, room + QUOTES) if room and field.kind == "text" else usual


def answer_tokens(question: Question, lists: Sequence[PrintedList], *, plain: bool) -> float:
    """Tokens of an answer about each of some documents, all together."""
    once = (
        question.reply_tokens + (name_tokens(question.fields) if plain else 0)
        if question.name == SUMMARY
        else (
            usual_tokens(question.fields, plain=plain)
            + max(0, question.reply_tokens - _full_tokens(question.fields))
        )
    )
    return len(lists) * once + sum(list_tokens(question.fields, one, plain=plain) for one in lists)


def _full_tokens(fields: Sequence[Field]) -> int:
    """Tokens of an answer as a row in which every field has a value of its kind; what the schema reckons beyond are texts it calls long."""
    return 2 + sum(_full(field) for field in fields)


def _full(field: Field) -> int:
    if field.item:
        return 2 + LIST_ITEMS * _full(field.item)
    return (
        _full_tokens(field.fields)
        if field.kind == "record"
        else VALUE_TOKENS.get(field.kind, VALUE_TOKENS["text"])
    )
