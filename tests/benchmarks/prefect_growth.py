"""Bytes by which Prefect's database grows for a scheduled run that finds nothing new.

    python -m tests.benchmarks.prefect_growth [--runs 20]

A real server and worker (`octavo serve`, SQLite), `data/samples`, the deployment `read-files`. Out: pages in use of
the database before and after so many runs, the same while the server idles as long, by table what grew, the events, and the kB of one run.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from pathlib import Path

from tests.prefect_server import ROOT, Server, prefect_server

SETTLE_S = 15.0  # events are written in batches, some seconds after they came
DEPLOYMENT = "ingest/read-files"


def in_use(database: Path) -> dict[str, int]:
    """Bytes of the pages in use by table or index, and of all."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        size, pages, free = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_size", "page_count", "freelist_count")
        )
        try:
            rows = dict(connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
        except sqlite3.OperationalError:  # a build of SQLite without the table
            rows = {}
    return {**rows, "": (pages - free) * size}


def growth(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """What grew, the most first; "" is the whole."""
    grown = {name: after[name] - before.get(name, 0) for name in after}
    return dict(sorted(((name, by) for name, by in grown.items() if by), key=lambda item: -item[1]))


def events(database: Path, since: int) -> list[tuple[str, int, int]]:
    """Name, number and bytes of the events that were stored after so many of them."""
    query = """
        SELECT event, count(*), sum(length(resource) + length(related) + length(payload)) FROM
        (SELECT * FROM events ORDER BY received LIMIT -1 OFFSET ?) GROUP BY event ORDER BY 3 DESC"""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return connection.execute(query, (since,)).fetchall()


def run(server: Server, job: dict[str, object]) -> None:
    """One run of the deployment, to its end."""
    done = server.run(DEPLOYMENT, job)
    assert done.returncode == 0, done.stdout + done.stderr


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    runs: int = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        job: dict[str, object] = {"inbox": str(ROOT / "data/samples"), "out": str(home / "out")}
        with prefect_server(home) as server:
            database = home / "prefect.db"
            for _ in range(2):  # the second finds nothing new, but makes what only the first such run makes
                run(server, job)
            time.sleep(SETTLE_S)
            known = sum(count for _, count, _ in events(database, 0))
            before, start = in_use(database), time.monotonic()
            for _ in range(runs):
                run(server, job)
            time.sleep(SETTLE_S)
            came = events(database, known)
            after, took = in_use(database), time.monotonic() - start
            time.sleep(took)
            idle = in_use(database)
    of_idle = growth(after, idle).get("", 0)
    grown = growth(before, after)
    for name, by in list(grown.items())[:12]:
        print(f"{name or 'all':50} | {by / 1000:8.1f} kB")
    for event, count, size in came:
        print(f"{event:50} | {count / runs:4.1f} a run | {size / 1000 / runs:6.2f} kB")
    print(f"idle for {took:.0f} s | {of_idle / 1000:.1f} kB")
    print(f"a run with nothing new | {(grown.get('', 0) - of_idle) / 1000 / runs:.1f} kB")


if __name__ == "__main__":
    main()
