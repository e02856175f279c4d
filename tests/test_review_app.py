"""`octavo review` in a real browser: keys, marks, corrections, two reviewers, hostile documents, and who gets in."""

from __future__ import annotations

import http.client
import io
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser

from octavo.flows import cli
from octavo.processors.store.warehouse import CorrectionStore, Warehouse
from tests.review_app import Watched, reviewing, watched

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = (
    "invoice_us.pdf",
    "invoice_de.pdf",
    "invoice_zh.pdf",
    "order_confirmation.eml",
    "order_receipt.html",
)
HOSTILE = "<img src=x onerror=alert(1)>'\"&{{7*7}}.txt"
EVIL = "<script>alert(document.cookie)</script><img src='https://example.org/x.png' onerror=alert(2)>"
PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of a few samples and of a document that is nothing but trouble."""
    folder = tmp_path_factory.mktemp("review")
    (folder / "inbox").mkdir()
    for name in SAMPLES:
        shutil.copy(ROOT / "data" / "samples" / name, folder / "inbox")
    text = f"Receipt\nMerchant: {EVIL}\nTotal 12.00 EUR\nDate 2026-03-04\nVAT 2.00\n{EVIL} | a | 1.00\n"
    (folder / "inbox" / HOSTILE).write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OCTAVO_HOME", str(folder / "home"))
        words = ["run", str(folder / "inbox"), "--offline", "--extract", "invoice", "receipt", "--quiet"]
        assert cli.main([*words, "--out", str(folder / "out")]) == 0
    return folder / "out"


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    """The same tables for one test alone."""
    return shutil.copytree(made, tmp_path / "out")


def said(out: Path) -> list[tuple[str, str, Any]]:
    """Field, verdict and value of all that is in force."""
    with closing(CorrectionStore(out)) as store:
        return [(one.field, one.verdict, one.after) for one in store.each()]


def until(what: Callable[[], Any]) -> Any:
    """The first true answer."""
    end = time.monotonic() + PATIENCE_S
    while not (found := what()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def reported(*words: str) -> str:
    """What `octavo report` says, in a process of its own."""
    command = [sys.executable, "-m", "octavo", "report", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stderr


def value_of(reviewer: Watched, path: str) -> str:
    """What stands in a field of the form."""
    return str(reviewer.page.locator(f"[data-path='{path}']").input_value())


def document(out: Path, name: str) -> str:
    """The id of a document."""
    return str(Warehouse(out).documents_at([name], Warehouse(out).inboxes()[0])[0]["document"])


def test_the_keys_of_a_clerk(out: Path, reviewer: Watched) -> None:
    """J begins with the most doubtful document; y, n and Enter say right, absent and changed, at once; u takes back, k leads back."""
    page = reviewer.page
    left = int(page.inner_text("h1").split()[0])
    reviewer.press("j")
    assert reviewer.focus == "currency"
    reviewer.press("j")
    first = reviewer.focus
    assert first == "line_items[0].amount"
    page.keyboard.press("e")
    page.keyboard.type("3 000,5 USD")
    reviewer.press("Enter")
    assert (reviewer.focus, value_of(reviewer, first)) == (first, "3000.50")
    assert said(out) == [(first, "changed", "3000.50")]
    assert until(lambda: str(Warehouse(out).rows("invoice", ["line_items"])).count("3000.50"))
    reviewer.press("j")
    second = reviewer.focus
    assert second != first
    reviewer.press("y")
    third = reviewer.focus
    reviewer.press("n")
    assert [(field, verdict) for field, verdict, _ in said(out)][1:] == [(second, "right"), (third, "absent")]
    reviewer.press("u")
    assert reviewer.focus == third
    assert [field for field, _, _ in said(out)] == [first, second]
    reviewer.press("k")
    assert reviewer.focus != third
    reviewer.open("/")
    assert int(page.inner_text("h1").split()[0]) == left - 2


def test_what_is_wrong_is_said_at_once(out: Path, reviewer: Watched) -> None:
    """A value that no answer may have is refused in the form, in a sentence, and put nowhere; Esc leaves the field as it was."""
    reviewer.press("j")
    reviewer.press("j")
    page = reviewer.page
    page.keyboard.press("e")
    page.keyboard.type("soon")
    page.keyboard.press("Enter")
    page.wait_for_selector(".problem:visible")
    assert "is no number" in page.inner_text(".problem")
    page.keyboard.press("Escape")
    assert value_of(reviewer, reviewer.focus) == "2934.00"
    assert said(out) == []
    reviewer.faults.clear()  # a browser notes each answer that is no 200


def test_pages_are_turned_and_searched(out: Path, reviewer: Watched) -> None:
    """/ finds a text in the document and marks it, ? shows all keys, + makes the page larger."""
    page = reviewer.page
    reviewer.open(f"/value/{document(out, 'invoice_us.pdf')}/invoice?field=grand_total")
    page.keyboard.press("/")
    page.keyboard.type("stereo microscope")
    page.keyboard.press("Enter")
    page.wait_for_selector("svg .found")
    assert page.inner_text("[data-found]") == "1 place"
    page.keyboard.press("Escape")
    wide = page.locator("[data-picture]").bounding_box()
    page.keyboard.press("+")
    larger = page.locator("[data-picture]").bounding_box()
    assert wide
    assert larger
    assert larger["width"] > wide["width"] * 1.2
    page.keyboard.press("?")
    assert page.locator("dialog#help").is_visible()


def test_the_marks_lie_on_the_words(out: Path, reviewer: Watched) -> None:
    """On the screen, the mark of a value stands around its ink: dark pixels within, none on its edge."""
    reviewer.open(f"/value/{document(out, 'invoice_us.pdf')}/invoice?field=invoice_number")
    mark = reviewer.page.locator("svg .mark.focused").first
    box = mark.bounding_box()
    assert box
    reviewer.page.locator("[data-picture] svg").evaluate("svg => svg.style.visibility = 'hidden'")
    picture = Image.open(io.BytesIO(reviewer.page.screenshot())).convert("L")
    left, top, right, bottom = (
        int(box["x"]),
        int(box["y"]),
        int(box["x"] + box["width"]),
        int(box["y"] + box["height"]),
    )
    inside = picture.crop((left, top, right, bottom))
    assert min(inside.tobytes()) < 110
    edges = [picture.getpixel((x, y)) for x in range(left, right) for y in (top, bottom)]
    assert min(edges) > 150  # type: ignore[type-var, operator]


def test_words_that_are_dragged_over_fill_the_field(out: Path, reviewer: Watched) -> None:
    """Dragging over words on the page puts them into the field in focus, and the correction remembers where they stand."""
    reviewer.open(f"/value/{document(out, 'invoice_us.pdf')}/invoice?field=invoice_number")
    page = reviewer.page
    box = page.locator("svg .mark.focused").first.bounding_box()
    assert box
    page.locator("[data-path=purchase_order]").focus()
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] - 2)
    page.mouse.up()
    assert value_of(reviewer, "purchase_order") == "48217"
    reviewer.press("Enter")
    until(lambda: Warehouse(out).rows("corrections"))
    query = "SELECT value, grade, page, quote, state FROM evidence WHERE field = 'purchase_order' AND state = 'corrected'"
    assert Warehouse(out).query(query).to_pylist() == [
        {"value": "48217", "grade": "exact", "page": 1, "quote": "48217", "state": "corrected"}
    ]


def test_rows_are_added_removed_and_moved(out: Path, reviewer: Watched) -> None:
    """The rows of a list are a grid: a new one is filled cell by cell, one is moved, one is removed, and the table has them so."""
    reviewer.open(f"/value/{document(out, 'invoice_us.pdf')}/invoice?field=line_items[0].description")
    page = reviewer.page

    def described() -> list[str]:
        rows = (
            Warehouse(out).query("SELECT line_items FROM invoice WHERE path = 'invoice_us.pdf'").to_pylist()
        )
        return [row["description"] for row in rows[0]["line_items"]]

    before = described()
    reviewer.click("[data-row='line_items[1]'] [data-move='1']")
    reviewer.click("[data-row='line_items[0]'] [data-remove]")
    reviewer.click("[data-add]")
    page.locator("[data-path='line_items[6].description']").fill("Delivery")
    reviewer.press("Enter")
    wanted = [before[2], before[1], *before[3:], "Delivery"]
    assert until(lambda: described() == wanted), described()


def test_two_reviewers_get_other_documents(out: Path, reviewer: Watched, browser: Browser) -> None:
    """Whoever asks for the next value gets one of a document that nobody else looks at, and each speaks under a name."""
    link_base = reviewer.base
    reviewer.press("j")
    token = reviewer.page.evaluate("() => document.querySelector('meta[name=x-octavo]').content")
    assert token
    mine = reviewer.page.get_attribute("#view", "data-document")
    other = browser.new_context().new_page()
    assert other.goto(link_base + "/").status == 401  # type: ignore[union-attr]
    other.context.close()
    with reviewing_again(reviewer, browser) as second:
        second.page.fill("[name=who]", "Bea")
        with second.page.expect_response("**/api/who"):
            second.page.keyboard.press("Enter")
        second.settled()  # a key that is pressed before does nothing
        second.press("j")
        assert second.page.get_attribute("#view", "data-document") != mine
        second.press("y")
        assert second.faults == []
    with closing(CorrectionStore(out)) as store:
        assert [one.who for one in store.each()] == ["Bea"]


class reviewing_again:  # noqa: N801 # used as a function
    """A second browser on the same link."""

    def __init__(self, reviewer: Watched, browser: Browser) -> None:
        self._window = watched(browser, reviewer.link)

    def __enter__(self) -> Watched:
        return self._window

    def __exit__(self, *_: object) -> None:
        self._window.page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_is_accessible_and_stays_at_home(
    made: Path,
    browser: Browser,
    scheme: str,
) -> None:
    """In each view axe finds nothing serious, and nothing is asked of another host, also of a document full of scripts."""
    with reviewing(made, "--read-only") as link:
        for width in (1280, 390):
            window = watched(browser, link, color_scheme=scheme, viewport={"width": width, "height": 844})
            sha = document(made, "invoice_us.pdf")
            hostile = (
                Warehouse(made)
                .query("SELECT document FROM documents WHERE contains(path, 'onerror')")["document"][0]
                .as_py()
            )
            for path in (
                "/",
                f"/value/{sha}/invoice?field=line_items[0].amount",
                f"/value/{document(made, 'order_confirmation.eml')}/receipt",
                f"/value/{hostile}/receipt",
                "/documents?text=onerror",
                "/runs",
            ):
                window.open(path)
                found = Axe().run(window.page).response["violations"]
                serious = [one for one in found if one["impact"] in ("serious", "critical")]
                told = [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in serious]
                assert not told, (path, scheme, width, told)
                assert window.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
                    path,
                    width,
                )
            assert window.faults == []
            window.page.context.close()


def test_read_only_takes_nothing(made: Path, browser: Browser) -> None:
    """With --read-only everything is shown, and a word that is sent all the same is refused and makes no file."""
    with reviewing(made, "--read-only") as link:
        window = watched(browser, link)
        code = """async () => (await fetch('/api/say', {method: 'POST', headers: {'Content-Type': 'application/json',
            'X-Octavo': document.querySelector('meta[name="x-octavo"]').content}, body: '{}'})).status"""
        assert window.page.evaluate(code) == 422
        window.page.context.close()
    assert not (made / "corrections.sqlite").exists()


def test_the_report_is_one_file(made: Path, tmp_path: Path, browser: Browser) -> None:
    """`octavo report` writes one file that loads nothing and runs nothing, has cut-outs, and is shown as text what is hostile."""
    target = tmp_path / "run.html"
    assert " MB)" in reported("--out", str(made), "--to", str(target), "--most", "12")
    text = target.read_text(encoding="utf-8")
    assert "<script" not in text.lower()
    assert text.count('class="cut"') >= 1
    assert "the 12 most doubtful shown" in text
    page = browser.new_context().new_page()
    faults: list[str] = []
    page.on("dialog", lambda dialog: faults.append(dialog.message))
    page.on(
        "request",
        lambda asked: None if asked.url.startswith(("file:", "data:")) else faults.append(asked.url),
    )
    page.goto(target.as_uri())
    serious = [
        one["id"]
        for one in Axe().run(page).response["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert (faults, serious) == ([], [])
    assert page.evaluate("[...document.images].every(one => one.naturalWidth)")
    page.context.close()
    assert "There is no run 'none'" in reported("--out", str(made), "--run", "none")


def test_nobody_else_gets_in(made: Path) -> None:
    """A wrong token, no cookie, a foreign Host or Origin, no secret, another method or kind of body: each is refused, and tells nothing."""
    with reviewing(made) as link:
        at = urlsplit(link)

        def ask(method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str, str]:
            connection = http.client.HTTPConnection("127.0.0.1", at.port or 0, timeout=30)
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {"Host": f"127.0.0.1:{at.port}", **given})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers.get("set-cookie", "")

        status, _, cookie = ask("GET", f"/?{at.query}")
        assert (status, "HttpOnly" in cookie, "SameSite=strict" in cookie) == (200, True, True)
        own = {"Cookie": cookie.partition(";")[0]}
        status, page, _ = ask("GET", "/", **own)
        secret = page.partition('name="x-octavo" content="')[2].partition('"')[0]
        whole = {
            **own,
            "Origin": f"http://127.0.0.1:{at.port}",
            "Content_Type": "application/json",
            "X_Octavo": secret,
        }
        assert status == 200
        assert ask("POST", "/api/back", "{}", **whole)[0] == 200
        refused = [
            ask("GET", "/"),
            ask("GET", "/static/app.js"),
            ask("GET", "/?token=wrong"),
            ask("GET", "/?token="),
            ask("GET", "/", Cookie="octavo_review=guess"),
            ask("GET", "/", **{**own, "Host": "evil.example"}),
            ask("GET", f"/?{at.query}", Host="evil.example"),
            ask("PUT", "/", **own),
            ask("DELETE", "/", **own),
            *(
                ask(
                    "POST",
                    "/api/back",
                    "{}",
                    **{name: value for name, value in whole.items() if name != left},
                )
                for left in whole
            ),
            *(
                ask("POST", "/api/back", "{}", **{**whole, name: value})
                for name, value in (
                    ("Origin", "http://evil.example"),
                    ("Origin", "null"),
                    ("Sec_Fetch_Site", "cross-site"),
                    ("X_Octavo", "guess"),
                    ("Content_Type", "text/plain"),
                )
            ),
        ]
        assert {status for status, _, _ in refused} == {401, 403, 405, 415, 421}
        told = [text for status, text, _ in refused]
        assert all("<h1>" in text or text.startswith('{"error":') for text in told)
        assert not any(word in text for text in told for word in (at.query, secret, str(made)))
        assert not any("invoice" in text or set_cookie for _, text, set_cookie in refused)
        assert ask("GET", "/static/..%2f..%2fcli.py", **own)[0] == 404
        assert (
            ask(
                "POST",
                "/api/say",
                json.dumps({"document": "x", "question": "runs", "field": "job", "verdict": "right"}),
                **whole,
            )[0]
            == 422
        )
