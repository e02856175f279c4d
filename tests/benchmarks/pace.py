"""Share of what an account allows that is used, by tier, kind of work, and limits told or found.

    python -m tests.benchmarks.pace                      # all, some minutes
    python -m tests.benchmarks.pace --tiers 1 5 --minutes 5

In: nothing. Out: a line for each run. Each run is a real asker, with SDK, HTTP, ledger and budget, against the emulator; only time is
false: it passes when both have nothing to do, so the machine's speed does not matter. Work never runs out while a run lasts. A share is
counted over whole minutes from the first request on: requests and tokens let in, and mean calls in flight, each by its limit; the largest
is the limit that binds. Small: one document of 300 tokens a request. Slow: the same with replies of half a minute. Full: windows as
large as they come.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from octavo.flows import settings
from octavo.processors.ask.pace.clock import Clock
from octavo.processors.ask.pace.pace import RateLimiter
from octavo.processors.ask.pace.shared import SharedLimits
from octavo.processors.ask.providers import AccountLimits
from octavo.processors.ask.replies import Asker
from octavo.processors.pack import windows as pack
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.errors import OctavoError
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Page, Request, Window
from tests.emulator.catalogue import TIERS, Tier
from tests.emulator.config import Config
from tests.emulator.journal import Entry
from tests.false_time import emulated, now, run, wall

CHARACTERS_A_TOKEN = 4.6  # as the emulator has it
LATER_S = 30.0  # between the beginnings of processes
WAITING = 10  # requests that wait at any time beside those in flight
QUESTION = compile_question("letter")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of work: size of a request's document and speed of the emulator."""

    name: str
    tokens: int  # of the document; 0 as large as a window may be
    tokens_per_s: float = 40.0


KINDS = (Kind("small", 300), Kind("slow", 300, tokens_per_s=2.0), Kind("full", 0))


@dataclass(frozen=True, slots=True)
class Result:
    """What the emulator's journal says of a run."""

    shares: dict[str, float]  # limit -> share that was used
    requests: int
    refused: int
    lost: int
    least: float = 1.0  # tokens of the process that got least, by those of the one that got most

    @property
    def binding(self) -> str:
        """The limit that was used most."""
        return max(self.shares, key=self.shares.__getitem__)

    def __str__(self) -> str:
        """The columns from `used` on."""
        used, refused = self.shares[self.binding], self.refused / self.requests
        return f"{used:6.1%} | {self.binding:11} | {self.requests:8} | {refused:5.2%} | {self.lost:4} | {self.least:.0%}"


async def measure(
    tier: int, kind: Kind, *, told: bool, minutes: int, processes: int = 1, shared: bool = True
) -> Result:
    """One run, of so many minutes in virtual time. Of several processes each begins 30 s after the one before; `shared`: with one file."""
    limits = TIERS[tier]
    config = Config(tier=tier, tpd=0, balance_usd=1e9, tokens_per_s=kind.tokens_per_s, cache=False)
    begun = now()
    answered = [0] * processes

    async def process(number: int, folder: str) -> int:
        await asyncio.sleep(LATER_S * number)
        file = Path(folder) / "pace.sqlite" if processes > 1 and shared else None
        async with asker(kimi.base_url, tier if told else -1, file) as asking:
            lost = await _work(
                asking, kind, limits.concurrency + WAITING, until=begun + 60 * minutes, first=number * 10**6
            )
            answered[number] = asking.ledger.tokens_since(asking.account.provider.name, "")
        return lost

    with tempfile.TemporaryDirectory() as folder:
        async with emulated(config) as kimi:
            lost = sum(await asyncio.gather(*(process(number, folder) for number in range(processes))))
            chats = kimi.state.journal.chats()
    refused = sum(entry.status == 429 for entry in chats)
    return Result(_shares(chats, limits, minutes), len(chats), refused, lost, min(answered) / max(answered))


@asynccontextmanager
async def asker(base_url: str, tier: int, file: Path | None = None) -> AsyncIterator[Asker]:
    """An asker with a new ledger, in virtual time. The day's tokens are left out: a day is too long for a benchmark."""
    account = settings.account(Job(inbox=".", base_url=base_url, tier=tier), {}, key="sk-emulator")
    limits = AccountLimits(account.limits.concurrency, account.limits.rpm, account.limits.tpm, 0)
    sharing = SharedLimits(file, "account", clock=now) if file else None
    pace = RateLimiter(limits, clock=Clock(now, wall), sharing=sharing)
    with tempfile.TemporaryDirectory() as folder:
        async with Asker(
            account, Path(folder) / "ledger.sqlite", run="benchmark", count=pack.counter(None), pace=pace
        ) as asking:
            yield asking


async def _work(asking: Asker, kind: Kind, at_once: int, *, until: float, first: int = 0) -> int:
    """Ask without a pause until that moment, and wait for the last reply; gives how many requests got none."""
    lost = 0
    number = iter(range(first, first + 10**6))

    async def one_after_the_other() -> None:
        nonlocal lost
        while now() < until:
            try:
                await asking.ask(_request(asking, kind, next(number)))
            except OctavoError as error:
                lost += 1
                print(error, file=sys.stderr)

    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    return lost


def _request(asking: Asker, kind: Kind, number: int) -> Request:
    tokens = kind.tokens
    if not tokens:
        room, reply = asking.room([QUESTION], 1)
        tokens = room - reply
    text = f"Letter {number}. ".ljust(round(tokens * CHARACTERS_A_TOKEN), ".")
    (part,) = pack.whole([Page(f"{number:064x}", 1, text)], lambda _: tokens)
    return asking.request(Window((part,), tokens), QUESTION)


def _shares(chats: list[Entry], limits: Tier, minutes: int) -> dict[str, float]:
    """Share of each limit that was used in so many minutes from the first request on."""
    end = chats[0].time_s + 60 * minutes
    begun = [entry for entry in chats if entry.admitted and entry.time_s < end]
    busy_s = sum(min(entry.ended_s, end) - entry.time_s for entry in begun)
    return {
        "concurrency": busy_s / (60 * minutes) / limits.concurrency,
        "rpm": len(begun) / minutes / limits.rpm,
        "tpm": sum(entry.reserved_tokens for entry in begun) / minutes / limits.tpm,
    }


def main() -> None:
    """Measure what the flags name, and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.pace", description="Share of an account's limits that is used."
    )
    parser.add_argument("--tiers", type=int, nargs="+", default=range(len(TIERS)))
    parser.add_argument("--kinds", nargs="+", default=[kind.name for kind in KINDS])
    parser.add_argument("--minutes", type=int, default=10, help="length of each run in its own time")
    parser.add_argument("--processes", type=int, default=1, help="how many ask at once under one account")
    parser.add_argument("--apart", action="store_true", help="processes know nothing of each other")
    flags = parser.parse_args()
    shared = {"processes": flags.processes, "shared": not flags.apart}
    print("limits | tier | work  | used   | of          | requests | 429   | lost | least by most")
    for told in (True, False):
        for tier in flags.tiers:
            for kind in (kind for kind in KINDS if kind.name in flags.kinds):
                result = run(measure(tier, kind, told=told, minutes=flags.minutes, **shared))
                print(f"{'told' if told else 'found':6} | {tier:4} | {kind.name:5} | {result}", flush=True)


if __name__ == "__main__":
    main()
