"""Bytes by which Prefect's database grows for a run that finds nothing new, and for one of a bare flow with one task beside it.

    python -m tests.benchmarks.prefect_growth [--runs 20] [--bare] [--all-events]

A real server and worker (`octavo serve`, SQLite), `data/samples`, the deployment `read-files`, one run after the other. Out: by
table and index how many kB came with a run, the rows of each table, the events by name, and the sum; the same while the server
idles as long is taken off.
With --bare the flow of `bare_flow.py` by the same worker, and with --all-events a server that stores every event, as Prefect's own does.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.prefect_server import ROOT, Server, prefect_server, wait_for

SETTLE_S = 15.0  # events are written in batches, some seconds after they came
DEPLOYMENT, BARE = "ingest/read-files", "bare/bare"
EVERY_EVENT = {"PREFECT_SERVER_EVENTS_MESSAGING_BROKER": "prefect.server.utilities.messaging.memory"}
SHOWN = 30  # tables and indexes
ROWS = (
    "flow_run",
    "flow_run_state",
    "task_run",
    "task_run_state",
    "log",
    "artifact",
    "events",
    "event_resources",
)


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


def rows(database: Path) -> dict[str, int]:
    """Rows by table, and events by name."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ROWS}
        return tables | dict(connection.execute("SELECT event, count(*) FROM events GROUP BY event"))


def run(server: Server, deployment: str, parameters: dict[str, Any]) -> None:
    """One run of a deployment, to its end."""
    found = server.ask(f"/deployments/name/{deployment}")
    made = server.ask(f"/deployments/{found['id']}/create_flow_run", {"parameters": parameters})
    ended = wait_for(lambda: end_of(server, made["id"]), "the end of a run", 300)
    assert ended
    assert ended["state_type"] == "COMPLETED", ended["state"]


def end_of(server: Server, run_id: str) -> dict[str, Any] | None:
    """The run when it has ended."""
    found: dict[str, Any] = server.ask(f"/flow_runs/{run_id}")
    return found if found["state_type"] not in ("SCHEDULED", "PENDING", "RUNNING") else None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("--all-events", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        job = {"inbox": str(ROOT / "data/samples"), "out": str(home / "out")}
        deployment, parameters = (BARE, {}) if given.bare else (DEPLOYMENT, {"job": job})
        with prefect_server(home, **(EVERY_EVENT if given.all_events else {})) as server:
            if given.bare:
                words = ("deploy", "tests/benchmarks/bare_flow.py:bare", "--name", "bare", "--pool", "octavo")
                assert server.prefect(*words).returncode == 0
            measure(server, deployment, parameters, given.runs)


def measure(server: Server, deployment: str, parameters: dict[str, Any], runs: int) -> None:
    """Print what came with so many runs."""
    database = server.home / "prefect.db"
    for _ in range(2):  # the second finds nothing new, but makes what only the first such run makes
        run(server, deployment, parameters)
    time.sleep(SETTLE_S)
    known, before, start = rows(database), in_use(database), time.monotonic()
    for _ in range(runs):
        run(server, deployment, parameters)
    time.sleep(SETTLE_S)
    came, after, took = rows(database), in_use(database), time.monotonic() - start
    time.sleep(min(took, 60.0))
    of_idle = growth(after, in_use(database)).get("", 0) * took / min(took, 60.0)
    grown = growth(before, after)
    for name, by in list(grown.items())[:SHOWN]:
        print(f"{name or 'all':50} | {by / 1000 / runs:8.2f} kB a run")
    for name, count in came.items():
        if more := count - known.get(name, 0):
            print(f"{name:50} | {more / runs:8.2f} rows a run")
    print(f"idle for {took:.0f} s | {of_idle / 1000:.1f} kB")
    print(f"a run | {(grown.get('', 0) - of_idle) / 1000 / runs:.1f} kB")


if __name__ == "__main__":
    main()
