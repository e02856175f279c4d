"""A workbook in (xlsx, xlsm, xls, xlsb, ods); one leaf a sheet out: its name, then its rows.

Only cells that hold something count: a used range inflated to the last row of Excel costs nothing. A formula
gives the value that was stored with it; a merged cell its value once.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from octavo.processors.read import number_formats, sheet_parts, table_rows
from octavo.processors.read.archive import Archive
from octavo.processors.read.content import Content, PageContent, Source, clean, over
from octavo.processors.read.number_formats import Look, Looks
from octavo.schemas.errors import DocumentError

Cell = int | float | str | bool | date | time | datetime | timedelta
_ZIP = b"PK"
_WHOLE = 1 << 53  # below it each whole number is itself: account and card numbers have 16 digits
_DIGITS = 15  # significant digits that Excel keeps and shows: 0.1 + 0.2 is 0.3


def read(source: Source) -> Content:
    """All sheets, hidden ones too, which is noted. Raises DocumentError: corrupt, encrypted, bomb, too_large, too_many_pages."""
    archive = Archive(source) if source.data.startswith(_ZIP) else None
    looks = number_formats.looks(archive, source.limits) if archive else {}
    parts = dict(number_formats.sheets(archive)) if archive else {}
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(source.data))
    except PasswordError as error:
        raise DocumentError(
            "encrypted", "The workbook asks for a password.", next_step="Save it without one."
        ) from error
    except CalamineError as error:  # it may say that it knows no such format, which of a repeated cell of an ods means too many of them
        message = f"The workbook is damaged, or its cells reach further than can be held ({error})."
        raise DocumentError(
            "corrupt", message, next_step="Open it in its program, take out needless rows, and save it again."
        ) from error
    sheets = [
        sheet
        for sheet in book.sheets_metadata
        if sheet.typ in (SheetTypeEnum.WorkSheet, SheetTypeEnum.MacroSheet)
    ]
    if len(sheets) > source.limits.max_pages:
        over("max_pages", len(sheets), source.limits.max_pages, "too_many_pages")
    hidden = [sheet.name for sheet in sheets if sheet.visible != SheetVisibleEnum.Visible]
    leaves = tuple(
        _leaf(
            book.get_sheet_by_name(sheet.name),
            looks[sheet.name].cells if sheet.name in looks else {},
            list(sheet_parts.lines(archive, parts[sheet.name])) if archive and sheet.name in parts else [],
            hidden=sheet.name in hidden,
        )
        for sheet in sheets
    )
    inner = (
        tuple(file for part in parts.values() for file in sheet_parts.files(archive, part)) if archive else ()
    )
    detail, flags = _told(hidden, sum(look.unvalued for look in looks.values()))
    return Content(leaves, detail, flags, inner=inner)


def _told(hidden: Sequence[str], unvalued: int) -> tuple[str, tuple[str, ...]]:
    """What a careful reader should know: a sentence and flags."""
    sentences, flags = [], []
    if hidden:
        sentences.append(f"{len(hidden)} sheet(s) are hidden in it and were read: {', '.join(hidden)}.")
        flags.append("hidden_sheets")
    if unvalued:
        sentences.append(
            f"{unvalued:,} formula(s) in it have no stored value, and their cells are empty here: open and save it in its program."
        )
        flags.append("formulas_without_values")
    return " ".join(sentences), tuple(flags)


def _leaf(sheet: CalamineSheet, looks: Looks, beside: Sequence[str], *, hidden: bool) -> PageContent:
    """One sheet; without a value in it, it has no text, so that a workbook of empty sheets is empty."""
    table = "\n".join(filter(None, [table_rows.lines(_rows(sheet, looks)), *beside]))
    text = clean(f"Sheet: {sheet.name}\n{table}") if table else ""
    return PageContent(text, hidden_chars=len(text) if hidden else 0)


def _rows(sheet: CalamineSheet, looks: Looks) -> Iterator[list[str]]:
    """The rows from the first of the sheet to the last that holds something; their columns begin at the first that does."""
    left = sheet.start[1] if sheet.start else 0
    for row, cells in enumerate(sheet.iter_rows() if sheet.height else ()):
        yield [_seen(cell, looks.get((row, column))) for column, cell in enumerate(cells, start=left)]


def _seen(cell: Cell, look: Look | None) -> str:
    """A value as its cell shows it: a number with its zeros, its currency or per cent sign; what is struck out between marks."""
    if look is None:
        return shown(cell)
    text = (
        _number_seen(cell, look)
        if isinstance(cell, int | float) and not isinstance(cell, bool)
        else shown(cell)
    )
    return f"~~{text}~~" if look.struck and text.strip() else text


def _number_seen(value: float, look: Look) -> str:
    return look.of(value) if look.sections and math.isfinite(value) else look.exact or _number(value)


def shown(cell: Cell) -> str:
    """A value as a person reads it in its cell; dates in ISO order, which no country reads wrongly.

    >>> shown(12.0), shown(0.1 + 0.2), shown(True), shown(datetime(2024, 3, 1)), shown(timedelta(hours=26, minutes=5))
    ('12', '0.3', 'TRUE', '2024-03-01', '26:05:00')
    """
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time.min else cell.isoformat(" ", "seconds")
    if isinstance(cell, timedelta):
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    if isinstance(cell, date | time):
        return cell.isoformat()
    return _number(cell)


def _number(value: float) -> str:
    """Whole numbers without a point, others without the noise of binary fractions, large ones without an exponent."""
    if value == round(value) and abs(value) < _WHOLE:
        return f"{value:.0f}"
    short = f"{value:.{_DIGITS}g}"
    return f"{float(short):.0f}" if "e+" in short else short
