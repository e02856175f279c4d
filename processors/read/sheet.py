"""A workbook in (xlsx, xlsm, xls, xlsb, ods); one leaf a sheet out: its name, then its rows.

Only cells that hold something count: a used range inflated to the last row of Excel costs nothing. A formula
gives the value that was stored with it; a merged cell its value once.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from octavo.processors.read import number_formats, table_rows
from octavo.processors.read.archive import Archive
from octavo.processors.read.content import Content, PageContent, Source, clean, over
from octavo.processors.read.number_formats import Look, Looks
from octavo.schemas.errors import DocumentError

Cell = int | float | str | bool | date | time | datetime | timedelta
_ZIP = b"PK"
_DIGITS = 15  # significant digits that Excel keeps and shows: 0.1 + 0.2 is 0.3


def read(source: Source) -> Content:
    """All sheets, hidden ones too, which is noted. Raises DocumentError: corrupt, encrypted, bomb, too_large, too_many_pages."""
    looks = number_formats.looks(Archive(source), source.limits) if source.data.startswith(_ZIP) else {}
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
        _leaf(book.get_sheet_by_name(sheet.name), looks.get(sheet.name, {}), hidden=sheet.name in hidden)
        for sheet in sheets
    )
    if not hidden:
        return Content(leaves)
    return Content(
        leaves,
        f"{len(hidden)} sheet(s) are hidden in it and were read: {', '.join(hidden)}.",
        ("hidden_sheets",),
    )


def _leaf(sheet: CalamineSheet, looks: Looks, *, hidden: bool) -> PageContent:
    """One sheet; without a value in it, it has no text, so that a workbook of empty sheets is empty."""
    table = table_rows.lines(_rows(sheet, looks))
    text = clean(f"Sheet: {sheet.name}\n{table}") if table else ""
    return PageContent(text, hidden_chars=len(text) if hidden else 0)


def _rows(sheet: CalamineSheet, looks: Looks) -> Iterator[list[str]]:
    """The rows from the first of the sheet to the last that holds something; their columns begin at the first that does."""
    left = sheet.start[1] if sheet.start else 0
    for row, cells in enumerate(sheet.iter_rows() if sheet.height else ()):
        yield [_seen(cell, looks.get((row, column))) for column, cell in enumerate(cells, start=left)]


def _seen(cell: Cell, look: Look | None) -> str:
    """A value as its cell shows it: a number with its currency or per cent sign."""
    if look is None or isinstance(cell, bool) or not isinstance(cell, int | float):
        return shown(cell)
    return look.of(cell)


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
    short = f"{value:.{_DIGITS}g}"
    return f"{float(short):.0f}" if "e+" in short else short
