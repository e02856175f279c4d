"""Pages in `octavo review`: turned, scanned and of several pages, marked where an eye sees the words; and values to look at in CI."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pikepdf
import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from octavo.flows import cli
from octavo.processors.read.ocr import available
from tests import command
from tests.documents import make
from tests.review_app import Watched
from tests.test_review_app import document, value_of

DARK, LIGHT = 110, 150  # of 255: ink, and paper


def turned() -> bytes:
    """A receipt of three pages; the first is drawn upright and shown turned to the right."""

    def draw(canvas: Canvas) -> None:
        for number in range(1, 4):
            canvas.setFont("Helvetica", 14)
            canvas.drawString(90, 700, f"Receipt 4711, page {number}")
            canvas.drawString(90, 660, "Merchant: Turned Ltd")
            canvas.drawString(90, 620, "Date 2026-03-04")
            canvas.drawString(90, 580, f"Total {number}2.50 EUR")
            canvas.showPage()

    with pikepdf.open(io.BytesIO(make.pdf(draw))) as file, io.BytesIO() as target:
        file.pages[0].rotate(90, relative=False)
        file.save(target)
        return target.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of a turned receipt, of a scan, and of a receipt whose day may be one in March or in April."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "inbox").mkdir()
    (folder / "inbox" / "turned.pdf").write_bytes(turned())
    doubtful = "Receipt 9\nMerchant: Corner Shop\nDate 03/04/2026\nTotal 12.00 EUR\n"
    (folder / "inbox" / "corner.txt").write_text(doubtful, encoding="utf-8")
    (folder / "inbox" / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    make.paper(["Receipt 78", "Total 13.00"]).save(folder / "inbox" / "scan.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OCTAVO_HOME", str(folder / "home"))
        cli.main(["run", str(folder / "inbox"), *asked(folder / "out"), "--quiet"])
    return folder / "out"


def asked(out: Path) -> list[str]:
    """The flags of a run that costs nothing and fails by values to look at only."""
    return ["--offline", "--extract", "receipt", "--fail-on", "never", "--out", str(out)]


@pytest.fixture
def out(made: Path) -> Path:
    """These tables, in which nobody corrects anything."""
    return made


def lies_on_ink(reviewer: Watched) -> bool:
    """Whether the mark in focus has dark pixels within, and none on its upper and lower edge."""
    box = reviewer.page.locator("svg .mark.focused").first.bounding_box()
    assert box
    reviewer.page.locator("[data-picture] svg").evaluate("svg => svg.style.visibility = 'hidden'")
    picture = Image.open(io.BytesIO(reviewer.page.screenshot())).convert("L")
    left, top = int(box["x"]), int(box["y"])
    right, bottom = int(box["x"] + box["width"]), int(box["y"] + box["height"])
    inside = picture.crop((left, top, right, bottom)).tobytes()
    edges = [int(picture.getpixel((x, y))) for x in range(left, right) for y in (top, bottom)]  # type: ignore[arg-type]
    return min(inside) < DARK and min(edges) > LIGHT


def test_a_turned_page_is_marked_as_it_is_shown(made: Path, reviewer: Watched) -> None:
    """On a page that its file shows turned, the mark stands around the ink of the value, and dragging over it fills the field."""
    reviewer.open(f"/value/{document(made, 'turned.pdf')}/receipt?field=purchase_date")
    page = reviewer.page
    box = page.locator("svg .mark.focused").first.bounding_box()
    assert box
    assert box["height"] > box["width"]  # the words run downwards
    before = value_of(reviewer, "purchase_date")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 3)
    page.mouse.up()
    assert (before, value_of(reviewer, "purchase_date")) == ("2026-03-04", "2026-03-04")
    page.keyboard.press("Escape")
    assert lies_on_ink(reviewer)


@pytest.mark.prove
def test_space_turns_pages_and_plus_and_minus_make_them_larger_and_smaller(
    made: Path, reviewer: Watched
) -> None:
    """Space goes to the next page and from the last to the first, + and - change the size, and ? shows all keys."""
    reviewer.open(f"/value/{document(made, 'turned.pdf')}/receipt?field=total")
    page = reviewer.page
    shown = [page.get_attribute("#view", "data-page")]
    for _ in range(3):
        page.keyboard.press("Space")
        page.wait_for_selector(f"#view:not([data-page='{shown[-1]}'])")
        reviewer.settled()
        shown.append(page.get_attribute("#view", "data-page"))
    first = int(shown[0] or 0)
    assert [int(one or 0) for one in shown] == [(first - 1 + step) % 3 + 1 for step in range(4)]
    widths = []
    for key in ("+", "-", "-"):
        page.keyboard.press(key)
        widths.append(page.locator("[data-picture]").bounding_box()["width"])  # type: ignore[index]
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) == len(widths)
    page.keyboard.press("?")
    assert {"Space", "+", "-", "?"} <= set(page.locator("dialog#help kbd").all_inner_texts())
    page.keyboard.press("Escape")
    assert not page.locator("dialog#help").is_visible()


@pytest.mark.skipif(not available(), reason="the extra `ocr` is not installed")
def test_a_scan_is_marked_by_the_lines_of_local_ocr(made: Path, reviewer: Watched) -> None:
    """A scan, which has no words of its own, says that its lines are OCR's, and the line of the value is marked on its ink."""
    reviewer.open(f"/value/{document(made, 'scan.png')}/receipt?field=total")
    assert "local OCR" in reviewer.page.inner_text("[data-note]")
    assert value_of(reviewer, "total") == "13.00"
    assert lies_on_ink(reviewer)


def test_ci_fails_when_more_values_wait_than_allowed(made: Path) -> None:
    """`--fail-on-review N` ends with 2 when more than N values and files are to be looked at, and the outcome says how many there are."""

    def again(*flags: str) -> tuple[int, str]:
        home = str(made.parent / "home")
        ended = command.octavo("run", str(made.parent / "inbox"), *asked(made), *flags, OCTAVO_HOME=home)
        return ended.returncode, ended.stderr

    told = re.search(
        r"To look at: (\d+), of which (\d+) values?, 1 file;", again()[1]
    )  # one could not be read
    assert told
    assert int(told[1]) == int(told[2]) + 1
    waiting = int(told[1])
    assert waiting > 0
    assert again("--fail-on-review", str(waiting))[0] == 0
    assert again("--fail-on-review", str(waiting - 1))[0] == 2
