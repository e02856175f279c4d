"""Rules of the warehouse file for other versions of DuckDB than ours: what an analyst has installed opens it."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import duckdb
import pytest

from octavo.processors.store.warehouse import Warehouse, hold
from tests import rows
from tests.proofs import slow

READ_ALL = """
import json, sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
names = [name for (name,) in connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'main'").fetchall()]
print(json.dumps({name: len(connection.execute(f'FROM "{name}"').fetchall()) for name in names}))
"""


def header_version(path: Path) -> int:
    """The version number in the header of a DuckDB file, by which every version of DuckDB decides whether it reads it."""
    header = path.read_bytes()[:20]
    assert header[8:12] == b"DUCK"
    return int.from_bytes(header[12:20], "little")


def in_storage_of(version: str, warehouse: Warehouse) -> None:
    """Put the warehouse into the storage of another version, as a run of an earlier Octavo left it."""
    other = warehouse.path.with_name("other.duckdb")
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"ATTACH '{warehouse.path}' AS ours (READ_ONLY)")
        connection.execute(f"ATTACH '{other}' AS theirs (STORAGE_VERSION '{version}')")
        connection.execute("COPY FROM DATABASE ours TO theirs")
    other.replace(warehouse.path)


def test_the_file_says_that_duckdb_1_2_reads_it(tmp_path: Path) -> None:
    """DuckDB 1.2 reads files whose header says 64 or 65; also after further commits, which copy the file."""
    with hold(tmp_path) as warehouse:
        for number in ("R-1", "R-2"):
            assert warehouse.commit(rows.answers("a", number=number))
            assert header_version(warehouse.path) == 65


@pytest.mark.parametrize("version", ["v1.0.0", slow("v1.5.0"), slow("v2.0.0")])
def test_a_file_in_another_storage_is_rewritten_once(tmp_path: Path, version: str) -> None:
    """A commit, also one without a change, brings it to ours: rows, meanings, views, also a person's, stay; the next one leaves it."""
    changes = [*rows.read("a", "b"), *rows.answers("a", "b")]
    with hold(tmp_path) as warehouse:
        warehouse.commit(changes)
    with duckdb.connect(warehouse.path) as plain:
        plain.execute("CREATE VIEW mine AS SELECT number, total FROM invoice; COMMENT ON VIEW mine IS 'Mine'")
    before = (
        {info.name: info for info in warehouse.tables()},
        {name: warehouse.rows(name) for name in ("invoice", "mine", "pages")},
    )
    in_storage_of(version, warehouse)
    assert version == "v1.0.0" or header_version(warehouse.path) > 65
    with hold(tmp_path) as warehouse:
        assert warehouse.commit(changes)
        assert header_version(warehouse.path) == 65
        assert before == (
            {info.name: info for info in warehouse.tables()},
            {name: warehouse.rows(name) for name in before[1]},
        )
        assert not warehouse.commit(changes)


@pytest.fixture(scope="module", params=["1.2", "1.5"])
def another_duckdb(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python in an environment of its own that has this version of DuckDB."""
    folder = tmp_path_factory.mktemp(f"duckdb-{request.param}")
    venv.create(folder)
    python = folder / "bin" / "python"
    wanted = ["install", "--quiet", "--no-deps", "--only-binary=:all:", f"duckdb=={request.param}.*"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), *wanted],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        pytest.skip(
            f"DuckDB {request.param} cannot be had here: {(done.stderr.strip().splitlines() or ['pip says nothing'])[-1]}"
        )
    return python


@pytest.mark.prove
def test_an_earlier_duckdb_reads_every_table_and_view(another_duckdb: Path, tmp_path: Path) -> None:
    """Versions 1.2 and 1.5 open the file and find as many rows in each table and view as we do."""
    with hold(tmp_path) as warehouse:
        warehouse.commit([*rows.read("a", "b"), *rows.answers("a", "b")])
    done = subprocess.run(
        [another_duckdb, "-c", READ_ALL, warehouse.path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {info.name: info.rows for info in warehouse.tables()}
