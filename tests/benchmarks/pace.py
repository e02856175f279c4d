"""Share of what an account allows that is used, by tier, kind of work, kind of minute, and limits told or found; and what overloads cost.

    python -m tests.benchmarks.pace                      # the pace alone: all tiers, minutes and works, a few minutes
    python -m tests.benchmarks.pace --travel 0.05        # the same when requests take up to so many seconds to be there
    python -m tests.benchmarks.pace --asker --tiers 1 5 --minutes 3 --windows bucket:2 sliding
    python -m tests.benchmarks.pace --overloads          # a hundred calls of 0.3 s and of 3 s, of which some are refused

In: nothing. Out: a line for each run. A bucket is named with the seconds of a burst that it takes. Time is false: it passes when nobody has
anything to do, so the machine's speed does not matter. The pace alone meets the emulator's books of an account, in its own words, without
HTTP; with `--asker` each run is a real asker, with SDK, HTTP, ledger and budget, against the emulator. Work never runs out while a run
lasts. A share is counted over whole minutes from the first request on: requests and tokens let in, and mean calls in flight, each by its
limit; the largest is the limit that binds; `later` is the same without the first two minutes. Single: one document of 300 tokens a request.
Slow: the same with replies of half a minute. Packed: windows as large as they come.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from octavo.flows import settings
from octavo.processors.ask.api.refusals import Refusal, refusal
from octavo.processors.ask.pace.clock import Clock
from octavo.processors.ask.pace.limits import fitting
from octavo.processors.ask.pace.pace import UNKNOWN, RateLimiter
from octavo.processors.ask.pace.shared import SharedLimits
from octavo.processors.ask.providers import AccountLimits, catalogue
from octavo.processors.ask.replies import Asker
from octavo.processors.pack import windows as pack
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.errors import OctavoError
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Page, Request, Window
from tests.emulator import refusals
from tests.emulator.catalogue import TIERS, Tier
from tests.emulator.config import Config
from tests.emulator.journal import Entry
from tests.emulator.limits import Org
from tests.false_time import emulated, now, run, wall

CHARACTERS_A_TOKEN = 4.6  # as the emulator has it
LATER_S = 30.0  # between the beginnings of processes
SHARES = (0.0, 0.002, 0.01, 0.02, 0.05, 0.1, 0.3)  # of calls that meet an overload
TRAVEL_S = 0.05  # until an overload is heard
AT_ONCE = 100  # calls in flight where overloads are measured
WAITING = 10  # requests that wait at any time beside those in flight
REPLY_TOKENS, CONTEXT_TOKENS = 1_000, 262_144  # of the pace alone: a reply's budget, and what a model takes
MOONSHOT = catalogue().provider("moonshot")
QUESTION = compile_question("letter")


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of work: size of a request's document and speed of the emulator."""

    name: str
    tokens: int  # of the document; 0 as large as a window may be
    reply_s: float  # about, of the pace alone
    tokens_per_s: float = 40.0


WORKS = (Work("single", 300, 3.5), Work("slow", 300, 30.0, tokens_per_s=2.0), Work("packed", 0, 35.0))
WINDOWS = ("sliding", "fixed", "bucket:0", "bucket:2", "bucket:10")  # kinds of a provider's minute


@dataclass(frozen=True, slots=True)
class Result:
    """What the emulator's journal says of a run."""

    shares: dict[str, float]  # limit -> share that was used
    requests: int
    refused: int
    lost: int
    later: float  # share of the limit that binds, without the first two minutes
    least: float = 1.0  # tokens of the process that got least, by those of the one that got most

    @property
    def binding(self) -> str:
        """The limit that was used most."""
        return max(self.shares, key=self.shares.__getitem__)

    def __str__(self) -> str:
        """The columns from `used` on."""
        used, refused = self.shares[self.binding], self.refused / self.requests
        counts = f"{self.requests:8} | {refused:5.2%} | {self.lost:4}"
        return f"{used:6.1%} | {self.later:6.1%} | {self.binding:11} | {counts} | {self.least:.0%}"


async def measure(
    tier: int,
    work: Work,
    *,
    told: bool,
    minutes: int,
    window: str = "sliding",
    processes: int = 1,
    shared: bool = True,
) -> Result:
    """One run, of so many minutes in virtual time. Of several processes each begins 30 s after the one before; `shared`: with one file."""
    limits = TIERS[tier]
    config = _config(tier, work, window)
    begun = now()
    answered = [0] * processes

    async def process(number: int, folder: str) -> int:
        await asyncio.sleep(LATER_S * number)
        file = Path(folder) / "pace.sqlite" if processes > 1 and shared else None
        job = Job(inbox=".", tier=tier if told else -1)
        async with asker(kimi.base_url, job, file) as asking:
            lost = await _work(
                asking, work, limits.concurrency + WAITING, until=begun + 60 * minutes, first=number * 10**6
            )
            answered[number] = asking.ledger.tokens_since(asking.account.provider.name, "")
        return lost

    with tempfile.TemporaryDirectory() as folder:
        async with emulated(config) as kimi:
            lost = sum(await asyncio.gather(*(process(number, folder) for number in range(processes))))
            chats = kimi.state.journal.chats()
    return replace(_result(chats, limits, minutes), lost=lost, least=min(answered) / max(answered))


def _config(tier: int, work: Work, window: str) -> Config:
    """The emulator of an account whose minute is of that kind."""
    config = Config(tier=tier, tpd=0, balance_usd=1e9, tokens_per_s=work.tokens_per_s, cache=False)
    shape, _, burst_s = window.partition(":")
    config.window, config.burst_s = cast("Any", shape), float(burst_s or 0)
    return config


def _result(chats: list[Entry], limits: Tier, minutes: int) -> Result:
    refused = sum(entry.status == 429 for entry in chats)
    shares, later = _shares(chats, limits, 0, minutes), _shares(chats, limits, min(2, minutes - 1), minutes)
    binding = max(shares, key=shares.__getitem__)
    return Result(shares, len(chats), refused, 0, later[binding])


@asynccontextmanager
async def asker(base_url: str, job: Job, file: Path | None = None) -> AsyncIterator[Asker]:
    """An asker with a new ledger, in virtual time. The day's tokens are left out: a day is too long for a benchmark."""
    account = settings.account(job.model_copy(update={"base_url": base_url}), {}, key="sk-emulator")
    limits = AccountLimits(account.limits.concurrency, account.limits.rpm, account.limits.tpm, 0)
    sharing = SharedLimits(file, "account", clock=now) if file else None
    pace = RateLimiter(limits, clock=Clock(now, wall), sharing=sharing)
    with tempfile.TemporaryDirectory() as folder:
        async with Asker(
            account, Path(folder) / "ledger.sqlite", run="benchmark", count=pack.counter(None), pace=pace
        ) as asking:
            yield asking


async def _work(asking: Asker, work: Work, at_once: int, *, until: float, first: int = 0) -> int:
    """Ask without a pause until that moment, and wait for the last reply; gives how many requests got none."""
    lost = 0
    number = iter(range(first, first + 10**6))

    async def one_after_the_other() -> None:
        nonlocal lost
        while now() < until:
            try:
                await asking.ask(_request(asking, work, next(number)))
            except OctavoError as error:
                lost += 1
                print(error, file=sys.stderr)

    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    return lost


def _request(asking: Asker, work: Work, number: int) -> Request:
    tokens = work.tokens
    if not tokens:
        room, reply = asking.room([QUESTION], 1)
        tokens = room - reply
    text = f"Letter {number}. ".ljust(round(tokens * CHARACTERS_A_TOKEN), ".")
    (part,) = pack.whole([Page(f"{number:064x}", 1, text)], lambda _: tokens)
    return asking.request(Window((part,), tokens), QUESTION)


def _shares(chats: list[Entry], limits: Tier, begin: int, end: int) -> dict[str, float]:
    """Share of each limit that was used from one minute to another, counted from the first request."""
    begin_s, end_s, minutes = (chats[0].time_s + 60 * begin, chats[0].time_s + 60 * end, end - begin)
    begun = [entry for entry in chats if entry.admitted]
    busy_s = sum(max(0.0, min(entry.ended_s, end_s) - max(entry.time_s, begin_s)) for entry in begun)
    within = [entry for entry in begun if begin_s <= entry.time_s < end_s]
    return {
        "concurrency": busy_s / (60 * minutes) / limits.concurrency,
        "rpm": len(within) / minutes / limits.rpm,
        "tpm": sum(entry.reserved_tokens for entry in within) / minutes / limits.tpm,
    }


async def alone(
    tier: int, work: Work, *, told: bool, minutes: int, window: str = "sliding", travel_s: float = 0.0
) -> Result:
    """As `measure`, of the pace alone. Each request takes up to `travel_s` to be there."""
    limits, chance = TIERS[tier], random.Random(0)
    config = _config(tier, work, window)
    org = Org("o", config, cast("Any", SimpleNamespace(now=now, window_now=now, wall=wall)))
    named = AccountLimits(limits.concurrency, limits.rpm, limits.tpm, 0) if told else UNKNOWN
    pace = RateLimiter(named, clock=Clock(now, wall, chance=chance.random))
    tokens = work.tokens + REPLY_TOKENS if work.tokens else fitting(CONTEXT_TOKENS, limits.tpm)
    entries: list[Entry] = []

    async def call(*, again: bool) -> bool:
        async with pace.acquire(tokens, again=again) as permit:
            pace.started(permit)
            await asyncio.sleep(chance.uniform(0.0, travel_s))
            entry = Entry(len(entries), now(), "chat", reserved_tokens=tokens)
            entries.append(entry)
            org.attempt()
            try:
                ticket = org.admit("key", tokens)
            except refusals.Refusal as no:
                entry.status = no.status
                pace.refused(permit, refusal(no.status, no.body().decode(), {}, MOONSHOT))
                return False
            entry.admitted = True
            await asyncio.sleep(work.reply_s * chance.lognormvariate(0.0, config.jitter))
            entry.ended_s = now()
            org.release(ticket, tokens)
            pace.succeeded(permit, tokens)
            return True

    async def one_after_the_other() -> None:
        again = False
        while now() < 60 * minutes:
            again = not await call(again=again)

    await asyncio.gather(*(one_after_the_other() for _ in range(limits.concurrency + WAITING)))
    return _result(entries, limits, minutes)


async def overloads(
    share: float, reply_s: float, *, told_s: float | None, seconds: float
) -> tuple[float, int]:
    """Share of what a hundred calls can do in so many seconds that is done, and overloads, which a call meets with this probability."""
    chance, refusal = random.Random(0), Refusal("overload", "", wait_s=told_s)
    pace = RateLimiter(AccountLimits(AT_ONCE, 0, 0, 0), clock=Clock(now, wall, chance=chance.random))
    answered = met = 0

    async def one_after_the_other() -> None:
        nonlocal answered, met
        while now() < seconds:
            rest_s = 0.0
            async with pace.acquire(1_000) as permit:
                pace.started(permit)
                if chance.random() < share:
                    met += 1
                    await asyncio.sleep(TRAVEL_S)
                    rest_s = 0.0 if pace.refused(permit, refusal) else told_s or chance.random()
                else:
                    await asyncio.sleep(reply_s)
                    pace.succeeded(permit, 1_000)
                    answered += now() <= seconds
            await asyncio.sleep(rest_s)

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return answered * reply_s / seconds / AT_ONCE, met


def main() -> None:
    """Measure what the flags name, and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.pace", description="Share of an account's limits that is used."
    )
    parser.add_argument("--tiers", type=int, nargs="+", default=range(len(TIERS)))
    parser.add_argument("--works", nargs="+", default=[work.name for work in WORKS])
    parser.add_argument("--windows", nargs="+", default=WINDOWS, help="sliding, fixed, or bucket:SECONDS")
    parser.add_argument("--limits", nargs="+", default=["told", "found"])
    parser.add_argument("--minutes", type=int, default=5, help="length of each run in its own time")
    parser.add_argument("--asker", action="store_true", help="with SDK, HTTP, ledger and budget")
    parser.add_argument("--travel", type=float, default=0.0, help="seconds until a request is there, at most")
    parser.add_argument("--processes", type=int, default=1, help="how many ask at once under one account")
    parser.add_argument("--apart", action="store_true", help="processes know nothing of each other")
    parser.add_argument(
        "--overloads", action="store_true", help="measure what overloads cost, and nothing else"
    )
    flags = parser.parse_args()
    (_print_overloads if flags.overloads else _print_shares)(flags)


def _print_shares(flags: argparse.Namespace) -> None:
    shared = {"processes": flags.processes, "shared": not flags.apart}
    print(
        "limits | minute    | tier | work   | used   | later  | of          | requests | 429   | lost | least by most"
    )
    works = [work for work in WORKS if work.name in flags.works]
    for limits, window, tier, work in itertools.product(flags.limits, flags.windows, flags.tiers, works):
        how = {"told": limits == "told", "minutes": flags.minutes, "window": window}
        real = flags.asker or flags.processes > 1
        one = (
            measure(tier, work, **how, **shared) if real else alone(tier, work, **how, travel_s=flags.travel)
        )
        print(f"{limits:6} | {window:9} | {tier:4} | {work.name:6} | {run(one)}", flush=True)


def _print_overloads(flags: argparse.Namespace) -> None:
    print("overloads | told   | calls | done   | met")
    for told_s, reply_s, share in itertools.product((1.0, None), (0.3, 3.0), SHARES):
        done, met = run(overloads(share, reply_s, told_s=told_s, seconds=60.0 * flags.minutes))
        print(f"{share:9.1%} | {told_s or 0:4} s | {reply_s:3} s | {done:6.1%} | {met}", flush=True)


if __name__ == "__main__":
    main()
