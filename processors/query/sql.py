"""SQL of a person or a model, run where it can do no harm, and its result shown.

In: an output folder and one SELECT. Out: an Arrow table that says whether it is all; as table, JSON, CSV or Parquet on a stream.
The statement runs in a process of its own (`guard`), without our environment, killed at its time limit.
Beside the lead: `ranking` writes the SELECT of a search for words, `plain_rows` gives rows as JSON has them, page by page.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time
from decimal import Decimal
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO, Literal, TextIO, cast

import pyarrow as pa

from octavo.processors.query.charts import ChartOrder, chart_svg
from octavo.processors.query.plain_rows import RowPage, natives, row_page
from octavo.processors.query.ranking import ranked_pages
from octavo.schemas.errors import SettingsError

__all__ = [
    "ChartOrder",
    "Format",
    "QueryLimits",
    "RowPage",
    "chart_svg",
    "ranked_pages",
    "row_page",
    "select",
    "selecting",
    "truncation",
    "write",
]

Format = Literal["table", "json", "csv", "parquet"]

_GUARD = Path(__file__).with_name("guard.py")
_HARMLESS = (
    "PATH",
    "LANG",
    "LD_LIBRARY_PATH",
    "SYSTEMROOT",
)  # what the child keeps of our environment; never a key
_TRUNCATED = b"octavo.truncated"
_SHOWN_ROWS = 1_000  # rows that a table on a terminal has at most
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_NO_WIDTH = 1_000_000  # characters, of a line in a pipe or a file
_COLUMN_WIDTH = 12  # characters below which a column on a terminal says nothing


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What one statement may use, and how much it may give back."""

    time_s: float = 60.0
    memory_bytes: int = 2 << 30
    rows: int = 1_000_000
    bytes: int = 256 << 20


def select(folder: Path, statement: str, limits: QueryLimits | None = None) -> pa.Table:
    """The result of one SELECT over the warehouse in `folder`, cut to the limits; `truncation` tells whether it was.

    Raises SettingsError when there is no warehouse, when the statement is none that is run here, or when it fails or passes a limit.
    """
    limits = limits or QueryLimits()
    return _result(*_run(_order(folder, statement, limits), limits), statement, limits)


async def selecting(folder: Path, statement: str, limits: QueryLimits | None = None) -> pa.Table:
    """The same for who has other things to do meanwhile; who is cancelled takes the statement along. Raises SettingsError."""
    limits = limits or QueryLimits()
    return _result(*await _run_beside(_order(folder, statement, limits), limits), statement, limits)


def _order(folder: Path, statement: str, limits: QueryLimits) -> bytes:
    """What the child is to do. Raises SettingsError when there is no warehouse."""
    database = folder / "warehouse.duckdb"
    if not database.exists():
        raise SettingsError(
            f"There is no warehouse in {folder}.", about=str(folder), next_step="Run octavo run first."
        )
    return json.dumps(
        {"database": str(database.resolve()), "statement": statement, **asdict(limits)}
    ).encode()


def _result(outcome: dict[str, Any], rows: bytes, statement: str, limits: QueryLimits) -> pa.Table:
    """The table that the child gave, which knows whether it was cut. Raises SettingsError with what the child says."""
    if "error" in outcome:
        raise SettingsError(_sentence(outcome["error"]), about=statement, next_step=_next_step(**outcome))
    table = pa.ipc.open_stream(rows).read_all()
    return (
        table
        if outcome["whole"]
        else table.replace_schema_metadata({_TRUNCATED: _cut(table, limits).encode()})
    )


def truncation(table: pa.Table) -> str:
    """The sentence that says how a result was cut, or "" when it is whole."""
    return str((table.schema.metadata or {}).get(_TRUNCATED, b"").decode())


_MISSING = re.compile(
    r"""(.*?Table with name "?(.+?)"? does not exist!)( Did you mean .*)?"""
)  # DuckDB guesses its own tables: pg_index
_LESS = "Ask for less at once: fewer columns, WHERE, LIMIT."
_NEXT_STEPS = {
    "One statement": "Write one SELECT.",
    "Only SELECT": "Write one SELECT; PIVOT, DESCRIBE, SUMMARIZE, SHOW TABLES and EXPLAIN of a SELECT go too.",
    "Out of Memory Error": _LESS,
    "MemoryError": _LESS,
    "Permission Error": "Only the tables of the warehouse can be read.",
}


def _next_step(error: str, tables: Sequence[str] = (), reserved: Sequence[str] = ()) -> str:
    """What to do, by how the child's sentence begins. `tables` come with it when a name was not found, `reserved` when it is no SQL."""
    if missing := _MISSING.match(error):
        close = get_close_matches(missing[2].lower(), tables, n=1)
        guess = f"Did you mean {close[0]}? " if close else ""
        return f"{guess}Tables: {', '.join(tables)}."
    if reserved:
        return "Names that are words of SQL need quotes: " + ", ".join(f'"{name}"' for name in reserved) + "."
    return next((step for start, step in _NEXT_STEPS.items() if error.startswith(start)), "")


_CHILD = (sys.executable, "-I", "-B", str(_GUARD))  # `-I` keeps it from our path and from PYTHON variables


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _HARMLESS if name in os.environ}


def _run(order: bytes, limits: QueryLimits) -> tuple[dict[str, Any], bytes]:
    """What the child says, and the bytes that follow."""
    try:
        child = subprocess.run(  # noqa: S603 - our own program; the statement goes in as data
            _CHILD,
            input=order,
            capture_output=True,
            timeout=limits.time_s,
            env=_environment(),
            cwd="/",
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_slow(limits) from None
    return _answer_of(child.returncode, child.stdout, limits)


async def _run_beside(order: bytes, limits: QueryLimits) -> tuple[dict[str, Any], bytes]:
    """The same without waiting for it alone."""
    pipe = subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        *_CHILD, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=_environment(), cwd="/"
    )
    try:
        async with asyncio.timeout(limits.time_s):
            said, _ = await child.communicate(order)
    except TimeoutError:
        raise _too_slow(limits) from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert child.returncode is not None
    return _answer_of(child.returncode, said, limits)


def _too_slow(limits: QueryLimits) -> SettingsError:
    return SettingsError(
        f"The statement took longer than {limits.time_s:g} s and was stopped.", next_step=_LESS
    )


def _answer_of(code: int, said: bytes, limits: QueryLimits) -> tuple[dict[str, Any], bytes]:
    """The child's line of JSON and what is behind it. Raises SettingsError when it broke."""
    if code:
        raise SettingsError(_fate(code, limits), next_step=_LESS)
    head, _, rows = said.partition(b"\n")
    return json.loads(head), rows


def _fate(code: int, limits: QueryLimits) -> str:
    how = signal.Signals(-code).name if code < 0 else f"code {code}"
    return f"The statement broke the process it ran in ({how}), most likely by passing {limits.memory_bytes >> 20} MB of memory."


def _sentence(error: str) -> str:
    error = _MISSING.sub(r"\1", error)
    return error if error.endswith((".", "!", "?")) else f"{error}."


def _cut(table: pa.Table, limits: QueryLimits) -> str:
    return f"Only the first {table.num_rows:,} rows are here: a result ends at {limits.rows:,} rows or {limits.bytes >> 20:,} MB."


# --- showing -------------------------------------------------------------------------------------------------------


def write(table: pa.Table, form: Format, stream: BinaryIO | TextIO) -> None:
    """Write a result to a stream: `table` for a person's terminal, `json` and `csv` in UTF-8, `parquet`.

    A text stream over bytes, such as standard output, is written to below its encoding. Raises SettingsError when Parquet has no
    type for a column.
    """
    stream.flush()
    binary = cast("BinaryIO", getattr(stream, "buffer", stream))
    if form == "parquet":
        _write_parquet(table, binary)
        return
    text = io.TextIOWrapper(binary, encoding="utf-8", newline="", write_through=True)
    try:
        {"table": _write_table, "json": _write_json, "csv": _write_csv}[form](table, text)
    finally:
        text.detach()


def _write_parquet(table: pa.Table, stream: BinaryIO) -> None:
    import pyarrow.parquet as pq

    try:
        pq.write_table(table, stream, compression="zstd")
    except pa.ArrowNotImplementedError as error:
        raise SettingsError(
            f"Parquet cannot hold this result: {error}.", next_step="Cast the column to VARCHAR."
        ) from error


def _write_csv(table: pa.Table, text: io.TextIOWrapper) -> None:
    """A heading and a line a row. Null is nothing, an empty text is two quotes, as PostgreSQL has it."""
    text.write(_csv_line([_csv_text(_harmless(name)) for name in table.column_names]))
    for row in _rows(table):
        cells = (
            _csv_text(_harmless(value) if isinstance(value, str) else _plain(value))
            if value is not None
            else ""
            for value in row
        )
        text.write(_csv_line(list(cells)))


def _csv_line(cells: list[str]) -> str:
    return (",".join(cells) or '""') + "\n"  # subtle: an empty line would be no row to most readers


def _csv_text(cell: str) -> str:
    """Quoted where need be. By hand, because `csv` of Python 3.11 leaves a lone carriage return bare when lines end in a newline."""
    return '"' + cell.replace('"', '""') + '"' if not cell or re.search('[",\r\n]', cell) else cell


def _harmless(cell: str) -> str:
    """A text that no spreadsheet takes for a formula: `=1+1` becomes `'=1+1`. Numbers are not texts and stay."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _write_json(table: pa.Table, text: io.TextIOWrapper) -> None:
    """An array with an object a line; decimals as numbers with all their digits."""
    text.write("[")
    for number, row in enumerate(_rows(table)):
        text.write(",\n " if number else "\n ")
        text.write(_json(dict(zip(table.column_names, row, strict=True))))
    text.write("\n]\n")


def _json(value: Any) -> str:
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(
                f"{json.dumps(str(key), ensure_ascii=False)}: {_json(one)}" for key, one in value.items()
            )
            + "}"
        )
    if type(value) in (list, tuple):  # subtle: an interval is a tuple too, with names
        return "[" + ", ".join(map(_json, value)) + "]"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float) and not isfinite(value):
        return "null"
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> str:
    """A value in words: ISO dates, bytes in hex, nested values as JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return _json(value) if isinstance(value, Mapping | list) else str(value)


def _write_table(table: pa.Table, text: io.TextIOWrapper) -> None:
    """As wide as the terminal; columns that do not fit are named below. A pipe has no width. What EXPLAIN draws keeps its lines."""
    if table.column_names == ["explain_key", "explain_value"]:
        text.writelines(
            _CONTROLS.sub("\ufffd", line) + "\n"
            for line in "\n".join(table["explain_value"].to_pylist()).splitlines()
        )
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = (
        shutil.get_terminal_size((120, 24)).columns if text.isatty() or "COLUMNS" in os.environ else _NO_WIDTH
    )
    shown = table.select(range(min(table.num_columns, max(1, width // _COLUMN_WIDTH)))).slice(0, _SHOWN_ROWS)
    cells = [[None if value is None else _visible(_plain(value)) for value in row] for row in _rows(shown)]
    most = _cell_width([[_visible(name) for name in shown.column_names], *cells], width)
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for field in shown.schema:
        justify: Literal["right", "left"] = "right" if _is_number(field.type) else "left"
        grid.add_column(Text(_visible(field.name)), justify=justify, no_wrap=True, max_width=most)
    for row in cells:
        grid.add_row(*(Text("null", style="dim") if cell is None else Text(cell) for cell in row))
    console = Console(file=text, width=width, highlight=False)
    console.print(grid)
    for sentence in _footnotes(table, shown):
        console.print(Text(sentence, style="dim"))


def _cell_width(rows: list[list[str | None]], width: int) -> int:
    """The most that a cell may take so that a row fits: short columns keep their width, long ones share what is left."""
    from rich.cells import cell_len

    widths = [max(cell_len(cell or "null") for cell in column) for column in zip(*rows, strict=True)]
    room = width - 3 * len(widths)  # three spaces between columns
    return next(
        (
            most
            for most in range(min(width, max(widths, default=1)), 1, -1)
            if sum(min(one, most) for one in widths) <= room
        ),
        1,
    )


def _footnotes(table: pa.Table, shown: pa.Table) -> Iterator[str]:
    """What the reader of a table has to know about what is not in it."""
    yield f"{table.num_rows:,} {'row' if table.num_rows == 1 else 'rows'}"
    if cut := truncation(table):
        yield cut
    if shown.num_rows < table.num_rows:
        yield f"Only the first {shown.num_rows:,} are shown; --format csv, json or parquet gives all."
    if hidden := table.column_names[shown.num_columns :]:
        yield f"Columns that do not fit: {_visible(', '.join(hidden))}"


def _visible(text: str) -> str:
    """Text that cannot steer a terminal: white space as spaces, controls and marks of direction as replacement characters."""
    return _CONTROLS.sub("\ufffd", re.sub(r"\s+", " ", text))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _rows(table: pa.Table) -> Iterator[Iterable[Any]]:
    """The rows as tuples of native values, a batch in memory at a time."""
    for batch in table.to_batches(max_chunksize=1_000):
        yield from zip(*map(natives, batch.columns), strict=True)
