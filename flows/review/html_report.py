"""A run comes in; one HTML file goes out that can be mailed: no network, no script, charts and cut-outs of pages in it.

What it shows is what stood in the tables when it was written. Pictures are of the values to be looked at, at most so many, each cut out
around its words; how many there are more is said.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from octavo.flows.corrections.answer_below import fields_of
from octavo.flows.corrections.current import Current
from octavo.flows.review import doubts, listing, page_view, run_charts
from octavo.flows.review.doubts import Filters
from octavo.flows.review.record_form import cell_at, readable, sections, words
from octavo.flows.review.sentence_html import with_code
from octavo.flows.review.workspace import Row, Workspace
from octavo.schemas.errors import OctavoError, SettingsError, system_message
from octavo.schemas.sql_names import quoted

HERE = Path(__file__).parent
ROWS = 500  # of one table of records
COLUMNS = 8  # of one table of records; lists are not among them
AROUND_POINTS = 36.0  # of a page, above and below the words of a value
WIDEST_POINTS = 420.0  # of a cut-out
KEPT = 20  # reports of runs that stay in an output folder


@dataclass(frozen=True, slots=True)
class Cutout:
    """A value to be looked at, why, and the part of its page around its words."""

    row: Row
    why: str
    picture: Markup | None
    text: str  # around it, where there is no picture


async def write_report(out: Path, *, run: str, to: Path | None, most: int) -> str:
    """Write the report; gives the sentence that says where it is and how large. Raises SettingsError."""
    with closing(Workspace(out, who="", read_only=True)) as workspace:
        found = listing.run_of(workspace, run)
        if found is None:
            step = '`octavo sql "SELECT run FROM runs"` lists them.'
            raise SettingsError(
                f"There is no run {run!r} in {out}." if run else f"No run is recorded in {out}.",
                about="run",
                next_step=step,
            )
        page = _page(workspace, found, [one async for one in _cutouts(workspace, most)])
    target = to or out / "report.html"
    try:
        target.write_text(page, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{target} cannot be written: {system_message(error)}.", about="to") from None
    return f"Report of run {found['run']}: {target} ({len(page.encode()) / 1e6:.1f} MB)."


async def keep_report(out: Path, run: str, most: int) -> Path:
    """Write the report of a run among those of the runs before, of which the newest stay. Raises SettingsError, OctavoError."""
    folder = out / "reports"
    target = folder / f"{run}.html"
    try:
        folder.mkdir(exist_ok=True)
        for old in sorted(folder.glob("*.html"))[: 1 - KEPT]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(f"{folder} cannot be written: {system_message(error)}.", about="out") from None
    await write_report(out, run=run, to=target, most=most)
    return target


def _page(workspace: Workspace, run: Row, cutouts: list[Cutout]) -> str:
    templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True)
    templates.filters["prose"] = with_code
    left = doubts.counted(workspace, Filters())
    return templates.get_template("report.html").render(
        run=run,
        charts=run_charts.of_run(workspace, run),
        tables=[_table(workspace, name) for name in _asked(workspace)],
        cutouts=cutouts,
        left=left,
        corrected=workspace.reader.size("corrections"),
        style=Markup((HERE / "static" / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        command=f"octavo review --out {shlex.quote(str(workspace.out))}",
        words=words,
        readable=readable,
    )


def _asked(workspace: Workspace) -> list[str]:
    return [row["question"] for row in workspace.rows("SELECT DISTINCT question FROM evidence ORDER BY ALL")]


def _table(workspace: Workspace, name: str) -> Mapping[str, Any]:
    """The records of one table: path and its first plain columns."""
    table = workspace.reader.answer_table(name)
    assert table is not None
    columns = [one.name for one in fields_of(table) if one.kind not in ("list", "record")][:COLUMNS]
    query = "SELECT path, $columns FROM $table ORDER BY path LIMIT $most"
    chosen = ", ".join(map(quoted, columns)) or "document"
    rows = workspace.rows(query, columns=chosen, table=quoted(name), most=str(ROWS))
    return {"name": name, "columns": columns, "rows": rows, "total": workspace.reader.size(name)}


async def _cutouts(workspace: Workspace, most: int) -> Any:
    """The values to be looked at, the most doubtful first, each with a cut-out of its page."""
    start = 0
    while start < most and (rows := doubts.listed(workspace, Filters(), start)):
        for row in rows[: most - start]:
            yield await _cutout(workspace, row)
        start += len(rows)


async def _cutout(workspace: Workspace, row: Row) -> Cutout:
    if not row["field"]:  # a whole answer that was rejected
        return Cutout(row, row["detail"] or words(row["reason"]), None, "")
    try:
        stands = workspace.desk.current(row["document"], row["question"])
    except OctavoError as error:  # an answer that a run has taken back since; the report says so in its place
        return Cutout(row, row["detail"] or words(row["reason"]), None, str(error))
    cell = cell_at(sections(stands, row["field"]), row["field"])
    why = (cell.doubt if cell else "") or row["detail"] or words(row["reason"])
    about = listing.answers_of(workspace, row["document"])
    proof = stands.proofs().get(row["field"])
    if proof is None or proof.page is None or proof.start is None or proof.end is None:
        return Cutout(row, why, None, "")
    if page_view.has_picture(about.get("media_type") or ""):
        try:
            return Cutout(
                row, why, await _picture(workspace, stands, row, proof.page, (proof.start, proof.end)), ""
            )
        except OctavoError as error:  # such as a file that is gone; the report says so in its place
            return Cutout(row, why, None, str(error))
    page = page_view.page_of(workspace, row["document"], proof.page)
    text = page.text if page else ""
    return Cutout(row, why, None, text[max(0, proof.start - 120) : proof.end + 120])


async def _picture(
    workspace: Workspace, stands: Current, row: Row, page: int, span: tuple[int, int]
) -> Markup | None:
    """The part of a page around some words, marked: an SVG that shows a window of the page's picture."""
    document = stands.record.document
    told = await page_view.words_of(workspace, document, page)
    boxes = [box[2:] for box in told["words"] if box[0] < span[1] and box[1] > span[0]]
    if not boxes or not told["width"]:
        return None
    picture = base64.b64encode(
        await workspace.cut(document, page, _shares(_around(boxes, told), told))
    ).decode()
    left, top, width, height = _around(boxes, told)
    marks = "".join(
        f'<rect class="mark" x="{x - 1.5:.1f}" y="{y - 1.5:.1f}" width="{w + 3:.1f}" height="{h + 3:.1f}" rx="2"/>'
        for x, y, w, h in boxes
    )
    alt = Markup.escape(f"Part of page {page} of {row['path']}")
    return Markup(  # noqa: S704 - numbers, base64 and what was escaped
        f'<svg class="cut" viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" role="img" aria-label="{alt}">'
        f'<image href="data:image/jpeg;base64,{picture}" x="{left:.1f}" y="{top:.1f}" '
        f'width="{width:.1f}" height="{height:.1f}"/>{marks}</svg>'
    )


def _around(boxes: list[list[float]], told: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """A window of the page around boxes, in its units: left, top, width, height."""
    unit = told["width"] / 600
    first, upper = min(box[0] for box in boxes), min(box[1] for box in boxes)
    last, lower = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    width = min(told["width"], max(WIDEST_POINTS * unit, last - first + 2 * AROUND_POINTS * unit))
    left = min(max(0.0, (first + last - width) / 2), told["width"] - width)
    top = max(0.0, upper - AROUND_POINTS * unit)
    return left, top, width, min(told["height"], lower + AROUND_POINTS * unit) - top


def _shares(
    window: tuple[float, float, float, float], told: Mapping[str, Any]
) -> tuple[float, float, float, float]:
    """The same as shares of the page, 0 to 1: left, top, right, bottom."""
    left, top, width, height = window
    return (
        left / told["width"],
        top / told["height"],
        (left + width) / told["width"],
        (top + height) / told["height"],
    )
