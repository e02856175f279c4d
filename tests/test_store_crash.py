"""Kill -9 while the warehouse commits: whenever it comes, the file is whole, and the Parquet files catch up."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from octavo.processors.store.warehouse import Warehouse, hold
from tests import committer

ROOT = Path(__file__).resolve().parents[1]


def committing(folder: Path, *more: str) -> subprocess.Popen[str]:
    """The program that commits, started."""
    command = [sys.executable, "-m", "tests.committer", str(folder), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def healed(folder: Path) -> int:
    """Take the folder over, as the next run does; checks that all is whole and that both forms agree. Gives the generation."""
    with hold(folder) as warehouse:
        generation = committer.generation_of(warehouse)
        assert [path.name for path in folder.rglob(".octavo-*")] == []
        for info in warehouse.tables():
            if (folder / "tables" / info.name).exists():
                assert pq.read_table(folder / "tables" / info.name).to_pylist() == warehouse.rows(info.name)
        return generation


def kill_soon(folder: Path, wait_s: float) -> int:
    """Let it commit, kill it `wait_s` after its first word, and give the last generation that it said was done."""
    with committing(folder) as child:
        assert child.stdout is not None
        said = [child.stdout.readline()]
        time.sleep(wait_s)
        child.send_signal(signal.SIGKILL)
        said += child.stdout.readlines()
    return int([line for line in said if line.endswith("\n")][-1])


@pytest.mark.parametrize("kills", [3, pytest.param(60, marks=pytest.mark.prove)])
def test_a_warehouse_killed_at_random_is_whole(tmp_path: Path, kills: int) -> None:
    """What was said to be committed is there, nothing is half there, and Parquet equals DuckDB after the next open."""
    seed = int(os.environ.get("OCTAVO_SEED", random.SystemRandom().randrange(10**6)))
    print(f"seed {seed}")  # shown when the test fails; OCTAVO_SEED repeats it
    dice = random.Random(seed)
    for _ in range(kills):
        done = kill_soon(tmp_path / "out", dice.uniform(0, 0.6))
        assert healed(tmp_path / "out") in {done, done + 1}


@pytest.mark.prove
def test_a_warehouse_killed_at_every_step_is_whole(tmp_path: Path) -> None:
    """Killed at its first, second, third, ... touch of the disk until it ends unkilled, it has the old rows or the new."""
    for step in range(1, 1000):
        before = healed(tmp_path / "out")
        with committing(tmp_path / "out", str(step)) as child:
            child.wait()
        after = healed(tmp_path / "out")
        assert after - before in {0, 1}
        if child.returncode == 0:
            assert after - before == 1
            return
    pytest.fail("it never came to an end")


def test_a_crash_between_rename_and_parquet_is_healed(tmp_path: Path) -> None:
    """A Parquet file of another generation, a missing one and a broken one are written anew at the next open."""
    with hold(tmp_path) as warehouse:
        warehouse.commit(committer.changes(1))
        old = (tmp_path / "tables" / "pages" / "000-of-001.parquet").read_bytes()
        warehouse.commit(committer.changes(2))
    (tmp_path / "tables" / "pages" / "000-of-001.parquet").write_bytes(old)
    (tmp_path / "tables" / "documents" / "000-of-001.parquet").unlink()
    (tmp_path / ".octavo-warehouse.duckdb").write_bytes(b"half a copy")
    assert healed(tmp_path) == 2
    (tmp_path / "tables" / "documents" / "000-of-001.parquet").write_bytes(b"broken")
    assert healed(tmp_path) == 2


def test_readers_always_see_a_whole_generation(tmp_path: Path) -> None:
    """Whoever reads while another commits sees one generation or the next, and never an error."""
    seen: set[int] = set()
    ended = threading.Event()

    def read() -> None:
        reader = Warehouse(tmp_path)
        while not ended.is_set():
            rows = reader.query(
                "SELECT DISTINCT detail, tokens FROM documents JOIN pages USING (document)"
            ).to_pylist()
            assert len(rows) == 1
            seen.add(rows[0]["tokens"])

    with hold(tmp_path) as warehouse:
        warehouse.commit(committer.changes(1))
        reading = threading.Thread(target=read)
        reading.start()
        for generation in range(2, 8):
            warehouse.commit(committer.changes(generation))
        ended.set()
        reading.join()
    assert seen <= set(range(1, 8))
    assert len(seen) > 1


def test_a_reader_in_another_process_keeps_the_file_it_opened(tmp_path: Path) -> None:
    """A notebook that has the warehouse open neither stops a commit nor is stopped by it."""
    program = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True)\n"
        "for _ in sys.stdin: print(c.sql('SELECT DISTINCT tokens FROM pages').fetchall(), flush=True)"
    )
    with hold(tmp_path) as warehouse:
        warehouse.commit(committer.changes(1))
        command = [sys.executable, "-c", program, str(warehouse.path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
            assert reader.stdin is not None
            assert reader.stdout is not None
            for generation in (2, 3):
                print("go", file=reader.stdin, flush=True)
                assert reader.stdout.readline() == "[(1,)]\n"
                assert warehouse.commit(committer.changes(generation))
            reader.stdin.close()
        assert committer.generation_of(warehouse) == 3
