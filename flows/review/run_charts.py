"""Charts as SVG: numbers come in, a picture with its words for screen readers goes out. No script, and no style but classes.

Everything written into a picture is escaped here, since it goes into templates as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from markupsafe import Markup

from octavo.flows.corrections.labels_of import Band, bands
from octavo.flows.review import listing
from octavo.flows.review.workspace import Row, Workspace
from octavo.processors.store.warehouse import has_corrections

WIDTH, BAR, GAP, LABEL = 560, 18, 8, 190  # in units of the picture
STEPS = 48  # columns of a chart over time
MINUTE_S = 60.0
FEWEST_CALLS = 8  # of which a course over time says something


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture, its title, and the same in one sentence."""

    title: str
    sentence: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its length and its end label; `part` of the length is drawn in another tone."""

    label: str
    value: float
    shown: str
    part: float = 0.0


def bars(title: str, sentence: str, rows: Sequence[Bar]) -> Chart:
    """Bars below one another, the longest as wide as there is room."""
    most = max((row.value for row in rows), default=0.0) or 1.0
    room = WIDTH - LABEL - 90
    drawn = []
    for place, row in enumerate(rows):
        top = place * (BAR + GAP)
        whole, part = row.value / most * room, row.part / most * room
        drawn.append(
            f'<text class="label" x="{LABEL - 8}" y="{top + BAR - 5}" text-anchor="end">{escape(_short(row.label))}</text>'
            f'<rect class="bar" x="{LABEL}" y="{top}" width="{max(whole, 1):.1f}" height="{BAR}" rx="3"/>'
            + (
                f'<rect class="part" x="{LABEL}" y="{top}" width="{part:.1f}" height="{BAR}" rx="3"/>'
                if part
                else ""
            )
            + f'<text class="value" x="{LABEL + whole + 6:.1f}" y="{top + BAR - 5}">{escape(row.shown)}</text>'
        )
    return Chart(title, sentence, _svg(title, sentence, "".join(drawn), len(rows) * (BAR + GAP)))


def columns(
    title: str, sentence: str, values: Sequence[float], limit: float = 0.0, low: str = "", high: str = ""
) -> Chart:
    """Columns over time, with a line for a limit."""
    most = max([*values, limit]) or 1.0
    height, wide = 110, WIDTH / max(1, len(values))
    drawn = "".join(
        f'<rect class="bar" x="{place * wide:.1f}" y="{height - value / most * height:.1f}" '
        f'width="{max(wide - 1.5, 1):.1f}" height="{value / most * height:.1f}"/>'
        for place, value in enumerate(values)
    )
    if limit:
        y = height - limit / most * height
        drawn += f'<line class="limit" x1="0" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        drawn += f'<text class="value" x="{WIDTH}" y="{max(y - 4, 10):.1f}" text-anchor="end">limit {limit:,.0f}</text>'
    drawn += f'<text class="label" x="0" y="{height + 16}">{escape(low)}</text>'
    drawn += f'<text class="label" x="{WIDTH}" y="{height + 16}" text-anchor="end">{escape(high)}</text>'
    return Chart(title, sentence, _svg(title, sentence, drawn, height + 22))


def _svg(title: str, sentence: str, drawn: str, height: float) -> Markup:
    return Markup(  # noqa: S704 - every text in it is escaped above
        f'<svg class="chart" viewBox="0 0 {WIDTH} {max(height, 1):.0f}" role="img" aria-label="{escape(f"{title}. {sentence}")}">'
        f"{drawn}</svg>"
    )


def _short(text: str) -> str:
    return text if len(text) <= 28 else f"{text[:27]}…"


def of_run(workspace: Workspace, run: Row) -> list[Chart]:
    """The charts of one run; those of which there is nothing to show are left out."""
    calls = listing.calls_of(workspace, run)
    found = [
        _outcome(run),
        _dollars(run),
        _tokens(calls),
        _fill(calls),
        _over_time(run, calls),
        _latency(calls),
    ]
    found += [_fields(workspace), calibration(workspace)]
    return [chart for chart in found if chart]


def _outcome(run: Row) -> Chart | None:
    counts = [(name, run[name] or 0) for name in ("ok", "failed", "added", "changed", "removed", "unchanged")]
    kept = [(name, count) for name, count in counts if count]
    if not kept:
        return None
    sentence = ", ".join(f"{count:,} {name}" for name, count in kept) + "."
    return bars("Documents", sentence.capitalize(), [Bar(name, count, f"{count:,}") for name, count in kept])


def _dollars(run: Row) -> Chart | None:
    if run["engine"] in ("", "offline", None):
        return None
    budget = float(run["job"].get("budget_usd") or 0)
    amounts = [("paid", run["cost_usd"] or 0.0), ("expected", run["quoted_usd"] or 0.0), ("budget", budget)]
    kept = [(name, usd) for name, usd in amounts if usd or name == "paid"]
    sentence = ", ".join(f"${usd:.4f} {name}" for name, usd in kept) + "."
    return bars(
        "Dollars against plan and budget", sentence, [Bar(name, usd, f"${usd:.4f}") for name, usd in kept]
    )


def _tokens(calls: Sequence[Row]) -> Chart | None:
    def total(name: str) -> int:
        return sum(call[name] or 0 for call in calls)

    prompt, cached, reply, thought = map(
        total, ("prompt_tokens", "cached_tokens", "reply_tokens", "reasoning_tokens")
    )
    rows = [
        ("sent anew", prompt - cached),
        ("sent, cached", cached),
        ("received", reply - thought),
        ("thoughts", thought),
    ]
    kept = [(name, count) for name, count in rows if count > 0]
    if not kept:
        return None
    sentence = ", ".join(f"{count:,} {name}" for name, count in kept) + "."
    return bars("Tokens by kind", sentence, [Bar(name, count, f"{count:,}") for name, count in kept])


def _fill(calls: Sequence[Row]) -> Chart | None:
    counts: dict[int, int] = {}
    for call in calls:
        counts[call["documents"]] = counts.get(call["documents"], 0) + 1
    if not counts:
        return None
    mean = sum(size * count for size, count in counts.items()) / len(calls)
    rows = [
        Bar(f"{size} document{'s' if size > 1 else ''}", count, f"{count:,}")
        for size, count in sorted(counts.items())[:12]
    ]
    return bars(
        "Windows by documents in them", f"{len(calls):,} calls, {mean:.1f} documents each on average.", rows
    )


def _over_time(run: Row, calls: Sequence[Row]) -> Chart | None:
    if len(calls) < FEWEST_CALLS:
        return None
    first, last = calls[0]["sent_at"], calls[-1]["sent_at"]
    seconds = max(1.0, (last - first).total_seconds())
    wide = max(1.0, seconds / STEPS)
    counts = [0.0] * (int(seconds / wide) + 1)
    for call in calls:
        counts[int((call["sent_at"] - first).total_seconds() / wide)] += MINUTE_S / wide
    again = sum(max(0, (call["attempts"] or 1) - 1) for call in calls)
    limit = float(run["job"].get("rpm") or 0)
    sentence = f"{len(calls):,} calls in {seconds:,.0f} s, at most {max(counts):,.0f} a minute; {again:,} sent again (429 and the like)."
    return columns("Calls a minute over time", sentence, counts, limit, _clock(first), _clock(last))


def _latency(calls: Sequence[Row]) -> Chart | None:
    seconds = sorted(call["seconds"] for call in calls if call["seconds"] is not None)
    if not seconds or seconds[-1] <= 0:
        return None
    marks = [(name, seconds[min(len(seconds) - 1, int(len(seconds) * share))]) for name, share in _SHARES]
    sentence = ", ".join(f"{name} {value:.1f} s" for name, value in marks) + "."
    return bars(
        "Seconds a call", sentence.capitalize(), [Bar(name, value, f"{value:.1f} s") for name, value in marks]
    )


_SHARES = (("half within", 0.5), ("nine in ten within", 0.9), ("slowest", 1.0))


def _fields(workspace: Workspace) -> Chart | None:
    rows = [row for row in listing.doubts_by_field(workspace) if row["doubted"]][:12]
    if not rows:
        return None
    drawn = [
        Bar(
            f"{row['question']}.{row['field']}",
            row["given"],
            f"{row['doubted']:,} of {row['given']:,}",
            row["doubted"],
        )
        for row in rows
    ]
    worst = rows[0]
    sentence = (
        f"Most in {worst['question']}.{worst['field']}: {worst['doubted']:,} of {worst['given']:,} values."
    )
    return bars("Doubts by field", sentence, drawn)


def calibration(workspace: Workspace) -> Chart | None:
    """How right each band of confidence was, of what people judged."""
    if not has_corrections(workspace.out):
        return None
    return calibration_of(bands(workspace.store.each()))


def calibration_of(found: Sequence[Band]) -> Chart | None:
    """The same of bands; None where nothing was judged."""
    rows = [
        Bar(f"{one.low:.2f} to {one.high:.2f}", 1.0, f"{one.share:.0%} of {one.judged:,}", one.share)
        for one in found
        if one.share is not None
    ]
    if not rows:
        return None
    judged, right = sum(one.judged for one in found), sum(one.right for one in found)
    return bars("Right by confidence", f"{right:,} of {judged:,} judged values were right.", rows)


def _clock(moment: Any) -> str:
    return f"{moment:%H:%M:%S}" if isinstance(moment, datetime) else ""
