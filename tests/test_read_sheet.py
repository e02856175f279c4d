"""Workbooks: a page a sheet, a row a line, values as a person sees them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xlsxwriter import Workbook

from octavo.processors.read import number_formats, sheet, table_rows
from octavo.processors.read.content import ReadLimits, Source
from octavo.processors.read.kinds import ODS, media_type
from octavo.schemas.errors import DocumentError
from tests.documents import hostile, make


def xlsx(fill: Callable[[Any], None]) -> bytes:
    """A workbook that `fill` has filled."""
    with io.BytesIO() as file:
        book = Workbook(file, {"default_date_format": "dd.mm.yyyy"})
        fill(book)
        book.close()
        return file.getvalue()


def texts(data: bytes, **limits: int) -> list[str]:
    """The text of each sheet."""
    return [leaf.text for leaf in sheet.read(Source(data, ReadLimits(**limits))).leaves]


def _prices(book: Any) -> None:
    page = book.add_worksheet("Prices")
    page.write_row("B2", ["Item", "Delivered", "Price", None, "Paid"])
    page.write_row("B3", ["Bolts\nM8", datetime(2024, 3, 1), 1234.5, None, True])  # noqa: DTZ001  # a cell has no time zone
    page.write_row("B4", ["Nuts", date(2024, 3, 2), 0.1 + 0.2, None, False])
    page.write_formula("D6", "=SUM(D3:D4)", None, 1234.8)
    page.merge_range("B7:F7", "All prices in euros")
    page.set_row(900_000, None, book.add_format({"bold": True}))  # an inflated used range
    page.write_blank("XFD900001", None, book.add_format({"bold": True}))


def test_rows_are_lines_and_values_are_seen() -> None:
    """Cells of a row share a line; dates are dates, sums have no binary noise, a formula its value, a merged cell stands once."""
    (text,) = texts(xlsx(_prices))
    assert text.splitlines() == [
        "Sheet: Prices",
        "Item | Delivered | Price | Paid",
        "Bolts M8 | 2024-03-01 | 1234.5 | TRUE",
        "Nuts | 2024-03-02 | 0.3 | FALSE",
        "",
        "|  | 1234.8",
        "All prices in euros",
    ]


def _money(book: Any) -> None:
    page = book.add_worksheet("Bill")
    for row, (value, code) in enumerate(
        [
            (1234.5, "#,##0.00 [$€-407]"),
            (-12, '"CHF" 0.00'),
            (0.075, "0.0%"),
            (3, "0.00"),
            (0.5, "# ?/?"),
            ("n/a", "0 €"),
            (7, '0" pcs"'),
        ],
    ):
        page.write(row + 4, 2, value, book.add_format({"num_format": code}))


def test_currencies_and_per_cent_are_seen() -> None:
    """A number that is money or a share by its format alone says so; and has as many digits as its cell shows."""
    assert texts(xlsx(_money)) == ["Sheet: Bill\n1234.50 €\nCHF -12.00\n7.5%\n3.00\n0.5\nn/a\n7 pcs"]


_PLAIN = [
    '[>=1000]0.0,"k";0',
    '0.0,,"M"',
    "0.00E+00",
    "@",
    "General",
    "",
    "[",
    '"',
    "\\",
    "yyyy",
]


@pytest.mark.parametrize("code", _PLAIN)
def test_formats_beyond_reading_leave_the_number(code: str) -> None:
    """Conditions, scales, exponents, dates and broken formats change no number."""
    assert number_formats.look(code) is None


@given(st.text(alphabet='0#?.,;%€$[]-"\\_*E/@ax ', max_size=12), st.floats(-1e9, 1e9))
def test_any_format_shows_any_number(code: str, value: float) -> None:
    """No format makes the reader fail."""
    look = number_formats.look(code)
    assert look is None or look.of(value)


def _far(book: Any) -> None:
    page = book.add_worksheet("Far")
    page.write("A1", "x")
    page.write("XFD1048576", "y")


def _hidden(book: Any) -> None:
    book.add_worksheet("Offer").write("A1", "12 chairs")
    book.add_worksheet("Margins").write("A1", "40 %")
    book.add_worksheet("Secret").write("A1", "50 %")
    book.get_worksheet_by_name("Margins").hide()
    book.get_worksheet_by_name("Secret").very_hidden()


def test_hidden_sheets_are_read_and_flagged() -> None:
    """A hidden sheet is read like the others, counted as hidden from the eye, and named."""
    content = sheet.read(Source(xlsx(_hidden), ReadLimits()))
    assert [leaf.hidden_chars for leaf in content.leaves] == [
        0,
        len("Sheet: Margins\n40 %"),
        len("Sheet: Secret\n50 %"),
    ]
    assert content.flags == ("hidden_sheets",)
    assert "Margins, Secret" in content.detail


def test_empty_workbook_has_no_text() -> None:
    """A sheet without a value has a page and no text, not even its name."""
    assert texts(xlsx(lambda book: book.add_worksheet("Empty"))) == [""]


def test_opendocument_spreadsheet_is_read() -> None:
    """An ods reads like an xlsx; a cell repeated to the edge of the sheet costs nothing."""
    cells = '<table:table-cell office:value-type="string"><text:p>Oak</text:p></table:table-cell>'
    cells += '<table:table-cell office:value-type="float" office:value="120"><text:p>120,00</text:p></table:table-cell>'
    cells += '<table:table-cell table:number-columns-repeated="16382"/>'
    body = f'<table:table table:name="Chairs"><table:table-row>{cells}</table:table-row></table:table>'
    data = make.opendocument(body, "spreadsheet")
    assert media_type(data) == ODS
    assert texts(data) == ["Sheet: Chairs\nOak | 120"]


@pytest.mark.parametrize(
    ("data", "limits", "reason", "named"),
    [
        (xlsx(_hidden), {"max_pages": 2}, "too_many_pages", "max_pages"),
        (xlsx(_far), {}, "too_large", "max_cells"),
        (xlsx(_hidden), {"max_entries": 3}, "bomb", "max_entries"),
        (
            make.zipped({"xl/workbook.xml": bytes(2_000_000)}),
            {"max_unpacked_bytes": 1_000_000},
            "bomb",
            "max_unpacked_bytes",
        ),
        (hostile.without_directory(xlsx(_hidden)), {}, "corrupt", "damaged"),
    ],
)
def test_limits_speak(data: bytes, limits: dict[str, int], reason: str, named: str) -> None:
    """A workbook over a limit is refused before it is read, with the setting that lifts the limit."""
    with pytest.raises(DocumentError) as caught:
        texts(data, **limits)
    assert caught.value.reason == reason
    assert named in str(caught.value)


@given(st.floats(-9.9e307, 9.9e307))
def test_numbers_keep_their_value(value: float) -> None:
    """A number is written with all digits Excel keeps and without an exponent for large ones."""
    words = sheet.shown(value)
    assert float(words) == pytest.approx(value, rel=1e-14)
    assert "e+" not in words


@given(st.lists(st.lists(st.text(alphabet="ab \n", max_size=4), max_size=5), max_size=8))
def test_a_table_keeps_its_words_in_order(table: list[list[str]]) -> None:
    """Every word of every cell is in the text, in order, a row never shares its line, and no line ends with a bar."""
    text = table_rows.lines(table)
    assert text.replace("|", " ").split() == [word for row in table for cell in row for word in cell.split()]
    assert len([line for line in text.splitlines() if line]) == sum(
        any(cell.strip() for cell in row) for row in table
    )
    assert not any(line.endswith(("|", " ")) for line in text.splitlines())


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("00000", 1067, "01067"),
        ("0.00", 12.5, "12.50"),
        ("0.00", 0.125, "0.13"),
        ("0.##", 3, "3"),
        ("#,##0.0#", 1234.5, "1234.5"),
        ("0.00;(0.00)", -12.5, "(12.50)"),
        ("0.00;[Red]-0.00 €", -12.5, "-12.50 €"),
        ('0.00;-0.00;"none"', 0, "none"),
        ('000"-"00"-"0000', 12345678, "012-34-5678"),
        ("(000) 000-0000", 5551234567, "(555) 123-4567"),
        ("0.00", -0.001, "0.00"),
        ("#", 0, "0"),
        ('_-* #,##0.00_-;-* #,##0.00_-;_-* "-"_-', 7, "7.00"),
    ],
)
def test_numbers_stand_as_their_cells_show_them(code: str, value: float, shown: str) -> None:
    """Leading zeros, digits behind the point, brackets and hyphens are those of the format; a number never vanishes."""
    found = number_formats.look(code)
    assert found
    assert found.of(value) == shown


def _rich(book: Any) -> None:
    page = book.add_worksheet("Bill")
    page.write("A1", 20, book.add_format({"num_format": "0.00 €", "font_strikeout": True}))
    page.write("A2", "old", book.add_format({"font_strikeout": True}))
    page.write("B2", 1234567890123456)
    page.write_formula("C2", "=B2", None, "")
    page.write_comment("B2", "Ask Ana")
    page.insert_textbox("D4", "Payable in ten days")


def test_what_a_sheet_shows_beside_its_values_is_read() -> None:
    """Struck cells are marked, text boxes and comments stand under the table, 16 digits are whole, formulas without values are told."""
    content = sheet.read(Source(xlsx(_rich), ReadLimits()))
    assert [leaf.text for leaf in content.leaves] == [
        "Sheet: Bill\n~~20.00 €~~\n~~old~~ | 1234567890123456\nPayable in ten days\nComment (B2): Ask Ana"
    ]


def _changed(data: bytes, part: str, old: str, new: str) -> bytes:
    """A container with other words in a part."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old.encode() in parts[part]
    return make.zipped({**parts, part: parts[part].replace(old.encode(), new.encode())})


def test_long_numbers_and_empty_formulas_are_not_silent() -> None:
    """Twenty digits are those of the file; a formula whose value nobody stored is flagged, since its cell looks empty."""
    data = _changed(
        xlsx(_rich), "xl/worksheets/sheet1.xml", "<v>1234567890123456</v>", "<v>12345678901234567890</v>"
    )
    content = sheet.read(Source(data, ReadLimits()))
    assert "| 12345678901234567890" in content.leaves[0].text
    assert content.flags == ("formulas_without_values",)
    assert "1 formula(s)" in content.detail
