"""A till receipt on a scanner: monospaced, crooked, grey, with the noise of a cheap lamp. Out: `SAMPLE`."""

from __future__ import annotations

import io
import random
from itertools import pairwise

import pypdfium2
from PIL import Image, ImageChops, ImageFilter
from reportlab.lib.units import mm

from .bill import Receipt, item
from .sample import Sample
from .sheet import Sheet, Style

BILL = Receipt(
    merchant="CORNER & KETTLE GROCERS",
    address="27 Lantern Street, Brackwater BW3 9QT",
    date="2026-07-18",
    time="17:42",
    currency="GBP",
    payment="VISA DEBIT",
    items=(
        item("SOURDOUGH LOAF 800G", "1", "3.40", "0"),
        item("CHEDDAR MATURE 350G", "1", "4.15", "0"),
        item("SEMI SKIMMED MILK 2L", "2", "1.55", "0"),
        item("TOMATOES VINE 500G", "1", "2.20", "0"),
        item("GROUND COFFEE 227G", "2", "4.85", "0"),
        item("SPARKLING WATER 1.5L", "4", "0.95", "20"),
        item("DISHWASHER TABS 30", "1", "6.50", "20"),
        item("CANVAS BAG LARGE", "1", "2.25", "20"),
    ),
)
WIDTH = 40  # characters on a line
PAPER_MM = (80, 197)
DPI = 190
TYPE = Style("Courier-Bold", 8.4, "#2a2a33", leading=1.3)
SEED = 417


def lines() -> tuple[str, ...]:
    """What the till prints, forty characters a line."""
    return (*_head(), *_goods(), *_sums(), *_card(), *_foot())


def _head() -> list[str]:
    words = ("27 Lantern Street,", "Brackwater BW3 9QT", "Tel 01632 960283", "VAT No GB 000 9602 83")
    return [
        *(word.center(WIDTH).rstrip() for word in words),
        "",
        _ends("18/07/2026  17:42", "Till 03"),
        _ends("Served by MAEVE", "No. 0097714"),
        "-" * WIDTH,
    ]


def _goods() -> list[str]:
    rows = []
    for entry in BILL.items:
        mark = "A" if entry.rate else " "
        rows.append(_ends(entry.description, f"{entry.amount:>7} {mark}"))
        if entry.quantity > 1:
            rows.append(f"   {entry.quantity} @ {entry.unit_price}")
    return [*rows, "-" * WIDTH]


def _sums() -> list[str]:
    count = sum(entry.quantity for entry in BILL.items)
    base, tax = next(iter(BILL.taxes.values()))
    return [
        _ends(f"ITEMS {count}", ""),
        _ends("TOTAL GBP", f"{BILL.total:>7}  "),
        _ends(BILL.payment, f"{BILL.total:>7}  "),
        _ends("CHANGE", f"{'0.00':>7}  "),
        "",
        "VAT        RATE      GROSS       VAT",
        f"A         20.0%    {base:>7}   {tax:>7}",
        "-" * WIDTH,
    ]


def _card() -> list[str]:
    return [
        "CARD  ************0417   CONTACTLESS",
        "AUTH CODE 041739   AID A0000000031010",
        "MERCHANT 00417392  TID 0000 8813",
        "",
    ]


def _foot() -> list[str]:
    words = (
        "Goods returned within 28 days",
        "with this receipt, please.",
        "",
        "THANK YOU - SEE YOU SOON",
        "",
    )
    return [word.center(WIDTH).rstrip() for word in words]


def _ends(left: str, right: str) -> str:
    return f"{left}{right.rjust(WIDTH - len(left))}".rstrip()


def make() -> bytes:
    """The JPEG."""
    noise = random.Random(SEED)
    picture = _lamp(_laid(_print(), noise), noise)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=62, dpi=(DPI, DPI))
    return out.getvalue()


def _print() -> Image.Image:
    """The receipt fresh from the till, as a grey picture."""
    sheet = Sheet("receipt", BILL.merchant, (PAPER_MM[0] * mm, PAPER_MM[1] * mm))
    middle = PAPER_MM[0] / 2
    sheet.path([(34, 14), (46, 14), (44.5, 7), (35.5, 7)], fill="#2a2a33")
    sheet.path([(46, 12.5), (50, 8), (51.4, 8.8), (46, 15)], fill="#2a2a33")
    sheet.path([(36, 6.4), (40, 3.4), (44, 6.4)], fill="#2a2a33")
    sheet.text(middle, 21, "CORNER & KETTLE", Style("Courier-Bold", 15, TYPE.colour, "centre"))
    sheet.text(middle, 26, "GROCERS", Style("Courier-Bold", 11, TYPE.colour, "centre"))
    y = sheet.lines(4.5, 32, lines(), TYPE)
    _bars(sheet, y)
    with pypdfium2.PdfDocument(sheet.pdf()) as file:
        picture: Image.Image = file[0].render(scale=DPI / 72).to_pil()
        return picture.convert("L")


def _bars(sheet: Sheet, y: float) -> None:
    widths = random.Random(SEED)
    edges = [15.0]
    while edges[-1] < 64:
        edges.append(edges[-1] + widths.choice((0.35, 0.35, 0.7, 1.05)))
    for left, right in list(pairwise(edges))[::2]:
        sheet.box(left, y - 2, right - left, 10, fill=TYPE.colour)
    sheet.text(PAPER_MM[0] / 2, y + 11.4, "0 097714 180726 3", Style("Courier", 7.5, TYPE.colour, "centre"))


def _laid(paper: Image.Image, noise: random.Random) -> Image.Image:
    """The slip on the glass: ink worn in places, turned by a degree and a half, with a shadow."""
    faded = paper.point([min(255, 62 + round(level * 0.72)) for level in range(256)])
    worn = _grain((paper.width // 40, paper.height // 40), noise, 26).resize(
        paper.size, Image.Resampling.BICUBIC
    )
    slip = ImageChops.add(faded, worn)
    glass = Image.new("L", (paper.width + 130, paper.height + 120), 176)
    shadow = Image.new("L", glass.size, 0)
    shadow.paste(90, (72, 68, 72 + slip.width, 68 + slip.height))
    glass = ImageChops.subtract(glass, shadow.filter(ImageFilter.GaussianBlur(9)))
    glass.paste(slip, (64, 58))
    return glass.rotate(1.4, Image.Resampling.BICUBIC, fillcolor=172)


def _lamp(picture: Image.Image, noise: random.Random) -> Image.Image:
    """Soft optics, light that falls off to one side, and grain."""
    soft = picture.filter(ImageFilter.GaussianBlur(0.8))
    fall = (
        Image.linear_gradient("L").rotate(90).point([level // 9 for level in range(256)]).resize(picture.size)
    )
    return ImageChops.subtract(ImageChops.subtract(soft, fall), _grain(picture.size, noise, 22))


def _grain(size: tuple[int, int], noise: random.Random, depth: int) -> Image.Image:
    raw = Image.frombytes("L", size, noise.randbytes(size[0] * size[1]))
    return raw.point([level * depth // 256 for level in range(256)])


SAMPLE = Sample(
    name="receipt_scan.jpg",
    what="Till receipt of a British grocer, scanned",
    special="a picture without text: crooked, grey and noisy, so it needs OCR or a vision model",
    make=make,
    schema="receipt",
    values=BILL.gold(),
    lines=("CORNER & KETTLE", "GROCERS", *lines()),
)
