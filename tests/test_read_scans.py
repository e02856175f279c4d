"""Scans: which way up, columns, letters that the engine does not know, and which of two texts of a page is kept."""

from __future__ import annotations

import io
import random
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from octavo.processors.read import legible, ocr, ocr_turn
from octavo.processors.read.after_ocr import better
from octavo.processors.read.content import ReadLimits, Source
from octavo.processors.read.ocr_lines import Box, in_columns, in_rows
from octavo.processors.read.ocr_script import SeenPage, words
from octavo.processors.read.pages import FoundFile, Reader, Reading, discover
from octavo.processors.read.pdf import pages as pdf
from octavo.schemas.pipeline import Page, Part
from tests.documents import make
from tests.proofs import slow

needs_engine = pytest.mark.skipif(not ocr.available(), reason="the extra `ocr` is not installed")
PROSE = [
    "This agreement is made between the parties named",
    "below and shall be governed by the laws of England.",
    "Each party shall keep its terms confidential, and may",
    "not assign its rights without the written consent of",
    "the other party, which shall not be unreasonably",
    "withheld. Notices are to be sent to the address that",
]
CODES = "\n".join(
    f"BRKT ASSY LH XK-{number * 7} QXZ SCR HEX ZN {number}.50 {number * 3}" for number in range(40)
)
DAMAGE = {letter: chr((ord(letter) - 94) % 26 + 97) for letter in string.ascii_lowercase}


def exchanged(text: str) -> str:
    """A text with each letter as the third one after it: a font whose way back to Unicode is shifted."""
    small = str.maketrans(DAMAGE)
    return text.translate({**small, **{key - 32: value.upper() for key, value in small.items()}})


def languages() -> Iterator[tuple[str, str]]:
    """Language and text of 31 languages, some hundred letters each."""
    path = Path(__file__).parent / "documents" / "languages.txt"
    for section in re.split(r"^\[", path.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        name, _, text = section.partition("]\n")
        lines = [line for line in text.splitlines() if len(line) > 25]
        yield name, "\n".join(random.Random(name).sample(lines, 12))


# --- order ---------------------------------------------------------------------------------------------------------


def boxes(left: float, texts: list[str], width: float, top: float = 100) -> list[Box]:
    """Lines below one another, 10 pixels a letter at most."""
    return [
        Box(text, left, top + 30 * at, top + 30 * at + 24, left + min(width, 10 * len(text)))
        for at, text in enumerate(texts)
    ]


def read(found: list[Box]) -> list[str]:
    """The lines of a page whose boxes come in any order."""
    mixed = random.Random(4).sample(found, len(found))
    return [" ".join(box.text for box in row) for row in in_rows(mixed)]


def test_columns_of_prose_are_read_one_after_another() -> None:
    """The left column comes first to its end; a title across both stands before, a foot behind them."""
    title, foot = Box("A title across", 50, 40, 64, 1050), Box("The foot of both", 50, 400, 424, 1050)
    right = [line.upper() for line in PROSE]
    page = [title, foot, *boxes(50, PROSE, 480), *boxes(570, right, 480, top=104)]
    assert read(page) == [title.text, *PROSE, *right, foot.text]


def test_labels_and_amounts_are_read_across() -> None:
    """A bill with amounts at its right edge, and two short blocks side by side, are no columns."""
    labels = [
        "Net amount of the goods",
        "Value added tax of it",
        "Carriage and insurance",
        "Total",
        "Paid",
        "Due",
    ]
    amounts = [f"{number}.50" for number in range(6)]
    page = [*boxes(50, labels, 400), *boxes(700, amounts, 100)]
    assert read(page) == [f"{label} {amount}" for label, amount in zip(labels, amounts, strict=True)]


def test_vertical_lines_are_read_from_the_right() -> None:
    """Vertical Japanese: the rightmost line first, the upper tier before the lower one."""
    page = [Box(name, left, top, top + 300, left + 24) for name, left, top in
            (("c", 50, 400), ("a2", 50, 20), ("a1", 90, 25), ("b", 90, 401))]  # fmt: skip
    assert [row[0].text for row in in_columns(page)] == ["a1", "a2", "b", "c"]


def test_a_slant_is_measured_and_taken_out() -> None:
    """Lines that fall by 8 degrees are straight again, and a lone stamp does not tilt a page."""
    line = [(0.0, 0.0), (500.0, 0.0), (500.0, 20.0), (0.0, 20.0)]
    slanted = [ocr_turn.straightened([(x, y + 60 * at) for x, y in line], -8) for at in range(5)]
    assert ocr_turn.skew(slanted) == pytest.approx(8, abs=0.01)
    assert ocr_turn.skew(slanted[:1]) == 0
    assert ocr_turn.straightened(slanted[1], 8)[1] == pytest.approx((500, 60))


@pytest.mark.parametrize("quarters", range(4))
def test_places_on_a_turned_page_are_given_as_it_lies(quarters: int) -> None:
    """A corner of the upright picture leads back to the same pixel of the picture as it was given."""
    picture = Image.new("L", (40, 20))
    picture.putpixel((7, 3), 255)
    upright = picture.rotate(90 * quarters, expand=True)
    ((x, y),) = [
        (at % upright.width, at // upright.width) for at, value in enumerate(upright.tobytes()) if value
    ]
    ((back, down),) = ocr_turn.turned_back([(x + 0.5, y + 0.5)], quarters, picture.size)
    assert (back, down) == (7.5, 3.5)


# --- letters that make no words ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "text"), list(languages()))
def test_no_language_is_taken_for_noise(name: str, text: str) -> None:
    """Messages of 31 languages, in small letters and in capitals, are text; with letters exchanged none of the Latin ones is."""
    assert not legible.is_garbled(text), name
    assert not legible.is_garbled(text.upper()), name
    if sum(map(str.isascii, filter(str.isalpha, text))) > 0.8 * sum(map(str.isalpha, text)):
        assert legible.is_garbled(exchanged(text)), name


@pytest.mark.parametrize(
    "text",
    [
        CODES,
        "\n".join(f"{number}.00 | {number * 17 % 90} | 19 % | EUR" for number in range(80)),
        "Total 12.00", "", "7KLV", "DEUTDEFF COBADEFF BNPAFRPP IBAN BIC SWIFT EUR USD GBP CHF\n" * 12,
        " ".join("".join(random.Random(at).choices("ACGT", k=10)) for at in range(200)),
        " ".join("".join(random.Random(at).choices(string.ascii_letters, k=8)) for at in range(200)),
    ],
)  # fmt: skip
def test_codes_and_numbers_are_never_noise(text: str) -> None:
    """Part lists, tables of numbers, short pages, codes of banks, sequences and keys stay what they are."""
    assert not legible.is_garbled(text)


@pytest.mark.parametrize(("said", "by"), [("utf-8", "cp1252"), ("cp1251", "cp1252"), ("koi8-r", "cp1251")])
def test_the_bytes_of_another_language_are_noise(said: str, by: str) -> None:
    """Russian in the wrong encoding is no text, in whichever letters it appears."""
    text = dict(languages())["ru"]
    assert legible.is_garbled(text.encode(said, "ignore").decode(by, "replace"))


def test_chinese_by_the_wrong_standard_is_noise() -> None:
    """Traditional Chinese read as the simplified standard has rare characters only; as it is, it is text."""
    chinese = dict(languages())["zh_Hant"]
    assert not legible.is_garbled(chinese)
    assert legible.is_garbled(chinese.encode("big5", "ignore").decode("gb18030", "ignore"))


# --- which text is kept --------------------------------------------------------------------------------------------


def page(text: str, text_from: str = "file") -> Page:
    """A page that is looked at."""
    return Page("d", 1, text, (100, 100), text_from=text_from)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("own", "seen", "kept"),
    [
        (page(exchanged("\n".join(PROSE)) * 3), "\n".join(PROSE), "ocr"),  # longer, and noise
        (page(";{et ~l Xq1 1s ,~l 2O0.O0 ;{et ]]" * 40, "layer"), "Total 12.00", "ocr"),
        (page("\n".join(PROSE), "layer"), "Tota1", "layer"),
        (page(CODES), CODES.replace("BRKT", "BRKT "), "file"),
        (page("A stamp"), "\n".join(["A stamp", *PROSE]), "ocr"),
        (page("\n".join(PROSE)), "\n".join(PROSE) + "1", "file"),
        *(
            (page(""), only, "ocr")
            for only in ("合計：1,200円", "12,00€", "A1B2C3D4E5", "请求书、已经发送。")
        ),
        (page("Page 1"), "東京都、渋谷区。\n請求書を、お送りします。", "ocr"),
    ],
)
def test_the_text_that_can_be_read_out_is_kept(own: Page, seen: str, kept: str) -> None:
    """Noise of a file gives way however long it is; good text, part lists too, stays where OCR says the same or less."""
    assert better(own, SeenPage(seen)).text_from == kept


def test_few_latin_words_make_no_noise_of_another_script() -> None:
    """A layer in Russian stays where OCR does not know the script, whatever names and units in Latin letters stand in it."""
    russian = "Настоящий договор заключён между сторонами, названными ниже. " * 5
    kept = better(
        page(f"{russian} OOO XTK BXW PQR DN15 KVBB NYM-J XLPE PVC kWh rpm WxHxD", "layer"),
        SeenPage("", is_noise=True),
    )
    assert kept.text.startswith(russian[:40])


def test_noise_of_both_is_no_text() -> None:
    """Where OCR does not know the script, good text of the file stays and noise goes."""
    noise = SeenPage("Cro or one", is_noise=True)
    assert better(page("\n".join(PROSE)), noise).text == "\n".join(PROSE)
    assert better(page(exchanged("\n".join(PROSE))), noise).text == ""
    assert better(page("Cx qVr Uox ZZr lq Xae WWWr QQ" * 9, "layer"), noise).text == ""


def test_words_carry_how_sure_the_engine_is() -> None:
    """The doubtfullest letter of a word counts; a part of a page has the words that stand in it, from its own start."""
    found = words("Total 6.28", 0.9, [1, 1, 1, 1, 1, 1, 1, 0.4, 1, 1])
    assert found == ((0, 5, 1.0), (6, 10, 0.4))
    part = Part("d", 1, 1, 0, 10, "Total 6.28", 5, ocr_words=found)
    assert part.cut(4, 10).ocr_words == ((-4, 1, 1.0), (2, 6, 0.4))


# --- with the engine -----------------------------------------------------------------------------------------------


def jpeg(picture: Image.Image) -> bytes:
    """A picture as it reaches the engine."""
    with io.BytesIO() as file:
        picture.convert("RGB").save(file, "JPEG", quality=90)
        return file.getvalue()


BILL = ["Invoice 4711 of Acme", "VAT 6.28", "Total 123.33"]


@needs_engine
@pytest.mark.parametrize("degrees", [90, slow(180), slow(270), 8])
def test_a_page_is_read_however_it_lies(degrees: int) -> None:
    """A bill that lies on a side, upside down or askew says the same as the upright one, and each word has its doubt."""
    paper = make.paper(BILL, (500, 260)).convert("L")
    seen = ocr.recognise(
        jpeg(paper.rotate(degrees, expand=True, fillcolor=255, resample=Image.Resampling.BICUBIC))
    )
    assert seen.text.splitlines() == BILL
    assert [seen.text[start:end] for start, end, _ in seen.words] == seen.text.split()


@needs_engine
def test_pale_print_is_read() -> None:
    """Print that is hardly darker than its paper is stretched before it is read."""
    paper = make.paper(BILL, (500, 260)).point(lambda level: 228 + level * 27 // 255)
    assert ocr.recognise(jpeg(paper)).text.splitlines() == BILL


@needs_engine
def test_marks_stand_where_the_words_are_on_a_turned_page() -> None:
    """Boxes are told in pixels of the picture as it is given: upside down, the total stands at the top."""
    paper = make.paper(BILL, (500, 260)).rotate(180)
    total = next(box for box in ocr.boxes_in(jpeg(paper)) if "Total" in box.text)
    assert total.bottom < 260 / 2
    assert total.right > 500 / 2


async def read_folder(folder: Path) -> dict[str, Reading]:
    """Path -> reading with OCR."""
    found = [entry for entry in discover(folder, ReadLimits()) if isinstance(entry, FoundFile)]
    with Reader(ReadLimits(workers=1, ocr_workers=1), ocr=True) as reader:
        return {reading.document.path: reading for reading in await reader.read(found)}


def with_wrong_letters(path: Path, lines: list[str]) -> None:
    """A PDF that looks well, and whose font leads back to other letters."""
    pdfmetrics.registerFont(TTFont("Wrong", "Vera.ttf"))  # which reportlab brings
    canvas = Canvas(str(path))
    canvas.setFont("Wrong", 14)
    for at, line in enumerate(lines):
        canvas.drawString(60, 780 - 24 * at, line)
    canvas.save()
    with pikepdf.open(path, allow_overwriting_input=True) as file:
        for item in file.objects:
            if isinstance(item, pikepdf.Dictionary) and "/ToUnicode" in item:
                way = item.ToUnicode.read_bytes().decode("latin-1")
                shifted = re.sub(r"<00([67]\d|[67][A-F])>", _shifted, way)
                item.ToUnicode.write(shifted.encode("latin-1"))
        file.save(path)


def russian(path: Path) -> None:
    """A picture of a page in Russian; the test is skipped where no font has its letters."""
    try:
        font = ImageFont.truetype("DejaVuSans.ttf", 32)
    except OSError:
        pytest.skip("no font here has Cyrillic letters")
    picture = Image.new("RGB", (700, 200), "white")
    ImageDraw.Draw(picture).text(
        (30, 30), "Стоимость услуг по договору\nСрок оплаты тридцать дней", "black", font
    )
    picture.save(path)


def _shifted(code: re.Match[str]) -> str:
    letter = chr(int(code[1], 16))
    return f"<00{ord(DAMAGE.get(letter, letter)):02X}>"


@needs_engine
async def test_noise_gives_way_and_an_unknown_script_is_told(tmp_path: Path) -> None:
    """Wrong letters behind a good picture become what the picture says; a Cyrillic page is an error with a next step, and no noise."""
    with_wrong_letters(tmp_path / "wrong.pdf", PROSE[:3])
    russian(tmp_path / "russian.png")
    plain = pdf.read(Source((tmp_path / "wrong.pdf").read_bytes(), ReadLimits()))
    assert legible.GARBLED in plain.flags
    assert "page(s) 1" in plain.detail
    readings = await read_folder(tmp_path)
    wrong, unknown = readings["wrong.pdf"], readings["russian.png"].document
    assert wrong.pages[0].text.splitlines() == PROSE[:3]
    assert (wrong.document.flags, wrong.document.detail) == ((), "")
    assert (unknown.status, unknown.reason) == ("error", "unreadable")
    assert "vision" in unknown.detail


@needs_engine
def test_vertical_japanese_is_read_from_the_right() -> None:
    """The corpus' vertical page begins with its rightmost line."""
    path = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "image" / "unstructured__jpn-vert.jpeg"
    if not path.exists():
        pytest.skip("the corpus is not beside this checkout")
    lines = ocr.recognise(path.read_bytes()).text.splitlines()
    assert (lines[0][:3], lines[-1][:3]) == ("元来日", "横書き")
