"""A chart of a query's rows: what is drawn over what, in words, and rows in; an SVG out. No code of anybody's is run.

Altair writes the declaration and vl-convert draws it, both in this process and without a network: rows are inside the declaration, and
columns are renamed, so that no name of one is taken for a path or an expression.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pyarrow as pa

from octavo.processors.query.plain_rows import row_page
from octavo.schemas.errors import SettingsError

Kind = Literal["bar", "line", "point", "area", "pie"]
MOST_ROWS = 2_000  # of a chart; more cannot be told apart
WIDTH, HEIGHT = 640, 360  # pixels
_TIMES = (pa.types.is_date, pa.types.is_timestamp)
_NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)


@dataclass(frozen=True, slots=True)
class ChartOrder:
    """What to draw: `y` over `x`, and apart by `colour` where it is named; of a pie `y` is the size and `x` the slice."""

    kind: str
    x: str
    y: str
    colour: str = ""
    title: str = ""


def chart_svg(table: pa.Table, order: ChartOrder) -> str:
    """The chart as SVG. Raises SettingsError for a column or kind that is none, for no rows or too many, and without Altair."""
    _drawable(table, order)
    import altair as alt
    import vl_convert

    names = [name for name in dict.fromkeys((order.x, order.y, order.colour)) if name]
    short = {name: f"c{number}" for number, name in enumerate(names)}
    page = row_page(table.select(names), 0, MOST_ROWS)
    rows = [dict(zip(short.values(), row, strict=True)) for row in page.rows]
    chart = alt.Chart(alt.Data(values=rows), title=order.title, width=WIDTH, height=HEIGHT)  # type: ignore[no-untyped-call]
    encoded = _marked(chart, order.kind).encode(**_channels(alt, table, order, short))
    return str(vl_convert.vegalite_to_svg(encoded.to_dict(), allowed_base_urls=[]))


def _drawable(table: pa.Table, order: ChartOrder) -> None:
    if importlib.util.find_spec("altair") is None or importlib.util.find_spec("vl_convert") is None:
        raise SettingsError(
            "Charts are not installed.",
            about="chart",
            next_step="Install them with: pip install 'octavo[charts]'",
        )
    if order.kind not in get_args(Kind):
        raise SettingsError(
            f"There is no chart {order.kind!r}.", next_step=f"Kinds: {', '.join(get_args(Kind))}."
        )
    for name in filter(None, (order.x, order.y, order.colour)):
        if name not in table.column_names:
            raise SettingsError(
                f"The rows have no column {name!r}.", next_step=f"Columns: {', '.join(table.column_names)}."
            )
    if not 0 < table.num_rows <= MOST_ROWS:
        raise SettingsError(
            f"A chart has 1 to {MOST_ROWS:,} rows, and these are {table.num_rows:,}.",
            next_step="Sum up in SQL.",
        )


def _marked(chart: Any, kind: str) -> Any:
    return {
        "bar": chart.mark_bar,
        "line": lambda: chart.mark_line(point=True),
        "point": chart.mark_point,
        "area": chart.mark_area,
        "pie": chart.mark_arc,
    }[kind]()


def _channels(alt: Any, table: pa.Table, order: ChartOrder, short: dict[str, str]) -> dict[str, Any]:
    """Which column goes where, by what is in it."""
    x, y = (f"{short[name]}:{_type(table, name)}" for name in (order.x, order.y))
    if order.kind == "pie":
        return {
            "theta": alt.Theta(y, title=order.y),
            "color": alt.Color(f"{short[order.x]}:N", title=order.x),
        }
    channels = {"x": alt.X(x, title=order.x), "y": alt.Y(y, title=order.y)}
    if order.colour:
        channels["color"] = alt.Color(f"{short[order.colour]}:N", title=order.colour)
    return channels


def _type(table: pa.Table, name: str) -> str:
    """T for times, Q for numbers, N for names."""
    kind = table.schema.field(name).type
    return "T" if any(one(kind) for one in _TIMES) else "Q" if any(one(kind) for one in _NUMBERS) else "N"
