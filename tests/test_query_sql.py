"""Rules of `query/sql`: what a statement may do, what it is told when it may not, and how results are written."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from octavo.processors.query import sql
from octavo.processors.store.warehouse import Change, Warehouse, hold
from octavo.schemas import tables
from octavo.schemas.errors import SettingsError
from octavo.schemas.pipeline import Field
from tests import rows
from tests.proofs import slow_but

QUICK = sql.QueryLimits(time_s=120, memory_bytes=2 << 30, rows=1_000, bytes=1 << 20)
CANARY = "sk-canary-7f3a"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with a few answers."""
    folder = tmp_path_factory.mktemp("out")
    with hold(folder) as warehouse:
        warehouse.commit([*rows.read("a", "b"), *rows.answers("a", "b"), Change(tables.RUNS)])
    return folder


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT number, total FROM invoice",
        "select number, total from invoice;",
        "FROM invoice SELECT number, total",
        "WITH i AS (FROM invoice) SELECT number, total FROM i -- all of them",
        "/* both */ SELECT number, total FROM (FROM invoice)",
    ],
)
def test_one_select_gives_an_arrow_table(out: Path, statement: str) -> None:
    """Whatever way a SELECT is written, its typed result comes back whole."""
    found = sql.select(out, statement, QUICK)
    assert found.to_pylist() == [{"number": "R-1", "total": Decimal("12.50")}] * 2
    assert sql.truncation(found) == ""


def test_the_tables_can_be_looked_at(out: Path) -> None:
    """SHOW, DESCRIBE and SUMMARIZE are SELECTs too, and so are PIVOT, EXPLAIN of one, and the view that ships."""
    assert "invoice" in sql.select(out, "SHOW TABLES", QUICK)["name"].to_pylist()
    assert "total" in sql.select(out, "DESCRIBE invoice", QUICK)["column_name"].to_pylist()
    assert sql.select(out, "SUMMARIZE invoice", QUICK).num_rows == len(
        tables.question_table(rows.question()).columns
    )
    assert sql.select(out, "FROM evidence_quality", QUICK).num_rows == 2
    assert sql.select(out, "PIVOT evidence ON grade USING count(*) GROUP BY question", QUICK).to_pylist() == [
        {"question": "invoice", "exact": 2, "missing": 2}
    ]
    plan = sql.select(out, "EXPLAIN SELECT number FROM invoice ORDER BY total", QUICK)
    assert "Order By" in plan["explain_value"][0].as_py()
    lines = written(plan, "table").splitlines()
    assert len(lines) > 5
    assert len({len(line) for line in lines}) == 1, "its boxes are drawn as boxes"


HOSTILE = [
    ("SELECT * FROM read_text('{secret}')", "Permission"),
    ("SELECT * FROM '{secret}'", "Permission"),
    ("SELECT * FROM read_csv('{secret}')", "Permission"),
    ("SELECT * FROM sniff_csv('{secret}')", "Permission"),
    ("SELECT * FROM read_blob('/proc/self/environ')", "Permission"),
    ("SELECT * FROM read_text('/proc/' || '1' || '/cmdline')", "Permission"),
    ("SELECT * FROM glob('/etc/*')", "Permission"),
    ("SELECT * FROM read_duckdb('{secret}')", "Permission"),
    ("SELECT * FROM read_json_auto('http://127.0.0.1:9/x')", "Permission"),
    ("SELECT * FROM duckdb_secrets()", "Permission"),
    ("SELECT getenv('MOONSHOT_API_KEY')", "does not exist"),
    ("SELECT * FROM order", "syntax"),
    ("SELECT * FROM _CONFIG", "does not exist"),
    ("COPY (SELECT 1) TO '{target}'", "COPY"),
    ("COPY invoice TO '{target}'", "COPY"),
    ("COPY invoice FROM '{secret}'", "COPY"),
    ("EXPORT DATABASE '{target}'", "EXPORT"),
    ("IMPORT DATABASE '{target}'", "PRAGMA"),
    ("EXPLAIN ANALYZE COPY (SELECT 1) TO '{target}'", "COPY"),
    ("EXPLAIN COPY (SELECT 1) TO '{target}'", "COPY"),
    ("EXPLAIN ANALYZE CREATE TEMP TABLE x AS SELECT 1", "CREATE"),
    ("EXPLAIN ANALYZE DELETE FROM invoice", "DELETE"),
    ("EXPLAIN ANALYZE WITH gone AS (DELETE FROM invoice RETURNING *) FROM gone", "read-only"),
    ("EXPLAIN ANALYZE SELECT * FROM read_text('{secret}')", "Permission"),
    ("ATTACH '{target}' AS x", "ATTACH"),
    ("DETACH warehouse", "DETACH"),
    ("INSTALL httpfs", "SELECT"),
    ("LOAD httpfs", "LOAD"),
    ("LOAD '{target}'", "LOAD"),
    ("SET enable_external_access = true", "SET"),
    ("RESET lock_configuration", "SET"),
    ("PRAGMA database_list", "PRAGMA"),
    ("CALL pragma_version()", "CALL"),
    ("CHECKPOINT", "SELECT"),
    ("FORCE CHECKPOINT", "SELECT"),
    ("VACUUM", "VACUUM"),
    ("BEGIN", "TRANSACTION"),
    ("USE memory", "SET"),
    ("PREPARE p AS SELECT 1", "PREPARE"),
    ("CREATE TABLE x (a INT)", "CREATE"),
    ("CREATE TEMP TABLE x AS SELECT 1", "CREATE"),
    ("CREATE MACRO f(x) AS x", "CREATE"),
    ("INSERT INTO invoice SELECT * FROM invoice", "INSERT"),
    ("UPDATE invoice SET number = 'x'", "UPDATE"),
    ("DELETE FROM invoice", "DELETE"),
    ("DROP TABLE invoice", "DROP"),
    ("ALTER TABLE invoice RENAME TO x", "ALTER"),
    ("WITH gone AS (DELETE FROM invoice RETURNING *) SELECT * FROM gone", "read-only"),
    ("SELECT 1; SELECT 2", "2"),
    ("SELECT 1; DROP TABLE invoice", "2"),
    ("SELECT 1; COPY (SELECT 1) TO '{target}'", "2"),
    ("SELECT * FROM query('COPY (SELECT 1) TO ''{target}''')", "SELECT"),
    ("SELECT * FROM query('DROP TABLE invoice')", "SELECT"),
    (
        "SELECT * FROM enable_logging('QueryLog', storage='file', storage_config={{'path': '{target}'}})",
        "locked",
    ),
    ("SELECT * FROM enable_profiling(save_location = '{target}')", "locked"),
    ("CREATE TEMP TABLE x AS PIVOT invoice ON number USING count(*)", "does more"),
    ("COPY (PIVOT invoice ON number USING count(*)) TO '{target}'", "does more"),
    ("EXPLAIN ANALYZE COPY (PIVOT invoice ON number USING count(*)) TO '{target}'", "does more"),
    ("PIVOT invoice ON number USING count(*); COPY (SELECT 1) TO '{target}'", "2"),
    ("PIVOT (FROM read_csv('{secret}')) ON a USING count(*)", "Permission"),
    (
        "WITH gone AS (DELETE FROM invoice RETURNING *) FROM (PIVOT gone ON number USING count(*))",
        "read-only",
    ),
    ("PIVOT (FROM range(200000) t(i)) ON i USING count(*)", "limit"),
    ("SELECT $1", "parameters"),
    ("", "0"),
    ("-- nothing", "0"),
    ("SELECT repeat('x', 3000000000)", "Memory"),
    ("SELECT repeat('x', 1000000) FROM range(5000)", "Memory"),
    ("SELECT list(i) FROM range(500000000) AS t(i)", "Memory"),
    ("SELECT " + "(" * 20_000 + "1" + ")" * 20_000, "depth"),
]


@pytest.mark.parametrize(
    ("statement", "word"),
    slow_but(range(0, len(HOSTILE), 7), HOSTILE),
    ids=[statement[:60] for statement, _ in HOSTILE],
)
def test_a_hostile_statement_ends_with_a_sentence(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str, word: str
) -> None:
    """Nothing outside is read or written, no row changes, and the error is a sentence, never a traceback or a dead program."""
    monkeypatch.setenv("MOONSHOT_API_KEY", CANARY)
    secret, target = tmp_path / "secret.csv", tmp_path / "target"
    secret.write_text(f"a\n{CANARY}\n")
    before = (out / "warehouse.duckdb").read_bytes()
    with pytest.raises(SettingsError, match=re.escape(word)) as caught:
        sql.select(out, statement.format(secret=secret, target=target), QUICK)
    assert CANARY not in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert not target.exists()
    assert (out / "warehouse.duckdb").read_bytes() == before


def test_no_key_is_in_the_environment_of_the_statement(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child gets a handful of harmless variables and none that we do not know."""
    monkeypatch.setenv("MOONSHOT_API_KEY", CANARY)
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    seen: dict[str, Any] = {}
    real = subprocess.run

    def spy(*args: Any, **more: Any) -> Any:
        seen.update(more["env"])
        return real(*args, **more)

    monkeypatch.setattr(subprocess, "run", spy)
    sql.select(out, "SELECT 1", QUICK)
    assert set(seen) <= set(sql._HARMLESS)
    assert CANARY not in str(seen)


def test_a_statement_is_stopped_at_its_time_limit(out: Path) -> None:
    """Also one that would not listen to an interrupt: its process is killed."""
    with pytest.raises(SettingsError, match=r"longer than 1 s.*WHERE"):
        sql.select(
            out, "SELECT count(*) FROM range(100000000000) AS a, range(1000) AS b", sql.QueryLimits(time_s=1)
        )


def test_a_long_result_is_cut_and_says_so(out: Path) -> None:
    """The first rows come, and a sentence says that they are not all and what the limit is; exactly at the limit nothing is cut."""
    cut = sql.select(out, "SELECT range AS n FROM range(100000000000)", QUICK)
    assert cut["n"].to_pylist() == list(range(1_000))
    assert "first 1,000 rows" in sql.truncation(cut)
    assert not sql.truncation(sql.select(out, "FROM range(1000)", QUICK))


def test_a_wide_result_is_cut_by_bytes(out: Path) -> None:
    """A few huge rows are held back as well as many small ones; a single one that is too large leaves no row."""
    cut = sql.select(out, "SELECT repeat('x', 100000) AS x FROM range(20)", QUICK)
    assert 5 <= cut.num_rows <= 10
    assert "1 MB" in sql.truncation(cut)
    none = sql.select(out, "SELECT repeat('x', 5000000) AS x", QUICK)
    assert (none.num_rows, none.column_names) == (0, ["x"])
    assert sql.truncation(none)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            "SELECT * FROM bills",
            r"bills does not exist! Tables: coverage, documents, .*, invoice, .*, review, runs, stated_in_xml\.",
        ),
        ("SELECT * FROM invoces", r"invoces does not exist! Did you mean invoice\? Tables:"),
        ("SELECT * FROM pg_indexx", r"pg_indexx does not exist! Tables:"),
        ("SELECT count(*) FROM main.page", r"page does not exist! Did you mean pages\? Tables:"),
        ("SELECT amount FROM invoice", r'"amount" not found.*Candidate'),
        ("SELEC 1", r'syntax error at or near "SELEC"'),
        ("SELECT error('boom é')", "boom é"),
        ("SELECT CAST(number AS INTEGER) FROM invoice", "R-1"),
    ],
)
def test_a_mistake_is_explained(out: Path, statement: str, sentence: str) -> None:
    """DuckDB's own words come through, with the tables that there are when a name was not found."""
    with pytest.raises(SettingsError, match=sentence):
        sql.select(out, statement, QUICK)


def test_a_name_that_is_a_word_of_sql_is_told_with_its_quotes(tmp_path: Path) -> None:
    """A column named `at` needs quotes; who forgets them is told so, and who has them is not, nor who wrote no SQL at all."""
    asked = rows.question(fields=(Field("at", "text"), Field("left", "text"), Field("what", "text")))
    with hold(tmp_path) as warehouse:
        warehouse.commit([Change(tables.question_table(asked))])
    assert sql.select(tmp_path, 'SELECT "at", what FROM invoice', QUICK).column_names == ["at", "what"]
    with pytest.raises(SettingsError, match=r'syntax error.*need quotes: "at"\.$'):
        sql.select(tmp_path, "SELECT at FROM invoice", QUICK)
    with pytest.raises(SettingsError, match=r'syntax error.*need quotes: "at", "left"\.$'):
        sql.select(tmp_path, "SELECT what, AT FROM invoice ORDER BY Left DESC", QUICK)
    with pytest.raises(SettingsError, match=r'syntax error at or near "SELEC"\.$'):
        sql.select(tmp_path, 'SELEC "at" FROM invoice', QUICK)
    with hold(tmp_path) as warehouse:
        warehouse.commit([Change(tables.question_table(rows.question("order")))])
    with pytest.raises(SettingsError, match=r'syntax error.*need quotes: "order"\.$'):
        sql.select(tmp_path, "SELECT number FROM order", QUICK)


def test_without_a_warehouse_the_command_to_make_one_is_named(tmp_path: Path) -> None:
    """An empty folder is a mistake of the user, told as such."""
    with pytest.raises(SettingsError, match="octavo run"):
        sql.select(tmp_path, "SELECT 1")


def test_a_statement_runs_while_the_folder_is_held_and_written(tmp_path: Path) -> None:
    """Asking does not wait for a run, and a run does not wait for who asks."""
    with hold(tmp_path) as warehouse:
        warehouse.commit(rows.answers("a"))
        assert sql.select(tmp_path, "SELECT number FROM invoice", QUICK)["number"].to_pylist() == ["R-1"]
        warehouse.commit(rows.answers("a", number="R-2"))
        assert sql.select(tmp_path, "SELECT number FROM invoice", QUICK)["number"].to_pylist() == ["R-2"]
        assert isinstance(warehouse, Warehouse)


def test_columns_of_one_name_are_told_apart(out: Path) -> None:
    """Every format needs names that differ."""
    assert sql.select(out, "SELECT 1 AS a, 2 AS a, 3 AS a_2", QUICK).to_pylist() == [
        {"a": 1, "a_2": 2, "a_2_2": 3}
    ]


# --- writing -------------------------------------------------------------------------------------------------------

EVERYTHING = """SELECT 1 AS whole, -5 AS minus, -2.50::DECIMAL(9,2) AS money, 0.5::DOUBLE AS real, 'nan'::DOUBLE AS nan, true AS flag,
    DATE '2024-01-31' AS day, TIMESTAMPTZ '2024-01-31 10:00:00+00' AS moment, '\\xff\\x00'::BLOB AS bytes, NULL AS nothing,
    [{'a': 1.50::DECIMAL(9,2), 'b': 'ü'}] AS nested, 'plain, "text"' AS text, '-5' AS code"""


def written(table: pa.Table, form: sql.Format) -> str:
    """What `write` writes."""
    stream = io.BytesIO()
    sql.write(table, form, stream)
    return stream.getvalue().decode()


def test_csv_is_read_back_by_a_csv_reader(out: Path) -> None:
    """Numbers and dates are plain, nested values are JSON, null is empty, bytes are hex; negative numbers stay numbers."""
    header, row = csv.reader(io.StringIO(written(sql.select(out, EVERYTHING, QUICK), "csv")))
    assert dict(zip(header, row, strict=True)) == {
        "whole": "1",
        "minus": "-5",
        "money": "-2.50",
        "real": "0.5",
        "nan": "nan",
        "flag": "true",
        "day": "2024-01-31",
        "moment": "2024-01-31T10:00:00+00:00",
        "bytes": "ff00",
        "nothing": "",
        "nested": '[{"a": 1.50, "b": "ü"}]',
        "text": 'plain, "text"',
        "code": "'-5",
    }


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_in_csv_begins_a_formula(start: str) -> None:
    """A cell or heading that a spreadsheet would run gets an apostrophe; text that merely holds the sign does not."""
    table = pa.table({f"{start}head": [f"{start}cmd", f"a{start}b"]})
    assert list(csv.reader(io.StringIO(written(table, "csv"), newline=""))) == [
        [f"'{start}head"],
        [f"'{start}cmd"],
        [f"a{start}b"],
    ]


def test_json_keeps_types_and_digits(out: Path) -> None:
    """Decimals keep all their digits as numbers, NaN has no number and is null."""
    text = written(sql.select(out, EVERYTHING, QUICK), "json")
    (row,) = json.loads(text, parse_float=Decimal)
    assert row == {
        "whole": 1,
        "minus": -5,
        "money": Decimal("-2.50"),
        "real": Decimal("0.5"),
        "nan": None,
        "flag": True,
        "day": "2024-01-31",
        "moment": "2024-01-31T10:00:00+00:00",
        "bytes": "ff00",
        "nothing": None,
        "nested": [{"a": Decimal("1.50"), "b": "ü"}],
        "text": 'plain, "text"',
        "code": "-5",
    }
    assert '"money": -2.50' in text
    assert json.loads(written(pa.table({"a": pa.array([], pa.int64())}), "json")) == []


def test_parquet_is_read_back_the_same(out: Path, tmp_path: Path) -> None:
    """Parquet goes to a file or to standard output as bytes; a type that it lacks is named."""
    table = sql.select(out, EVERYTHING, QUICK)
    with (tmp_path / "rows.parquet").open("wb") as stream:
        sql.write(table, "parquet", stream)
    assert pq.read_table(tmp_path / "rows.parquet").select(["money", "nested", "day"]) == table.select(
        ["money", "nested", "day"]
    )
    with pytest.raises(SettingsError, match="VARCHAR"):
        sql.write(sql.select(out, "SELECT INTERVAL 3 DAY AS i", QUICK), "parquet", io.BytesIO())


def test_standard_output_takes_every_format(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The text stream of a program is written to below its encoding, which may be less than UTF-8, and stays open."""
    with os.fdopen(os.dup(1), "w", encoding="ascii") as stdout:
        stdout.write("before\n")
        for form in ("csv", "json", "table", "parquet"):
            sql.write(pa.table({"ü": ["é"]}), form, stdout)
    shown = capfdbinary.readouterr().out
    assert shown.startswith("before\nü\né\n".encode())
    assert shown.endswith(b"PAR1")


def test_a_table_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long cells give way to short ones, columns that do not fit are named, and no line is wider than the terminal."""
    monkeypatch.setenv("COLUMNS", "60")
    table = pa.table(
        {"id": [1], "long": ["x" * 500], "day": ["2024-01-31"]}
        | {f"more{number}": ["y"] for number in range(9)}
    )
    shown = written(table, "table").splitlines()
    assert max(map(len, shown)) <= 60
    assert "2024-01-31" in shown[2]
    assert "1 row" in shown
    assert "more8" in written(table, "table")


def test_a_table_shows_nulls_numbers_and_how_much_there_is() -> None:
    """Null is not an empty text, numbers stand right, and rows beyond the first thousand are announced."""
    shown = written(
        pa.table({"name": ["a", None], "n": pa.array([1, 1000], pa.int64())}), "table"
    ).splitlines()
    assert [line.rstrip() for line in shown] == [
        "name      n",
        "───────────",
        "a         1",
        "null   1000",
        "2 rows",
    ]
    assert "first 1,000" in written(pa.table({"n": range(1_001)}), "table")


def test_text_of_documents_cannot_steer_the_terminal() -> None:
    """Escape sequences, controls and marks of direction are made visible; markup is text."""
    steering = "\x1b\x9b\x00\x07\x7f\x80\u200e\u200f\u202a\u202e\u2066\u2069"
    hostile = f"{steering}red [bold]x[/bold]\nnext\tcell"
    shown = written(pa.table({"\x1b]0;title\x07": [hostile]}), "table")
    assert not set(shown) & {*steering, "\t"}
    assert "[bold]x[/bold] next cell" in shown
