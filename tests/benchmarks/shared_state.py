"""What putting a paid reply down costs, in a file and in the state that hosts share; run with `python -m tests.benchmarks.shared_state`.

A reply is four rows (request, attempt, reply, bill) in three commits, one after the other, as a call makes them. 2,000 characters a reply.
The server is Debian's, on this machine, with every commit synced to the disk that holds the folder of temporary files.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from contextlib import closing
from pathlib import Path

from octavo.processors.ask.ledger import Ledger
from octavo.processors.ask.money.spending import Spending
from octavo.processors.ask.pace.shared import SharedLimits
from tests.postgres_server import serving

LIMITS = {"concurrency": 0, "rpm": 0, "tpm": 0, "tpd": 0}
AT = "2026-11-30T00:00:00+00:00"


async def pay(ledger: Ledger, name: str) -> None:
    """One call with its reply."""
    plain = dict.fromkeys(
        ("question", "question_fingerprint", "engine", "provider", "model", "effort"), "benchmark"
    )
    request = {**plain, "request": name, "window": "[]", "ids": "{}", "legend": "{}"}
    numbers = {"round": 0, "prompt_tokens": 10, "reply_limit": 5}
    attempt = await ledger.sent(request | numbers, run="r", sent_at=AT, reserved_usd=0.01)
    await ledger.arrived(attempt, name, "x" * 2_000, seconds=1.0, arrived_at=AT)
    await ledger.billed(attempt, 0.005)


async def replies_ms(folder: Path, number: int, at_once: int) -> float:
    """Milliseconds a reply, so many at once."""
    with closing(Ledger(folder / "ledger.sqlite")) as ledger:
        began = time.perf_counter()
        for first in range(0, number, at_once):
            await asyncio.gather(*(pay(ledger, f"{at_once}-{first + one}") for one in range(at_once)))
        return (time.perf_counter() - began) * 1_000 / number


def reservations_ms(folder: Path, number: int) -> float:
    """Milliseconds to reserve and settle a call under a cap of a day."""
    with closing(Spending(folder / "spending.sqlite", project="", run="r")) as purse:
        began = time.perf_counter()
        for _ in range(number):
            call = purse.reserve(1, "2026-11-30", {"day 2026-11-30": 10**12})
            assert isinstance(call, int)
            purse.settle(call, 1)
        return (time.perf_counter() - began) * 1_000 / number


def departures_ms(folder: Path, number: int) -> float:
    """Milliseconds to let a call in and out of the account."""
    with closing(SharedLimits(folder / "pace.sqlite", "a")) as sharing:
        began = time.perf_counter()
        for _ in range(number):
            assert sharing.enter(1, LIMITS, 1).room
            sharing.leave(0.0, 0)
        return (time.perf_counter() - began) * 1_000 / number


def measure(name: str, number: int) -> None:
    """Print a line for one kind of state."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        paid = [asyncio.run(replies_ms(folder, number, at_once)) for at_once in (1, 16, 100)]
        rest = (reservations_ms(folder, number), departures_ms(folder, number))
    print(f"{name:12}", *(f"{ms:10.2f}" for ms in (*paid, *rest)))


def main() -> None:
    """Measure a file, then a server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=200)
    number = parser.parse_args().number // 100 * 100
    print("ms by       1 at once      16 at once 100 at once   reserve and settle   enter and leave")
    os.environ.pop("OCTAVO_STATE", None)
    measure("sqlite", number)
    with serving(memory=False) as server:
        os.environ["OCTAVO_STATE"] = server.url(server.new_database())
        measure("postgresql", number)


if __name__ == "__main__":
    main()
