"""Rules of `query/guard`, the program in which a foreign statement runs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.processors.query import guard
from octavo.processors.store.warehouse import hold
from tests import rows

GUARD = Path(guard.__file__)


def test_the_guard_imports_nothing_of_ours() -> None:
    """It runs as a program of its own, without our path, so that a statement finds no module with a key or a setting."""
    imported = {
        (node.module or "").split(".")[0]
        if isinstance(node, ast.ImportFrom)
        else node.names[0].name.split(".")[0]
        for node in ast.walk(ast.parse(GUARD.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert not imported & {"schemas", "processors", "flows"}


PIVOT = "PIVOT (FROM range(3) t(i)) ON i USING count(*)"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "from range(3);",
        "VALUES (1)",
        "WITH a AS (SELECT 1) FROM a",
        "DESCRIBE SELECT 1",
        PIVOT,
        f"{PIVOT}; -- all",
        f"WITH p AS ({PIVOT}) FROM p",
        f"FROM ({PIVOT})",
        "PIVOT (FROM range(3) t(i)) ON i IN (1, 2)",
        "UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b",
        "EXPLAIN SELECT 1",
        "/* why */ explain -- and\n analyze FROM range(3);",
        "EXPLAIN (FORMAT json) SELECT 1",
        "EXPLAIN (SELECT 1)",
        f"EXPLAIN ANALYZE {PIVOT}",
    ],
)
def test_a_select_in_any_dress_is_one(text: str) -> None:
    """What DuckDB parses as SELECT is let in, with PIVOT and EXPLAIN, and what is let in runs."""
    with duckdb.connect(":memory:") as connection:
        assert connection.sql(guard.the_select(connection, text)).to_arrow_table().num_rows


NO_SELECT = [
    "COPY (SELECT 1) TO 'x'",
    "CREATE TEMP TABLE x AS SELECT 1",
    "DROP TABLE x",
    "SET threads = 1",
    "CALL pragma_version()",
]
HIDDEN = [
    f"CREATE TABLE x AS {PIVOT}",
    f"CREATE TEMP TABLE x AS {PIVOT}",
    f"COPY ({PIVOT}) TO 'x'",
    f"CREATE MACRO f() AS TABLE ({PIVOT})",
]


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";",
        "SELECT 1; SELECT 2",
        "PRAGMA version",
        *NO_SELECT,
        *HIDDEN,
        *(
            f"{explain} {text}"
            for text in (*NO_SELECT, *HIDDEN)
            for explain in ("EXPLAIN", "explain/**/analyze", "EXPLAIN (FORMAT json)")
        ),
        f"{PIVOT}; {PIVOT}",
        f"{PIVOT}); COPY (SELECT 1) TO 'x'; FROM (range(1)",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """None, two, or one of another type: the type is decided by DuckDB's parser, not by the words."""
    with duckdb.connect(":memory:") as connection, pytest.raises((guard.Refused, duckdb.ParserException)):
        guard.the_select(connection, text)


@given(
    st.lists(st.lists(st.text(max_size=20), max_size=30), max_size=6),
    st.integers(0, 100),
    st.integers(0, 2_000),
)
def test_what_is_kept_is_a_beginning_within_the_caps(
    texts: list[list[str]], rows_cap: int, bytes_cap: int
) -> None:
    """Never more rows or bytes than allowed, always the first rows, and `whole` exactly when nothing is missing."""
    batches = [pa.RecordBatch.from_pydict({"t": pa.array(batch, pa.string())}) for batch in texts]
    kept, whole = guard.capped(batches, rows_cap, bytes_cap)
    values = [value for batch in kept for value in batch["t"].to_pylist()]
    everything = [value for batch in texts for value in batch]
    assert values == everything[: len(values)]
    assert whole == (values == everything)
    assert len(values) <= rows_cap
    assert sum(batch.nbytes for batch in kept if batch.num_rows) <= bytes_cap


@given(st.lists(st.sampled_from(["a", "a_2", "a_3", "b"]), max_size=8))
def test_names_become_unique_and_the_first_of_each_stays(names: list[str]) -> None:
    """As many names as before, none twice."""
    free = guard.unique(names)
    assert len(free) == len(set(free)) == len(names)
    assert free[:1] == names[:1]


def run(order: dict[str, object]) -> subprocess.CompletedProcess[bytes]:
    """The guard as a program, with this order."""
    return subprocess.run(
        [sys.executable, "-I", str(GUARD)], input=json.dumps(order).encode(), capture_output=True, check=False
    )


LIMITED = """
import json, resource, runpy, sys
guard = runpy.run_path(sys.argv[1])
guard["_limit"](1 << 30, 2.5)
print(json.dumps({name: resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in ("AS", "FSIZE", "CORE", "CPU")}))
try:
    bytearray(1 << 30)
except MemoryError:
    print("no memory")
try:
    open(sys.argv[2], "wb", buffering=0).write(b"x")
except OSError as error:
    print(error.strerror)
"""


def test_the_kernel_is_asked_for_every_limit(tmp_path: Path) -> None:
    """Memory, files, core dumps and CPU seconds are bounded for good: a greedy or writing process gets an error, and no file a byte."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(GUARD), str(tmp_path / "file")],
        capture_output=True,
        text=True,
        check=True,
    )
    limits, *said = done.stdout.splitlines()
    seconds = int(2.5 * guard._THREADS) + 10
    assert json.loads(limits) == {"AS": [1 << 30] * 2, "FSIZE": [0, 0], "CORE": [0, 0], "CPU": [seconds] * 2}
    assert said == ["no memory", "File too large"]
    assert (tmp_path / "file").read_bytes() == b""


def test_the_kernel_holds_the_limits(tmp_path: Path) -> None:
    """A statement that would run for ever ends by itself after its CPU seconds when nobody is left to kill it."""
    with hold(tmp_path) as warehouse:
        warehouse.commit(rows.read("a"))
    # Ten seconds of CPU are for the start, and twice the time, since there are two threads: two seconds are left.
    order = {
        "database": str(warehouse.path),
        "time_s": -4,
        "memory_bytes": 2 << 30,
        "rows": 10,
        "bytes": 1000,
    }
    fine = run(order | {"statement": "SELECT count(*) AS n FROM pages"})
    head, _, stream = fine.stdout.partition(b"\n")
    assert json.loads(head) == {"whole": True}
    assert pa.ipc.open_stream(stream).read_all().to_pylist() == [{"n": 1}]
    endless = run(order | {"statement": "SELECT count(*) FROM range(100000000000) AS a, range(1000) AS b"})
    assert endless.returncode < 0
