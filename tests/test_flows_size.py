"""A large folder end to end: memory stays, the tables are whole, what is known is not asked again, and workers that die change nothing.

`docs/size.md` has the curves. `OCTAVO_SLIPS=2000` is a quick look; 100,000 slips and 2,000 long documents take hours on two cores.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from octavo.processors.store.warehouse import WarehouseReader
from tests.benchmarks.documents import KIMI, environ
from tests.benchmarks.kimi import emulator
from tests.benchmarks.size import Figures, command, measured
from tests.dask_workers import dask_cluster

SLIPS = int(os.environ.get("OCTAVO_SLIPS", "100000"))
DOCUMENTS = SLIPS + SLIPS // 50
MOST_MB = 400.0
OF_ITS_RUN = {  # columns of a run, of its time, or of which documents happened to share a window
    "run", "request", "read_at", "former", "started_at", "confidence",
}  # fmt: skip

pytestmark = pytest.mark.prove
Large = tuple[Path, list[Figures], str]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Large]:
    """The folder, what `python -m tests.benchmarks.size` measures over it, and where the provider is."""
    top = tmp_path_factory.mktemp("large")
    with pytest.MonkeyPatch.context() as patch, emulator(*KIMI) as base_url:
        patch.setenv("OCTAVO_HOME", str(top / "home"))
        *_, runs = measured(top, SLIPS, 50, base_url)
        yield top, runs, base_url


def test_a_large_folder_is_answered_in_little_memory(large: Large) -> None:
    """Of slips and long documents each has its row after asking, and again after recalling; the parent stays below 400 MB in every run."""
    top, runs, _ = large
    assert [one.run for one in runs] == ["read", "ask", "nothing", "recall"]
    assert {one.run: round(one.peak_mb) for one in runs if one.peak_mb > MOST_MB} == {}
    warehouse = WarehouseReader(top / "out")
    assert (warehouse.size("documents"), warehouse.size("parcel")) == (DOCUMENTS, DOCUMENTS)
    assert warehouse.query("SELECT count(DISTINCT reference) AS n FROM parcel")["n"][0].as_py() == DOCUMENTS


def test_a_worker_that_dies_midway_changes_no_table(large: Large) -> None:
    """The same folder by two Dask workers, one of which is killed midway, becomes the tables of the undisturbed run."""
    top, _, base_url = large
    with dask_cluster(top, environ()) as dask:
        words = command(top, "ask", base_url, out="out-dask", runner=f"dask:{dask.address}")
        with subprocess.Popen(words, env=environ(), stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and _replies(top / "out-dask" / "ledger.sqlite") < DOCUMENTS // 60:
                time.sleep(0.2)
            assert process.poll() is None, "it ended before a worker was killed"
            os.kill(dask.worker_pids()[0], signal.SIGKILL)
            assert process.wait() == 0
    assert _differences(top / "out", top / "out-dask") == {}


def _replies(ledger: Path) -> int:
    """How many replies a ledger has by now: some twenty documents have one together."""
    try:
        with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as connection:
            found: int = connection.execute("SELECT count(*) FROM replies").fetchone()[0]
            return found
    except sqlite3.Error:
        return 0


def _differences(one: Path, other: Path) -> dict[str, int]:
    """How many rows of each table stand in one of two output folders only."""
    found = {}
    with duckdb.connect() as connection:
        for name, folder in (("one", one), ("other", other)):
            connection.execute(f"ATTACH '{folder}/warehouse.duckdb' AS {name} (READ_ONLY)")
        for table in ("documents", "pages", "parcel", "evidence", "rejects"):
            rows = connection.sql(f"FROM one.{table} LIMIT 0").columns
            columns = ", ".join(f'"{column}"' for column in rows if column not in OF_ITS_RUN)
            sides = [f"SELECT {columns} FROM {name}.{table}" for name in ("one", "other")]
            both = f"({sides[0]} EXCEPT ALL {sides[1]}) UNION ALL ({sides[1]} EXCEPT ALL {sides[0]})"
            (count,) = connection.sql(f"SELECT count(*) FROM ({both})").fetchall()[0]
            found[table] = count
    return {table: count for table, count in found.items() if count}
