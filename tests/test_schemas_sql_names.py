"""Rules of `schemas/sql_names`: which names a query has to quote, and that a user hears of them in time."""

from __future__ import annotations

import logging
from pathlib import Path

import duckdb
import pytest

from octavo.schemas.compile import compiler
from octavo.schemas.compile.compiler import compile_question, shipped
from octavo.schemas.sql_names import RESERVED, literal, quoted, reserved, sql_name

ORDER = '''
from pydantic import BaseModel


class Line(BaseModel):
    item: str
    to: str


class Order(BaseModel):
    """An order."""

    at: str
    total: float
    lines: list[Line]
'''


def works_bare(connection: duckdb.DuckDBPyConnection, word: str) -> bool:
    """Whether a query may use a column of this name without quotes."""
    connection.execute(f"CREATE OR REPLACE TABLE t AS SELECT 41 AS {quoted(word)}, 2 AS other")
    uses = (
        "SELECT {0} FROM t",
        "SELECT t.{0} FROM t",
        "SELECT other FROM t WHERE {0} = 41",
        "SELECT sum({0}) FROM t ORDER BY {0}",
    )
    try:
        connection.execute(uses[3].format(word).replace(f"ORDER BY {word}", ""))
        return all(connection.execute(use.format(word)).fetchall() for use in uses[:3]) and (
            connection.execute(uses[0].format(word)).fetchall() == [(41,)]
        )
    except duckdb.Error:
        return False


def test_every_word_that_needs_quotes_is_known() -> None:
    """Of the words of DuckDB, those that cannot be a bare name of a column are in our list."""
    with duckdb.connect(":memory:") as connection:
        words = [
            word
            for (word,) in connection.execute(
                "SELECT DISTINCT keyword_name FROM duckdb_keywords()"
            ).fetchall()
        ]
        assert len(words) > 400
        assert {word for word in words if not works_bare(connection, word)} <= RESERVED
        assert all(connection.execute(f"SELECT 1 AS {quoted(word)}").fetchall() for word in RESERVED)


def test_names_are_written_as_a_query_needs_them() -> None:
    """Only what needs quotes has them, in any case; quotes inside are doubled."""
    assert [sql_name(name) for name in ("total", "at", "At")] == ["total", '"at"', '"At"']
    assert (quoted('say "x"'), literal("it's")) == ('"say ""x"""', "'it''s'")


def test_a_schema_with_such_names_is_told_once_and_usable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it is compiled, with the quoted form, also of the table and of fields in lists; columns of ours that gave way are told too."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orders.py").write_text(ORDER)
    compiler._say_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        question = compile_question("orders.py:Order")
        compile_question("orders.py:Order")
    assert [record.message for record in caplog.records] == [
        'Names of order that are words of SQL need quotes in a query: "order", "at", "to".',
        "The column item of the view order_lines is called item_, since a field has that name.",
    ]
    assert [field.name for field in question.fields] == ["at", "total", "lines"]


@pytest.mark.parametrize("name", shipped())
def test_schemas_that_ship_need_no_quotes(name: str) -> None:
    """Nobody who starts with ours has to know of them."""
    assert reserved(name, compile_question(name).fields) == []
