"""Totals and line items: a sheet in; amounts of its text out, chosen by label and by arithmetic, never computed.

It imports `sheet`, since every rule asks a sheet where labels stand, and `columns`, which knows the headings of tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, combinations, pairwise, product

from octavo.processors.ask.offline.amount_columns import columns, number_in
from octavo.processors.ask.offline.text_sheet import Sheet, SheetHit, folded
from octavo.schemas.text.values import FoundValue, currency_in

CENT = Decimal("0.01")
MOST_CANDIDATES = (
    40  # amounts of one concept that are compared: enough for any bill, and arithmetic on them stays quick
)
MOST_ITEMS = 500
MOST_COLUMNS = 6  # numbers at the end of a row among which quantity and price are looked for
LONGEST_ROW = 200  # characters

_WORDS = re.compile(r"[^\W\d_]{4,}")
_QUANTITY_FIRST = re.compile(r"(\d{1,4})\s*[x×]\s+", re.IGNORECASE)
_UNIT = re.compile(
    r"(?:stk|stck|stuks|pcs?|pieces?|units?|ea|kg|std|hrs?|hours?|uur|satz|fahrt|pz|ud|st|h|[*@€$£])\.?",
    re.IGNORECASE,
)
_CODE = re.compile(r"^(?=[A-Z./-]*\d|[A-Z]+-)[A-Z\d][A-Z\d./-]+\s+")
_NO_ITEM = re.compile(
    r"\b(?:sub ?-?totals?|totals?|totalt|summe|gesamt|totaal|totale|nettobetrag|rechnungsbetrag|mwst|ust|vat|gst|tva|btw|iva|mva|tax|"
    r"change|cash|rounding|balance|iban|tel|phone|fax|page|seite|due|paid|carried|brought|übertrag)\b|合计|总计|税",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a bill, each as it stands in the text, or None."""

    net: Decimal | None
    tax: Decimal | None
    grand: Decimal | None


def totals(sheet: Sheet) -> Totals:
    """Net, tax and grand total: of amounts that add up those that labels name best; where none do, what the surest labels say."""
    nets, taxes, grands = (_labelled(sheet, concept) for concept in ("net_total", "tax_total", "grand_total"))
    settled = _settled(sheet, grands)
    stand = {found.value for found in sheet.pieces}
    triples = [*_two_named([*nets, *grands], taxes, grands), *_side_by_side(sheet)]
    fitting = [one for one in triples if _adds_up(one, stand) and settled in {None, one.grand}]
    if fitting:
        return max(
            fitting,
            key=lambda one: (
                nets.get(one.net, 0) + taxes.get(one.tax, 0) + grands.get(one.grand, 0),
                abs(one.grand or 0),
            ),
        )
    most = max(grands.values(), default=0)
    surest = [one for one, points in grands.items() if one is not None and points == most]
    grand = settled or max(surest, key=abs, default=None)
    net, tax = (
        next((one for one in some if one is not None and (grand is None or abs(one) <= abs(grand))), None)
        for some in (nets, taxes)
    )
    return Totals(None if tax and net == grand else net, None if tax == grand else tax, grand)


def labelled_amount(sheet: Sheet, concept: str) -> Decimal | None:
    """The number behind the surest label of a concept, which need not be money, or None."""
    return next(
        (
            amount
            for _, hit in sheet.of(concept)
            if (amount := _amount_at(sheet, hit, money_only=False)) is not None
        ),
        None,
    )


def currency(sheet: Sheet) -> str | None:
    """ISO 4217 code: behind a label such as "Currency", else the one that the text names most often."""
    labelled = (currency_in(sheet.rest(hit)) for _, hit in sheet.of("currency"))
    return next(filter(None, labelled), None) or currency_in(sheet.text)


def _labelled(sheet: Sheet, concept: str) -> dict[Decimal | None, int]:
    """Amounts behind the labels of a concept with the points of the label, 2 for its own and 1 for shared ones, the surest first."""
    found: dict[Decimal | None, int] = {}
    money_only = any(map(_is_money, sheet.amounts))
    for rank, hit in sheet.of(concept):
        if (amount := _amount_at(sheet, hit, money_only=money_only)) is not None:
            found.setdefault(amount, 2 - rank)
        if len(found) == MOST_CANDIDATES:
            break
    return found


def _settled(sheet: Sheet, grands: Mapping[Decimal | None, int]) -> Decimal | None:
    """What was paid less the change, where that is a sum or at least an amount of the text."""
    sums = grands.keys() or {found.value for found in sheet.amounts}
    paid, change = ([one for one in _labelled(sheet, concept) if one] for concept in ("paid", "change"))
    return next(
        (one - back for one in paid for back in change if one > back > 0 and one - back in sums), None
    )


def _two_named(
    nets: Iterable[Decimal | None], taxes: Iterable[Decimal | None], grands: Iterable[Decimal | None]
) -> Iterator[Totals]:
    """Net, tax and their sum, of which labels name two."""
    for net, tax in product(filter(None, nets), filter(None, taxes)):
        yield Totals(net, tax, net + tax)
    for grand, tax in product(filter(None, grands), filter(None, taxes)):
        yield Totals(grand - tax, tax, grand)
    for net, grand in product(filter(None, nets), filter(None, grands)):
        yield Totals(net, grand - net, grand)


def _side_by_side(sheet: Sheet) -> Iterator[Totals]:
    """Net and tax behind one label, such as `Total 24.99 5.00`, and their sum."""
    for _, hit in sheet.of("grand_total"):
        row = sheet.within(sheet.pieces, hit.end, sheet.ends(hit.line))[-MOST_COLUMNS:]
        for net, tax in pairwise(found.value for found in row):
            yield Totals(net, tax, net + tax)


def _adds_up(one: Totals, stand: AbstractSet[Decimal]) -> bool:
    """Whether three sums stand in the text and the tax is less than what it is on."""
    if not one.net or not one.tax:
        return False
    return 0 < one.tax / one.net < 1 and all(amount in stand for amount in (one.net, one.tax, one.grand))


def _amount_at(sheet: Sheet, hit: SheetHit, *, money_only: bool) -> Decimal | None:
    """The amount of a label: the last behind it in its line, else one without words in its column or the next line."""
    for start, end in sheet.places(hit):
        if start != hit.end and _WORDS.search(sheet.text, start, end):
            continue
        best = _best(sheet.within(sheet.amounts, start, end), money_only=money_only)
        if best is not None:
            return best
    return None


def _best(amounts: Sequence[FoundValue[Decimal]], *, money_only: bool) -> Decimal | None:
    """The last amount that is written as money is, with decimals or a sign; else the last number, unless the document writes money so."""
    money = [found.value for found in amounts if _is_money(found)]
    if money:
        return money[-1]
    return amounts[-1].value if amounts and not money_only else None


def _is_money(found: FoundValue[Decimal]) -> bool:
    return bool(re.search(r"[.,]\d\d?(?!\d)|[^\d\s.,'()-]", found.text))


# --- line items ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MoneyRow:
    """One billed position as its line has it."""

    description: str
    quantity: Decimal | None
    unit_price: Decimal | None
    amount: Decimal


def line_items(sheet: Sheet) -> list[MoneyRow]:
    """Rows below a header, and rows whose quantity times unit price is their amount; others only if they add up to a total."""
    tabled = dict(_below_headers(sheet))
    rows = [row for number in range(len(sheet.lines)) if (row := tabled.get(number) or _row(sheet, number))]
    proved = [row for row in rows if row.unit_price is not None or row in tabled.values()]
    return (_adding_up(sheet, rows) or proved)[:MOST_ITEMS]


def _below_headers(sheet: Sheet) -> Iterator[tuple[int, MoneyRow]]:
    """Rows with their lines: those with as many cells as the header above them."""
    header: Mapping[str, int] = {}
    width = 0
    for number in range(len(sheet.lines)):
        cells = sheet.cells(number)
        if here := columns(list(map(folded, cells))):
            header, width = here, len(cells)
        elif header and len(cells) == width and (row := _by_columns(cells, header)):
            yield number, row


def _by_columns(cells: Sequence[str], header: Mapping[str, int]) -> MoneyRow | None:
    """A row of a table whose header tells the columns; a total that stands in them is none."""
    quantity, price, amount = (
        number_in(cells[header[kind]]) if kind in header else None
        for kind in ("quantity", "unit_price", "amount")
    )
    description = cells[header["description"]]
    if (
        amount is None
        or not re.search(r"[^\W\d_]", description)
        or (quantity is None and _NO_ITEM.search(description))
    ):
        return None
    return MoneyRow(description, quantity, price, amount)


def _adding_up(sheet: Sheet, rows: Sequence[MoneyRow]) -> list[MoneyRow]:
    """The rows up to the one with which they add up to a total: what stands below it, such as how it was paid, is no item."""
    sums = totals(sheet)
    for count, amount in enumerate(accumulate(row.amount for row in rows), start=1):
        if amount in {sums.net, sums.grand} and (count > 1 or rows[0].quantity is not None):
            return list(rows[:count])
    return []


def _row(sheet: Sheet, number: int) -> MoneyRow | None:
    """The row of a line: words, then numbers of which the last is an amount of money."""
    start, end = sheet.starts[number], sheet.ends(number)
    line = sheet.text[start:end]
    if end - start > LONGEST_ROW or number in sheet.labelled or _NO_ITEM.search(line):
        return None
    for numbers in (sheet.within(sheet.amounts, start, end), sheet.within(sheet.pieces, start, end)):
        last = numbers[-1] if numbers else None
        if (
            last is None
            or not re.search(r"[.,]\d\d\D*$", last.text)
            or re.search(r"\w{4}", sheet.text[last.end : end])
        ):
            return None
        if factors := next(_factors(numbers[-MOST_COLUMNS:]), None):
            return _with_factors(sheet, start, *factors)
    return _without_factors(line[: numbers[-1].start - start], numbers[-1].value)


def _factors(
    numbers: Sequence[FoundValue[Decimal]],
) -> Iterator[tuple[FoundValue[Decimal], FoundValue[Decimal], Decimal]]:
    """Two numbers of a row and the amount behind them that is their product; from the end, since descriptions hold numbers too."""
    for third in range(len(numbers) - 1, 1, -1):
        amount = numbers[third].value
        for first, second in reversed(list(combinations(numbers[:third], 2))):
            if amount and abs(first.value * second.value - amount) <= CENT / 2:
                yield first, second, amount


def _with_factors(
    sheet: Sheet, start: int, first: FoundValue[Decimal], second: FoundValue[Decimal], amount: Decimal
) -> MoneyRow | None:
    """A row with quantity and price. Subtle: of `2,0000  6,5 Stk` the number with fewer decimals is the quantity, though it stands last."""
    quantity, price = (second, first) if _digits(first.value) > _digits(second.value) else (first, second)
    before, between = sheet.text[start : first.start], sheet.text[first.end : second.start]
    description = _described(before) or _described(between)
    return MoneyRow(description, quantity.value, price.value, amount) if description else None


def _without_factors(before: str, amount: Decimal) -> MoneyRow | None:
    leading = _QUANTITY_FIRST.match(before.lstrip())
    description = _described(before.lstrip()[leading.end() :] if leading else before)
    return (
        MoneyRow(description, Decimal(leading[1]) if leading else None, None, amount) if description else None
    )


def _described(text: str) -> str:
    """A description without position, article code and unit around it, of cells the one with most letters; "" when no word is left."""
    text = max(text.split("|"), key=lambda cell: sum(map(str.isalpha, cell)))
    text = _CODE.sub("", text.strip(" \t|*@=").removeprefix("x "), count=1)
    text = re.sub(
        rf"(?<!\d)(?<!\bper)(?<!\bpro)(?<!\bpar)\s+{_UNIT.pattern}$",
        "",
        text.strip(" \t|:;,*€$£@="),
        flags=re.IGNORECASE,
    ).strip(" \t|:;,*")
    return text if re.search(r"[^\W\d_]{2}", text) and not _UNIT.fullmatch(text) else ""


def _digits(value: Decimal) -> int:
    return max(0, -int(value.as_tuple().exponent))
